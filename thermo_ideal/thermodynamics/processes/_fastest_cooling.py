"""The schedule with the lowest loss after a number of steps."""

from __future__ import annotations

from typing import Any

from thermo_ideal._arguments import require_count
from thermo_ideal.thermodynamics.processes._optimal_schedule import OptimalSchedule, require_single, step_law

_RULES = ("optimal", "greedy")


def fastest_cooling(state: Any, num_steps: int, *, rule: str = "optimal") -> OptimalSchedule:
    r"""The effective learning rates that take a gas to the lowest mean loss in a number of steps.

    For a quadratic loss of one curvature, with `n = 2R` modes, a step is `U' = (1 − η)² U + η²σ²R`, the best of which
    is `η = U/(U + Rσ²)`: the bath is held at half the temperature of the gas. It is the best schedule as a whole, with

    $$\frac{1}{U_N} = \frac{1}{U_0} + \frac{N}{R\sigma^2}.$$

    For any loss the rule that is best for each step, to second order in `η`, is

    $$\eta = \frac{\mathbf E|\nabla L|^2}{\mathbf E\,\nabla L\cdot H\nabla L + \sigma^2\,\mathbf E\,\Delta_S L},$$

    whose first term is small in small steps. With several curvatures, or in a gas that is not cold, it is not the best
    as a whole: that is found by optimal control, from the greedy rule on, with exact derivatives of the loss at the end
    by every `log η`. Laws are those of SGD step by step, not of its SDE; the start is what SGD settles in.

    Args:
        state: the start, one state; its radius and weight decay matter to the schedules of plain SGD alone.
        num_steps: how many steps.
        rule: "optimal", or "greedy".

    Returns:
        An `OptimalSchedule`.

    Raises:
        ValueError: not one state, no count, another rule, a gas that does not know its loss, or a start so hot that
            steps diverge.
        ArithmeticError: a law that cannot be followed.

    Example:
        Several curvatures; the stiff directions must be cooled before the soft ones have come down:

        >>> from thermo_ideal.thermodynamics import HarmonicGas, State
        >>> from thermo_ideal.thermodynamics.processes import fastest_cooling
        >>> start = State(HarmonicGas([1.0, 0.05], counts=[50, 50]), effective_learning_rate=0.1, radius=1.0)
        >>> best, greedy = (fastest_cooling(start, 200, rule=rule) for rule in ("optimal", "greedy"))
        >>> f"{greedy.internal_energy[-1] / best.internal_energy[-1]:.3f}"
        '1.057'

    Source: T. Schaul, S. Zhang & Y. LeCun, No more pesky learning rates, ICML 2013, on the greedy rule.
    """
    require_single(state, f"fastest_cooling(State(gas, effective_learning_rate=0.1, radius=1.0), {num_steps})")
    require_count("num_steps", num_steps)
    if rule not in _RULES:
        raise ValueError(f"rule: got {rule!r}, expected one of {', '.join(_RULES)}, as in rule='optimal'")
    law = step_law(state)
    rates = law.fastest(num_steps) if rule == "optimal" else law.greedy(num_steps)
    return OptimalSchedule.of("fastest cooling", state, law, rates)
