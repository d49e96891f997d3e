"""Synthesisers that render many short stems in this process: soundfonts, and harmonic tones."""

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import scipy.signal

from nstaudio.experiments.rendering.soundfont import DRUMS, NOT_INSTALLED, Note, RenderError

SR = 16000
"""The rate of what is rendered, Hz."""

OVERSAMPLING = 2  # of a soundfont's notes, so that what its loops alias is filtered out
LEAST_NOTE_S = 0.05
N_CHANNELS, BLOCK = 16, 64  # of MIDI; samples that fluidsynth renders at once

# The arguments of fluidsynth's function that writes floats, which pyfluidsynth does not have: its
# own 16 bits would clip, and their dither depends on what was played before.
WRITE_FLOAT = {
    "synth": ctypes.c_void_p,
    "len": ctypes.c_int,
    "left": ctypes.c_void_p,
    "left_offset": ctypes.c_int,
    "left_step": ctypes.c_int,
    "right": ctypes.c_void_p,
    "right_offset": ctypes.c_int,
    "right_step": ctypes.c_int,
}


@runtime_checkable
class Synthesiser(Protocol):
    """A player of notes: mono samples at the rate `SR`, float32."""

    def play(
        self, notes: list[Note], program: int, *, seconds: float, room: float, drums: bool = False
    ) -> np.ndarray:
        """The notes on an instrument, cut after `seconds`.

        Args:
            program: the instrument's number.
            room: how much of a room is heard, 0 (dry) to 1.
            drums: keys are drums and the program is the kit.
        """
        ...


class SoundFont:
    """A General MIDI soundfont, played by fluidsynth.

    Raises:
        RenderError: pyfluidsynth is not installed, or the file is no soundfont.
    """

    def __init__(self, path: Path) -> None:
        try:
            import fluidsynth  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise RenderError(f"pyfluidsynth is {NOT_INSTALLED}") from None
        argument = lambda name, kind: (name, kind, 1)  # noqa: E731 - as pyfluidsynth wants it
        self.write: Any = fluidsynth.cfunc(
            "fluid_synth_write_float",
            ctypes.c_int,
            *(argument(name, kind) for name, kind in WRITE_FLOAT.items()),
        )
        self.synth: Any = fluidsynth.Synth(
            gain=0.5,
            samplerate=OVERSAMPLING * SR,
            channels=N_CHANNELS,
            **{"synth.chorus.active": 0},
        )
        self.font = self.synth.sfload(str(path))
        if self.font < 0:
            raise RenderError(f"{path} is no soundfont")

    def play(
        self, notes: list[Note], program: int, *, seconds: float, room: float, drums: bool = False
    ) -> np.ndarray:
        """See `Synthesiser`; an instrument that the soundfont lacks is its first."""
        synth, channel, rate = self.synth, DRUMS if drums else 0, OVERSAMPLING * SR
        for each in range(N_CHANNELS):
            synth.all_sounds_off(each)
        self._next(BLOCK)  # or what sounded before would sound on
        synth.system_reset()
        synth.setting("synth.reverb.active", int(room > 0))
        synth.set_reverb(room, 0.3, 1.0, room)
        bank = 128 if drums else 0
        if synth.program_select(channel, self.font, bank, program) != 0:
            synth.program_select(channel, self.font, bank, 0)
        synth.cc(channel, 91, 100 if room > 0 else 0)  # how much the reverb gets
        n, at, pieces = round(seconds * rate), 0, []
        for time_s, key, velocity in (*events(notes), (seconds, 0, 0)):
            until = min(round(time_s * rate), n)
            if until > at:
                pieces.append(self._next(until - at))
                at = until
            if velocity:
                synth.noteon(channel, key, velocity)
            else:
                synth.noteoff(channel, key)
        y = np.concatenate(pieces, axis=1).mean(axis=0)
        return scipy.signal.resample_poly(y, 1, OVERSAMPLING).astype(np.float32)

    def _next(self, n: int) -> np.ndarray:
        """The next samples, `2 n`."""
        y = np.zeros((2, n), np.float32)
        left, right = y[0].ctypes.data, y[1].ctypes.data
        self.write(self.synth.synth, n, left, 0, 1, right, 0, 1)
        return y


def events(notes: list[Note]) -> list[tuple[float, int, int]]:
    """Keys going down and up in order: the time in s, the key and the velocity, 0 for up."""
    down = [(note.onset, note.key, note.velocity) for note in notes]
    up = [(max(note.release, note.onset + LEAST_NOTE_S), note.key, 0) for note in notes]
    return sorted(down + up, key=lambda event: (event[0], event[2] > 0))


