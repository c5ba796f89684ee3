"""Strategies for Hypothesis: directions, losses, noises, protocols, and SGD of them."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermo_ideal.dynamics import (
    SGD,
    AbstractProtocol,
    AbstractZonalLoss,
    AnisotropicNoise,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    FixedSphere,
    IsotropicNoise,
    VonMisesFisherLoss,
    ZonalLoss,
)
from thermo_ideal.testing._hypothesis import (
    Numbers,
    SearchStrategy,
    drawn_from,
    real_numbers,
    strategies,
    whole_numbers,
)

# Products and ratios of a few of such numbers are numbers in single precision.
MAGNITUDES = (1e-9, 1e9)
_SMALL = (2, 8)  # dimensions
_BY_COMPONENT = 32  # components that Hypothesis draws one by one; of more it draws the seed


def directions(dimension: Numbers = _SMALL) -> SearchStrategy[np.ndarray]:
    """Unit vectors, at and near the axes and anywhere between them.

    Args:
        dimension: `d ≥ 2`, a whole number, the least and the largest, or a strategy.

    Returns:
        A strategy of arrays of double precision, `(d,)`; the simplest is the first axis.

    Raises:
        ValueError: dimensions below 2.
        ImportError: Hypothesis is not installed.

    Example:
        >>> from hypothesis import find
        >>> from thermo_ideal.testing import directions
        >>> find(directions(3), lambda w: True)
        array([1., 0., 0.])
        >>> find(directions(3), lambda w: w[1] < 0)
        array([ 0., -1.,  0.])
    """
    st = strategies("directions")

    def vectors(d: int) -> Any:
        if d > _BY_COMPONENT:
            return st.integers(0, 2**32 - 1).map(lambda seed: _unit(_normals(seed, d)))
        component = st.integers(-9, 9).map(float) | st.floats(-1, 1)
        return st.lists(component, min_size=d, max_size=d).map(lambda x: _unit(np.array(x)))

    return whole_numbers("dimension", dimension, 2).flatmap(vectors)


def zonal_losses(dimension: Numbers | None = _SMALL) -> SearchStrategy[AbstractZonalLoss]:
    """Losses of the overlap `m = μ·w̄`: `1 − m`, and polynomials `a₁u + a₂u² + a₃u³` of the depth `u = 1 − m`.

    With coefficients between −9 and 9 these have one minimum or two, at `μ`, at `−μ`, on a ring, or are constants.

    Args:
        dimension: `d ≥ 2` of `μ`, a whole number, the least and the largest, or a strategy; None for losses without a
            direction.

    Returns:
        A strategy of losses; the simplest is `1 − m` about the first axis.

    Raises:
        ValueError: dimensions below 2.
        ImportError: Hypothesis is not installed.

    Example:
        >>> from hypothesis import find
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.testing import zonal_losses
        >>> find(zonal_losses(dimension=None), lambda loss: loss.at_depth(jnp.asarray(2.0)) < 0)
        ZonalLoss(function=-1 u³, argument='depth')
    """
    st = strategies("zonal_losses")
    axis = st.none() if dimension is None else directions(dimension)
    coefficient = st.integers(-9, 9).map(float) | st.floats(-9, 9, width=32, allow_subnormal=False)
    polynomial = st.tuples(coefficient, coefficient, coefficient).map(lambda a: Polynomial(jnp.asarray(a, jnp.float32)))
    return st.one_of(
        st.builds(VonMisesFisherLoss, axis),
        st.builds(lambda f, mu: ZonalLoss(f, mu, argument="depth"), polynomial, axis),
    )


def anisotropic_noises(
    dimension: Numbers = _SMALL,
    *,
    variance: Numbers = (0, 1e6),
    scale: Numbers = MAGNITUDES,
    rank: Numbers = (0, 2),
) -> SearchStrategy[AnisotropicNoise]:
    """Gradient noise with a covariance `σ² P (D + FFᵀ) P`, also degenerate.

    Args:
        dimension: `d ≥ 2`; this and what follows a number, the least and the largest, or a strategy.
        variance: of each component, `≥ 0`; all are 1 where they would be 0.
        scale: `σ > 0`.
        rank: columns of `F`, whose components are whole numbers; 0 for a diagonal covariance.

    Returns:
        A strategy of noises; the simplest is isotropic.

    Raises:
        ValueError: an argument out of its range.
        ImportError: Hypothesis is not installed.

    Example:
        >>> from hypothesis import find
        >>> from thermo_ideal.testing import anisotropic_noises
        >>> find(anisotropic_noises(3), lambda noise: noise.variance[1] > noise.variance[0])
        AnisotropicNoise(scale=1, variance=[0, 1, 0])
    """
    st = strategies("anisotropic_noises")
    one = real_numbers("variance", variance)
    ranks, scales = whole_numbers("rank", rank, 0), real_numbers("scale", scale)

    def noises(shape: tuple[int, int]) -> Any:
        d, k = shape
        row = st.lists(st.integers(-9, 9), min_size=k, max_size=k)
        factor = st.lists(row, min_size=d, max_size=d) if k else st.none()
        return st.builds(_noise, st.lists(one, min_size=d, max_size=d), factor, scales)

    return st.tuples(whole_numbers("dimension", dimension, 2), ranks).flatmap(noises)


def protocols(*kinds: Any, **hyperparameters: Numbers) -> SearchStrategy[AbstractProtocol]:
    """Protocols, with constant hyperparameters between 10⁻⁹ and 10⁹; a weight decay may be 0.

    Args:
        kinds: classes of protocols, also of one's own; the three of the package if none is given.
        hyperparameters: by name, a number, the least and the largest, or a strategy, for those kinds that have it.

    Returns:
        A strategy of protocols; the simplest has a learning rate of 1 and no weight decay.

    Raises:
        ValueError: what is no class of protocols, a hyperparameter that none of them has, or one out of its range.
        ImportError: Hypothesis is not installed.

    Example:
        >>> from hypothesis import find
        >>> from thermo_ideal.dynamics import FixedLearningRate
        >>> from thermo_ideal.testing import protocols
        >>> find(protocols(FixedLearningRate, weight_decay=(0.5, 10)), lambda protocol: protocol.learning_rate > 2)
        FixedLearningRate(learning_rate=3, weight_decay=1)
    """
    st = strategies("protocols")
    kinds = kinds or (FixedLearningRate, FixedEffectiveLearningRate, FixedSphere)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, AbstractProtocol)):
            raise ValueError(f"kinds: got {kind!r}, expected a class of protocols, as in protocols(FixedLearningRate)")
    known = {name for kind in kinds for name in kind.hyperparameters()}
    for name in hyperparameters:
        if name not in known:
            raise ValueError(f"{name}: got a name that is not known, expected one of {', '.join(sorted(known))}")
    ranges = dict.fromkeys(known, MAGNITUDES) | {"weight_decay": (0.0, MAGNITUDES[1])} | hyperparameters
    numbers = {name: real_numbers(name, ranges[name]) for name in known}
    return st.one_of(*(st.builds(kind, **{name: numbers[name] for name in kind.hyperparameters()}) for kind in kinds))


def sgds(
    dimension: Numbers = _SMALL, *, loss: Any = None, noise: Any = None, protocol: Any = None
) -> SearchStrategy[SGD]:
    """SGD of a loss, a noise and a protocol that go with each other.

    Args:
        dimension: `d ≥ 2`, where the loss is left out.
        loss: a loss or a strategy of them; `zonal_losses` if None.
        noise: a noise or a strategy of them; if None isotropic, or anisotropic of the dimension of the loss.
        protocol: a protocol or a strategy of them; `protocols` if None.

    Returns:
        A strategy of SGD; the simplest is the toy model with all parameters 1 and no weight decay.

    Raises:
        ValueError: dimensions below 2.
        ImportError: Hypothesis is not installed.

    Example:
        >>> from hypothesis import find
        >>> from thermo_ideal.dynamics import FixedLearningRate
        >>> from thermo_ideal.testing import protocols, sgds
        >>> sgd = find(sgds(3, protocol=protocols(FixedLearningRate)), lambda sgd: True)
        >>> sgd.noise, sgd.protocol
        (IsotropicNoise(scale=1), FixedLearningRate(learning_rate=1, weight_decay=0))
    """
    st = strategies("sgds")
    losses = zonal_losses(dimension) if loss is None else drawn_from(loss)
    rules = protocols() if protocol is None else drawn_from(protocol)
    isotropic = st.builds(IsotropicNoise, real_numbers("scale", MAGNITUDES))

    def beside(one: Any) -> Any:
        if noise is not None:
            noises = drawn_from(noise)
        else:
            noises = isotropic if one.dimension is None else isotropic | anisotropic_noises(one.dimension)
        return st.builds(SGD, st.just(one), noises, rules)

    return losses.flatmap(beside)


class Polynomial(eqx.Module):
    """`a₁u + a₂u² + a₃u³`, whose coefficients are arrays, so that all of them are one program."""

    coefficients: Float[Array, "3"]

    def __call__(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """The value at `u`."""
        a, b, c = self.coefficients.astype(u.dtype)
        return u * (a + u * (b + u * c))

    @property
    def __name__(self) -> str:
        """The polynomial as text."""
        powers = zip(self.coefficients.tolist(), ("u", "u²", "u³"), strict=True)
        text = " + ".join(f"{a:g} {power}" for a, power in powers if a) or "0"
        return text.replace("+ -", "− ")


def _noise(variance: list[float], factor: Any, scale: float) -> AnisotropicNoise:
    columns = None if factor is None else np.array(factor, np.float64)
    nothing = not np.any(variance) and (columns is None or not columns.any())
    return AnisotropicNoise(np.ones(len(variance)) if nothing else np.array(variance), columns, scale)


def _normals(seed: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=d) if seed else np.zeros(d)


def _unit(x: np.ndarray) -> np.ndarray:
    """The direction of a vector, also of one whose square underflows; the first axis for 0."""
    largest = np.abs(x).max()
    if largest == 0:
        return np.eye(len(x))[0]
    x = x / largest
    return x / np.linalg.norm(x)
