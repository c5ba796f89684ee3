"""Probability laws on the sphere."""

from thermo_ideal.distributions import von_mises_fisher
from thermo_ideal.distributions._abstract_law import AbstractSphericalLaw
from thermo_ideal.distributions._goodness import GoodnessOfFit, goodness_of_fit
from thermo_ideal.distributions._relaxation import Relaxation, zonal_relaxation
from thermo_ideal.distributions._sufficient_statistics import DirectionalStatistics
from thermo_ideal.distributions._uniform import UniformSphere
from thermo_ideal.distributions._von_mises_fisher import VonMisesFisher, VonMisesFisherFit
from thermo_ideal.distributions._zonal import Zonal

__all__ = [
    "AbstractSphericalLaw",
    "DirectionalStatistics",
    "GoodnessOfFit",
    "Relaxation",
    "UniformSphere",
    "VonMisesFisher",
    "VonMisesFisherFit",
    "Zonal",
    "goodness_of_fit",
    "von_mises_fisher",
    "zonal_relaxation",
]
