"""The distance of a result from a good transfer, told without a target.

A good transfer sounds like the style and plays the content's tune. The content itself does the one
and not the other, the style the other and not the one; what is near in both is what was asked for.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nstaudio.audio.content_cache import cached_by, content_key
from nstaudio.audio.samples import Other, Samples, Third
from nstaudio.evaluation import judge, tonality

_NOTHING = 1e-4  # a distance below it is that of a sound from itself


class TransferDistance(NamedTuple):
    """Distances of a result from its two clips; `None` where one of the two sounds is silent."""

    transfer_distance: float | None
    """The root of the sum of squares of the two below, each over what it is between content and
    style: 0 is the style's sound with the content's tune, 1 the content itself, and the style
    itself. `None` where the two clips are the same by either, or there is no content."""
    judge_to_style: float | None
    """Cosine distance from the style in the embedding of `judge`, 0 to 1."""
    chroma_to_content: float | None
    """One minus the mean cosine of the pitch classes from the content's, 0 to 1."""


def measure(y: Samples, content: Other | None, style: Third, sr: int) -> TransferDistance:
    """The distances of a result from its clips; their levels do not matter.

    Args:
        y, content, style: mono samples at the rate `sr`, Hz. Times that only the longer of result
            and content has do not count for the tune. Without a content there is the style alone.
    """
    if not y.any() or not style.any():
        return TransferDistance(None, None, None)
    of_style = _hear_source(style, sr)
    judge_to_style = judge.distance(judge.embedding(y, sr), of_style.embedding)
    if content is None or not content.any():
        return TransferDistance(None, judge_to_style, None)
    of_content = _hear_source(content, sr)
    return combine(
        judge_to_style=judge_to_style,
        chroma_to_content=tonality.compare(tonality.analyse(y, sr), of_content.tones).chroma,
        judge_of_clips=judge.distance(of_content.embedding, of_style.embedding),
        chroma_of_clips=tonality.compare(of_content.tones, of_style.tones).chroma,
    )


class _Heard(NamedTuple):
    embedding: Float[np.ndarray, " features"]
    tones: tonality.Tones


# The style is measured for every segment, and both for every run of a sweep.
@cached_by(content_key, max_results=4)
def _hear_source(y: Samples, sr: int) -> _Heard:
    return _Heard(judge.embedding(y, sr), tonality.analyse(y, sr))


def combine(
    *,
    judge_to_style: float,
    chroma_to_content: float,
    judge_of_clips: float,
    chroma_of_clips: float,
) -> TransferDistance:
    """The three figures from the distances of the result, and those between content and style.

    Args:
        judge_to_style, chroma_to_content: of the result, see `TransferDistance`.
        judge_of_clips, chroma_of_clips: the same distances between content and style.
    """
    if min(judge_of_clips, chroma_of_clips) < _NOTHING:
        return TransferDistance(None, judge_to_style, chroma_to_content)
    distance = math.hypot(judge_to_style / judge_of_clips, chroma_to_content / chroma_of_clips)
    return TransferDistance(distance, judge_to_style, chroma_to_content)
