"""Tests of gas laws of one's own: strategies for Hypothesis, laws of a gas, assertions with a declared failure rate.

The strategies need Hypothesis: `pip install hypothesis`. Laws and assertions do not, and nothing here needs pytest.
"""

from thermo_ideal.testing._assertions import (
    assert_covers,
    assert_estimate,
    assert_law,
    assert_mean,
    assert_rejects,
    assert_uniform,
    detectable_shift,
)
from thermo_ideal.testing._dynamics_strategies import (
    anisotropic_noises,
    directions,
    protocols,
    sgds,
    zonal_losses,
)
from thermo_ideal.testing._failure_rate import shared_failure_rate
from thermo_ideal.testing._gas_strategies import gases, states
from thermo_ideal.testing._laws import Law, laws_of

__all__ = [
    "Law",
    "anisotropic_noises",
    "assert_covers",
    "assert_estimate",
    "assert_law",
    "assert_mean",
    "assert_rejects",
    "assert_uniform",
    "detectable_shift",
    "directions",
    "gases",
    "laws_of",
    "protocols",
    "sgds",
    "shared_failure_rate",
    "states",
    "zonal_losses",
]
