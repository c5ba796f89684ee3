"""Time averages of observables in the stationary state, at every point of a sweep."""

from __future__ import annotations

import numpy as np

from thermo_ideal.sweeps import Block, Experiment, Sweep, register

_OBSERVABLES = ("loss", "radius", "log_radius", "volume", "depth", "effective_weight_decay")


def _measure(block: Block) -> dict[str, np.ndarray]:
    trajectory = block.simulate()
    found = {"diverged_at": trajectory.diverged_at}
    for name in trajectory.moments:
        if not block.sweep.observables or name in block.sweep.observables:
            found[name] = trajectory.mean(name)
            found[f"{name}_error"] = trajectory.standard_error(name)
            found[f"{name}_variance"] = trajectory.variance(name)
    return found


def _check(sweep: Sweep) -> dict[str, str]:
    spheres = all(grid.kind.fixes_radius for grid in sweep.grids)
    found = {}
    for field, names in (("observables", sweep.observables), ("standard_error", tuple(dict(sweep.standard_error)))):
        for name in names:
            if name not in _OBSERVABLES:
                found[field] = f"got {name!r}, expected some of {', '.join(map(repr, _OBSERVABLES))}"
            elif name == "effective_weight_decay" and not spheres:
                found[field] = "got 'effective_weight_decay', expected it with fixed-sphere alone, which measures it"
    return found


STATIONARY = register(Experiment("stationary", _measure, check=_check))
