"""Invariance groups found by gradients, and the protocols as optax transformations."""

import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.support.systems import ProportionalLearningRate
from thermo_ideal.dynamics import (
    SGD,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    FixedSphere,
    IsotropicNoise,
    VonMisesFisherLoss,
)
from thermo_ideal.networks import (
    Block,
    InvarianceGroups,
    cross_entropy,
    fixed_effective_learning_rate,
    fixed_learning_rate,
    fixed_sphere,
    gradient_transformation,
    invariance_groups,
)

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(24, 5)), jnp.float32)
Y = jnp.arange(24) % 3
SHAPES = {
    "stem": {"kernel": (5, 4)},
    "block": {"inner": {"kernel": (4, 6), "bias": (6,)}, "outer": {"kernel": (6, 4)}},
    "head": {"kernel": (4, 3)},
}
PARAMS = jax.tree.map(
    lambda shape: jnp.asarray(RNG.normal(size=shape), jnp.float32), SHAPES, is_leaf=lambda x: isinstance(x, tuple)
)
WEIGHTS = {"a": jnp.asarray(RNG.normal(size=(3, 4)), jnp.float32), "b": jnp.asarray(RNG.normal(size=(5,)), jnp.float32)}
GROUPS = InvarianceGroups((Block("a", ("['a']",), filters=3), Block("b", ("['b']",))))
GRADIENT = jax.tree.map(lambda w: jnp.asarray(RNG.normal(size=w.shape), jnp.float32), WEIGHTS)


def normalise(h):
    h = h - h.mean(axis=0, keepdims=True)
    return h / jnp.sqrt((h**2).mean(axis=0, keepdims=True))


def flax_like_loss(params, head=True):
    """Inputs times kernels, outputs last, a residual stream, and a bias that a normalisation takes away."""
    stream = X @ params["stem"]["kernel"]
    inner = params["block"]["inner"]
    h = jax.nn.relu(normalise(jax.nn.relu(normalise(stream)) @ inner["kernel"] + inner["bias"][None]))
    stream = stream + h @ params["block"]["outer"]["kernel"]
    logits = jax.nn.relu(normalise(stream)) @ params["head"]["kernel"]
    return cross_entropy(logits if head else normalise(logits), Y)


def test_groups_of_a_plain_pytree():
    groups = invariance_groups(flax_like_loss, PARAMS)
    assert {frozenset(block.leaves) for block in groups.blocks} == {
        frozenset({"['block']['inner']['kernel']"}),
        frozenset({"['stem']['kernel']", "['block']['outer']['kernel']"}),
    }
    assert [(block.filters, block.axis) for block in groups.blocks] == [(6, -1), (4, -1)]
    assert groups.violation.shape == (2,)
    assert (groups.violation < 1e-5).all()
    assert set(groups.rest) == {"['head']['kernel']", "['block']['inner']['bias']"}
    with pytest.raises(ValueError, match=r"weights: got \['block'\]\['inner'\]\['bias'\].* in no invariance group"):
        groups.inner(PARAMS, PARAMS)
    # A normalised head is a group too, which was not one.
    assert len(invariance_groups(partial(flax_like_loss, head=False), PARAMS)) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: invariance_groups(flax_like_loss), "model: got a function that does not know its groups"),
        (
            lambda: invariance_groups(lambda p: jnp.sum(p["a"] ** 2), {"a": jnp.ones(3)}),
            "loss: got no invariance group",
        ),
        (lambda: invariance_groups(jnp.sum, {"a": jnp.arange(3)}), "params: got no arrays of floats"),
        (
            lambda: invariance_groups(lambda p: jnp.sqrt(-(p["a"].sum() ** 2)), {"a": jnp.ones(3)}),
            "loss: got a gradient",
        ),
        (lambda: GROUPS.at("channel"), "level: got 'channel', expected one of 'network'"),
        (lambda: GROUPS.norms({"a": WEIGHTS["a"]}), r"weights: got none called \['b'\]"),
    ],
)
def test_wrong_arguments_of_groups(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("level", ["network", "group", "layer", "filter"])
def test_sums_over_groups_are_sums_by_label(level):
    groups = GROUPS.at(level)
    labels = groups.labels(WEIGHTS)
    flat = [np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]) for tree in (WEIGHTS, GRADIENT)]
    np.testing.assert_allclose(groups.inner(WEIGHTS, GRADIENT), np.bincount(labels, flat[0] * flat[1]), rtol=1e-5)
    factors = np.arange(1.0, len(groups) + 1)
    scaled = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(groups.multiply(factors, WEIGHTS))])
    np.testing.assert_allclose(scaled, factors[labels] * flat[0], rtol=1e-6)
    assert groups.sizes(WEIGHTS).tolist() == np.bincount(labels).tolist()
    assert len(groups.names) == len(set(groups.names)) == {"network": 1, "group": 2, "layer": 2, "filter": 4}[level]


