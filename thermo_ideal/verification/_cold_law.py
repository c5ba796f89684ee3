"""The law of the direction around a minimum of the loss, as the temperature tends to 0."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike
from scipy import linalg

from thermo_ideal._arguments import as_positive, as_unit
from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import equation, span
from thermo_ideal.dynamics import AbstractLoss, AbstractNoise


@dataclass(frozen=True, eq=False, repr=False)
class ColdLaw:
    """The Gaussian law of the direction around a minimum of the loss, `T → 0`.

    Args:
        covariance: `C` of the direction, of shape `(d, d)`; 0 along the minimum.
        internal_energy: `U − L_min = ½ Tr HC`, in units of the loss.
        direction_entropy: `½ log det 2πeC` in the tangent space, in nats.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.verification import cold_law
        >>> mu = jnp.eye(3)[0]
        >>> cold_law(VonMisesFisherLoss(mu), IsotropicNoise(), mu, effective_learning_rate=0.01)
        ColdLaw, d = 3: U − L_min = 0.005 loss, S_dir = -2.46 nat
    """

    covariance: np.ndarray
    internal_energy: float
    direction_entropy: float

    def __repr__(self) -> str:
        quantity = DICTIONARY["direction_entropy"]
        entropy = equation(quantity.symbol, span(self.direction_entropy), quantity.unit)
        return f"ColdLaw, d = {len(self.covariance)}: U − L_min = {self.internal_energy:.5g} loss, {entropy}"


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

    Returns:
        A `ColdLaw`.

    Raises:
        ValueError: the Hessian there is not positive, or the recursion is unstable.

    Example:
        Anisotropic noise has the gas's energy, and less than its entropy.

        >>> import jax.numpy as jnp
        >>> from thermo_ideal.dynamics import VonMisesFisherLoss, spiked_noise
        >>> from thermo_ideal.verification import cold_law
        >>> mu = jnp.eye(3)[0]
        >>> laws = [cold_law(VonMisesFisherLoss(mu), spiked_noise(q, 3, trace=2.0), mu, 0.01) for q in (1.0, 0.8)]
        >>> [round(law.internal_energy, 6) for law in laws]  # η_eff Tr Σ/4
        [0.005, 0.005]
        >>> round(laws[0].direction_entropy - laws[1].direction_entropy, 4)  # −½ log(1.5 · 0.5)
        0.1438

    Source: Mandt, Hoffman & Blei, JMLR 18, 134 (2017).
    """
    eta = float(as_positive("effective_learning_rate", effective_learning_rate))
    point = as_unit("minimum", minimum, batched=False)
    tangent = linalg.null_space(np.asarray(point, np.float64)[None])
    # Where the gradient vanishes the sphere's curvature adds nothing to the Hessian.
    ambient = np.asarray(jax.hessian(lambda w: loss(w / jnp.linalg.norm(w)))(point), np.float64)
    H = tangent.T @ (ambient + ambient.T) @ tangent / 2
    smallest, largest = np.linalg.eigvalsh(H)[[0, -1]]
    if not smallest > 0:
        raise ValueError(
            f"minimum: got a point where the Hessian has the eigenvalue {smallest:.3g}, expected a minimum"
        )
    sigma = tangent.T @ np.asarray(noise.covariance(point), np.float64) @ tangent
    if not discrete:
        C = linalg.solve_continuous_lyapunov(H, eta * sigma)
    elif eta * largest < 2:
        C = linalg.solve_discrete_lyapunov(np.eye(len(H)) - eta * H, eta**2 * sigma)
    else:
        raise ValueError(f"effective_learning_rate: got {eta:g}, expected less than 2/{largest:.4g}")
    entropy = (len(C) * (1 + np.log(2 * np.pi)) + np.linalg.slogdet(C)[1]) / 2
    return ColdLaw(tangent @ C @ tangent.T, float(np.sum(H * C) / 2), float(entropy))
