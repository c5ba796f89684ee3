"""Figures show themselves in a notebook, without pyplot."""

import io

import matplotlib.image
import pytest

from thermo_ideal.reports import process_diagram
from thermo_ideal.reports._notebook import Figures, NotebookFigure
from thermo_ideal.thermodynamics import State, VonMisesFisherGas
from thermo_ideal.thermodynamics.processes import carnot


def test_a_figure_is_its_picture():
    cycle = carnot(State(VonMisesFisherGas(3), temperature=0.4, volume=1.0), volume=2.0, temperature=0.1)
    image = matplotlib.image.imread(io.BytesIO(process_diagram(cycle)._repr_png_()))
    assert image.shape[1] > image.shape[0] > 300
    assert image[..., :3].std() > 0.05  # not blank


def test_several_figures_are_shown_below_each_other():
    figures = Figures({"first": NotebookFigure(), "a < b": NotebookFigure()})
    assert list(figures) == ["first", "a < b"]
    assert len(figures) == 2
    assert repr(figures) == "Figures: first, a < b"
    html = figures._repr_html_()
    assert html.count('<img src="data:image/png;base64,') == 2
    assert "a &lt; b" in html
    with pytest.raises(KeyError):
        figures["third"]
