"""The style loss by a held-out encoder, one that took no part in the transfer."""

import jax
import jax.numpy as jnp
import numpy as np
import soxr
from jaxtyping import Array, Float

from nstaudio.analysis.spectrogram import MelSpec, unit
from nstaudio.audio.samples import Other, Samples, Third
from nstaudio.encoders import Conv1dEncoder
from nstaudio.evaluation.similarity import RANGE_DB, SR, mel_level_db
from nstaudio.losses import Gram, LossPair, SquaredError
from nstaudio.losses.ratio import loss_ratio

# A network that no transfer optimises for: other widths, another rate, other weights.
_WITNESS = Conv1dEncoder((512,), 11)

_WITNESS_SPEC = MelSpec(sr=SR, floor_db=-RANGE_DB)

_WITNESS_SAMPLES = _WITNESS.receptive_field * _WITNESS_SPEC.hop_length


def unseen_style_share(y: Samples, content: Other, style: Third, sr: int) -> float | None:
    """Style loss of `y` over that of the content, under an encoder that took no part.

    Gram matrices of 512 random filters of 11 frames over 144 mel bands at 16 kHz, the same ones in
    every comparison. What only fits the filters it was optimised for stays near 1; 0 is the
    style's texture, and `None` says that the content's loss is nothing: it is the style.

    Args:
        y, content, style: mono samples at the rate `sr`, Hz; their levels do not matter. What is
            shorter than a filter is repeated.
    """
    unseen = []
    noise = np.random.default_rng(0).standard_normal(len(style))
    for sound in (y, content, noise, style):
        sound = soxr.resample(np.asarray(sound, np.float32), sr, SR, quality="VHQ")
        sound = np.resize(sound, max(len(sound), _WITNESS_SAMPLES))
        sound = sound / max(float(np.abs(sound).max()), 1e-12)
        level_db = mel_level_db(jnp.asarray(sound), spec=_WITNESS_SPEC)
        unseen.append(unit(level_db - level_db.max(), _WITNESS_SPEC))
    of_y, of_content, of_noise = map(float, _witness(*unseen))
    return loss_ratio(of_y, of_content, scale=of_noise)


@jax.jit
def _witness(
    y: Float[Array, "frames mels"],
    content: Float[Array, "content_frames mels"],
    noise: Float[Array, "style_frames mels"],
    style: Float[Array, "style_frames mels"],
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    losses = LossPair(SquaredError(), Gram())
    variables = _WITNESS.init(jax.random.key(0x5EED), style)
    found = []
    for clip in (y, content, noise):
        targets = _WITNESS.targets(variables, clip, style, losses)
        found.append(_WITNESS.distances(variables, clip, targets, losses).style["conv1"])
    return found[0], found[1], found[2]
