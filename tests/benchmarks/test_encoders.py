import json

import numpy as np
import pytest

from nstaudio.experiments.evaluation import items

from helpers import ROOT

CLIPS = ROOT / "tests" / "evaluation" / "ensembles"


@pytest.fixture
def encoders(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import encoders

    return encoders


def test_every_row_can_be_built_and_all_descend_alike(encoders):
    plain = [name for name in encoders.ROWS if name.count(":") == 1]
    built = [encoders.settings(name, 7) for name in (*plain, "aisfx:gram", "basic_pitch:gram")]
    assert {(s.n_steps, s.strength, s.parametrization) for s in built} == {
        (7, 0.75, built[0].parametrization)
    }
    assert encoders.settings("learned:gram:strength=0.25", 7).strength == 0.25
    names = [(type(s.encoder).__name__, type(s.style_loss).__name__) for s in built]
    assert len(set(names)) == len(names)
    assert ("LearnedEncoder", "Gram") in names
    for s, (_, loss) in zip(built, names, strict=True):
        assert s.fitting_aim.follows_content == (loss == "FeatureReconstruction")


def test_a_table_by_hand(encoders):
    figures = [
        [
            {"lsd_db": 10.0, "pitch": 0.5, "chroma": 0.25, "judge": 0.125},
            {"lsd_db": 11.0, "pitch": 0.25, "chroma": 0.25, "judge": None},
        ],
        [{"lsd_db": 3.0, "pitch": 0.0, "chroma": 1.0, "judge": None}],
    ]
    rows = {
        "content": encoders.Measured(figures, None, None),
        "learned:gram": encoders.Measured(figures, 2.6, 1536.0),
        "learned:gram:style_weights={code:0}": encoders.Measured(figures, 2.6, 1536.0),
    }
    shown = "10.50 / 3.00 | 0.375 / 0.000 | 0.250 / 1.000 | 0.125 / -"
    assert encoders.table(rows).splitlines() == [
        "| encoder | style loss | LSD, dB | pitch | chroma | judge | seconds | memory, GB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        f"| *content* |  | {shown} | - | - |",
        f"| `learned` | `gram` | {shown} | 2.6 | 1.5 |",
        f"| `learned` | `gram`, `style_weights={{code:0}}` | {shown} | 2.6 | 1.5 |",
    ]


def test_what_is_kept_is_not_measured_again(encoders, tmp_path):
    file, asked = tmp_path / "kept.json", []

    def measure():
        asked.append(1)
        return encoders.Measured([[{"lsd_db": 1.5}]], 2.0, None)

    found = [encoders.kept(file, "a:gram", measure) for _ in range(2)]
    assert asked == [1]
    assert found[0] == found[1] == ([[{"lsd_db": 1.5}]], 2.0, None)
    assert list(json.loads(file.read_text())) == ["a:gram"]


def test_the_target_itself_is_at_no_distance(encoders):
    item = items.find(CLIPS)["000"]
    target = encoders.clip(item, "target", 16000, 1.0)
    assert len(target) == 16000
    found = encoders.distances(target, target, judged=False)
    assert found.pop("judge") is None
    assert found == pytest.approx({"lsd_db": 0, "pitch": 0, "chroma": 0}, abs=1e-6)
    noise = np.random.default_rng(0).normal(size=16000).astype(np.float32)
    assert encoders.distances(noise, target, judged=False)["lsd_db"] > 5


@pytest.mark.slow
def test_it_prints_a_row(encoders, capsys):
    encoders.main([str(CLIPS), "--rows", "identity:gram", "--n", "1", "--steps", "2"])
    rows = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in rows[2:]] == [
        *("*content*", "*style*", "*eq*", "*default*", "`identity`")
    ]
    assert float(rows[-1].split("|")[-3]) >= 0
    assert float(rows[-1].split("|")[-2]) > 0.1
