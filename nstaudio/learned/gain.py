"""Gains that bring a content to the levels that the network predicts, on any grid of bands."""

import numpy as np
from jaxtyping import Float

from nstaudio.analysis.bands import interpolation, mean_power_db
from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.learned import features, prediction
from nstaudio.learned.features import HOP_LENGTH, SR

_TOP_HZ = 7000.0
"""Above it the network's levels are not trusted: resampling to its rate ends there."""

_BELOW_TOP_HZ = 6000.0


def gain_db(content: Clip, style: Clip, spec: MelSpec) -> Float[np.ndarray, "frames mels"]:
    """Predicted levels over the content's, dB, at the frames and bands of `spec`.

    Above 7 kHz, where the network knows nothing, the gain is that of the bands below at the same
    moment, and the difference that the long-term balance of content and style makes from there on.

    Args:
        content, style: clips analysed by `spec`.

    Raises:
        InputError: a clip is silent.
    """
    content_db, style_db = (
        prediction.level_db(np.asarray(clip.y), spec.sr, name=role)
        for role, clip in (("the content", content), ("the style", style))
    )
    known_db = prediction.predict(content_db, style_db) - content_db
    bands_hz, known_hz = spec.edges_hz[1:-1], features.spec().edges_hz[1:-1]
    within = known_db @ interpolation(np.minimum(bands_hz, _TOP_HZ), known_hz).astype(np.float32)
    above = bands_hz > _TOP_HZ
    if above.any():
        top = (known_hz > _BELOW_TOP_HZ) & (known_hz <= _TOP_HZ)
        of_content, of_style = (
            mean_power_db(np.asarray(clip.level_db), axis=0) for clip in (content, style)
        )
        balance_db = of_style - of_content
        last = np.searchsorted(bands_hz, _TOP_HZ, "right") - 1
        further_db = balance_db[above] - balance_db[max(last, 0)]
        within[:, above] = known_db[:, top].mean(axis=1, keepdims=True) + further_db
    return _in_time(within, len(content.level_db), spec)


def _in_time(
    gain_db: Float[np.ndarray, "known mels"], n_frames: int, spec: MelSpec
) -> Float[np.ndarray, "frames mels"]:
    """Gains at the network's frames, interpolated to the frames of `spec`."""
    at = np.arange(n_frames) * (spec.hop_length / spec.sr * SR / HOP_LENGTH)
    before = np.minimum(at.astype(int), len(gain_db) - 1)
    after = np.minimum(before + 1, len(gain_db) - 1)
    share = (at - before).clip(0, 1)[:, None].astype(np.float32)
    return (1 - share) * gain_db[before] + share * gain_db[after]
