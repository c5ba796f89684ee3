"""`thermo-ideal state`: its numbers are those of the state, its warnings appear where they must, its refusals help."""

import json

import jax
import numpy as np
import pytest
from rich.cells import cell_len

from tests.support.systems import ProportionalLearningRate
from thermo_ideal._expressions import parse
from thermo_ideal.cli import main
from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.dynamics import IsotropicNoise as Isotropic
from thermo_ideal.dynamics import VonMisesFisherLoss as Toy
from thermo_ideal.reports import report_state
from thermo_ideal.thermodynamics import PROPERTY_GROUPS, State, VonMisesFisherGas, equilibrium
from thermo_ideal.thermodynamics._partial_derivatives import ALGEBRA, value_of
from thermo_ideal.thermodynamics._property_table import PROPERTIES
from thermo_ideal.verification import stationary_law

HOT = {"protocol": "fixed-lr", "lr": 0.05, "wd": 1e-3, "sigma": 1, "dim": 43692}
COLD = {"protocol": "fixed-elr", "elr": 0.005, "wd": 0.1, "sigma": 1, "dim": 30}
SPHERE = {"protocol": "fixed-sphere", "elr": 0.05, "radius": 2, "sigma": 1, "dim": 3}


def without_sigma(options):
    return {name: value for name, value in options.items() if name != "sigma"}


def status(**options):
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with pytest.raises(SystemExit) as stop:
        main(["state", *(word for word in words if word != "True")])
    return stop.value.code


@pytest.fixture
def record(capsys):
    """What the command prints as JSON; numbers that JSON does not have are refused."""

    def ask(**options):
        def refuse(constant):
            raise AssertionError(constant)

        assert status(**options, json=True) == 0
        return json.loads(capsys.readouterr().out, parse_constant=refuse)

    return ask


def test_formulas_give_the_properties(x64):
    @jax.jit
    def both(state):
        names = state.local_derivatives()
        quantities = {name: quantity for group in PROPERTY_GROUPS.values() for name, quantity in group.items()}
        formulas = {name: quantity.formula for name, quantity in quantities.items() if quantity.formula}
        found = {name: value_of(parse(formula, names, ALGEBRA)) for name, formula in formulas.items()}
        return {name: (value, getattr(state, name)) for name, value in found.items()}

    state = State(VonMisesFisherGas(11), temperature=0.07, weight_decay=0.03, noise_scale=1.3)
    found = both(state)
    assert len(PROPERTIES) - len(found) == 1  # the relaxation rate is none of thermodynamics
    for name, (value, expected) in found.items():
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-14, err_msg=name)


def test_values_are_those_of_the_state(x64, record):
    found = record(**HOT)
    assert found.keys() == {"protocol", "properties", "warnings"}
    assert found["protocol"] == "fixed-lr"
    state = equilibrium(SGD(Toy(), Isotropic(), FixedLearningRate(0.05, 1e-3)), 43692)
    for name in PROPERTIES:
        row = found["properties"][name]
        assert row.keys() == {"value", "symbol", "meaning"}
        # Of an ideal gas the Joule–Thomson coefficient is nothing but rounding.
        np.testing.assert_allclose(row["value"], getattr(state, name), rtol=1e-12, atol=1e-14, err_msg=name)
    rate = found["properties"]["radius_relaxation_rate"]
    assert np.isclose(rate["value"], 4 * 0.05 * 1e-3, rtol=1e-12)
    assert found["properties"]["volume_variance"]["value"] < found["properties"]["piston_volume_variance"]["value"]


def test_warnings_of_a_hot_slow_gas(record):
    hot, slow = record(**HOT)["warnings"]
    assert "T(d − 1) = 1.05" in hot
    assert "C_V/R = 0.537" in hot
    assert "γ = 2.86" in hot
    assert "+0.25 nats per degree of freedom" in hot
    assert "the radius in 5,000 and the direction in 12,700 steps" in slow
    assert "takes 76,000" in slow


def test_no_warnings_where_there_is_nothing_to_warn_of(record):
    assert record(**COLD)["warnings"] == []
    (slow,) = record(**COLD | {"elr": 0.001})["warnings"]
    assert "slow" in slow


def test_the_shift_by_finite_steps_is_exact_where_it_can_be(x64, record):
    found = record(**SPHERE)
    sgd = SGD(Toy(), Isotropic(), FixedSphere(0.05, 2.0))
    law, state = stationary_law(sgd, 3), equilibrium(sgd, 3)
    shift = {name: found["properties"][f"discrete_{name}_shift"] for name in ("energy", "pressure")}
    assert np.isclose(shift["energy"]["value"], law.mean_loss / state.internal_energy - 1, rtol=1e-9)
    assert np.isclose(shift["pressure"]["value"], law.effective_weight_decay / state.pressure - 1, rtol=1e-9)
    assert all("exactly" in row["meaning"] for row in shift.values())
    (coarse,) = found["warnings"]
    assert "coarse steps" in coarse
    assert "+2.2 % in U and by +2.2 % in p" in coarse
    assert "radius_relaxation_rate" not in found["properties"]


