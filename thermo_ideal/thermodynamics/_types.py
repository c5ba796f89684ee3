"""Types of annotations in this folder."""

from collections.abc import Callable

from jaxtyping import Array, Float

FloatArray = Float[Array, "..."]
"""An array of floats of any shape; a number is one of shape `()`."""

StateFunction = Callable[[FloatArray, FloatArray], FloatArray]
"""A JAX function of temperature and volume, element by element."""
