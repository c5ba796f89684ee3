"""Results on disk are whole or not there."""

import os

import jax
import numpy as np
import pytest
import xarray as xr

from thermo_ideal._files import require_free, write_whole
from thermo_ideal.experiments import Profile, run_isotropic
from thermo_ideal.sweeps import open_results, save_results

DEVICES = 2


def tree(value):
    return xr.DataTree.from_dict({"/fixed-lr": xr.Dataset({"loss": ("replica", np.full(3, value))})})


def test_round_trip_and_overwrite(tmp_path):
    path = tmp_path / "deep" / "results.zarr"
    save_results(tree(1.0), path)
    with pytest.raises(FileExistsError, match="--overwrite"):
        save_results(tree(2.0), path)
    assert float(open_results(path)["fixed-lr"]["loss"][0]) == 1.0
    save_results(tree(2.0), path, overwrite=True)
    assert float(open_results(path)["fixed-lr"]["loss"][0]) == 2.0
    assert [child.name for child in path.parent.iterdir()] == ["results.zarr"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_and_nothing_half_written(tmp_path, error):
    path = tmp_path / "results.zarr"
    save_results(tree(1.0), path)

    def write(temporary):
        (temporary / "results.zarr").mkdir()
        (temporary / "results.zarr" / "part").write_text("half")
        raise error("in the middle")

    with pytest.raises(error):
        write_whole(tmp_path, ["results.zarr"], write, overwrite=True)
    assert float(open_results(path)["fixed-lr"]["loss"][0]) == 1.0
    assert [child.name for child in tmp_path.iterdir()] == ["results.zarr"]


def write_texts(text):
    def write(folder):
        (folder / "a").mkdir()
        (folder / "a" / "content").write_text(text)
        (folder / "b").write_text(text)

    return write


def read_texts(folder):
    return [(folder / "a" / "content").read_text(), (folder / "b").read_text()]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("call", [1, 2, 3, 4])
@pytest.mark.parametrize("done", [True, False])
def test_an_interrupted_swap_puts_the_old_back(tmp_path, monkeypatch, error, call, done):
    """Interrupted before or after each of the four renames: all of the old, none of the new, nothing left over."""
    write_whole(tmp_path, ["a", "b"], write_texts("old"))
    real, calls = os.rename, []

    def rename(source, target):
        calls.append(target)
        if len(calls) != call:
            return real(source, target)
        if done:
            real(source, target)
        raise error("now")

    monkeypatch.setattr("thermo_ideal._files.os.rename", rename)
    with pytest.raises(error, match="now"):
        write_whole(tmp_path, ["a", "b"], write_texts("new"), overwrite=True)
    assert read_texts(tmp_path) == ["old", "old"]
    assert sorted(child.name for child in tmp_path.iterdir()) == ["a", "b"]


def test_another_process_that_finished_first_is_not_overwritten(tmp_path):
    def write(folder):
        write_texts("mine")(folder)
        write_whole(tmp_path, ["a", "b"], write_texts("theirs"))

    with pytest.raises(FileExistsError):
        write_whole(tmp_path, ["a", "b"], write)
    assert read_texts(tmp_path) == ["theirs", "theirs"]
    assert sorted(child.name for child in tmp_path.iterdir()) == ["a", "b"]


def test_links_and_kinds_are_replaced(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    write_whole(elsewhere, ["a", "b"], write_texts("theirs"))
    home = tmp_path / "home"
    home.mkdir()
    (home / "a").symlink_to(elsewhere / "a")
    (home / "b").mkdir()
    with pytest.raises(FileExistsError):
        write_whole(home, ["a", "b"], write_texts("mine"))
    write_whole(home, ["a", "b"], write_texts("mine"), overwrite=True)
    assert read_texts(home) == ["mine", "mine"]
    assert read_texts(elsewhere) == ["theirs", "theirs"]


def test_a_file_for_a_folder_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="expected a folder"):
        require_free(tmp_path / "file" / "deep", ["a"], overwrite=True)


def test_missing_results(tmp_path):
    with pytest.raises(FileNotFoundError, match="thermo-ideal reproduce toy"):
        open_results(tmp_path / "nothing.zarr")


def test_datasets_have_names_units_and_provenance(quick_results):
    assert {"profile", "seed", "created", "thermo_ideal", "jax", "source"} <= quick_results.attrs.keys()
    axes = {
        "fixed-elr": {"effective_learning_rate", "weight_decay", "replica"},
        "fixed-lr": {"learning_rate", "weight_decay", "replica"},
        "fixed-sphere": {"effective_learning_rate", "radius", "replica"},
    }
    for protocol, dims in axes.items():
        data = quick_results[protocol].to_dataset()
        assert set(data.dims) == dims
        assert {"profile", "seed", "source"} <= data.attrs.keys()
        for variable in data.data_vars.values():
            assert "units" in variable.attrs
            assert np.isfinite(variable).all()
        assert (data["burn_in_relaxation_times"] >= 5.9).all()
        assert data["started_inside"].sum() == data.sizes["replica"] // 2


def test_same_seed_same_results_for_any_number_of_devices():
    profile = Profile("tiny", points=3, replicas=4, samples=50, num_steps=4096)
    a, b = (run_isotropic(profile, seed=1, devices=jax.devices()[:n]) for n in (1, 2))
    xr.testing.assert_equal(a["fixed-lr"].to_dataset(), b["fixed-lr"].to_dataset())
    other = run_isotropic(profile, seed=2)
    assert not np.array_equal(a["fixed-lr"]["loss"], other["fixed-lr"]["loss"])


def test_an_error_in_a_worker_comes_out(monkeypatch):
    def fail(*_, **__):
        raise FloatingPointError("run (0,) left the finite numbers")

    monkeypatch.setattr("thermo_ideal.experiments._isotropic.simulate", fail)
    with pytest.raises(FloatingPointError, match="left the finite numbers"):
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
