"""The temperature of SGD."""

from typing import Any


def temperature(effective_learning_rate: Any, noise_scale: Any) -> Any:
    """`T = η_eff σ²/2`: isotropic gradient noise makes `exp(−L/T)` the stationary density of the direction.

    Args:
        effective_learning_rate: `η_eff`, a number or an array.
        noise_scale: `σ`, a number or an array that broadcasts with it.

    Returns:
        `T` in units of the loss, in the common shape of the arguments.

    Example:
        >>> from thermo_ideal.dynamics import temperature
        >>> temperature(effective_learning_rate=0.5, noise_scale=2.0)
        1.0

    Source: arXiv 2511.07308, table 1.
    """
    return effective_learning_rate * noise_scale**2 / 2


def effective_learning_rate(temperature: Any, noise_scale: Any) -> Any:
    """`η_eff = 2T/σ²`, the inverse of `temperature`.

    Args:
        temperature: `T`, a number or an array.
        noise_scale: `σ`, a number or an array that broadcasts with it.

    Returns:
        `η_eff` in units of 1/loss, in the common shape of the arguments.

    Example:
        >>> from thermo_ideal.dynamics import effective_learning_rate
        >>> effective_learning_rate(temperature=1.0, noise_scale=2.0)
        0.5

    Source: arXiv 2511.07308, table 1.
    """
    return 2 * temperature / noise_scale**2
