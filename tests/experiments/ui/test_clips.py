"""Uploads: what is taken, and what is refused with a line."""

import io
import os
import time

import numpy as np
import pytest
import soundfile

from nstaudio.experiments.ui import clips as clips_of_the_page
from nstaudio.experiments.ui.clips import file_name

from helpers import SR, music
from small_ui import make_run


def put(client, name, data):
    answer = client.put("/api/clips", params={"name": name}, content=data)
    return answer.status_code, answer.json()


def wav(y, sr=SR, format_="WAV") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, y, sr, format=format_)
    return stream.getvalue()


def test_a_clip_is_kept_under_its_name_and_can_be_heard(client, outputs, clips):
    data = clips["content"].read_bytes()
    code, clip = put(client, "my song.wav", data)
    assert code == 200
    assert (clip["name"], clip["duration_s"], clip["demo"]) == ("my song.wav", 2.0, False)
    assert (outputs / "uploads" / clip["id"] / "my song.wav").read_bytes() == data
    heard = client.get(f"/api/clips/{clip['id']}/sound")
    y, sr = soundfile.read(io.BytesIO(heard.content))
    expected, _ = soundfile.read(clips["content"])
    assert sr == SR
    np.testing.assert_allclose(y, expected, atol=1e-4)


def test_the_same_clip_is_kept_once(client, outputs, clips):
    data = clips["style"].read_bytes()
    assert put(client, "a.flac", data) == put(client, "a.flac", data)
    assert put(client, "a.flac", data)[1]["id"] != put(client, "b.flac", data)[1]["id"]
    assert len(list((outputs / "uploads").iterdir())) == 2, "nothing half done is left"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "no.wav is empty (0 bytes)"),
        (b"<html>not a sound</html>" * 9, "no.wav "),
        (wav(music(1, 5.0)), "no.wav is longer than the limit of 0.0666667 minutes"),
        (b"\0" * 400_001, "no.wav is larger than the limit of 0.4 MB (--max-mb)"),
        (wav(np.full((100, 9), 0.1)), "no.wav has 9 channels; the page plays at most 8"),
    ],
)
def test_what_cannot_be_used_is_a_line(client, outputs, data, line):
    code, answer = put(client, "no.wav", data)
    assert code == (413 if "larger" in line else 400)
    assert answer["error"].startswith(line)
    assert "\n" not in answer["error"]
    assert str(outputs) not in answer["error"]
    assert not any((outputs / "uploads").iterdir()) if (outputs / "uploads").exists() else True


def test_a_size_that_is_not_told_is_counted(client, outputs):
    def blocks():
        for _ in range(50):
            yield b"\0" * 10_000

    code, answer = put(client, "no.wav", blocks())
    assert (code, "larger than the limit" in answer["error"]) == (413, True)
    assert not any((outputs / "uploads").iterdir())


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("song.wav", "song.wav"),
        ("../../etc/passwd", "passwd"),
        ("C:\\music\\lied.mp3", "lied.mp3"),
        ("..", "clip"),
        ("", "clip"),
        ("a\n\x00b.wav", "a__b.wav"),
        ("${oc.env:HOME}.wav", "_{oc.env_HOME}.wav"),
        ("-m.wav", "_-m.wav"),
        (".hidden.wav", "hidden.wav"),
        ("clip.json", "_clip.json"),
        ("listen.flac", "_listen.flac"),
        ("Größe, 2 (live).ogg", "Größe, 2 (live).ogg"),
    ],
)
def test_names_lose_what_is_no_name(typed, name):
    assert file_name(typed) == name


def test_a_long_name_fits_a_file_system():
    assert len(file_name("ö" * 300 + ".flac").encode()) < 200


@pytest.mark.parametrize("id_", ["0" * 32, "..", "%2e%2e", "..%2f..", "demo-nope", "x" * 300])
def test_no_other_file_can_be_asked_for(client, id_):
    answer = client.get(f"/api/clips/{id_}/sound")
    assert answer.status_code in (400, 404)


def test_a_link_among_the_uploads_is_not_followed(client, outputs, upload, tmp_path):
    id_ = upload()
    (outputs / "uploads" / id_).rename(tmp_path / "elsewhere")
    (outputs / "uploads" / id_).symlink_to(tmp_path / "elsewhere")
    assert client.get(f"/api/clips/{id_}/sound").status_code == 400


def test_demo_clips_are_there(client):
    demos = {clip["name"]: clip for clip in client.get("/api/setup").json()["demos"]}
    assert demos["jazz"]["duration_s"] == pytest.approx(14.775, abs=0.01)
    assert client.get(f"/api/clips/{demos['jazz']['id']}/sound").status_code == 200


def uploads(outputs) -> set[str]:
    return {one.name for one in (outputs / "uploads").iterdir()}


def test_uploads_that_no_run_has_taken_go_from_the_oldest_on(client, outputs, upload, monkeypatch):
    ids = [upload(name=f"{i}.wav") for i in range(5)]
    place = {id_: outputs / "uploads" / id_ for id_ in ids}
    for age_days, id_ in zip((9, 8, 7, 6, 0.5), ids, strict=True):
        at = time.time() - age_days * 86_400
        os.utime(place[id_] / "clip.json", (at, at))
    unfinished = outputs / "uploads" / ".x.part"
    unfinished.mkdir()
    os.utime(unfinished, (0, 0))
    make_run(outputs / "day/run", config={"content": {"path": str(place[ids[0]] / "0.wav")}})
    several = make_run(
        outputs / "day/several", config={"content": {"path": [str(place[ids[1]] / "1.wav")]}}
    )
    (several / "contents.json").write_text('["1"]')
    studio = client.app.state.studio
    one = sum(file.stat().st_size for file in place[ids[0]].iterdir())
    monkeypatch.setattr(clips_of_the_page, "MAX_UNUSED_BYTES", 10 * one)
    studio.clips.prune(studio.history.uploads)
    assert uploads(outputs) == {*ids, ".x.part"}, "few enough"
    monkeypatch.setattr(clips_of_the_page, "MAX_UNUSED_BYTES", int(2.5 * one))
    studio.clips.prune(studio.history.uploads)
    assert uploads(outputs) == {ids[0], ids[1], ids[3], ids[4]}
    monkeypatch.setattr(clips_of_the_page, "MAX_UNUSED_BYTES", 0)
    studio.clips.prune(studio.history.uploads)
    assert uploads(outputs) == {ids[0], ids[1], ids[4]}, "those of runs, and those of today"


def test_a_clip_that_is_uploaded_again_is_new_again(client, outputs, upload):
    about = outputs / "uploads" / upload() / "clip.json"
    os.utime(about, (0, 0))
    upload()
    assert time.time() - about.stat().st_mtime < 3600
