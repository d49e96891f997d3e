"""The site: `uv run --group docs sphinx-build docs docs/_build/html`, then open its index.html.

Everything it shows lies in the build: no fonts, scripts or styles from elsewhere.
"""

import os
import sys
from pathlib import Path

import nstaudio

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_extensions"))
# jaxtyping's annotations are shown as they are written, not checked
os.environ.setdefault("JAXTYPING_DISABLE", "1")

project = "nstaudio"
author = "the nstaudio developers"
version = release = nstaudio.__version__
html_title = "nstaudio"
copyright = author  # noqa: A001 - Sphinx's name

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
    "house_style",
    "mathml",
    "players",
]
exclude_patterns = ["_build", "_extensions", "images", "sounds", "**.ipynb_checkpoints"]
default_role = "code"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"

myst_enable_extensions = ["amsmath", "dollarmath", "deflist"]
myst_heading_anchors = 3
# Cells are run anew where they or the settings have changed.
nb_execution_mode = "cache"
nb_execution_cache_path = os.environ.get("NSTAUDIO_DOCS_CACHE", str(DOCS / "_build" / "cells"))
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_output_stderr = "remove"  # libraries' warnings, with the paths of this machine
nb_ipywidgets_js = {}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
autodoc_class_signature = "mixed"
autodoc_inherit_docstrings = False
python_maximum_signature_line_length = 76
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"
