"""The main job for real, in a small form: command line in, files out."""

import json
import signal
from pathlib import Path

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pyloudnorm
import pytest
import scipy.signal
import soundfile
from omegaconf import OmegaConf

from nstaudio.analysis.spectrogram import MelSpec, log_mel, unit
from nstaudio.audio.demo_clips import CLIPS_DIR
from nstaudio.audio.files import load
from nstaudio.evaluation import judge
from nstaudio.experiments.folder_claim import folder_lock

from helpers import SR, Compiled, compiled, music
from small_runs import SMALL, assert_refused, lines, only_run, start, summary, wait_for

FIGURES = {
    "total_loss",
    "content_loss",
    "style_loss",
    "initial_style_loss",
    "n_steps",
    "seconds_optimizing",
    "seconds_total",
    "steps_per_second",
    "device",
    "peak_rss_mb",
    "style_loss_on_audio",
    "consistency_db",
    "style_ratio",
    *("alpha", "beta"),
    *("transfer_distance", "judge_to_style", "chroma_to_content"),
    *("style_share", "unseen_style_share"),
    *("added_noise_db", "added_floor_db", "added_residual_db"),
    "versions",
}


def test_no_figure_by_a_judge_that_took_part(command, tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "took_part", lambda encoder: encoder is not None)
    code, err = command()
    assert code == 0, err
    assert "transfer_distance and judge_to_style are left out: encoder=aisfx" in err
    folder = only_run(tmp_path)
    left_out = FIGURES - set(summary(folder))
    assert left_out == {"transfer_distance", "judge_to_style"}
    page = (folder / "report.html").read_text()
    assert "chroma_to_content" in page
    assert "judge" not in page


@pytest.mark.pictures
def test_a_run_writes_everything(command, tmp_path, clips):
    code, err = command()
    assert code == 0, err
    folder = only_run(tmp_path)
    assert folder.name.endswith("_my-song_as_other")
    figures = summary(folder)
    assert set(figures) >= FIGURES
    assert (figures["content"], figures["style"]) == ("my song", "other")
    assert figures["n_steps"] == 12
    assert not figures["interrupted"]
    assert figures["style_loss"] < figures["initial_style_loss"]
    assert figures["consistency_db"] < 0.1, "the default optimises sound"
    assert figures["style_ratio"] == pytest.approx(1.0, abs=0.01)
    share = figures["style_loss_on_audio"] / figures["initial_style_loss"]
    assert figures["style_share"] == pytest.approx(share, rel=1e-3), "it starts at the content"
    assert 0 < figures["transfer_distance"] < 2
    assert 0 < figures["unseen_style_share"] < 1
    assert -100 <= figures["added_noise_db"] < 0
    assert figures["versions"]["jax"]

    rows = lines(folder)
    assert [row["step"] for row in rows] == [0, 5, 10, 12]
    assert set(rows[0]) == {
        *("segment", "step", "total", "content", "style", "style_conv1", "style_conv2", "seconds")
    }
    assert rows[-1]["total"] == figures["total_loss"]
    assert rows[0]["style"] == figures["initial_style_loss"]

    y, sr = soundfile.read(folder / "generated.wav")
    content, _ = soundfile.read(folder / "content_my-song.wav")
    original, _ = soundfile.read(clips["content"])
    assert sr == SR
    assert y.shape == content.shape == original.shape
    assert np.abs(y).max() <= 0.99 + 2**-23
    gain = np.std(content) / np.std(original)
    np.testing.assert_allclose(content, gain * original, atol=1e-4)
    style, _ = soundfile.read(folder / "style_other.wav")
    levels = [pyloudnorm.Meter(SR).integrated_loudness(a) for a in (y, content, style)]
    assert max(levels) - min(levels) < 0.1

    for name in ("report.html", "config.yaml", "run.log"):
        assert (folder / name).stat().st_size > 0
    for name in ("spectrograms.png", "losses.png"):
        assert np.std(plt.imread(folder / name)) > 0
    assert list((folder / "checkpoints" / "0000").iterdir())
    assert not list(folder.glob(".*.part"))
    assert "my song as other" in err, "the progress bar"
    assert "listen: " in err


