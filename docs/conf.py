"""Sphinx configuration."""

import sys
from itertools import groupby, pairwise
from pathlib import Path
from types import ModuleType

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.pycode import ModuleAnalyzer

import thermo_ideal
from thermo_ideal import symbolic

project = "thermo_ideal"
author = "The thermo_ideal authors"
version = release = thermo_ideal.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "jupyter_execute"]
html_theme = "furo"
html_title = "thermo_ideal"
html_static_path = ["static"]
html_use_index = False
html_css_files = ["formulas.css"]
napoleon_custom_sections = ["Source", "Sources"]
napoleon_use_ivar = True
napoleon_attr_annotations = False  # shapes are in the signature
html_math_renderer = "mathml"  # which needs no script, and so no network

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


def public_modules(module=thermo_ideal):
    """The package, and all modules among public names."""
    yield module
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, ModuleType):
            yield from public_modules(thing)


def write_reference(app):
    """A page for every public module, of its public names and their docstrings."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    modules = list(public_modules())
    for module in modules:
        name = module.__name__
        lines = [f".. automodule:: {name}", "   :members:", "   :imported-members:"]
        for constant in module.__all__:
            thing = getattr(module, constant)
            if not (callable(thing) or isinstance(thing, ModuleType) or constant.startswith("__")):
                lines += ["", f".. py:data:: {constant}", "", f"   {docstring_of(name, constant)}"]
        text = "\n".join([f"# {name}", "", "```{eval-rst}", *lines, "```", ""])
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    names = "\n".join(module.__name__ for module in modules)
    text = "# Reference\n\nEvery public name, from its docstring.\n\n"
    (folder / "index.md").write_text(f"{text}```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n", encoding="utf-8")


def docstring_of(module, constant):
    """What is written below a constant, in the file that makes it."""
    for name in sorted(sys.modules):
        if name.startswith(f"{module}."):
            found = ModuleAnalyzer.for_module(name).find_attr_docs().get(("", constant))
            if found:
                return " ".join(found).strip()
    raise ValueError(f"{module}.{constant}: got no docstring, expected one below the line that makes it")


def set_formulas(app, what, name, obj, options, lines):
    """Indented paragraphs of a docstring's text are formulas, to be printed as they are."""
    paragraphs = [list(group) for _, group in groupby(lines, key=bool)]
    lines.clear()
    for before, paragraph in pairwise([[""], *paragraphs]):
        after_text = len(lines) > 1 and not lines[-1] and not lines[-2].startswith(" ") and not lines[-2].endswith(":")
        if before == [""] and after_text and all(line.startswith("    ") for line in paragraph):
            lines += [".. code-block:: text", ""]
        lines += paragraph


def write_mathml(translator, node):
    """A formula as MathML, which a browser shows by itself."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    tag = "div" if display == "block" else "span"
    formula = convert(node.astext(), display=display)
    translator.body.append(f'<{tag} class="math">{formula}</{tag}>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (write_mathml, None), (write_mathml, None))
    app.connect("builder-inited", write_derivations)
    app.connect("builder-inited", write_reference)
    app.connect("autodoc-process-docstring", set_formulas, priority=100)  # before its sections are read
