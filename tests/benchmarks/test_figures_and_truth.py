import json

import pytest

from helpers import ROOT

METHODS = ("content", "style", "eq", "noise", "mine")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import figures_and_truth

    return figures_and_truth


def evaluated(folder, items, **columns):
    """A folder as scripts/evaluate.py writes it: values of the methods by column."""
    figures = {m: {name: v[i] for name, v in columns.items()} for i, m in enumerate(METHODS)}
    folder.mkdir()
    (folder / "figures.json").write_text(json.dumps({"items": dict.fromkeys(items, figures)}))
    return str(folder)


def test_correlations_by_hand(benchmark, tmp_path, capsys):
    folder = evaluated(
        tmp_path / "a",
        ["x", "y"],
        lsd_db=[5, 4, 3, 2, 1],
        judge_to_target=[5, 4, 3, 2, 1],
        transfer_distance=[50, 40, 30, 20, 10],  # the same order: 1
        judge_to_style=[1, 2, 3, 4, 5],  # the opposite: -1
        timbre_to_style=[4, 5, 3, 2, 1],  # two neighbours exchanged: 1 - 6 * 2 / (5 * 24) = 0.9
        unseen_style_share=[1, 1, 1, 1, 1],  # says nothing
        pitch_to_content=[5, None, 3, 2, 1],  # of four methods
    )
    assert benchmark.main([folder]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 items, 5 methods: content, eq, mine, noise 1, style"
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines[4:]]
    found = {line[0].strip("`"): line[1:] for line in cells}
    assert list(found) == [
        "transfer_distance",
        "pitch_to_content",
        "timbre_to_style",
        "judge_to_style",
    ]
    assert found["transfer_distance"] == ["1.00", "1.00", "1.00 ± 0.00", "1.00"]
    assert found["timbre_to_style"] == ["0.90", "0.90", "0.90 ± 0.00", "0.90"]
    assert found["judge_to_style"][-1] == "-1.00"
    assert found["pitch_to_content"][:2] == ["1.00", "1.00"]


def test_truths_are_put_together_by_their_ranks(benchmark):
    item = {
        "a": {"lsd_db": 1.0, "judge_to_target": 0.3},
        "b": {"lsd_db": 9.0, "judge_to_target": 0.1},
        "c": {"lsd_db": 2.0, "judge_to_target": 0.2},
    }
    assert benchmark.truths(item)["both"] == [2.0, 2.0, 2.0]


def test_folders_of_the_same_items_are_put_together(benchmark, tmp_path):
    columns = {"lsd_db": [1, 2, 3, 4, 5], "judge_to_target": [1, 2, 3, 4, 5]}
    folders = [evaluated(tmp_path / name, ["x"], **columns) for name in "ab"]
    (items,) = benchmark.read([tmp_path / name for name in "ab"]).values()
    assert set(items) == {"content", "style", "eq", "mine", "noise 1", "noise 2"}
    assert benchmark.main([*folders, "--without", "content", "eq", "style"]) == 2


def test_a_folder_without_figures_is_one_line(benchmark, tmp_path, capsys):
    assert benchmark.main([str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
