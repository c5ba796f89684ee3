"""Processes with known laws: stationary densities, moments, scale and speed, and any dimension at once."""

import mpmath
import pytest
import sympy as sp

from thermo_ideal.symbolic import ItoProcess, Polar, StratonovichProcess, TensorSpace

x, y, v = sp.symbols("x y v", real=True)
p = sp.Symbol("p", positive=True)
t = sp.Symbol("t", nonnegative=True)
mu, sigma, theta, k, a, b, T, d = sp.symbols("mu sigma theta k a b T d", positive=True)
x0, v0, w0 = sp.symbols("x0 v0 w0", real=True)
delta, oo = sp.KroneckerDelta, sp.oo
i, j = sp.symbols("i j", integer=True)


def zero(expression):
    return sp.simplify(sp.expand(expression)) == 0


OU = ItoProcess([x], [k * (mu - x)], [[sigma]])
CIR = ItoProcess([p], [k * (theta - p)], [[sigma * sp.sqrt(p)]])
GBM = ItoProcess([p], [mu * p], [[sigma * p]])
WRIGHT_FISHER = ItoProcess([x], [a * (1 - x) - b * x], [[sp.sqrt(x * (1 - x))]])
DOUBLE_WELL = ItoProcess([x], [x - x**3], [[sp.sqrt(2 * T)]])
BESSEL = ItoProcess([p], [(d - 1) / (2 * p)], [[1]])

shape, rate = 2 * k * theta / sigma**2, 2 * k / sigma**2


def gamma(s):
    return rate**shape * s ** (shape - 1) * sp.exp(-rate * s) / sp.gamma(shape)


gaussian = sp.exp(-k * (x - mu) ** 2 / sigma**2) * sp.sqrt(k / sp.pi) / sigma
beta = x ** (2 * a - 1) * (1 - x) ** (2 * b - 1) / sp.gamma(2 * a) / sp.gamma(2 * b) * sp.gamma(2 * a + 2 * b)
inverse_gamma = (rate * theta / p) ** (rate + 1) * sp.exp(-rate * theta / p) / p / sp.gamma(rate + 1)
LAWS = {
    "Ornstein-Uhlenbeck": (OU, -oo, oo, gaussian),
    "square root": (CIR, 0, oo, gamma(p)),
    "square root below 0": (ItoProcess([x], [-k * (theta + x)], [[sigma * sp.sqrt(-x)]]), -oo, 0, gamma(-x)),
    "Wright-Fisher": (WRIGHT_FISHER, 0, 1, beta),
    "inverse gamma": (ItoProcess([p], [k * (theta - p)], [[sigma * p]]), 0, oo, inverse_gamma),
    "Cauchy": (ItoProcess([x], [0], [[sp.sqrt(1 + x**2)]]), -oo, oo, 1 / (sp.pi * (1 + x**2))),
    "reflected with drift": (ItoProcess([p], [-k], [[sigma]]), 0, oo, rate * sp.exp(-rate * p)),
    "uniform": (ItoProcess([x], [0], [[sigma]]), -a, b, 1 / (a + b)),
}
third = sp.Rational(1, 3)
NUMBERS = {a: third, b: 3 * third / 4, k: sp.Rational(3, 2), theta: 2, sigma: sp.Rational(4, 5), mu: third / 2}


@pytest.mark.parametrize("name", LAWS)
def test_stationary_law(name):
    process, lower, upper, known = LAWS[name]
    law = process.stationary_law(lower, upper)
    assert law.condition == sp.true
    assert zero(process.current(law.kernel))
    for value in (third / 3, third, sp.Rational(4, 5)):
        point = {law.variable: -value if upper == 0 else value, **NUMBERS}
        assert abs(sp.N((law.density / known).subs(point), 30) - 1) < 1e-25


def test_double_well():
    law = DOUBLE_WELL.stationary_law(-oo, oo)
    assert zero(sp.log(law.kernel) - (x**2 / 2 - x**4 / 4) / T)
    by_quadrature = mpmath.quad(lambda s: mpmath.exp(s**2 - s**4 / 2), [-mpmath.inf, 0, mpmath.inf])
    assert abs(sp.N(law.normalizer.subs(T, sp.S.Half), 15) - by_quadrature) < 1e-12
    assert DOUBLE_WELL.is_stationary(law.density)
    assert not DOUBLE_WELL.is_stationary(sp.exp((x**2 / 2 - x**4 / 4) / (2 * T)))
    assert zero(DOUBLE_WELL.stationary_law(0, oo).normalizer / law.normalizer - sp.S.Half)


