"""Two quadrature rules: Gauss–Legendre for smooth integrands, double exponential for tails."""

import numpy as np


def gauss_legendre(order: int, low: float = 0.0, high: float = 1.0, panels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the composite rule on an interval, exact for polynomials of degree `2 order − 1`.

    Args:
        order: nodes in a panel.
        low: the lower end.
        high: the upper end.
        panels: equal parts of the interval, each with a rule of its own.

    Returns:
        Nodes in increasing order and their weights, both of shape `(order * panels,)`.

    Example:
        >>> from thermo_ideal.numerics import gauss_legendre
        >>> nodes, weights = gauss_legendre(3)
        >>> round(float(weights @ nodes**5), 12)  # 1/6
        0.166666666667

    Source: Abramowitz & Stegun, section 25.4.29.
    """
    x, w = np.polynomial.legendre.leggauss(order)
    if panels == 1:
        return low + (high - low) * (1 + x) / 2, (high - low) / 2 * w
    width = (high - low) / panels
    nodes = [low + width * (i + (1 + x) / 2) for i in range(panels)]
    return np.concatenate(nodes), np.tile(width / 2 * w, panels)


def double_exponential(low: float, high: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on `(0, ∞)` for integrands that decay exponentially: `y = exp(x − e^{−x})`, `x` evenly spaced.

    Args:
        low: the smallest `x`, where `y` may be neglected against the width of the integrand.
        high: the largest, where the integrand has decayed.
        size: the number of nodes.

    Returns:
        Nodes in increasing order and their weights, both of shape `(size,)`.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.numerics import double_exponential
        >>> nodes, weights = double_exponential(-4.2, 4.2, 193)
        >>> round(float(weights @ np.exp(-nodes)), 12)
        1.0

    Source: Takahasi & Mori, Publ. RIMS 9, 721 (1974).
    """
    x = np.linspace(low, high, size)
    nodes = np.exp(x - np.exp(-x))
    return nodes, nodes * (1 + np.exp(-x)) * (x[1] - x[0])
