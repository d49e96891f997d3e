"""The chunks of wav, aiff, w64, caf and au files: sizes put right, and what was wrong with them.

Headers are written before the sound is: what a program to a pipe or a killed recorder leaves in
them is a placeholder, and what a broken copy leaves is too much. Sizes that cannot be true are
replaced before a decoder sees them, so that all of the sound is read.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from nstaudio.audio.byte_range import ByteRange


def put_sizes_right(part: ByteRange) -> list[str] | None:
    """Replace the sizes of the sound that cannot be true; `None` for a file without chunks.

    Returns:
        What was wrong or is left out: ends of sentences that begin with the file.
    """
    head = part.at(0, 64)
    if head[:4] == b".snd" and len(head) >= 24:
        return _put_au_right(part)
    layout = _layout(head)
    if layout is None:
        return None
    found: dict[bytes, _Chunk] = {}
    for chunk in _chunks(part, layout, layout.first):
        found.setdefault(chunk.name, chunk)
        if chunk.name == layout.audio:
            return _put_right(part, layout, found)
    return []


class _Layout(NamedTuple):
    """The way the chunks of a container are written.

    Attributes:
        first: where the first one begins.
        id_size: bytes of its name.
        size_format: of its size, see `struct`.
        inclusive: its size counts its name and its size.
        alignment: where the next may begin, bytes.
        audio: the name of the chunk of sound.
        prefix: bytes in it before the sound.
    """

    first: int
    id_size: int
    size_format: str
    inclusive: bool
    alignment: int
    audio: bytes
    prefix: int = 0

    @property
    def head_size(self) -> int:
        """Bytes before a chunk's content."""
        return self.id_size + struct.calcsize(self.size_format)


_RIFF = _Layout(12, 4, "<I", False, 2, b"data")
_RIFX = _RIFF._replace(size_format=">I")
_AIFF = _RIFX._replace(audio=b"SSND", prefix=8)
_W64 = _Layout(40, 16, "<Q", True, 8, b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a"))
_CAF = _Layout(8, 4, ">Q", False, 1, b"data", prefix=4)


def _layout(head: bytes) -> _Layout | None:
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return _RIFF
    if head[:4] == b"RIFX" and head[8:12] == b"WAVE":
        return _RIFX
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _AIFF
    if head[:4] == b"riff" and head[24:28] == b"wave":
        return _W64
    return _CAF if head[:4] == b"caff" else None


class _Chunk(NamedTuple):
    name: bytes
    size_at: int
    start: int
    size: int


def _chunks(part: ByteRange, layout: _Layout, at: int) -> Iterator[_Chunk]:
    """The chunks from a position on, up to what is none."""
    while at + layout.head_size <= part.size:
        head = part.at(at, layout.head_size)
        name = head[: layout.id_size]
        if not all(32 <= byte < 127 for byte in name[:4]):
            return
        (size,) = struct.unpack(layout.size_format, head[layout.id_size :])
        if layout.inclusive:
            size = max(0, size - layout.head_size)
        start = at + layout.head_size
        yield _Chunk(name, at + layout.id_size, start, size)
        at = start + size
        at += -at % layout.alignment


def _put_right(part: ByteRange, layout: _Layout, found: dict[bytes, _Chunk]) -> list[str]:
    audio = found[layout.audio]
    size_at, size_format, stated = audio.size_at, layout.size_format, audio.size
    large = found.get(b"ds64")
    if large is not None and stated == 2**32 - 1:
        size_at, size_format = large.start + 8, "<Q"
        stated = int.from_bytes(part.at(size_at, 8), "little")
    there = part.size - audio.start
    unknown = stated <= layout.prefix
    if unknown and _are_chunks(part, layout, audio.start + stated):
        return []  # a recording of nothing
    if not unknown and stated <= there:
        faults = _rest(part, layout, audio.start + stated)
    else:
        size = there + (layout.head_size if layout.inclusive else 0)
        part.patches.append((size_at, struct.pack(size_format, size)))
        if layout is _AIFF:  # whose decoder looks for more chunks up to here
            part.patches.append((4, struct.pack(">I", min(part.size - 8, 2**32 - 1))))
        faults = _difference(0 if unknown else stated, there)
        stated = there
    if b"COMM" in found:
        part.patches += _aiff_frames(part, found[b"COMM"], stated - layout.prefix)
    return faults


_PLACEHOLDERS = (2**31, 2**32, 2**63, 2**64)  # the largest sizes that fields hold, and one
_BELOW, _ABOVE = 2**24, 64  # bytes by which what stands for unknown differs from them
_HEADER_SLIP = 1024  # bytes by which a writer may have counted its own header as sound


def _difference(stated: int, there: int) -> list[str]:
    """Lines on more bytes stated than there are."""
    if stated == 0 or any(n - _BELOW <= stated <= n + _ABOVE for n in _PLACEHOLDERS):
        return []
    if stated <= there + _HEADER_SLIP:
        return [
            f"has {there} bytes of audio where its header states {stated}: the header is wrong, "
            "or the end is missing"
        ]
    return [f"is cut short: {there} of {stated} bytes of audio are there and read"]


def _are_chunks(part: ByteRange, layout: _Layout, at: int) -> bool:
    """True if chunks fill the part from a position to its end."""
    for chunk in _chunks(part, layout, at):
        at = chunk.start + chunk.size
    return part.size <= at <= part.size + 1


_MAX_REST = 2**16  # bytes of it that are looked at


def _rest(part: ByteRange, layout: _Layout, at: int) -> list[str]:
    """Lines on sound behind the chunk of sound."""
    padded = at + -at % layout.alignment
    chunks = list(_chunks(part, layout, padded)) or list(_chunks(part, layout, at))
    for chunk in chunks:
        if chunk.name in (layout.audio, b"RIFF", b"FORM"):
            return [
                f"holds a second recording of {part.size - chunk.start} bytes behind the first, "
                "which is not read"
            ]
    if not chunks and part.at(padded, _MAX_REST).strip(b"\0"):
        n = part.size - padded
        return [f"holds {n} bytes behind the audio that its header states, which are not read"]
    return []


_AIFC_PCM = (
    b"NONE",
    b"twos",
    b"sowt",
    b"raw ",
    b"in24",
    b"in32",
    b"fl32",
    b"FL32",
    b"fl64",
    b"FL64",
)


def _aiff_frames(part: ByteRange, comm: _Chunk, n_bytes: int) -> list[tuple[int, bytes]]:
    """The number of frames in a COMM chunk as the chunk of sound has it."""
    head = part.at(comm.start, 22).ljust(22, b"\0")
    n_channels, _, bits = struct.unpack(">HIH", head[:8])
    if part.at(8, 4) == b"AIFC" and head[18:22] not in _AIFC_PCM:
        return []
    n_frames = max(0, n_bytes) // max(1, n_channels * ((bits + 7) // 8))
    return [(comm.start + 2, struct.pack(">I", min(n_frames, 2**31 - 1)))]


def _put_au_right(part: ByteRange) -> list[str]:
    start, stated = struct.unpack(">II", part.at(4, 8))
    there = max(0, part.size - start)
    if 0 < stated <= there:
        return _rest(part, _RIFX, start + stated)
    part.patches.append((8, b"\xff\xff\xff\xff"))  # this format's own word for unknown
    return _difference(stated, there)
