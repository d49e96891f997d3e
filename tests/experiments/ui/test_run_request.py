"""What the page asks for, as command lines."""

import shlex
from pathlib import Path

import pytest

from nstaudio.errors import InputError
from nstaudio.experiments.command_line import in_hydras_grammar
from nstaudio.experiments.config_files import compose
from nstaudio.experiments.schema import path_list
from nstaudio.experiments.ui.clips import Clip, ClipLibrary
from nstaudio.experiments.ui.presets import presets
from nstaudio.experiments.ui.run_request import RunRequest, read_request


class Library(ClipLibrary):
    """Clips of ten seconds, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, id_: str) -> Clip:
        file = self._folder / id_
        if id_ != "gone":
            file.touch()
        demo = id_.removeprefix("demo-") if id_.startswith("demo-") else None
        return Clip(id_, id_, file, file, 10.0, demo)


@pytest.fixture
def read(tmp_path):
    return lambda **asked: read_request({"content": ["a.wav"], "style": ["b.wav"], **asked},
                                         Library(tmp_path))  # fmt: skip


def test_two_files_and_nothing_else(read, tmp_path):
    request = read()
    assert sorted(request.arguments()) == [
        *(f"content.path={tmp_path / 'a.wav'}", f"style.path={tmp_path / 'b.wav'}")
    ]


def test_every_setting_is_hydras(read):
    request = read(
        preset="descent", strength=0.25, n_steps=3, seed=5, content_region=[1, 4.5],
        style_region=[0, 2], style=["b (1), [x].wav"], content=["Größe's.wav"],
    )  # fmt: skip
    typed = shlex.split(request.command())
    assert typed[0] == "nstaudio"
    cfg = compose(in_hydras_grammar(typed[1:]))
    assert (cfg.strength, cfg.n_steps, cfg.seed) == (0.25, 3, 5)
    assert cfg.optimizer.learning_rate == 5.0, "the preset's"
    assert Path(cfg.content.path).name == "Größe's.wav"
    assert Path(cfg.style.path).name == "b (1), [x].wav"
    assert (cfg.content.start_s, cfg.content.duration_s) == (1, 3.5)
    assert (cfg.style.start_s, cfg.style.duration_s) == (0, 2)


def test_several_styles_are_one_and_several_contents_are_runs(read):
    contents, styles = ["a.wav", "demo-jazz", "d,1.wav"], ["b,1.wav", "c.wav"]
    request = read(content=contents, style=styles, content_region=[1, 2])
    assert request.name == "3-contents_as_b,1+c"
    for one, paths in ((request, contents), (request.first, contents[:1])):
        cfg = compose(in_hydras_grammar(one.arguments()))
        assert [Path(p).name for p in path_list(cfg.content.path)] == paths
        assert [Path(p).name for p in cfg.style.path] == styles
        assert cfg.content.start_s == 0, "a part is of one clip"


def test_a_demo_clip_has_its_name(read):
    request = read(content=["demo-jazz"])
    assert "content=jazz" in request.arguments()
    assert request.name == "demo-jazz_as_b"


@pytest.mark.parametrize("name", presets())
def test_strength_is_a_setting_of_presets_without_weights_of_their_own(read, name):
    preset = presets()[name]
    if not preset.has_strength:
        with pytest.raises(InputError, match=f"the preset {name} has none"):
            read(preset=name, strength=0.5)
        return
    request = read(preset=name, strength=0.5)
    cfg = compose(in_hydras_grammar(request.arguments()))
    assert (cfg.strength, cfg.alpha, cfg.beta) == (0.5, None, None)
    assert (cfg.content.path is not None) == preset.has_content


def test_a_preset_without_a_content(read):
    request = read(preset="texture", content=[], duration_s=7)
    assert request.contents == ()
    assert "duration_s=7.0" in request.arguments()
    assert request.name == "noise_as_b"


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"preset": "../x"}, "preset=../x is not one of"),
        ({"strength": 2}, "strength=2 must be at most 1"),
        ({"strength": "1"}, "strength must be a number"),
        ({"n_steps": 1.5}, "n_steps must be a whole number"),
        ({"n_steps": 10**9}, "n_steps=1000000000 must be at most"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
        ({"style": []}, "style is missing"),
        ({"content": "a.wav"}, "content must be a list"),
        ({"content": ["a"] * 51}, "content has 51 clips; at most 50"),
        ({"content_region": [5, 4]}, "content_region=4 must be above 5"),
        ({"content_region": [11, 12]}, "content_region starts at 11 s, and a.wav is 10.00 s"),
        ({"content_region": 1}, "content_region must be two numbers"),
        ({"encoder._target_": "os.system"}, "setting=encoder._target_ is not one of"),
    ],
)
def test_what_means_nothing_is_a_line(read, asked, line):
    with pytest.raises(InputError) as refused:
        read(**asked)
    assert str(refused.value).startswith(line)


def test_a_request_must_be_settings():
    with pytest.raises(InputError, match="no.* group of settings"):
        read_request([1], Library(Path()))


def test_a_command_can_be_pasted(tmp_path):
    clip = Library(tmp_path).find("it's; rm -rf.wav")
    typed = shlex.split(RunRequest((clip,), (clip,), {"seed": 1}).command())
    assert typed[1:] == [f"style.path={clip.file}", f"content.path={clip.file}", "seed=1"]
