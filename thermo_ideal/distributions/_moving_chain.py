"""The law of the overlap from step to step of SGD on a sphere, in polynomials that move with its temperature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import chebyshev

from thermo_ideal.distributions._depth_quadrature import from_log_odds
from thermo_ideal.distributions._zonal import Zonal
from thermo_ideal.numerics import chi_square_rule, hermite, stieltjes

Array = Any  # of NumPy or of JAX

_DEGREE = 8  # of the series in log θ
_CHEBYSHEV = chebyshev.chebpts1(_DEGREE + 1)
_TO_SERIES = np.linalg.inv(chebyshev.chebvander(_CHEBYSHEV, _DEGREE))
_WIDTH = 0.5  # of a piece of log θ
_BELOW, _ABOVE = 48, 16  # pieces beside the first
_NODES, _POLYNOMIALS = 20, 12  # of a law
_NORMALS, _SQUARES = 12, 8  # nodes for the noise along the meridian, and for that across it
_NEWTON, _LARGEST = 8, 1.0  # iterations for log θ, and the largest change of one
_APART = 1e-6  # of two laws, for a derivative


class Law(NamedTuple):
    """`ρ_θ (1 + Σ_{m≥1} c_m p_m)`, whose reference has the same mean loss.

    Attributes:
        log_temperature: `log θ`.
        coefficients: `c_0 = 1, c_1, …`.
    """

    log_temperature: Array
    coefficients: Array


class Step(NamedTuple):
    """What is known of a law before a step.

    Attributes:
        energy: `E L`.
        squared_gradient: `E|∇L|²`.
        curvature: `E ∇L·H∇L`, that along the gradient.
        laplacian: `E Δ_S L`.
    """

    energy: Array
    squared_gradient: Array
    curvature: Array
    laplacian: Array


class _Reference(NamedTuple):
    energy: Array
    heat: Array  # dU/d log θ
    entropy: Array
    centre: Array
    scale: Array
    diagonal: Array
    off_diagonal: Array
    nodes: Array
    weights: Array


_SHAPES = _Reference((), (), (), (), (), (_NODES,), (_NODES - 1,), (_NODES,), (_NODES,))
_SIZES = [int(np.prod(shape)) for shape in _SHAPES]


class MovingChain(eqx.Module):
    """SGD with isotropic noise on the unit sphere, `w ← (w − η(∇L + σξ))/|…|`, as a map of laws of the depth `1 − m`.

    One step from a Gauss node of the law, in the notation of `ZonalEulerMaruyama`, over nodes of the noise; the new law
    has the moments `E p_m(m')`. Nothing is small: a step may be of any length. Smooth losses only.

    Args:
        loss: with `at_depth` and `slope`, JAX functions of the depth.
        dimension: `d`.
        noise_scale: `σ`.
        temperature: `θ` near which laws are; beyond a factor e⁸ above and e^{−24} below all is NaN.
        pieces: those series in `log θ` that are known, by number; without the others all is NaN as well.
    """

    series: Array
    first: int
    loss: Any
    dimension: float
    noise_scale: float
    normals: Array
    squares: Array
    probabilities: Array

    def __init__(
        self,
        loss: Any,
        dimension: float,
        noise_scale: float,
        temperature: float,
        pieces: Mapping[int, np.ndarray],
    ) -> None:
        self.first = piece_of(temperature) - _BELOW
        series = np.full((_BELOW + 1 + _ABOVE, _DEGREE + 1, sum(_SIZES)), np.nan)
        for number, known in pieces.items():
            series[number - self.first] = known
        self.series = series
        self.loss, self.dimension, self.noise_scale = loss, dimension, noise_scale
        a, along = hermite(0.0, 1.0, _NORMALS).quadrature(_NORMALS)
        q, across = chi_square_rule(round(dimension) - 2, _SQUARES)
        self.normals, self.squares = a[None, :, None], q[None, None, :]
        self.probabilities = along[None, :, None] * across[None, None, :]

    def gibbs(self, temperature: float) -> Law:
        """The Gibbs law.

        Args:
            temperature: `T`.
        """
        return Law(np.log(temperature), np.eye(_POLYNOMIALS)[0])

    def stationary(self, rate: float, law: Law) -> Law:
        """The law that steps of one effective learning rate settle in, by Newton's method.

        Args:
            rate: `η_eff`.
            law: near it.

        Raises:
            ArithmeticError: there is none near.
        """
        return _stationary(self, rate, law)

    @eqx.filter_jit
    def run(self, rates: Array, law: Law) -> tuple[Step, Law]:
        """Steps one after another; one of `η = 0` does nothing.

        Args:
            rates: `η_eff` of each step.
            law: at the start.

        Returns:
            What is known before each step and after the last, and the last law.
        """
        last, steps = jax.lax.scan(lambda law, rate: (self.stepped(law, rate), self.known(law)), law, rates)
        end = self.known(last)
        return jax.tree.map(lambda x, y: jnp.append(x, y), steps, end), last

    @eqx.filter_jit
    def greedy(self, law: Law, largest: Array) -> tuple[Array, Law]:
        """Steps of `η = E|∇L|²/(E ∇L·H∇L + σ² E Δ_S L)`, which lower the mean loss most to second order in `η`.

        Args:
            law: at the start.
            largest: `η` of each step at most.
        """

        def one(law: Law, largest: Array) -> tuple[Law, Array]:
            here = self.known(law)
            bend = here.curvature + self.noise_scale**2 * here.laplacian
            rate = jnp.where(bend > 0, jnp.minimum(here.squared_gradient / jnp.abs(bend), largest), largest)
            return self.stepped(law, rate), rate

        last, rates = jax.lax.scan(one, law, largest)
        return rates, last

    @eqx.filter_jit
    def final_energy(self, log_rates: Array, law: Law) -> tuple[Array, Array]:
        """`E L` after the last step, and its derivatives by the `log η` of each.

        Args:
            log_rates: `log η_eff` of each step.
            law: at the start.
        """

        def energy(log_rates: Array) -> Array:
            step = jax.checkpoint(lambda law, rate: (self.stepped(law, rate), None))
            last, _ = jax.lax.scan(step, law, jnp.exp(log_rates))
            return self.known(last).energy

        return jax.value_and_grad(energy)(log_rates)

    @eqx.filter_jit
    def entropy(self, law: Law) -> Array:
        """`−E log ρ` on the sphere.

        Args:
            law: the law.
        """
        here = self._reference(law.log_temperature)
        density = jnp.maximum(_polynomials(here, here.nodes) @ law.coefficients, 1e-3)
        return here.entropy - here.weights @ (density * jnp.log(density) - density + 1)

    def known(self, law: Law) -> Step:
        """What is known of a law.

        Args:
            law: the law.
        """
        here = self._reference(law.log_temperature)
        u, mass = here.nodes, here.weights * (_polynomials(here, here.nodes) @ law.coefficients)
        D, slope = u * (2 - u), self.loss.slope(u)
        along = D * jax.jvp(self.loss.slope, (u,), (jnp.ones_like(u),))[1] + (1 - u) * slope
        laplacian = along + (self.dimension - 2) * (1 - u) * slope
        squared = D * slope**2
        return Step(mass @ self.loss.at_depth(u), mass @ squared, mass @ (squared * along), mass @ laplacian)

    def stepped(self, law: Law, rate: Array) -> Law:
        """The law after one step.

        Args:
            law: before it.
            rate: `η_eff`.
        """
        here = self._reference(law.log_temperature)
        mass = here.weights * (_polynomials(here, here.nodes) @ law.coefficients)
        u = here.nodes[:, None, None]
        s = jnp.sqrt(u * (2 - u))
        along = rate * (self.loss.slope(u) * s - self.noise_scale * self.normals)
        across = (rate * self.noise_scale) ** 2 * self.squares
        axial, off_axis = 1 - u + along * s, (s - along * (1 - u)) ** 2 + across
        radius = jnp.sqrt(1 + along**2 + across)
        longer = radius + jnp.abs(axial)
        # Without a difference near either pole.
        depth = jnp.where(axial > 0, off_axis / longer, longer) / radius
        weights = mass[:, None, None] * self.probabilities
        x = self._temperature(law.log_temperature, jnp.sum(weights * self.loss.at_depth(depth)))
        moments = jnp.einsum("iab,iabm->m", weights, _polynomials(self._reference(x), depth))
        return Law(x, moments.at[0].set(1.0))

    def _temperature(self, x: Array, energy: Array) -> Array:
        """`log θ` of a mean loss, by Newton's method from nearby."""

        def closer(x: Array, _: None) -> tuple[Array, None]:
            here = self._reference(x)
            return x + jnp.clip((energy - here.energy) / here.heat, -_LARGEST, _LARGEST), None

        return jax.lax.scan(closer, x, None, _NEWTON)[0]

    def _reference(self, x: Array) -> _Reference:
        place = x / _WIDTH
        piece = jnp.floor(place).astype(int) - self.first
        inside = (piece >= 0) & (piece < self.series.shape[0])
        t = 2 * (place - jnp.floor(place)) - 1
        powers = [jnp.ones_like(t), t]
        for _ in range(_DEGREE - 1):
            powers.append(2 * t * powers[-1] - powers[-2])
        table = jnp.asarray(self.series)[jnp.clip(piece, 0, self.series.shape[0] - 1)]
        row = jnp.where(inside, jnp.stack(powers) @ table, jnp.nan)
        parts = jnp.split(row, np.cumsum(_SIZES)[:-1])
        return _Reference(*(part.reshape(shape) for part, shape in zip(parts, _SHAPES, strict=True)))


