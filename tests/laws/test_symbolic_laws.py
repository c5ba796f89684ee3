"""Every law × every symbolic gas × every protocol, at states that Hypothesis draws. A row adds a model.

A law is a text whose value must be 0: the very identities that `check_consistency` asks of numeric gases. States are
drawn as a protocol's hyperparameters, as a user of SGD would.
"""

from functools import cache

import hypothesis
import hypothesis.strategies as st
import mpmath
import pytest
import sympy as sp

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic import gas
from thermo_ideal.thermodynamics import _identities as identities

T, V = gas.T, gas.V
DIGITS = 30

OF_PROTOCOLS = ("rate_", "VarV_")  # relaxation rates and fluctuations, which a symbolic gas does not know


def of_the_gas(terms):
    return not any(word in term for term in terms for word in OF_PROTOCOLS)


GENERAL, IDEAL, PERFECT = (
    {name: " + ".join(f"({term})" for term in terms) for name, terms in laws.items() if of_the_gas(terms)}
    for laws in (identities.GENERAL, identities.IDEAL, identities.PERFECT)
)
PROTOCOL = {
    "fixed-lr": ("eta", "lambda", "d(S)/d(log(eta))|lambda - d(S)/d(log(lambda))|eta - R"),
    "fixed-elr": ("eta_eff", "lambda", "d(S)/d(log(lambda))|eta_eff + R"),
    "fixed-sphere": ("eta_eff", "r", "d(S)/d(log(r))|eta_eff - 2*R"),
}
_a, _b = sp.Rational(3, 10), sp.Rational(1, 20)
van_der_waals = gas.Gas(-T * sp.log(V - _b) * 3 - _a / V - 3 * T * sp.log(T), sp.Integer(7), "van der Waals")
MODELS = {
    "calorically perfect": (gas.calorically_perfect(), GENERAL | IDEAL | PERFECT),
    "von Mises–Fisher, d = 2": (gas.von_mises_fisher(2), GENERAL | IDEAL),
    "von Mises–Fisher, d = 3": (gas.von_mises_fisher(3), GENERAL | IDEAL),
    "von Mises–Fisher, d = 7": (gas.von_mises_fisher(7), GENERAL | IDEAL),
    "von Mises–Fisher, any d": (gas.von_mises_fisher(), GENERAL | IDEAL),
    "van der Waals": (van_der_waals, GENERAL),
}
SPECIAL = {name for name, (_, laws) in MODELS.items() if laws is not GENERAL}


@cache
def lowered(model, law):
    """The law's value as a function of T, V, d and σ, and the size of its terms, in mpmath."""
    value = MODELS[model][0][law]
    functions = {"MeanResultantLength": _mean_resultant_length, "LogPartition": _log_partition}
    return sp.lambdify([T, V, n.DIMENSION, n.NOISE_SCALE], value, [functions, "mpmath"], cse=True)


@cache
def _mean_resultant_length(d, kappa):
    return mpmath.besseli(mpmath.mpf(d) / 2, kappa) / mpmath.besseli(mpmath.mpf(d) / 2 - 1, kappa)


@cache
def _log_partition(d, kappa):
    nu = mpmath.mpf(d) / 2 - 1
    return (nu + 1) * mpmath.log(2 * mpmath.pi) - nu * mpmath.log(kappa) + mpmath.log(mpmath.besseli(nu, kappa)) - kappa


def check(model, law, protocol, x, y, sigma, dimension):
    """The law at hyperparameters (x, y) of the protocol."""
    with mpmath.workdps(3 * DIGITS):
        x, y, sigma = (mpmath.mpf(value) for value in (x, y, sigma))
        if MODELS[model][0].dimension != n.DIMENSION:
            dimension = int(MODELS[model][0].dimension)
        dimension = mpmath.mpf(dimension)  # an int would divide in double precision
        R = (dimension - 1) / 2
        temperature = mpmath.sqrt(x * y * sigma**2 / (4 * R)) if protocol == "fixed-lr" else x * sigma**2 / 2
        volume = y**2 / 2 if protocol == "fixed-sphere" else R * temperature / y
        if model == "van der Waals":
            volume += 1
            temperature += 1  # away from its critical point
        value = lowered(model, law)(temperature, volume, dimension, sigma)
        assert abs(value) < mpmath.mpf(10) ** -DIGITS * (1 + abs(volume)) * (1 + 1 / temperature), f"{law}: {value}"


hyperparameter = st.floats(1e-3, 10, allow_subnormal=False)


@pytest.mark.parametrize("protocol", PROTOCOL)
@pytest.mark.parametrize("model", MODELS)
@hypothesis.settings(max_examples=8)
@hypothesis.given(hyperparameter, hyperparameter, st.floats(0.1, 3), st.integers(2, 60))
def test_laws(model, protocol, x, y, sigma, dimension):
    laws = MODELS[model][1] | ({"protocol": PROTOCOL[protocol][2]} if model in SPECIAL else {})
    for law in laws.values():
        check(model, law, protocol, x, y, sigma, dimension)


@pytest.mark.parametrize(
    ("model", "law"),
    [
        ("van der Waals", IDEAL["equation of state"]),
        ("van der Waals", IDEAL["energy without volume"]),
        ("van der Waals", IDEAL["throttling"]),
        ("van der Waals", IDEAL["Mayer is R"]),
        ("van der Waals", PROTOCOL["fixed-elr"][2]),
        ("von Mises–Fisher, d = 7", PERFECT["C_V is R"]),
        ("von Mises–Fisher, any d", PERFECT["weight decay moves along an adiabat"]),
        ("calorically perfect", "d(S)/d(V)|T + d(p)/d(T)|V"),
        ("calorically perfect", "d(S)/d(log(lambda))|eta_eff + 1.001*R"),
        ("von Mises–Fisher, d = 3", "C_V - 1.0001*d(U)/d(T)|V"),
    ],
)
def test_a_wrong_law_is_rejected(model, law):
    with pytest.raises(AssertionError):
        check(model, law, "fixed-elr", 0.3, 0.2, 1.2, 5)
