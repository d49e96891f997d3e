"""Several recordings of a style as one mono reference at the analysis rate."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from nstaudio.audio import samples
from nstaudio.audio.segments import Segmentation
from nstaudio.audio.silence import Sounding
from nstaudio.errors import InputError, number, one_line


class StyleAudio(NamedTuple):
    """The style that is analysed."""

    y: samples.Samples
    """Mono, at the analysis rate."""
    left_out_s: float
    """Silence in the recordings, which is no part of it, s."""


def prepare_style_audio(
    clips: Sequence[tuple[Float[np.ndarray, "_samples _channels"], int, str]],
    segments: Segmentation,
    sr: int,
    *,
    weights: Sequence[float] | None = None,
) -> StyleAudio:
    """The style that is analysed: what sounds of its recordings, mono at the rate `sr`, Hz.

    Statistics are means over time, so a clip's weight is its share of the time.

    Args:
        clips: samples (`samples channels`), rate in Hz and name of each recording; of long ones
            excerpts are taken.
        weights: of the clips, see `check_clip_weights`; durations are proportional to them, as long
            as the clips allow. `None` takes the whole clips, of long ones equally much.

    Raises:
        InputError: no clip at all, silence, or weights that cannot be.
    """
    sounding = [Sounding.of(y, clip_sr, name=name) for y, clip_sr, name in clips]
    left_out_s = sum(clip.left_out_s for clip in sounding)
    clips = [(s.y, clip_sr, name) for s, (_, clip_sr, name) in zip(sounding, clips, strict=True)]
    durations_s: Sequence[float | None] = [None] * len(clips)
    if weights is not None:
        check_clip_weights(weights, len(clips))
        durations_s = _durations_s(clips, weights, segments.style_max_s)
    mono = []
    for (y, clip_sr, name), duration_s in zip(clips, durations_s, strict=True):
        if duration_s == 0:
            continue
        spans = segments.excerpts(len(y), clip_sr, share=1 / len(clips), total_s=duration_s)
        excerpts = [samples.to_mono(y[span], clip_sr, sr) for span in spans]
        joined = samples.join(excerpts, sr, level=False)
        if not joined.any():
            raise InputError(f"{name} is silent in all that is heard of it")
        mono.append(joined)
    return StyleAudio(samples.join(mono, sr), left_out_s)


def check_clip_weights(weights: Any, n_clips: int) -> None:
    """Check the weights of a style's clips.

    Raises:
        InputError: not a number of at least 0 for each of several clips, or all 0.
    """
    if not isinstance(weights, list | tuple):
        raise InputError(f"style.weights must be a list of numbers, not {one_line(repr(weights))}")
    if n_clips < 2:
        raise InputError("style.weights needs several files in style.path, not one")
    if len(weights) != n_clips:
        raise InputError(
            f"style.weights has {len(weights)} numbers and style.path {n_clips} files; give each "
            "file one"
        )
    checked = [number("a number in style.weights", weight, at_least=0) for weight in weights]
    if not any(checked):
        raise InputError("style.weights are all 0: set at least one above 0")


_MIN_S = 0.05


def _durations_s(
    clips: Sequence[tuple[np.ndarray, int, str]], weights: Sequence[float], max_s: float | None
) -> list[float]:
    """The duration taken of each clip, proportional to its weight, `max_s` at most together."""
    shares = np.array(weights, float) / max(weights)  # the sum of very large ones is infinite
    shares /= shares.sum()
    limits_s = [
        len(y) / sr / float(share)
        for (y, sr, _), share in zip(clips, shares, strict=True)
        if share > 1e-9  # any clip is long enough for less
    ]
    total_s = min([*limits_s, max_s or np.inf])
    durations_s = [float(share) * total_s for share in shares]
    for (_, _, name), weight, duration_s in zip(clips, weights, durations_s, strict=True):
        if weight > 0 and duration_s < _MIN_S:
            raise InputError(
                f"style.weights leave {duration_s:.2g} s of {name}; at least {_MIN_S:g} s are "
                "needed: set its weight to 0, or make it greater"
            )
    return durations_s
