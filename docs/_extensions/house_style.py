"""The docstrings' and pages' own conventions, in the terms that Sphinx reads."""

import re
from typing import Any

from sphinx.application import Sphinx

_LITERAL = re.compile(r"(`+[^`]*`+)")
_NAMES = re.compile(r"\w+(, \w+)+")


def prepare_docstring(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Before napoleon: keep `|x|` from being a substitution, give each attribute its own entry."""
    del app, what, name, obj, options
    for i, line in enumerate(lines):
        parts = _LITERAL.split(line)
        parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
        lines[i] = "".join(parts)
    if "Attributes:" in lines:
        first = lines.index("Attributes:") + 1
        last = next((i for i in range(first, len(lines)) if not lines[i].strip()), len(lines))
        lines[first:last] = one_by_one(lines[first:last])


def one_by_one(entries: list[str]) -> list[str]:
    """Entries of a section: `a, b: text` as `a: text` and `b: text`."""
    found: list[str] = []
    for entry in re.findall(r" {4}\S.*(?:\n {5,}.*)*", "\n".join(entries)):
        names, colon, text = entry.strip().partition(": ")
        for one in names.split(", ") if colon and _NAMES.fullmatch(names) else [names]:
            found += f"    {one}{colon}{text}".split("\n")
    return found


def shorten_types(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """After napoleon: types of attributes as they are written; `*bands` opens no emphasis."""
    del app, what, name, obj, options
    for i, line in enumerate(lines):
        if line.lstrip().startswith(":vartype"):
            short = line.replace("jaxlib._jax.", "").replace("jaxtyping.", "")
            lines[i] = short.replace("*", r"\*")


def short_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """Signatures as they are written: `Array` by its name, and none of an interface."""
    del app, name, options
    if what == "class" and getattr(obj, "_is_protocol", False):
        return "", ""
    if signature is None:
        return None
    # a default that is no literal is no Python either: `<factory>`
    signature = re.sub(r"<[^<>]*>", "...", signature)
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
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)
    app.connect("autodoc-process-docstring", shorten_types, priority=600)
    app.connect("autodoc-process-signature", short_signature)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("source-read", link_to_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
