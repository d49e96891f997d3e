"""A result as notebooks show it: players, spectrograms, figures; some 1.1 MB for ten seconds."""

import html
from collections.abc import Iterator

import numpy as np

from nstaudio.audio import loudness
from nstaudio.audio.samples import Waveform
from nstaudio.experiments.report.page import (
    HOW_TO_READ,
    Panel,
    data_url,
    draw_spectrograms,
    playable,
)
from nstaudio.transfer.api import Result

MAX_PLAYED_S = 60.0
"""The beginning of a longer sound is played, as MP3 of 16 kB a second."""

_DPI = 70


def to_html(result: Result) -> str:
    """The view of a result: HTML that loads nothing.

    The sounds are equally loud (ITU-R BS.1770), as far as their peaks allow, the style mono as it
    is analysed.
    """
    panels = list(_panels(result))
    players = "".join(
        '<figure style="margin:0"><figcaption>'
        f"{html.escape(panel.title)}{_excerpt(panel)}</figcaption>"
        f'<audio controls preload="metadata" src="{_sound(panel)}"></audio></figure>'
        for panel in panels
    )
    picture = data_url(
        "image/png", draw_spectrograms(panels, result.inputs.settings.spec, dpi=_DPI)
    )
    rows = "".join(
        f'<tr title="{html.escape(HOW_TO_READ.get(name, ""))}"><td style="text-align:left">{name}'
        f"</td><td>{text}</td></tr>"
        for name, text in _figures(result)
    )
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:1em">{players}</div>'
        f'<img alt="Mel spectrograms" style="max-width:100%" src="{picture}">'
        f"<table>{rows}</table>"
    )


def _panels(result: Result) -> Iterator[Panel]:
    inputs = result.inputs
    level = loudness.measure(result.y, result.sr)
    # What is played ends at full scale; the result may not.
    target = level.amplified(loudness.gain(level, level, max_true_peak_db=0.0).gain_db)

    def panel(title: str, y: Waveform, sr: int, level_db: np.ndarray) -> Panel:
        gain = loudness.gain(loudness.measure(y, sr), target, max_true_peak_db=0.0)
        return Panel(title=title, y=y, sr=sr, gain=gain.factor, level_db=level_db)

    yield panel("content", inputs.recording.recorded, inputs.sr, result.content_db)
    yield panel("style", inputs.style, inputs.settings.spec.sr, result.style_db)
    yield panel("result", result.y, result.sr, result.generated_db)


def _excerpt(panel: Panel) -> str:
    if panel.duration_s <= MAX_PLAYED_S:
        return ""
    return f" (the first {MAX_PLAYED_S:.0f} s of {panel.duration_s:.0f} s)"


def _sound(panel: Panel) -> str:
    beginning = panel.y[: int(MAX_PLAYED_S * panel.sr)]
    return playable(beginning, panel.sr, gain=panel.gain, lossless=False)


def _figures(result: Result) -> Iterator[tuple[str, str]]:
    """The losses and the figures, by name, as text."""
    _, losses = result.history[-1]
    yield "n_steps", str(result.n_steps)
    yield "total_loss", f"{losses.total:.4g}"
    yield "content_loss", f"{losses.content:.4g}"
    yield "style_loss", f"{losses.style:.4g}"
    for name, value in result.figures._asdict().items():
        yield name, "none" if value is None else f"{value:.4g}"