def test_figures_on_audio_are_measured_on_the_file(command, tmp_path, clips):
    assert command("parametrization=free_mel", "inversion.n_iter=4")[0] == 0
    folder = only_run(tmp_path)
    figures, spec = summary(folder), MelSpec(n_mels=40)
    content, _ = soundfile.read(clips["content"], dtype="float32")
    y, _ = soundfile.read(folder / "generated.wav", dtype="float32")

    from nstaudio.experiments.config import build
    from nstaudio.experiments.resume import load
    from nstaudio.experiments.storage.checkpoints import Checkpoints, OtherInputs
    from nstaudio.transfer.prepare import prepare
    from nstaudio.transfer.render import render

    settings = build(load(folder / "config.yaml")).transfer
    style, _ = soundfile.read(clips["style"], dtype="float32")
    prepared = prepare(content, style, settings)
    with Checkpoints(folder / "checkpoints" / "0000", keep=3, interval_s=9, inputs="") as saved:
        with pytest.raises(OtherInputs) as other:
            saved.restore(prepared.state)
        saved.inputs = other.value.inputs
        restored = saved.restore(prepared.state)
    assert restored is not None
    # what was optimised is at another level than what is as loud as the content
    made = render(prepared, restored, settings) / np.sqrt(prepared.content_power)
    audio_db = compiled(log_mel)(jnp.asarray(y * np.std(made) / np.std(y), jnp.float32), spec)
    optimised = np.maximum(restored.variable, spec.floor_db)
    error = np.sqrt(np.mean((audio_db - optimised) ** 2))
    assert figures["consistency_db"] == pytest.approx(float(error), rel=1e-2)
    losses = Compiled(prepared.objective).losses(unit(audio_db, spec), prepared.problem)
    on_audio = losses.style
    assert figures["style_loss_on_audio"] == pytest.approx(float(on_audio), rel=2e-2)


def test_the_bundled_clips_by_name(command, tmp_path):
    short = ["style=classical", "content=jazz", "content.duration_s=2", "style.duration_s=2.5"]
    code, err = command(*short, *SMALL, defaults=False)
    assert code == 0, err
    assert only_run(tmp_path).name.endswith("_jazz_as_classical")


@pytest.mark.slow
def test_a_sweep_compiles_once(command, tmp_path):
    from nstaudio.optimization import loop

    assert command("n_steps=1", "hydra.run.dir=outputs/x/first")[0] == 0
    before = loop.advance._cache_size()  # type: ignore[attr-defined]
    weights = ["alpha=1e-7,1", "beta=2", "style_weights.conv1=0.3"]
    code, err = command("-m", *weights, "optimizer.learning_rate=0.5", "seed=4", "n_steps=2")
    assert code == 0, err
    assert loop.advance._cache_size() == before  # type: ignore[attr-defined]
    jobs = sorted(tmp_path.glob("outputs/sweeps/*/*/summary.json"))
    assert len(jobs) == 2
    assert len({json.loads(job.read_text())["total_loss"] for job in jobs}) == 2
    assert jobs[0].parent.name.startswith("0_alpha=1e-07")
    assert all((job.parent / "generated.wav").exists() for job in jobs)
    code, err = command("-m", "strength=0,1", "n_steps=2", "hydra.sweep.dir=outputs/x/strength")
    assert code == 0, err
    assert loop.advance._cache_size() == before  # type: ignore[attr-defined]
    chosen = [
        json.loads(job.read_text()) for job in sorted(tmp_path.glob("outputs/x/*/*/summary.json"))
    ]
    assert chosen[0]["alpha"] > chosen[1]["alpha"] == 0
    assert 0 == chosen[0]["beta"] < chosen[1]["beta"]


def test_a_sweep_goes_on_after_a_bad_job(command, tmp_path):
    code, err = command("-m", "n_steps=-1,2")
    assert code == 2
    assert err.count("error: ") == 1
    assert "error: n_steps=-1 must be at least 0" in err
    assert "1 of 2 jobs are done in outputs/sweeps/n_steps_" in err
    assert "failed: 0_n_steps=-1: n_steps=-1 must be at least 0" in err
    assert len(list(tmp_path.glob("outputs/sweeps/*/1_*/summary.json"))) == 1


