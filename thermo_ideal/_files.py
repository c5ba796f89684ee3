"""Files and folders that are complete or not there."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


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
        raise FileExistsError(
            f"{path} is there already; add overwrite=True (--overwrite) to replace it, or choose another path (--out)"
        )
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
