"""Von Mises–Fisher numerics beside SciPy and TensorFlow Probability (its JAX substrate, where it can be imported).

Run `python benchmarks/von_mises_fisher.py`; `--only accuracy`, `--only sampling` or `--only speed` prints one part, and
`taskset -c 0 python …` gives it one core. Everything is timed in one process, the libraries in turn, so that ratios
mean something on a busy machine too. The exit code is 1 where our own errors are beyond `BOUNDS`; speed never fails.
"""

import argparse
import csv
import importlib
import math
import os
import sys
import time
import warnings
from decimal import Decimal
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from rich.console import Console
from rich.table import Column, Table
from scipy import special, stats

from thermo_ideal.distributions import VonMisesFisher
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.special import log_ive

REFERENCE = Path(__file__).parents[1] / "tests" / "distributions" / "von_mises_fisher_table.csv"
PRECISIONS = ("float64", "float32")

# The largest error allowed in double precision; that of `RELATIVE_TO_ONE` is relative to max(1, |value|).
BOUNDS = {
    "mean_resultant_length": 1e-15,
    "one_minus_mean_resultant_length": 5e-15,
    "mean_resultant_length_derivative": 5e-15,
    "log_normalizer": 2e-14,
    "log_normalizer_scaled": 1e-14,
    "entropy": 1e-14,
    "kl_from_uniform": 5e-15,
    "concentration": 2e-15,
}
SINGLE_BOUND = 5e-6
RELATIVE_TO_ONE = ("log_normalizer", "log_normalizer_scaled", "entropy")

# Vectors in a sample, by dimension: a call takes about 0.05 to 1 s.
SAMPLES = {2: 400_000, 3: 1_000_000, 10: 250_000, 100: 50_000, 10**4: 500, 10**6: 8}
LARGEST_FOR_SCIPY = 1000
PAIRS = 10**6
ROUNDS = 3


def import_tfp():
    """TensorFlow Probability on JAX, or None: it uses private parts of JAX, whose changes break it in many ways."""
    try:
        return importlib.import_module("tensorflow_probability.substrates.jax")
    except Exception as error:
        print(f"TensorFlow Probability is not importable: {type(error).__name__}: {error}", file=sys.stderr)
        return None


def new_table(title, left, right):
    """A table with columns of text, then of numbers."""
    return Table(*left, *(Column(heading, justify="right") for heading in right), title=title)


def textbook(xp, log_ive, ratio, log_gamma):
    """Every quantity from a library's Bessel functions `log(e^{−z} I_v(z))` and `I_v(z)/I_{v−1}(z)`.

    They are the libraries' own formulas where there are any; `scipy.stats.vonmises_fisher` wants a vector of length d.
    """

    def scaled(d, k):
        return (d / 2 - 1) * xp.log(k) - d / 2 * math.log(2 * math.pi) - log_ive(d / 2 - 1, k)

    def entropy(d, k):
        return -(scaled(d, k) - k) - k * ratio(d / 2, k)

    return {
        "mean_resultant_length": lambda d, k: ratio(d / 2, k),
        "one_minus_mean_resultant_length": lambda d, k: 1 - ratio(d / 2, k),
        "mean_resultant_length_derivative": lambda d, k: 1 - ratio(d / 2, k) ** 2 - (d - 1) * ratio(d / 2, k) / k,
        "log_normalizer": lambda d, k: scaled(d, k) - k,
        "log_normalizer_scaled": scaled,
        "entropy": entropy,
        "kl_from_uniform": lambda d, k: math.log(2) + d / 2 * math.log(math.pi) - log_gamma(d / 2) - entropy(d, k),
    }


def errors(name, values, exact):
    """The error of each value, NaN where the value is not finite; differences are taken in 28 digits."""
    found = np.full(len(exact), np.nan)
    for i in np.flatnonzero(np.isfinite(values)):
        scale = max(1, abs(exact[i])) if name in RELATIVE_TO_ONE else abs(exact[i])
        found[i] = abs(Decimal(float(values[i])) - exact[i]) / scale
    return found


