"""Figures and tables."""

import matplotlib.image
import numpy as np
import pytest

from thermo_ideal.reports import print_verdict, save_figures, toy_figures
from thermo_ideal.verification import verify

NAMES = [
    *("equation_of_state", "energy_and_entropy", "entropy", "maxwell_relations", "potentials", "state_planes"),
    *("residuals", "spacing"),
]


def test_figures_are_written(quick):
    for name in NAMES:
        image = matplotlib.image.imread(quick.folder / "figures" / f"{name}.png")
        assert image.shape[0] > 400
        assert image[..., :3].std() > 0.05  # not blank


def test_figures_show_data_and_theory(quick_results, tmp_path):
    verdict = verify(quick_results)
    figures = toy_figures(verdict)
    assert list(figures) == NAMES
    panel = figures["equation_of_state"].axes[0]
    line = panel.lines[0]
    elr = verdict.comparisons["fixed-elr"]
    np.testing.assert_allclose(line.get_ydata(), elr.quantities["r"].predicted[0])
    assert panel.get_xlabel() == r"$\lambda$"
    (tmp_path / "figures").mkdir()
    with pytest.raises(FileExistsError):
        save_figures(verdict, tmp_path / "figures")
    with pytest.raises(ValueError, match="format: got 'gif', expected one of png, svg, pdf"):
        save_figures(verdict, tmp_path / "others", format="gif")


def test_tables(quick):
    for protocol in ("fixed-lr", "fixed-elr", "fixed-sphere"):
        assert f"{protocol}, 81 of 81 grid points" in quick.printed
    assert "PASSED" in quick.printed
    assert (quick.folder / "verdict.txt").read_text(encoding="utf-8").count("pass") >= 30


def test_a_failed_verdict_says_so(quick_results, capsys):
    from rich.console import Console

    print_verdict(verify(quick_results, noise_scale=1.1), Console(width=80))
    printed = capsys.readouterr().out
    assert "FAILED" in printed
    assert "FAIL " in printed
    assert "predictions for σ = 1.1" in printed
