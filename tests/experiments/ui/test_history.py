"""The runs among the outputs: what the page is told of them, and which files it may read."""

import io
import json
import os
import shlex
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile

from helpers import SR, music
from small_ui import make_run


def runs(client) -> list[dict]:
    answer = client.get("/api/runs")
    assert answer.status_code == 200, answer.text
    return answer.json()["runs"]


def test_runs_at_any_depth_the_newest_first(client, outputs):
    for i, place in enumerate(("a/one", "sweeps/b/two", "three")):
        folder = make_run(outputs / place, transfer_distance=0.25, duration_s=2.0)
        os.utime(folder / ".hydra/overrides.yaml", (i, i))
    (outputs / "a/no run").mkdir()
    make_run(outputs / "uploads/x")
    make_run(outputs / "three/checkpoints/y")
    found = runs(client)
    assert [run["id"] for run in found] == ["three", "sweeps/b/two", "a/one"]
    assert found[0]["content"] == "song"
    assert found[0]["style"] == "a + b"
    assert (found[0]["state"], found[0]["transfer_distance"]) == ("done", 0.25)


def test_a_run_without_an_end(client, outputs):
    make_run(outputs / "killed")
    make_run(outputs / "early", interrupted=True)
    assert {run["id"]: run["state"] for run in runs(client)} == {
        "killed": "unfinished",
        "early": "stopped",
    }


def test_what_is_damaged_breaks_nothing(client, outputs):
    for name, file, text in (
        ("a", "config.yaml", "[" * 5000),
        ("b", "config.yaml", "- 1"),
        ("c", ".hydra/overrides.yaml", "\x00"),
        ("d", "summary.json", "{"),
        ("e", "config.yaml", "content: 1\nstyle: {path: 5}"),
        ("f", ".hydra/overrides.yaml", "[1, {a: b}, 'strength=[', 'experiment=mix']"),
    ):
        (make_run(outputs / name) / file).write_text(text)
    assert len(runs(client)) == 6


def test_the_command_makes_the_same_from_any_folder(client, outputs):
    typed = ["experiment=mix", "content.path='my song.wav'", "style.path=[a.wav,b.wav]", "seed=1"]
    config = {"content": {"path": "/music/my song.wav"}}
    make_run(outputs / "one", *typed, "checkpoint.preview_s=3.0", config=config)
    (run,) = runs(client)
    assert shlex.split(run["command"]) == [
        *("nstaudio", "experiment=mix", "content.path=/music/my song.wav"),
        *("style.path=[/x/a.wav,/x/b.wav]", "seed=1"),
    ]


def test_settings_to_change_are_those_of_clips_that_are_here(client, outputs, upload):
    id_ = upload()
    file = str(outputs / "uploads" / id_ / "my song.wav")
    here = {"content": {"path": file, "start_s": 0.5, "duration_s": 1},
            "style": {"path": "${clip:jazz.ogg}", "start_s": 0, "duration_s": None}}  # fmt: skip
    typed = ["experiment=mix", f"content.path='{file}'", "style=jazz", "strength=0.5", "seed=3",
             "content.start_s=0.5", "content.duration_s=1"]  # fmt: skip
    make_run(outputs / "here", *typed, "hydra.run.dir=x", config=here)
    make_run(outputs / "elsewhere", *typed)
    make_run(outputs / "other", *typed, "encoder=conv2d", config=here)
    found = {run["id"]: run["settings"] for run in runs(client)}
    assert found["elsewhere"] is None
    assert found["other"] is None
    settings = found["here"]
    assert [clip["id"] for clip in settings["content"]] == [id_]
    assert [clip["id"] for clip in settings["style"]] == ["demo-jazz"]
    assert (settings["preset"], settings["strength"], settings["seed"]) == ("mix", 0.5, 3)
    assert (settings["content_region"], settings["style_region"]) == ([0.5, 1.5], None)
    assert settings["n_steps"] is None


def test_one_of_several_contents_can_be_made_again_by_itself(client, outputs, upload):
    files = [str(outputs / "uploads" / upload(name=f"{i}.wav") / f"{i}.wav") for i in range(2)]
    typed = [f"content.path=[{','.join(files)}]", "style=jazz", "seed=3"]
    style = {"path": "${clip:jazz.ogg}", "start_s": 0, "duration_s": None}
    several = make_run(outputs / "day/several", *typed, config={"content": {"path": files}})
    (several / "contents.json").write_text('["0", "1"]')
    (several / "1").mkdir()
    config = {"content": {"path": files[1], "start_s": 0, "duration_s": None}, "style": style}
    (several / "1/config.yaml").write_text(json.dumps(config))
    (run,) = runs(client)
    assert run["id"] == "day/several/1"
    typed = shlex.split(run["command"])
    assert typed == ["nstaudio", f"content.path={files[1]}", "style=jazz", "seed=3"]
    assert [clip["name"] for clip in run["settings"]["content"]] == ["1.wav"]
    assert run["settings"]["seed"] == 3


