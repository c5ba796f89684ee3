"""Invariance groups by structure, or by the orthogonality of weights and gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from thermo_ideal._arguments import as_positive
from thermo_ideal.networks._groups import Block, InvarianceGroups

_FEW = 3  # points at which single arrays are tried
_MORE = 4  # points beyond the number of unknowns at which sums of arrays are tried
_ALIKE = 1e-2  # rows of a null space that are equal


def invariance_groups(
    model: Any,
    params: Any = None,
    *,
    level: str = "group",
    tolerance: float = 1e-3,
    key: PRNGKeyArray | None = None,
) -> InvarianceGroups:
    r"""Sets of weights whose joint scaling leaves the loss alone: `Σ_{l∈g} w_l·∂L/∂w_l = 0`.

    A network of this package knows its own. For a loss of any pytree of arrays (an Equinox module, Flax's dictionaries)
    they are found from gradients at random points about the weights, each array scaled at random: arrays that are
    orthogonal to their gradients are groups; of the others, the smallest sets whose sums vanish at all points, which
    are the indicators that span the null space of $D_{pl} = w_l\cdot\partial L/\partial w_l$ at the points `p`. A group
    whose rows (along the first axis, or the last one) are all orthogonal to theirs falls into filters.

    Args:
        model: a network of this package, or a function of `params` that returns the loss of one fixed batch.
        params: where `model` is a loss, its weights: a pytree of arrays of floats.
        level: "group", "filter", "layer" (each array) or "network", see `InvarianceGroups`.
        tolerance: how large `|w_g·∂L/∂w_g|/(|w_g||∂L/∂w_g|)` may be, at the worst point.
        key: of the random points; `jax.random.key(0)` if None.

    Returns:
        The groups, with the violation of each where they were found by gradients. Arrays in no group, and those
        that the loss does not depend on, are in `rest`.

    Raises:
        ValueError: a model without `blocks` and without params, params without arrays of floats, no group at all, or a
            loss that is not finite.

    Example:
        A model of the user's, whose second and third array are only invariant together:

        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.networks import invariance_groups
        >>> x = jax.random.normal(jax.random.key(1), (20, 3))
        >>> def loss(params):
        ...     h = x @ params["first"]
        ...     h = jnp.tanh(h / jnp.std(h, axis=0, keepdims=True))
        ...     y = h @ params["second"] + x @ params["third"]
        ...     return jnp.mean((y / jnp.linalg.norm(y)) ** 3)
        >>> params = {name: jax.random.normal(jax.random.key(i), (3, 3)) for i, name in enumerate(("first", "second"))}
        >>> groups = invariance_groups(loss, params | {"third": jnp.eye(3)})
        >>> groups.names, bool(groups.violation.max() < 1e-4)
        (("['first']", "['second']+['third']"), True)

    Source: the derivative of `L(c w_g) = L(w_g)` by `c`.
    """
    if params is None:
        if not hasattr(model, "blocks"):
            raise ValueError(
                f"model: got a {type(model).__name__} that does not know its groups, expected a network such as "
                "ConvNet, or a loss and its weights, as in invariance_groups(loss, params)"
            )
        return InvarianceGroups(model.blocks(), level)
    limit = float(as_positive("tolerance", tolerance))
    search = _Search(model, params, limit, jax.random.key(0) if key is None else key)
    return search.groups(level)


class _Search:
    """Gradients at random points, and what they say about sets of arrays."""

    def __init__(self, loss: Callable[[Any], Any], params: Any, limit: float, key: PRNGKeyArray) -> None:
        self.params, self.limit, self.key = params, limit, key
        leaves = jax.tree_util.tree_leaves_with_path(params)
        self.paths = [jax.tree_util.keystr(path) for path, _ in leaves]
        if not leaves or not all(jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.floating) for _, leaf in leaves):
            raise ValueError(
                "params: got no arrays of floats alone, expected a pytree of them; for an Equinox module, as in "
                "eqx.filter(model, eqx.is_inexact_array), with eqx.combine inside of the loss"
            )
        self._gradient = jax.jit(jax.grad(loss))
        self.products: list[list[np.ndarray]] = []  # of each point and array, elementwise w ∂L/∂w
        self.scales: list[np.ndarray] = []  # of each point, |w_l||∂L/∂w_l|
        self._look(_FEW)

    def _look(self, points: int) -> None:
        leaves, structure = jax.tree.flatten(self.params)
        for _ in range(points):
            keys = jax.random.split(jax.random.fold_in(self.key, len(self.scales)), len(leaves))
            there = [_nearby(key, leaf) for key, leaf in zip(keys, leaves, strict=True)]
            gradient = jax.tree.leaves(self._gradient(jax.tree.unflatten(structure, there)))
            w, g = ([np.asarray(leaf, np.float64) for leaf in tree] for tree in (there, gradient))
            if not all(np.isfinite(leaf).all() for leaf in g):
                raise ValueError("loss: got a gradient that is NaN or infinite, expected a finite one near params")
            self.products.append([a * b for a, b in zip(w, g, strict=True)])
            self.scales.append(np.array([np.linalg.norm(a) * np.linalg.norm(b) for a, b in zip(w, g, strict=True)]))

    def violation(self, members: list[int]) -> float:
        """Of a set of arrays, at the worst point."""
        found = []
        for products, scales in zip(self.products, self.scales, strict=True):
            total = np.sqrt((scales[members] ** 2).sum())
            found.append(abs(sum(products[i].sum() for i in members)) / total if total > 0 else 0.0)
        return max(found)

    def groups(self, level: str) -> InvarianceGroups:
        """Single arrays, then sums of the others."""
        alive = [i for i in range(len(self.paths)) if any(scales[i] > 0 for scales in self.scales)]
        sets = [[i] for i in alive if self.violation([i]) < self.limit]
        left = [i for i in alive if [i] not in sets]
        if left:
            self._look(max(len(left) + _MORE - _FEW, 0))
            sets = [members for members in sets if self.violation(members) < self.limit]
            sets += [members for members in self._sums(left) if self.violation(members) < self.limit]
        if not sets:
            raise ValueError(
                f"loss: got no invariance group at tolerance={self.limit:g}, expected one that is scale-invariant in "
                "some weights: one that normalises by the batch, with a small eps"
            )
        known = {i for members in sets for i in members}
        rest = tuple(path for i, path in enumerate(self.paths) if i not in known)
        blocks = tuple(self._block(members) for members in sets)
        return InvarianceGroups(blocks, level, rest, np.array([self.violation(members) for members in sets]))

    def _sums(self, left: list[int]) -> list[list[int]]:
        """Disjoint sets whose indicators span the null space of all points' `w_l·∂L/∂w_l`."""
        size = np.array(self.scales)[:, left].max(axis=1)
        dots = np.array([[products[i].sum() for i in left] for products in self.products]) / size[:, None]
        unit = np.sqrt((dots**2).mean(axis=0))
        _, values, vectors = np.linalg.svd(dots / unit)
        values = np.concatenate([values, np.zeros(len(vectors) - len(values))])
        null = vectors[values < self.limit * values.max()].T / unit[:, None]  # one row for each array
        found: list[list[int]] = []
        for i in range(len(left)):
            for members in found:
                difference = np.linalg.norm(null[i] - null[members[0]])
                if difference <= _ALIKE * np.linalg.norm(null[members[0]]):
                    members.append(i)
                    break
            else:
                found.append([i])
        return [[left[i] for i in members] for members in found]

    def _block(self, members: list[int]) -> Block:
        paths = tuple(self.paths[i] for i in members)
        name = "+".join(path.lstrip(".") for path in paths)
        for axis in (0, -1):
            rows = {self.products[0][i].shape[axis] if self.products[0][i].ndim > 1 else 0 for i in members}
            if len(rows) == 1 and min(rows) > 1 and self._falls_apart(members, axis):
                return Block(name, paths, rows.pop(), axis)
        return Block(name, paths)

    def _falls_apart(self, members: list[int], axis: int) -> bool:
        """Whether every row is orthogonal to its gradient: against the sum of the products' sizes, as few are zero."""
        for products in self.products:
            rows = [np.moveaxis(products[i], axis, 0).reshape(products[i].shape[axis], -1) for i in members]
            joined = np.concatenate(rows, axis=1)
            if not (np.abs(joined.sum(axis=1)) <= self.limit * np.abs(joined).sum(axis=1)).all():
                return False
        return True


def _nearby(key: PRNGKeyArray, leaf: Any) -> jax.Array:
    """A random point near weights, scaled at random."""
    scale_key, noise_key = jax.random.split(key)
    leaf = jnp.asarray(leaf)
    spread = jnp.sqrt(jnp.mean(leaf**2))
    noise = jax.random.normal(noise_key, leaf.shape, leaf.dtype) * jnp.where(spread > 0, spread, 1.0)
    return (leaf + 0.3 * noise) * jnp.exp(jax.random.uniform(scale_key, (), leaf.dtype, -1.0, 1.0))
