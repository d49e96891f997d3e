"""The page of a sweep: what is read from runs' folders, and the page in a real browser."""

import io
import json
import re
import time
from base64 import b64decode
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile
import yaml

from nstaudio.errors import InputError
from nstaudio.experiments.report import page as run_page
from nstaudio.experiments.report import sweep_page as pages

import gallery
from browser import opened
from helpers import SR, music

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def make_run(
    folder: Path,
    settings: dict | None = None,
    figures: dict | None = None,
    *,
    error: str | None = None,
    choices: dict | None = None,
    given: list[str] | None = None,
    seed: int = 1,
    seconds: float = 1.0,
    gain: float = 1.0,
    content: str = "song",
    sound: str = "generated.wav",
) -> Path:
    """A run's folder as scripts/run.py leaves it, as far as it is read; finished with `figures`."""
    (folder / ".hydra").mkdir(parents=True)
    settings = settings or {}
    tree: dict = {"content": {"path": "${clip:jazz.ogg}"}, "segments": {"length_s": 60.0}}
    for name, value in settings.items():
        node = tree
        *groups, leaf = name.split(".")
        for group in groups:
            node = node.setdefault(group, {})
        node[leaf] = value
    given = [f"{name}={value}" for name, value in settings.items()] if given is None else given
    hydra = {"hydra": {"runtime": {"choices": {**(choices or {}), "hydra/launcher": "basic"}}}}
    (folder / ".hydra/overrides.yaml").write_text(yaml.safe_dump(given))
    (folder / ".hydra/hydra.yaml").write_text(yaml.safe_dump(hydra))
    (folder / "config.yaml").write_text(yaml.safe_dump(tree))
    if error is not None:
        (folder / "error.txt").write_text(error)
    if figures is not None:
        summary = {"content": content, "style": "other", "interrupted": False, **figures}
        (folder / "summary.json").write_text(json.dumps(summary))
        soundfile.write(folder / sound, gain * music(seed, seconds), SR)
        for file, one in ((f"content_{content}.wav", len(content)), ("style_other.wav", 99)):
            soundfile.write(folder / file, gain * music(one, seconds), SR, subtype="PCM_24")
        (folder / "report.html").write_text("a report")
    return folder


def data_of(page: str) -> dict:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def page_of(folder: Path) -> dict:
    return data_of(pages.make_page(folder))


def samples(url: str) -> np.ndarray:
    assert url.startswith("data:audio/mpeg;base64,")
    return soundfile.read(io.BytesIO(b64decode(url.partition(",")[2])))[0]


def test_runs_at_any_depth_in_the_order_of_their_numbers(tmp_path):
    for name in ("10_b", "2_a", "deep/er/1_c"):
        make_run(tmp_path / name, {"alpha": 1}, {"style_share": 1})
    (tmp_path / "2_a/checkpoints/0000").mkdir(parents=True)
    (tmp_path / "2_a/checkpoints/0000/config.yaml").touch()
    (tmp_path / "empty").mkdir()
    assert [one["name"] for one in page_of(tmp_path)["jobs"]] == ["2_a", "10_b", "deep/er/1_c"]


def test_settings_that_vary_the_most_varied_first(tmp_path):
    for i, (beta, alpha) in enumerate((b, a) for b in (1, 2) for a in (1e-07, 0.5, 10)):
        make_run(tmp_path / str(i), {"beta": beta, "alpha": alpha, "seed": 3}, {})
    data = page_of(tmp_path)
    assert data["settings"] == ["alpha", "beta"]
    assert [one["settings"] for one in data["jobs"][:3]] == [
        *(["1e-07", "1"], ["0.5", "1"], ["10", "1"])
    ]


def test_a_group_is_one_setting_not_all_that_it_sets(tmp_path):
    for i, (name, rate) in enumerate([("adam", 3.0), ("adam", 1.0), ("lbfgs", 3.0)]):
        leaves = {"optimizer._target_": name, "optimizer.memory": 9 if name == "lbfgs" else None}
        make_run(
            tmp_path / str(i),
            {**leaves, "optimizer.learning_rate": rate},
            {},
            choices={"optimizer": name, "content": "jazz"},
            given=[f"optimizer={name}", f"optimizer.learning_rate={rate}"],
        )
    data = page_of(tmp_path)
    assert data["settings"] == ["optimizer", "optimizer.learning_rate"]
    assert data["jobs"][2]["settings"] == ["lbfgs", "3"]


