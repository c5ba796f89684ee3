"""Which method gives the law of a chain: a series about the SDE's law, or the matrix of transitions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from thermo_ideal.verification._chain import Chain
from thermo_ideal.verification._chain_law import ChainLaw
from thermo_ideal.verification._series_law import solve_by_series
from thermo_ideal.verification._transition_matrix import solve_by_transition_matrix

_ENOUGH = 1e-8  # of an error, beyond which the other method is asked too
_TOO_MUCH = 1e-2


@lru_cache(maxsize=4096)
def solve(chain: Chain) -> ChainLaw:
    """The stationary law of a chain, by the method that is more certain of it.

    Args:
        chain: the step.

    Raises:
        ArithmeticError: neither is.
    """
    laws, reasons = [], []
    with np.errstate(all="ignore"):
        for method in (solve_by_series, solve_by_transition_matrix):
            try:
                laws.append(method(chain))
            except ArithmeticError as error:
                reasons.append(str(error))
                continue
            if laws[-1].worst_error < _ENOUGH:
                return laws[-1]
    if laws:
        best = min(laws, key=lambda law: law.worst_error)
        if best.worst_error < _TOO_MUCH:
            return best
        reasons = [f"errors of {law.worst_error:.1g}" for law in laws] + reasons
    raise ArithmeticError(
        f"the stationary law at η_eff = {chain.effective_learning_rate:g}, σ = {chain.noise_scale:g}, d = "
        f"{chain.dimension} was not found ({'; '.join(reasons)}); lower the effective learning rate to some "
        f"{chain.effective_learning_rate / 4:.1g}, or simulate, as in simulate(key, ZonalEulerMaruyama(sgd, "
        f"{chain.dimension}), position, num_steps)"
    )
