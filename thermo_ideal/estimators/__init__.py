"""Estimates from samples, each with a standard error; entropies, work relations, isotropy. Nothing here simulates."""

from thermo_ideal.estimators._effective_sample_size import effective_sample_size
from thermo_ideal.estimators._entropy import kozachenko_leonenko, spherical_entropy, zonal_entropy
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._isotropy import Isotropy, isotropy
from thermo_ideal.estimators._process_run import ProcessRun
from thermo_ideal.estimators._work import WorkRecord
from thermo_ideal.estimators._work_relations import Crooks, SlowLimit, crooks, jarzynski, slow_limit

__all__ = [
    "Crooks",
    "Estimate",
    "Isotropy",
    "ProcessRun",
    "SlowLimit",
    "WorkRecord",
    "crooks",
    "effective_sample_size",
    "isotropy",
    "jarzynski",
    "kozachenko_leonenko",
    "slow_limit",
    "spherical_entropy",
    "zonal_entropy",
]
