"""The dictionary: which state of the gas a protocol settles in."""

import jax
import jax.numpy as jnp

from thermo_ideal._arguments import as_number, as_positive, broadcast_batch
from thermo_ideal.dynamics import SGD, AbstractLoss, AbstractZonalLoss, IsotropicNoise, temperature
from thermo_ideal.dynamics._sgd import display_name
from thermo_ideal.thermodynamics._gases import AbstractScaleInvariantGas, VonMisesFisherGas
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy
from thermo_ideal.thermodynamics._settled_protocol import spread_hyperparameters
from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics._types import FloatArray
from thermo_ideal.thermodynamics._zonal_gas import ZonalGas

# The gas of a loss is worked out from the lowest temperature over this to the highest times this.
_MARGIN = 2.0


def require_stationary(sgd: SGD) -> None:
    """Raises ValueError unless SGD has a temperature and a stationary state.

    The noise is isotropic, the update rule knows where it settles, nothing changes from step to step, and the protocol
    has a stationary radius: it fixes the radius, or its weight decay is positive there. Its learning rate is not 0.

    Args:
        sgd: the process.

    Raises:
        ValueError: what is in the way.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> require_stationary(SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedSphere(0.1, 1.0)))
    """
    if not isinstance(sgd.noise, IsotropicNoise):
        raise ValueError(
            f"noise: got {type(sgd.noise).__name__}, expected IsotropicNoise(scale=…), the only kind with a temperature"
        )
    for parameter in sgd.schedules:
        raise ValueError(f"{display_name(parameter)}: got a schedule, expected a number, as in sgd.at(step)")
    # Whether there is a stationary radius does not depend on the dimension.
    batch = broadcast_batch(_batch_shapes(sgd))
    protocol = spread_hyperparameters(sgd.protocol, batch)
    expected = "a number > 0, since at 0 nothing moves and no state is stationary"
    as_number("learning_rate", protocol.learning_rate_at(jnp.ones(batch)), lambda rate: rate > 0, expected)
    sigma, d = jnp.broadcast_to(sgd.noise.scale, batch), jnp.full(batch, 2.0)
    radius = sgd.update_rule.stationary_radius(protocol, sigma, d)
    if not protocol.fixes_radius:
        as_positive("weight_decay", protocol.weight_decay_at(jnp.where(jnp.isfinite(radius), radius, 1.0)))
    as_positive("radius", radius)


def equilibrium(sgd: SGD, dimension: int | None = None, gas: AbstractHelmholtzEnergy | None = None) -> State:
    """The stationary state of the SDE: `r*` from the protocol, then `T = η_eff σ²/2` and `V = r*²/2`.

    Of an optimiser other than plain SGD it is the state in the limit of small steps: `η_eff` is that at which plain SGD
    has the same temperature, and with `pV = RT` the pressure is the weight decay that plain SGD would need.

    Args:
        sgd: SGD with isotropic noise, any protocol, and an update rule that knows where it settles; hyperparameters
            may be arrays.
        dimension: `d`, where neither the loss nor the gas knows it.
        gas: the gas of the loss. If None it is worked out: exactly for `VonMisesFisherLoss`, and as a `ZonalGas` from
            half the lowest to twice the highest temperature for other losses of the overlap.

    Returns:
        The `State`, in the batch of the hyperparameters. Its pressure is the weight decay, or on the fixed sphere the
        effective weight decay.

    Raises:
        ValueError: the dimension is missing or contradictory, shapes do not broadcast, there is no stationary state,
            or the loss is none of the overlap, so that its gas must be given.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import equilibrium
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(3)[0]), IsotropicNoise(), FixedLearningRate(0.01, weight_decay=0.01))
        >>> state = equilibrium(sgd)
        >>> f"T = {state.temperature:.4f}, r = {state.radius:.4f}, p = {state.pressure:.4f}"
        'T = 0.0050, r = 1.0000, p = 0.0100'

    Source: arXiv 2511.07308, table 1.
    """
    require_stationary(sgd)
    if gas is None:
        _require_zonal(sgd.loss)
    d = _dimension(sgd.loss, dimension, gas)
    batch = broadcast_batch({"dimension": d.shape, **_batch_shapes(sgd)})
    protocol = spread_hyperparameters(sgd.protocol, batch)
    sigma, d = jnp.broadcast_to(sgd.noise.scale, batch), jnp.broadcast_to(d, batch)
    radius = sgd.update_rule.stationary_radius(protocol, sigma, d)
    effective = sgd.update_rule.small_steps(protocol, radius, sigma, d).effective_learning_rate
    if gas is None:
        gas = _gas(_require_zonal(sgd.loss), sgd.loss.resolve_dimension(dimension), temperature(effective, sigma))
    return State(gas, effective_learning_rate=effective, radius=radius, noise_scale=sigma)


def _batch_shapes(sgd: SGD) -> dict[str, tuple[int, ...]]:
    """The shapes of the hyperparameters that a state depends on, as messages call them."""
    shapes = sgd.batch_shapes.items()
    return {display_name(name): shape for name, shape in shapes if name.startswith(("noise.", "protocol."))}


def _dimension(loss: AbstractLoss, dimension: int | None, gas: AbstractHelmholtzEnergy | None) -> FloatArray:
    """`d`, as the loss, the argument and the gas agree on."""
    if gas is None:
        return jnp.asarray(loss.resolve_dimension(dimension), float)
    if not isinstance(gas, AbstractScaleInvariantGas):
        raise ValueError(
            f"gas: got {gas!r}, which has an equation of state of its own, expected the gas of a scale-invariant loss, "
            "as in equilibrium(sgd, gas=VonMisesFisherGas(3))"
        )
    own = jnp.asarray(gas.dimension, float)
    if loss.dimension is not None or dimension is not None:
        d = loss.resolve_dimension(dimension)
        if not bool(jnp.all(own == d)):
            raise ValueError(f"dimension: got {d}, expected {gas.dimension}, that of the gas; leave it out")
    return own


def _require_zonal(loss: AbstractLoss) -> AbstractZonalLoss:
    """The loss, if it is one of the overlap; ValueError otherwise."""
    if not isinstance(loss, AbstractZonalLoss):
        raise ValueError(
            f"loss: got {type(loss).__name__}, which is no function of the overlap alone and whose gas is not known, "
            "expected a loss such as VonMisesFisherLoss(), or its gas, as in equilibrium(sgd, gas=TabulatedGas(…))"
        )
    return loss


def _gas(loss: AbstractZonalLoss, dimension: int, temperatures: FloatArray) -> AbstractScaleInvariantGas:
    """The gas of a loss at these temperatures."""
    if loss.linear_in_overlap:
        return VonMisesFisherGas(dimension)
    if isinstance(temperatures, jax.core.Tracer):
        raise ValueError(
            f"gas: got None for {type(loss).__name__} under jit, expected a gas that is made outside, as in "
            f"equilibrium(sgd, gas=ZonalGas(loss, {dimension}, temperature=(1e-3, 1.0)))"
        )
    low, high = float(temperatures.min()) / _MARGIN, float(temperatures.max()) * _MARGIN
    return ZonalGas(loss, dimension, temperature=(low, high))
