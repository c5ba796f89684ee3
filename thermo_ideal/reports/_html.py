"""Parts of a page: texts with indices, tables that a screen reader reads, figures, and the page itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template

from thermo_ideal._dictionary import DICTIONARY
from thermo_ideal.reports._drawing import DataTable

# η_eff, S_dir and the like, the longest first.
_INDEXED = sorted({one.symbol for one in DICTIONARY.values() if "_" in one.symbol}, key=len, reverse=True)
_INDICES = re.compile(rf"(?<![A-Za-z0-9_])({'|'.join(map(re.escape, _INDEXED))})(?![\w-])")

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
$style</style>
</head>
<body>
<a class="skip" href="#verdict">Skip to the verdict</a>
<header>
$header
<nav aria-label="Sections"><ol>
$contents
</ol></nav>
</header>
<main>
$main
</main>
</body>
</html>
""")


def page(title: str, header: str, sections: Sequence[tuple[str, str, str]]) -> str:
    """A page that asks for nothing but itself.

    Args:
        title: of the page.
        header: HTML above the list of sections.
        sections: name, heading and HTML of each.
    """
    return _PAGE.substitute(
        title=escape(title),
        style=files("thermo_ideal.reports").joinpath("report.css").read_text(encoding="utf-8"),
        header=header,
        contents="\n".join(f'<li><a href="#{name}">{prose(heading)}</a></li>' for name, heading, _ in sections),
        main="\n".join(
            f'<section id="{name}" aria-labelledby="{name}-heading">\n<h2 id="{name}-heading">{prose(heading)}</h2>\n'
            f"{body}\n</section>"
            for name, heading, body in sections
        ),
    )


def prose(text: str) -> str:
    """Text, with indices where symbols have them."""
    return _INDICES.sub(lambda found: "{}<sub>{}</sub>".format(*found[1].split("_", 1)), escape(text))


def paragraph(text: str) -> str:
    """A paragraph."""
    return f"<p>{prose(text)}</p>"


def code(text: str) -> str:
    """Lines to be typed, or of a file; wide ones are scrolled."""
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'


def table(data: DataTable, kinds: Iterable[str] = ()) -> str:
    """A table with a caption, and headings of rows and columns; a wide one is scrolled.

    Args:
        data: what is in it.
        kinds: of each row, which its look follows; nothing for rows that are alike.
    """
    note = f'<span class="note">{prose(data.note)}</span>' if data.note else ""
    classes = [f' class="{kind}"' for kind in kinds] or [""] * len(data.rows)
    head = "".join(f'<th scope="col">{prose(heading)}</th>' for heading in data.headings)
    body = "\n".join(
        f"<tr{look}>{''.join(_cell(cell, number < data.keys) for number, cell in enumerate(row))}</tr>"
        for look, row in zip(classes, data.rows, strict=True)
    )
    return (
        f'<div class="table" role="region" aria-label="{escape(data.caption)}" tabindex="0"><table>\n'
        f"<caption>{prose(data.caption)}{note}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(text: str, is_key: bool) -> str:
    return f'<th scope="row">{prose(text)}</th>' if is_key else f"<td>{prose(text)}</td>"


def figure(svg: str, caption: str, tables: Sequence[DataTable]) -> str:
    """A picture with its caption, and its data, which a reader opens.

    Args:
        svg: of `inline_svg`.
        caption: below the picture.
        tables: its data.
    """
    data = "\n".join(map(table, tables))
    details = f"<details><summary>Data: {prose(caption)}</summary>\n{data}\n</details>" if tables else ""
    return f"<figure>\n{svg}\n<figcaption>{prose(caption)}</figcaption>\n{details}\n</figure>"