def test_paths_are_shown_by_their_names_where_these_differ(tmp_path):
    lists = {0: ["/x/y/a b.wav", "/x/z.wav"], 1: "/other/c.wav"}
    for i, path in lists.items():
        make_run(tmp_path / f"one/{i}", {"style.path": path}, {})
        make_run(tmp_path / f"two/{i}", {"content.path": f"/music/{i}/take.wav"}, {})
    assert [a["settings"] for a in page_of(tmp_path / "one")["jobs"]] == [
        *(["[a b.wav, z.wav]"], ["c.wav"])
    ]
    assert page_of(tmp_path / "two")["jobs"][1]["settings"] == ["/music/1/take.wav"]


def test_figures_are_the_finite_numbers(tmp_path):
    layers = {"conv1": 0.25, "conv2": float("nan")}
    figures = {"style_share": 0.1, "added_noise_db": float("nan"), "n_steps": 10**400, "x": None}
    make_run(tmp_path / "0", {}, {**figures, "style_loss_by_layer": layers})
    (job,) = page_of(tmp_path)["jobs"]
    assert job["figures"] == {"style_share": 0.1, "style_loss_by_layer.conv1": 0.25}


def test_jobs_that_did_not_finish_say_why(tmp_path):
    make_run(tmp_path / "0", {"alpha": 1}, error="alpha=1 & <b>\nmore\n")
    make_run(tmp_path / "1", {"alpha": 2})
    make_run(tmp_path / "2", {"alpha": 3}, error="")
    make_run(tmp_path / "3", {"alpha": 4}, {"interrupted": True})
    refused = tmp_path / "4/.hydra"
    refused.mkdir(parents=True)
    (refused / "overrides.yaml").write_text("- alpha='5'\n")
    (refused.parent / "error.txt").write_text("\x1bno\n")
    data = page_of(tmp_path)
    assert [(one["state"], one["reason"]) for one in data["jobs"]] == [
        ("failed", "alpha=1 & <b>"),
        ("unfinished", ""),
        ("failed", "error.txt is empty"),
        ("interrupted", "interrupted before its last step"),
        ("failed", r"\x1bno"),
    ]
    assert data["settings"] == ["alpha"]
    assert [one["settings"] for one in data["jobs"]] == [["1"], ["2"], ["3"], ["4"], ["5"]]
    assert "generated" in data["jobs"][3]


