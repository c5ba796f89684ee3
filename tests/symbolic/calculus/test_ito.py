"""The rules of the calculus in components: lemma, products, conventions, adjoint, change of variables."""

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from thermo_ideal.symbolic import ItoProcess, Polar, StratonovichProcess

x, y, z = sp.symbols("x y z", real=True)
p, q = sp.symbols("p q", positive=True)
t = sp.Symbol("t", nonnegative=True)
mu, nu, sigma, theta, k = sp.symbols("mu nu sigma theta k", positive=True)
c = sp.Symbol("c", real=True)

PLANE = {
    "independent": ItoProcess([x, y], [theta * x, -y], [[sigma, 0], [x, 1]]),
    "correlated": ItoProcess([x, y], [y, 1 - x], [[x, 1], [2, sp.cos(y)]], correlation=[[1, c], [c, 1]]),
    "three motions": ItoProcess([x, y], [x * y, t], [[1, x, 0], [t, y, x * y]], time=t),
    "one motion": ItoProcess([x, y], [y, -sp.sin(x)], [[0], [sigma]]),
}


def zero(expression):
    return sp.simplify(sp.expand(expression)) == 0


def lemma_by_hand(process, f):
    """`∂_t f + a·∇f + ½ Tr(b ρ bᵀ H)` with SymPy's matrices."""
    b, rho = sp.Matrix(process.diffusion), process.correlation
    D = b * (sp.eye(b.cols) if rho is None else rho) * b.T
    gradient = sp.Matrix([f]).jacobian(process.state)
    return sp.diff(f, t) + (gradient * process.drift)[0] + (D * sp.hessian(f, process.state)).trace() / 2


@pytest.mark.parametrize("name", PLANE)
@pytest.mark.parametrize("f", [x**2 * y, sp.exp(x - 2 * y), sp.sin(x * y) + x, sp.Function("f")(x, y)], ids=str)
def test_lemma(name, f):
    process = PLANE[name]
    df = process.lemma(f)
    assert df.value == f
    assert zero(df.drift - lemma_by_hand(process, f))
    for noise in range(process.diffusion.cols):
        by_hand = sum(sp.diff(f, s) * process.diffusion[i, noise] for i, s in enumerate((x, y)))
        assert zero(df.diffusion(noise) - by_hand)


def test_lemma_of_time():
    """`e^{θt} x` is driven by noise alone, and a coefficient may depend on time."""
    df = ItoProcess([x], [-theta * x], [[sigma]], time=t).lemma(sp.exp(theta * t) * x)
    assert zero(df.drift)
    assert zero(df.diffusion(0) - sigma * sp.exp(theta * t))
    assert zero(PLANE["three motions"].generator(t * x * y) - lemma_by_hand(PLANE["three motions"], t * x * y))
    exponential = sp.exp(sigma * x - sigma**2 * t / 2)
    assert zero(ItoProcess([x], [0], [[1]], time=t).generator(exponential))
    assert not zero(ItoProcess([x], [0], [[1]], time=t).generator(sp.exp(sigma * x)))


def test_lemma_of_a_vector():
    first, second = PLANE["correlated"].lemma([x * y, x - y])
    assert first.drift == PLANE["correlated"].lemma(x * y).drift
    assert len(PLANE["correlated"].lemma((x, y, x))) == 3
    assert second.diffusion(1) == 1 - sp.cos(y)


def test_no_noise_is_the_chain_rule():
    process = ItoProcess([x, y], [y, -x], sp.zeros(2, 0))
    assert process.lemma(x**2 + y**2).drift == 0
    assert process.lemma(x * y).drift == y**2 - x**2
    assert process.stratonovich().drift == process.drift


def test_covariation():
    process = PLANE["correlated"]
    assert zero(process.covariance(0, 1) - (2 * x + sp.cos(y) + c * (x * sp.cos(y) + 2)))
    dx, dy = process.lemma((x, y))
    assert zero(dx.covariation(dy) - process.covariance(0, 1))
    f, g = process.lemma((x**2, x * y))
    assert zero(f.covariation(g) - 2 * x * (y * process.covariance(0, 0) + x * process.covariance(0, 1)))
    assert zero(f.covariation(g) - g.covariation(f))
    assert ItoProcess([x], [0], [[1, 1]], correlation=[[1, -1], [-1, 1]]).covariance(0, 0) == 0


