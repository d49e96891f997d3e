"""Damage to sound files, inside their containers too, for fuzz_inputs.py."""

import struct
from collections.abc import Callable

import numpy as np


def _crc_table() -> np.ndarray:
    table = np.zeros(256, np.uint32)
    for i in range(256):
        r = i << 24
        for _ in range(8):
            r = (r << 1) ^ (0x04C11DB7 if r & 0x80000000 else 0)
        table[i] = r & 0xFFFFFFFF
    return table


_CRC = [int(x) for x in _crc_table()]


def rewrite_pages(data: bytes, *, serial: int | None = None) -> bytes:
    """Ogg pages with right checksums, so that a decoder looks further."""
    out, at = bytearray(data), 0
    while (at := data.find(b"OggS", at)) >= 0 and at + 27 <= len(data):
        n_segments = data[at + 26]
        end = at + 27 + n_segments + sum(data[at + 27 : at + 27 + n_segments])
        if serial is not None:
            struct.pack_into("<I", out, at + 14, serial)
        out[at + 22 : at + 26] = bytes(4)
        crc = 0
        for byte in out[at:end]:
            crc = ((crc << 8) & 0xFFFFFFFF) ^ _CRC[(crc >> 24) ^ byte]
        struct.pack_into("<I", out, at + 22, crc)
        at = max(end, at + 4)
    return bytes(out)


_SIZES = (0, 1, 3, 2**15, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1)
_HEADER = 200


def _flip_bits(rng: np.random.Generator, data: bytes) -> bytes:
    out = bytearray(data)
    reach = len(out) if rng.random() < 0.2 else min(_HEADER, len(out))
    for at in rng.integers(0, reach, rng.integers(1, 6)):
        out[at] ^= 1 << rng.integers(8)
    return bytes(out)


def _noise(rng: np.random.Generator, data: bytes) -> bytes:
    out = bytearray(data)
    reach = len(out) if rng.random() < 0.2 else min(_HEADER, len(out))
    at, n = int(rng.integers(0, reach)), int(rng.integers(1, 17))
    out[at : at + n] = rng.bytes(min(n, len(out) - at))
    return bytes(out)


def _truncate(rng: np.random.Generator, data: bytes) -> bytes:
    reach = min(len(data), 4 * _HEADER) if rng.random() < 0.5 else len(data)
    return data[: rng.integers(0, reach)]


def _extend(rng: np.random.Generator, data: bytes) -> bytes:
    return data + (rng.bytes(300) if rng.random() < 0.5 else bytes(300))


def _zero(rng: np.random.Generator, data: bytes) -> bytes:
    at = int(rng.integers(0, len(data)))
    n = int(rng.integers(1, max(2, len(data) - at)))
    return data[:at] + bytes(n) + data[at + n :]


def _remove(rng: np.random.Generator, data: bytes) -> bytes:
    at, n = int(rng.integers(0, len(data))), int(rng.integers(1, 64))
    return data[:at] + data[at + n :]


def _double(rng: np.random.Generator, data: bytes) -> bytes:
    """A piece twice: a chunk where there are any."""
    starts = _chunks(data) or [int(rng.integers(0, len(data)))]
    at = int(rng.choice(starts))
    n = int(rng.integers(8, 200))
    if at in _chunks(data):
        (size,) = struct.unpack_from("<I" if data[:4] in (b"RIFF", b"RF64") else ">I", data, at + 4)
        n = 8 + min(size, len(data))
    return data[: at + n] + data[at : at + n] + data[at + n :]


_IDS = (b"fmt ", b"data", b"fact", b"PEAK", b"ds64", b"COMM", b"SSND", b"LIST", b"desc", b"kuki")


def _chunks(data: bytes) -> list[int]:
    """The beginnings of chunks."""
    found = [data.find(name, 0, 4096) for name in _IDS]
    return [at for at in found if 0 <= at < len(data) - 24]


_BOXES = (b"moov", b"mdat", b"trak", b"mdhd", b"elst", b"stts", b"stsz", b"stsc", b"stco", b"esds")


