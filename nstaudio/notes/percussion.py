"""Unpitched sound, drums and breath and noise: split from the rest, and brought to another's sound.

The split is `librosa.decompose.hpss` (Fitzgerald, "Harmonic/percussive separation using median
filtering", DAFx 2010) with the margin of Driedger, Müller & Disch (ISMIR 2014): what does not stand
out as lasting in time is not pitched, whether it is a stroke or noise.
"""

from collections.abc import Sequence
from typing import NamedTuple

import librosa
import numpy as np
import scipy.ndimage
from jaxtyping import Float

from nstaudio.analysis.bands import mel_to_bins
from nstaudio.analysis.numpy_stft import Grid
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio.samples import Other, Samples
from nstaudio.notes import Note
from nstaudio.notes.note_samples import hz

_WINDOW_S = 0.128  # longer than for notes: what lasts has to stand out
_NOTE_EDGE_S, _NOTE_WIDTH_HZ = 0.1, 60.0
_N_BANDS = 32
_FLOOR_DB = 80.0
_MAX_GAIN_DB = 24.0
_N_ROUNDS = 5


class Separation(NamedTuple):
    """Median filters of the separation and the margin between them."""

    harmonic_s: float
    """Length of the filter in time."""
    percussive_hz: float
    """Width of the filter in frequency."""
    margin: float
    """Level of the harmonic part over the percussive one at which half of a bin is unpitched."""


RESIDUAL = Separation(0.28, 240.0, 2.0)
"""Strokes, breath and noise: a short note is a note."""
TRANSIENTS = Separation(0.74, 330.0, 1.0)
"""Whatever begins, notes too: about what librosa's `effects.hpss` takes for percussive."""


def split(
    y: Samples, sr: int, notes: Sequence[Note] = (), *, separation: Separation = RESIDUAL
) -> Samples:
    """The unpitched part; the rest is `y` less it.

    Args:
        y: mono samples.
        sr: their rate, Hz.
        notes: known notes. Around their harmonics, from shortly before the onset until shortly
            after the end, nothing is unpitched: a note's beginning and end are no strokes.
    """
    grid = Grid.at(sr, _WINDOW_S)
    x = grid.stft(y)
    magnitude = np.abs(x)
    frames = 2 * round(separation.harmonic_s * sr / grid.hop / 2) + 1
    bins = 2 * round(separation.percussive_hz * grid.n_fft / sr / 2) + 1
    harmonic, _ = librosa.decompose.hpss(
        magnitude.T, kernel_size=(frames, bins), mask=True, margin=(separation.margin, 1.0)
    )
    mask = 1.0 - harmonic.T
    t = (np.arange(len(x)) - grid.lead) * grid.hop / sr
    for note in notes:
        f0 = hz(note.midi)
        distance_hz = np.abs(grid.hz - np.maximum(1, np.rint(grid.hz / f0)) * f0)
        active = (t > note.onset_s - _NOTE_EDGE_S) & (t < note.offset_s + _NOTE_EDGE_S)
        mask[np.ix_(active, distance_hz < min(_NOTE_WIDTH_HZ, f0 / 4))] = 0.0
    return grid.istft(x * mask)[grid.lead * grid.hop :][: len(y)]


def share(y: Samples, sr: int, *, separation: Separation = RESIDUAL) -> float:
    """The unpitched part's share of the energy, 0 to 1."""
    return energy(split(y, sr, separation=separation)) / energy(y)


def change_db(y: Samples, content: Other, sr: int) -> float:
    """Level of the unpitched part over that of the content's, at equal loudness, dB.

    Args:
        y, content: mono samples; their levels do not matter.
        sr: rate, Hz.
    """
    return float(10 * np.log10(share(y, sr) / share(content, sr)))


def limited(
    y: Samples,
    sr: int,
    notes: Sequence[Note] = (),
    *,
    at_most: float,
    separation: Separation = RESIDUAL,
) -> Samples:
    """The samples with their unpitched part turned down until its `share` is at most that.

    Within 5 %, where `_N_ROUNDS` are enough: what is turned down has a part of its own that is not.

    Args:
        at_most: the largest share, 0 to 1.
    """
    for _ in range(_N_ROUNDS):
        noise = split(y, sr, notes, separation=separation)
        present = energy(noise) / energy(y)
        if present <= 1.05 * at_most:
            break
        y = y - np.float32(1 - np.sqrt(at_most / present)) * noise
    return y


def energy(y: Samples) -> float:
    """The sum of squares, above 0."""
    return float(np.sum(np.square(y, dtype=np.float64))) + 1e-30


def restyle(content: Samples, style: Other, sr: int) -> Samples:
    """The content's unpitched part with the style's distribution of levels in every band.

    A band is as loud as the style's, as often; when it is loud is the content's. The energy is the
    content's.

    Args:
        content, style: unpitched parts, mono.
        sr: rate, Hz.
    """
    grid = Grid.at(sr, _WINDOW_S)
    x = grid.stft(content)
    spec = MelSpec(sr=sr, n_fft=grid.n_fft, hop_length=grid.hop, n_mels=_N_BANDS)
    levels, style_levels = (_levels_db(a, spec) for a in (x, grid.stft(style)))
    bands = zip(levels.T, style_levels.T, strict=True)
    gain_db = np.stack([_match_quantiles(a, b) - a for a, b in bands], axis=1)
    # No gain on the whole, where it is loud.
    gain_db -= np.average(gain_db, weights=10 ** (levels / 10))
    gain_db = np.clip(gain_db, -_MAX_GAIN_DB, _MAX_GAIN_DB)
    gain_db = scipy.ndimage.gaussian_filter1d(gain_db, 1.0, axis=0)
    gain_db = gain_db @ mel_to_bins(spec)
    y = grid.istft(x * 10 ** (gain_db / 20))[grid.lead * grid.hop :][: len(content)]
    return y * np.float32(np.sqrt(np.sum(content**2) / max(np.sum(y**2), 1e-30)))


def _levels_db(x: np.ndarray, spec: MelSpec) -> Float[np.ndarray, "frames bands"]:
    power = np.abs(x) ** 2 @ spec.filters
    return 10 * np.log10(np.maximum(power, power.max() * 10 ** (-_FLOOR_DB / 10) + 1e-30))


def _match_quantiles(
    x: Float[np.ndarray, " frames"], reference: Float[np.ndarray, " others"]
) -> np.ndarray:
    """`x` with the distribution of `reference`."""
    rank = np.empty(len(x))
    rank[np.argsort(x, kind="stable")] = np.linspace(0, 1, len(x))
    return np.quantile(reference, rank)
