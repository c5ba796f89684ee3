"""Itô's lemma on processes with known answers."""

import pytest
import sympy as sp

from thermo_ideal.symbolic import ItoProcess, TensorSpace

x, y, t = sp.symbols("x y t", positive=True)
mu, sigma, theta, a = sp.symbols("mu sigma theta a", positive=True)


def test_geometric_brownian_motion():
    process = ItoProcess([x], [mu * x], [[sigma * x]])
    assert sp.expand(process.generator(x**2) - (2 * mu + sigma**2) * x**2) == 0


def test_ornstein_uhlenbeck_second_moment_is_stationary():
    process = ItoProcess([x], [-theta * x], [[sigma]])
    assert sp.expand(process.generator(x**2).subs(x**2, sigma**2 / (2 * theta))) == 0


def test_time_dependence():
    """`e^{θt} x` is driven by noise alone."""
    process = ItoProcess([x], [-theta * x], [[sigma]], time=t)
    differential = process.lemma(sp.exp(theta * t) * x)
    assert sp.simplify(differential.drift) == 0
    assert sp.simplify(differential.diffusion(0) - sigma * sp.exp(theta * t)) == 0


def test_product_rule_has_the_quadratic_covariation():
    process = ItoProcess([x, y], [a, -y], [[sigma, 0], [x, 1]])
    drift = process.lemma(x * y).drift
    assert sp.expand(drift - (x * (-y) + y * a + sigma * x)) == 0
    assert process.covariance(0, 1) == sigma * x


def test_squared_bessel_process_in_symbolic_dimension():
    """`|B|²` drifts at `d`, `|B|` at `(d−1)/2r`."""
    d, r = sp.symbols("d r", positive=True)
    b = sp.IndexedBase("b")
    space = TensorSpace(d, {(b, b): lambda: r**2}, {b: lambda i, j: sp.KroneckerDelta(i, j), r: lambda j: b[j] / r})
    brownian = ItoProcess(space, lambda i: sp.S.Zero, lambda i, k: sp.KroneckerDelta(i, k))
    assert sp.expand(brownian.generator(r**2)) == d
    assert sp.simplify(brownian.generator(r) - (d - 1) / (2 * r)) == 0


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="drift: got 1 expressions for a state of 2"):
        ItoProcess([x, y], [a], [[1], [1]])
    with pytest.raises(ValueError, match="diffusion: got a matrix of shape"):
        ItoProcess([x, y], [a, a], [[1, 0]])
    with pytest.raises(ValueError, match="functions of the indices"):
        ItoProcess(TensorSpace(sp.Symbol("d")), [a], [[1]])
