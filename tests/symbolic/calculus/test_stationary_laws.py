"""Stationary laws on a line: kernels and normalisers against quadrature, supports, conditions, and what is refused."""

import functools
import math
import time

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import cumulative_simpson, quad, simpson
from scipy.interpolate import CubicSpline

from thermo_ideal.symbolic import ItoProcess
from thermo_ideal.symbolic.calculus import _stationary_law
from thermo_ideal.symbolic.gas import LogPartition

x = sp.Symbol("x", real=True)
plain = sp.Symbol("x")
p = sp.Symbol("p", positive=True)
a, b, d, k, c, theta, sigma, mu, T = sp.symbols("a b d k c theta sigma mu T", positive=True)
gamma = sp.Symbol("gamma", positive=True)
oo, pi = sp.oo, sp.pi
third = sp.Rational(1, 3)

# state, drift, diffusion, lower, upper, values of the parameters
LAWS = {
    "Jacobi": (plain, 1 - 2 * plain, sp.sqrt(plain * (1 - plain)), 0, 1, {}),
    "overlap in 5 dimensions": (x, 1 - x**2 - 4 * x, sp.sqrt(2 * (1 - x**2)), -1, 1, {}),
    "overlap on a circle": (x, k * (1 - x**2) - x, sp.sqrt(2 * (1 - x**2)), -1, 1, {k: 0.7}),
    "overlap": (x, k * (1 - x**2) - (d - 1) * x, sp.sqrt(2 * (1 - x**2)), -1, 1, {k: 0.7, d: 4.5}),
    "inverse gamma": (x, 1 - x, x, 0, oo, {}),
    "Student": (x, -theta * x, sp.sqrt(sigma**2 + k**2 * x**2), -oo, oo, {theta: 2, sigma: 1.3, k: 0.8}),
    "Pearson IV": (x, mu - theta * x, sp.sqrt(sigma**2 + k**2 * x**2), -oo, oo, {theta: 2, sigma: 1, k: 0.8, mu: 0.5}),
    "Pearson VI": (p, a - b * p, sp.sqrt(p * (1 + p)), 0, oo, {a: 0.6, b: 1.3}),
    "circle": (x, -k * sp.sin(x), sigma, -pi, pi, {k: 0.9, sigma: 1.1}),
    "turned circle": (x, k * sp.cos(x) - c * sp.sin(x), sigma, 0, 2 * pi, {k: 0.9, c: 0.4, sigma: 1.1}),
    "generalized inverse Gaussian": (p, a / p - b * p + 1, sigma * sp.sqrt(p), 0, oo, {a: 0.5, b: 1.5, sigma: 0.9}),
    "tilted Jacobi": (x, k * x * (1 - x) + a * (1 - x) - b * x, sp.sqrt(x * (1 - x)), 0, 1, {k: 1.5, a: 0.8, b: 0.6}),
    "single quartic well": (x, -x - x**3, sp.sqrt(2 * T), -oo, oo, {T: 0.6}),
    "Laplace": (x, -sp.sign(x), 1, -oo, oo, {}),
    "six": (x, -(x**5) + x - 1, 1, -oo, oo, {}),
    "elasticity": (p, k * (theta - p), sigma * p**gamma, 0, oo, {k: 1.2, theta: 0.8, sigma: 0.7, gamma: 0.7}),
    "logarithmic": (p, p * (a - sp.log(p)), sigma * p, 0, oo, {a: 0.3, sigma: 0.9}),
    "floats": (x, 0.1 - 0.7 * x, 0.3, -oo, oo, {}),
}
CLOSED = set(LAWS) - {"six", "elasticity"}
AT_THE_LIMIT = {"logarithmic"}  # of time: found or not, by the speed of the machine


@functools.cache
def timed_law(name):
    state, drift, diffusion, lower, upper, _ = LAWS[name]
    start = time.process_time()
    law = ItoProcess([state], [drift], [[diffusion]]).stationary_law(lower, upper)
    return law, time.process_time() - start


