"""Linear differential equations with constant coefficients: matrix exponential, Lyapunov's equation, stability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement

import sympy as sp
from sympy import Expr, ImmutableMatrix, Symbol

_DIGITS = 30
_SMALL = 80  # operations; longer expressions are left as they are, because simplifying them can take minutes


def exponential(matrix: sp.MatrixBase, t: Expr) -> ImmutableMatrix:
    """`exp(A t)` by the residues of the resolvent, `Σ_λ Res_{s=λ} (s − A)^{−1} e^{st}`.

    Eigenvalues are exact where the irreducible factors of the characteristic polynomial have degree 2 or less. Those of
    a factor of higher degree are numbers of 30 digits, or stay a `RootSum` if it has symbols. Pairs of complex numbers
    are written with cosine and sine.
    """
    s = sp.Dummy("s")
    numerators, polynomial = _resolvent(matrix, s)
    total = sp.zeros(*matrix.shape)
    for factor, multiplicity in sp.factor_list(polynomial, s)[1]:
        if factor.has(s):
            total += _residues(numerators, polynomial, sp.Poly(factor, s), int(multiplicity), s, t)
    return ImmutableMatrix(total)


def _resolvent(matrix: sp.MatrixBase, s: Symbol) -> tuple[sp.MatrixBase, Expr]:
    """`adj(s − A)` and `det(s − A)`, by Faddeev's and LeVerrier's recurrence."""
    size = matrix.rows
    step, adjugate, polynomial = sp.eye(size), sp.zeros(size), s**size
    for k in range(1, size + 1):
        adjugate += step * s ** (size - k)
        product = (matrix * step).applyfunc(sp.cancel)
        coefficient = sp.cancel(-product.trace() / k)
        polynomial += coefficient * s ** (size - k)
        step = product + coefficient * sp.eye(size)
    return adjugate, polynomial


def _residues(
    numerators: sp.MatrixBase, polynomial: Expr, factor: sp.Poly, multiplicity: int, s: Symbol, t: Expr
) -> sp.MatrixBase:
    """The sum of the residues of `numerators e^{st}/polynomial` at the roots of a factor of the polynomial."""
    rest = sp.cancel(polynomial / factor.as_expr() ** multiplicity)
    if factor.degree() > 2 and factor.free_symbols_in_domain:
        if multiplicity > 1:
            raise ArithmeticError(
                f"the roots of {factor.as_expr()} are multiple eigenvalues without a closed form; put numbers for the "
                f"symbols first, as in process.subs({{…}})"
            )
        slope = sp.diff(polynomial, s)
        return numerators.applyfunc(
            lambda above: sp.RootSum(factor, sp.Lambda(s, above * sp.exp(s * t) / slope), auto=False)
        )
    total = sp.zeros(*numerators.shape)
    for root, sign in _roots(factor):
        others = rest * _without(factor, root, s) ** multiplicity
        total += _residue(numerators, others, root, multiplicity, s, t, sign)
    return total


def _without(factor: sp.Poly, root: Expr, s: Symbol) -> Expr:
    """The factor over `s − root`, by Horner's rule."""
    quotient: list[Expr] = []
    for coefficient in factor.all_coeffs()[:-1]:
        quotient.append(coefficient + (root * quotient[-1] if quotient else 0))
    return sum(c * s**k for k, c in enumerate(reversed(quotient)))


def _roots(factor: sp.Poly) -> Iterator[tuple[Expr, int]]:
    """The roots of an irreducible polynomial, with 1; of complex pairs only the upper one, with 2."""
    exact = factor.degree() <= 2
    for root in sp.roots(factor, multiple=True) if exact else factor.nroots(n=_DIGITS, maxsteps=200):
        if not root.is_number or root.is_real or sp.im(root) == 0:
            yield root, 1
        elif sp.im(root) > 0:
            yield root, 2


