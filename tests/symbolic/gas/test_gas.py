"""Gases from their fundamental relation, any partial derivative of them, and what may be written as text."""

import pytest
import sympy as sp

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic import derive, gas

T, V, d = gas.T, gas.V, n.DIMENSION
generic, perfect = gas.scale_invariant(), gas.calorically_perfect()


def vanishes(expression):
    return sp.simplify(expression) == 0


def test_ideal_whatever_the_loss():
    for model in (generic, perfect, gas.von_mises_fisher(), gas.von_mises_fisher(7)):
        assert vanishes(model["p*V - R*T"])
        assert vanishes(model.partial("U", "V", at="T"))
        assert vanishes(model["C_p - C_V - R"])
        assert model["mu_JT"] == 0


def test_calorically_perfect_only_at_a_quadratic_minimum():
    assert perfect["C_V"] == sp.factor((d - 1) / 2)
    assert perfect["gamma"] == 2
    assert not vanishes(gas.von_mises_fisher(7)["C_V - R"])


def test_entropy_of_the_perfect_gas():
    assert vanishes(sp.expand_log(perfect["S"] - (d - 1) / 2 * sp.log(4 * sp.pi * sp.E * T * V), force=True))
    assert vanishes(sp.expand_log(perfect["S_dir"] - (d - 1) / 2 * sp.log(2 * sp.pi * sp.E * T), force=True))


def test_hyperparameter_forms():
    """The Maxwell relations in hyperparameters, from changes of variables."""
    assert vanishes(generic.partial("S", "log(lambda)", at="eta_eff") + (d - 1) / 2)
    assert vanishes(generic["d(S)/d(log(eta))|lambda - d(S)/d(log(lambda))|eta"] - (d - 1) / 2)
    assert vanishes(generic.partial("S", "log(r)", at="eta_eff") - (d - 1))
    assert perfect.partial("S", "log(lambda)", at="eta") == 0
    assert vanishes(generic.partial("T*V", "lambda", at="eta"))


def test_names_words_and_text_agree():
    by_name = generic.partial("S", "log(lambda)", at="eta")
    assert gas.partial("entropy", "log_weight_decay", at="learning_rate") == by_name
    assert gas.partial("d(S)/d(log(lambda))|eta") == by_name
    assert gas.partial("  d( S ) / d(T) | V ") == generic.partial("S", "T", at="V")
    assert gas.partial("ln(+T)") == gas.partial("log_T") == sp.log(T)
    assert gas.partial(generic["S"], "log(lambda)", at="eta") == by_name


def test_symbols_stand_for_their_quantities():
    """Results of `derive` are in hyperparameters, and these are functions of T and V."""
    plain = sp.Symbol("S")
    assert vanishes(gas.partial(plain, sp.Symbol("T"), at="V") - generic.partial("S", "T", at="V"))
    assert vanishes(gas.partial(n.LEARNING_RATE, "T", at="V") - 4 * V / n.NOISE_SCALE**2)
    assert vanishes(generic[derive("fixed-lr").result["temperature"]] - T)
    assert vanishes(gas.partial(derive("fixed-lr").result["temperature"], "log(lambda)", at="eta") - T / 2)


def test_a_quantity_that_does_not_exist_leaves_the_others():
    photons = gas.Gas(-(T**4) * V)
    assert vanishes(photons["U - 3*p*V"])
    with pytest.raises(ValueError, match="cannot vary"):
        photons["C_p"]


def test_second_order():
    assert gas.partial("d2(G)/d(p)2|T") == gas.partial("d(d(G)/d(p)|T)/d(p)|T")
    assert gas.partial("G", "p", at="T", order=2) == gas.partial("d2(G)/d(p)2|T")
    assert vanishes(gas.partial("d2(G)/d(T)2|p") + gas.partial("C_p") / T)
    assert vanishes(gas.partial("d(d(F)/d(T)|V)/d(V)|T - d(d(F)/d(V)|T)/d(T)|V"))


