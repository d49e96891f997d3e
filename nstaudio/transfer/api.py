"""The whole method in memory: `transfer(content, style, sample_rate)`."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float, Shaped

from nstaudio.audio import samples
from nstaudio.audio.silence import Sounding
from nstaudio.audio.style_clips import prepare_style_audio
from nstaudio.errors import choice, integer
from nstaudio.losses import Losses
from nstaudio.optimization.loop import TransferState
from nstaudio.transfer.inputs import Segments, TransferInputs
from nstaudio.transfer.prepare import NEGATIVES
from nstaudio.transfer.prepared import PreparedTransfer
from nstaudio.transfer.render import Figures, RenderedSegment, mean_figures
from nstaudio.transfer.segment_loop import OptimizedSegment, StepResult, complete, run_segments
from nstaudio.transfer.settings import Settings


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The result of `transfer`.

    Attributes:
        y: the new recording, float32, with the shape of the content and its loudness (ITU-R
            BS.1770). Peaks may exceed full scale.
        sr: its rate, Hz: the content's.
        generated_db, content_db, style_db: log-mel spectrograms, `frames mels`, dB, at the analysis
            rate; 0 dB is the loudest band of content and style.
        history: steps and the losses there. Segments follow one another: the second's step 0 is
            `n_steps`.
        figures: measured on `y`, means over the segments.
        n_steps: updates made, in all segments.
        state: the last state of the last segment that was optimised; what is optimised may have
            frames more than the content, which have no weight.
        inputs: what it was made of: the content, the style as it is analysed, the settings.
    """

    y: Float[np.ndarray, "samples *channels"]
    sr: int
    generated_db: Float[np.ndarray, "frames mels"]
    content_db: Float[np.ndarray, "frames mels"]
    style_db: Float[np.ndarray, "style_frames mels"]
    history: list[tuple[int, Losses]]
    figures: Figures
    n_steps: int
    state: TransferState
    inputs: TransferInputs

    # HTML of a result; the package sets it, since only `experiments` knows pages.
    _view: ClassVar[Callable[["Result"], str] | None] = None

    def _repr_html_(self) -> str | None:
        """What a notebook shows in place of `repr`."""
        return None if self._view is None else self._view(self)

    def __repr__(self) -> str:
        """A few lines, without arrays."""
        _, losses = self.history[-1]
        figures = ", ".join(
            f"{name}={value}" if value is None else f"{name}={value:.4g}"
            for name, value in self.figures._asdict().items()
        )
        return (
            f"Result(y: {self.y.dtype} {self.y.shape}, {len(self.y) / self.sr:.2f} s at "
            f"{self.sr} Hz,\n"
            f"  {self.n_steps} steps to total={losses.total:.4g}, content={losses.content:.4g}, "
            f"style={losses.style:.4g},\n"
            f"  {figures})"
        )


class _InMemory:
    """A recorder that keeps everything in memory, see `segment_loop.Recorder`."""

    def __init__(self, on_log: Callable[[int, Losses], None] | None) -> None:
        self.segments: list[RenderedSegment] = []
        self.history: list[tuple[int, Losses]] = []
        self.state: TransferState | None = None
        self.n_steps = 0
        self._on_log, self._first_step = on_log, 0

    @property
    def has_result(self) -> bool:
        return self.state is not None

    def has(self, index: int) -> bool:
        return index < len(self.segments)

    @contextlib.contextmanager
    def optimizing(self, index: int, prepared: PreparedTransfer) -> Iterator[TransferState]:
        self._first_step = index * prepared.n_steps
        yield prepared.state

    def record(self, step: int, result: StepResult) -> None:
        step, losses = self._first_step + step, jax.tree.map(float, result.losses)
        self.history.append((step, losses))
        if self._on_log is not None:
            self._on_log(step, losses)

    def save(
        self, index: int, rendered: RenderedSegment, optimized: OptimizedSegment | None
    ) -> None:
        del index
        self.segments.append(rendered)
        if optimized is not None:
            self.state = optimized.state
            self.n_steps += optimized.n_new_steps


def transfer(
    content: Shaped[np.ndarray, "samples *channels"],
    style: Shaped[np.ndarray, "_style_samples ..."]
    | Sequence[Shaped[np.ndarray, "_style_samples ..."]],
    sample_rate: int,
    settings: Settings | None = None,
    *,
    style_sample_rate: int | None = None,
    negatives: Sequence[Shaped[np.ndarray, "_samples ..."]] = (),
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
    checked = samples.check(content, sample_rate, name="content")
    recording = Sounding.of(checked, sample_rate, name="content")
    samples.refuse_pair(style, name="style")
    styles = style if isinstance(style, list | tuple) else [style]
    inputs = TransferInputs(
        recording=recording,
        style=_mono(styles, style_sample_rate or sample_rate, settings, name="style"),
        settings=replace(settings, guide=settings.guide.on(recording, name="content")),
        negatives=[_mono([y], sample_rate, settings, name=NEGATIVES) for y in negatives],
    )
    segments = Segments(inputs)
    recorder = _InMemory(on_log)
    complete(run_segments(segments, recorder, name="transfer", log_every=log_every))
    return _result(segments, recorder, np.shape(content))


def _mono(clips: Sequence[Any], sr: int, settings: Settings, *, name: str) -> np.ndarray:
    """Clips as one mono signal at the analysis rate."""
    checked = [(samples.check(y, sr, name=name), sr, name) for y in clips]
    return prepare_style_audio(checked, settings.segments, settings.spec.sr).y


def _result(segments: Segments, recorder: _InMemory, shape: tuple[int, ...]) -> Result:
    inputs, rendered = segments.inputs, recorder.segments
    powers = [segment.power for segment in rendered]
    figures = [segment.figures._asdict() for segment in rendered if segment.figures is not None]
    assert recorder.state is not None
    return Result(
        y=np.concatenate(list(inputs.join(segment.y for segment in rendered))).reshape(shape),
        sr=inputs.sr,
        generated_db=inputs.join_levels([a.generated_db for a in rendered], powers),
        content_db=inputs.join_levels([a.content_db for a in rendered], powers),
        style_db=np.asarray(segments.shared.clip.level_db),
        history=recorder.history,
        figures=Figures(**mean_figures(figures)),
        n_steps=recorder.n_steps,
        state=recorder.state,
        inputs=inputs,
    )
