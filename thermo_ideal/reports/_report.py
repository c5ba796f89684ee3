"""A verdict as one HTML file that asks for nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from thermo_ideal._files import write_whole
from thermo_ideal.reports import _html
from thermo_ideal.reports._drawing import Drawing
from thermo_ideal.reports._figures import DRAWINGS, single
from thermo_ideal.reports._report_tables import (
    comparison_tables,
    dictionary_table,
    maxwell_tables,
    provenance_table,
    requirement_tables,
    rerun,
)
from thermo_ideal.reports._style import style
from thermo_ideal.reports._svg import inline_svg
from thermo_ideal.verification import Verdict

if TYPE_CHECKING:
    import xarray as xr

_NEEDED = ("U", "S_dir", "S")


def write_report(verdict: Verdict, results: xr.DataTree, path: str | Path, *, overwrite: bool = False) -> Path:
    """Writes one HTML file with all that was found, and how to do it again.

    It has the verdict, the dictionary with the numbers of this run, the law of the radius or the pressure, energy and
    entropy, both sides of the Maxwell relations, the potentials, the states in the planes of `p`–`V` and `T`–`S`, the
    scores of all measurements, the entropy at several spacings of its samples, where the results come from, and their
    spec. No part of it is fetched from anywhere. Pictures are SVG, described in words, with their data as tables; the
    page is light or dark as its reader's system is.

    Args:
        verdict: of `thermo_ideal.verification.verify`.
        results: the tree that was judged, whose attributes say where it comes from.
        path: of the file; it is there as a whole or not at all.
        overwrite: replace a file that is there.

    Returns:
        The path.

    Raises:
        FileExistsError: something is at `path` and `overwrite` is false.
        ValueError: the verdict is of no grid of two hyperparameters, or lacks an energy or an entropy.

    Example:
        >>> import numpy as np
        >>> import tempfile
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.reports import write_report
        >>> from thermo_ideal.verification import verify
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> verdict = verify(results, protocols=[dynamics.FixedLearningRate], requirements=[])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_report(verdict, results, f"{folder}/report.html").read_text(encoding="utf-8")[:15]
        '<!doctype html>'
    """
    path = Path(path)
    write_whole(path.parent, [path.name], lambda fresh: write_page(verdict, results, fresh / path.name), overwrite)
    return path


def write_page(verdict: Verdict, results: xr.DataTree, path: Path) -> None:
    """Writes the page, as `write_report` says, to a path that is free."""
    path.write_text(report(verdict, results), encoding="utf-8")


def report(verdict: Verdict, results: xr.DataTree) -> str:
    """The page, as `write_report` says."""
    for name, comparison in verdict.comparisons.items():
        missing = [symbol for symbol in _NEEDED if symbol not in comparison.quantities]
        if missing or not comparison.axes:
            what = f"no {', '.join(missing)}" if missing else "no grid of two hyperparameters"
            raise ValueError(
                f"verdict: got {name} with {what}, expected that of a simulation on a grid, as in "
                "verify(run_isotropic(PROFILES['quick']))"
            )
    title = str(results.attrs.get("title", "SGD as an ideal gas"))
    title = title[:1].upper() + title[1:]
    sections = [
        ("verdict", "Verdict", _verdict(verdict)),
        ("dictionary", "The dictionary, with the numbers of this run", _dictionary(verdict)),
        (
            "equation-of-state",
            "The equation of state: radius and pressure",
            _with_figures(verdict, {"state": DRAWINGS["equation_of_state"]}, _EQUATION_OF_STATE),
        ),
        (
            "energy",
            "Energy U and entropy S",
            _with_figures(verdict, {"u": single("U"), "sdir": single("S_dir")}, _ENERGY)
            + _with_figures(verdict, {"s": DRAWINGS["entropy"]}, _ENTROPY),
        ),
        ("maxwell", "Maxwell relations, both sides", _maxwell(verdict)),
        (
            "potentials",
            "Potentials, and where they are least",
            _with_figures(verdict, {"pot": DRAWINGS["potentials"]}, _POTENTIALS),
        ),
        (
            "planes",
            "States in the planes p–V and T–S",
            _with_figures(verdict, {"pv": DRAWINGS["state_planes"]}, _PLANES),
        ),
        ("residuals", "Residuals", _residuals(verdict)),
        (
            "spacing",
            "Is it an entropy? The spacing of its samples",
            _with_figures(verdict, {"k": DRAWINGS["spacing"]}, _SPACING),
        ),
        ("provenance", "Where the results come from", _html.table(provenance_table(results))),
        ("rerun", "Spec, and how to run it again", _rerun(results)),
    ]
    return _html.page(f"{title}: {verdict.summary.split(':', 1)[0]}", _header(title, verdict), sections)


_TITLES = {
    "state": "Equation of state",
    "u": "Energy",
    "sdir": "Entropy of the direction",
    "s": "Entropy",
    "mx": "Maxwell relation",
    "pot": "Potential",
    "pv": "Planes of states",
    "z": "Residuals",
    "k": "Spacing of samples",
}
_EQUATION_OF_STATE = (
    "pV = RT, with R = (d − 1)/2: stationary SGD balances weight decay and noise. Where a protocol leaves the radius "
    "free it settles at r = √(2RT/λ); on the fixed sphere the pressure, the weight decay that would do what the "
    "rescaling does, is p = 2RT/r². Points are simulation, lines are the law, one for each of several values of the "
    "other hyperparameter."
)
_ENERGY = (
    "The mean loss and the entropy of the direction are functions of the temperature alone, T = η_eff σ²/2, under "
    "every protocol. Below, what is left after the prediction of the SDE; the coloured lines are the exact law of SGD"
    " with steps of this size."
)
_ENTROPY = (
    "The entropy of the weights is that of the direction and that of the radius, S = S_dir + (d − 1) log r. It is "
    "shown against each of the two hyperparameters."
)
_MAXWELL = (
    "−∂S/∂p|T = ∂V/∂T|p where the radius is free, and ∂S/∂V|T = ∂p/∂T|V where it is fixed. Times p, or V, both sides "
    "are R. One is made of the measured entropies alone, the other of the measured volumes or pressures alone, by "
    "differences between neighbours of the grid. Coloured lines are the same differences of the exact law of discrete"
    " SGD, which departs from R with the size of the step."
)
_POTENTIALS = (
    "In surroundings of fixed temperature and pressure, the state with the least Gibbs energy G = U − TS + pV is the "
    "one that SGD settles in; on the fixed sphere it is that of the least Helmholtz energy F = U − TS. U, S and V are"
    " measured."
)
_PLANES = (
    "The same states as in a textbook of thermodynamics: lines of pV = RT, and lines of the entropy of an ideal gas, "
    "with what was measured on them."
)
_RESIDUALS = (
    "Every measurement against the exact law of discrete SGD, in standard errors of its own replicas. Where the "
    "theory is right a map has no pattern, and 95% of the scores are within ±2."
)
_SPACING = (
    "An entropy does not know how far apart its samples are in time. An estimate that measures the length of the "
    "steps of a walk instead grows by (d − 1)/2 log k where the spacing is k times as wide."
)


def _header(title: str, verdict: Verdict) -> str:
    word, rest = verdict.summary.split(":", 1)
    lines = []
    for name, comparison in verdict.comparisons.items():
        use = comparison.stationary
        lines.append(
            f"{name}: {use.sum()} of {use.size} grid points stationary, d = {comparison.dimension}, predictions for "
            f"σ = {comparison.noise_scale:g}"
        )
    items = "".join(f"<li>{_html.prose(line)}</li>" for line in lines)
    return (
        f"<h1>{_html.prose(title)}</h1>\n"
        f'<div class="result {word.lower()}"><p><strong>{escape(word)}</strong>{_html.prose(rest.strip())}</p></div>\n'
        f"<ul>{items}</ul>"
    )


def _verdict(verdict: Verdict) -> str:
    rate = (
        "A row that is a statistical test fails now and then although all it asks for holds; the rates that the rows "
        f"declare add up to {verdict.false_alarm_rate:.2%}."
    )
    tables = [_html.table(data, kinds) for data, kinds in requirement_tables(verdict)]
    return "\n".join([_html.paragraph(rate), *tables])


def _dictionary(verdict: Verdict) -> str:
    text = (
        "What optimisation and thermodynamics call the same quantity, and its smallest and largest value on each grid. "
        "Numbers that were set are hyperparameters; measured ones are means over replicas; the others follow from the "
        "protocol by thermodynamics."
    )
    return _html.paragraph(text) + _html.table(dictionary_table(verdict))


def _maxwell(verdict: Verdict) -> str:
    pictures = _with_figures(verdict, {"mx": DRAWINGS["maxwell_relations"]}, _MAXWELL)
    return "\n".join([pictures, *map(_html.table, maxwell_tables(verdict))])


def _residuals(verdict: Verdict) -> str:
    pictures = _with_figures(verdict, {"z": DRAWINGS["residuals"]}, _RESIDUALS)
    return "\n".join([pictures, *map(_html.table, comparison_tables(verdict))])


def _with_figures(verdict: Verdict, drawings: Mapping[str, Drawing], text: str) -> str:
    """A paragraph, and pictures below it; the names of the drawings are the start of all names in them."""
    figures = []
    with style():
        for name, drawing in drawings.items():
            for number, (part, comparisons) in enumerate(drawing.parts(verdict.comparisons)):
                title = f"{_TITLES[name]}, {part}"
                svg = inline_svg(drawing.draw(comparisons), f"{name}{number}", title, drawing.describe(comparisons))
                figures.append(_html.figure(svg, title, drawing.tables(comparisons)))
    pictures = "\n".join(figures)
    return f'{_html.paragraph(text)}\n<div class="figures">\n{pictures}\n</div>\n'


def _rerun(results: xr.DataTree) -> str:
    lines, spec = rerun(results)
    parts = [_html.paragraph("On the same machine, with the versions above, the numbers are the same bit for bit.")]
    if spec:
        parts += [_html.paragraph("The spec, sweep.toml:"), _html.code(spec)]
    else:
        parts += [
            _html.paragraph("The results do not say what their spec was: they are of an older version, or a script's.")
        ]
    return "\n".join([*parts, _html.paragraph("To run it again, judge it and write this report:"), _html.code(lines)])
