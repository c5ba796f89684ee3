"""An entropy at several settings of what it must not depend on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thermo_ideal._display import with_error
from thermo_ideal.estimators._estimate import Estimate

_BOUND = 4.0  # standard errors


class EntropyScan:
    """What scans share; a scan has `entropies`, of shape `(settings,)`."""

    entropies: Estimate

    @property
    def changes(self) -> Estimate:
        """From the first setting to each of the others."""
        return Estimate(self.entropies.values[1:] - self.entropies.values[:1])

    @property
    def stands_still(self) -> bool:
        """Whether no change is beyond four standard errors."""
        return bool((np.abs(self.changes.z_score(0.0)) < _BOUND).all())

    def _largest_change(self) -> str:
        """The one of the largest score, with its error."""
        changes = self.changes
        worst = int(np.argmax(np.abs(changes.z_score(0.0))))
        return with_error(float(changes.value[worst]), float(changes.standard_error[worst]))

    def _texts(self, settings: Sequence[str]) -> str:
        """Each entropy at its setting."""
        shown = zip(settings, self.entropies.value, self.entropies.standard_error, strict=True)
        return ", ".join(f"{with_error(float(value), float(error))} at {name}" for name, value, error in shown)
