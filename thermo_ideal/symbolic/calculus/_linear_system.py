"""Linear differential equations with constant coefficients: matrix exponential, Lyapunov's equation, stability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import sympy as sp
from sympy import Expr, ImmutableMatrix, Symbol
from sympy.polys.matrices import DomainMatrix

_DIGITS = 30
_SMALL = 80  # operations; longer expressions are left as they are, because simplifying them can take minutes


def exponential(matrix: sp.MatrixBase, t: Expr) -> ImmutableMatrix:
    """`exp(A t)` by the residues of the resolvent, `Σ_λ Res_{s=λ} (s − A)^{−1} e^{st}`.

    Eigenvalues are exact where the irreducible factors of the characteristic polynomial have degree 2 or less. Those of
    a factor of higher degree are numbers of 30 digits, or stay a `RootSum` if it has symbols. Pairs of complex numbers
    are written with cosine and sine.
    """
    size = matrix.rows
    modes = _modes(matrix, t)
    return ImmutableMatrix(size, size, lambda i, j: sp.Add(*(f * weights[i, j] for f, weights in modes)))


def _modes(matrix: sp.MatrixBase, t: Expr) -> list[tuple[Expr, sp.MatrixBase]]:
    """Functions of time and their weights, which are constant but for a `RootSum`, so that `exp(A t) = Σ f W`."""
    s = sp.Dummy("s")
    adjugate, polynomial = _resolvent(matrix, s)
    modes = []
    for factor, multiplicity in sp.factor_list(polynomial.as_expr(), s)[1]:
        if factor.has(s):
            modes += _residues(adjugate, polynomial, sp.Poly(factor, s), int(multiplicity), t)
    return modes


def _resolvent(matrix: sp.MatrixBase, s: Symbol) -> tuple[list[list[sp.Poly]], sp.Poly]:
    """`adj(s − A)` and `det(s − A)`, by Faddeev's and LeVerrier's recurrence."""
    size = matrix.rows
    A = DomainMatrix.from_Matrix(matrix).to_field()
    one = step = DomainMatrix.eye(size, A.domain).to_dense()
    steps, coefficients = [step], [sp.S.One]
    for k in range(1, size + 1):
        product = (A * step).to_dense()
        trace = sum((product[i, i].element for i in range(size)), A.domain.zero)
        coefficient = -trace / A.domain(k)
        step = product + one * coefficient
        coefficients.append(A.domain.to_sympy(coefficient))
        steps.append(step)
    entries = [step.to_Matrix() for step in steps[:size]]
    adjugate = [[sp.Poly([entry[i, j] for entry in entries], s) for j in range(size)] for i in range(size)]
    return adjugate, sp.Poly(coefficients, s)


def _residues(
    adjugate: list[list[sp.Poly]], polynomial: sp.Poly, factor: sp.Poly, multiplicity: int, t: Expr
) -> list[tuple[Expr, sp.MatrixBase]]:
    """The residues of `adj(s − A) e^{st}/det(s − A)` at the roots of a factor of the polynomial."""
    size, s = len(adjugate), factor.gen
    if factor.degree() > 2 and factor.free_symbols_in_domain:
        if multiplicity > 1:
            raise ArithmeticError(
                f"the roots of {factor.as_expr()} are multiple eigenvalues without a closed form; put numbers for the "
                f"symbols first, as in process.subs({{…}})"
            )
        slope = polynomial.diff(s).as_expr()

        def over_roots(i: Any, j: Any) -> Expr:
            above = adjugate[i][j].as_expr()
            return sp.RootSum(factor, sp.Lambda(s, above * sp.exp(s * t) / slope), auto=False)

        return [(sp.S.One, sp.Matrix(size, size, over_roots))]
    # Taylor's coefficients at a root, of which only the remainders after division by the factor are not 0.
    below = [_taylor(polynomial, multiplicity + order).rem(factor) for order in range(multiplicity)]
    above = [
        [[_taylor(entry, order).rem(factor) for entry in row] for row in adjugate] for order in range(multiplicity)
    ]
    modes = []
    for root, sign in _roots(factor):
        denominators = [_at(polynomial, root) for polynomial in below]
        weights = list[sp.MatrixBase]()  # those of the quotient
        for order in range(multiplicity):
            weight = sp.Matrix(size, size, lambda i, j, k=order, r=root: _at(above[k][i][j], r))
            for earlier, coefficient in zip(reversed(weights), denominators[1:], strict=False):
                weight -= coefficient * earlier
            weights.append((weight / denominators[0]).applyfunc(_short if sign == 1 else sp.S))
        for power, weight in enumerate(reversed(weights)):
            modes += _waves(weight / sp.factorial(power), root, t**power, t, sign)
    return modes


def _taylor(polynomial: sp.Poly, order: int) -> sp.Poly:
    """A derivative over the factorial of its order."""
    return polynomial.diff((polynomial.gen, order)) * sp.Rational(1, sp.factorial(order))


def _at(polynomial: sp.Poly, root: Expr) -> Expr:
    """The value at a root, by Horner's rule; multiplied out if it is a number."""
    value = sp.S.Zero
    for coefficient in polynomial.all_coeffs():
        value = coefficient + root * value
        if root.is_number:
            value = sp.expand(value)
    return value


