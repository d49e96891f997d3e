"""Distances of two sounds in spectrum, timbre and pitch.

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

from nstaudio.analysis.spectrogram import MelSpec, mel_power, power_to_db
from nstaudio.audio import samples
from nstaudio.audio.samples import Samples
from nstaudio.evaluation import multipitch

SR = 16000
"""The rate at which sounds are compared, Hz."""

_LSD = MelSpec(sr=SR, n_fft=2048, hop_length=512, n_mels=128)

_MFCC = MelSpec(sr=SR, n_fft=2048, hop_length=500, n_mels=128)

RANGE_DB = 80.0


class Features(NamedTuple):
    """Features by which sounds are compared."""

    level_db: Float[np.ndarray, "frames mels"]
    """Mel bands at unit power, dB; what lies 80 dB below the loudest is cut there."""
    timbre: Float[np.ndarray, " 12"]
    """Mean mel-frequency cepstral coefficients 1 to 12 (Davis & Mermelstein 1980)."""
    pitches: Bool[np.ndarray, "frames pitches"]
    """The semitones that sound at each moment, see `multipitch.pitches`."""


class Similarity(NamedTuple):
    """Distances between two sounds."""

    lsd_db: float
    """Log-spectral distance, dB."""
    timbre: float
    """Cosine distance of the mean MFCCs 1 to 12, 0 to 2."""
    pitch: float
    """One minus the Jaccard index of the sets of pitches, 0 to 1."""


def comparable(y: Samples, sr: int) -> Float[np.ndarray, " resampled"]:
    """Mono samples at the rate `sr`, Hz, brought to the rate `SR` and unit power.

    Raises:
        InputError: silence, or no samples at all.
    """
    y = soxr.resample(np.asarray(y, np.float32), sr, SR, quality="VHQ")
    return samples.unit_power(y, name="a sound to compare")


def analyse(y: Samples, sr: int) -> Features:
    """Features of mono samples at the rate `sr`, Hz; their level does not matter.

    Raises:
        InputError: silence, or no samples at all.
    """
    y = comparable(y, sr)
    cepstrum = scipy.fft.dct(_level_db(y, spec=_MFCC), axis=1, norm="ortho")
    low = soxr.resample(y, SR, multipitch.SR, quality="VHQ")
    return Features(
        level_db=_level_db(y, spec=_LSD),
        timbre=np.asarray(cepstrum)[:, 1:13].mean(axis=0),
        pitches=multipitch.pitches(low),
    )


def compare(a: Features, b: Features) -> Similarity:
    """The three distances."""
    return Similarity(lsd_db(a, b), timbre_distance(a, b), pitch_distance(a, b))


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


@partial(jax.jit, static_argnames=("spec",))
def mel_level_db(y: Float[Array, " samples"], *, spec: MelSpec) -> Float[Array, "frames mels"]:
    """Mel levels, dB, of the 80 dB below the loudest."""
    level = power_to_db(mel_power(y, spec))
    return jnp.maximum(level, level.max() - RANGE_DB)


def _level_db(y: Samples, *, spec: MelSpec) -> Float[np.ndarray, "frames mels"]:
    return np.asarray(mel_level_db(jnp.asarray(y), spec=spec))
