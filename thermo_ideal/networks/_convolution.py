"""Convolutions by XLA, or as slices and one product of matrices."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

METHODS = ("slices", "xla")


def convolve(
    images: Float[Array, "n h w c"], weight: Float[Array, "f c k k"], stride: int = 1, method: str | None = None
) -> Float[Array, "n h2 w2 f"]:
    """Convolution (cross-correlation) with zeros around the images, so that stride 1 keeps their size.

    Inside of a loop XLA on a CPU has no fast convolution, and of one with a batch of weights it makes a grouped one,
    which is slow too; a product of matrices is fast anywhere.

    Args:
        images: channels last.
        weight: filters first, of odd size.
        stride: from one place to the next.
        method: "slices" or "xla"; if None, slices on a CPU and XLA elsewhere.

    Raises:
        ValueError: another method.
    """
    if method is None:
        method = "slices" if jax.default_backend() == "cpu" else "xla"
    size = weight.shape[-1]
    if method == "xla":
        padding = [(size // 2, size // 2)] * 2
        return lax.conv_general_dilated(
            images, weight, (stride, stride), padding, dimension_numbers=("NHWC", "OIHW", "NHWC")
        )
    if method != "slices":
        raise ValueError(f"convolution: got {method!r}, expected one of {', '.join(map(repr, METHODS))}, or None")
    _, h, w, _ = images.shape
    margin = (size // 2, size // 2)
    padded = jnp.pad(images, ((0, 0), margin, margin, (0, 0)))
    shifted = [padded[:, i : i + h : stride, j : j + w : stride] for i in range(size) for j in range(size)]
    columns = jnp.concatenate(shifted, axis=-1) if size > 1 else shifted[0]
    return columns @ weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0])
