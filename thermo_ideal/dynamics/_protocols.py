"""What is held fixed while SGD runs: the learning rate, the effective learning rate, or the radius."""

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal._arguments import Check, as_nonnegative, as_positive
from thermo_ideal.dynamics._component import AbstractComponent
from thermo_ideal.dynamics._schedules import Schedule
from thermo_ideal.numerics import norm, per_vector, spread

_Number = Float[Array, "..."]
_Hyperparameter = Any  # a number, an array with one for each run of a batch, or a Schedule


def _hyperparameter(name: str, value: ArrayLike | Schedule, check: Callable[[str, Any], Array]) -> _Hyperparameter:
    return value if callable(value) else check(name, value)


class AbstractProtocol(AbstractComponent):
    """Learning rate and weight decay of a step at radius `r`, and what they do to the radius in the SDE limit.

    Fields are hyperparameters, but for those that are static: scalars, arrays with one number for each run of a batch,
    or schedules, JAX functions of the step that return either. A protocol with schedules is asked at a step, as in
    `protocol.at(0).learning_rate_at(1.0)`. Methods work element by element; those of the package's protocols return the
    common shape of their argument and the hyperparameters, whichever of them they use.

    Everything else that the package asks of a protocol follows from the methods below, so that a subclass works
    wherever those of the package do.

    Example:
        A learning rate in proportion to the radius, `η = c r`: `dr/dt = −cλr² + c²τ/2r`.

        >>> from thermo_ideal.dynamics import AbstractProtocol
        >>> class ProportionalLearningRate(AbstractProtocol):
        ...     factor: float
        ...     weight_decay: float
        ...     name = "proportional-lr"
        ...     fixes_radius = False
        ...     def learning_rate_at(self, radius):
        ...         return self.factor * radius
        ...     def weight_decay_at(self, radius):
        ...         return self.weight_decay + 0 * radius
        ...     def constrain(self, position):
        ...         return position
        ...     def stationary_radius(self, noise_trace):
        ...         return (self.factor * noise_trace / (2 * self.weight_decay)) ** (1 / 3)
        ...     def radius_relaxation_rate(self, noise_trace):
        ...         return 3 * self.factor * self.weight_decay * self.stationary_radius(noise_trace)
        >>> protocol = ProportionalLearningRate(factor=0.2, weight_decay=0.1)
        >>> round(protocol.stationary_radius(noise_trace=2.0), 4)
        1.2599
        >>> abs(float(protocol.radius_drift(protocol.stationary_radius(2.0), 2.0))) < 1e-8
        True
    """

    name: eqx.AbstractClassVar[str]
    """What the protocol is called on the command line and in files."""
    fixes_radius: eqx.AbstractClassVar[bool]
    """Whether the weights are rescaled to a radius after every step, which is then `stationary_radius`."""

    @classmethod
    def hyperparameters(cls) -> tuple[str, ...]:
        """The names of what is held fixed, in the order of the constructor; static fields are not among them."""
        fields = dataclasses.fields(cls)
        return tuple(field.name for field in fields if not field.metadata.get("static", False))

    @classmethod
    def parameters(cls) -> Mapping[str, int]:
        """The hyperparameters, each a number."""
        return dict.fromkeys(cls.hyperparameters(), 0)

    @classmethod
    def checks(cls) -> Mapping[str, Check]:
        """The hyperparameters, none below 0."""
        return dict.fromkeys(cls.hyperparameters(), as_nonnegative)

    @abc.abstractmethod
    def learning_rate_at(self, radius: _Number) -> _Number:
        """`η`, the learning rate of a step from radius `r`.

        Args:
            radius: `r`, any shape.
        """

    @abc.abstractmethod
    def weight_decay_at(self, radius: _Number) -> _Number:
        """`λ`, the weight decay of a step from radius `r`.

        Args:
            radius: `r`, any shape.
        """

    @abc.abstractmethod
    def constrain(self, position: Float[Array, "*batch d"]) -> Float[Array, "... d"]:
        """What the protocol does to the weights after the step, along their ray.

        Args:
            position: weights, along the last axis.
        """

    @abc.abstractmethod
    def stationary_radius(self, noise_trace: ArrayLike) -> _Number:
        """`r*`, the fixed point of the radius for `τ = Tr Σ_w̄`; on a fixed sphere, the radius itself.

        Args:
            noise_trace: `τ`, any shape.
        """

    @abc.abstractmethod
    def radius_relaxation_rate(self, noise_trace: ArrayLike) -> _Number:
        """The rate per step at which a small departure from `r*` decays; infinite on a fixed sphere.

        Args:
            noise_trace: `τ`, any shape.
        """

    def effective_learning_rate_at(self, radius: _Number) -> _Number:
        """`η_eff = η/r²`.

        Args:
            radius: `r`, any shape.
        """
        return self._common(self.learning_rate_at(radius) / radius**2, radius)

    def radius_drift(self, radius: ArrayLike, noise_trace: ArrayLike) -> _Number:
        """`dr/dt = −ηλr + η²τ/2r³` of the SDE, without the constraint.

        Args:
            radius: `r`, any shape.
            noise_trace: `τ`, which broadcasts with it.

        Source: `thermo_ideal.symbolic.derive` derives it.
        """
        radius = jnp.asarray(radius, float)
        decay = self.learning_rate_at(radius) * self.weight_decay_at(radius)
        return (self.effective_learning_rate_at(radius) ** 2 * noise_trace / 2 - decay) * radius

    def _common(self, numbers: ArrayLike, argument: ArrayLike) -> _Number:
        """Numbers in the common shape of an argument and the hyperparameters."""
        return jnp.broadcast_to(numbers, jnp.broadcast_shapes(jnp.shape(argument), self.batch_shape))

    @property
    def mechanical_response(self) -> str:
        """Which of the two mechanical properties the gas answers with: "radius", or "pressure" where that is fixed."""
        return "pressure" if self.fixes_radius else "radius"

    def relative_volume_variance(self, noise_scale: ArrayLike, noise_trace: ArrayLike) -> _Number:
        """`Var V/V² = η_eff⁴ σ² τ/k` of a stationary run with isotropic noise, to leading order.

        A step adds the variance `2η_eff⁴σ²τ` to `V/V*`, whose departures decay at the rate `k` of the radius.

        Args:
            noise_scale: `σ`.
            noise_trace: `τ = σ²(d − 1)`.

        Source: `thermo_ideal.symbolic.gas.volume_fluctuations` derives it.
        """
        noise_scale, noise_trace = jnp.asarray(noise_scale), jnp.asarray(noise_trace)
        effective = self.effective_learning_rate_at(self.stationary_radius(noise_trace))
        ratio = effective**2 * noise_trace / self.radius_relaxation_rate(noise_trace)
        return (effective * noise_scale) ** 2 * ratio


