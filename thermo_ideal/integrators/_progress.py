"""How many steps are done, how fast, and how long the rest takes: a bar, or a line now and then."""

import datetime
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

_SECONDS_IN_A_LOG, _SECONDS_IN_A_NOTEBOOK = 60.0, 0.5


class _StepsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("–" if speed is None else f"{speed:.3g} steps/s")


class ProgressBar:
    """Shows how many steps of all runs together are done. It is safe to share by threads.

    In a terminal it is a bar, in a notebook a line that changes, and anywhere else a plain line a minute.

    Args:
        description: what is running.
        total: the number of steps of all runs together.
        console: where to draw; standard error if None. A quiet one shows nothing.

    Example:
        >>> from thermo_ideal.integrators._progress import ProgressBar
        >>> with ProgressBar("simulating", total=100) as bar:
        ...     bar.advance(100)
        >>> bar.completed
        100.0
    """

    def __init__(self, description: str, total: float, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._shown: _Bar | _Lines | None = None
        if not console.quiet:
            self._shown = (_Bar if console.is_terminal else _Lines)(description, total, console)
        self._lock = threading.Lock()
        self._cancelled = False
        self.completed = 0.0

    def advance(self, steps: float) -> None:
        """Counts `steps` as done.

        Raises:
            CancelledError: `cancel` was called.
        """
        if self._cancelled:
            raise CancelledError("the run was cancelled")
        with self._lock:
            self.completed += steps
            if self._shown is not None:
                self._shown.update(self.completed)

    def describe(self, description: str) -> None:
        """Says something else in front of the numbers.

        Args:
            description: what is running, and how far.
        """
        with self._lock:
            if self._shown is not None:
                self._shown.describe(description)

    def cancel(self) -> None:
        """Stops every run that shares this bar at its next chunk."""
        self._cancelled = True

    def __enter__(self) -> "ProgressBar":
        if self._shown is not None:
            self._shown.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._shown is not None:
            self._shown.stop()


class _Bar:
    """In a terminal."""

    def __init__(self, description: str, total: float, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            _StepsPerSecond(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task(description, total=total)

    def start(self) -> None:
        self._progress.start()

    def update(self, completed: float) -> None:
        self._progress.update(self._task, completed=completed)

    def describe(self, description: str) -> None:
        self._progress.update(self._task, description=description)

    def stop(self) -> None:
        self._progress.stop()


class _Lines:
    """In a notebook one line that changes, in a log one after the other; the last only if there was one before."""

    def __init__(self, description: str, total: float, console: Console) -> None:
        self._description, self._total, self._console = description, total, console
        self._every = _SECONDS_IN_A_NOTEBOOK if console.is_jupyter else _SECONDS_IN_A_LOG
        self._write: Callable[[str], None] | None = None
        self._said = ""
        self._begin: tuple[float, float] | None = None

    def start(self) -> None:
        self._last = time.monotonic()

    def update(self, completed: float) -> None:
        now = time.monotonic()
        if self._begin is None:  # what was done before, of a run that goes on, was not done at this speed
            self._begin = now, completed
        self._now = now, completed
        if now - self._last >= self._every:
            self._say()

    def describe(self, description: str) -> None:
        self._description = description

    def stop(self) -> None:
        if self._said and self._line() != self._said:
            self._say()

    def _say(self) -> None:
        if self._write is None:
            self._write = _changing_line() if self._console.is_jupyter else self._print
        self._said, self._last = self._line(), time.monotonic()
        self._write(self._said)

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _line(self) -> str:
        (began, before), (now, completed) = self._begin or self._now, self._now
        speed = (completed - before) / (now - began) if now > began else 0.0
        left = f", {datetime.timedelta(seconds=round((self._total - completed) / speed))} left" if speed else ""
        share = completed / self._total
        return f"{self._description}: {share:.0%} of {self._total:.3g} steps, {speed:.3g} steps/s{left}"


def _changing_line() -> Callable[[str], None]:
    """A line of a notebook's output. Where this is called IPython is there."""
    from IPython.display import display

    handle = display({"text/plain": ""}, raw=True, display_id=True)
    return lambda line: handle.update({"text/plain": line}, raw=True)
