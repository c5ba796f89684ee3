"""The verdict: what was required, what came out, and whether that passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from json import dumps
from typing import TYPE_CHECKING

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.verification._comparison import Comparison
from thermo_ideal.verification._maxwell import Slope, maxwell_slopes
from thermo_ideal.verification._requirements import JointRequirement, Requirement
from thermo_ideal.verification._row import Row

if TYPE_CHECKING:
    import xarray as xr

_BESIDE = {
    "theory": "what thermodynamics predicts, that is the SDE",
    "exact": "by the exact law of discrete SGD",
    "z": "score of the mean over replicas against the exact law",
}
TOGETHER = "all protocols"
_PAPER = (FixedEffectiveLearningRate, FixedLearningRate, FixedSphere)


@dataclass(frozen=True, eq=False, repr=False)
class Verdict:
    """All requirements of an experiment, with the numbers behind them.

    Args:
        rows: what was required and came out, by protocol, and of "all protocols" together.
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
        ['no run is NaN or infinite', 'the burn-in is long enough']
        >>> round(verdict.false_alarm_rate, 4)  # of all rows that are statistical tests
        0.0022
    """

    rows: Mapping[str, tuple[Row, ...]]
    comparisons: Mapping[str, Comparison]

    @property
    def passed(self) -> bool:
        """Whether something is required of every protocol, and all of it could be asked and holds."""
        return bool(self.rows) and all(rows and all(row.passed for row in rows) for rows in self.rows.values())

    @property
    def false_alarm_rate(self) -> float:
        """How often at most the verdict fails although everything holds: the sum of the rates that its rows declare."""
        return min(1.0, sum(row.false_alarm_rate for rows in self.rows.values() for row in rows))

    @property
    def slopes(self) -> dict[str, tuple[Slope, ...]]:
        """The fitted Maxwell slopes, by protocol; none where there are no entropies over two hyperparameters."""
        asked = {name: one for name, one in self.comparisons.items() if "S" in one.quantities and one.axes}
        return {name: maxwell_slopes(comparison) for name, comparison in asked.items()}

    @property
    def summary(self) -> str:
        """Whether it passes, how many requirements do not hold, and how many could not be asked."""
        rows = [row for rows in self.rows.values() for row in rows]
        failed = sum(row.evaluated and not row.passed for row in rows)
        unanswered = sum(not row.evaluated for row in rows)
        not_asked = f"; {unanswered} could not be asked" if unanswered else ""
        if failed:
            return f"FAILED: {failed} of {len(rows)} requirements do not hold{not_asked}"
        if unanswered:
            return (
                f"INCOMPLETE: {len(rows) - unanswered} of {len(rows)} requirements hold, {unanswered} could not be "
                "asked; the verdict rests on the others alone"
            )
        if not self.passed:
            without = ", ".join(name for name, rows in self.rows.items() if not rows)
            return f"FAILED: nothing was required of {without or 'any protocol'}"
        return f"PASSED: all {len(rows)} requirements hold; false alarms in {self.false_alarm_rate:.2%} at most"

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
            at = ""
            if name in self.comparisons:
                use = self.comparisons[name].stationary
                at = f", at {use.sum()} of {use.size} grid points"
            lines.append(f"{name}: {sum(row.passed for row in rows)} of {len(rows)}{at}")
            lines += [f"  {row.claim}: {row.measured}, expected {row.bound}" for row in rows if not row.passed]
        return "\n  ".join(lines)

    def _repr_html_(self) -> str:
        cells = [
            (name, f"<b>{row.mark}</b>", escape(row.claim), escape(row.measured), escape(row.bound))
            for name, rows in self.rows.items()
            for row in rows
        ]
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
        titles = ("protocol", "", "requirement", "measured", "expected")
        head = "".join(f"<th>{title}</th>" for title in titles)
        return f"<table><caption>{self.summary}</caption><tr>{head}</tr>{body}</table>"


def judge(
    comparisons: Mapping[str, Comparison],
    requirements: Sequence[Requirement],
    joint_requirements: Sequence[JointRequirement],
) -> Verdict:
    """The verdict on comparisons, by the names of their protocols."""
    rows = {
        name: tuple(row for requirement in requirements for row in requirement(comparison))
        for name, comparison in comparisons.items()
    }
    joint = tuple(row for requirement in joint_requirements for row in requirement(comparisons))
    return Verdict(rows | ({TOGETHER: joint} if joint else {}), comparisons)