def law_of(name):
    return timed_law(name)[0], LAWS[name][-1]


def by_quadrature(name, places, strength=1.0):
    """The density at places by Simpson's rule in a coordinate `t` that stretches the interval to the whole line."""
    state, drift, diffusion, lower, upper, values = LAWS[name]
    t = np.linspace(-30.0, 30.0, 40001)
    if upper == oo:
        X, slope = (np.exp(t), np.exp(t)) if lower == 0 else (np.sinh(t), np.cosh(t))
    else:
        low, size = float(lower), float(upper - lower)
        X, slope = low + size / (1 + np.exp(-t)), size / (2 + 2 * np.cosh(t))
    a, b = (sp.lambdify(state, sp.sympify(f).subs(values), "numpy")(X) for f in (drift, diffusion))
    ratio, half = 2 * strength * a / b**2 * slope, len(t) // 2
    # From the middle outwards, because the integral is huge at some ends.
    below = -cumulative_simpson(ratio[half::-1], dx=t[1] - t[0], initial=0)
    scale = np.concatenate([below[:0:-1], cumulative_simpson(ratio[half:], dx=t[1] - t[0], initial=0)])
    log_kernel = scale - 2 * np.log(b) + 0 * t
    log_kernel -= np.max(log_kernel + np.log(slope))
    inner = np.abs(t) < 8
    total = simpson(np.exp(log_kernel) * slope, x=t)
    return np.exp(CubicSpline(X[inner], log_kernel[inner])(places)) / total


PLACES = {"symmetric": (-0.6, 0.1, 0.7), "positive": (0.2, 0.45, 0.8)}


def places_of(name):
    return PLACES["positive" if LAWS[name][3] == 0 else "symmetric"]


@pytest.mark.parametrize("name", LAWS)
def test_density_against_quadrature(name):
    law, values = law_of(name)
    assert law.condition.subs(values) != sp.false
    assert name in AT_THE_LIMIT or law.normalizer.has(sp.Integral) == (name not in CLOSED)
    density = law.kernel.subs(values) / sp.N(law.normalizer.subs(values))
    wanted = by_quadrature(name, places_of(name))
    for place, right in zip(places_of(name), wanted, strict=True):
        assert abs(float(density.subs(law.variable, place)) / right - 1) < 1e-5


def test_quadrature_tells_another_drift():
    law, _ = law_of("Jacobi")
    wrong = by_quadrature("Jacobi", PLACES["positive"], strength=1.05)
    density = law.density.subs(law.variable, 0.2)
    assert abs(float(density) / wrong[0] - 1) > 1e-3


def test_laws_by_name():
    assert sp.expand(law_of("Jacobi")[0].density - 6 * plain * (1 - plain)) == 0
    overlap = law_of("overlap in 5 dimensions")[0]
    assert sp.simplify(overlap.kernel / ((1 - x**2) * sp.exp(x))).is_number
    assert overlap.normalizer == 4 / sp.E
    student = ItoProcess([x], [-theta * x], [[sigma, k * x]]).stationary_law(-oo, oo)
    assert abs(sp.N(student.normalizer.subs({theta: 2, sigma: 1, k: 1})) - 3 * sp.N(pi) / 8) < 1e-12
    assert law_of("circle")[0].normalizer == 2 * pi * sp.besseli(0, 2 * k / sigma**2)


def test_overlap_in_symbolic_dimension():
    law, _ = law_of("overlap")
    assert law.normalizer.has(LogPartition)
    assert law.condition == (d > 1)
    assert sp.simplify(law.kernel / (sp.exp(k * x) * (1 - x) ** ((d - 3) / 2) * (1 + x) ** ((d - 3) / 2))) == 1
    at = {d: sp.Rational(9, 2), k: sp.Rational(7, 10)}
    right = quad(lambda m: math.exp(0.7 * m) * (1 - m * m) ** 0.75, -1, 1)[0]
    assert abs(sp.N(law.normalizer.subs(at)) / right - 1) < 1e-8


