"""Figures that show themselves at the end of a notebook's cell, as tables do."""

import io
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """A figure that needs no pyplot to be shown: a notebook asks it for its picture."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


class Figures(Mapping[str, Figure]):
    """Figures by name; in a notebook all of them, below each other.

    Args:
        figures: by name, in the order in which they are shown.
    """

    def __init__(self, figures: Mapping[str, NotebookFigure]) -> None:
        self._figures = dict(figures)

    def __getitem__(self, name: str) -> NotebookFigure:
        return self._figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"Figures: {', '.join(self)}"

    def _repr_html_(self) -> str:
        return "".join(
            f"<figure><figcaption>{escape(name)}</figcaption>"
            f'<img src="data:image/png;base64,{b64encode(figure._repr_png_()).decode()}" alt="{escape(name)}"></figure>'
            for name, figure in self._figures.items()
        )
