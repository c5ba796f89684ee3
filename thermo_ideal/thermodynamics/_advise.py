"""The temperature of an optimiser, and what follows from it, from the numbers of a recipe."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermo_ideal._arguments import as_positive, in_double_precision, require_count, require_real_dimension
from thermo_ideal._dictionary import DICTIONARY, Quantity
from thermo_ideal._display import equation
from thermo_ideal.dynamics import AbstractProtocol, AbstractUpdateRule, PlainUpdate, temperature
from thermo_ideal.dynamics._update_rules import noise_trace as trace_of
from thermo_ideal.thermodynamics._equivalent_settings import EquivalentSettings, equivalent_settings
from thermo_ideal.thermodynamics._noise_from_norm import noise_trace_that_settles_at
from thermo_ideal.thermodynamics._radius_of_update_rule import radius_relaxation_rate
from thermo_ideal.thermodynamics._schedule_advice import ScheduleAdvice, schedule_advice

_PLAIN = PlainUpdate()
_SMALL = 0.1  # of what must be small against 1
_SAME = 1e-6  # relative change with the noise of what does not depend on it
_STEP = 1e-3  # of a logarithm, for slopes of powers
# Of the rows whose formula is not the rule's; empty where there is no closed form.
_FORMULAS = {
    "noise_trace": "(d - 1)*sigma^2",
    "noise_trace_of_example": "B*tau",
    "noise_scale": "sqrt(tau/(d - 1))",
    "stationary_radius": "",
    "effective_learning_rate": "2*T/sigma^2",
    "temperature": "",
    "temperature_by_noise": "T/sigma",
    "angle_per_step": "",
    "direction_memory": "sigma^4/(2*T^2*tau)",
    "radius_relaxation_time": "",
    "loss_relaxation_time": "sigma^2/(4*T*h)",
    "radius_by_stationary": "norm/r_stationary",
    "temperature_now": "",
}
_AT_CONSTANT_RATE = ("radius_relaxation_time", "temperature_now")
_CLIPPING = (
    "Gradient clipping is outside the theory: a clipped gradient does not fall as 1/r. The numbers hold where few "
    "steps are clipped."
)
_SCALE_INVARIANT = (
    "The numbers are of scale-invariant weights that share one radius, such as those before a normalisation; "
    "a network has several groups of them, each with its own dimension, noise and radius."
)


class AdviceRow(NamedTuple):
    """One number.

    Args:
        quantity: its word, symbol, unit and meaning, and the formula that it follows from.
        value: of it.

    Example:
        >>> from thermo_ideal.dynamics import FixedLearningRate
        >>> from thermo_ideal.thermodynamics import advise
        >>> row = advise(FixedLearningRate(0.1, 5e-4), dimension=11e6).rows["angle_per_step"]
        >>> row.quantity.formula, f"{row.value:.4f}"
        ('sqrt(2*eta*lambda)', '0.0100')
    """

    quantity: Quantity
    value: float


@dataclass(frozen=True, eq=False, repr=False)
class Advice:
    """An optimiser as a gas.

    Args:
        protocol: with its hyperparameters.
        update_rule: with its own.
        rows: what is known, by word.
        missing: what is not, by word, with what would tell.
        limits: numbers that must be small against 1 for the rows to hold, by what they are.
        assumptions: what is taken for granted.
        decay_exponent: `a`, where `λ ∝ η^a` keeps the temperature; None where the weight decay has no influence on it.
        equivalents: settings of other optimisers with the same temperature, angle and radius, by name; those that do
            not depend on a noise that is not known are all there are without it.
        schedule: whether the radius follows the schedule, if there is one.

    Example:
        >>> from thermo_ideal.dynamics import AdamW, FixedLearningRate
        >>> from thermo_ideal.thermodynamics import advise
        >>> advice = advise(FixedLearningRate(6e-4, weight_decay=0.1), AdamW(0.9, 0.95), dimension=124e6)
        >>> f"{advice['stationary_radius']:.0f} {advice['radius_relaxation_time']:.0f} {advice.decay_with(1.2e-3):.2f}"
        '610 8333 0.05'
    """

    protocol: AbstractProtocol
    update_rule: AbstractUpdateRule
    rows: Mapping[str, AdviceRow]
    missing: Mapping[str, str]
    limits: Mapping[str, float]
    assumptions: tuple[str, ...]
    decay_exponent: float | None
    equivalents: Mapping[str, EquivalentSettings]
    schedule: ScheduleAdvice | None

    def __getitem__(self, word: str) -> float:
        """The value of a row.

        Args:
            word: of its quantity.

        Raises:
            KeyError: it is not known, with what would tell.
        """
        if word not in self.rows:
            there = f"there is no such row, but {', '.join(self.rows)}"
            raise KeyError(f"{word}: {self.missing.get(word, there)}")
        return self.rows[word].value

    def decay_with(self, learning_rate: float) -> float:
        """The weight decay that keeps the temperature at another learning rate.

        Args:
            learning_rate: the other one.

        Returns:
            `λ (η'/η)^a`.

        Raises:
            ValueError: the weight decay has no influence on the temperature.
        """
        eta, decay = self.protocol.constants.get("learning_rate"), self.protocol.constants.get("weight_decay")
        if self.decay_exponent is None or eta is None or decay is None:
            raise ValueError(
                f"learning_rate: got one for {type(self.protocol).__name__}, whose weight decay does not set the "
                "temperature, expected FixedLearningRate(0.1, weight_decay=5e-4)"
            )
        as_positive("learning_rate", learning_rate)
        return float(decay) * (float(learning_rate) / float(eta)) ** self.decay_exponent

    @property
    def warnings(self) -> tuple[str, ...]:
        """The limits that are not kept: above 0.1."""
        return tuple(f"{what} = {value:.3g} is not small" for what, value in self.limits.items() if value > _SMALL)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and texts.

        Returns:
            What `--json` prints.
        """
        rows = {
            word: {"value": x, "symbol": q.symbol, "unit": q.unit, "formula": q.formula, "meaning": q.meaning}
            for word, (q, x) in self.rows.items()
        }
        return {
            "protocol": self.protocol.name,
            "update_rule": repr(self.update_rule),
            "rows": rows,
            "missing": dict(self.missing),
            "limits": dict(self.limits),
            "assumptions": list(self.assumptions),
            "warnings": list(self.warnings),
            "decay_exponent": self.decay_exponent,
            "equivalents": {
                name: {**other.settings, "radius_relaxation_time": other.radius_relaxation_time}
                for name, other in self.equivalents.items()
            },
            "schedule": None if self.schedule is None else self.schedule.to_dict(),
        }

    def __repr__(self) -> str:
        rows = (equation(q.symbol, f"{x:.4g}", q.unit) for q, x in self.rows.values())
        lines = [f"Advice for {self.update_rule!r} at {self.protocol!r}", ", ".join(rows)]
        lines += [f"warning: {text}" for text in self.warnings]
        return "\n  ".join([*lines, *([repr(self.schedule)] if self.schedule else [])])


