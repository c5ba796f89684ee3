"""Orthonormal polynomials of a probability law, and the Gauss rules that they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal


@dataclass(frozen=True)
class OrthonormalPolynomials:
    """Polynomials `p_0 … p_{n−1}`, orthonormal for a probability law, by their three-term recurrence.

    In `x = (argument − centre)/scale` it is `√β_{k+1} p_{k+1} = (x − α_k) p_k − √β_k p_{k−1}`, from `p_0 = 1`.

    Args:
        centre: where the argument is shifted from.
        scale: what it is divided by.
        diagonal: `α_0 … α_{n−1}`.
        off_diagonal: `√β_1 … √β_{n−1}`.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.numerics import hermite
        >>> normal = hermite(0.0, 1.0, size=3)
        >>> [round(float(p), 4) for p in normal(np.array(2.0), 3)]  # 1, x, (x² − 1)/√2
        [1.0, 2.0, 2.1213]

    Source: Gautschi, Orthogonal Polynomials: Computation and Approximation, section 1.3.
    """

    centre: float
    scale: float
    diagonal: np.ndarray
    off_diagonal: np.ndarray

    def __call__(self, argument: np.ndarray, size: int) -> np.ndarray:
        """`p_0 … p_{size−1}`.

        Args:
            argument: an array of any shape.
            size: how many polynomials, at most `n`.

        Returns:
            Their values, along a new last axis.
        """
        x = (argument - self.centre) / self.scale
        values = np.empty((*x.shape, size))
        values[..., 0] = 1.0
        previous = np.zeros_like(x)
        for k in range(size - 1):
            lower = self.off_diagonal[k - 1] * previous if k else 0.0
            previous = values[..., k]
            values[..., k + 1] = ((x - self.diagonal[k]) * previous - lower) / self.off_diagonal[k]
        return values

    def with_slopes(self, argument: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """`p_0 … p_{size−1}` and their derivatives.

        Args:
            argument: an array of any shape.
            size: how many polynomials, at most `n`.

        Returns:
            Values and derivatives, each along a new last axis.
        """
        values = self(argument, size)
        x, slopes = (argument - self.centre) / self.scale, np.zeros_like(values)
        for k in range(size - 1):
            lower = self.off_diagonal[k - 1] * slopes[..., k - 1] if k else 0.0
            following = values[..., k] / self.scale + (x - self.diagonal[k]) * slopes[..., k] - lower
            slopes[..., k + 1] = following / self.off_diagonal[k]
        return values, slopes

    def quadrature(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The Gauss rule, exact for polynomials of degree `2 size − 1`.

        Args:
            size: how many nodes, at most `n`.

        Returns:
            Nodes in increasing order and their probabilities, both of shape `(size,)`.

        Source: Golub & Welsch, Math. Comp. 23, 221 (1969).
        """
        nodes, vectors = eigh_tridiagonal(self.diagonal[:size], self.off_diagonal[: size - 1])
        return self.centre + self.scale * nodes, vectors[0] ** 2


def hermite(centre: float, scale: float, size: int) -> OrthonormalPolynomials:
    """The polynomials of a normal variable, Hermite's: `α_k = 0`, `β_k = k`.

    Args:
        centre: its mean.
        scale: its standard deviation.
        size: how many polynomials.

    Returns:
        The family.

    Example:
        >>> from thermo_ideal.numerics import hermite
        >>> nodes, weights = hermite(1.0, 2.0, size=3).quadrature(3)
        >>> round(float(weights @ nodes**2), 12)  # 1 + 2²
        5.0

    Source: DLMF 18.9.
    """
    return OrthonormalPolynomials(centre, scale, np.zeros(size), np.sqrt(np.arange(1.0, size)))


def gegenbauer(dimension: float, size: int) -> OrthonormalPolynomials:
    """The polynomials of one component of a uniform unit vector, of density `∝ (1 − x²)^{(n−3)/2}` on (−1, 1).

    With `n` the dimension, `β_k = k(k + n − 3)/((2k + n − 2)(2k + n − 4))` and `β_1 = 1/n`.

    Args:
        dimension: `n ≥ 1`, of the vector; at 1 the component is ±1, and the law has two polynomials only.
        size: how many polynomials.

    Returns:
        The family.

    Example:
        >>> from thermo_ideal.numerics import gegenbauer
        >>> nodes, weights = gegenbauer(10.0, 3).quadrature(3)
        >>> round(float(weights @ nodes**2), 12)  # 1/n
        0.1

    Source: DLMF 18.9.1 and table 18.9.1.
    """
    k = np.arange(2.0, size)
    others = k * (k + dimension - 3) / ((2 * k + dimension - 2) * (2 * k + dimension - 4))
    beta = np.concatenate([[1 / dimension], others])[: size - 1]
    return OrthonormalPolynomials(0.0, 1.0, np.zeros(size), np.sqrt(beta))


def chi_square_rule(freedom: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The Gauss rule of a `χ²` variable, generalised Laguerre's.

    Args:
        freedom: `n ≥ 0`, the degrees of freedom; at 0 the variable is 0, and there is one node.
        size: how many nodes.

    Returns:
        Nodes in increasing order and their probabilities.

    Example:
        >>> from thermo_ideal.numerics import chi_square_rule
        >>> nodes, weights = chi_square_rule(5, size=4)
        >>> round(float(weights @ nodes), 10), round(float(weights @ (nodes - 5) ** 2), 10)  # n and 2n
        (5.0, 10.0)

    Source: DLMF 18.9; Golub & Welsch, Math. Comp. 23, 221 (1969).
    """
    if freedom == 0:
        return np.zeros(1), np.ones(1)
    alpha, k = freedom / 2 - 1, np.arange(size)
    family = OrthonormalPolynomials(0.0, 2.0, 2 * k + alpha + 1, np.sqrt(k[1:] * (k[1:] + alpha)))
    return family.quadrature(size)


def stieltjes(nodes: np.ndarray, weights: np.ndarray, size: int) -> OrthonormalPolynomials:
    """The polynomials of a discrete law, by Stieltjes' procedure: `α_k = E x p_k²`, and `β_{k+1}` from the norm.

    Args:
        nodes: where the law is.
        weights: its probabilities.
        size: how many polynomials, fewer than there are nodes.

    Returns:
        The family.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.numerics import gauss_legendre, stieltjes
        >>> legendre = stieltjes(*gauss_legendre(20), size=3)  # for the uniform law on (0, 1)
        >>> [round(float(p), 4) for p in legendre(np.array(1.0), 3)]  # √(2k + 1)
        [1.0, 1.7321, 2.2361]

    Source: Gautschi, Orthogonal Polynomials: Computation and Approximation, section 2.2.3.
    """
    centre = weights @ nodes
    scale = np.sqrt(weights @ (nodes - centre) ** 2)
    x = (nodes - centre) / scale
    diagonal, off_diagonal = np.empty(size), np.empty(size - 1)
    previous, current = np.zeros_like(x), np.ones_like(x)
    for k in range(size):
        diagonal[k] = weights @ (x * current**2)
        if k == size - 1:
            break
        following = (x - diagonal[k]) * current - (off_diagonal[k - 1] if k else 0.0) * previous
        off_diagonal[k] = np.sqrt(weights @ following**2)
        previous, current = current, following / off_diagonal[k]
    return OrthonormalPolynomials(float(centre), float(scale), diagonal, off_diagonal)
