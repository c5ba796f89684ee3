"""The law of the direction from step to step of SGD on a sphere: what schedules are judged and found by."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import numpy as np
import scipy  # whose parts load when they are used

_ITERATIONS, _MEMORY = 300, 20  # of L-BFGS


class StepRun(NamedTuple):
    """What a schedule does.

    Attributes:
        energy: `U` before each step and after the last, `(steps + 1,)`.
        squared_gradient: `E|∇L|²` before each step, `(steps,)`.
    """

    energy: np.ndarray
    squared_gradient: np.ndarray


class AbstractStepLaw(abc.ABC):
    """The law of the direction under `w̄ ← (w̄ − η(∇L + σξ))/|…|`, from a stationary law on, for any table of `η`.

    `η` is the effective learning rate throughout. Nothing is simulated, and a step may be of any length.
    """

    greedy_is_best: bool
    """Whether the greedy schedule is also the best as a whole."""

    @abc.abstractmethod
    def run(self, rates: np.ndarray) -> StepRun:
        """What a schedule does.

        Args:
            rates: `η` of each step; 0 is a step that does nothing.
        """

    @abc.abstractmethod
    def entropy_production(self, rates: np.ndarray) -> float:
        """`Σ = ΔS − Σ_n ΔU_n/T_n` in nats, with `T_n` the temperature that steps of that length settle at.

        Args:
            rates: `η` of each step.
        """

    @abc.abstractmethod
    def greedy(self, num_steps: int) -> np.ndarray:
        """The rates that lower `U` most in each step, to second order in `η`.

        Args:
            num_steps: how many steps.
        """

    @abc.abstractmethod
    def final_energy(self, log_rates: np.ndarray) -> tuple[float, np.ndarray]:
        """`U` after the last step, and its derivatives by the `log η` of each.

        Args:
            log_rates: `log η` of each step.
        """

    @abc.abstractmethod
    def stationary_energy(self, rate: float) -> float:
        """`U` in which steps of one length settle.

        Args:
            rate: `η`.
        """

    def fastest(self, num_steps: int) -> np.ndarray:
        """The rates with the lowest `U` at the end: from the greedy ones on, by L-BFGS in `log η`.

        A change of `log η` of any one step costs about the same, as the greedy schedule of a cold gas has it exactly:
        the problem needs no preconditioner.

        Args:
            num_steps: how many steps.
        """
        rates = self.greedy(num_steps)
        if self.greedy_is_best:
            return rates
        first = self.final_energy(np.log(rates))[0]

        def cost(log_rates: np.ndarray) -> tuple[float, np.ndarray]:
            energy, slope = self.final_energy(log_rates)
            return num_steps * energy / first, num_steps * slope / first

        # Steps of more than e^4 times a greedy one, or less than e^{−4}, are tried by no schedule of use.
        bounds = np.log(rates)[:, None] + np.array([-4.0, 4.0])
        options = {"maxiter": _ITERATIONS, "maxcor": _MEMORY, "ftol": 1e-13, "gtol": 1e-8}
        found = scipy.optimize.minimize(
            cost, np.log(rates), jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        return np.exp(found.x)


class QuadraticStepLaw(AbstractStepLaw):
    """Modes of a quadratic loss, which stay normal: `v ← (1 − ηh)² v + η² s²`, `U = Σ n h v/2`.

    Args:
        curvatures: `h`, `(modes,)`.
        counts: `n`, how many directions have each.
        variances: `s²`, the variance of the gradient's noise along each.
        rate: `η` that has been kept before the start; without one that settles, `ηh < 2`, there is no start.

    Raises:
        ValueError: a rate at which the modes do not settle.
    """

    def __init__(self, curvatures: np.ndarray, counts: np.ndarray, variances: np.ndarray, rate: float) -> None:
        self._h, self._n, self._s2 = (np.asarray(x, np.float64) for x in (curvatures, counts, variances))
        if not rate * self._h.max() < 2:
            raise ValueError(
                f"effective_learning_rate: got {rate:g}, expected less than {2 / self._h.max():g}, two over the "
                "largest curvature, beyond which a quadratic loss grows from step to step"
            )
        self._start = self._stationary(rate)
        self.greedy_is_best = self._h.size == 1

    def _stationary(self, rate: Any) -> np.ndarray:
        return np.asarray(rate * self._s2 / (self._h * (2 - rate * self._h)))

    def _stepped(self, v: np.ndarray, rate: float) -> np.ndarray:
        return (1 - rate * self._h) ** 2 * v + rate**2 * self._s2

    def _path(self, rates: np.ndarray) -> np.ndarray:
        path = np.empty((rates.size + 1, self._h.size))
        path[0] = self._start
        for n, rate in enumerate(rates):
            path[n + 1] = self._stepped(path[n], rate)
        return path

    def run(self, rates: np.ndarray) -> StepRun:
        """By the recursion."""
        path = self._path(rates)
        return StepRun(path @ (self._n * self._h) / 2, path[:-1] @ (self._n * self._h**2))

    def entropy_production(self, rates: np.ndarray) -> float:
        """Each mode has its own bath, in which it settles at `v = ηs²/h(2 − ηh)`.

        What a step produces is then by how much, in relative entropy, the law has come nearer to the stationary one.
        """
        path, moves = self._path(rates), rates > 0
        settled = self._stationary(rates[moves, None])
        taken = (self._n * np.diff(path, axis=0)[moves] / settled).sum()
        return float(self._n @ np.log(path[-1] / path[0]) - taken) / 2

    def greedy(self, num_steps: int) -> np.ndarray:
        """`η = Σ n h² v / Σ n h (h² v + s²)`; with one curvature of 1, `U/(U + Rσ²)`."""
        v, rates = self._start, np.empty(num_steps)
        for n in range(num_steps):
            rates[n] = self._n @ (self._h**2 * v) / (self._n @ (self._h * (self._h**2 * v + self._s2)))
            v = self._stepped(v, rates[n])
        return rates

    def final_energy(self, log_rates: np.ndarray) -> tuple[float, np.ndarray]:
        """Backwards through the recursion: the price of `v` before a step is `(1 − ηh)²` times that after it."""
        rates = np.exp(log_rates)
        path, price, slope = self._path(rates), self._n * self._h / 2, np.empty(rates.size)
        energy = float(path[-1] @ price)
        for n in range(rates.size - 1, -1, -1):
            kept = 1 - rates[n] * self._h
            slope[n] = 2 * rates[n] * (price @ (rates[n] * self._s2 - self._h * kept * path[n]))
            price = kept**2 * price
        return energy, slope

    def stationary_energy(self, rate: float) -> float:
        """`Σ n ηs²/(2(2 − ηh))`."""
        return float(self._stationary(rate) @ (self._n * self._h)) / 2
