"""Bessel functions and sphere areas that neither overflow nor cancel."""

from thermo_ideal.special._bessel import iv_ratio, log_iv, log_ive, one_minus_iv_ratio
from thermo_ideal.special._sphere import log_sphere_area

__all__ = ["iv_ratio", "log_iv", "log_ive", "log_sphere_area", "one_minus_iv_ratio"]
