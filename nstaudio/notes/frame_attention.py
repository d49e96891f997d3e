"""Frame attention: for each moment of the content, the levels of the style's moments like it.

Cross-attention with frames for tokens, and nothing trained but the transcription network. A frame
of the content asks by its levels, each band relative to its own mean and spread in the clip, and by
the pitches that sound; the style's frames answer with their levels as they are. Each is there in
several transpositions, since the style need not have played the content's notes: its partials are
moved and its envelope stays, as an instrument's does.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.ndimage
from jaxtyping import Float

from nstaudio import notes
from nstaudio.analysis.bands import interpolation
from nstaudio.audio.samples import Samples
from nstaudio.errors import integer, number
from nstaudio.notes import basic_pitch

_LEAST_SPREAD_DB = 3.0  # added to a band's standard deviation: what hardly moves says little
_BLUR = 1.0  # of keys and queries along both axes, frames and bands or semitones
_ENVELOPE_BANDS = 6.0  # standard deviation, bands, of what counts as envelope and not as partials
_QUERIES_AT_ONCE = 128
_MAX_WIDENING, _WIDENING_BLUR = 2.0, 2.0  # factor at most, and its smoothing across bands
_MAX_KEYS = 60_000  # in all transpositions; of longer styles every second frame, every third, ...

Levels = Float[np.ndarray, "frames bands"]


@dataclass(frozen=True)
class FrameAttention:
    """Weights of style frames for a content frame.

    Attributes:
        temperature: of the softmax over costs; a cost of 1 is as far as two frames whose bands
            differ by a standard deviation each.
        pitches: cost of the mean difference of the pitches that sound.
        semitones: transpositions of the style's frames, up to so many up and down.
        transposing: cost of a transposition by one semitone.

    Raises:
        InputError: a number outside its limits.
    """

    temperature: float = 0.05
    pitches: float = 0.5
    semitones: int = 5
    transposing: float = 0.02

    def __post_init__(self) -> None:
        number("init.attention.temperature", self.temperature, above=0)
        number("init.attention.pitches", self.pitches, at_least=0)
        integer("init.attention.semitones", self.semitones, at_least=0, at_most=24)
        number("init.attention.transposing", self.transposing, at_least=0)


class Moments(NamedTuple):
    """The frames of a sound: their levels and the pitches in them."""

    level_db: Float[np.ndarray, "frames bands"]
    pitches: Float[np.ndarray, "frames 88"]
    """Probabilities of the notes of a piano."""


def pitches(
    y: Samples, sr: int, *, n_frames: int, hop_length: int
) -> Float[np.ndarray, "frames 88"]:
    """Probability of each note of a piano at frames that are `hop_length` samples apart."""
    note = notes.activations(y, sr).note
    at = np.arange(n_frames) * hop_length / sr * basic_pitch.SR / basic_pitch.HOP_LENGTH
    return note[np.clip(np.rint(at).astype(int), 0, len(note) - 1)]


def attend(
    content: Moments,
    style: Moments,
    bands_hz: Float[np.ndarray, " bands"],
    attention: FrameAttention,
) -> Levels:
    """The levels that the style has where it is like the content, dB, a frame a content frame.

    Args:
        bands_hz: centres of the bands, ascending.
    """
    n_shifts = 2 * attention.semitones + 1
    step = -(-len(style.level_db) * n_shifts // _MAX_KEYS)
    style = Moments(style.level_db[::step], style.pitches[::step])
    # Costs are squared distances: the pitches' coordinates are scaled so that theirs are too.
    queries = _keys(_standardised(content.level_db), content.pitches)
    unmoved = _keys(_standardised(style.level_db), style.pitches)
    n_bands = len(bands_hz)
    apart = _mean_distance(queries[:, n_bands:], unmoved[:, n_bands:])
    scale = np.ones(queries.shape[1], np.float32)
    scale[:n_bands] = np.sqrt(1 / n_bands)
    scale[n_bands:] = np.sqrt(attention.pitches / apart) if apart > 0 else 0.0
    keys, values, costs = [], [], []
    for shift in range(-attention.semitones, attention.semitones + 1):
        moved = _transposed(style, shift, bands_hz)
        keys.append(_keys(moved.standardised, moved.pitches) * scale)
        values.append(moved.level_db)
        costs.append(np.full(len(moved.level_db), attention.transposing * abs(shift)))
    return _softmax_mean(
        queries * scale,
        np.concatenate(keys),
        np.concatenate(values),
        np.concatenate(costs),
        attention.temperature,
    )


def widened(
    level_db: Levels,
    content_db: Levels,
    style_db: Float[np.ndarray, "others bands"],
    amount: float,
) -> Levels:
    """Levels that change in time about as much as the clips' do, band by band.

    A mean of guesses is flatter than any of them, and so is what a network was trained to get right
    in the mean: the known remedy is the spread that such levels have (Toda, Black & Tokuda, "Voice
    conversion based on maximum-likelihood estimation of spectral parameter trajectory", TASLP
    2007). Here that is the mean of the clips' standard deviations; what is wider stays.

    Args:
        content_db: as long as the levels.
        amount: of the way to that spread, 0 to 1.
    """
    spread = level_db.std(axis=0) + 1e-6
    wanted = (content_db.std(axis=0) + style_db.std(axis=0)) / 2
    factor = 1 + amount * (np.clip(wanted / spread, 1.0, _MAX_WIDENING) - 1)
    factor = scipy.ndimage.gaussian_filter1d(factor, _WIDENING_BLUR, mode="nearest")
    mean_db = level_db.mean(axis=0)
    return mean_db + factor * (level_db - mean_db)


class _Transposed(NamedTuple):
    standardised: Levels
    level_db: Levels
    pitches: Float[np.ndarray, "frames 88"]


def _standardised(level_db: Levels) -> Levels:
    """Each band's levels over its mean, in its own standard deviations."""
    return (level_db - level_db.mean(axis=0)) / (level_db.std(axis=0) + _LEAST_SPREAD_DB)


