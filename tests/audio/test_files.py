import os
import tempfile
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from nstaudio.audio import demo_clips, spooling, writing
from nstaudio.audio import files as audio_files
from nstaudio.audio.writing import Coding
from nstaudio.errors import InputError

from helpers import SR, music

FORMATS = {
    "wav": ("WAV", "PCM_16", 1e-4),
    "flac": ("FLAC", "PCM_16", 1e-4),
    "aiff": ("AIFF", "PCM_24", 1e-6),
    "ogg": ("OGG", "VORBIS", None),
    "mp3": ("MP3", None, None),
}


def write(folder: Path, extension: str, y: np.ndarray, sr: int = SR) -> Path:
    kind, subtype, _ = FORMATS[extension]
    file = folder / f"clip.{extension}"
    soundfile.write(file, y, sr, format=kind, subtype=subtype)
    return file


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_mono_or_stereo(tmp_path, extension, channels):
    y = np.stack([music(1), music(2)][:channels], axis=1)
    clip = audio_files.load(write(tmp_path, extension, y))
    assert (clip.name, clip.sr, clip.y.shape, clip.y.dtype) == ("clip", SR, y.shape, np.float32)
    assert clip.subtype == {"mp3": "MP3"}.get(extension, soundfile.info(clip.path).subtype)
    assert clip.duration_s == pytest.approx(2.0)
    tolerance = FORMATS[extension][2]
    if tolerance is None:  # lossy: the same sound, not the same samples
        assert np.corrcoef(clip.y.T, y.T)[0, channels] > 0.95
    else:
        np.testing.assert_allclose(clip.y, y, atol=tolerance)
    np.testing.assert_allclose(clip.mono(SR), clip.y.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("sr", [8000, 44100, 48000, 96000])
def test_any_rate_becomes_the_analysis_rate(tmp_path, sr):
    file = write(tmp_path, "flac", music(1, sr=sr), sr)
    clip = audio_files.load(file)
    assert (clip.sr, len(clip.y)) == (sr, 2 * sr)
    assert abs(clip.mono(SR).size - 2 * SR) <= 1


@pytest.mark.parametrize("extension", FORMATS)
def test_start_and_duration(tmp_path, extension):
    y = music(1)
    file = write(tmp_path, extension, y)
    part = audio_files.load(file, start_s=0.5, duration_s=0.25).y
    whole = audio_files.load(file).y
    start = SR // 2
    np.testing.assert_allclose(part, whole[start : start + round(SR / 4)], atol=2e-3)


def test_duration_is_a_limit_not_a_demand(tmp_path):
    assert len(audio_files.load(write(tmp_path, "wav", music(1)), duration_s=99.0).y) == 2 * SR


@pytest.mark.parametrize("name", ["jazz", "classical"])
def test_demo_clips_are_sane(name):
    file = demo_clips.CLIPS_DIR / f"{name}.ogg"
    assert file.stat().st_size <= 500_000
    data, sr = soundfile.read(file)
    assert 12 <= len(data) / sr <= 20
    peak, rms = np.abs(data).max(), np.sqrt((data**2).mean())
    assert 0.1 < peak < 1.0
    assert -30 < 20 * np.log10(rms) < -12
    assert abs(data.mean()) < 1e-3
    assert (demo_clips.CLIPS_DIR / "LICENSES.md").read_text().count(f"{name}.ogg") >= 1


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("fraction", [0.97, 0.5])
def test_truncated_files_are_read_with_a_warning(tmp_path, caplog, extension, fraction):
    file = write(tmp_path, extension, music(1, 4.0))
    content, whole = file.read_bytes(), audio_files.load(file).y
    assert caplog.messages == []
    file.write_bytes(content[: int(len(content) * fraction)])
    y = audio_files.load(file).y
    assert len(y) == pytest.approx(fraction * len(whole), abs=0.2 * len(whole))
    settled = len(y) - 2 * 1152  # an mp3's last blocks lack what follows them
    np.testing.assert_allclose(y[:settled], whole[:settled], atol=1e-6)
    (message,) = caplog.messages
    assert message.startswith(f"clip file {file} ")
    assert "cut short" in message


def bad_file(folder: Path, kind: str) -> Path:
    file = folder / ("noise.raw" if kind == "raw" else f"{kind}.wav")
    if kind == "folder":
        file.mkdir()
    elif kind == "empty":
        file.touch()
    elif kind in ("text", "raw"):
        file.write_text("this is no music\n" * 100)
    elif kind == "fifo":
        os.mkfifo(file)
    elif kind == "loop":
        file.symlink_to(file)
    elif kind == "no-samples":
        soundfile.write(file, np.zeros(0), SR)
    elif kind == "one-sample":
        soundfile.write(file, np.ones(1), SR)
    elif kind == "silence":
        soundfile.write(file, np.zeros(SR), SR)
    elif kind == "nan":
        soundfile.write(file, np.full(SR, np.nan), SR, subtype="FLOAT")
    elif kind == "line\nbreak":
        file.touch()
    return file


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "does not exist"),
        ("folder", "is a folder, not an audio file"),
        ("empty", r"is empty \(0 bytes\)"),
        ("text", r"text.wav (cannot be decoded: it is no audio|has no audio track)"),
        ("fifo", "is not a regular file"),
        ("loop", r"cannot be read|does not exist"),
        ("raw", r"noise.raw (cannot be decoded|has no audio track)"),
        ("no-samples", "has 0 samples; at least 2 are needed"),
        ("one-sample", "has 1 samples; at least 2 are needed"),
        ("silence", "is silent: all 22050 samples are zero"),
        ("nan", "has a sample that is not a finite number, the first at 0.000 s"),
        ("line\nbreak", r"line\\x0abreak.wav is empty"),
    ],
)
def test_bad_files(tmp_path, kind, message):
    with pytest.raises(InputError, match=message) as error:
        audio_files.load(bad_file(tmp_path, kind), role="style")
    text = str(error.value)
    assert text.startswith("style file ")
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"start_s": 2.0}, r"is 2.00 s long; it cannot start at 2 s"),
        ({"start_s": -1.0}, "clip.start_s=-1 must be at least 0"),
        ({"duration_s": 0.0}, "clip.duration_s=0 must be above 0"),
    ],
)
def test_bad_parts(tmp_path, part, message):
    with pytest.raises(InputError, match=message):
        audio_files.load(write(tmp_path, "wav", music(1)), **part)