def advise(
    protocol: AbstractProtocol,
    update_rule: AbstractUpdateRule = _PLAIN,
    *,
    dimension: float,
    noise_trace: float | None = None,
    norm: float | None = None,
    batch: float | None = None,
    curvature: float | None = None,
    schedule: Callable[[Any], Any] | None = None,
    num_steps: int | None = None,
) -> Advice:
    """What a recipe is as a gas: its temperature, its radius, how far a step turns, and how long it all takes.

    All of it is the limit of small steps with isotropic noise. Without a noise the rows that depend on it are missing;
    the angle of a step, relaxation times and `T/σ` do not.

    Args:
        protocol: with a number for each hyperparameter, as in `FixedLearningRate(0.1, weight_decay=5e-4)`.
        update_rule: of the steps, as in `HeavyBall(0.9)`.
        dimension: `d`, the number of scale-invariant weights of one group.
        noise_trace: trace of the covariance of the gradient noise at a weight norm of 1: `r²` times that at norm `r`.
            Of one example where `batch` is given, else of the gradient that a step takes.
        norm: of the weights, now. Without a noise trace they are taken to have settled there, which tells the noise,
            where the stationary radius depends on it.
        batch: examples in a batch, which divide the trace of one.
        curvature: of the loss on the unit sphere, for the relaxation time of the loss.
        schedule: the learning rate at a fraction of the run from 0 to 1, as in `cosine(0.1, 0.0)`.
        num_steps: of the run, with a schedule.

    Returns:
        An `Advice`.

    Raises:
        ValueError: an argument out of its range, hyperparameters that are arrays or schedules, or no stationary state.

    Example:
        >>> from thermo_ideal.dynamics import FixedLearningRate, HeavyBall
        >>> from thermo_ideal.thermodynamics import advise
        >>> recipe = FixedLearningRate(0.1, weight_decay=5e-4), HeavyBall(0.9)
        >>> advice = advise(*recipe, dimension=11e6, norm=50.0, batch=128)
        >>> f"{advice['temperature']:.3g} {advice['radius_relaxation_time']:.0f}"
        '1.14e-07 500'

    Source: Kosson, Messmer & Jaggi, arXiv 2305.17212 (the angle of a step); arXiv 2511.07308 (the gas).
    """
    require_real_dimension("dimension", dimension)
    for name, number in (("noise_trace", noise_trace), ("norm", norm), ("batch", batch), ("curvature", curvature)):
        if number is not None:
            with jax.enable_x64(True):
                as_positive(name, number)
    if (schedule is None) != (num_steps is None):
        raise ValueError(
            "schedule, num_steps: got one without the other, expected both, as in "
            "schedule=cosine(0.1, 0.0), num_steps=90_000"
        )
    if num_steps is not None:
        require_count("num_steps", num_steps)
    with jax.enable_x64(True):
        protocol, update_rule = (_doubled(part) for part in (protocol, update_rule))
        recipe = _Recipe(protocol, update_rule, float(dimension), norm, curvature)
        per_step = None if noise_trace is None else noise_trace / (batch or 1.0)
        assumptions = [*update_rule.assumptions, _SCALE_INVARIANT, _CLIPPING]
        if norm is not None and per_step is None and recipe.noise_sets_radius:
            per_step = noise_trace_that_settles_at(norm, protocol, update_rule, dimension)
            assumptions.insert(0, "The weights have settled at their norm, from which the noise follows.")
        rows, missing = recipe.rows(per_step, batch)
        sigma = 1.0 if per_step is None else math.sqrt(per_step / (dimension - 1))
        radius = recipe.radius(sigma)
        limits = update_rule.limits(protocol, radius, sigma, dimension)
        other = update_rule.limits(protocol, recipe.radius(2 * sigma), 2 * sigma, dimension)
        followed = None
        if schedule is not None and num_steps is not None:
            followed = schedule_advice(
                update_rule, protocol, sigma, float(dimension), schedule, num_steps, norm, curvature
            )
        return Advice(
            protocol=protocol,
            update_rule=update_rule,
            rows=rows,
            missing=missing,
            limits={k: float(x) for k, x in limits.items() if per_step is not None or _same(x, other[k])},
            assumptions=tuple(assumptions),
            decay_exponent=recipe.decay_exponent(sigma),
            equivalents=recipe.equivalents(per_step),
            schedule=followed,
        )