def test_law_on_condition():
    """Noise kills the logistic population where `σ² ≥ 2a`."""
    law = ItoProcess([p], [p * (a - p)], [[sigma * p]]).stationary_law(0, oo)
    assert law.condition.subs({a: 2, sigma: 1}) == sp.true
    assert law.condition.subs({a: 1, sigma: 2}) == sp.false
    assert zero((law.normalizer - sp.gamma(3) / 2**3).subs({a: 2, sigma: 1}))


NO_LAW = {
    "geometric Brownian motion": (GBM, 0, oo),
    "Brownian motion": (ItoProcess([x], [0], [[1]]), -oo, oo),
    "Brownian motion with drift": (ItoProcess([x], [mu], [[sigma]]), -oo, oo),
    "Bessel process": (BESSEL, 0, oo),
    "absorbed at 0": (ItoProcess([p], [-p], [[sp.sqrt(p)]]), 0, oo),
    "unstable": (ItoProcess([x], [x], [[1]]), -oo, oo),
    "0 is never left": (ItoProcess([x], [-x], [[x]]), -1, 1),
}


@pytest.mark.parametrize("name", NO_LAW)
def test_no_stationary_law(name):
    process, lower, upper = NO_LAW[name]
    with pytest.raises(ArithmeticError, match="no finite integral"):
        process.stationary_law(lower, upper)


def test_is_stationary():
    assert CIR.is_stationary(p ** (shape - 1) * sp.exp(-rate * p))
    assert not CIR.is_stationary(p**shape * sp.exp(-rate * p))
    assert ItoProcess([x], [-sp.tanh(x)], [[1]]).is_stationary(1 / sp.cosh(x) ** 2)
    assert ItoProcess([x], [0], [[1]]).is_stationary(sp.S.One)
    assert not ItoProcess([x], [-x], [[1]]).is_stationary(sp.exp(-(x**2)) + sp.exp(-((x - 1) ** 2)))
    c = sp.Symbol("c", real=True)
    coupled = ItoProcess([x, y], [-x, -y], [[1, 0], [0, 1]], correlation=[[1, c], [c, 1]])
    assert coupled.is_stationary(sp.exp(-(x**2 - 2 * c * x * y + y**2) / (1 - c**2)))
    assert not coupled.is_stationary(sp.exp(-(x**2) - y**2))


@pytest.mark.parametrize("potential", [x**4 / 4 - x**2 / 2, -sp.cos(x), sp.exp(x) - x], ids=str)
def test_langevin_dynamics_has_gibbs_density(potential):
    langevin = ItoProcess([x, v], [v, -sp.diff(potential, x) - k * v], [[0], [sp.sqrt(2 * k * T)]])
    energy = potential + v**2 / 2
    assert langevin.is_stationary(sp.exp(-energy / T))
    assert not langevin.is_stationary(sp.exp(-2 * energy / T))
    assert not langevin.is_stationary(sp.exp(-(potential + v**2) / T))
    half = ItoProcess([x, v], [v, -sp.diff(potential, x) - k * v], [[0], [sp.sqrt(k * T)]])
    assert not half.is_stationary(sp.exp(-energy / T))
    U = sp.Function("U")(x)
    anywhere = ItoProcess([x, v], [v, -sp.diff(U, x) - k * v], [[0], [sp.sqrt(2 * k * T)]])
    assert anywhere.is_stationary(sp.exp(-(U + v**2 / 2) / T))


def solve(process, mean, covariance=None):
    """The solution, put back into its differential equations and initial conditions."""
    equations = process.moment_equations()
    m, C = equations.solve(mean, covariance)
    size = range(len(mean))
    solution = {equations.mean_of(n): m[n] for n in size}
    solution |= {equations.covariance_of(n, o): C[n, o] for n in size for o in size}
    for equation in equations.mean + equations.covariance:
        assert zero((equation.lhs - equation.rhs).subs(solution).doit())
    assert zero((m.subs(equations.t, 0) - sp.Matrix(mean)).norm())
    start = sp.zeros(len(mean)) if covariance is None else sp.Matrix(covariance)
    assert (C.subs(equations.t, 0) - start).applyfunc(sp.simplify) == sp.zeros(len(mean))
    return m, C


