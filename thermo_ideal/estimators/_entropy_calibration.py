"""What an estimator of an entropy is off by, on exact samples of the von Mises–Fisher law like those that one has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import scipy  # whose parts load when they are used
from jaxtyping import ArrayLike, PRNGKeyArray

from thermo_ideal._arguments import as_positive, require_count, require_dimension
from thermo_ideal._display import with_error
from thermo_ideal.distributions import VonMisesFisher
from thermo_ideal.estimators._effective_sample_size import effective_sample_size
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._tangent_entropy import as_directions
from thermo_ideal.estimators._thermometers import temperature_from_concentration

Estimator = Callable[[np.ndarray], Estimate]
"""The entropy of directions `(replicas, samples, d)`, an `Estimate` of shape `()`."""

_LARGEST_BIAS = 0.01  # nats for each dimension of the sphere: what 2 % of the temperature moves an entropy by
_SIGNIFICANT = 4.0  # standard errors
_INDEPENDENT = 0.8  # share of the samples, from which what they are worth is not told from all of them


@dataclass(frozen=True, repr=False)
class EntropyCalibration:
    """The errors of an estimator on repetitions of exact samples.

    Args:
        dimension: `d`.
        temperature: `T` of the law.
        replicas: of each repetition.
        samples: of each replica.
        effective_samples: how many independent ones those are worth.
        errors: what it said less the exact entropy, over the repetitions.
        stated_error: the standard error that it stated, root mean square.

    Example:
        >>> from thermo_ideal.estimators import entropy_calibration, von_mises_fisher_entropy
        >>> found = entropy_calibration(von_mises_fisher_entropy, 10, 0.02, replicas=4, samples=50, repetitions=4)
        >>> found.in_range
        True
    """

    largest_bias: ClassVar[float] = _LARGEST_BIAS
    dimension: int
    temperature: float
    replicas: int
    samples: int
    effective_samples: float
    errors: Estimate
    stated_error: float

    @property
    def bias(self) -> float:
        """The mean of the errors, in nats; its own standard error is that of `errors`."""
        return float(self.errors.value)

    @property
    def spread(self) -> float:
        """The standard deviation of the errors, in nats."""
        return float(self.errors.standard_error * np.sqrt(self.errors.replicas))

    @property
    def in_range(self) -> bool:
        """Whether the bias may be 0.01 nats for each of the `d − 1` dimensions, what 2 % of `T` move `S` by, or less.

        It is not if it is more than that by four of its standard errors.
        """
        beyond = abs(self.bias) - self.largest_bias * (self.dimension - 1)
        return bool(beyond <= _SIGNIFICANT * float(self.errors.standard_error))

    def __repr__(self) -> str:
        bias = with_error(self.bias, float(self.errors.standard_error))
        worth = "" if self.effective_samples == self.samples else f" worth {self.effective_samples:.3g}"
        return (
            f"EntropyCalibration at d = {self.dimension}, T = {self.temperature:.4g}, {self.replicas} × {self.samples} "
            f"samples{worth}: bias {bias}, spread {self.spread:.2g}, stated {self.stated_error:.2g} nat"
        )


def entropy_calibration(
    estimator: Estimator,
    dimension: int,
    temperature: float,
    *,
    replicas: int,
    samples: int,
    effective_samples: float | None = None,
    repetitions: int = 16,
    key: PRNGKeyArray | None = None,
) -> EntropyCalibration:
    """Bias and spread of any estimator of an entropy on exact samples of the von Mises–Fisher law.

    Args:
        estimator: gives an `Estimate` of shape `()` from directions `(replicas, samples, d)`.
        dimension: `d`.
        temperature: `T = 1/κ`.
        replicas: of each repetition.
        samples: of each replica.
        effective_samples: how many independent samples they are worth; all of them if None. If fewer, the series of a
            replica is an autoregression whose every sample has exactly this law.
        repetitions: two at least, each with its own samples.
        key: of the samples; `jax.random.key(0)` if None.

    Returns:
        An `EntropyCalibration`.

    Raises:
        ValueError: numbers out of their range, or what the estimator refuses.

    Example:
        >>> from thermo_ideal.estimators import entropy_calibration, radial_entropy
        >>> entropy_calibration(radial_entropy, 10, 0.02, replicas=4, samples=50, repetitions=4).in_range
        True
    """
    require_dimension("dimension", dimension)
    as_positive("temperature", temperature)
    require_count("replicas", replicas, minimum=2)
    require_count("samples", samples)
    require_count("repetitions", repetitions, minimum=2)
    worth = float(samples if effective_samples is None else effective_samples)
    if not 0 < worth <= samples:
        raise ValueError(f"effective_samples: got {effective_samples}, expected a number from 0 to {samples}")
    key = jax.random.key(0) if key is None else key
    found = []
    with jax.enable_x64(True):
        law = VonMisesFisher(jnp.eye(1, dimension)[0], 1 / float(temperature))
        exact = float(law.entropy())
        for i in range(repetitions):
            own = jax.random.fold_in(key, i)
            if worth == samples:
                directions = np.asarray(law.sample(own, (replicas, samples)))
            else:
                seed = np.random.default_rng(np.asarray(jax.random.key_data(own)))
                directions = _correlated(law, (replicas, samples), worth, seed)
            estimate = estimator(directions)
            found.append([float(estimate.value) - exact, float(estimate.standard_error)])
    errors, stated = np.array(found).T
    root = float(np.sqrt((stated**2).mean()))
    return EntropyCalibration(int(dimension), float(temperature), replicas, samples, worth, Estimate(errors), root)


def _correlated(law: VonMisesFisher, shape: tuple[int, int], worth: float, rng: np.random.Generator) -> np.ndarray:
    """Series whose every sample has the law: quantiles at an autoregression's, around one that is divided by its norm.

    A mean of `n` samples of an autoregression of factor `φ` varies as that of `n(1 − φ)/(1 + φ)` independent ones.
    """
    factor = (shape[1] - worth) / (shape[1] + worth)
    noise = rng.normal(size=(*shape, law.dimension))
    noise[:, 0] /= np.sqrt(1 - factor**2)
    series = scipy.signal.lfilter([np.sqrt(1 - factor**2)], [1.0, -factor], noise, axis=1)
    depth = np.asarray(law.overlap_law().depth_quantile(scipy.special.ndtr(series[..., 0])))
    around = series[..., 1:] / np.linalg.norm(series[..., 1:], axis=-1, keepdims=True)
    return np.concatenate([(1 - depth)[..., None], np.sqrt(depth * (2 - depth))[..., None] * around], axis=-1)


@dataclass(frozen=True, repr=False)
class CalibratedEntropy(Estimate):
    """An entropy less its bias on exact samples of its own temperature, with the error of that in its own.

    Args:
        values: of the replicas, without the bias.
        calibration: on exact samples.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import CalibratedEntropy, EntropyCalibration, Estimate
        >>> calibration = EntropyCalibration(3, 0.1, 3, 100, 100.0, Estimate(np.array([0.1, 0.3])), 0.1)
        >>> CalibratedEntropy(np.array([1.0, 1.2, 1.1]), calibration)
        Estimate(1.1(2), replicas=3), less a bias of 0.2(1), spread 0.14 nat on exact samples at T = 0.1
    """

    calibration: EntropyCalibration

    @property
    def standard_error(self) -> np.ndarray:
        """That of the replicas and of the bias, or the spread on exact samples where that is larger than the former."""
        own = np.maximum(super().standard_error, self.calibration.spread)
        return np.asarray(np.hypot(own, self.calibration.errors.standard_error))

    def __repr__(self) -> str:
        found = self.calibration
        bias = with_error(found.bias, float(found.errors.standard_error))
        return (
            f"{super().__repr__()}, less a bias of {bias}, spread {found.spread:.2g} nat on exact samples at T = "
            f"{found.temperature:.4g}"
        )


def calibrated_entropy(
    estimator: Estimator,
    directions: ArrayLike,
    *,
    temperature: float | None = None,
    effective_samples: float | None = None,
    repetitions: int = 16,
    key: PRNGKeyArray | None = None,
    outside: str = "refuse",
) -> CalibratedEntropy:
    """An entropy less what its estimator is off by on exact samples like these: as many, as correlated, as cold.

    Samples of another law than von Mises and Fisher's are calibrated at the temperature of the one that fits them, and
    what is left of the bias is unknown; one that is surely more than 0.01 nats for each dimension is refused.

    Args:
        estimator: gives an `Estimate` of shape `()` from directions `(replicas, samples, d)`.
        directions: unit vectors, `(replicas, samples, d)`, in their order.
        temperature: `T`; that of the fitted concentration if None.
        effective_samples: how many independent samples those of a replica are worth; told from their overlaps with the
            mean direction if None.
        repetitions: of the calibration.
        key: of its samples.
        outside: "refuse" raises where the bias is large; "allow" takes it off all the same.

    Returns:
        A `CalibratedEntropy`.

    Raises:
        ValueError: a bias that is too large, or what the estimator or the thermometer refuses.

    Example:
        >>> import jax, numpy as np
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.estimators import calibrated_entropy, geodesic_entropy
        >>> law = VonMisesFisher(np.eye(3)[0], concentration=20.0)
        >>> x = np.asarray(law.sample(jax.random.key(1), (4, 100)))
        >>> estimate = calibrated_entropy(geodesic_entropy, x, repetitions=4)
        >>> bool(abs(estimate.z_score(float(law.entropy()))) < 5)
        True
    """
    if outside not in ("refuse", "allow"):
        raise ValueError(f"outside: got {outside!r}, expected 'refuse' or 'allow'")
    x = as_directions(np.asarray(directions), least_dimension=2)
    if x.ndim != 3:
        raise ValueError(f"directions: got shape {x.shape}, expected (replicas, samples, d), one point at a time")
    replicas, samples, d = x.shape
    estimate = estimator(x)
    if temperature is None:
        temperature = float(temperature_from_concentration(x).value)
    if effective_samples is None:
        worth = float(np.mean(effective_sample_size(x @ x.mean(axis=(0, 1)), axis=1)))
        effective_samples = samples if worth >= _INDEPENDENT * samples else worth
    calibration = entropy_calibration(
        estimator,
        d,
        temperature,
        replicas=replicas,
        samples=samples,
        effective_samples=effective_samples,
        repetitions=repetitions,
        key=key,
    )
    if outside == "refuse" and not calibration.in_range:
        raise ValueError(
            f"estimator: got a bias of {calibration.bias:.3g} nats at d = {d}, T = {temperature:.3g} and {replicas} × "
            f"{samples} samples, expected at most {_LARGEST_BIAS * (d - 1):.3g}; take another estimator, as "
            "radial_entropy, or see what comes out with outside='allow'"
        )
    return CalibratedEntropy(estimate.values - calibration.bias, calibration)
