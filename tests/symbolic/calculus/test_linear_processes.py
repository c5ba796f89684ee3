"""Linear equations: moments in time and at rest, autocovariance, transition laws; against SciPy and Lyapunov."""

import time

import numpy as np
import pytest
import scipy.linalg
import sympy as sp

from thermo_ideal.symbolic import ItoProcess

x, v, y, z = sp.symbols("x v y z", real=True)
k, gamma, T, sigma, theta = sp.symbols("k gamma T sigma theta", positive=True)
t = sp.Symbol("t", nonnegative=True)
LANGEVIN = ItoProcess([x, v], [v, -k * x - gamma * v], [[0], [sp.sqrt(2 * gamma * T)]])
STATE = (x, y, z)
DRIFTS = {
    "one real root": [[-1, 2, 0], [-1, -1, 1], [0, -3, -2]],
    "three real roots": [[-3, 1, 0], [1, -2, 1], [0, 1, -1]],
    "rational roots": [[-1, 0, 0], [1, -2, 0], [0, 1, -3]],
    "a triple root": [[-1, 1, 0], [0, -1, 1], [0, 0, -1]],
    "a singular drift": [[0, 1, 0], [0, 0, 1], [0, 0, 0]],
    "floating point": [[-0.1, 0.7, 0.0], [0.0, -0.3, 0.2], [0.1, 0.0, -0.9]],
    "an unstable floating-point drift": [[-0.1, 0.7, 0.0], [0.0, -0.3, 0.2], [0.5, 0.0, -0.9]],
}
NOISE = [[1, 0, 0], [sp.Rational(1, 2), 2, 0], [0, 0, 1]]


def linear(rows, noise=NOISE, shift=(0, 0, 0)):
    A = sp.Matrix(rows)
    return ItoProcess(STATE[: A.rows], list(A * sp.Matrix(STATE[: A.rows]) + sp.Matrix(shift[: A.rows])), noise)


def reference(rows, noise, shift, start, spread, at):
    """Mean and covariance by SciPy: the exponential of the augmented matrix, and Van Loan's."""
    A, B, n = np.array(rows, float), np.array(noise, float), len(rows)
    augmented = np.block([[A, np.array(shift, float)[:n, None]], [np.zeros((1, n + 1))]])
    mean = (scipy.linalg.expm(augmented * at) @ np.array([*start, 1.0]))[:n]
    block = scipy.linalg.expm(np.block([[A, B @ B.T], [np.zeros((n, n)), -A.T]]) * at)
    flow = block[:n, :n]
    return mean, flow @ np.array(spread, float) @ flow.T + block[:n, n:] @ flow.T


def numbers(matrix, at):
    return np.array(sp.Matrix(matrix).subs(t, at).evalf(20).tolist(), complex)


