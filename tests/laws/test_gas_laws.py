"""Every law × every gas × every protocol, at states that Hypothesis draws. A row adds a model.

A law is a text whose value must be 0. `GENERAL` holds for any Helmholtz energy; `IDEAL` for every scale-invariant loss;
`PERFECT` for a quadratic minimum. States are drawn as a protocol's hyperparameters, as a user of SGD would.
"""

from functools import cache

import hypothesis
import hypothesis.strategies as st
import mpmath
import pytest
import sympy as sp

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic import gas

T, V = gas.T, gas.V
DIGITS = 30

GENERAL = {
    "Maxwell, U": "d(T)/d(V)|S + d(p)/d(S)|V",
    "Maxwell, H": "d(T)/d(p)|S - d(V)/d(S)|p",
    "Maxwell, F": "d(S)/d(V)|T - d(p)/d(T)|V",
    "Maxwell, G": "d(S)/d(p)|T + d(V)/d(T)|p",
    "dU: temperature": "d(U)/d(S)|V - T",
    "dU: pressure": "d(U)/d(V)|S + p",
    "dH: temperature": "d(H)/d(S)|p - T",
    "dH: volume": "d(H)/d(p)|S - V",
    "dF: entropy": "d(F)/d(T)|V + S",
    "dF: pressure": "d(F)/d(V)|T + p",
    "dG: entropy": "d(G)/d(T)|p + S",
    "dG: volume": "d(G)/d(p)|T - V",
    "Gibbs–Helmholtz, F": "d(F/T)/d(1/T)|V - U",
    "Gibbs–Helmholtz, G": "d(G/T)/d(1/T)|p - H",
    "C_V by U": "C_V - d(U)/d(T)|V",
    "C_V by S": "C_V - T*d(S)/d(T)|V",
    "C_V by F": "C_V + T*d2(F)/d(T)2|V",
    "C_p by H": "C_p - d(H)/d(T)|p",
    "C_p by S": "C_p - T*d(S)/d(T)|p",
    "C_p by G": "C_p + T*d2(G)/d(T)2|p",
    "Mayer": "C_p - C_V - T*V*alpha^2/kappa_T",
    "Mayer by pressure": "C_p - C_V - T*d(p)/d(T)|V*d(V)/d(T)|p",
    "ratio of heat capacities": "gamma - kappa_T/kappa_S",
    "compressibilities": "kappa_T - kappa_S - T*V*alpha^2/C_p",
    "energy equation": "d(U)/d(V)|T - T*d(p)/d(T)|V + p",
    "enthalpy equation": "d(H)/d(p)|T + T*d(V)/d(T)|p - V",
    "Joule–Thomson": "mu_JT - V*(T*alpha - 1)/C_p",
    "cyclic, p V T": "d(p)/d(V)|T*d(V)/d(T)|p*d(T)/d(p)|V + 1",
    "cyclic, T S V": "d(T)/d(S)|V*d(S)/d(V)|T*d(V)/d(T)|S + 1",
    "reciprocal": "d(S)/d(p)|V*d(p)/d(S)|V - 1",
    "chain": "d(S)/d(T)|V - d(S)/d(U)|V*d(U)/d(T)|V",
    "C_V with volume": "d(C_V)/d(V)|T - T*d2(p)/d(T)2|V",
    "C_p with pressure": "d(C_p)/d(p)|T + T*d2(V)/d(T)2|p",
    "area": "d(T)/d(p)|V*d(S)/d(V)|p - d(S)/d(p)|V*d(T)/d(V)|p - 1",
    "symmetry of F": "d(d(F)/d(T)|V)/d(V)|T - d(d(F)/d(V)|T)/d(T)|V",
}
IDEAL = {
    "equation of state": "p*V - R*T",
    "energy without volume": "d(U)/d(V)|T",
    "enthalpy without pressure": "d(H)/d(p)|T",
    "Mayer is R": "C_p - C_V - R",
    "gamma": "gamma - 1 - R/C_V",
    "expansivity": "alpha - 1/T",
    "isothermal compressibility": "kappa_T - 1/p",
    "adiabatic compressibility": "kappa_S - 1/(gamma*p)",
    "throttling": "mu_JT",
    "adiabat": "d(log(p))/d(log(V))|S + gamma",
    "adiabatic temperature": "d(log(T))/d(log(V))|S + gamma - 1",
    "entropy splits": "S - S_dir - 2*R*log(r)",
    "product T V": "T*V - eta*sigma^2/4",
    "temperature": "T - eta_eff*sigma^2/2",
    "pressure is weight decay": "p - lambda",
    "effective rate": "eta_eff*r^2 - eta",
    "temperature of a learning rate": "T^2 - eta*lambda*sigma^2/(4*R)",
}
PROTOCOL = {
    "fixed-lr": ("eta", "lambda", "d(S)/d(log(eta))|lambda - d(S)/d(log(lambda))|eta - R"),
    "fixed-elr": ("eta_eff", "lambda", "d(S)/d(log(lambda))|eta_eff + R"),
    "fixed-sphere": ("eta_eff", "r", "d(S)/d(log(r))|eta_eff - 2*R"),
}
PERFECT = {
    "C_V is R": "C_V - R",
    "energy": "U - R*T",
    "weight decay moves along an adiabat": "d(S)/d(log(lambda))|eta",
    "entropy of a learning rate": "S - R*log(pi*exp(1)*eta*sigma^2)",
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
