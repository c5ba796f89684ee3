"""Runs of sweeps into folders: what is written, and what is refused."""

import os
import signal
import threading
import time

import numpy as np
import pytest
import xarray as xr

from tests.support.sweeps import cheap, content, numbers
from thermo_ideal.sweeps import Experiment, Grid, Sweep, experiment, open_results, register, run
from thermo_ideal.sweeps._folder import read_manifest

FLAT = ["blocks.zarr", "results.zarr"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(cheap(), folder)
    return folder


def same(folder, whole):
    return all(content(folder / name) == content(whole / name) for name in FLAT)


def test_what_is_there(whole):
    assert {path.name for path in whole.iterdir()} == {
        *FLAT,
        "manifest.json",
        "sweep.toml",
        "layout.npz",
        "checkpoints",
    }
    assert Sweep.from_toml((whole / "sweep.toml").read_text()) == cheap()
    assert not list((whole / "checkpoints").iterdir())


def test_plain_xarray_opens_both_stores_without_a_warning(whole):
    data = xr.open_zarr(whole / "results.zarr", group="fixed-lr")
    assert dict(data.sizes) == {"learning_rate": 4, "weight_decay": 2, "replica": 2}
    assert data["loss"].attrs["units"] == "loss"
    assert data["learning_rate"].attrs["long_name"] == "learning rate"
    np.testing.assert_array_equal(data["point"], np.arange(8).reshape(4, 2))
    assert data.attrs["divergences"] == [
        "learning_rate = 0.1667, weight_decay = 0.1, replica 0: became NaN or infinite by step 7"
    ]
    assert np.isnan(data["loss"][2, 0, 0])
    flat = xr.open_zarr(whole / "blocks.zarr", group="fixed-lr")
    np.testing.assert_array_equal(flat["point"], flat["grid_point"])
    assert flat["finished"].all()
    assert set(flat["weight_decay"].to_numpy()) == {0.1, 0.2}


def test_results_are_lazy_and_labelled(whole):
    tree = open_results(whole)
    variable = tree["fixed-sphere"]["loss"].variable
    assert not variable._in_memory
    np.testing.assert_array_equal(tree["fixed-sphere"]["effective_learning_rate"], [0.1, 0.3, 0.2])
    np.testing.assert_array_equal(tree["fixed-sphere"]["point"].to_numpy()[:, 0], [0, 1, 2])


def test_blocks_are_whole_chunks(whole):
    import zarr

    array = zarr.open_array(whole / "blocks.zarr" / "fixed-lr" / "loss", mode="r")
    assert array.chunks == (3, 2)
    assert array.shape == (8, 2)


def stop_after(count, raised):
    """An experiment that ends the run in its block after so many."""
    done = []

    def measure(block):
        if len(done) == count:
            raise raised
        done.append(block.number)
        return numbers(block)

    return Experiment("numbers", measure)


@pytest.fixture
def interrupted(tmp_path):
    """A folder of a run that ended after two of four blocks."""
    try:
        register(stop_after(2, KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            run(cheap(), tmp_path / "run")
    finally:
        experiment(numbers)
    return tmp_path / "run"


def test_it_goes_on_where_it_was(interrupted, whole):
    assert len(read_manifest(interrupted)["blocks"]) == 2
    tree = open_results(interrupted)
    finished = np.concatenate([node["finished"].to_numpy().ravel() for node in tree.children.values()])
    assert finished.sum() == 6
    assert np.isnan(tree["fixed-lr"]["loss"]).all("replica").sum() == 2
    again = []

    def count(block):
        again.append(block.number)
        return numbers(block)

    try:
        register(Experiment("numbers", count))
        run(cheap(), interrupted)
    finally:
        experiment(numbers)
    assert len(again) == 2
    assert same(interrupted, whole)


@pytest.mark.parametrize("what", ["blocks.zarr", "results.zarr"])
@pytest.mark.parametrize("how", ["flipped", "gone", "cut"])
def test_what_is_damaged_is_made_again(tmp_path, whole, what, how):
    run(cheap(), tmp_path)
    for file in sorted((tmp_path / what).rglob("*"))[::3]:
        if file.is_file():
            old = file.read_bytes()
            new = bytes([old[0] ^ 1]) + old[1:] if how == "flipped" else old[: len(old) // 2]
            file.unlink() if how == "gone" else file.write_bytes(new)
    run(cheap(), tmp_path)
    assert same(tmp_path, whole)


def test_a_damaged_layout_is_made_again(tmp_path, whole):
    run(cheap(), tmp_path)
    (tmp_path / "layout.npz").write_bytes(b"junk")
    run(cheap(), tmp_path)
    assert same(tmp_path, whole)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(OSError, match=r"manifest.json: got a damaged file"):
        run(cheap(), tmp_path)


def test_a_changed_sweep_is_refused_with_what_differs(tmp_path, whole):
    run(cheap(), tmp_path)
    other = cheap(seed=3, points=5)
    with pytest.raises(ValueError, match="got another sweep") as caught:
        run(other, tmp_path)
    assert "seed: 0 there, 3 here" in str(caught.value)
    assert "grids[0].learning_rate: [0.1, " in str(caught.value)
    assert "replicas" not in str(caught.value)
    assert same(tmp_path, whole)


def test_another_version_is_refused(tmp_path, monkeypatch):
    run(cheap(), tmp_path)
    monkeypatch.setattr("thermo_ideal.__version__", "0.0.1")
    with pytest.raises(ValueError, match=r"thermo_ideal: .* there, 0\.0\.1 here"):
        run(cheap(), tmp_path)


def test_foreign_files_are_left_alone(tmp_path):
    (tmp_path / "results.zarr").mkdir()
    (tmp_path / "results.zarr" / "mine").write_text("mine")
    with pytest.raises(FileExistsError, match=r"results\.zarr"):
        run(cheap(), tmp_path)
    assert (tmp_path / "results.zarr" / "mine").read_text() == "mine"


def test_two_runs_of_one_folder(tmp_path):
    entered, leave = threading.Event(), threading.Event()

    def wait(block):
        entered.set()
        leave.wait(30)
        return numbers(block)

    try:
        register(Experiment("numbers", wait))
        thread = threading.Thread(target=run, args=(cheap(), tmp_path))
        thread.start()
        entered.wait(30)
        with pytest.raises(ValueError, match=rf"process {os.getpid()} of .* since \d+ s is writing"):
            run(cheap(), tmp_path)
    finally:
        leave.set()
        thread.join()
        experiment(numbers)


def test_sigterm_keeps_what_is_done(tmp_path, whole):
    done = []

    def slow(block):
        if done:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)
        done.append(block.number)
        return numbers(block)

    try:
        register(Experiment("numbers", slow))
        with pytest.raises(SystemExit) as stop:
            run(cheap(), tmp_path)
    finally:
        experiment(numbers)
    assert stop.value.code == 75
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert 1 <= len(read_manifest(tmp_path)["blocks"]) < 4
    run(cheap(), tmp_path)
    assert same(tmp_path, whole)


@pytest.mark.parametrize(
    ("measured", "message"),
    [
        ({}, "expected arrays by name"),
        ({"loss": np.ones(2)}, "whose first axis are the 3 points"),
        ({"loss": np.ones((3, 5))}, r"expected \(3,\) or \(3, 2\)"),
        ({"loss": (("a", "b"), np.ones((3, 5)))}, "expected one for each"),
        ({"loss": np.array(["x"] * 3)}, "expected numbers"),
        ({"finished": np.ones(3)}, "expected another name"),
    ],
)
def test_what_is_no_measurement(tmp_path, measured, message):
    try:
        register(Experiment("numbers", lambda block: measured))
        with pytest.raises(ValueError, match=message):
            run(cheap(), tmp_path)
    finally:
        experiment(numbers)


def test_every_block_measures_the_same(tmp_path):
    try:
        register(Experiment("numbers", lambda block: {f"loss{block.number % 2}": np.ones(block.points.size)}))
        with pytest.raises(ValueError, match="measure the same in every block"):
            run(cheap(), tmp_path)
    finally:
        experiment(numbers)


def test_more_axes_and_dimensions(tmp_path):
    """Points of a block have one dimension; arrays may have axes of their own."""
    seen = []

    def measure(block):
        seen.append((block.dimension, block.points.size))
        histogram = np.broadcast_to(block.values["dimension"][:, None], (block.points.size, 5))
        return {"histogram": (("bin",), histogram), "noise": np.asarray(block.sgd.noise.scale)[:, 0]}

    grid = Grid("fixed-sphere", effective_learning_rate=[0.1, 0.2], radius=1, dimension=[3, 5, 9], noise_scale=[1, 2])
    try:
        register(Experiment("numbers", measure))
        tree = run(Sweep("numbers", [grid], num_steps=10, samples=1, block_points=3), tmp_path)
    finally:
        experiment(numbers)
    assert sorted(seen) == [(d, 2) for d in (3, 3, 5, 5, 9, 9)]
    data = tree["fixed-sphere"].to_dataset()
    np.testing.assert_array_equal(data["histogram"][0, 0, :, 0, 0], [3, 5, 9])
    np.testing.assert_array_equal(data["noise"][1, 0, 2], [1, 2])
    assert data["dimension"].dtype == np.int64