@pytest.mark.slow
def test_notes_in_the_sound_of_several_clips(command, tmp_path, clips):
    """A result without a step, steps from there, and the same carrier again on resuming."""
    style = f"style.path=['{clips['style']}','{clips['content']}']"
    preset = ["experiment=timbre", style, "n_steps=0"]
    code, err = command(*preset, "hydra.run.dir=outputs/d/none")
    assert code == 0, err
    none = tmp_path / "outputs/d/none"
    figures = summary(none)
    assert figures["n_steps"] == 0
    assert not figures["interrupted"]
    assert figures["style"] == "other+my song"
    y, sr = soundfile.read(none / "generated.wav")
    assert np.isfinite(y).all()
    assert y.any()
    assert len(y) / sr == pytest.approx(soundfile.info(clips["content"]).duration, abs=0.01)
    code, err = command("resume=outputs/d/none", "n_steps=4", defaults=False)
    assert code == 0, err
    assert "resuming at step 0 of 4" in err
    whole = tmp_path / "outputs/d/whole"
    assert command(*preset, "n_steps=4", f"hydra.run.dir={whole}")[0] == 0
    assert summary(none)["total_loss"] == summary(whole)["total_loss"] < figures["total_loss"]
    assert (none / "generated.wav").read_bytes() == (whole / "generated.wav").read_bytes()


@pytest.mark.slow
def test_a_texture_has_no_content(command, tmp_path, clips):
    """Noise with the style's spectrum is made into more of it, of any length."""
    given = ["experiment=texture", f"style.path='{clips['style']}'", "n_steps=2", "duration_s=3.5"]
    made = {}
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        code, text = command(*given, f"seed={seed}", f"hydra.run.dir={folder}", defaults=False)
        assert code == 0, text
        assert "noise as other" in text
        made[seed], sr = soundfile.read(folder / "generated.wav")
        assert made[seed].shape == (round(3.5 * sr),)
        found = summary(folder)
        assert found["style_loss"] < found["initial_style_loss"]
    assert not np.allclose(made[0], made[1], atol=1e-3)
    assert (tmp_path / "0" / "content_noise.wav").is_file()
    code, text = command(*given, "duration_s=-1", defaults=False)
    assert (code, "content.duration_s=-1 must be above 0" in text) == (2, True)


def test_resume_is_bit_for_bit(command, tmp_path):
    chosen = "strength=0.5"
    assert command("hydra.run.dir=outputs/d/whole", "n_steps=20", chosen)[0] == 0
    assert command("hydra.run.dir=outputs/d/cut", "n_steps=7", chosen)[0] == 0
    code, err = command("resume=outputs/d/cut", "n_steps=20", defaults=False)
    assert code == 0, err
    assert "resuming at step 7 of 20" in err
    whole, cut = tmp_path / "outputs/d/whole", tmp_path / "outputs/d/cut"
    assert (whole / "generated.wav").read_bytes() == (cut / "generated.wav").read_bytes()
    assert summary(whole)["total_loss"] == summary(cut)["total_loss"]
    assert [r["step"] for r in lines(cut)] == [0, 5, 7, 10, 15, 20]
    seconds = [r["seconds"] for r in lines(cut)]
    assert seconds == sorted(seconds)
    # the record of the first call stays, that of the second is beside it
    assert "n_steps=7" in (cut / ".hydra" / "overrides.yaml").read_text()
    assert len(list((cut / ".hydra").glob("again_*/overrides.yaml"))) == 1
    # resuming a finished run renders it again, to the same bytes
    before = (cut / "generated.wav").read_bytes()
    assert command("resume=outputs/d/cut", defaults=False)[0] == 0
    assert (cut / "generated.wav").read_bytes() == before


def test_resume_refuses_what_cannot_go_on(command, tmp_path, clips):
    song = tmp_path / "song.wav"
    song.write_bytes(clips["content"].read_bytes())
    assert command(f"content.path={song}", "hydra.run.dir=outputs/d/r")[0] == 0
    for arguments, message in (
        (["resume=outputs/nowhere"], "resume=outputs/nowhere is no run's folder: no config.yaml"),
        (["resume=outputs/d/r", "alpha=2"], "alpha=2 differs from"),
        (["resume=outputs/d/r", "n_steps=5"], "n_steps=5 is below the 12 steps already made"),
    ):
        code, err = command(*arguments, defaults=False)
        assert code == 2
        assert message in err
    # what was refused has changed nothing
    code, err = command("resume=outputs/d/r", defaults=False)
    assert code == 0, err
    soundfile.write(song, 0.5 * soundfile.read(song)[0], SR)
    code, err = command("resume=outputs/d/r", defaults=False)
    assert code == 2
    assert "the clips have changed since the run in outputs/d/r was started" in err


