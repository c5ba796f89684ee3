"""Settings of other optimisers with the same temperature, the same angle of a step and the same radius."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from thermo_ideal.dynamics import (
    AbstractProtocol,
    AbstractUpdateRule,
    AdamW,
    FixedLearningRate,
    FixedSphere,
    HeavyBall,
    Hyperball,
    Nesterov,
    SmallSteps,
)
from thermo_ideal.dynamics._update_rules import noise_trace
from thermo_ideal.thermodynamics._radius_of_update_rule import radius_relaxation_rate

_LARGEST_MOMENTUM = 1 - 1e-6
_POINTS, _ZOOMS = 257, 5

# By name: the rule of a momentum, and the protocol of a learning rate and what holds the radius.
_OPTIMISERS: Mapping[str, tuple[Callable[[float], AbstractUpdateRule], Any]] = {
    "sgd": (HeavyBall, FixedLearningRate),
    "nesterov": (Nesterov, FixedLearningRate),
    "adamw": (AdamW, FixedLearningRate),
    "adamw-independent": (lambda beta: AdamW(beta, independent=True), FixedLearningRate),
    "hyperball": (Hyperball, FixedSphere),
}


@dataclass(frozen=True)
class EquivalentSettings:
    """Settings of an optimiser that has the temperature, the angle of a step and the radius of another one.

    The temperature and the angle are those of the same `β` where `T = φσ²/2√τ · √((1 + β)/(1 − β))`, as it is of all
    optimisers here but Nesterov's. Weight decay and learning rate then follow from the radius.

    Args:
        optimiser: its name on the command line.
        settings: learning rate, weight decay or radius, and momentum, by name.
        radius_relaxation_time: in steps, which is another one; 0 where the radius is fixed.
        protocol: with these settings.
        update_rule: with these settings.

    Example:
        >>> from thermo_ideal.dynamics import FixedLearningRate, HeavyBall
        >>> from thermo_ideal.thermodynamics import advise
        >>> sgd = advise(FixedLearningRate(0.1, 5e-4), HeavyBall(0.9), dimension=11e6, noise_trace=1e4)
        >>> {name: f"{value:.3g}" for name, value in sgd.equivalents["adamw"].settings.items()}
        {'learning_rate': '0.000536', 'weight_decay': '0.933', 'momentum': '0.9'}
    """

    optimiser: str
    settings: Mapping[str, float]
    radius_relaxation_time: float
    protocol: AbstractProtocol
    update_rule: AbstractUpdateRule


def equivalent_settings(target: SmallSteps, radius: Any, sigma: Any, dimension: Any) -> dict[str, EquivalentSettings]:
    """The settings of each optimiser that moves the direction as another one does at its stationary radius.

    Args:
        target: of the other one.
        radius: `r*`.
        sigma: `σ`.
        dimension: `d`.
    """
    trace = float(noise_trace(sigma, dimension))
    effective = float(target.effective_learning_rate)
    memory = float(target.angle) ** 2 / (effective**2 * trace)  # 1 without one
    found = {}
    for name, (rule_of, protocol_of) in _OPTIMISERS.items():
        unit = protocol_of(1.0, float(radius) if protocol_of.fixes_radius else 1.0)

        beta = 0.0 if memory > 1 - 1e-9 else _momentum(memory, rule_of, unit, radius, sigma, dimension)
        rule = rule_of(beta)
        # The effective learning rate at a radius is proportional to the learning rate, and the decay to the weight's.
        rate = effective / float(rule.small_steps(unit, radius, sigma, dimension).effective_learning_rate)
        held = float(radius)
        if not protocol_of.fixes_radius:
            decay = rule.small_steps(protocol_of(rate, 1.0), radius, sigma, dimension).decay
            held = effective**2 * trace / 2 / float(decay)
        protocol = protocol_of(rate, held)
        relaxation = radius_relaxation_rate(rule, protocol, jnp.asarray(radius), sigma, dimension)
        settings = dict(zip(protocol_of.hyperparameters(), (rate, held), strict=True)) | {"momentum": beta}
        found[name] = EquivalentSettings(name, settings, float(1 / relaxation), protocol, rule)
    return found


def _momentum(memory: float, rule_of: Callable[[Any], AbstractUpdateRule], unit: Any, *at: Any) -> float:
    """The momentum with which `φ²/(η_eff²τ)`, which decreases with it from 1, is the given one."""
    low, high = 0.0, _LARGEST_MOMENTUM
    for _ in range(_ZOOMS):
        beta = np.linspace(low, high, _POINTS)
        steps = rule_of(beta).small_steps(unit, *at)
        ratio = np.asarray(steps.angle**2 / (steps.effective_learning_rate**2 * noise_trace(*at[1:])))
        above = int(np.clip(np.flatnonzero(ratio >= memory).max(initial=0), 0, _POINTS - 2))
        low, high = beta[above], beta[above + 1]
    return float(np.interp(-memory, -ratio[above : above + 2], [low, high]))