def _polynomials(here: _Reference, depth: Array) -> Array:
    """`p_0 … p_{M−1}` along a new last axis."""
    x = (depth - here.centre) / here.scale

    def following(pair: tuple[Array, Array], row: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], Array]:
        before, now = pair
        diagonal, off, next_off = row
        after = ((x - diagonal) * now - off * before) / next_off
        return (now, after), now

    size, off = _POLYNOMIALS, here.off_diagonal
    rows = (here.diagonal[:size], jnp.append(0.0, off)[:size], off[:size])
    _, values = jax.lax.scan(following, (jnp.zeros_like(x), jnp.ones_like(x)), rows)
    return jnp.moveaxis(values, 0, -1)


_stepped = eqx.filter_jit(MovingChain.stepped)


def _stationary(chain: MovingChain, rate: float, law: Law) -> Law:
    def residual(y: np.ndarray) -> np.ndarray:
        there = _stepped(chain, Law(y[0], np.concatenate([[1.0], y[1:]])), rate)
        return np.concatenate([[there.log_temperature], there.coefficients[1:]]) - y

    y = np.concatenate([[law.log_temperature], law.coefficients[1:]])
    for _ in range(20):
        here = residual(y)
        jacobian = np.array([(residual(y + row) - here) / _APART for row in _APART * np.eye(y.size)]).T
        change = np.linalg.solve(jacobian, here) if np.isfinite(jacobian).all() else np.full(y.size, np.nan)
        y = y - np.clip(change, -0.5, 0.5)
        if not np.isfinite(y).all():
            break
        if np.abs(change).max() < 1e-10:
            return Law(y[0], np.concatenate([[1.0], y[1:]]))
    raise ArithmeticError(
        f"η_eff: got {rate:g}, for which no stationary law has been found near its Gibbs law; take a smaller one"
    )


def piece_of(temperature: float) -> int:
    """The number of the piece of `log θ` that a temperature is in.

    Args:
        temperature: `θ`.
    """
    return int(np.floor(np.log(temperature) / _WIDTH))


def piece(law: Callable[[float], Zonal], number: int) -> np.ndarray:
    """The Chebyshev series of all numbers of the reference in a piece of `log θ`, `(degree + 1, numbers)`.

    Args:
        law: the Gibbs law at a temperature.
        number: of the piece.
    """
    temperatures = np.exp(_WIDTH * (number + (1 + _CHEBYSHEV) / 2))
    rows = []
    for T in temperatures:
        at = law(float(T))
        odds = at._quadrature
        family = stieltjes(from_log_odds(odds.s.ravel()), odds.mass.ravel(), _NODES)
        reference = _Reference(
            at.mean_loss,
            T * at.heat_capacity,
            at.entropy(),
            family.centre,
            family.scale,
            family.diagonal,
            family.off_diagonal,
            *family.quadrature(_NODES),
        )
        rows.append(np.concatenate([np.ravel(x) for x in reference]))
    return _TO_SERIES @ np.array(rows)
