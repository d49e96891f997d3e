"""The whole path in memory, for `import nstaudio` users and for scripts/run.py."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from nstaudio.audio import samples, segments
from nstaudio.audio.style_clips import prepare_style_audio
from nstaudio.errors import choice, integer
from nstaudio.losses import Losses
from nstaudio.optimization.loop import TransferState, run
from nstaudio.transfer.prepare import NEGATIVES, check_finite, prepare_segment, silence_error
from nstaudio.transfer.render import (
    Figures,
    RenderedSegment,
    join_levels,
    mean_figures,
    pass_through,
    render_segment,
)
from nstaudio.transfer.settings import Settings


@dataclass(frozen=True, eq=False)
class Result:
    """What `transfer` returns.

    Attributes:
        y: the new recording, float32, with the shape of the content and its loudness (ITU-R
            BS.1770). Peaks may exceed full scale.
        sr: its rate, Hz: the content's.
        generated_db, content_db, style_db: log-mel spectrograms, `frames mels`, dB, at the analysis
            rate; 0 dB is the loudest band of content and style.
        history: steps and the losses there. Segments follow one another: the second's step 0 is
            `n_steps`.
        figures: measured on `y`, means over the segments.
        state: the last state of the last segment.
    """

    y: np.ndarray
    sr: int
    generated_db: np.ndarray
    content_db: np.ndarray
    style_db: np.ndarray
    history: list[tuple[int, Losses]]
    figures: Figures
    state: TransferState


def transfer(
    content: np.ndarray,
    style: np.ndarray | Sequence[np.ndarray],
    sample_rate: int,
    settings: Settings | None = None,
    *,
    style_sample_rate: int | None = None,
    negatives: Sequence[np.ndarray] = (),
    log_every: int = 10,
    on_log: Callable[[int, Losses], None] | None = None,
    **changes: Any,
) -> Result:
    """Transfer the style of one recording to the content of another.

    Args:
        content, style: float samples with full scale 1, `samples` or `samples channels`, of any
            length; a list of several clips of the style counts as one.
        sample_rate: of both, or of `content` where `style_sample_rate` is given, Hz.
        settings: `None` is the default.
        negatives: clips at the content's rate that the result shall not be like, e.g. results
            before it; for a style loss with `losses.Diversity`.
        log_every: steps between entries of the history and calls of `on_log`.
        on_log: called with the step and its losses, e.g. to show progress.
        **changes: fields of `Settings` to change, e.g. `alpha=0`, `n_steps=100`.

    Raises:
        InputError: clips or settings that cannot work; the message says which and why.
    """
    settings = settings or Settings()
    for name in changes:
        choice("setting", name, settings.__dataclass_fields__)
    settings = replace(settings, **changes)
    integer("log_every", log_every, at_least=1)
    sr, style_sr = sample_rate, style_sample_rate or sample_rate
    shape = np.shape(content)
    content = samples.check(np.asarray(content), sr, name="content")
    styles = style if isinstance(style, list | tuple) else [style]

    def hear(clips: Sequence[Any], rate: int, name: str) -> np.ndarray:
        checked = [(samples.check(np.asarray(y), rate, name=name), rate, name) for y in clips]
        return prepare_style_audio(checked, settings.segments, settings.spec.sr)

    style = hear(styles, style_sr, "style")
    others = [hear([y], sr, NEGATIVES) for y in negatives]
    settings.guide.check(len(content), sr, name="content")
    spans = settings.segments.spans(len(content), sr)
    history: list[tuple[int, Losses]] = []
    made: list[RenderedSegment] = []
    shared = None
    state = None
    for i, span in enumerate(spans):
        segment = content[span]
        prepared = prepare_segment(
            *(segment, sr, style, settings),
            shared=shared,
            begins=span.start,
            negatives=others,
        )
        if prepared is None:
            made.append(pass_through(segment, sr, settings.spec))
            continue
        shared, state = shared or prepared.shared, prepared.state
        for state, losses in run(
            prepared.state,
            prepared.problem,
            objective=prepared.objective,
            transformation=settings.optimizer.transformation,
            n_steps=prepared.n_steps,
            chunk=log_every,
        ):
            step = int(state.step)
            check_finite(losses, step, settings)
            history.append((i * prepared.n_steps + step, jax.tree.map(float, losses)))
            if on_log is not None:
                on_log(*history[-1])
        made.append(render_segment(segment, sr, prepared, state, settings, begins=span.start))
    if shared is None or state is None:
        raise silence_error("content", settings.guide)
    powers = [segment.power for segment in made]
    joined = segments.crossfade_join(
        (segment.y for segment in made), spans, within=settings.guide.within(sr)
    )
    return Result(
        y=np.concatenate(list(joined)).reshape(shape),
        sr=sr,
        generated_db=join_levels([segment.generated_db for segment in made], powers, spans),
        content_db=join_levels([segment.content_db for segment in made], powers, spans),
        style_db=np.asarray(shared.clip.level_db),
        history=history,
        figures=mean_figures([segment.figures for segment in made]),
        state=state,
    )