@pytest.mark.parametrize("text", ["", "{", "[1]", "5", "null", "[" * 100_000, "\ud800", '{"a": "b'])
def test_a_damaged_summary_is_one_damaged_job(tmp_path, text):
    make_run(tmp_path / "0", {"alpha": 1}, {})
    (tmp_path / "0/summary.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    make_run(tmp_path / "1", {"alpha": 2}, {})
    first, second = page_of(tmp_path)["jobs"]
    assert first["state"] == "damaged"
    assert first["reason"].startswith("summary.json cannot be read: ")
    assert "generated" in first, "what can be heard is"
    assert second["state"] == "finished"


def test_a_sound_that_cannot_be_read_is_one_damaged_job(tmp_path):
    for i, name in enumerate(("text", "missing", "pin")):
        make_run(tmp_path / str(i), {"alpha": i}, {})
        file = "style_other.wav" if name == "pin" else "generated.wav"
        (tmp_path / str(i) / file).unlink()
        if name != "missing":
            (tmp_path / str(i) / file).write_text("no music " * 99)
    text, missing, pin = page_of(tmp_path)["jobs"]
    assert (text["state"], missing["state"], pin["state"]) == ("damaged", "damaged", "finished")
    assert text["reason"].startswith("sound file generated.wav cannot be decoded")
    assert missing["reason"] == "it has no generated sound"
    assert pin["reason"].startswith("sound file style_other.wav cannot be decoded")
    assert "style" not in pin
    assert {"content", "style"} <= text.keys()


@pytest.mark.parametrize(
    "text", ["{", "5", "- a\n- 2001-99-99\n", "a: &a [b]\nc: [*a, *a]\n", "[" * 5000, "a: !!x 1"]
)
def test_damaged_settings_are_no_settings(tmp_path, text):
    make_run(tmp_path / "0", {"alpha": 1}, {})
    make_run(tmp_path / "1", {"alpha": 2}, {})
    for name in ("config.yaml", ".hydra/overrides.yaml", ".hydra/hydra.yaml"):
        (tmp_path / "0" / name).write_text(text)
    assert [one["state"] for one in page_of(tmp_path)["jobs"]] == ["finished"] * 2


def test_the_page_holds_what_the_files_sound_like(tmp_path):
    make_run(tmp_path / "0", {"seed": 0}, {}, seed=5, sound="generated.flac")
    data = page_of(tmp_path)
    (job,) = data["jobs"]
    expected = {"generated": music(5, 1.0), "content": music(4, 1.0), "style": music(99, 1.0)}
    for role, y in expected.items():
        clip = data["clips"][job[role]["clip"]]
        heard = samples(clip["src"])
        assert clip["seconds"] == pytest.approx(1.0)
        assert len(heard) == len(y)
        assert np.corrcoef(heard, y)[0, 1] > 0.98


def test_clips_of_several_jobs_are_held_once_and_as_loud_as_each_result(tmp_path):
    make_run(tmp_path / "0", {"seed": 0}, {}, gain=0.25, seed=7)
    make_run(tmp_path / "1", {"seed": 1}, {}, gain=1.0, seed=8)
    make_run(tmp_path / "2", {"seed": 2}, {}, gain=0.5, seed=9, content="another")
    data = page_of(tmp_path)
    assert len(data["clips"]) == 3 + 2 + 1
    quiet, loud, other = data["jobs"]
    for role in ("content", "style"):
        assert quiet[role]["clip"] == loud[role]["clip"]
        assert loud[role]["volume"] == pytest.approx(1.0)
        assert quiet[role]["volume"] == pytest.approx(0.25, rel=1e-3)
    assert other["content"]["clip"] != loud["content"]["clip"]
    assert other["style"]["volume"] == pytest.approx(0.5, rel=1e-3)
    assert all(one["generated"]["volume"] == 1.0 for one in data["jobs"])


def test_pictures_share_one_scale(tmp_path):
    """20 dB down is darker by 20 dB of the 80; and a high note lies above a low one."""

    def tone(hz: float, gain: float) -> np.ndarray:
        return gain * np.sin(2 * np.pi * hz * np.arange(SR) / SR)

    for i, (hz, gain) in enumerate([(200, 0.9), (200, 0.09), (6000, 0.9)]):
        make_run(tmp_path / str(i), {"seed": i}, {})
        soundfile.write(tmp_path / f"{i}/generated.wav", tone(hz, gain), SR)
    data = page_of(tmp_path)

    def bright(i: int) -> np.ndarray:
        url = data["clips"][data["jobs"][i]["generated"]["clip"]]["picture"]
        image = matplotlib.image.imread(io.BytesIO(b64decode(url.partition(",")[2])), "jpeg")
        return image[:, 50:-50].astype(float).sum(axis=2).mean(axis=1)

    loud, quiet, high = bright(0), bright(1), bright(2)
    assert loud.max() > 1.2 * quiet.max() > 0
    assert abs(loud.argmax() - quiet.argmax()) <= 1
    assert high.argmax() < len(high) / 3 < 2 * len(high) / 3 < loud.argmax()


@pytest.mark.parametrize(("sr", "n"), [(1000, 3), (8000, 8000), (48000, 500), (96000, 96000)])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_thumbnails_of_any_sound(sr, n, n_channels):
    picture = pages.thumbnail(np.ones((n, n_channels), np.float32), sr)
    assert np.isfinite(picture).all()
    assert picture.shape == pages.thumbnail(np.ones((9, 1), np.float32), 22050).shape


def test_more_than_a_page_should_hold_stays_in_files(tmp_path, monkeypatch):
    name = "0_a#b%c ?ü:&'\""
    make_run(tmp_path / name, {"seed": 0}, {})
    make_run(tmp_path / "1", {"seed": 1}, {}, content="another")
    monkeypatch.setattr(pages, "MAX_EMBEDDED_S", 4.9)  # two results, two contents, one style
    data = page_of(tmp_path)
    assert data["linked"]
    assert data["clips"][data["jobs"][0]["generated"]["clip"]]["src"] == (
        "0_a%23b%25c%20%3F%C3%BC%3A%26%27%22/generated.wav"
    )
    assert all(clip["picture"].startswith("data:image/") for clip in data["clips"])
    monkeypatch.setattr(pages, "MAX_EMBEDDED_S", 5.1)
    data = page_of(tmp_path)
    assert not data["linked"]
    assert all(clip["src"].startswith("data:audio/") for clip in data["clips"])


def test_a_page_of_64_jobs_stays_small():
    """By the rate of the coding: no need to make it."""
    url = run_page.playable(np.stack([music(1), music(2)[: 2 * SR]], 1), SR, lossless=False)
    at_44100 = run_page.playable(music(3, 11.0, 44100)[:, None], 44100, lossless=False)
    assert len(url) < 2 * 16_500 * 4 / 3
    assert len(at_44100) * 66 < 17e6
    assert len(at_44100) / 11 * pages.MAX_EMBEDDED_S < 25e6


def test_values_from_files_are_text(tmp_path):
    make_run(tmp_path / "0", {"style.path": EVIL, "k": "{{data}}"}, {EVIL: 1.5}, choices={EVIL: 1})
    make_run(tmp_path / "1", {"style.path": "b", "k": "v"}, error=EVIL, choices={EVIL: 2})
    page = pages.make_page(tmp_path)
    assert page.count("<script") == 2
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    data = data_of(page)
    assert EVIL in data["settings"]
    assert data["jobs"][0]["figures"] == {EVIL: 1.5}
    assert "{{data}}" in data["jobs"][0]["settings"]
    assert data["jobs"][1]["reason"] == EVIL


def test_the_page_loads_nothing(tmp_path):
    make_run(tmp_path / "0", {"seed": 0}, {})
    assert not re.search(r"url\(|@import|https?://|<link", pages.make_page(tmp_path))


def test_the_command(tmp_path, capsys):
    make_run(tmp_path / "sweep/0", {"seed": 0}, {})
    assert gallery.main([str(tmp_path / "sweep")]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/sweep/sweep.html\n"
    assert data_of((tmp_path / "sweep/sweep.html").read_text(encoding="utf-8"))["jobs"]
    assert not list(tmp_path.rglob(".*.part"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "none does not exist"),
        ("file", "file is not a folder"),
        ("empty", "empty holds no runs"),
        ("a\nb", r"a\x0ab does not exist"),
    ],
)
def test_a_bad_folder_is_one_line(tmp_path, capsys, name, message):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    assert gallery.main([str(tmp_path / name)]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/{message}\n"
    with pytest.raises(InputError, match=re.escape(message)):
        pages.write(tmp_path / name)


def test_a_page_that_cannot_be_written_is_one_line(tmp_path, capsys):
    make_run(tmp_path / "0", {"seed": 0}, {})
    (tmp_path / "sweep.html").mkdir()
    assert gallery.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


# In a real browser.


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


SHARES = {
    (1, 0): 0.3,
    (1, 1): 0.02,
    (2, 0): None,
    (2, 1): 0.1,
    (10, 0): float("nan"),
    (10, 1): 2e-9,
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    """Three alphas, two seeds, a second content, a failure and an unfinished job: eight jobs."""
    folder = tmp_path_factory.mktemp("a sweep")
    for i, ((alpha, seed), share) in enumerate(SHARES.items()):
        settings = {"alpha": alpha, "seed": seed, "style.path": EVIL if i == 1 else "/x/b.wav"}
        content = "another" if i == 3 else "song"
        make_run(
            folder / f"{i}_{alpha}",
            *(settings, {"style_share": share, "n_steps": 7, EVIL: i}),
            seed=i,
            seconds=6.0,
            content=content,
        )
    soundfile.write(folder / "0_1/style_other.wav", music(5, 2.0), SR)  # ends before the others
    make_run(folder / "6", {"alpha": 1, "seed": 0, "style.path": "/x/b.wav"}, error=EVIL)
    make_run(folder / "7", {"alpha": 2, "seed": 1, "style.path": "/x/b.wav"})
    pages.write(folder)
    return folder


@pytest.fixture
def page(driver, sweep):
    driver.get((sweep / "sweep.html").as_uri())
    yield Page(driver)
    severe = [line for line in driver.get_log("browser") if line["level"] == "SEVERE"]
    assert not severe
    assert driver.execute_script("return document.querySelectorAll('main img[src=x]').length") == 0


class Page:
    """What a person at the page sees and does."""

    def __init__(self, driver):
        self.driver = driver

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str):
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str):
        return self.driver.find_elements("css selector", selector)

    def keys(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    @property
    def selected(self) -> int:
        (one,) = self.all("[data-job][aria-current=true]")
        return int(one.get_attribute("data-job"))

    @property
    def jobs(self) -> list[int]:
        return [int(one.get_attribute("data-job")) for one in self.all("[data-job]")]

    @property
    def sounding(self) -> dict[str, float]:
        return self.run(
            "return Object.fromEntries([...document.querySelectorAll('audio')]"
            ".filter(a => !a.paused).map(a => [a.id.replace('sound-', ''), a.currentTime]))"
        )

    def at(self, role: str) -> float:
        return self.run("return document.getElementById('sound-' + arguments[0]).currentTime", role)

    def wait(self, condition, seconds: float = 300.0):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "nothing happened"
            time.sleep(0.05)
        return found

    def wait_to_play(self, role: str, beyond: float = 0.0) -> float:
        self.wait(lambda: self.sounding.get(role, -1.0) > beyond)
        return self.sounding[role]


@pytest.mark.slow
def test_the_grid(page):
    """Rows by alpha, columns by the first setting of two values; numbers in their order."""
    headers = [one.text.replace("\n", " ") for one in page.all(".grid th[scope=row]")]
    assert headers == ["alpha 1", "alpha 2", "alpha 10"]
    assert [one.text for one in page.all(".grid th[scope=col]")] == ["seed 0", "seed 1"]
    rows = [
        [[int(c.get_attribute("data-job")) for c in cell.find_elements("css selector", ".card")]
         for cell in row.find_elements("css selector", "td")]
        for row in page.all(".grid tbody tr")
    ]  # fmt: skip
    assert rows == [[[0, 6], [1]], [[2], [3, 7]], [[4], [5]]]
    assert EVIL in page.find(".card[data-job='1']").text, "what neither rows nor columns tell"
    assert EVIL in page.find(".card[data-job='6']").text, "why it failed"
    assert "failed" in page.find(".card[data-job='6']").text
    assert "unfinished" in page.find(".card[data-job='7']").text
    assert "style_share 0.3" in page.find(".card[data-job='0']").text
    pictures = page.run("return [...document.images].map(i => i.complete && i.naturalWidth > 0)")
    assert len(pictures) == 6 + 3
    assert all(pictures)


@pytest.mark.slow
def test_other_rows_and_columns(page):
    page.run(
        "const menu = document.querySelector('[data-field=columns] select');"
        "menu.value = 's:alpha'; menu.dispatchEvent(new Event('change'))"
    )
    assert [one.text for one in page.all(".grid th[scope=col]")] == [
        "alpha 1",
        "alpha 2",
        "alpha 10",
    ]
    assert page.all(".grid th[scope=row]")[1].text.split() == ["seed", "1"], "the two change places"
    page.run(
        "for (const name of ['rows', 'columns']) {"
        "const menu = document.querySelector(`[data-field=${name}] select`);"
        "menu.value = ''; menu.dispatchEvent(new Event('change')) }"
    )
    assert page.jobs == [0, 6, 1, 2, 3, 7, 4, 5]


@pytest.mark.slow
def test_arrows_move_on_the_grid(page):
    assert page.selected == 0
    visited = []
    for key in "\ue014\ue015\ue015\ue015\ue012\ue013\ue012":  # right, down x 3, left, up, left
        page.keys(key)
        visited.append(page.selected)
    assert visited == [1, 3, 7, 5, 4, 2, 2]


@pytest.mark.slow
def test_a_card_plays_and_pauses(page):
    page.find(".card[data-job='3']").click()
    first = page.wait_to_play("generated", 0.1)
    assert page.wait_to_play("generated", first) > first
    assert page.selected == 3
    assert page.find("#play").text == "Pause"
    page.find(".card[data-job='3']").click()
    assert page.sounding == {}


@pytest.mark.slow
def test_space_plays_and_pauses_and_one_sound_at_a_time(page):
    page.keys(" ")
    page.wait_to_play("generated", 0.1)
    page.find(".card[data-job='1']").click()
    page.wait_to_play("generated", 0.1)
    page.find("#deck-content").click()
    page.wait_to_play("content", 0.1)
    assert list(page.sounding) == ["content"]
    page.keys(" ")  # the click has not taken the keys away
    assert page.sounding == {}


@pytest.mark.slow
def test_a_and_b_keep_the_place(page):
    page.keys(" ")
    started, before = time.monotonic(), page.wait_to_play("generated", 0.5)
    page.keys("a")
    there = page.wait_to_play("content")
    assert before <= there < before + time.monotonic() - started + 0.2
    assert list(page.sounding) == ["content"]
    page.keys("a")
    back = page.wait_to_play("generated")
    assert there <= back < before + time.monotonic() - started + 0.2
    assert list(page.sounding) == ["generated"]
    page.keys(" ", "b")
    assert page.sounding == {}, "what is paused stays so"
    paused = page.at("generated")
    assert page.at("style") == pytest.approx(paused % 2, abs=0.01), "a shorter clip begins again"
    page.keys("b")
    assert page.at("generated") == pytest.approx(paused, abs=0.01)


@pytest.mark.slow
def test_a_clip_that_ended_leads_back_to_the_place(page):
    page.run("document.getElementById('sound-generated').currentTime = 4.5")
    page.wait(lambda: page.at("generated") == 4.5)
    page.keys("b")
    assert page.at("style") == pytest.approx(0.5, abs=0.05)
    page.keys("b")
    assert page.at("generated") == pytest.approx(4.5, abs=0.05)


@pytest.mark.slow
def test_another_job_sounds_from_the_same_place(page):
    page.keys(" ")
    started, before = time.monotonic(), page.wait_to_play("generated", 0.5)
    page.keys("\ue014")
    assert page.selected == 1
    assert before <= page.wait_to_play("generated") < before + time.monotonic() - started + 0.2


@pytest.mark.slow
def test_a_job_without_a_sound_is_silent(page):
    page.keys(" ")
    page.wait_to_play("generated")
    page.find(".card[data-job='6']").click()
    assert page.selected == 6
    assert page.sounding == {}
    assert EVIL in page.find("#about").text
    assert not page.find("#play").is_enabled()
    page.keys(" ", "a", "\ue013")
    assert page.selected == 0
    assert page.at("generated") > 0, "the place is kept"


@pytest.mark.slow
def test_pins_are_those_of_the_selected_job(page):
    assert "song" in page.find("#deck-content").text
    page.find(".card[data-job='3']").click()
    assert "another" in page.find("#deck-content").text


@pytest.mark.slow
def test_the_table_sorts_by_figures_and_settings(page):
    page.find("[data-view=table]").click()

    def sort(name: str) -> list[int]:
        (button,) = [b for b in page.all(".list th button") if b.text.split()[0] == name]
        button.click()
        return page.jobs

    assert page.jobs == list(range(8))
    # None, NaN and the jobs without figures come last both ways.
    assert sort("style_share") == [5, 1, 3, 0, 2, 4, 6, 7]
    assert page.find(".list th[aria-sort]").get_attribute("aria-sort") == "ascending"
    assert sort("style_share") == [0, 3, 1, 5, 2, 4, 6, 7]
    assert page.find(".list th[aria-sort]").get_attribute("aria-sort") == "descending"
    assert sort("alpha") == [0, 1, 6, 2, 3, 7, 4, 5]
    assert sort("alpha") == [4, 5, 2, 3, 7, 0, 1, 6]
    assert sort("job") == list(range(8))
    assert "n_steps 7" in page.find("#foot").text, "no column for what never differs"
    page.all(".list .play")[3].click()
    page.wait_to_play("generated")
    assert page.selected == 3
    page.keys("\ue015")
    assert page.selected == 4


@pytest.mark.slow
def test_the_plot_selects(page):
    from selenium.webdriver import ActionChains

    page.find("[data-view=plot]").click()
    assert sorted(page.jobs) == [0, 1, 3, 5]
    ticks = [one.text for one in page.all(".plot text")]
    assert "style_share (log)" in ticks
    assert "alpha (log)" in ticks
    x = {i: page.find(f"circle[data-job='{i}']").rect["x"] for i in page.jobs}
    y = {i: page.find(f"circle[data-job='{i}']").rect["y"] for i in page.jobs}
    assert x[0] == x[1] < x[3] < x[5]
    assert (x[3] - x[0]) / (x[5] - x[0]) == pytest.approx(np.log10(2), abs=0.01)
    assert y[0] < y[3] < y[1] < y[5]
    ActionChains(page.driver).move_to_element(page.find("circle[data-job='5']")).perform()
    assert page.selected == 5
    assert page.sounding == {}
    page.find("circle[data-job='3']").click()
    page.wait_to_play("generated")
    assert page.selected == 3
    assert "Without such values, and so not here: 4" in page.find(".plot").text


@pytest.mark.slow
def test_linked_files_play(driver, tmp_path, monkeypatch):
    name = "0_a#b%c ?ü&'"
    make_run(tmp_path / name, {"seed": 0}, {}, seconds=3.0)
    monkeypatch.setattr(pages, "MAX_EMBEDDED_S", 0.0)
    driver.get(pages.write(tmp_path).as_uri())
    page = Page(driver)
    assert "stay in the files" in page.find("#foot").text
    page.keys(" ")
    page.wait_to_play("generated", 0.1)
    page.keys("a")
    page.wait_to_play("content", 0.1)
    page.find("#about a").click()
    assert page.find("body").text == "a report"
