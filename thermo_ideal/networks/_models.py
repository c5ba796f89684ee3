"""Scale-invariant networks without skip connections: the multilayer perceptron and the ConvNet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from thermo_ideal.networks._abstract_network import AbstractNetwork, Normalise
from thermo_ideal.networks._convolution import convolve
from thermo_ideal.networks._groups import Block
from thermo_ideal.networks._layers import FrozenLinear, max_pool, uniform_weights


class ScaleInvariantMLP(AbstractNetwork):
    """Linear layers without bias, each followed by normalisation and ReLU, and a frozen head of norm 10.

    All scale-invariant weights together have norm 1 at the start. Each layer is an invariance group, and each row of
    its matrix is one as well.

    Args:
        in_features: numbers of an input, all of whose axes but the first are joined.
        widths: of the hidden layers.
        num_classes: logits.
        key: a JAX key.
        eps: of the normalisation; only 0 is scale-invariant.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from thermo_ideal.networks import ScaleInvariantMLP, count_scale_invariant
        >>> model = ScaleInvariantMLP(64, (32, 32), 10, key=jax.random.key(0))
        >>> count_scale_invariant(model), model(jax.random.normal(jax.random.key(1), (5, 8, 8, 1))).shape
        (3072, (5, 10))
    """

    layers: tuple[Float[Array, "*batch f c"], ...]
    head: FrozenLinear
    eps: float = eqx.field(static=True)

    def __init__(
        self, in_features: int, widths: Sequence[int], num_classes: int = 10, *, key: PRNGKeyArray, eps: float = 0.0
    ) -> None:
        key, head_key = jax.random.split(key)
        sizes = (in_features, *widths)
        self.eps = eps
        self.head = FrozenLinear(sizes[-1], num_classes, key=head_key)
        self.layers = uniform_weights(key, tuple((f, c) for c, f in pairwise(sizes)), 1.0)

    def forward(self, x: Float[Array, "n ..."], normalise: Normalise) -> Float[Array, "n classes"]:
        """The logits of a batch."""
        h = x.reshape(x.shape[0], -1)
        for weight in self.layers:
            h = jax.nn.relu(normalise(h @ weight.T))
        return self.head(h)

    def blocks(self) -> tuple[Block, ...]:
        """One for each layer."""
        return tuple(
            Block(f"layer{i + 1}", (f".layers[{i}]",), filters=weight.shape[-2]) for i, weight in enumerate(self.layers)
        )


class ConvNet(AbstractNetwork):
    """Four 3 × 3 convolutions of widths `c, 2c, 4c, 8c`, each followed by normalisation and ReLU, and a frozen head.

    Pixels are pooled by 2 × 2 after layers 2, 3 and 4, and all that are left at the end (4 × 4 of images of 32 × 32).
    Each layer is an invariance group, and each of the `15c` filters is one as well.

    Args:
        width: `c`.
        num_classes: logits.
        key: a JAX key.
        channels: of an image, which is `(height, width, channels)`.
        eps: of the normalisation; only 0 is scale-invariant, 1e-5 is that of the paper.
        convolution: "slices" (a product of matrices) or "xla"; by the platform if None.

    Example:
        >>> import jax
        >>> from thermo_ideal.networks import ConvNet, count_scale_invariant, invariance_groups
        >>> model = ConvNet(width=16, num_classes=100, key=jax.random.key(0))
        >>> count_scale_invariant(model), len(invariance_groups(model)), len(invariance_groups(model, level="filter"))
        (97200, 4, 240)

    Source: arXiv 2511.07308, and its published code.
    """

    layers: tuple[Float[Array, "*batch f c k k"], ...]
    head: FrozenLinear
    eps: float = eqx.field(static=True)
    convolution: str | None = eqx.field(static=True)

    def __init__(
        self,
        width: int = 8,
        num_classes: int = 10,
        *,
        key: PRNGKeyArray,
        channels: int = 3,
        eps: float = 0.0,
        convolution: str | None = None,
    ) -> None:
        key, head_key = jax.random.split(key)
        sizes = (channels, width, 2 * width, 4 * width, 8 * width)
        self.eps, self.convolution = eps, convolution
        self.head = FrozenLinear(sizes[-1], num_classes, key=head_key, bias=True)
        self.layers = uniform_weights(key, tuple((f, c, 3, 3) for c, f in pairwise(sizes)), 1.0)

    def forward(self, x: Float[Array, "n h w c"], normalise: Normalise) -> Float[Array, "n classes"]:
        """The logits of a batch."""
        for i, weight in enumerate(self.layers):
            x = jax.nn.relu(normalise(convolve(x, weight, 1, self.convolution)))
            x = max_pool(x) if i else x
        return self.head(jnp.max(x, axis=(1, 2)))

    def blocks(self) -> tuple[Block, ...]:
        """One for each layer."""
        return tuple(
            Block(f"conv{i + 1}", (f".layers[{i}]",), filters=weight.shape[-4]) for i, weight in enumerate(self.layers)
        )
