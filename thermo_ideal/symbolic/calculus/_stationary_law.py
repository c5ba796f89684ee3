"""The stationary law of a one-dimensional diffusion: where it lives, when it exists, and its normaliser, checked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import sympy as sp
from sympy import Expr, Symbol

from thermo_ideal.symbolic.calculus._draws import Point, agreement, evaluated
from thermo_ideal.symbolic.calculus._integrability import End
from thermo_ideal.symbolic.calculus._normalizers import candidates
from thermo_ideal.symbolic.calculus._one_dimensional import ScalarDiffusion, parameter_points
from thermo_ideal.symbolic.calculus._quadrature import integral
from thermo_ideal.symbolic.calculus._stationary_density import StationaryDensity
from thermo_ideal.symbolic.calculus._support import Fault, faults, positive_intervals
from thermo_ideal.symbolic.calculus._time_limit import within

_CHECKS = 2  # points at which a closed form is compared with quadrature
_TOLERANCE = 1e-8


class NoStationaryLawError(ArithmeticError, ValueError):
    """The interval is not one on which the process has a stationary law: mathematics refuses, not SymPy."""


def stationary_law(diffusion: ScalarDiffusion, lower: Expr, upper: Expr, given: sp.Basic) -> StationaryDensity:
    """The speed density without its constant factors, its integral, and the condition for it to be finite."""
    _require_ends(diffusion, lower, upper)
    inner = _with_signs(diffusion, lower, upper)
    trials = parameter_points(inner, (lower, upper), given)
    if not trials:
        raise ValueError(f"condition: got {given}, expected one that the symbols' assumptions and the interval allow")
    _require_support(inner, diffusion.x, (lower, upper), trials[:2])
    kernel = inner.kernel(lower, upper, trials[:4])
    shown = kernel.xreplace({inner.x: diffusion.x})
    condition = _condition(inner, kernel, shown, (lower, upper), given, trials)
    trials = parameter_points(inner, (lower, upper), given & _decidable(condition))
    normalizer = _normalizer(inner, kernel, (lower, upper), trials)
    return StationaryDensity(diffusion.x, shown, normalizer.xreplace({inner.x: diffusion.x}), condition, lower, upper)


def _require_ends(diffusion: ScalarDiffusion, lower: Expr, upper: Expr) -> None:
    if sp.Gt(upper, lower) == sp.false:
        raise ValueError(
            f"lower, upper: got the interval ({lower}, {upper}), expected lower < upper, as in "
            f"stationary_law({upper}, {lower})"
        )
    x = diffusion.x
    if diffusion.x in lower.free_symbols | upper.free_symbols:
        raise ValueError(f"lower, upper: got the interval ({lower}, {upper}), expected ends that do not depend on {x}")
    excluded = {lower: lower.is_negative and x.is_nonnegative, upper: upper.is_positive and x.is_nonpositive}
    for end, outside in excluded.items():
        if outside:
            raise ValueError(
                f"lower, upper: got the end {end}, which the assumptions of the symbol {x} exclude; expected an "
                f"interval of values of {x}, or a state Symbol('{x}', real=True)"
            )


def _with_signs(diffusion: ScalarDiffusion, lower: Expr, upper: Expr) -> ScalarDiffusion:
    """The same diffusion in a symbol that knows its sign on the interval."""
    sign = "positive" if lower.is_nonnegative else "negative" if upper.is_nonpositive else "real"
    x = sp.Dummy(diffusion.x.name, **{sign: True})
    return ScalarDiffusion(x, diffusion.a.subs(diffusion.x, x), diffusion.D.subs(diffusion.x, x))


def _require_support(
    diffusion: ScalarDiffusion, shown: Symbol, ends: tuple[Expr, Expr], trials: Iterable[Point]
) -> None:
    """`D > 0` between the ends, and no singular point there, at some values of the parameters."""
    for point in trials:
        a, D, low, high = (sp.sympify(e).subs(point) for e in (diffusion.a, diffusion.D, *ends))
        found = faults(a, D, diffusion.x, low, high)
        if not found:
            continue
        say = _crossed if found[0].kind == "singular" else _not_positive
        where = f" at {_written(point)}" if point else ""
        numbers = ScalarDiffusion(diffusion.x, a, D)
        raise NoStationaryLawError(f"stationary_law: {say(numbers, found[0], low, high, shown, where)}")


def _not_positive(diffusion: ScalarDiffusion, fault: Fault, low: Expr, high: Expr, shown: Symbol, where: str) -> str:
    parts = positive_intervals(diffusion.D, diffusion.x, low, high)
    line = f", as in stationary_law({parts[0][0]}, {parts[0][1]})" if parts else ""
    return (
        f"the squared diffusion {diffusion.D.xreplace({diffusion.x: shown})} is {fault.kind} on a part of "
        f"({low}, {high}), {sp.N(fault.value, 4)} at {shown} = {fault.position}{where}, so no process lives there; "
        f"expected an interval on which it is positive{line}"
    )


def _crossed(diffusion: ScalarDiffusion, fault: Fault, low: Expr, high: Expr, shown: Symbol, where: str) -> str:
    """At a singular point the two sides are intervals of their own."""
    z, slope = fault.position, diffusion.log_speed_slope
    finite = all(End(diffusion.x, z, side).condition(slope) == sp.true for side in (1, -1))
    why = (
        "the process does not cross it, or not in a way that its coefficients determine"
        if finite
        else f"the zero-current measure has no finite integral there, so none over ({low}, {high})"
    )
    return (
        f"{shown} = {z} is a singular point inside ({low}, {high}){where}: {why}; expected an interval without one, "
        f"as in stationary_law({z}, {high}) or stationary_law({low}, {z})"
    )


def _written(point: Point) -> str:
    return ", ".join(f"{symbol} = {value}" for symbol, value in point.items())


def _condition(
    diffusion: ScalarDiffusion,
    kernel: Expr,
    shown: Expr,
    ends: tuple[Expr, Expr],
    given: sp.Basic,
    trials: list[Point],
) -> sp.Basic:
    """What the parameters must satisfy, beside what is given, for a finite integral."""
    condition = sp.true
    for position, side in zip(ends, (1, -1), strict=True):
        end = End(diffusion.x, position, side)
        found = end.condition(diffusion.log_speed_slope)
        if found.has(sp.Limit):
            said = agreement(partial(end.numerically, kernel), trials[:4])
            if said is None and not found.free_symbols - {diffusion.x}:
                raise ArithmeticError(
                    f"stationary_law: SymPy cannot tell whether {shown} has a finite integral at {position}, nor do "
                    f"its values there; the kernel is {shown}, up to a factor"
                )
            found = sp.false if said is False else sp.true if not diffusion.parameters else found
        condition = sp.And(condition, found)
    return _sharpened(condition, shown, ends, given, trials)


def _sharpened(
    condition: sp.Basic, shown: Expr, ends: tuple[Expr, Expr], given: sp.Basic, trials: list[Point]
) -> sp.Basic:
    """The condition without what is given; an error where nothing satisfies it, or where assumptions should say it."""
    if condition != sp.true and not condition.has(sp.Limit):
        simpler = within(0.5, lambda: sp.simplify(condition))
        condition = condition if simpler is None else simpler
        if given != sp.true and within(0.5, lambda: sp.simplify(sp.And(given, sp.Not(condition)))) == sp.false:
            condition = sp.true
    decidable = _decidable(condition)
    never = condition == sp.false or all(decidable.subs(point) == sp.false for point in trials)
    lower, upper = ends
    if never:
        raise NoStationaryLawError(
            f"stationary_law: {shown} has no finite integral over ({lower}, {upper}), so the process has no stationary "
            f"law there; its zero-current measure is {shown}, up to a factor"
        )
    for part in sp.And.make_args(condition):
        if isinstance(part, sp.core.relational.Relational) and part.rhs == 0 and part.lhs.is_Symbol:
            sign = "positive" if part.rel_op in (">", ">=") else "negative"
            raise ArithmeticError(
                f"stationary_law: {shown} has a finite integral over ({lower}, {upper}) for some parameters only; give "
                f"their symbols assumptions, as in Symbol('{part.lhs}', {sign}=True), or pass condition={part}"
            )
    return condition


def _decidable(condition: sp.Basic) -> sp.Basic:
    """The relations without a `Limit`."""
    return sp.And(*(part for part in sp.And.make_args(condition) if not part.has(sp.Limit)))


def _normalizer(diffusion: ScalarDiffusion, kernel: Expr, ends: tuple[Expr, Expr], trials: list[Point]) -> Expr:
    """The first closed form that quadrature confirms; else the integral itself."""
    lower, upper = ends
    unevaluated = sp.Integral(kernel, (diffusion.x, lower, upper))
    if kernel.has(sp.Integral):
        return unevaluated
    numbers: list[tuple[Point, Expr]] = []
    for candidate in candidates(kernel, diffusion.x, lower, upper):
        if not numbers:
            numbers = _quadratures(diffusion, kernel, ends, trials)
        if numbers and all(_agrees(candidate, point, number) for point, number in numbers):
            return sp.sympify(candidate)
    return unevaluated


def _quadratures(
    diffusion: ScalarDiffusion, kernel: Expr, ends: tuple[Expr, Expr], trials: list[Point]
) -> list[tuple[Point, Expr]]:
    numbers = []
    for point in trials[:6]:
        number = integral(kernel.subs(point), diffusion.x, *(sp.sympify(end).subs(point) for end in ends))
        numbers += [] if number is None else [(point, number)]
        if len(numbers) == _CHECKS:
            break
    return numbers


def _agrees(candidate: Expr, point: Point, number: Expr) -> bool:
    value = within(0.5, lambda: evaluated(sp.sympify(candidate), point))
    # An infinite value is none, and neither is NaN.
    return value is not None and value.is_finite is True and bool(abs(value - number) <= _TOLERANCE * number)
