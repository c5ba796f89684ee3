"""The results of a sweep as labelled grids: of all blocks, or of those that are finished so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from thermo_ideal._arguments import in_double_precision
from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._files import write_whole
from thermo_ideal.sweeps._block_arrays import FINISHED, POINT
from thermo_ideal.sweeps._folder import BLOCKS, MANIFEST, RESULTS, SweepFolder, made_with, read_manifest, spec_text
from thermo_ideal.sweeps._registry import experiment_named
from thermo_ideal.sweeps._store import read_store, write_results

_MOST_REASONS = 100  # of runs that diverged, in words; the steps of all are in "diverged_at"


def open_results(path: str | Path) -> xr.DataTree:
    """Opens the results of a sweep, or those that `save_results` wrote.

    Args:
        path: the folder of a sweep, whose results are opened lazily; those of a sweep that is not finished are NaN
            where "finished" is false. Or a store of `save_results`, which is read and checked as a whole.

    Returns:
        A tree with a dataset for each protocol, over the axes of its grid.

    Raises:
        FileNotFoundError: there are no results at `path`.
        OSError: a part of the store is missing or is not what was written; which variable it belongs to is said.

    Example:
        >>> from thermo_ideal.sweeps import open_results
        >>> open_results("nowhere.zarr")
        Traceback (most recent call last):
        FileNotFoundError: nowhere.zarr: no results there; make some with `thermo-ideal reproduce toy --out DIR`
    """
    path = Path(path)
    if not (path / MANIFEST).exists():
        return read_store(path)
    manifest = read_manifest(path)
    if (path / RESULTS).exists() and "results" in manifest:
        return xr.open_datatree(path / RESULTS, engine="zarr")
    names = sorted(child.name for child in (path / BLOCKS).iterdir() if child.is_dir())
    return xr.DataTree.from_dict({f"/{name}": _of_grid(path / BLOCKS, name) for name in names})


def write_final(folder: SweepFolder) -> None:
    """Writes the results as grids, once all blocks are finished, unless they are there and whole."""
    if folder.results_are():
        try:
            read_store(folder.path / RESULTS)
            return
        except OSError:  # it is made again, from blocks that are whole
            pass
    tree = assembled(folder)
    write_whole(folder.path, [RESULTS], lambda fresh: write_results(tree, fresh / RESULTS), overwrite=True)
    folder.results_are_current()


def assembled(folder: SweepFolder) -> xr.DataTree:
    """Everything that was measured, by grid, with units and names, in memory."""
    sweep = folder.sweep
    own = experiment_named(sweep.experiment)
    found = {}
    for grid in sweep.grids:
        data = _of_grid(folder.path / BLOCKS, grid.name).load().drop_vars(FINISHED)
        about: dict[str, Any] = {"protocol": grid.name, "dimension": sweep.dimension, "noise_scale": sweep.noise_scale}
        data.attrs = {name: value for name, value in about.items() if name not in dict(grid.axes)}
        for name, axis in grid.axes:
            values = axis.array if sweep.precision == "float64" else in_double_precision(axis.array.astype(np.float32))
            data[name] = name, axis.array.astype(np.int64) if name == "dimension" else values
        for variable in map(str, data.variables):
            data[variable].attrs = _attributes(variable, grid.kind)
        if reasons := _reasons(data):
            data.attrs["divergences"] = reasons
        data.attrs |= {"experiment": sweep.experiment, "seed": sweep.seed, "precision": sweep.precision, **made_with()}
        found[f"/{grid.name}"] = own.describe(data, sweep, grid) if own.describe else data
    tree = xr.DataTree.from_dict(found)
    about = {"sweep": sweep.digest, "experiment": sweep.experiment, "seed": sweep.seed, "spec": spec_text(sweep)}
    tree.attrs = about | made_with()
    return tree


def _of_grid(store: Path, name: str) -> xr.Dataset:
    """Lazily, what is in the order of blocks in the order of the grid."""
    flat = xr.open_zarr(store, group=name, chunks=None)
    axes, shape = flat.attrs["axes"], tuple(flat.attrs["shape"])
    points = flat[POINT].to_numpy()
    place = np.empty(points.size, np.int64)
    place[points] = np.arange(points.size)
    data = flat.drop_vars(POINT).isel({POINT: xr.DataArray(place.reshape(shape), dims=axes)})
    for i, axis in enumerate(axes):
        along = [0] * len(axes)
        along[i] = slice(None)  # type: ignore[call-overload]
        values = flat[axis].to_numpy()[place.reshape(shape)[tuple(along)]]
        data = data.drop_vars(axis).assign_coords({axis: values})
    return data.drop_attrs(deep=False)


def _attributes(name: str, kind: Any) -> dict[str, str]:
    base = name.removesuffix("_error").removesuffix("_variance") if name not in DICTIONARY else name
    if base not in DICTIONARY:
        if name in kind.hyperparameters():
            owner = kind if isinstance(kind, type) else type(kind)
            return {"description": f"hyperparameter of {owner.__name__}, in a unit of its own"}
        return {"long_name": name.replace("_", " ")}
    meaning = DICTIONARY[base].meaning
    if name == f"{base}_error":
        return DICTIONARY[base].attributes | {"long_name": f"standard error of: {meaning}"}
    if name == f"{base}_variance":
        return {"long_name": f"variance over time of: {meaning}", "units": f"({DICTIONARY[base].unit})^2"}
    return DICTIONARY[name].attributes | {"long_name": meaning}


def _reasons(data: xr.Dataset) -> list[str]:
    """Why runs are NaN, in words."""
    if "diverged_at" not in data:
        return []
    steps = data["diverged_at"]
    found = []
    for index in np.argwhere(steps.to_numpy() > 0)[:_MOST_REASONS]:
        where = dict(zip(map(str, steps.dims), index.tolist(), strict=True))
        values = [f"{d} = {float(data[d][i]):.4g}" if d in data.coords else f"{d} {i}" for d, i in where.items()]
        found.append(f"{', '.join(values)}: became NaN or infinite by step {int(steps.isel(where))}")
    return found