def _doubled(part: Any) -> Any:
    """With hyperparameters in double precision, each one number."""
    for name, shape in part.batch_shapes.items():
        if shape:
            raise ValueError(f"{name}: got an array of shape {shape}, expected one number, as in {name}=0.01")
    for name in part.schedules:
        raise ValueError(f"{name}: got a schedule, expected a number, and the schedule as advise(…, schedule=…)")
    return part.replace(**{name: jnp.asarray(in_double_precision(x)) for name, x in part.constants.items()})


def _same(a: Any, b: Any) -> bool:
    return bool(np.isclose(float(a), float(b), rtol=_SAME, atol=0.0, equal_nan=True))


class _Recipe(NamedTuple):
    """An optimiser, whose noise may be known or not."""

    protocol: AbstractProtocol
    rule: AbstractUpdateRule
    dimension: float
    norm: float | None
    curvature: float | None

    @property
    def noise_sets_radius(self) -> bool:
        return not _same(self.radius(1.0), self.radius(2.0))

    def radius(self, sigma: float) -> float:
        """`r*`."""
        radius = float(self.rule.stationary_radius(self.protocol, sigma, self.dimension))
        if not 0 < radius < math.inf:
            raise ValueError(
                f"protocol: got {self.protocol!r}, which has no stationary radius with {type(self.rule).__name__}, "
                "expected a weight decay above 0, as in FixedLearningRate(0.1, weight_decay=5e-4)"
            )
        return radius

    def values(self, sigma: float) -> dict[str, float]:
        """Every number, by word."""
        radius = self.radius(sigma)
        steps = self.rule.small_steps(self.protocol, radius, sigma, self.dimension)
        trace = float(trace_of(sigma, self.dimension))
        effective = float(steps.effective_learning_rate)
        found = {
            "noise_trace": trace,
            "noise_scale": sigma,
            "stationary_radius": radius,
            "effective_learning_rate": effective,
            "temperature": float(temperature(effective, sigma)),
            "temperature_by_noise": effective * sigma / 2,
            "angle_per_step": float(steps.angle),
            "direction_memory": 2 / (effective**2 * trace),
        }
        if not self.protocol.fixes_radius:
            rate = radius_relaxation_rate(self.rule, self.protocol, jnp.asarray(radius), sigma, self.dimension)
            found["radius_relaxation_time"] = float(1 / rate)
        if self.curvature is not None:
            found["loss_relaxation_time"] = 1 / (2 * effective * self.curvature)
        if self.norm is not None and not self.protocol.fixes_radius:
            now = self.rule.small_steps(self.protocol, self.norm, sigma, self.dimension)
            found["radius_by_stationary"] = self.norm / radius
            found["temperature_now"] = float(temperature(now.effective_learning_rate, sigma))
        return found

    def rows(self, trace: float | None, batch: float | None) -> tuple[dict[str, AdviceRow], dict[str, str]]:
        """What is known, and what is not."""
        sigma = 1.0 if trace is None else math.sqrt(trace / (self.dimension - 1))
        found, other = self.values(sigma), self.values(2 * sigma)
        if trace is not None and batch is not None:
            found["noise_trace_of_example"] = trace * batch
        formulas = _FORMULAS | dict(self.rule.formulas(self.protocol))
        rate = self.protocol.learning_rate_at
        if not _same(rate(jnp.asarray(1.0)), rate(jnp.asarray(2.0))):
            formulas |= {word: _FORMULAS[word] for word in _AT_CONSTANT_RATE}
        rows, missing = {}, {}
        for word, value in found.items():
            if trace is None and not _same(value, other[word]):
                missing[word] = "give the noise trace, or the norm that the weights have settled at"
            else:
                rows[word] = AdviceRow(replace(DICTIONARY[word], formula=formulas[word]), value)
        return rows, missing

    def decay_exponent(self, sigma: float) -> float | None:
        """`−(∂ log T/∂ log η)/(∂ log T/∂ log λ)`, of powers."""
        names = ("learning_rate", "weight_decay")
        if not set(names) <= set(self.protocol.constants):
            return None
        slopes = []
        for name in names:
            ends = []
            for sign in (-1, 1):
                moved = self.protocol.constants[name] * math.exp(sign * _STEP)
                one = self._replace(protocol=self.protocol.replace(**{name: moved}), norm=None)
                ends.append(math.log(one.values(sigma)["temperature"]))
            slopes.append((ends[1] - ends[0]) / (2 * _STEP))
        return 0.0 - slopes[0] / slopes[1] if abs(slopes[1]) > _SAME else None

    def equivalents(self, trace: float | None) -> dict[str, EquivalentSettings]:
        """Settings of other optimisers, those that are known."""

        def at(sigma: float) -> dict[str, EquivalentSettings]:
            radius = self.radius(sigma)
            steps = self.rule.small_steps(self.protocol, radius, sigma, self.dimension)
            return equivalent_settings(steps, radius, sigma, self.dimension)

        if trace is not None:
            return at(math.sqrt(trace / (self.dimension - 1)))
        found, other = at(1.0), at(2.0)
        return {
            name: one
            for name, one in found.items()
            if all(_same(x, other[name].settings[word]) for word, x in one.settings.items())
        }
