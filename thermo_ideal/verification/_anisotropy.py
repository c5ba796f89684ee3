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

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import numpy as np

from thermo_ideal._arguments import as_positive
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss, temperature
from thermo_ideal.estimators import Estimate
from thermo_ideal.thermodynamics import equilibrium
from thermo_ideal.verification._discrete_law import stationary_law

if TYPE_CHECKING:
    import xarray as xr

AXES = ("noise", "effective_learning_rate", "weight_decay")
"""The dimensions of a dataset of `anisotropy_scan`, beside `replica`."""
MEASURED = ("loss", "volume", "log_radius", "direction_entropy", "noise_trace", "participation_ratio")
"""What it holds of each run."""

_TABLE = 800  # temperatures; linear interpolation is then good to 2e-5
_SHARP = 3.0  # standard errors to the tolerance
_CLAIMS = {"Z_trace": "Z by trace", "departure_U": "U per degree", "departure_S": "S per degree"}
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
    of their standard errors. So what is beyond it is no chance, and neither a poor measurement nor NaN is consent. The
    control is judged first, in the same way: its `Z`, `U` and `S` must be those of the exact law of discrete SGD under
    isotropic noise, and its participation ratio 1. Where it fails, nothing beside it is trusted.

    Args:
        data: of `anisotropy_scan`; its coordinate "control" says which noise is the control.
        tolerance: the relative error of a temperature that can be borne.

    Returns:
        A dataset over `noise` (1 is the first after the control), `effective_learning_rate`, `weight_decay`, of which
        `to_dataframe()` is a table with a row for each point: "Z_trace", "Z_scale", "Z_energy", "Z_entropy",
        "departure_U", "departure_S", each with "…_error" and "…_z", its score against the control's; "temperature" and
        "participation_ratio"; "trusted" and "reason". Over less, what the control itself gave, "…_offset", and what is
        wrong with it, "control_reason"; "maxwell",
        `−2/(d−1) ∂S/∂log λ|η_eff`, 1 under any noise; and for neighbours in `η_eff`, `pair`, "gibbs", `ΔU/ΔS_dir` over
        the gas's between the same two `T`: 1 where `dU = T dS_dir`.

    Raises:
        ValueError: the tolerance is no positive number; or the dataset is another, has not one control, or has no
            other noise.

    Example:
        Noise of hardly more than one direction:

        >>> import jax
        >>> from thermo_ideal.dynamics import spiked_noise
        >>> from thermo_ideal.experiments import anisotropy_scan
        >>> from thermo_ideal.verification import diagnose_anisotropy
        >>> data = anisotropy_scan(jax.random.key(0), [spiked_noise(0.52, 3, trace=1.0)], [0.05], samples=200)
        >>> found = diagnose_anisotropy(data)
        >>> [bool(x.all()) for x in (found["trusted"], abs(found["Z_trace"] - 1) < 0.01, found["Z_entropy"] > 2)]
        [False, True, True]
    """
    tolerance = float(as_positive("tolerance", tolerance))
    data = _control_first(data)
    runs = _runs(data)
    found = data[["participation_ratio"]].mean("replica", skipna=False).isel(noise=slice(1, None)).drop_vars("control")
    found = found.assign_coords(noise=np.arange(1, data.sizes["noise"])).assign_attrs(data.attrs, tolerance=tolerance)
    found["temperature"] = AXES, runs.temperature[1:].mean(axis=-1), {"units": "loss"}
    factors, departures = _compressibility_factors(runs), _departures(runs)
    for name, values in factors.items():
        _beside_control(found, name, AXES, values, ratio=True)
    for name, values in departures.items():
        _beside_control(found, name, AXES, values, ratio=False)
    if data.sizes["effective_learning_rate"] > 1:
        _beside_control(found, "gibbs", ("noise", "pair"), _first_law(runs), ratio=True)
    if data.sizes["weight_decay"] > 1:
        slope = _maxwell_ratio(runs)
        found["maxwell"], found["maxwell_error"] = (AXES[:2], slope.value), (AXES[:2], slope.standard_error)
        found["maxwell_z"] = AXES[:2], slope.z_score(1.0)
    control = _reasons(_claims_of_control(data, factors | departures), tolerance)
    claims = {
        claim: (found[name].to_numpy() - (name == "Z_trace"), found[f"{name}_error"].to_numpy())
        for name, claim in _CLAIMS.items()
    }
    found["control_reason"] = AXES[1:], control
    found["reason"] = AXES, np.where(control == _TRUSTED, _reasons(claims, tolerance), "the control: " + control)
    return found.assign(trusted=found["reason"] == _TRUSTED)


def _control_first(data: xr.Dataset) -> xr.Dataset:
    """The dataset with its control in front, or ValueError where there is not one, or nothing beside it."""
    line = "expected a dataset of anisotropy_scan(key, noises)"
    missing = [name for name in (*AXES[1:], *MEASURED, "noise_scale") if name not in data]
    if missing:
        raise ValueError(f"data: got no {', '.join(missing)}, {line}")
    marked = data["control"].to_numpy().astype(bool) if "control" in data else np.zeros(data.sizes["noise"], bool)
    if marked.sum() != 1 or marked.size < 2:
        raise ValueError(
            f"data: got {marked.size} noises with {marked.sum()} marked as the control, {line}, as it is: one control, "
            "and other noises beside it"
        )
    return data.isel(noise=np.argsort(~marked, kind="stable")).transpose(*AXES, "replica", missing_dims="ignore")


@dataclass(frozen=True)
class _Gas:
    """The exact gas at some temperatures, to be interpolated."""

    temperature: np.ndarray
    energy: np.ndarray
    entropy: np.ndarray


@dataclass(frozen=True)
class _Runs:
    """What was measured, each `(noise, η_eff, λ, replica)`, and the gas.

    `temperature` is that of the trace, `naive_temperature` that of the noise's scale; `gas_energy` and `gas_entropy`
    are at `temperature`.
    """

    gas_constant: float
    weight_decay: np.ndarray
    energy: np.ndarray
    entropy: np.ndarray
    volume: np.ndarray
    log_radius: np.ndarray
    temperature: np.ndarray
    naive_temperature: np.ndarray
    gas: _Gas
    gas_energy: np.ndarray
    gas_entropy: np.ndarray


def _runs(data: xr.Dataset) -> _Runs:
    d, eta = data.attrs["dimension"], data["effective_learning_rate"].to_numpy()[:, None, None]
    # What is infinite is no number either, and makes no other number of it.
    U, V, log_r, S, trace, _ = (data[name].where(np.isfinite(data[name])).to_numpy() for name in MEASURED)
    R = (d - 1) / 2
    T = temperature(eta, np.sqrt(trace / (2 * R)))
    positive = T[np.isfinite(T) & (T > 0)]
    if not positive.size:
        raise ValueError(
            "data: got no noise_trace that is a number > 0, expected one from anisotropy_scan(key, noises)"
        )
    t = np.geomspace(positive.min() / 100, positive.max() * 100, _TABLE)
    with jax.enable_x64(True):
        gas = _Gas(t, *(np.asarray(f(d, temperature=t)) for f in (vmf.one_minus_mean_resultant_length, vmf.entropy)))
    return _Runs(
        gas_constant=R,
        weight_decay=data["weight_decay"].to_numpy(),
        energy=U,
        entropy=S,
        volume=V,
        log_radius=log_r,
        temperature=T,
        naive_temperature=temperature(eta, data["noise_scale"].to_numpy()[:, None, None, None]),
        gas=gas,
        gas_energy=np.interp(T, t, gas.energy),
        gas_entropy=np.interp(T, t, gas.entropy),
    )


def _compressibility_factors(runs: _Runs) -> dict[str, np.ndarray]:
    """`pV/RT` by each thermometer."""
    gas, per_R = runs.gas, runs.weight_decay[:, None] * runs.volume / runs.gas_constant
    return {
        "Z_trace": per_R / runs.temperature,
        "Z_scale": per_R / runs.naive_temperature,
        "Z_energy": per_R / _temperature_of(runs.energy, gas.energy, gas),
        "Z_entropy": per_R / _temperature_of(runs.entropy, gas.entropy, gas),
    }


def _temperature_of(measured: np.ndarray, table: np.ndarray, gas: _Gas) -> np.ndarray:
    """Where the gas has it; NaN where it has it nowhere, as an energy above that of the uniform law."""
    return np.interp(measured, table, gas.temperature, left=np.nan, right=np.nan)


def _departures(runs: _Runs) -> dict[str, np.ndarray]:
    """Of energy and entropy from the gas's, per degree of freedom."""
    R = runs.gas_constant
    return {
        "departure_U": (runs.energy - runs.gas_energy) / (R * runs.temperature),
        "departure_S": (runs.entropy - runs.gas_entropy) / R,
    }


