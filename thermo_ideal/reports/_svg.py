"""A figure as a part of a page: SVG with a name and a description, that follows the colours of the page."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

from thermo_ideal.reports._style import INK, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DATA = re.compile(r'd="([^"]*)"')
_LINES = re.compile(r'<path d="[^"]*" ((?:clip-path="[^"]*" )?style="fill: none[^"]*")/>\n(?:<path d="[^"]*" \1/>\n)+')
_MARKERS = re.compile(
    r'<use href="([^"]*)" x="[^"]*" y="[^"]*" style="([^"]*)"/>\n(?:<use href="\1" x="[^"]*" y="[^"]*" style="\2"/>\n)+'
)
_UNSAID = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def inline_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """An `svg` element.

    Args:
        figure: drawn in the style on white.
        name: of the element, unlike that of any other on the page; all names in it begin with this.
        title: what a reader who does not see it is told first.
        description: what it shows, in words.
    """
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=_UNSAID)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href=", "href=")
    svg = _with_own_names(svg, name)
    svg = re.sub(r'\b(d|x|y)="([^"]*)"', lambda found: f'{found[1]}="{_rounded(found[2])}"', svg)
    svg = re.sub(r"translate\(([^)]*)\)", lambda found: f"translate({_rounded(found[1])})", svg)
    svg = svg.replace(INK["light"], "currentColor").replace(PAPER["light"], "var(--paper)")
    svg = re.sub(r"\s*\n\s*", "\n", svg).replace("; stroke-linecap: butt", "")
    svg = _merged(_DATA.sub(lambda found: found[0].replace("\n", " "), svg))
    labels = f'role="img" aria-labelledby="{name}-title {name}-description"'
    words = (
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-description">{escape(description)}</desc>'
    )
    return re.sub(r"<svg([^>]*)>", lambda found: f"<svg{found[1]} {labels}>{words}", svg, count=1)


def _with_own_names(svg: str, name: str) -> str:
    """Without names that nothing refers to; the others are numbers after that of the element."""
    used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)
    short = {old: f"{name}-{number}" for number, old in enumerate(dict.fromkeys(one or other for one, other in used))}
    svg = re.sub(r' id="([^"]+)"', lambda found: f' id="{short[found[1]]}"' if found[1] in short else "", svg)
    return re.sub(r'(href="#|url\(#)([^")]+)', lambda found: found[1] + short[found[2]], svg)


def _merged(svg: str) -> str:
    """With neighbouring lines that look alike as one, and one look for neighbouring markers that are alike."""

    def one_line(found: re.Match[str]) -> str:
        return f'<path d="{" ".join(_DATA.findall(found[0]))}" {found[1]}/>\n'

    def one_look(found: re.Match[str]) -> str:
        look = f' style="{found[2]}"'
        return f"<g{look}>\n{found[0].replace(look, '')}</g>\n"

    return _MARKERS.sub(one_look, _LINES.sub(one_line, svg))


def _rounded(numbers: str) -> str:
    """To a hundredth of a point, which nobody sees."""
    return re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), numbers)