def _transposed(style: Moments, semitones: int, bands_hz: np.ndarray) -> _Transposed:
    """The style with its partials and pitches moved and its envelope where it was."""
    move = interpolation(bands_hz / 2 ** (semitones / 12), bands_hz)

    def moved(x: Levels) -> Levels:
        envelope = scipy.ndimage.gaussian_filter1d(x, _ENVELOPE_BANDS, axis=1)
        return envelope + (x - envelope) @ move

    sounding = np.zeros_like(style.pitches)
    to, of = max(semitones, 0), max(-semitones, 0)
    n = sounding.shape[1] - abs(semitones)
    sounding[:, to : to + n] = style.pitches[:, of : of + n]
    return _Transposed(moved(_standardised(style.level_db)), moved(style.level_db), sounding)


def _keys(standardised: Levels, sounding: np.ndarray) -> Float[np.ndarray, "frames features"]:
    blurred = [scipy.ndimage.gaussian_filter(x, _BLUR) for x in (standardised, sounding)]
    return np.concatenate(blurred, axis=1).astype(np.float32)


def _mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean squared distance of the rows of one array to those of the other."""
    squares = np.mean(np.sum(a**2, axis=1)) + np.mean(np.sum(b**2, axis=1))
    return float(squares - 2 * a.mean(axis=0) @ b.mean(axis=0))


def _softmax_mean(
    queries: Float[np.ndarray, "frames features"],
    keys: Float[np.ndarray, "keys features"],
    values: Float[np.ndarray, "keys bands"],
    costs: Float[np.ndarray, " keys"],
    temperature: float,
) -> Levels:
    """Means of the values, weighted by the softmax of the negative costs, a block at a time."""
    own = (np.sum(keys**2, axis=1) + costs).astype(np.float32)
    values = values.astype(np.float32)
    found = []
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        cost = own - 2 * queries[start : start + _QUERIES_AT_ONCE] @ keys.T
        weights = np.exp((cost.min(axis=1, keepdims=True) - cost) / np.float32(temperature))
        found.append(weights @ values / weights.sum(axis=1, keepdims=True))
    return np.concatenate(found)
