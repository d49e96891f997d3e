import json

import numpy as np
import pytest
import soundfile
from hydra.core.global_hydra import GlobalHydra

from nstaudio.evaluation import similarity, tonality
from nstaudio.experiments.evaluation.table import summary

import evaluate
from helpers import music

SR = 16000
QUICK = ["n_steps=2", "encoder.features=[8]"]


@pytest.fixture(autouse=True)
def hydra():
    GlobalHydra.instance().clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("triplets")
    for item in range(2):
        for i, role in enumerate(("content", "style", "target")):
            soundfile.write(folder / f"{item}.{role}.flac", music(3 * item + i, 1.0, SR), SR)
    (folder / "meta.json").write_text("{}")
    return folder


@pytest.mark.slow
def test_it_measures_five_methods_and_saves(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate.main([str(folder), *QUICK, "--out", str(out), "--audio"]) == 0
    figures = json.loads((out / "figures.json").read_text())
    assert figures["overrides"] == QUICK
    method = ",".join(QUICK)
    assert list(figures["items"]) == ["0", "1"]
    for item, methods in figures["items"].items():
        assert list(methods) == ["content", "style", "eq", method, "noise"]
        sounds = {
            role: similarity.analyse(soundfile.read(folder / f"{item}.{role}.flac")[0], SR)
            for role in ("content", "style", "target")
        }
        truth = similarity.compare(sounds["content"], sounds["target"])
        assert methods["content"]["lsd_db"] == pytest.approx(truth.lsd_db, abs=0.05)
        tones = [
            tonality.analyse(soundfile.read(folder / f"{item}.{role}.flac")[0], SR)
            for role in ("content", "target")
        ]
        fine = np.abs(tones[0].fine_db - tones[1].fine_db).mean()
        assert methods["content"]["fine_db"] == pytest.approx(fine, abs=0.05)
        assert methods["content"]["pitch_to_content"] == 0
        assert methods["style"]["timbre_to_style"] == pytest.approx(0, abs=1e-6)
        assert methods["content"]["unseen_style_share"] == pytest.approx(1, abs=1e-5)
        assert methods["style"]["unseen_style_share"] == pytest.approx(0, abs=1e-5)
        assert methods["content"]["added_noise_db"] == -100
        assert methods["content"]["unpitched_db"] == pytest.approx(0, abs=1e-9)
        assert methods[method]["seconds"] > 0
        assert soundfile.info(out / f"{item}.eq.wav").frames == SR
    lines = (out / "table.md").read_text().splitlines()
    assert len(lines) == len(summary(figures["items"])) + 2 * 5
    cells = [line.strip("| ").split(" | ") for line in lines]
    lsd = [figures["items"][item]["content"]["lsd_db"] for item in ("0", "1")]
    assert cells[2][:3] == ["content", "mean", f"{np.mean(lsd):.3f}"]
    below = sum(
        methods[method]["lsd_db"] < methods["content"]["lsd_db"]
        for methods in figures["items"].values()
    )
    assert [method, "better than content", f"{below}/2"] in [c[:3] for c in cells]
    assert "2 of 2 items" in capsys.readouterr().out


def test_it_gives_the_same_figures_again(folder, tmp_path):
    found = []
    for _ in range(2):
        GlobalHydra.instance().clear()
        assert evaluate.main([str(folder), *QUICK, "--limit", "1", "--out", str(tmp_path)]) == 0
        items = json.loads((tmp_path / "figures.json").read_text())["items"]
        for figures in items["0"].values():
            figures.pop("seconds")
        found.append(items)
    assert found[0] == found[1]


def test_pairs_without_a_target_and_items_that_fail(folder, tmp_path, capsys):
    for role in ("content", "style"):
        (tmp_path / f"pair.{role}.flac").write_bytes((folder / f"0.{role}.flac").read_bytes())
    (tmp_path / "lone.content.flac").write_bytes((folder / "0.content.flac").read_bytes())
    soundfile.write(tmp_path / "mute.content.wav", np.zeros(SR), SR)
    soundfile.write(tmp_path / "mute.style.wav", np.zeros(SR), SR)
    out = tmp_path / "out"
    assert evaluate.main([str(tmp_path), *QUICK, "--out", str(out)]) == 1
    captured = capsys.readouterr()
    assert "error: item lone: there is no style file" in captured.err
    assert "error: item mute: content file" in captured.err
    assert "1 of 3 items" in captured.out
    (item,) = json.loads((out / "figures.json").read_text())["items"].values()
    assert item["eq"]["lsd_db"] is None
    assert item["eq"]["timbre_to_style"] >= 0
    dashes, known = " - |" * 10, f"{item['eq']['transfer_distance']:.3f}"
    assert f"| eq | mean |{dashes} {known} |" in (out / "table.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is not a folder"),
        (["{}", "content=jazz"], "content= has no meaning here"),
        (["{}", "alpha=-1"], "alpha=-1 must be at least 0"),
        (["{}", "experiment=quik"], "experiment=quik is not one of"),
        (["{}", "--limit", "0"], "--limit=0 must be at least 1"),
        (["{}", "--rows", "auto,auto"], "--rows=auto is in the table already"),
        (["{}", "--rows", "eq"], "--rows=eq is in the table already"),
        (["{}", "encoder=aisfx", "spectrogram=aisfx"], "encoder=aisfx is the judge's own network"),
        (["{}", "--rows", "ulianov"], "experiment=ulianov is not one of"),
    ],
)
def test_bad_input_is_one_line(arguments, message, folder, capsys):
    assert evaluate.main([a.format(folder) for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
