"""Where the ideal gas ends: anisotropic gradient noise.

Noises of equal trace and falling participation ratio act on `L = 1 − μ·w̄` at `d = 3`. Three thermometers are read: the
radius (Z trace), the energy (Z energy) and the entropy (Z entropy); for an ideal gas all compressibility factors
`Z = pV/RT` are 1. Run it with `python examples/anisotropy.py`; it takes some ten seconds.
"""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from thermo_ideal.dynamics import AnisotropicNoise, ScaleInvariantLoss, spiked_noise
from thermo_ideal.experiments import anisotropy_scan
from thermo_ideal.verification import cold_law, diagnose_anisotropy

RATIOS = (1.0, 0.9, 0.75, 0.55)


def print_points(found: xr.Dataset) -> None:
    """A row for each noise and effective learning rate."""
    print("    PR      T   Z trace   Z scale  Z energy Z entropy   (U−U_gas)/RT    (S−S_gas)/R     verdict")
    for noise in found["noise"]:
        for eta in found["effective_learning_rate"]:
            point = found.sel(noise=noise, effective_learning_rate=eta).isel(weight_decay=0)
            x = {name: point[name].item() for name in point.data_vars}
            factors = "     ".join(f"{x[f'Z_{name}']:.3f}" for name in ("trace", "scale", "energy", "entropy"))
            off = "  ".join(f"{x[f'departure_{name}']:+.3f} ± {x[f'departure_{name}_error']:.3f}" for name in "US")
            verdict = "trust" if x["trusted"] else "do not trust"
            print(f"{x['participation_ratio']:6.3f} {x['temperature']:6.4f}   {factors}   {off}  {verdict}")


def print_relations(found: xr.Dataset) -> None:
    """The relation that any noise obeys, and the one that is the gas's."""
    print("    PR   ∂S/∂log λ|η_eff over −(d−1)/2    (ΔU/ΔS)/(ΔU/ΔS)_gas")
    for noise in found["noise"]:
        one = found.sel(noise=noise)
        scaling = " ".join(f"{v:.3f}({1e3 * e:.0f})" for v, e in zip(one["maxwell"], one["maxwell_error"], strict=True))
        slope = " ".join(f"{v:.3f}({1e3 * e:.0f})" for v, e in zip(one["gibbs"], one["gibbs_error"], strict=True))
        print(f"{one['participation_ratio'].mean():6.3f}   {scaling:35s}  {slope}")


def print_cold_laws() -> None:
    """Exact, `T → 0`: the energy of any quadratic loss is the gas's, and its entropy is not."""
    H, eta = np.diag([1.0, 4.0]), 0.01
    A = jnp.zeros((3, 3)).at[1:, 1:].set(jnp.asarray(H))
    loss = ScaleInvariantLoss(lambda w: w @ A @ w / 2 / jnp.sum(w**2), 3)
    print("noise                 U/RT   (S−S_gas)/R")
    for name, variance in (("isotropic", (1, 1)), ("like the Hessian", (0.4, 1.6)), ("like its inverse", (1.6, 0.4))):
        law = cold_law(loss, AnisotropicNoise(np.array([0.0, *variance])), jnp.eye(3)[0], eta)
        T = eta / 2  # R = 1
        gas = np.log(2 * np.pi * np.e * T) - np.log(np.linalg.det(H)) / 2
        print(f"{name:20s} {law.internal_energy / T:.4f}       {law.direction_entropy - gas:+.4f}")


def main() -> None:
    """Prints all tables."""
    for title, trace, eta in (("Cold", 2.0, (0.01, 0.04)), ("Warm", 240.0, (0.005, 0.02))):
        data = anisotropy_scan(jax.random.key(0), [spiked_noise(q, 3, trace=trace) for q in RATIOS], eta)
        found = diagnose_anisotropy(data)
        print(f"\n{title}: where to trust the gas to {found.attrs['tolerance']:.0%} of a temperature")
        print_points(found)
        print(f"\n{title}: hyperparameter relations, by λ and by η_eff")
        print_relations(found)
    print("\nT → 0, Hessian diag(1, 4), equal traces")
    print_cold_laws()


if __name__ == "__main__":
    main()
