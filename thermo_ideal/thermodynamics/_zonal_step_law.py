"""The law of the overlap from step to step of SGD on a sphere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
from numpy.polynomial import chebyshev

from thermo_ideal.distributions import Zonal
from thermo_ideal.distributions._moving_chain import MovingChain, piece, piece_of
from thermo_ideal.dynamics import AbstractZonalLoss
from thermo_ideal.thermodynamics._step_law import AbstractStepLaw, StepRun

_FIRST = (-4, 1)  # pieces that are known at first, beside that of the start
_MORE = 4  # pieces each time that a law has left those that are known
_LENGTHS = 4  # of steps, whose stationary laws are found
_LOWEST, _HIGHEST = -40, 12


def _padded(rates: np.ndarray) -> np.ndarray:
    """With further steps of length 0, which do nothing, so that few sizes are compiled."""
    return np.pad(rates, (0, _size(rates.size) - rates.size))


def _size(num_steps: int) -> int:
    return 1 << max(num_steps - 1, 31).bit_length()


class ZonalStepLaw(AbstractStepLaw):
    """A loss of the overlap alone with isotropic noise; see `MovingChain`.

    Args:
        law: the Gibbs law at a temperature.
        loss: smooth, a function of the overlap.
        dimension: `d`.
        noise_scale: `σ`.
        rate: `η_eff` that has been kept before the start.

    Raises:
        ArithmeticError: a law that has left the temperatures at which it can be followed, or is far from a Gibbs law.
    """

    greedy_is_best = False

    def __init__(
        self, law: Callable[[float], Zonal], loss: AbstractZonalLoss, dimension: float, noise_scale: float, rate: float
    ) -> None:
        self._law, self._loss, self._dimension, self._noise_scale = law, loss, dimension, noise_scale
        self._rate, self._temperature = rate, rate * noise_scale**2 / 2
        self._middle = piece_of(self._temperature)
        self._known = range(self._middle + _FIRST[0], self._middle + _FIRST[1] + 1)
        self._piece = cache(lambda number: piece(law, number))
        self._start = self._followed(lambda chain: chain.stationary(rate, chain.gibbs(self._temperature)))

    def _followed(self, ask: Callable[[MovingChain], Any]) -> Any:
        """What is asked of the chain, which is told the laws at more temperatures until it has an answer."""
        while True:
            pieces = {number: self._piece(number) for number in self._known}
            with jax.enable_x64(True):
                chain = MovingChain(self._loss, self._dimension, self._noise_scale, self._temperature, pieces)
                try:
                    answer, failure = ask(chain), None
                except ArithmeticError as error:
                    answer, failure = None, error
                if failure is None and all(np.isfinite(x).all() for x in jax.tree.leaves(answer)):
                    return jax.tree.map(lambda x: np.asarray(x, np.float64), answer)
            low, high = self._known.start - _MORE, self._known.stop + _MORE // 2
            if low < self._middle + _LOWEST:
                raise ArithmeticError(
                    "gas: got a schedule that takes the law to temperatures or shapes at which it cannot be followed, "
                    "expected a smooth loss and steps that stay near Gibbs laws; run_process simulates"
                ) from failure
            self._known = range(low, min(high, self._middle + _HIGHEST))

    def run(self, rates: np.ndarray) -> StepRun:
        """By the chain, in double precision."""
        steps = self._followed(lambda chain: chain.run(_padded(rates), self._start)[0])
        return StepRun(steps.energy[: rates.size + 1], steps.squared_gradient[: rates.size])

    def entropy_production(self, rates: np.ndarray) -> float:
        """With the entropy of the law, and the loss's temperature where steps of each length settle."""

        def ask(chain: MovingChain) -> Any:
            steps, last = chain.run(_padded(rates), self._start)
            return steps.energy, chain.entropy(last) - chain.entropy(self._start)

        energy, gained = self._followed(ask)
        moves = rates > 0
        taken = np.diff(energy[: rates.size + 1])[moves] / self._settled_temperature(rates[moves])
        return float(gained - taken.sum())

    def _settled_temperature(self, rates: np.ndarray) -> np.ndarray:
        """`θ` of the stationary law of each step length, `ησ²/2 (1 + O(η))`, by a polynomial in `η`."""
        nodes = rates.max() * (0.6 + 0.4 * chebyshev.chebpts1(_LENGTHS))
        temperatures = nodes * self._noise_scale**2 / 2

        def ask(chain: MovingChain) -> Any:
            pairs = zip(nodes, temperatures, strict=True)
            return [chain.stationary(rate, chain.gibbs(T)).log_temperature for rate, T in pairs]

        excess = (np.exp(self._followed(ask)) / temperatures - 1) / nodes
        series = chebyshev.Chebyshev.fit(nodes, excess, _LENGTHS - 1, domain=(0, rates.max()))
        return np.asarray(rates * self._noise_scale**2 / 2 * (1 + rates * series(rates)))

    def greedy(self, num_steps: int) -> np.ndarray:
        """`η = E|∇L|²/(E ∇L·H∇L + σ² E Δ_S L)`, no more than that of the start."""
        largest = _padded(np.full(num_steps, self._rate))
        rates, _ = self._followed(lambda chain: chain.greedy(self._start, largest))
        return np.asarray(rates[:num_steps])

    def final_energy(self, log_rates: np.ndarray) -> tuple[float, np.ndarray]:
        """By the chain, and backwards through it by automatic differentiation."""
        energy, slope = self._followed(lambda chain: chain.final_energy(log_rates, self._start))
        return float(energy), np.asarray(slope)

    def stationary_energy(self, rate: float) -> float:
        """Of the chain's stationary law."""
        if rate == 0:
            return float(self._law(self._temperature).loss(self._law(self._temperature).mode_depth))
        temperature = rate * self._noise_scale**2 / 2
        if piece_of(temperature) < self._known.start:  # steps so short that the Gibbs law is theirs
            return self._law(temperature).mean_loss

        def ask(chain: MovingChain) -> Any:
            return chain.known(chain.stationary(rate, chain.gibbs(temperature))).energy

        return float(self._followed(ask))
