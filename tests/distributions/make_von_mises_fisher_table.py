"""Reference values of the von Mises-Fisher law on S^(d-1), to 30 significant digits.

The table von_mises_fisher_table.csv beside this script is its output. To make it again:

    python tests/distributions/make_von_mises_fisher_table.py

Everything comes from one integral. With the overlap m = -tanh(t/2), u = 1 - m and q = ½ log(1 - m²), the density
∝ exp(k m) (1 - m²)^((d-3)/2) of m becomes the density ∝ exp(-k u + (d-1) q) of t, analytic with exponential tails,
so that the trapezoidal rule in multiple precision converges exponentially. Derivatives with respect to k and d are
joint cumulants of m and q, from central moments. Digits that cancellation takes, as in the Kullback-Leibler
divergence ~ k²/(2d) at small k, are added to the working precision and to the accuracy asked of the rule.

Every value is computed twice, the second time with a smaller step, a wider range and a higher precision, and the two
must agree to 30 digits. Also checked: A and log C against mpmath's Bessel functions where those are affordable, the
closed forms at k = 0 against the quadrature, and every derivative against a finite difference.
"""

import csv
import math
from pathlib import Path

import mpmath
import numpy as np
from mpmath import mp, mpf

DIGITS = 30
DIMENSIONS = (2, 3, 4, 5, 10, 30, 51, 52, 53, 100, 316, 1000, 10000, 43692, 10**6, 10**9)
CONCENTRATIONS = (1e-8, 1e-6, 1e-4, 1e-2, 0.5, 1, 3, 10, 20, 26, 30, 60, 103, 105, 300, 1e3, 1e4, 1e6, 1e8, 1e10, 1e12)
CONCENTRATIONS_FROM_316 = (1e-8, 1e-4, 1, 100, 1e4, 1e6, 1e9, 1e12)
RATIOS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100, 1000)

# By what each column is differentiated, and its derivative's column.
DERIVATIVES = {
    "log_partition": {"k": "mean_resultant_length", "d": "log_partition_by_dimension"},
    "mean_resultant_length": {"k": "mean_resultant_length_derivative", "d": "mean_resultant_length_by_dimension"},
    "mean_resultant_length_derivative": {"k": "second_derivative", "d": "derivative_by_dimension"},
    "second_derivative": {"k": "third_derivative", "d": "second_derivative_by_dimension"},
    "kl_from_uniform": {"d": "kl_by_dimension"},
    **{
        f"{name}_by_dimension": {"d": f"{name}_by_dimension_twice"}
        for name in ("log_partition", "mean_resultant_length", "derivative")
    },
}


def grid():
    """The points (d, k), every k being exactly a float32."""
    for d in DIMENSIONS:
        absolute = CONCENTRATIONS if d <= 100 else CONCENTRATIONS_FROM_316
        yield from ((d, k) for k in sorted({float(np.float32(k)) for k in (*absolute, *(r * d for r in RATIOS))}))


def lost_digits(d, k):
    """Digits that cancellation takes, at most.

    At small k, laws at k and at 0 differ by k²/d; at small k/d a cumulant is 1/d of the moments that it is made from;
    at large k/d, where q is close to log(u)/2 + const, ∂²A/∂d² and ∂²A'/∂d² are 1/k of theirs.
    """
    return math.ceil(max(0.0, math.log10(d / k**2)) + math.log10(max(d, k)))


