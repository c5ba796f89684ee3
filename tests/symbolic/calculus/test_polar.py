"""Every rule of the calculus in symbolic dimension, in components to more than 25 digits."""

from functools import cache
from itertools import combinations_with_replacement

import pytest
import sympy as sp

from thermo_ideal.symbolic import Polar, TensorSpace
from thermo_ideal.symbolic.calculus._tensors import Cartesian

d = sp.Symbol("d", positive=True)
polar = Polar(d)
r, m, x, xbar, mu = polar.radius, polar.overlap, polar.point, polar.direction, polar.pole
i, j, k = sp.symbols("i j k", integer=True)
delta, f = sp.KroneckerDelta, sp.Function("f")
DIMENSIONS = [2, 3, 4, 5]

# Functions of radius, overlap, and components of position, direction and pole; a and b are free indices, 0 and 1 below.
a, b = sp.symbols("a b", integer=True)
FUNCTIONS = {
    "radius": r,
    "logarithm": sp.log(r),
    "power": r**3,
    "overlap": m,
    "height": r * m,
    "mixed": r**2 * sp.exp(m) + m / r,
    "square root": sp.sqrt(1 + r + m**2),
    "direction": xbar[a],
    "direction twice": xbar[a] * xbar[b] * m,
    "position": x[b] ** 2 * sp.cos(x[a]) / r,
    "potential": sp.exp(-2 * xbar[b] * mu[a]) * r,
}
UNIT = {2: (-3, 4), 3: (2, -1, 2), 4: (1, 1, -1, 1), 5: (2, -2, 2, 2, 3)}  # of length 5, 3, 2, 5


@cache
def abstract(name):
    """The results in every dimension at once."""
    function = FUNCTIONS[name]
    return (
        polar.gradient(function, i),
        polar.hessian(function, i, j),
        polar.laplacian(function),
        polar.laplace_beltrami(function),
    )


def place(dimension, length):
    """A rational point at this distance from the origin."""
    norm = sp.sqrt(sum(n**2 for n in UNIT[dimension]))
    return [length * sp.Integer(n) / norm for n in UNIT[dimension]]


def meaning(point, on_sphere=False):
    """What every abstract symbol is at a point (of numbers, or symbols among them)."""
    norm = sp.sqrt(sum(c**2 for c in point))
    unit = [sp.Rational(3, 5), sp.Rational(4, 5)] + [sp.S.Zero] * (len(point) - 2)
    names = {d: sp.Integer(len(point)), r: sp.S.One if on_sphere else norm}
    names[m] = sum(n * c for n, c in zip(unit, point, strict=True)) / norm
    for n, c in enumerate(point):
        names |= {x[n]: c / norm if on_sphere else c, xbar[n]: c / norm, mu[n]: unit[n]}
    return names


def at(expression, names, **indices):
    indices = {sp.Symbol(name, integer=True): sp.Integer(value) for name, value in indices.items()}
    return expression.xreplace(indices | {a: sp.S.Zero, b: sp.S.One}).xreplace(names)


def derivative(function, point, *axes, on_sphere=False):
    """By SymPy, along the axes, with the other coordinates put in before."""
    s = sp.symbols(f"s:{len(point)}", real=True)
    moving = [s[n] if n in axes else c for n, c in enumerate(point)]
    explicit = at(function, meaning(moving, on_sphere))
    return sp.diff(explicit, *(s[n] for n in axes)).xreplace(dict(zip(s, point, strict=True)))


