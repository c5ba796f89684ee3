"""What random numbers cost inside JAX: laws, generators, and sizes of a draw.

Run `python benchmarks/random_numbers.py`. No time is ever a failure.
"""

import math
from functools import partial
from unittest.mock import patch

import jax
import jax.numpy as jnp
from racing import new_table, race, ratio
from rich.console import Console

from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.integrators import EulerMaruyama
from thermo_ideal.numerics import _normals as implementation
from thermo_ideal.numerics import chi_square_from_normal, normals

NUMBERS_PER_DRAW = 2**18  # what EulerMaruyama draws at once on a CPU
NUMBERS_PER_CALL = 2**22


def box_muller(key, shape, dtype):
    """Normals by pairs from two uniform numbers."""
    half = (math.prod(shape) + 1) // 2
    one, two = jax.random.uniform(key, (2, half), dtype)
    length, angle = jnp.sqrt(-2 * jnp.log1p(-one)), 2 * jnp.pi * two
    pairs = jnp.concatenate([length * jnp.cos(angle), length * jnp.sin(angle)])
    return pairs[: math.prod(shape)].reshape(shape)


def their_chi_square(freedom, key, shape, dtype):
    """By rejection."""
    return jax.random.chisquare(key, freedom, shape, dtype)


def our_chi_square(freedom, key, shape, dtype):
    """One normal and a polynomial."""
    return chi_square_from_normal(freedom, normals(key, shape, dtype))


def normals_of(streams, steps):
    """Our normals with another number of streams, and of their steps at once."""

    def draw(key, shape, dtype):
        with patch.multiple(implementation, _STREAMS=streams, _STEPS_AT_ONCE=steps):
            return normals(key, shape, dtype)

    return draw


def drawing(
    draw,
    size=NUMBERS_PER_DRAW,
    dtype="float32",
    implementation="threefry2x32",
    partitionable=True,
    total=NUMBERS_PER_CALL,
):
    """A call that draws again and again within one program on one device, and how many numbers it draws."""
    repeats = max(1, total // size)

    def program(key):
        first = jnp.zeros(size, dtype)
        return jax.lax.fori_loop(
            0, repeats, lambda i, _: draw(jax.random.fold_in(key, i), first.shape, first.dtype), first
        )

    compiled = jax.jit(program)

    def call():
        with jax.enable_x64(dtype == "float64"), jax.threefry_partitionable(partitionable):
            return compiled(jax.random.key(1, impl=implementation))

    return call, repeats * size


def main():
    """Prints the tables."""
    console = Console(width=150)
    sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedEffectiveLearningRate(0.1, 0.1))
    normal, chain = jax.random.normal, partial(drawing, partitionable=False)
    entrants = {
        "normals": chain(normals),
        "normals, float64": chain(normals, dtype="float64"),
        "normal, threefry": chain(normal),
        "normal, threefry, partitionable": drawing(normal),
        "normal, threefry, float64": chain(normal, dtype="float64"),
        "normal, threefry, partitionable, float64": drawing(normal, dtype="float64"),
        "normal, rbg": drawing(normal, implementation="rbg"),
        "normal, unsafe_rbg": drawing(normal, implementation="unsafe_rbg"),
        "normal by Box and Muller": chain(box_muller),
        "bits": chain(lambda key, shape, dtype: jax.lax.bitcast_convert_type(jax.random.bits(key, shape), dtype)),
        "uniform": chain(jax.random.uniform),
        "jax.random.rademacher": chain(jax.random.rademacher),
        "±1 of EulerMaruyama": chain(EulerMaruyama(sgd, noise_law="rademacher").draw),
    }
    table = new_table(
        f"Random numbers on one device, {NUMBERS_PER_DRAW:,} at once",
        ("",),
        ("ns per number", "ns of a core", "× the first"),
    )
    taken = race(entrants)
    for name, one in taken.items():
        table.add_row(name, *one.cells, ratio(taken, name, "normals"))
    console.print(table)

    steps, streams = (1, 2, 4, 8), (256, 512, 1024, 2048, 8192)
    table = new_table("normals, ns of a core per number", ("streams",), [f"{n} at once" for n in steps])
    taken = race({(n, m): chain(normals_of(n, m)) for n in streams for m in steps}, rounds=5)
    for n in streams:
        table.add_row(f"{n:,}", *(taken[n, m].cells[1] for m in steps))
    console.print(table)

    headings = ("jax.random.chisquare / ns", "chi_square_from_normal(n, normals) / ns", "ratio", "× normals alone")
    table = new_table("χ² variables, float32", ("n",), headings)
    for freedom in (1, 2, 3, 5, 9, 15, 41, 998, 10**6, 10**9):
        theirs, ours = partial(their_chi_square, freedom), partial(our_chi_square, freedom)
        calls = {"theirs": chain(theirs, total=NUMBERS_PER_DRAW), "ours": chain(ours), "normals": chain(normals)}
        taken = race(calls, rounds=3)
        ratios = ratio(taken, "theirs", "ours"), ratio(taken, "ours", "normals")
        table.add_row(f"{freedom:,}", taken["theirs"].cells[0], taken["ours"].cells[0], *ratios)
    console.print(table)

    sizes = [2**n for n in range(14, 24)]
    kinds = {
        "normals": partial(chain, normals),
        "threefry": partial(chain, normal),
        "threefry, partitionable": partial(drawing, normal),
        "rbg": partial(drawing, normal, implementation="rbg"),
    }
    table = new_table("Normals on one device, ns per number (ns of a core)", ("numbers",), kinds)
    taken = race({(kind, size): make(size) for size in sizes for kind, make in kinds.items()})
    for size in sizes:
        both = (taken[kind, size] for kind in kinds)
        table.add_row(f"{size:,}", *("{} ({})".format(*one.cells) for one in both))
    console.print(table)


if __name__ == "__main__":
    main()
