"""Simulation beside a plain PyTorch loop, diffrax and plain JAX.

Run `python benchmarks/integrators.py`; `--only space`, `zonal`, `full` or `peers` prints one part. `--only paper`,
which takes minutes of its own, times the paper's whole experiment and is left out otherwise. Everything is timed in one
process, those who are compared in turn, so that ratios mean something on a busy machine too. A peer that is not
installed is left out, and no time is ever a failure.
"""

import argparse
import math
import os
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from racing import ROUNDS, import_peer, new_table, race, ratio
from rich.console import Console

from thermo_ideal.dynamics import SGD, FixedEffectiveLearningRate, IsotropicNoise, VonMisesFisherLoss
from thermo_ideal.experiments import PROFILES, run_isotropic
from thermo_ideal.integrators import EulerMaruyama, ZonalEulerMaruyama, simulate
from thermo_ideal.numerics import normals

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
jax.config.update("jax_num_cpu_devices", CORES)  # before anything else is done with JAX

SIGMA = 1.0
PAPER_POINTS, PAPER_STEPS = 17, 2_000_000  # of the grid along each axis, and of each run
NETWORK = 43_692  # scale-invariant weights of the paper's network
STRIDE = 4
NUMBERS_PER_DRAW = 2**18  # what EulerMaruyama draws at once on a CPU


def print_race(console, title, unit, taken, targets):
    """A row for each entrant: its time, and how many times faster than PyTorch at its best it is."""
    headings = (f"ns per {unit}", "ns of a core", "× as fast as PyTorch", "expected")
    table = new_table(title, ("",), headings)
    theirs = min((name for name in taken if name.startswith("PyTorch")), key=lambda name: taken[name].wall, default="")
    for name, one in taken.items():
        table.add_row(name, *one.cells, ratio(taken, theirs, name), targets.get(name, ""))
    console.print(table)


# The experiment, ours.


def grid(points, scale=1.0):
    """Effective learning rates and weight decays of `points²` systems, the rates times a scale."""
    axis = np.logspace(-3, -1, points)
    rate, decay = (x.reshape(-1) for x in np.meshgrid(axis, axis, indexing="ij"))
    return scale * rate, decay


def stable_rate(d):
    """By what to multiply the rates of three dimensions: `η_eff²σ²(d − 1)` stays small, and the overlap the same."""
    return 3 / d


def stationary_radius(d, rate, decay):
    """`r*² = η_eff σ² (d − 1)/2λ`, where all runs start."""
    return np.sqrt(rate * SIGMA**2 * (d - 1) / (2 * decay))


def starts(d, rate, decay):
    """Weights at the stationary radius, every component alike: 45 to 90 degrees from the first axis."""
    return np.full((rate.size, d), 1 / math.sqrt(d)) * stationary_radius(d, rate, decay)[:, None]


def whole_vector(d, rate, decay, num_steps, stride=STRIDE, devices=None, noise_law="gaussian"):
    """A call that runs `EulerMaruyama`, and the coordinate-steps it makes."""
    protocol = FixedEffectiveLearningRate(rate, decay)
    sgd = SGD(VonMisesFisherLoss(jnp.zeros(d).at[0].set(1.0)), IsotropicNoise(SIGMA), protocol)
    position = jnp.asarray(starts(d, rate, decay), jnp.float32)
    integrator = EulerMaruyama(sgd, noise_law=noise_law)
    key = jax.random.key(0)
    call = partial(simulate, key, integrator, position, num_steps, stride=stride, devices=devices)
    return (lambda: call().position), rate.size * d * num_steps


def zonal_chain(d, rate, decay, num_steps):
    """A call that runs `ZonalEulerMaruyama`, and the system-steps it makes."""
    sgd = SGD(VonMisesFisherLoss(), IsotropicNoise(SIGMA), FixedEffectiveLearningRate(rate, decay))
    chain = ZonalEulerMaruyama(sgd, dimension=d)
    position = chain.start(stationary_radius(d, rate, decay), 1 / math.sqrt(d))
    call = partial(simulate, jax.random.key(0), chain, position, num_steps, stride=STRIDE)
    return (lambda: call().position), rate.size * num_steps


# The experiment, as one would write it in PyTorch.


def torch_gradient(torch, w, mu):
    """`∇L` for `L = 1 − μ·w/|w|`, by back-propagation."""
    w = w.detach().requires_grad_()
    loss = (1 - w @ mu / w.norm(dim=1)).sum()
    return torch.autograd.grad(loss, w)[0]


