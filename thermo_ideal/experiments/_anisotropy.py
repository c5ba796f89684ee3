"""SGD under anisotropic gradient noise, beside a control."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np
import xarray as xr
from jaxtyping import ArrayLike, PRNGKeyArray

from thermo_ideal._arguments import as_positive, as_unit, require_count
from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.dynamics import SGD, AbstractNoise, AnisotropicNoise, FixedEffectiveLearningRate, VonMisesFisherLoss
from thermo_ideal.estimators import Estimate, isotropy, spherical_entropy
from thermo_ideal.experiments._isotropic import of_finite
from thermo_ideal.integrators import EulerMaruyama, Trajectory, simulate
from thermo_ideal.verification._anisotropy import AXES, MEASURED

_SPACING, _OBSERVATIONS = 2.0, 16  # relaxation times, and observations, from one sample to the next
_NEIGHBOUR = 4  # the fourth spreads less than the first; the control has its bias too
_SAME_TRACE = 0.01
_LARGEST_GROWTH = 0.11  # of r² in a step, by the noise


def anisotropy_scan(
    key: PRNGKeyArray,
    noises: Sequence[AbstractNoise],
    effective_learning_rate: Sequence[float] | np.ndarray = (0.01, 0.02, 0.04),
    weight_decay: Sequence[float] | np.ndarray = (0.01, 0.04),
    *,
    mean_direction: Sequence[float] | ArrayLike = (1.0, 0.0, 0.0),
    replicas: int = 16,
    samples: int = 500,
) -> xr.Dataset:
    """Simulates SGD on `1 − μ·w̄` at fixed effective learning rate under noises of equal trace, and a control.

    The control comes first: isotropic noise of the others' trace at `μ`. What it is off by, in `O(η_eff)` because SGD
    has steps and in the bias of nearest neighbours, the others are off by too, to first order; `diagnose_anisotropy`
    takes it off. Keep `η_eff` small and make `T` by the noise. Runs start at the minimum, burn in for five relaxation
    times of the radius and ten of the direction, and keep a direction every two relaxation times.

    Args:
        key: a JAX key.
        noises: with scalar scales and the same `Tr Σ_w̄` at `μ`.
        effective_learning_rate: `η_eff`, `(n,)`.
        weight_decay: `λ`, `(m,)`.
        mean_direction: `μ`, a unit vector.
        replicas: independent runs of each point, at least 2.
        samples: directions kept of each run; `d > 5` wants very many for the entropy.

    Returns:
        A dataset over `noise`, `effective_learning_rate`, `weight_decay` and `replica`: "loss", "volume", "log_radius",
        "direction_entropy", and of the noise along the run "noise_trace" and "participation_ratio", each with an
        "…_error" over replicas; and over `noise` its "noise_scale", and as a coordinate whether it is the "control".

    Raises:
        ValueError: noises of different trace, steps too large for the radius, too few samples, or another argument out
            of its range.

    Example:
        >>> import jax
        >>> from thermo_ideal.dynamics import spiked_noise
        >>> from thermo_ideal.experiments import anisotropy_scan
        >>> data = anisotropy_scan(jax.random.key(0), [spiked_noise(0.6, 3, trace=20.0)], [0.05], samples=50)
        >>> dict(data["loss"].sizes)
        {'noise': 2, 'effective_learning_rate': 1, 'weight_decay': 2, 'replica': 16}
    """
    require_count("replicas", replicas, minimum=2)
    require_count("samples", samples, minimum=2)
    eta, decay = as_positive(AXES[1], effective_learning_rate), as_positive(AXES[2], weight_decay)
    mu = as_unit("mean_direction", mean_direction, batched=False)
    traces = [isotropy(noise, mu).mean_trace for noise in noises]
    if not traces or not max(traces) <= (1 + _SAME_TRACE) * min(traces):
        raise ValueError(f"noises: got traces {traces} at the minimum, expected one and the same; change their scales")
    growth = float(eta.max()) ** 2 * max(traces)
    if not growth <= _LARGEST_GROWTH:
        raise ValueError(
            f"effective_learning_rate: got η_eff² Tr Σ = {growth:.3g}, expected at most {_LARGEST_GROWTH}, or a few "
            "large draws in a row take η_eff λ r² above 2 and the radius diverges; lower it, raise the trace instead"
        )
    control = AnisotropicNoise(np.ones(mu.size), scale=np.sqrt(np.mean(traces) / (mu.size - 1)))
    slow = float(eta.min())  # the Hessian is 1
    stride = max(1, round(_SPACING / slow / _OBSERVATIONS))
    save = stride * _OBSERVATIONS
    protocol = FixedEffectiveLearningRate(eta[:, None, None], decay[None, :, None])
    settle = max(5 / float(protocol.radius_relaxation_rate(traces[0]).min()), 10 / slow)
    burn_in = stride * round(settle / stride)
    radius = np.broadcast_to(protocol.stationary_radius(traces[0]), (eta.size, decay.size, replicas))
    start = radius[..., None] * np.asarray(mu)
    num_steps = burn_in + samples * save
    measured = []
    for i, noise in enumerate((control, *noises)):
        integrator = EulerMaruyama(SGD(VonMisesFisherLoss(mu), noise, protocol))
        own = jax.random.fold_in(key, i)
        trajectory = simulate(own, integrator, start, num_steps, burn_in=burn_in, stride=stride, save=save)
        measured.append(_measurements(noise, trajectory))
    data = xr.Dataset(coords={"control": ("noise", [True] + [False] * len(noises))})
    data = data.assign_attrs({"dimension": mu.size, "protocol": protocol.name, "burn_in": burn_in, "interval": save})
    for name, given in zip(AXES[1:], (effective_learning_rate, weight_decay), strict=True):
        data[name] = name, np.asarray(given, np.float64), DICTIONARY[name].attributes
    for name in MEASURED:
        values, attributes = np.stack([of[name] for of in measured]), DICTIONARY[name].attributes
        data[name] = (*AXES, "replica"), values, attributes
        data[f"{name}_error"] = AXES, Estimate(values).standard_error, attributes
    scales = [float(noise.scale) for noise in (control, *noises)]
    data["noise_scale"] = "noise", scales, DICTIONARY["noise_scale"].attributes
    return data


def _measurements(noise: AbstractNoise, trajectory: Trajectory) -> dict[str, np.ndarray]:
    """Time averages, the entropy of the direction, and the noise along the run, each `(η_eff, λ, replica)`."""
    assert trajectory.samples is not None
    directions = np.moveaxis(trajectory.samples.astype(np.float64), 0, -2)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    diverged = trajectory.diverged_at > 0

    def of(estimate: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return of_finite(estimate, directions, diverged)

    return {name: trajectory.mean(name) for name in ("loss", "volume", "log_radius")} | {
        "direction_entropy": of(lambda w: spherical_entropy(w, _NEIGHBOUR).values),
        "noise_trace": of(lambda w: isotropy(noise, w).trace.mean(axis=-1)),
        "participation_ratio": of(lambda w: isotropy(noise, w).participation_ratio.mean(axis=-1)),
    }
