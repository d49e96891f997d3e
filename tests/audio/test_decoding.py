"""Sounds that ffmpeg's and libsndfile's encoders make; what was encoded has to come back."""

import io
import subprocess
import sys

import av
import numpy as np
import pytest
import soundfile
import soxr

from nstaudio.audio.decoding import Sound, UndecodableError

from helpers import SR, music
from sound_files import encode, written

Y = music(1, 1.0)
RATE = 48000  # Opus has no other
FAST = music(1, 1.0, RATE)


def read(data: bytes) -> tuple[np.ndarray, list[str]]:
    """The first channel, and what is wrong."""
    sound = Sound(io.BytesIO(data))
    y = np.concatenate(list(sound.blocks()))
    assert (y.shape[1], y.dtype) == (sound.n_channels, np.float32)
    return y[:, 0], sound.faults()


def similarity(y: np.ndarray, expected: np.ndarray) -> float:
    n = min(len(y), len(expected))
    return float(np.corrcoef(y[:n], expected[:n])[0, 1])


@pytest.mark.parametrize(
    ("container", "codec", "subtype"),
    [
        ("ipod", "aac", "AAC"),
        ("mov", "alac", "PCM_24"),
        ("mp4", "aac", "AAC"),
        ("webm", "libopus", "OPUS"),
        ("matroska", "flac", "PCM_16"),
        ("ogg", "libopus", "OPUS"),
        ("ogg", "flac", "PCM_16"),
        ("mp3", "libmp3lame", "MP3"),
        ("wv", "wavpack", "PCM_16"),
        ("caf", "pcm_s24be", "PCM_24"),
    ],
)
@pytest.mark.parametrize("video", [False, True])
def test_every_format_gives_what_was_encoded(container, codec, subtype, video):
    if video and container not in ("mov", "mp4", "matroska"):
        return
    data = encode(FAST, RATE, container, codec, video=video)
    sound = Sound(io.BytesIO(data))
    assert (sound.sr, sound.n_channels, sound.subtype) == (RATE, 1, subtype)
    y = np.concatenate(list(sound.blocks()))[:, 0]
    assert (len(y), sound.faults()) == (len(FAST), [])
    assert similarity(y, FAST) > 0.99


def test_the_last_packet_of_alac_in_caf_is_sound():
    """ffmpeg by itself takes as padding what the packet does not hold."""
    y, faults = read(bytes(written(Y[:5000], SR, "CAF", "ALAC_16")))
    np.testing.assert_allclose(y, Y[:5000], atol=2**-15)
    assert (len(y), faults) == (5000, [])


@pytest.mark.parametrize("kind", ["VORBIS", "OPUS"])
def test_eight_channels(kind):
    """One after another they hold Y, in the order of wav."""
    y = np.zeros((8 * 6000, 8))
    for i in range(8):
        y[6000 * i : 6000 * (i + 1), i] = music(i, 6000 / RATE, RATE)
    sound = Sound(io.BytesIO(bytes(written(y, RATE, "OGG", kind))))
    read = np.concatenate(list(sound.blocks()))
    assert read.shape == y.shape
    order = [0, 2, 1, 6, 7, 4, 5, 3]  # RFC 7845, 5.1.1.2, to that of wav
    loudest = [
        int(np.argmax(np.abs(read[6000 * i + 1000 : 6000 * i + 5000]).sum(0))) for i in range(8)
    ]
    assert loudest == order


def test_a_telephone_and_windows_media():
    """Which keep no exact length: whole blocks."""
    y, faults = read(encode(music(1, 1.0, 8000), 8000, "3gp", "libopencore_amrnb"))
    assert (abs(len(y) - 8000) < 320, faults) == (True, [])
    y, faults = read(encode(Y, SR, "asf", "wmav2"))
    assert (abs(len(y) - SR) < 4096, faults) == (True, [])


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM"]
)
def test_wav_codings_are_read_as_libsndfile_reads_them(subtype):
    y = np.stack([Y, -0.5 * music(2, 1.0)], axis=1)
    data = bytes(written(y, SR, "WAV", subtype))
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    sound = Sound(io.BytesIO(data))
    read = np.concatenate(list(sound.blocks()))
    assert sound.faults() == []
    np.testing.assert_allclose(read[: len(expected)], expected, atol=1e-4 if "A" in subtype else 0)
    if "A" not in subtype:
        assert (sound.subtype, read.shape) == (subtype, expected.shape)


def test_an_mp3_without_a_xing_frame_is_counted():
    """Of variable bit rate, of which nothing but a count tells the length."""
    loud = np.concatenate([1e-4 * Y, Y, 1e-4 * Y])
    options = {"write_xing": "0"}
    data = encode(loud, SR, "mp3", "libmp3lame", options=options, codec_options={"q": "0"})
    y, faults = read(data)
    n_frames = (len(loud) + 1105) // 576 + 2
    assert (abs(len(y) - 576 * n_frames) <= 576 * 2, faults) == (True, [])
    delay = int(np.argmax(np.correlate(y[: SR * 2], loud[: SR * 2 - 3000], "valid")))
    assert 1000 < delay < 1200  # no tag states it


