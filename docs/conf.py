"""Sphinx configuration."""

import thermo_ideal

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
