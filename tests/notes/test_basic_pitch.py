from functools import cache

import jax
import numpy as np
import onnxruntime
import pytest

from nstaudio.audio import demo_clips, files
from nstaudio.notes import basic_pitch

import convert_basic_pitch
from helpers import ROOT, music

MODEL = ROOT / "tests" / "notes" / "basic_pitch" / "nmp.onnx"


@cache
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(MODEL)


def published(windows: np.ndarray) -> basic_pitch.Activations:
    """Note, onset and contour of the network as it was published."""
    names = [f"StatefulPartitionedCall:{i}" for i in (1, 2, 0)]
    given = {"serving_default_input_2:0": windows[..., None].astype(np.float32)}
    return basic_pitch.Activations(*session().run(names, given))


@pytest.mark.parametrize("clip", ["jazz", "classical"])
def test_the_network_equals_the_published_one_on_real_audio(clip):
    y = files.load(demo_clips.CLIPS_DIR / f"{clip}.ogg").mono(basic_pitch.SR)
    n = len(y) // basic_pitch.N_SAMPLES
    windows = y[: n * basic_pitch.N_SAMPLES].reshape(n, -1)
    got = jax.jit(basic_pitch.Network().apply)(basic_pitch.weights(), windows)
    for name, ours, theirs in zip(got._fields, got, published(windows), strict=True):
        assert theirs.max() > 0.5, "music was heard"
        np.testing.assert_allclose(ours, theirs, atol=1e-4, err_msg=name)


def test_a_clip_is_the_inner_frames_of_overlapping_windows():
    y = music(3, 5.0, basic_pitch.SR)
    got = basic_pitch.activations(y)
    n_frames = 1 + len(y) // 256
    assert got.note.shape == got.onset.shape == (n_frames, 88)
    assert got.contour.shape == (n_frames, 264)
    # The third window starts 15 frames before its first frame, number 284.
    start = (284 - 15) * 256
    window = np.pad(y[start : start + 43844], (0, max(0, start + 43844 - len(y))))
    theirs = published(window[None])
    kept = slice(284, min(n_frames, 284 + 142))
    n = kept.stop - kept.start
    np.testing.assert_allclose(got.note[kept], theirs.note[0, 15 : 15 + n], atol=1e-3)


def test_one_program_serves_every_length():
    basic_pitch.activations(music(1, 0.1, basic_pitch.SR))
    before = basic_pitch._apply._cache_size()
    basic_pitch.activations(music(1, 1.0, basic_pitch.SR))
    basic_pitch.activations(music(1, 4.0, basic_pitch.SR))
    assert basic_pitch._apply._cache_size() == before


def test_the_weights_are_the_published_ones(tmp_path, capsys):
    out = tmp_path / "weights.npz"
    assert convert_basic_pitch.main([str(MODEL), "--out", str(out)]) == 0
    assert "16702 numbers" in capsys.readouterr().out
    with np.load(out) as made, np.load(convert_basic_pitch.OUT) as kept:
        assert set(made.files) == set(kept.files)
        for name in made.files:
            np.testing.assert_array_equal(made[name], kept[name])


def test_a_file_that_is_no_model_is_one_line(tmp_path, capsys):
    file = tmp_path / "no.onnx"
    file.write_bytes(b"nothing")
    assert convert_basic_pitch.main([str(file), "--out", str(tmp_path / "x.npz")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