class Harmonics:
    """Instruments of harmonic partials without end: the program seeds the timbre."""

    def play(
        self, notes: list[Note], program: int, *, seconds: float, room: float, drums: bool = False
    ) -> np.ndarray:
        """See `Synthesiser`; it has no drums."""
        if drums:
            raise RenderError("the harmonic synthesiser has no drums")
        timbre, rng = Timbre.drawn(program), np.random.default_rng((program, 1))
        n = round(seconds * SR)
        y = np.zeros(n, np.float32)
        for note in notes:
            start = round(note.onset * SR)
            tone = timbre.tone(note, rng)[: n - start]
            y[start : start + len(tone)] += tone
        if room > 0:
            echo = rng.normal(size=SR // 2) * np.exp(-np.arange(SR // 2) / (200 + 1500 * room))
            y += room * scipy.signal.fftconvolve(y, echo / np.linalg.norm(echo))[:n]
        return y.astype(np.float32)


class Timbre:
    """A timbre drawn by chance: a spectral envelope of partials and one in time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.n_partials = int(rng.integers(1, 28))
        self.slope_db = -20 * rng.uniform(0.3, 2.2)  # a decade of partials
        self.even_db = rng.choice([0.0, 0.0, 0.0, rng.uniform(-40, -4)])
        self.stretch = rng.choice([0.0, 0.0, rng.uniform(1e-5, 8e-4)])
        self.attack_s, self.release_s = 10 ** rng.uniform(-2.7, -0.8), 10 ** rng.uniform(-1.7, -0.5)
        self.decay_s = 10 ** rng.uniform(-0.7, 0.6) if rng.random() < 0.5 else np.inf
        self.damping = rng.uniform(0, 0.6)  # of higher partials, that they decay faster
        self.vibrato_hz = rng.uniform(4, 7)
        self.vibrato = rng.choice([0.0, 0.0, rng.uniform(0, 0.006)])  # of the frequency
        self.breath = rng.choice([0.0, 0.0, 10 ** rng.uniform(-2.5, -0.9)])  # noise, of the tone
        self.ripple_db = rng.normal(0, 4, self.n_partials)
        n = int(rng.integers(0, 5))
        limits = (300, 4500), (0.1, 0.5), (-8, 18)  # Hz; octaves; dB
        self.formants = [rng.uniform(low, high, n) for low, high in limits]

    @classmethod
    @lru_cache(maxsize=64)
    def drawn(cls, program: int) -> "Timbre":
        """The timbre of a program."""
        return cls(np.random.default_rng(program))

    def partial_db(self, k: np.ndarray, hz: np.ndarray, velocity: int) -> np.ndarray:
        """Levels of the partials of numbers `k` at `hz`; hard strokes are brighter."""
        centre_hz, width, gain_db = (x[:, None] for x in self.formants)
        formants_db = gain_db * np.exp(-0.5 * (np.log2(hz / centre_hz) / width) ** 2)
        touch_db = 0.12 * (velocity - 90) * (1 + 0.05 * k)
        even_db = np.where(k % 2 == 0, self.even_db, 0.0)
        own_db = self.slope_db * np.log10(k) + self.ripple_db[: len(k)]
        return own_db + formants_db.sum(axis=0) + even_db + touch_db

    def tone(self, note: Note, rng: np.random.Generator) -> np.ndarray:
        """A note's samples, its release included, about 0.1 strong."""
        held_s = max(note.release - note.onset, LEAST_NOTE_S)
        t = np.arange(round((held_s + 4 * self.release_s) * SR)) / SR
        f0 = 440 * 2 ** ((note.key - 69) / 12)
        k = np.arange(1, self.n_partials + 1)
        hz = f0 * k * np.sqrt(1 + self.stretch * k**2)
        k, hz = k[hz < 0.48 * SR], hz[hz < 0.48 * SR]
        wave = 2 * np.pi * self.vibrato_hz
        warped = t + self.vibrato / wave * np.sin(wave * t)
        gains = 10 ** (self.partial_db(k, hz, note.velocity) / 20)
        y = self._partials(gains, 2 * np.pi * f0 * warped, hz / (f0 * k), t)
        y += self.breath * rng.standard_normal(len(t), np.float32)
        envelope = np.minimum(1, t / self.attack_s) * np.exp(-t / self.decay_s)
        ending = np.exp(-np.maximum(t - held_s, 0) / self.release_s)
        return (0.1 * envelope * ending * y).astype(np.float32)

    def _partials(
        self, gains: np.ndarray, phase: np.ndarray, stretched: np.ndarray, t: np.ndarray
    ) -> np.ndarray:
        """The sum of the partials of a fundamental's phase, the higher the sooner gone.

        Args:
            gains: of the partials from the first on.
            stretched: each partial's frequency over that of a harmonic one.
            t: times, s.
        """
        y, fading = np.zeros(len(t), np.float32), np.ones(len(t), np.float32)
        faster = np.exp(-t * self.damping / self.decay_s).astype(np.float32)
        # sin(k x) = 2 cos(x) sin((k - 1) x) - sin((k - 2) x): three times as fast as a sine each.
        twice, before = (2 * np.cos(phase)).astype(np.float32), np.zeros(len(t), np.float32)
        sine = np.sin(phase).astype(np.float32)
        for i, gain in enumerate(gains):
            if np.isfinite(self.decay_s):
                fading *= faster
            if self.stretch:
                sine = np.sin((i + 1) * stretched[i] * phase % (2 * np.pi)).astype(np.float32)
            y += np.float32(gain) * sine * fading
            if not self.stretch:
                before, sine = sine, twice * sine - before
        return y
