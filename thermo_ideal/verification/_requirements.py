"""What is required of measurements, in the order of the verdict's rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from thermo_ideal.verification._comparison import Comparison
from thermo_ideal.verification._convergence_requirements import (
    burn_in_is_long_enough,
    replicas_are_independent,
    replicas_mix,
    runs_are_finite,
    starts_agree,
)
from thermo_ideal.verification._entropy_requirements import (
    entropies_stand_still,
    entropy_fits_energy,
    obeys_first_law,
)
from thermo_ideal.verification._law_requirements import (
    agrees_with_discrete_law,
    has_distribution,
    protocols_agree_with_discrete_law,
)
from thermo_ideal.verification._row import Row
from thermo_ideal.verification._thermodynamic_requirements import (
    minimises_potential,
    obeys_maxwell_relations,
    pairs_have_their_temperatures,
    replays_derivation,
    tends_to_thermodynamics,
)

Requirement = Callable[[Comparison], Sequence[Row]]
"""What is required of one protocol: a function of its comparison, which gives rows of the verdict."""

JointRequirement = Callable[[Mapping[str, Comparison]], Sequence[Row]]
"""What is required of all protocols together: a function of their comparisons, by name."""

REQUIREMENTS: tuple[Requirement, ...] = (
    replays_derivation,
    runs_are_finite,
    burn_in_is_long_enough,
    starts_agree,
    replicas_mix,
    replicas_are_independent,
    agrees_with_discrete_law,
    has_distribution,
    entropies_stand_still,
    entropy_fits_energy,
    obeys_first_law,
    pairs_have_their_temperatures,
    tends_to_thermodynamics,
    obeys_maxwell_relations,
    minimises_potential,
)
"""What `verify` requires of every protocol, in the order of the rows. A requirement of one's own is put beside them."""

JOINT_REQUIREMENTS: tuple[JointRequirement, ...] = (protocols_agree_with_discrete_law,)
"""What `verify` requires of all protocols together."""
