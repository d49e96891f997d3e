"""The page of a run: its clips to play, their spectrograms, its losses and figures."""

import base64
import html
import io
import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from string import Template
from typing import Any

import matplotlib.image
import numpy as np
import soundfile
from jaxtyping import Float
from matplotlib.figure import Figure

from nstaudio.analysis.spectrogram import MelSpec, hz_to_mel
from nstaudio.audio.samples import Waveform, convert


@dataclass(frozen=True, eq=False)
class Panel:
    """One of the clips on the page.

    Attributes:
        title: e.g. `content: jazz`.
        y: samples to play, full scale 1.
        sr: their rate, Hz.
        gain: factor applied when they are played.
        level_db: log-mel spectrogram of all of it; frames may be averages of several.
    """

    title: str
    y: Waveform
    sr: int
    gain: float
    level_db: Float[np.ndarray, "frames mels"]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.y) / self.sr


def draw_spectrograms(panels: Sequence[Panel], spec: MelSpec, *, dpi: int = 110) -> bytes:
    """The clips' mel spectrograms on one colour scale and one time axis; PNG.

    Args:
        dpi: pixels are ten times as many in width.
    """
    height = 2.5 * len(panels)
    figure = Figure(figsize=(10, height))
    # Fixed margins: matplotlib takes longer to compute its own than to draw.
    margins = {"bottom": 0.5 / height, "top": 1 - 0.3 / height}
    rows = figure.add_gridspec(len(panels), 1, left=0.07, right=0.91, hspace=0.17, **margins)
    axes: Any = rows.subplots(sharex=True, squeeze=False)
    axes = axes[:, 0]
    ticks_hz = [hz for hz in (100, 500, 1000, 2000, 4000, 8000, 16000) if hz <= spec.top_hz]
    tick_bands = _bands(np.array(ticks_hz), spec)
    top = max(0.0, *(float(p.level_db.max()) for p in panels))
    image = None
    for axis, panel in zip(axes, panels, strict=True):
        image = axis.imshow(
            panel.level_db.T,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=(0.0, panel.duration_s, -0.5, spec.n_mels - 0.5),
            vmin=spec.floor_db,
            vmax=top,
            cmap="magma",
        )
        axis.set_title(_plain(panel.title), loc="left", fontsize=10)
        axis.set_ylabel("Hz")
        axis.set_yticks(tick_bands, [str(hz) for hz in ticks_hz])
    axes[-1].set_xlim(0.0, max(p.duration_s for p in panels))
    axes[-1].set_xlabel("s")
    assert image is not None
    scale = figure.add_axes((0.925, margins["bottom"], 0.015, margins["top"] - margins["bottom"]))
    figure.colorbar(image, cax=scale, label="dB below the clip's loudest band")
    return _png(figure, dpi=dpi)


def draw_losses(metrics: Sequence[Mapping[str, float]]) -> bytes:
    """Total, content and each style layer against steps, the segments' mean; PNG.

    Content is linear, the others logarithmic: content starts at 0 where the start is the content.

    Args:
        metrics: the lines of metrics.jsonl.
    """
    figure = Figure(figsize=(10, 3.2))
    margins = {"left": 0.07, "right": 0.985, "bottom": 0.15, "top": 0.91}
    axes: Any = figure.add_gridspec(1, 3, wspace=0.24, **margins).subplots()
    by_step: dict[float, list[Mapping[str, float]]] = {}
    for line in metrics:
        by_step.setdefault(line["step"], []).append(line)
    # Only steps that all segments have logged, or means of different segments would be compared.
    n_segments = max(len(lines) for lines in by_step.values())
    steps = sorted(step for step, lines in by_step.items() if len(lines) == n_segments)
    layers = [key for key in metrics[0] if key.startswith("style_")]
    for axis, title, keys in zip(
        axes, ("total", "content", "style, by layer"), (["total"], ["content"], layers), strict=True
    ):
        for key in keys:
            values = np.array([np.mean([a[key] for a in by_step[step]]) for step in steps])
            axis.plot(
                steps,
                values,
                label=_plain(key.removeprefix("style_")),
                marker="." if len(steps) < 3 else None,
            )
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        if title != "content" and any(line[key] > 0 for line in metrics for key in keys):
            axis.set_yscale("log")
        if len(keys) > 1:
            axis.legend(fontsize=8)
    return _png(figure)