def nodes(d, k, nats):
    """Trapezoidal rule in t: the step, the peak of the log-weight, and lists of weight/peak, u and q.

    The range ends where the weight is exp(-nats) of its peak, and the step makes the discretisation error about as
    small: the Fourier transform of the weight at 2π/step decays as a Gaussian of the peak's width, then as an analytic
    function of the strip |Im t| < π/2 (large k) to π (k = 0).
    """
    root = math.hypot(d - 1, 2 * k)
    mode = 2 * k / (d - 1 + root)
    one_minus_square = 2 * (d - 1) / (d - 1 + root)
    width = 2 / math.sqrt(one_minus_square * root)
    strip = max(math.pi / 2, math.pi - 2 * math.sqrt(k * math.pi / nats))
    step = mpf(2 * math.pi / (1.15 * math.hypot(nats / strip, math.sqrt(2 * nats) / width)))
    centre = mpf(math.log(one_minus_square) - 2 * math.log1p(mode))

    logs, us, qs = [], [], []
    for start, move in ((centre, step), (centre - step, -step)):
        t, e, factor = start, mp.exp(-start), mp.exp(-move)
        while True:
            u = 2 / (1 + e)
            q = mp.log(u) - t / 2
            log = (d - 1) * q - k * u
            logs.append(log)
            us.append(u)
            qs.append(q)
            if log < logs[0] - nats:
                break
            t, e = t + move, e * factor
    return step, logs[0], [mp.exp(log - logs[0]) for log in logs], us, qs


def moments(d, k, nats):
    """log of ∫ exp(-k u) (1 - m²)^((d-3)/2) dm, E u, E q, and central moments {(i, j): E (u - E u)^i (q - E q)^j}."""
    step, peak, w, u, q = nodes(d, k, nats)
    total = mp.fsum(w)
    mean_u, mean_q = mp.fdot(w, u) / total, mp.fdot(w, q) / total
    x, y = [a - mean_u for a in u], [b - mean_q for b in q]
    xx, xy, yy = ([a * b for a, b in zip(*ab, strict=True)] for ab in ((x, x), (x, y), (y, y)))
    wx = [a * b for a, b in zip(w, x, strict=True)]
    wxx = [a * b for a, b in zip(wx, x, strict=True)]
    pairs = {
        **{(2, 0): (wx, x), (1, 1): (wx, y), (0, 2): (w, yy), (3, 0): (wxx, x), (2, 1): (wxx, y), (1, 2): (wx, yy)},
        **{(4, 0): (wxx, xx), (3, 1): (wxx, xy), (2, 2): (wxx, yy)},
    }
    return (
        mp.log(total * step / 2) + peak,
        mean_u,
        mean_q,
        {powers: mp.fdot(*pair) / total for powers, pair in pairs.items()},
    )


def uniform(d):
    """At k = 0: log ∫ (1 - m²)^((d-3)/2) dm, E q and Var q; 1 - m² is a Beta((d-1)/2, 1/2) variable."""
    a, b = mpf(d - 1) / 2, mpf(d) / 2
    log_integral = mp.log(mp.pi) / 2 + mp.loggamma(a) - mp.loggamma(b)
    return log_integral, (mp.digamma(a) - mp.digamma(b)) / 2, (mp.polygamma(1, a) - mp.polygamma(1, b)) / 4


def log_sphere_area(d):
    """log |S^(d-1)|."""
    return mp.log(2) + mpf(d) / 2 * mp.log(mp.pi) - mp.loggamma(mpf(d) / 2)


def evaluate(d, k, digits):
    """All columns at (d, k), with a relative error of about 10^-digits."""
    digits += lost_digits(d, k)
    with mp.workdps(digits + 30):
        d, k = mpf(d), mpf(k)
        log_integral, u, q, c = moments(d, k, digits * math.log(10))
        log_integral_0, q_0, var_q_0 = uniform(d)
        A, dA, A_d = 1 - u, c[2, 0], -c[1, 1]
        log_C_scaled = -log_integral - log_sphere_area(d - 1)
        log_C = log_C_scaled - k
        log_partition = log_integral + k - log_integral_0
        return {
            "mean_resultant_length": A,
            "one_minus_mean_resultant_length": u,
            "mean_resultant_length_derivative": dA,
            "second_derivative": -c[3, 0],
            "third_derivative": c[4, 0] - 3 * dA**2,
            "log_normalizer": log_C,
            "log_normalizer_scaled": log_C_scaled,
            "entropy": -log_C - k * A,
            "kl_from_uniform": k * A - log_partition,
            "log_partition": log_partition,
            "log_partition_by_dimension": q - q_0,
            "mean_resultant_length_by_dimension": A_d,
            "derivative_by_dimension": c[2, 1],
            "kl_by_dimension": k * A_d - (q - q_0),
            "log_partition_by_dimension_twice": c[0, 2] - var_q_0,
            "mean_resultant_length_by_dimension_twice": -c[1, 2],
            "second_derivative_by_dimension": -c[3, 1] - 3 * dA * A_d,
            "derivative_by_dimension_twice": c[2, 2] - dA * c[0, 2] - 2 * A_d**2,
        }


