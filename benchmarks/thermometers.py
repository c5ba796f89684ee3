"""Are the errors of the thermometers right? `python -m benchmarks.thermometers [draws]`, 400 if not said.

For each thermometer a temperature, a dimension and a noise are drawn that many times, samples are drawn from the exact
law, and the estimate is ranked. Ranks must be uniform; they must not be if the temperature is off by 2 %, and the
spread of the scores must show an interval that is too narrow by 1.15.
"""

import sys
import time

import numpy as np
from rich.console import Console

from benchmarks.racing import new_table
from tests.support.thermometers import THERMOMETERS, rank_p_value, scores


def main(count):
    """Prints the table."""
    table = new_table(
        f"{count} draws of (T, d, σ) each",
        ("thermometer",),
        (
            "relative error",
            "mean score",
            "variance of scores",
            "p of ranks",
            "p, T × 1.02",
            "variance, error/1.15",
            "s",
        ),
    )
    for name, thermometer in THERMOMETERS.items():
        began = time.perf_counter()
        z, error = scores(thermometer, count)
        table.add_row(
            name,
            f"{np.median(error):.1e}",
            f"{z.mean():+.2f} ± {count**-0.5:.2f}",
            f"{z.var():.2f} ± {np.sqrt(2 / count):.2f}",
            f"{rank_p_value(z):.2g}",
            f"{rank_p_value(z - 0.02 / error):.0e}",
            f"{1.15**2 * z.var():.2f}",
            f"{time.perf_counter() - began:.0f}",
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
