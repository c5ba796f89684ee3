"""Estimates from samples, each with a standard error."""

from thermo_ideal.estimators._effective_sample_size import effective_sample_size
from thermo_ideal.estimators._entropy import kozachenko_leonenko, spherical_entropy, zonal_entropy
from thermo_ideal.estimators._estimate import Estimate

__all__ = [
    "Estimate",
    "effective_sample_size",
    "kozachenko_leonenko",
    "spherical_entropy",
    "zonal_entropy",
]
