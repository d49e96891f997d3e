"""A guide: the range of the content, in time and frequency, that gets the style, and its share.

The generated sound is mixed with the content after everything else, so a guide works with any
method, and outside of its range the content stays as it is.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.fft
from jaxtyping import Float

from nstaudio.audio.fades import raised_cosine
from nstaudio.audio.samples import Channels
from nstaudio.audio.segments import makeup_gain
from nstaudio.audio.silence import Sounding
from nstaudio.errors import InputError, number, one_line

_EDGE_OCTAVES = 1 / 3  # width of an edge in frequency, centred at the limit
_RINGING = 4  # lengths of padding, over the inverse of an edge's width, which is how long it rings


@dataclass(frozen=True)
class Guide:
    """The range in time and frequency that gets the style; without limits it is everything.

    Attributes:
        start_s, end_s: the range in time, s from where the content begins; `None` is open.
        low_hz, high_hz: the range in frequency; `None` is open. The edges are raised cosines a
            third of an octave wide, with a gain of a half at the limits.
        strength_over_time: breakpoints (s, share of the generated sound, 0 to 1), linear between
            and constant before the first and after the last; `None` is 1.
        fade_s: length of the fades at `start_s` and `end_s`, inside of the range, s; half of a
            range that is shorter than two fades.

    Raises:
        InputError: a number outside its limits, limits or breakpoints in the wrong order.
    """

    start_s: float | None = None
    end_s: float | None = None
    low_hz: float | None = None
    high_hz: float | None = None
    strength_over_time: Sequence[Sequence[float]] | None = None
    fade_s: float = 0.05

    def __post_init__(self) -> None:
        for first, last in (("start_s", "end_s"), ("low_hz", "high_hz")):
            lower, upper = getattr(self, first), getattr(self, last)
            if lower is not None:
                lower = number(f"guide.{first}", lower, at_least=0)
            if upper is not None:
                upper = number(f"guide.{last}", upper, above=0)
                if lower is not None and lower >= upper:
                    raise InputError(
                        f"guide.{first}={lower:g} must be below guide.{last}={upper:g}"
                    )
        number("guide.fade_s", self.fade_s, at_least=0)
        if self.strength_over_time is not None:
            _check_breakpoints(self.strength_over_time)

    @property
    def is_open(self) -> bool:
        """True where nothing is limited."""
        limits = (self.start_s, self.end_s, self.low_hz, self.high_hz, self.strength_over_time)
        return all(limit is None for limit in limits)

    def check(self, n_samples: int, sr: int, *, name: str) -> None:
        """Check that the range includes some of a content.

        Args:
            n_samples: of the content, at the rate `sr`, Hz.
            name: its name in an error.

        Raises:
            InputError: it includes nothing.
        """
        duration_s = n_samples / sr
        if self.start_s is not None and self.start_s >= duration_s:
            raise InputError(
                f"guide.start_s={self.start_s:g} must be below the {duration_s:.2f} s of {name}"
            )
        if self.low_hz is not None and self.low_hz >= sr / 2:
            raise InputError(
                f"guide.low_hz={self.low_hz:g} must be below {sr / 2:g}, half of the sample rate "
                f"of {name}"
            )
        if not self.reaches(slice(0, n_samples), sr):
            raise InputError(
                f"guide.strength_over_time is 0 in all of the guide's range of {name}: nothing to "
                "do; set a share above 0"
            )

    def on(self, sounding: Sounding, *, name: str) -> "Guide":
        """The guide of what sounds of a content: its seconds without those of silence before them.

        Args:
            name: of the content in an error.

        Raises:
            InputError: the range includes nothing, or nothing that sounds.
        """
        self.check(len(sounding.recorded), sounding.sr, name=name)
        if sounding.is_whole or self.is_open:
            return self
        limits_s = [
            None if limit_s is None else sounding.seconds_before(limit_s)
            for limit_s in (self.start_s, self.end_s)
        ]
        first_s = limits_s[0] or 0.0
        last_s = sounding.n_samples / sounding.sr if limits_s[1] is None else limits_s[1]
        if first_s >= last_s:
            raise InputError(f"{name} is silent in all of the guide's range")
        points = self.strength_over_time
        if points is not None:
            points = self._breakpoints_on(sounding)
        guide = replace(self, start_s=limits_s[0], end_s=limits_s[1], strength_over_time=points)
        guide.check(sounding.n_samples, sounding.sr, name=f"what sounds of {name}")
        return guide

    def _breakpoints_on(self, sounding: Sounding) -> list[tuple[float, float]]:
        """The breakpoints of what sounds: a span has the shares that it has in the recording."""
        points: list[tuple[float, float]] = []
        for span, before in zip(sounding.spans, sounding.starts, strict=True):
            first_s, last_s = span.start / sounding.sr, (span.stop - 1) / sounding.sr
            inside = [t for t, _ in self.strength_over_time or () if first_s < t < last_s]
            t_s = np.unique([first_s, *inside, last_s])
            shifted_s = t_s - first_s + before / sounding.sr
            points += zip(shifted_s.tolist(), self._strength(t_s).tolist(), strict=True)
        return points

    def reaches(self, span: slice, sr: int) -> bool:
        """True where these samples of a content at the rate `sr`, Hz, get any of the style."""
        first = max(span.start / sr, self.start_s or 0.0)
        last = min(span.stop / sr, math.inf if self.end_s is None else self.end_s)
        if first >= last:
            return False
        breakpoints = [t for t, _ in self.strength_over_time or () if first < t < last]
        return bool(self._strength(np.array([first, *breakpoints, last])).any())

    def share(self, span: slice, sr: int) -> Float[np.ndarray, " span_samples"]:
        """The generated sound's share of the mix in these samples of a content, 0 to 1.

        Args:
            sr: the content's rate, Hz.
        """
        t_s = np.arange(span.start, span.stop) / sr
        share = self._strength(t_s)
        start_s, end_s = self.start_s or 0.0, math.inf if self.end_s is None else self.end_s
        fade_s = min(self.fade_s, (end_s - start_s) / 2)
        if start_s > 0:  # at the beginning of the content there is nothing to fade from
            share = share * raised_cosine(t_s - start_s, fade_s)
        if end_s < math.inf:
            share = share * raised_cosine(end_s - t_s, fade_s)
        return share

    def _strength(self, t_s: np.ndarray) -> np.ndarray:
        if self.strength_over_time is None:
            return np.ones(len(t_s))
        seconds, shares = np.array(self.strength_over_time, float).T
        return np.interp(t_s, seconds, shares)

    def band(self, y: Channels, sr: int) -> Channels:
        """The part of a sound at the rate `sr`, Hz, in the range of frequencies, float64.

        The filter has zero phase. The sound is mirrored at its ends, so neither wraps around.
        """
        y = y.astype(np.float64)
        limits_hz = [limit for limit in (self.low_hz, self.high_hz) if limit]
        if not limits_hz:
            return y
        width_hz = min(limits_hz) * (2 ** (_EDGE_OCTAVES / 2) - 2 ** (-_EDGE_OCTAVES / 2))
        pad = min(len(y) - 1, math.ceil(_RINGING * sr / width_hz))
        padded = np.pad(y, ((pad, pad), (0, 0)), mode="reflect")
        n: Any = scipy.fft.next_fast_len(len(padded), real=True)
        octave = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / sr), 1e-9))
        response = np.ones(len(octave))
        if self.low_hz:
            response *= raised_cosine(
                octave - math.log2(self.low_hz) + _EDGE_OCTAVES / 2, _EDGE_OCTAVES
            )
        if self.high_hz:
            response *= raised_cosine(
                math.log2(self.high_hz) - octave + _EDGE_OCTAVES / 2, _EDGE_OCTAVES
            )
        spectrum = np.fft.rfft(padded, n, axis=0)
        filtered = np.fft.irfft(spectrum * response[:, None], n, axis=0)
        return filtered[pad : pad + len(y)]

    def mix(self, content: Channels, generated: Channels, sr: int, *, begins: int = 0) -> Channels:
        """The generated sound within the range and the content outside of it, float32.

        Where both have a share, `segments.makeup_gain` keeps the level. Where the generated sound
        has none, the content's samples are unchanged.

        Args:
            content, generated: a segment of each.
            sr: their rate, Hz.
            begins: where in the content the segment begins, samples.
        """
        share = self.share(slice(begins, begins + len(content)), sr)
        before, after = self.band(content, sr), self.band(generated, sr)
        rise = share[:, None]
        mixed = ((1.0 - rise) * before + rise * after) * makeup_gain(before, after, share)
        return (content + (mixed - before)).astype(np.float32)

    def within(self, sr: int) -> Callable[[Channels, int], Channels] | None:
        """The selection of the range for `segments.crossfade_join`; `None` if all is in it.

        Args:
            sr: the sound's rate, Hz.
        """
        if self.is_open:
            return None

        def select(y: Channels, begins: int) -> Channels:
            return self.band(y, sr) * self.share(slice(begins, begins + len(y)), sr)[:, None]

        return select


def _check_breakpoints(points: Any) -> None:
    name = "guide.strength_over_time"
    pairs = isinstance(points, list | tuple) and all(
        isinstance(point, list | tuple) and len(point) == 2 for point in points
    )
    if not pairs or not points:
        raise InputError(
            f"{name} must be a list of [seconds, share] pairs, not {one_line(repr(points))}"
        )
    previous_s = None
    for seconds, share in points:
        seconds = number(f"seconds in {name}", seconds, at_least=0)
        number(f"share in {name}", share, at_least=0, at_most=1)
        if previous_s is not None and seconds <= previous_s:
            raise InputError(
                f"{name}: the seconds must increase, and {seconds:g} follows {previous_s:g}"
            )
        previous_s = seconds
