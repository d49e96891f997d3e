"""The recordings in a file, and what its container states of its size against what is there."""

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from nstaudio.audio import chunks
from nstaudio.audio.byte_range import ByteRange


@dataclass
class Contents:
    """The recordings in a file, and its faults.

    Attributes:
        parts: recordings one after the other, each of which is decoded by itself.
        faults: what is wrong with it: ends of sentences that begin with the file.
        may_be_padded: what follows its last whole block of samples is no damage.
        n_mpeg_frames: as many as an mp3 states; 0 for one that does not.
    """

    parts: list[ByteRange]
    faults: list[str] = field(default_factory=list)
    may_be_padded: bool = False
    n_mpeg_frames: int = 0


def examine(stream: io.BufferedIOBase) -> Contents:
    """The recordings in a file, and what of them is missing."""
    size = stream.seek(0, os.SEEK_END)
    n_zeros = _n_zeros(stream, size)
    whole = ByteRange(stream, n_zeros, size)
    contents = _examine(whole)
    if n_zeros:
        contents.faults.append(f"begins with {n_zeros} zero bytes, which are left out")
    return contents


def _examine(whole: ByteRange) -> Contents:
    head = whole.at(0, 64)
    faults = chunks.put_sizes_right(whole)
    if faults is not None:
        return Contents([whole], faults, may_be_padded=True)
    if head[:4] == b"OggS":
        return _ogg(whole)
    if head[4:8] in _BOXES:
        return Contents([whole], _box_faults(whole))
    if head[:4] == _EBML:
        return Contents([whole], _missing(whole, _matroska_end(whole)))
    if head[:16] == _ASF:
        return Contents([whole], _missing(whole, _asf_size(whole)))
    return _mp3(whole)


_BLOCK = 2**16  # bytes read together


_MIN_ZEROS = 16  # fewer are part of a size or of a start code


def _n_zeros(stream: io.BufferedIOBase, size: int) -> int:
    """Zero bytes before the first that is none: some programs leave room before an mp3."""
    for start in range(0, size, _BLOCK):
        stream.seek(start)
        block = stream.read(_BLOCK)
        if rest := block.lstrip(b"\0"):
            n_zeros = start + len(block) - len(rest)
            return n_zeros if n_zeros >= _MIN_ZEROS else 0
    return 0


def _missing(part: ByteRange, stated: int | None) -> list[str]:
    """Lines on a file that is shorter than its container states."""
    if stated is None or part.size >= stated:
        return []
    return [f"is cut short: {part.size} of {stated} bytes are there and read"]


# ---- mp4, matroska, asf: their outermost boxes have sizes

_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")


def _box_faults(part: ByteRange) -> list[str]:
    """Lines on what an mp4 or mov lacks by its boxes (ISO 14496-12, 4.2)."""
    at, names = 0, []
    while at + 8 <= part.size:
        head = part.at(at, 16)
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        elif size == 0:
            size = part.size - at
        if size < 8:
            break
        names.append(name)
        at += size
    if b"moov" not in names:
        return ["is an mp4 that is cut short before its index (the moov box)"]
    return _missing(part, at)


_EBML = bytes.fromhex("1a45dfa3")


def _matroska_end(part: ByteRange) -> int | None:
    """The end of the segment of a mkv or webm; `None` where that is open (RFC 8794, 4 to 6)."""
    at = 0
    for _ in range(2):  # the EBML header, the segment
        head = part.at(at, 12).ljust(12, b"\0")
        id_size, size_size = 9 - head[0].bit_length(), 0
        if id_size <= 4:
            size_size = 9 - head[id_size].bit_length()
        if not 0 < size_size <= 8:
            return None
        unknown = 2 ** (7 * size_size) - 1
        size = int.from_bytes(head[id_size : id_size + size_size], "big") & unknown
        if size == unknown:
            return None
        at += id_size + size_size + size
    return at


_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_BROADCAST = 1


def _asf_size(part: ByteRange) -> int | None:
    """The size that a wma or wmv states; `None` for a stream (ASF specification, 3.2)."""
    head = part.at(0, _BLOCK)
    at = head.find(_ASF_PROPERTIES)
    if at < 0 or len(head) < at + 92:
        return None
    (size,) = struct.unpack_from("<Q", head, at + 40)
    (flags,) = struct.unpack_from("<I", head, at + 88)
    return None if flags & _ASF_BROADCAST else size


