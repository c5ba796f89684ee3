"""SGD on a concrete loss with concrete noise, in explicit components: the ground a derivation is checked on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

import mpmath
import sympy as sp
from sympy import Eq, Expr, Indexed, Integral, Rational, Sum

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess
from thermo_ideal.symbolic.derivations._derivation import Check

DIGITS = 40

# One rational point for all, and the slopes of schedules that pass through it at t = 5/3.
VALUES = {
    n.LEARNING_RATE: Rational(3, 10),
    n.EFFECTIVE_LEARNING_RATE: Rational(2, 7),
    n.WEIGHT_DECAY: Rational(4, 11),
    n.MOMENTUM: Rational(3, 5),
    n.GAIN: Rational(5, 2),
    n.INITIAL_RADIUS: Rational(6, 5),
    n.NOISE_SCALE: Rational(9, 8),
    n.RADIUS: Rational(7, 5),
    n.GRADIENT_NORM: Rational(13, 9),
    n.TIME: Rational(5, 3),
}
SLOPES = {
    n.LEARNING_RATE: Rational(1, 9),
    n.EFFECTIVE_LEARNING_RATE: Rational(-1, 13),
    n.WEIGHT_DECAY: Rational(1, 7),
    n.RADIUS: Rational(1, 3),
}


def number(expression: Expr, values: dict[Expr, Expr]) -> Expr:
    """An explicit expression at a point, to 40 digits."""
    expression = sp.sympify(expression)
    for symbol, slope in SLOPES.items():
        expression = expression.replace(n.scheduled(symbol).func, _ramp(VALUES[symbol], slope))
    expression = expression.doit(integrals=False)
    expression = expression.xreplace(values)
    return sp.N(expression.replace(Integral, lambda f, *limits: _integral(Integral(f, *limits))), DIGITS)


@cache
def _integral(integral: Integral) -> Expr:
    """Inner integrals are polynomials and done exactly, which leaves a single quadrature, with digits to spare."""
    if integral.free_symbols or integral.function.is_polynomial(*integral.variables):
        return integral.doit()
    ((x, lower, upper),) = integral.limits
    with mpmath.workdps(DIGITS + 20):
        function = sp.lambdify(x, integral.function, "mpmath")
        value = mpmath.quad(function, [mpmath.mpmathify(lower), mpmath.mpmathify(upper)])
    return sp.Float(value, DIGITS + 20)


def _ramp(value: Expr, slope: Expr) -> Callable[[Expr], Expr]:
    return lambda t: value + slope * (t - VALUES[n.TIME])


def rational_direction(dimension: int, start: int = 3) -> list[Expr]:
    """A rational point on the unit sphere, by stereographic projection."""
    plane = [Rational(2 * j + start, 5 + j) for j in range(dimension - 1)]
    square = sum(x**2 for x in plane)
    return [2 * x / (1 + square) for x in plane] + [(square - 1) / (1 + square)]


class Replay:
    """SGD in `dimension` named components, at one rational point.

    The loss is a cubic polynomial of the direction, so scale invariant and not zonal. The noise root is `P M P / r`
    with the tangent projector `P` and a full constant matrix `M` (`M = σ I` if isotropic).

    Args:
        dimension: the number of weights, at least 2.
        step_size: what multiplies the gradient in the weights' SDE, as a function of the symbol of the radius.
        weight_decay: what multiplies the weights beside the gradient.
        isotropic: whether the noise is.
    """

    def __init__(self, dimension: int, step_size: Expr, weight_decay: Expr, isotropic: bool) -> None:
        self.dimension = dimension
        self.weights = w = sp.symbols(f"w1:{dimension + 1}", real=True)
        self.noise = sp.symbols(f"dB1:{dimension + 1}")
        self.radius = sp.sqrt(sum(x**2 for x in w))
        self.direction = [x / self.radius for x in w]
        self.loss = self._loss()

        unit, self._length = rational_direction(dimension), VALUES[n.RADIUS]
        self._at = {x: self._length * u for x, u in zip(w, unit, strict=True)}
        self._at_unit = dict(zip(w, unit, strict=True))
        gradient = [sp.diff(self.loss, x) for x in w]
        noise_root = self._noise_root(isotropic)
        at_unit = noise_root.xreplace(self._at_unit)
        self.tensors = {
            n.WEIGHTS: sp.Matrix(w).xreplace(self._at),
            n.DIRECTION: sp.Matrix(unit),
            n.GRADIENT: sp.Matrix(gradient).xreplace(self._at),
            n.DIRECTION_GRADIENT: sp.Matrix(gradient).xreplace(self._at_unit),
            n.NOISE_ROOT: noise_root.xreplace(self._at),
            n.DIRECTION_NOISE_ROOT: at_unit,
            n.VELOCITY: sp.Matrix([Rational(5 - 2 * k, 7 + k) for k in range(dimension)]),
            n.NORMALS: sp.Matrix([Rational(3 * k - 4, k + 2) for k in range(dimension)]),
            n.DB: sp.Matrix(self.noise),
        }
        self.noise_trace = (at_unit * at_unit.T).trace()
        square = sum(x**2 for x in self.tensors[n.DIRECTION_GRADIENT])
        self.scalars = {
            n.NOISE_TRACE: self.noise_trace,
            n.GRADIENT_NORM: sp.sqrt(square),
            n.RADIUS: self._length,
            n.LOSS: self.loss.xreplace(self._at),
        }
        self.step_size, self.weight_decay = step_size.subs(n.RADIUS, self._length), weight_decay
        # Itô's lemma differentiates the function, never the coefficients, so these may be numbers already.
        self.process = ItoProcess(
            w,
            drift=-self.step_size * (self.tensors[n.GRADIENT] + weight_decay * self.tensors[n.WEIGHTS]),
            diffusion=self.step_size * self.tensors[n.NOISE_ROOT],
            time=n.TIME,
        )

    def _loss(self) -> Expr:
        x = self.direction
        linear = sum(Rational(j + 2, 3) * x[j] for j in range(self.dimension))
        return 1 - linear / 5 + x[0] * x[1] / 3 + x[-1] ** 3 / 7

    def _noise_root(self, isotropic: bool) -> sp.Matrix:
        size = self.dimension
        unit = sp.Matrix(self.direction)
        projector = sp.eye(size) - unit * unit.T
        if isotropic:
            return n.NOISE_SCALE * projector / self.radius
        full = sp.Matrix(size, size, lambda a, b: Rational(1, 1 + a + b) + int(a == b) * Rational(a + 1, 2))
        return projector * full * projector / self.radius

    def noisy_gradient(self) -> sp.MatrixBase:
        """The gradient of the loss of a batch with weight decay: `∇[L + Σ_ik S_ik ξ_k w_i + λ|w|²/2]` at the point."""
        w = sp.Matrix(self.weights)
        batch = self.loss + (w.T * self.tensors[n.NOISE_ROOT] * self.tensors[n.NORMALS])[0]
        objective = batch + self.weight_decay * (w.T * w)[0] / 2
        return sp.Matrix([sp.diff(objective, x) for x in self.weights]).xreplace(self._at)

    def evaluate(self, residual: Expr) -> Expr:
        """The value of an explicit expression at the rational point, to 40 digits."""
        return number(residual, self._at | VALUES | {n.DIMENSION: sp.Integer(self.dimension)})

    def explicit(self, expression: Expr, component: int = 1) -> Expr:
        """An expression in symbolic dimension at the rational point; its free index becomes `component` (from 1)."""
        expression = sp.sympify(expression).subs({n.FREE_INDEX: component, n.DIMENSION: self.dimension})
        expression = expression.replace(Sum, lambda *arguments: Sum(*arguments).doit())
        components = {
            tensor: self.tensors[tensor.base][tuple(int(i) - 1 for i in tensor.indices) + (0,) * (tensor.rank == 1)]
            for tensor in expression.atoms(Indexed)
            if tensor.base in self.tensors
        }
        return expression.xreplace(components | self.scalars)

    def algebraic(self, equation: Eq) -> Iterator[Expr]:
        """Left minus right, for every value of the free index."""
        difference = equation.lhs - equation.rhs
        for component in range(1, self._components(equation) + 1):
            yield self.explicit(difference, component)

    def vector(self, equation: Eq, left: Sequence[Expr] | sp.MatrixBase) -> Iterator[Expr]:
        """A vector of explicit components minus the right side, for every value of the free index."""
        for component in range(self.dimension):
            yield left[component] - self.explicit(equation.rhs, component + 1)

    def differential(self, equation: Eq, function: Callable[[int], Expr]) -> Iterator[Expr]:
        """The coefficients of `dt` and every `dB_k` on the right, against Itô's lemma in components.

        Args:
            equation: `dX = a dt + Σ_k b_k dB_k`.
            function: the component (from 0) of `X` as a function of `self.weights`.
        """
        for component in range(self._components(equation)):
            differential = self.process.lemma(function(component))
            right = self.explicit(equation.rhs, component + 1)
            yield sp.diff(right, n.DT) - differential.drift
            yield right.subs({n.DT: 0, **dict.fromkeys(self.noise, 0)})
            for k in range(self.dimension):
                yield sp.diff(right, self.noise[k]) - differential.diffusion(k)

    def fokker_planck(self, density: Callable[[Expr], Expr], eta: Expr = n.EFFECTIVE_LEARNING_RATE) -> Expr:
        """`η_eff ∇·(ρ ∇L) + ½ η_eff² σ² Δρ` on the unit sphere, for `ρ = density(L)`.

        Every field here is extended to be constant along rays, so the ambient divergence of a tangent field and the
        ambient Laplacian, taken at `|w| = 1`, are those of the sphere.
        """
        sigma = n.NOISE_SCALE
        rho = density(self.loss)
        divergence = sum(
            sp.diff(eta * rho * sp.diff(self.loss, x) + eta**2 * sigma**2 / 2 * sp.diff(rho, x), x)
            for x in self.weights
        )
        return divergence.xreplace(self._at_unit)

    def _components(self, equation: Eq) -> int:
        return self.dimension if equation.has(n.FREE_INDEX) else 1


def differential(function: Callable[[Replay], Callable[[int], Expr]]) -> Check:
    """A check that hands the equation to Itô's lemma in components, applied to `function`."""

    def check(equation: Eq, replay: Replay) -> Iterable[Expr]:
        return replay.differential(equation, function(replay))

    return check
