"""Players and pictures for the pages that are run: `play(y, sr, "content")`, `show(...)`."""

import base64
import html
import io

import matplotlib.pyplot as plt
import numpy as np
import soundfile
from IPython.display import HTML

import nstaudio
from nstaudio.analysis.spectrogram import hz_to_mel


def play(y: np.ndarray, sr: int, title: str) -> HTML:
    """A player that lies in the page itself, of samples at the rate `sr`, Hz.

    Brought to a root mean square of 0.1, so that nothing is preferred for being louder.
    """
    y = np.asarray(y, np.float64)
    y = np.clip(0.1 * y / np.sqrt(np.mean(y**2)), -1, 1)
    file = io.BytesIO()
    soundfile.write(file, y, sr, format="MP3")
    sound = base64.b64encode(file.getvalue()).decode("ascii")
    label = html.escape(title)
    return HTML(
        f'<div class="player"><audio controls preload="none" aria-label="{label}" '
        f'src="data:audio/mpeg;base64,{sound}"></audio><span>{label}</span></div>'
    )


def show(spec: nstaudio.MelSpec, **levels_db: np.ndarray) -> None:
    """Draw log-mel spectrograms, `frames mels`, one above the other on one scale."""
    _, axes = plt.subplots(
        len(levels_db), 1, figsize=(7, 1.9 * len(levels_db)), sharex=True, squeeze=False
    )
    low, high = hz_to_mel(np.array([spec.f_min_hz, spec.top_hz]), mel_scale=spec.mel_scale)
    ticks_hz = np.array([200, 1000, 4000])
    ticks = (hz_to_mel(ticks_hz, mel_scale=spec.mel_scale) - low) / (high - low)
    for axis, (name, level_db) in zip(axes[:, 0], levels_db.items(), strict=True):
        seconds = spec.seconds(len(level_db))
        axis.imshow(
            np.asarray(level_db).T,
            origin="lower",
            aspect="auto",
            extent=(0, seconds, 0, 1),
            vmin=-70,
            vmax=0,
            cmap="magma",
        )
        axis.set_title(name.replace("_", " "), loc="left", fontsize=9)
        axis.set_yticks(ticks, [f"{hz} Hz" for hz in ticks_hz])
    axes[-1, 0].set_xlabel("s")
    plt.tight_layout()
    plt.show()
