"""Long recordings in overlapping segments, and the crossfade that joins their results.

Only one segment is in memory at a time. All are equally long, so one compiled program serves them.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nstaudio.audio.samples import Channels
from nstaudio.errors import InputError, number


@dataclass(frozen=True)
class Segmentation:
    """The lengths of segments and of style excerpts.

    Attributes:
        length_s: maximal length of a segment of the content, s; `None` is no limit.
        overlap_s: length of the crossfade of two segments, s.
        style_max_s: maximal duration of style that is analysed, s: of a longer one, excerpts spread
            evenly over it; `None` is no limit.
        excerpt_s: length of such an excerpt, s.

    Raises:
        InputError: a number outside its limits.
    """

    length_s: float | None = 60.0
    overlap_s: float = 4.0
    style_max_s: float | None = 120.0
    excerpt_s: float = 10.0

    def __post_init__(self) -> None:
        number("segments.overlap_s", self.overlap_s, at_least=0.01)
        number("segments.excerpt_s", self.excerpt_s, at_least=0.5)
        if self.length_s is not None:
            number("segments.length_s", self.length_s, above=0)
            if self.length_s < 3 * self.overlap_s:  # no more than two overlap
                raise InputError(
                    f"segments.length_s={self.length_s:g} must be at least three times "
                    f"segments.overlap_s={self.overlap_s:g}"
                )
        if self.style_max_s is not None:
            number("segments.style_max_s", self.style_max_s, at_least=self.excerpt_s)

    def spans(self, n_samples: int, sr: int) -> list[slice]:
        """The segments of a content: equally long, no longer than `length_s`.

        Args:
            n_samples: of the content, at the rate `sr`, Hz.
        """
        if self.length_s is None or n_samples <= self.length_s * sr:
            return [slice(0, n_samples)]
        max_length, overlap = int(self.length_s * sr), max(1, int(self.overlap_s * sr))
        n = math.ceil((n_samples - overlap) / (max_length - overlap))
        length = math.ceil((n_samples + (n - 1) * overlap) / n)
        starts = [i * (n_samples - length) // (n - 1) for i in range(n)]
        return [slice(start, start + length) for start in starts]

    def excerpts(
        self, n_samples: int, sr: int, *, share: float = 1.0, total_s: float | None = None
    ) -> list[slice]:
        """The excerpts of a style that are analysed: all of it, or evenly spaced ones.

        Args:
            n_samples: of the style, at the rate `sr`, Hz.
            share: of `style_max_s`, which they take together, above 0, at most 1.
            total_s: their total duration instead, s, above 0; `None` is the share.
        """
        if total_s is None and self.style_max_s is not None:
            total_s = share * self.style_max_s
        if total_s is None or n_samples <= total_s * sr:
            return [slice(0, n_samples)]
        n = max(1, int(total_s / self.excerpt_s))
        length = min(n_samples, int(total_s * sr) // n)
        starts = np.linspace(0, n_samples - length, n).astype(int)
        return [slice(int(start), int(start) + length) for start in starts]


def crossfade_join(
    parts: Iterable[Channels],
    spans: Sequence[slice],
    *,
    within: Callable[[Channels, int], Channels] | None = None,
) -> Iterator[Channels]:
    """Join segments with crossfades; yields blocks that follow one another.

    Fades are raised cosines, see `makeup_gain` for their level.

    Args:
        parts: the samples of each segment; they may be fewer than the segments.
        spans: the segments.
        within: gives of a sound, and the sample where it begins, what may differ between segments;
            the rest is one sound in all of them, and no fade changes its level. `None` is all.
    """
    tail: Channels | None = None
    for i, part in enumerate(parts):
        done = 0
        if tail is not None:
            done = len(tail)
            yield _crossfaded(tail, part[:done], spans[i].start, within)
        last = i + 1 == len(spans)
        rest = len(part) if last else spans[i + 1].start - spans[i].start
        yield part[done:rest]
        tail = None if last else np.array(part[rest:])
    if tail is not None:  # there are fewer parts than segments
        yield tail


def makeup_gain(
    one: Channels, other: Channels, share: Float[np.ndarray, " samples"]
) -> Float[np.ndarray, "samples 1"]:
    """The gain with which a mix of two sounds is as loud as they are.

    `(1 - share) * one + share * other` keeps the level of what the two have in common, but loses up
    to 3 dB of the rest; this is one over the root of the power expected for their correlation
    (Fink, Holters & Zölzer, "Signal-matched power-complementary cross-fading and dry-wet mixing",
    DAFx 2016).

    Args:
        share: of the other, 0 to 1; the correlation is that of the samples with a share of both.
    """
    rise = share[:, None]
    fall = 1.0 - rise
    mixed = (share > 0) & (share < 1)
    if not mixed.all():
        one, other = one[mixed], other[mixed]
    energy = [float((y**2).sum(dtype=np.float64)) for y in (one, other)]
    product = float((one * other).sum(dtype=np.float64))
    correlation = product / math.sqrt(energy[0] * energy[1]) if min(energy) > 0 else 1.0
    power = rise**2 + fall**2 + 2 * min(max(correlation, 0.0), 1.0) * rise * fall
    return 1.0 / np.sqrt(power)


def _crossfaded(
    ending: Channels,
    beginning: Channels,
    begins: int,
    within: Callable[[Channels, int], Channels] | None,
) -> Channels:
    n = len(ending)
    share = np.sin(np.pi / 2 * (np.arange(n) + 0.5) / n) ** 2
    rise = share[:, None]
    faded = (1.0 - rise) * ending + rise * beginning
    if within is not None:
        ending, beginning = within(ending, begins), within(beginning, begins)
    excess_gain = makeup_gain(ending, beginning, share) - 1.0
    return (faded + excess_gain * ((1.0 - rise) * ending + rise * beginning)).astype(np.float32)
