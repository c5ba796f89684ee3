"""A forgotten time, densities in pieces, and zeros that only some values of a symbol show."""

import pytest
import sympy as sp

from thermo_ideal.symbolic import ItoProcess, Polar, StratonovichProcess, TensorSpace
from thermo_ideal.symbolic.calculus._draws import allows, points
from thermo_ideal.symbolic.calculus._zero_test import vanishes

x, y = sp.symbols("x y", real=True)
plain = sp.Symbol("x")
p, k, sigma = sp.symbols("p k sigma", positive=True)
t = sp.Symbol("t", nonnegative=True)
r = Polar(sp.Symbol("d")).radius
CLOCKED = ItoProcess([x], [-t * x], [[1]])
BROWNIAN = ItoProcess([x], [0], [[1]])
polar = Polar(sp.Symbol("d", positive=True))
TENSOR = ItoProcess(polar.space, lambda i: -t * polar.point[i], sp.KroneckerDelta)


@pytest.mark.parametrize(
    "call",
    [
        lambda: CLOCKED.lemma(x),
        lambda: CLOCKED.lemma([x, x**2]),
        lambda: CLOCKED.generator(x),
        lambda: CLOCKED.adjoint(sp.exp(-(x**2))),
        lambda: CLOCKED.current(sp.exp(-(x**2))),
        lambda: CLOCKED.forward_equation(),
        lambda: CLOCKED.backward_equation(),
        lambda: CLOCKED.stationary_law(-1, 1),
        lambda: CLOCKED.scale_function(0),
        lambda: CLOCKED.speed_density(),
        lambda: CLOCKED.is_stationary(sp.exp(-(x**2))),
        lambda: CLOCKED.transform({y: 2 * x}),
        lambda: CLOCKED.moment_equations(),
        lambda: StratonovichProcess([x], [0], [[t]]).chain_rule(x),
        lambda: ItoProcess([x], [0], [[1, 1]], correlation=[[1, t], [t, 1]]).generator(x**2),
        lambda: ItoProcess([x], [-sp.Function("theta")(t) * x], [[1]]).lemma(x),
        lambda: TENSOR.generator(polar.radius),
        lambda: TENSOR.is_stationary(sp.exp(-(polar.radius**2))),
        lambda: BROWNIAN.lemma(t * x),
        lambda: BROWNIAN.generator(x**2 - t),
        lambda: BROWNIAN.is_stationary(sp.exp(-t * x**2)),
        lambda: BROWNIAN.transform({y: x + t}),
    ],
)
def test_forgotten_time(call):
    with pytest.raises(ValueError, match=r"(?s)time: got None.*pass time=t"):
        call()


def test_time_that_is_not_forgotten():
    clocked = ItoProcess([x], [-t * x], [[1]], time=t)
    assert clocked.generator(t * x) == x - t**2 * x
    assert ItoProcess([x], [-t * x], [[1]], parameters=[t]).lemma(x).drift == -t * x
    assert ItoProcess([t], [-t], [[1]]).generator(t) == -t
    with pytest.raises(ValueError, match=r"rho: got .* depends on t"):
        ItoProcess([x], [-x], [[1]], time=t).is_stationary(sp.exp(-t * x**2))


gauss = sp.exp(-(x**2))
STATIONARY = {
    "Laplace": (-sp.sign(x), sp.exp(-2 * sp.Abs(x)), True),
    "another slope": (-sp.sign(x), sp.exp(-sp.Abs(x)), False),
    "restoring beyond 1": (
        -sp.Piecewise((x - 1, x > 1), (x + 1, x < -1), (0, True)),
        sp.Piecewise((sp.exp(-((x - 1) ** 2)), x > 1), (sp.exp(-((x + 1) ** 2)), x < -1), (1, True)),
        True,
    ),
    "jump at 0": (-x, gauss * (1 + sp.Heaviside(x)), False),
    "jump at 5": (-x, sp.Piecewise((gauss, x < 5), (2 * gauss, True)), False),
    "jump of the current": (-sp.sign(x) - x, gauss, False),
    "kink": (-x, gauss * (1 + sp.Abs(x)), False),
    "nonzero beyond 7 only": (-x, gauss * (1 + sp.Max(0, x - 7) ** 3), False),
    "nonzero between 2 and 3 only": (-x, gauss * (1 + sp.Max(0, (x - 2) * (3 - x)) ** 3), False),
    "two steps": (-x, gauss * (1 + sp.Heaviside(x - 2) - sp.Heaviside(x - 3)), False),
    "floor": (-x, gauss * (1 + sp.floor(x) ** 2), False),
    "sign squared": (-x, gauss * sp.sign(x) ** 2, True),
}


