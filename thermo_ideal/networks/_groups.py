"""Sets of weights whose joint scaling leaves the loss alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from thermo_ideal.numerics import inner

LEVELS = ("network", "group", "layer", "filter")


@dataclass(frozen=True)
class Block:
    """Arrays of weights whose joint scaling leaves the loss alone, and how they fall into filters.

    Args:
        name: of the group.
        leaves: the paths of its arrays in the pytree of weights, as `jax.tree_util.keystr` writes them.
        filters: how many sets of weights within it are invariant by themselves: filter `i` is row `i` of every array; 1
            if it is the whole only, 0 if not even that.
        axis: of the filters in every array.

    Example:
        >>> from thermo_ideal.networks import Block
        >>> Block("stream", (".stem", ".outer"), filters=8).filters
        8
    """

    name: str
    leaves: tuple[str, ...]
    filters: int = 1
    axis: int = 0


@dataclass(frozen=True)
class InvarianceGroups:
    """The invariance groups of a model at a level, and sums over them.

    Args:
        blocks: the groups that cannot be taken apart but into filters.
        level: "network" for all weights as one group, "group", "layer" for each array by itself (which need not be
            invariant), or "filter".
        rest: paths of arrays that are in no group.
        violation: `|w_g·∂L/∂w_g|/(|w_g||∂L/∂w_g|)` of each block, the largest found; None if they are known by
            structure.

    Raises:
        ValueError: another level.

    Example:
        >>> import jax.numpy as jnp
        >>> from thermo_ideal.networks import Block, InvarianceGroups
        >>> weights = {"a": jnp.array([[3.0, 4.0], [0.0, 1.0]]), "b": jnp.array([2.0])}
        >>> groups = InvarianceGroups((Block("a", ("['a']",), filters=2), Block("b", ("['b']",))), "filter")
        >>> groups.names, groups.norms(weights)
        (('a[0]', 'a[1]', 'b'), Array([5., 1., 2.], dtype=float32))
        >>> groups.at("network").ranks(weights)  # d minus the number of invariances
        array([2])
    """

    blocks: tuple[Block, ...]
    level: str = "group"
    rest: tuple[str, ...] = ()
    violation: np.ndarray | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level: got {self.level!r}, expected one of {', '.join(map(repr, LEVELS))}")

    def at(self, level: str) -> InvarianceGroups:
        """The same blocks, looked at on another level.

        Args:
            level: as in the constructor.
        """
        return dataclasses.replace(self, level=level)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """One for each group."""
        if self.level == "network":
            return ("network",)
        return tuple(
            f"{part.name}[{i}]" if self._rows(part) > 1 else part.name
            for part in self._parts
            for i in range(self._rows(part))
        )

    @property
    def _parts(self) -> tuple[Block, ...]:
        """The blocks; on the level of layers, one for each array."""
        if self.level != "layer":
            return self.blocks
        return tuple(
            Block(leaf.lstrip("."), (leaf,), block.filters if len(block.leaves) == 1 else 0, block.axis)
            for block in self.blocks
            for leaf in block.leaves
        )

    def _rows(self, part: Block) -> int:
        return max(part.filters, 1) if self.level == "filter" else 1

    def _leaves(self, tree: Any) -> dict[str, Any]:
        found = {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
        known = {leaf for block in self.blocks for leaf in block.leaves}
        if found.keys() - known:
            raise ValueError(
                f"weights: got {', '.join(sorted(found.keys() - known))} in no invariance group, expected only weights "
                "of the groups; leave the others out, as in optax.partition, or freeze them, as in FrozenLinear"
            )
        if known - found.keys():
            raise ValueError(f"weights: got none called {', '.join(sorted(known - found.keys()))}, which a group has")
        return found

    def inner(self, a: Any, b: Any) -> Float[Array, " groups"]:
        """`a_g·b_g`, the inner product of two trees over each group.

        Args:
            a: a pytree of the weights' structure.
            b: another.
        """
        first, second = self._leaves(a), self._leaves(b)
        found = []
        for part in self._parts:
            rows = self._rows(part)
            pairs = ((_as_rows(tree[leaf], rows, part.axis) for tree in (first, second)) for leaf in part.leaves)
            found.append(sum(_row_products(x, y) for x, y in pairs))
        sums = jnp.concatenate(found)
        return jnp.sum(sums, keepdims=True) if self.level == "network" else sums

    def norms(self, tree: Any) -> Float[Array, " groups"]:
        """`|a_g|`, the norm over each group.

        Args:
            tree: a pytree of the weights' structure.
        """
        return jnp.sqrt(self.inner(tree, tree))

    def multiply(self, numbers: ArrayLike, tree: Any) -> Any:
        """A tree with each group multiplied by a number of its own.

        Args:
            numbers: one for each group, or one for all.
            tree: a pytree of the weights' structure.
        """
        values = jnp.broadcast_to(jnp.asarray(numbers), (len(self),))
        pieces: dict[str, tuple[Array, int, int]] = {}
        begin = 0
        for part in self._parts:
            rows = self._rows(part)
            own = values if self.level == "network" else values[begin : begin + rows]
            begin += rows
            pieces |= dict.fromkeys(part.leaves, (own, rows, part.axis))
        self._leaves(tree)

        def scaled(path: Any, leaf: Array) -> Array:
            own, rows, axis = pieces[jax.tree_util.keystr(path)]
            if rows == 1:
                return own[0] * leaf
            shape = [1] * leaf.ndim
            shape[axis] = rows
            return own.reshape(shape) * leaf

        return jax.tree_util.tree_map_with_path(scaled, tree)

    def labels(self, tree: Any) -> np.ndarray:
        """Which group each weight is of, in the order of the flattened tree, `(d,)`: what the meters take.

        Args:
            tree: a pytree of the weights' structure.
        """
        where: dict[str, np.ndarray] = {}
        leaves, begin = self._leaves(tree), 0
        for part in self._parts:
            rows = self._rows(part)
            for leaf in part.leaves:
                shape = [1] * np.ndim(leaves[leaf])
                if rows > 1:
                    shape[part.axis] = rows
                first = 0 if self.level == "network" else begin
                own = (first + np.arange(rows)).reshape(shape) if rows > 1 else np.asarray(first)
                where[leaf] = np.broadcast_to(own, np.shape(leaves[leaf])).reshape(-1)
            begin += 0 if self.level == "network" else rows
        return np.concatenate([where[leaf] for leaf in leaves])

    def sizes(self, tree: Any) -> np.ndarray:
        """How many weights each group has, `d_g`.

        Args:
            tree: a pytree of the weights' structure.
        """
        return np.bincount(self.labels(tree), minlength=len(self))

    def ranks(self, tree: Any) -> np.ndarray:
        """The largest rank that the noise of each group can have: its weights less the invariances among them.

        Args:
            tree: a pytree of the weights' structure.
        """
        if self.level == "network":
            fixed = np.array([sum(block.filters for block in self.blocks)])
        else:
            parts = [(part, self._rows(part)) for part in self._parts]
            fixed = np.concatenate([np.full(rows, part.filters // rows) for part, rows in parts])
        return np.asarray(self.sizes(tree) - fixed)

    def violations(self, weights: Any, gradient: Any) -> np.ndarray:
        """`|w_g·g_g|/(|w_g||g_g|)`: 0 where the loss does not change as the group is scaled.

        Args:
            weights: `w`.
            gradient: `∂L/∂w`.
        """
        scale = np.asarray(self.norms(weights) * self.norms(gradient), np.float64)
        dots = np.abs(np.asarray(self.inner(weights, gradient), np.float64))
        return np.asarray(np.divide(dots, scale, out=np.zeros_like(dots), where=scale > 0))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)


def _as_rows(leaf: Array, rows: int, axis: int) -> Array:
    leaf = jnp.asarray(leaf)
    return leaf.reshape(1, -1) if rows == 1 else jnp.moveaxis(leaf, axis, 0).reshape(rows, -1)


def _row_products(x: Float[Array, "rows n"], y: Float[Array, "rows n"]) -> Float[Array, " rows"]:
    """Long sums as dot products; short ones, of which there are many, as sums."""
    return inner(x[0], y[0])[None] if x.shape[0] == 1 else jnp.sum(x * y, axis=-1)
