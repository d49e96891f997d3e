"""Links to sounds as players: `[the content](sounds/content.mp3)` is a link on a code host."""

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

SOUNDS = (".mp3", ".ogg", ".wav")


def visit(writer: Any, node: addnodes.download_reference) -> None:
    """A player with the link's text as its label; other files are links as before."""
    file = node.get("filename", "")
    if not file.endswith(SOUNDS):
        HTML5Translator.visit_download_reference(writer, node)
        return
    text = writer.encode(node.astext())
    source = f"{writer.builder.dlpath}/{file}"
    writer.body.append(
        f'<span class="player"><audio controls preload="none" src="{source}" '
        f'aria-label="{text}"></audio><span>{text}</span></span>'
    )
    raise nodes.SkipNode


def depart(writer: Any, node: addnodes.download_reference) -> None:
    """The end of a link."""
    HTML5Translator.depart_download_reference(writer, node)


def setup(app: Sphinx) -> dict[str, bool]:
    """Draw downloads of sounds as players."""
    app.add_node(addnodes.download_reference, override=True, html=(visit, depart))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
