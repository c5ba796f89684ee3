"""The isotropic-noise model: datasets that say what they are, for the paper's protocols and for any other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from tests.support.systems import DecayedSphere, LabelledLearningRate, ProportionalLearningRate
from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.dynamics import AbstractProtocol, FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.experiments import Profile, run_isotropic
from thermo_ideal.integrators import simulate
from thermo_ideal.numerics import like
from thermo_ideal.reports import print_verdict, toy_figures
from thermo_ideal.sweeps import Grid, Sweep, open_results, run
from thermo_ideal.verification import REQUIREMENTS, replays_derivation, verify
from thermo_ideal.verification._measurements import Measurements

DEVICES = 2
TINY = Profile("tiny", points=3, replicas=4, samples=50, num_steps=4096)
OTHERS = [requirement for requirement in REQUIREMENTS if requirement is not replays_derivation]


class SaturatingLearningRate(AbstractProtocol):
    """`η = c r⁴/(c + r²)`, so that `λ = (τ/2) c/(c + r²)`: `r*² = c(τ/2λ − 1)` is no product of powers."""

    factor: jax.Array
    weight_decay: jax.Array
    name = "saturating-lr"
    fixes_radius = False

    def learning_rate_at(self, radius):
        return self.factor * radius**4 / (self.factor + radius**2)

    def weight_decay_at(self, radius):
        return like(self.weight_decay, radius)

    def constrain(self, position):
        return position

    def stationary_radius(self, noise_trace):
        return jnp.sqrt(self.factor * (noise_trace / (2 * self.weight_decay) - 1))

    def radius_relaxation_rate(self, noise_trace):
        radius = self.stationary_radius(noise_trace)
        return 2 * self.learning_rate_at(radius) * self.weight_decay * radius**2 / (self.factor + radius**2)


def test_nearest_neighbours_are_left_out_where_they_say_nothing(tmp_path):
    """At d = 10 they want 7 million samples; the entropy by the angle to μ has no such limit, nor have the others."""
    rates = [0.02, 0.04, 0.08]
    sweep = Sweep(
        "isotropic",
        [Grid("fixed-elr", effective_learning_rate=rates, weight_decay=[0.1, 0.2, 0.4])],
        dimension=10,
        replicas=4,
        initial_radii=(0.9, 1.1),
        initial_directions=("minimum", "uniform"),
        num_steps=4096,
        samples=50,
        stride=4,
    )
    run(sweep, tmp_path, checkpoint_interval=None)
    results = open_results(tmp_path).load()
    assert not [name for name in results["fixed-elr"].data_vars if "knn" in name]
    data = results["fixed-elr"].to_dataset()
    measured = Measurements.of_dataset(data, ["effective_learning_rate", "weight_decay"], "radius", 10)
    assert {"direction_entropy", "loss", "radius"} <= measured.runs.keys()
    assert "direction_entropy_knn" not in measured.runs
    assert "50 samples at d = 10" in measured.refusals["S_kNN"]


def test_datasets_have_names_units_and_provenance(quick_results):
    assert {"profile", "seed", "created", "thermo_ideal", "jax", "source"} <= quick_results.attrs.keys()
    axes = {
        "fixed-elr": {"effective_learning_rate", "weight_decay", "replica", "sample"},
        "fixed-lr": {"learning_rate", "weight_decay", "replica", "sample"},
        "fixed-sphere": {"effective_learning_rate", "radius", "replica", "sample"},
    }
    for protocol, dims in axes.items():
        data = quick_results[protocol].to_dataset()
        assert set(data.dims) == dims
        assert {"profile", "seed", "source"} <= data.attrs.keys()
        for name, variable in data.variables.items():
            if name in DICTIONARY:
                assert DICTIONARY[name].attributes.items() <= variable.attrs.items()
            if name != "started_inside":
                assert variable.attrs["long_name"]
                assert np.isfinite(variable).all()
        assert (data["burn_in_relaxation_times"] >= 9.99).all()
        assert data["started_inside"].sum() == data.sizes["replica"] // 2


def test_same_seed_same_results_for_any_number_of_devices():
    profile = Profile("tiny", points=3, replicas=4, samples=50, num_steps=4096)
    a, b = (run_isotropic(profile, seed=1, devices=jax.devices()[:n]) for n in (1, 2))
    xr.testing.assert_equal(a["fixed-lr"].to_dataset(), b["fixed-lr"].to_dataset())
    other = run_isotropic(profile, seed=2)
    assert not np.array_equal(a["fixed-lr"]["loss"], other["fixed-lr"]["loss"])


def test_an_error_in_a_worker_comes_out(monkeypatch):
    def fail(*_, **__):
        raise FloatingPointError("run (0,) became NaN or infinite")

    monkeypatch.setattr("thermo_ideal.experiments._isotropic.simulate", fail)
    with pytest.raises(FloatingPointError, match="became NaN"):
        run_isotropic(Profile("tiny", points=3, replicas=4, samples=50, num_steps=4096))


def test_wrong_profile():
    with pytest.raises(ValueError, match="points: got 2"):
        Profile("tiny", points=2)
    with pytest.raises(ValueError, match="replicas: got 5"):
        Profile("tiny", points=3, replicas=5)
    with pytest.raises(ValueError, match="num_steps: got 4096, expected at least 40000"):
        Profile("tiny", points=3, samples=5000, num_steps=4096)
    with pytest.raises(ValueError, match="seed: got"):
        run_isotropic(Profile("tiny", points=3), seed=2**32)


def failing(verdict):
    """The claims that do not hold; small grids cannot be asked everything."""
    return [row.claim for rows in verdict.rows.values() for row in rows if row.evaluated and not row.passed]


@pytest.fixture(scope="module")
def proportional():
    """A learning rate in proportion to the radius, which the package does not know."""
    grid = ProportionalLearningRate(np.geomspace(0.01, 0.1, 5)[:, None], np.geomspace(0.02, 0.2, 4)[None])
    return run_isotropic(Profile("small", points=5, samples=500), [grid])


def test_any_protocol_end_to_end(proportional, capsys):
    data = proportional["proportional-lr"].to_dataset()
    assert dict(data.sizes) == {"factor": 5, "weight_decay": 4, "replica": 8, "sample": 500}
    np.testing.assert_allclose(data["factor"], np.geomspace(0.01, 0.1, 5), rtol=1e-6)
    assert "units" not in data["factor"].attrs
    assert "ProportionalLearningRate" in data["factor"].attrs["description"]
    assert DICTIONARY["weight_decay"].attributes.items() <= data["weight_decay"].attrs.items()
    verdict = verify(proportional, protocols=[ProportionalLearningRate], requirements=OTHERS)
    print_verdict(verdict, Console(width=120))
    printed = capsys.readouterr().out
    assert not failing(verdict), printed
    assert "proportional-lr, 20 of 20 grid points" in printed
    assert [slope.name for slope in verdict.slopes["proportional-lr"]] == [
        "∂S/∂log λ|factor",
        "∂S/∂log factor|λ",
        "(∂log factor − 2 ∂log λ) S",
    ]
    np.testing.assert_allclose([slope.theory for slope in verdict.slopes["proportional-lr"]], [-1 / 3, 4 / 3, 2])
    assert len(toy_figures(verdict)) == 8


def test_the_wrong_protocol_fails(proportional):
    """A learning rate that goes with another power of the radius has other hyperparameters of the same names."""
    for wrong in (ProportionalLearningRate(0.1, 0.1, exponent=1.2), ProportionalLearningRate(0.1, 0.1, exponent=0.0)):
        verdict = verify(proportional, protocols=[wrong], requirements=OTHERS)
        failed = {row.claim for row in verdict.rows["proportional-lr"] if not row.passed}
        assert {"r is that of discrete SGD", "pV = RT as η_eff → 0, by r"} <= failed
    assert failing(verify(proportional, 1.1, protocols=[ProportionalLearningRate], requirements=OTHERS))


def test_a_protocol_without_a_derivation_says_so(proportional):
    with pytest.raises(ValueError, match="requirements: got replays_derivation for 'proportional-lr'"):
        verify(proportional, protocols=[ProportionalLearningRate])


def test_no_slope_is_claimed_where_there_is_no_power_law(capsys):
    grid = SaturatingLearningRate(np.array([[0.02], [0.05], [0.1]]), np.array([[0.1, 0.2, 0.3]]))
    results = run_isotropic(Profile("small", points=3, samples=300), [grid])
    verdict = verify(results, protocols=[SaturatingLearningRate], requirements=OTHERS)
    print_verdict(verdict, Console(width=120))
    printed = capsys.readouterr().out
    assert not failing(verdict), printed
    assert verdict.slopes == {"saturating-lr": ()}
    assert "No slope is claimed for saturating-lr" in " ".join(printed.split())


def test_a_sphere_with_weight_decay(capsys):
    grid = DecayedSphere(np.geomspace(0.02, 0.2, 3)[:, None], np.array([[0.001, 0.01, 0.1]]))
    results = run_isotropic(Profile("small", points=3, samples=500), [grid])
    verdict = verify(results, protocols=[DecayedSphere], requirements=OTHERS)
    print_verdict(verdict, Console(width=120))
    assert not failing(verdict), capsys.readouterr().out
    assert list(verdict.comparisons["decayed-sphere"].quantities)[-1] == "p"
    assert len(toy_figures(verdict)) == 8


@pytest.mark.parametrize(
    ("protocols", "message"),
    [
        ([], r"protocols: got the names \[\]"),
        (
            [FixedLearningRate(np.array([[0.1]]), np.array([[0.1]]))] * 2,
            r"protocols: got the names \['fixed-lr', 'fixed-lr'\]",
        ),
        ([FixedLearningRate(0.1, 0.1)], r"protocols: got 'fixed-lr' with learning_rate of shape \(\), weight_decay"),
        ([FixedLearningRate(np.array([[0.1], [0.2]]), np.array([[0.1], [0.2]]))], r"weight_decay of shape \(2, 1\)"),
        (
            [FixedLearningRate(lambda step: 0.1, np.array([[0.1]]))],
            "protocols: got 'fixed-lr' with weight_decay of shape",
        ),
    ],
)
def test_what_is_no_grid_is_refused(protocols, message):
    with pytest.raises(ValueError, match=message):
        run_isotropic(TINY, protocols)


def test_runs_that_diverge_are_counted_and_cost_no_other(monkeypatch):
    """Of each block of three points, one replica of the first has a learning rate that is far too large."""
    grid = FixedLearningRate(np.array([0.05, 0.1, 0.2])[:, None], np.array([0.1, 0.2])[None])
    profile = Profile("tiny", points=3, replicas=4, samples=200, num_steps=4096)
    good = run_isotropic(profile, [grid])["fixed-lr"].to_dataset()

    def simulate_too_fast(key, integrator, position, *arguments, **others):
        rates = jnp.broadcast_to(integrator.sgd.protocol.learning_rate, (3, 4)).at[0, 1].set(1e30)
        integrator = eqx.tree_at(lambda run: run.sgd.protocol.learning_rate, integrator, rates)
        return simulate(key, integrator, position, *arguments, **others)

    monkeypatch.setattr("thermo_ideal.experiments._isotropic.simulate", simulate_too_fast)
    results = run_isotropic(profile, [grid])
    bad = results["fixed-lr"].to_dataset()
    lost = (bad["diverged_at"] > 0).to_numpy()
    assert lost.sum() == 2
    assert (bad["diverged_at"].to_numpy()[lost] == 4).all()
    for name, variable in bad.data_vars.items():
        if "replica" in variable.dims and name != "diverged_at":
            assert np.isnan(variable.to_numpy()[lost]).all(), name
            assert np.isfinite(variable.to_numpy()[~lost]).all(), name
            # The spacings of angles are those among all replicas of a point.
            same = ~lost & ~(lost.any(axis=-1, keepdims=True) & name.startswith("direction_entropy"))
            np.testing.assert_array_equal(variable.to_numpy()[same], good[name].to_numpy()[same])
    verdict = verify(results, protocols=[FixedLearningRate], requirements=OTHERS)
    rows = {row.claim: row for row in verdict.rows["fixed-lr"]}
    row = rows.pop("no run is NaN or infinite")
    assert (row.passed, row.measured) == (False, "2 of 24 runs, at 2 grid points")
    assert not any("nan" in row.measured for row in rows.values())
    assert verdict.comparisons["fixed-lr"].stationary.sum() == 4
    good_tree = xr.DataTree.from_dict({"/fixed-lr": good})
    rows = verify(good_tree, protocols=[FixedLearningRate], requirements=OTHERS).rows["fixed-lr"]
    (row,) = [row for row in rows if row.claim == "no run is NaN or infinite"]
    assert (row.passed, row.measured) == (True, "0 of 24 runs, at 0 grid points")


def alike(rates, weight_decays, kind=FixedLearningRate):
    """A grid whose points differ by less than a millionth."""
    tiny = 1e-6 * np.arange(3)
    return kind(rates * (1 + tiny)[:, None], weight_decays * (1 + tiny[:2])[None])


def closest(*datasets):
    """The smallest distance of two runs, of whichever protocol, grid point or replica."""
    runs = np.concatenate(
        [
            np.stack([data[name].to_numpy().ravel() for name in ("loss", "log_radius", "energy_variance")], axis=-1)
            for data in datasets
        ]
    )
    distance = np.linalg.norm(runs[:, None] - runs[None], axis=-1)
    return distance[~np.eye(len(runs), dtype=bool)].min()


def test_no_two_runs_draw_the_same_numbers():
    """Points so near each other would go the same way: within a block, in two blocks, under two protocols' names."""
    labelled = LabelledLearningRate(*alike(0.05, 0.1).constants.values(), share=1.0)
    results = run_isotropic(TINY, [alike(0.05, 0.1), labelled])
    datasets = [results[name].to_dataset() for name in ("fixed-lr", "labelled-lr")]
    assert closest(*datasets) > 1e-5
    # The same stream twice is as near as the points are.
    again = datasets[0].copy(deep=True)
    again["loss"] = again["loss"] * (1 + 1e-6)
    assert closest(datasets[0], again) < 1e-6


