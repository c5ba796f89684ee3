"""Steps of training and measurements at one point of it, as JAX's programs, for one run and for a batch of runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from thermo_ideal.dynamics import AbstractProtocol
from thermo_ideal.networks._extra import optax
from thermo_ideal.networks._group_gas import step_quantities
from thermo_ideal.networks._groups import InvarianceGroups
from thermo_ideal.networks._transformations import ProtocolState, gradient_transformation

_TEST_BATCH = 250


def cross_entropy(logits: Float[Array, "n classes"], labels: Int[Array, " n"]) -> Float[Array, ""]:
    """`−mean log p(label)`, `p` the softmax of the logits.

    Args:
        logits: `(n, classes)`.
        labels: `(n,)`, whole numbers from 0.

    Returns:
        A number, in nats.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.networks import cross_entropy
        >>> round(float(cross_entropy(jnp.zeros((3, 10)), jnp.arange(3))), 4)  # log 10
        2.3026
    """
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -jnp.mean(chosen)


@dataclass(frozen=True)
class Settings:
    """What a program is compiled for.

    Args:
        groups: that are measured.
        protocol_groups: that the protocol acts on; all weights together if None.
        transformation: in the place of a protocol, or None.
        loss: of logits and labels.
        batch_size: examples in a batch.
        batches: fresh mini-batches of a measurement.
        batched: whether runs have an axis in front.
    """

    groups: InvarianceGroups
    protocol_groups: InvarianceGroups | None
    transformation: optax.GradientTransformation | None
    loss: Callable[[Array, Array], Array]
    batch_size: int
    batches: int
    batched: bool

    def optimiser(self, protocol: AbstractProtocol | None) -> optax.GradientTransformation:
        """What makes steps of gradients."""
        if protocol is None:
            return self.transformation
        return gradient_transformation(protocol, self.protocol_groups)


class Walker(NamedTuple):
    """One run between two steps.

    Args:
        weights: that are trained.
        optimiser: its state.
        previous: the last gradient.
        norm: `r`, `(groups + 1,)`, at which it was taken.
        square: `|previous|²`, `(groups + 1,)`.
        sums: over the steps since they were emptied, by name.
    """

    weights: Any
    optimiser: Any
    previous: Any
    norm: Float[Array, " rows"]
    square: Float[Array, " rows"]
    sums: dict[str, Array]


def over_runs(settings: Settings, function: Callable[..., Any], *arguments: Any) -> Any:
    """A function of one run for all runs, whose arrays have their axis in front."""
    if not settings.batched:
        return function(*arguments)
    return eqx.filter_vmap(function, in_axes=eqx.if_array(0))(*arguments)


def begin(settings: Settings, weights: Any, protocol: AbstractProtocol | None) -> Walker:
    """A run before its first step."""
    rows = jnp.zeros(len(settings.groups) + 1, jax.tree.leaves(weights)[0].dtype)
    names = step_quantities(*[rows] * 6)
    nothing = jax.tree.map(jnp.zeros_like, weights)
    sums = {**dict.fromkeys(names, rows), "loss": rows[0]}
    return Walker(weights, settings.optimiser(protocol).init(weights), nothing, rows, rows, sums)


@eqx.filter_jit
def begin_all(settings: Settings, weights: Any, protocol: AbstractProtocol | None) -> Walker:
    """All runs before their first step."""
    return over_runs(settings, lambda w, p: begin(settings, w, p), weights, protocol)


@eqx.filter_jit
def steps(
    settings: Settings,
    walkers: Walker,
    rest: Any,
    protocol: AbstractProtocol | None,
    keys: Any,
    data: tuple[Array, Array],
    first: Int[Array, ""],
    length: Int[Array, ""],
) -> Walker:
    """`length` steps of all runs, from step `first`: one program for every length."""

    def one(walker: Walker, rest: Any, protocol: AbstractProtocol | None, key: PRNGKeyArray) -> Walker:
        def step(i: Array, walker: Walker) -> Walker:
            return _step(settings, walker, rest, protocol, jax.random.fold_in(key, first + i), data, first + i)

        return lax.fori_loop(0, length, step, walker)

    return over_runs(settings, one, walkers, rest, protocol, keys)


def _draw(key: PRNGKeyArray, data: tuple[Array, Array], size: int) -> tuple[Array, Array]:
    """Examples drawn with replacement."""
    chosen = jax.random.randint(key, (size,), 0, data[0].shape[0])
    return data[0][chosen], data[1][chosen]


def _rows(sums: Float[Array, " groups"]) -> Float[Array, " rows"]:
    """Sums over groups, and that over all of them last."""
    return jnp.append(sums, jnp.sum(sums))


def _step(
    settings: Settings,
    walker: Walker,
    rest: Any,
    protocol: AbstractProtocol | None,
    key: PRNGKeyArray,
    data: tuple[Array, Array],
    number: Int[Array, ""],
) -> Walker:
    groups, w = settings.groups, walker.weights
    images, labels = _draw(key, data, settings.batch_size)
    loss, g = jax.value_and_grad(lambda w: settings.loss(eqx.combine(w, rest)(images), labels))(w)
    updates, state = settings.optimiser(protocol).update(g, walker.optimiser, w)
    norm, square = jnp.sqrt(_rows(groups.inner(w, w))), _rows(groups.inner(g, g))
    product = _rows(groups.inner(g, walker.previous))
    noise = (norm**2 * square + walker.norm**2 * walker.square) / 2 - norm * walker.norm * product
    noise = jnp.where(number > 0, noise, 0.0)  # the first step has none; who averages leaves it out
    along, length = _rows(groups.inner(w, updates)) / norm, _rows(groups.inner(updates, updates))
    angle = jnp.arctan2(jnp.sqrt(jnp.maximum(length - along**2, 0.0)), norm + along)
    rate, decay = (_spread(x, norm) for x in _rate_and_decay(state, norm))
    found = {**step_quantities(norm, norm**2 * square, noise, rate, decay, angle**2), "loss": loss}
    sums = {name: total + found[name] for name, total in walker.sums.items()}
    return Walker(optax.apply_updates(w, updates), state, g, norm, square, sums)


def _rate_and_decay(state: Any, norm: Float[Array, " rows"]) -> tuple[Array, Array]:
    """Of the protocol in the optimiser's state; NaN where there is none."""
    parts = jax.tree.leaves(state, is_leaf=lambda part: isinstance(part, ProtocolState))
    for part in parts:
        if isinstance(part, ProtocolState):
            return part.learning_rate, part.effective_weight_decay
    unknown = jnp.full(1, jnp.nan, norm.dtype)
    return unknown, unknown


