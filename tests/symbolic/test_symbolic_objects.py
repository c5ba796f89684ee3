"""Symbolic objects are values: equal if rebuilt, copied or pickled, substituted into and simplified, shown in LaTeX."""

import copy
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
import sympy as sp

from thermo_ideal import symbolic
from thermo_ideal.symbolic import ItoProcess, Polar, StratonovichProcess, TensorSpace, derive, gas
from thermo_ideal.symbolic import _notation as n

S, mu, sigma, c = sp.symbols("S mu sigma c", positive=True)
x, v = sp.symbols("x v", real=True)
t, d = sp.Symbol("t", nonnegative=True), sp.Symbol("d", integer=True, positive=True)
i, k = sp.symbols("i k", integer=True)
W, g = sp.IndexedBase("W"), sp.IndexedBase("g")
f = sp.Function("f")


def flat_space(factor=1):
    return TensorSpace(
        d,
        products={(W, W): lambda: factor * S**2, (W, g): lambda: sp.S.Zero},
        gradients={W: sp.KroneckerDelta, S: lambda j: W[j] / S},
    )


def descent(factor=1, inner=1):
    return ItoProcess(flat_space(inner), lambda i: -factor * W[i], lambda i, k: sigma * sp.KroneckerDelta(i, k))


# Each made from the same parts with a coefficient, which is 1 or 2.
MAKERS = {
    "ItoProcess": lambda a: ItoProcess([x, v], [a * v, -x - f(v)], [[0], [sigma]], time=t),
    "with correlation": lambda a: ItoProcess(
        [x, v], [0, 0], [[1, 0], [0, 1]], correlation=[[1, c / a], [c / a, 1]], parameters=[c]
    ),
    "unexpanded": lambda a: ItoProcess([x], [sp.factor(a * (d - 1) / 2) * x], [[1]]),
    "StratonovichProcess": lambda a: StratonovichProcess([S], [a * mu * S], [[sigma * S]]),
    "in symbolic dimension": descent,
    "TensorSpace": flat_space,
    "of another space": lambda a: descent(inner=a),
    "Polar": lambda a: Polar(a * d),
    "ItoDifferential": lambda a: ItoProcess([S], [a * mu * S], [[sigma * S]]).lemma(S**2),
    "dS/S": lambda a: ItoProcess([S], [mu * S], [[sigma * S]]).lemma(S) / (a * S),
    "StratonovichDifferential": lambda a: StratonovichProcess([S], [0], [[sigma * S]]).chain_rule(a * S),
    "differential in symbolic dimension": lambda a: descent(a).lemma(W[i] * S),
    "MomentEquations": lambda a: ItoProcess([S], [-a * mu * S], [[sigma]]).moment_equations(),
    "StationaryMoments": lambda a: ItoProcess([S], [-a * mu * S], [[sigma]]).moment_equations().stationary(),
    "GaussianLaw": lambda a: ItoProcess([S], [-a * mu * S], [[sigma]]).moment_equations().transition_law([1]),
    "StationaryDensity": lambda a: ItoProcess([x], [-a * x], [[1]]).stationary_law(-sp.oo, sp.oo),
    "Gas": lambda a: gas.Gas(-a * gas.R * gas.T * sp.log(gas.T * (gas.V - c))),
    "Step": lambda a: derive("fixed-elr", dimension=a + 1)["noise_trace"],
    "Derivation": lambda a: derive("fixed-elr", dimension=a + 1),
    "schedule": lambda a: derive("fixed-lr", time_dependent=("learning_rate", "weight_decay")[:a]),
    "statistics": lambda a: gas.statistics(order=a),
    "zonal": lambda a: symbolic.zonal_chain("fixed-elr", a + 1),
    "part of a derivation": lambda a: derive("fixed-elr").towards(("temperature", "radius_solution")[a - 1]),
    "substituted": lambda a: derive("fixed-elr").subs(n.NOISE_SCALE, a),
}