# Three segments of 2 s, as long as the other tests' content: they share its programs.
CUT = ["segments.length_s=2", "segments.overlap_s=0.5", "n_steps=10", "log_every=5"]


@pytest.fixture
def song(tmp_path):
    """Five seconds of stereo at another rate, in 16 bits."""
    file = tmp_path / "song.wav"
    y = np.stack([music(1, 5.0, 32000), 0.5 * music(3, 5.0, 32000)], axis=1)
    soundfile.write(file, 0.7 * y, 32000, subtype="PCM_16")
    return file


@pytest.mark.slow
def test_a_long_recording_in_windows(command, tmp_path, song):
    code, err = command(f"content.path={song}", *CUT, "hydra.run.dir=r")
    assert code == 0, err
    info, original = soundfile.info(tmp_path / "r" / "generated.wav"), soundfile.info(song)
    for name in ("samplerate", "channels", "frames", "subtype", "format"):
        assert getattr(info, name) == getattr(original, name), name
    figures = summary(tmp_path / "r")
    assert (figures["n_segments"], figures["n_steps"], figures["interrupted"]) == (3, 30, False)
    rows = lines(tmp_path / "r")
    assert [(r["segment"], r["step"]) for r in rows] == [
        (w, s) for w in range(3) for s in (0, 5, 10)
    ]
    first, last = ([r["style"] for r in rows if r["step"] == step] for step in (0, 10))
    assert figures["initial_style_loss"] == pytest.approx(np.mean(first))
    assert figures["style_loss"] == pytest.approx(np.mean(last))
    assert not (tmp_path / "r" / "segments").exists(), "joined, they are of no more use"
    generated, content = (soundfile.read(f)[0] for f in (tmp_path / "r" / "generated.wav", song))
    meter = pyloudnorm.Meter(32000)
    levels = [meter.integrated_loudness(y) for y in (generated, content)]
    assert figures["loudness_lufs"] == pytest.approx(levels[0], abs=0.1)
    assert figures["content_loudness_lufs"] == pytest.approx(levels[1], abs=0.1)
    if not figures["loudness_limited"]:
        assert levels[0] == pytest.approx(levels[1], abs=0.1)
    assert figures["true_peak_db"] <= -0.999
    # given more steps, it goes on from its checkpoints
    code, err = command("resume=r", "n_steps=15", "output.format=flac", defaults=False)
    assert code == 0, err
    assert "segment 3 of 3: resuming at step 10 of 15" in err
    whole = ["n_steps=15", "output.format=flac", "hydra.run.dir=whole"]
    assert command(f"content.path={song}", *CUT, *whole)[0] == 0
    for name in ("generated.flac", "content_song.wav"):
        assert (tmp_path / "r" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
def test_windows_that_are_done_are_not_made_again(command, tmp_path, song):
    from nstaudio.experiments.storage import finished_segments

    arguments = [f"content.path={song}", *CUT]
    assert command(*arguments, "hydra.run.dir=whole")[0] == 0
    saved = finished_segments.SegmentStore.save

    def cut(self, index, part):
        if index == 2:
            raise OSError(28, "No space left on device")
        saved(self, index, part)

    with pytest.MonkeyPatch.context() as full_disk:
        full_disk.setattr(finished_segments.SegmentStore, "save", cut)
        code, err = command(*arguments, "hydra.run.dir=cut")
    assert code == 2
    assert err.strip().splitlines()[-1] == "error: [Errno 28] No space left on device"
    assert not (tmp_path / "cut" / "generated.wav").exists()
    damaged = tmp_path / "cut" / "segments" / "0001.npz"
    damaged.write_bytes(damaged.read_bytes()[:-5000])
    code, err = command("resume=cut", defaults=False)
    assert code == 0, err
    assert "segment 1 of 3" not in err, "it was there"
    assert "segment 2 of 3: resuming at step 10 of 10" in err
    whole, again = ((tmp_path / run / "generated.wav").read_bytes() for run in ("whole", "cut"))
    assert whole == again


def test_a_guide_changes_its_range_alone(command, tmp_path, song):
    """Of three segments one is made; outside of the range, or the bands, there is one gain."""
    cut = [f"content.path={song}", *CUT, "output.subtype=FLOAT"]
    original, sr = soundfile.read(song)
    seconds = np.arange(len(original)) / sr
    code, err = command(*cut, "guide.start_s=0.5", "guide.end_s=1.5", "hydra.run.dir=time")
    assert code == 0, err
    assert {line["segment"] for line in lines(tmp_path / "time")} == {0}
    figures = summary(tmp_path / "time")
    assert (figures["n_segments"], figures["n_steps"]) == (3, 10)
    y = soundfile.read(tmp_path / "time" / "generated.wav")[0]
    gain = 10 ** (figures["output_gain_db"] / 20)
    outside = (seconds <= 0.5) | (seconds >= 1.5)
    np.testing.assert_allclose(y[outside], gain * original[outside], atol=1e-6)
    assert np.std(y[~outside] - gain * original[~outside]) > 0.1 * np.std(original[~outside])

    bands = ["guide.low_hz=300", "guide.high_hz=1200", "parametrization=free_mel"]
    bands += ["content.duration_s=2", "inversion.n_iter=4"]
    code, err = command(*cut, *bands, "hydra.run.dir=bands")
    assert code == 0, err
    y = soundfile.read(tmp_path / "bands" / "generated.wav")[0]
    original = original[: len(y)]
    gain = 10 ** (summary(tmp_path / "bands")["output_gain_db"] / 20)
    hz, changed = scipy.signal.welch(y - gain * original, sr, nperseg=4096, axis=0)
    _, there = scipy.signal.welch(gain * original, sr, nperseg=4096, axis=0)
    change_db = 10 * np.log10(changed.sum(axis=1) / there.sum(axis=1))
    assert change_db[((hz > 15) & (hz < 240)) | (hz > 1400)].max() < -50
    assert np.median(change_db[(hz > 400) & (hz < 1000)]) > -15

    code, err = command("resume=time", "guide.end_s=3", defaults=False)
    assert (code, "guide.end_s=3 differs from the 1.5" in err) == (2, True)
    code, err = command(*cut, "guide.start_s=7", "hydra.run.dir=beyond")
    assert code == 2
    assert err.count("error: ") == 1
    assert "guide.start_s=7 must be below the 5.00 s of" in err
    assert not (tmp_path / "beyond" / "config.yaml").exists()


def test_clips_of_a_style_have_weights(command, tmp_path):
    """Alike, of 1.25 s and 3 s: as much of each; by their lengths it would be all of both."""
    files = [tmp_path / name for name in ("short.wav", "long.wav")]
    for seed, seconds in ((4, 1.25), (5, 3.0)):
        soundfile.write(files[seed - 4], music(seed, seconds), SR)
    given = [f"style.path=['{files[0]}','{files[1]}']", "style.weights=[1,1]", "n_steps=2"]
    code, err = command(*given, "hydra.run.dir=r")
    assert code == 0, err
    (file,) = (tmp_path / "r").glob("style_*.wav")
    assert soundfile.info(file).duration == pytest.approx(2.5, abs=0.01)
    code, err = command("resume=r", "style.weights=[1,3]", defaults=False)
    assert (code, "style.weights=[1, 3] differs from the [1, 1]" in err) == (2, True)


def test_a_run_from_before_there_was_a_setting_goes_on(command, tmp_path):
    from nstaudio.experiments import resume as resuming

    later = ("duration_s", "guide", "multiscale", "n_seeds", "representation")

    def without(name: str) -> bool:
        return not name.startswith((*later, "style.weights"))

    assert command("hydra.run.dir=whole", "n_steps=15")[0] == 0
    lasting = resuming.immutable_settings
    with pytest.MonkeyPatch.context() as before:
        before.setattr(
            resuming,
            "immutable_settings",
            lambda cfg: {k: v for k, v in lasting(cfg).items() if without(k)},
        )
        assert command("hydra.run.dir=old")[0] == 0
    record = tmp_path / "old" / "config.yaml"
    saved = OmegaConf.load(record)
    for key in later:
        del saved[key]
    del saved.style["weights"]
    OmegaConf.save(saved, record)
    code, err = command("resume=old", "n_steps=15", defaults=False)
    assert code == 0, err
    assert "resuming at step 12 of 15" in err
    whole, old = (tmp_path / run / "generated.wav" for run in ("whole", "old"))
    assert whole.read_bytes() == old.read_bytes()
    assert OmegaConf.load(record).guide.fade_s == 0.05


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["output.format=flac"], ("FLAC", "PCM_16", 32000, 2)),
        (["output.format=mp3", "output.channels=1"], ("MP3", "MPEG_LAYER_III", 32000, 1)),
        (["output.format=ogg", "output.sr=44100"], ("OGG", "VORBIS", 44100, 2)),
        (["output.subtype=FLOAT", "output.loudness_lufs=-30"], ("WAV", "FLOAT", 32000, 2)),
    ],
)
def test_outputs_of_other_kinds(command, tmp_path, song, arguments, expected):
    small = ["n_steps=1", "content.duration_s=2", "hydra.run.dir=r"]
    code, err = command(f"content.path={song}", *small, *arguments)
    assert code == 0, err
    (file,) = (tmp_path / "r").glob("generated.*")
    info = soundfile.info(file)
    assert (info.format, info.subtype, info.samplerate, info.channels) == expected
    if expected[0] != "MP3":
        assert info.frames == 2 * expected[2]
    if "output.loudness_lufs=-30" in arguments:
        y, sr = soundfile.read(file)
        assert pyloudnorm.Meter(sr).integrated_loudness(y) == pytest.approx(-30, abs=0.1)
        assert summary(tmp_path / "r")["loudness_lufs"] == pytest.approx(-30, abs=0.01)


