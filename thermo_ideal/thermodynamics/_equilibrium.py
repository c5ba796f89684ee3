"""The dictionary: which state of the gas a protocol settles in."""

import jax.numpy as jnp

from thermo_ideal._arguments import as_positive
from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.thermodynamics._gases import AbstractScaleInvariantGas, VonMisesFisherGas
from thermo_ideal.thermodynamics._state import State


def require_stationary(sgd: SGD) -> None:
    """Raises ValueError unless SGD has a temperature and a stationary state: isotropic noise, constant decay > 0.

    Args:
        sgd: the process.

    Raises:
        ValueError: what is in the way.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import require_stationary
        >>> require_stationary(SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedSphere(0.1, 1.0)))
    """
    if not isinstance(sgd.noise, IsotropicNoise):
        raise ValueError(
            f"noise: got {type(sgd.noise).__name__}, expected IsotropicNoise(scale=…), the only kind with a temperature"
        )
    if sgd.protocol.schedules:
        name = next(iter(sgd.protocol.schedules))
        raise ValueError(f"{name}: got a schedule, expected a number, as in sgd.protocol.at(step)")
    decay = getattr(sgd.protocol, "weight_decay", None)
    if decay is not None:
        as_positive("weight_decay", decay)


def equilibrium(sgd: SGD, dimension: int | None = None, gas: AbstractScaleInvariantGas | None = None) -> State:
    """The stationary state of the SDE: `r*` from the protocol, then `T = η_eff σ²/2` and `V = r*²/2`.

    Args:
        sgd: SGD with isotropic noise; hyperparameters may be arrays.
        dimension: `d`, where neither the loss nor the gas knows it.
        gas: the gas of the loss, such as a `ZonalGas`; for the toy loss that is known.

    Returns:
        The `State`. Its pressure is the weight decay, or on the fixed sphere the effective weight decay.

    Raises:
        ValueError: the dimension is missing or contradictory, there is no stationary state, or the gas of the loss is
            not known.

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
        if not isinstance(sgd.loss, VonMisesFisherLoss):
            raise ValueError(
                f"loss: got {type(sgd.loss).__name__}, whose gas is not known, expected VonMisesFisherLoss(), or the "
                "gas, as in equilibrium(sgd, gas=ZonalGas(loss, dimension=3))"
            )
        gas = VonMisesFisherGas(sgd.loss.resolve_dimension(dimension))
    elif sgd.loss.dimension is not None or dimension is not None:
        d = sgd.loss.resolve_dimension(dimension)
        if not bool(jnp.all(jnp.asarray(gas.dimension) == d)):
            raise ValueError(f"dimension: got {d}, expected {gas.dimension}, that of the gas; leave it out")
    radius = sgd.protocol.stationary_radius(2 * gas.gas_constant * sgd.noise.scale**2)
    effective = sgd.protocol.effective_learning_rate_at(radius)
    return State(gas, effective_learning_rate=effective, radius=radius, noise_scale=sgd.noise.scale)
