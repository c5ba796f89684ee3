"""A live progress bar with steps per second and the time left."""

import threading
from concurrent.futures import CancelledError
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class _StepsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("–" if speed is None else f"{speed:.3g} steps/s")


class ProgressBar:
    """Shows how many steps of all runs together are done. It writes to standard error and is safe to share by threads.

    Args:
        description: what is running.
        total: the number of steps of all runs together.
        console: where to draw; by default standard error, and nothing is drawn where that is not a terminal.

    Example:
        >>> from thermo_ideal.integrators._progress import ProgressBar
        >>> with ProgressBar("simulating", total=100) as bar:
        ...     bar.advance(100)
        >>> bar.completed
        100.0
    """

    def __init__(self, description: str, total: float, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            _StepsPerSecond(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(description, total=total)
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
            self._progress.update(self._task, completed=self.completed)

    def cancel(self) -> None:
        """Stops every run that shares this bar at its next chunk."""
        self._cancelled = True

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
