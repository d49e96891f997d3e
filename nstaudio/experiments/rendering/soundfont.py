"""Notes to sound by the program `fluidsynth` and a General MIDI soundfont."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf

from nstaudio.errors import InputError

SETTINGS = (  # floats, which cannot clip
    "audio.file.format=float",
    "synth.default-soundfont=",  # or it would stand in, unasked, for a soundfont that is none
    "synth.sample-rate=44100",
    "synth.gain=0.6",
    "synth.chorus.active=0",
)


NOT_INSTALLED = "not installed: uv run --extra training ..., or pip install 'nstaudio[training]'"
"""The end of a line that names the package."""


class RenderError(InputError):
    """A program, package or file that rendering needs is missing or unfit."""


class Note(NamedTuple):
    """A key going down and up again."""

    onset: float  # seconds
    release: float  # seconds
    key: int  # MIDI number
    velocity: int  # 1 to 127


DRUMS = 9
"""The channel on which keys are drums and the program is the kit."""


def midi(notes: list[Note], program: int = 0, channel: int = 0) -> bytes:
    """`notes` as a Standard MIDI File with one track, for one instrument.

    500 ticks to a quarter note at the default tempo of 120 a minute: a tick is a millisecond, and
    the tempo lives in the onsets.
    """

    def variable_length(n: int) -> bytes:
        """MIDI's number format: 7 bits a byte, a set high bit on all but the last."""
        head = [0x80 | (n >> shift & 0x7F) for shift in (21, 14, 7) if n >> shift]
        return bytes([*head, n & 0x7F])

    # Program 0 is the grand piano; controller 91 is how much of it goes to the reverb. The middle
    # number puts a release before an onset of the same tick, or a repeated note would be cut off.
    events = [(0, 0, bytes([0xC0 + channel, program])), (0, 0, bytes([0xB0 + channel, 91, 127]))]
    for note in notes:
        events.append(
            (round(1000 * note.onset), 2, bytes([0x90 + channel, note.key, note.velocity]))
        )
        events.append((round(1000 * note.release), 1, bytes([0x80 + channel, note.key, 64])))
    events.sort()
    events.append((events[-1][0] + 500, 3, bytes([0xFF, 0x2F, 0])))

    track, now = b"", 0
    for tick, _, message in events:
        track += variable_length(tick - now) + message
        now = tick
    header = b"MThd" + b"".join(n.to_bytes(size) for n, size in ((6, 4), (0, 2), (1, 2), (500, 2)))
    return header + b"MTrk" + len(track).to_bytes(4) + track


def play(
    notes: list[Note],
    soundfont: Path,
    *,
    program: int = 0,
    channel: int = 0,
    settings: tuple[str, ...],
) -> tuple[np.ndarray, int]:
    """The notes as the soundfont's instrument plays them: samples `time channels` and their rate.

    Args:
        program: General MIDI number of the instrument, from 0.
        channel: of MIDI; `DRUMS` is for drums.
        settings: of fluidsynth, besides `SETTINGS`.

    Raises:
        RenderError: fluidsynth is not installed, fails or renders silence.
    """
    fluidsynth = shutil.which("fluidsynth")
    if fluidsynth is None:
        raise RenderError("the program fluidsynth is not installed")
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder) / "score.mid", Path(folder) / "score.wav"
        score.write_bytes(midi(notes, program, channel))
        command = [fluidsynth, "-n", "-i", "-q", "-T", "wav", "-F", str(sound)]
        command += [part for setting in (*SETTINGS, *settings) for part in ("-o", setting)]
        command += [str(soundfont.resolve()), str(score)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        said = " ".join(done.stderr.split()) or "no message"
        if done.returncode or not sound.exists():
            raise RenderError(f"fluidsynth failed (exit {done.returncode}): {said}")
        y, sr = read(sound)
    if np.abs(y).max(initial=0.0) < 1e-4:  # not zero: the reverb adds its own faint noise
        raise RenderError(f"fluidsynth rendered silence with {soundfont}: {said}")
    return y, sr


def read(path: Path) -> tuple[np.ndarray, int]:
    """The samples `time channels` of a sound file and their rate.

    Raises:
        RenderError: it cannot be read.
    """
    try:
        return sf.read(path, always_2d=True)
    except sf.LibsndfileError as error:
        raise RenderError(f"{path} cannot be read as sound: {error.error_string}") from None