def relative_difference(value, reference):
    """|value / reference - 1|, in a precision that resolves it."""
    with mp.workdps(150):
        return abs(value / reference - 1)


def verified(d, k):
    """The columns at (d, k) and the largest relative difference from a coarser computation of them."""
    coarse, fine = evaluate(d, k, DIGITS + 10), evaluate(d, k, DIGITS + 20)
    worst = max(relative_difference(coarse[name], fine[name]) for name in fine)
    assert worst < mpf(10) ** -(DIGITS + 1), (d, k, worst)
    return fine, worst


def check_bessel(d, k, row):
    """A = I_(d/2)(k) / I_(d/2-1)(k), and log C from I_(d/2-1)(k)."""
    with mp.workdps(70):
        l, k = mpf(d) / 2, mpf(k)
        lower, upper = mpmath.besseli(l - 1, k), mpmath.besseli(l, k)
        log_C = (l - 1) * mp.log(k) - l * mp.log(2 * mp.pi) - mp.log(lower)
        expected = {
            "mean_resultant_length": upper / lower,
            "one_minus_mean_resultant_length": (lower - upper) / lower,
            "log_normalizer": log_C,
            "log_normalizer_scaled": log_C + k,
            "entropy": -log_C - k * upper / lower,
        }
    worst = max(relative_difference(row[name], value) for name, value in expected.items())
    assert worst < mpf(10) ** -DIGITS, (d, k, worst)


def check_uniform(d):
    """The closed forms at k = 0 against the quadrature."""
    with mp.workdps(80):
        log_integral, _, q, c = moments(mpf(d), mpf(0), 50 * math.log(10))
        for value, reference in zip((log_integral, q, c[0, 2]), uniform(d), strict=True):
            assert relative_difference(value, reference) < mpf(10) ** -DIGITS, d


def check_derivatives(d, k):
    """Every derivative against a central difference of step 10^-12, so to about 24 digits."""
    epsilon = mpf(10) ** -12
    with mp.workdps(100):
        d, k = mpf(d), mpf(k)
        centre = evaluate(d, k, 45)
        around = {
            "k": [evaluate(d, k * (1 + s), 45) for s in (epsilon, -epsilon)],
            "d": [evaluate(d * (1 + s), k, 45) for s in (epsilon, -epsilon)],
        }
        for name, derivatives in DERIVATIVES.items():
            for variable, derivative in derivatives.items():
                above, below = around[variable]
                difference = (above[name] - below[name]) / (2 * epsilon * {"d": d, "k": k}[variable])
                assert relative_difference(difference, centre[derivative]) < mpf(10) ** -20, (d, k, derivative)


def main():
    """Check, compute and write the table."""
    for d in DIMENSIONS:
        check_uniform(d)
    for d, k in ((2, 1), (3, 1e-4), (5, 20), (52, 30), (1000, 1e-2), (1000, 700), (10**6, 1e9)):
        check_derivatives(d, k)
    rows, worst = [], mpf(0)
    for d, k in grid():
        row, difference = verified(d, k)
        worst = max(worst, difference)
        if d <= 1000 and k <= 1e4:
            check_bessel(d, k, row)
        rows.append([d, repr(k), *(mp.nstr(value, DIGITS, strip_zeros=False) for value in row.values())])
    with Path(__file__).with_name("von_mises_fisher_table.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["dimension", "concentration", *row])
        writer.writerows(rows)
    print(f"{len(rows)} points; largest relative difference between the two computations {mp.nstr(worst, 2)}")


if __name__ == "__main__":
    main()
