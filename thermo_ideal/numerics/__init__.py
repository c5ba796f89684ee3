"""Quadrature, maxima, roots, orthonormal and Taylor polynomials, normals, χ² from them, sums, units; no physics."""

from thermo_ideal.numerics._adaptive_cells import adaptive_cells, local_maxima
from thermo_ideal.numerics._chi_square import chi_square_from_normal
from thermo_ideal.numerics._compensated_sum import accumulate, compensated_add
from thermo_ideal.numerics._normals import normals
from thermo_ideal.numerics._orthogonal_polynomials import (
    OrthonormalPolynomials,
    chi_square_rule,
    gegenbauer,
    hermite,
    stieltjes,
)
from thermo_ideal.numerics._prominent_peaks import prominent_peaks
from thermo_ideal.numerics._quadrature import double_exponential, gauss_legendre
from thermo_ideal.numerics._roots import positive_root, positive_root_on_host
from thermo_ideal.numerics._taylor import (
    evaluate_taylor,
    mixed_derivative,
    taylor_coefficients,
)
from thermo_ideal.numerics._units import power_of_two
from thermo_ideal.numerics._vectors import inner, like, norm, per_vector, spread

__all__ = [
    "OrthonormalPolynomials",
    "accumulate",
    "adaptive_cells",
    "chi_square_from_normal",
    "chi_square_rule",
    "compensated_add",
    "double_exponential",
    "evaluate_taylor",
    "gauss_legendre",
    "gegenbauer",
    "hermite",
    "inner",
    "like",
    "local_maxima",
    "mixed_derivative",
    "norm",
    "normals",
    "per_vector",
    "positive_root",
    "positive_root_on_host",
    "power_of_two",
    "prominent_peaks",
    "spread",
    "stieltjes",
    "taylor_coefficients",
]
