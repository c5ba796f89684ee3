"""Where the ideal gas ends: the stationary state under anisotropic gradient noise.

With `Σ_w̄` not proportional to the projector the direction's law is no longer `exp(−L/T)`. With `D = d − 1`, `R = D/2`,
`T = η_eff E Tr Σ/2D` and `PR = (Tr Σ)²/(D Tr Σ²)`, what that leaves alone, and so cannot detect it:

* The equation of state. At fixed effective learning rate `E d log r² = 0`, that is `Z = pV/RT = 1`, for any noise and
  loss; Gaussian steps make it `1 + E|∇L|²/E Tr Σ + η_eff T (R − 2/PR)`. It tests the radius balance, not the direction.
* The relations in hyperparameters. Under fixed effective learning rate the chain of `(w̄, λr²)` does not know `λ`, under
  fixed learning rate that of `(w̄, r/√η)` knows `ηλ` only. So `∂S/∂log λ|η_eff = −(d−1)/2` and
  `∂S/∂log η − ∂S/∂log λ = (d−1)/2` hold by scaling alone, in discrete time too.
* The energy of a cold gas. The direction is an Ornstein–Uhlenbeck process, `HC + CH = η_eff Σ`, whose trace is
  `U = ½ Tr HC = η_eff Tr Σ/4 = RT`, whatever `H` and `Σ`. For `L = 1 − μ·w̄` energy balance,
  `E(1 − m²) = ½ η_eff E(m Tr Σ)`, has the next order: `U/RT = 1 + T/(2PR) − (d−1)T/4 + O(T²)`.
* The slope of a cold gas, `dU = T dS_dir`: its entropy is `R log T` and a constant.

What tells is the entropy's level, `½ log det 2πeC`, which is below the gas's: of all laws of one `U`, Gibbs's has the
most entropy. For `H = h` the deficit is `½ Σ_i log(mean Σ/Σ_i)`, at any low `T`; for any `H` it vanishes for `Σ ∝ 1`
alone (`Σ ∝ H` makes `C ∝ 1`). Energy and slope follow at the order of `T`. So the thermometers of one state are the
radius (`T`), the energy (`T_U`, where the gas has the measured `U`) and the entropy (`T_S ≤ T_U`); for the gas they
agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import ArrayLike, PRNGKeyArray
from scipy import linalg

from thermo_ideal._arguments import as_positive, as_unit, require_count, require_dimension
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.dynamics import (
    SGD,
    AbstractLoss,
    AbstractNoise,
    AnisotropicNoise,
    FixedEffectiveLearningRate,
    VonMisesFisherLoss,
)
from thermo_ideal.estimators import Estimate, isotropy, spherical_entropy
from thermo_ideal.integrators import EulerMaruyama, simulate

_SPACING, _OBSERVATIONS = 2.0, 16  # relaxation times, and observations, from one sample to the next
_NEIGHBOUR = 4  # the fourth spreads less than the first; the control has its bias too
_SAME_TRACE = 0.01
_LARGEST_GROWTH = 0.11  # of r² in a step, by the noise
_TABLE = 800  # temperatures; linear interpolation is then good to 2e-5
_SHARP = 3.0  # standard errors to the tolerance
_AXES = ("noise", "effective_learning_rate", "weight_decay")


def spiked_noise(participation_ratio: float, dimension: int, trace: float = 1.0) -> AnisotropicNoise:
    """Diagonal noise with a spike: at `e_1`, one tangent variance above the others, which are equal.

    With `D = d − 1` and `s² = (1/PR − 1)/(D − 1)` the tangent variances at `e_1` are `(1 − s)/D` of the trace, and
    `(1 − s)/D + s` along the spike, `e_2`. Along `e_1` it is their mean, so that 1 is isotropic noise everywhere and
    the trace's mean over the sphere does not depend on the ratio. The scale's `σ²` is the largest variance.

    Args:
        participation_ratio: `PR = (Tr Σ)²/(D Tr Σ²)` at `e_1`, above `1/D` and at most 1.
        dimension: `d ≥ 3`; at 2 there is one tangent direction, and no anisotropy.
        trace: `Tr Σ` at `e_1`, in loss².

    Raises:
        ValueError: an argument out of its range.

    Example:
        >>> from thermo_ideal.verification import spiked_noise
        >>> noise = spiked_noise(0.8, dimension=3, trace=2.0)
        >>> [round(float(x), 4) for x in noise.scale**2 * noise.variance]  # 1/PR = 1 + s² at d = 3
        [1.0, 1.5, 0.5]

    Source: the spiked covariance model, Johnstone, Ann. Stat. 29, 295 (2001).
    """
    require_dimension("dimension", dimension, least=3)
    total, D = float(as_positive("trace", trace)), dimension - 1
    if not 1 / D < participation_ratio <= 1:
        raise ValueError(
            f"participation_ratio: got {participation_ratio}, wanted above 1/(d − 1) = {1 / D:.4g} and at most 1, as "
            "in participation_ratio=0.8"
        )
    spike = np.sqrt((1 / participation_ratio - 1) / (D - 1))
    variance = np.full(dimension, (1 - spike) / D)
    variance[:2] = 1 / D, (1 - spike) / D + spike
    return AnisotropicNoise(variance / variance[1], scale=np.sqrt(total * variance[1]))


@dataclass(frozen=True)
class ColdLaw:
    """The Gaussian law of the direction around a minimum of the loss, `T → 0`.

    Args:
        covariance: `C` of the direction, of shape `(d, d)`; 0 along the minimum.
        internal_energy: `U − L_min = ½ Tr HC`, in units of the loss.
        direction_entropy: `½ log det 2πeC` in the tangent space, in nats.
    """

    covariance: np.ndarray
    internal_energy: float
    direction_entropy: float


def cold_law(
    loss: AbstractLoss, noise: AbstractNoise, minimum: ArrayLike, effective_learning_rate: float, discrete: bool = False
) -> ColdLaw:
    """The stationary Ornstein–Uhlenbeck law around a minimum, for any noise and any Hessian.

    The tangent coordinates obey `dx = −η_eff H x dt + η_eff Σ^{1/2} dB`, so `HC + CH = η_eff Σ`; for one step of SGD as
    it is, `C = (1 − η_eff H) C (1 − η_eff H) + η_eff² Σ`. What is left out is of relative order `T`.

    Args:
        loss: with a minimum.
        noise: with a scalar scale.
        minimum: `w̄*`, a unit vector of shape `(d,)`.
        effective_learning_rate: `η_eff > 0`.
        discrete: the law of the linear recursion, not of its SDE.

    Raises:
        ValueError: the Hessian there is not positive, or the recursion is unstable.

    Example:
        Anisotropic noise has the gas's energy, and less than its entropy.

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import VonMisesFisherLoss
        >>> from thermo_ideal.verification import cold_law, spiked_noise
        >>> mu = jnp.eye(3)[0]
        >>> laws = [cold_law(VonMisesFisherLoss(mu), spiked_noise(q, 3, trace=2.0), mu, 0.01) for q in (1.0, 0.8)]
        >>> [round(law.internal_energy, 6) for law in laws]  # η_eff Tr Σ/4
        [0.005, 0.005]
        >>> round(laws[0].direction_entropy - laws[1].direction_entropy, 4)  # −½ log(1.5 · 0.5)
        0.1438

    Source: Mandt, Hoffman & Blei, JMLR 18, 134 (2017).
    """
    eta = float(as_positive("effective_learning_rate", effective_learning_rate))
    point = as_unit("minimum", minimum)
    tangent = linalg.null_space(np.asarray(point, np.float64)[None])
    # Where the gradient vanishes the sphere's curvature adds nothing to the Hessian.
    ambient = np.asarray(jax.hessian(lambda w: loss(w / jnp.linalg.norm(w)))(point), np.float64)
    H = tangent.T @ (ambient + ambient.T) @ tangent / 2
    least, largest = np.linalg.eigvalsh(H)[[0, -1]]
    if not least > 0:
        raise ValueError(f"minimum: got a point where the Hessian has the eigenvalue {least:.3g}, wanted a minimum")
    sigma = tangent.T @ np.asarray(noise.covariance(point), np.float64) @ tangent
    if not discrete:
        C = linalg.solve_continuous_lyapunov(H, eta * sigma)
    elif eta * largest < 2:
        C = linalg.solve_discrete_lyapunov(np.eye(len(H)) - eta * H, eta**2 * sigma)
    else:
        raise ValueError(f"effective_learning_rate: got {eta:g}, wanted less than 2/{largest:.4g}")
    entropy = np.linalg.slogdet(2 * np.pi * np.e * C)[1] / 2
    return ColdLaw(tangent @ C @ tangent.T, float(np.sum(H * C) / 2), float(entropy))


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
        "direction_entropy", and the noise's "trace" and "participation_ratio" along the run, each with an "…_error"
        over replicas; and over `noise` its "noise_scale".

    Raises:
        ValueError: noises of different trace, steps too large for the radius, too few samples, or another argument out
            of its range.

    Example:
        >>> import jax
        >>> from thermo_ideal.verification import anisotropy_scan, spiked_noise
        >>> data = anisotropy_scan(jax.random.key(0), [spiked_noise(0.6, 3, trace=20.0)], [0.05], samples=50)
        >>> dict(data["loss"].sizes)
        {'noise': 2, 'effective_learning_rate': 1, 'weight_decay': 2, 'replica': 16}
    """
    require_count("replicas", replicas, least=2)
    require_count("samples", samples, least=2)
    eta, decay = as_positive(_AXES[1], effective_learning_rate), as_positive(_AXES[2], weight_decay)
    mu = as_unit("mean_direction", mean_direction)
    traces = [isotropy(noise, mu).mean_trace for noise in noises]
    if not traces or max(traces) > (1 + _SAME_TRACE) * min(traces):
        raise ValueError(f"noises: got traces {traces} at the minimum, wanted one and the same; change their scales")
    growth = float(eta.max()) ** 2 * max(traces)
    if growth > _LARGEST_GROWTH:
        raise ValueError(
            f"effective_learning_rate: got η_eff² Tr Σ = {growth:.3g}, wanted at most {_LARGEST_GROWTH}, or a few "
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
    measured = []
    for i, noise in enumerate((control, *noises)):
        integrator = EulerMaruyama(SGD(VonMisesFisherLoss(mu), noise, protocol))
        steps = burn_in + samples * save
        own = jax.random.fold_in(key, i)
        trajectory = simulate(own, integrator, start, steps, burn_in=burn_in, stride=stride, save=save)
        assert trajectory.samples is not None
        directions = np.moveaxis(trajectory.samples.astype(np.float64), 0, -2)
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        seen = isotropy(noise, directions)
        of = {name: trajectory.mean(name) for name in ("loss", "volume", "log_radius")}
        of["direction_entropy"] = spherical_entropy(directions, _NEIGHBOUR).values
        of |= {name: getattr(seen, name).mean(axis=-1) for name in ("trace", "participation_ratio")}
        measured.append(of)
    data = xr.Dataset(attrs={"dimension": mu.size, "protocol": protocol.name, "burn_in": burn_in, "interval": save})
    given = zip(_AXES[1:], (effective_learning_rate, weight_decay), strict=True)
    data = data.assign_coords({name: np.asarray(x, np.float64) for name, x in given})
    for name, units in _UNITS.items():
        if name in measured[0]:
            values = np.stack([of[name] for of in measured])
            data[name] = (*_AXES, "replica"), values, {"units": units}
            data[f"{name}_error"] = _AXES, Estimate(values).standard_error, {"units": units}
        elif name in data.coords:
            data[name].attrs["units"] = units
    data["noise_scale"] = "noise", [float(noise.scale) for noise in (control, *noises)], {"units": "loss"}
    return data


_UNITS = {
    "effective_learning_rate": "1/loss",
    "weight_decay": "loss/weight^2",
    "loss": "loss",
    "volume": "weight^2",
    "log_radius": "log weight",
    "direction_entropy": "nat",
    "trace": "loss^2",
    "participation_ratio": "1",
}
_JUDGED = ("Z_trace", "departure_U", "departure_S")
_TRUSTED = "U, S and pV are the gas's"


def diagnose_anisotropy(data: xr.Dataset, tolerance: float = 0.1) -> xr.Dataset:
    """When not to trust the ideal gas: the compressibility factor by four thermometers, and the departures of U and S.

    At each point `Z = pV/RT`, `p = λ`, `R = (d − 1)/2`, with `T` from

    * "trace": `η_eff E Tr Σ/(2(d − 1))`, the radius's own: 1 under any noise, unless the radius is out of balance.
    * "scale": `η_eff σ²/2`, naive: `E Tr Σ/(σ²(d − 1))`. It is shown, not judged: it says which `T` not to use.
    * "energy": `T_U`, where the exact gas has the measured `U`.
    * "entropy": `T_S`, where it has the measured `S_dir`.

    Departures are per degree of freedom, in its own units: `(U − U(T))/RT` (of `T/2`) and `(S_dir − S_dir(T))/R` (of
    half a nat); in the cold they are `T_U/T − 1` and `log(T_S/T)`. What the control is off by has been taken off, so
    what is left has the error of both, and the rows at one `η_eff`, `λ` share the control's.

    A point is trusted if `Z` by trace and both departures are within the tolerance and sharp: it is at least three
    of their standard errors. So what is beyond it is no chance, and a poor measurement is no consent.

    Args:
        data: of `anisotropy_scan`.
        tolerance: the relative error of a temperature that can be borne.

    Returns:
        A dataset over `noise` (1 is the first after the control), `effective_learning_rate`, `weight_decay`, of which
        `to_dataframe()` is a table with a row for each point: "Z_trace", "Z_scale", "Z_energy", "Z_entropy",
        "departure_U", "departure_S", each with "…_error" and "…_z", its score against the control's; "temperature" and
        "participation_ratio"; "trusted" and "reason". Over less, what the control itself gave, "…_offset"; "maxwell",
        `−2/(d−1) ∂S/∂log λ|η_eff`, 1 under any noise; and for neighbours in `η_eff`, `pair`, "gibbs", `ΔU/ΔS_dir` over
        the gas's between the same two `T`: 1 where `dU = T dS_dir`.

    Raises:
        ValueError: the tolerance is no positive number, or the dataset is another.

    Example:
        Noise of hardly more than one direction:

        >>> import jax
        >>> from thermo_ideal.verification import anisotropy_scan, diagnose_anisotropy, spiked_noise
        >>> data = anisotropy_scan(jax.random.key(0), [spiked_noise(0.52, 3, trace=1.0)], [0.05], samples=200)
        >>> found = diagnose_anisotropy(data)
        >>> [bool(x.all()) for x in (found["trusted"], abs(found["Z_trace"] - 1) < 0.01, found["Z_entropy"] > 2)]
        [False, True, True]
    """
    within = partial(_reason, tolerance=float(as_positive("tolerance", tolerance)))
    missing = [name for name in (*_UNITS, "noise_scale") if name not in data]
    if missing:
        raise ValueError(f"data: got no {', '.join(missing)}, wanted a dataset of anisotropy_scan(key, noises)")
    d, eta, decay = data.attrs["dimension"], *(data[name].to_numpy() for name in _AXES[1:])
    U, S, V, log_r = (data[name].to_numpy() for name in ("loss", "direction_entropy", "volume", "log_radius"))
    R, rate = (d - 1) / 2, eta[:, None, None]
    T = rate * data["trace"].to_numpy() / (4 * R)
    naive = rate * data["noise_scale"].to_numpy()[:, None, None, None] ** 2 / 2
    per_R = decay[:, None] * V / R
    t = np.geomspace(T.min() / 100, T.max() * 100, _TABLE)
    with jax.enable_x64(True):
        gas_U, gas_S = (np.asarray(f(d, temperature=t)) for f in (vmf.one_minus_mean_resultant_length, vmf.entropy))
    U_gas, S_gas = np.interp(T, t, gas_U), np.interp(T, t, gas_S)
    found = data[["participation_ratio"]].mean("replica").isel(noise=slice(1, None))
    found = found.assign_coords(noise=np.arange(1, len(T))).assign_attrs(data.attrs, tolerance=tolerance)
    found["temperature"] = _AXES, T[1:].mean(axis=-1), {"units": "loss"}

    def keep(name: str, dims: tuple[str, ...], x: np.ndarray, ratio: bool) -> None:
        offset = x[:1].mean(axis=-1, keepdims=True)
        x = x / offset if ratio else x - offset
        own, control = Estimate(x[1:]), Estimate(np.broadcast_to(x[:1], x[1:].shape))
        found[name], found[f"{name}_offset"] = (dims, own.value), (dims[1:], offset[0, ..., 0])
        found[f"{name}_error"] = dims, np.hypot(own.standard_error, control.standard_error)
        found[f"{name}_z"] = dims, own.z_score_between(control)

    keep("Z_trace", _AXES, per_R / T, ratio=True)
    keep("Z_scale", _AXES, per_R / naive, ratio=True)
    keep("Z_energy", _AXES, per_R / np.interp(U, gas_U, t), ratio=True)
    keep("Z_entropy", _AXES, per_R / np.interp(S, gas_S, t), ratio=True)
    keep("departure_U", _AXES, (U - U_gas) / (R * T), ratio=False)
    keep("departure_S", _AXES, (S - S_gas) / R, ratio=False)
    if eta.size > 1:
        # The direction's law does not know λ, so all runs at one η_eff count together.
        dU, dS, dU_gas, dS_gas = (np.diff(x.reshape(*x.shape[:2], -1), axis=1) for x in (U, S, U_gas, S_gas))
        gas = dU_gas.mean(axis=-1, keepdims=True) / dS_gas.mean(axis=-1, keepdims=True)
        keep("gibbs", ("noise", "pair"), dU / dS / gas, ratio=True)
    if decay.size > 1:
        lever = np.log(decay) - np.log(decay).mean()
        slope = Estimate(np.einsum("nelr,l->ner", S + 2 * R * log_r, lever / (lever @ lever))[1:] / -R)
        found["maxwell"], found["maxwell_error"] = (_AXES[:2], slope.value), (_AXES[:2], slope.standard_error)
        found["maxwell_z"] = _AXES[:2], slope.z_score(1.0)
    judged = (found[f"{name}{end}"].to_numpy() for name in _JUDGED for end in ("", "_error"))
    found["reason"] = _AXES, np.vectorize(within, otypes=[object])(*judged)
    return found.assign(trusted=found["reason"] == _TRUSTED)


def _reason(Z: float, Z_error: float, U: float, U_error: float, S: float, S_error: float, tolerance: float) -> str:
    claims = (("Z by trace", Z - 1, Z_error), ("U per degree", U, U_error), ("S per degree", S, S_error))
    off = [f"{name} off by {x:+.3f} ± {error:.3f}" for name, x, error in claims if abs(x) > tolerance]
    if not (worst := max(Z_error, U_error, S_error)) <= tolerance / _SHARP:
        off.append(f"an error of {worst:.3f}, wanted {tolerance / _SHARP:.3f}: raise samples")
    return "; ".join(off) or _TRUSTED
