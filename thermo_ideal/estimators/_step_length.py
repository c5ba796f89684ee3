"""What a nearest-neighbour entropy gives where it measures the length of a step, and whether it moves with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import ArrayLike

from thermo_ideal._arguments import as_positive, require_count, require_dimension
from thermo_ideal.estimators._entropy_scan import EntropyScan
from thermo_ideal.estimators._equally_many import equally_many
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._samples import as_samples

_EULER = 0.5772156649015329
_SHORTEST_QUEUE = 10.0  # relaxation times


def step_length_entropy(
    dimension: int, spacing: ArrayLike, effective_learning_rate: ArrayLike, noise_trace: ArrayLike
) -> np.ndarray:
    r"""What the nearest-neighbour entropy of a path gives where neighbours in space are neighbours in time.

    .. math:: S_\text{step} = D\bigl[\log δ + \tfrac12 \log\tfrac{2π}{D} + \tfrac12 \log(\log d + γ_E)\bigr],
        \qquad δ^2 = 2\bigl(1 - e^{-n η_\text{eff}^2 \operatorname{Tr} Σ/2}\bigr),

    with `D = d − 1` and `n` the steps between two samples; `δ` is the distance that the noise covers between them, and
    `log d` is of the spherical angles. It follows the learning rate with the slope `D`, an entropy with `D/2` where
    the gas is cold, and it obeys the Maxwell relations in hyperparameters like an entropy.

    Args:
        dimension: `d`.
        spacing: `n`, steps from one sample to the next.
        effective_learning_rate: `η_eff`.
        noise_trace: `Tr Σ_w̄`.

    Returns:
        `S_step` in nats, in the shape that the arguments broadcast to.

    Raises:
        ValueError: an argument out of its range.

    Example:
        SGD without a loss, whose entropy is −842 nats at `d = 500` whatever the learning rate:

        >>> from thermo_ideal.estimators import step_length_entropy
        >>> [round(float(step_length_entropy(500, 25, rate, 499.0))) for rate in (1e-4, 1e-3)]
        [-2856, -1708]
    """
    require_dimension("dimension", dimension)
    n, eta, trace = (
        np.asarray(as_positive(name, value), np.float64)
        for name, value in (
            ("spacing", spacing),
            ("effective_learning_rate", effective_learning_rate),
            ("noise_trace", noise_trace),
        )
    )
    D = dimension - 1
    log_distance = np.log(-2 * np.expm1(-n * eta**2 * trace / 2)) / 2
    return np.asarray(D * (log_distance + np.log(2 * np.pi / D) / 2 + np.log(np.log(dimension) + _EULER) / 2))


@dataclass(frozen=True)
class SampledPath:
    """The steps between samples of a path, and what they do: what the length of a step and of a queue follow from.

    Args:
        dimension: `d`.
        interval: steps from one sample to the next.
        effective_learning_rate: `η_eff`.
        noise_trace: `Tr Σ_w̄`, `σ²(d − 1)` of isotropic noise.
        relaxation_time: of the direction, in steps; `plan(sgd).direction_time` of a gas, `1/η_eff` of a cold one.

    Raises:
        ValueError: a number that is not positive, or a dimension below 2.

    Example:
        >>> from thermo_ideal.estimators import SampledPath
        >>> path = SampledPath(500, interval=25, effective_learning_rate=1e-3, noise_trace=499.0, relaxation_time=1e3)
        >>> path.queue(1000), round(path.step_length(5), -1)
        (25.0, -1310.0)
    """

    dimension: int
    interval: float
    effective_learning_rate: float
    noise_trace: float
    relaxation_time: float

    def __post_init__(self) -> None:
        require_dimension("dimension", self.dimension)
        for name in ("interval", "effective_learning_rate", "noise_trace", "relaxation_time"):
            as_positive(name, getattr(self, name))

    def queue(self, samples: int) -> float:
        """How many relaxation times so many samples are long.

        Args:
            samples: in a row.
        """
        return samples * self.interval / self.relaxation_time

    def step_length(self, spacing: int) -> float:
        """`S_step` of every so manieth sample, in nats.

        Args:
            spacing: in units of the interval.
        """
        steps = spacing * self.interval
        return float(step_length_entropy(self.dimension, steps, self.effective_learning_rate, self.noise_trace))


@dataclass(frozen=True, repr=False)
class SpacingScan(EntropyScan):
    """One estimator of an entropy at several spacings of the samples, with equally many samples at each.

    Args:
        spacings: in units of that of the samples.
        entropies: at each, over replicas: values of shape `(spacings, replicas)`.
        samples: how many of each replica there were in all.
        path: what the samples are of, if that was said.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate, SpacingScan
        >>> moving = Estimate(np.array([[1.0, 1.1, 0.9, 1.0, 1.0, 1.1], [2.0, 2.1, 2.0, 1.9, 2.1, 2.0]]))
        >>> SpacingScan((1, 5), moving, samples=1000).is_entropy
        False
    """

    spacings: tuple[int, ...]
    entropies: Estimate
    samples: int
    path: SampledPath | None = None

    @property
    def step_lengths(self) -> np.ndarray | None:
        """`S_step` at each spacing; None without a path."""
        return None if self.path is None else np.array([self.path.step_length(spacing) for spacing in self.spacings])

    @property
    def queue(self) -> float | None:
        """All samples of a replica in relaxation times; None without a path."""
        return None if self.path is None else self.path.queue(self.samples)

    @property
    def is_entropy(self) -> bool:
        """Whether it may be called an entropy: no change is beyond four standard errors, and the queue is not short.

        Samples of fewer than ten relaxation times are of the place where the path was, not of its stationary law, at
        every spacing. Without a path only the changes are looked at.
        """
        return self.stands_still and not self._is_short

    @property
    def _is_short(self) -> bool:
        return self.queue is not None and not self.queue >= _SHORTEST_QUEUE

    def __repr__(self) -> str:
        lengths = [""] * len(self.spacings)
        if self.step_lengths is not None:
            lengths = [f" (S_step = {length:.5g})" for length in self.step_lengths]
        texts = self._texts([f"× {k}{length}" for k, length in zip(self.spacings, lengths, strict=True)])
        queue = "" if self.queue is None else f", queue of {self.queue:.3g} relaxation times"
        moves = "an entropy: it does not move" if self.stands_still else "NOT an entropy: it moves"
        word = f"{moves} with the spacing of its samples"
        if self.stands_still and self._is_short:
            word = f"NOT an entropy: the queue is shorter than {_SHORTEST_QUEUE:g} relaxation times"
        return f"SpacingScan: {texts} nat{queue}; {word}"


def spacing_scan(
    samples: ArrayLike,
    estimator: Callable[[np.ndarray], Estimate | ArrayLike],
    spacings: Sequence[int] = (1, 5, 25),
    path: SampledPath | None = None,
) -> SpacingScan:
    """Estimates an entropy from equally many samples at several spacings: an entropy stays, the length of a step grows.

    As many samples as the widest spacing leaves are taken at each, all sets of them that there are, so that the bias of
    the estimator at their number cancels in the changes. With the path, the length of its steps and of its queue stand
    beside them.

    Args:
        samples: with time along the second axis, `(replicas, samples, …)`.
        estimator: gives the entropy of each replica, an `Estimate` or `(replicas,)`, from samples of that shape.
        spacings: in units of that of the samples, ascending, each a divisor of the last.
        path: the steps between two samples.

    Returns:
        A `SpacingScan`, which says whether the result may be called an entropy.

    Raises:
        ValueError: fewer than two spacings, not ascending, one that does not divide the last, or too few samples.

    Example:
        Independent depths of a cold gas at d = 3:

        >>> import numpy as np
        >>> from thermo_ideal.estimators import SampledPath, spacing_scan, zonal_entropy
        >>> def estimate(depths):
        ...     return zonal_entropy(depths, 3, pooled=False)
        >>> depths = -0.01 * np.log(np.random.default_rng(0).uniform(size=(8, 2000)))
        >>> path = SampledPath(3, interval=100, effective_learning_rate=0.02, noise_trace=2.0, relaxation_time=50)
        >>> scan = spacing_scan(depths, estimate, spacings=(1, 5), path=path)
        >>> scan.is_entropy, scan.queue
        (True, 4000.0)

        A path that follows itself:

        >>> spacing_scan(np.sort(depths), estimate, spacings=(1, 5)).is_entropy
        False
    """
    values, given = as_samples("samples", samples), list(spacings)
    for spacing in given:
        require_count("spacings", spacing)
    if len(given) < 2 or given != sorted(set(given)):
        raise ValueError(f"spacings: got {spacings}, expected two or more, ascending, as in spacings=(1, 5, 25)")
    widest = given[-1]
    if any(widest % spacing for spacing in given):
        raise ValueError(f"spacings: got {spacings}, expected divisors of {widest}, as in spacings=(1, 5, 25)")
    if values.ndim < 2 or values.shape[1] < 2 * widest:
        raise ValueError(
            f"samples: got shape {values.shape}, expected (replicas, samples, …) with {2 * widest} samples for a "
            f"spacing of {widest}"
        )
    found = []
    for spacing in given:
        estimates = [estimator(one) for one in equally_many(values, spacing, widest, axis=1)]
        found.append(np.mean([x.values if isinstance(x, Estimate) else np.asarray(x) for x in estimates], axis=0))
    return SpacingScan(tuple(given), Estimate(np.array(found)), values.shape[1], path)
