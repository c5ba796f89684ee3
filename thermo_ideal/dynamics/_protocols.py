"""What is held fixed while SGD runs: the learning rate, the effective learning rate, or the radius."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import as_nonnegative, as_positive
from thermo_ideal.dynamics._schedules import Schedule
from thermo_ideal.dynamics._vectors import norm

_Number = Float[Array, "..."]
_Hyperparameter = Any  # a number, an array with one for each run of a batch, or a Schedule


def _hyperparameter(name: str, value: ArrayLike | Schedule, check: Callable[[str, Any], Array]) -> _Hyperparameter:
    return value if callable(value) else check(name, value)


class AbstractProtocol(eqx.Module):
    """Learning rate and weight decay of a step at radius `r`, and what they do to the radius in the SDE limit.

    Fields are scalars, arrays with one number for each run of a batch, or schedules: JAX functions of the step that
    return either. A protocol with schedules is asked at a step, as in `protocol.at(0).learning_rate_at(1.0)`.
    """

    name: eqx.AbstractClassVar[str]
    fixes_radius: eqx.AbstractClassVar[bool]

    @classmethod
    def hyperparameters(cls) -> tuple[str, ...]:
        """The names of what is held fixed, in the order of the constructor."""
        return tuple(field.name for field in dataclasses.fields(cls))

    @property
    def schedules(self) -> dict[str, Schedule]:
        """The hyperparameters that change from step to step, by name."""
        fields = ((name, getattr(self, name)) for name in self.hyperparameters())
        return {name: value for name, value in fields if callable(value)}

    def at(self, step: ArrayLike) -> "AbstractProtocol":
        """The protocol with constant hyperparameters that acts at a step, 0 being the first; schedules are asked."""
        return self.replace(
            **{name: jnp.asarray(schedule(jnp.asarray(step)), float) for name, schedule in self.schedules.items()}
        )

    def replace(self, **hyperparameters: _Hyperparameter) -> "AbstractProtocol":
        """The protocol with other values of some hyperparameters."""
        names = list(hyperparameters)
        if not names:
            return self
        values = [hyperparameters[name] for name in names]
        return eqx.tree_at(lambda p: [getattr(p, name) for name in names], self, values)

    @abc.abstractmethod
    def learning_rate_at(self, radius: _Number) -> _Number:
        """`η`, the learning rate of a step from radius `r`."""

    @abc.abstractmethod
    def weight_decay_at(self, radius: _Number) -> _Number:
        """`λ`, the weight decay of a step from radius `r`."""

    @abc.abstractmethod
    def constrain(self, position: Float[Array, " d"]) -> Float[Array, " d"]:
        """What the protocol does to the weights after the step."""

    @abc.abstractmethod
    def stationary_radius(self, noise_trace: ArrayLike) -> _Number:
        """`r*`, the fixed point of the radius for `τ = Tr Σ_w̄`; on the fixed sphere, the radius itself."""

    @abc.abstractmethod
    def radius_relaxation_rate(self, noise_trace: ArrayLike) -> _Number:
        """The rate per step at which a small departure from `r*` decays; infinite on the fixed sphere."""

    def effective_learning_rate_at(self, radius: _Number) -> _Number:
        """`η_eff = η/r²`."""
        return self.learning_rate_at(radius) / radius**2


class FixedLearningRate(AbstractProtocol):
    """Plain SGD: `w ← w − η(g + λw)`, so that `r*⁴ = ητ/(2λ)`.

    Args:
        learning_rate: `η > 0`.
        weight_decay: `λ ≥ 0`; with 0 the radius only grows, and there is no stationary state.

    Raises:
        ValueError: a hyperparameter out of its range.

    Example:
        >>> from thermo_ideal.dynamics import FixedLearningRate
        >>> protocol = FixedLearningRate(learning_rate=0.04, weight_decay=0.01)
        >>> float(protocol.stationary_radius(noise_trace=8.0))
        2.0

    Source: arXiv 2511.07308.
    """

    learning_rate: _Hyperparameter
    weight_decay: _Hyperparameter
    name: ClassVar[str] = "fixed-lr"
    fixes_radius: ClassVar[bool] = False

    def __init__(self, learning_rate: ArrayLike | Schedule, weight_decay: ArrayLike | Schedule) -> None:
        self.learning_rate = _hyperparameter("learning_rate", learning_rate, as_positive)
        self.weight_decay = _hyperparameter("weight_decay", weight_decay, as_nonnegative)

    def learning_rate_at(self, radius: _Number) -> _Number:
        """`η`."""
        return self.learning_rate

    def weight_decay_at(self, radius: _Number) -> _Number:
        """`λ`."""
        return self.weight_decay

    def constrain(self, position: Float[Array, " d"]) -> Float[Array, " d"]:
        """Nothing."""
        return position

    def stationary_radius(self, noise_trace: ArrayLike) -> _Number:
        """`(ητ/2λ)^{1/4}`."""
        return (self.learning_rate * noise_trace / (2 * self.weight_decay)) ** 0.25

    def radius_relaxation_rate(self, noise_trace: ArrayLike) -> _Number:
        """`4ηλ`."""
        return 4 * self.learning_rate * self.weight_decay


class FixedEffectiveLearningRate(AbstractProtocol):
    """SGD with `η = η_eff r²`, `r` taken before the step, so that `r*² = η_eff τ/(2λ)`.

    Args:
        effective_learning_rate: `η_eff > 0`.
        weight_decay: `λ ≥ 0`; with 0 the radius only grows, and there is no stationary state.

    Raises:
        ValueError: a hyperparameter out of its range.

    Example:
        >>> from thermo_ideal.dynamics import FixedEffectiveLearningRate
        >>> protocol = FixedEffectiveLearningRate(effective_learning_rate=0.01, weight_decay=0.01)
        >>> float(protocol.stationary_radius(noise_trace=8.0))
        2.0

    Source: arXiv 2511.07308.
    """

    effective_learning_rate: _Hyperparameter
    weight_decay: _Hyperparameter
    name: ClassVar[str] = "fixed-elr"
    fixes_radius: ClassVar[bool] = False

    def __init__(self, effective_learning_rate: ArrayLike | Schedule, weight_decay: ArrayLike | Schedule) -> None:
        self.effective_learning_rate = _hyperparameter("effective_learning_rate", effective_learning_rate, as_positive)
        self.weight_decay = _hyperparameter("weight_decay", weight_decay, as_nonnegative)

    def learning_rate_at(self, radius: _Number) -> _Number:
        """`η_eff r²`."""
        return self.effective_learning_rate * radius**2

    def effective_learning_rate_at(self, radius: _Number) -> _Number:
        """`η_eff`, without a square of the radius that might overflow."""
        return self.effective_learning_rate * jnp.ones_like(radius)

    def weight_decay_at(self, radius: _Number) -> _Number:
        """`λ`."""
        return self.weight_decay

    def constrain(self, position: Float[Array, " d"]) -> Float[Array, " d"]:
        """Nothing."""
        return position

    def stationary_radius(self, noise_trace: ArrayLike) -> _Number:
        """`(η_eff τ/2λ)^{1/2}`."""
        return jnp.sqrt(self.effective_learning_rate * noise_trace / (2 * self.weight_decay))

    def radius_relaxation_rate(self, noise_trace: ArrayLike) -> _Number:
        """`η_eff² τ`."""
        return self.effective_learning_rate**2 * noise_trace


class FixedSphere(AbstractProtocol):
    """SGD with `η = η_eff r²` and no weight decay, rescaled to radius `r` after every step.

    Args:
        effective_learning_rate: `η_eff > 0`.
        radius: `r > 0`.

    Raises:
        ValueError: a hyperparameter is not a positive number.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import FixedSphere
        >>> protocol = FixedSphere(effective_learning_rate=0.01, radius=2.0)
        >>> protocol.constrain(jnp.array([3.0, 4.0]))
        Array([1.2, 1.6], dtype=float32)

    Source: arXiv 2511.07308.
    """

    effective_learning_rate: _Hyperparameter
    radius: _Hyperparameter
    name: ClassVar[str] = "fixed-sphere"
    fixes_radius: ClassVar[bool] = True

    def __init__(self, effective_learning_rate: ArrayLike | Schedule, radius: ArrayLike | Schedule) -> None:
        self.effective_learning_rate = _hyperparameter("effective_learning_rate", effective_learning_rate, as_positive)
        self.radius = _hyperparameter("radius", radius, as_positive)

    def learning_rate_at(self, radius: _Number) -> _Number:
        """`η_eff r²`."""
        return self.effective_learning_rate * radius**2

    def effective_learning_rate_at(self, radius: _Number) -> _Number:
        """`η_eff`, without a square of the radius that might overflow."""
        return self.effective_learning_rate * jnp.ones_like(radius)

    def weight_decay_at(self, radius: _Number) -> _Number:
        """0: the rescaling does its work."""
        return jnp.zeros_like(radius)

    def constrain(self, position: Float[Array, " d"]) -> Float[Array, " d"]:
        """Back to radius `r` along the ray."""
        return position * (self.radius / norm(position))

    def stationary_radius(self, noise_trace: ArrayLike) -> _Number:
        """`r`."""
        return self.radius

    def radius_relaxation_rate(self, noise_trace: ArrayLike) -> _Number:
        """Infinite: the radius is there after one step."""
        return jnp.full_like(self.radius, jnp.inf)


_CLASSES = {c.name: c for c in (FixedLearningRate, FixedEffectiveLearningRate, FixedSphere)}


def protocol_class(name: str) -> type[AbstractProtocol]:
    """The protocol called "fixed-lr", "fixed-elr" or "fixed-sphere".

    Args:
        name: the protocol's name on the command line and in specifications.

    Raises:
        ValueError: there is no such protocol.

    Example:
        >>> from thermo_ideal.dynamics import protocol_class
        >>> protocol_class("fixed-elr").__name__
        'FixedEffectiveLearningRate'
    """
    if name not in _CLASSES:
        raise ValueError(f"protocol: got {name!r}, expected one of {', '.join(map(repr, _CLASSES))}")
    return _CLASSES[name]
