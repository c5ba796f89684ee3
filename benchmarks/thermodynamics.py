"""A million states of the gas in one call, beside the same states asked for one at a time.

Run `python benchmarks/thermodynamics.py`. Each state has its own dimension and temperature, and is asked for every
property and ten partial derivatives. No time is ever a failure; the exit code is 1 where one of the numbers is not
finite.
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from racing import digits, new_table, race, ratio
from rich.console import Console

from thermo_ideal.thermodynamics import State, VonMisesFisherGas
from thermo_ideal.thermodynamics._property_table import PROPERTIES

STATES = 10**6
ALONE = {"jitted": 300, "eager": 3}  # states asked for one at a time in a round
DERIVATIVES = (
    "d(S)/d(log(lambda))|eta",
    "d(S)/d(log(eta))|lambda",
    "d(S)/d(log(r))|eta_eff",
    "d(U)/d(eta)|lambda",
    "d(r)/d(lambda)|eta",
    "d(T)/d(p)|S",
    "d(V)/d(T)|p",
    "d(log(p))/d(log(V))|S",
    "d(C_V)/d(T)|V",
    "d2(G)/d(p)2|T",
)


def everything(dimension, **pair):
    """Every property of states, and ten derivatives."""
    state = State(VonMisesFisherGas(dimension), **pair)
    return [getattr(state, name) for name in PROPERTIES] + [state.partial(text) for text in DERIVATIVES]


def draw(precision):
    """`d` from 10³ to 10⁷, `T(d − 1)` from 10⁻² to 10 and `V` from 10⁻² to 10²."""
    random = np.random.default_rng(0)
    dimension = np.round(10 ** random.uniform(3, 7, STATES))
    heat, volume = 10 ** random.uniform(-2, 1, STATES), 10 ** random.uniform(-2, 2, STATES)
    columns = {"dimension": dimension, "temperature": heat / (dimension - 1), "volume": volume}
    return {name: jnp.asarray(column, precision) for name, column in columns.items()}


def hyperparameters(states):
    """The same states, by learning rate and weight decay."""
    gas = VonMisesFisherGas(states["dimension"])
    state = State(gas, temperature=states["temperature"], volume=states["volume"])
    return {
        "dimension": states["dimension"],
        "learning_rate": state.learning_rate,
        "weight_decay": state.weight_decay,
    }


def compiled(states):
    """The program for a batch, and seconds to compile it."""
    start = time.perf_counter()
    program = jax.jit(everything).lower(**states).compile()
    return program, time.perf_counter() - start


def in_precision(precision, program, states):
    """A call of a compiled program."""

    def call():
        with jax.enable_x64(precision == "float64"):
            return program(**states)

    return call


def one_at_a_time(function, states, count):
    """A call that asks for states one after another, in Python numbers, and how many it asks for."""
    columns = (column[:count].tolist() for column in states.values())
    rows = [dict(zip(states, row, strict=True)) for row in zip(*columns, strict=True)]
    return lambda: [[float(x) for x in function(**row)] for row in rows], count


def main():
    """Prints the table; 1 if a number is not finite."""
    entrants, notes, failed = {}, {}, False
    for precision in ("float32", "float64"):
        with jax.enable_x64(precision == "float64"):
            given = draw(precision)
            for by, states in {"T, V": given, "η, λ": hyperparameters(given)}.items():
                program, seconds = compiled(states)
                failed |= not all(bool(jnp.isfinite(column).all()) for column in program(**states))
                memory = program.memory_analysis()
                used = memory.temp_size_in_bytes + memory.output_size_in_bytes + memory.argument_size_in_bytes
                name = f"all in one call, {precision}, from {by}"
                entrants[name] = in_precision(precision, program, states), STATES
                notes[name] = digits(seconds), f"{used / 2**20:,.0f}"
    first = next(iter(entrants))
    states = draw("float32")
    entrants["one at a time, jitted, float32, from T, V"] = one_at_a_time(jax.jit(everything), states, ALONE["jitted"])
    entrants["one at a time, eager, float32, from T, V"] = one_at_a_time(everything, states, ALONE["eager"])

    headings = ("ns per state", "ns of a core", "× the first", "compile / s", "MiB")
    title = f"{STATES:,} states, {len(PROPERTIES)} properties and {len(DERIVATIVES)} derivatives of each"
    table = new_table(title, ("",), headings)
    taken = race(entrants, rounds=3)
    for name, one in taken.items():
        table.add_row(name, *one.cells, ratio(taken, name, first), *notes.get(name, ("", "")))
    Console(width=120).print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