def test_a_config_that_was_edited_is_refused(command, tmp_path, finished):
    record = tmp_path / "r" / "config.yaml"
    before = record.read_text()
    record.write_text(before.replace("alpha: null", "alpha: 0.01"))
    code, err = command("resume=r", "n_steps=20", defaults=False)
    assert code == 2
    assert "has changed since the run was started: alpha was None and is 0.01" in err
    record.write_text(before)
    assert command("resume=r", "n_steps=14", defaults=False)[0] == 0


def test_a_folder_that_holds_a_run_is_not_overwritten(command, tmp_path, finished):
    before = {file: file.read_bytes() for file in finished.rglob("*") if file.is_file()}
    code, err = command("hydra.run.dir=r", "seed=5")
    assert code == 2
    assert "already holds a run; continue it with resume=" in err
    assert before == {file: file.read_bytes() for file in finished.rglob("*") if file.is_file()}


def test_a_folder_has_one_user_at_a_time(command, tmp_path, finished):
    (tmp_path / "new").mkdir()
    for folder, arguments in ((tmp_path / "new", ["hydra.run.dir=new"]), (finished, ["resume=r"])):
        with folder_lock(folder):
            code, err = command(*arguments, defaults=folder != finished)
        assert code == 2
        assert f"{folder.name} is being used by another run" in err
        assert command(*arguments, defaults=folder != finished)[0] == 0


