"""State, drift and diffusion as scalars, lists, matrices and arrays; differentials beside functions on either side."""

import numpy as np
import pytest
import sympy as sp

from thermo_ideal.symbolic import ItoProcess, StratonovichProcess

x, y = sp.symbols("x y", real=True)
S, mu, sigma = sp.symbols("S mu sigma", positive=True)
t = sp.Symbol("t", nonnegative=True)

KINDS = [ItoProcess, StratonovichProcess]
LINE = ([x], [-mu * x], [[sigma]])
PLANE = ([x, y], [y, -mu * x], [[1, 0], [sigma, x]])
ONE_BROWNIAN_MOTION = ([x, y], [y, -x], [[0], [sigma]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "arguments",
    [
        (x, -mu * x, sigma),
        ([x], -mu * x, sigma),
        (x, [-mu * x], [[sigma]]),
        ((x,), (-mu * x,), ((sigma,),)),
        (sp.Matrix([x]), sp.Matrix([-mu * x]), sp.Matrix([sigma])),
        (sp.ImmutableMatrix([x]), sp.ImmutableMatrix([-mu * x]), sp.ImmutableMatrix([sigma])),
        (np.array([x]), np.array([-mu * x]), np.array([[sigma]])),
        (np.array(x), np.array(-mu * x), np.array(sigma)),
    ],
)
def test_one_component(kind, arguments):
    assert kind(*arguments) == kind(*LINE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "arguments",
    [
        tuple(map(sp.Matrix, PLANE)),
        tuple(map(sp.ImmutableMatrix, PLANE)),
        tuple(map(np.array, PLANE)),
        (sp.Matrix(PLANE[0]).T, *PLANE[1:]),
        (PLANE[0], np.array(PLANE[1])[:, None], PLANE[2]),
        (*PLANE[:2], [np.array(row) for row in PLANE[2]]),
        (*PLANE[:2], [sp.Matrix([row]) for row in PLANE[2]]),
    ],
)
def test_two_components(kind, arguments):
    assert kind(*arguments) == kind(*PLANE)


@pytest.mark.parametrize("number", [2, 2.0, np.float64(2.0), np.float32(2.0), np.int64(2), sp.Integer(2)])
def test_numbers(number):
    exact = sp.Integer(2) if isinstance(number, int | np.integer | sp.Integer) else sp.Float(2.0)
    expected = ItoProcess([x], [exact], [[exact]])
    assert ItoProcess(x, number, number) == expected
    assert ItoProcess([x], [number], [[number]]) == expected
    assert ItoProcess(x, np.array([number]), np.array([[number]])) == expected


def test_arrays_of_numbers():
    drift, diffusion = np.array([0.5, -1.0]), np.array([[1.0, 0.25], [0.0, 2.0]])
    correlation = np.array([[1.0, 0.5], [0.5, 1.0]])
    by_lists = ItoProcess([x, y], drift.tolist(), diffusion.tolist(), correlation=correlation.tolist())
    assert ItoProcess([x, y], drift, diffusion, correlation=correlation) == by_lists
    assert ItoProcess([x, y], drift, diffusion) != by_lists


def test_one_brownian_motion_drives_two_components():
    assert ItoProcess(*map(np.array, ONE_BROWNIAN_MOTION)) == ItoProcess(*ONE_BROWNIAN_MOTION)
    assert ItoProcess(*ONE_BROWNIAN_MOTION[:2], sp.Matrix([0, sigma])) == ItoProcess(*ONE_BROWNIAN_MOTION)


def test_starting_points():
    equations = ItoProcess(*ONE_BROWNIAN_MOTION).moment_equations()
    for start in (sp.Matrix([1, mu]), np.array([1, mu]), (1, mu)):
        assert equations.solve(start, np.zeros((2, 2), int)) == equations.solve([1, mu])
        assert equations.transition_law(start) == equations.transition_law([1, mu])
    line = ItoProcess(*LINE).moment_equations()
    assert line.solve(2, 1) == line.solve([2], [[1]])


def test_several_functions():
    process = ItoProcess(*PLANE)
    for functions in ([x * y, x], sp.Matrix([x * y, x]), np.array([x * y, x])):
        assert process.lemma(functions) == (process.lemma(x * y), process.lemma(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((PLANE[0], -x, PLANE[2]), r"^drift: got -x, expected a list of 2 expressions"),
        ((*PLANE[:2], sigma), r"^diffusion: got sigma, expected a row for each component"),
        (([x], [-x], [sigma]), r"^diffusion: got \[sigma\], expected a row for each component"),
        ((PLANE[0], sp.Matrix([[y, x]]), PLANE[2]), r"^drift: got a matrix of shape \(1, 2\)"),
        ((PLANE[0], np.ones(3), PLANE[2]), r"^drift: got 3 expressions for a state of 2 components"),
        (([x, 2 * y], *PLANE[1:]), r"^state: got \[x, 2\*y\], expected a list of symbols"),
    ],
)
def test_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        ItoProcess(*arguments)


def parts(differential):
    return sp.simplify(differential.drift), sp.simplify(differential.diffusion(0))


GEOMETRIC = {
    "Itô": ItoProcess(S, mu * S, sigma * S, time=t).lemma,
    "Stratonovich": StratonovichProcess(S, mu * S, sigma * S, time=t).chain_rule,
}


@pytest.mark.parametrize("name", GEOMETRIC)
@pytest.mark.parametrize(
    ("combined", "drift", "noise"),
    [
        (lambda dS, dt: dS / S, mu, sigma),
        (lambda dS, dt: 1 / S * dS, mu, sigma),
        (lambda dS, dt: dS * (1 / S), mu, sigma),
        (lambda dS, dt: S * dS, mu * S**2, sigma * S**2),
        (lambda dS, dt: dS * S, mu * S**2, sigma * S**2),
        (lambda dS, dt: sp.exp(t) * dS / 2, mu * S * sp.exp(t) / 2, sigma * S * sp.exp(t) / 2),
        (lambda dS, dt: dS - S * dt, (mu - 1) * S, sigma * S),
        (lambda dS, dt: dS - mu * S * dt, 0, sigma * S),
        (lambda dS, dt: -S * dt + dS, (mu - 1) * S, sigma * S),
        (lambda dS, dt: S * dt - dS, (1 - mu) * S, -sigma * S),
        (lambda dS, dt: dS / S - mu * dt, 0, sigma),
        (lambda dS, dt: (dS + S * dt) / S**2, (mu + 1) / S, sigma / S),
        (lambda dS, dt: 2 * dS - dS, mu * S, sigma * S),
        (lambda dS, dt: np.float64(2) * dS - 2 * dS, 0, 0),
        (lambda dS, dt: sum([dS, S * dt]), (mu + 1) * S, sigma * S),
        (lambda dS, dt: -dS, -mu * S, -sigma * S),
    ],
)
def test_functions_beside_differentials(name, combined, drift, noise):
    differential = GEOMETRIC[name]
    assert parts(combined(differential(S), differential(t))) == (sp.simplify(drift), sp.simplify(noise))


def test_a_logarithm_is_not_a_ratio():
    lemma = GEOMETRIC["Itô"]
    assert parts(lemma(sp.log(S)) - lemma(S) / S) == (-(sigma**2) / 2, 0)
