"""Sound files written whole, in any format, with a gain."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from nstaudio.audio import samples
from nstaudio.audio.atomic_writing import replaced_atomically
from nstaudio.audio.samples import Channels, Waveform
from nstaudio.errors import InputError, choice, one_line


@dataclass(frozen=True)
class Coding:
    """The format and the sample coding of a sound file.

    Attributes:
        format: `wav`, `flac`, `ogg` or `mp3`.
        subtype: of the samples, in soundfile's words (`PCM_16`, `PCM_24`, `FLOAT`); `None` is the
            content's where the format has it, else the format's best.

    Raises:
        InputError: another format, or a subtype that it does not have.
    """

    format: str = "wav"
    subtype: str | None = None

    def __post_init__(self) -> None:
        choice("output.format", self.format, _BEST)
        if self.subtype is not None:
            choice(
                "output.subtype", self.subtype, soundfile.available_subtypes(self.format.upper())
            )

    def like(self, subtype: str) -> str:
        """The subtype to write for a content of this `subtype`."""
        if self.subtype is not None:
            return self.subtype
        return subtype if subtype in _LOSSLESS.get(self.format, ()) else _BEST[self.format]

    def check(self, sr: int, n_channels: int) -> None:
        """Check that the format has this rate, Hz, and so many channels.

        Explicitly: asked for a rate it does not have, libvorbis ends the process.

        Raises:
            InputError: it has not.
        """
        limit = _MAX_CHANNELS.get(self.format, samples.MAX_CHANNELS)
        if n_channels > limit:
            raise InputError(
                f"output.format={self.format} holds at most {limit} channels, not {n_channels}; "
                "output.channels=1 mixes them, output.format=wav holds them"
            )
        rates = _RATES.get(self.format)
        if rates is not None and sr not in rates:
            allowed = (
                f"up to {rates[-1]}" if isinstance(rates, range) else ", ".join(map(str, rates))
            )
            raise InputError(
                f"output.format={self.format} has rates of {allowed} Hz, not {sr}; choose another "
                "output.sr or output.format=wav"
            )

    def open(self, stream: Any, sr: int, y: Channels, subtype: str) -> soundfile.SoundFile:
        """A sound file in the binary `stream`, to which `y` can be written, see `save`."""
        subtype = self.like(subtype)
        large = self.format == "wav" and 8 * y.size > _MAX_WAV_BYTES  # as DOUBLE, the largest
        format_ = "RF64" if large else self.format.upper()
        return soundfile.SoundFile(stream, "w", sr, y.shape[1], subtype, format=format_)


_BEST = {"wav": "PCM_24", "flac": "PCM_24", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}

_LOSSLESS = {
    "wav": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"),
    "flac": ("PCM_S8", "PCM_16", "PCM_24"),
}

_MAX_CHANNELS = {"flac": 8, "mp3": 2}

_RATES = {
    "flac": range(1, 655_351),
    "ogg": range(1, 200_001),
    "mp3": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
}

# Channels of wav in the order of Vorbis (Vorbis I, 4.3.9), which libsndfile leaves to its callers.
_VORBIS_ORDER = {
    3: [0, 2, 1],
    5: [0, 2, 1, 3, 4],
    6: [0, 2, 1, 4, 5, 3],
    7: [0, 2, 1, 5, 6, 4, 3],
    8: [0, 2, 1, 6, 7, 4, 5, 3],
}

_BLOCK_FRAMES = 2**16  # samples written together

_MAX_WAV_BYTES = 2**32 - 2**16  # bytes: the sizes in its header have 32 bits


class _Target(io.FileIO):
    """A file that keeps its errors for `check`: soundfile would print them and go on."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        try:
            while self.error is None and len(rest):
                rest = rest[super().write(rest) or 0 :]
        except OSError as error:
            self.error = error
        return len(data)

    def check(self) -> None:
        """Raise the first error."""
        if self.error is not None:
            raise self.error


def save(
    file: Path,
    y: Waveform,
    sr: int,
    *,
    coding: Coding = Coding(),
    subtype: str = "PCM_24",
    gain: float = 1.0,
) -> None:
    """Write a sound of any length; the file appears under its name only when it is whole.

    Args:
        y: float samples with full scale 1; integer codings cut what is beyond.
        sr: their rate, Hz.
        subtype: the content's, which `coding` may follow.
        gain: factor on all samples.

    Raises:
        OSError: the file cannot be written; then there is none.
    """
    y = y.reshape(len(y), -1)
    channels = _VORBIS_ORDER.get(y.shape[1], slice(None)) if coding.format == "ogg" else slice(None)
    try:
        with replaced_atomically(file) as temporary, _Target(temporary, "w") as stream:
            with coding.open(stream, sr, y, subtype) as target:
                for start in range(0, len(y), _BLOCK_FRAMES):
                    block = y[start : start + _BLOCK_FRAMES, channels]
                    target.write(block * np.float32(gain))
                    stream.check()
            stream.check()
    except soundfile.LibsndfileError as error:
        raise OSError(f"{one_line(file)} cannot be written: {one_line(error)}") from error