def _roots(factor: sp.Poly) -> Iterator[tuple[Expr, int]]:
    """The roots of an irreducible polynomial, with 1; of complex pairs only the upper one, with 2."""
    exact = factor.degree() <= 2
    for root in sp.roots(factor, multiple=True) if exact else factor.nroots(n=_DIGITS, maxsteps=200):
        if not root.is_number or root.is_real or sp.im(root) == 0:
            yield root, 1
        elif sp.im(root) > 0:
            yield root, 2


def _waves(weight: sp.MatrixBase, root: Expr, power: Expr, t: Expr, sign: int) -> list[tuple[Expr, sp.MatrixBase]]:
    """The mode `t^k e^{λt}` with its weight; of a complex pair, cosine and sine with theirs."""
    if sign == 1:
        return [(power * sp.exp(root * t), weight)]
    rate, frequency = root.as_real_imag()
    parts = [_real_and_imaginary(entry) for entry in weight]
    real, imaginary = (sp.Matrix(*weight.shape, [2 * part[k] for part in parts]) for k in (0, 1))
    growth = power * sp.exp(rate * t)
    return [(growth * sp.cos(frequency * t), real), (growth * sp.sin(frequency * t), -imaginary)]


def _real_and_imaginary(entry: Expr) -> tuple[Expr, Expr]:
    """Real and imaginary part, with every symbol real."""
    at = {symbol: sp.Dummy(symbol.name, real=True) for symbol in entry.free_symbols}
    back = {dummy: symbol for symbol, dummy in at.items()}
    real, imaginary = entry.xreplace(at).as_real_imag()
    return _short(real).xreplace(back), _short(imaginary).xreplace(back)


def _short(expression: Expr) -> Expr:
    """Simplified, if that is quick; numbers and functions of time alone are multiplied out, which is quicker."""
    if expression.has(sp.Float) or sp.count_ops(expression) > _SMALL:
        return expression
    if expression.is_number:
        return sp.expand(sp.radsimp(expression))
    return sp.expand(expression) if len(expression.free_symbols) == 1 else sp.simplify(expression)


def tidied(matrix: sp.MatrixBase) -> ImmutableMatrix:
    """The entries, simplified where that is quick."""
    return ImmutableMatrix(matrix.applyfunc(_short))


def rational(matrix: sp.MatrixBase) -> tuple[sp.MatrixBase, bool]:
    """The matrix with the rational numbers that floating-point ones are short for, and whether there were any."""
    floating = matrix.has(sp.Float)
    return (matrix.applyfunc(lambda entry: sp.nsimplify(entry, rational=True)) if floating else matrix), floating


def linear_moments(
    A: sp.MatrixBase, c: sp.MatrixBase, D: sp.MatrixBase, t: Expr, start: sp.MatrixBase, spread: sp.MatrixBase
) -> tuple[sp.MatrixBase, sp.MatrixBase]:
    """`m(t)` and `C(t)` of `ṁ = A m + c` and `Ċ = A C + C Aᵀ + D`."""
    modes = _modes(A, t)
    return _affine_flow(A, c, t, start, modes), _covariance_flow(A, D, t, spread, modes)


def _affine_flow(
    A: sp.MatrixBase, c: sp.MatrixBase, t: Expr, start: sp.MatrixBase, modes: list[tuple[Expr, sp.MatrixBase]]
) -> sp.MatrixBase:
    """`m(t)`; without a point of rest by the exponential of the augmented matrix."""
    unknowns = [sp.Dummy(f"x{i}") for i in range(A.rows)]
    rest = solve_linear(list(A * sp.Matrix(unknowns) + c), unknowns)
    if rest is not None:
        at_rest = sp.Matrix([rest[unknown] for unknown in unknowns])
        return _sum(at_rest, [(f, weight * (start - at_rest)) for f, weight in modes])
    whole = exponential(A.row_join(c).col_join(sp.zeros(1, A.rows + 1)), t)
    return (whole * start.col_join(sp.ones(1, 1)))[: A.rows, :]


