"""Probability laws on the sphere."""

from thermo_ideal.distributions import von_mises_fisher
from thermo_ideal.distributions._von_mises_fisher import VonMisesFisher

__all__ = ["VonMisesFisher", "von_mises_fisher"]
