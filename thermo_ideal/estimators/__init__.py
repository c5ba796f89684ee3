"""Estimates from samples, each with a standard error; entropies, work relations, isotropy. Nothing here simulates."""

from thermo_ideal.estimators._effective_sample_size import effective_sample_size
from thermo_ideal.estimators._entropy import angular_entropy, kozachenko_leonenko, spherical_entropy, zonal_entropy
from thermo_ideal.estimators._entropy_change import EntropyChange, entropy_change
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._isotropy import Isotropy, isotropy
from thermo_ideal.estimators._nearest_neighbours import neighbour_distances
from thermo_ideal.estimators._process_run import ProcessRun
from thermo_ideal.estimators._step_length import SpacingScan, spacing_scan, step_length_entropy
from thermo_ideal.estimators._tangent_entropy import EntropyEstimate, gaussian_entropy, radial_entropy
from thermo_ideal.estimators._work import WorkRecord
from thermo_ideal.estimators._work_relations import Crooks, SlowLimit, crooks, jarzynski, slow_limit

__all__ = [
    "Crooks",
    "EntropyChange",
    "EntropyEstimate",
    "Estimate",
    "Isotropy",
    "ProcessRun",
    "SlowLimit",
    "SpacingScan",
    "WorkRecord",
    "angular_entropy",
    "crooks",
    "effective_sample_size",
    "entropy_change",
    "gaussian_entropy",
    "isotropy",
    "jarzynski",
    "kozachenko_leonenko",
    "neighbour_distances",
    "radial_entropy",
    "slow_limit",
    "spacing_scan",
    "spherical_entropy",
    "step_length_entropy",
    "zonal_entropy",
]