OPERATIONS = {
    "+": lambda f, g: f + g,
    "-": lambda f, g: f - g,
    "*": lambda f, g: f * g,
    "/": lambda f, g: f / g,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", PLANE)
def test_arithmetic_of_differentials(name, operation):
    process, combine = PLANE[name], OPERATIONS[operation]
    f, g = x * sp.exp(y), 1 + x**2 + y**2
    ruled, direct = combine(process.lemma(f), process.lemma(g)), process.lemma(combine(f, g))
    assert zero(ruled.value - direct.value)
    assert zero(ruled.drift - direct.drift)
    assert all(zero(ruled.diffusion(n) - direct.diffusion(n)) for n in range(process.diffusion.cols))


def test_leibniz_without_the_covariation_is_wrong():
    f, g = PLANE["correlated"].lemma((x, y))
    assert not zero((f * g).drift - (x * g.drift + y * f.drift))
    assert not zero((f / g).drift - (f.drift / y - x * g.drift / y**2))


def combinations(*monomials):
    """Polynomials with small integers for coefficients."""
    numbers = st.lists(st.integers(-3, 3), min_size=len(monomials), max_size=len(monomials))
    return numbers.map(lambda a: sp.Add(*(n * e for n, e in zip(a, monomials, strict=True))))


polynomials = combinations(1, x, y**2, x * y)
coefficients = st.tuples(
    st.lists(polynomials, min_size=2, max_size=2),
    st.lists(combinations(1, y, x * y), min_size=4, max_size=4),
    st.integers(-4, 4).map(lambda n: sp.Rational(n, 4)),
)


def random_process(drawn):
    a, b, r = drawn
    return ItoProcess([x, y], a, [b[:2], b[2:]], correlation=[[1, r], [r, 1]])


@settings(max_examples=15)
@given(coefficients, polynomials, polynomials)
def test_product_rule(drawn, f, g):
    process = random_process(drawn)
    product, direct = process.lemma(f) * process.lemma(g), process.lemma(sp.expand(f * g))
    assert sp.expand(product.drift - direct.drift) == 0
    assert all(sp.expand(product.diffusion(n) - direct.diffusion(n)) == 0 for n in (0, 1))


@settings(max_examples=8)
@given(coefficients, polynomials, polynomials)
def test_generator_and_adjoint_differ_by_a_divergence(drawn, f, rho):
    """`f 𝒜*ρ − ρ 𝒜f = −∂_i(f J_i + ½ ρ D_ij ∂_j f)`, for every f and ρ."""
    process = random_process(drawn)
    D, s = process.covariance, (x, y)
    flux = [f * process.current(rho, i) + rho * sum(D(i, j) * sp.diff(f, s[j]) for j in (0, 1)) / 2 for i in (0, 1)]
    divergence = sp.diff(flux[0], x) + sp.diff(flux[1], y)
    assert sp.expand(f * process.adjoint(rho) - rho * process.generator(f) + divergence) == 0


@settings(max_examples=6)
@given(coefficients, polynomials)
def test_conventions_round_trip(drawn, f):
    """There and back; in between the ordinary chain rule, whose own correction is Itô's."""
    process = random_process(drawn)
    other = process.stratonovich()
    assert all(sp.expand(e) == 0 for e in other.ito().drift - process.drift)
    df = other.chain_rule(f)
    correction = sum(sp.diff(df.diffusion(n), s) * process.diffusion[i, m] * process.correlation[n, m]
                     for i, s in enumerate((x, y)) for n in (0, 1) for m in (0, 1))  # fmt: skip
    assert sp.expand(df.drift + correction / 2 - process.generator(f)) == 0


def test_correlation_is_a_change_of_brownian_motions():
    b = sp.Matrix([[x, 1], [2, sp.cos(y)]])
    root = sp.Matrix([[1, 0], [c, sp.sqrt(1 - c**2)]])
    independent = ItoProcess([x, y], [y, 1 - x], b * root)
    assert zero(independent.generator(x**2 * y**3) - PLANE["correlated"].generator(x**2 * y**3))


def test_stratonovich_known_drifts():
    assert StratonovichProcess([p], [0], [[sigma * p]]).ito().drift[0] == sigma**2 * p / 2
    assert ItoProcess([p], [mu * p], [[sigma * p]]).stratonovich().drift[0].equals((mu - sigma**2 / 2) * p)
    circle = StratonovichProcess([x, y], [0, 0], [[-y], [x]])
    assert circle.ito().drift == sp.ImmutableMatrix([-x / 2, -y / 2])
    assert circle.chain_rule(x**2 + y**2).drift == 0
    assert zero(circle.ito().generator(x**2 + y**2))
    assert not zero(ItoProcess([x, y], [0, 0], [[-y], [x]]).generator(x**2 + y**2))


def test_heisenberg_noise_does_not_commute():
    """Two fields with `[b_0, b_1] = ∂_z`: the correction needs the cross terms only if the noise is correlated."""
    fields = [[1, 0], [0, 1], [-y / 2, x / 2]]
    assert StratonovichProcess([x, y, z], [0, 0, 0], fields).ito().drift == sp.zeros(3, 1)
    fields = [[1, 0], [0, 1], [0, x]]
    shifted = StratonovichProcess([x, y, z], [0, 0, 0], fields, correlation=[[1, c], [c, 1]]).ito()
    assert shifted.drift == sp.ImmutableMatrix([0, 0, c / 2])
    assert shifted.stratonovich().drift == sp.zeros(3, 1)


def test_adjoint_is_dual_to_the_generator():
    process = ItoProcess([x], [1 - theta * x**3], [[sp.sqrt(1 + x**2)]])
    rho = (1 + x) ** 2 * sp.exp(-(x**2))
    for f in (x, x**3 - x, x**4):
        forward = sp.integrate(sp.expand(f * process.adjoint(rho)), (x, -sp.oo, sp.oo))
        backward = sp.integrate(sp.expand(rho * process.generator(f)), (x, -sp.oo, sp.oo))
        assert zero(forward - backward)
        assert not zero(forward)
    assert zero(sp.integrate(sp.expand(process.adjoint(rho)), (x, -sp.oo, sp.oo)))
    wrong = ItoProcess([x], [1 + theta * x**3], [[sp.sqrt(1 + x**2)]])
    assert not zero(sp.integrate(sp.expand(x * wrong.adjoint(rho) - rho * process.generator(x)), (x, -sp.oo, sp.oo)))


def test_current_and_kolmogorovs_equations():
    process = ItoProcess([x, y], [-x - nu * y, nu * x - y], [[1, 0], [0, 1]])
    rho = sp.exp(-(x**2) - y**2)
    assert process.is_stationary(rho)
    assert zero(process.current(rho, 0) + nu * y * rho)
    assert zero(process.current(rho, 1) - nu * x * rho)

    walk = ItoProcess([x], [mu], [[sigma * sp.sqrt(t)]], time=t)
    kernel = sp.exp(-((x - mu * t) ** 2) / (sigma * t) ** 2) / t
    forward, backward = walk.forward_equation(), walk.backward_equation("v")
    assert zero(forward.subs(sp.Function("rho")(x, t), kernel).doit().lhs - walk.adjoint(kernel))
    assert zero(walk.adjoint(kernel) - sp.diff(kernel, t))
    v = sp.Function("v")(x, t)
    assert zero(backward.rhs - backward.lhs - walk.generator(v))
    assert zero(backward.rhs - (mu * v.diff(x) + sigma**2 * t * v.diff(x, 2) / 2))


def test_change_of_variables_on_the_line():
    logarithm = ItoProcess([p], [mu * p], [[sigma * p]]).transform({y: sp.log(p)})
    assert (logarithm.drift[0], logarithm.diffusion[0]) == (mu - sigma**2 / 2, sigma)
    root = ItoProcess([p], [k * (theta - p)], [[sigma * sp.sqrt(p)]]).transform({q: sp.sqrt(p)})
    assert zero(root.drift[0] - ((4 * k * theta - sigma**2) / (8 * q) - k * q / 2))
    assert root.diffusion[0] == sigma / 2
    back = root.transform({p: q**2})
    assert zero(back.drift[0] - k * (theta - p))
    unwound = ItoProcess([x], [-theta * x], [[sigma]], time=t).transform({y: sp.exp(theta * t) * x})
    assert (unwound.drift[0], unwound.diffusion[0]) == (0, sigma * sp.exp(theta * t))
    branch = ItoProcess([x], [0], [[1]]).transform({p: x**2}, inverse={x: -sp.sqrt(p)})
    assert (branch.drift[0], branch.diffusion[0]) == (1, -2 * sp.sqrt(p))


def test_change_of_variables_in_the_plane():
    brownian = ItoProcess([x, y], [0, 0], [[1, 0], [0, 1]])
    u, v = sp.symbols("u v", real=True)
    turned = {u: x * sp.cos(theta) - y * sp.sin(theta), v: x * sp.sin(theta) + y * sp.cos(theta)}
    rotated = brownian.transform(turned)
    assert rotated.drift == sp.zeros(2, 1)
    assert sp.simplify(rotated.diffusion * rotated.diffusion.T) == sp.eye(2)

    w, s = sp.symbols("w s", positive=True)
    rates = ItoProcess([p, q], [mu * p, nu * q], [[sigma * p, 0], [0, theta * q]], correlation=[[1, c], [c, 1]])
    ratio = rates.transform({w: p / q, s: p * q})
    assert zero(ratio.drift[0] - w * (mu - nu + theta**2 - c * sigma * theta))
    assert zero(ratio.drift[1] - s * (mu + nu + c * sigma * theta))
    assert zero(ratio.covariance(0, 1) - w * s * (sigma**2 - theta**2))
    assert zero(ratio.covariance(0, 0) - w**2 * (sigma**2 + theta**2 - 2 * c * sigma * theta))


def test_radius_and_overlap_in_the_upper_half_plane():
    """The same two functions through components and through the tensors at d = 2."""
    polar = Polar(sp.Integer(2))
    r, m = polar.radius, polar.overlap
    upper = ItoProcess([x, p], [0, 0], [[1, 0], [0, 1]])
    norm = sp.sqrt(x**2 + p**2)
    explicit = upper.transform({r: norm, m: x / norm}, inverse={x: r * m, p: r * sp.sqrt(1 - m**2)})
    abstract = ItoProcess(polar.space, lambda i: sp.S.Zero, sp.KroneckerDelta).transform({r: r, m: m})
    assert zero(explicit.drift[0] - abstract.drift[0])
    assert zero(explicit.drift[1] - abstract.drift[1])
    for i, j in ((0, 0), (0, 1), (1, 1)):
        assert zero(explicit.covariance(i, j) - abstract.covariance(i, j))
