"""Results on disk are whole or not there."""

import os

import numpy as np
import pytest
import xarray as xr

from thermo_ideal._files import require_free, write_whole
from thermo_ideal.sweeps import open_results, save_results


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
    with pytest.raises(NotADirectoryError, match="is a file"):
        require_free(tmp_path / "file" / "deep", ["a"], overwrite=True)


@pytest.fixture
def store(tmp_path):
    """A store of two groups, some of whose arrays are all zero or all NaN, which Zarr would leave out."""
    grid = xr.Dataset(
        {
            "loss": (("learning_rate", "replica"), np.random.default_rng(0).normal(size=(3, 4)), {"units": "loss"}),
            "zero": (("replica",), np.zeros(4)),
            "unknown": (("replica",), np.full(4, np.nan)),
            "num_steps": (("learning_rate",), np.array([1, 2, 3])),
        },
        coords={"learning_rate": [0.1, 0.2, 0.3], "started_inside": ("replica", [True, True, False, False])},
        attrs={"protocol": "fixed-lr", "noise_scale": 1.0},
    )
    tree = xr.DataTree.from_dict({"/fixed-lr": grid, "/fixed-elr": grid[["loss"]]})
    tree.attrs = {"profile": "tiny"}
    save_results(tree, tmp_path / "results.zarr")
    return tmp_path / "results.zarr", tree


def test_what_is_read_is_what_was_written(store):
    path, tree = store
    found = open_results(path)
    for name, node in tree.children.items():
        assert found[name].to_dataset().identical(node.to_dataset())
    assert found.attrs == tree.attrs


def test_plain_xarray_opens_it_without_a_warning(store):
    """Warnings are errors here; the root has no variables, and says how to open the groups."""
    path, tree = store
    assert xr.open_datatree(path, engine="zarr")["fixed-lr"].to_dataset().identical(tree["fixed-lr"].to_dataset())
    root = xr.open_zarr(path)
    assert not root.variables
    assert "xarray.open_zarr(path, group='fixed-lr')" in root.attrs["how_to_open"]
    assert xr.open_zarr(path, group="fixed-lr")["loss"].identical(tree["fixed-lr"]["loss"])


def parts(path):
    """Every file below the root, with the name that an error about it must say."""
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if file.is_file() and len(inside.parts) > 1:
            yield file, "/".join(inside.parts[: 1 if len(inside.parts) == 2 else 2])


def test_a_part_that_is_missing_is_named(store):
    path, _ = store
    files = list(parts(path))
    assert sum("c" in file.parts for file, _ in files) >= 8  # chunks, of zeros and NaN too
    for file, name in files:
        content = file.read_bytes()
        file.unlink()
        with pytest.raises(OSError, match=f"got {name}.* damaged"):
            open_results(path)
        file.write_bytes(content)
    open_results(path)


@pytest.mark.parametrize("where", [0.0, 0.3, 0.5, 0.999])
def test_a_byte_that_is_flipped_is_named(store, where):
    """In the numbers and in what describes them; `_FillValue` and attributes are no less than numbers."""
    path, _ = store
    for file, name in parts(path):
        content = file.read_bytes()
        damaged = bytearray(content)
        damaged[int(where * len(content))] ^= 0x10
        file.write_bytes(bytes(damaged))
        with pytest.raises(OSError, match=f"got {name}.* damaged"):
            open_results(path)
        file.write_bytes(content)
    open_results(path)


@pytest.mark.parametrize("bit", [0x01, 0x10])
def test_a_flipped_byte_of_the_root_is_noticed(store, bit):
    """It has no variable of its own, but says what the study was."""
    path, _ = store
    file = path / "zarr.json"
    content = file.read_bytes()
    end = content.index(b'"consolidated_metadata"')
    start = content.index(b'"attributes"')
    for place in range(min(start, end), min(start, end) + 400):
        damaged = bytearray(content)
        damaged[place] ^= bit
        file.write_bytes(bytes(damaged))
        if content[place : place + 1].isspace() and bytes(damaged[place : place + 1]).isspace():
            continue  # between the words of JSON
        with pytest.raises(OSError, match=r"got .* damaged"):
            open_results(path)
    file.write_bytes(content)
    open_results(path)


def test_plain_zarr_notices_a_flipped_byte_too(store):
    path, _ = store
    file = next(file for file in (path / "fixed-lr" / "loss" / "c").rglob("*") if file.is_file())
    damaged = bytearray(file.read_bytes())
    damaged[3] ^= 1
    file.write_bytes(bytes(damaged))
    with pytest.raises(ValueError, match=r"[Cc]hecksum|crc32c"):
        xr.open_zarr(path, group="fixed-lr")["loss"].load()


def test_missing_results(tmp_path):
    with pytest.raises(FileNotFoundError, match="thermo-ideal reproduce toy"):
        open_results(tmp_path / "nothing.zarr")
