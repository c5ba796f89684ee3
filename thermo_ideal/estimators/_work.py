"""Work, heat and entropy flow along each trajectory."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from thermo_ideal._arguments import require_count
from thermo_ideal.dynamics import SGD, AbstractProtocol, IsotropicNoise
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.integrators import AbstractIntegrator, ProgressBar, simulate

_PRESENT = ("loss", "radius", "temperature", "pressure")
_TOTALS = ("work", "heat", "entropy_flow", "control_work", "reduced_work")
_METERED = len(_PRESENT) + len(_TOTALS)
_STRIDE = 64  # steps at most from one check that a run is finite to the next: what `simulate` measures is not used


class WorkState(NamedTuple):
    """The inner state, what the last step left, and the totals with what rounding has left of them."""

    inner: Any
    present: tuple[Float[Array, ""], ...]
    totals: tuple[Float[Array, ""], ...]
    rests: tuple[Float[Array, ""], ...]


class WorkMeter(AbstractIntegrator):
    """An integrator that also keeps the energy balance of the gas `p = λ`, `V = r²/2`, `T = η_eff σ²/2`.

    A step has two parts. First the hyperparameters jump to those of the step, at fixed weights: that is where control
    does work. Then the step is made at the new ones: that is where heat flows. With `L_n`, `V_n` before step `n`, and
    `p_n`, `T_n = 1/β_n` those of the step, `T_n` at the radius where it begins, the totals are sums over steps of

        work          p_n (V_{n+1} − V_n)                        what the gas does on the weight decay
        heat          L_{n+1} − L_n + p_n (V_{n+1} − V_n)        δQ: ΔU = Q − W
        entropy flow  δQ_n / T_{n+½}                             entropy production is ΔS less this
        control work  V_n (λ_n − λ_{n−1})                        ΔH = Q + this, H = L + λV
        reduced work  L_n (β_n − β_{n−1})                        Δ(βL) = Σ β_n ΔL_n + this

    Under a fixed learning rate or effective learning rate `p` is the weight decay. On the fixed sphere it is the weight
    decay that the step's rescaling stands for, `(|w'| − r)/(η r dt)` with `r` from before the step; `ΔV` is what the
    schedule of the radius imposes, and there is no control work. Where the temperature depends on the radius, heat goes
    to that of the middle of the step, `T_{n+½}`: at its beginning the flow would gain what the radius fluctuates by, as
    an Itô integral does. Sums are compensated.

    A *position* is the inner integrator's, followed by loss, radius, temperature, pressure and the five totals.

    Args:
        inner: the process and its step, with isotropic noise.

    Raises:
        ValueError: noise that has no temperature, or no integrator.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.estimators import WorkMeter
        >>> from thermo_ideal.integrators import ZonalEulerMaruyama
        >>> sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedEffectiveLearningRate(0.5, weight_decay=0.01))
        >>> chain = ZonalEulerMaruyama(sgd, dimension=10)
        >>> WorkMeter(chain).start(chain.start(radius=2.0, overlap=0.5))[2:6].round(3)  # L, r, T, p
        Array([0.5 , 2.  , 0.25, 0.01], dtype=float32)

    Source: Sekimoto, Stochastic Energetics (2010), chapter 4; sums: Neumaier, ZAMM 54, 39 (1974).
    """

    inner: AbstractIntegrator
    dt: float = eqx.field(static=True)

    def __init__(self, inner: AbstractIntegrator) -> None:
        if not isinstance(inner, AbstractIntegrator):
            raise ValueError(
                f"integrator: got a {type(inner).__name__}, wanted an integrator, as in EulerMaruyama(sgd)"
            )
        if not isinstance(inner.sgd.noise, IsotropicNoise):
            raise ValueError(
                f"noise: got {type(inner.sgd.noise).__name__}, wanted IsotropicNoise(scale=1.0), which alone has a "
                "temperature"
            )
        self.inner, self.dt = inner, inner.dt

    # A property, so that what replaces hyperparameters finds those of `inner`.
    @property  # type: ignore[misc]
    def sgd(self) -> SGD:  # type: ignore[override]
        """The inner integrator's."""
        return self.inner.sgd

    def start(
        self, position: Float[ArrayLike, "*batch p"], initial: AbstractProtocol | None = None
    ) -> Float[Array, "*batch q"]:
        """Positions to start from, with all totals 0.

        Args:
            position: of the inner integrator; on the fixed sphere, rescaled to the initial radius.
            initial: the hyperparameters before step 0, as those of the equilibrium in which the ensemble is; those of
                step 0 if None, which then begins without a jump.

        Raises:
            ValueError: an initial protocol of another kind, with schedules, or that does not fit the batch.
        """
        position, first = jnp.asarray(position), self.inner.at(0)
        first.require_position(position)
        batch, protocol = position.shape[:-1], first.sgd.protocol
        initial = protocol if initial is None else initial
        if type(initial) is not type(protocol) or initial.schedules:
            found = f"{type(initial).__name__} with{'' if initial.schedules else 'out'} schedules"
            raise ValueError(
                f"initial: got a {found}, wanted a {type(protocol).__name__} without, as in initial=sgd.protocol.at(0)"
            )
        try:
            lanes = jax.tree.map(
                lambda x: jnp.broadcast_to(x, batch).reshape(-1), (initial, jnp.asarray(self.sgd.noise.scale))
            )
        except ValueError as error:
            raise ValueError(f"initial: got shapes that do not broadcast against the batch {batch}: {error}") from error

        started = jax.vmap(lambda *lane: _start(self.inner, *lane))(*lanes, position.reshape(-1, position.shape[-1]))
        return started.reshape(*batch, -1).astype(position.dtype)

    def num_normals(self, position_size: int) -> int:
        """The inner integrator's."""
        return self.inner.num_normals(position_size - _METERED)

    def draw(self, key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Float[Array, "..."]:
        """The inner integrator's."""
        return self.inner.draw(key, shape, dtype)

    def innovation(self, normal: Float[Array, " n"]) -> Any:
        """The inner integrator's."""
        return self.inner.innovation(normal)

    def require_position(self, position: Float[Array, "*batch q"]) -> None:
        """Raises ValueError where the inner integrator does."""
        self.inner.require_position(position[..., :-_METERED])

    def begin(self, position: Float[Array, " q"]) -> WorkState:
        """The state at a position; on the fixed sphere, at its own radius, which the first step may change."""
        inner, metered = self.inner, position[-_METERED:]
        present, totals = tuple(metered[: len(_PRESENT)]), tuple(metered[len(_PRESENT) :])
        if self.sgd.protocol.rescales:
            held = self.sgd.protocol.replace(radius=present[1])
            inner = eqx.tree_at(lambda run: run.sgd.protocol, inner, held)
        return WorkState(inner.begin(position[:-_METERED]), present, totals, tuple(map(jnp.zeros_like, totals)))

    def end(self, state: WorkState) -> Float[Array, " q"]:
        """The inner position, what the last step left, and the totals."""
        totals = [total + rest for total, rest in zip(state.totals, state.rests, strict=True)]
        return jnp.concatenate([self.inner.end(state.inner), jnp.stack([*state.present, *totals])])

    def advance(self, state: WorkState, innovation: Any) -> WorkState:
        """The inner step, and its share of the totals."""
        inner = self.inner.advance(state.inner, innovation)
        seen = self.inner.observe(state.inner, inner, innovation)
        loss_before, radius_before, temperature_before, pressure_before = state.present
        loss, radius, protocol = seen["loss"], seen["radius"], self.sgd.protocol
        temperature = _temperature(protocol, self.sgd.noise.scale, radius_before)
        middle = _temperature(protocol, self.sgd.noise.scale, jnp.sqrt((radius_before**2 + radius**2) / 2))
        decay = protocol.weight_decay_at(radius_before)
        pressure = seen["effective_weight_decay"] if protocol.rescales else decay
        work = pressure * _volume_change(radius_before, radius)
        jump = jnp.zeros_like(decay) if protocol.rescales else decay - pressure_before
        # 1/T − 1/T' as a quotient, which keeps its digits where T hardly changes.
        cooling = (temperature_before - temperature) / (temperature_before * temperature)
        # Heat takes the losses one by one: their difference would be rounded where they are far apart.
        terms = (
            (work,),
            (loss, -loss_before, work),
            ((loss - loss_before + work) / middle,),
            (jump * radius_before**2 / 2,),
            (loss_before * cooling,),
        )
        totals, rests = [], []
        for total, rest, increments in zip(state.totals, state.rests, terms, strict=True):
            for increment in increments:
                total, rest = _add(total, rest, increment)
            totals.append(total)
            rests.append(rest)
        present = loss, radius, temperature, jnp.asarray(pressure, loss.dtype)
        return WorkState(inner, present, tuple(totals), tuple(rests))

    def observe(self, before: WorkState, after: WorkState, innovation: Any) -> dict[str, Float[Array, ""]]:
        """What the inner integrator measures."""
        return self.inner.observe(before.inner, after.inner, innovation)


@eqx.filter_jit
def _start(inner: AbstractIntegrator, protocol: AbstractProtocol, scale: Array, position: Array) -> Array:
    """One position of a meter, with all totals 0."""
    inner = eqx.tree_at(lambda run: (run.sgd.protocol, run.sgd.noise.scale), inner, (protocol, scale))
    state = inner.begin(position)
    still = inner.innovation(jnp.zeros(inner.num_normals(position.size), position.dtype))
    seen = inner.observe(state, state, still)
    loss, radius = seen["loss"], seen["radius"]
    present = loss, radius, _temperature(protocol, scale, radius), protocol.weight_decay_at(radius)
    return jnp.concatenate([inner.end(state), jnp.stack(present), jnp.zeros(len(_TOTALS))])


def _temperature(protocol: AbstractProtocol, scale: Array, radius: Array) -> Array:
    return protocol.effective_learning_rate_at(radius) * scale**2 / 2


def _volume_change(before: Array, after: Array) -> Array:
    """Of `V = r²/2`, without a difference of squares."""
    return (after - before) * (after + before) / 2


def _add(total: Array, rest: Array, increment: Array) -> tuple[Array, Array]:
    """A sum, and all that rounding has left of it so far; either summand may be the larger."""
    new = total + increment
    shown = new - total
    return new, rest + ((total - (new - shown)) + (increment - shown))


@dataclass(frozen=True)
class WorkRecord:
    """Energy balances of a batch of trajectories at `points` times, the first before step 0.

    Args:
        time: in units of a step with `dt = 1`, `(points,)`.
        position: of the integrator that was metered, `(points, *batch, p)`.
        loss: `L`, `(points, *batch)`, as all that follow.
        radius: `r`.
        temperature: `T` of the last step; first, the initial one.
        pressure: `p` of the last step; first, the initial weight decay, or NaN on the fixed sphere.
        work: `Σ p ΔV`.
        heat: `Σ (ΔL + p ΔV)`.
        entropy_flow: `Σ δQ/T`.
        control_work: `Σ V Δλ`.
        reduced_work: `Σ L Δβ`.
        precision: the relative spacing of the numbers in which the totals were kept.
    """

    time: np.ndarray
    position: np.ndarray
    loss: np.ndarray
    radius: np.ndarray
    temperature: np.ndarray
    pressure: np.ndarray
    work: np.ndarray
    heat: np.ndarray
    entropy_flow: np.ndarray
    control_work: np.ndarray
    reduced_work: np.ndarray
    precision: float

    @property
    def volume(self) -> np.ndarray:
        """`V = r²/2`."""
        return self.radius**2 / 2

    def mean(self, name: str) -> Estimate:
        """The ensemble mean of a series, by name, at each time: replicas are the last axis of the batch.

        Raises:
            ValueError: no such series, or fewer than two replicas.
        """
        names = (*_PRESENT, "volume", *_TOTALS)
        if name not in names:
            raise ValueError(f"name: got {name!r}, wanted one of {', '.join(map(repr, names))}")
        return Estimate(getattr(self, name))

    def entropy_production(self, entropy_change: np.ndarray | Array | float) -> Estimate:
        """`ΔS − Σ δQ/T ≥ 0` of the whole process, in nats.

        Args:
            entropy_change: `ΔS` between the ensembles at both ends, for each point of the grid that the batch is
                without its last axis, the replicas.
        """
        return Estimate(np.asarray(entropy_change, np.float64)[..., None] - self.entropy_flow[-1])

    def closure(self) -> float:
        """`|ΔU − (Q − W)|`, the largest of all trajectories and times, in units of the last place of its terms.

        A few units are rounding; more is an energy that was not accounted for.
        """
        gap = np.abs(self.loss - self.loss[0] - (self.heat - self.work))
        largest = sum(np.abs(x).max(axis=0) for x in (self.loss, self.heat, self.work))
        return float(np.max(gap / (self.precision * largest)))


def measure_work(
    key: PRNGKeyArray,
    integrator: AbstractIntegrator,
    position: Float[ArrayLike, "*batch p"],
    num_steps: int,
    *,
    initial: AbstractProtocol | None = None,
    save: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    chunk_size: int | None = None,
    progress: ProgressBar | bool = False,
) -> WorkRecord:
    """Runs a process and keeps the energy balance of each trajectory, as `WorkMeter` defines it.

    Args:
        key: a JAX key.
        integrator: the process and its step, with isotropic noise and usually a schedule.
        position: an ensemble to start from, `(*batch, p)`, with replicas along the last axis of the batch.
        num_steps: how many steps to make.
        initial: the protocol whose equilibrium that ensemble is in: the hyperparameters before step 0, without
            schedules; those of step 0 if None.
        save: keep the balance after every so many steps; None keeps the start and the end.
        devices: as in `simulate`.
        chunk_size: as in `simulate`.
        progress: as in `simulate`.

    Returns:
        A `WorkRecord`.

    Raises:
        ValueError: noise that is not isotropic, an initial protocol that does not fit, a `save` that does not divide
            `num_steps`, or what `simulate` refuses.
        FloatingPointError: a run left the finite numbers.

    Example:
        Weight decay is doubled at once: the gas is compressed, and what it does not give back is dissipated.

        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.estimators import measure_work
        >>> from thermo_ideal.integrators import ZonalEulerMaruyama
        >>> before, after = (FixedEffectiveLearningRate(0.01, weight_decay) for weight_decay in (0.01, 0.02))
        >>> chain = ZonalEulerMaruyama(SGD(VonMisesFisherLoss(), IsotropicNoise(), after), dimension=101)
        >>> ensemble = jnp.broadcast_to(chain.start(radius=50**0.5, overlap=0.8), (8, 2))  # p V = R T
        >>> record = measure_work(jax.random.key(0), chain, ensemble, 3000, initial=before)
        >>> volume = record.mean("volume").value  # from R T/p to half of it
        >>> volume.round(0), record.mean("work").value.round(1), record.closure() < 10
        (array([25., 13.]), array([ 0. , -0.2]), True)

    Source: Sekimoto, Stochastic Energetics (2010); Seifert, Rep. Prog. Phys. 75, 126001 (2012).
    """
    require_count("num_steps", num_steps)
    every = num_steps if save is None else save
    require_count("save", every)
    if num_steps % every:
        raise ValueError(f"save: got {save}, wanted a divisor of num_steps = {num_steps}, as in save={num_steps}")
    meter = WorkMeter(integrator)
    start = meter.start(position, initial)
    stride = gcd(every, chunk_size or 0, _STRIDE)
    run = simulate(
        key,
        meter,
        start,
        num_steps,
        stride=stride,
        save=save,
        devices=devices,
        chunk_size=chunk_size,
        progress=progress,
    )
    samples = np.concatenate([np.asarray(start)[None], run.position[None] if run.samples is None else run.samples])
    metered = np.moveaxis(samples[..., -_METERED:].astype(np.float64), -1, 0)
    series = dict(zip((*_PRESENT, *_TOTALS), metered, strict=True))
    if meter.sgd.protocol.rescales:
        series["pressure"][0] = np.nan
    time = integrator.dt * every * np.arange(len(samples))
    precision = float(np.finfo(samples.dtype).eps)
    return WorkRecord(time=time, position=samples[..., :-_METERED], precision=precision, **series)
