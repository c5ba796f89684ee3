"""Results on disk are whole or not there."""

import numpy as np
import pytest
import xarray as xr

from thermo_ideal._files import write_whole
from thermo_ideal.sweeps import Profile, open_results, run_toy, save_results


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
        temporary.mkdir()
        (temporary / "part").write_text("half")
        raise error("in the middle")

    with pytest.raises(error):
        write_whole(path, write, overwrite=True)
    assert float(open_results(path)["fixed-lr"]["loss"][0]) == 1.0
    assert [child.name for child in tmp_path.iterdir()] == ["results.zarr"]


def test_a_failed_swap_puts_the_old_back(tmp_path, monkeypatch):
    path = tmp_path / "results.zarr"
    save_results(tree(1.0), path)
    import os

    real, calls = os.rename, []

    def rename(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError("disk full")
        real(source, target)

    monkeypatch.setattr("thermo_ideal._files.os.rename", rename)
    with pytest.raises(OSError, match="disk full"):
        save_results(tree(2.0), path, overwrite=True)
    assert float(open_results(path)["fixed-lr"]["loss"][0]) == 1.0


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
        for variable in data.data_vars.values():
            assert "units" in variable.attrs
            assert np.isfinite(variable).all()
        assert (data["burn_in_folds"] >= 5.9).all()
        assert data["started_inside"].sum() == data.sizes["replica"] // 2


def test_same_seed_same_results_for_any_number_of_workers():
    profile = Profile("tiny", points=3, replicas=4, samples=50, num_steps=4096)
    a, b = (run_toy(profile, seed=1, workers=workers) for workers in (1, 3))
    xr.testing.assert_identical(a["fixed-lr"].to_dataset(), b["fixed-lr"].to_dataset())
    other = run_toy(profile, seed=2)
    assert not np.array_equal(a["fixed-lr"]["loss"], other["fixed-lr"]["loss"])


def test_an_error_in_a_worker_comes_out(monkeypatch):
    def fail(*_, **__):
        raise FloatingPointError("run (0,) left the finite numbers")

    monkeypatch.setattr("thermo_ideal.sweeps._toy.simulate", fail)
    with pytest.raises(FloatingPointError, match="left the finite numbers"):
        run_toy(Profile("tiny", points=3, replicas=4, samples=50, num_steps=4096))


def test_wrong_profile():
    with pytest.raises(ValueError, match="points: got 2"):
        Profile("tiny", points=2)
    with pytest.raises(ValueError, match="replicas: got 5"):
        Profile("tiny", points=3, replicas=5)