@pytest.mark.parametrize("name", STATIONARY)
def test_densities_in_pieces(name):
    drift, rho, stationary = STATIONARY[name]
    assert ItoProcess([x], [drift], [[1]]).is_stationary(rho) == stationary


def test_pieces_of_a_plain_symbol():
    process = ItoProcess([plain], [-sp.sign(plain)], [[1]])
    assert process.is_stationary(sp.exp(-2 * sp.Abs(plain)))
    assert not process.is_stationary(sp.exp(-3 * sp.Abs(plain)))


def test_pieces_in_the_plane():
    """A border that is crossed obliquely."""
    u = x - 2 * y
    process = ItoProcess([x, y], [-sp.sign(u), 2 * sp.sign(u)], [[1, 0], [0, 1]])
    assert process.is_stationary(sp.exp(-2 * sp.Abs(u)))
    assert not process.is_stationary(sp.exp(-2 * sp.Abs(u)) * (1 + sp.Heaviside(u)))


def test_zero_by_the_whole_domain():
    n = sp.Symbol("n", integer=True, positive=True)
    assert vanishes(sp.Max(0, x - 40)) is False
    assert vanishes(sp.sin(sp.pi * sp.Symbol("m", integer=True))) is True
    assert vanishes((n - 2) * (n - 3) * (n - 4) * (n - 5) * (n - 6)) is False
    assert vanishes(sp.sqrt(p**2) - p) is True
    assert vanishes(sp.sqrt(x**2) - x) is False
    assert vanishes(sp.asin(sp.sin(x)) - x) is False
    hidden = sp.log(p * k) - sp.log(p) - sp.log(k)
    assert vanishes(hidden) is True
    assert vanishes(x * hidden * sp.exp(x)) is True


@pytest.mark.parametrize(
    "assumptions",
    [{}, {"real": True}, {"positive": True}, {"negative": True}, {"nonpositive": True}, {"integer": True},
     {"integer": True, "negative": True}, {"even": True}, {"odd": True, "positive": True}, {"prime": True},
     {"imaginary": True}, {"nonzero": True}],
    ids=str,
)  # fmt: skip
def test_draws_fit_assumptions(assumptions):
    symbol = sp.Symbol("s", **assumptions)
    values = [point[symbol] for point in points([symbol], 40)]
    assert len(set(values)) > 10
    assert all(allows(symbol, value) for value in values)
    sizes = [abs(value) for value in values]
    assert max(sizes) > 50
    if not symbol.is_integer:
        assert min(sizes) < sp.Rational(1, 50)
    if symbol.is_real and symbol.is_positive is None and symbol.is_negative is None and not symbol.is_nonpositive:
        assert {sp.sign(value) for value in values} >= {1, -1}


def test_draws_under_a_condition():
    assert all(point[k] > 2 * point[p] for point in points([k, p], 20, condition=k > 2 * p))
    assert not list(points([p], 5, condition=p < -1))
    assert list(points([p, k], 5)) == list(points([k, p], 5))


def test_unused_space_is_no_function_of_time():
    space = TensorSpace(sp.Integer(3), {}, {})
    assert ItoProcess(space, lambda i: sp.S.Zero, sp.KroneckerDelta).generator(sp.S.One) == 0
