"""What draws of a gradient say about its noise: size, isotropy, signal; in one pass or in parts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy  # whose parts load when they are used
from numpy.typing import ArrayLike

from thermo_ideal._arguments import require_count, require_finite
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._samples import as_samples

_FEWEST = 8  # independent units in a part, so that the pairs tell something
_BLOCK = 512  # units whose products with each other are formed
_NUMBERS_AT_ONCE = 2**23  # of draws in double precision


@dataclass(frozen=True, repr=False)
class GradientNoise:
    r"""Sums over draws of a gradient, which add up: a stream is `gradient_noise(a) + gradient_noise(b) + …`.

    Numbers are means over units and over pairs of units: a unit is a draw less the gradient, or, where that is not
    known, half the difference of two draws times `√2`. Errors are those of the jackknife over units.

    Args:
        dimension: `d`.
        groups: of weights whose joint scaling leaves the loss alone; the noise has no part along their radii.
        unit: a power of two, in which the gradients are.
        squares: `|z_a|²` of each unit, `(units,)`.
        products: `Σ_b (z_a·z_b)²` over the others of its block, `(units,)`.
        cosines: the same of `z/|z|`.
        signals: `Σ_b m_a·m_b`, `m` the mean of the draws of a unit; where the gradient is known, `|∇L|²` each time.
        partners: how many others the block has, `(units,)`.
        projections: `(z_a·v_i)²` for given directions, `(directions, units)`.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import gradient_noise
        >>> draws = np.random.default_rng(0).normal(size=(3, 200, 100)) * np.r_[2.0, np.ones(98), 0.0]
        >>> noise = gradient_noise(draws[0]) + gradient_noise(draws[1]) + gradient_noise(draws[2])
        >>> noise
        GradientNoise of 300 units, d = 100: Tr Σ = 101.8(8), PR = 0.95(2), |∇L|²/Tr Σ = 0.0003(6), isotropy p = 0.00011
    """

    dimension: int
    groups: int
    unit: float
    squares: np.ndarray
    products: np.ndarray
    cosines: np.ndarray
    signals: np.ndarray
    partners: np.ndarray
    projections: np.ndarray

    def __repr__(self) -> str:
        return (
            f"GradientNoise of {self.squares.size} units, d = {self.dimension}: Tr Σ = {self.trace}, "
            f"PR = {self.participation_ratio}, |∇L|²/Tr Σ = {self.signal_to_noise}, "
            f"isotropy p = {self.isotropy_p_value:.2g}"
        )

    def __add__(self, other: GradientNoise) -> GradientNoise:
        """The noise of both parts together.

        Args:
            other: draws of the same gradient, independent of these.

        Returns:
            Theirs.

        Raises:
            ValueError: parts of different dimensions, groups or numbers of directions.
        """
        ours, theirs = ((x.dimension, x.groups, len(x.projections)) for x in (self, other))
        if ours != theirs:
            raise ValueError(
                f"other: got (d, groups, directions) = {theirs}, expected {ours} as here; call gradient_noise with the "
                "same arguments for each part"
            )
        unit = max(self.unit, other.unit)
        names = {"squares": 2, "products": 4, "cosines": 0, "signals": 2, "partners": 0, "projections": 2}
        joined = {
            name: np.concatenate([getattr(x, name) * (x.unit / unit) ** power for x in (self, other)], axis=-1)
            for name, power in names.items()
        }
        return GradientNoise(self.dimension, self.groups, unit, **joined)

    @property
    def largest_rank(self) -> int:
        """`d` less the groups: the rank that the noise can have."""
        return self.dimension - self.groups

    @property
    def trace(self) -> Estimate:
        """`Tr Σ`, in gradient²."""
        return Estimate(self.unit**2 * self.squares)

    @property
    def noise_scale(self) -> Estimate:
        """`σ = (Tr Σ/(d − groups))^{1/2}`, that of the isotropic noise of the same trace."""
        whole, parts = self._mean(self.squares)
        size = self.unit / np.sqrt(self.largest_rank)
        return self._pseudo_values(float(size * np.sqrt(whole)), size * np.sqrt(parts))

    @property
    def participation_ratio(self) -> Estimate:
        r"""`(Tr Σ)²/((d − groups) Tr Σ²)`: 1 where the noise is isotropic; an estimate may be above.

        `Tr Σ²` is the mean of `(z_a·z_b)²` over pairs, which has no bias; that of the squared eigenvalues of the sample
        covariance has `(Tr Σ)²/n`, which is most of it where `d > n`.
        """
        (squares, without), (products, less) = self._mean(self.squares), self._pair_mean(self.products)
        return self._pseudo_values(squares**2 / (self.largest_rank * products), without**2 / (self.largest_rank * less))

    @property
    def signal_to_noise(self) -> Estimate:
        """`|∇L|²/Tr Σ`, without bias in the numerator, so that it may be negative where it is small."""
        (signals, less), (squares, without) = self._pair_mean(self.signals), self._mean(self.squares)
        return self._pseudo_values(signals / squares, less / without)

    @property
    def along(self) -> Estimate:
        """`v·Σv` of the directions that were given, `(directions,)`, in gradient²."""
        return Estimate(self.unit**2 * self.projections)

    @property
    def isotropy_p_value(self) -> float:
        r"""How probable squared cosines between draws as large as these are, if the noise is isotropic.

        The mean of `cos²` over pairs is then `1/D`, `D = d − groups`, with the variance `2(D − 1)/(D²(D + 2))` over the
        number of pairs, exactly, whatever the law of the lengths, so that noise with heavy tails is not taken for
        anisotropic. The law of the sum is taken for a Gamma law of these moments above the least possible sum, which
        it is in both limits, of many draws in few dimensions and of few in many.

        Source: Zou et al., Biometrika 101, 229 (2014), the sign test of sphericity; Mardia & Jupp, Directional
            Statistics, section 10.7.1, Bingham's test, which it is where draws are many.
        """
        D, total, pairs = self.largest_rank, self.cosines.sum() / 2, self.partners.sum() / 2
        blocks = self.partners + 1  # each unit of a block counts a share of it
        least = float(np.sum(np.maximum(blocks / D - 1, 0.0))) / 2
        mean, variance = pairs / D - least, pairs * 2 * (D - 1) / (D**2 * (D + 2))
        return float(scipy.stats.gamma.sf(total - least, mean**2 / variance, scale=variance / mean))

    def _mean(self, terms: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean, and that without each unit."""
        n, total = terms.size, terms.sum()
        return float(total / n), np.asarray((total - terms) / (n - 1))

    def _pair_mean(self, sums: np.ndarray) -> tuple[float, np.ndarray]:
        total, pairs = sums.sum(), self.partners.sum()
        return float(total / pairs), np.asarray((total - 2 * sums) / (pairs - 2 * self.partners))

    def _pseudo_values(self, whole: float, parts: np.ndarray) -> Estimate:
        return Estimate(whole + (parts.size - 1) * (whole - parts))


