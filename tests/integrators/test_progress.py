"""What is shown while a run goes on: a bar in a terminal, a line in a notebook, a line a minute in a log."""

import io
import re
import sys
import types

import pytest
from rich.console import Console

from thermo_ideal.integrators._progress import ProgressBar


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("thermo_ideal.integrators._progress.time.monotonic", lambda: now[0])
    return now


def run(console, clock, seconds, steps=10, before=0.0):
    """Of a thousand steps, `steps` at a time, which take as many seconds."""
    with ProgressBar("simulating", 1000, console) as bar:
        if before:
            bar.advance(before)
        while bar.completed < 1000:
            clock[0] += seconds
            bar.advance(steps)


def test_a_log_has_a_plain_line_a_minute(clock):
    log = io.StringIO()
    run(Console(file=log, width=40), clock, 2.0)
    lines = log.getvalue().splitlines()
    assert len(lines) == 4  # after 60, 120, 180 and, at the end, 200 seconds
    assert lines[0] == "simulating: 30% of 1e+03 steps, 5 steps/s, 0:02:20 left"
    assert lines[-1].startswith("simulating: 100% of 1e+03 steps, 5")
    assert "\x1b" not in log.getvalue()


def test_a_short_run_says_nothing_in_a_log(clock):
    log = io.StringIO()
    run(Console(file=log), clock, 0.1)
    assert log.getvalue() == ""


def test_what_was_done_before_does_not_count_for_the_speed(clock):
    log = io.StringIO()
    run(Console(file=log), clock, 10.0, before=500.0)
    assert "56% of 1e+03 steps, 1 steps/s, 0:07:20 left" in log.getvalue()


def test_a_notebook_has_one_line_that_changes(clock, monkeypatch):
    shown = []

    class Handle:
        def update(self, data, raw):
            assert raw
            shown.append(data["text/plain"])

    def display(data, raw, display_id):
        assert raw
        assert display_id
        return Handle()

    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    module = types.ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    run(Console(force_jupyter=True), clock, 0.3)
    assert len(shown) == 50
    assert all(re.fullmatch(r"simulating: \d+% of 1e\+03 steps, 33\.3 steps/s, 0:00:\d\d left", line) for line in shown)


def test_a_quiet_console_shows_nothing(clock):
    screen = io.StringIO()
    run(Console(file=screen, quiet=True, force_terminal=True), clock, 100.0)
    assert screen.getvalue() == ""