def torch_noise(torch, direction):
    """Standard normals, projected on the tangent space."""
    noise = torch.randn_like(direction)
    return noise - (noise * direction).sum(dim=1, keepdim=True) * direction


def torch_step(torch, protocol, w, mu, rate, decay):
    """One step; `rate` is the effective learning rate, or under "fixed-lr" the learning rate."""
    gradient = torch_gradient(torch, w, mu)
    with torch.no_grad():
        radius = w.norm(dim=1, keepdim=True)
        eta = rate if protocol == "fixed-lr" else rate * radius**2
        new = w - eta * (gradient + decay * w + SIGMA / radius * torch_noise(torch, w / radius))
        return new * (radius / new.norm(dim=1, keepdim=True)) if protocol == "fixed-sphere" else new


def torch_loop(torch, protocol, start, rate, decay, num_steps, threads=None):
    """A call that steps all systems together, and the system-steps it makes; on as many threads as PyTorch likes."""
    d = start.shape[1]
    w0, rate, decay = (torch.tensor(x, dtype=torch.float32) for x in (start, rate[:, None], decay[:, None]))
    mu, usual = torch.eye(1, d)[0], torch.get_num_threads()

    def call():
        torch.set_num_threads(threads or usual)
        w = w0
        for _ in range(num_steps):
            w = torch_step(torch, protocol, w, mu, rate, decay)
        torch.set_num_threads(usual)
        return w.numpy()

    return call, rate.numel() * num_steps


def torch_entrants(torch, d, rate, decay, num_steps, units=1):
    """The loop as two entrants of a race, if there is PyTorch; `units` of work to a system-step.

    One thread is slower on an idle machine, but threads that wait for each other come to a standstill on a busy one.
    """
    entrants = {}
    for name, threads in (("PyTorch", None), ("PyTorch, one thread", 1)) if torch else ():
        start = starts(d, rate, decay)
        call, system_steps = torch_loop(torch, "fixed-elr", start, rate, decay, num_steps, threads)
        entrants[name] = call, system_steps * units
    return entrants


# The parts.


def space(console, options):
    """Three dimensions, the paper's 289 systems."""
    torch = import_peer("torch")
    rate, decay = grid(PAPER_POINTS)

    def ours(**arguments):
        call, coordinate_steps = whole_vector(3, rate, decay, 2**17, **arguments)
        return call, coordinate_steps // 3

    entrants = torch_entrants(torch, 3, rate, decay, 2000) | {
        f"stride {STRIDE}": ours(),
        "stride 1": ours(stride=1),
        "stride 16": ours(stride=16),
        f"stride {STRIDE}, one device": ours(devices=jax.devices()[:1]),
    }
    taken = race(entrants)
    targets = {f"stride {STRIDE}": "≥ 50, better 100"}
    print_race(console, f"EulerMaruyama, d = 3, {rate.size} systems", "system-step", taken, targets)
    call, _ = whole_vector(3, rate, decay, STRIDE)
    seconds = race({"short": (call, 1)})["short"].wall
    console.print(f"The calls make 131,072 steps; one that makes {STRIDE} takes {seconds:.3f} s.")


def zonal(console, options):
    """The chain of radius and overlap: its cost in any dimension, and beside the whole vector in PyTorch."""
    rate, decay = grid(PAPER_POINTS)
    dimensions = (3, 1000, 10**6, 10**9)
    chains = {f"d = {d:,}": zonal_chain(d, stable_rate(d) * rate, decay, 2**17) for d in dimensions}
    taken = race(chains)
    table = new_table(
        f"ZonalEulerMaruyama, {rate.size} systems", ("",), ("ns per system-step", "ns of a core", "× d = 3", "expected")
    )
    for name, one in taken.items():
        table.add_row(name, *one.cells, ratio(taken, name, "d = 3"), "" if name == "d = 3" else "≤ 1.3")
    console.print(table)

    torch = import_peer("torch")
    for d, points, steps, torch_steps, expected in (
        (1000, 17, 2**17, 30, "≥ 2,000"),
        (NETWORK, 3, 2**19, 30, "≥ 10,000"),
    ):
        rate, decay = grid(points, stable_rate(d))
        entrants = torch_entrants(torch, d, rate, decay, torch_steps)
        taken = race(entrants | {"ZonalEulerMaruyama": zonal_chain(d, rate, decay, steps)})
        title = f"d = {d:,}, {rate.size} systems"
        print_race(console, title, "system-step", taken, {"ZonalEulerMaruyama": expected})