@pytest.mark.parametrize("protocol", [HOT, {**COLD, "elr": 1e-3}, {**SPHERE, "elr": 1e-3}], ids=lambda p: p["protocol"])
def test_leading_order_is_the_exact_shift_of_small_steps(record, monkeypatch, protocol):
    name = "discrete_pressure_shift" if protocol is not HOT and "radius" in protocol else "discrete_radius_shift"
    exact = record(**protocol)["properties"]

    def fail(*_):
        raise ArithmeticError

    monkeypatch.setattr("thermo_ideal.reports._states.stationary_law", fail)
    leading = record(**protocol)["properties"]
    assert "to leading order" in leading[name]["meaning"]
    assert np.isclose(leading[name]["value"], exact[name]["value"], rtol=0.02)
    assert 0.4 < exact["discrete_energy_shift"]["value"] / leading["discrete_energy_shift"]["value"] < 1.1


def test_a_step_beyond_any_stationary_state(record):
    found = record(protocol="fixed-elr", elr=1.5, wd=1, sigma=1, dim=3)
    assert any("no stationary state of SGD itself" in text for text in found["warnings"])
    assert "discrete_radius_shift" not in found["properties"]


def test_the_largest_gas_is_quick_and_says_how(record):
    shift = record(protocol="fixed-elr", elr=2e-9, wd=1e-3, sigma=1, dim=10**9)["properties"]["discrete_radius_shift"]
    assert "to leading order" in shift["meaning"]


def test_as_text(capsys):
    assert status(**COLD) == 0
    text = capsys.readouterr().out
    for part in (
        "hyperparameters",
        "potentials",
        "SGD itself",
        "η_eff",
        "0.005",
        "temperature: effective learning rate",
    ):
        assert part in text
    assert max(cell_len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (
            {},
            ["--protocol: got nothing, expected one of fixed-lr, fixed-elr, fixed-sphere", "--protocol fixed-lr --lr"],
        ),
        ({"protocol": "lr"}, ["got 'lr'"]),
        (HOT | {"elr": 1}, ["got --lr and --elr and --wd, expected --lr and --wd", "--protocol fixed-lr --lr 0.05"]),
        (
            {"protocol": "fixed-sphere", "dim": 3},
            ["got nothing, expected --elr and --radius", "--elr 1e-4 --radius 10"],
        ),
        ({k: v for k, v in HOT.items() if k != "dim"}, ["--dim: got nothing, expected a whole number ≥ 2"]),
        (HOT | {"dim": 1}, ["--dim: got 1,"]),
        (HOT | {"dim": 2.5}, ["--dim: got 2.5, expected a whole number ≥ 2"]),
        (HOT | {"dim": "inf"}, ["--dim: got inf"]),
        (HOT | {"wd": 0}, ["--wd: got 0.0, expected a number > 0", "type thermo-ideal state"]),
        (HOT | {"lr": "nan"}, ["--lr: got nan"]),
        (HOT | {"sigma": -1}, ["--sigma: got -1.0"]),
        (HOT | {"dim": "1e300"}, ["--dim: got 1e+300, expected a whole number ≥ 2 and at most 2^53"]),
        (HOT | {"dim": "1e999999999"}, ["--dim: got 1e999999999, expected a whole number ≥ 2"]),
        (HOT | {"dim": 2**53 + 1}, ["--dim: got 9.0072e+15, expected a whole number ≥ 2 and at most 2^53"]),
        ({k: v for k, v in HOT.items() if k != "sigma"}, ["got nothing, expected --sigma or --noise-trace or --norm"]),
        (HOT | {"norm": 3.0}, ["got --sigma and --norm, expected --sigma or --noise-trace or --norm"]),
        (without_sigma(SPHERE) | {"norm": 3.0}, ["got --norm, expected --sigma or --noise-trace; type"]),
        (without_sigma(COLD) | {"noise-trace": 0.0}, ["--noise-trace: got 0.0, expected a number > 0"]),
        (without_sigma(COLD) | {"norm": "inf"}, ["--norm: got inf, expected a number > 0"]),
        (without_sigma(COLD) | {"norm": 1e200}, ["--norm: got 1e+200, expected one that a noise trace"]),
        (HOT | {"lr": "much"}, ["--lr: got 'much', expected a number, as in 0.05"]),
        (HOT | {"lr": 1e300, "wd": 1e100}, ["heat_capacity_ratio: got inf"]),
        (COLD | {"elr": 1e-300, "wd": 1e-300}, ["volume_variance: got nan"]),
    ],
)
def test_refusals(capsys, options, parts):
    assert status(**options) == 2
    message = capsys.readouterr().err.replace("\n", " ").replace("  ", " ")
    for part in parts:
        assert part in message


