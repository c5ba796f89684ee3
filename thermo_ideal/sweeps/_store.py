"""Results on disk: written whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import xarray as xr


def save_results(results: xr.DataTree, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes results as a Zarr store, which is either complete or not there.

    Args:
        results: a tree with one dataset for each protocol.
        path: the store.
        overwrite: replace a store that is there; the old one stays until the new one is complete.

    Raises:
        FileExistsError: something is at `path` and `overwrite` is false.

    Example:
        >>> import tempfile, xarray as xr
        >>> from thermo_ideal.sweeps import open_results, save_results
        >>> tree = xr.DataTree.from_dict({"/fixed-lr": xr.Dataset({"loss": ("replica", [0.1, 0.2])})})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_results(tree, f"{folder}/results.zarr")
        ...     float(open_results(f"{folder}/results.zarr")["fixed-lr"]["loss"].sum())
        0.30000000000000004
    """
    write_whole(Path(path), lambda temporary: results.to_zarr(temporary, consolidated=False), overwrite)


def open_results(path: str | Path) -> xr.DataTree:
    """Reads results that `save_results` wrote.

    Args:
        path: the store.

    Raises:
        FileNotFoundError: there is no store at `path`.
    """
    if not Path(path).is_dir():
        raise FileNotFoundError(f"{path}: no results there; make some with `thermo-ideal reproduce toy --out DIR`")
    tree = xr.open_datatree(path, engine="zarr", consolidated=False)
    return tree.load()


def write_whole(path: Path, write: Callable[[Path], object], overwrite: bool) -> None:
    """Lets `write` make a file or folder beside `path`, then puts it in place by renaming.

    Args:
        path: where it should end up.
        write: makes it at the path that it is handed.
        overwrite: replace what is there.

    Raises:
        FileExistsError: something is at `path` and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; add --overwrite to replace it, or choose another --out")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        fresh, stale = Path(folder) / "new" / path.name, Path(folder) / "old"
        fresh.parent.mkdir()
        write(fresh)
        if fresh.is_dir() and path.exists():
            # A folder cannot be renamed over another; a failure between these two lines is undone.
            os.rename(path, stale)
            try:
                os.rename(fresh, path)
            except BaseException:
                os.rename(stale, path)
                raise
            shutil.rmtree(stale)
        else:
            os.replace(fresh, path)