@pytest.mark.parametrize("name", LAWS)
def test_nothing_hangs(name):
    assert timed_law(name)[1] < 6  # types are checked here, which doubles what a user waits


def test_conditions_can_be_given():
    real = sp.Symbol("w", real=True)
    power = ItoProcess([p], [(real - 1) / (2 * p)], [[1]])
    with pytest.raises(ArithmeticError, match=r"some parameters only.*Symbol\('w', positive=True\).*condition=w > 0"):
        power.stationary_law(0, 1)
    law = power.stationary_law(0, 1, condition=real > 0)
    assert law.condition == sp.true
    assert abs(sp.N(law.normalizer.subs(real, 0.3)) - 1 / 0.3) < 1e-12
    state, drift, diffusion, lower, upper, _ = LAWS["overlap"]
    given = ItoProcess([state], [drift], [[diffusion]]).stationary_law(lower, upper, condition=d > 2)
    assert given.condition == sp.true
    with pytest.raises(ArithmeticError, match="no finite integral"):
        power.stationary_law(0, 1, condition=real < 0)
    with pytest.raises(ValueError, match="condition: got False, expected one"):
        ItoProcess([x], [-k * x], [[1]]).stationary_law(-oo, oo, condition=k < -1)


REFUSED = {
    "0 is crossed one way": (x, 1 - x, x, -oo, oo, r"x = 0 is a singular point.*stationary_law\(0, oo\)"),
    "beyond Jacobi's interval": (x, 1 - 2 * x, sp.sqrt(x * (1 - x)), -1, 1, r"negative.*as in stationary_law\(0, 1\)"),
    "plain symbol": (plain, 1 - 2 * plain, sp.sqrt(plain * (1 - plain)), -1, 1, "negative on a part"),
    "inside out": (x, -x, sp.sqrt(1 - x**2), -2, 2, r"as in stationary_law\(-1, 1\)"),
    "the wrong half": (x, 1 - x, x, -oo, 0, "no finite integral"),
    "two halves": (x, 1 / x - x, 1, -oo, oo, "x = 0 is a singular point"),
    "pole inside": (x, -1 / (x - third), 1, 0, 1, "1/3 is a singular point"),
    "zero of a root": (x, 0, sp.Abs(x) ** sp.Rational(1, 4), -1, 1, "x = 0 is a singular point"),
    "zero of a sine": (x, -x, sp.sin(x), -1, 1, "x = 0 is a singular point"),
    "circle unrolled": (x, -k * sp.sin(x), 1, -oo, oo, "no finite integral"),
    "heavy tails": (x, -x / (1 + x**2) / 4, 1, -oo, oo, "no finite integral"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_law(name):
    state, drift, diffusion, lower, upper, words = REFUSED[name]
    with pytest.raises(ArithmeticError, match=f"(?s){words}"):
        ItoProcess([state], [drift], [[diffusion]]).stationary_law(lower, upper)


def test_ends_that_the_state_cannot_have():
    with pytest.raises(ValueError, match=r"the end -1.*Symbol\('p', real=True\)"):
        ItoProcess([p], [-p], [[1]]).stationary_law(-1, 1)
    with pytest.raises(ValueError, match="ends that do not depend on x"):
        ItoProcess([x], [-x], [[1]]).stationary_law(0, x)


@pytest.mark.parametrize("wrong", [sp.Rational(101, 600), -sp.Rational(1, 6), sp.nan, sp.oo, sp.I / 6])
def test_a_wrong_normalizer_is_not_taken(monkeypatch, wrong):
    jacobi = ItoProcess([x], [1 - 2 * x], [[sp.sqrt(x * (1 - x))]])
    monkeypatch.setattr(_stationary_law, "candidates", lambda *arguments: iter([wrong]))
    assert jacobi.stationary_law(0, 1).normalizer.has(sp.Integral)
    monkeypatch.setattr(_stationary_law, "candidates", lambda *arguments: iter([wrong, sp.Rational(1, 6)]))
    assert jacobi.stationary_law(0, 1).normalizer == sp.Rational(1, 6)
