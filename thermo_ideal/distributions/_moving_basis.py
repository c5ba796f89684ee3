"""The Fokker–Planck equation of the overlap, in polynomials that move with the temperature of the law."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from thermo_ideal.distributions._depth_quadrature import Origin, from_log_odds
from thermo_ideal.distributions._zonal import Zonal
from thermo_ideal.numerics import stieltjes

_NODES = chebyshev.chebpts1(10)  # in a piece of log θ
_BARYCENTRIC = (-1.0) ** np.arange(10) * np.sin((2 * np.arange(10) + 1) * np.pi / 20)
_WIDTH = 0.5  # of a piece
_ROUNDING = 1e-9  # of a derivative, relative to the largest
_STEP = 2e-3  # of the log-odds, over which a loss is differentiated


class Frame(NamedTuple):
    """Polynomials `p_0 … p_{n−1}` that are orthonormal under a Gibbs law at the temperature `θ`, and what they give.

    The law of the overlap at any time is `ρ_θ (1 + Σ_{m≥1} c_m p_m)`, of which the reference has the same mean loss.

    Attributes:
        energy: the mean loss, over `θ`.
        entropy: that of the reference, in nats.
        diffusion: `θ E D p_m′ p_n′`, `D = u(2 − u)`.
        drift: `E D f′ p_n p_m′`.
        motion: `∂p_m/∂log θ = Σ_n motion_mn p_n`.
        loss: `E f p_n` over `θ`.
        loss_motion: its derivative by `log θ`, but for the factor `1/θ`.
        steepness: `E D f′² p_n`, over `θ`.
        weights: of a Gauss rule, `(k,)`.
        values: the polynomials at its nodes, `(k, n)`.
        slopes: `√(θD) p_n′` there.
    """

    energy: np.ndarray
    entropy: np.ndarray
    diffusion: np.ndarray
    drift: np.ndarray
    motion: np.ndarray
    loss: np.ndarray
    loss_motion: np.ndarray
    steepness: np.ndarray
    weights: np.ndarray
    values: np.ndarray
    slopes: np.ndarray


class MovingBasis:
    """Frames at any temperature, by interpolation in its logarithm.

    Args:
        law: the Gibbs law at a temperature.
        size: how many polynomials.
    """

    def __init__(self, law: Callable[[float], Zonal], size: int) -> None:
        self._law, self._size = law, size
        self._piece = cache(self._tabulated)

    def at(self, log_temperature: float) -> Frame:
        """The frame at `log θ`.

        Args:
            log_temperature: `log θ`.
        """
        piece = int(np.floor(log_temperature / _WIDTH))
        table, shapes = self._piece(piece)
        apart = 2 * (log_temperature / _WIDTH - piece) - 1 - _NODES
        if (apart == 0).any():
            row = table[int(np.argmin(np.abs(apart)))]
        else:
            weights = _BARYCENTRIC / apart
            row = weights / weights.sum() @ table
        parts = np.split(row, np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1])
        return Frame(*(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)))

    def _tabulated(self, piece: int) -> tuple[np.ndarray, list[tuple[int, ...]]]:
        temperatures = np.exp(_WIDTH * (piece + (1 + _NODES) / 2))
        frames = [_frame(self._law(float(T)), self._size) for T in temperatures]
        table = np.array([np.concatenate([np.ravel(x) for x in frame]) for frame in frames])
        return table, [np.shape(x) for x in frames[0]]


def _frame(law: Zonal, size: int) -> Frame:
    odds = law._quadrature
    s, mass = odds.s.ravel(), odds.mass.ravel()
    u = from_log_odds(s)
    family = stieltjes(u, mass, 2 * size)
    P, slopes = family.with_slopes(u, size)
    rise = odds.rise(s, odds.origin)
    f = rise - mass @ rise  # over θ, from its mean
    pull = _pull(odds.rise, odds.origin, s)  # D f′/θ
    steep = np.where(np.abs(pull) > _ROUNDING * np.abs(pull[mass > 0]).max(), pull, 0.0)  # near a pole, D is 0
    D = 1 / np.cosh(s / 2) ** 2  # u(2 − u), at both poles
    H = (P * (mass * f)[:, None]).T @ P
    motion = -np.tril(H, -1) - np.diag(np.diag(H)) / 2
    loss = P.T @ (mass * f)
    # θ D p′ p′ and D f′ p p′ in units in which no power of θ is formed.
    rooted = np.sqrt(law.temperature * D)[:, None] * slopes
    nodes, weights = family.quadrature(2 * size)
    values, at_nodes = family.with_slopes(nodes, size)
    return Frame(
        energy=np.asarray(law.mean_loss / law.temperature),
        entropy=np.asarray(law.entropy()),
        diffusion=(rooted * mass[:, None]).T @ rooted,
        drift=(slopes * (mass * pull * law.temperature)[:, None]).T @ P,
        motion=motion,
        loss=loss,
        loss_motion=P.T @ (mass * f * f) + motion @ loss,
        steepness=P.T @ (mass * steep * steep * law.temperature / D),
        weights=weights,
        values=values,
        slopes=np.sqrt(np.maximum(law.temperature * nodes * (2 - nodes), 0.0))[:, None] * at_nodes,
    )


def _pull(rise: Callable[[np.ndarray, Origin], np.ndarray], origin: Origin, s: np.ndarray) -> np.ndarray:
    """`D f′/θ`: twice the derivative of `f/θ` in the log-odds, by central differences of order 4."""
    near = [rise(s + k * _STEP, origin) for k in (-2, -1, 1, 2)]
    return (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (6 * _STEP)