# ---- mp3


_MAX_DELAY = 2304  # samples that an encoder puts before the sound, and behind it
_FIELDS = ((1, 4), (2, 4), (4, 100), (8, 4))  # flags of frames, bytes, seek points, quality


def _mp3(part: ByteRange) -> Contents:
    """An mp3, with or without the header of Xing or LAME, or a file of an unknown kind."""
    head = part.at(0, 10)
    at = 0
    if head[:3] == b"ID3" and len(head) == 10:
        at = 10 + sum((byte & 0x7F) << 7 * (3 - i) for i, byte in enumerate(head[6:10]))
    frame = part.at(at, 300).ljust(300, b"\0")
    tag = max(frame.find(b"Xing", 0, 60), frame.find(b"Info", 0, 60))
    if tag < 0:
        return Contents([part])
    flags = frame[tag + 7]
    n_frames = int.from_bytes(frame[tag + 8 : tag + 12], "big") if flags & 1 else 0
    lame = tag + 8 + sum(size for flag, size in _FIELDS if flags & flag)
    delay, padding = divmod(int.from_bytes(frame[lame + 21 : lame + 24], "big"), 4096)
    faults = []
    if max(delay, padding) > _MAX_DELAY:
        faults.append(
            f"has a tag that takes {delay} samples before the sound and {padding} behind it for "
            "padding, more than an encoder adds; they are left out"
        )
    return Contents([part], faults, n_mpeg_frames=n_frames)


_KBPS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)  # Hz


def mpeg_frame_bytes(head: bytes) -> int | None:
    """The size of a frame of an mp3 by its first four bytes; `None` for what is no such frame.

    ISO 11172-3 and 13818-3, 2.4.1.3.
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    divisor = {3: 1, 2: 2, 0: 4}.get(head[1] >> 3 & 3)
    rate, bitrate = head[2] >> 2 & 3, head[2] >> 4
    if divisor is None or rate == 3 or not 0 < bitrate < 15:
        return None
    slots = 144 if divisor == 1 else 72
    kbps = _KBPS[min(divisor, 2)][bitrate]
    return slots * kbps * 1000 // (_RATES[rate] // divisor) + (head[2] >> 1 & 1)


def is_first_flac_frame(head: bytes) -> bool:
    """True of the first five bytes of a FLAC frame that is its stream's first, number 0.

    RFC 9639, 9.1: the sync code, and the number in the fifth byte.
    """
    return len(head) >= 5 and head[0] == 0xFF and head[1] & 0xFE == 0xF8 and head[4] == 0


# ---- ogg


def _ogg(whole: ByteRange) -> Contents:
    """The links of a chain (RFC 3533, 4): a decoder may take the first one's set-up for all.

    Logical streams side by side begin together, so a link begins with the first beginning of a
    stream that follows other pages.
    """
    starts, serials, in_heads, last = [], set(), False, None
    for page in _ogg_pages(whole):
        begins = page.begins or page.serial not in serials
        if begins and not in_heads:
            starts.append(page.start)
            serials.clear()
        serials.add(page.serial)
        in_heads, last = begins, page
    if not starts or last is None:
        return Contents([whole])
    ends = [*starts[1:], whole.size]
    parts = [whole.part(start, end) for start, end in zip(starts, ends, strict=True)]
    faults = []
    if last.end > whole.size or not last.ends:
        faults.append("may be cut short: its stream has no end")
    return Contents(parts, faults)


class _OggPage(NamedTuple):
    """A page: its place, its stream, and whether that begins or ends with it."""

    start: int
    end: int
    serial: bytes
    begins: bool
    ends: bool


def _ogg_pages(part: ByteRange) -> Iterator[_OggPage]:
    at: int | None = 0
    while at is not None and at + 27 <= part.size:
        head = part.at(at, 27 + 255)
        if head[:4] != b"OggS":
            at = part.find(b"OggS", at)
            continue
        n_segments = head[26]
        end = at + 27 + n_segments + sum(head[27 : 27 + n_segments])
        yield _OggPage(at, end, head[14:18], begins=bool(head[5] & 2), ends=bool(head[5] & 4))
        at = end
