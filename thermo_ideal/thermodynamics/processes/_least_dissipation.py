"""The schedule with the lowest entropy production between two temperatures, in the limit of slow ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from thermo_ideal._arguments import as_positive, require_count
from thermo_ideal.thermodynamics._state import State
from thermo_ideal.thermodynamics.processes._optimal_schedule import OptimalSchedule, require_single, step_law

_DEGREES = (8, 16, 32, 64, 128)  # of the series in log T that are tried
_TOLERANCE = 1e-10
_BISECTIONS = 60


@dataclass(frozen=True)
class _Length:
    """The thermodynamic length from one `log T` to another, by a Chebyshev series.

    Args:
        ends: both `log T`.
        series: of the length from the first, in units of the interval.
    """

    ends: tuple[float, float]
    series: np.ndarray

    def at(self, log_T: np.ndarray) -> np.ndarray:
        """The length from the first end."""
        first, last = self.ends
        t = 2 * (log_T - first) / (last - first) - 1
        return np.asarray(chebyshev.chebval(t, self.series) * (last - first) / 2)

    def log_temperature(self, length: np.ndarray) -> np.ndarray:
        """Where the length from the first end is this, by bisection: it increases."""
        low, high = (np.full(length.shape, end) for end in self.ends)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            before = np.abs(self.at(middle)) < length
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        return (low + high) / 2


def friction(state: Any) -> float:
    r"""The friction coefficient of the inverse temperature, `ζ = ∫₀^∞ Cov(L₀, L_t) dt`, in the time `∫η dt`.

    A slow schedule at constant volume produces the entropy

    $$\Sigma = \int \zeta\,\kappa\,\frac{\sigma^2}{2} \Bigl(\frac{d\kappa}{dt}\Bigr)^2 dt, \qquad \kappa = 1/T.$$

    The correlation time is that of the exact generator of the direction. For a cold gas, `ζ = R/2κ²`.

    Args:
        state: one state.

    Returns:
        `ζ` in units of the loss.

    Raises:
        ValueError: not one state, or a gas that does not know its loss.

    Example:
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
        >>> from thermo_ideal.thermodynamics.processes import friction
        >>> round(friction(State(CaloricallyPerfectGas(101), temperature=0.1, volume=1.0)), 6)  # 50 · 0.01/2
        0.25

    Source: Sivak & Crooks, Phys. Rev. Lett. 108, 190602 (2012), equation 11.
    """
    require_single(state, "friction(State(gas, temperature=0.1, volume=1.0))")
    T = float(state.temperature)
    return T**2 * float(state.heat_capacity_volume) * state.gas.energy_correlation_time(T)


def thermodynamic_length(state: Any, to: Any) -> float:
    r"""The length of the path at constant volume, `∫ √(C_V τ_L σ²/2T) d log T`, in `√(nat · step)`.

    No schedule of `t` steps between both temperatures produces less than `ℓ²/t` in the limit of slow ones. For a cold
    gas it is `σ√R |√κ₁ − √κ₀|`.

    Args:
        state: one end.
        to: the other, a temperature, or a state.

    Returns:
        The length.

    Raises:
        ValueError: not one state or one temperature, or a gas that does not know its loss.

    Example:
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
        >>> from thermo_ideal.thermodynamics.processes import thermodynamic_length
        >>> hot = State(CaloricallyPerfectGas(101), temperature=0.25, volume=1.0)
        >>> round(thermodynamic_length(hot, to=0.0625), 5)  # √50 (4 − 2)
        14.14214

    Source: G. E. Crooks, Phys. Rev. Lett. 99, 100602 (2007).
    """
    require_single(state, "thermodynamic_length(State(gas, temperature=0.1, volume=1.0), to=0.05)")
    target = _target(state, to)
    if target == float(state.temperature):
        return 0.0
    length = _length(state, target)
    return float(abs(length.at(np.array(length.ends[1]))))


def least_dissipation(state: Any, *, to: Any, num_steps: int) -> OptimalSchedule:
    r"""The effective learning rates that take a gas to another temperature with the least entropy production.

    The limit is that of slow schedules: the temperature moves at a constant rate of thermodynamic length, and `N` steps
    produce `ℓ²/N`. For a cold gas `T^{−1/2}` is linear in time, `Σ = σ²R(√κ₁ − √κ₀)²/N`; for others `C_V` and the exact
    correlation time of the loss are integrated and inverted numerically.

    Args:
        state: the start, one state.
        to: the end, a temperature, or a state.
        num_steps: how many steps; the last has the temperature of the end.

    Returns:
        An `OptimalSchedule`, whose `entropy_production` is that of these steps, at the speed that they have.

    Raises:
        ValueError: not one state, no count, no temperature, or a gas that does not know its loss.
        ArithmeticError: a law that cannot be followed.

    Example:
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
        >>> from thermo_ideal.thermodynamics.processes import least_dissipation, thermodynamic_length
        >>> hot = State(CaloricallyPerfectGas(201), temperature=0.05, volume=0.5)
        >>> schedule = least_dissipation(hot, to=0.0005, num_steps=80_000)
        >>> f"{schedule.entropy_production:.3f}, slow limit {thermodynamic_length(hot, 0.0005)**2 / 80_000:.3f}"
        '2.035, slow limit 2.025'

    Source: Sivak & Crooks, Phys. Rev. Lett. 108, 190602 (2012).
    """
    require_single(state, f"least_dissipation(State(gas, temperature=0.1, volume=1.0), to=0.05, num_steps={num_steps})")
    require_count("num_steps", num_steps)
    first, last = float(state.temperature), _target(state, to)
    if last == first:
        raise ValueError(f"to: got {last:g}, the temperature of the start, expected another, as in to={last / 2:g}")
    length = _length(state, last)
    total = abs(float(length.at(np.array(length.ends[1]))))
    T = np.exp(length.log_temperature(total * np.arange(1, num_steps + 1) / num_steps))
    return OptimalSchedule.of("least dissipation", state, step_law(state), 2 * T / float(state.noise_scale) ** 2)


def _target(state: State, to: Any) -> float:
    value = to.temperature if isinstance(to, State) else to
    temperature = np.asarray(as_positive("to", value), np.float64)
    if temperature.ndim:
        raise ValueError(f"to: got shape {temperature.shape}, expected one temperature, as in to=0.05")
    return float(temperature)


def _length(state: State, target: float) -> _Length:
    """From `log T` to that of the target; the metric `√(C_V τ_L σ²/2T)` is a Chebyshev series in `log T`."""
    gas, sigma = state.gas, float(state.noise_scale)
    ends = float(np.log(float(state.temperature))), float(np.log(target))

    def metric(log_T: np.ndarray) -> np.ndarray:
        T = np.exp(log_T)
        capacity = np.asarray(State(gas, temperature=T, volume=state.volume).heat_capacity_volume, np.float64)
        time = np.array([gas.energy_correlation_time(float(t)) for t in T])
        return np.asarray(np.sqrt(capacity * time / (2 * T)) * sigma)

    for degree in _DEGREES:
        nodes = chebyshev.chebpts1(degree + 1)
        values = metric(ends[0] + (1 + nodes) / 2 * (ends[1] - ends[0]))
        # Of the logarithm, which is far smoother, and exact for a power.
        logarithm = chebyshev.chebfit(nodes, np.log(values), degree)
        if np.abs(logarithm[-2:]).max() < max(_TOLERANCE, 4 * np.finfo(state.temperature.dtype).eps):
            break
    fine = chebyshev.chebpts1(4 * degree + 33)
    density = chebyshev.chebfit(fine, np.exp(chebyshev.chebval(fine, logarithm)), 4 * degree + 32)
    return _Length(ends, chebyshev.chebint(density, lbnd=-1))
