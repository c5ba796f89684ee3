"""Estimates from samples, each with a standard error. Nothing here simulates."""

from thermo_ideal.estimators._convergence import Convergence, convergence
from thermo_ideal.estimators._effective_sample_size import effective_sample_size
from thermo_ideal.estimators._entropy import (
    angular_entropy,
    fewest_samples,
    kozachenko_leonenko,
    spherical_entropy,
    zonal_entropy,
)
from thermo_ideal.estimators._entropy_change import EntropyChange, entropy_change
from thermo_ideal.estimators._equilibration import Equilibration, equilibration
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._gradient_noise import GradientNoise, gradient_noise
from thermo_ideal.estimators._isotropy import Isotropy, isotropy
from thermo_ideal.estimators._nearest_neighbours import neighbour_distances
from thermo_ideal.estimators._noise_spectrum import NoiseSpectrum, noise_spectrum
from thermo_ideal.estimators._process_run import ProcessRun
from thermo_ideal.estimators._step_length import SpacingScan, spacing_scan, step_length_entropy
from thermo_ideal.estimators._sweep_effective_sample_size import sweep_effective_sample_size
from thermo_ideal.estimators._tangent_entropy import EntropyEstimate, gaussian_entropy, radial_entropy
from thermo_ideal.estimators._temperature_pairs import PairPlan, TemperaturePair, plan_pair, temperature_pair
from thermo_ideal.estimators._thermometers import (
    temperature_from_concentration,
    temperature_from_entropy,
    temperature_from_fluctuations,
    temperature_from_noise,
    temperature_from_radius,
)
from thermo_ideal.estimators._work import WorkRecord
from thermo_ideal.estimators._work_relations import Crooks, SlowLimit, crooks, jarzynski, slow_limit

__all__ = [
    "Convergence",
    "Crooks",
    "EntropyChange",
    "EntropyEstimate",
    "Equilibration",
    "Estimate",
    "GradientNoise",
    "Isotropy",
    "NoiseSpectrum",
    "PairPlan",
    "ProcessRun",
    "SlowLimit",
    "SpacingScan",
    "TemperaturePair",
    "WorkRecord",
    "angular_entropy",
    "convergence",
    "crooks",
    "effective_sample_size",
    "entropy_change",
    "equilibration",
    "fewest_samples",
    "gaussian_entropy",
    "gradient_noise",
    "isotropy",
    "jarzynski",
    "kozachenko_leonenko",
    "neighbour_distances",
    "noise_spectrum",
    "plan_pair",
    "radial_entropy",
    "slow_limit",
    "spacing_scan",
    "spherical_entropy",
    "step_length_entropy",
    "sweep_effective_sample_size",
    "temperature_from_concentration",
    "temperature_from_entropy",
    "temperature_from_fluctuations",
    "temperature_from_noise",
    "temperature_from_radius",
    "temperature_pair",
    "zonal_entropy",
]
