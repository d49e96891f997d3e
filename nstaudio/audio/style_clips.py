"""Several recordings of a style as the one that the method hears."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nstaudio.audio import samples
from nstaudio.audio.segments import Segmentation
from nstaudio.errors import InputError, number, one_line


def prepare_style_audio(
    clips: Sequence[tuple[np.ndarray, int, str]],
    segments: Segmentation,
    sr: int,
    *,
    weights: Sequence[float] | None = None,
) -> np.ndarray:
    """The style as the method hears it: mono samples at the rate `sr`, Hz.

    Statistics are means over time, so a clip's weight is its share of the time.

    Args:
        clips: samples (`samples channels`), rate in Hz and name of each recording; of long ones
            excerpts are heard.
        weights: of the clips, see `check_clip_weights`; each is heard as long as the shortest,
            for its weight, allows. `None` hears what there is, equally much of long ones.

    Raises:
        InputError: no clip at all, silence, or weights that cannot be.
    """
    seconds: Sequence[float | None] = [None] * len(clips)
    if weights is not None:
        check_clip_weights(weights, len(clips))
        seconds = _seconds(clips, weights, segments.style_max_s)
    heard = []
    for (y, of_clip, name), heard_s in zip(clips, seconds, strict=True):
        if heard_s == 0:
            continue
        spans = segments.excerpts(len(y), of_clip, share=1 / len(clips), heard_s=heard_s)
        excerpts = [samples.to_mono(y[span], of_clip, sr) for span in spans]
        joined = samples.join(excerpts, sr, level=False)
        if not joined.any():
            raise InputError(f"{name} is silent, or its channels cancel each other when mixed")
        heard.append(joined)
    return samples.join(heard, sr)


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
        raise InputError("style.weights are all 0: nothing to hear, set at least one above 0")


_MIN_S = 0.05


def _seconds(
    clips: Sequence[tuple[np.ndarray, int, str]], weights: Sequence[float], most_s: float | None
) -> list[float]:
    """How much of each clip is heard, in proportion to the weights, at most `most_s` of all."""
    shares = np.array(weights, float) / max(weights)  # the sum of very large ones is infinite
    shares /= shares.sum()
    enough_s = [
        len(y) / sr / float(share)
        for (y, sr, _), share in zip(clips, shares, strict=True)
        if share > 1e-9  # of less, any clip has enough
    ]
    all_s = min([*enough_s, most_s or np.inf])
    seconds = [float(share) * all_s for share in shares]
    for (_, _, name), weight, heard_s in zip(clips, weights, seconds, strict=True):
        if weight > 0 and heard_s < _MIN_S:
            raise InputError(
                f"style.weights leave {heard_s:.2g} s of {name}; at least {_MIN_S:g} s are "
                "needed: set its weight to 0, or make it greater"
            )
    return seconds