def bad_clip(folder: Path, kind: str) -> str:
    file = folder / f"{kind}.wav"
    if kind == "folder":
        file.mkdir()
    elif kind == "empty":
        file.touch()
    elif kind == "text":
        file.write_text("no music " * 999)
    elif kind in ("0", "1", "9000"):
        soundfile.write(file, 0.1 * np.ones(int(kind)), SR)
    elif kind == "silence":
        soundfile.write(file, np.zeros(SR), SR)
    elif kind == "nan":
        soundfile.write(file, np.full(SR, np.nan), SR, subtype="FLOAT")
    return str(file)


@pytest.mark.parametrize(
    ("role", "kind", "message"),
    [
        ("content", "missing", "missing.wav does not exist"),
        ("style", "missing", "missing.wav does not exist"),
        ("content", "folder", "folder.wav is a folder"),
        ("style", "empty", "empty.wav is empty (0 bytes)"),
        ("content", "text", "text.wav cannot be decoded"),
        ("content", "0", "0.wav has 0 samples; at least 2"),
        ("style", "1", "1.wav has 1 samples; at least 2"),
        ("content", "9000", "9000.wav is 0.41 s long (36 frames); the encoder's receptive field"),
        ("style", "9000", "9000.wav is 0.41 s long (36 frames); the encoder's receptive field"),
        ("content", "silence", "silence.wav is silent"),
        ("style", "silence", "silence.wav is silent"),
        ("style", "nan", "nan.wav has a sample that is not a finite number"),
    ],
)
def test_a_bad_clip_is_one_line_and_nothing_written(command, tmp_path, role, kind, message):
    code, err = command(f"{role}.path='{bad_clip(tmp_path, kind)}'", "encoder.kernel_size=21")
    assert_refused(code, err, message, tmp_path)
    assert f"error: {role} file {tmp_path}" in err


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("segments.lenght_s=9", "segments.lenght_s"),
        ("alhpa=2", "unknown option alhpa (did you mean alpha?)"),
        ("encoder.kernel=3", "unknown option encoder.kernel (did you mean encoder.kernel_size?)"),
        ("experimnt=mix", "unknown option experimnt (did you mean experiment?)"),
        ("+alhpa=2", "option=alhpa is not one of"),
        ("content=my.wav", "for your own file write content.path=my.wav"),
        ("style=songs/my.mp3", "for your own file write style.path=songs/my.mp3"),
        ("content=jaz", "content=jaz is none of the clips here (classical, jazz, none)"),
        ("optimizer=adm", "optimizer=adm is not one of: adam, lbfgs, sgd (did you mean adam?)"),
        ("experiment=papr", "(did you mean paper?)"),
        ("content.start_s=99", "is 2.00 s long; it cannot start at 99 s"),
        ("style_weights.conv3=1", "layer in style_weights=conv3 is not one of: conv1, conv2"),
        ("n_steps=[", "n_steps=["),
        ("content=5", "these settings cannot be understood"),
        ("encoder=[256,64]", "these settings cannot be understood"),
        ("optimizer=${.}", "these settings cannot be resolved"),
        ("=x", "unknown option ''"),
        ("alpha=\u202e", r"alpha=\x202e cannot be understood"),
        ("init='a\nb'", r"init=a\x0ab is not one of"),
    ],
)
def test_a_bad_setting_is_one_line(command, tmp_path, argument, message):
    code, err = command(argument)
    assert_refused(code, err, message, tmp_path)


