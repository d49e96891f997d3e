"""Figures of every method on one item."""

from collections.abc import Iterable, Mapping

from nstaudio.audio.samples import Samples
from nstaudio.evaluation import held_out, noise, onsets, perceptual, similarity, tonality
from nstaudio.evaluation.similarity import SR
from nstaudio.experiments.evaluation.methods import Result
from nstaudio.notes import percussion

DISTANCES = ("lsd_db", "timbre", "pitch", "fine_db", "cqt_db", "chroma")
SCORES = ("onset_f1", "zimtohrli", "visqol")
"""Figures of which more is better; of all others less is."""
TO_TARGET = (*DISTANCES, *SCORES)
"""Comparisons with the target: wins are counted in them."""
TO_CLIPS = (
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
    heard = {result.method: result.y for result in results}
    features = {method: similarity.analyse(y, SR) for method, y in heard.items()}
    truth, clips = _to_target(heard, features, target), _to_clips(heard, features)
    return {
        result.method: {
            **truth[result.method],
            **clips[result.method],
            "seconds": result.seconds,
        }
        for result in results
    }


def _to_target(
    heard: Mapping[str, Samples],
    features: Mapping[str, similarity.Features],
    target: Samples | None,
) -> dict[str, Figures]:
    if target is None:
        return {method: dict.fromkeys(TO_TARGET) for method in heard}
    of_target, tones = similarity.analyse(target, SR), tonality.analyse(target, SR)
    times_s = onsets.onsets_s(target, SR)
    return {
        method: {
            **similarity.compare(features[method], of_target)._asdict(),
            **tonality.compare(tonality.analyse(y, SR), tones)._asdict(),
            "onset_f1": onsets.f1(onsets.onsets_s(y, SR), times_s),
            "zimtohrli": perceptual.zimtohrli(y, target, SR),
            "visqol": perceptual.visqol(y, target, SR),
        }
        for method, y in heard.items()
    }


def _to_clips(
    heard: Mapping[str, Samples], features: Mapping[str, similarity.Features]
) -> dict[str, Figures]:
    content, style = heard["content"], heard["style"]
    return {
        method: {
            "timbre_to_style": similarity.timbre_distance(features[method], features["style"]),
            "pitch_to_content": similarity.pitch_distance(features[method], features["content"]),
            "unseen_style_share": held_out.unseen_style_share(y, content, style, SR),
            "added_noise_db": noise.added_noise_db(y, content, style),
            "unpitched_db": percussion.change_db(y, content, SR),
        }
        for method, y in heard.items()
    }
