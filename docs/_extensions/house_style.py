"""The docstrings' and pages' own conventions, in the terms that Sphinx reads."""

import re
from typing import Any

from sphinx.application import Sphinx

_LITERAL = re.compile(r"(`+[^`]*`+)")


def escape_bars(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep `|x|`, a magnitude, from being read as a substitution."""
    del app, what, name, obj, options
    for i, line in enumerate(lines):
        parts = _LITERAL.split(line)
        parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
        lines[i] = "".join(parts)


def escape_axes(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep `*bands` in the type of an attribute from opening an emphasis."""
    del app, what, name, obj, options
    for i, line in enumerate(lines):
        if line.lstrip().startswith(":vartype"):
            lines[i] = line.replace("*", r"\*")


def short_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """Signatures as they are written: `Array` by its name, and none of an interface."""
    del app, name, options
    if what == "class" and getattr(obj, "_is_protocol", False):
        return "", ""
    if signature is None:
        return None
    return tuple(
        text and text.replace("jaxlib._jax.Array", "Array") for text in (signature, returned)
    )


def skip_fields(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool:
    """Leave out a named tuple's fields that have no text but Python's own."""
    del app, what, name, options
    return skip or str(getattr(obj, "__doc__", "")).startswith("Alias for field number")


def link_to_files(app: Sphinx, page: str, source: list[str]) -> None:
    """Offer what lies outside docs/, licences and scripts, as files of the site."""
    del app
    if not page.startswith("api/"):
        source[0] = re.sub(
            r"\]\((\.\./(?:\.\./)?(?:nstaudio|scripts|examples)/)", r"](path:\1", source[0]
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect them."""
    app.connect("autodoc-process-docstring", escape_bars, priority=400)
    app.connect("autodoc-process-docstring", escape_axes, priority=600)
    app.connect("autodoc-process-signature", short_signature)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("source-read", link_to_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
