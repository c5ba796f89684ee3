"""Sphinx configuration."""

from pathlib import Path

import thermo_ideal
from thermo_ideal import symbolic

project = "thermo_ideal"
author = "The thermo_ideal authors"
version = release = thermo_ideal.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "jupyter_execute"]
html_theme = "furo"
html_title = "thermo_ideal"

# Pages run when they are built, so that no figure or number in them is older than the code.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "dollarmath"]
nb_mime_priority_overrides = [("html", "text/markdown", 0)]
nb_render_markdown_format = "myst"


def write_derivations(app):
    """A page for every topic of the catalogue, printed by its derivations."""
    folder = Path(app.srcdir) / "derivations"
    folder.mkdir(exist_ok=True)
    for topic, entry in symbolic.TOPICS.items():
        parts = [f"# {topic.replace('-', ' ').capitalize()}: {entry.summary}"]
        for protocol in entry.protocols or (None,):
            option = f" --protocol {protocol}" if protocol else ""
            parts.append(symbolic.derivation(topic, protocol).markdown(level=2))
            parts.append(f"On the command line: `thermo-ideal derive {topic}{option}`.")
        (folder / f"{topic}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    names = "\n".join(symbolic.TOPICS)
    text = "# Derivations\n\nPrinted by the derivations themselves when this page was built.\n\n"
    index = f"{text}```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n"
    (folder / "index.md").write_text(index, encoding="utf-8")


def setup(app):
    app.connect("builder-inited", write_derivations)
