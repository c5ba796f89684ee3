"""An integrator that keeps the energy balance of each trajectory."""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from thermo_ideal.dynamics import SGD, AbstractProtocol, IsotropicNoise
from thermo_ideal.integrators._abstract import AbstractIntegrator
from thermo_ideal.numerics import accumulate

_PRESENT = ("loss", "radius", "temperature", "pressure")
_TOTALS = ("work", "heat", "entropy_flow", "control_work", "reduced_work")


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
        >>> from thermo_ideal.integrators import WorkMeter, ZonalEulerMaruyama
        >>> sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(), FixedEffectiveLearningRate(0.5, weight_decay=0.01))
        >>> chain = ZonalEulerMaruyama(sgd, dimension=10)
        >>> WorkMeter(chain).start(chain.start(radius=2.0, overlap=0.5))[2:6].round(3)  # L, r, T, p
        Array([0.5 , 2.  , 0.25, 0.01], dtype=float32)

    Source: Sekimoto, Stochastic Energetics (2010), chapter 4; sums: Neumaier, ZAMM 54, 39 (1974).
    """

    inner: AbstractIntegrator
    dt: float = eqx.field(static=True)
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
                f"initial: got a {found}, expected a {type(protocol).__name__} without, as in "
                f"initial=sgd.protocol.at(0)"
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
        return self.inner.num_normals(position_size - len(self.metered))

    def draw(self, key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Float[Array, "..."]:
        """The inner integrator's."""
        return self.inner.draw(key, shape, dtype)

    def innovation(self, normal: Float[Array, " n"]) -> Any:
        """The inner integrator's."""
        return self.inner.innovation(normal)

    def require_position(self, position: Float[Array, "*batch q"]) -> None:
        """Raises ValueError where the inner integrator does."""
        self.inner.require_position(position[..., : -len(self.metered)])

    def begin(self, position: Float[Array, " q"]) -> WorkState:
        """The state at a position; on the fixed sphere, at its own radius, which the first step may change."""
        inner, metered = self.inner, position[-len(self.metered) :]
        present, totals = tuple(metered[: len(_PRESENT)]), tuple(metered[len(_PRESENT) :])
        if self.sgd.protocol.fixes_radius:
            held = self.sgd.protocol.replace(radius=present[1])
            inner = eqx.tree_at(lambda run: run.sgd.protocol, inner, held)
        return WorkState(
            inner.begin(position[: -len(self.metered)]), present, totals, tuple(map(jnp.zeros_like, totals))
        )

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
        pressure = seen["effective_weight_decay"] if protocol.fixes_radius else decay
        work = pressure * _volume_change(radius_before, radius)
        jump = jnp.zeros_like(decay) if protocol.fixes_radius else decay - pressure_before
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
                total, rest = accumulate(total, rest, increment)
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
