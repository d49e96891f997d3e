"""A judge that listens: the distance of two sounds in the embedding of a trained network.

The network is aiSFX: Ma & Lerch, "Representation learning for the automatic indexing of sound
effects libraries" (ISMIR 2022), trained to tell the classes of sound libraries. Its distances agree
with human ratings of timbre better than those of cepstra or of random features
(`benchmarks/timbre_ratings.py`). The network itself is `encoders.aisfx`.

A judge that is asked during the work is none after it: what `encoder=aisfx`, the same network, has
optimised has no figures of the judge (`took_part`).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import soxr
from jaxtyping import Array, Float

from nstaudio.analysis.spectrogram import frame, hann
from nstaudio.audio.samples import Samples
from nstaudio.audio.silence import Sounding
from nstaudio.encoders import Encoder
from nstaudio.encoders.aisfx import SPEC, AisfxEncoder, Network, compressed, weights
from nstaudio.errors import InputError

SR = SPEC.sr
"""The rate at which it listens, Hz."""

N_FRAMES = 100
"""Frames of a window, 2.3 s."""

MAX_WINDOWS = 8
"""Windows that are listened to, spread over a clip that needs more; 0.06 s each on two cores."""

_N_SAMPLES = (N_FRAMES - 1) * SPEC.hop_length + SPEC.n_fft


def spectrograms(y: Float[Array, "windows samples"]) -> Float[Array, "windows frames bands"]:
    """Compressed mel power of windows of samples, 0 (silence) to about 1.

    96 bands of the HTK scale whose weights sum up to 1, log10(1 + 10000 power).
    """
    frames = jax.vmap(lambda one: frame(one, SPEC.n_fft, SPEC.hop_length))(y)
    spectrum = jnp.fft.rfft(frames * jnp.asarray(hann(SPEC.n_fft), y.dtype)[None, None], axis=2)
    filters = SPEC.filters / SPEC.filters.sum(axis=0)
    power = jnp.matmul(
        spectrum.real**2 + spectrum.imag**2,
        jnp.asarray(filters, y.dtype),
        precision=jax.lax.Precision.HIGHEST,
    )
    return compressed(power)


@jax.jit
def _listen(variables: Any, y: Float[Array, "1 samples"]) -> Float[Array, "1 features"]:
    activations: Any = Network().apply(variables, spectrograms(y))
    return _features(activations["block4"])


def _features(y: Float[Array, "windows frames bands features"]) -> Float[Array, "windows features"]:
    """The largest over time of the means over frequency."""
    return y.mean(axis=2).max(axis=1)


def took_part(encoder: Encoder) -> bool:
    """True if an encoder is the judge's own network: what it has optimised it cannot judge."""
    return isinstance(encoder, AisfxEncoder)


def embedding(y: Samples, sr: int) -> Float[np.ndarray, " features"]:
    """The mean embedding of a clip's windows, without its silence; its level does not matter.

    As few windows as cover the clip, at most `MAX_WINDOWS`, spread evenly; a shorter clip ends in
    silence. One compiled program serves clips of every length.

    Args:
        y: mono samples at the rate `sr`, Hz.

    Raises:
        InputError: silence, or no samples at all.
    """
    peak = float(np.abs(y).max(initial=0.0))
    if peak <= 0:
        raise InputError("a sound to judge is silent")
    sounding = Sounding.of(np.asarray(y, np.float32)[:, None] / peak, sr, name="a sound to judge")
    y = soxr.resample(sounding.y[:, 0], sr, SR, quality="VHQ")
    n_frames = SPEC.n_frames(len(y))
    n_windows = min(-(-n_frames // N_FRAMES), MAX_WINDOWS)
    starts = np.linspace(0, max(0, n_frames - N_FRAMES), n_windows).round().astype(int)
    margin = SPEC.n_fft // 2
    y = np.pad(y, (margin, margin + N_FRAMES * SPEC.hop_length))
    windows = [y[i : i + _N_SAMPLES] for i in starts * SPEC.hop_length]
    heard = [_listen(weights(), jnp.asarray(window[None], jnp.float32)) for window in windows]
    return np.mean([np.asarray(one[0]) for one in heard], axis=0)


def distance(a: Float[np.ndarray, " features"], b: Float[np.ndarray, " features"]) -> float:
    """One minus the cosine of the angle between two embeddings: 0, the same, to 1."""
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(1 - a @ b / max(norms, 1e-12), 0, 1))
