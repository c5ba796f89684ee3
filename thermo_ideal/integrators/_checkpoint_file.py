"""The file of a checkpoint: written now and then, by one run at a time, and before the process ends."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType, TracebackType

from thermo_ideal._arguments import as_nonnegative
from thermo_ideal._files import hold, require_free
from thermo_ideal.integrators._checkpoint import Checkpoint


class CheckpointFile:
    """Keeps a run in a file after its first chunk, then each time it has run twice as long, then at an interval.

    While it is entered no other run can enter the same file, and SIGTERM ends the program as Ctrl-C does: what has
    been done is kept.

    Args:
        path: of the file, or None, which keeps nothing.
        interval: seconds from one time to the next.

    Raises:
        ValueError: a negative interval, or another run has the file.
    """

    def __init__(self, path: str | Path | None, interval: float) -> None:
        self.path = None if path is None else Path(path)
        self.interval = float(as_nonnegative("checkpoint_interval", interval))
        if self.path is not None:
            require_free(self.path.parent, [self.path.name], overwrite=True)
        self._kept: Checkpoint | None = None
        self._last: Checkpoint | None = None
        self._held = ExitStack()

    def __enter__(self) -> CheckpointFile:
        if self.path is not None:
            self._held.enter_context(
                hold(self.path, "checkpoint: got {path}, which {holder} is writing; wait for it, or name another file")
            )
            self._held.enter_context(_TerminationRaises())
        self._began = self._saved = time.monotonic()
        return self

    def load(self) -> Checkpoint | None:
        """The run that is there already."""
        if self.path is not None and self.path.exists():
            self._kept = self._last = Checkpoint.load(self.path)
        return self._kept

    def update(self, whole: Checkpoint) -> None:
        """Takes the run after one more chunk, and writes it if it is time to."""
        self._last = whole
        if self.path is not None and time.monotonic() - self._saved >= min(self.interval, self._saved - self._began):
            self._save()

    def _save(self) -> None:
        if self.path is not None and self._last is not None and self._last is not self._kept:
            self._last.save(self.path)
            self._kept, self._saved = self._last, time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._held:
            self._save()


class _TerminationRaises:
    """SIGTERM raises SystemExit, where nobody else has a use for it; only the main thread can say so."""

    def __enter__(self) -> None:
        self._ours = (
            threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        )
        if self._ours:
            signal.signal(signal.SIGTERM, self._end)

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    @staticmethod
    def _end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)
