"""Files and folders that are complete or not there."""

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows, where a file that is open cannot be replaced anyway
    fcntl = None  # type: ignore[assignment]


def require_free(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    """Raises, before any work is done, if `names` could not be written to `folder`.

    Raises:
        FileExistsError: one of them is there and `overwrite` is false.
        NotADirectoryError: `folder`, or a part of its path, is a file.
        PermissionError: the folder may not be written to.
    """
    nearest = folder.resolve()
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    if not nearest.is_dir():
        raise NotADirectoryError(f"{nearest} is a file, expected a folder; choose another path (--out)")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(f"{nearest} may not be written to; choose another path (--out)")
    for name in names:
        if os.path.lexists(folder / name) and not overwrite:
            raise FileExistsError(
                f"{folder / name} is there already; add overwrite=True (--overwrite) to replace it, or choose another "
                "path (--out)"
            )


def require_writable(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    """Raises, before any work is done, if `names` cannot be written to `folder`: by writing there once.

    Raises:
        FileExistsError: one of them is there and `overwrite` is false.
        OSError: the folder cannot be made, or nothing can be written into it.
    """
    require_free(folder, names, overwrite)
    try:
        with _fresh_folder(folder) as fresh:
            (fresh / "trial").write_text("trial")
    except OSError as error:
        raise OSError(
            f"{folder}: got a folder that cannot be written to ({error.strerror}), expected another, as in --out toy"
        ) from error


def write_whole(folder: Path, names: Sequence[str], write: Callable[[Path], object], overwrite: bool = False) -> None:
    """Lets `write` make `names` in an empty folder, then puts all of them in place by renaming, or none.

    What they replace is moved aside first, beside them, and removed last. If that is interrupted it is moved back; if
    even that is, it is still there, in a folder `.old-…`.

    Args:
        folder: where they should end up.
        names: files or folders that `write` makes.
        write: makes them in the folder that it is handed.
        overwrite: replace what is there.

    Raises:
        FileExistsError: one of them is there and `overwrite` is false.
    """
    require_free(folder, names, overwrite)
    with _fresh_folder(folder) as fresh:
        write(fresh)
        _swap(fresh, folder.resolve(), names, overwrite)


@contextmanager
def _fresh_folder(folder: Path) -> Iterator[Path]:
    """An empty folder inside of `folder`, which is made if need be, and removed if it is empty in the end."""
    folder = folder.resolve()
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder, prefix=".new-"))
        try:
            yield fresh
        finally:
            shutil.rmtree(fresh)
    finally:
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _swap(fresh: Path, folder: Path, names: Sequence[str], overwrite: bool) -> None:
    stale = Path(tempfile.mkdtemp(dir=folder, prefix=".old-"))
    try:
        for name in names:
            # Asked again: another process may have finished in the meantime.
            if os.path.lexists(folder / name):
                require_free(folder, [name], overwrite)
                os.rename(folder / name, stale / name)
            os.rename(fresh / name, folder / name)
    except BaseException:
        for name in names:
            installed = not os.path.lexists(fresh / name) and os.path.lexists(folder / name)
            if installed:
                os.rename(folder / name, fresh / name)
            if os.path.lexists(stale / name):
                os.rename(stale / name, folder / name)
        stale.rmdir()
        raise
    shutil.rmtree(stale)


def write_durably(path: Path, content: bytes) -> None:
    """Writes a file that is whole or as it was, also after a loss of power: on the disk first, then put in place.

    Args:
        path: of the file; what is there is replaced.
        content: of the file.
    """
    fresh = path.with_name(f".{path.name}.new")
    with open(fresh, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Has the disk keep what was written to a file, or the names that are in a folder."""
    if fcntl is None and path.is_dir():  # Windows keeps names by itself
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def hold(path: Path, message: str) -> Iterator[None]:
    """Holds a file, which need not be there, so that no other process or thread can.

    What is locked is a file beside it, which is removed at the end. A process that is killed lets go of it.

    Args:
        path: what to hold.
        message: of the error, with `{path}` and `{holder}`.

    Raises:
        ValueError: it is held already.
    """
    if fcntl is None:
        yield
        return
    made = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    with _locked(lock, path, message):
        try:
            yield
        finally:
            lock.unlink()
            for folder in made:
                if not any(folder.iterdir()):
                    folder.rmdir()


@contextmanager
def _locked(lock: Path, path: Path, message: str) -> Iterator[None]:
    while True:
        with open(lock, "a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                age = time.time() - os.fstat(file.fileno()).st_mtime
                holder = f"process {file.read() or 'another'} since {age:.0f} s"
                raise ValueError(message.format(path=path, holder=holder)) from error
            # The one that held it may have removed it in between: then it locks nobody out.
            if not lock.exists() or os.fstat(file.fileno()).st_ino != lock.stat().st_ino:
                continue
            file.truncate(0)
            file.write(f"{os.getpid()} of {platform.node() or 'this machine'}")
            file.flush()
            yield
            return