class _FreeRadius(AbstractProtocol):
    """A constant weight decay, and no constraint."""

    weight_decay: eqx.AbstractVar[_Hyperparameter]
    fixes_radius: ClassVar[bool] = False

    def weight_decay_at(self, radius: _Number) -> _Number:
        """`λ`."""
        return self._common(self.weight_decay, radius)

    def constrain(self, position: Float[Array, "*batch d"]) -> Float[Array, "... d"]:
        """Nothing."""
        return position


class _ConstantEffectiveLearningRate(AbstractProtocol):
    """`η = η_eff r²`, `r` taken before the step."""

    effective_learning_rate: eqx.AbstractVar[_Hyperparameter]

    def learning_rate_at(self, radius: _Number) -> _Number:
        """`η_eff r²`."""
        return self._common(self.effective_learning_rate * radius**2, radius)

    def effective_learning_rate_at(self, radius: _Number) -> _Number:
        """`η_eff`, without a square of the radius that might overflow."""
        return self._common(self.effective_learning_rate, radius)


class FixedLearningRate(_FreeRadius):
    """Plain SGD: `w ← w − η(g + λw)`, so that `r*⁴ = ητ/(2λ)`.

    Args:
        learning_rate: `η ≥ 0`; at 0 a step does nothing.
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

    def __init__(self, learning_rate: ArrayLike | Schedule, weight_decay: ArrayLike | Schedule) -> None:
        self.learning_rate = _hyperparameter("learning_rate", learning_rate, as_nonnegative)
        self.weight_decay = _hyperparameter("weight_decay", weight_decay, as_nonnegative)

    def learning_rate_at(self, radius: _Number) -> _Number:
        """`η`."""
        return self._common(self.learning_rate, radius)

    def stationary_radius(self, noise_trace: ArrayLike) -> _Number:
        """`(ητ/2λ)^{1/4}`."""
        return self._common((self.learning_rate * noise_trace / (2 * self.weight_decay)) ** 0.25, noise_trace)

    def radius_relaxation_rate(self, noise_trace: ArrayLike) -> _Number:
        """`4ηλ`."""
        return self._common(4 * self.learning_rate * self.weight_decay, noise_trace)


class FixedEffectiveLearningRate(_FreeRadius, _ConstantEffectiveLearningRate):
    """SGD with `η = η_eff r²`, `r` taken before the step, so that `r*² = η_eff τ/(2λ)`.

    Args:
        effective_learning_rate: `η_eff ≥ 0`; at 0 a step does nothing.
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

    def __init__(self, effective_learning_rate: ArrayLike | Schedule, weight_decay: ArrayLike | Schedule) -> None:
        self.effective_learning_rate = _hyperparameter(
            "effective_learning_rate", effective_learning_rate, as_nonnegative
        )
        self.weight_decay = _hyperparameter("weight_decay", weight_decay, as_nonnegative)

    def stationary_radius(self, noise_trace: ArrayLike) -> _Number:
        """`(η_eff τ/2λ)^{1/2}`."""
        return self._common(jnp.sqrt(self.effective_learning_rate * noise_trace / (2 * self.weight_decay)), noise_trace)

    def radius_relaxation_rate(self, noise_trace: ArrayLike) -> _Number:
        """`η_eff² τ`."""
        return self._common(self.effective_learning_rate**2 * noise_trace, noise_trace)


