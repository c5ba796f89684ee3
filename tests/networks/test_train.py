"""Training: the steps against a loop written out, resume, batches of runs, and what is logged."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.networks import (
    ImageData,
    ScaleInvariantMLP,
    cross_entropy,
    fixed_sphere,
    invariance_groups,
    logged_steps,
    split_weights,
    train,
)

KEY = jax.random.key(0)
ELR = 0.01
RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
DATA = ImageData(RNG.normal(size=(60, 6)) + LABELS[:, None], LABELS, RNG.normal(size=(7, 6)), np.arange(7) % 3)
OPTIONS = {"batch_size": 16, "fresh_batches": 8}
LOGS = (40, 100, 160)


def network(key=KEY):
    return ScaleInvariantMLP(6, (8, 5), 3, key=key)


def run(protocol, num_steps=160, model=None, **options):
    options = {"log_steps": LOGS, **OPTIONS, **options}
    return train(jax.random.key(1), model or network(), DATA, protocol, num_steps, **options)


@pytest.fixture(scope="module")
def sphere():
    return run(FixedSphere(ELR, 1.0))


def test_steps_are_those_of_a_loop(sphere):
    """The same examples, drawn from `fold_in(key, step)`, and NumPy for the rest."""
    weights, rest = split_weights(network())
    key = jax.random.fold_in(jax.random.split(jax.random.key(1))[0], 0)
    gradient = jax.jit(
        jax.value_and_grad(lambda w, x, y: cross_entropy(eqx.combine(w, rest)(x), y)),
    )
    leaves, structure = jax.tree.flatten(weights)
    w, before = [np.asarray(leaf, np.float64) for leaf in leaves], None
    totals = {"loss": 0.0, "noise": np.zeros(3), "angle": np.zeros(3)}
    pull = np.zeros(3)
    for step in range(40):
        chosen = jax.random.randint(jax.random.fold_in(key, step), (16,), 0, 60)
        tree = jax.tree.unflatten(structure, [jnp.asarray(leaf, jnp.float32) for leaf in w])
        loss, g = gradient(tree, jnp.asarray(DATA.images)[chosen], jnp.asarray(DATA.labels)[chosen])
        g = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(g)]
        radius = np.linalg.norm(np.concatenate([leaf.ravel() for leaf in w]))
        free = [a - ELR * radius**2 * b for a, b in zip(w, g, strict=True)]
        norm = np.linalg.norm(np.concatenate([leaf.ravel() for leaf in free]))
        new = [leaf / norm for leaf in free]
        groups = [*((a, b, c) for a, b, c in zip(w, g, new, strict=True))]
        groups.append(tuple(np.concatenate([leaf.ravel() for leaf in x]) for x in (w, g, new)))
        own = [np.linalg.norm(a) * b for a, b, _ in groups]
        if before is not None:
            totals["noise"] += [((a - b) ** 2).sum() / 2 for a, b in zip(own, before, strict=True)]
        cosines = [(a * c).sum() / np.linalg.norm(a) / np.linalg.norm(c) for a, _, c in groups]
        totals["angle"] += np.arccos(cosines) ** 2
        totals["loss"] += float(loss)
        pull += (norm - 1) / (ELR * radius)
        w, before = new, own
    first = sphere.logs.isel(step=0)
    assert np.isclose(first["loss"], totals["loss"] / 40, rtol=1e-4)
    np.testing.assert_allclose(first["noise_trace"], totals["noise"] / 39, rtol=1e-3)
    np.testing.assert_allclose(first["squared_angle"], totals["angle"] / 40, rtol=1e-3)
    np.testing.assert_allclose(first["effective_weight_decay"], pull / 40, rtol=1e-3)


def test_logs_of_the_sphere(sphere):
    assert sphere.logs["interval"].values.tolist() == [40, 60, 60]
    assert sphere.logs["group"].values.tolist() == ["layer1", "layer2", "whole"]
    np.testing.assert_allclose(sphere.logs["radius"].sel(group="whole"), 1.0, rtol=1e-5)
    assert float(sphere.logs["train_loss"][-1]) < 0.9 * float(sphere.logs["loss"][0])
    assert 0 <= float(sphere.logs["test_accuracy"][-1]) <= 1
    # The whole has one noise, from training and from fresh batches, within their scatter.
    fresh = sphere.logs["fresh_noise_trace"].sel(group="whole")[1:].mean()
    assert np.isclose(sphere.logs["noise_trace"].sel(group="whole")[1:].mean(), fresh, rtol=0.7)
    gas = sphere.gas(since=40, noise="fresh")
    assert gas.temperature.value.shape == (3,)
    # On the sphere the pressure balances noise and gradient together, in every step: an exact second moment.
    balance = 0.25 * ELR * gas.gradient_square.value
    assert np.allclose(gas.mechanical_energy.value[-1], balance[-1], rtol=1e-2)
    fresh = (sphere.logs["fresh_noise_trace"][1:] * ELR / 4).mean("step")
    assert np.isclose(gas.thermal_energy.value[-1], fresh[-1], rtol=1e-4)
    training = sphere.gas(since=40, noise="training")
    assert np.isclose(training.thermal_energy.value[-1], sphere.logs["thermal_energy"][1:, -1].mean(), rtol=1e-6)
    with pytest.raises(ValueError, match="noise: got 'free', expected"):
        sphere.gas(noise="free")
    assert sphere.ranks.tolist() == [48 - 8, 40 - 5, 88 - 13]


def test_a_resumed_run_has_the_same_bits(sphere):
    for stops in ((60,), (40, 130)):
        found = None
        for stop in (*stops, 160):
            found = run(FixedSphere(ELR, 1.0), stop, resume=found)
        for a, b in zip(jax.tree.leaves(found.model), jax.tree.leaves(sphere.model), strict=True):
            assert np.array_equal(a, b)
        assert found.logs.identical(sphere.logs)
    other = run(FixedSphere(ELR, 1.0), 160, resume=run(FixedSphere(2 * ELR, 1.0), 60))
    assert not other.logs.identical(sphere.logs)


def test_a_run_goes_on_from_its_file(sphere, tmp_path):
    path, protocol = tmp_path / "run.npz", FixedSphere(ELR, 1.0)

    def stop(step, weights):
        if step == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(protocol, checkpoint=path, observe=stop)
    found = run(protocol, checkpoint=path)
    assert found.logs.identical(sphere.logs)
    assert run(protocol, checkpoint=path).logs.identical(sphere.logs)  # it is done
    with pytest.raises(ValueError, match="of a run with another key, model, data, protocol"):
        run(FixedSphere(2 * ELR, 1.0), checkpoint=path)
    with pytest.raises(ValueError, match="expected one of them to go on from"):
        run(protocol, checkpoint=path, resume=sphere)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="which is no run that train kept"):
        run(protocol, checkpoint=path)


def test_transformations_of_optax_do_the_same(sphere):
    found = run(optax.chain(optax.identity(), fixed_sphere(ELR, 1.0)))
    for name in ("loss", "radius", "effective_weight_decay", "thermal_energy"):
        np.testing.assert_allclose(found.logs[name], sphere.logs[name], rtol=1e-3)


def test_batches_of_runs_and_what_is_observed():
    """A grid of two learning rates by two replicas; learning rates of each group at its own radius."""
    models = eqx.filter_vmap(network)(jax.random.split(KEY, 2))
    groups = invariance_groups(network())
    seen = {}
    found = run(
        FixedEffectiveLearningRate(jnp.array([[0.005], [0.02]]), 0.1),
        100,
        models,
        replicas=2,
        protocol_groups=groups,
        observe=lambda step, weights: seen.update({step: jax.tree.leaves(weights)[0].shape}),
        observe_every=50,
    )
    assert seen == {50: (2, 2, 8, 6), 100: (2, 2, 8, 6)}
    assert found.logs["radius"].dims == ("batch_0", "replica", "step", "group")
    own = found.logs["effective_learning_rate"].values
    np.testing.assert_allclose(own[0, ..., :2], 0.005, rtol=1e-4)
    np.testing.assert_allclose(own[1, ..., :2], 0.02, rtol=1e-4)
    assert np.isnan(own[..., 2]).all()  # of the whole there is none
    gas = found.gas()
    assert gas.temperature.value.shape == (2, 3)
    assert gas.temperature.replicas == 2
    # Each run is the one that it would be alone, up to the rounding of other products.
    assert not np.allclose(found.logs["loss"][0, 0], found.logs["loss"][0, 1], rtol=1e-3)
    weights = jax.tree.leaves(split_weights(found.model)[0])
    assert np.linalg.norm(np.asarray(weights[0][1, 1] - weights[0][0, 1])) > 1e-2


def test_model_of_the_users():
    """No statistics, so no test; plain functions of a pytree."""

    class Own(eqx.Module):
        weight: jax.Array

        def __call__(self, x):
            h = x @ self.weight.T
            return h / jnp.sqrt((h**2).mean(axis=0, keepdims=True))

    model = Own(jnp.asarray(RNG.normal(size=(3, 6)), jnp.float32))
    images, labels = jnp.asarray(DATA.images), jnp.asarray(DATA.labels)
    groups = invariance_groups(lambda model: cross_entropy(model(images), labels), model)
    found = run(FixedLearningRate(0.1, 0.1), 40, model, groups=groups)
    assert "test_loss" not in found.logs
    assert found.ranks.tolist() == [15, 15]
    with pytest.raises(ValueError, match="groups: got None for a Own that does not know its own"):
        run(FixedLearningRate(0.1, 0.1), 40, model)


def test_log_steps_of_the_paper():
    steps = logged_steps(10**6)
    assert len(steps) == 200
    assert steps[:50].tolist() == list(range(200, 10_001, 200))
    assert np.allclose(np.diff(np.log(steps[49:].astype(float))), np.log(100) / 150, rtol=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: run("fixed-sphere"), "protocol: got 'fixed-sphere', expected a protocol"),
        (lambda: run(FixedSphere(0.1, 1.0), 0), "num_steps: got 0"),
        (lambda: run(FixedSphere(0.1, 1.0), log_steps=[3, 2]), "log_steps: got"),
        (lambda: run(FixedSphere(jnp.ones(3), 1.0), replicas=2), r"protocol: got hyperparameters of shape \(3,\)"),
        (lambda: run(FixedSphere(0.1, 1.0), fresh_batches=1), "fresh_batches: got 1"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_divergence_is_said():
    with pytest.raises(FloatingPointError, match="weights: got NaN or infinite ones by step 40"):
        run(FixedLearningRate(1e38, 1.0), 40)
