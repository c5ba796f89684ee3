"""Logs of runs whose law is known: the analysis gives that law, its errors are right, wrong inputs are rejected."""

import json

import jax
import numpy as np
import pytest

from tests.support.statistics import assert_estimate, assert_rejects, assert_variance
from tests.support.training_logs import DIMENSION, loss_free_runs, write_csv
from thermo_ideal.dynamics import SGD, FixedLearningRate, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.experiments import analyse_log
from thermo_ideal.integrators import ZonalEulerMaruyama, simulate
from thermo_ideal.thermodynamics import equilibrium

RULES = {
    "plain": {"learning_rate": 0.1, "weight_decay": 0.05},
    "momentum": {"learning_rate": 0.02, "weight_decay": 0.05, "momentum": 0.9},
    "decoupled": {"learning_rate": 0.02, "weight_decay": 0.05, "momentum": 0.9, "decay": "decoupled"},
}
EVERY = 10
SKIPPED = 1500


def log_of(folder, radius, gradient, first=0, every=EVERY, name="log.csv"):
    steps = np.arange(first, len(radius), every)
    return write_csv(folder / name, step=steps, weight_norm=radius[steps], grad_norm=gradient[steps])


@pytest.fixture(scope="module", params=RULES, ids=str)
def many(request, tmp_path_factory):
    """100 analyses of stationary runs of one rule."""
    rule, folder = RULES[request.param], tmp_path_factory.mktemp("logs")
    radius, gradient = loss_free_runs(0, 9500, **rule, start=3.0, runs=100)
    logs = [log_of(folder, radius[:, i], gradient[:, i], SKIPPED, name=f"{i}.csv") for i in range(100)]
    return rule, logs, [analyse_log(log, **rule, dimension=DIMENSION)["all"] for log in logs]


def test_equation_of_state_and_coverage(many):
    _, _, gases = many
    for name in ("compressibility", "radius_ratio", "radius_balance"):
        z = np.array([float(gas[name].estimate.z_score(1.0)) for gas in gases])
        assert np.abs(z).max() < 5
        assert_variance(z)
        assert abs(z.mean()) < 0.5  # five standard errors of 100
        assert np.mean(np.abs(z) < 1.96) >= 0.88
    assert sum(gas.regime in ("stationary", "quasi-static") for gas in gases) >= 95


def test_temperature_and_radius(many):
    rule, _, gases = many
    beta = rule.get("momentum", 0.0)
    eta = rule["learning_rate"] / (1 - beta)
    pressure = rule["weight_decay"] * (1 - beta if rule.get("decay") == "decoupled" else 1)
    temperature = np.sqrt(eta * pressure / (2 * (DIMENSION - 1)))  # of the SDE, noise scale 1
    radius = (eta * (DIMENSION - 1) / (2 * pressure)) ** 0.25
    gas = gases[0]
    for name in ("temperature_noise", "temperature_radius"):
        assert abs(gas[name].value / temperature - 1) < 5 * gas[name].standard_error / temperature + 0.01
        assert not abs(gas[name].value / (1.1 * temperature) - 1) < 5 * gas[name].standard_error / temperature + 0.01
    assert abs(gas["stationary_radius"].value / radius - 1) < 0.01
    assert abs(gas["angle"].value / gas["equilibrium_angle"].value - 1) < 0.01


@pytest.mark.parametrize("wrong", [{"weight_decay": 0.06}, {"learning_rate": 0.12}, {"momentum": 0.5}])
def test_wrong_hyperparameters_are_rejected(many, wrong):
    rule, logs, _ = many
    assert_rejects(assert_estimate, analyse_log(logs[0], **(rule | wrong))["all"]["compressibility"].estimate, 1.0)


def test_momentum_forgotten_is_rejected(tmp_path):
    rule = RULES["momentum"]
    log = log_of(tmp_path, *(x[:, 0] for x in loss_free_runs(1, 6000, **rule, start=3.0)), SKIPPED)
    assert_estimate(analyse_log(log, **rule)["all"]["compressibility"].estimate, 1.0)
    assert_rejects(
        assert_estimate, analyse_log(log, **(rule | {"momentum": 0.0}))["all"]["compressibility"].estimate, 1.0
    )
    decoupled = analyse_log(log, **rule, decay="decoupled")["all"]["compressibility"].estimate
    assert_rejects(assert_estimate, decoupled, 1.0)


def test_transient_is_cut_off_and_would_have_been_seen(tmp_path):
    rule = RULES["plain"]
    radius, gradient = (x[:, 0] for x in loss_free_runs(2, 20_000, **rule, start=8.0))
    gas = analyse_log(log_of(tmp_path, radius, gradient), **rule)["all"]
    assert gas.regime == "stationary"
    assert gas.since >= 100
    assert_estimate(gas["compressibility"].estimate, 1.0)
    assert_estimate(gas["radius_balance"].estimate, 1.0)
    # Nothing but transient: 60 steps are about one relaxation time.
    short = analyse_log(log_of(tmp_path, radius[:60], gradient[:60], every=1), **rule)["all"]
    assert short.regime == "transient"
    assert abs(short["compressibility"].value - 1) > 1