class FixedSphere(_ConstantEffectiveLearningRate):
    """SGD with `η = η_eff r²` and no weight decay, rescaled to radius `r` after every step.

    Args:
        effective_learning_rate: `η_eff ≥ 0`; at 0 a step does nothing.
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
        self.effective_learning_rate = _hyperparameter(
            "effective_learning_rate", effective_learning_rate, as_nonnegative
        )
        self.radius = _hyperparameter("radius", radius, as_positive)

    @classmethod
    def checks(cls) -> Mapping[str, Check]:
        """The hyperparameters, the radius above 0."""
        return {**super().checks(), "radius": as_positive}

    def weight_decay_at(self, radius: _Number) -> _Number:
        """0: the rescaling does its work."""
        return self._common(jnp.zeros_like(self.radius), radius)

    def constrain(self, position: Float[Array, "*batch d"]) -> Float[Array, "... d"]:
        """Back to radius `r` along the ray."""
        position = spread(position, jnp.shape(self.radius))
        return position * per_vector(self.radius / norm(position), position)

    def stationary_radius(self, noise_trace: ArrayLike) -> _Number:
        """`r`."""
        return self._common(self.radius, noise_trace)

    def radius_relaxation_rate(self, noise_trace: ArrayLike) -> _Number:
        """Infinite: the radius is there after one step."""
        return self._common(jnp.full_like(self.radius, jnp.inf), noise_trace)


PROTOCOLS: Mapping[str, type[AbstractProtocol]] = {
    protocol.name: protocol for protocol in (FixedLearningRate, FixedEffectiveLearningRate, FixedSphere)
}
"""The protocols by their names on the command line and in files."""


def protocol_class(name: str) -> type[AbstractProtocol]:
    """The protocol called "fixed-lr", "fixed-elr" or "fixed-sphere" on the command line and in files.

    Args:
        name: the protocol's name.

    Raises:
        ValueError: there is no such protocol.
    """
    if name not in PROTOCOLS:
        raise ValueError(f"protocol: got {name!r}, expected one of {', '.join(map(repr, PROTOCOLS))}")
    return PROTOCOLS[name]
