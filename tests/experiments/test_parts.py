"""Parts of the user's own, from modules in the folder of the call."""

import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from nstaudio.encoders import Conv1dEncoder
from nstaudio.errors import InputError
from nstaudio.experiments import parts

MODULES = {
    "own_encoders": """
        from nstaudio.encoders import Conv1dEncoder

        class Own(Conv1dEncoder):
            pass

        class Nothing:
            layer_names = ("a",)

        def function():
            pass
        """,
    "own_broken": "1 / 0",
    "own_lacking": "import a_module_that_nobody_has",
}


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch):
    for name, text in MODULES.items():
        lines = text.strip("\n").splitlines()
        indent = len(lines[0]) - len(lines[0].lstrip())
        (tmp_path / f"{name}.py").write_text("\n".join(line[indent:] for line in lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


def build(target: str, **settings):
    return parts.build_part("encoder", OmegaConf.create({"_target_": target, **settings}))


def test_a_class_of_ones_own_is_built():
    encoder = build("own_encoders.Own", features=[4, 4])
    assert type(encoder).__module__ == "own_encoders"
    assert isinstance(encoder, Conv1dEncoder)
    assert encoder.features == (4, 4)


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("own_encoders.Nothing", {}, "own_encoders.Nothing is no Encoder: it lacks .*distances"),
        ("own_encoders.Owns", {}, r"own_encoders has no Owns \(did you mean Own\?\)"),
        ("own_encoders.Own", {"_partial_": True}, "Own is a class: remove `_partial_`"),
        ("own_encoders.function", {}, "own_encoders.function is not a class"),
        ("own_encoders.Own", {"features": [0]}, "encoder.features=0 must be at least 1"),
        ("own_encoders.Own", {"nothing": 1}, "encoder: .*unexpected keyword argument 'nothing'"),
        ("own_broken.Own", {}, "own_broken cannot be imported: ZeroDivisionError: division by"),
        ("own_lacking.Own", {}, "own_lacking cannot be imported: No module named 'a_module_that"),
        ("own_nowhere.Own", {}, "there is no module own_nowhere, installed or in "),
        ("os.system", {}, "_target_=os.system is not in nstaudio.encoders"),
        ("Own", {}, "_target_=Own is not in nstaudio.encoders"),
        ("nstaudio.encoders.base.Sequence", {}, "base.Sequence is not in nstaudio.encoders"),
    ],
)
def test_what_is_no_part_is_a_line(target, settings, message):
    with pytest.raises(InputError, match=message):
        build(target, **settings)


def test_a_value_that_refers_to_nothing_is_a_line():
    with pytest.raises(InputError, match="Interpolation key 'gone' not found"):
        build("own_encoders.Own", features="${gone}")


def test_a_saved_config_calls_own_parts_only_where_they_are_typed():
    own = OmegaConf.create({"encoder": {"_target_": "own_encoders.Own"}})
    ours = OmegaConf.create({"encoder": {"_target_": "nstaudio.encoders.Conv1dEncoder"}})
    parts.check_saved(ours, ours, "r")
    parts.check_saved(own, own, "r")
    with pytest.raises(InputError, match="the run in r calls own_encoders.Own, which is no part"):
        parts.check_saved(own, ours, "r")