def test_a_schedule_is_followed_quasi_statically(tmp_path):
    def slow(step):
        return 0.1 * (1 - 0.8 * step / 20_000)

    radius, gradient = (x[:, 0] for x in loss_free_runs(3, 20_000, learning_rate=slow, weight_decay=0.05, start=2.65))
    steps = np.arange(0, 20_000, 10)
    log = write_csv(
        tmp_path / "log.csv", step=steps, weight_norm=radius[steps], grad_norm=gradient[steps], lr=slow(steps)
    )
    gas = analyse_log(log, weight_decay=0.05)["all"]
    assert gas.regime == "quasi-static"
    assert_estimate(gas["radius_balance"].estimate, 1.0)
    assert "compressibility" not in gas.quantities
    assert_rejects(assert_estimate, analyse_log(log, weight_decay=0.06)["all"]["radius_balance"].estimate, 1.0)
    final = gas.series.predicted_radius[-200:] / gas.series.curve_radius[-200:]
    assert abs(float(final.mean()) - 1) < 0.01


def test_a_run_of_the_package(tmp_path):
    sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(1.0), FixedLearningRate(0.1, 0.05))
    chain = ZonalEulerMaruyama(sgd, DIMENSION)
    start = chain.start(radius=2.65, overlap=0.5)
    run = simulate(jax.random.key(0), chain, start, 20_000, burn_in=2_000, save=1)
    radius = np.linalg.norm(np.asarray(run.samples, np.float64), axis=-1)
    # g ⟂ w: the radius after a step tells the gradient's norm.
    square = np.maximum(radius[1:] ** 2 - (1 - 0.1 * 0.05) ** 2 * radius[:-1] ** 2, 0.0)
    gas = analyse_log(log_of(tmp_path, radius[:-1], np.sqrt(square) / 0.1), **RULES["plain"], dimension=DIMENSION)[
        "all"
    ]
    assert_estimate(gas["compressibility"].estimate, 1.0)
    exact = float(equilibrium(sgd, DIMENSION).temperature)
    assert abs(gas["temperature_radius"].value / exact - 1) < 0.03  # the SDE, and a share |∇L|²/Tr Σ


def test_full_gradient_gives_the_noise(tmp_path):
    rng = np.random.default_rng(4)
    steps, drift, trace = np.arange(4000), 3.0, 9.0
    radius = np.full(4000, 2.0)
    batch = np.sqrt((drift + rng.gamma(20.0, trace / 20.0, 4000)) / radius**2)
    full = np.full(4000, np.sqrt(drift) / 2.0)
    log = write_csv(tmp_path / "log.csv", step=steps, weight_norm=radius, grad_norm=batch, full_grad_norm=full)
    gas = analyse_log(log, learning_rate=0.1, weight_decay=0.1, batch=128, dimension=10)["all"]
    assert_estimate(gas["noise_trace"].estimate, trace)
    assert_estimate(gas["sample_noise_trace"].estimate, 128 * trace)
    assert_estimate(gas["noise_scale"].estimate, 1.0)
    assert_rejects(assert_estimate, gas["noise_trace"].estimate, drift + trace)


def test_groups_are_gases_of_their_own(tmp_path):
    rule = RULES["plain"]
    first, second = (loss_free_runs(seed, 5000, **rule, start=2.65) for seed in (5, 6))
    steps = np.arange(0, 5000, 10)
    columns = {"norm/a.b": first[0], "grad/a.b": first[1], "norm/c": second[0], "grad/c": 2 * second[1]}
    log = write_csv(tmp_path / "log.csv", _step=steps, **{name: x[steps, 0] for name, x in columns.items()})
    found = analyse_log(log, **rule, groups={"weight_norm": "norm/{}", "gradient_norm": "grad/{}"})
    assert list(found.gases) == ["a.b", "c"]
    assert_estimate(found["a.b"]["compressibility"].estimate, 1.0)
    assert_rejects(assert_estimate, found["c"]["compressibility"].estimate, 1.0)


def test_what_a_log_gives_without_dimension_and_columns(tmp_path):
    log = log_of(tmp_path, *(x[:, 0] for x in loss_free_runs(7, 4000, **RULES["plain"], start=2.65)))
    gas = analyse_log(log, **RULES["plain"])["all"]
    assert "temperature_noise" not in gas.quantities
    assert {"thermal_energy_noise", "thermal_energy_radius", "compressibility"} <= set(gas.quantities)
    assert any("--dim" in sentence for sentence in gas.missing)
    assert any("full_gradient_norm" in sentence for sentence in gas.missing)
    with pytest.raises(KeyError, match="compressibility"):
        gas["temperature_noise"]


def test_results_print_and_travel(tmp_path):
    log = log_of(tmp_path, *(x[:, 0] for x in loss_free_runs(8, 4000, **RULES["plain"], start=2.65)))
    found = analyse_log(log, **RULES["plain"])
    text = found.to_json()
    assert text.isascii()
    assert json.loads(text)["gases"]["all"]["quantities"]["compressibility"]["blocks"] >= 4
    assert "pV/RT" in repr(found)
    assert found._repr_markdown_().count("|---") == 5
    assert "<table>" in found._repr_html_()
    with pytest.raises(AttributeError):
        found.notes = []
