"""How long a run must be, from its relaxation times."""

from dataclasses import dataclass

import numpy as np

from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.dynamics import SGD
from thermo_ideal.thermodynamics._equilibrium import equilibrium


@dataclass(frozen=True)
class Plan:
    """Relaxation times and numbers of steps, one for each run of a batch.

    Args:
        radius_time: steps in which a small departure from the stationary radius shrinks by `e`; 0 on the fixed sphere.
        direction_time: the same for the component of the direction across the mean, the slowest in a cold gas.
        burn_in: steps to leave out.
        sampling_interval: steps from one sample of the direction to the next.
        num_steps: steps to make, burn-in included.
    """

    radius_time: np.ndarray
    direction_time: np.ndarray
    burn_in: np.ndarray
    sampling_interval: np.ndarray
    num_steps: np.ndarray


def plan(sgd: SGD, dimension: int | None = None, *, samples: int = 1000, folds: float = 6.0) -> Plan:
    """Plans a run that ends up stationary.

    The radius relaxes at the protocol's rate. For the direction, the Rayleigh quotient of the generator
    `η_eff(−∇L·∇ + TΔ)` at a coordinate across `μ` is `η_eff(1 − TA)/A` with `A = A_d(1/T)`; it is exact in both limits:
    `η_eff` when cold, `(d − 1) η_eff T` when hot.

    Args:
        sgd: the process; hyperparameters may be arrays.
        dimension: `d`, where the loss has no mean direction.
        samples: how many samples of the direction each run should give.
        folds: how many of the longer relaxation time the burn-in lasts, so that a departure shrinks by `e^−folds`.

    Returns:
        A `Plan`; the run after the burn-in lasts `samples` intervals, and two relaxation times of the radius at least.

    Raises:
        ValueError: the dimension is missing or contradictory, `samples` or `folds` is not positive, or a
            relaxation time is beyond any run.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import plan
        >>> sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedEffectiveLearningRate(0.01, weight_decay=0.1))
        >>> made = plan(sgd, dimension=3)
        >>> int(made.radius_time), int(made.burn_in), int(made.sampling_interval)
        (5000, 30000, 100)
    """
    if not (samples > 0 and folds > 0):
        raise ValueError(
            f"samples, folds: got {samples}, {folds}, wanted positive numbers, as in samples=1000, folds=6"
        )
    state = equilibrium(sgd, dimension)
    d = int(state.gas.dimension)
    rate = np.asarray(sgd.protocol.radius_relaxation_rate(sgd.noise.trace(d)), np.float64)
    temperature = np.asarray(state.temperature, np.float64)
    resultant = np.asarray(vmf.mean_resultant_length(d, temperature=state.temperature), np.float64)
    effective = np.asarray(sgd.protocol.effective_learning_rate_at(state.radius), np.float64)
    direction_time = resultant / (effective * (1 - temperature * resultant))
    radius_time, direction_time = np.broadcast_arrays(1 / rate, direction_time)
    interval = np.maximum(np.ceil(direction_time - 1e-3), 1)
    burn_in = np.ceil(folds * np.maximum(radius_time, direction_time) * (1 - 1e-6))
    length = np.maximum(samples * interval, np.ceil(2 * radius_time))
    if not (burn_in + length < 2**62).all():
        slowest = float(np.maximum(radius_time, direction_time).max())
        raise ValueError(
            f"sgd: a relaxation time of {slowest:.1g} steps cannot be waited for; raise the learning rate "
            "or the weight decay"
        )
    steps = (np.asarray(number, np.int64) for number in (burn_in, interval, burn_in + length))
    return Plan(radius_time, direction_time, *steps)
