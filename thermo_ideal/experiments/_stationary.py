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
    for name in sweep.observables:
        if name not in _OBSERVABLES:
            return {"observables": f"got {name!r}, expected some of {', '.join(map(repr, _OBSERVABLES))}"}
    spheres = all(grid.kind.fixes_radius for grid in sweep.grids)
    if "effective_weight_decay" in sweep.observables and not spheres:
        return {"observables": "got 'effective_weight_decay', expected it with fixed-sphere alone, which measures it"}
    return {}


STATIONARY = register(Experiment("stationary", _measure, check=_check))
