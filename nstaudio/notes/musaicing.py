"""Musaicing: the content put together from the style's own frames.

Driedger, Prätzlich & Müller, "Let It Bee: towards NMF-inspired audio mosaicing" (ISMIR 2015). The
content's magnitudes are a non-negative combination of the style's: the dictionary of a
non-negative matrix factorisation is fixed, and only its activations are learnt. Between the updates
they are made sparse: a frame does not sound again at once, few sound together, and those that
follow each other in the style do so in the result. So what sounds is stretches of the style, which
suits what has no notes to transcribe: drums, speech, crowds. It finds timbres, not pitches: a tune
is lost.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nstaudio.analysis.numpy_stft import Grid
from nstaudio.audio.samples import Other, Samples
from nstaudio.errors import integer, number

_FRAMES_AT_ONCE = 2048  # of the content: the activations of a long one would not fit
_FLOOR = 1e-6  # of the mean magnitude: no spectrum is empty
_QUIETEST = 0.01  # of the loudest frame's magnitudes: softer frames would bring noise, amplified

Magnitudes = Float[np.ndarray, "frames bins"]
StyleMagnitudes = Float[np.ndarray, "style_frames bins"]
Gains = Float[np.ndarray, "frames style_frames"]


@dataclass(frozen=True)
class Activations:
    """The style's frames that sound at each moment of the content.

    Frames are 96 ms long and 24 ms apart.

    Attributes:
        n_iterations: updates of the factorisation; the limits tighten until the last.
        repetition: frames before and after one in which it does not sound again.
        polyphony: frames that begin together at most.
        continuity: frames before and after one that sound with it in the style's order.
        balance: of the way, in dB, that the content is first brought to the style's long-term mean
            magnitude in each bin, 0 to 1.

    Raises:
        InputError: a number outside its limits.
    """

    n_iterations: int = 20
    repetition: int = 5
    polyphony: int = 8
    continuity: int = 5
    balance: float = 0.7

    def __post_init__(self) -> None:
        for name, least in (
            ("n_iterations", 1),
            ("repetition", 0),
            ("polyphony", 1),
            ("continuity", 0),
        ):
            integer(f"init.activations.{name}", getattr(self, name), at_least=least, at_most=1000)
        number("init.activations.balance", self.balance, at_least=0, at_most=1)

    def find(self, content: Magnitudes, style: StyleMagnitudes, rng: np.random.Generator) -> Gains:
        """Gains of the style's frames at each of the content's.

        Updates for the Kullback-Leibler divergence (Lee & Seung 2001), from random gains.

        Args:
            content: at least `_FLOOR` everywhere.
            style: each frame's magnitudes add up to 1, or all are 0: then it never sounds.
        """
        per_frame = content.sum(axis=1, keepdims=True) / len(style)
        gains = rng.random((len(content), len(style)), np.float32) * per_frame
        for i in range(self.n_iterations):
            kept = 1 - (i + 1) / self.n_iterations
            gains = _updated(gains, content, style)
            gains = without_repetition(gains, self.repetition, kept=kept)
            gains = with_polyphony(gains, self.polyphony, kept=kept)
            gains = continued(gains, self.continuity)
        return _updated(gains, content, style)

    @property
    def margin(self) -> int:
        """Frames around a moment that have a say in its gains."""
        return 4 * (self.repetition + self.continuity)


def assemble(
    content: Samples,
    style: Other,
    sr: int,
    activations: Activations = Activations(),
    *,
    rng: np.random.Generator,
) -> Samples:
    """The content put together from the style's frames, as long and as strong as the content.

    Args:
        content, style: mono samples at `sr`; neither is silent.
        sr: their rate, Hz.
        activations: limits of what sounds together.
        rng: of the first gains.
    """
    grid = Grid.at(sr, n_hops=4)
    style_spectrum = grid.stft(style).astype(np.complex64)
    strengths = np.abs(style_spectrum).sum(axis=1, keepdims=True)
    sounding = strengths[:, 0] > _QUIETEST * strengths.max()
    style_spectrum[~sounding] = 0
    style_spectrum /= np.maximum(strengths, 1e-12)
    dictionary = np.abs(style_spectrum)
    wanted = _balanced(np.abs(grid.stft(content)), dictionary * strengths, activations.balance)
    spectrum = np.zeros(wanted.shape, np.complex64)
    for start in range(0, len(wanted), _FRAMES_AT_ONCE):
        block = slice(start, start + _FRAMES_AT_ONCE)
        low = max(start - activations.margin, 0)
        gains = activations.find(wanted[low : block.stop + activations.margin], dictionary, rng)
        gains = gains[start - low :][: len(wanted[block])]
        spectrum[block] = _as_loud(gains, wanted[block], dictionary) @ style_spectrum
    y = grid.istft(spectrum)[grid.lead * grid.hop :][: len(content)]
    return np.float32(np.linalg.norm(content) / max(np.linalg.norm(y), 1e-12)) * y


def without_repetition(gains: Gains, repetition: int, *, kept: float) -> Gains:
    """Gains of which those below a greater one of the same frame soon before or after are reduced.

    Args:
        repetition: how many frames before and after.
        kept: the factor of those gains.
    """
    greatest = gains.copy()
    for shift in range(1, min(repetition, len(gains) - 1) + 1):
        np.maximum(greatest[shift:], gains[:-shift], out=greatest[shift:])
        np.maximum(greatest[:-shift], gains[shift:], out=greatest[:-shift])
    return np.where(gains < greatest, np.float32(kept) * gains, gains)


def with_polyphony(gains: Gains, polyphony: int, *, kept: float) -> Gains:
    """Gains of which all but the greatest `polyphony` of each moment are reduced.

    Args:
        kept: the factor of those gains.
    """
    if polyphony >= gains.shape[1]:
        return gains
    least = np.partition(gains, -polyphony, axis=1)[:, -polyphony, None]
    return np.where(gains < least, np.float32(kept) * gains, gains)


def continued(gains: Gains, continuity: int) -> Gains:
    """Gains, each the mean of those along its diagonal: of frames that follow on in both clips.

    Args:
        continuity: how many frames before and after.
    """
    total = np.zeros_like(gains)
    furthest = min(continuity, *(n - 1 for n in gains.shape))
    for shift in range(-furthest, furthest + 1):
        here, there = max(shift, 0), max(-shift, 0)
        source = gains[there : len(gains) - here, there : gains.shape[1] - here]
        total[here : here + source.shape[0], here : here + source.shape[1]] += source
    return total / np.float32(2 * continuity + 1)


def _updated(gains: Gains, content: Magnitudes, style: StyleMagnitudes) -> Gains:
    model = gains @ style
    return gains * ((content / np.maximum(model, _FLOOR * content)) @ style.T)


def _as_loud(gains: Gains, content: Magnitudes, style: StyleMagnitudes) -> Gains:
    """Gains whose frames' magnitudes add up to the content's."""
    sums = (gains @ style).sum(axis=1, keepdims=True)
    return gains * (content.sum(axis=1, keepdims=True) / np.maximum(sums, 1e-12))


def _balanced(content: Magnitudes, style: StyleMagnitudes, balance: float) -> Magnitudes:
    """The content with the style's mean magnitude in each bin, part of the way in dB."""
    content = content + _FLOOR * content.mean()
    ratio = (style.mean(axis=0) + _FLOOR * style.mean()) / content.mean(axis=0)
    return (content * ratio**balance).astype(np.float32)
