"""Results on disk: written whole or not at all."""

from pathlib import Path

import xarray as xr

from thermo_ideal._files import write_whole


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
    path = Path(path)
    write_whole(path.parent, [path.name], lambda fresh: write_results(results, fresh / path.name), overwrite)


def write_results(results: xr.DataTree, path: Path) -> None:
    """Writes a Zarr store, as it is."""
    results.to_zarr(path, consolidated=False)


def open_results(path: str | Path) -> xr.DataTree:
    """Reads results that `save_results` wrote.

    Args:
        path: the store.

    Returns:
        The tree, read into memory.

    Raises:
        FileNotFoundError: there is no store at `path`.

    Example:
        >>> from thermo_ideal.sweeps import open_results
        >>> open_results("nowhere.zarr")
        Traceback (most recent call last):
        FileNotFoundError: nowhere.zarr: no results there; make some with `thermo-ideal reproduce toy --out DIR`
    """
    if not Path(path).is_dir():
        raise FileNotFoundError(f"{path}: no results there; make some with `thermo-ideal reproduce toy --out DIR`")
    tree = xr.open_datatree(path, engine="zarr", consolidated=False)
    return tree.load()