def draw_thumbnail(
    level_db: Float[np.ndarray, "frames mels"], *, floor_db: float, top_db: float
) -> bytes:
    """A mel spectrogram alone, a pixel a band and frame, in the colours of the others; JPEG."""
    buffer = io.BytesIO()
    matplotlib.image.imsave(
        buffer,
        level_db.T,
        vmin=floor_db,
        vmax=top_db,
        cmap="magma",
        origin="lower",
        format="jpeg",
        pil_kwargs={"quality": 88},
    )
    return buffer.getvalue()


def _plain(title: str) -> str:
    """`title` with matplotlib's mathematical markup escaped."""
    return title.replace("\\", "\\\\").replace("$", r"\$")


def _bands(hz: np.ndarray, spec: MelSpec) -> np.ndarray:
    """The positions of frequencies on the axis of mel bands, between bands too."""
    mels = hz_to_mel(spec.edges_hz, mel_scale=spec.mel_scale)
    return np.interp(hz_to_mel(hz, mel_scale=spec.mel_scale), mels, np.arange(len(mels))) - 1.0


_drawing_lock = threading.Lock()  # matplotlib's fonts and texts are not safe in threads


def _png(figure: Figure, *, dpi: int = 110) -> bytes:
    buffer = io.BytesIO()
    with _drawing_lock:
        figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def data_url(mime: str, data: bytes) -> str:
    """`data` as a URL that contains it."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


_MAX_LOSSLESS_S = 60.0
_MP3_COMPRESSION = 0.65  # 128 kbit/s


def _player(panel: Panel) -> str:
    """The sound as FLAC, half the size of wav; as MP3 where it is long."""
    lossless = panel.duration_s <= _MAX_LOSSLESS_S
    return playable(panel.y, panel.sr, gain=panel.gain, lossless=lossless)


def playable(y: Waveform, sr: int, *, gain: float = 1.0, lossless: bool) -> str:
    """A sound as a data URL: FLAC, or MP3 of 16 kB a second.

    Every browser plays both, with at most two channels and common rates. MP3 has a constant bit
    rate: with a variable one browsers seek only roughly.
    """
    n_channels = 1 if y.ndim == 1 or y.shape[1] > 2 else y.shape[1]
    playable_sr = sr if sr in (22050, 32000, 44100, 48000) else 48000
    kind = ("FLAC", "PCM_16") if lossless else ("MP3", "MPEG_LAYER_III")
    options: dict[str, Any] = (
        {} if lossless else {"compression_level": _MP3_COMPRESSION, "bitrate_mode": "CONSTANT"}
    )
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", playable_sr, n_channels, kind[1], format=kind[0], **options
    ) as stream:
        for block in convert(y.reshape(len(y), -1), sr, playable_sr, n_channels):
            stream.write(np.clip(block * np.float32(gain), -1, 1))
    return data_url("audio/flac" if lossless else "audio/mpeg", buffer.getvalue())


HOW_TO_READ = {
    "transfer_distance": "the next two, each over what it is between the two clips, together as "
    "the sides of a right angle: 0 is the style's sound with the content's tune, 1 the content "
    "itself, or the style; of the figures without a target the one that follows the truth best",
    "judge_to_style": "cosine distance from the style for a network that took no part",
    "chroma_to_content": "one minus the mean cosine of the pitch classes from the content's",
    "total_loss": "alpha x content + beta x style; only comparable between runs of equal settings",
    "alpha": "weight of the content loss in the total: as given, or as strength chose it",
    "beta": "the same of the style loss",
    "reference_loss": "the total loss of the publication that this preset follows; its "
    "normalisation may differ",
    "content_loss": "half the squared difference of the activations from the content's, mean or "
    "sum as content_loss says: 0 is the content itself",
    "style_loss": "mean squared difference of the Gram matrices / 4, each divided by its number of "
    "positions: 0 is the style's statistics; it does not grow with the clip",
    "initial_style_loss": "the same before the first step",
    "style_loss_on_audio": "the style loss of the result analysed again: close to style_loss "
    "when a waveform was optimised, larger when the inversion lost some",
    "style_share": "style loss on the audio over the content clip's own: 0.05 when nineteen "
    "twentieths of it are gone",
    "unseen_style_share": "the same under a held-out encoder: near style_share when the result "
    "does not merely fit the filters that it was optimised for",
    "consistency_db": "distance of the result's mel spectrogram from the optimised one: "
    "the error of the inversion; the smaller, the less noise it added",
    "style_ratio": "style loss on the audio over the optimised one: 1 when the inversion lost "
    "none of the style",
    "added_noise_db": "energy where the content's spectrum has valleys and neither source has such "
    "noise, relative to the whole: the lower the cleaner",
    "added_floor_db": "the same between the partials of the result itself: hiss alone",
    "added_residual_db": "energy that is neither tonal nor percussive, relative to the noisier "
    "source: negative when it is less",
    "loudness_lufs": "integrated loudness of the result (ITU-R BS.1770): the content's, unless "
    "output.loudness_lufs says otherwise or the true peak would exceed output.true_peak_db",
    "true_peak_db": "its highest point, between samples too, dB of full scale",
    "n_segments": "segments of the content, see segments.length_s; other figures are means over "
    "them",
    "n_steps": "updates made, in all segments",
    "steps_per_second": "speed of the optimisation alone",
    "seconds_total": "from the settings to this page",
}
"""The meaning of each figure of the summary, in one line."""

STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-top: 1px solid var(--line);
  vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.note { opacity: .75; }
"""
"""The style sheet of all pages."""

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style
body { max-width: 62rem; }
.players { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem; }
.players figure { margin: 0; border: 1px solid var(--line); border-radius: .5rem; padding: .8rem; }
.players figcaption { font-weight: 600; margin-bottom: .4rem; overflow-wrap: anywhere; }
audio { width: 100%; }
img { width: 100%; height: auto; background: #fff; border-radius: .5rem; }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; padding: .8rem;
  font-size: 13px; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$lead</p>
<section class="players">$players</section>
<p class="note">The three are equally loud (ITU-R BS.1770), as far as their peaks allow; the style
is mono, as it is analysed. Starting one stops the others.</p>
<h2>Spectrograms</h2>
<p class="note">Bright is loud. Notes are horizontal lines, drums are vertical ones. A good result
keeps the content's pattern in time and shows the style's balance of bright and dark bands. The
generated one is analysed from the sound, so it shows exactly what you hear.</p>
<img id="spectrograms" alt="Mel spectrograms of the three clips" src="$spectrograms">
<h2>Losses</h2>
<p class="note">Style should fall by a factor of ten or so; where it does not, raise
strength=, from 0 (the content) to 1 (the style). Content rises from 0 when the
optimisation starts at the content. Curves that still fall at the end need more steps.</p>
<img id="losses" alt="Loss curves" src="$losses">
<h2>Figures</h2>
<table id="figures">$figures</table>
<h2>Settings</h2>
<pre id="settings">$settings</pre>
<h2>All figures and versions</h2>
<pre id="summary">$summary</pre>
<script>
const players = [...document.querySelectorAll("audio")];
for (const player of players)
  player.addEventListener("play", () => {
    for (const other of players) if (other !== player) other.pause();
  });
</script>
</body>
</html>
""")


def make_page(
    panels: Sequence[Panel],
    *,
    pictures: Mapping[str, bytes],
    summary: Mapping[str, Any],
    settings_yaml: str,
) -> str:
    """One self-contained HTML page: it loads nothing, from the network or from beside it.

    Args:
        panels: the clips to play, content and style first, the generated one last.
        pictures: `spectrograms.png` and `losses.png`.
        summary: the content of summary.json.
        settings_yaml: the resolved settings.
    """
    with ThreadPoolExecutor() as pool:  # of a song, each takes seconds to encode
        sounds = [*pool.map(_player, panels)]
    players = "".join(
        f"<figure><figcaption>{html.escape(p.title)}</figcaption>"
        f'<audio controls preload="metadata" src="{sound}"></audio></figure>'
        for p, sound in zip(panels, sounds, strict=True)
    )
    figures = "".join(
        f'<tr><td>{name}</td><td class="number">{_short(summary[name])}</td>'
        f'<td class="note">{html.escape(_meaning(text, summary[name]))}</td></tr>'
        for name, text in HOW_TO_READ.items()
        if name in summary
    )
    lead = (
        f"{summary['n_steps']} steps on {summary['device']} in {summary['seconds_total']:.1f} s"
        + (", interrupted before the end" if summary.get("interrupted") else "")
        + "."
    )
    return _PAGE.substitute(
        style=STYLE,
        title=html.escape(f"{summary['content']} in the style of {summary['style']}"),
        lead=html.escape(lead),
        players=players,
        spectrograms=data_url("image/png", pictures["spectrograms.png"]),
        losses=data_url("image/png", pictures["losses.png"]),
        figures=figures,
        settings=html.escape(settings_yaml),
        summary=html.escape(json.dumps(summary, indent=2)),
    )


def _meaning(text: str, value: Any) -> str:
    return text if value is not None else f"{text}; none here: there is nothing to compare with"


def _short(value: Any) -> str:
    if value is None:
        return "none"
    return html.escape(f"{value:.4g}" if isinstance(value, float) else str(value))
