"""Meters of a training loop in any framework: they take plain arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from thermo_ideal._arguments import as_nonnegative, as_positive, require_finite
from thermo_ideal.estimators import Estimate
from thermo_ideal.networks._block_means import BlockMeans
from thermo_ideal.networks._group_gas import GroupGas, step_quantities


class _Sums:
    """Sums over each group of a flat vector, and over all of it in the last place."""

    def __init__(self, labels: ArrayLike | None) -> None:
        self.labels = None if labels is None else np.asarray(labels)
        if self.labels is not None and (
            self.labels.ndim != 1
            or not self.labels.size
            or not np.issubdtype(self.labels.dtype, np.integer)
            or self.labels.min() < 0
            or (np.bincount(self.labels) == 0).any()
        ):
            raise ValueError(
                f"labels: got shape {self.labels.shape} of {self.labels.dtype}, expected (d,) whole numbers from 0, "
                "none left out: the group of each weight, as in np.repeat(np.arange(groups), sizes)"
            )
        self.groups = 1 if self.labels is None else int(self.labels.max()) + 1

    def vector(self, name: str, value: ArrayLike, axes: int = 1) -> np.ndarray:
        """A flat vector in double precision, or several along the first axis."""
        require_finite(name, value)
        array = np.asarray(value, np.float64)
        if self.labels is None and array.ndim == axes:
            self.labels = np.zeros(array.shape[-1], int)
        if self.labels is None or array.ndim != axes or array.shape[-1] != len(self.labels):
            size = "d" if self.labels is None else len(self.labels)
            expected = f"({size},)" if axes == 1 else f"(batches, {size})"
            raise ValueError(f"{name}: got shape {array.shape}, expected {expected}: all weights as one flat vector")
        return array

    def __call__(self, products: np.ndarray) -> np.ndarray:
        """`(groups + 1,)`."""
        assert self.labels is not None
        sums = np.bincount(self.labels, weights=products, minlength=self.groups)
        return np.append(sums, sums.sum())


class NoiseMeter:
    """`Tr Σ` of the stochastic gradient at weight norm 1, for each group and for the whole, from plain arrays.

    It is streamed free of charge from the gradients of training themselves, whose batches are drawn independently,

        τ = E |u_t − u_{t−1}|²/2,    u = r g,

    which differs from `r² Tr Σ` by the relative size `η_eff Tr(HΣ)/Tr Σ` of a step's effect on the gradient (and is
    right as `η_eff → 0`); or, without that, from gradients of fresh mini-batches at the same weights. Each `Estimate`
    has one number for each group and that of the whole last, with errors from blocks of steps.

    Args:
        labels: `(d,)`, the group of each weight, from 0, as `InvarianceGroups.labels` gives them; one group if None.

    Raises:
        ValueError: labels that are no whole numbers from 0.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.networks import NoiseMeter
        >>> rng, meter = np.random.default_rng(0), NoiseMeter()
        >>> for _ in range(1000):
        ...     meter.update(rng.normal(size=10), weights=np.full(10, 0.1))
        >>> bool(abs(meter.from_training.z_score(10 * 10 * 0.1**2)[-1]) < 5)
        True

    Source: arXiv 2511.07308, for fresh mini-batches.
    """

    def __init__(self, labels: ArrayLike | None = None) -> None:
        self.sums = _Sums(labels)
        self._previous: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._training, self._squares, self._batches = BlockMeans(), BlockMeans(), BlockMeans()
        self._signal = BlockMeans()

    def update(self, gradient: ArrayLike, weights: ArrayLike) -> None:
        """The gradient of one step of training, in their order.

        Args:
            gradient: `g`, `(d,)`, without weight decay and momentum.
            weights: `w`, `(d,)`, at which it was taken.
        """
        self.observe(self.sums.vector("gradient", gradient), self.sums.vector("weights", weights))

    def observe(self, g: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """As `update`, of vectors that are checked.

        Args:
            g: `(d,)`.
            w: `(d,)`.

        Returns:
            `r`, `r²|g|²` and `|u_t − u_{t−1}|²/2`, which the first step does not have.
        """
        radius = np.sqrt(self.sums(w * w))
        square, noise = radius**2 * self.sums(g * g), None
        if self._previous is not None:
            before, radius_before, square_before = self._previous
            noise = (square + square_before) / 2 - radius * radius_before * self.sums(g * before)
            self._training.add(noise)
        self._squares.add(square)
        self._previous = g, radius, square
        return radius, square, noise

    def update_batches(self, gradients: ArrayLike, weights: ArrayLike) -> None:
        """Gradients of several fresh mini-batches at the same weights.

        Args:
            gradients: `(batches, d)`, at least two, of batches of the size of training.
            weights: `w`, `(d,)`.

        Raises:
            ValueError: fewer than two.
        """
        g, w = self.sums.vector("gradients", gradients, 2), self.sums.vector("weights", weights)
        if len(g) < 2:
            raise ValueError(f"gradients: got {len(g)} batch, expected at least 2, whose spread is the noise")
        mean, square = g.mean(axis=0), self.sums(w * w)
        trace = square * self.sums(((g - mean) ** 2).sum(axis=0)) / (len(g) - 1)
        self._batches.add(trace)
        self._signal.add(square * self.sums(mean**2) - trace / len(g))

    @property
    def from_training(self) -> Estimate:
        """`τ` from successive gradients of training, `(groups + 1,)`, in loss²."""
        return self._training.estimate("from_training")

    @property
    def from_batches(self) -> Estimate:
        """`τ` from fresh mini-batches, `(groups + 1,)`, in loss²."""
        return self._batches.estimate("from_batches")

    @property
    def gradient_square(self) -> Estimate:
        """`E r²|g|² = |∇L|² + Tr Σ` at radius 1, from the gradients of training, `(groups + 1,)`, in loss²."""
        return self._squares.estimate("gradient_square")

    @property
    def full_gradient_square(self) -> Estimate:
        """`|∇L|²` at radius 1 from fresh mini-batches, without the noise of their mean, `(groups + 1,)`, in loss²."""
        return self._signal.estimate("full_gradient_square")


class GroupMeter:
    """Every invariance group as a gas of its own, from the weights and gradients of a training loop.

    Args:
        labels: `(d,)`, the group of each weight, from 0; one group if None.
        names: of the groups; "group 0" and so on if None.
        ranks: of each group's noise, as `InvarianceGroups.ranks` gives them; its weights less 1 if None.
        momentum: `β` of the heavy ball, if there is one, with the weight decay in its gradient.

    Raises:
        ValueError: labels that are no whole numbers from 0, or not as many names or ranks as groups.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.networks import GroupMeter
        >>> meter, w = GroupMeter(), np.array([2.0, 0.0, 0.0])
        >>> for g in ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]):
        ...     meter.update(w, g, w - 0.1 * np.array(g) - 0.1 * 0.5 * w, learning_rate=0.1, weight_decay=0.5)
        >>> gas = meter.gas()
        >>> float(gas.radius.value[-1]), float(gas.mechanical_energy.value[-1])  # p V = λ r²/2
        (2.0, 1.0)

    The noise is that of successive gradients, with the bias that `NoiseMeter` states.

    Source: `GroupGas` has the formulas.
    """

    def __init__(
        self,
        labels: ArrayLike | None = None,
        *,
        names: Sequence[str] | None = None,
        ranks: ArrayLike | None = None,
        momentum: float = 0.0,
    ) -> None:
        self._noise = NoiseMeter(labels)
        self._sums = self._noise.sums
        groups = self._sums.groups
        for name, given in (("names", names), ("ranks", ranks)):
            if given is not None and len(np.asarray(given)) != groups:
                raise ValueError(f"{name}: got {len(np.asarray(given))}, expected one for each of {groups} groups")
        self._names = tuple(names or (f"group {i}" for i in range(groups)))
        self._ranks: np.ndarray | None = None if ranks is None else np.asarray(as_positive("ranks", ranks), np.float64)
        self._momentum = float(as_nonnegative("momentum", momentum))
        self._means: dict[str, BlockMeans] = {}

    @property
    def noise(self) -> NoiseMeter:
        """What it knows of the noise, and where gradients of fresh mini-batches go."""
        return self._noise

    def update(
        self,
        weights: ArrayLike,
        gradient: ArrayLike,
        new_weights: ArrayLike,
        *,
        learning_rate: ArrayLike,
        weight_decay: ArrayLike | None = None,
    ) -> None:
        """One step of training.

        Args:
            weights: `w`, `(d,)`, before the step.
            gradient: `g`, `(d,)`, of the loss alone, at these weights.
            new_weights: `(d,)`, after the step and all that follows it.
            learning_rate: `η` of the step; one number, or one for each group.
            weight_decay: `λ`, the same; if None it is measured as what the step took from the radius that the gradient
                would have given, `(|w − ηg| − |w'|)/(ηr)`, which is right without momentum, on a sphere too.
        """
        w = self._sums.vector("weights", weights)
        g = self._sums.vector("gradient", gradient)
        new = self._sums.vector("new_weights", new_weights)
        rate = self._per_group("learning_rate", learning_rate)
        radius, square, noise = self._noise.observe(g, w)
        step = new - w
        along, length = self._sums(w * step) / radius, self._sums(step * step)
        angle = np.arctan2(np.sqrt(np.maximum(length - along**2, 0)), radius + along)
        if weight_decay is None:
            free = np.sqrt(np.maximum(radius**2 - 2 * rate * self._sums(w * g) + (rate / radius) ** 2 * square, 0))
            decay = (free - np.sqrt(self._sums(new * new))) / (rate * radius)
        else:
            decay = self._per_group("weight_decay", weight_decay)
        if noise is None:  # the first step has no noise yet
            return
        for name, values in step_quantities(radius, square, noise, rate, decay, angle**2).items():
            self._means.setdefault(name, BlockMeans()).add(values)

    def _per_group(self, name: str, value: ArrayLike) -> np.ndarray:
        """`(groups + 1,)`; what differs between groups is nothing of the whole."""
        as_nonnegative(name, value)
        array = np.asarray(value, np.float64)
        array = np.append(array, np.nan) if array.ndim else array
        if array.shape not in ((), (self._sums.groups + 1,)):
            raise ValueError(f"{name}: got shape {np.shape(value)}, expected a number or ({self._sums.groups},)")
        return np.broadcast_to(array, (self._sums.groups + 1,))

    def gas(self) -> GroupGas:
        """The gas so far; begin a new meter where the run has become stationary.

        Returns:
            A `GroupGas`, with errors from blocks of steps.

        Raises:
            ValueError: fewer than three steps.
        """
        if not self._means:
            raise ValueError("steps: got fewer than 3, expected more; call update(…) after each step of training")
        assert self._sums.labels is not None
        own = np.bincount(self._sums.labels) - 1.0 if self._ranks is None else self._ranks
        ranks = np.append(own, own.sum())
        means = {name: blocks.estimate(name) for name, blocks in self._means.items()}
        return GroupGas((*self._names, "whole"), ranks, means, self._momentum)