def test_moments_on_the_line():
    m, C = solve(GBM, [x0])
    assert zero(m[0] - x0 * sp.exp(mu * t))
    assert zero(C[0] - x0**2 * sp.exp(2 * mu * t) * (sp.exp(sigma**2 * t) - 1))
    m, C = solve(OU, [x0], [[w0]])
    e = sp.exp(-k * t)
    assert zero(m[0] - mu - (x0 - mu) * e)
    assert zero(C[0] - w0 * e**2 - sigma**2 * (1 - e**2) / (2 * k))
    m, C = solve(CIR, [x0])
    assert zero(m[0] - theta - (x0 - theta) * e)
    assert zero(C[0] - x0 * sigma**2 / k * (e - e**2) - theta * sigma**2 / (2 * k) * (1 - e) ** 2)
    m, C = solve(ItoProcess([x], [mu], [[sigma]]), [x0])
    assert (sp.expand(m[0]), C[0]) == (mu * t + x0, sigma**2 * t)
    m, C = solve(ItoProcess([x], [-k * x], [[]]), [x0], [[w0]])
    assert (m[0], C[0]) == (x0 * e, w0 * e**2)


def test_moments_of_langevin_dynamics():
    m, C = solve(ItoProcess([x, v], [v, -2 * x - 3 * v], [[0], [1]]), [x0, v0])
    assert zero(m[0] - (2 * x0 + v0) * sp.exp(-t) + (x0 + v0) * sp.exp(-2 * t))
    assert C.applyfunc(lambda e: sp.limit(e, t, oo)) == sp.Matrix([[sp.Rational(1, 12), 0], [0, sp.Rational(1, 6)]])
    m, C = solve(ItoProcess([x, v], [v, -x - 2 * v], [[0], [2]]), [1, 0])
    assert zero(m[0] - (1 + t) * sp.exp(-t))


def test_moments_that_do_not_close():
    equations = DOUBLE_WELL.moment_equations()
    assert not equations.closed
    assert equations.mean[0].rhs == equations.mean_of(0) - sp.Function("E")(x**3)
    with pytest.raises(ValueError, match="do not close"):
        equations.solve([0])
    clocked = ItoProcess([x], [-t * x], [[1]], time=t).moment_equations()
    assert clocked.closed
    assert zero(clocked.covariance[0].rhs - 1 + 2 * t * clocked.covariance_of(0, 0))
    with pytest.raises(ValueError, match="depend on t"):
        clocked.solve([0])


SCALES = {
    "Brownian motion": (ItoProcess([x], [0], [[sigma]]), 0, x),
    "drift": (ItoProcess([x], [mu], [[1]]), 0, (1 - sp.exp(-2 * mu * x)) / (2 * mu)),
    "Bessel 3": (ItoProcess([p], [1 / p], [[1]]), oo, -1 / p),
    "Bessel 2": (ItoProcess([p], [1 / (2 * p)], [[1]]), 1, sp.log(p)),
    "Bessel 5": (ItoProcess([p], [2 / p], [[1]]), 1, (1 - p**-3) / 3),
    "Ornstein-Uhlenbeck": (ItoProcess([x], [-k * x], [[1]]), 0, sp.sqrt(sp.pi / k) * sp.erfi(sp.sqrt(k) * x) / 2),
}


@pytest.mark.parametrize("name", SCALES)
def test_scale_and_speed(name):
    process, start, known = SCALES[name]
    s, speed, (X,) = process.scale_function(start), process.speed_density(), process.state
    assert zero(s - known)
    assert zero(process.generator(s))
    assert not zero(process.generator(s**2))
    assert zero(speed * process.covariance(0, 0) * sp.diff(s, X) - 2)
    assert zero(process.current(speed)), "detailed balance"


def test_scale_and_speed_of_bessel_processes():
    for dimension in (sp.Rational(5, 2), 4, 7):
        s = BESSEL.scale_function(1).subs(d, dimension)
        assert zero(s - (1 - p ** (2 - dimension)) / (dimension - 2))
    assert zero(BESSEL.scale_function(1).subs(d, 2) - sp.log(p))
    assert zero(BESSEL.speed_density() - 2 * p ** (d - 1))
    assert zero(CIR.current(CIR.speed_density()))
    assert not zero(CIR.current(OU.speed_density().subs(x, p)))


polar = Polar(d)
r, m, X, xbar, pole = polar.radius, polar.overlap, polar.point, polar.direction, polar.pole
BROWNIAN = ItoProcess(polar.space, lambda i: sp.S.Zero, delta)