def _spread(numbers: Array, norm: Float[Array, " rows"]) -> Float[Array, " rows"]:
    """One number for all rows, or one for each group, which the whole has none of."""
    if numbers.shape == (1,):
        return jnp.broadcast_to(numbers, norm.shape)
    if len(numbers) != len(norm) - 1:
        raise ValueError(
            f"groups: got {len(norm) - 1} to measure and {len(numbers)} that the protocol acts on, expected the same, "
            "as in train(…, groups=groups, protocol_groups=groups)"
        )
    return jnp.append(numbers, jnp.nan)


@eqx.filter_jit
def measure(
    settings: Settings,
    walkers: Walker,
    rest: Any,
    keys: Any,
    data: tuple[Array, Array],
    test: tuple[Array, Array] | None,
) -> dict[str, Array]:
    """Loss, gradient and noise at the weights of all runs, from fresh mini-batches, and the metrics of the test."""
    return over_runs(
        settings, lambda walker, rest, key: _measure(settings, walker, rest, key, data, test), walkers, rest, keys
    )


def _measure(
    settings: Settings,
    walker: Walker,
    rest: Any,
    key: PRNGKeyArray,
    data: tuple[Array, Array],
    test: tuple[Array, Array] | None,
) -> dict[str, Array]:
    groups, w, reference, n = settings.groups, walker.weights, walker.previous, settings.batches
    model = eqx.combine(w, rest)

    def losses(w: Any, images: Array, labels: Array) -> tuple[Array, Array]:
        logits = eqx.combine(w, rest)(images)
        return settings.loss(logits, labels), jnp.mean(jnp.argmax(logits, axis=-1) == labels)

    def add(i: Array, totals: Any) -> Any:
        """Sums of gradients less one that is near them: their squares would lose digits to the mean."""
        images, labels = _draw(jax.random.fold_in(key, i), data, settings.batch_size)
        (loss, accuracy), g = jax.value_and_grad(losses, has_aux=True)(w, images, labels)
        apart = jax.tree.map(jnp.subtract, g, reference)
        found = [apart, groups.inner(apart, apart), jnp.stack([loss, accuracy])]
        if test is not None:
            found.append(model.statistics(images))
        return jax.tree.map(jnp.add, totals, found)

    example = _draw(key, data, settings.batch_size)
    empty = [
        jax.tree.map(jnp.zeros_like, w),
        jnp.zeros(len(groups), walker.norm.dtype),
        jnp.zeros(2, walker.norm.dtype),
        *([] if test is None else [_zeros_like(lambda: model.statistics(example[0]))]),
    ]
    apart, squares, means, *statistics = jax.tree.map(lambda x: x / n, lax.fori_loop(0, n, add, empty))
    volume = _rows(groups.inner(w, w))
    spread = _rows(squares - groups.inner(apart, apart)) * n / (n - 1)
    mean = jax.tree.map(jnp.add, apart, reference)
    signal = _rows(groups.inner(mean, mean)) - spread / n
    found = {
        "train_loss": means[0],
        "train_accuracy": means[1],
        "fresh_noise_trace": volume * spread,
        "full_gradient_square": volume * signal,
    }
    return found if test is None else found | _test(settings, model, statistics[0], test)


def _zeros_like(function: Callable[[], Any]) -> Any:
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(function))


def _test(settings: Settings, model: Any, statistics: Any, test: tuple[Array, Array]) -> dict[str, Array]:
    """Loss and accuracy on the data of the test, a piece at a time, the last piece filled up with the first example."""
    images, labels = test
    n = labels.shape[0]
    size = min(_TEST_BATCH, n)
    order = jnp.arange(-(-n // size) * size)
    places = jnp.where(order < n, order, 0).reshape(-1, size)

    def piece(chosen: Array) -> tuple[Array, Array]:
        logits, own = model.predict(images[chosen], statistics), labels[chosen]
        each = jax.vmap(lambda x, y: settings.loss(x[None], y[None]))(logits, own)
        return each, jnp.argmax(logits, axis=-1) == own

    loss, right = lax.map(piece, places)
    return {"test_loss": jnp.mean(loss.reshape(-1)[:n]), "test_accuracy": jnp.mean(right.reshape(-1)[:n])}
