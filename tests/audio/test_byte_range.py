import io
import os

import pytest

from nstaudio.audio.byte_range import ByteRange

DATA = bytes(range(100))


def test_a_part_reads_as_a_file_of_its_own():
    part = ByteRange(io.BytesIO(DATA), 10, 30)
    assert (part.size, part.read(5), part.tell()) == (20, DATA[10:15], 5)
    assert part.read() == DATA[15:30]
    assert part.read(1) == b""
    assert part.seek(-3, os.SEEK_END) == 17
    assert part.read() == DATA[27:30]
    assert part.part(5, 8).read() == DATA[15:18]


@pytest.mark.parametrize("n", [1, 3, 20])
def test_patches_replace_bytes_however_they_are_read(n):
    part = ByteRange(io.BytesIO(DATA), 10, 30)
    part.patches = [(4, b"abcd"), (18, b"yz")]
    expected = DATA[10:14] + b"abcd" + DATA[18:28] + b"yz"
    assert b"".join(iter(lambda: part.read(n), b"")) == expected


def test_a_position_outside_is_no_error():
    part = ByteRange(io.BytesIO(DATA), 10, 30)
    assert part.seek(-1) == -1
    assert part.seek(2**80) == 2**80
    assert part.read(1) == b""


def test_bytes_are_found_across_blocks():
    data = bytes(2**16 - 2) + b"OggS" + bytes(10)
    part = ByteRange(io.BytesIO(data), 0, len(data))
    assert part.find(b"OggS", 0) == 2**16 - 2
    assert part.find(b"OggS", 2**16 - 1) is None