def _residue(
    numerators: sp.MatrixBase, others: Expr, root: Expr, multiplicity: int, s: Symbol, t: Expr, sign: int
) -> sp.MatrixBase:
    """The residue of `numerators e^{st}/((s − root)^multiplicity others)`; of a complex pair, twice its real part."""
    last, derivatives = multiplicity - 1, [numerators.subs(s, root) / others.subs(s, root)]
    for order in range(1, multiplicity):
        derivatives.append((numerators / others).diff(s, order).subs(s, root))
    total = sp.zeros(*numerators.shape)
    for power, derivative in enumerate(reversed(derivatives)):
        total += derivative * t**power / (sp.factorial(power) * sp.factorial(last - power))
    if sign == 1:
        return total.applyfunc(lambda entry: _short(entry) * sp.exp(root * t))
    rate, frequency = root.as_real_imag()
    cosine, sine = sp.cos(frequency * t), sp.sin(frequency * t)

    def wave(entry: Expr) -> Expr:
        real, imaginary = _real_and_imaginary(entry)
        return 2 * sp.exp(rate * t) * (real * cosine - imaginary * sine)

    return total.applyfunc(wave)


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


def affine_flow(A: sp.MatrixBase, c: sp.MatrixBase, t: Expr, start: sp.MatrixBase) -> sp.MatrixBase:
    """`x(t)` of `ẋ = A x + c`."""
    unknowns = [sp.Dummy(f"x{i}") for i in range(A.rows)]
    rest = solve_linear(list(A * sp.Matrix(unknowns) + c), unknowns)
    if rest is not None:
        at_rest = sp.Matrix([rest[unknown] for unknown in unknowns])
        return at_rest + _product(exponential(A, t), start - at_rest)
    whole = exponential(A.row_join(c).col_join(sp.zeros(1, A.rows + 1)), t)
    return (whole * start.col_join(sp.ones(1, 1)))[: A.rows, :]


def covariance_flow(A: sp.MatrixBase, D: sp.MatrixBase, t: Expr, start: sp.MatrixBase) -> sp.MatrixBase:
    """`C(t)` of `Ċ = A C + C Aᵀ + D`; without a solution of Lyapunov's equation by Van Loan's block matrix."""
    rest = lyapunov(A, D)
    if rest is not None:
        flow = exponential(A, t)
        return rest + _product(_product(flow, start - rest), flow.T)
    size = A.rows
    whole = exponential(A.row_join(D).col_join(sp.zeros(size).row_join(-A.T)), t)
    flow = whole[:size, :size]
    return flow * start * flow.T + whole[:size, size:] * flow.T


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


def _product(left: sp.MatrixBase, right: sp.MatrixBase) -> sp.MatrixBase:
    """The product with its sums as they are; SymPy's own would expand the exponentials, which takes a second."""
    return sp.Matrix(left.rows, right.cols, lambda i, j: sp.Add(*(left[i, k] * right[k, j] for k in range(left.cols))))


def lyapunov(A: sp.MatrixBase, D: sp.MatrixBase) -> sp.MatrixBase | None:
    """The symmetric solution of `A C + C Aᵀ + D = 0`; None if there is none, or more than one."""
    return stationary_covariance(A, D, (), {})


def solve_linear(equations: list[Expr], unknowns: list[Symbol]) -> dict[Symbol, Expr] | None:
    """The one solution of linear equations; None if there is none, or more than one."""
    coefficients, right = sp.linear_eq_to_matrix(equations, unknowns)
    field = sp.polys.matrices.DomainMatrix.from_Matrix(coefficients.row_join(right)).to_field()
    reduced, pivots = field.rref()
    if pivots != tuple(range(len(unknowns))):
        return None
    values = reduced.to_Matrix()[: len(unknowns), -1]
    return {unknown: sp.factor(value) for unknown, value in zip(unknowns, values, strict=True)}


def stability(matrix: sp.MatrixBase) -> sp.Basic:
    """Routh's and Hurwitz' condition that every eigenvalue has a negative real part: true, false, or inequalities."""
    s = sp.Dummy("s")
    coefficients = sp.Poly(_resolvent(matrix, s)[1], s).all_coeffs()
    size = matrix.rows
    hurwitz = sp.Matrix(
        size, size, lambda i, j: coefficients[2 * j - i + 1] if 0 <= 2 * j - i + 1 <= size else sp.S.Zero
    )
    minors = [sp.factor(hurwitz[:k, :k].det()) for k in range(1, size + 1)]
    return sp.And(*(sp.Gt(minor, 0) for minor in minors))