def close(got, expected):
    """To 28 digits."""
    got, expected = sp.N(got, 40), sp.N(expected, 40)
    return abs(got - expected) <= sp.Float(1, 40) * 10**-28 * (1 + abs(expected))


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_hessian_and_laplacian(name, dimension):
    function, point = FUNCTIONS[name], place(dimension, sp.Rational(3, 2))
    (gradient, hessian, laplacian, _), names = abstract(name), meaning(point)
    for n in range(dimension):
        assert close(at(gradient, names, i=n), derivative(function, point, n))
    pairs = [*((n, n) for n in range(dimension)), (0, 1), (1, dimension - 1)]
    by_hand = {(n, o): derivative(function, point, n, o) for n, o in pairs}
    for (n, o), expected in by_hand.items():
        assert close(at(hessian, names, i=n, j=o), expected)
        assert close(at(hessian, names, i=o, j=n), expected)
    trace = sum(by_hand[n, n] for n in range(dimension))
    assert close(at(laplacian, names), trace)
    if laplacian.has(d):
        assert not close(at(laplacian, names | {d: sp.Integer(dimension + 1)}), trace)


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_laplace_beltrami(name, dimension):
    """Against the Laplacian of the extension that is constant along rays."""
    function, point = FUNCTIONS[name], place(dimension, sp.S.One)
    expected = sum(derivative(function, point, n, n, on_sphere=True) for n in range(dimension))
    assert close(at(abstract(name)[3], meaning(point)), expected)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_projector_and_hessian_of_the_direction(dimension):
    point = place(dimension, sp.Rational(3, 2))
    names, hessian = meaning(point), polar.hessian(xbar[i], j, k)
    for n, o in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        assert at(polar.projector(i, j), names, i=n, j=o) == int(n == o) - names[xbar[n]] * names[xbar[o]]
        for p in range(dimension):
            assert at(hessian, names, i=n, j=o, k=p) == derivative(xbar[n], point, o, p)
    assert at(polar.gradient(x[i], j), names, i=0, j=0) == 1
    assert at(polar.gradient(x[i], j), names, i=0, j=1) == 0
    assert polar.gradient(mu[i], j) == 0


def test_projector_is_idempotent_with_trace_d_minus_1():
    P, total = polar.projector, polar.space.total
    assert sp.expand(total(lambda n: P(i, n) * P(n, j)) - P(i, j)) == 0
    assert sp.expand(total(lambda n: P(n, n))) == d - 1
    assert sp.expand(total(lambda n: P(i, n) * xbar[n])) == 0
    assert sp.expand(total(lambda n: P(i, n) * mu[n]) - mu[i] + m * xbar[i]) == 0
    wrong = total(lambda n: (delta(i, n) - 2 * xbar[i] * xbar[n]) * (delta(n, j) - 2 * xbar[n] * xbar[j]))
    assert sp.expand(wrong - delta(i, j)) == 0, "a reflection is its own inverse"


def test_laplacians_in_closed_form():
    n = sp.Symbol("n", positive=True)
    assert sp.simplify(polar.laplacian(r**n) - n * (n + d - 2) * r ** (n - 2)) == 0
    assert sp.simplify(polar.laplacian(sp.log(r)) - (d - 2) / r**2) == 0
    assert sp.simplify(polar.laplacian(f(r)) - f(r).diff(r, 2) - (d - 1) / r * f(r).diff(r)) == 0
    zonal = (1 - m**2) * f(m).diff(m, 2) - (d - 1) * m * f(m).diff(m)
    assert sp.simplify(polar.laplacian(f(m)) - zonal / r**2) == 0
    assert sp.simplify(polar.laplace_beltrami(f(m)) - zonal) == 0
    assert sp.simplify(polar.laplace_beltrami(f(m)) - zonal.subs(d, d + 1)) != 0
    assert sp.simplify(polar.laplacian(xbar[i]) + (d - 1) * xbar[i] / r**2) == 0
    assert polar.laplacian(x[i]) == 0
    assert Polar(sp.Integer(3)).laplacian(1 / r) == 0


def test_the_extension_off_the_sphere_does_not_matter():
    for function in (m**3, sp.exp(m), xbar[i] * xbar[j]):
        on_sphere = polar.laplace_beltrami(function)
        for factor in (r, r**-2, sp.exp(r - 1), (1 + r**2) / 2):
            assert sp.simplify(polar.laplace_beltrami(factor * function) - on_sphere) == 0
    assert polar.laplace_beltrami(f(r)) == 0
    assert polar.laplace_beltrami(sp.Integer(3)) == 0


def test_the_laplacian_splits_into_radius_and_sphere():
    F = r**3 * sp.exp(2 * m) + m**2 / r
    radial = sp.diff(F, r, 2) + (d - 1) / r * sp.diff(F, r)
    on_sphere = r**3 * polar.laplace_beltrami(sp.exp(2 * m)) + polar.laplace_beltrami(m**2) / r
    assert sp.simplify(polar.laplacian(F) - radial - on_sphere / r**2) == 0


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_zonal_harmonics(degree):
    harmonic = sp.gegenbauer(degree, (d - 2) / 2, m)
    eigenvalue = -degree * (degree + d - 2)
    assert sp.simplify(polar.laplace_beltrami(harmonic) - eigenvalue * harmonic) == 0
    assert degree == 0 or sp.simplify(polar.laplace_beltrami(harmonic) - (eigenvalue - 1) * harmonic) != 0
    solid = r**degree * harmonic
    assert sp.simplify(polar.laplacian(solid)) == 0


