"""The temperature of one run, by what is measured: noise, radius, energy fluctuations, entropy, directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy  # whose parts load when they are used
from numpy.typing import ArrayLike

from thermo_ideal._arguments import as_unit, require_finite
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._replica_statistics import as_replicas, jackknife, of_two_runs, pseudo_values
from thermo_ideal.estimators._samples import as_samples, in_units
from thermo_ideal.thermodynamics import AbstractHelmholtzEnergy, State

_GRID = 257  # temperatures at which a gas is asked for its heat capacity
_APART = 5.0  # standard errors of a difference of entropies below which a slope is a ratio of noises


def temperature_from_noise(
    noise_trace: Estimate | ArrayLike, effective_learning_rate: ArrayLike, rank: int
) -> Estimate:
    r"""`T = η_eff Tr Σ_w̄ / 2 rank Σ`: the noise per direction that it has.

    The rank is `d` less the number of groups of weights whose joint scaling leaves the loss alone; it is `d − 1` where
    the whole vector is the only one. `gradient_noise` estimates the trace, and the rank where that is small.

    Args:
        noise_trace: `Tr Σ_w̄ = r² Tr Σ_w` in loss², an `Estimate`, or `(*batch, replicas)` independent numbers of that
            mean, as `r²|g − ∇L|²` of gradients `g`.
        effective_learning_rate: `η_eff`, which broadcasts with `(*batch, replicas)`.
        rank: of `Σ`.

    Returns:
        An `Estimate` of `T`, in units of the loss.

    Raises:
        ValueError: a rank or an effective learning rate that is not positive, or what `Estimate` refuses.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import temperature_from_noise
        >>> squares = np.random.default_rng(0).chisquare(999, size=400)  # σ = 1, d = 1000
        >>> temperature_from_noise(squares, effective_learning_rate=0.02, rank=999)
        Estimate(0.00998(2), replicas=400)

    Source: arXiv 2511.07308, table 1, with the rank in the place of `d − 1`.
    """
    _require_rank(rank)
    traces = noise_trace.values if isinstance(noise_trace, Estimate) else as_samples("noise_trace", noise_trace)
    eta = as_samples("effective_learning_rate", effective_learning_rate)
    if not (np.isfinite(eta) & (eta > 0)).all():
        raise ValueError(f"effective_learning_rate: got {eta}, expected numbers > 0, as in 0.01")
    return Estimate(traces * (eta / (2 * rank)))


def temperature_from_radius(
    protocol: Any,  # an AbstractProtocol; a name gets a message that says more than that of a type
    radius: ArrayLike,
    rank: int,
    *,
    effective_weight_decay: ArrayLike | None = None,
    squared_gradient: ArrayLike = 0.0,
) -> Estimate:
    r"""`pV = RT` with `V = r²/2` and `R = rank/2`: the pressure that keeps the radius balances the noise.

    The balance is that of the mean of `r²` in one step, exact in the learning rate `η`, with `λ` the weight decay and
    `p` the relative growth `(|w'| − r)/ηr` that a protocol with a fixed radius takes away:

    .. math:: T = \frac{\mathrm{E}\,\eta\,[r^2 \lambda (2 - \eta\lambda) + r^2 p (2 + \eta p) - \eta G^2/r^2]}
              {2\,\mathrm{rank}\;\mathrm{E}\,\eta}

    Where the radius fluctuates this is the mean of `T` over the time `∫η dt`.

    Args:
        protocol: whose learning rate and weight decay hold at that radius; it has no schedules.
        radius: `r` of a stationary run, `(replicas, draws)`, or `(replicas,)`.
        rank: of the noise, `d − 1` or `d` less the number of scale-invariant groups.
        effective_weight_decay: `p`, which broadcasts with the radius; needed where the protocol fixes the radius.
            `simulate` observes it by this name. Means over steps in the place of single steps leave out the variance
            of `ηp`, a relative `η_eff²σ²/2` or so.
        squared_gradient: `G² = |∇L(w̄)|²` or its mean, which broadcasts with the radius and adds to the noise; without
            it `T` is too large by a relative `G²/Tr Σ_w̄`.

    Returns:
        An `Estimate` of `T` by the jackknife over replicas, in units of the loss.

    Raises:
        ValueError: a radius or a rank that is not positive, a fixed radius without the effective weight decay, one with
            it where the radius is free, fewer than 3 replicas, or shapes that do not broadcast.

    Example:
        >>> from thermo_ideal.dynamics import FixedEffectiveLearningRate
        >>> from thermo_ideal.estimators import temperature_from_radius
        >>> protocol = FixedEffectiveLearningRate(0.01, weight_decay=0.001)
        >>> temperature_from_radius(protocol, [10.0, 10.1, 9.9], rank=10)  # λr²/(d − 1)
        Estimate(0.0100(1), replicas=3)

    Source: arXiv 2511.07308, table 1; the second moment of one step for the terms beyond.
    """
    _require_rank(rank)
    if not isinstance(protocol, AbstractProtocol):
        raise ValueError(f"protocol: got {protocol!r}, expected a protocol, as in FixedSphere(0.1, radius=1.0)")
    if protocol.fixes_radius != (effective_weight_decay is not None):
        need = "the growth that the rescaling takes away" if protocol.fixes_radius else "None: its radius is free"
        found = "None" if effective_weight_decay is None else "numbers"
        line = "; observe it, as in run.mean('effective_weight_decay')" if protocol.fixes_radius else ""
        raise ValueError(f"effective_weight_decay: got {found} for {protocol!r}, expected {need}{line}")
    r = as_replicas("radius", radius, 3)
    if not (r > 0).all():
        raise ValueError(f"radius: got {r.min()}, expected numbers > 0, (replicas, draws)")
    growth = _beside(r, "effective_weight_decay", 0.0 if effective_weight_decay is None else effective_weight_decay)
    gradient = _beside(r, "squared_gradient", squared_gradient)
    if not (gradient >= 0).all():
        raise ValueError(f"squared_gradient: got {gradient.min()}, expected numbers ≥ 0")
    with jax.enable_x64(True):  # a square of a radius may not be a number in single precision
        at = jnp.asarray(r)
        rate, decay = (np.asarray(f(at), np.float64) for f in (protocol.learning_rate_at, protocol.weight_decay_at))
    if not (np.isfinite(rate) & (rate > 0)).all():
        raise ValueError(f"protocol: got {protocol!r} with a learning rate of {rate.min()}, expected numbers > 0")
    pressure = decay * (2 - rate * decay) + growth * (2 + rate * growth)
    own = (r**2 * pressure - rate / r**2 * gradient) / (2 * rank)
    weight = rate / rate.max()
    return jackknife(np.divide, (weight * own).mean(axis=1), weight.mean(axis=1))


def _beside(radius: np.ndarray, name: str, value: ArrayLike) -> np.ndarray:
    """Numbers in the shape of the radius, one for each replica if there are as many."""
    numbers = as_samples(name, value)
    require_finite(name, numbers)
    numbers = numbers[:, None] if numbers.ndim == 1 else numbers
    if np.broadcast_shapes(numbers.shape, (1, 1)) not in {
        (a, b) for a in (1, len(radius)) for b in (1, radius.shape[1])
    }:
        raise ValueError(f"{name}: got shape {np.shape(numbers)}, expected that of the radius, {radius.shape}")
    return np.broadcast_to(numbers, radius.shape)


def temperature_from_fluctuations(
    losses: ArrayLike,
    *,
    rank: int | None = None,
    gas: AbstractHelmholtzEnergy | None = None,
    variance: ArrayLike | None = None,
) -> Estimate:
    r"""`T` from `Var L = T² C_V(T)`.

    Squares of energies are skew, the more the fewer dimensions: intervals are right where the relative error is at most
    2 %; at 8 %, from 300 draws at `d = 3`, they are too narrow by 1.14.

    Args:
        losses: `(replicas, draws)`, or `(replicas,)` independent draws.
        rank: for the cold form without a model, `C_V = rank/2`, which holds where the loss is quadratic:
            `T = (2 Var L/rank)^{1/2}`.
        gas: for the gas whose `C_V(T)` is known, at any temperature at which its `T² C_V` rises.
        variance: `(replicas,)`, over the time of each; `losses` are then the means of replicas. `simulate` has both.

    Returns:
        An `Estimate` of `T` by the jackknife over replicas, in units of the loss.

    Raises:
        ValueError: not exactly one of `rank` and `gas`, fewer than 3 replicas, losses that are all the same or not
            finite, a variance that the gas has at no temperature, or at several, or variances that are
            not one for each replica.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import temperature_from_fluctuations
        >>> losses = 0.01 * np.random.default_rng(0).gamma(50, size=4000)  # a quadratic minimum, d = 101, T = 0.01
        >>> temperature_from_fluctuations(losses, rank=100)
        Estimate(0.0101(1), replicas=4000)

    Source: the fluctuation formula of the canonical ensemble; Efron, The Jackknife (1982).
    """
    if (rank is None) == (gas is None):
        found = "neither rank nor gas" if rank is None else "both rank and gas"
        raise ValueError(
            f"rank: got {found}, expected one of them, as in rank=d - 1 of a cold gas, or gas=VonMisesFisherGas(d)"
        )
    values = as_replicas("losses", losses, 3)
    own = np.zeros(len(values)) if variance is None else as_samples("variance", variance)
    if (
        own.shape != (len(values),)
        or not (np.isfinite(own) & (own >= 0)).all()
        or (variance is not None and values.shape[1] > 1)
    ):
        raise ValueError(
            f"variance: got shape {own.shape} beside losses of shape {values.shape}, expected numbers ≥ 0, one for the "
            "mean loss of each replica, as in temperature_from_fluctuations(run.mean('loss'), "
            "variance=run.variance('loss'), rank=d - 1)"
        )
    # From the first loss on, in units of the largest departure.
    scaled, unit = in_units(np.append(values.reshape(-1), np.sqrt(own)))
    apart, spread = in_units(np.append(scaled[: values.size] - scaled[0], scaled[values.size :]))
    size = float(unit * spread)
    apart, own = np.split(apart, [values.size])
    apart = (apart - apart.mean()).reshape(values.shape)
    terms = np.stack([apart.mean(axis=1), (apart**2).mean(axis=1) + own**2])
    if not terms[1].any():
        raise ValueError("losses: got numbers that are all the same, expected draws of a law; run with noise")

    def variance_of(mean: np.ndarray, square: np.ndarray) -> np.ndarray:
        return np.asarray(square - mean**2)

    if gas is None:
        _require_rank(rank)
        return jackknife(lambda *means: size * np.sqrt(2 * variance_of(*means) / rank), *terms)
    spreads = np.sqrt(variance_of(*(terms.sum(axis=1, keepdims=True) - terms) / (terms.shape[1] - 1)))
    temperature_of = _gas_thermometer(gas, size * spreads.min(), size * spreads.max())
    return jackknife(lambda *means: temperature_of(size * np.sqrt(variance_of(*means))), *terms)


def _gas_thermometer(gas: AbstractHelmholtzEnergy, low: float, high: float) -> Callable[[np.ndarray], np.ndarray]:
    """The temperature as a function of the standard deviation of the loss, between two of these."""
    lowest, highest = gas.temperature_range
    cold = high / np.sqrt(float(gas.gas_constant))
    # A gas is at least as warm as its cold form says wherever C_V ≤ R; a decade beyond is for those where it is not.
    ends = np.clip([cold / 30, cold * 1e4], lowest * (1 + 1e-9), highest * (1 - 1e-9))
    log_t = np.linspace(np.log(ends[0]), np.log(ends[1]), _GRID)
    width = _log_spread(gas, log_t)
    target = np.log([low, high])
    crossings = [np.flatnonzero((width[:-1] < x) != (width[1:] < x)) for x in target]
    if not all(x.size == 1 and width[x[0]] < width[x[0] + 1] for x in crossings):
        places = "several temperatures" if any(x.size > 1 for x in crossings) else "none"
        raise ValueError(
            f"losses: got a standard deviation of {high:.4g}, which {gas!r} has at {places} "
            f"between {ends[0]:.3g} and {ends[1]:.3g}, where it is up to {np.exp(np.nanmax(width)):.4g}; take another "
            "thermometer, as temperature_from_noise"
        )
    fine = np.linspace(log_t[max(crossings[0][0] - 1, 0)], log_t[min(crossings[1][0] + 2, _GRID - 1)], _GRID)
    spline = scipy.interpolate.CubicSpline(_log_spread(gas, fine), fine)
    return lambda spread: np.exp(spline(np.log(spread)))


def _log_spread(gas: AbstractHelmholtzEnergy, log_temperature: np.ndarray) -> np.ndarray:
    """`log (T² C_V)^{1/2}`."""
    with jax.enable_x64(True):
        state = State(gas, temperature=np.exp(log_temperature), volume=1.0)
        capacity = np.asarray(state.heat_capacity_volume, np.float64)
    return log_temperature + np.log(capacity) / 2


def temperature_from_entropy(energy: Estimate | ArrayLike, entropy: Estimate | ArrayLike) -> Estimate:
    r"""`ΔU/ΔS` between runs at one radius: the temperature between theirs, `∫T dS/ΔS`.

    It lies between the temperatures of the two runs, because each minimises its own Helmholtz energy:
    `T_1 ≤ ΔU/ΔS ≤ T_2`. An entropy that is itself a function of the mean energy of the same draws departs with it, and
    the departures cancel in `δU − T δS` to first order: the stated error is then that of what is left. Where the heat
    capacity is constant it is their logarithmic mean, `√(T_1 T_2)` up to a relative `(log T_2/T_1)²/24`.

    Args:
        energy: `U` of each run, an `Estimate` of shape `(runs,)` or its values `(runs, replicas)`.
        entropy: `S` of each run in nats, likewise, of the same replicas; its constant does not matter.

    Returns:
        An `Estimate` of shape `(runs − 1,)`: between each run and the next, in units of the loss.

    Raises:
        ValueError: shapes or replicas that are not the same, a single run, or entropies that differ by less than 5
            standard errors.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.estimators import Estimate, temperature_from_entropy
        >>> noise = 1e-4 * np.random.default_rng(0).normal(size=(2, 2, 50))
        >>> T = np.array([[0.1], [0.11]])  # a quadratic minimum, R = 5
        >>> temperature_from_entropy(Estimate(5 * T + noise[0]), Estimate(5 * np.log(T) + noise[1]))
        Estimate([0.10490(4)], replicas=100)

    Source: the first law, `dU = T dS` at constant volume.
    """
    energy, entropy = (x if isinstance(x, Estimate) else Estimate(np.asarray(x)) for x in (energy, entropy))
    if energy.value.ndim != 1 or energy.value.size < 2:
        raise ValueError(f"energy: got shape {energy.value.shape}, expected (runs,) with at least 2 runs")
    if energy.values.shape != entropy.values.shape:
        raise ValueError(
            f"entropy: got values of shape {entropy.values.shape}, expected {energy.values.shape} as of the energy, "
            "(runs, replicas) of the same replicas"
        )
    u, s = np.diff(energy.value), np.diff(entropy.value)
    error = np.hypot(entropy.standard_error[1:], entropy.standard_error[:-1])
    good = np.abs(s) > _APART * error
    if not good.all():
        worst = int(np.argmin(good))
        raise ValueError(
            f"entropy: got runs {worst} and {worst + 1} that differ by {s[worst]:.3g} with a standard error of "
            f"{error[worst]:.2g}, expected {_APART:g} standard errors; choose runs farther apart in temperature"
        )
    slope = u / s

    def moved(run: slice) -> np.ndarray:
        """How far the ratio moves with each replica: `(u − T s)/ΔS`."""
        return np.asarray((energy.values[run] - slope[:, None] * entropy.values[run]) / s[:, None])

    return of_two_runs(slope, -moved(slice(None, -1)), moved(slice(1, None)))


def temperature_from_concentration(directions: ArrayLike, *, mean_direction: ArrayLike | None = None) -> Estimate:
    r"""`T = 1/κ` of the von Mises–Fisher law of directions, of the loss `1 − μ·w̄`.

    With `μ` known, `1 − A_d(κ)` is the mean of `1 − μ·w̄`. Without, `1 − A_d(κ)²` is that of `1 − x̄·x̄'` over pairs of
    different replicas, `x̄` the mean of a replica: no draw is paired with itself, which is what makes `|x̄|` of a plain
    fit too long in high dimension. `VonMisesFisher.fit` is the fit of independent draws with its direction.

    Args:
        directions: unit vectors, `(replicas, draws, d)`, or `(replicas, d)` for independent draws.
        mean_direction: `μ`, if it is known.

    Returns:
        An `Estimate` of `T` by the jackknife over replicas, in units of the loss.

    Raises:
        ValueError: vectors whose norm is not 1, fewer than 3 replicas, directions that are all the same, or directions
            that have no mean direction.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.distributions import VonMisesFisher
        >>> from thermo_ideal.estimators import temperature_from_concentration
        >>> x = VonMisesFisher(jnp.eye(50)[0], 200.0).sample(jax.random.key(0), (300,))
        >>> temperature_from_concentration(x)
        Estimate(0.00501(6), replicas=300)

    Source: Mardia & Jupp, Directional Statistics, section 10.3.1; the pairs make it free of bias in `A²`.
    """
    x = as_samples("directions", directions)
    x = x[:, None] if x.ndim == 2 else x
    if x.ndim != 3 or not (x.shape[0] >= 3 and x.shape[2] >= 2):
        raise ValueError(
            f"directions: got shape {np.shape(directions)}, expected (replicas, draws, d) with at least 3 replicas, "
            "as in directions.reshape(32, -1, d) of one long run"
        )
    require_finite("directions", x)
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    if not (np.abs(norm - 1) < 1e-3).all():
        raise ValueError(
            f"directions: got norms from {norm.min():.6g} to {norm.max():.6g}, expected 1; divide by the norm, as in "
            "w / np.linalg.norm(w, axis=-1, keepdims=True)"
        )
    x = x / norm
    d = x.shape[-1]
    if mean_direction is not None:
        with jax.enable_x64(True):
            axis = np.asarray(as_unit("mean_direction", np.asarray(mean_direction, np.float64), batched=False))
        if axis.shape != (d,):
            raise ValueError(f"mean_direction: got {axis.shape[0]} components, expected {d}, those of the directions")
        depth = ((x - axis) ** 2).sum(axis=-1).mean(axis=-1) / 2
        _require_spread(depth.mean())
        return jackknife(lambda mean: _temperature_of_depth(d, mean), depth)
    mean = x.mean(axis=1)
    n = len(mean)
    others = (n - 1) - (mean * (mean.sum(axis=0) - mean)).sum(axis=-1)  # Σ_{s≠r} (1 − x̄_r·x̄_s)
    total = others.sum()
    whole, parts = total / (n * (n - 1)), (total - 2 * others) / ((n - 1) * (n - 2))
    _require_spread(whole)
    if not (max(whole, parts.max()) < 1):
        raise ValueError(
            f"directions: got 1 − A² = {whole:.4g}, expected less than 1: they have no mean direction; give it, as in "
            "mean_direction=mu, take more draws, or another thermometer, as temperature_from_noise"
        )
    complement = np.concatenate([[whole], parts])
    found = _temperature_of_depth(d, complement / (1 + np.sqrt(1 - complement)))
    return Estimate(pseudo_values(found[0], found[1:]))


def _require_spread(complement: float) -> None:
    if not complement > 0:
        raise ValueError("directions: got directions that are all the same, expected draws of a law; run with noise")


def _temperature_of_depth(dimension: int, depth: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        kappa = vmf.concentration(float(dimension), one_minus_resultant_length=np.asarray(depth, np.float64))
        return np.asarray(1 / kappa, np.float64)


def _require_rank(rank: int | None) -> None:
    number = np.asarray(rank)
    if number.ndim or not (np.isfinite(number.astype(float)) and number >= 1):
        raise ValueError(f"rank: got {rank!r}, expected a number ≥ 1, as in rank=d - 1")
