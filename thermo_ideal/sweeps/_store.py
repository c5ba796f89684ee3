"""Results on disk: written whole or not at all, and read whole or not at all."""

import hashlib
import warnings
from json import dumps, loads
from pathlib import Path

import xarray as xr
import zarr

from thermo_ideal._files import write_whole
from thermo_ideal.sweeps._block_arrays import CODECS

_HOW_TO_OPEN = (
    "thermo_ideal.sweeps.open_results(path), or with xarray alone xarray.open_datatree(path, engine='zarr') for all "
    "groups, xarray.open_zarr(path, group='{group}') for one"
)


def save_results(results: xr.DataTree, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes results as a Zarr store, which is either complete or not there, with a checksum in every chunk.

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
    results = results.copy()
    results.attrs = results.attrs | {"how_to_open": _HOW_TO_OPEN.format(group=next(iter(results.children), "/"))}
    encoding = {
        node.path: {name: {"compressors": CODECS} for name in node.to_dataset(inherit=False).variables}
        for node in results.subtree
    }
    with warnings.catch_warnings():
        # Without it xarray warns whenever the store is opened; with it Zarr warns once that the format is young.
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        results.to_zarr(path, consolidated=True, zarr_format=3, encoding=encoding, write_empty_chunks=True)
    root = _metadata(path, ".")
    root["attributes"]["checksum"] = _checksum(root)
    (path / "zarr.json").write_text(dumps(root, indent=2), encoding="utf-8")


def read_store(path: Path) -> xr.DataTree:
    """Reads what `save_results` wrote, all of it, as `open_results` says."""
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no results there; make some with `thermo-ideal reproduce toy --out DIR`")
    consolidated = _require_same_metadata(path)
    for description in sorted(path.rglob("zarr.json")):
        name = description.parent.relative_to(path).as_posix()
        if _metadata(path, name).get("node_type") == "array":
            _require_complete(path, name)
    tree = xr.open_datatree(path, engine="zarr", consolidated=consolidated).load()
    tree.attrs = {name: value for name, value in tree.attrs.items() if name not in ("how_to_open", "checksum")}
    return tree


def _checksum(root: dict) -> str:
    """Of the root's metadata, which have no chunk to be checked with."""
    attributes = {name: value for name, value in root.get("attributes", {}).items() if name != "checksum"}
    return hashlib.sha256(dumps(root | {"attributes": attributes}, sort_keys=True).encode()).hexdigest()


def _require_same_metadata(path: Path) -> bool:
    """Whether the store keeps its metadata twice, in each array and all together; then they must be the same."""
    root = _metadata(path, ".")
    attributes = root.get("attributes", {})
    ours = any(word in dumps(root) for word in ("how_to_open", "checksum"))  # whichever of them a byte has spoilt
    if ours and attributes.get("checksum") != _checksum(root):
        raise _damaged(path, ".", ValueError("its text and its checksum differ"))
    together = root.get("consolidated_metadata") or {}
    for name, expected in together.get("metadata", {}).items():
        found = _metadata(path, name)
        # As text, in which NaN is itself.
        if any(dumps(found.get(key)) != dumps(expected[key]) for key in expected.keys() - {"consolidated_metadata"}):
            raise _damaged(path, name, ValueError("its zarr.json and the consolidated metadata differ"))
    return bool(together)


def _metadata(path: Path, name: str) -> dict:
    try:
        return dict(loads((path / name / "zarr.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(path, name, error) from error


def _require_complete(path: Path, name: str) -> None:
    """Raises OSError unless every chunk of an array is there and is what was written."""
    try:
        stored = zarr.open_array(path / name, mode="r")
        missing = stored.nchunks - stored.nchunks_initialized
        if missing:
            raise ValueError(f"{missing} of {stored.nchunks} chunks are missing")
        stored[...]
    except Exception as error:  # whatever a codec makes of bytes that are not its own
        raise _damaged(path, name, error) from error


def _damaged(path: Path, name: str, error: Exception) -> OSError:
    part = "zarr.json" if name == "." else name
    return OSError(
        f"{path}: got {part} damaged ({error}), expected all that was written; copy the store again, or make it anew "
        "with `thermo-ideal reproduce toy --out DIR`"
    )
