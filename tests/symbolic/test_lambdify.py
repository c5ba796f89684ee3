"""von Mises–Fisher quantities lowered to numbers, against mpmath's quadrature over the angle."""

import subprocess
import sys
from functools import cache

import mpmath
import numpy as np
import pytest
import sympy as sp

from thermo_ideal.symbolic import derivation, gas

d, kappa = sp.symbols("d kappa", positive=True)
POINTS = [
    (2, 0.01),
    (2, 30.0),
    (2.5, 7.0),
    (3, 2.0),
    (3, 1e8),
    (7, 12.5),
    (50, 1e4),
    (1000, 1e-3),
    (1000, 500.0),
    (10**4, 10**4),
    (10**4, 1e6),
    (10**6, 1e7),
]
QUANTITIES = {"log z": gas.LogPartition(d, kappa), "A": gas.MeanResultantLength(d, kappa)}


@cache
def exact(dimension, concentration):
    """`log z` and `A`, from `z = |S^{d−2}| ∫ e^{−κ(1 − cos θ)} sin^{d−2} θ dθ`, in thirty digits."""
    with mpmath.workdps(30):
        n, k = mpmath.mpf(dimension), mpmath.mpf(concentration)
        peak = mpmath.acos((mpmath.sqrt((n - 2) ** 2 + 4 * k**2) - n + 2) / (2 * k))
        width = 1 / mpmath.sqrt(k * mpmath.cos(peak) + (n - 2) / max(mpmath.sin(peak), mpmath.mpf("1e-9")) ** 2)
        ends = [peak + j * width for j in (-14, -9, -6, -4, -2, 0, 2, 4, 6, 9, 14)]
        ends = [0, *(end for end in ends if 0 < end < mpmath.pi), mpmath.pi]

        def log_weight(angle):
            return (n - 2) * mpmath.log(mpmath.sin(angle)) - 2 * k * mpmath.sin(angle / 2) ** 2

        top = log_weight(peak) if n > 2 else mpmath.mpf(0)

        def moment(f):
            return mpmath.quad(lambda x: f(x) * mpmath.exp(log_weight(x) - top), ends)

        z = moment(lambda _: 1)
        sphere = mpmath.log(2) + (n - 1) / 2 * mpmath.log(mpmath.pi) - mpmath.loggamma((n - 1) / 2)
        # By parts: `(d−1) E cos θ = κ E sin²θ`, whose integrand has one sign.
        return sphere + top + mpmath.log(z), k / (n - 1) * moment(lambda x: mpmath.sin(x) ** 2) / z


def relative_errors(modules, name, points):
    lowered = sp.lambdify((d, kappa), QUANTITIES[name], modules)
    found = lowered(*(np.array(column, float) for column in zip(*points, strict=True)))
    expected = [exact(*point)[list(QUANTITIES).index(name)] for point in points]
    return [float(abs(mpmath.mpf(float(x)) / y - 1)) for x, y in zip(found, expected, strict=True)]


@pytest.mark.parametrize("name", QUANTITIES)
@pytest.mark.parametrize("modules", ["numpy", "scipy", "jax", None])
def test_arrays(x64, name, modules):
    assert max(relative_errors(modules, name, POINTS)) < 3e-13


@pytest.mark.parametrize("name", QUANTITIES)
def test_mpmath_in_its_own_precision(name):
    lowered = sp.lambdify((d, kappa), QUANTITIES[name], "mpmath")
    for point in POINTS[:-1]:  # the last one would take a million terms
        expected = exact(*point)[list(QUANTITIES).index(name)]
        with mpmath.workdps(25):
            assert abs(lowered(*map(mpmath.mpf, point)) / expected - 1) < 1e-19, point


def test_another_dimension_is_noticed():
    lowered = sp.lambdify((d, kappa), QUANTITIES["A"], "numpy")
    assert abs(lowered(7.001, 12.5) / float(exact(7, 12.5)[1]) - 1) > 1e-5


@pytest.mark.parametrize("modules", ["numpy", "scipy", "mpmath", "jax"])
def test_the_uniform_law(x64, modules):
    log_z, resultant = (sp.lambdify((d, kappa), quantity, modules) for quantity in QUANTITIES.values())
    assert abs(float(log_z(3.0, 0.0)) - np.log(4 * np.pi)) < 1e-14
    assert float(resultant(3.0, 0.0)) == 0


def test_arguments_broadcast():
    lowered = sp.lambdify((d, kappa), QUANTITIES["A"] + QUANTITIES["log z"], "numpy")
    grid = lowered(np.array([[2.0], [9.0]]), np.array([0.5, 1.0, 40.0]))
    assert grid.shape == (2, 3)
    assert grid[1, 2] == lowered(9.0, 40.0)


@pytest.mark.parametrize("modules", ["numpy", "mpmath", "jax"])
def test_derivatives_and_quantities_of_the_gas(x64, modules):
    """`C_V = κ² dA/dκ`, and a derivation's result by `evaluate`."""
    heat = sp.lambdify(gas.T, gas.von_mises_fisher(5)["C_V"], modules)
    with mpmath.workdps(30):
        slope = mpmath.diff(lambda k: exact(5, k)[1], mpmath.mpf(4), h=mpmath.mpf("1e-6"))
        assert abs(float(heat(0.25)) / float(16 * slope) - 1) < 1e-9
    energy = derivation("von-mises-fisher").evaluate("internal_energy", temperature=np.array([0.5, 0.25]), dimension=5)
    assert np.allclose(energy, [float(1 - exact(5, 2)[1]), float(1 - exact(5, 4)[1])], rtol=1e-13)


def test_numpy_needs_no_jax():
    code = (
        "import sys; sys.modules['jax'] = sys.modules['jaxlib'] = None\n"
        "import sympy\nfrom thermo_ideal.symbolic import gas\n"
        "d, kappa = sympy.symbols('d kappa')\n"
        "print(sympy.lambdify((d, kappa), gas.MeanResultantLength(d, kappa))(3, 1e9) < 1)\n"
        "sympy.lambdify((d, kappa), gas.MeanResultantLength(d, kappa), 'jax')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "True"
    assert "Cannot import 'jax'" in result.stderr