@pytest.mark.parametrize("name", MAKERS)
def test_equal_if_made_of_the_same_parts(name):
    make = MAKERS[name]
    one, again, other = make(1), make(1), make(2)
    copies = [again, copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))]
    for same in copies:
        assert same == one
        assert hash(same) == hash(one)
        assert repr(same) == repr(one)
    assert one != other
    assert other not in {one}
    assert len({one, other, *copies}) == 2


@pytest.mark.parametrize("name", MAKERS)
def test_shown_in_notebooks(name):
    shown = MAKERS[name](1)._repr_latex_()
    assert shown.startswith(r"$\displaystyle ")
    assert shown.endswith("$")
    assert shown.count("{") == shown.count("}")
    assert shown.count(r"\left") - shown.count(r"\leftarrow") == shown.count(r"\right") - shown.count(r"\rightarrow")
    assert "Lambda" not in shown


def test_every_public_class_is_shown_in_notebooks():
    for module in (symbolic, gas):
        for name in module.__all__:
            thing = getattr(module, name)
            if isinstance(thing, type) and not issubclass(thing, Exception):
                assert hasattr(thing, "_repr_latex_"), name


def test_a_pickle_can_be_read_in_another_process():
    parts = ("ItoProcess", "in symbolic dimension", "differential in symbolic dimension", "Gas", "zonal")
    pickled = pickle.dumps([MAKERS[name](1) for name in parts])
    code = (
        "import pickle, sys\n"
        "process, *_, gas, zonal = objects = pickle.load(sys.stdin.buffer)\n"
        "sys.stdout.buffer.write(pickle.dumps(objects))"
    )
    result = subprocess.run([sys.executable, "-c", code], input=pickled, capture_output=True, check=True)
    assert pickle.loads(result.stdout) == [MAKERS[name](1) for name in parts]


@pytest.mark.parametrize("name", ["Derivation", "statistics", "zonal", "part of a derivation", "substituted"])
def test_a_pickled_derivation_verifies(name):
    derivation = MAKERS[name](1)
    again = pickle.loads(pickle.dumps(derivation))
    assert again.verify((2,)) == derivation.verify((2,)) > 0
    step = again.steps[-1]
    wrong = replace(step, equation=sp.Eq(step.equation.lhs, 2 * step.equation.rhs))
    with pytest.raises(symbolic.VerificationError):
        replace(again, steps=(*again.steps[:-1], wrong), result={}).verify((2,))


def test_a_check_of_a_users_own_travels_by_its_name():
    derivation = derive("fixed-elr")
    step = replace(derivation.steps[0], check=no_residual)
    assert pickle.loads(pickle.dumps(step)).check is no_residual


def no_residual(equation, case):
    return []


def test_quantities_that_were_computed_do_not_travel():
    perfect = gas.calorically_perfect()
    assert perfect["C_p"] == pickle.loads(pickle.dumps(perfect))["C_p"] == copy.deepcopy(perfect)["C_p"]


def test_gases_differ_by_their_energies_and_not_by_their_names():
    F = -gas.T * sp.log(gas.T * gas.V)
    assert gas.Gas(F, name="mine") == gas.Gas(F, name="yours")
    assert gas.Gas(F) != gas.Gas(F, 3)
    assert gas.von_mises_fisher().subs(n.DIMENSION, 3) == gas.von_mises_fisher(3)
    assert gas.von_mises_fisher(3).dimension == 3