def normals_alone(count, num_devices):
    """A call that draws normals on so many devices, and does nothing with them; about `count`, and how many."""
    draws = max(1, round(count / (num_devices * NUMBERS_PER_DRAW)))
    mesh = Mesh(np.array(jax.devices()[:num_devices]), ("devices",))

    def local(keys):
        first = jnp.zeros(NUMBERS_PER_DRAW)
        return jax.lax.fori_loop(
            0, draws, lambda i, _: normals(jax.random.fold_in(keys[0], i), first.shape, first.dtype), first
        )

    program = jax.jit(jax.shard_map(local, mesh=mesh, in_specs=P("devices"), out_specs=P("devices"), check_vma=False))
    keys = jax.random.split(jax.random.key(1), num_devices)

    def call():
        with jax.threefry_partitionable(False):  # as in simulate
            return program(keys)

    return call, draws * num_devices * NUMBERS_PER_DRAW


def full(console, options):
    """All of a small network's weights."""
    torch = import_peer("torch")
    for points, steps, torch_steps in ((3, 256, 25), (1, 512, 100)):
        rate, decay = grid(points, stable_rate(NETWORK))
        devices = 1 if points == 1 else min(2, CORES)  # as many as simulate shares so few systems among
        entrants = torch_entrants(torch, NETWORK, rate, decay, torch_steps, units=NETWORK) | {
            "EulerMaruyama": whole_vector(NETWORK, rate, decay, steps),
            "EulerMaruyama, rademacher": whole_vector(NETWORK, rate, decay, steps, noise_law="rademacher"),
            "normals alone": normals_alone(rate.size * NETWORK * steps, devices),
        }
        taken = race(entrants)
        title = f"d = {NETWORK:,}, {rate.size} system{'s' * (rate.size > 1)}, normals alone on {devices} of the devices"
        print_race(console, title, "coordinate-step", taken, {"EulerMaruyama": "≥ 5"})
        console.print(
            f"EulerMaruyama takes {ratio(taken, 'EulerMaruyama', 'normals alone')} × normals alone (≤ 2 expected)."
        )


def jax_drift(w, rate, decay):
    """`−η(∇L + λw)` for one system."""
    gradient = jax.grad(lambda w: 1 - w[0] / jnp.linalg.norm(w))(w)
    return -rate * jnp.sum(w**2) * (gradient + decay * w)


def jax_diffusion(w, rate):
    """`η Σ^{1/2}`, a matrix, for one system."""
    radius = jnp.linalg.norm(w)
    direction = w / radius
    return rate * radius * SIGMA * (jnp.eye(w.size) - jnp.outer(direction, direction))


def diffrax_solve(diffrax, path, num_steps):
    """A compiled function that solves the SDE of all systems with steps of 1."""

    def solve(key, w, rate, decay):
        motion = (
            diffrax.UnsafeBrownianPath(shape=w.shape, key=key)
            if path == "UnsafeBrownianPath"
            else diffrax.VirtualBrownianTree(0.0, float(num_steps), tol=0.5, shape=w.shape, key=key)
        )
        terms = diffrax.MultiTerm(
            diffrax.ODETerm(lambda t, w, _: jax_drift(w, rate, decay)),
            diffrax.ControlTerm(lambda t, w, _: jax_diffusion(w, rate), motion),
        )
        solution = diffrax.diffeqsolve(
            terms, diffrax.Euler(), 0.0, float(num_steps), 1.0, w, max_steps=None, adjoint=diffrax.ForwardMode()
        )
        return solution.ys[-1]

    return jax.jit(jax.vmap(solve))


def naive_scan(num_steps):
    """A compiled function that splits a key at every step, and keeps the loss of each."""

    def step(carry, _, rate, decay):
        key, w = carry
        key, own = jax.random.split(key)
        normal = jax.random.normal(own, w.shape)
        moved = jax.vmap(lambda w, a, b, xi: w + jax_drift(w, a, b) + jax_diffusion(w, a) @ xi)
        w = moved(w, rate, decay, normal)
        return (key, w), 1 - w[:, 0] / jnp.linalg.norm(w, axis=1)

    return jax.jit(
        lambda key, w, rate, decay: jax.lax.scan(partial(step, rate=rate, decay=decay), (key, w), length=num_steps)
    )


