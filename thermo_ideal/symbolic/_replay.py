"""SGD on a concrete loss with concrete noise, in explicit components: the ground a derivation is checked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp
from sympy import Eq, Expr, Indexed, Rational, Sum

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic._ito import ItoProcess

_DIGITS = 40


class Replay:
    """One protocol in `dimension` named components, at one rational point.

    The loss is a cubic polynomial of the direction, so scale invariant and not zonal. The noise root is `P M P / r`
    with the tangent projector `P` and a full constant matrix `M` (`M = σ I` if isotropic).

    Args:
        dimension: the number of weights, at least 2.
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere".
        isotropic: whether the noise is.
    """

    def __init__(self, dimension: int, protocol: str, isotropic: bool) -> None:
        self.dimension = dimension
        self.weights = w = sp.symbols(f"w1:{dimension + 1}", real=True)
        self.noise = sp.symbols(f"dB1:{dimension + 1}")
        self.radius = sp.sqrt(sum(x**2 for x in w))
        self.direction = [x / self.radius for x in w]
        self.loss = self._loss()

        unit = self._rational_direction()
        self._at = {x: Rational(7, 5) * u for x, u in zip(w, unit, strict=True)}
        self._at_unit = dict(zip(w, unit, strict=True))
        gradient = [sp.diff(self.loss, x) for x in w]
        noise_root = self._noise_root(isotropic)
        at_unit = noise_root.xreplace(self._at_unit)
        tensors = {
            n.WEIGHTS: sp.Matrix(w).xreplace(self._at),
            n.DIRECTION: sp.Matrix(unit),
            n.GRADIENT: sp.Matrix(gradient).xreplace(self._at),
            n.DIRECTION_GRADIENT: sp.Matrix(gradient).xreplace(self._at_unit),
            n.NOISE_ROOT: noise_root.xreplace(self._at),
            n.DIRECTION_NOISE_ROOT: at_unit,
            n.DB: sp.Matrix(self.noise),
        }
        self._tensors = tensors
        self.noise_trace = (at_unit * at_unit.T).trace()
        self._scalars = {
            n.NOISE_TRACE: self.noise_trace,
            n.RADIUS: self.radius.xreplace(self._at),
            n.LOSS: self.loss.xreplace(self._at),
        }
        eta: Expr = n.LEARNING_RATE
        if protocol != "fixed-lr":
            eta = n.EFFECTIVE_LEARNING_RATE * self._scalars[n.RADIUS] ** 2
        decay = 0 if protocol == "fixed-sphere" else n.WEIGHT_DECAY
        # Itô's lemma differentiates the function, never the coefficients, so these may be numbers already.
        self.process = ItoProcess(
            w,
            drift=-eta * (tensors[n.GRADIENT] + decay * tensors[n.WEIGHTS]),
            diffusion=eta * tensors[n.NOISE_ROOT],
        )

    def _rational_direction(self) -> list[Expr]:
        """A rational point on the unit sphere, by stereographic projection."""
        plane = [Rational(2 * j + 3, 5 + j) for j in range(self.dimension - 1)]
        square = sum(x**2 for x in plane)
        return [2 * x / (1 + square) for x in plane] + [(square - 1) / (1 + square)]

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

    def evaluate(self, residual: Expr) -> Expr:
        """The value of an explicit expression at the rational point, to 40 digits."""
        hyperparameters = {
            n.TIME: Rational(5, 3),
            n.LEARNING_RATE: Rational(3, 10),
            n.EFFECTIVE_LEARNING_RATE: Rational(2, 7),
            n.WEIGHT_DECAY: Rational(4, 11),
            n.INITIAL_RADIUS: Rational(6, 5),
            n.NOISE_SCALE: Rational(9, 8),
            n.DIMENSION: sp.Integer(self.dimension),
        }
        return sp.N(sp.sympify(residual).xreplace(self._at | hyperparameters), _DIGITS)

    def explicit(self, expression: Expr, component: int = 1) -> Expr:
        """An expression in symbolic dimension at the rational point; its free index becomes `component` (from 1)."""
        expression = sp.sympify(expression).subs({n.FREE_INDEX: component, n.DIMENSION: self.dimension})
        expression = expression.replace(Sum, lambda *arguments: Sum(*arguments).doit())
        components = {
            tensor: self._tensors[tensor.base][tuple(int(i) - 1 for i in tensor.indices) + (0,) * (tensor.rank == 1)]
            for tensor in expression.atoms(Indexed)
            if tensor.base in self._tensors
        }
        return expression.xreplace(components | self._scalars)

    def algebraic(self, equation: Eq) -> Iterator[Expr]:
        """Left minus right, for every value of the free index."""
        difference = equation.lhs - equation.rhs
        for component in range(1, self._components(equation) + 1):
            yield self.explicit(difference, component)

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

    def fokker_planck(self, density: Callable[[Expr], Expr]) -> Expr:
        """`η_eff ∇·(ρ ∇L) + ½ η_eff² σ² Δρ` on the unit sphere, for `ρ = density(L)`.

        Every field here is extended to be constant along rays, so the ambient divergence of a tangent field and the
        ambient Laplacian, taken at `|w| = 1`, are those of the sphere.
        """
        eta, sigma = n.EFFECTIVE_LEARNING_RATE, n.NOISE_SCALE
        rho = density(self.loss)
        divergence = sum(
            sp.diff(eta * rho * sp.diff(self.loss, x) + eta**2 * sigma**2 / 2 * sp.diff(rho, x), x)
            for x in self.weights
        )
        return divergence.xreplace(self._at_unit)

    def _components(self, equation: Eq) -> int:
        return self.dimension if equation.has(n.FREE_INDEX) else 1
