"""What all networks here have in common: normalisation by the batch, also by moments kept from training."""

from __future__ import annotations

import abc
from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array, Float

from thermo_ideal.networks._groups import Block
from thermo_ideal.networks._layers import Moments, batch_moments, normalise

Normalise = Callable[[Array], Array]


class AbstractNetwork(eqx.Module):
    """A network that normalises by the statistics of its batch, without affine parameters.

    A subclass writes `forward`, which calls the function it is handed wherever it normalises, and `blocks`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.networks import AbstractNetwork, Block, invariance_groups
        >>> class Linear(AbstractNetwork):
        ...     eps: float
        ...     weight: jax.Array
        ...     def forward(self, x, normalise):
        ...         return normalise(x @ self.weight.T)
        ...     def blocks(self):
        ...         return (Block("only", (".weight",), filters=len(self.weight)),)
        >>> model = Linear(0.0, jnp.array([[1.0, 2.0], [3.0, 4.0]]))
        >>> [round(float(x), 3) for x in model(jnp.eye(2))[0]]
        [-1.0, -1.0]
        >>> invariance_groups(model, level="filter").names
        ('only[0]', 'only[1]')
    """

    eps: eqx.AbstractVar[float]
    """`ε` of the normalisation; only 0 is scale-invariant."""

    @abc.abstractmethod
    def forward(self, x: Float[Array, "n ..."], normalise: Normalise) -> Float[Array, "n classes"]:
        """The logits of a batch.

        Args:
            x: inputs, the batch first.
            normalise: a function of `(n, …, channels)`, to call where the network normalises.
        """

    @abc.abstractmethod
    def blocks(self) -> tuple[Block, ...]:
        """The sets of weights whose joint scaling leaves the loss alone, which together are all trainable ones."""

    def __call__(self, x: Float[Array, "n ..."]) -> Float[Array, "n classes"]:
        """The logits, normalised by the batch itself, as in training.

        Args:
            x: inputs, the batch first.
        """
        return self.forward(x, lambda h: normalise(h, batch_moments(h), self.eps))

    def statistics(self, x: Float[Array, "n ..."]) -> tuple[Moments, ...]:
        """The mean and the variance by which each normalisation of a batch normalises.

        Args:
            x: inputs, the batch first.
        """
        found: list[Moments] = []

        def keep(h: Array) -> Array:
            found.append(batch_moments(h))
            return normalise(h, found[-1], self.eps)

        self.forward(x, keep)
        return tuple(found)

    def predict(self, x: Float[Array, "n ..."], statistics: tuple[Moments, ...]) -> Float[Array, "n classes"]:
        """The logits, normalised by given moments: for test metrics only, as this is not scale-invariant.

        Args:
            x: inputs, the batch first.
            statistics: averages of what `statistics` returns.
        """
        moments = iter(statistics)
        return self.forward(x, lambda h: normalise(h, next(moments), self.eps))