def _first_law(runs: _Runs) -> np.ndarray:
    """`ΔU/ΔS_dir` over the gas's, between neighbours in `η_eff`."""
    # The direction's law does not know λ, so all runs at one η_eff count together.
    dU, dS, dU_gas, dS_gas = (
        np.diff(x.reshape(*x.shape[:2], -1), axis=1)
        for x in (runs.energy, runs.entropy, runs.gas_energy, runs.gas_entropy)
    )
    return np.asarray(dU / dS / (dU_gas.mean(axis=-1, keepdims=True) / dS_gas.mean(axis=-1, keepdims=True)))


def _maxwell_ratio(runs: _Runs) -> Estimate:
    """`∂S/∂log λ|η_eff` over `−R`, of all but the control."""
    lever = np.log(runs.weight_decay) - np.log(runs.weight_decay).mean()
    entropy = runs.entropy + 2 * runs.gas_constant * runs.log_radius
    return Estimate(np.einsum("nelr,l->ner", entropy, lever / (lever @ lever))[1:] / -runs.gas_constant)


def _beside_control(found: xr.Dataset, name: str, dims: tuple[str, ...], values: np.ndarray, ratio: bool) -> None:
    """Keeps what is left when the control's own mean has been taken off, or divided out, with error and score."""
    offset = values[:1].mean(axis=-1, keepdims=True)
    values = values / offset if ratio else values - offset
    own, control = Estimate(values[1:]), Estimate(np.broadcast_to(values[:1], values[1:].shape))
    found[name], found[f"{name}_offset"] = (dims, own.value), (dims[1:], offset[0, ..., 0])
    found[f"{name}_error"] = dims, np.hypot(own.standard_error, control.standard_error)
    found[f"{name}_z"] = dims, own.z_score_between(control)