def test_replicas_start_where_they_should(monkeypatch):
    """Half at the minimum of the loss, inside, and half anywhere, outside; on the fixed sphere at its radius."""
    seen = {}

    def look(key, integrator, position, *_, **__):
        protocol = integrator.sgd.protocol
        seen.setdefault(protocol.name, []).append((np.asarray(protocol.stationary_radius(2.0)), np.asarray(position)))
        raise KeyboardInterrupt

    monkeypatch.setattr("thermo_ideal.experiments._isotropic.simulate", look)
    profile = Profile("tiny", points=3, replicas=40, samples=50, num_steps=4096)
    mu = np.ones(3) / np.sqrt(3)
    for i, ratio in enumerate([(0.9, 1.1), (0.9, 1.1), (1.0, 1.0)]):
        grid = [FixedEffectiveLearningRate, FixedLearningRate, FixedSphere][i]
        with pytest.raises(KeyboardInterrupt):
            run_isotropic(profile, [grid(np.array([0.05, 0.1, 0.2])[:, None], np.array([0.1, 0.2, 0.4])[None])])
        radius, start = seen[grid.name][0]
        assert start.shape == (3, 40, 3)
        found = np.linalg.norm(start, axis=-1) / np.broadcast_to(radius, (3, 1))
        np.testing.assert_allclose(found[:, :20], ratio[0], rtol=1e-5)
        np.testing.assert_allclose(found[:, 20:], ratio[1], rtol=1e-5)
        directions = start / np.linalg.norm(start, axis=-1, keepdims=True)
        np.testing.assert_allclose(directions[:, :20] @ mu, 1.0, rtol=1e-6)
        hot = directions[:, 20:].reshape(-1, 3)
        assert len(np.unique(hot, axis=0)) == 60, "each in a direction of its own"
        assert np.linalg.norm(hot.mean(axis=0)) < 5 / np.sqrt(60), "of the whole sphere"