def inverse_problem(rows, precision):
    """Where `R` is given (it is at most ½) and not `1 − R`, the rounded numbers given, and the exact `κ` of those.

    The tabulated `κ` belongs to the number before rounding: a Newton step leads to the one after it.
    """
    by_length = np.array([float(row["mean_resultant_length"]) <= 0.5 for row in rows])
    given, exact = np.zeros(len(rows), precision), []
    for i, row in enumerate(rows):
        text = row["mean_resultant_length" if by_length[i] else "one_minus_mean_resultant_length"]
        given[i] = float(text)
        step = (Decimal(float(given[i])) - Decimal(text)) / Decimal(row["mean_resultant_length_derivative"])
        exact.append(Decimal(row["concentration"]) + (step if by_length[i] else -step))
    return by_length, given, exact


def inverses(d, given, by_length):
    """`κ` by `vmf.concentration`, and by the approximation `R(d − R²)/(1 − R²)` of Banerjee et al., JMLR 6, 1345."""
    kappa = np.zeros_like(given)
    kappa[by_length] = vmf.concentration(d[by_length], given[by_length])
    kappa[~by_length] = vmf.concentration(d[~by_length], one_minus_resultant_length=given[~by_length])
    length, complement = np.where(by_length, given, 1 - given), np.where(by_length, 1 - given, given)
    return {"ours": kappa, "Banerjee 2005": length * (d - length**2) / (complement * (1 + length))}


def accuracy(console, tfp):
    """Prints the errors against the table of references, and returns what is beyond a bound of ours."""
    rows = list(csv.DictReader(REFERENCE.read_text().splitlines()))
    title = f"Accuracy at {len(rows)} points, d = 2 … 10⁹, κ = 10⁻⁸ … 10¹²"
    headings = ("NaN or ∞", "worst", "median", "worst at d, κ", "bound")
    table, broken, ive = new_table(title, ("quantity", "library", "precision"), headings), [], special.ive
    by_scipy = textbook(np, lambda v, z: np.log(ive(v, z)), lambda v, z: ive(v, z) / ive(v - 1, z), special.gammaln)
    by_tfp = tfp and textbook(jnp, tfp.math.log_bessel_ive, tfp.math.bessel_iv_ratio, jax.lax.lgamma)

    def report(name, library, precision, values, exact):
        found, bound = errors(name, np.asarray(values), exact), ""
        if library == "ours":
            bound = BOUNDS[name] if precision == "float64" else SINGLE_BOUND
            if not np.all(found <= bound):  # NaN included
                broken.append(f"{name} in {precision}: {np.nanmax(found):.1e}, {np.isnan(found).sum()} not finite")
        worst = rows[np.argmax(np.nan_to_num(found))]
        where = f"{float(worst['dimension']):.6g}, {float(worst['concentration']):.3g}"
        numbers = f"{np.isnan(found).mean():.1%}", f"{np.nanmax(found):.1e}", f"{np.nanmedian(found):.1e}"
        table.add_row(name, library, precision, *numbers, where, f"{bound}")

    for name in BOUNDS:
        for precision in PRECISIONS:
            d, kappa = (np.array([row[key] for row in rows], precision) for key in ("dimension", "concentration"))
            with jax.enable_x64(precision == "float64"):
                if name == "concentration":
                    by_length, given, exact = inverse_problem(rows, precision)
                    for library, values in inverses(d, given, by_length).items():
                        report(name, library, precision, values, exact)
                    continue
                exact = [Decimal(row[name]) for row in rows]
                report(name, "ours", precision, getattr(vmf, name)(d, kappa), exact)
                if precision == "float64":
                    report(name, "SciPy", precision, by_scipy[name](d, kappa), exact)
                if tfp:
                    report(name, "TFP", precision, jax.jit(by_tfp[name])(d, kappa), exact)
                else:
                    table.add_row(name, "TFP", precision, *["not importable"] * 3)
        table.add_section()
    console.print(table)
    console.print("Relative errors; of log_normalizer, log_normalizer_scaled and entropy relative to max(1, |value|).")
    return broken


