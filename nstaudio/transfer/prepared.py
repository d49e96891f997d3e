"""A transfer that is ready to run: analysed clips, the problem and the first state."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from nstaudio.analysis import padding
from nstaudio.analysis.clip import Clip
from nstaudio.losses import Losses, Weights
from nstaudio.optimization.loop import TransferState
from nstaudio.optimization.objective import (
    Objective,
    Problem,
    evaluate,
    filter_samples,
    log_mel_of,
    waveform_of,
)


class PreparedStyle(NamedTuple):
    """An analysed style, its targets and the weights: shared by all segments of a content."""

    clip: Clip
    power: float
    """The mel power that 0 dB stands for."""
    targets: Any
    weights: Weights
    has_descended: bool
    """False where no step was made: then the weights are not those of a strength."""
    coarse: "Sequence[PreparedStyle]" = ()
    """The same on each coarser analysis that the transfer begins with."""


class PreparedTransfer(NamedTuple):
    """Two analysed clips and a transfer that is ready to run.

    Attributes:
        content, style: samples at the analysis rate and log-mel spectrograms; 0 dB is each clip's
            own loudest mel band, so that a recording's level is no part of its style.
        carrier: the sound that is changed, see `initializers.Initialization`.
        content_power, style_power: the mel power that 0 dB stands for.
        n_steps: updates to make.
        coarse: see `PreparedStyle`.
    """

    content: Clip
    style: Clip
    carrier: Clip
    content_power: float
    style_power: float
    state: TransferState
    problem: Problem
    objective: Objective
    n_steps: int
    coarse: Sequence[PreparedStyle]

    def padded(self, clip: Clip) -> Clip:
        """A clip as long as the content, padded as the problem's clips are."""
        if self.problem.n_frames is None:
            return clip
        return padding.pad(clip, len(self.state.variable), self.objective.spec)

    def sound(self, state: TransferState) -> Float[np.ndarray, " samples"] | None:
        """The samples of a state; `None` where it needs an inversion."""
        y = waveform_of(state.variable, self.problem, objective=self.objective)
        return None if y is None else np.asarray(y)[: len(self.content.y)]

    def filtered(
        self, y: Float[np.ndarray, " samples"], state: TransferState
    ) -> Float[np.ndarray, " samples"] | None:
        """A sound as long as the content with the filter of a state; `None` where it is none."""
        if self.problem.n_frames is None:
            samples = jax.device_put(y)
        else:
            samples = padding.pad_samples(y, len(state.variable), self.objective.spec)
        z = filter_samples(samples, state.variable, self.problem, objective=self.objective)
        return None if z is None else np.asarray(z)[: len(y)]

    def level_db(self, state: TransferState) -> Float[np.ndarray, "frames mels"]:
        """The log-mel spectrogram of a state."""
        level_db = log_mel_of(state.variable, self.problem, objective=self.objective)
        return np.asarray(level_db)[: len(self.content.level_db)]

    def losses(self, clip: Clip) -> Losses:
        """The losses of a clip as long as the content."""
        return evaluate(self.padded(clip), self.problem, objective=self.objective)

    @property
    def shared(self) -> PreparedStyle:
        """The part that another segment of the same content can reuse."""
        return PreparedStyle(
            clip=self.style,
            power=self.style_power,
            targets=self.problem.targets.style,
            weights=self.problem.weights,
            has_descended=bool(self.n_steps or self.coarse),
            coarse=self.coarse,
        )