def _covariance_flow(
    A: sp.MatrixBase, D: sp.MatrixBase, t: Expr, start: sp.MatrixBase, modes: list[tuple[Expr, sp.MatrixBase]]
) -> sp.MatrixBase:
    """`C(t)`; without a solution of Lyapunov's equation by Van Loan's block matrix."""
    rest = lyapunov(A, D)
    if rest is not None:
        terms = []
        for (f, left), (g, right) in combinations_with_replacement(modes, 2):
            weight = left * (start - rest) * right.T
            terms.append((f * g, weight if left is right else weight + weight.T))
        return _sum(rest, terms)
    size = A.rows
    whole = exponential(A.row_join(D).col_join(sp.zeros(size).row_join(-A.T)), t)
    flow = whole[:size, :size]
    return flow * start * flow.T + whole[:size, size:] * flow.T


def _sum(constant: sp.MatrixBase, terms: list[tuple[Expr, sp.MatrixBase]]) -> sp.MatrixBase:
    """A constant and functions of time with their weights, of which those that are numbers are multiplied out."""
    terms = [(f, weight.applyfunc(lambda entry: _short(entry) if entry.is_number else entry)) for f, weight in terms]
    rows, columns = constant.shape
    return sp.Matrix(rows, columns, lambda i, j: sp.Add(constant[i, j], *(f * weight[i, j] for f, weight in terms)))


def stationary_covariance(
    A: sp.MatrixBase, D: sp.MatrixBase, state: Sequence[Symbol], mean: Mapping[Symbol, Expr]
) -> sp.MatrixBase | None:
    """`C` of `A C + C Aᵀ + E D = 0`, where `E D` is that of noise of at most second degree in the state."""
    size = A.rows
    pairs = list(combinations_with_replacement(range(size), 2))
    unknown = {pair: sp.Dummy(f"C{pair}") for pair in pairs}
    C = sp.Matrix(size, size, lambda i, j: unknown[min(i, j), max(i, j)])

    def expected(f: Expr) -> Expr:
        if not f.free_symbols & set(state):
            return f
        curvature = sp.hessian(f, state)
        return f.subs(mean) + sum(curvature[i, j] * C[i, j] for i in range(size) for j in range(size)) / 2

    residual = A * C + C * A.T + D.applyfunc(expected)
    solution = solve_linear([sp.expand(residual[pair]) for pair in pairs], list(unknown.values()))
    return None if solution is None else C.xreplace(solution)


def lyapunov(A: sp.MatrixBase, D: sp.MatrixBase) -> sp.MatrixBase | None:
    """The symmetric solution of `A C + C Aᵀ + D = 0`; None if there is none, or more than one."""
    return stationary_covariance(A, D, (), {})


def solve_linear(equations: list[Expr], unknowns: list[Symbol]) -> dict[Symbol, Expr] | None:
    """The one solution of linear equations; None if there is none, or more than one."""
    coefficients, right = sp.linear_eq_to_matrix(equations, unknowns)
    field = DomainMatrix.from_Matrix(coefficients.row_join(right)).to_field()
    reduced, pivots = field.rref()
    if pivots != tuple(range(len(unknowns))):
        return None
    values = reduced.to_Matrix()[: len(unknowns), -1]
    return {unknown: sp.factor(value) for unknown, value in zip(unknowns, values, strict=True)}


def stability(matrix: sp.MatrixBase) -> sp.Basic:
    """Routh's and Hurwitz' condition that every eigenvalue has a negative real part: true, false, or inequalities."""
    s = sp.Dummy("s")
    coefficients = _resolvent(matrix, s)[1].all_coeffs()
    size = matrix.rows
    hurwitz = sp.Matrix(
        size, size, lambda i, j: coefficients[2 * j - i + 1] if 0 <= 2 * j - i + 1 <= size else sp.S.Zero
    )
    minors = [sp.factor(hurwitz[:k, :k].det()) for k in range(1, size + 1)]
    return sp.And(*(sp.Gt(minor, 0) for minor in minors))