def test_substitution_in_a_process():
    process = ItoProcess([S], [mu * S * t], [[sigma * S]], time=t, parameters=[mu, sigma])
    assert process.free_symbols == {S, mu, sigma, t}
    assert process.subs(mu, c) == ItoProcess([S], [c * S * t], [[sigma * S]], time=t, parameters=[c, sigma])
    assert process.subs({mu: 2, sigma: c}) == ItoProcess([S], [2 * S * t], [[c * S]], time=t, parameters=[c])
    assert process.subs([(mu, sigma), (sigma, 1)]) == ItoProcess([S], [S * t], [[S]], time=t, parameters=[])
    swapped = process.subs({mu: sigma, sigma: mu}, simultaneous=True)
    assert (swapped.drift[0], swapped.diffusion[0]) == (sigma * S * t, mu * S)
    assert process.subs(S, c) == ItoProcess([c], [mu * c * t], [[sigma * c]], time=t, parameters=[mu, sigma])
    assert process.subs(t, 3) == ItoProcess([S], [3 * mu * S], [[sigma * S]], parameters=[mu, sigma])
    with pytest.raises(ValueError, match=r"state: got \[2\] for \[S\]"):
        process.subs(S, 2)
    with pytest.raises(ValueError, match=r"time: got 2\*c, expected a symbol"):
        process.subs(t, 2 * c)


def test_substitution_commutes_with_itos_lemma():
    process = ItoProcess([x, v], [v, -mu * x], [[0, 1], [sigma, x]], correlation=[[1, c], [c, 1]])
    differential = process.lemma(x * v**2)
    values = {mu: 3, sigma: S, c: sp.Rational(1, 2)}
    assert differential.subs(values) == process.subs(values).lemma(x * v**2)
    assert differential.subs(values) != differential
    assert descent().lemma(S**2).subs(sigma, 2) == descent().subs(sigma, 2).lemma(S**2)
    assert {mu, sigma, x, v, c} == differential.free_symbols


def test_substitution_in_laws():
    equations = ItoProcess([S], [-mu * S], [[sigma]]).moment_equations()
    ones = ItoProcess([S], [-S], [[sigma]]).moment_equations()
    assert equations.subs(mu, 1) == ones
    assert equations.stationary().subs(mu, 1) == ones.stationary()
    assert equations.transition_law([c]).subs(mu, 1) == ones.transition_law([c])
    law = ItoProcess([x], [-mu * x], [[sigma]]).stationary_law(-sp.oo, sp.oo)
    assert law.free_symbols == {x, mu, sigma}
    assert law.subs({mu: 2, sigma: 2}).density == ItoProcess([x], [-2 * x], [[2]]).stationary_law(-sp.oo, sp.oo).density


def test_simplification():
    one = sp.sin(x) ** 2 + sp.cos(x) ** 2
    process = ItoProcess([x], [one * x], [[one]])
    assert process.simplify() == ItoProcess([x], [x], [[1]])
    assert process.lemma(x).simplify() == process.simplify().lemma(x)
    assert descent(sp.sin(c) ** 2 + sp.cos(c) ** 2).simplify() == descent()
    photons = gas.Gas(-(gas.T**4) * gas.V * (sp.sin(c) ** 2 + sp.cos(c) ** 2))
    assert photons.simplify() == gas.Gas(-(gas.T**4) * gas.V) != photons


def test_substitution_in_a_derivation():
    derivation = derive("fixed-lr")
    there = derivation.subs({n.LEARNING_RATE: sp.Rational(1, 10), n.NOISE_SCALE: 2})
    assert there.result["relaxation_rate"] == 2 * n.WEIGHT_DECAY / 5
    assert n.LEARNING_RATE in derivation.free_symbols
    assert not {n.LEARNING_RATE, n.NOISE_SCALE} & there.free_symbols
    assert there.verify((2,)) > derivation.verify((2,))
    three = derivation.subs(n.DIMENSION, 3)
    assert (three.dimension, three.result["temperature"]) == (3, derive("fixed-lr", dimension=3).result["temperature"])
    wrong = replace(there["noise_trace"], equation=sp.Eq(n.NOISE_TRACE, 5 * (n.DIMENSION - 1)))
    with pytest.raises(symbolic.VerificationError, match="trace of the covariance"):
        replace(there, steps=tuple(wrong if s.name == "noise_trace" else s for s in there.steps)).verify((2,))


def test_a_rule_names_its_indices():
    with pytest.raises(ValueError, match=r"gradients: got a rule for W that takes any number of indices.*lambda i, j"):
        TensorSpace(d, {}, {W: lambda *indices: sp.KroneckerDelta(*indices)})