def test_a_loss_that_explodes_is_named(command, tmp_path):
    code, err = command("parametrization=free_mel", "optimizer.learning_rate=1e30")
    assert code == 2
    assert "error: the loss became" in err
    assert "lower optimizer.learning_rate=1e+30" in err
    assert not list(tmp_path.glob("outputs/*/*/generated.wav"))


@pytest.mark.parametrize("parametrization", ["free_mel", "smooth_mel", "waveform"])
def test_other_parametrizations_and_inversions(command, tmp_path, parametrization):
    inversion = ["inversion=kl_griffin_lim", "inversion.n_iter=4"]
    code, err = command(f"parametrization={parametrization}", *inversion)
    assert code == 0, err
    figures = summary(only_run(tmp_path))
    unused = "inversion is not used: parametrization=Waveform optimises a waveform"
    if parametrization == "waveform":
        assert unused in err
        assert figures["consistency_db"] < 0.1
        assert figures["style_ratio"] == pytest.approx(1.0, abs=0.01)
    else:
        assert "inversion is not used" not in err
        assert figures["consistency_db"] > 0.5


@pytest.mark.slow
def test_the_infinite_encoder_on_linear_bands_resumes_bit_for_bit(command, tmp_path, clips):
    settings = ["encoder=infinite", "encoder.kernel_size=[3,3]", "spectrogram=linear"]
    settings += ["spectrogram.n_fft=256", "spectrogram.hop_length=128", "spectrogram.n_mels=127"]
    settings += ["parametrization=smooth_mel", "inversion.n_iter=4", "log_every=3"]
    settings += [f"content.path='{clips['content']}'", f"style.path='{clips['style']}'"]
    for folder, n_steps in (("whole", 6), ("cut", 3)):
        steps = [f"n_steps={n_steps}", f"hydra.run.dir={folder}"]
        code, err = command(*settings, *steps, defaults=False)
        assert code == 0, err
    code, err = command("resume=cut", "n_steps=6", defaults=False)
    assert code == 0, err
    assert "resuming at step 3 of 6" in err
    figures = summary(tmp_path / "whole")
    assert figures["total_loss"] == summary(tmp_path / "cut")["total_loss"]
    assert (tmp_path / "whole/generated.wav").read_bytes() == (
        tmp_path / "cut/generated.wav"
    ).read_bytes()
    assert set(figures["style_loss_by_layer"]) == {"conv1", "conv2"}
    assert figures["style_loss"] < figures["initial_style_loss"]


@pytest.mark.parametrize("folder", ["file/below", "/proc/nowhere/run"])
def test_a_folder_that_cannot_be_written(command, tmp_path, folder):
    (tmp_path / "file").write_text("not a folder")
    code, err = command(f"hydra.run.dir={folder}")
    assert_refused(code, err, "the output folder cannot be used", tmp_path)


