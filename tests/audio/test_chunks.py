"""Files by libsndfile whose sizes are overwritten; what has to be read is known."""

import io
import struct

import numpy as np
import pytest

from nstaudio.audio.byte_range import ByteRange
from nstaudio.audio.chunks import put_sizes_right
from nstaudio.audio.decoding import Sound

from helpers import SR, music
from sound_files import with_size, written

N = 4000
Y = music(1)[:N]
PCM = np.round(Y * 2**15) / 2**15
W64_DATA = b"data\xf3\xac"


def read(data: bytes) -> tuple[np.ndarray, list[str]]:
    sound = Sound(io.BytesIO(data))
    y = np.concatenate(list(sound.blocks()))[:, 0]
    return y, sound.faults()


# the chunk, the form of its size, how far behind its name, what the size counts beside the samples
SIZES = {
    "WAV": (b"data", "<I", 4, 0),
    "AIFF": (b"SSND", ">I", 4, 8),
    "W64": (W64_DATA, "<Q", 16, 24),
    "AU": (b".snd", ">I", 8, 0),
    "CAF": (b"data", ">Q", 4, 4),
    "RF64": (b"ds64", "<Q", 16, 0),
}


UNKNOWN = [0, 0x7F000000, 0x7FFFF000, 2**31 - 1, 2**31, 2**32 - 1 - 36, 2**32 - 1]


@pytest.mark.parametrize(
    ("kind", "size"),
    [(kind, size) for kind in SIZES for size in UNKNOWN]
    + [(kind, 2**63 - 1) for kind, (_, form, _, _) in SIZES.items() if "Q" in form],
)
def test_a_size_that_stands_for_unknown_means_all(kind, size):
    chunk, form, offset, more = SIZES[kind]
    largest = 2 ** (8 * struct.calcsize(form)) - 1
    data = with_size(written(Y, SR, kind), chunk, form, min(size + more, largest), offset=offset)
    y, faults = read(data)
    np.testing.assert_allclose(y, PCM, atol=2**-15)
    assert (len(y), faults) == (N, [])


def test_aiff_of_unknown_length_in_both_its_chunks():
    """SoX leaves 0x7F000008 bytes, and so many samples, when it writes to a pipe."""
    data = with_size(written(Y, SR, "AIFF"), b"SSND", ">I", 0x7F000008)
    data = with_size(data, b"COMM", ">I", 0x3F800000, offset=10)
    y, faults = read(data)
    assert (len(y), faults) == (N, [])


@pytest.mark.parametrize("kind", SIZES)
def test_a_header_a_few_bytes_off_is_no_truncation(kind):
    chunk, form, offset, more = SIZES[kind]
    data = with_size(written(Y, SR, kind), chunk, form, 2 * N + 16 + more, offset=offset)
    y, (fault,) = read(data)
    assert len(y) == N
    assert "the header is wrong, or the end is missing" in fault
    assert "cut short" not in fault


@pytest.mark.parametrize("kind", SIZES)
def test_what_is_cut_short_is_said_to_be(kind):
    data = bytes(written(Y, SR, kind))
    y, (fault,) = read(data[:-4000])
    assert len(y) == N - 2000
    assert fault.startswith("is cut short: ")


def test_sound_behind_the_stated_end_is_named():
    data = with_size(written(Y, SR, "WAV"), b"data", "<I", 2 * N - 1000)
    y, (fault,) = read(data)
    assert len(y) == N - 500
    assert fault == "holds 1000 bytes behind the audio that its header states, which are not read"


def test_a_second_recording_is_named():
    data = bytes(written(Y, SR, "WAV"))
    y, (fault,) = read(data + data)
    assert len(y) == N
    assert fault.startswith("holds a second recording of ")
    _, (fault,) = read(data + b"data" + struct.pack("<I", 2 * N) + bytes(2 * N))
    assert fault == f"holds a second recording of {2 * N} bytes behind the first, which is not read"


@pytest.mark.parametrize("rest", [b"LIST\x04\0\0\0INFO", b"\0" * 6, b"", b"id3 \x02\0\0\0ID"])
def test_what_follows_the_sound_lawfully_is_no_fault(rest):
    y, faults = read(bytes(written(Y, SR, "WAV")) + rest)
    assert (len(y), faults) == (N, [])


def test_an_odd_chunk_may_be_padded_or_not():
    data = bytes(written(Y[:101], SR, "WAV", "PCM_U8"))
    for end in (data[-1:] == b"\0", True):
        body = data if end else data[:-1]
        y, faults = read(body + b"LIST\x04\0\0\0INFO")
        assert (len(y), faults) == (101, [])


def test_a_broken_peak_chunk_is_no_hindrance():
    data = with_size(written(Y, SR, "WAV", "FLOAT"), b"PEAK", "<I", 2, offset=8)
    y, faults = read(data)
    np.testing.assert_array_equal(y, Y)
    assert faults == []


def test_a_recording_of_nothing_stays_one():
    data = bytes(written(Y[:0], SR, "WAV")) + b"LIST\x04\0\0\0INFO"
    part = ByteRange(io.BytesIO(data), 0, len(data))
    assert (put_sizes_right(part), part.patches) == ([], [])


def test_other_files_have_no_chunks():
    data = bytes(written(Y, SR, "FLAC"))
    assert put_sizes_right(ByteRange(io.BytesIO(data), 0, len(data))) is None
