"""The stationary law of the chain of volume and overlap, from the matrix of its transitions.

The density of a step is smooth in the angle `θ'` where it ends, and as smooth in the angle `θ` where it begins as the
loss; so the integral equation of the stationary law is solved at Gauss–Legendre nodes in panels of `θ`, whose ends are
where the loss has its kinks (Nyström's method). Where the radius moves, its law given the angle is that of a few nodes
of `log V`, which gives polynomials of `log V` the expectation that they have after a step: only what is asked of the
radius has to be smooth, not its law. Where the radius is fixed all elements are positive, and probabilities of wells
that are hardly ever left are as accurate as others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from thermo_ideal.numerics import OrthonormalPolynomials, stieltjes
from thermo_ideal.special import log_sphere_area
from thermo_ideal.verification._angle_panels import Panels, gibbs_window, kinks, panels_of, step_width
from thermo_ideal.verification._chain import Chain
from thermo_ideal.verification._chain_law import AngleCumulative, ChainLaw
from thermo_ideal.verification._stationary_vector import (
    positive_stationary_vector,
    spectral_gap,
    stationary_vector,
)
from thermo_ideal.verification._step_density import Sources, step_density


class Resolution(NamedTuple):
    """How finely the law is resolved.

    Attributes:
        panel: the width of a panel over that of a step, for each of its nodes.
        volumes: nodes of `log V`.
        azimuths: of the rule in the azimuth.
        window: of that rule, in standard deviations.
    """

    panel: float
    volumes: int
    azimuths: int
    window: float


_COARSE = Resolution(0.7, 4, 24, 7.0)
_RESOLUTIONS = (
    Resolution(0.6, 8, 32, 8.0),
    Resolution(0.45, 12, 48, 10.0),
    Resolution(0.33, 16, 64, 11.0),
    Resolution(0.25, 22, 80, 11.0),
    Resolution(0.18, 30, 96, 11.0),
)
_GOAL = 1e-9
_ROUNDING = 1e-12
_NOTHING = 1e-16  # of the highest density of the angle
_EXTENSIONS = 60
_MOST_NODES, _MOST_STATES, _MOST_PARTS = 12_000, 4000, 40_000_000
_CHUNK = 100_000
_UNKNOWN = 1e-12  # of the highest density, below which rounding errors are all there is of a law of two variables
_REACH, _PLACES = 9.0, 401  # of log V
_LEAST_SHRINK = 0.02
_NEAR = 4.0  # widths of a step
_SECANTS, _CENTRED, _FAR = 20, 0.3, 1.0  # to the centre of log V, in units of its width, and the longest of them
_CONSTANT = OrthonormalPolynomials(0.0, 1.0, np.zeros(1), np.zeros(0))


@dataclass(frozen=True)
class _Volumes:
    """Nodes of `log V`, and polynomials that are orthonormal at them."""

    family: OrthonormalPolynomials
    nodes: np.ndarray
    weights: np.ndarray
    effective: np.ndarray
    decay: np.ndarray


@dataclass(frozen=True)
class _Transitions:
    """The matrix of all transitions, and those of the angle from each node of the volume.

    From each node of angle and volume, `E ρ − c`, and what the probabilities of all steps lack from 1.
    """

    matrix: sparse.csr_array
    angles: list[sparse.csr_array]
    longer: np.ndarray
    lost: np.ndarray


def solve_by_transition_matrix(chain: Chain) -> ChainLaw:
    """The stationary law of a chain, refined until it no longer changes.

    Args:
        chain: the step.

    Returns:
        The law, with the changes of the last refinement as its errors.

    Raises:
        ArithmeticError: no law was found, or more nodes would be needed than there may be.
    """
    if not chain.decay < 1:
        raise ArithmeticError("the weights turn over in every step")
    low, high, breaks, centre = _start(chain)
    scale = chain.width
    best = previous = None
    for more, resolution in enumerate(_RESOLUTIONS):
        try:
            volumes = _volumes(chain, centre, scale, resolution.volumes)
            panels = panels_of(_slowest(chain, centre, scale), low, high, resolution.panel, breaks, more)
            found, lost, centre, scale = _law(chain, panels, volumes, resolution)
        except ArithmeticError:
            if best is None:
                raise
            break
        if previous is not None:
            found = found.with_errors(previous, lost + _ROUNDING)
            best = found if best is None or found.worst_error < best.worst_error else best
            if found.worst_error < _GOAL:
                break
        previous = found
    assert best is not None
    return best


def _sources(chain: Chain, volume: float) -> Callable[[np.ndarray], Sources]:
    effective, decay = _rates(chain, np.array([volume]))

    def at(theta: np.ndarray) -> Sources:
        one = np.ones_like(theta)
        pull = chain.slope(2 * np.sin(theta / 2) ** 2) * np.sin(theta)
        return Sources(
            chain.dimension, theta, one * (1 - decay), one * (effective * chain.noise_scale), effective * pull
        )

    return at


def _rates(chain: Chain, volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if chain.fixes_radius:
        return np.full_like(volume, chain.effective_learning_rate), np.full_like(volume, chain.decay)
    return chain.rates(volume)


def _slowest(chain: Chain, centre: float, scale: float) -> Callable[[np.ndarray], Sources]:
    """The sources with the least noise among those of usual volumes."""
    if chain.fixes_radius:
        return _sources(chain, 1.0)
    usual = np.exp(centre + scale * np.array([-1.5, 0.0, 1.5]))
    return _sources(chain, float(usual[np.argmin(_rates(chain, usual)[0])]))


def _volumes(chain: Chain, centre: float, scale: float, size: int) -> _Volumes:
    if chain.fixes_radius:
        one = np.ones(1)
        return _Volumes(_CONSTANT, 0 * one, one, *_rates(chain, one))
    x = np.linspace(-_REACH, _REACH, _PLACES)
    y = centre + scale * x
    effective, decay = _rates(chain, np.exp(y))
    usable = np.isfinite(effective) & (effective > 0) & (decay <= 1 - _LEAST_SHRINK)
    middle = _PLACES // 2
    if not usable[middle]:
        raise ArithmeticError("the weights turn over in a usual step")
    first = middle - int(np.argmin(np.append(usable[middle::-1], False))) + 1
    last = middle + int(np.argmin(np.append(usable[middle:], False)))
    weights = np.exp(-(x[first:last] ** 2) / 2)
    family = stieltjes(y[first:last], weights / weights.sum(), size + 1)
    nodes, weights = family.quadrature(size)
    return _Volumes(family, nodes, weights, *_rates(chain, np.exp(nodes)))


def _transitions(chain: Chain, panels: Panels, volumes: _Volumes, resolution: Resolution) -> _Transitions:
    theta, rule, size = panels.nodes, panels.weights, len(volumes.nodes)
    if len(theta) * size > (_MOST_NODES if chain.fixes_radius else _MOST_STATES):
        raise ArithmeticError("more nodes would be needed than there may be")
    pull = chain.slope(2 * np.sin(theta / 2) ** 2) * np.sin(theta)
    to_nodes = (volumes.family(volumes.nodes, size) * volumes.weights[:, None]).T
    longer, lost = np.empty((len(theta), size)), np.empty((len(theta), size))
    rows, columns, entries, angles = [], [], [], []
    for at, (effective, decay) in enumerate(zip(volumes.effective, volumes.decay, strict=True)):
        one = np.ones_like(theta)
        noise = one * (effective * chain.noise_scale)
        sources = Sources(chain.dimension, theta, one * (1 - decay), noise, effective * pull)
        low, high = sources.reach()
        first, last = np.searchsorted(theta, low), np.searchsorted(theta, high, side="right")
        first = np.minimum(first, len(theta) - 1)
        last = np.maximum(last, first + 1)  # what leaves the panels stays at their end
        count = last - first
        if count.sum() * resolution.azimuths > _MOST_PARTS:
            raise ArithmeticError("more nodes would be needed than there may be")
        begin = np.repeat(np.arange(len(theta)), count)
        end = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - first, count)
        density, lengthened, moments = np.empty(len(begin)), np.empty(len(begin)), np.empty((len(begin), size))
        chunk = max(_CHUNK // resolution.azimuths, 1)
        for k in range(0, len(begin), chunk):
            part = slice(k, k + chunk)
            step = step_density(sources[begin[part]], theta[end[part]], resolution.azimuths, resolution.window)
            density[part] = step.density.sum(axis=1)
            lengthened[part] = (step.density * step.longer).sum(axis=1)
            if size > 1:
                y = volumes.nodes[at] + step.log_square
                moments[part] = _moments(volumes.family, y, step.density, size)
        out = np.bincount(begin, density, len(theta))[begin] == 0
        density[out] = moments[out, 0] = 1.0
        total = np.bincount(begin, density * rule[end], len(theta))
        share = rule[end] / total[begin]
        lost[:, at] = np.abs(1 - total)
        longer[:, at] = np.bincount(begin, lengthened * share, len(theta))
        shape = (len(theta), len(theta))
        angles.append(sparse.coo_array((density * share, (begin, end)), shape=shape).tocsr())
        if size > 1:
            entries.append(((moments * share[:, None]) @ to_nodes).ravel())
            rows.append(np.repeat(begin * size + at, size))
            columns.append((end[:, None] * size + np.arange(size)).ravel())
    if size == 1:
        return _Transitions(angles[0], angles, longer, lost)
    states = len(theta) * size
    joined = np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))
    return _Transitions(sparse.coo_array(joined, shape=(states, states)).tocsr(), angles, longer, lost)


def _moments(family: OrthonormalPolynomials, y: np.ndarray, density: np.ndarray, size: int) -> np.ndarray:
    """The sums of the polynomials over each row, without a table of their values."""
    x = (y - family.centre) / family.scale
    sums = np.empty((len(x), size))
    previous, current = np.zeros_like(x), density.copy()
    for k in range(size):
        sums[:, k] = current.sum(axis=1)
        if k == size - 1:
            break
        following = (x - family.diagonal[k]) * current
        if k:
            following -= family.off_diagonal[k - 1] * previous
        following /= family.off_diagonal[k]
        previous, current = current, following
    return sums


def _joint(transitions: _Transitions, panels: Panels, size: int) -> np.ndarray:
    """Probabilities of the nodes of angle and volume."""
    if size == 1:
        return positive_stationary_vector(transitions.matrix)[:, None]
    rough = positive_stationary_vector(transitions.angles[size // 2])
    likely = int(np.argmax(rough)) * size + size // 2
    joint = stationary_vector(transitions.matrix, likely).reshape(-1, size)
    # Given the angle, the law of the volume is known where there is more than rounding errors, and taken from the
    # nearest angle elsewhere; the law of the angle is then that of a chain without negative elements.
    density = joint.sum(axis=1) / panels.weights
    known = np.flatnonzero(density > _UNKNOWN * density.max())
    nearest = known[np.clip(np.searchsorted(known, np.arange(len(density))), 0, len(known) - 1)]
    given = joint[nearest] / joint[nearest].sum(axis=1, keepdims=True)
    lumped = sum(sparse.diags_array(given[:, at]) @ matrix for at, matrix in enumerate(transitions.angles)).tocsr()
    lumped.data = np.maximum(lumped.data, 0.0)
    return np.asarray(positive_stationary_vector(lumped)[:, None] * given)


def _gap(transitions: _Transitions, volumes: _Volumes, joint: np.ndarray) -> float:
    """For functions that are low polynomials of `log V`: the highest have eigenvalues without a meaning."""
    size = len(volumes.nodes)
    if size == 1:
        return spectral_gap(transitions.matrix, np.ones(len(joint)), joint[:, 0])
    values = volumes.family(volumes.nodes, (size + 1) // 2)
    one = sparse.eye_array(len(joint), format="csr")
    low = sparse.kron(one, (values * volumes.weights[:, None]).T, format="csr") @ (
        transitions.matrix @ sparse.kron(one, values, format="csr")
    )
    constant = np.zeros((len(joint), values.shape[1]))
    constant[:, 0] = 1.0
    return spectral_gap(low, constant.ravel(), (joint @ values).ravel())


def _law(
    chain: Chain, panels: Panels, volumes: _Volumes, resolution: Resolution
) -> tuple[ChainLaw, float, float, float]:
    """The law, what its steps lack, and the mean and the standard deviation of `log V`."""
    transitions = _transitions(chain, panels, volumes, resolution)
    joint = _joint(transitions, panels, len(volumes.nodes))
    mass, marginal = joint.sum(axis=1), joint.sum(axis=0)
    theta, v = panels.nodes, np.exp(volumes.nodes)
    u, d = 2 * np.sin(theta / 2) ** 2, chain.dimension
    loss = chain.loss(u)
    mean_loss, volume, centre = float(mass @ loss), float(marginal @ v), float(marginal @ volumes.nodes)
    area = float(log_sphere_area(d - 1))
    positive = mass > 0
    with np.errstate(divide="ignore"):
        log_density = np.log(np.where(positive, mass, 1e-300) / panels.weights) - (d - 2) * np.log(np.sin(theta)) - area
    T = chain.effective_learning_rate * chain.noise_scale**2 / 2

    def density(depth: np.ndarray) -> np.ndarray:
        angle = 2 * np.arcsin(np.sqrt(np.clip(depth / 2, 0.0, 1.0)))
        inside = np.clip(angle, panels.edges[0], panels.edges[-1])
        beyond = np.where(inside == angle, 0.0, chain.loss(2 * np.sin(inside / 2) ** 2) - chain.loss(depth)) / T
        with np.errstate(over="ignore"):  # in many dimensions it is beyond double precision
            return np.asarray(np.exp(panels.interpolate(log_density, inside) + beyond))

    def of_angle(angle: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(panels.interpolate(log_density, angle) + area + (d - 2) * np.log(np.sin(angle))))

    mean_depth = float(mass @ u)
    law = ChainLaw(
        mean_depth=mean_depth,
        depth_variance=float(mass @ (u - mean_depth) ** 2),
        mean_loss=mean_loss,
        loss_variance=float(mass @ (loss - mean_loss) ** 2),
        entropy=float(-mass[positive] @ log_density[positive]),
        growth=float((joint * transitions.longer).sum()) - chain.decay if chain.fixes_radius else float("nan"),
        root_volume=float(marginal @ np.sqrt(v)),
        log_volume=centre,
        volume=volume,
        volume_variance=float(marginal @ (v - volume) ** 2),
        spectral_gap=_gap(transitions, volumes, joint),
        density=density,
        beyond=AngleCumulative(panels.edges, of_angle),
    )
    return (
        law,
        float((np.abs(joint) * transitions.lost).sum()),
        centre,
        float(np.sqrt(marginal @ (volumes.nodes - centre) ** 2)),
    )


class _Coarse(NamedTuple):
    """The law of the angle at one volume: between which angles it is, and `E ρ − 1`."""

    begin: float
    end: float
    growth: float


def _start(chain: Chain) -> tuple[float, float, np.ndarray, float]:
    """The angles between which the law is not negligible, the kinks of the loss there, and where the radius is held."""
    low, high = _window(chain, [1.0], *gibbs_window(chain))
    centre = 0.0
    if not chain.fixes_radius:
        centre = _held(chain, low, high)
        volumes = np.exp(centre + np.array([-2.5, 0.0, 2.5]) * chain.width).tolist()
        low, high = _window(chain, volumes, low, high)
    return low, high, kinks(chain, low, high), centre


def _window(chain: Chain, volumes: list[float], low: float, high: float) -> tuple[float, float]:
    for _ in range(_EXTENSIONS):
        found = [_coarse(chain, volume, low, high) for volume in volumes]
        begin, end = min(x.begin for x in found), max(x.end for x in found)
        down, up = begin == low > 0, end == high < np.pi
        if not (down or up):
            return begin, end
        further = (high - low) / 2
        low, high = max(low - down * further, 0.0), min(high + up * further, np.pi)
    raise ArithmeticError("the law has no end")


def _held(chain: Chain, low: float, high: float) -> float:
    """The `log V` from which steps lead away on neither side, by the secant rule, were the angle to follow at once."""

    def growth(y: float) -> float:
        return _coarse(chain, float(np.exp(y)), *_window(chain, [float(np.exp(y))], low, high)).growth

    y, before = 0.0, growth(0.0)
    further = float(np.clip(chain.width, 1e-3, 0.1)) * (1 if before > 0 else -1)
    for _ in range(_SECANTS):
        now = growth(y + further)
        y += further
        if not abs(further) > _CENTRED * chain.width or now == before:
            return y
        further, before = float(np.clip(-further * now / (now - before), -_FAR, _FAR)), now
    raise ArithmeticError("no radius is held")


def _coarse(chain: Chain, volume: float, low: float, high: float) -> _Coarse:
    """With one panel more on each side."""
    effective, decay = _rates(chain, np.array([volume]))
    if not (np.isfinite(effective) & (effective > 0) & (decay < 1)).all():
        raise ArithmeticError("the weights turn over in a usual step")
    sources = _sources(chain, volume)
    panels = panels_of(sources, low, high, _COARSE.panel, np.zeros(0))
    fixed = _Volumes(_CONSTANT, np.zeros(1), np.ones(1), effective, decay)
    transitions = _transitions(chain, panels, fixed, _COARSE)
    mass = positive_stationary_vector(transitions.matrix)
    density = (mass / panels.weights).reshape(len(panels.edges) - 1, -1)
    kept = np.flatnonzero((density > _NOTHING * density.max()).any(axis=1))
    begin, end = panels.edges[max(kept[0] - 1, 0)], panels.edges[min(kept[-1] + 2, len(panels.edges) - 1)]
    near = float(_NEAR * step_width(sources, np.array([(low + high) / 2]))[0])  # where a pole is no end
    return _Coarse(
        float(begin if begin > near else 0.0),
        float(end if end < np.pi - near else np.pi),
        float(mass @ transitions.longer[:, 0] - decay[0]),
    )
