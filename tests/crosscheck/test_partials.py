"""Partial derivatives: SymPy's Jacobians in forty digits against automatic differentiation."""

import mpmath
import numpy as np
import pytest

from tests.laws.test_symbolic_laws import lowered
from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State, VonMisesFisherGas

GASES = {"von Mises–Fisher, d = 7": VonMisesFisherGas(7), "calorically perfect": CaloricallyPerfectGas(7)}
TEXTS = [
    "d(entropy)/d(log(weight_decay))|learning_rate",
    "d(U)/d(log(eta))|lambda",
    "d(S)/d(log(lambda))|eta_eff",
    "d(log(r))/d(log(eta))|lambda",
    "d(G)/d(log(eta))|lambda",
    "d(T)/d(p)|S",
    "d2(G)/d(p)2|T",
    "d2(S)/d(log(eta))2|lambda",
    "d(C_V)/d(log(lambda))|eta",
    "d(gamma)/d(T)|V",
    "d(d(F)/d(T)|V)/d(V)|T",
    "d3G/dT3",
    "(d2G/dTdP)",
    "(dS/dV)_T - (dP/dT)_V",
]


@pytest.mark.parametrize("name", GASES)
def test_numeric_and_symbolic_partials_agree(x64, name):
    for T, V in ((0.03, 1.5), (0.8, 0.2)):
        state = State(GASES[name], temperature=T, volume=V, noise_scale=1.3)
        for text in TEXTS:
            with mpmath.workdps(40):
                exact = float(lowered(name, text)(*map(mpmath.mpf, (T, V, 7, 1.3))))
            np.testing.assert_allclose(state.partial(text), exact, rtol=1e-10, atol=1e-12, err_msg=text)
    assert not np.isclose(state.partial("d(G)/d(p)|T"), exact, rtol=1e-3)
