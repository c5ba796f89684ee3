"""The same blocks elsewhere: by workers of Dask, one of which dies, and by jobs that know nothing of each other."""

import os
import signal

import dask
import numpy as np
import pytest

from tests.support.sweeps import cheap, content, numbers
from thermo_ideal.sweeps import Experiment, experiment, merge, register, run, status


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(cheap(), folder)
    return folder


def same(folder, whole):
    return all(content(folder / name) == content(whole / name) for name in ("results.zarr", "blocks.zarr"))


def dies_once(block):
    """The numbers, from a worker that dies the first time that it is asked for block 1."""
    flag = os.environ["THERMO_IDEAL_TEST_FLAG"]
    if block.number == 1 and not os.path.exists(flag):
        with open(flag, "w"):
            os.kill(os.getpid(), signal.SIGKILL)
    return numbers(block)


@pytest.mark.filterwarnings("default")  # those of Dask about a worker that is gone
def test_a_worker_that_dies_costs_its_block(tmp_path, whole, monkeypatch):
    monkeypatch.setenv("THERMO_IDEAL_TEST_FLAG", str(tmp_path / "flag"))
    from distributed import Client, LocalCluster

    try:
        register(Experiment("numbers", dies_once))
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            run(cheap(), tmp_path / "run", client=client)
    finally:
        experiment(numbers)
    assert (tmp_path / "flag").exists()
    assert same(tmp_path / "run", whole)


def test_a_pool_that_is_gone_leaves_a_run_that_finishes_here(tmp_path, whole, monkeypatch):
    monkeypatch.setattr("thermo_ideal.sweeps._cluster._PATIENCE", 0.3)
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        run(cheap(), tmp_path, client=client)
    assert same(tmp_path, whole)


def test_forked_workers_are_refused(tmp_path):
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "fork"}),
        pytest.raises(ValueError, match="workers that are forked"),
    ):
        run(cheap(), tmp_path, client=object())


def test_shards_three_ways(tmp_path, whole):
    sweep = cheap()
    for i in (1, 3):
        assert not status_after(run(sweep, tmp_path, shard=(i, 3)), tmp_path).complete
    merge(sweep, tmp_path)
    assert 0 < status(tmp_path).finished < 4
    run(sweep, tmp_path, shard=(2, 3))
    tree = merge(sweep, tmp_path)
    assert same(tmp_path, whole)
    np.testing.assert_array_equal(tree["fixed-lr"]["point"].to_numpy().ravel(), np.arange(8))
    found = status(tmp_path)
    assert (found.complete, found.finished, found.blocks, found.diverged) == (True, 4, 4, 1)
    assert sum(part.finished for part in found.shards.values()) == 4
    assert "shard 2-of-3: 1 of 4 blocks finished" in str(found)


def status_after(_, folder):
    return status(folder)


def test_wrong_shards(tmp_path):
    with pytest.raises(ValueError, match="shard: got 4 of 3"):
        run(cheap(), tmp_path, shard=(4, 3))
    with pytest.raises(FileNotFoundError, match="got no shard"):
        merge(cheap(), tmp_path)
    run(cheap(seed=1), tmp_path, shard=(1, 2))
    with pytest.raises(ValueError, match="got another sweep"):
        merge(cheap(), tmp_path)