def peers(console, options):
    """The same three dimensions by others in JAX."""
    diffrax = import_peer("diffrax")
    rate, decay = grid(PAPER_POINTS)
    arrays = [jnp.asarray(x, jnp.float32) for x in (starts(3, rate, decay), rate, decay)]
    keys = jax.random.split(jax.random.key(0), rate.size)
    call, coordinate_steps = whole_vector(3, rate, decay, 2**17)
    entrants = {"EulerMaruyama": (call, coordinate_steps // 3)}
    scan = naive_scan(2**13)
    entrants["lax.scan, a split at each step"] = (lambda: scan(jax.random.key(0), *arrays)), rate.size * 2**13
    for path, steps in (("UnsafeBrownianPath", 2**12), ("VirtualBrownianTree", 2**9)) if diffrax else ():
        solve = diffrax_solve(diffrax, path, steps)
        entrants[f"diffrax, {path}"] = (lambda solve=solve: solve(keys, *arrays)), rate.size * steps
    taken = race(entrants)
    title = f"JAX alone and diffrax, d = 3, {rate.size} systems"
    table = new_table(title, ("",), ("ns per system-step", "ns of a core", "× EulerMaruyama"))
    for name, one in taken.items():
        table.add_row(name, *one.cells, ratio(taken, name, "EulerMaruyama"))
    console.print(table)


def paper_start(protocol, axis, other):
    """Weights of the paper's systems in three dimensions, at the radius that the protocol settles at."""
    if protocol == "fixed-sphere":
        radius = np.logspace(-1, 1, PAPER_POINTS)[np.searchsorted(np.unique(other), other)]
    elif protocol == "fixed-lr":
        radius = (axis * SIGMA**2 / other) ** 0.25
    else:
        radius = stationary_radius(3, axis, other)
    return np.full((axis.size, 3), 1 / math.sqrt(3)) * radius[:, None]


def paper(console, options):
    """The paper's whole experiment, analysis and all, beside the PyTorch loop extrapolated to its length."""
    torch, loops = import_peer("torch"), {}
    rate, decay = grid(PAPER_POINTS)
    for protocol in ("fixed-lr", "fixed-elr", "fixed-sphere") if torch else ():
        start = paper_start(protocol, rate, decay)
        still = np.zeros_like(decay) if protocol == "fixed-sphere" else decay
        loops[protocol] = torch_loop(torch, protocol, start, rate, still, options.torch_steps)
    begin = time.perf_counter()
    results = run_isotropic(PROFILES["paper"])
    seconds = time.perf_counter() - begin
    # The dataset holds one number of steps for a grid point, which all its replicas make.
    made = sum(int(data["num_steps"].sum()) * data.sizes.get("replica", 1) for data in results.children.values())
    console.print(
        f"The paper's experiment: {seconds:.1f} s, {made:.3g} system-steps, {seconds / made * 1e9:.3g} ns each."
    )
    if not loops:
        return
    taken = race(loops, rounds=3)
    table = new_table(
        "PyTorch", ("protocol",), ("ns per system-step", f"{PAPER_STEPS:,} steps of {rate.size} systems / s")
    )
    whole = {protocol: one.wall * rate.size * PAPER_STEPS for protocol, one in taken.items()}
    for protocol, one in taken.items():
        table.add_row(protocol, one.cells[0], f"{whole[protocol]:,.0f}")
    console.print(table)
    total, each = sum(whole.values()), sum(one.wall for one in taken.values()) / len(taken)
    console.print(
        f"Extrapolated from {options.torch_steps:,} steps, one run of each system takes PyTorch {total:,.0f} s: "
        f"{total / seconds:,.0f} × ours. By the system-step, replicas counted, it is {each * made / seconds:,.0f} ×."
    )


def main():
    """Prints the tables."""
    parts = {"space": space, "zonal": zonal, "full": full, "peers": peers, "paper": paper}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=parts, help="print this part alone; all but paper by default")
    parser.add_argument("--torch-steps", type=int, default=2000, help="steps that paper extrapolates PyTorch from")
    options = parser.parse_args()
    console = Console(width=150)
    torch = import_peer("torch")
    threads = f"PyTorch {torch.__version__} with {torch.get_num_threads()} threads" if torch else "no PyTorch"
    console.print(f"JAX {jax.__version__} on {len(jax.devices())} × {jax.devices()[0].device_kind}, {threads}")
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    console.print(
        f"Times: the best of up to {ROUNDS} calls after a warm-up, entrants in turn, without compilation; float32."
    )
    console.print(
        f"On the clock, and summed over cores, which other work on the machine disturbs less; load {load} now."
    )
    for name, part in parts.items():
        if options.only == name or (options.only is None and name != "paper"):
            part(console, options)


if __name__ == "__main__":
    main()