def _size(rng: np.random.Generator, data: bytes) -> bytes:
    """A chunk's or box's size, or the whole file's, is another."""
    out = bytearray(data)
    boxes = [at for at in map(data.find, _BOXES) if at >= 4] if data[4:8] == b"ftyp" else []
    if boxes:
        at = int(rng.choice(boxes))
        size = int(rng.choice([*_SIZES, len(data), int.from_bytes(data[at - 4 : at], "big") + 8]))
        struct.pack_into(">I", out, at - 4, size % 2**32)
        return bytes(out)
    at = int(rng.choice([0, *_chunks(data)]))
    size = int(rng.choice(_SIZES)) if rng.random() < 0.7 else int(rng.integers(0, 2 * len(data)))
    if len(out) >= at + 8:
        struct.pack_into(str(rng.choice(["<I", ">I"])), out, at + 4, size)
    return bytes(out)


def _field(rng: np.random.Generator, data: bytes) -> bytes:
    """The number of channels, the rate, the bits, the frames: one of them is another."""
    out = bytearray(data)
    value = int(rng.choice([*_SIZES, 2, 7, 64, 65, 1000, 1024, 22050, 65535, 2**20]))
    if (at := data.find(b"fmt ")) >= 0 and len(out) > at + 40:
        where, size = [(8, 2), (10, 2), (12, 4), (16, 4), (20, 2), (22, 2)][rng.integers(6)]
        order = "little"
    elif (at := data.find(b"COMM")) >= 0 and len(out) > at + 26:
        where, size = [(8, 2), (10, 4), (14, 2), (16, 4), (20, 4)][rng.integers(5)]
        order = "big"
    elif data[:4] == b"fLaC" and len(out) > 40:  # 20 bits of rate, 3 of channels, 5 of bits
        at, where, size = 0, *[(18, 3), (20, 2), (21, 5), (8, 2), (10, 2)][rng.integers(5)]
        order = "big"
        if where == 21:
            value = int(rng.choice([0, 1, 2**20, 2**31, 2**36 - 1])) | (out[21] & 0xF0) << 32
    elif data[:4] == b"OggS" and len(out) > 60:
        pages = [i for i in range(len(data) - 27) if data[i : i + 4] == b"OggS"]
        at, order = int(rng.choice(pages)), "little"
        where, size = [(5, 1), (6, 8), (18, 4), (27 + 1 + 11, 1), (27 + 1 + 12, 4)][rng.integers(5)]
        value = int(rng.choice([value, 2**40, 2**62, 2**63 - 1, 2**64 - 1]))
    elif (at := max(data.find(b"Xing"), data.find(b"Info"))) >= 0 and len(out) > at + 150:
        where, size = [(4, 4), (8, 4), (12, 4), (141, 3)][rng.integers(4)]
        order = "big"
    elif data[:4] == b".snd":
        at, (where, size), order = (
            0,
            [(4, 4), (8, 4), (12, 4), (16, 4), (20, 4)][rng.integers(5)],
            "big",
        )
    elif data[4:8] == b"ftyp" and (found := [i for i in map(data.find, _BOXES) if i > 0]):
        at, where, size, order = int(rng.choice(found)), int(rng.integers(4, 40)), 4, "big"
    elif (at := data.find(b"desc")) >= 0 and len(out) > at + 44:
        where, size, order = int(rng.choice([12, 24, 28, 32, 36, 40])), 4, "big"
    else:
        return _flip_bits(rng, data)
    raw = (value % 256**size).to_bytes(size, "little" if order == "little" else "big")
    out[at + where : at + where + size] = raw
    return rewrite_pages(bytes(out)) if data[:4] == b"OggS" else bytes(out)


def _flip_with_checksum(rng: np.random.Generator, data: bytes) -> bytes:
    return rewrite_pages(_flip_bits(rng, data)) if data[:4] == b"OggS" else _flip_bits(rng, data)


Mutation = Callable[[np.random.Generator, bytes], bytes]

MUTATIONS: tuple[Mutation, ...] = (
    *(_field,) * 4,
    *(_flip_bits,) * 2,
    *(_noise,) * 2,
    *(_size,) * 2,
    *(_truncate,) * 2,
    _flip_with_checksum,
    _extend,
    _zero,
    _remove,
    _double,
)