def test_brownian_motion_in_any_dimension():
    bessel = BROWNIAN.transform({r: r})
    assert zero(bessel.drift[0] - BESSEL.drift[0].subs(p, r))
    assert bessel.diffusion[0] == 1
    squared = BROWNIAN.transform({p: r**2}, inverse={r: sp.sqrt(p)})
    assert (squared.drift[0], squared.diffusion[0]) == (d, 2 * sp.sqrt(p))
    both = BROWNIAN.transform({r: r, m: m})
    assert zero(both.drift[1] + m * (d - 1) / (2 * r**2))
    assert zero(both.covariance(1, 1) - (1 - m**2) / r**2)
    assert both.covariance(0, 1) == 0
    height = BROWNIAN.transform({r: r, x: r * m}, inverse={m: x / r})
    assert zero(height.covariance(0, 1) - x / r)
    assert zero(height.covariance(1, 1) - 1)
    heat = t ** (-d / 2) * sp.exp(-(r**2) / (2 * t))
    assert zero(BROWNIAN.adjoint(heat) - sp.diff(heat, t))
    assert zero(BROWNIAN.generator(r ** (2 - d)))
    assert not zero(BROWNIAN.generator(r ** (1 - d)))
    coordinate = BROWNIAN.lemma(sp.exp(X[i]))
    assert (coordinate.drift, coordinate.diffusion(j)) == (sp.exp(X[i]) / 2, sp.exp(X[i]) * delta(i, j))


def test_ornstein_uhlenbeck_in_any_dimension():
    process = ItoProcess(polar.space, lambda i: -theta * X[i], lambda i, k: sigma * delta(i, k))
    assert zero(process.generator(r**2) - (d * sigma**2 - 2 * theta * r**2))
    gaussian = sp.exp(-theta * r**2 / sigma**2)
    assert zero(process.adjoint(gaussian))
    assert process.is_stationary(gaussian)
    assert not zero(process.adjoint(gaussian**2))
    quotient = process.lemma(X[i]) / process.lemma(r)
    assert zero(quotient.drift - process.generator(X[i] / r))


def test_direction_of_a_tensor_process_at_a_numeric_dimension():
    """A space written by hand, and its components."""
    square = sp.Symbol("q", positive=True)
    space = TensorSpace(sp.Integer(2), {(X, X): lambda: square}, {X: delta, square: lambda j: 2 * X[j]})
    tensor = ItoProcess(space, lambda i: -square * X[i], lambda i, k: X[i] * X[k])
    X0, X1 = sp.symbols("X0 X1", real=True)
    s = X0**2 + X1**2
    plain = ItoProcess([X0, X1], [-s * X0, -s * X1], [[X0**2, X0 * X1], [X0 * X1, X1**2]])
    assert zero(tensor.generator(square**2).subs(square, s) - plain.generator(s**2))
    assert zero(tensor.adjoint(square).subs(square, s) - plain.adjoint(s))
    shift = tensor.stratonovich().drift(0).subs({X[0]: X0, X[1]: X1, square: s})
    assert zero(shift - plain.stratonovich().drift[0])


def test_brownian_motion_on_the_sphere():
    projected = StratonovichProcess(polar.space, lambda i: sp.S.Zero, polar.projector)
    ito = projected.ito()
    assert zero(ito.drift(i) + (d - 1) * xbar[i] / (2 * r))
    assert zero(ito.stratonovich().drift(i))
    assert (projected.chain_rule(r**2).drift, sp.expand(projected.chain_rule(r).diffusion(j))) == (0, 0)
    assert zero(ito.generator(r**2))
    assert zero(ito.generator(sp.Function("f")(r)))
    assert zero(ito.generator(m).subs(r, 1) - polar.laplace_beltrami(m) / 2)
    uncorrected = ItoProcess(polar.space, lambda i: sp.S.Zero, polar.projector)
    assert zero(uncorrected.generator(r**2) - (d - 1))


def test_overlap_of_a_direction_in_a_field():
    """`dx̄ = κT P μ dt − T(d−1) x̄ dt + √(2T) P dB` is von Mises–Fisher; its overlap is a diffusion of its own."""
    direction = ItoProcess(
        polar.space,
        lambda i: k * T * (pole[i] - m * xbar[i]) - T * (d - 1) * xbar[i],
        lambda i, n: sp.sqrt(2 * T) * polar.projector(i, n),
    )
    assert zero(direction.generator(r**2).subs(r, 1))
    overlap = direction.transform({m: m}, inverse={r: 1})
    assert zero(overlap.drift[0] - k * T * (1 - m**2) + T * (d - 1) * m)
    assert zero(overlap.diffusion[0] - sp.sqrt(2 * T * (1 - m**2)))
    gibbs = sp.exp(k * m) * (1 - m**2) ** ((d - 3) / 2)
    assert overlap.is_stationary(gibbs)
    assert zero(overlap.current(gibbs))
    assert not overlap.is_stationary(gibbs.subs(k, 2 * k))
    assert not overlap.is_stationary(gibbs * sp.sqrt(1 - m**2))
    law = ItoProcess([m], overlap.drift.subs(d, 3), overlap.diffusion).stationary_law(-1, 1)
    assert zero(law.density - k * sp.exp(k * m) / (2 * sp.sinh(k)))
