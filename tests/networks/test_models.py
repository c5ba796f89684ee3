"""The networks: counts, scale invariance group by group, gradients, convolutions."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.flatten_util import ravel_pytree

from tests.support.statistics import assert_rejects
from thermo_ideal._compilation import run_once
from thermo_ideal.networks import (
    ConvNet,
    ResNet18,
    ScaleInvariantMLP,
    count_scale_invariant,
    cross_entropy,
    invariance_groups,
    split_weights,
)
from thermo_ideal.networks._convolution import convolve
from thermo_ideal.networks._layers import max_pool

KEY = jax.random.key(0)
RADII = (0.25, 1.0, 4.0)
STEP = 1e-8  # of differences: few activations change their sign within it
MODELS = {
    "mlp": (partial(ScaleInvariantMLP, 12, (8, 6), 3, key=KEY), (12,)),
    "convnet": (partial(ConvNet, 2, 3, key=KEY), (8, 8, 3)),
    "resnet": (partial(ResNet18, 1, 3, key=KEY), (8, 8, 3)),
}


def program(model, shape, n=16):
    """The loss of a fixed batch and its gradient as a function of one flat vector, which is compiled; that vector; the
    group of each weight, by level."""
    weights, rest = split_weights(model)
    flat, unravel = ravel_pytree(weights)
    x, y = jax.random.normal(jax.random.key(1), (n, *shape)), jnp.arange(n) % 3
    look = run_once(jax.value_and_grad(lambda w: cross_entropy(eqx.combine(unravel(w), rest)(x), y)))
    groups = invariance_groups(weights)
    labels = {level: groups.at(level).labels(weights) for level in ("network", "group", "layer", "filter")}
    return lambda w: tuple(np.asarray(out, np.float64) for out in look(jnp.asarray(w, flat.dtype))), flat, labels


@pytest.mark.parametrize(
    ("model", "count", "groups", "filters"),
    [
        (ConvNet(8, 10, key=KEY), 24_408, 4, 15 * 8),
        (ConvNet(16, 100, key=KEY), 97_200, 4, 15 * 16),
        (ResNet18(4, 10, key=KEY), 43_692, 12, 45 * 4),
        (eqx.filter_eval_shape(lambda: ResNet18(32, 10, key=KEY)), 2_790_240, 12, 45 * 32),
        (ScaleInvariantMLP(64, (32, 32), 10, key=KEY), 3072, 2, 64),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, eqx.Module) else str(x),
)
def test_counts(model, count, groups, filters):
    if count == 2_790_240:
        model = jax.tree.map(lambda leaf: np.broadcast_to(np.zeros((), np.float32), leaf.shape), model)
    assert count_scale_invariant(model) == count
    found = invariance_groups(model)
    assert (len(found), len(found.at("filter")), len(found.at("network"))) == (groups, filters, 1)
    weights = split_weights(model)[0]
    for level in ("network", "group", "filter"):
        own = found.at(level)
        assert own.sizes(weights).sum() == count
        assert own.ranks(weights).sum() == count - filters


def test_start():
    """Total norm 1, fan-in scaling, a head of norm 10, and a bias where the paper has one."""
    for model in (ConvNet(8, key=KEY), ResNet18(4, key=KEY), ScaleInvariantMLP(64, (32, 32), key=KEY)):
        leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(split_weights(model)[0])]
        assert np.isclose(sum((leaf**2).sum() for leaf in leaves), 1, rtol=1e-5)
        # Uniform within ±1/√(fan in), so that squares times the fan-in have one mean; times one number.
        means = [(leaf**2).mean() * leaf[0].size for leaf in leaves if leaf.size > 500]
        assert np.allclose(means, means[0], rtol=0.2)
        assert np.isclose(np.linalg.norm(model.head.weight), 10, rtol=1e-5)
        assert (model.head.bias is not None) == isinstance(model, ConvNet)


def check_invariance(name, limit, radii=RADII, **options):
    make, shape = MODELS[name]
    look, w, labels = program(make(**options), shape)
    w = np.asarray(w, np.float64)
    loss, _ = look(w)
    for radius in radii:
        scaled = radius * w
        other, gradient = look(scaled)
        assert abs(other - loss) < limit * max(loss, 1)
        for level in ("network", "group", "filter"):
            product, squares, slopes = (
                np.bincount(labels[level], x) for x in (scaled * gradient, scaled**2, gradient**2)
            )
            size = np.sqrt(squares * slopes)
            # Some filters have hardly a gradient, but the rounding of the others.
            assert (np.abs(product) < limit * (size.max() if level == "filter" else size)).all()
    return look, w, labels


@pytest.mark.parametrize("name", MODELS)
def test_scale_invariance_in_single_precision(name):
    check_invariance(name, 1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_scale_invariance_and_gradients_in_double_precision(name, x64):
    look, w, labels = check_invariance(name, 1e-6)
    loss, gradient = look(w)
    rng = np.random.default_rng(0)
    for level in ("group", "filter"):
        factors = np.exp(rng.normal(size=labels[level].max() + 1))
        assert abs(look(factors[labels[level]] * w)[0] - loss) < 1e-9
    if name == "resnet":  # an array of a stream by itself is no group
        factors = np.exp(rng.normal(size=labels["layer"].max() + 1))
        assert abs(look(factors[labels["layer"]] * w)[0] - loss) > 1e-3
    along = rng.normal(size=w.size) / np.sqrt(w.size)
    ahead, behind = (look(w + s * along)[0] for s in (STEP, -STEP))
    assert np.isclose((ahead - behind) / (2 * STEP), gradient @ along, rtol=1e-4)


def test_epsilon_breaks_the_invariance_and_is_noticed():
    assert_rejects(lambda: check_invariance("mlp", 1e-5, (1e-3,), eps=1e-5))


def test_slices_and_products_are_convolutions():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 7, 6, 3)), jnp.float32)
    for size, stride in ((3, 1), (3, 2), (1, 2)):
        weight = jnp.asarray(np.random.default_rng(1).normal(size=(5, 3, size, size)), jnp.float32)
        ours, theirs = (convolve(x, weight, stride, method) for method in ("slices", "xla"))
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
        # The definition, in one place.
        padded = np.pad(x, ((0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0)))
        patch = padded[1, stride : stride + size, 2 * stride : 2 * stride + size]
        np.testing.assert_allclose(ours[1, 1, 2], np.einsum("ijc,fcij->f", patch, weight), atol=2e-5)
    with pytest.raises(ValueError, match="convolution: got 'fft', expected one of 'slices', 'xla'"):
        ConvNet(1, 2, key=KEY, convolution="fft")(x)


def test_pooling_is_that_of_xla():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 7, 6, 3)), jnp.float32)
    pooled = lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    assert np.array_equal(max_pool(x), pooled)


def test_a_channel_that_does_not_vary_is_zero():
    """With ε = 0 a division by its deviation would make weights NaN."""
    model = ScaleInvariantMLP(3, (4,), 2, key=KEY)
    weights, rest = split_weights(model)
    x = jnp.ones((5, 3)) / 3  # of which the mean is rounded
    loss, gradient = jax.value_and_grad(lambda w: cross_entropy(eqx.combine(w, rest)(x), jnp.zeros(5, int)))(weights)
    assert np.isclose(loss, np.log(2), rtol=1e-5)  # all logits are 0: the head has no bias
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient))


def test_prediction_with_statistics_of_the_batch_is_the_output():
    make, shape = MODELS["mlp"]
    model, x = make(), jax.random.normal(KEY, (9, *shape))
    np.testing.assert_allclose(model.predict(x, model.statistics(x)), model(x), rtol=1e-5)
    assert not np.allclose(model.predict(x, model.statistics(2 * x + 1)), model(x), rtol=1e-2)


def test_batches_of_models_are_models():
    keys = jax.random.split(KEY, 2)
    models = eqx.filter_vmap(lambda key: ScaleInvariantMLP(12, (8, 6), 3, key=key))(keys)
    x = jax.random.normal(KEY, (9, 12))
    outputs = eqx.filter_vmap(lambda model: model(x), in_axes=eqx.if_array(0))(models)
    np.testing.assert_allclose(outputs[1], ScaleInvariantMLP(12, (8, 6), 3, key=keys[1])(x), rtol=2e-5)
