"""The scripts in examples/, run for real with few steps, and the notebook as it is."""

import json
import runpy
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from helpers import ROOT
from small_runs import summary


def example(name: str):
    return runpy.run_path(str(ROOT / "examples" / f"{name}.py"))


@pytest.mark.slow
def test_two_clips(tmp_path, clips, capsys):
    out = tmp_path / "r.wav"
    files = [str(clips["content"]), str(clips["style"])]
    example("two_clips")["main"]([*files, "--n-steps", "10", "--out", str(out)])
    content, sr = soundfile.read(clips["content"])
    y, made_sr = soundfile.read(out)
    assert (made_sr, y.shape) == (sr, content.shape)
    assert np.abs(y - content).max() > 0.01, "it has changed"
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("step 0: total loss ")
    assert said[-1].startswith(f"{out}: style loss ")


def test_own_style_loss():
    module = example("own_style_loss")
    rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    loss = module["Moments"](spread_weight=2.0)
    target = loss.statistic(jnp.asarray(rows))
    np.testing.assert_allclose(target["mean"], rows.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(target["spread"], rows.std(0), rtol=1e-5)
    expected = np.mean((2 * rows.mean(0) - rows.mean(0)) ** 2) + 2 * np.mean(rows.std(0) ** 2)
    assert float(loss.distance(jnp.asarray(2 * rows), target)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_a_transfer_with_an_own_style_loss(tmp_path, capsys):
    out = tmp_path / "own.wav"
    example("own_style_loss")["main"](["--n-steps", "10", "--seconds", "1.5", "--out", str(out)])
    first, last = capsys.readouterr().out.rsplit("style loss ", 1)[1].split(" -> ")
    assert float(last) < float(first)
    assert soundfile.info(out).duration == pytest.approx(1.5, abs=1e-3)


def test_a_sweep_as_a_table(finished_run, tmp_path, capfd):
    folder = tmp_path / "s"
    for seed in range(2):
        job = shutil.copytree(finished_run, folder / f"{seed}_seed={seed}")
        config = job / "config.yaml"
        config.write_text(config.read_text().replace("\nseed: 0\n", f"\nseed: {seed}\n"))
    example("sweep_table")["main"]([str(folder), "seed", "encoder.features"])
    header, *lines = capfd.readouterr().out.splitlines()
    assert header.split("\t") == [
        "seed", "encoder.features", "style_share", "added_noise_db", "seconds_total",
    ]  # fmt: skip
    assert [line.split("\t")[:2] for line in lines] == [["0", "[16, 8]"], ["1", "[16, 8]"]]
    runs = [folder / f"{i}_seed={i}" for i in range(2)]
    for line, run in zip(lines, runs, strict=True):
        assert float(line.split("\t")[2]) == pytest.approx(summary(run)["style_share"], rel=1e-3)


def test_the_tour_is_stored_without_outputs():
    cells = json.loads((ROOT / "examples" / "tour.ipynb").read_text())["cells"]
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)


@pytest.mark.slow
def test_the_tour(tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    notebook = nbformat.read(ROOT / "examples" / "tour.ipynb", as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=1800, resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pages = [one["data"]["text/html"] for one in outputs if "text/html" in one.get("data", {})]
    views = [page for page in pages if "transfer_distance" not in page and "style_loss" in page]
    assert len(views) == 2, "the default and the own loss"
    assert all(view.count("data:audio/mpeg") == 3 and len(view) < 2e6 for view in views)
    pictures = [one for one in outputs if "image/png" in one.get("data", {})]
    assert len(pictures) == 4
    assert list(tmp_path.iterdir()) == []
