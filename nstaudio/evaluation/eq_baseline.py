"""Baseline: long-term equaliser matching, the simplest style transfer there is.

Every other method should beat it. It keeps of a style the long-term balance of its bands, without
its notes, its attacks and its texture.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nstaudio.analysis.bands import mel_to_bins
from nstaudio.analysis.spectrogram import MelSpec, istft, mel_power, power_to_db, stft
from nstaudio.audio import samples
from nstaudio.audio.samples import Other, Samples


def match(content: Samples, style: Other, sr: int, *, n_bands: int = 40) -> Samples:
    """The content with the style's mean power in every band, at unit power.

    Args:
        content, style: mono samples at `sr`; levels do not matter.
        sr: their rate, Hz.
        n_bands: mel bands of the equaliser; between their centres its gain in dB is linear.

    Raises:
        InputError: a clip is silent, or the bands are too narrow.
    """
    spec = MelSpec(sr=sr, n_fft=2048, hop_length=256, n_mels=n_bands)
    y = jnp.asarray(samples.unit_power(content, name="content"))
    reference = jnp.asarray(samples.unit_power(style, name="style"))
    gain_db = _balance_db(reference, spec=spec) - _balance_db(y, spec=spec)
    gain_db = np.asarray(gain_db) @ mel_to_bins(spec)
    filtered = _filter(y, jnp.asarray(10 ** (gain_db / 20), jnp.float32), spec=spec)
    return samples.unit_power(np.asarray(filtered), name="the filtered content")


@partial(jax.jit, static_argnames=("spec",))
def _balance_db(y: Float[Array, " samples"], *, spec: MelSpec) -> Float[Array, " mels"]:
    return power_to_db(mel_power(y, spec).mean(axis=0), amin=1e-12)


@partial(jax.jit, static_argnames=("spec",))
def _filter(
    y: Float[Array, " samples"], gain: Float[Array, " bins"], *, spec: MelSpec
) -> Float[Array, " samples"]:
    return istft(stft(y, spec) * gain[None], spec, length=y.shape[0])
