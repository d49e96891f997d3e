"""Formulas as MathML, which browsers draw themselves: no script, no fonts, nothing to load."""

from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def _mathml(formula: str, *, block: bool) -> str:
    try:
        return tex2mathml(formula, as_block=block)
    except Exception as error:
        raise ExtensionError(f"a formula cannot be drawn ({error}): {formula}") from error


def visit_inline(writer: Any, node: nodes.math) -> None:
    """Draw a formula within a line."""
    writer.body.append(_mathml(node.astext(), block=False))
    raise nodes.SkipNode


def visit_display(writer: Any, node: nodes.math_block) -> None:
    """Draw a formula on lines of its own, which scroll where they are too wide."""
    formula = node.astext()
    if "\\\\" in formula and "\\begin" not in formula:
        formula = f"\\begin{{aligned}}{formula}\\end{{aligned}}"
    writer.body.append(f'<div class="math">{_mathml(formula, block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