@pytest.mark.parametrize("options", [HOT | {"lr": "much"}, HOT | {"momentum": 0.9}])
def test_what_is_no_number_or_no_option(options):
    assert status(**options) == 2


@pytest.mark.parametrize("protocol", [HOT, COLD], ids=lambda p: p["protocol"])
def test_noise_by_its_trace_or_by_the_norm_that_it_holds(record, protocol):
    """`r⁴ = ητ/2λ`, or `r² = η_eff τ/2λ`, and `τ = (d − 1)σ²`: three ways to say σ = 1.3."""
    sigma, trace = 1.3, (protocol["dim"] - 1) * 1.3**2
    rate = protocol.get("lr") or protocol["elr"]
    norm = (rate * trace / (2 * protocol["wd"])) ** (0.25 if "lr" in protocol else 0.5)
    expected = record(**protocol | {"sigma": sigma})
    for known in ({"noise-trace": trace}, {"norm": norm}):
        found = record(**without_sigma(protocol), **known)
        assert np.isclose(found["properties"]["noise_scale"]["value"], sigma, rtol=1e-12)
        assert np.isclose(found["properties"]["radius"]["value"], norm, rtol=1e-12)
        for name, row in expected["properties"].items():
            assert np.isclose(found["properties"][name]["value"], row["value"], rtol=1e-6, atol=1e-12), name


def test_whole_numbers_are_typed_as_one_likes(record):
    assert record(**COLD | {"dim": "3e1"}) == record(**COLD) == record(**COLD | {"dim": "30.0"})


def test_help_lists_the_protocols(capsys):
    assert status(help=True) == 0
    words = capsys.readouterr().out.replace("│", " ").replace('"', " ").replace(",", " ").replace(".", " ").split()
    assert {"fixed-lr", "fixed-elr", "fixed-sphere", "--norm", "--noise-trace", "--sigma"} <= set(words)


def test_json_is_ascii_and_loses_nothing(capsys):
    assert status(**COLD, json=True) == 0
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text)["properties"]["effective_learning_rate"]["symbol"] == "η_eff"


def test_single_precision_is_read_as_it_was_typed():
    """0.05 stays 0.05, whatever the precision in which the protocol was made."""
    single = report_state(FixedLearningRate(0.05, 1e-3), 30)
    with jax.enable_x64(True):
        double = report_state(FixedLearningRate(0.05, 1e-3), 30)
    assert single.to_dict() == double.to_dict()
    assert np.isclose(single["temperature"], np.sqrt(0.05 * 1e-3 / 2 / 29), rtol=1e-13)


def test_report_of_any_protocol():
    """Its rows are those of the fixed effective learning rate that settles in this state, but for the protocol's."""
    report = report_state(ProportionalLearningRate(0.01, 0.1), 3)
    radius = 0.1 ** (1 / 3)
    same = report_state(FixedEffectiveLearningRate(0.01 / radius, 0.1), 3)
    properties, others = report.to_dict()["properties"], same.to_dict()["properties"]
    assert properties.keys() == others.keys()
    changed = {
        name for name, row in properties.items() if not np.isclose(row["value"], others[name]["value"], rtol=1e-6)
    }
    assert changed == {"volume_variance", "radius_relaxation_rate", "discrete_radius_shift", "discrete_energy_shift"}
    assert np.isclose(properties["radius_relaxation_rate"]["value"], 3 * 0.01 * 0.1 * radius, rtol=1e-6)
    assert np.isclose(properties["volume_variance"]["value"] / others["volume_variance"]["value"], 2 / 3, rtol=1e-6)
    assert "exactly" in properties["discrete_radius_shift"]["meaning"]
    assert report.protocol.name in repr(report)
    assert len(repr(report).splitlines()) < 12


def test_report_takes_one_state():
    with pytest.raises(ValueError, match=r"learning_rate: got an array of shape \(2,\)"):
        report_state(FixedLearningRate(np.array([0.1, 0.2]), 0.1), 3)
    with pytest.raises(ValueError, match="learning_rate: got a schedule"):
        report_state(FixedLearningRate(lambda step: 0.1, 0.1), 3)