LONG = ["n_steps=200000", "checkpoint.interval_s=0", "log_every=10"]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_an_interrupt_finishes_cleanly(tmp_path, clips, kind):
    folder = tmp_path / "r"
    process = start(tmp_path, clips, *LONG, "checkpoint.interval_s=1000", f"hydra.run.dir={folder}")
    metrics = folder / "metrics.jsonl"
    wait_for(lambda: metrics.exists() and metrics.read_text().count("\n") > 3, process)
    process.send_signal(kind)
    err = process.communicate(timeout=900)[1]
    assert process.returncode == 0, err
    figures = summary(folder)
    assert figures["interrupted"]
    assert 0 < figures["n_steps"] < 200000
    assert lines(folder)[-1]["step"] == figures["n_steps"]
    assert (folder / "checkpoints" / "0000" / str(figures["n_steps"])).is_dir()
    assert soundfile.info(folder / "generated.wav").frames == 2 * SR
    assert (folder / "report.html").exists()
    assert f"resume={folder}" in err


INTERRUPTED = """
import os, runpy, signal, sys
module, sys.argv = sys.argv[1], sys.argv[2:]
def interrupt(event, arguments):
    if event == "import" and arguments[0] == module:
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(interrupt)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("module", ["hydra", "jax", "nstaudio.experiments.run"])
def test_an_interrupt_before_there_is_anything_just_ends_it(tmp_path, clips, module):
    """At the moment when a module is asked for."""
    within = ("-c", INTERRUPTED, module)
    process = start(tmp_path, clips, f"hydra.run.dir={tmp_path / 'r'}", within=within)
    err = process.communicate(timeout=900)[1]
    assert process.returncode == -signal.SIGINT, err
    assert "Traceback" not in err
    assert not (tmp_path / "r" / "config.yaml").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("optimized")
def test_kill_9_at_any_moment_loses_no_more_than_an_interval(tmp_path, clips, command):
    """SIGKILL, again and again at other moments, then to the end: the bits of an unbroken run."""
    folder, n_steps = tmp_path / "killed", 600
    settings = [f"n_steps={n_steps}", "checkpoint.interval_s=0", "log_every=10"]
    metrics, checkpoints = folder / "metrics.jsonl", folder / "checkpoints" / "0000"

    def saved() -> int:
        done = [int(p.name) for p in checkpoints.glob("*") if p.name.isdigit()]
        return max(done, default=-1)

    def logged() -> int:
        return len(metrics.read_text().splitlines()) if metrics.exists() else 0

    kills = [lambda: (folder / "config.yaml").exists(), lambda: saved() >= 0]
    kills += [lambda: logged() > 5, lambda: saved() >= 100]
    for kill in kills:
        resume = [f"resume={folder}"] if (folder / "config.yaml").exists() else []
        place = resume or [f"hydra.run.dir={folder}"]
        process = start(tmp_path, clips, *settings, *place)
        wait_for(kill, process)
        process.kill()
        err = process.communicate()[1]
        if resume:
            assert "Traceback" not in err
    before, rows = saved(), lines(folder)
    assert rows[-1]["step"] - before <= 20, "one interval: one logged step, and one being saved"
    code, err = command(f"resume={folder}", defaults=False)
    assert code == 0, err
    assert f"resuming at step {before} of {n_steps}" in err
    assert command(*settings, "hydra.run.dir=whole")[0] == 0
    whole = tmp_path / "whole"
    assert (whole / "generated.wav").read_bytes() == (folder / "generated.wav").read_bytes()
    assert summary(whole)["total_loss"] == summary(folder)["total_loss"]
    assert [r["step"] for r in lines(whole)] == [r["step"] for r in lines(folder)]
    assert [r["total"] for r in lines(whole)] == [r["total"] for r in lines(folder)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_truncated_checkpoint_falls_back_with_a_warning(command, tmp_path, finished):
    newest = finished / "checkpoints" / "0000" / "12"
    for file in newest.rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    expected = (tmp_path / "r" / "generated.wav").read_bytes()
    code, err = command("resume=r", defaults=False)
    assert code == 0, err
    assert "checkpoint of step 12 cannot be read" in err
    assert "resuming at step 10 of 12" in err
    assert (tmp_path / "r" / "generated.wav").read_bytes() == expected


def test_demo_clips_load_at_the_analysis_rate():
    for name in ("jazz", "classical"):
        assert load(CLIPS_DIR / f"{name}.ogg").sr > 0
