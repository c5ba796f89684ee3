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
from thermo_ideal.estimators._entropy_calibration import (
    CalibratedEntropy,
    EntropyCalibration,
    calibrated_entropy,
    entropy_calibration,
)
from thermo_ideal.estimators._entropy_change import EntropyChange, entropy_change
from thermo_ideal.estimators._equilibration import Equilibration, equilibration
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._geodesic_entropy import NeighbourScan, geodesic_entropy, neighbour_scan
from thermo_ideal.estimators._gradient_noise import GradientNoise, gradient_noise
from thermo_ideal.estimators._isotropy import Isotropy, isotropy
from thermo_ideal.estimators._low_rank_entropy import low_rank_entropy
from thermo_ideal.estimators._nearest_neighbours import neighbour_distances
from thermo_ideal.estimators._noise_spectrum import NoiseSpectrum, noise_spectrum
from thermo_ideal.estimators._process_run import ProcessRun
from thermo_ideal.estimators._step_length import SampledPath, SpacingScan, spacing_scan, step_length_entropy
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
from thermo_ideal.estimators._von_mises_fisher_entropy import von_mises_fisher_entropy
from thermo_ideal.estimators._work import WorkRecord
from thermo_ideal.estimators._work_relations import Crooks, SlowLimit, crooks, jarzynski, slow_limit

__all__ = [
    "CalibratedEntropy",
    "Convergence",
    "Crooks",
    "EntropyCalibration",
    "EntropyChange",
    "EntropyEstimate",
    "Equilibration",
    "Estimate",
    "GradientNoise",
    "Isotropy",
    "NeighbourScan",
    "NoiseSpectrum",
    "PairPlan",
    "ProcessRun",
    "SampledPath",
    "SlowLimit",
    "SpacingScan",
    "TemperaturePair",
    "WorkRecord",
    "angular_entropy",
    "calibrated_entropy",
    "convergence",
    "crooks",
    "effective_sample_size",
    "entropy_calibration",
    "entropy_change",
    "equilibration",
    "fewest_samples",
    "gaussian_entropy",
    "geodesic_entropy",
    "gradient_noise",
    "isotropy",
    "jarzynski",
    "kozachenko_leonenko",
    "low_rank_entropy",
    "neighbour_distances",
    "neighbour_scan",
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
    "von_mises_fisher_entropy",
    "zonal_entropy",
]
