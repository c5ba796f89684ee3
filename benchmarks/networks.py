"""Training of networks beside plain PyTorch loops, and the logits of twins with the same weights.

Run `python benchmarks/networks.py`; `--only mlp` or `convnet` prints one part. Everything is timed in one process,
those who are compared in turn. A peer that is not installed is left out, and no time is ever a failure.
"""

import argparse

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from racing import import_peer, new_table, race, ratio
from rich.console import Console

from thermo_ideal.dynamics import FixedSphere
from thermo_ideal.networks import (
    ConvNet,
    ImageData,
    ScaleInvariantMLP,
    cross_entropy,
    digits,
    fixed_sphere,
    split_weights,
    train,
)

BATCH = 128
RATE = 0.01
EPS = 1e-5  # PyTorch normalises with nothing less
KEY = jax.random.key(0)


def in_a_loop_of_the_device(model, data, steps, replicas=None):
    """`train`, all of whose steps are one program."""

    def call():
        options = {"log_steps": [steps], "fresh_batches": 2, "replicas": replicas, "batch_size": BATCH}
        return train(KEY, model, data, FixedSphere(RATE, 1.0), steps, **options).state.walkers.weights

    return call, steps * (replicas or 1)


def in_a_loop_of_python(model, data, steps):
    """One program for each step, whose memory is used again."""
    weights, rest = split_weights(model)
    transformation = fixed_sphere(RATE, 1.0)
    images, labels = jnp.asarray(data.images), jnp.asarray(data.labels)

    def one(weights, state, key):
        chosen = jax.random.randint(key, (BATCH,), 0, len(labels))
        gradient = jax.grad(lambda w: cross_entropy(eqx.combine(w, rest)(images[chosen]), labels[chosen]))(weights)
        updates, state = transformation.update(gradient, state, weights)
        return optax.apply_updates(weights, updates), state

    step = jax.jit(one, donate_argnums=(0, 1))

    def call():
        w = jax.tree.map(jnp.copy, weights)
        state = transformation.init(w)
        for i in range(steps):
            w, state = step(w, state, jax.random.fold_in(KEY, i))
        return w

    return call, steps


def torch_logits(torch, model):
    """The forward pass of a model in PyTorch, channels first, and its weights."""
    layers = [torch.tensor(np.asarray(leaf), requires_grad=True) for leaf in model.layers]
    head, bias = (None if x is None else torch.tensor(np.asarray(x)) for x in (model.head.weight, model.head.bias))
    f = torch.nn.functional

    def forward(x):
        for i, weight in enumerate(layers):
            x = f.linear(x, weight) if weight.ndim == 2 else f.conv2d(x, weight, padding=1)
            x = torch.relu(f.batch_norm(x, None, None, training=True, eps=EPS))
            x = f.max_pool2d(x, 2) if i and weight.ndim == 4 else x
        return f.linear(x if x.ndim == 2 else x.amax((2, 3)), head, bias)

    return forward, layers


def torch_images(torch, data):
    """All images as PyTorch's networks take them."""
    images = np.moveaxis(data.images, -1, 1) if data.images.ndim == 4 else data.images
    return torch.tensor(np.ascontiguousarray(images)), torch.tensor(data.labels, dtype=torch.long)


def in_pytorch(torch, model, data, steps):
    """The usual loop, with the protocol on the sphere written out."""
    forward, layers = torch_logits(torch, model)
    images, labels = torch_images(torch, data)

    def call():
        for _ in range(steps):
            chosen = torch.randint(len(labels), (BATCH,))
            loss = torch.nn.functional.cross_entropy(forward(images[chosen]), labels[chosen])
            gradients = torch.autograd.grad(loss, layers)
            with torch.no_grad():
                for weight, gradient in zip(layers, gradients, strict=True):
                    weight -= RATE * gradient
                norm = torch.sqrt(sum((weight**2).sum() for weight in layers))
                for weight in layers:
                    weight /= norm
        return jnp.zeros(())

    return call, steps


def compare(console, title, torch, model, data, entrants, targets):
    """The logits of the twins, and the times."""
    if torch:
        forward, _ = torch_logits(torch, model)
        theirs = forward(torch_images(torch, data)[0][:BATCH]).detach().numpy()
        ours = np.asarray(model(jnp.asarray(data.images[:BATCH])))
        worst = np.abs(ours - theirs).max() / np.abs(theirs).max()
        console.print(f"{title}: logits of the twins with the same weights differ by {worst:.1e} of the largest")
    taken = race(entrants, rounds=3)
    table = new_table(title, ("",), ("ms per step of a network", "× as fast as PyTorch", "expected"))
    for name, one in taken.items():
        table.add_row(name, f"{one.wall * 1e3:.3f}", ratio(taken, "PyTorch's loop", name), targets.get(name, ""))
    console.print(table)


def mlp(console, torch):
    """The multilayer perceptron on the digits: one, and a grid of 25 at once."""
    loaded = digits()
    data = ImageData(loaded.images.reshape(-1, 64), loaded.labels)
    model = ScaleInvariantMLP(64, (32, 32), 10, key=KEY, eps=EPS)
    many = eqx.filter_vmap(lambda key: ScaleInvariantMLP(64, (32, 32), 10, key=key, eps=EPS))(jax.random.split(KEY, 25))
    entrants = {
        "train, one": in_a_loop_of_the_device(model, data, 3000),
        "train, 25 at once": in_a_loop_of_the_device(many, data, 300, 25),
    }
    if torch:
        entrants["PyTorch's loop"] = in_pytorch(torch, model, data, 500)
    compare(console, "MLP 64-32-32-10", torch, model, data, entrants, {"train, 25 at once": "≥ 5"})


def convnet(console, torch):
    """The ConvNet of width 8 on images of 32 × 32."""
    rng = np.random.default_rng(0)
    data = ImageData(rng.normal(size=(512, 32, 32, 3)), rng.integers(0, 10, 512))
    model, theirs = (ConvNet(8, 10, key=KEY, eps=EPS, convolution=method) for method in ("slices", "xla"))
    entrants = {
        "train": in_a_loop_of_the_device(model, data, 10),
        "a loop in Python": in_a_loop_of_python(model, data, 10),
        "a loop in Python, XLA's convolutions": in_a_loop_of_python(theirs, data, 10),
    }
    if torch:
        entrants["PyTorch's loop"] = in_pytorch(torch, model, data, 10)
    targets = {"train": "≥ 0.8", "a loop in Python": "≥ 1.0"}
    compare(console, "ConvNet, width 8", torch, model, data, entrants, targets)


def main():
    """Prints the tables."""
    parts = {"mlp": mlp, "convnet": convnet}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=parts, help="print this part alone")
    options = parser.parse_args()
    console, torch = Console(width=120), import_peer("torch")
    threads = f"PyTorch {torch.__version__} with {torch.get_num_threads()} threads" if torch else "no PyTorch"
    console.print(f"JAX {jax.__version__} on {jax.devices()[0].device_kind}, {threads}; batches of {BATCH}, float32")
    for name, part in parts.items():
        if options.only in (None, name):
            part(console, torch)


if __name__ == "__main__":
    main()