def best_seconds(calls):
    """The fewest seconds that each call takes, over rounds in which all take turns; each has been called before."""
    seconds = dict.fromkeys(calls, math.inf)
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def complaint(x, mu, kappa):
    """What is wrong with a sample: its mean depth `1 − μ·x` is NaN, or more than six standard errors off."""
    depth = np.sum((np.asarray(x[:1000], np.float64) - mu) ** 2, axis=1) / 2
    with jax.enable_x64(True):
        off = depth.mean() - float(vmf.one_minus_mean_resultant_length(mu.size, kappa))
        score = off / math.sqrt(float(vmf.energy_variance(mu.size, kappa)) / depth.size)
    return "" if abs(score) < 6 else f"(mean off by {score:.0f} σ)"


def race(draw, mean_direction, kappa, n):
    """A row of `sampling`: the cells of ours, SciPy and TFP, and the ratio of ours to the fastest of the others."""
    key, mu = jax.random.key(1), np.asarray(mean_direction, np.float64)
    law = VonMisesFisher(mean_direction, kappa)
    cells = {"ours": complaint(law.sample(key, (n,)), mu, kappa), "SciPy": "d × d", "TFP": "not importable"}
    calls = {"ours": lambda: law.sample(key, (n,))}
    if mu.size <= LARGEST_FOR_SCIPY:
        theirs = stats.vonmises_fisher(mu / np.linalg.norm(mu), kappa)
        calls["SciPy"] = lambda: theirs.rvs(n, random_state=np.random.default_rng(1))
    if draw:
        calls["TFP"] = lambda: draw(key, mean_direction, jnp.asarray(kappa, mean_direction.dtype))
    for name in list(calls)[1:]:
        try:
            cells[name] = complaint(calls[name](), mu, kappa)
        except Exception as error:
            cells[name] = f"{type(error).__name__}: {error}"
            del calls[name]
    rates = {name: n / seconds for name, seconds in best_seconds(calls).items()}
    cells |= {name: f"{rate:,.0f} {cells[name]}".strip() for name, rate in rates.items()}
    peers = [rate for name, rate in rates.items() if name != "ours"]
    return cells.values(), rates["ours"] / max(peers) if peers else math.inf


def sampling(console, tfp):
    """Prints how many vectors per second each library draws, and the smallest ratio to the fastest of the others."""
    headings = ("d", "κ", "vectors", "precision", "ours", "SciPy", "TFP", "ours / fastest peer")
    table, ratios = new_table("Sampling: vectors per second", (), headings), {}
    for d, n in SAMPLES.items():
        mu = np.random.default_rng(d).normal(size=d)
        mu /= np.linalg.norm(mu)
        draw = tfp and jax.jit(lambda key, mu, k, n=n: tfp.distributions.VonMisesFisher(mu, k).sample(n, seed=key))
        for kappa in (0.1 * d, 1.0 * d, 100.0 * d):
            for precision in PRECISIONS:
                with jax.enable_x64(precision == "float64"):
                    cells, ratio = race(draw, jnp.asarray(mu, precision), kappa, n)
                ratios[d, kappa, precision] = ratio
                table.add_row(f"{d:,}", f"{kappa:,.6g}", f"{n:,}", precision, *cells, f"{ratio:.2f}")
        table.add_section()
    console.print(table)
    console.print("SciPy draws in double precision only, and counts as a peer in both.")
    console.print(f"d × d: it forms a rotation matrix of that size, and is left out above d = {LARGEST_FOR_SCIPY}.")
    for precision in PRECISIONS:
        d, kappa, _ = least = min((key for key in ratios if key[2] == precision), key=ratios.get)
        console.print(f"{precision}: smallest ratio {ratios[least]:.2f}, at d = {d:,}, κ = {kappa:,.6g}")
    console.print(f"Smallest ratio of all: {min(ratios.values()):.2f}")