def _claims_of_control(data: xr.Dataset, values: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """How far the control is from where isotropic noise must be, with errors, each `(η_eff, λ)`."""
    control = data.isel(noise=0)
    d, sigma = control.attrs["dimension"], float(control["noise_scale"])
    R = (d - 1) / 2
    eta, decay = np.meshgrid(*(control[name].to_numpy() for name in AXES[1:]), indexing="ij")
    T = np.asarray(temperature(eta, sigma), np.float64)
    energy, entropy, volume = _isotropic_law(d, sigma, eta, decay)
    with jax.enable_x64(True):
        gas = [np.asarray(f(d, temperature=T)) for f in (vmf.one_minus_mean_resultant_length, vmf.entropy)]
    expected = {
        "Z_trace": decay * volume / (R * T),
        "departure_U": (energy - gas[0]) / (R * T),
        "departure_S": (entropy - gas[1]) / R,
    }
    claims = {}
    for name, claim in _CLAIMS.items():
        measured = Estimate(values[name][0])
        claims[claim] = measured.value - expected[name], measured.standard_error
    ratio = Estimate(control["participation_ratio"].transpose(*AXES[1:], "replica").to_numpy())
    return claims | {"its participation ratio": (ratio.value - 1, ratio.standard_error)}


def _isotropic_law(d: int, sigma: float, eta: np.ndarray, decay: np.ndarray) -> tuple[np.ndarray, ...]:
    """`U`, `S_dir` and `E V` of discrete SGD, or those of its SDE where the expansion about that does not converge."""
    sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(sigma), FixedEffectiveLearningRate(eta, decay))
    with suppress(ArithmeticError):
        law = stationary_law(sgd, d)
        return law.mean_loss, law.direction_entropy, law.mean_volume
    state = equilibrium(sgd, d)
    return tuple(np.asarray(x, np.float64) for x in (state.internal_energy, state.direction_entropy, state.volume))


def _reasons(claims: Mapping[str, tuple[np.ndarray, np.ndarray]], tolerance: float) -> np.ndarray:
    """Why each point is not good, claim by claim, or that it is; what is no number is not good."""
    names, numbers = list(claims), [x for pair in claims.values() for x in pair]

    def reason(*pairs: float) -> str:
        wrong = []
        for name, departure, error in zip(names, pairs[::2], pairs[1::2], strict=True):
            if not np.isfinite(departure):
                wrong.append(f"{name} is no number, in at least one replica")
            elif not abs(departure) <= tolerance:
                wrong.append(f"{name} off by {departure:+.3f} ± {error:.3f}")
        sharp = [error <= tolerance / _SHARP for error in pairs[1::2]]
        if not all(sharp):
            worst = max(error for error, good in zip(pairs[1::2], sharp, strict=True) if not good)
            wrong.append(f"an error of {worst:.3f}, expected {tolerance / _SHARP:.3f}: raise samples")
        return "; ".join(wrong) or _TRUSTED

    return np.asarray(np.vectorize(reason, otypes=[object])(*numbers))
