"""Relaxation rates of the direction under a zonal loss, from positive kernels."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy  # whose parts load when they are used
from numpy.polynomial import legendre

from thermo_ideal._display import listing, show
from thermo_ideal.distributions._depth_quadrature import CUT, LogOddsQuadrature
from thermo_ideal.distributions._zonal import Zonal
from thermo_ideal.numerics import gauss_legendre, local_maxima, prominent_peaks

_DEEP = 2_000.0  # nats: e^{−745} is 0 in double precision, and so is the rate of exchange over such a barrier
_CLIMB = 1_000.0  # nats: the mass of a well so much shallower than another is 0 as well
_REACH = 800.0  # nats below the nearest peak, beyond which the density at a pole is neglected
_CELLS, _MAXIMUM_CELLS, _SPLITS = 24, 50_000, 40
_NATS, _ROUGH = 2.0, 1e-8  # bounds on the change of a log-density in a cell and on its last two Legendre coefficients
_SLACK = 1e-11  # relative: what finer cells change
_ITERATIONS = 30  # each halves, at least, the excess of the bound

_ORDER = 10
_NODES, _WEIGHTS = gauss_legendre(_ORDER, -0.5, 0.5)  # of a cell
_COEFFICIENTS = np.linalg.inv(legendre.legvander(2 * _NODES, _ORDER - 1))
# From the values at the nodes to the integrals up to each node. `weights_i integral_ij + weights_j integral_ji` is
# `weights_i weights_j` without error: so the discrete kernels are symmetric, and rates converge twice as fast.
_INTEGRAL = legendre.legval(2 * _NODES, legendre.legint(_COEFFICIENTS, lbnd=-1)).T / 2


@dataclass(frozen=True)
class Relaxation:
    """Relaxation rates of the direction, per unit of effective learning rate × steps.

    Attributes:
        zonal_gap: the smallest rate at which a function of the overlap relaxes.
        zonal_gap_bounds: a lower and an upper bound of it.
        transverse_gap: the smallest rate for functions `φ(m) x·v`, `v ⟂ μ`; those of a higher order in `v` are faster.
        energy_time: the integrated autocorrelation time of the loss, `∫₀^∞ Cov(L₀, L_t) dt / Var L`, in units of the
            inverse rates; NaN for a constant loss. `n` steps have the information of `n η_eff / (2 energy_time)`
            independent ones.

    Example:
        A cold gas relaxes at the curvature of its loss:

        >>> from thermo_ideal.distributions import Zonal, zonal_relaxation
        >>> f"{zonal_relaxation(Zonal.linear(3, 1e-6)).gap:.4f}"
        '1.0000'
    """

    zonal_gap: float
    zonal_gap_bounds: tuple[float, float]
    transverse_gap: float
    energy_time: float

    def __repr__(self) -> str:
        low, high = self.zonal_gap_bounds
        return listing(
            "Relaxation",
            ("zonal_gap", f"{show(self.zonal_gap)} (within {high - low:.1e})"),
            ("transverse_gap", self.transverse_gap),
            ("energy_time", self.energy_time),
        )

    @property
    def gap(self) -> float:
        """The spectral gap: the smaller of the two."""
        return min(self.zonal_gap, self.transverse_gap)


def zonal_relaxation(law: Zonal) -> Relaxation:
    """The slowest rates of the Langevin process on `S^{d−1}` that has this Gibbs law.

    With isotropic noise a direction follows the generator `A = −∇L·∇ + T Δ`, per unit of effective learning rate ×
    steps. In the angle, `ℓ(θ) = f(cos θ)`, a function `g` of the overlap and a transverse one `g x·v / sin θ` have

        `A g = T g″ + (T(d−2) cot θ − ℓ′) g′`  and  `A g − T(d−2)/sin²θ g`,  `g = 0` at the poles if `d = 2`.

    For the loss `1 − m` the rates are 2 and 1 where it is cold, and both `T(d−1)` where it is hot. (In the plane what
    leaves the unstable pole is a zonal mode of rate 1, as long as that pole has e^{−800} of the density.) Smooth losses
    have their rates to a relative 10⁻¹¹, and a time not governed by a rare exchange of wells to 10⁻¹⁰.

    In either sector `(−A)⁻¹` has a kernel `a(min) b(max)`, `a` increasing and `b` decreasing, made of positive
    integrals alone: the two tails of the law, or the solutions of `A g = 0` that are regular at one pole. Nothing is
    subtracted, so a rate of 10⁻²⁰⁰ over a high barrier has the digits of a rate of 1. Its bounds are `min h/Kh` over
    all nodes, for a positive function `h` and that kernel `K` (Collatz and Wielandt; Chen's variational formula), and a
    Rayleigh quotient; both are of the discrete kernel, and widened by 10⁻¹¹ and by the rounding of `f/T`.

    The arc from the first peak of the density in `log((1−m)/(1+m))` to the last is covered whole, however little the
    law has there, and so metastable wells count; the flanks outside are cut at e^{−60} of the peak, or beyond the pole
    if it has e^{−800} or more.

    Args:
        law: the Gibbs law.

    Returns:
        The rates; one below 10⁻³⁰⁸ is 0. A loss that couples to a slow mode by a relative 10⁻¹² or less, as an even
        loss to the exchange of two wells, is taken as uncoupled in `energy_time`.

    Raises:
        ArithmeticError: `f/T` is too rough or too steep between wells to be followed.

    Source:
        M.-F. Chen, Eigenvalues, Inequalities, and Ergodic Theory (Springer, 2005), chapter 3. D. Bakry, I. Gentil and
        M. Ledoux, Analysis and Geometry of Markov Diffusion Operators (Springer, 2014), chapter 4.

    Example:
        >>> from thermo_ideal.distributions import Zonal, zonal_relaxation
        >>> cold = zonal_relaxation(Zonal.linear(1_000_000, 1e-7))
        >>> round(cold.zonal_gap, 4), round(cold.transverse_gap, 4), round(cold.energy_time, 4)
        (2.0025, 1.0512, 0.4994)
        >>> double_well = zonal_relaxation(Zonal(lambda m: -(m**2), dimension=10, temperature=0.01))
        >>> f"{double_well.gap:.6e}"  # over a barrier of 84 nats
        '6.890206e-37'
    """
    parts = [_cells(law, arc) for arc in _arcs(law)]
    rounding = 2 * law.rounding + max(float(np.finfo(np.float64).eps * np.ptp(part.energy)) for part in parts)
    rates = [_zonal_gap(part) for part in parts]
    zonal, minimum = min(rates) if sum(not any(part.open) for part in parts) == 1 else (0.0, 0.0)
    return Relaxation(
        zonal_gap=zonal,
        zonal_gap_bounds=(minimum * (1 - _SLACK - rounding), zonal * (1 + _SLACK + rounding)),
        transverse_gap=min(_transverse_gap(part, law.dimension) for part in parts),
        energy_time=_energy_time(parts, rounding),
    )


class _Arc(NamedTuple):
    """An interval of `s`; an end is open if the density rises there, to a deeper well from which nothing returns."""

    start: float
    stop: float
    open: tuple[bool, bool]


def _arcs(law: Zonal) -> list[_Arc]:
    """The arcs that hold the peaks of the density, parted where the process never goes, or only one way."""
    odds, noise = law._quadrature, 1e-3 + 10 * law.rounding
    scan = odds.points
    energy, heights = _log_weight(odds, scan)
    heights = np.maximum(heights, -1e300)
    peaks = np.union1d(prominent_peaks(heights, noise), 1 + np.argmax(heights[1:-1]))
    tops = np.array([local_maxima(odds.log_weight, scan[peak - 1 : peak + 2])[0][0] for peak in peaks])
    levels = odds.log_weight(tops)

    def foot(index: int, side: int) -> float:
        return _edge(odds, tops[index], side, levels[index] - CUT, falling=True)

    def outer(index: int, side: int) -> float:
        """Beyond the flank of the pole, which begins where `f/T` is what it is there, if that is not too deep."""
        with np.errstate(invalid="ignore"):  # at a wall
            plateau = np.abs(energy[::side] - energy[::side][-1]) < 1
        if plateau.all() or not plateau[-1]:
            return foot(index, side)
        pole = side * max(side * scan[::side][np.flatnonzero(~plateau)[-1]], side * tops[index])
        low = odds.height(pole)
        return _edge(odds, pole, side, low - CUT, falling=True) if levels[index] - low < _REACH else foot(index, side)

    arcs, start, left_open = [], outer(0, -1), False
    for i, (left, right) in enumerate(pairwise(peaks)):
        valley = left + int(np.argmin(heights[left:right]))
        apart = levels[i : i + 2].min() - heights[valley] > _DEEP
        if apart or abs(levels[i + 1] - levels[i]) > _CLIMB:
            # The shallower well, unless it is apart, is left over the valley.
            opens = [not apart and bool(levels[i] < levels[i + 1]), not apart and bool(levels[i] >= levels[i + 1])]
            stop, next_start = (
                _edge(odds, scan[valley], side, levels[index] + CUT, falling=False) if over else foot(index, side)
                for index, side, over in zip((i, i + 1), (1, -1), opens, strict=True)
            )
            arcs.append(_Arc(start, stop, (left_open, opens[0])))
            start, left_open = next_start, opens[1]
    return [*arcs, _Arc(start, outer(len(peaks) - 1, 1), (left_open, False))]


def _edge(odds: LogOddsQuadrature, start: float, side: int, level: float, *, falling: bool) -> float:
    """Where the density falls below that level, or rises above it; or where it vanishes."""
    reach = np.concatenate([[0.0], 2.0 ** np.arange(-60, 10)])
    for _ in range(12):
        heights = odds.log_weight(start + side * reach)
        first = int(np.argmax(heights < level if falling else heights > level))
        if abs(heights[first] - level) < 1:
            break
        reach = np.linspace(reach[first - 1], reach[first], 20)
    return float(start + side * reach[first - 1])


def _log_weight(odds: LogOddsQuadrature, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    energy = odds.rise(s, odds.origin)
    return energy, odds.power * odds.origin.log_volume_change(s) - energy


class _Cells(NamedTuple):
    """The cells of an arc and, at the nodes of each, `f/T` and the logarithms of two densities.

    `w` is that of the law, and `p = 1/(D w)` that of the scale function, `D = 4T cosh²(s/2)` the diffusion.
    """

    open: tuple[bool, bool]
    width: np.ndarray
    energy: np.ndarray
    log_w: np.ndarray
    log_p: np.ndarray

    def mirrored(self) -> "_Cells":
        return _Cells(self.open[::-1], self.width[::-1], *(x[::-1, ::-1] for x in self[2:]))


class _March(NamedTuple):
    """Logarithms of a positive solution at the nodes and at the edges, and of its flux at the edges."""

    nodes: np.ndarray
    edges: np.ndarray
    flux: np.ndarray

    def mirrored(self) -> "_March":
        return _March(self.nodes[::-1, ::-1], self.edges[::-1], self.flux[::-1])


def _cells(law: Zonal, arc: _Arc) -> _Cells:
    edges = np.linspace(arc.start, arc.stop, _CELLS + 1)
    roughness = _ROUGH + 10 * law.rounding
    for _ in range(_SPLITS):
        width = np.diff(edges)[:, None]
        s = (edges[:-1] + edges[1:])[:, None] / 2 + width * _NODES
        energy, log_w = _log_weight(law._quadrature, s)
        log_p = -log_w - 2 * np.logaddexp(s / 2, -s / 2) - np.log(law.temperature)
        both = np.stack([log_w, log_p])
        with np.errstate(invalid="ignore"):
            smooth = (np.ptp(both, axis=-1) < _NATS) & (np.abs(both @ _COEFFICIENTS[-2:].T).max(axis=-1) < roughness)
        split = ~smooth.all(axis=0) | (width[:, 0] * np.sqrt(law.dimension - 2) > 2)
        if not split.any():
            return _Cells(arc.open, width, energy, log_w, log_p)
        edges = np.sort(np.concatenate([edges, (edges[:-1] + edges[1:])[split] / 2]))
        if edges.size > _MAXIMUM_CELLS:
            break
    low, high = (float(-np.tanh(s / 2)) for s in (arc.stop, arc.start))
    raise ArithmeticError(
        f"f: {edges.size - 1:,} cells do not resolve e^{{−f/T}} in overlaps from {low:.6g} to {high:.6g}, expected f "
        "finite, smooth and less steep there; a cold law needs f as a function of the depth 1 − m, in double "
        'precision: Zonal(f, dimension, temperature, argument="depth")'
    )


def _both_ways(cells: _Cells, march: Callable[[_Cells], _March]) -> tuple[_March, _March]:
    return march(cells), march(cells.mirrored()).mirrored()


def _march(log_p: np.ndarray, width: np.ndarray, k: float, start: tuple[float, float]) -> _March:
    """`φ′ = p J`, `J′ = k φ/p` from the left, by Gauss collocation, with `log φ` and `log J` at the start.

    Every term is positive. The products of the cells' transfer matrices are formed by doubling, in logarithms.
    """
    scale = log_p.mean(axis=1, keepdims=True)
    p, q = width * np.exp(log_p - scale), k * width * np.exp(scale - log_p)
    up, across = _INTEGRAL * p[:, None, :], _INTEGRAL * q[:, None, :]
    # In each cell from φ = 1, J = 0 and from φ = 0, J = 1 at its left edge: the last axis.
    phi = np.linalg.solve(np.eye(_ORDER) - up @ across, np.stack([np.ones_like(p), up.sum(axis=2)], axis=-1))
    flux = across @ phi + [0.0, 1.0]
    ends = [np.einsum("ci,cij->cj", _WEIGHTS * rate, x) for rate, x in ((p, flux), (q, phi))]
    with np.errstate(divide="ignore"):
        log_phi, transfer = np.log(phi), np.log(np.eye(2) + np.stack(ends, axis=1))
    log_phi[..., 1] += scale
    transfer[:, 0, 1] += scale[:, 0]
    transfer[:, 1, 0] -= scale[:, 0]
    step = 1
    while step < len(p):
        product = transfer[step:, :, :, None] + transfer[:-step, None, :, :]
        transfer = np.concatenate([transfer[:step], np.logaddexp.reduce(product, axis=2)])
        step *= 2
    states = np.concatenate([[start], np.logaddexp.reduce(transfer + np.array(start), axis=2)])
    return _March(np.logaddexp.reduce(log_phi + states[:-1, None, :], axis=2), *states.T)


def _integral(cells: _Cells, log_density: np.ndarray) -> _March:
    """From the left end; where that is open, a constant, as all of the mass is beyond."""
    return _march(log_density, cells.width, 0.0, (0.0, -np.inf) if cells.open[0] else (-np.inf, 0.0))


def _zonal_gap(cells: _Cells) -> tuple[float, float]:
    below, above = _both_ways(cells, lambda cells: _integral(cells, cells.log_w))
    return _rate(below, above, cells.log_p, cells.width)


def _transverse_gap(cells: _Cells, dimension: float) -> float:
    k = (dimension - 2) / 4  # T(d−2)/sin²θ w = k/p
    up, down = _both_ways(cells, lambda cells: _march(cells.log_p, cells.width, k, _regular(cells, k)))
    return _rate(up, down, cells.log_w, cells.width)[0]


def _regular(cells: _Cells, k: float) -> tuple[float, float]:
    """`φ = 1` and its flux at the left end: that of a constant at a wall, else from `ρ = φ′/φ` where it is steady.

    There `ρ² − ρ (log p)′ = k`: `ρ = 1/2` at a pole, and 0 on the flank of a law in the plane, which no path climbs.
    """
    if not cells.open[0] and cells.log_w[0, 0] > cells.log_w.max() - CUT / 2:
        return 0.0, -np.inf
    slope = (cells.log_p[0, 1] - cells.log_p[0, 0]) / (cells.width[0, 0] * (_NODES[1] - _NODES[0]))
    with np.errstate(divide="ignore"):
        return 0.0, float(np.log((slope + np.hypot(slope, 2 * np.sqrt(k))) / 2) - cells.log_p[0, 0])


def _rate(up: _March, down: _March, log_speed: np.ndarray, width: np.ndarray) -> tuple[float, float]:
    """One over the largest eigenvalue of the kernel `a(min) b(max)/c` for this speed measure, and a lower bound of it.

    With `t = log(a/b)` it is similar to `e^{−|t − t′|/2}` for the measure `ab/c × speed`: no factor exceeds 1.
    """
    middle = len(width) // 2
    log_c = np.logaddexp(up.edges + down.flux, up.flux + down.edges)[middle]  # the Wronskian, the same everywhere
    log_measure = up.nodes + down.nodes - log_c + log_speed + np.log(width * _WEIGHTS)
    log_scale = log_measure.max()
    if log_scale == np.inf:
        return 0.0, 0.0
    root = np.exp((log_measure - log_scale) / 2)
    t, edges = up.nodes - down.nodes, up.edges - down.edges
    from_left, from_right = root * np.exp((edges[:-1, None] - t) / 2), root * np.exp((t - edges[1:, None]) / 2)
    half = _INTEGRAL / _WEIGHTS * np.exp((t[:, None, :] - t[:, :, None]) / 2) * (root[:, :, None] * root[:, None, :])
    inside = half + half.transpose(0, 2, 1)
    # What reaches the edges from all cells before, or behind: both recurrences in one bidiagonal system.
    decay = np.exp(-np.diff(edges)[1:-1] / 2)
    bands = np.ones((2, 2 * len(width) - 2))
    bands[1, :-1] = -np.concatenate([decay, [0.0], decay[::-1]])

    def apply(v: np.ndarray) -> np.ndarray:
        v = v.reshape(root.shape)
        sent = np.concatenate([(from_right * v).sum(axis=1)[:-1], (from_left * v).sum(axis=1)[:0:-1]])
        ahead, back = np.split(scipy.linalg.lapack.dtbtrs(bands, sent, uplo="L", diag="U")[0].ravel(), 2)
        image = (inside @ v[:, :, None])[:, :, 0]
        image[1:] += from_left[1:] * ahead[:, None]
        image[:-1] += from_right[:-1] * back[::-1, None]
        return image.ravel()

    kernel = scipy.sparse.linalg.LinearOperator((root.size, root.size), matvec=apply, dtype=np.float64)
    largest, vector = scipy.sparse.linalg.eigsh(kernel, k=1, v0=root.ravel(), tol=1e-12)
    v = np.abs(vector[:, 0])
    for _ in range(_ITERATIONS):  # in the tails, which the Euclidean norm does not see
        image = apply(v)
        seen = v > 1e-280
        bound = (image[seen] / v[seen]).max()
        if bound < largest[0] * (1 + 1e-13):
            break
        v = image / np.linalg.norm(image)
    return float(np.exp(-log_scale) / largest[0]), float(np.exp(-log_scale) / bound)


def _energy_time(parts: list[_Cells], rounding: float) -> float:
    """`∫ J² p ds / Var f`, `J = F (1−F) (E[f | above] − E[f | below])` the excess of loss beyond a point."""
    cells = _Cells((False, False), *(np.concatenate(x) for x in zip(*(part[1:] for part in parts), strict=True)))
    log_width, splits = np.log(cells.width * _WEIGHTS), np.cumsum([len(part.width) for part in parts])[:-1]
    below, above = _both_ways(cells, lambda cells: _integral(cells, cells.log_w))
    log_total = above.edges[0]
    mass = np.exp(cells.log_w + log_width - log_total)
    deviation = np.sqrt(np.sum(mass * (cells.energy - np.sum(mass * cells.energy)) ** 2))
    if not deviation:
        return float("nan")
    minimum = cells.energy.min()
    lower, upper = _both_ways(
        cells, lambda cells: _integral(cells, cells.log_w + np.log1p((cells.energy - minimum) / deviation))
    )

    def log_square(lower: np.ndarray, below: np.ndarray, upper: np.ndarray, above: np.ndarray) -> np.ndarray:
        before, beyond = np.exp(lower - below), np.exp(upper - above)
        jump = np.abs(beyond - before)
        jump[jump < (1e-12 + rounding) * (beyond + before)] = 0.0
        with np.errstate(divide="ignore"):
            return 2 * (below + above - log_total + np.log(jump)) - log_total

    between = log_square(*(march.edges[splits] for march in (lower, below, upper, above)))
    if np.exp(between + log_total).any():
        return float("inf")  # wells without an exchange
    inside = log_square(lower.nodes, below.nodes, upper.nodes, above.nodes)
    with np.errstate(over="ignore"):
        return float(np.exp(np.logaddexp.reduce(inside + cells.log_p + log_width, axis=None)))
