"""How long every derivation of the package takes to derive and to verify, and `thermo-ideal derive` from the shell.

Run `python benchmarks/derivations.py`. Times are also given as ratios: of a derivation to one `sympy.dsolve` of the
radius' equation by SymPy alone, in the same process; of the command to a Python that imports SymPy and stops.
"""

import subprocess
import sys
import time
from pathlib import Path

import sympy as sp
from rich.console import Console
from rich.table import Table

from thermo_ideal.symbolic import TOPICS, derivation


def seconds(function):
    """How long a call takes, and what it returns."""
    start = time.perf_counter()
    value = function()
    return time.perf_counter() - start, value


def sympy_alone():
    """The radius under a fixed learning rate, as a differential equation for `r⁴`."""
    t, eta, decay, tau = sp.symbols("t eta lambda tau", positive=True)
    y = sp.Function("y")(t)
    return sp.dsolve(sp.Eq(y.diff(t), -4 * eta * decay * y + 2 * eta**2 * tau), y)


def main():
    """Prints the table; 1 if all take 60 s, one takes 10 s, or the command 3 s."""
    baseline, _ = seconds(sympy_alone)
    console = Console(width=100)
    table = Table("topic", "protocol", "derive / s", "verify / s", "residuals", "× dsolve", title="Derivations")
    total, slowest = 0.0, 0.0
    for topic, entry in TOPICS.items():
        for protocol in entry.protocols or (None,):
            deriving, derived = seconds(lambda topic=topic, protocol=protocol: derivation(topic, protocol))
            verifying, count = seconds(derived.verify)
            both = deriving + verifying
            total, slowest = total + both, max(slowest, both)
            cells = (topic, protocol or "", f"{deriving:.2f}", f"{verifying:.2f}", f"{count}", f"{both / baseline:.1f}")
            table.add_row(*cells)
    console.print(table)
    console.print(f"all {total:.1f} s, the slowest {slowest:.1f} s; one dsolve {baseline:.2f} s")

    command = [Path(sys.executable).with_name("thermo-ideal"), "derive", "radius", "--protocol", "fixed-lr"]
    shell, bare = (
        min(seconds(lambda words=words: subprocess.run(words, check=True, capture_output=True))[0] for _ in range(5))
        for words in (command, [sys.executable, "-c", "import sympy"])
    )
    ratio = f"{shell / bare:.1f} × a Python that imports SymPy"
    console.print(f"thermo-ideal derive radius --protocol fixed-lr: {shell:.2f} s, {ratio}")
    return 0 if total < 60 and slowest < 10 and shell < 3 else 1


if __name__ == "__main__":
    sys.exit(main())
