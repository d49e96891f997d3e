import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nstaudio import audio
from nstaudio.errors import InputError

from conftest import SR, music

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
    clip = audio.load(write(tmp_path, extension, y), sr=SR)
    assert (clip.name, clip.sr, clip.source_sr) == ("clip", SR, SR)
    assert clip.source_channels == channels
    assert clip.y.shape == (len(y),)
    assert clip.duration_s == pytest.approx(2.0)
    tolerance = FORMATS[extension][2]
    expected = y.mean(axis=1)
    if tolerance is None:  # lossy: the same sound, not the same samples
        assert np.corrcoef(clip.y, expected)[0, 1] > 0.95
    else:
        np.testing.assert_allclose(clip.y, expected, atol=tolerance)


@pytest.mark.parametrize("sr", [8000, 44100, 48000, 96000])
def test_any_rate_becomes_the_analysis_rate(tmp_path, sr):
    file = write(tmp_path, "flac", music(1, sr=sr), sr)
    clip = audio.load(file, sr=SR)
    assert abs(clip.y.size - 2 * SR) <= 1
    assert clip.source_sr == sr


@pytest.mark.parametrize("extension", FORMATS)
def test_start_and_duration(tmp_path, extension):
    y = music(1)
    file = write(tmp_path, extension, y)
    part = audio.load(file, sr=SR, start_s=0.5, duration_s=0.25).y
    whole = audio.load(file, sr=SR).y
    start = SR // 2
    np.testing.assert_allclose(part, whole[start : start + round(SR / 4)], atol=2e-3)


def test_duration_is_a_limit_not_a_demand(tmp_path):
    assert audio.load(write(tmp_path, "wav", music(1)), sr=SR, duration_s=99.0).y.size == 2 * SR


@pytest.mark.parametrize("name", ["jazz", "classical"])
def test_demo_clips_are_sane(name):
    file = audio.CLIPS_DIR / f"{name}.ogg"
    assert file.stat().st_size <= 500_000
    data, sr = soundfile.read(file)
    assert 12 <= len(data) / sr <= 20
    peak, rms = np.abs(data).max(), np.sqrt((data**2).mean())
    assert 0.1 < peak < 1.0
    assert -30 < 20 * np.log10(rms) < -12
    assert abs(data.mean()) < 1e-3
    assert (audio.CLIPS_DIR / "LICENSES.md").read_text().count(f"{name}.ogg") >= 1


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("fraction", [0.97, 0.9, 0.5, 0.1])
def test_truncated_files_are_refused(tmp_path, extension, fraction):
    file = write(tmp_path, extension, music(1, 4.0))
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(InputError, match=r"clip file .*clip\.\w+ (is cut short|cannot be decoded)"):
        audio.load(file, sr=SR)


def test_a_wav_of_unknown_length_is_no_truncated_one(tmp_path):
    """Programs that write to a pipe cannot fill in the sizes and leave all ones."""
    file = write(tmp_path, "wav", music(1))
    content = bytearray(file.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    file.write_bytes(content)
    assert audio.load(file, sr=SR).y.size == 2 * SR


def bad_file(folder: Path, kind: str) -> Path:
    file = folder / f"{kind}.wav"
    if kind == "folder":
        file.mkdir()
    elif kind == "empty":
        file.touch()
    elif kind == "text":
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
        ("text", r"cannot be decoded .* wav, flac, ogg, mp3 and aiff are read"),
        ("fifo", "is not a regular file"),
        ("loop", r"cannot be read|does not exist"),
        ("no-samples", "has 0 samples; at least 2 are needed"),
        ("one-sample", "has 1 samples; at least 2 are needed"),
        ("silence", "is silent: all 22050 samples are zero"),
        ("nan", "has a sample that is not a finite number, the first at 0.000 s"),
        ("line\nbreak", r"line\\x0abreak.wav is empty"),
    ],
)
def test_bad_files(tmp_path, kind, message):
    with pytest.raises(InputError, match=message) as error:
        audio.load(bad_file(tmp_path, kind), sr=SR, role="style")
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
        audio.load(write(tmp_path, "wav", music(1)), sr=SR, **part)


def test_save_leaves_no_other_file(tmp_path, content):
    audio.save(tmp_path / "out.wav", content, SR)
    assert [p.name for p in tmp_path.iterdir()] == ["out.wav"]
    back, sr = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert sr == SR
    np.testing.assert_allclose(back, content, atol=2**-23)


def test_several_files_are_one_clip(tmp_path):
    a, b = music(1), 0.5 * music(2)
    files = [tmp_path / "one.wav", tmp_path / "two.wav"]
    for file, y in zip(files, (a, b), strict=True):
        soundfile.write(file, y, SR, subtype="FLOAT")
    clip = audio.load_all([str(file) for file in files], sr=SR, start_s=0.5, duration_s=1.0)
    assert clip.name == "one+two"
    assert clip.y.shape == (2 * SR,)
    middle = slice(SR // 4, SR // 2)
    np.testing.assert_array_equal(clip.y[middle], a[SR // 2 :][middle])
    parts = clip.y[:SR], clip.y[SR:]
    assert np.mean(parts[0] ** 2) == pytest.approx(np.mean(parts[1] ** 2), rel=0.05)
    single = audio.load_all(str(files[0]), sr=SR)
    np.testing.assert_array_equal(single.y, audio.load(files[0], sr=SR).y)


def test_no_file_at_all_is_refused():
    with pytest.raises(InputError, match=r"style.path is an empty list"):
        audio.load_all([], sr=SR, role="style")
