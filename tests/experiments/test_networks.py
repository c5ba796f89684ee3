"""Networks as an experiment of the sweep engine, and its judgement: on runs, and on numbers whose truth is known."""

import shutil
from concurrent.futures import CancelledError

import jax
import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from thermo_ideal.cli import main
from thermo_ideal.estimators import step_length_entropy
from thermo_ideal.experiments import NETWORKS, shipped_networks
from thermo_ideal.experiments._network_setup import NetworkSetup
from thermo_ideal.integrators._progress import ProgressBar
from thermo_ideal.networks import judge_networks
from thermo_ideal.networks._group_gas import GROUP_QUANTITIES
from thermo_ideal.reports import network_figures, print_networks
from thermo_ideal.sweeps import Experiment, Grid, Sweep, SweepError, open_results, predict, register, run
from thermo_ideal.sweeps._block import Surroundings
from thermo_ideal.sweeps._execute import execute
from thermo_ideal.sweeps._layout import Layout

OPTIONS = {"widths": "8 8", "batch_size": 64, "logs": 8, "fresh_batches": 16, "draws": 16}
SPHERES = Grid("fixed-sphere", effective_learning_rate=[0.01, 0.02], radius=[0.5, 2.0])
TINY = Sweep(  # one block, so that all tests share what is compiled
    "networks",
    [SPHERES],
    replicas=4,
    num_steps=1200,
    burn_in=900,
    samples=12,
    seed=1,
    block_points=4,
    options=OPTIONS,
)


class Impatient(ProgressBar):
    """Cancels after some looks."""

    def __init__(self, looks):
        super().__init__("", 1, Console(quiet=True))
        self.looks = looks

    def advance(self, steps):
        super().advance(steps)
        self.looks -= 1
        if not self.looks:
            self.cancel()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    run(TINY, folder, devices=jax.devices()[:1])
    return folder


def test_a_tiny_grid_through_the_engine(tiny):
    """The pressure is in balance with what fresh mini-batches measure, at every point, and the radius is no matter."""
    results = open_results(tiny).load()
    data = results["fixed-sphere"]
    assert data.sizes == {"effective_learning_rate": 2, "radius": 2, "replica": 4, "group": 3, "half": 2, "spacing": 3}
    assert data.attrs["dimension"] == 64 * 8 + 8 * 8
    assert data.attrs["groups"] == ["layer1", "layer2", "whole"]
    assert data["rank"].values.tolist() == [63 * 8, 7 * 8, 70 * 8]
    judgement = judge_networks(results)
    balances = [row for row in judgement.required["fixed-sphere"] if "balance" in row.claim or "U depends" in row.claim]
    assert len(balances) == 3
    assert all(row.passed for row in balances)
    wrong = judge_networks(results, assumed_trace=2.0)  # as of batches of half the size
    assert not any(row.passed for row in wrong.required["fixed-sphere"] if "balance" in row.claim)


def test_resumed_is_uninterrupted(tiny, tmp_path):
    """Cancelled between two looks, a block goes on from its file and gives the bits of the run that was not."""
    file = tmp_path / "block.npz"
    block = Layout.of(TINY).block(0)
    device = jax.devices()[:1]
    with pytest.raises(CancelledError):
        execute(NETWORKS, block, Surroundings(device, Impatient(10), file, 60.0))
    with np.load(file) as kept:
        assert 0 < int(kept["step"]) < 900
    measured = execute(NETWORKS, block, Surroundings(device, None, file, 60.0))
    results = open_results(tiny)["fixed-sphere"].load()
    for name, (_, values) in measured.items():
        expected = results[name].values
        np.testing.assert_array_equal(values.reshape(expected.shape), expected, err_msg=name)
    file.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="damaged"):
        NETWORKS.read_checkpoint(file)


