"""How like one sound another is: in spectrum, in timbre, in pitch.

The three measures of Cífka, Ozerov, Simsekli & Richard, "Self-supervised VQ-VAE for one-shot music
style transfer" (ICASSP 2021), for results whose truth is known: the content's notes as the style's
instrument would play them. Where it is not known, timbre and texture against the style and pitch
against the content say as much as can be said. All are distances: lower is better, 0 is the same
sound.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import soxr
from jaxtyping import Array, Bool, Float

from nstaudio.analysis.spectrogram import MelSpec, mel_power, power_to_db, unit
from nstaudio.audio import samples
from nstaudio.encoders import Conv1dEncoder
from nstaudio.evaluation import multipitch
from nstaudio.losses import Gram, SquaredError

Samples = Float[np.ndarray, " samples"]
Other = Float[np.ndarray, " other_samples"]  # clips need not be equally long
Third = Float[np.ndarray, " third_samples"]

SR = 16000
"""The rate at which sounds are compared, Hz."""

_LSD = MelSpec(sr=SR, n_fft=2048, hop_length=512, n_mels=128)
_MFCC = MelSpec(sr=SR, n_fft=2048, hop_length=500, n_mels=128)
_RANGE_DB = 80.0

# A network that no transfer optimises for: other widths, another rate, other weights.
_WITNESS = Conv1dEncoder((512,), 11)
_WITNESS_SPEC = MelSpec(sr=SR, floor_db=-_RANGE_DB)
_WITNESS_SAMPLES = _WITNESS.receptive_field * _WITNESS_SPEC.hop_length


class Features(NamedTuple):
    """What is compared of a sound."""

    level_db: Float[np.ndarray, "frames mels"]
    """Mel bands at unit power, dB; what lies 80 dB below the loudest is cut there."""
    timbre: Float[np.ndarray, " 12"]
    """Mean mel-frequency cepstral coefficients 1 to 12 (Davis & Mermelstein 1980)."""
    pitches: Bool[np.ndarray, "frames pitches"]
    """The semitones that sound at each moment, see `multipitch.pitches`."""


class Likeness(NamedTuple):
    """Distances between two sounds."""

    lsd_db: float
    timbre: float
    pitch: float


def analyse(y: Samples, sr: int) -> Features:
    """Features of mono samples at the rate `sr`, Hz; their level does not matter.

    Raises:
        InputError: silence, or no samples at all.
    """
    y = soxr.resample(np.asarray(y, np.float32), sr, SR, quality="VHQ")
    y = samples.unit_power(y, name="a sound to compare")
    cepstrum = scipy.fft.dct(_level_db(y, spec=_MFCC), axis=1, norm="ortho")
    low = soxr.resample(y, SR, multipitch.SR, quality="VHQ")
    return Features(
        level_db=_level_db(y, spec=_LSD),
        timbre=np.asarray(cepstrum)[:, 1:13].mean(axis=0),
        pitches=multipitch.pitches(low),
    )


def compare(a: Features, b: Features) -> Likeness:
    """The three distances."""
    return Likeness(lsd_db(a, b), timbre_distance(a, b), pitch_distance(a, b))


def lsd_db(a: Features, b: Features) -> float:
    """Log-spectral distance: root mean square difference over time, mean over 128 mel bands, dB.

    Times that only the longer sound has are left out.
    """
    n = min(len(a.level_db), len(b.level_db))
    return float(np.sqrt(np.mean((a.level_db[:n] - b.level_db[:n]) ** 2, axis=0)).mean())


def timbre_distance(a: Features, b: Features) -> float:
    """One minus the cosine of the angle between the mean timbres: 0 to 2."""
    norms = float(np.linalg.norm(a.timbre) * np.linalg.norm(b.timbre))
    return float(np.clip(1 - a.timbre @ b.timbre / max(norms, 1e-12), 0, 2))


def pitch_distance(a: Features, b: Features) -> float:
    """One minus the mean Jaccard index of the sets of pitches at each moment: 0 to 1.

    Two moments without a pitch are alike. Times that only the longer sound has are left out.
    """
    n = min(len(a.pitches), len(b.pitches))
    common = (a.pitches[:n] & b.pitches[:n]).sum(axis=1)
    either = (a.pitches[:n] | b.pitches[:n]).sum(axis=1)
    return float(1 - np.where(either > 0, common / np.maximum(either, 1), 1.0).mean())


def largest_likeness(y: Samples, other: Other, sr: int, stretch_s: float = 0.5) -> float:
    """The largest normalised cross-correlation of any stretch of a sound with any of another.

    Stretches of the first begin every quarter of their length, those of the second anywhere. 1 is
    a copy, at whatever level; independent sounds come the closer to 0 the wider their spectrum.

    Args:
        y, other: mono samples at the rate `sr`, Hz.
        stretch_s: length of a stretch, s; of a shorter sound it is all of it.
    """
    n = min(int(stretch_s * sr), len(y), len(other))
    # Blocks of the other, each as long as the transform, overlapping by a stretch.
    n_fft = 1 << (4 * n).bit_length()
    hop = n_fft - n + 1
    n_blocks = -(-(len(other) - n + 1) // hop)
    padded = np.pad(np.asarray(other, np.float64), (0, n_blocks * hop + n - 1 - len(other)))
    blocks = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop])
    squares = np.concatenate([[0.0], np.cumsum(padded**2)])
    norms = np.sqrt(np.maximum(squares[n:] - squares[:-n], 1e-12)).reshape(-1, hop)
    largest = 0.0
    for start in range(0, len(y) - n + 1, max(1, n // 4)):
        part = y[start : start + n].astype(np.float64)
        products = np.fft.irfft(blocks * np.fft.rfft(part, n_fft).conj(), n_fft)[:, :hop]
        norm = max(float(np.linalg.norm(part)), 1e-6)
        largest = max(largest, float(np.max(np.abs(products) / norms)) / norm)
    return largest


def unseen_style_share(y: Samples, content: Other, style: Third, sr: int) -> float:
    """Style loss of `y` over that of the content, under an encoder that took no part.

    Gram matrices of 512 random filters of 11 frames over 144 mel bands at 16 kHz, the same ones in
    every comparison. What only fits the filters it was optimised for stays near 1; 0 is the
    style's texture.

    Args:
        y, content, style: mono samples at the rate `sr`, Hz; their levels do not matter. What is
            shorter than a filter is repeated.
    """
    unseen = []
    for sound in (y, content, style):
        sound = soxr.resample(np.asarray(sound, np.float32), sr, SR, quality="VHQ")
        sound = np.resize(sound, max(len(sound), _WITNESS_SAMPLES))
        sound = sound / max(float(np.abs(sound).max()), 1e-12)
        level_db = _mel_db(jnp.asarray(sound), spec=_WITNESS_SPEC)
        unseen.append(unit(level_db - level_db.max(), _WITNESS_SPEC))
    of_y, of_content = _witness(*unseen)
    return float(of_y / jnp.maximum(of_content, 1e-30))


@jax.jit
def _witness(
    y: Float[Array, "frames mels"],
    content: Float[Array, "content_frames mels"],
    style: Float[Array, "style_frames mels"],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    losses = {"content_loss": SquaredError(), "style_loss": Gram()}
    variables = _WITNESS.init(jax.random.key(0x5EED), style)
    found = []
    for clip in (y, content):
        targets = _WITNESS.targets(variables, clip, style, **losses)
        found.append(_WITNESS.distances(variables, clip, targets, **losses).style["conv1"])
    return found[0], found[1]


@partial(jax.jit, static_argnames=("spec",))
def _mel_db(y: Float[Array, " samples"], *, spec: MelSpec) -> Float[Array, "frames mels"]:
    level = power_to_db(mel_power(y, spec))
    return jnp.maximum(level, level.max() - _RANGE_DB)


def _level_db(y: Samples, *, spec: MelSpec) -> Float[np.ndarray, "frames mels"]:
    return np.asarray(_mel_db(jnp.asarray(y), spec=spec))
