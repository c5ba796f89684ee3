"""An integrator that keeps the energy balance of each trajectory."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from thermo_ideal._arguments import broadcast_batch
from thermo_ideal.dynamics import SGD, AbstractProtocol, IsotropicNoise, temperature
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.integrators._batch import Batch
from thermo_ideal.integrators._parameters import with_values
from thermo_ideal.numerics import accumulate, like

_PRESENT = ("loss", "radius", "temperature", "pressure")
_TOTALS = ("work", "heat", "entropy_flow", "control_work", "reduced_work")


class WorkState(NamedTuple):
    """The inner state, what the last step left, and the totals with their compensations."""

    inner: Any
    present: tuple[Float[Array, "..."], ...]
    totals: tuple[Float[Array, "..."], ...]
    compensations: tuple[Float[Array, "..."], ...]


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
    an Itô integral does. A step at a learning rate of 0 exchanges no heat and leaves the temperature as it was. Sums
    are compensated.

    A *position* is the inner integrator's, followed by loss, radius, temperature, pressure and the five totals.

    Args:
        inner: the process and its step, with isotropic noise.

    Raises:
        ValueError: noise that has no temperature, or no integrator.

    Example:
        >>> from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
        >>> from thermo_ideal.integrators import WorkMeter, ZonalEulerMaruyama
        >>> sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedEffectiveLearningRate(0.5, weight_decay=0.01))
        >>> chain = ZonalEulerMaruyama(sgd, dimension=10)
        >>> WorkMeter(chain).start(chain.start(radius=2.0, overlap=0.5))[2:6].round(3)  # L, r, T, p
        Array([0.5 , 2.  , 0.25, 0.01], dtype=float32)

    Source: Sekimoto, Stochastic Energetics (2010), chapter 4; sums: Neumaier, ZAMM 54, 39 (1974).
    """

    inner: AbstractIntegrator
    metered: ClassVar[tuple[str, ...]] = (*_PRESENT, *_TOTALS)

    def __init__(self, inner: AbstractIntegrator) -> None:
        if not isinstance(inner, AbstractIntegrator):
            raise ValueError(
                f"integrator: got a {type(inner).__name__}, expected an integrator, as in EulerMaruyama(sgd)"
            )
        if not isinstance(inner.sgd.noise, IsotropicNoise):
            raise ValueError(
                f"noise: got {type(inner.sgd.noise).__name__}, expected IsotropicNoise(scale=1.0), which alone has a "
                "temperature"
            )
        self.inner = inner

    # Properties, so that what replaces parameters finds those of `inner`.
    @property  # type: ignore[misc]
    def sgd(self) -> SGD:  # type: ignore[override]
        """The inner integrator's."""
        return self.inner.sgd

    @property  # type: ignore[misc]
    def dt(self) -> Any:
        """The inner integrator's."""
        return self.inner.dt

    def start(
        self, position: Float[ArrayLike, "*batch p"], initial: AbstractProtocol | None = None
    ) -> Float[Array, "... q"]:
        """Positions to start from, with all totals 0.

        Args:
            position: of the inner integrator; on the fixed sphere, rescaled to the initial radius.
            initial: the hyperparameters before step 0, as those of the equilibrium in which the ensemble is; those of
                step 0 if None, which then begins without a jump.

        Returns:
            Positions of the meter, in the batch of the positions and all parameters.

        Raises:
            ValueError: an initial protocol of another kind, with schedules, or that does not fit the batch.
        """
        first = self.inner.at(0)
        protocol = first.sgd.protocol
        initial = protocol if initial is None else initial
        if type(initial) is not type(protocol) or initial.schedules:
            found = f"{type(initial).__name__} with{'' if initial.schedules else 'out'} schedules"
            raise ValueError(
                f"initial: got a {found}, expected a {type(protocol).__name__} without, as in "
                f"initial=sgd.protocol.at(0)"
            )
        held = eqx.tree_at(lambda run: run.sgd.protocol, first, initial)
        broadcast_batch({"initial": held.batch_shape, "sgd": first.batch_shape})
        batch = Batch(held, jnp.broadcast_to(position, _spread_shape(jnp.shape(position), first.batch_shape)))
        started = jax.vmap(lambda values, w: _start(with_values(held, values), w))(batch.values, batch.position)
        return started.reshape(*batch.shape, -1).astype(batch.dtype)

    def num_normals(self, position_size: int) -> int:
        """The inner integrator's."""
        return self.inner.num_normals(position_size - len(self.metered))

    def draw(self, key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Float[Array, "..."]:
        """The inner integrator's."""
        return self.inner.draw(key, shape, dtype)

    def innovation(self, normal: Float[Array, "*batch n"]) -> Any:
        """The inner integrator's."""
        return self.inner.innovation(normal)

    def require_position(self, position: Float[Array, "*batch q"]) -> None:
        """Raises ValueError where the inner integrator does."""
        self.inner.require_position(position[..., : -len(self.metered)])

    def require_steps(self, position: Float[Array, "*batch q"], num_steps: int) -> None:
        """Raises ValueError where the inner integrator does."""
        self.inner.require_steps(position[..., : -len(self.metered)], num_steps)

    def begin(self, position: Float[Array, "*batch q"]) -> WorkState:
        """The state at a position; on the fixed sphere, at its own radius, which the first step may change."""
        # One array for each number, of the shape of the batch.
        metered = tuple(jnp.moveaxis(position[..., -len(self.metered) :], -1, 0))
        present, totals = metered[: len(_PRESENT)], metered[len(_PRESENT) :]
        free = eqx.tree_at(lambda run: run.sgd.protocol, self.inner, _Unconstrained(self.sgd.protocol))
        inner = free.begin(position[..., : -len(self.metered)])
        return WorkState(inner, present, totals, tuple(map(jnp.zeros_like, totals)))

    def end(self, state: WorkState) -> Float[Array, "*batch q"]:
        """The inner position, what the last step left, and the totals."""
        totals = [total + compensation for total, compensation in zip(state.totals, state.compensations, strict=True)]
        metered = jnp.stack([*state.present, *totals], axis=-1)
        return jnp.concatenate([self.inner.end(state.inner), metered], axis=-1)

    def advance(self, state: WorkState, innovation: Any) -> WorkState:
        """The inner step, and its share of the totals."""
        inner = self.inner.advance(state.inner, innovation)
        seen = self.inner.observe(state.inner, inner, innovation)
        loss_before, radius_before, temperature_before, pressure_before = state.present
        loss, radius, protocol = seen["loss"], seen["radius"], self.sgd.protocol
        now = _temperature(self.sgd, radius_before)
        # Where the learning rate is 0 no heat flows: the bath is that of the step before.
        now = jnp.where(now > 0, now, temperature_before)
        middle = _temperature(self.sgd, jnp.sqrt((radius_before**2 + radius**2) / 2))
        decay = protocol.weight_decay_at(radius_before)
        pressure = seen["effective_weight_decay"] if protocol.fixes_radius else decay
        work = pressure * _volume_change(radius_before, radius)
        jump = jnp.zeros_like(decay) if protocol.fixes_radius else decay - pressure_before
        # 1/T − 1/T' as quotients, which keep its digits where T hardly changes; none from a bath that was at 0.
        jumps = temperature_before > 0
        cooling = jnp.where(jumps, (temperature_before - now) / jnp.where(jumps, temperature_before, 1.0) / now, 0.0)
        # Heat takes the losses one by one: their difference would be rounded where they are far apart.
        terms = (
            (work,),
            (loss, -loss_before, work),
            (jnp.where(middle > 0, (loss - loss_before + work) / jnp.where(middle > 0, middle, 1.0), 0.0),),
            (jump * radius_before**2 / 2,),
            (loss_before * cooling,),
        )
        totals, compensations = [], []
        for total, compensation, increments in zip(state.totals, state.compensations, terms, strict=True):
            for increment in increments:
                total, compensation = accumulate(total, compensation, increment)
            totals.append(total)
            compensations.append(compensation)
        present = loss, radius, now, jnp.asarray(pressure, loss.dtype)
        return WorkState(inner, present, tuple(totals), tuple(compensations))

    def observe(self, before: WorkState, after: WorkState, innovation: Any) -> dict[str, Float[Array, "..."]]:
        """What the inner integrator measures."""
        return self.inner.observe(before.inner, after.inner, innovation)


class _Unconstrained(AbstractProtocol):
    """Another protocol without its constraint."""

    protocol: AbstractProtocol
    name: ClassVar[str] = "unconstrained"
    fixes_radius: ClassVar[bool] = False

    @classmethod
    def parameters(cls) -> Mapping[str, int]:
        return {}

    def learning_rate_at(self, radius: Array) -> Array:
        return self.protocol.learning_rate_at(radius)

    def weight_decay_at(self, radius: Array) -> Array:
        return self.protocol.weight_decay_at(radius)

    def constrain(self, position: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        return position

    def stationary_radius(self, noise_trace: ArrayLike) -> Array:
        return self.protocol.stationary_radius(noise_trace)

    def radius_relaxation_rate(self, noise_trace: ArrayLike) -> Array:
        return self.protocol.radius_relaxation_rate(noise_trace)


@eqx.filter_jit
def _start(inner: AbstractIntegrator, position: Array) -> Array:
    """One position of a meter, with all totals 0."""
    state = inner.begin(position)
    still = inner.innovation(jnp.zeros(inner.num_normals(position.size), position.dtype))
    seen = inner.observe(state, state, still)
    loss, radius = seen["loss"], seen["radius"]
    present = loss, radius, _temperature(inner.sgd, radius), inner.sgd.protocol.weight_decay_at(radius)
    return jnp.concatenate([inner.end(state), jnp.stack(present), jnp.zeros(len(_TOTALS))])


def _temperature(sgd: SGD, radius: Array) -> Array:
    return temperature(sgd.protocol.effective_learning_rate_at(radius), like(sgd.noise.scale, radius))


def _spread_shape(position: tuple[int, ...], batch: tuple[int, ...]) -> tuple[int, ...]:
    return (*jnp.broadcast_shapes(position[:-1], batch), position[-1])


def _volume_change(before: Array, after: Array) -> Array:
    """Of `V = r²/2`, without a difference of squares."""
    return (after - before) * (after + before) / 2
