"""The pre-activation ResNet-18."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from thermo_ideal.networks._abstract_network import AbstractNetwork, Normalise
from thermo_ideal.networks._convolution import convolve
from thermo_ideal.networks._groups import Block
from thermo_ideal.networks._layers import FrozenLinear, uniform_weights

_STAGES = 4
_BLOCKS = 2  # residual blocks of a stage


class ResidualBlock(eqx.Module):
    """Normalisation, ReLU and a 3 × 3 convolution, twice, added to the stream.

    Where the number of channels changes, the stream begins anew: with a 1 × 1 convolution of the block's own normalised
    input, which is normalised once more.
    """

    inner: Float[Array, "*batch f c 3 3"]
    outer: Float[Array, "*batch f f 3 3"]
    shortcut: Float[Array, "*batch f c 1 1"] | None
    stride: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, "n h w c"], normalise: Normalise, convolution: str | None) -> Array:
        """The stream after the block."""
        h = jax.nn.relu(normalise(x))
        if self.shortcut is not None:
            x = convolve(normalise(h), self.shortcut, self.stride, convolution)
        h = jax.nn.relu(normalise(convolve(h, self.inner, self.stride, convolution)))
        return x + convolve(h, self.outer, 1, convolution)


class ResNet18(AbstractNetwork):
    """Pre-activation ResNet-18: a stem, four stages of two residual blocks with widths `k, 2k, 4k, 8k`, a frozen head.

    It has 12 invariance groups: the 8 inner convolutions, and 4 streams, each of the convolution that begins it (the
    stem or a shortcut) and the two outer ones that add to it. Each of the `45k` channels before a normalisation is one
    as well.

    Args:
        width: `k`.
        num_classes: logits.
        key: a JAX key.
        channels: of an image, which is `(height, width, channels)`.
        eps: of the normalisation; only 0 is scale-invariant, 1e-5 is that of the paper.
        convolution: "slices" (a product of matrices) or "xla"; by the platform if None.

    Example:
        >>> import jax
        >>> from thermo_ideal.networks import ResNet18, count_scale_invariant, invariance_groups
        >>> model = ResNet18(width=4, num_classes=10, key=jax.random.key(0))
        >>> count_scale_invariant(model), len(invariance_groups(model)), len(invariance_groups(model, level="filter"))
        (43692, 12, 180)

    Source: He et al., arXiv 1603.05027; arXiv 2511.07308, and its published code.
    """

    stem: Float[Array, "*batch f c 3 3"]
    stages: tuple[tuple[ResidualBlock, ...], ...]
    head: FrozenLinear
    eps: float = eqx.field(static=True)
    convolution: str | None = eqx.field(static=True)

    def __init__(
        self,
        width: int = 4,
        num_classes: int = 10,
        *,
        key: PRNGKeyArray,
        channels: int = 3,
        eps: float = 0.0,
        convolution: str | None = None,
    ) -> None:
        key, head_key = jax.random.split(key)
        self.eps, self.convolution = eps, convolution
        shapes, before = [(width, channels, 3, 3)], width
        for filters in (width << i // _BLOCKS for i in range(_STAGES * _BLOCKS)):
            shapes += [(filters, before, 3, 3), (filters, filters, 3, 3)]
            shapes += [(filters, before, 1, 1)] if filters != before else []
            before = filters
        self.stem, *rest = uniform_weights(key, tuple(shapes), 1.0)
        weights, stages = iter(rest), []
        for stage in range(_STAGES):
            begins = [stage > 0, False]
            stages.append(
                tuple(
                    ResidualBlock(next(weights), next(weights), next(weights) if new else None, 1 + new)
                    for new in begins
                )
            )
        self.stages = tuple(stages)
        self.head = FrozenLinear(before, num_classes, key=head_key)

    def forward(self, x: Float[Array, "n h w c"], normalise: Normalise) -> Float[Array, "n classes"]:
        """The logits of a batch."""
        x = convolve(x, self.stem, 1, self.convolution)
        for block in (block for stage in self.stages for block in stage):
            x = block(x, normalise, self.convolution)
        return self.head(jnp.mean(jax.nn.relu(normalise(x)), axis=(1, 2)))

    def blocks(self) -> tuple[Block, ...]:
        """The inner convolutions and the streams, stage by stage."""
        found = []
        for i, stage in enumerate(self.stages):
            paths = [f".stages[{i}][{j}]" for j in range(_BLOCKS)]
            filters, stream = stage[0].inner.shape[-4], f"{paths[0]}.shortcut" if i else ".stem"
            found += [
                Block(f"stage{i + 1}.inner{j + 1}", (f"{path}.inner",), filters=filters) for j, path in enumerate(paths)
            ]
            found += [Block(f"stage{i + 1}.stream", (stream, *(f"{path}.outer" for path in paths)), filters=filters)]
        return tuple(found)