@pytest.fixture
def heard(outputs):
    folder = make_run(outputs / "day/run (1)", transfer_distance=0.5)
    y = np.stack([music(1), music(2)], axis=1)
    soundfile.write(folder / "generated.wav", y, SR, subtype="PCM_16")
    (folder / "report.html").write_text("<script>1</script>")
    return y


def test_sounds_of_a_run_also_in_parts(client, heard):
    url = "/api/runs/day/run (1)/file/result"
    whole = client.get(url)
    assert whole.status_code == 200
    part = client.get(url, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])


@pytest.mark.parametrize("format_", ["wav", "flac", "mp3"])
def test_downloads(client, heard, format_):
    answer = client.get(f"/api/runs/day/run (1)/download/{format_}")
    assert answer.status_code == 200
    kept = unquote(answer.headers["content-disposition"])
    assert kept.endswith(f"run (1).{format_}")
    y, sr = soundfile.read(io.BytesIO(answer.content))
    assert sr == SR
    assert y.shape[1] == 2
    tolerance = 0.15 if format_ == "mp3" else 1e-4
    n = min(len(y), len(heard))
    if format_ != "mp3":
        assert len(y) == len(heard)
        np.testing.assert_allclose(y, heard, atol=tolerance)
    else:
        assert np.corrcoef(y[:n, 0], heard[:n, 0])[0, 1] > 0.9


def test_an_mp3_of_a_rate_and_channels_that_it_has(client, outputs):
    folder = make_run(outputs / "odd", transfer_distance=0.5)
    soundfile.write(folder / "generated.wav", np.stack([music(1, 1.0, 96000)] * 4, 1), 96000)
    answer = client.get("/api/runs/odd/download/mp3")
    y, sr = soundfile.read(io.BytesIO(answer.content))
    assert (sr, y.ndim) == (44100, 1)


def test_a_preview_that_is_gone_is_the_result(client, outputs, heard):
    url = "/api/runs/day/run (1)/file"
    assert client.get(f"{url}/preview").content == client.get(f"{url}/result").content
    (outputs / "day/run (1)/preview.wav").write_bytes(b"a preview")
    assert client.get(f"{url}/preview").content == b"a preview"


def test_a_report_has_no_rights_here(client, heard):
    answer = client.get("/api/runs/day/run (1)/file/report")
    policy = answer.headers["content-security-policy"]
    assert "sandbox allow-scripts" in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "path",
    [
        *("../secret/file/report", "%2e%2e/secret/file/report", "day/%2e%2e/../secret/file/report"),
        *("/etc/file/report", "%2Fetc/file/report", "./file/report", "day\\run (1)/file/report"),
        *("day/run (1)/file/..%2Fconfig.yaml", "day/run (1)/file/config.yaml"),
        *("day/run (1)/file/summary.json", "day/run (1)/file/*", "day/run (1)/file/[r]eport.html"),
        *("day/file/report", "link/file/report", "day/link/file/report", "linked/file/report"),
        *("%00/file/report", f"{'x/' * 50}file/report", f"{'x' * 5000}/file/report"),
        *("day/run (1)/download/exe", "../../secret/download/wav", "link/download/wav"),
    ],
)
def test_no_other_file_can_be_read(client, outputs, tmp_path, heard, path):
    secret = make_run(tmp_path / "secret")
    (secret / "report.html").write_text("a secret")
    (outputs / "link").symlink_to(secret)
    (outputs / "day/link").symlink_to(secret)
    (make_run(outputs / "linked") / "report.html").symlink_to(secret / "report.html")
    answer = client.get(f"/api/runs/{path}")
    assert answer.status_code in (400, 404)
    assert "a secret" not in answer.text


def test_links_are_no_runs(client, outputs, tmp_path):
    (outputs / "link").symlink_to(make_run(tmp_path / "secret"))
    assert runs(client) == []


@pytest.mark.parametrize("path", ["../server.py", "%2e%2e/server.py", "/etc/passwd", "..%2f.."])
def test_the_page_is_its_own_folder(client, path):
    assert client.get(f"/page/{path}").status_code == 404
