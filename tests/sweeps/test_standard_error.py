"""Sweeps that go on until their means are as precise as was asked for."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.statistics import assert_rejects
from tests.support.sweeps import content
from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.integrators._divergence import Divergence
from thermo_ideal.sweeps import Grid, Sweep, SweepError, experiment, open_results, run, scheduled, status
from thermo_ideal.sweeps._layout import Layout
from thermo_ideal.sweeps._precision_reached import error_of_point, nothing_left, reached, steps_between_looks
from thermo_ideal.verification import stationary_law

RATES, DIMENSION, REPLICAS, TARGET, BUDGET = np.linspace(0.1, 0.12, 24), 10, 2, 4e-3, 2**14


def asked(rates=RATES, **others):
    given = {"num_steps": BUDGET, "burn_in": 256, "standard_error": {"loss": TARGET}, "block_points": 3} | others
    grid = Grid("fixed-sphere", effective_learning_rate=rates, radius=1.0)
    return Sweep("stationary", [grid], integrator="zonal", dimension=DIMENSION, replicas=REPLICAS, **given)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return run(asked(), folder, checkpoint_interval=None)["fixed-sphere"].to_dataset().isel(radius=0).load(), folder


def exact(noise_scale=1.0):
    """Of the discrete chain, by a parabola through three rates."""
    nodes = RATES[[0, 12, 23]]
    law = stationary_law(SGD(VonMisesFisherLoss(), IsotropicNoise(noise_scale), FixedSphere(nodes, 1.0)), DIMENSION)
    return np.polynomial.Polynomial.fit(nodes, law.mean_loss, 2)(RATES)


def test_each_block_ends_when_all_its_points_are_as_precise_as_that(whole):
    data, folder = whole
    error = np.sqrt((data["loss_error"] ** 2).sum("replica")) / REPLICAS
    assert data["standard_error_reached"].all()
    assert (error <= TARGET).all()
    assert len(np.unique(data["num_steps"])) > 1
    assert (data["num_steps"] < BUDGET).all()
    assert status(folder).short == 0


def assert_unbiased(mean, error, expected):
    """No run ends on an error that is small by chance: those of all points are right, and so is their mean."""
    score = (mean - expected) / error
    assert abs(score.sum()) < 4 * np.sqrt(score.size)
    assert (score**2).sum() < score.size + 4 * np.sqrt(2 * score.size)


def test_means_are_those_of_the_exact_law_within_the_errors(whole):
    data, _ = whole
    mean = data["loss"].mean("replica").to_numpy()
    error = np.sqrt((data["loss_error"] ** 2).sum("replica")).to_numpy() / REPLICAS
    assert_unbiased(mean, error, exact())
    assert_rejects(assert_unbiased, mean, error, exact(1.1))
    assert_rejects(assert_unbiased, mean, error / 2, exact())


def test_what_is_not_reached_is_marked(tmp_path):
    sweep = asked(RATES[:3], standard_error={"loss": 0.1, "depth": 1e-6})
    data = run(sweep, tmp_path)["fixed-sphere"].to_dataset()
    assert not data["standard_error_reached"].any()
    assert (data["num_steps"] == BUDGET).all()
    assert status(tmp_path).short == 3
    assert "3 points short of their standard error, complete" in str(status(tmp_path))


def test_an_experiment_without_a_run_to_go_on_with(tmp_path):
    @experiment
    def fixed(block):
        return {"loss": np.ones(block.points.size)}

    with pytest.raises(ValueError, match=r"fixed: got no block\.simulate\(\) in it"):
        run(asked(RATES[:1]).replace(experiment="fixed"), tmp_path)


def test_diverged_runs_do_not_keep_a_block():
    """The error of a point is that of the runs that are left; where none is, there is nothing to wait for."""
    lost = np.array([[True, True], [True, False], [False, False]])
    made = Layout.of(asked(RATES[:3])).block(0).simulate()
    without = Divergence(REPLICAS, (), {"loss": 7 * lost})
    made = replace(made, diverged_at=without.at, moments={"loss": without.moments("loss", made.moments["loss"])})
    assert ((made.diverged_at > 0) == lost).all()
    error, each = error_of_point(made, "loss"), made.standard_error("loss")
    assert np.isnan(error[0])
    assert error[1] == each[1, 1]
    assert np.isclose(error[2], np.hypot(*each[2]) / 2)
    for target, found in ((1.0, [False, True, True]), (float(error[1]) / 1.01, [False, False, True])):
        assert reached(made, [("loss", target)]).tolist() == found
        assert nothing_left(made, [("loss", target)]) == all(found[1:])


def test_a_run_that_is_cut_off_anywhere_ends_where_it_would_have(tmp_path, whole, monkeypatch):
    """After the first chunk, and after the one after which it was to end."""
    from thermo_ideal.sweeps import _block

    sweep, real = asked(RATES[:3]), _block.nothing_left
    chunks = []
    monkeypatch.setattr(_block, "nothing_left", lambda *x: chunks.append(real(*x)) or chunks[-1])
    run(sweep, tmp_path / "whole")
    assert chunks == [False] * (len(chunks) - 1) + [True]
    for at in (0, len(chunks) - 1):
        seen = []

        def cut(*arguments, at=at, seen=seen):
            seen.append(real(*arguments))
            if len(seen) == at + 1:
                raise KeyboardInterrupt
            return seen[-1]

        monkeypatch.setattr(_block, "nothing_left", cut)
        with pytest.raises(KeyboardInterrupt):
            run(sweep, tmp_path / f"cut {at}")
        monkeypatch.setattr(_block, "nothing_left", real)
        assert len(list((tmp_path / f"cut {at}" / "checkpoints").iterdir())) == 1
        run(sweep, tmp_path / f"cut {at}")
        for store in ("blocks.zarr", "results.zarr"):
            assert content(tmp_path / f"cut {at}" / store) == content(tmp_path / "whole" / store)
    assert open_results(tmp_path / "whole")["fixed-sphere"]["standard_error_reached"].all()


def test_looks_are_not_too_far_apart():
    assert [steps_between_looks(n, s, runs) for n, s, runs in ((2**14, 1, 6), (2**14, 3, 6), (5, 1, 1))] == [
        256,
        192,
        1,
    ]
    assert steps_between_looks(10**9, 4, 2**13) == 4 * 1024
    assert steps_between_looks(10**9, 4, 2**30) == 4


def test_steps_are_planned_for_the_error():
    def length(**targets):
        sweep = asked(RATES[:1], num_steps="auto", burn_in="auto", standard_error=targets, samples=10)
        return int(scheduled(sweep, sweep.grids[0]).length[0])

    assert length(loss=1e-4) == pytest.approx(4 * length(depth=2e-4), rel=0.01)
    with pytest.raises(ValueError, match="ask for a larger standard_error"):
        length(loss=1e-12)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"loss": 0.0}, "got 0.0, expected a number from 1e-30"),
        ({"loss": True}, "got loss = True, expected a number > 0"),
        ([1e-3], r"got \[0.001\], expected a table"),
        ({"": 1.0}, "got '', expected the name of an observable"),
    ],
)
def test_what_is_no_target(targets, message):
    with pytest.raises(SweepError, match=f"standard_error: {message}"):
        asked(standard_error=targets)
