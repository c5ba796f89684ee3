"""How long a run must be, from its relaxation times."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import ArrayLike

from thermo_ideal._arguments import as_positive, require_count
from thermo_ideal._display import span
from thermo_ideal.distributions import zonal_relaxation
from thermo_ideal.dynamics import SGD
from thermo_ideal.thermodynamics._equilibrium import equilibrium
from thermo_ideal.thermodynamics._helmholtz import AbstractHelmholtzEnergy
from thermo_ideal.thermodynamics._settling import settling
from thermo_ideal.thermodynamics._state import State

_LONGEST = 2.0**62


class CannotEquilibrate(UserWarning):
    """A run is too short to become stationary and be measured.

    Example:
        >>> import warnings
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import CannotEquilibrate, plan
        >>> with warnings.catch_warnings(action="error", category=CannotEquilibrate):
        ...     try:
        ...         plan(SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedSphere(0.01, 1.0)), 3, num_steps=1000)
        ...     except CannotEquilibrate as warning:
        ...         print(str(warning)[:36])
        num_steps: got 1000, expected 100600
    """


@dataclass(frozen=True, repr=False)
class Plan:
    """Relaxation times and numbers of steps, one for each run of a batch.

    Args:
        radius_time: steps in which a small departure from the stationary radius shrinks by `e`; 0 on the fixed sphere.
        direction_time: the same for the direction: the inverse of the spectral gap of its generator.
        loss_time: the integrated correlation time of the loss: in `N` steps there are `N/2` of them independent values.
        burn_in: steps to leave out.
        sampling_interval: steps from one sample of the direction to the next.
        num_steps: steps to make, burn-in included.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import plan
        >>> plan(SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedLearningRate(0.1, weight_decay=0.01)), dimension=3)
        Plan: 33,500 steps, of which the burn-in takes 1,500, then a sample every 32 steps
          relaxation times: radius 250 steps, direction 31.62 steps
          correlation time of the loss: 16.07 steps
    """

    radius_time: np.ndarray
    direction_time: np.ndarray
    loss_time: np.ndarray
    burn_in: np.ndarray
    sampling_interval: np.ndarray
    num_steps: np.ndarray

    def __repr__(self) -> str:
        runs = f" for {self.num_steps.size} runs" if self.num_steps.ndim else ""
        counts = {name: _count(getattr(self, name)) for name in ("num_steps", "burn_in", "sampling_interval")}
        times = {name: span(getattr(self, f"{name}_time")) for name in ("radius", "direction", "loss")}
        return (
            f"Plan{runs}: {counts['num_steps']} steps, of which the burn-in takes {counts['burn_in']}, then a sample "
            f"every {counts['sampling_interval']} steps\n"
            f"  relaxation times: radius {times['radius']} steps, direction {times['direction']} steps\n"
            f"  correlation time of the loss: {times['loss']} steps"
        )


def plan(
    sgd: SGD,
    dimension: int | None = None,
    *,
    gas: AbstractHelmholtzEnergy | None = None,
    samples: int = 1000,
    relaxation_times: float = 6.0,
    standard_error: Mapping[str, float] | None = None,
    num_steps: int | None = None,
    radius: ArrayLike | None = None,
    overlap: ArrayLike | None = None,
) -> Plan:
    """Plans a run that ends up stationary, from wherever it starts.

    The radius relaxes at the protocol's rate, the direction at the spectral gap of `η_eff(−∇L·∇ + TΔ)`, which is exact
    for every loss of the overlap. A mean over `N` steps has the variance `2τ Var/N`: of the loss, `T² C_V` and `τ` the
    correlation time of the loss; of the radius, `Var V/r²`, to leading order, and the relaxation time.

    A run that starts far away, as most do, passes through other temperatures: with `radius` and `overlap` its path is
    followed by the mean step of the chain of both.

    Args:
        sgd: plain SGD with isotropic noise and any protocol; hyperparameters may be arrays.
        dimension: `d`, where neither the loss nor the gas knows it.
        gas: the gas of the loss; if None, that of `equilibrium`.
        samples: how many samples of the direction each run should give.
        relaxation_times: how many of the longer relaxation time the burn-in lasts: a departure shrinks by
            `e^−relaxation_times`.
        standard_error: of the means of one run that are asked for, "loss" or "radius", as in `{"loss": 1e-4}`.
        num_steps: how many steps there will be; a run that needs more is warned of.
        radius: at the start; near the stationary one if None.
        overlap: `μ·w̄` at the start, −1 to 1. With a start the burn-in lasts at least until the bias of the mean loss is
            below the standard error of the run, and that of the radius below the one that is asked for. If only the
            radius is given, the overlap is taken to be −1.

    Returns:
        A `Plan`; the run after the burn-in lasts `samples` intervals, two relaxation times of the radius, and as long
        as the standard errors ask.

    Raises:
        ValueError: the dimension is missing or contradictory, a number out of its range, or a run of more than 2⁶²
            steps.

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

        A run that starts far away, opposite to the mean direction:

        >>> int(plan(sgd, dimension=3, radius=10.0, overlap=-1.0).burn_in) > int(made.burn_in) / 6
        True

    Source: the gap is that of `thermo_ideal.distributions.zonal_relaxation`.
    """
    for name, number in (("samples", samples), ("relaxation_times", relaxation_times)):
        as_positive(name, number)
    if num_steps is not None:
        require_count("num_steps", num_steps)
    errors = dict(standard_error or {})
    for name, error in errors.items():
        if name not in ("loss", "radius") or not error > 0:
            raise ValueError(
                f"standard_error: got {name!r}: {error}, expected a number > 0 for 'loss' or 'radius', as in "
                'standard_error={"loss": 1e-4}'
            )
    sgd.require_plain_update("a plan")
    state = equilibrium(sgd, dimension, gas)
    temperature = np.asarray(state.temperature, np.float64)
    effective = np.asarray(state.effective_learning_rate, np.float64)
    relaxation = _relaxation(state, temperature)
    with np.errstate(divide="ignore"):
        direction_time = 1 / (effective * relaxation("gap"))
        rate = np.asarray(state.radius_relaxation_rate(sgd.protocol), np.float64)
        radius_time, direction_time = np.broadcast_arrays(1 / rate, direction_time)
    loss_time = np.asarray(relaxation("energy_time") / effective)
    interval = np.maximum(np.ceil(direction_time - 1e-3), 1)
    # In coarse steps a direction is turned far, and less than in as much continuous time: log(1 + x) < x.
    turn = effective**2 * np.asarray(2 * state.gas_constant * state.noise_scale**2, np.float64)
    coarse = np.maximum(1.0, 0.99 * turn / np.log1p(turn))
    burn_in = np.ceil(relaxation_times * np.maximum(radius_time, coarse * direction_time) * (1 - 1e-6))
    length = np.maximum(samples * interval, np.ceil(2 * radius_time))
    fluctuations = {
        "loss": (lambda: state.energy_variance, loss_time),
        "radius": (lambda: state.volume_variance(sgd.protocol) / state.radius**2, radius_time),
    }
    promised = np.sqrt(2 * loss_time * np.asarray(state.energy_variance, np.float64) / length)
    for name, error in errors.items():
        variance, time = fluctuations[name]
        length = np.maximum(length, np.ceil(2 * time * np.asarray(variance(), np.float64) / error**2))
    if radius is not None or overlap is not None:
        promised = np.minimum(promised, errors.get("loss", np.inf))
        with np.errstate(divide="ignore"):
            rates = np.asarray(1 / radius_time), np.asarray(1 / (coarse * direction_time))
        settled = settling(sgd, state, rates, np.asarray(relaxation("gap") / coarse), radius, overlap)
        burn_in = np.maximum(burn_in, np.ceil(settled(np.asarray(promised), errors.get("radius", np.inf))))
    slowest = float(np.maximum(radius_time, direction_time).max())
    if not (burn_in + length < _LONGEST).all():
        raise ValueError(
            f"sgd: got a relaxation time of {slowest:.1g} steps, expected a run of at most {_LONGEST:.1g} steps; raise "
            "the learning rate or the weight decay, or ask for a larger standard_error"
        )
    if num_steps is not None and (burn_in + length > num_steps).any():
        short, needed = burn_in + length > num_steps, int((burn_in + length).max())
        warnings.warn(
            f"num_steps: got {num_steps}, expected {needed} for {int(short.sum())} of {short.size} runs, whose "
            f"relaxation times are up to {slowest:.3g} steps: they will not be stationary, or not well "
            "measured; raise num_steps, the learning rate or the weight decay",
            CannotEquilibrate,
            stacklevel=2,
        )
    steps = (np.asarray(number, np.int64) for number in (burn_in, interval, burn_in + length))
    return Plan(*np.broadcast_arrays(radius_time, direction_time, loss_time, *steps))


def _relaxation(state: State, temperature: np.ndarray) -> Callable[[str], np.ndarray]:
    """A field of each state's `Relaxation`, by name; grid points of one temperature share a solution."""
    digits = np.finfo(state.temperature.dtype).precision - 1
    rounded = [float(f"{T:.{digits}e}") for T in temperature.ravel().tolist()]
    found = {T: zonal_relaxation(state.gas.law(T)) for T in dict.fromkeys(rounded)}
    return lambda name: np.array([getattr(found[T], name) for T in rounded]).reshape(temperature.shape)


def _count(numbers: np.ndarray) -> str:
    """A whole number, or the smallest and the largest."""
    return " … ".join(dict.fromkeys(f"{end:,}" for end in (int(numbers.min()), int(numbers.max()))))
