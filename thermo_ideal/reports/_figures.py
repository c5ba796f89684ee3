"""The figures of a verdict: simulation as points with error bars and theory as lines."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from thermo_ideal._files import write_whole
from thermo_ideal.reports._curves import (
    describe_energy_and_entropy,
    describe_entropy,
    describe_equation_of_state,
    draw_energy_and_entropy,
    draw_entropy,
    draw_equation_of_state,
    tabulate_energy_and_entropy,
    tabulate_entropy,
    tabulate_equation_of_state,
)
from thermo_ideal.reports._drawing import Drawing
from thermo_ideal.reports._potential_maps import describe_potentials, draw_potentials, tabulate_potentials
from thermo_ideal.reports._relations import (
    describe_maxwell,
    describe_spacing,
    draw_maxwell,
    draw_spacing,
    tabulate_maxwell,
    tabulate_spacing,
)
from thermo_ideal.reports._residuals import describe_residuals, draw_residuals, tabulate_residuals
from thermo_ideal.reports._state_planes import describe_state_planes, draw_state_planes, tabulate_state_planes
from thermo_ideal.reports._style import style
from thermo_ideal.verification import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")

DRAWINGS: Mapping[str, Drawing] = {
    "equation_of_state": Drawing(draw_equation_of_state, describe_equation_of_state, tabulate_equation_of_state),
    "energy_and_entropy": Drawing(
        draw_energy_and_entropy, describe_energy_and_entropy, tabulate_energy_and_entropy, together=True
    ),
    "entropy": Drawing(draw_entropy, describe_entropy, tabulate_entropy),
    "maxwell_relations": Drawing(draw_maxwell, describe_maxwell, tabulate_maxwell),
    "potentials": Drawing(draw_potentials, describe_potentials, tabulate_potentials),
    "state_planes": Drawing(draw_state_planes, describe_state_planes, tabulate_state_planes),
    "residuals": Drawing(draw_residuals, describe_residuals, tabulate_residuals),
    "spacing": Drawing(draw_spacing, describe_spacing, tabulate_spacing, together=True),
}
"""The figures, by the names of their files."""


def single(of: str) -> Drawing:
    """Energy and entropy in a picture of its own each, for a narrow page.

    Args:
        of: "U" or "S_dir".
    """
    return Drawing(
        partial(draw_energy_and_entropy, symbols=(of,)),
        partial(describe_energy_and_entropy, symbols=(of,)),
        partial(tabulate_energy_and_entropy, symbols=(of,)),
        together=True,
    )


def toy_figures(verdict: Verdict, *, dark: bool = False) -> Mapping[str, Figure]:
    """The figures of the isotropic-noise experiment, by file name; at the end of a notebook's cell they are shown.

    Args:
        verdict: of `thermo_ideal.verification.verify`.
        dark: whether they are for a dark background.

    Returns:
        "equation_of_state", "energy_and_entropy", "entropy", "maxwell_relations", "potentials", "state_planes",
        "residuals" and "spacing".

    Example:
        >>> import numpy as np
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.reports import toy_figures
        >>> from thermo_ideal.verification import verify
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> figures = toy_figures(verify(results, protocols=[dynamics.FixedLearningRate], requirements=[]))
        >>> figures["equation_of_state"].axes[0].get_title()
        'fixed-lr'
    """
    from thermo_ideal.reports._notebook import Figures

    with style(dark=dark):
        return Figures({name: drawing.draw(verdict.comparisons) for name, drawing in DRAWINGS.items()})


def save_figures(
    verdict: Verdict,
    folder: str | Path,
    *,
    format: str = "png",
    dark: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Writes the figures as files, all in one style.

    Args:
        verdict: of `thermo_ideal.verification.verify`.
        folder: where to; it is replaced as a whole.
        format: "png" of 150 dots an inch, or "svg" or "pdf", whose texts are outlines.
        dark: whether they are for a dark background.
        overwrite: replace a folder that is there.

    Returns:
        The files.

    Raises:
        FileExistsError: `folder` exists and `overwrite` is false.
        ValueError: another format.

    Example:
        >>> import numpy as np
        >>> import tempfile
        >>> from thermo_ideal import dynamics, experiments
        >>> from thermo_ideal.reports import save_figures
        >>> from thermo_ideal.verification import verify
        >>> rates = np.array([0.05, 0.1, 0.2])
        >>> grid = dynamics.FixedLearningRate(rates[:, None], weight_decay=rates[None, :])
        >>> results = experiments.run_isotropic(experiments.Profile("tiny", points=3, replicas=4, samples=50), [grid])
        >>> verdict = verify(results, protocols=[dynamics.FixedLearningRate], requirements=[])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in save_figures(verdict, f"{folder}/figures")][:2]
        ['energy_and_entropy.png', 'entropy.png']
    """
    require_format(format)
    folder = Path(folder)

    def write(fresh: Path) -> None:
        write_figures(verdict, fresh / folder.name, format, dark=dark)

    write_whole(folder.parent, [folder.name], write, overwrite)
    return sorted(folder.glob(f"*.{format}"))


def require_format(format: str) -> None:
    """Raises ValueError unless figures can be written in this format."""
    if format not in FORMATS:
        raise ValueError(f"format: got {format!r}, expected one of {', '.join(FORMATS)}, as in format='svg'")


def write_figures(verdict: Verdict, folder: Path, format: str = "png", *, dark: bool = False) -> None:
    """Makes `folder` and writes the figures into it."""
    folder.mkdir()
    with style(dark=dark):
        for name, figure in toy_figures(verdict, dark=dark).items():
            # Without the time, so that equal figures are equal files.
            metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format)
            figure.savefig(folder / f"{name}.{format}", metadata=metadata)