def test_reproduce_networks(tiny, monkeypatch, tmp_path, capsys):
    """The command ends in a table, figures and stored results; the same line goes on, and asks before it overwrites."""
    spec = tmp_path / "tiny.toml"
    spec.write_text(TINY.to_toml())
    monkeypatch.setattr("thermo_ideal.experiments.shipped_networks", lambda: {"tiny": spec})
    shutil.copytree(tiny, tmp_path / "out" / "sweep")
    line = ["reproduce", "networks", "--profile", "tiny", "--seed", "1", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as stop:
        main(line)
    assert stop.value.code in (0, 1)
    assert "as the spacing of samples goes from 5 to 25 steps" in capsys.readouterr().out.replace("\n", " ")
    assert "is it an ideal gas?" in (tmp_path / "out" / "report.txt").read_text()
    names = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert names == {"equation_of_state.png", "entropies.png", "groups.png"}
    stored = open_results(tmp_path / "out" / "results.zarr")["fixed-sphere"]
    assert {"compressibility_factor_error", "group_temperature", "step_length"} <= set(stored.data_vars)
    with pytest.raises(SystemExit) as stop:
        main([*line, "--overwrite", "--assumed-trace", "2"])
    assert stop.value.code == 1
    for wrong in (["--profile", "large"], ["--assumed-trace", "0"]):
        with pytest.raises(SystemExit) as stop:
            main([*line[:4], *wrong])
        assert stop.value.code == 2
        assert wrong[0] in capsys.readouterr().err


def test_shipped_specs():
    """The paper's thirteen grids, and the scale-invariant weights of its networks."""
    specs = {name: Sweep.from_toml(path.read_text(), name) for name, path in shipped_networks().items()}
    assert {"quick", "digits"} < specs.keys()
    paper = {name: spec for name, spec in specs.items() if name not in ("quick", "digits")}
    assert sum(len(spec.grids) for spec in paper.values()) == 13
    counts = {name: NetworkSetup.of(spec).dimension for name, spec in paper.items()}
    assert counts == {
        "convnet8-cifar10": 24_408,
        "convnet16-cifar100": 97_200,
        "resnet4-cifar10": 43_692,
        "resnet4-cifar100": 43_692 + 0,
        "resnet32-cifar10": 2_790_240,
    }
    assert [grid.shape for grid in paper["resnet4-cifar10"].grids] == [(13, 5), (19, 5), (13, 5)]
    assert all(len(grid.shape) == 2 and min(grid.shape) >= 5 for grid in specs["quick"].grids)
    assert specs["quick"].replicas >= 4


def test_plan_needs_no_data():
    """Memory counts the queue, and what is timed has random images; without a folder a run is refused."""
    spec = Sweep.from_toml(shipped_networks()["convnet8-cifar10"].read_text())
    queue = 3 * 4000 * 24_408 * 4  # spacings, samples, bytes of all weights
    assert queue < NETWORKS.bytes_per_run(spec, spec.grids[0]) < 2 * queue
    rehearsal = NETWORKS.rehearsal(spec)
    assert (rehearsal.runs, rehearsal.num_steps) == (spec.runs, spec.num_steps)
    data = NetworkSetup.of(rehearsal).load()
    assert (data.images.shape[1:], data.num_classes) == ((32, 32, 3), 10)
    with pytest.raises(ValueError, match='folder = "data"'):
        NetworkSetup.of(spec).load()


def test_predictions_ask_the_experiment():
    """What an experiment says of its memory is taken, and its rehearsal is timed in its place."""
    timed = []

    def measure(block):
        timed.append(block.sweep.seed)
        return {"number": block.points}

    register(
        Experiment(
            "rehearsed",
            measure,
            bytes_per_run=lambda sweep, grid: 10**12,
            rehearsal=lambda sweep: sweep.replace(seed=7),
        )
    )
    made = predict(Sweep("rehearsed", [SPHERES], num_steps=2000, seed=1), workers=1)
    assert timed == [7]
    assert made.memory > 4e12


@pytest.mark.parametrize(
    ("others", "field", "said"),
    [
        ({"options": {"network": "transformer"}}, "options", "one of 'mlp', 'convnet', 'resnet18'"),
        ({"options": {"breadth": 3}}, "options", "got breadth"),
        ({"options": {"data": "imagenet"}}, "options", "'digits'"),
        ({"options": {"widths": "8, 8"}}, "options", "widths = '32 32'"),
        ({"options": {"spacings": "5 1"}}, "options", "ascending"),
        ({"options": {"draws": 4}}, "options", "a whole number from 16"),
        ({"options": {"eps": -1.0}}, "options", "a number from 0"),
        ({"options": {"network": "resnet18"}}, "options", "28 x 28"),
        ({"samples": 13}, "samples", "2 to 12: 300 steps at spacing 25"),
        ({"replicas": 1}, "replicas", "at least 2"),
        ({"num_steps": "auto", "burn_in": "auto"}, "num_steps", "a number of steps"),
        ({"stride": 2}, "stride", "expected 1"),
        ({"dimension": 10}, "dimension", "networks have no such thing"),
    ],
)
def test_specs_that_are_refused(others, field, said):
    with pytest.raises(SweepError) as refused:
        TINY.replace(**others)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert said in refused.value.problems[0].message


RATES, DIMENSION, GROUPS, REPLICAS = np.geomspace(0.0005, 0.002, 6), 300, 2, 6


def gas(protocol="fixed-elr", entropy="gas", mixture=1.0, seed=0):
    """A cold ideal gas of two groups with isotropic noise σ = 1, measured with an error of 0.1 %."""
    rng = np.random.default_rng(seed)
    other = np.array([0.05, 0.1, 0.2])
    rank = np.array([(DIMENSION - 2) / 2, (DIMENSION - 2) / 2, DIMENSION - 2.0])
    shape = (len(RATES), len(other), REPLICAS)

    def noisy(values, last=()):
        """One draw for all groups: what a network has is not independent."""
        spread = 1 + 1e-3 * rng.normal(size=shape).reshape(*shape, *[1] * len(last))
        return np.broadcast_to(values, (*shape, *last)) * spread

    trace = rank.copy()
    trace[0] *= mixture
    eff = np.repeat(RATES[:, None, None, None], GROUPS + 1, axis=-1) * np.array([2.0, 2.0, 1.0])
    x = eff**2 * trace
    sphere = protocol == "fixed-sphere"
    decay = np.sqrt(1 + x) - 1 if sphere else 1 - np.sqrt(1 - x)
    found = dict.fromkeys((*GROUP_QUANTITIES, "fresh_noise_trace", "full_gradient_square"), 0.0 * eff)
    found |= {"effective_learning_rate": eff, "fresh_noise_trace": trace, "thermal_energy": eff * trace / 4}
    found |= {"mechanical_energy": decay / (2 * eff), "decay_per_step": decay, "squared_angle": 2 * decay}
    found |= {"radius": np.sqrt(decay / eff / other[:, None, None])}
    names = ["effective_learning_rate", "radius" if sphere else "weight_decay"]
    dims = [*names, "replica"]
    data = xr.Dataset({names[0]: RATES, names[1]: other, "spacing": [1, 5, 25]})
    held = ("effective_learning_rate", "decay_per_step", "full_gradient_square")
    for name, values in found.items():
        made = np.broadcast_to(values, (*shape, GROUPS + 1)) if name in held else noisy(values, (GROUPS + 1,))
        data[f"group_{name}"] = [*dims, "group"], made
    R, T = (DIMENSION - 1) / 2, RATES[:, None, None] / 2
    data["loss"] = dims, noisy(R * T)
    for name in ("loss", "log_radius", "noise_trace"):
        data[f"{name}_halves"] = [*dims, "half"], 1 + 1e-3 * rng.normal(size=(*shape, 2))
    data["diverged_at"] = dims, np.zeros(shape)
    data["participation_ratio"], data["signal_to_noise"] = (dims, noisy(1.0)), (dims, noisy(0.1))
    spacings = np.array([1, 5, 25])
    if entropy == "gas":
        values = np.repeat((R * np.log(2 * np.pi * np.e * T))[..., None], 3, axis=-1)
    else:
        values = step_length_entropy(DIMENSION, spacings, RATES[:, None, None, None], trace[-1])
    data["direction_entropy_knn"] = [*dims, "spacing"], values + 0.1 * rng.normal(size=(*shape, 3))
    data["rank"] = "group", rank
    data.attrs = {"protocol": protocol, "experiment": "networks", "dimension": DIMENSION, "network": "none"}
    data.attrs |= {"data": "none", "groups": ["first", "second", "whole"]}
    return xr.DataTree.from_dict({f"/{protocol}": data})


def failed(judgement, of="asked"):
    (rows,) = getattr(judgement, of).values()
    return {row.claim.split(":")[-1].strip().split(",")[0] for row in rows if row.evaluated and not row.passed}


@pytest.mark.parametrize("protocol", ["fixed-elr", "fixed-sphere"])
def test_an_ideal_gas_passes(protocol):
    """Of a gas whose every number is known all that is required holds, and of an ideal gas all but what is discrete."""
    judgement = judge_networks(gas(protocol))
    assert judgement.passed
    assert failed(judgement) <= {"pV = RT", "pV_g = R_g T_g"}  # a step is not infinitely short
    (comparison,) = judgement.comparisons.values()
    assert comparison.is_entropy.all()
    assert "It may be the entropy at 18 points" in judgement.sentences[0]
    heat = comparison.heats[0][2]
    assert abs(heat.z_score((DIMENSION - 1) / 2 * np.log(4))) < 5


@pytest.mark.parametrize(
    ("wrong", "of", "claims"),
    [
        ({"assumed_trace": 1.05}, "required", {"r in balance with Tr Σ + |∇L|²"}),
        ({"entropy": "step"}, "asked", {"S keeps still as the spacing widens", "ΔS = ∫dU/T"}),
        ({"mixture": 2.0}, "asked", {"the groups have one temperature"}),
    ],
)
def test_what_is_wrong_is_rejected(wrong, of, claims):
    """Another noise trace, the length of a step in the place of the entropy, groups out of thermal balance."""
    trace = wrong.get("assumed_trace", 1.0)
    given = {name: value for name, value in wrong.items() if name != "assumed_trace"}
    judgement = judge_networks(gas(**given), trace)
    assert claims <= failed(judgement, of)
    if "entropy" in wrong:
        assert "Maxwell relation in hyperparameters" not in failed(judgement)  # it cannot tell
        assert "It is the entropy at none" in judgement.sentences[0]


def test_points_that_are_lost_are_left_out():
    """A point with a NaN is not stationary, and everything is still drawn and said of the others."""
    tree = gas()
    data = tree["fixed-elr"].to_dataset()
    for name in ("loss_halves", "direction_entropy_knn", "loss"):
        data[name][0, 0, 0] = np.nan
    data["diverged_at"][0, 0, 0] = 7
    judgement = judge_networks(xr.DataTree.from_dict({"/fixed-elr": data}))
    (comparison,) = judgement.comparisons.values()
    assert comparison.stationary.sum() == 17
    assert not judgement.passed
    assert failed(judgement, "required") >= {"no run is NaN or infinite"}
    console = Console(quiet=True, width=200)
    print_networks(judgement, console)
    assert set(network_figures(judgement)) == {"equation_of_state", "entropies", "groups"}


def test_what_is_no_such_experiment_is_refused():
    with pytest.raises(ValueError, match="got fixed-lr of experiment 'isotropic'"):
        judge_networks(xr.DataTree.from_dict({"/fixed-lr": xr.Dataset(attrs={"experiment": "isotropic"})}))
    own = xr.Dataset(attrs={"experiment": "networks", "protocol": "mine"})
    with pytest.raises(ValueError, match="got the protocol 'mine'"):
        judge_networks(xr.DataTree.from_dict({"/mine": own}))
    with pytest.raises(ValueError, match="assumed_trace: got -1"):
        judge_networks(gas(), -1.0)
