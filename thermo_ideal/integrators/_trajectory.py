"""What a simulation returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.integrators._checkpoint import Checkpoint
from thermo_ideal.integrators._histogram import DepthHistogram, Histogram
from thermo_ideal.integrators._streaming_moments import Moments


@dataclass(frozen=True)
class Trajectory:
    """What is left of a batch of runs. `*batch` is the shape of the batch.

    Args:
        position: the last positions, `(*batch, p)`: `w`, or `(μ·w, |w − (μ·w)μ|)` of the zonal chain.
        num_steps: how many steps were made.
        stride: steps from one observation to the next.
        moments: statistics over time, after the burn-in, of what the integrator measures: "loss" `L`, "radius" `r`,
            "log_radius" `log r`, "volume" `V = r²/2`, the "depth" `1 − m` of a zonal loss, and on the fixed sphere
            "effective_weight_decay", `(|w'| − r)/(η r dt)` with `w'` before the rescaling; and of `observe`.
        covariances: over time, by pair of observables, `(*batch,)`; see `covariance`.
        histogram: of the depth, if it was asked for.
        histograms: of other observables, by name, if they were asked for.
        samples: thinned positions, `(samples, *batch, p)`, if they were asked for.
        diverged_at: the step after which a run was found NaN or infinite, `(*batch,)`, and 0 where it stayed finite.
            All else of such a run is NaN, its histograms are empty, and its samples are NaN from that step on.
        divergences: by index of the batch, why a run is NaN, or an observable of the user's in a run that goes on.
        checkpoint: what `simulate` needs to go on, as far as whole chunks go.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedSphere, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import EulerMaruyama, simulate
        >>> sgd = SGD(VonMisesFisherLoss(jnp.eye(3)[0]), IsotropicNoise(), FixedSphere(0.1, 1.0))
        >>> own = {"first": lambda w: w[0]}
        >>> run = simulate(jax.random.key(0), EulerMaruyama(sgd), jnp.ones((4, 3)), 4000, observe=own)
        >>> run.mean("first").shape, run.covariance("loss", "volume").shape
        ((4,), (4,))
    """

    position: np.ndarray
    num_steps: int
    stride: int
    moments: Mapping[str, Moments]
    covariances: Mapping[tuple[str, str], np.ndarray]
    histogram: DepthHistogram | None
    histograms: Mapping[str, Histogram]
    samples: np.ndarray | None
    diverged_at: np.ndarray
    divergences: Mapping[tuple[int, ...], str]
    checkpoint: Checkpoint = field(repr=False)

    def covariance(self, a: str, b: str) -> np.ndarray:
        """The covariance over time of two observables, for each run (population); `variance` where they are one.

        Args:
            a: the name of an observable.
            b: the name of another.

        Raises:
            ValueError: a pair whose covariance was not kept.
        """
        for pair in ((a, b), (b, a)):
            if pair in self.covariances:
                return self.covariances[pair]
        if a == b:
            return self.variance(a)
        raise ValueError(
            f"covariance: got {a!r}, {b!r}, expected one of {', '.join(map(repr, self.covariances)) or 'none'}; ask "
            f"for it before the run, as in save=Save(covariances=[({a!r}, {b!r})])"
        )

    def mean(self, observable: str) -> np.ndarray:
        """Mean over time of an observable, for each run.

        Args:
            observable: its name, as in "loss".
        """
        return self._of(observable).mean

    def variance(self, observable: str) -> np.ndarray:
        """Variance over time of an observable, for each run.

        Args:
            observable: its name, as in "loss".
        """
        return self._of(observable).variance

    def minimum(self, observable: str) -> np.ndarray:
        """The smallest observation of each run.

        Args:
            observable: its name, as in "loss".
        """
        return self._of(observable).minimum

    def maximum(self, observable: str) -> np.ndarray:
        """The largest observation of each run.

        Args:
            observable: its name, as in "loss".
        """
        return self._of(observable).maximum

    def autocorrelation_time(self, observable: str) -> np.ndarray:
        """`τ = Δ(1 + 2Σ_k ρ_k)` in steps, with `Δ` the stride and `ρ_k` the autocorrelation `k` strides apart.

        In `N` steps there are `N/τ` independent observations. Infinite where the run is too short to tell.

        Args:
            observable: its name, as in "loss".
        """
        return self.stride * self._of(observable).inefficiency

    def standard_error(self, observable: str) -> np.ndarray:
        """The standard error of `mean`, autocorrelation allowed for; infinite where the run is too short to tell.

        In 95 of 100 runs the exact mean is within 1.96 errors, from about `N/τ = 10` on, whether the run had a given
        length or one that `stop` chose by a look at the error.

        Args:
            observable: its name, as in "loss".
        """
        return self._of(observable).standard_error

    def __repr__(self) -> str:
        batch = self.position.shape[:-1]
        runs = int(np.prod(batch))
        lines = [f"Trajectory: {runs} run{'s' * (runs != 1)} {batch} of {self.num_steps:,} steps, mean over time"]
        diverged = np.count_nonzero(self.diverged_at)
        if diverged:
            lines.append(f"  NaN: {diverged} of them, which diverged; see .divergences")
        for name, moments in self.moments.items():
            quantity = DICTIONARY.get(name)
            unit = f" [{quantity.unit}]" if quantity is not None and quantity.unit != "1" else ""
            mean, error = moments.mean, moments.standard_error
            finite = mean[np.isfinite(mean)] if mean.ndim and not np.isnan(mean).all() else mean
            numbers = f"{mean:.6g} ± {error:.2g}" if mean.ndim == 0 else f"{finite.min():.6g} … {finite.max():.6g}"
            lines.append(f"  {name}{unit}: {numbers}")
        return "\n".join(lines)

    def _of(self, observable: str) -> Moments:
        if observable not in self.moments:
            names = ", ".join(map(repr, self.moments))
            raise ValueError(f"observable: got {observable!r}, expected one of {names}")
        return self.moments[observable]