@pytest.mark.parametrize(
    "protocol",
    [FixedLearningRate(0.1, 0.2), FixedEffectiveLearningRate(0.1, 0.2), FixedSphere(0.1, 2.0)],
    ids=lambda protocol: protocol.name,
)
def test_a_step_is_that_of_the_dynamics(protocol):
    """The toy's loss and noise, as one vector and as a pytree."""
    sgd = SGD(VonMisesFisherLoss(jnp.eye(6)[0]), IsotropicNoise(0.5), protocol)
    position = 2.0 * jnp.asarray([0.6, 0.8, 0.0, 0.0, 0.0, 0.0])
    normal = jnp.asarray(RNG.normal(size=6), jnp.float32)
    expected = protocol.constrain(position + sgd.drift(position) + sgd.diffusion(position, normal))
    # The gradient, noise included, is what a step of rate 1 without decay takes away.
    plain = SGD(sgd.loss, sgd.noise, FixedLearningRate(1.0, 0.0))
    gradient = -(plain.drift(position) + plain.diffusion(position, normal))
    tree, slope = ({"a": x[:2], "b": x[2:].reshape(2, 2)} for x in (position, gradient))
    transformation = gradient_transformation(protocol)
    updates, state = transformation.update(slope, transformation.init(tree), tree)
    new = optax.apply_updates(tree, updates)
    np.testing.assert_allclose(jnp.concatenate([new["a"], new["b"].ravel()]), expected, atol=1e-6)
    wrong = gradient_transformation(FixedLearningRate(0.1, 0.3))
    other = optax.apply_updates(tree, wrong.update(slope, wrong.init(tree), tree)[0])
    assert not np.allclose(jnp.concatenate([other["a"], other["b"].ravel()]), expected, atol=1e-3)
    # λ, or on the sphere (|w'| − r)/(ηr), and the angle.
    free = np.linalg.norm(np.asarray(position + sgd.drift(position) + sgd.diffusion(position, normal), np.float64))
    held = (free - 2.0) / (0.4 * 2.0) if protocol.fixes_radius else 0.2
    assert np.isclose(state.effective_weight_decay[0], held, rtol=1e-4)
    cosine = np.dot(expected, position) / np.linalg.norm(expected) / 2.0
    assert np.isclose(state.angular_update[0], np.arccos(cosine), rtol=1e-4)


@pytest.mark.parametrize("level", ["network", "group", "filter"])
def test_transformations_act_on_groups(level):
    groups = GROUPS.at(level)
    transformation = fixed_sphere(0.3, 2.0, groups)
    new = optax.apply_updates(WEIGHTS, transformation.update(GRADIENT, transformation.init(WEIGHTS), WEIGHTS)[0])
    np.testing.assert_allclose(groups.norms(new), 2.0, rtol=1e-6)
    # η_g = η_eff r_g² by label.
    labels, decay = groups.labels(WEIGHTS), 0.1
    w, g = (np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]) for tree in (WEIGHTS, GRADIENT))
    rate = 0.3 * np.bincount(labels, w**2)[labels]
    transformation = fixed_effective_learning_rate(0.3, decay, groups)
    updates, state = transformation.update(GRADIENT, transformation.init(WEIGHTS), WEIGHTS)
    found = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(updates)])
    np.testing.assert_allclose(found, -rate * (g + decay * w), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state.learning_rate[labels], rate, rtol=1e-5)


def test_radii_of_their_own_and_schedules():
    radii = GROUPS.norms(WEIGHTS)
    transformation = fixed_sphere(lambda step: 0.1 / (1 + step), radii, GROUPS)
    w, state = WEIGHTS, transformation.init(WEIGHTS)
    for step in range(2):
        updates, state = transformation.update(GRADIENT, state, w)
        np.testing.assert_allclose(state.learning_rate, 0.1 / (1 + step) * radii**2, rtol=1e-5)
        w = optax.apply_updates(w, updates)
        np.testing.assert_allclose(GROUPS.norms(w), radii, rtol=1e-6)


def test_momentum_with_coupled_decay_is_the_heavy_ball():
    rate, decay, momentum = 0.1, 0.2, 0.5
    transformation = optax.chain(
        optax.add_decayed_weights(decay), optax.trace(momentum), fixed_learning_rate(rate, weight_decay=0.0)
    )
    w = v = jnp.zeros(2)
    w = jnp.array([1.0, 2.0])
    state, ours = transformation.init(w), w
    for gradient in jnp.asarray(RNG.normal(size=(3, 2)), jnp.float32):
        updates, state = transformation.update(gradient, state, ours)
        ours = optax.apply_updates(ours, updates)
        v = momentum * v + gradient + decay * w
        w = w - rate * v
        np.testing.assert_allclose(ours, w, rtol=1e-5)


def test_only_a_part_of_the_weights():
    """The rest is another optimiser's."""
    params = {**WEIGHTS, "bias": jnp.ones(2)}
    labels = {"a": "sphere", "b": "sphere", "bias": "rest"}
    transformation = optax.partition({"sphere": fixed_sphere(0.1, 1.0, GROUPS), "rest": optax.sgd(0.5)}, labels)
    gradient = {**GRADIENT, "bias": jnp.ones(2)}
    new = optax.apply_updates(params, transformation.update(gradient, transformation.init(params), params)[0])
    np.testing.assert_allclose(GROUPS.norms({"a": new["a"], "b": new["b"]}), 1.0, rtol=1e-6)
    np.testing.assert_allclose(new["bias"], 0.5)


def test_a_protocol_of_the_users():
    transformation = gradient_transformation(ProportionalLearningRate(jnp.asarray(0.2), jnp.asarray(0.1)), GROUPS)
    _, state = transformation.update(GRADIENT, transformation.init(WEIGHTS), WEIGHTS)
    np.testing.assert_allclose(state.learning_rate, 0.2 * GROUPS.norms(WEIGHTS), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fixed_sphere(0.1, -1.0), "radius: got -1.0, expected a number > 0"),
        (lambda: fixed_sphere(0.1, jnp.ones(3), GROUPS).init(WEIGHTS), "arrays of one for each of 2 groups"),
        (lambda: fixed_sphere(0.1, 1.0).update(WEIGHTS, fixed_sphere(0.1, 1.0).init(WEIGHTS)), "params: got None"),
    ],
)
def test_wrong_arguments_of_transformations(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_without_the_extra_the_line_to_type_is_said():
    code = "import sys; sys.modules['optax'] = None\nimport thermo_ideal.networks"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode
    assert "pip install 'thermo_ideal[networks]'" in found.stderr
