"""A time limit for SymPy, whose integrals and limits may take hours."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_POLL = 0.02  # seconds between two looks at the clock, and between two interruptions if the first is swallowed


class _TimeIsUp(BaseException):
    """Not an `Exception`, which SymPy's own handlers would swallow."""


class _Watch(threading.Thread):
    """Interrupts the thread that made it, again and again, from a deadline on until it is stopped."""

    def __init__(self, seconds: float) -> None:
        super().__init__(daemon=True)
        self._target_thread, self._deadline = threading.get_ident(), time.process_time() + seconds
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._interrupted = False

    def run(self) -> None:
        """Waits, and interrupts."""
        while not self._stopped.wait(_POLL):
            with self._lock:
                late = time.process_time() > self._deadline and not self._stopped.is_set()
                if late and not self._is_collecting():
                    self._interrupted = True
                    thread, up = ctypes.c_ulong(self._target_thread), ctypes.py_object(_TimeIsUp)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, up)

    def _is_collecting(self) -> bool:
        """Whether the thread is in a finalizer or a callback of the collector, where an interruption would be lost."""
        callbacks = {getattr(callback, "__code__", None) for callback in gc.callbacks}
        frame = sys._current_frames().get(self._target_thread)
        while frame is not None:
            if frame.f_code in callbacks or frame.f_code.co_name == "__del__":
                return True
            frame = frame.f_back
        return False

    def stop(self) -> None:
        """No interruption starts after this; one that is on its way arrives in here."""
        with self._lock:
            self._stopped.set()
        if self._interrupted:
            time.sleep(0)
            for _ in range(1000):  # the interpreter looks for interruptions at every turn
                pass


def within(seconds: float, compute: Callable[[], T]) -> T | None:
    """The result of a computation; None if it takes longer or SymPy has no method for it.

    It is interrupted in its own thread, on every platform, so nothing goes on behind the caller's back.

    Args:
        seconds: the time of the processor that it may take, so that a busy machine changes no result.
        compute: a function without arguments.
    """
    watch = _Watch(seconds)
    try:
        watch.start()
        try:
            return compute()
        except Exception:  # SymPy's algorithms give up with errors of every kind, on purpose or not
            return None
        finally:
            watch.stop()
    except _TimeIsUp:
        _stop(watch)
        return None


def _stop(watch: _Watch) -> None:
    """Stops a watch whose last interruption may still arrive."""
    try:
        watch.stop()
    except _TimeIsUp:
        watch.stop()
