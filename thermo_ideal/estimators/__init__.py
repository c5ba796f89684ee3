"""Estimates from samples, each with a standard error; work, heat and entropy flow along trajectories."""

from thermo_ideal.estimators._effective_sample_size import effective_sample_size
from thermo_ideal.estimators._entropy import kozachenko_leonenko, spherical_entropy, zonal_entropy
from thermo_ideal.estimators._estimate import Estimate
from thermo_ideal.estimators._isotropy import Isotropy, isotropy
from thermo_ideal.estimators._process import ProcessRun, run_process
from thermo_ideal.estimators._work import WorkMeter, WorkRecord, measure_work
from thermo_ideal.estimators._work_relations import Crooks, SlowLimit, crooks, jarzynski, slow_limit

__all__ = [
    "Crooks",
    "Estimate",
    "Isotropy",
    "ProcessRun",
    "SlowLimit",
    "WorkMeter",
    "WorkRecord",
    "crooks",
    "effective_sample_size",
    "isotropy",
    "jarzynski",
    "kozachenko_leonenko",
    "measure_work",
    "run_process",
    "slow_limit",
    "spherical_entropy",
    "zonal_entropy",
]