def test_a_home_that_is_not_there():
    with pytest.raises(InputError, match=r"clip file ~nobody-of-this-name/a.wav cannot be read"):
        audio_files.load("~nobody-of-this-name/a.wav")


@pytest.mark.parametrize("name", ['it\'s "a" = b.wav', "ä ☃.wav", "two\nlines.wav", b"\xff.wav"])
def test_any_name_will_do(tmp_path, name):
    file = tmp_path / os.fsdecode(name)
    write(tmp_path, "wav", music(1)).rename(file)
    assert len(audio_files.load(file).y) == 2 * SR


def test_a_coding_that_cannot_seek(tmp_path):
    file = tmp_path / "gsm.wav"
    soundfile.write(file, music(1), SR, subtype="GSM610")
    expected, _ = soundfile.read(file)
    np.testing.assert_allclose(audio_files.load(file).y[:, 0], expected, atol=1e-4)
    part = audio_files.load(file, start_s=1.0, duration_s=0.5).y
    np.testing.assert_allclose(part[:, 0], expected[SR : SR + SR // 2], atol=1e-4)


@pytest.mark.parametrize("kind", ["channels", "rate"])
def test_what_cannot_be_used_is_refused_before_it_is_read(tmp_path, kind):
    y, sr = (np.zeros((10, 65)), SR) if kind == "channels" else (np.zeros((10, 1)), 900)
    file = tmp_path / "x.wav"
    soundfile.write(file, y, sr)
    with pytest.raises(InputError, match=r"x.wav has 65 channels|sample rate of .*x.wav=900 must"):
        audio_files.load(file)


def test_opposite_channels_do_not_cancel_in_mono(tmp_path):
    file = tmp_path / "clip.wav"
    soundfile.write(file, np.stack([music(1), -music(1)], axis=1), SR, subtype="FLOAT")
    np.testing.assert_allclose(np.abs(audio_files.load(file).mono(SR)), np.abs(music(1)), atol=1e-6)


def test_a_long_recording_lies_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(spooling, "_IN_MEMORY", 10_000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    y = np.stack([music(1), music(2)], axis=1)
    clip = audio_files.load(write(tmp_path, "wav", y))
    assert isinstance(clip.y, np.memmap)
    np.testing.assert_allclose(clip.y, y, atol=1e-4)
    assert not list((tmp_path / "scratch").iterdir()), "a file without a name"
    file = tmp_path / "nan.wav"
    y[30000, 1] = np.nan
    soundfile.write(file, y, SR, subtype="FLOAT")
    with pytest.raises(InputError, match=f"not a finite number, the first at {30000 / SR:.3f} s"):
        audio_files.load(file)


@pytest.mark.parametrize("claim", [10**6, 2**35])
def test_a_header_that_claims_more_costs_no_memory(tmp_path, caplog, claim):
    file = write(tmp_path, "flac", music(1))
    content = bytearray(file.read_bytes())
    # STREAMINFO: 36 bits of total samples, from the middle of byte 21 on (RFC 9639, 8.2)
    content[21] = (content[21] & 0xF0) | (claim >> 32)
    content[22:26] = (claim & 0xFFFFFFFF).to_bytes(4, "big")
    file.write_bytes(content)
    assert len(audio_files.load(file).y) == 2 * SR
    assert f"is cut short or damaged: {2 * SR} of {claim} samples could be read" in caplog.text


def test_save_leaves_no_other_file(tmp_path, content):
    writing.save(tmp_path / "out.wav", content, SR)
    assert [p.name for p in tmp_path.iterdir()] == ["out.wav"]
    back, sr = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert sr == SR
    np.testing.assert_allclose(back, content, atol=2**-23)


@pytest.mark.parametrize("coding", ["wav", "flac", "ogg", "mp3"])
def test_every_coding_keeps_rate_channels_and_length(tmp_path, coding):
    y = np.stack([music(1, sr=44100), music(2, sr=44100)], axis=1)
    file = tmp_path / f"out.{coding}"
    writing.save(file, y, 44100, coding=Coding(coding), subtype="PCM_16", gain=0.5)
    info = soundfile.info(file)
    assert (info.samplerate, info.channels, info.format) == (44100, 2, coding.upper())
    expected = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}
    assert info.subtype == expected[coding]
    back, _ = soundfile.read(file)
    if coding != "mp3":  # whose encoder fills up frames
        assert len(back) == len(y)
    assert np.corrcoef(back[: len(y)].T, y.T)[0, 2] > 0.95
    assert np.std(back) == pytest.approx(0.5 * np.std(y), rel=0.02)


@pytest.mark.parametrize(
    ("coding", "of_content", "written"),
    [
        (Coding("wav"), "FLOAT", "FLOAT"),
        (Coding("wav"), "PCM_U8", "PCM_U8"),
        (Coding("wav"), "VORBIS", "PCM_24"),
        (Coding("wav", "PCM_16"), "FLOAT", "PCM_16"),
        (Coding("flac"), "DOUBLE", "PCM_24"),
        (Coding("ogg"), "PCM_16", "VORBIS"),
    ],
)
def test_the_subtype_is_the_contents_where_it_can_be(tmp_path, coding, of_content, written):
    writing.save(tmp_path / "x", music(1)[:100], SR, coding=coding, subtype=of_content)
    assert soundfile.info(tmp_path / "x").subtype == written


@pytest.mark.parametrize("n_channels", range(3, 9))
@pytest.mark.parametrize("coding", ["wav", "flac", "ogg"])
def test_channels_keep_their_places(tmp_path, coding, n_channels):
    """As ffmpeg, which knows what each one is, reads them: one after another sounds."""
    y = np.zeros((n_channels * 3000, n_channels), np.float32)
    for i in range(n_channels):
        y[3000 * i : 3000 * (i + 1), i] = 0.2 * music(i)[:3000]
    writing.save(tmp_path / "x", y, SR, coding=Coding(coding))
    with av.open(str(tmp_path / "x")) as container:
        frames = list(container.decode(audio=0))
    packed = [av.AudioResampler("flt", f.layout, SR).resample(f)[0].to_ndarray() for f in frames]
    read = np.concatenate([block.reshape(-1, n_channels) for block in packed])
    for i in range(n_channels):
        middle = read[3000 * i + 500 : 3000 * i + 2500]
        assert np.argmax(np.square(middle).sum(axis=0)) == i


def test_a_wav_beyond_four_gigabytes_is_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_MAX_WAV_BYTES", 8 * SR)
    writing.save(tmp_path / "x.wav", music(1), SR)
    assert soundfile.info(tmp_path / "x.wav").format == "RF64"
    assert len(audio_files.load(tmp_path / "x.wav").y) == 2 * SR


@pytest.mark.parametrize(
    ("coding", "sr", "n_channels", "message"),
    [
        ("mp3", 44100, 6, "output.format=mp3 holds at most 2 channels, not 6"),
        (
            "mp3",
            96000,
            2,
            "mp3 has rates of 8000, .* 48000 Hz, not 96000; choose",
        ),
        ("flac", 44100, 9, "flac holds at most 8 channels, not 9"),
        ("flac", 768_000, 1, "flac has rates of up to 655350 Hz, not 768000"),
        ("ogg", 201_000, 1, "ogg has rates of up to 200000 Hz"),
    ],
)
def test_what_a_format_cannot_hold(coding, sr, n_channels, message):
    with pytest.raises(InputError, match=message):
        Coding(coding).check(sr, n_channels)
    Coding("wav").check(sr, n_channels)


def test_codings_that_do_not_exist():
    with pytest.raises(InputError, match=r"output.format=wma is not one of: wav, flac, ogg, mp3"):
        Coding("wma")
    with pytest.raises(InputError, match=r"output.subtype=FLOAT is not one of: .*PCM_16"):
        Coding("flac", "FLOAT")


@pytest.mark.parametrize("format_", ["wav", "flac", "ogg", "mp3"])
def test_a_full_disk_leaves_nothing(tmp_path, format_, capfd):
    resource = pytest.importorskip("resource")
    noise = 0.1 * np.random.default_rng(0).standard_normal(5 * SR).astype(np.float32)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            writing.save(tmp_path / "x", noise, SR, coding=Coding(format_))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


def test_several_files(tmp_path):
    files = [tmp_path / "one.wav", tmp_path / "two.wav"]
    for i, file in enumerate(files):
        soundfile.write(file, music(i), SR, subtype="FLOAT")
    clips = audio_files.load_all([str(file) for file in files], start_s=0.5, duration_s=1.0)
    assert [clip.name for clip in clips] == ["one", "two"]
    for i, clip in enumerate(clips):
        np.testing.assert_array_equal(clip.y[:, 0], music(i)[SR // 2 : SR // 2 + SR])
    (single,) = audio_files.load_all(str(files[0]))
    np.testing.assert_array_equal(single.y[:, 0], music(0))


def test_no_file_at_all_is_refused():
    with pytest.raises(InputError, match=r"style.path is an empty list"):
        audio_files.load_all([], role="style")
