"""Figures of every method on one item."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nstaudio.audio.samples import Samples
from nstaudio.evaluation import (
    held_out,
    judge,
    noise,
    onsets,
    perceptual,
    similarity,
    tonality,
    transfer_distance,
)
from nstaudio.evaluation.similarity import SR
from nstaudio.experiments.evaluation.methods import Result
from nstaudio.notes import percussion

DISTANCES = ("lsd_db", "timbre", "pitch", "fine_db", "cqt_db", "chroma", "judge_to_target")
SCORES = ("onset_f1", "zimtohrli", "visqol")
"""Figures of which more is better; of all others less is."""
TO_TARGET = (*DISTANCES, *SCORES)
"""Comparisons with the target: wins are counted in them."""
TO_CLIPS = (
    *("transfer_distance", "judge_to_style", "chroma_to_content", "judge_to_content"),
    *("timbre_to_style", "pitch_to_content", "unseen_style_share"),
    *("added_noise_db", "unpitched_db"),
)
COLUMNS = (*TO_TARGET, *TO_CLIPS, "seconds")

Figures = dict[str, float | None]
"""By column; `None` where a figure cannot be told."""


def measure(results: Iterable[Result], target: Samples | None) -> dict[str, Figures]:
    """Every method's figures, by method and column.

    Args:
        results: of the methods, the content and the style themselves among them.
        target: what the result should be, mono at `similarity.SR`; without it there are no
            distances from it.
    """
    results = list(results)
    heard = {result.method: _hear(result.y) for result in results}
    truth = _to_target(heard, None if target is None else _hear(target))
    clips = _to_clips(heard)
    return {
        result.method: {
            **truth[result.method],
            **clips[result.method],
            "seconds": result.seconds,
        }
        for result in results
    }


class _Heard(NamedTuple):
    """A sound, analysed."""

    y: Samples
    features: similarity.Features
    tones: tonality.Tones
    embedding: Float[np.ndarray, " features"]


def _hear(y: Samples) -> _Heard:
    return _Heard(y, similarity.analyse(y, SR), tonality.analyse(y, SR), judge.embedding(y, SR))


def _to_target(heard: Mapping[str, _Heard], target: _Heard | None) -> dict[str, Figures]:
    if target is None:
        return {method: dict.fromkeys(TO_TARGET) for method in heard}
    times_s = onsets.onsets_s(target.y, SR)
    return {
        method: {
            **similarity.compare(sound.features, target.features)._asdict(),
            **tonality.compare(sound.tones, target.tones)._asdict(),
            "judge_to_target": judge.distance(sound.embedding, target.embedding),
            "onset_f1": onsets.f1(onsets.onsets_s(sound.y, SR), times_s),
            "zimtohrli": perceptual.zimtohrli(sound.y, target.y, SR),
            "visqol": perceptual.visqol(sound.y, target.y, SR),
        }
        for method, sound in heard.items()
    }


def _to_clips(heard: Mapping[str, _Heard]) -> dict[str, Figures]:
    content, style = heard["content"], heard["style"]
    return {
        method: {
            **_transfer_distance(sound, content, style)._asdict(),
            "judge_to_content": judge.distance(sound.embedding, content.embedding),
            "timbre_to_style": similarity.timbre_distance(sound.features, style.features),
            "pitch_to_content": similarity.pitch_distance(sound.features, content.features),
            "unseen_style_share": held_out.unseen_style_share(sound.y, content.y, style.y, SR),
            "added_noise_db": noise.added_noise_db(sound.y, content.y, style.y),
            "unpitched_db": percussion.change_db(sound.y, content.y, SR),
        }
        for method, sound in heard.items()
    }


def _transfer_distance(
    sound: _Heard, content: _Heard, style: _Heard
) -> transfer_distance.TransferDistance:
    return transfer_distance.combine(
        judge_to_style=judge.distance(sound.embedding, style.embedding),
        chroma_to_content=tonality.compare(sound.tones, content.tones).chroma,
        judge_of_clips=judge.distance(content.embedding, style.embedding),
        chroma_of_clips=tonality.compare(content.tones, style.tones).chroma,
    )