def speed_calls(tfp, d, kappa):
    """One `scipy.special.ive`, and every function of ours and TFP's, compiled, in the precision of JAX."""
    d64, kappa64, d, kappa = d, kappa, jnp.asarray(d, float), jnp.asarray(kappa, float)
    ours = [name for name in BOUNDS if name not in ("log_normalizer_scaled", "kl_from_uniform", "concentration")]
    rows = {name: (getattr(vmf, name), d, kappa) for name in ours}
    rows["concentration"] = vmf.concentration, d, vmf.mean_resultant_length(d, kappa)
    rows["special.log_ive"] = log_ive, d / 2 - 1, kappa
    if tfp:
        rows["TFP bessel_iv_ratio"] = tfp.math.bessel_iv_ratio, d / 2, kappa
        rows["TFP log_bessel_ive"] = tfp.math.log_bessel_ive, d / 2 - 1, kappa
    calls = {name: partial(jax.jit(function), *arguments) for name, (function, *arguments) in rows.items()}
    return {"SciPy ive": lambda: special.ive(d64 / 2 - 1, kappa64), **calls}


def speed(console, tfp):
    """Prints the nanoseconds per value of every function, and the ratio to one `scipy.special.ive`."""
    headings = [f"{column}{p}" for p in PRECISIONS for column in ("", "× SciPy ive, ", "NaN, ∞ or 0, ")]
    rng = np.random.default_rng(0)
    d = np.floor(np.exp(rng.uniform(math.log(2), math.log(1e6), PAIRS)))
    small = rng.integers(2, 21, PAIRS).astype(float)
    pairs = {
        "d in [2, 10⁶], κ/d in [10⁻³, 10³]": (d, d * 10 ** rng.uniform(-3, 3, PAIRS)),
        "small arguments, d in [2, 20], κ in [0.01, 20]": (small, 10 ** rng.uniform(-2, math.log10(20), PAIRS)),
    }
    for title, (d, kappa) in pairs.items():
        table, cells = new_table(f"Functions: ns per value, {PAIRS:,} pairs: {title}", ("function",), headings), {}
        for precision in PRECISIONS:
            with jax.enable_x64(precision == "float64"):
                calls = speed_calls(tfp, d, kappa)
                values = {name: np.asarray(call()) for name, call in calls.items()}
                seconds = best_seconds(calls)
            for name, taken in seconds.items():
                useless = np.mean(~np.isfinite(values[name]) | (values[name] == 0))
                numbers = f"{taken / PAIRS * 1e9:.0f}", f"{taken / seconds['SciPy ive']:.2f}", f"{useless:.1%}"
                cells.setdefault(name, []).extend(numbers)
        for name, row in cells.items():
            table.add_row(name, *row)
        if not tfp:
            table.add_row("TFP", *["not importable"] * len(headings))
        console.print(table)
    console.print("SciPy's is in double precision; ours and TFP's are under jax.jit, where our checks do not run.")


def main():
    """Prints the tables; 1 if an error of ours is beyond its bound."""
    parts = {"accuracy": accuracy, "sampling": sampling, "speed": speed}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=parts, help="print this part alone")
    only = parser.parse_args().only
    tfp = import_tfp()
    warnings.simplefilter("ignore", RuntimeWarning)
    console = Console(width=150)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"JAX {jax.__version__} on {jax.default_backend()}, SciPy {scipy.__version__}"
    console.print(f"{versions}, TFP {tfp.__version__ if tfp else 'not importable'}; {cores} of {os.cpu_count()} cores")
    console.print(f"Times: the best of {ROUNDS} calls after a warm-up, the libraries in turn, without compilation.")
    broken = [line for name in parts if only in (None, name) for line in parts[name](console, tfp) or ()]
    for line in broken:
        console.print(f"beyond its bound: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
