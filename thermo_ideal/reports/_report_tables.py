"""The tables of a report that belong to no figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal._display import span, with_error
from thermo_ideal.reports._drawing import DataTable
from thermo_ideal.reports._tables import comparison_table, slopes_table
from thermo_ideal.verification import Comparison, Verdict, maxwell_sides, measured_potentials

if TYPE_CHECKING:
    import xarray as xr

_HYPERPARAMETERS = ("learning_rate", "effective_learning_rate", "weight_decay", "radius")
# What thermodynamics has no word for; weight decay and radius come back as pressure and volume.
_ONLY_OPTIMISATION = {*_HYPERPARAMETERS, "noise_scale", "dimension"}
_MEASURED = {
    "internal_energy": "U",
    "energy_variance": "Var L",
    "direction_entropy": "S_dir",
    "entropy": "S",
    "radius": "r",
    "volume": "V",
    "pressure": "p",
}
_WORDS = (
    *(*_HYPERPARAMETERS, "noise_scale", "dimension", "gas_constant", "temperature", "pressure", "volume"),
    *("internal_energy", "energy_variance", "entropy", "direction_entropy", "helmholtz_energy", "gibbs_energy"),
)
_ATTRIBUTES = {
    "source": "model",
    "experiment": "experiment",
    "profile": "profile",
    "seed": "seed of every random number",
    "created": "simulated",
    "thermo_ideal": "thermo_ideal",
    "jax": "JAX",
    "backend": "backend",
    "device": "device",
    "platform": "platform",
    "dtype": "precision",
    "precision": "precision",
    "integrator": "integrator",
    "dt": "step of time",
    "prng": "random numbers",
    "sweep": "digest of the sweep",
}


def requirement_tables(verdict: Verdict) -> list[tuple[DataTable, list[str]]]:
    """What was required of each protocol and came out, and for each row "pass", "fail" or "not-asked"."""
    return [
        (
            DataTable(
                f"{name}: {sum(row.passed for row in rows)} of {len(rows)} requirements hold",
                ["", "requirement", "measured", "expected"],
                [[row.mark, row.claim, row.measured, row.bound] for row in rows],
            ),
            [row.mark.lower().replace(" ", "-") for row in rows],
        )
        for name, rows in verdict.rows.items()
    ]


def dictionary_table(verdict: Verdict) -> DataTable:
    """Every quantity by its name in optimisation and in thermodynamics, with its range under each protocol."""
    rows = []
    for word in _WORDS:
        about = DICTIONARY[word]
        numbers = [_range(comparison, word) for comparison in verdict.comparisons.values()]
        unit = "" if about.unit == "1" else about.unit.replace("^2", "²")
        phrase = "–" if word in _ONLY_OPTIMISATION else about.phrase
        rows.append([about.meaning, about.symbol, phrase, unit, *numbers])
    heads = ["optimisation", "symbol", "thermodynamics", "unit", *verdict.comparisons]
    return DataTable("The dictionary", heads, rows)


def _range(comparison: Comparison, word: str) -> str:
    """The smallest and the largest value, and how it is known."""
    axes, of = dict(comparison.axes), _MEASURED.get(word)
    if word in axes:
        return f"{span(axes[word])}, set"
    if word in ("noise_scale", "dimension"):
        return f"{getattr(comparison, word):g}, set"
    if word == "gas_constant":
        return f"{(comparison.dimension - 1) / 2:g}"
    if word == "weight_decay" and comparison.protocol.fixes_radius:
        return "see p"
    if word in ("helmholtz_energy", "gibbs_energy"):
        own = "helmholtz_energy" if comparison.protocol.fixes_radius else "gibbs_energy"
        return f"{span(np.diag(measured_potentials(comparison)))}, measured" if word == own else "–"
    if of in comparison.quantities:
        return f"{span(comparison.quantities[of].simulated.value)}, measured"
    return span(comparison.state[word]) if word in comparison.state else "–"


def maxwell_tables(verdict: Verdict) -> list[DataTable]:
    """Means of both sides, and the fitted slopes in the hyperparameters beside the paper's."""
    rows = []
    for name, comparison in verdict.comparisons.items():
        sides = maxwell_sides(comparison)
        if sides is None:
            continue
        both = zip((sides.entropy_name, sides.mechanical_name), sides.means, sides.exact_means, strict=True)
        for side, mean, exact in both:
            found = with_error(float(mean.value), float(mean.standard_error))
            rows.append([name, side, found, f"{exact:.4g}", f"{sides.theory:g}", f"{sides.z_score:+.1f}"])
    heads = ["protocol", "side", "measured, mean", "discrete", "theory", "z between the sides"]
    return [
        DataTable("Both sides of each Maxwell relation, means over the grid", heads, rows, keys=2),
        _from_terminal(slopes_table(verdict)),
    ]


def comparison_tables(verdict: Verdict) -> list[DataTable]:
    """What `print_verdict` prints of the protocols."""
    return [_from_terminal(comparison_table(one)) for one in verdict.comparisons.values() if one.stationary.any()]


def _from_terminal(table: Table) -> DataTable:
    """A table of the terminal, whose note comes into the caption."""
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    heads = [str(column.header) for column in table.columns]
    return DataTable(str(table.title), heads, [list(map(str, row)) for row in rows], note=str(table.caption or ""))


def provenance_table(results: xr.DataTree) -> DataTable:
    """What the attributes say about the simulation."""
    found = {name: results.attrs[name] for name in _ATTRIBUTES if name in results.attrs}
    for data in results.children.values():
        found = {name: data.attrs[name] for name in _ATTRIBUTES if name in data.attrs} | found
    rows = {_ATTRIBUTES[name]: str(found[name]) for name in _ATTRIBUTES if name in found}
    rows["runs"] = f"{_runs(results):,}"
    return DataTable("Provenance", ["", "value"], list(map(list, rows.items())))


def _runs(results: xr.DataTree) -> int:
    """How many there are, of all protocols."""
    return sum(int(data["loss"].size) for data in results.children.values() if "loss" in data)


def rerun(results: xr.DataTree) -> tuple[str, str]:
    """The lines to type, and the spec that they need, empty if it is not known."""
    from thermo_ideal.experiments import PROFILES

    attributes = results.attrs
    spec, profile, seed = (attributes.get(name, "") for name in ("spec", "profile", "seed"))
    versions = [f"{name}=={attributes[name]}" for name in ("thermo_ideal", "jax") if name in attributes]
    lines = [f"# with {' and '.join(versions)}"] if versions else []
    if profile in PROFILES and (not spec or _is_shipped(str(spec), str(profile), int(seed))):
        lines.append(f"thermo-ideal reproduce toy --profile {profile} --seed {seed} --out results")
    elif spec:
        lines.append("thermo-ideal sweep run sweep.toml --out results")
    return "\n".join([*lines, "thermo-ideal verify results", "thermo-ideal report results"]), str(spec)


def _is_shipped(spec: str, profile: str, seed: int) -> bool:
    """Whether a spec is that of a profile of the package."""
    from thermo_ideal.experiments._isotropic import shipped_sweep

    return spec == shipped_sweep(profile).replace(seed=seed).to_toml()
