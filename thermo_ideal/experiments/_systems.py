"""A few systems simulated beside the laws of discrete SGD and of its SDE."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from thermo_ideal.dynamics import SGD, AbstractProtocol
from thermo_ideal.estimators import Estimate, zonal_entropy
from thermo_ideal.integrators import ZonalEulerMaruyama, simulate
from thermo_ideal.thermodynamics import equilibrium
from thermo_ideal.verification import MeasuredQuantity, stationary_law
from thermo_ideal.verification._compare import quantities_beside, states_of_sde
from thermo_ideal.verification._measurements import Measurements

FEWEST_SAMPLES = 34  # of a run, from whose spacings an entropy is estimated
_MOST_SAMPLES = 1000
_ORDER = ("U", "S", "S_dir", "V", "r", "p", "T")


@dataclass(frozen=True, eq=False)
class Systems:
    """What was measured of a few systems.

    Args:
        protocol: with hyperparameters of shape `(systems,)`.
        dimension: `d`.
        noise_scale: `σ`.
        quantities: by symbol, in the order in which they are read, beside the exact law of the discrete chain and the
            law of the SDE; "T" is `pV/R`, of which the protocol sets one factor and the simulation measures the other.
        set_by_protocol: by symbol, what has no error since the protocol sets it, `(systems,)`.
        unknown: why the exact law is not known, or nothing.
        num_steps: of every run.
        burn_in: how many of them are left out.
        diverged: how many runs became NaN or infinite.
    """

    protocol: AbstractProtocol
    dimension: int
    noise_scale: float
    quantities: dict[str, MeasuredQuantity]
    set_by_protocol: dict[str, np.ndarray]
    unknown: str
    num_steps: int
    burn_in: int
    diverged: int


def simulate_systems(
    key: jax.Array, sgd: SGD, dimension: int, *, replicas: int, num_steps: int, burn_in: int, progress: bool
) -> Systems:
    """Simulates the chain of radius and overlap from the state of the SDE on, which costs the same in any dimension.

    Args:
        key: a JAX key.
        sgd: with hyperparameters of shape `(systems,)`.
        dimension: `d`.
        replicas: independent runs of each system, at least two.
        num_steps: of every run.
        burn_in: how many of them to leave out.
        progress: whether to show a bar.
    """
    state = equilibrium(sgd, dimension)
    beside_replicas = {name: x[:, None] for name, x in sgd.protocol.constants.items()}
    batched = SGD(sgd.loss, sgd.noise, sgd.protocol.replace(**beside_replicas))
    integrator = ZonalEulerMaruyama(batched, dimension)
    each = integrator.start(state.radius[:, None], depth=state.internal_energy[:, None])
    start = np.broadcast_to(each, (each.shape[0], replicas, 2))
    interval = max((num_steps - burn_in) // _MOST_SAMPLES, 1)
    made = simulate(key, integrator, start, num_steps, burn_in=burn_in, save=interval, progress=progress)
    assert made.samples is not None
    along, across = np.moveaxis(made.samples.astype(np.float64), (0, -1), (-1, 0))
    norm = np.hypot(along, across)
    depth = np.where(along > 0, across**2 / (norm * (norm + along)), 1 - along / norm)
    runs = {name: moments.mean for name, moments in made.moments.items()}
    whole = np.isfinite(depth).all(axis=(1, 2))
    runs["direction_entropy"] = np.full(depth.shape[:2], np.nan)
    if whole.any():
        count = depth.shape[-1]
        spacing = max(1, min(int(np.sqrt(replicas * count) / 3), count // 4))
        runs["direction_entropy"][whole] = zonal_entropy(depth[whole], dimension, spacing).values
    measured = Measurements(runs, {}, None, None, None, None, depth.shape[-1])
    law, unknown = None, ""
    try:
        law = stationary_law(sgd, dimension)
    except ArithmeticError as error:
        unknown = str(error)
    states = states_of_sde(sgd, dimension)
    found = quantities_beside(measured, states, law, sgd, dimension)
    by_radius = sgd.protocol.mechanical_response == "radius"
    held, set_word = ("V", "pressure") if by_radius else ("p", "volume")
    per, response = states[set_word] * 2 / (dimension - 1), found[held]
    found["T"] = MeasuredQuantity(
        "T", Estimate(response.simulated.values * per[..., None]), response.exact * per, states["temperature"]
    )
    return Systems(
        sgd.protocol,
        dimension,
        float(np.asarray(sgd.noise.scale)),
        {symbol: found[symbol] for symbol in _ORDER if symbol in found},
        {"p": states["pressure"]} if by_radius else {"V": states["volume"], "r": states["radius"]},
        unknown,
        num_steps,
        burn_in,
        int((made.diverged_at > 0).sum()),
    )