def test_harmonics_of_degree_1_and_2():
    assert sp.expand(polar.laplace_beltrami(m) + (d - 1) * m) == 0
    assert sp.simplify(polar.laplace_beltrami(m**2 - 1 / d) + 2 * d * (m**2 - 1 / d)) == 0
    assert sp.simplify(polar.laplace_beltrami(m**2 - 1 / (d + 1)) + 2 * d * (m**2 - 1 / (d + 1))) != 0
    traceless = xbar[i] * xbar[j] - delta(i, j) / d
    assert sp.simplify(polar.laplace_beltrami(traceless) + 2 * d * traceless) == 0


def test_symbols_of_ones_own():
    radius, overlap, u = sp.Symbol("rho", positive=True), sp.Symbol("c", real=True), sp.IndexedBase("u")
    own = Polar(d, direction=u, radius=radius, overlap=overlap)
    assert sp.simplify(own.laplacian(overlap * radius)) == 0
    assert sp.simplify(own.laplacian(radius**2) - 2 * d) == 0
    assert own.gradient(radius, i) == u[i]
    assert own == Polar(d, direction=u, radius=radius, overlap=overlap)
    assert own != polar


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_inner_products(dimension):
    names = meaning(place(dimension, sp.Rational(3, 2)))
    for one, other in combinations_with_replacement((x, xbar, mu), 2):
        expected = sum(names[one[n]] * names[other[n]] for n in range(dimension))
        assert at(polar.space.total(lambda n, one=one, other=other: one[n] * other[n]), names) == expected


def test_deltas():
    total = polar.space.total
    assert total(lambda n: delta(n, n)) == d
    assert total(lambda n: delta(n, i) * x[n]) == x[i]
    assert total(lambda n: delta(n, i) * delta(n, j)) == delta(i, j)
    assert total(lambda n: total(lambda o: delta(n, o) * delta(n, o))) == d
    assert total(lambda n: total(lambda o: delta(n, o) * x[n] * xbar[o])) == r
    assert total(lambda n: (x[n] - r * xbar[n]) ** 2) == 0
    assert total(lambda n: x[i] * delta(i, j)) == d * x[i] * delta(i, j)


def test_matrices():
    """`Σ_k A_ik B_kj` by rule, a trace by rule, and the gradient of a quadratic form."""
    A, B, C = sp.IndexedBase("A"), sp.IndexedBase("B"), sp.IndexedBase("C")
    trace, q = sp.symbols("trace q")
    space = TensorSpace(
        d,
        products={(A, B): lambda n, o: C[n, o], (A,): lambda: trace, (A, x): lambda n: xbar[n], (x, xbar): lambda: q},
        gradients={
            x: delta,
            xbar: lambda n, o: A[n, o],
            q: lambda n: 2 * xbar[n],
            B: lambda n, o, p: C[n, o] * x[p],
        },
    )
    assert space.total(lambda n: A[i, n] * B[n, j]) == C[i, j]
    assert space.total(lambda n: A[n, n]) == trace
    assert space.partial(B[i, j], k) == C[i, j] * x[k]
    assert space.total(lambda n: space.total(lambda o: A[n, o] * x[n] * x[o])) == q
    assert space.total(lambda n: space.partial(space.partial(q, n), n)) == 2 * trace
    assert sp.expand(space.partial(q**2 * x[i], j) - q**2 * delta(i, j) - 4 * q * xbar[j] * x[i]) == 0


def test_partial_of_several_tensors_is_the_cartesian_one():
    s, u = sp.symbols("s u", real=True)
    plane = Cartesian((s, u))
    function = sp.exp(x[a] * x[b]) / (1 + x[a] ** 2) + f(x[b])
    for n in (0, 1):
        tensor = polar.gradient(function, i).subs({a: 0, b: 1, i: n}).subs({x[0]: s, x[1]: u})
        expected = plane.partial(sp.exp(s * u) / (1 + s**2) + f(u), n)
        assert sp.simplify(tensor.doit() - expected) == 0
