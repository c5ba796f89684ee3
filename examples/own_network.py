"""A network of one's own as a gas: a plain pytree, optax, the protocol as a transformation, and every layer as a gas.

Run `python examples/own_network.py`. Any framework of JAX will do: `params` may be Flax's dictionaries.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from thermo_ideal.estimators import Estimate
from thermo_ideal.networks import GroupMeter, cross_entropy, digits, fixed_effective_learning_rate, invariance_groups

RATE, DECAY, BATCH = 0.03, 0.1, 128


def logits(params, x):
    """Two layers, each normalised by its batch, and a head that is not trained."""
    h = x.reshape(len(x), -1)
    for weight in params.values():
        h = h @ weight
        h = jax.nn.relu((h - h.mean(axis=0, keepdims=True)) / h.std(axis=0, keepdims=True))
    return h @ jnp.eye(16, 10)


def flat(tree):
    """All arrays as one vector."""
    return np.concatenate([np.asarray(leaf).reshape(-1) for leaf in jax.tree.leaves(tree)])


def train(num_steps, burn_in, seed=0):
    """Trains it at a fixed effective learning rate, and returns its groups and what was measured on them."""
    data, rng = digits(), np.random.default_rng(seed)
    images, labels = jnp.asarray(data.images), jnp.asarray(data.labels)
    params = {"first": jnp.asarray(rng.normal(size=(64, 16)) / 8), "second": jnp.asarray(rng.normal(size=(16, 16)) / 4)}
    params = jax.tree.map(lambda weight: weight.astype(jnp.float32), params)
    groups = invariance_groups(lambda p: cross_entropy(logits(p, images), labels), params)
    transformation = fixed_effective_learning_rate(RATE, DECAY)
    meter = GroupMeter(groups.labels(params), names=groups.names, ranks=groups.ranks(params))
    state = transformation.init(params)

    @jax.jit
    def step(params, state, chosen):
        gradient = jax.grad(lambda p: cross_entropy(logits(p, images[chosen]), labels[chosen]))(params)
        updates, state = transformation.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, gradient

    for i in range(num_steps):
        new, state, gradient = step(params, state, rng.integers(len(labels), size=BATCH))
        if i >= burn_in:
            rate = state.learning_rate[0]
            meter.update(flat(params), flat(gradient), flat(new), learning_rate=rate, weight_decay=DECAY)
            if i % 100 == 0:  # the noise of training itself has a bias at rates as large as this
                draws = [step(params, state, rng.integers(len(labels), size=BATCH))[2] for _ in range(8)]
                meter.noise.update_batches(np.stack([flat(draw) for draw in draws]), flat(params))
        params = new
    return groups, meter


def print_verdict(meter):
    """`pV` of every group beside `RT`, and beside what discrete SGD asks for, with `|∇L|²`."""
    gas, noise = meter.gas(), meter.noise
    rate = gas.effective_learning_rate.value[:, None] / 4
    for word, square in (("RT", 0.0), ("discrete", noise.full_gradient_square.values)):
        predicted = Estimate(rate * (noise.from_batches.values + square))
        scores = gas.mechanical_energy.z_score_between(predicted)
        for name, pV, energy, z in zip(gas.names, gas.mechanical_energy, predicted, scores, strict=True):
            print(f"{name}: pV = {pV}, {word} = {energy}, z = {z:+.1f}: {'agree' if abs(z) < 4 else 'do not agree'}")
    print("groups out of thermal balance by", gas.temperature_spread)


if __name__ == "__main__":
    groups, meter = train(num_steps=6000, burn_in=3000)
    print("how far from scale-invariant:", groups.violation)
    print_verdict(meter)
