"""What a nearest-neighbour entropy gives where it measures the length of a step, and whether it moves with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import ArrayLike

from thermo_ideal._arguments import as_positive, require_count, require_dimension
from thermo_ideal._display import with_error
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._samples import as_samples

_EULER = 0.5772156649015329
_BOUND = 4.0


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


@dataclass(frozen=True, repr=False)
class SpacingScan:
    """One estimator of an entropy at several spacings of the samples, with equally many samples at each.

    Args:
        spacings: in units of that of the samples.
        entropies: at each, over replicas: values of shape `(spacings, replicas)`.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate, SpacingScan
        >>> moving = Estimate(np.array([[1.0, 1.1, 0.9, 1.0, 1.0, 1.1], [2.0, 2.1, 2.0, 1.9, 2.1, 2.0]]))
        >>> SpacingScan((1, 5), moving).is_entropy
        False
    """

    spacings: tuple[int, ...]
    entropies: Estimate

    @property
    def changes(self) -> Estimate:
        """From the first spacing to each of the others."""
        return Estimate(self.entropies.values[1:] - self.entropies.values[:1])

    @property
    def is_entropy(self) -> bool:
        """Whether it has stopped moving: no change is beyond four standard errors."""
        return bool((np.abs(self.changes.z_score(0.0)) < _BOUND).all())

    def __repr__(self) -> str:
        shown = zip(self.spacings, self.entropies.value, self.entropies.standard_error, strict=True)
        texts = ", ".join(f"{with_error(float(value), float(error))} at × {k}" for k, value, error in shown)
        word = "an entropy: it does not move" if self.is_entropy else "NOT an entropy: it moves"
        return f"SpacingScan: {texts} nat; {word} with the spacing of its samples"


def spacing_scan(
    samples: ArrayLike, estimator: Callable[[np.ndarray], Estimate | ArrayLike], spacings: Sequence[int] = (1, 5, 25)
) -> SpacingScan:
    """Estimates an entropy from equally many samples at several spacings: an entropy stays, the length of a step grows.

    As many samples as the widest spacing leaves are taken at each, consecutive ones of the whole for the narrower, so
    that the bias of the estimator at their number cancels in the changes.

    Args:
        samples: with time along the second axis, `(replicas, samples, …)`.
        estimator: gives the entropy of each replica, an `Estimate` or `(replicas,)`, from samples of that shape.
        spacings: in units of that of the samples, ascending.

    Returns:
        A `SpacingScan`.

    Raises:
        ValueError: fewer than two spacings, not ascending, or too few samples.

    Example:
        Independent depths of a cold gas at d = 3:

        >>> import numpy as np
        >>> from thermo_ideal.estimators import spacing_scan, zonal_entropy
        >>> depths = -0.01 * np.log(np.random.default_rng(0).uniform(size=(8, 2000)))
        >>> scan = spacing_scan(depths, lambda u: zonal_entropy(u, 3, pooled=False), spacings=(1, 5))
        >>> scan.is_entropy
        True

        A path that follows itself:

        >>> spacing_scan(np.sort(depths), lambda u: zonal_entropy(u, 3, pooled=False), spacings=(1, 5)).is_entropy
        False
    """
    values, given = as_samples("samples", samples), list(spacings)
    for spacing in given:
        require_count("spacings", spacing)
    if len(given) < 2 or given != sorted(set(given)):
        raise ValueError(f"spacings: got {spacings}, expected two or more, ascending, as in spacings=(1, 5, 25)")
    widest = given[-1]
    count = values.shape[1] // widest if values.ndim > 1 else 0
    if count < 2:
        raise ValueError(
            f"samples: got shape {values.shape}, expected (replicas, samples, …) with {2 * widest} samples for a "
            f"spacing of {widest}"
        )
    found = []
    for spacing in given:
        blocks = widest // spacing  # of `count` samples at this spacing, one after the other
        kept = values[:, : blocks * count * spacing]
        parts = kept.reshape(len(values), blocks, count, spacing, *values.shape[2:])[:, :, :, 0]
        estimates = [estimator(parts[:, block]) for block in range(blocks)]
        found.append(np.mean([x.values if isinstance(x, Estimate) else np.asarray(x) for x in estimates], axis=0))
    return SpacingScan(tuple(given), Estimate(np.array(found)))
