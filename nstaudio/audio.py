"""Audio files to samples and back, with every check of bad input.

soundfile rather than `librosa.load`, which resamples, mixes and shortens damaged files in silence.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from nstaudio import samples
from nstaudio.errors import InputError, number, one_line

CLIPS_DIR = Path(__file__).parent / "clips"
"""The demo clips; their origin and licences are in LICENSES.md there."""

_LARGEST_OGG_PAGE = 65307  # bytes
_MPEG_SLACK = 2 * 1152  # an encoder's delay and padding: up to two MPEG frames may be missing


@dataclass(frozen=True, eq=False)
class Clip:
    """One recording, ready for analysis.

    Attributes:
        name: the file's name without its extension.
        y: mono float32 samples.
        sr: their rate, Hz.
        path: the file.
        source_sr, source_channels: what the file holds.
    """

    name: str
    y: np.ndarray
    sr: int
    path: Path
    source_sr: int
    source_channels: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.y) / self.sr


def load(
    path: str | os.PathLike[str],
    *,
    sr: int,
    start_s: float = 0.0,
    duration_s: float | None = None,
    role: str = "clip",
) -> Clip:
    """Read a wav, flac, ogg, mp3 or aiff file: mixed to mono and resampled to `sr`.

    Args:
        start_s: where to start, s.
        duration_s: seconds to read at most; `None` reads to the end.
        role: what to call the clip in errors (`content`, `style`).

    Raises:
        InputError: there is no such file, it is no audio, it is damaged or cut short, or
            `samples.prepare` refuses what it holds.
    """
    start_s = number(f"{role}.start_s", start_s, at_least=0)
    if duration_s is not None:
        duration_s = number(f"{role}.duration_s", duration_s, above=0)
    file = Path(path).expanduser()
    what = f"{role} file {one_line(file)}"
    try:
        if not file.exists():
            raise InputError(f"{what} does not exist")
        if file.is_dir():
            raise InputError(f"{what} is a folder, not an audio file")
        if not file.is_file():
            raise InputError(f"{what} is not a regular file")
        if file.stat().st_size == 0:
            raise InputError(f"{what} is empty (0 bytes)")
        data, source_sr = _read(file, what, start_s, duration_s)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{what} cannot be read: {one_line(error)}") from error
    y = samples.prepare(data, source_sr, target_sr=sr, name=what)
    return Clip(file.stem, y, sr, file, source_sr, data.shape[1])


def load_all(
    path: str | Sequence[str],
    *,
    sr: int,
    start_s: float = 0.0,
    duration_s: float | None = None,
    role: str = "clip",
) -> Clip:
    """One file, or several joined to one clip (`samples.join`).

    Args:
        path: the file or files.
        sr, start_s, duration_s, role: of each of them, see `load`.

    Raises:
        InputError: there is no path at all, or `load` refuses one of the files.
    """
    paths = [path] if isinstance(path, str) else path
    if not paths:
        raise InputError(f"{role}.path is an empty list; name at least one audio file")
    clips = [load(p, sr=sr, start_s=start_s, duration_s=duration_s, role=role) for p in paths]
    y = samples.join([clip.y for clip in clips], sr)
    return replace(clips[0], name="+".join(clip.name for clip in clips), y=y)


def _read(
    file: Path, what: str, start_s: float, duration_s: float | None
) -> tuple[np.ndarray, int]:
    try:
        with soundfile.SoundFile(file) as source:
            source_sr, n_total = source.samplerate, source.frames
            _check_complete(what, source.extra_info)
            if source.format == "OGG":
                _check_ogg_end(file, what)
            start = round(start_s * source_sr)
            if start and start >= n_total:
                raise InputError(
                    f"{what} is {n_total / source_sr:.2f} s long; it cannot start at {start_s:g} s"
                )
            n = n_total - start
            if duration_s is not None:
                n = min(n, max(1, round(duration_s * source_sr)))
            source.seek(start)
            data = source.read(n, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        reason = one_line(error.error_string).rstrip(". ")
        raise InputError(
            f"{what} cannot be decoded ({reason}); wav, flac, ogg, mp3 and aiff are read: it is "
            "another format (convert it first) or damaged"
        ) from error
    if len(data) < n - (_MPEG_SLACK if source.format == "MP3" else 0):
        raise _truncated(what, f"{len(data)} of {n} samples could be read")
    return data, source_sr


def _check_complete(what: str, log: str) -> None:
    """Refuse a file that libsndfile repaired silently: its parser's log says so."""
    # A size of 0 or with the top bit set is what a program writes that cannot seek back to fix it.
    for stated, found in re.findall(r"^data : (\d+) \(should be (\d+)\)", log, re.MULTILINE):
        if 0 < int(stated) < 2**31 - 1 and int(found) < int(stated):
            raise _truncated(what, f"{found} of {stated} bytes of audio are there")
    comm = re.search(r"read from 'COMM' chunk \((\d+)\) not equal to frame count", log)
    ssnd = re.search(r"from length of 'SSND' chunk \((\d+)\)", log)
    if comm and ssnd and int(ssnd[1]) < int(comm[1]):
        raise _truncated(what, f"{ssnd[1]} of {comm[1]} samples are there")


def _check_ogg_end(file: Path, what: str) -> None:
    """Refuse an Ogg stream whose last page is not marked as its end, or is cut (RFC 3533)."""
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 2 * _LARGEST_OGG_PAGE))
        tail = stream.read()
    page = tail[tail.rfind(b"OggS") :]
    n_segments = page[26] if len(page) > 26 else 0
    n_bytes = 27 + n_segments + sum(page[27 : 27 + n_segments])
    if len(page) < n_bytes or not page[5] & 4:
        raise _truncated(what, "its stream has no end")


def _truncated(what: str, detail: str) -> InputError:
    return InputError(f"{what} is cut short: {detail}")


def save(file: Path, y: np.ndarray, sr: int, *, subtype: str = "PCM_24") -> None:
    """Write mono samples as wav; the file appears under its name only when it is whole."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    soundfile.write(temporary, y, sr, format="WAV", subtype=subtype)
    temporary.replace(file)
