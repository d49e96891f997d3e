"""Audio files to samples and back, with every check of bad input.

soundfile rather than `librosa.load`, which resamples, mixes and shortens damaged files in silence.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float

from nstaudio.audio import samples
from nstaudio.audio.samples import Channels
from nstaudio.errors import InputError, number, one_line

CLIPS_DIR = Path(__file__).parent / "clips"
"""The demo clips; their origin and licences are in LICENSES.md there."""

_MAX_OGG_PAGE = 65307  # bytes

BLOCK_FRAMES = 2**16  # samples read or written together

_IN_MEMORY = 2**27  # bytes: 5 minutes of 44.1 kHz stereo, as float32

_MPEG_SLACK = 2 * 1152  # an encoder's delay and padding: up to two MPEG frames may be missing


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording as its file holds it.

    Attributes:
        name: the file's name without its extension.
        y: float32 samples with full scale 1; a long recording's are on disk, not in memory.
        sr: their rate, Hz.
        path: the file.
        subtype: its coding, in soundfile's words: `PCM_16`, `FLOAT`, `VORBIS`.
        label: its name in errors.
    """

    name: str
    y: Channels
    sr: int
    path: Path
    subtype: str
    label: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.y) / self.sr

    def mono(self, sr: int) -> np.ndarray:
        """The whole recording as mono samples at the rate `sr`, Hz, see `samples.prepare`."""
        return samples.prepare(self.y, self.sr, target_sr=sr, name=self.label)


def load(
    path: str | os.PathLike[str],
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    role: str = "clip",
) -> Recording:
    """Read a wav, flac, ogg, mp3 or aiff file of any length.

    Args:
        start_s: where to start, s.
        duration_s: seconds to read at most; `None` reads to the end.
        role: the clip's name in errors (`content`, `style`).

    Raises:
        InputError: there is no such file, it is no audio, it is damaged or cut short, or
            `samples.check` refuses what it holds.
    """
    start_s = number(f"{role}.start_s", start_s, at_least=0)
    if duration_s is not None:
        duration_s = number(f"{role}.duration_s", duration_s, above=0)
    file, what = Path(path), f"{role} file {one_line(path)}"
    try:
        file = file.expanduser()
        what = f"{role} file {one_line(file)}"
        if not file.exists():
            raise InputError(f"{what} does not exist")
        if file.is_dir():
            raise InputError(f"{what} is a folder, not an audio file")
        if not file.is_file():
            raise InputError(f"{what} is not a regular file")
        if file.stat().st_size == 0:
            raise InputError(f"{what} is empty (0 bytes)")
        return _read(file, what, start_s, duration_s)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: ~nobody
        if isinstance(error, InputError):
            raise
        raise InputError(f"{what} cannot be read: {one_line(error)}") from error


def load_all(
    path: str | Sequence[str],
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    role: str = "clip",
) -> list[Recording]:
    """Read one file, or several.

    Args:
        path: the file or files.
        start_s, duration_s, role: for each of them, see `load`.

    Raises:
        InputError: there is no path at all, or `load` refuses one of the files.
    """
    paths = [path] if isinstance(path, str) else path
    if not paths:
        raise InputError(f"{role}.path is an empty list; name at least one audio file")
    return [load(p, start_s=start_s, duration_s=duration_s, role=role) for p in paths]


def _read(file: Path, what: str, start_s: float, duration_s: float | None) -> Recording:
    try:
        # By its descriptor: soundfile takes a name for a promise of the format, and for UTF-8.
        with (
            file.open("rb") as stream,
            soundfile.SoundFile(stream.fileno(), closefd=False) as source,
        ):
            sr, n_total = source.samplerate, source.frames
            samples.check_format(sr, source.channels, name=what)
            _check_complete(what, source.extra_info)
            if source.format == "OGG":
                _check_ogg_end(file, what)
            start = round(start_s * sr)
            if start and start >= n_total:
                raise InputError(
                    f"{what} is {n_total / sr:.2f} s long; it cannot start at {start_s:g} s"
                )
            n = n_total - start
            if duration_s is not None:
                n = min(n, max(1, round(duration_s * sr)))
            if start:  # some codings cannot seek
                source.seek(start)
            y = spool(_blocks(source, n), source.channels)
            slack = _MPEG_SLACK if source.format == "MP3" else 0
            subtype = source.subtype
    except soundfile.LibsndfileError as error:
        reason = one_line(error.error_string).rstrip(". ")
        raise InputError(
            f"{what} cannot be decoded ({reason}); wav, flac, ogg, mp3 and aiff are read: it is "
            "another format (convert it first) or damaged"
        ) from error
    if len(y) < n - slack:
        raise _truncated(what, f"{len(y)} of {n} samples could be read")
    return Recording(one_line(file.stem), samples.check(y, sr, name=what), sr, file, subtype, what)


def _blocks(source: soundfile.SoundFile, n: int) -> Iterator[np.ndarray]:
    """The next `n` samples in blocks, or fewer where the header claims too many."""
    while n > 0:
        block = source.read(min(n, BLOCK_FRAMES), dtype="float32", always_2d=True)
        if not len(block):
            return
        n -= len(block)
        yield block


def spool(blocks: Iterable[Float[np.ndarray, "block channels"]], n_channels: int) -> Channels:
    """Blocks of samples as one array: in memory while it is small, else in an unnamed file.

    The system removes such a file with the process, however that ends.
    """
    buffer: list[np.ndarray] = []
    n_bytes = 0
    with contextlib.ExitStack() as closing:
        file = None
        for block in blocks:
            buffer.append(np.ascontiguousarray(block, np.float32))
            n_bytes += buffer[-1].nbytes
            if n_bytes > _IN_MEMORY:
                file = file or closing.enter_context(tempfile.TemporaryFile())
                file.writelines(part.data for part in buffer)
                buffer.clear()
        if file is None:
            return np.concatenate([np.zeros((0, n_channels), np.float32), *buffer])
        file.flush()
        return np.memmap(file, np.float32, mode="r").reshape(-1, n_channels)


def _check_complete(what: str, log: str) -> None:
    """Refuse a file that libsndfile repaired silently: its parser's log says so."""
    # A size of 0 or with the top bit set is what a program writes that cannot seek back to fix it.
    for stated, actual in re.findall(r"^data : (\d+) \(should be (\d+)\)", log, re.MULTILINE):
        if 0 < int(stated) < 2**31 - 1 and int(actual) < int(stated):
            raise _truncated(what, f"{actual} of {stated} bytes of audio are there")
    comm = re.search(r"read from 'COMM' chunk \((\d+)\) not equal to frame count", log)
    ssnd = re.search(r"from length of 'SSND' chunk \((\d+)\)", log)
    if comm and ssnd and int(ssnd[1]) < int(comm[1]):
        raise _truncated(what, f"{ssnd[1]} of {comm[1]} samples are there")


def _check_ogg_end(file: Path, what: str) -> None:
    """Refuse an Ogg stream whose last page is not marked as its end, or is cut (RFC 3533)."""
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 2 * _MAX_OGG_PAGE))
        tail = stream.read()
    page = tail[tail.rfind(b"OggS") :]
    n_segments = page[26] if len(page) > 26 else 0
    n_bytes = 27 + n_segments + sum(page[27 : 27 + n_segments])
    if len(page) < n_bytes or not page[5] & 4:
        raise _truncated(what, "its stream has no end")


def _truncated(what: str, detail: str) -> InputError:
    return InputError(f"{what} is cut short: {detail}")
