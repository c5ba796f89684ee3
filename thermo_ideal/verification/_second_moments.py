"""The radius that discrete SGD holds, by the balance of second moments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy  # whose parts load when they are used
from jaxtyping import ArrayLike

from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.thermodynamics import State, VonMisesFisherGas
from thermo_ideal.verification._step_numbers import along_runs, of_run, on_host, rates_at

# Logarithms of the radius, in units of the SDE's, between which the balance is looked for.
_OUTWARDS = np.geomspace(1e-6, 20.0, 100)
_SCAN = np.concatenate([-_OUTWARDS[::-1], [0.0], _OUTWARDS])


def second_moment_balance(
    protocol: AbstractProtocol, state: State, mean_square_gradient: ArrayLike | None = None
) -> np.ndarray:
    """The radius at which a step of SGD leaves `E r²` as it is, or the pressure where the protocol fixes the radius.

    One step from radius `r` has `E r'² = (1 − ηλ)² r² + η²(G² + τ)/r²`, with `η` and `λ` of that radius and
    `G² = E|∇L(w̄)|²`. Where the protocol takes the weights back to `r`, they would be held there by the weight decay
    `p = λ + (√(E r'²) − r)/(η r)`. Fluctuations of the radius, and of `G²` with it, are left out; `stationary_law` has
    them.

    Args:
        protocol: any that fixes the radius, or leaves it alone after the step.
        state: the state of the SDE, of `equilibrium(sgd)`; any shape that the hyperparameters broadcast to.
        mean_square_gradient: `G²`; that of the loss `1 − μ·w̄` in this state if None, `(d − 1) T (1 − U)`.

    Returns:
        The radius, or the pressure, in the shape of the state; NaN where no radius is held.

    Raises:
        ValueError: no protocol, or the gas of another loss without `mean_square_gradient`.

    Example:
        Steps that are not small: at a fixed learning rate `r⁴ = η(G² + τ)/(λ(2 − ηλ))`.

        >>> from thermo_ideal.dynamics import SGD, FixedLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.thermodynamics import equilibrium
        >>> from thermo_ideal.verification import second_moment_balance
        >>> protocol = FixedLearningRate(0.1, weight_decay=0.1)
        >>> state = equilibrium(SGD(VonMisesFisherLoss(), IsotropicNoise(), protocol), dimension=3)
        >>> f"{state.radius:.4f} {second_moment_balance(protocol, state):.4f}"
        '1.0000 1.0129'

    Source: arXiv 2511.07308, whose discrete prediction is the first order of this.
    """
    if not isinstance(protocol, AbstractProtocol):
        raise ValueError(f"protocol: got {protocol!r}, expected a protocol, as in FixedLearningRate(0.1, 0.01)")
    if mean_square_gradient is None:
        if not isinstance(state.gas, VonMisesFisherGas):
            raise ValueError(
                f"mean_square_gradient: got None for {type(state.gas).__name__}, expected E|∇L|² of its loss, as in "
                "second_moment_balance(protocol, state, mean_square_gradient=0.1)"
            )
        mean_square_gradient = 2 * state.gas_constant * state.temperature * (1 - state.internal_energy)
    given = (state.radius, mean_square_gradient, 2 * state.gas_constant * state.noise_scale**2)
    radius, gradient, trace = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in given))
    runs = along_runs(protocol, radius.shape)
    held = [
        _held(of_run(runs, run), *numbers)
        for run, numbers in enumerate(zip(radius.flat, gradient.flat, trace.flat, strict=True))
    ]
    return np.array(held).reshape(radius.shape)


def _held(protocol: AbstractProtocol, radius: float, gradient: float, trace: float) -> float:
    def growth(log_radius: np.ndarray) -> np.ndarray:
        """`E r'²/r² − 1`, without a difference of numbers near 1."""
        effective, decay = on_host(rates_at, protocol, radius * np.exp(log_radius))
        return np.asarray(effective**2 * (gradient + trace) - decay * (2 - decay))

    if protocol.fixes_radius:
        effective, decay = on_host(rates_at, protocol, np.array(radius))
        square = growth(np.array(0.0))
        return float((square / (1 + np.sqrt(1 + square)) + decay) / (effective * radius**2))
    with np.errstate(over="ignore", invalid="ignore"):
        return radius * float(np.exp(_first_fall_through_zero(growth)))


def _first_fall_through_zero(function: Callable[[np.ndarray], np.ndarray]) -> float:
    """The least argument at which a function turns negative, and stays so for a while; NaN where it does not."""
    values = function(_SCAN)
    values = np.where(np.isfinite(values), values, np.inf)
    scan = _SCAN
    if not (values < 0).any():  # the function may dip below zero between two points of the scan
        minimum = int(np.argmin(values))
        ends = scan[max(minimum - 1, 0)], scan[min(minimum + 1, len(scan) - 1)]
        dip = scipy.optimize.minimize_scalar(lambda x: float(function(np.array(x))), bounds=ends, method="bounded")
        if not dip.fun < 0:
            return np.nan
        scan, values = np.array([ends[0], dip.x]), np.array([values[max(minimum - 1, 0)], dip.fun])
    first = int(np.argmax(values < 0))
    if first == 0:
        return np.nan
    return float(
        scipy.optimize.brentq(
            lambda x: float(function(np.array(x))), scan[first - 1], scan[first], xtol=1e-16, rtol=1e-15
        )
    )
