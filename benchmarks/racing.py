"""Races: the time that a unit of work takes each of several entrants, who take turns in one process."""

import importlib
import sys
import time
from dataclasses import dataclass
from functools import cache

import jax
from rich.table import Column, Table

ROUNDS = 7


@cache
def import_peer(name):
    """A library to measure against, or None where it cannot be imported."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        print(f"{name} is not importable: {type(error).__name__}: {error}", file=sys.stderr)
        return None


def new_table(title, left, right):
    """A table with columns of text, then of numbers."""
    return Table(*left, *(Column(heading, justify="right") for heading in right), title=title)


@dataclass
class Taken:
    """What one unit of work takes: seconds on the clock, and seconds of all cores together."""

    wall: float
    cores: float

    @property
    def cells(self):
        """Nanoseconds on the clock, and of all cores together, for a table."""
        return tuple(digits(seconds * 1e9) for seconds in (self.wall, self.cores))


def digits(value):
    """About three digits of a number ≥ 0."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def race(entrants, rounds=ROUNDS):
    """The least that a unit of work takes each entrant, `(call, units)`, over rounds in which all take turns."""
    best = {}
    for call, _ in entrants.values():
        jax.block_until_ready(call())
    for _ in range(rounds):
        for name, (call, units) in entrants.items():
            wall, cores = time.perf_counter(), time.process_time()
            jax.block_until_ready(call())
            wall, cores = (time.perf_counter() - wall) / units, (time.process_time() - cores) / units
            before = best.get(name, Taken(wall, cores))
            best[name] = Taken(min(wall, before.wall), min(cores, before.cores))
    return best


def ratio(taken, slower, faster):
    """How many times faster one is than another, or nothing where a peer is not installed."""
    if slower not in taken or faster not in taken:
        return ""
    return digits(taken[slower].wall / taken[faster].wall)
