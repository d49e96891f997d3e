import io
import re
import struct

import numpy as np
import pytest

from nstaudio.audio.containers import examine, mpeg_frame_bytes

from helpers import SR, music
from sound_files import encode, written

Y = music(1, 1.0)


def test_zeros_before_a_recording_are_left_out():
    data = encode(Y, SR, "mp3", "libmp3lame")
    contents = examine(io.BytesIO(bytes(70_000) + data))
    assert contents.parts[0].at(0, 10**6) == data
    assert contents.faults == ["begins with 70000 zero bytes, which are left out"]


def test_the_zeros_of_a_size_belong_to_it():
    data = encode(Y, SR, "ipod", "aac")
    assert data[:2] == b"\0\0"
    contents = examine(io.BytesIO(data))
    assert (contents.parts[0].size, contents.faults) == (len(data), [])


def test_nothing_but_zeros():
    (part,) = examine(io.BytesIO(bytes(1000))).parts
    assert part.size == 1000


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("mp4", "aac", {"movflags": "empty_moov"}),
        ("mov", "alac", {"movflags": "empty_moov"}),
        ("matroska", "flac", {}),
        ("webm", "libopus", {}),
        ("asf", "wmav2", {}),
    ],
)
def test_boxes_say_how_long_a_file_is(container, codec, options):
    data = encode(Y, 48000, container, codec, options=options)
    assert examine(io.BytesIO(data)).faults == []
    (fault,) = examine(io.BytesIO(data[:-500])).faults
    there, stated = map(int, re.findall(r"\d+", fault))
    assert fault == f"is cut short: {there} of {stated} bytes are there and read"
    assert (there, stated) == (len(data) - 500, pytest.approx(len(data), abs=100))  # mfra or none


def test_streams_of_open_length_are_not_cut_short():
    """As browsers record: the size of the segment, or of a broadcast, is not known."""
    webm = encode(Y, 48000, "webm", "libopus", options={"live": "1"})
    assert examine(io.BytesIO(webm[:-100])).faults == []
    wma = bytearray(encode(Y, 48000, "asf", "wmav2"))
    flags_at = wma.index(bytes.fromhex("a1dcab8c47a9cf11")) + 88
    wma[flags_at] |= 1
    assert examine(io.BytesIO(bytes(wma[:-100]))).faults == []


def test_an_mp4_without_its_index():
    data = encode(Y, SR, "mp4", "aac")
    (fault,) = examine(io.BytesIO(data[: len(data) // 2])).faults
    assert fault == "is an mp4 that is cut short before its index (the moov box)"


def test_an_ogg_chain_is_cut_into_its_links():
    links = [
        encode(Y, 48000, "ogg", "libopus"),
        encode(Y, SR, "ogg", "flac"),
        bytes(written(Y, SR, "OGG", "VORBIS")),
    ]
    contents = examine(io.BytesIO(b"".join(links)))
    assert [part.at(0, 10**6) for part in contents.parts] == links
    assert contents.faults == []


def test_a_stream_that_begins_without_saying_so_is_a_link():
    first, second = (encode(Y, 48000, "ogg", codec) for codec in ("libopus", "flac"))
    assert second[5] == 2
    contents = examine(io.BytesIO(first + second[:5] + b"\0" + second[6:]))
    assert [part.size for part in contents.parts] == [len(first), len(second)]


def test_streams_side_by_side_are_one_recording():
    data = encode(Y, SR, "ogg", "flac", n_tracks=2)
    assert len(examine(io.BytesIO(data)).parts) == 1


def test_an_ogg_stream_without_an_end_may_be_cut_short():
    data = bytes(written(Y, SR, "OGG", "VORBIS"))
    last = data.rindex(b"OggS")
    for cut in (data[:last], data[:-1]):
        assert examine(io.BytesIO(cut)).faults == ["may be cut short: its stream has no end"]


def test_garbage_between_pages_is_stepped_over():
    data = bytes(written(Y, SR, "OGG", "VORBIS"))
    last = data.rindex(b"OggS")
    contents = examine(io.BytesIO(data[:last] + b"garbage" * 20_000 + data[last:]))
    assert (len(contents.parts), contents.faults) == (1, [])


def test_the_frames_that_an_mp3_states():
    """LAME pads to whole frames of 576 samples at this rate, and adds its delay."""
    assert 38 < examine(io.BytesIO(encode(Y, SR, "mp3", "libmp3lame"))).n_mpeg_frames < 43
    plain = encode(Y, SR, "mp3", "libmp3lame", options={"write_xing": "0"})
    assert examine(io.BytesIO(plain)).n_mpeg_frames == 0


def test_more_padding_than_an_encoder_adds_is_named():
    data = bytearray(encode(Y, SR, "mp3", "libmp3lame"))
    assert examine(io.BytesIO(bytes(data))).faults == []
    tag = max(data.find(b"Xing"), data.find(b"Info"))
    assert data[tag + 7] == 15, "frames, bytes, seek points and quality"
    lame = tag + 8 + 4 + 4 + 100 + 4
    data[lame + 21 : lame + 24] = b"\xff\xf0\x01"  # 4095 and 1
    (fault,) = examine(io.BytesIO(bytes(data))).faults
    assert fault.startswith("has a tag that takes 4095 samples before the sound and 1 behind it")


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100, 48000])
def test_the_size_of_an_mpeg_frame_leads_to_the_next(sr):
    options = {"write_xing": "0", "id3v2_version": "0"}
    data = encode(music(1, 1.0, sr), sr, "mp3", "libmp3lame", options=options)
    data = data[data.index(b"\xff") :]
    at = n_frames = 0
    while at < len(data):
        size = mpeg_frame_bytes(data[at : at + 4])
        assert size is not None
        at, n_frames = at + size, n_frames + 1
    assert at == len(data)
    assert n_frames == pytest.approx(sr / (576 if sr < 32000 else 1152), abs=3)


@pytest.mark.parametrize("head", [b"", b"RIFF", b"\xff\xfb", b"\xff\xfb\xf0\0", b"\xff\xfb\x9c\0"])
def test_what_is_no_mpeg_frame(head):
    assert mpeg_frame_bytes(head) is None


def test_damaged_heads_raise_nothing():
    rng = np.random.default_rng(0)
    heads = [b"OggS", b"RIFF\0\0\0\0WAVE", b"FORM\0\0\0\0AIFFCOMM", b"caff", b".snd", b"fLaC"]
    heads += [b"\x1aE\xdf\xa3", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), b"ID3"]
    heads += [struct.pack(">I", n) + b"ftyp" for n in (0, 1, 7, 2**32 - 1)]
    for head in heads:
        for n in (0, 1, 3, 11, 30, 200):
            examine(io.BytesIO(head + rng.bytes(n)))
            examine(io.BytesIO(head + bytes(n)))
