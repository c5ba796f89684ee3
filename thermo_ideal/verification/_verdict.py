"""The verdict: what was required, what came out, and whether that passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from json import dumps

import xarray as xr

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.dynamics import AbstractProtocol, FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.dynamics._protocol_kinds import ProtocolKind
from thermo_ideal.verification._comparison import Comparison, compare
from thermo_ideal.verification._maxwell import Slope, maxwell_slopes
from thermo_ideal.verification._requirements import REQUIREMENTS, Requirement, Row

_BESIDE = {
    "theory": "what thermodynamics predicts, that is the SDE",
    "exact": "by the exact law of discrete SGD",
    "z": "score of the mean over replicas against the exact law",
}
_PAPER = (FixedEffectiveLearningRate, FixedLearningRate, FixedSphere)


@dataclass(frozen=True, eq=False, repr=False)
class Verdict:
    """All requirements of an experiment, with the numbers behind them.

    Args:
        rows: what was required and came out, by protocol.
        comparisons: measurements beside laws, by protocol.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.verification import REQUIREMENTS, verify
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> verdict = verify(results, protocols=[dynamics.FixedLearningRate], requirements=REQUIREMENTS[1:])
        >>> [row.claim for row in verdict.rows["fixed-lr"]][:2]
        ['starts inside and outside agree', 'U is that of discrete SGD']
    """

    rows: Mapping[str, tuple[Row, ...]]
    comparisons: Mapping[str, Comparison]

    @property
    def passed(self) -> bool:
        """Whether something is required of every protocol, and all of it holds."""
        return bool(self.rows) and all(rows and all(row.passed for row in rows) for rows in self.rows.values())

    @property
    def slopes(self) -> dict[str, tuple[Slope, ...]]:
        """The fitted Maxwell slopes, by protocol."""
        return {name: maxwell_slopes(comparison) for name, comparison in self.comparisons.items()}

    @property
    def summary(self) -> str:
        """Whether it passes, and how many requirements do not hold."""
        rows = [row for rows in self.rows.values() for row in rows]
        failed = sum(not row.passed for row in rows)
        if failed:
            return f"FAILED: {failed} of {len(rows)} requirements do not hold"
        if not self.passed:
            without = ", ".join(name for name, rows in self.rows.items() if not rows)
            return f"FAILED: nothing was required of {without or 'any protocol'}"
        return f"PASSED: all {len(rows)} requirements hold"

    def beside(self, results: xr.DataTree) -> xr.DataTree:
        """The measurements with what they were compared to, and what was found.

        Args:
            results: the tree that was judged.

        Returns:
            A copy in which each protocol's dataset also has the temperature, "…_theory" of the SDE, "…_exact" of
            discrete SGD and "…_z" for each quantity, and which points were "stationary"; its attributes, and the
            tree's, have the verdict.
        """
        beside = results.copy()
        for name, comparison in self.comparisons.items():
            dims = [axis for axis, _ in comparison.axes]
            data = beside.children[name].to_dataset(inherit=False)
            about = DICTIONARY["temperature"]
            data["temperature"] = dims, comparison.state["temperature"], about.attributes | {"long_name": about.meaning}
            for variable, quantity in comparison.by_variable.items():
                units = {"units": data[variable].attrs["units"]} if "units" in data[variable].attrs else {}
                of = {"theory": quantity.predicted, "exact": quantity.exact, "z": quantity.z_score}
                for suffix, values in of.items():
                    attributes = {"long_name": f"{variable}: {_BESIDE[suffix]}"} | ({} if suffix == "z" else units)
                    data[f"{variable}_{suffix}"] = dims, values, attributes
            data["stationary"] = dims, comparison.stationary, {"long_name": "whether the point was judged"}
            rows = [vars(row) | {"passed": bool(row.passed)} for row in self.rows[name]]
            data.attrs["requirements"] = dumps(rows)
            data.attrs["predicted_noise_scale"] = comparison.noise_scale
            beside[name].dataset = data
        for node in beside.subtree:
            node.attrs = node.attrs | {"verdict": self.summary}
        return beside

    def __repr__(self) -> str:
        lines = [f"Verdict, {self.summary}"]
        for name, rows in self.rows.items():
            use = self.comparisons[name].stationary
            held = sum(row.passed for row in rows)
            lines.append(f"{name}: {held} of {len(rows)}, at {use.sum()} of {use.size} grid points")
            lines += [f"  {row.claim}: {row.measured}, expected {row.bound}" for row in rows if not row.passed]
        return "\n  ".join(lines)

    def _repr_html_(self) -> str:
        cells = [
            (name, "pass" if row.passed else "<b>FAIL</b>", escape(row.claim), escape(row.measured), escape(row.bound))
            for name, rows in self.rows.items()
            for row in rows
        ]
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
        titles = ("protocol", "", "requirement", "measured", "expected")
        head = "".join(f"<th>{title}</th>" for title in titles)
        return f"<table><caption>{self.summary}</caption><tr>{head}</tr>{body}</table>"


def verify(
    results: xr.DataTree,
    noise_scale: float | None = None,
    protocols: Sequence[ProtocolKind] = _PAPER,
    requirements: Sequence[Requirement] = REQUIREMENTS,
) -> Verdict:
    """Judges a simulation of the isotropic-noise model against the theory.

    Energy, entropy and radius (or pressure) are compared with the exact stationary law of discrete SGD by z-scores; the
    radius (or pressure) with the equation of state as well; the slopes of the entropy with the Maxwell relations; the
    potentials with the minimum principle; replicas that started inside with those that started outside. The derivation
    behind the predictions is replayed. Grid points whose burn-in was shorter than five relaxation times are left out
    and counted.

    Args:
        results: a tree of `thermo_ideal.experiments.run_isotropic`.
        noise_scale: `σ` for the predictions; the simulation's own if None. Another value is a negative control.
        protocols: classes of protocols, or instances with the static fields that were simulated, whose datasets to
            judge, by name; each must be there.
        requirements: functions of a `Comparison` that give rows, in their order.

    Returns:
        A `Verdict`.

    Raises:
        ValueError: the tree has no dataset of a protocol, or one without the attributes that `run_isotropic` writes;
            something else than a protocol; or a requirement that does not know a protocol.

    Example:
        The simulation is judged with predictions for the wrong temperature, by one requirement of the package and one
        of one's own:

        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.verification import REQUIREMENTS, Row, verify
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> def cold(comparison):
        ...     hottest = comparison.state["temperature"].max()
        ...     return [Row("the gas is cold", f"T ≤ {hottest:.3f}", "T ≤ 0.2", bool(hottest <= 0.2))]
        >>> verdict = verify(results, 1.1, protocols=[dynamics.FixedLearningRate], requirements=[REQUIREMENTS[2], cold])
        >>> verdict.passed, verdict.rows["fixed-lr"][-1].passed
        (False, True)
    """
    kinds = _by_name(protocols)
    missing = [name for name in kinds if name not in results.children]
    if missing or not kinds:
        raise ValueError(
            f"results: got the datasets {sorted(results.children)}, expected {', '.join(kinds) or 'a protocol'}; "
            "make them with thermo_ideal.experiments.run_isotropic, or say which to judge, as in "
            "protocols=[FixedLearningRate]"
        )
    comparisons = {name: compare(results[name].to_dataset(), noise_scale, kind) for name, kind in kinds.items()}
    rows = {
        name: tuple(row for requirement in requirements for row in requirement(comparison))
        for name, comparison in comparisons.items()
    }
    return Verdict(rows, comparisons)


def _by_name(protocols: Sequence[ProtocolKind]) -> dict[str, ProtocolKind]:
    """The protocols by the names of their datasets."""
    for kind in protocols:
        if not issubclass(kind if isinstance(kind, type) else type(kind), AbstractProtocol):
            raise ValueError(
                f"protocols: got {kind!r}, expected classes of protocols, as in protocols=[FixedLearningRate]"
            )
    return {kind.name: kind for kind in protocols}
