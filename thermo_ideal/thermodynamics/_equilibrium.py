"""The dictionary: which state of the gas a protocol settles in."""

from thermo_ideal._arguments import as_positive
from thermo_ideal.dynamics import SGD, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.thermodynamics._state import State


def resolve_dimension(sgd: SGD, dimension: int | None) -> int:
    """The number of weights of the gas of the toy loss, from the loss or from the argument.

    Args:
        sgd: the process.
        dimension: needed where the loss has no mean direction, and must agree with it where it has one.

    Raises:
        ValueError: neither gives a dimension, or they disagree; another loss, or noise that is not isotropic; scheduled
            hyperparameters, or no weight decay, with which there is no stationary state.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import resolve_dimension
        >>> resolve_dimension(SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedSphere(0.1, 1.0)), 10**6)
        1000000
    """
    if not isinstance(sgd.loss, VonMisesFisherLoss):
        raise ValueError(f"loss: got {type(sgd.loss).__name__}, wanted VonMisesFisherLoss(), whose gas this is")
    if not isinstance(sgd.noise, IsotropicNoise):
        raise ValueError(
            f"noise: got {type(sgd.noise).__name__}, wanted IsotropicNoise(scale=…), the only kind with a temperature"
        )
    if sgd.protocol.schedules:
        name = next(iter(sgd.protocol.schedules))
        raise ValueError(f"{name}: got a schedule, wanted a number, as in sgd.protocol.at(step)")
    decay = getattr(sgd.protocol, "weight_decay", None)
    if decay is not None:
        as_positive("weight_decay", decay)
    return sgd.loss.resolve_dimension(dimension)


def equilibrium(sgd: SGD, dimension: int | None = None) -> State:
    """The stationary state of the SDE: `r*` from the protocol, then `T = η_eff σ²/2` and `V = r*²/2`.

    Args:
        sgd: SGD on the toy loss with isotropic noise; hyperparameters may be arrays.
        dimension: `d`, where the loss has no mean direction.

    Returns:
        The `State`. Its pressure is the weight decay, or on the fixed sphere the effective weight decay.

    Raises:
        ValueError: the dimension is missing or contradictory.

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
    d = resolve_dimension(sgd, dimension)
    radius = sgd.protocol.stationary_radius(sgd.noise.trace(d))
    temperature = sgd.protocol.effective_learning_rate_at(radius) * sgd.noise.scale**2 / 2
    return State(d, temperature, radius**2 / 2)
