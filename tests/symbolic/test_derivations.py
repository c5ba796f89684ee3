"""The theory comes out, replays in components, and a mutilated step does not."""

import dataclasses

import pytest
import sympy as sp

from thermo_ideal.symbolic import VerificationError, derive
from thermo_ideal.symbolic import _notation as n

PROTOCOLS = ["fixed-lr", "fixed-elr", "fixed-sphere"]
eta, elr, lam, r, tau, sigma, d = (
    n.LEARNING_RATE,
    n.EFFECTIVE_LEARNING_RATE,
    n.WEIGHT_DECAY,
    n.RADIUS,
    n.NOISE_TRACE,
    n.NOISE_SCALE,
    n.DIMENSION,
)


@pytest.mark.parametrize("noise", ["general", "isotropic"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_replays_in_components(protocol, noise):
    assert derive(protocol, noise).verify((2, 3, 4)) > 100


@pytest.mark.parametrize(
    ("protocol", "drift"),
    [
        ("fixed-lr", -eta * lam * r + eta**2 * tau / (2 * r**3)),
        ("fixed-elr", -elr * lam * r**3 + elr**2 * r * tau / 2),
        ("fixed-sphere", 0),
    ],
)
def test_radius(protocol, drift):
    equation = derive(protocol, "general").result["radius_sde"]
    assert sp.expand(equation.rhs - drift * n.DT) == 0


@pytest.mark.parametrize(("protocol", "step"), [("fixed-lr", eta / r**2), ("fixed-elr", elr), ("fixed-sphere", elr)])
def test_direction(protocol, step):
    i, k = n.FREE_INDEX, n.NOISE_INDEX
    drift = -step * n.DIRECTION_GRADIENT[i] - step**2 * tau * n.DIRECTION[i] / 2
    noise = step * sp.Sum(n.DIRECTION_NOISE_ROOT[i, k] * n.DB[k], (k, 1, d))
    equation = derive(protocol, "general").result["direction_sde"]
    assert sp.expand(equation.rhs - drift * n.DT - noise) == 0


def test_closed_forms_of_the_radius():
    t, r0 = n.TIME, n.INITIAL_RADIUS
    fixed = eta * tau / (2 * lam)
    solution = derive("fixed-lr", "general").result["radius_solution"]
    assert sp.simplify(solution.rhs - fixed - (r0**4 - fixed) * sp.exp(-4 * eta * lam * t)) == 0
    fixed = elr * tau / (2 * lam)
    solution = derive("fixed-elr", "general").result["radius_solution"]
    assert sp.simplify(solution.rhs - fixed / (1 + (fixed / r0**2 - 1) * sp.exp(-(elr**2) * tau * t))) == 0


def test_thermodynamics():
    fixed_lr, fixed_elr, sphere = (derive(protocol).result for protocol in PROTOCOLS)
    assert sp.simplify(fixed_lr["stationary_radius"] ** 4 - eta * sigma**2 * (d - 1) / (2 * lam)) == 0
    assert sp.simplify(fixed_lr["temperature"] ** 2 - eta * lam * sigma**2 / (2 * (d - 1))) == 0
    assert fixed_lr["relaxation_rate"] == 4 * eta * lam
    assert sp.simplify(fixed_elr["stationary_radius"] ** 2 - elr * sigma**2 * (d - 1) / (2 * lam)) == 0
    assert fixed_elr["temperature"] == elr * sigma**2 / 2
    assert sp.simplify(sphere["pressure"] - (d - 1) * sphere["temperature"] / r**2) == 0
    for result in (fixed_lr, fixed_elr, sphere):
        equation = result["equation_of_state"]
        assert equation.lhs == n.PRESSURE * n.VOLUME
        assert sp.simplify(equation.rhs - (d - 1) / 2 * n.TEMPERATURE) == 0


def test_explicit_dimension():
    derivation = derive("fixed-lr", dimension=3)
    assert derivation.verify() > 0
    assert sp.simplify(derivation.result["temperature"] - sp.sqrt(eta * lam) * sigma / 2) == 0


def mutations(equation):
    """Wrong versions of an equation: a factor, a sign, an exponent, a term."""
    right = equation.rhs
    if right == 0:
        for wrong in [sp.S.One] if equation.lhs.has(sp.Sum) else [n.DT, r, 5 * n.DB[1]]:
            yield sp.Eq(equation.lhs, wrong, evaluate=False)
        return
    yield sp.Eq(equation.lhs, 2 * right, evaluate=False)
    yield sp.Eq(equation.lhs, -right, evaluate=False)
    for symbol in (eta, elr, lam, r, tau, sigma):
        if right.has(symbol):
            yield sp.Eq(equation.lhs, right.subs(symbol, symbol**2), evaluate=False)


def test_every_mutated_step_is_rejected():
    count = 0
    for protocol in PROTOCOLS:
        derivation = derive(protocol)
        for index, step in enumerate(derivation.steps):
            for wrong in mutations(step.equation):
                steps = list(derivation.steps)
                steps[index] = dataclasses.replace(step, equation=wrong)
                mutant = dataclasses.replace(derivation, steps=tuple(steps))
                with pytest.raises(VerificationError, match=f"step {index + 1}"):
                    mutant.verify((3,))
                count += 1
    assert count > 100


def test_printing():
    derivation = derive("fixed-elr")
    assert derivation.latex().startswith(r"\begin{align*}")
    assert r"\bar{w}" in derivation.latex()
    markdown = derivation._repr_markdown_()
    assert all(step.claim in markdown for step in derivation.steps)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fixed-speed",), "protocol: got 'fixed-speed', wanted one of 'fixed-lr'"),
        (("fixed-lr", "pink"), "noise: got 'pink', wanted one of 'isotropic'"),
        (("fixed-lr", "isotropic", 0), "dimension: got 0"),
        (("fixed-lr", "isotropic", 1), "dimension: got 1, wanted an integer ≥ 2"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        derive(*arguments)


def test_evaluate_says_what_is_missing():
    derivation = derive("fixed-lr")
    with pytest.raises(ValueError, match=r"depends on .*weight_decay"):
        derivation.evaluate("temperature", learning_rate=0.1, noise_scale=1.0, dimension=3)
    with pytest.raises(KeyError, match="stationary_radius"):
        derivation.evaluate("volume")
    with pytest.raises(ValueError, match=r"equation_of_state: .* is not a number"):
        derivation.evaluate("equation_of_state", dimension=3)
    with pytest.raises(ValueError, match="lr: no such quantity"):
        derivation.evaluate("temperature", lr=0.1)
    with pytest.raises(ValueError, match="dimensions: got"):
        derivation.verify((1,))