def test_held_fixed_may_be_any_expression():
    assert vanishes(perfect.partial("S", "T", at="T*V"))
    assert perfect.partial("d(S)/d(T)|(T*V)") == 0
    assert vanishes(perfect["d(T)/d(log(V))|S + T"])


def test_from_entropy():
    U = sp.Symbol("U", positive=True)
    same = gas.Gas.from_entropy((d - 1) / 2 * sp.log(8 * sp.pi * sp.E * U * V / (d - 1)), U)
    assert vanishes(sp.expand_log(same["F"] - perfect["F"], force=True))
    with pytest.raises(ValueError, match="has 0 solutions for U"):
        gas.Gas.from_entropy(sp.log(V), U)


def test_a_gas_needs_temperature_and_volume():
    with pytest.raises(ValueError, match=r"helmholtz_energy: got T\*V"):
        gas.Gas(sp.Symbol("T") * V)
    with pytest.raises(ValueError, match="helmholtz_energy: got 3"):
        gas.Gas(3)
    with pytest.raises(ValueError, match="dimension: got 1, expected a number ≥ 2"):
        gas.von_mises_fisher(1)


def test_legendre_transform_is_an_involution():
    x, y = sp.symbols("x y", positive=True)
    for f in (x**2, sp.exp(x), x * sp.log(x), -sp.sqrt(x)):
        slope = y if sp.diff(f, x).subs(x, 2).is_positive else -y
        transformed = gas.legendre_transform(f, x, slope)
        back = gas.legendre_transform(transformed, y, -x if slope == y else x)
        assert vanishes(back - f)
    with pytest.raises(ValueError, match="has 0 solutions for x"):
        gas.legendre_transform(3 * x, x, y)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("d(S)/d(T)", r"without \|Z"),
        ("d(S)", "without /d"),
        ("d(S)/d(T)|", "with nothing behind it"),
        ("entropie", "'entropie' is no quantity, expected one of T, V, p"),
        ("d2(S)/d(T)|V", "without the 2"),
        ("S; T", "^'S; T', character 2: got ';', expected arithmetic"),
        ("d(S/d(T)|V", "a parenthesis that is not closed"),
        ("__import__('os')", "__import__"),
        ("S.diff", r"^'S\.diff', character 2: got '\.'"),
        ("[S]", "got .*S"),
        ("d(S)/d(T)|T", "cannot vary while"),
        ("d(U)/d(U)|T", "cannot vary while"),
    ],
)
def test_text_that_is_no_quantity(text, message):
    with pytest.raises(ValueError, match=message):
        gas.partial(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"Y": "T"}, "at: got None"),
        ({"at": "V"}, "Y: got None with at='V'"),
        ({"order": 2}, "Y: got None with at=None, order=2"),
        ({"Y": "T", "at": "V", "order": 4}, "order: got 4"),
    ],
)
def test_partial_expects_what_varies_and_what_is_fixed(arguments, message):
    with pytest.raises(ValueError, match=message):
        gas.partial("S", **arguments)


def test_maxwell_relations_of_every_potential():
    result = gas.maxwell_relations("fixed-lr").result
    by_name = {str(relation.lhs): str(relation.rhs) for relation in result.values()}
    assert by_name["d(S)/d(V)|T"] == "d(p)/d(T)|V"
    assert by_name["d(T)/d(V)|S"] == "-d(p)/d(S)|V"
    assert by_name["d(T)/d(p)|S"] == "d(V)/d(S)|p"
    assert by_name["-d(S)/d(p)|T"] == "d(V)/d(T)|p"


def test_volume_fluctuations_disagree():
    """The gas would fluctuate with the dimension, SGD does not."""
    for protocol, factor in (("fixed-elr", 1), ("fixed-lr", sp.Rational(1, 2))):
        result = gas.volume_fluctuations(protocol).result
        assert result["piston"] == 2 / (d - 1)
        assert vanishes(result["sgd"] - factor * n.EFFECTIVE_LEARNING_RATE**2 * n.NOISE_SCALE**2)
    with pytest.raises(ValueError, match="protocol: got 'fixed-sphere'"):
        gas.volume_fluctuations("fixed-sphere")