@pytest.mark.parametrize("name", DRIFTS)
@pytest.mark.parametrize("at", [0.3, 2.0])
def test_moments_of_three_components(name, at):
    rows, shift, start = DRIFTS[name], (1, 0, -2), [1, -1, 2]
    spread = [[1, 0, 0], [0, 2, 1], [0, 1, 3]]
    m, C = linear(rows, shift=shift).moment_equations().solve(start, spread)
    mean, covariance = reference(rows, NOISE, shift, start, spread, at)
    np.testing.assert_allclose(numbers(m, at)[:, 0], mean, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(numbers(C, at), covariance, rtol=1e-10, atol=1e-10)
    wrong = reference(rows, NOISE, shift, start, spread, 1.05 * at)[1]
    assert not np.allclose(numbers(C, at), wrong, rtol=1e-3)


def test_moments_of_symbolic_langevin_dynamics():
    x0, v0 = sp.symbols("x0 v0", real=True)
    m, C = LANGEVIN.moment_equations().solve([x0, v0])
    for friction in (1, 5):  # a spiral and a node
        at = {k: 2, gamma: friction, T: sp.Rational(1, 3), x0: 1, v0: -2}
        rows, noise = [[0, 1], [-2, -friction]], [[0], [np.sqrt(2 * friction / 3)]]
        mean, covariance = reference(rows, noise, (0, 0), (1, -2), np.zeros((2, 2)), 0.7)
        np.testing.assert_allclose(numbers(m.subs(at), 0.7)[:, 0], mean, atol=1e-12)
        np.testing.assert_allclose(numbers(C.subs(at), 0.7), covariance, atol=1e-12)


def test_moments_are_quick():
    """The process's own time, which other work on the machine does not lengthen."""
    linear(DRIFTS["rational roots"]).moment_equations().solve([1, 0, 0])  # imports
    for name in DRIFTS:
        equations = linear(DRIFTS[name]).moment_equations()
        started = time.process_time()
        equations.solve([1, 0, 0])
        assert time.process_time() - started < 3, name
    started = time.process_time()
    LANGEVIN.moment_equations().solve(sp.symbols("x0 v0", real=True))
    assert time.process_time() - started < 3


def test_a_symbolic_cubic():
    """Without a closed form of the roots, the sum over them stays."""
    a, b = sp.symbols("a b", positive=True)
    m, _ = linear([[-a, 1, 0], [0, -b, 1], [-1, 0, -1]]).moment_equations().solve([1, 2, 0])
    numeric = m.subs({a: 2, b: 3, t: 0.4}).doit()
    mean, _ = reference([[-2, 1, 0], [0, -3, 1], [-1, 0, -1]], NOISE, (0, 0, 0), (1, 2, 0), np.zeros((3, 3)), 0.4)
    np.testing.assert_allclose(np.array(numeric.evalf(20).tolist(), complex)[:, 0], mean, atol=1e-10)


@pytest.mark.parametrize("name", ["one real root", "three real roots", "a triple root", "floating point"])
def test_stationary_moments(name):
    rows = np.array(DRIFTS[name], float)
    moments = linear(DRIFTS[name], shift=(1, 0, -2)).moment_equations().stationary()
    B = np.array(NOISE, float)
    expected = scipy.linalg.solve_continuous_lyapunov(rows, -B @ B.T)
    np.testing.assert_allclose(np.array(moments.covariance.tolist(), float), expected, rtol=1e-12)
    np.testing.assert_allclose(np.array(moments.mean, float)[:, 0], -np.linalg.solve(rows, [1, 0, -2]), rtol=1e-12)
    lagged = scipy.linalg.expm(rows * 0.6) @ expected
    np.testing.assert_allclose(numbers(moments.autocovariance(sp.Rational(3, 5)), 0), lagged, rtol=1e-9)
    assert not np.allclose(lagged, lagged.T, rtol=1e-3)  # the order of the two times matters
    with pytest.raises(ValueError, match=r"lag: got -1, expected a time ≥ 0, as in autocovariance\(1\)\.T"):
        moments.autocovariance(-1)


def test_langevin_dynamics_at_rest():
    moments = LANGEVIN.moment_equations().stationary()
    assert moments.covariance == sp.Matrix([[T / k, 0], [0, T]])
    assert moments.condition == sp.true
    plain = sp.Symbol("kappa", real=True)
    conditional = ItoProcess([x], [-plain * x], [[sigma]]).moment_equations().stationary()
    assert conditional.condition == (plain > 0)
    assert conditional.covariance[0] == sigma**2 / (2 * plain)


def test_multiplicative_noise_at_rest():
    """`dX = −θX dt + σ dB₁ + κX dB₂` has the variance `σ²/(2θ − κ²)`, while that exists."""
    moments = ItoProcess([x], [-2 * x], [[sigma, x]]).moment_equations().stationary()
    assert moments.covariance[0] == sigma**2 / 3
    with pytest.raises(ArithmeticError, match="no stationary mean and covariance"):
        ItoProcess([x], [-2 * x], [[sigma, 3 * x]]).moment_equations().stationary()


@pytest.mark.parametrize(
    "process",
    [
        ItoProcess([x], [0], [[1]]),
        ItoProcess([x], [theta * x], [[1]]),
        linear(DRIFTS["a singular drift"]),
        linear(DRIFTS["an unstable floating-point drift"]),
    ],
    ids=str,
)
def test_what_has_no_stationary_moments(process):
    with pytest.raises(ArithmeticError, match=r"no stationary mean and covariance.*\.solve\(\)"):
        process.moment_equations().stationary()


def test_terms_that_cancel_do_not_close_the_equations():
    """Of degree 3 in drift and covariance, of which nothing is left in the second moments."""
    equations = ItoProcess([x], [x**2], [[sp.sqrt(4 - 2 * x**3)]]).moment_equations()
    assert not equations.closed
    with pytest.raises(ValueError, match="solve: got equations that do not close"):
        equations.solve([1])


def test_transition_law():
    """The density solves the Fokker–Planck equation and has mass 1; that of other noise does not."""
    x0 = sp.Symbol("x0", real=True)
    process = ItoProcess([x], [-theta * x], [[sigma]], time=t)
    density = process.moment_equations().transition_law([x0]).density
    at = {theta: 2, sigma: 3, x0: sp.Rational(1, 3), x: sp.Rational(2, 5), t: sp.Rational(3, 7)}
    residual = (sp.diff(density, t) - process.adjoint(density)).subs(at)
    assert abs(residual.evalf(30)) < 1e-20
    wrong = (sp.diff(density, t) - ItoProcess([x], [-theta * x], [[sigma / 2]]).adjoint(density)).subs(at)
    assert abs(wrong.evalf(30)) > 1e-3
    mass = sp.Integral(density.subs({theta: 2, sigma: 3, x0: 1, t: 1}), (x, -40, 40)).evalf(15)
    assert abs(mass - 1) < 1e-12
    with pytest.raises(ValueError, match="transition_law: got noise that depends on x"):
        ItoProcess([x], [-x], [[x]]).moment_equations().transition_law([1])


EXITS = {
    "drift": (ItoProcess([x], [theta], [[1]]), {theta: sp.Rational(3, 2)}),
    "spring": (ItoProcess([x], [-theta * x], [[sigma]]), {theta: 2, sigma: sp.Rational(4, 5)}),
    "double well": (ItoProcess([x], [x - x**3], [[sigma]]), {sigma: sp.Rational(4, 5)}),
    "noise that depends on the state": (ItoProcess([x], [sp.S.Half], [[sp.sqrt(1 + x**2)]]), {}),
}


@pytest.mark.parametrize("name", EXITS)
def test_exits(name):
    """Against the boundary value problems `𝒜τ = −1` and `𝒜P = 0` on a grid of second order."""
    process, at = EXITS[name]
    lower, upper, start, nodes = -1.0, 1.5, 0.25, 4001
    grid = np.linspace(lower, upper, nodes)
    h = grid[1] - grid[0]
    a, D = (
        np.broadcast_to(sp.lambdify(x, f.subs(at), "numpy")(grid), grid.shape).astype(float)
        for f in (process.drift[0], process.covariance(0, 0))
    )
    bands = np.zeros((3, nodes))
    bands[1] = -D / h**2
    bands[0, 2:], bands[2, :-2] = (D / 2 / h**2 + a / 2 / h)[1:-1], (D / 2 / h**2 - a / 2 / h)[1:-1]
    bands[1, [0, -1]] = 1
    right = np.stack([np.full(nodes, -1.0), np.zeros(nodes)], axis=1)
    right[0], right[-1] = 0, (0, 1)
    times, probabilities = scipy.linalg.solve_banded((1, 1), bands, right).T
    where = np.searchsorted(grid, start)
    for expression, values in (
        (process.mean_exit_time(lower, upper), times),
        (process.hitting_probability(lower, upper), probabilities),
    ):
        value = float(sp.lambdify(x, expression.subs(at), "mpmath")(grid[where]))
        assert abs(value - values[where]) < 1e-4 * values[where]
        assert abs(1.05 * value - values[where]) > 1e-4 * values[where]


def test_ends_of_an_interval():
    for ends in ((1, 0), (0, sp.oo)):
        with pytest.raises(ValueError, match=r"mean_exit_time: got the ends .*, as in mean_exit_time\(0, 1\)"):
            EXITS["drift"][0].mean_exit_time(*ends)