def gradient_noise(
    draws: ArrayLike, *, gradient: ArrayLike | None = None, groups: int = 1, directions: ArrayLike | None = None
) -> GradientNoise:
    r"""Trace, participation ratio, isotropy and signal of the noise of a gradient, from independent draws of it.

    The cost is `n² d` up to 512 draws, `512 n d` beyond, and nothing of size `d²` is formed. Gradients are summed in
    double precision and in a unit of their own, whatever their precision and size. `isotropy` is for a noise that is
    given as a model, and exact; `noise_spectrum` has eigenvalues.

    Args:
        draws: gradients of mini-batches at one point, `(n, d)`.
        gradient: their mean `(d,)`, if it is known from all data; without it draws are used in pairs, which costs a
            factor 2 in the number.
        groups: of weights whose joint scaling leaves the loss alone.
        directions: orthonormal vectors `(k, d)` along which to measure the variance, as the eigenvectors that
            `noise_spectrum` finds from *other* draws: along its own the variance is too large.

    Returns:
        A `GradientNoise`. Parts of a stream add up.

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, draws without noise, or fewer than 8 draws (16
            without the gradient).

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import gradient_noise
        >>> draws = np.random.default_rng(0).normal(size=(400, 1000)) * np.r_[np.ones(999), 0.0]
        >>> noise = gradient_noise(draws, gradient=np.zeros(1000))
        >>> bool(abs(noise.trace.z_score(999)) < 5), bool(abs(noise.participation_ratio.z_score(1)) < 5)
        (True, True)
        >>> 0.001 < noise.isotropy_p_value < 0.999
        True

    Source: Chen, Zhang & Zhong, J. Amer. Stat. Assoc. 105, 810 (2010), the traces from pairs.
    """
    require_count("groups", groups, minimum=0)
    x = draws if isinstance(draws, np.ndarray) else np.asarray(draws)
    fewest = _FEWEST if gradient is not None else 2 * _FEWEST
    if x.ndim != 2 or not (x.shape[0] >= fewest and x.shape[1] > groups + 1):
        raise ValueError(
            f"draws: got shape {x.shape}, expected (n, d) with n ≥ {fewest} draws and d ≥ {groups + 2}; one row is one "
            "gradient, as in draws.T if they are columns"
        )
    require_finite("draws", x)
    n, d = x.shape
    centre = None if gradient is None else as_samples("gradient", gradient)
    vectors = None if directions is None else np.atleast_2d(as_samples("directions", directions))
    for name, value in (("gradient", centre), ("directions", vectors)):
        if value is not None:
            if value.shape[-1] != d or (name == "gradient" and value.ndim != 1):
                raise ValueError(f"{name}: got shape {value.shape}, expected {d} components along the last axis")
            require_finite(name, value)
    if vectors is not None and not np.allclose(vectors @ vectors.T, np.eye(len(vectors)), atol=1e-5):
        raise ValueError("directions: got vectors that are not orthonormal, expected noise_spectrum(…).eigenvectors")
    largest = max(float(np.abs(x).max()), 0.0 if centre is None else float(np.abs(centre).max()))
    unit = float(np.ldexp(1.0, np.frexp(largest)[1]))
    units = n if centre is not None else n // 2
    edges = np.linspace(0, units, -(-units // _BLOCK) + 1).astype(int)
    sums = [
        _block_sums(x[first:last] if centre is not None else x[2 * first : 2 * last], centre, unit, vectors)
        for first, last in pairwise(edges)
    ]
    squares, products, cosines, signals, partners, projections = (
        np.concatenate(part, axis=-1) for part in zip(*sums, strict=True)
    )
    return GradientNoise(d, groups, unit, squares, products, cosines, signals, partners, projections)


def _block_sums(
    draws: np.ndarray, centre: np.ndarray | None, unit: float, directions: np.ndarray | None
) -> tuple[np.ndarray, ...]:
    """For each unit of a block: its square, the sums over the others, their number, and its projections."""
    n = len(draws) if centre is not None else len(draws) // 2
    gram, signal = np.zeros((n, n)), np.zeros((n, n))
    projected = np.zeros((0 if directions is None else len(directions), n))
    step = max(1, _NUMBERS_AT_ONCE // len(draws))
    for first in range(0, draws.shape[1], step):
        part = slice(first, first + step)
        x = draws[:, part].astype(np.float64) / unit
        if centre is not None:
            z = x - centre[part] / unit
            signal += np.sum((centre[part] / unit) ** 2)
        else:
            z = (x[0::2] - x[1::2]) / np.sqrt(2)
            mean = (x[0::2] + x[1::2]) / 2
            signal += mean @ mean.T
        gram += z @ z.T
        if directions is not None:
            projected += directions[:, part] @ z.T
    squares = np.diag(gram).copy()
    if not (squares > 0).all():
        raise ValueError(
            f"draws: got {int((squares == 0).sum())} of {n} without noise, expected draws that differ; is one gradient "
            "repeated?"
        )
    cosines = gram / np.sqrt(np.outer(squares, squares))
    others = [x.sum(axis=1) - np.diag(x) for x in (gram**2, cosines**2, signal)]
    return squares, *others, np.full(n, n - 1.0), projected**2
