"""SGD on a concrete loss with concrete noise, in explicit components: the case in which derivations are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy

import sympy as sp
from sympy import Eq, Expr, Indexed, IndexedBase, Rational, Sum, Symbol

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.calculus import ItoProcess
from thermo_ideal.symbolic.derivations._derivation import Check
from thermo_ideal.symbolic.derivations._random_point import RandomPoint


def on_sphere(plane: Sequence[Expr]) -> list[Expr]:
    """The point of the unit sphere whose stereographic projection is `plane`; rational where that is."""
    square = sum(x**2 for x in plane)
    return [2 * x / (1 + square) for x in plane] + [(square - 1) / (1 + square)]


class PointCheck:
    """Tensors and scalars with their values at one point, and the components of equations between them.

    Args:
        point: the values of hyperparameters and of what else does not depend on the weights.
        weights: the symbols of the components of the weights.
        position: the values of these.
        tensors: the components of every tensor.
        scalars: the values of symbols that depend on the point.
    """

    def __init__(
        self,
        point: RandomPoint,
        weights: Sequence[Symbol],
        position: Sequence[Expr],
        tensors: Mapping[IndexedBase, sp.MatrixBase],
        scalars: Mapping[Symbol, Expr],
    ) -> None:
        self.point, self.dimension = point, len(weights)
        self.tensors, self.scalars = dict(tensors), dict(scalars)
        self._position = dict(zip(weights, position, strict=True))

    def evaluate(self, residual: Expr) -> Expr:
        """The value of an explicit expression at the point, to 40 digits."""
        return self.point.number(residual, self._position | {n.DIMENSION: sp.Integer(self.dimension)})

    def with_tensors(self, tensors: Mapping[IndexedBase, sp.MatrixBase]) -> PointCheck:
        """The same point with the components of further tensors."""
        more = copy(self)
        more.tensors = self.tensors | dict(tensors)
        return more

    def explicit(self, expression: Expr, component: int = 1) -> Expr:
        """An expression in symbolic dimension at the point; its free index becomes `component` (from 1)."""
        expression = sp.sympify(expression).subs({n.FREE_INDEX: component, n.DIMENSION: self.dimension})
        expression = expression.replace(Sum, lambda *arguments: Sum(*arguments).doit())
        components = {
            tensor: self.tensors[tensor.base][tuple(int(i) - 1 for i in tensor.indices) + (0,) * (tensor.rank == 1)]
            for tensor in expression.atoms(Indexed)
            if tensor.base in self.tensors
        }
        return expression.xreplace(components | self.scalars)

    def algebraic(self, equation: Eq) -> Iterator[Expr]:
        """Left side minus right side, for every value of the free index."""
        for component in self._components(equation):
            yield self.explicit(equation.lhs - equation.rhs, component)

    def vector(self, equation: Eq, left: sp.MatrixBase) -> Iterator[Expr]:
        """The components of a vector minus the right side, for every value of the free index."""
        for component in range(self.dimension):
            yield left[component] - self.explicit(equation.rhs, component + 1)

    def _components(self, equation: Eq) -> range:
        """The values of the free index, from 1."""
        return range(1, 1 + (self.dimension if equation.has(n.FREE_INDEX) else 1))


class ComponentCheck(PointCheck):
    """SGD in `dimension` named components, at one point with rational coordinates.

    The loss is a cubic polynomial of the direction, so scale invariant and not zonal. The root of the noise covariance
    is `P M P / r` with the tangent projector `P` and a constant matrix `M` without zeros (`M = σ I` if isotropic).

    Args:
        dimension: the number of weights, at least 2.
        step_size: the coefficient of the gradient in the SDE of the weights, as a function of the symbol of the radius.
        weight_decay: the coefficient of the weights beside the gradient.
        isotropic: whether the noise is isotropic.
        number: the number of the random point.
    """

    def __init__(self, dimension: int, step_size: Expr, weight_decay: Expr, isotropic: bool, number: int = 0) -> None:
        point = RandomPoint(dimension, number)
        self.weights = w = sp.symbols(f"w1:{dimension + 1}", real=True)
        self.noise = sp.symbols(f"dB1:{dimension + 1}")
        self.radius = sp.sqrt(sum(x**2 for x in w))
        self.direction = [x / self.radius for x in w]
        self.loss = self._loss()

        self.plane = point.vector(dimension - 1)
        unit, length = on_sphere(self.plane), point.values[n.RADIUS]
        position = [length * u for u in unit]
        at, self._at_unit = dict(zip(w, position, strict=True)), dict(zip(w, unit, strict=True))
        gradient = sp.Matrix([sp.diff(self.loss, x) for x in w])
        root = self._noise_root(isotropic)
        tensors = {
            n.WEIGHTS: sp.Matrix(position),
            n.DIRECTION: sp.Matrix(unit),
            n.GRADIENT: gradient.xreplace(at),
            n.DIRECTION_GRADIENT: gradient.xreplace(self._at_unit),
            n.NOISE_ROOT: root.xreplace(at),
            n.DIRECTION_NOISE_ROOT: root.xreplace(self._at_unit),
            n.VELOCITY: sp.Matrix(point.vector(dimension)),
            n.NORMALS: sp.Matrix(point.vector(dimension)),
            n.DB: sp.Matrix(self.noise),
        }
        self.noise_trace = _squared_norm(tensors[n.DIRECTION_NOISE_ROOT])
        scalars = {
            n.NOISE_TRACE: self.noise_trace,
            n.GRADIENT_NORM: sp.sqrt(_squared_norm(tensors[n.DIRECTION_GRADIENT])),
            n.RADIUS: length,
            n.LOSS: self.loss.xreplace(at),
        }
        super().__init__(point, w, position, tensors, scalars)
        self.step_size, self.weight_decay = step_size.subs(n.RADIUS, length), weight_decay
        # Itô's lemma differentiates the function, never the coefficients, so the coefficients may be numbers already.
        self.process = ItoProcess(
            w,
            drift=-self.step_size * (tensors[n.GRADIENT] + weight_decay * tensors[n.WEIGHTS]),
            diffusion=self.step_size * tensors[n.NOISE_ROOT],
            time=n.TIME,
        )

    def _loss(self) -> Expr:
        x = self.direction
        linear = sum(Rational(j + 2, 3) * x_j for j, x_j in enumerate(x))
        return 1 - linear / 5 + x[0] * x[1] / 3 + x[-1] ** 3 / 7

    def _noise_root(self, isotropic: bool) -> sp.Matrix:
        unit, size = sp.Matrix(self.direction), len(self.direction)
        projector = sp.eye(size) - unit * unit.T
        if isotropic:
            return n.NOISE_SCALE * projector / self.radius
        full = sp.Matrix(size, size, lambda a, b: Rational(1, 1 + a + b) + int(a == b) * Rational(a + 1, 2))
        return projector * full * projector / self.radius

    def noisy_gradient(self, sign: int = 1) -> sp.MatrixBase:
        """The gradient of the loss of a batch with weight decay: `∇[L ± Σ_ik S_ik ξ_k w_i + λ|w|²/2]` at the point."""
        w = sp.Matrix(self.weights)
        batch = self.loss + sign * (w.T * self.tensors[n.NOISE_ROOT] * self.tensors[n.NORMALS])[0]
        objective = batch + self.weight_decay * (w.T * w)[0] / 2
        return sp.Matrix([sp.diff(objective, x) for x in self.weights]).xreplace(self._position)

    def step_moments(self) -> tuple[sp.MatrixBase, sp.MatrixBase]:
        """Mean and covariance of the weights after one step."""
        mean = self.tensors[n.WEIGHTS] + self.process.drift
        return mean, self.process.diffusion * self.process.diffusion.T

    def differential(self, equation: Eq, function: Callable[[int], Expr]) -> Iterator[Expr]:
        """The coefficients of `dt` and every `dB_k` on the right side, minus those of Itô's lemma in components.

        Args:
            equation: `dX = a dt + Σ_k b_k dB_k`.
            function: the component (from 0) of `X` as a function of `self.weights`.
        """
        for component in self._components(equation):
            differential = self.process.lemma(function(component - 1))
            right = self.explicit(equation.rhs, component)
            yield sp.diff(right, n.DT) - differential.drift
            yield right.subs({n.DT: 0, **dict.fromkeys(self.noise, 0)})
            for k in range(self.dimension):
                yield sp.diff(right, self.noise[k]) - differential.diffusion(k)

    def fokker_planck(self, density: Callable[[Expr], Expr], eta: Expr = n.EFFECTIVE_LEARNING_RATE) -> Expr:
        """`η_eff ∇·(ρ ∇L) + ½ η_eff² σ² Δρ` on the unit sphere, for `ρ = density(L)`.

        Every field is extended to be constant along rays, so that at `|w| = 1` the divergence of a tangent field and
        the Laplacian in `R^d` are those of the sphere.
        """
        sigma = n.NOISE_SCALE
        rho = density(self.loss)
        divergence = sum(
            sp.diff(eta * rho * sp.diff(self.loss, x) + eta**2 * sigma**2 / 2 * sp.diff(rho, x), x)
            for x in self.weights
        )
        return divergence.xreplace(self._at_unit)


def _squared_norm(matrix: sp.MatrixBase) -> Expr:
    """The sum of the squares of all entries."""
    return sum(x**2 for x in matrix)


def differential(function: Callable[[ComponentCheck], Callable[[int], Expr]]) -> Check:
    """A check of an SDE by Itô's lemma in components, applied to `function`."""

    def check(equation: Eq, case: ComponentCheck) -> Iterable[Expr]:
        return case.differential(equation, function(case))

    return check
