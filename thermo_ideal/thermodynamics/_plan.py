"""How long a run must be, from its relaxation times."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from thermo_ideal._arguments import require_count
from thermo_ideal.distributions import zonal_relaxation
from thermo_ideal.dynamics import SGD
from thermo_ideal.thermodynamics._equilibrium import equilibrium
from thermo_ideal.thermodynamics._gases import AbstractScaleInvariantGas
from thermo_ideal.thermodynamics._state import State

_LONGEST = 2.0**62


class CannotEquilibrate(UserWarning):
    """A run that is too short to become stationary and be measured."""


@dataclass(frozen=True)
class Plan:
    """Relaxation times and numbers of steps, one for each run of a batch.

    Args:
        radius_time: steps in which a small departure from the stationary radius shrinks by `e`; 0 on the fixed sphere.
        direction_time: the same for the direction: the inverse of the spectral gap of its generator.
        loss_time: the integrated correlation time of the loss: in `N` steps there are `N/2` of them independent values.
        burn_in: steps to leave out.
        sampling_interval: steps from one sample of the direction to the next.
        num_steps: steps to make, burn-in included.
    """

    radius_time: np.ndarray
    direction_time: np.ndarray
    loss_time: np.ndarray
    burn_in: np.ndarray
    sampling_interval: np.ndarray
    num_steps: np.ndarray


def plan(
    sgd: SGD,
    dimension: int | None = None,
    *,
    gas: AbstractScaleInvariantGas | None = None,
    samples: int = 1000,
    folds: float = 6.0,
    standard_error: Mapping[str, float] | None = None,
    num_steps: int | None = None,
) -> Plan:
    """Plans a run that ends up stationary.

    The radius relaxes at the protocol's rate, the direction at the spectral gap of `η_eff(−∇L·∇ + TΔ)`, which is exact
    for every loss of the overlap. A mean over `N` steps has the variance `2τ Var/N`: of the loss, `T² C_V` and `τ` the
    correlation time of the loss; of the radius, `Var V/r²`, to leading order, and the relaxation time.

    Args:
        sgd: the process; hyperparameters may be arrays.
        dimension: `d`, where neither the loss nor the gas knows it.
        gas: the gas of a loss other than the toy's, such as a `ZonalGas`.
        samples: how many samples of the direction each run should give.
        folds: how many of the longer relaxation time the burn-in lasts, so that a departure shrinks by `e^−folds`.
        standard_error: those wanted of the means of one run, "loss" or "radius", as in `{"loss": 1e-4}`.
        num_steps: how many steps there will be; a run that needs more is warned of.

    Returns:
        A `Plan`; the run after the burn-in lasts `samples` intervals, two relaxation times of the radius, and as long
        as the standard errors ask.

    Raises:
        ValueError: the dimension is missing or contradictory, a number out of its range, or a relaxation time beyond
            any run.

    Warns:
        CannotEquilibrate: `num_steps` is not enough for the burn-in and what comes after it.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import plan
        >>> sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedEffectiveLearningRate(0.01, weight_decay=0.1))
        >>> made = plan(sgd, dimension=3)
        >>> int(made.radius_time), int(made.burn_in), int(made.sampling_interval)
        (5000, 30000, 100)
        >>> int(plan(sgd, dimension=3, standard_error={"loss": 1e-4}).num_steps).__round__(-4)
        280000

    Source: the gap is that of `thermo_ideal.distributions.zonal_relaxation`.
    """
    if not (samples > 0 and folds > 0):
        raise ValueError(
            f"samples, folds: got {samples}, {folds}, expected positive numbers, as in samples=1000, folds=6"
        )
    if num_steps is not None:
        require_count("num_steps", num_steps)
    state = equilibrium(sgd, dimension, gas)
    temperature = np.asarray(state.temperature, np.float64)
    effective = np.asarray(state.effective_learning_rate, np.float64)
    relaxation = _relaxation(state, temperature)
    with np.errstate(divide="ignore"):
        direction_time = 1 / (effective * relaxation("gap"))
        rate = np.asarray(state.radius_relaxation_rate(sgd.protocol.name), np.float64)
        radius_time, direction_time = np.broadcast_arrays(1 / rate, direction_time)
    loss_time = np.asarray(relaxation("energy_time") / effective)
    interval = np.maximum(np.ceil(direction_time - 1e-3), 1)
    burn_in = np.ceil(folds * np.maximum(radius_time, direction_time) * (1 - 1e-6))
    length = np.maximum(samples * interval, np.ceil(2 * radius_time))
    for name, error in (standard_error or {}).items():
        variance, time = _fluctuation(name, error, state, sgd.protocol.name, loss_time, radius_time)
        length = np.maximum(length, np.ceil(2 * time * variance / error**2))
    if not (burn_in + length < _LONGEST).all():
        slowest = float(np.maximum(radius_time, direction_time).max())
        raise ValueError(
            f"sgd: a relaxation time of {slowest:.1g} steps cannot be waited for; raise the learning rate "
            "or the weight decay, or ask for a larger standard_error"
        )
    if num_steps is not None and (burn_in + length > num_steps).any():
        short, needed = burn_in + length > num_steps, int((burn_in + length).max())
        slowest = float(np.maximum(radius_time, direction_time).max())
        warnings.warn(
            f"num_steps: got {num_steps}, expected {needed} for {int(short.sum())} of {short.size} runs, whose "
            f"relaxation times are up to {slowest:.3g} steps: they will not be stationary, or not well "
            "measured; raise num_steps, the learning rate or the weight decay",
            CannotEquilibrate,
            stacklevel=2,
        )
    steps = (np.asarray(number, np.int64) for number in (burn_in, interval, burn_in + length))
    return Plan(radius_time, direction_time, loss_time, *steps)


def _relaxation(state: State, temperature: np.ndarray) -> Callable[[str], np.ndarray]:
    """A field of each state's `Relaxation`, by name; grid points of one temperature share a solution."""
    digits = np.finfo(state.temperature.dtype).precision - 1
    rounded = [float(f"{T:.{digits}e}") for T in temperature.ravel().tolist()]
    found = {T: zonal_relaxation(state.gas.law(T)) for T in dict.fromkeys(rounded)}
    return lambda name: np.array([getattr(found[T], name) for T in rounded]).reshape(temperature.shape)


def _fluctuation(
    name: str, error: float, state: State, protocol: str, loss_time: np.ndarray, radius_time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The variance and the correlation time of an observable."""
    if name not in ("loss", "radius") or not error > 0:
        raise ValueError(
            f"standard_error: got {name!r}: {error}, expected a number > 0 for 'loss' or 'radius', as in "
            'standard_error={"loss": 1e-4}'
        )
    if name == "loss":
        return np.asarray(state.energy_variance, np.float64), loss_time
    return np.asarray(state.volume_variance(protocol) / state.radius**2, np.float64), radius_time