def test_joined_mp3s_and_their_tags():
    data = encode(Y, SR, "mp3", "libmp3lame")
    assert data[:3] == b"ID3"
    y, faults = read(data + data)
    assert abs(len(y) - 2 * SR) < 3 * 1152
    assert faults == ["holds more than it states, as joined mp3s do, which is read"]


def test_an_mp3_that_ends_inside_a_block():
    data = encode(Y, SR, "mp3", "libmp3lame", options={"write_xing": "0"})
    assert read(data)[1] == []
    assert read(data[:-30])[1] == ["ends inside a block: it may be cut short"]


def test_a_hole_in_an_mp3_is_found():
    data = bytearray(encode(Y, SR, "mp3", "libmp3lame"))
    data[len(data) // 2 : len(data) // 2 + 1500] = bytes(1500)
    y, faults = read(bytes(data))
    assert faults[0].startswith("is damaged at 0.4")
    assert len(y) > 0.7 * SR


def test_a_damaged_block_of_flac_is_no_sound():
    data = bytearray(written(Y, SR, "FLAC"))
    at = len(data) // 2
    data[at] ^= 0x10
    y, faults = read(bytes(data))
    assert len(y) < SR
    assert faults == [
        "is damaged at 0.37 s, where sound is left out",
        f"is cut short or damaged: {len(y)} of {SR} samples could be read",
    ]
    before = 4096 * (SR // 2 // 4096)
    np.testing.assert_allclose(y[:before], Y[:before], atol=2**-15)


def test_flac_of_unknown_length():
    data = bytearray(written(Y, SR, "FLAC"))
    data[21] &= 0xF0  # 36 bits of total samples (RFC 9639, 8.2)
    data[22:26] = bytes(4)
    y, faults = read(bytes(data))
    assert (len(y), faults) == (SR, [])
    data[len(data) // 2] ^= 0x10
    y, faults = read(bytes(data))
    assert len(y) < SR
    assert faults[0].startswith("is damaged at 0.")


@pytest.mark.parametrize("lost", [[1], [1, 2], [2], [3, 4]])
def test_blocks_lost_near_the_beginning_of_flac_of_unknown_length_are_noted(lost):
    """ffmpeg's parser joins them to the first block and gives that the place of the last."""
    data = bytearray(written(music(1, 3.0), SR, "FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    sync = data.find(b"\xff\xf8")  # blocks of a fixed size are numbered (RFC 9639, 9.1)
    starts, at = [], sync
    while at >= 0:
        if data[at + 4] == len(starts):
            starts.append(at)
        at = data.find(b"\xff\xf8", at + 1)
    assert len(starts) == -(-3 * SR // 4096)
    for block in lost:
        data[starts[block] : starts[block] + 2] = bytes(2)
    y, faults = read(bytes(data))
    assert len(y) <= 3 * SR - 4096 * len(lost)
    assert len(faults) == 1
    assert faults[0].startswith("is damaged at 0.")


def test_links_of_a_chain_are_each_decoded_with_their_own_set_up():
    links = [
        bytes(written(Y, SR, "OGG", "VORBIS")),
        encode(FAST, RATE, "ogg", "libopus"),
        bytes(written(np.stack([Y, Y], axis=1), SR, "OGG", "VORBIS")),
    ]
    y, faults = read(b"".join(links))
    assert len(y) == 3 * SR
    for i in range(3):
        assert similarity(y[i * SR :][:SR], soxr.resample(FAST, RATE, SR) if i == 1 else Y) > 0.95
    assert faults == [
        "holds 3 recordings, which are read one after the other",
        f"changes its rate or channels; all is brought to 1 at {SR} Hz",
    ]


def test_a_broken_link_is_named():
    link = bytes(written(Y, SR, "OGG", "VORBIS"))
    broken = link[:29] + b"\0" * 500 + link[529:]
    y, faults = read(link + broken)
    assert len(y) >= SR
    assert any("number 2, that cannot be decoded" in fault for fault in faults)


def test_of_several_tracks_one_is_read():
    y, faults = read(encode(Y, SR, "matroska", "flac", n_tracks=2))
    assert len(y) == SR
    assert faults == ["has 2 audio tracks, of which number 1 is read"]


def test_a_film_without_sound():
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as target:
        pictures = target.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        target.mux(pictures.encode(frame))
        target.mux(pictures.encode())
    with pytest.raises(UndecodableError, match=r"has no audio track \(QuickTime / MOV\)"):
        Sound(io.BytesIO(stream.getvalue()))


@pytest.mark.parametrize(
    "data",
    [
        b"this is no music\n" * 100,
        np.random.default_rng(0).bytes(30_000),
        bytes(5000),
        b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"RIFF\x24\0\0\0WAVEfmt ",
    ],
)
def test_what_is_no_sound(data, capfd):
    with pytest.raises(UndecodableError) as error:
        read(data)
    assert str(error.value).splitlines() == [str(error.value)]
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_damaged_file_prints_nothing(tmp_path):
    """What a library in C writes reaches the terminal past Python."""
    data = bytearray(encode(Y, SR, "mp3", "libmp3lame"))
    data[len(data) // 2 : len(data) // 2 + 1500] = bytes(1500)
    (tmp_path / "x.mp3").write_bytes(data)
    code = f"from nstaudio.audio import files; files.load({str(tmp_path / 'x.mp3')!r})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = run.stderr.splitlines()
    assert "is damaged at 0.4" in line
