import json

import pytest

from nstaudio.experiments.storage import file_writing, metrics_log, summary
from nstaudio.losses import Losses


def losses(total: float):
    return Losses(total, 1.0, 2.0, {"conv1": 3.0, "conv2": 4.0})  # type: ignore[arg-type]


def read(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_is_on_disk_when_write_returns(tmp_path):
    with metrics_log.Metrics(tmp_path / "m.jsonl") as metrics:
        metrics.write(0, losses(0.5), 0.0)
        assert read(tmp_path / "m.jsonl") == [
            {
                "segment": 0,
                "step": 0,
                "total": 0.5,
                "content": 1.0,
                "style": 2.0,
                "style_conv1": 3.0,
                "style_conv2": 4.0,
                "seconds": 0.0,
            }
        ]
        metrics.write(10, losses(0.25), 1.5)
        assert metrics.seconds == 1.5
    assert [line["step"] for line in read(tmp_path / "m.jsonl")] == [0, 10]


@pytest.mark.parametrize("cut", [0, 5])
def test_resuming_drops_what_came_after_the_checkpoint(tmp_path, cut):
    file = tmp_path / "m.jsonl"
    with metrics_log.Metrics(file) as metrics:
        for step in range(0, 50, 10):
            metrics.write(step, losses(1.0), step / 10)
    text = file.read_text()
    file.write_text(text[: len(text) - cut])  # a kill in the middle of a line
    with metrics_log.Metrics(file) as metrics:
        metrics.start(0, last_step=20)
        assert metrics.seconds == 2.0
        metrics.write(20, losses(9.0), 2.1)  # said already
        metrics.write(30, losses(9.0), 3.1)
    assert [line["step"] for line in read(file)] == [0, 10, 20, 30]
    assert [line["total"] for line in read(file)] == [1.0, 1.0, 1.0, 9.0]


def test_write_whole_leaves_the_old_file_when_writing_fails(tmp_path):
    file = tmp_path / "x.txt"
    file_writing.write_whole(file, "old")
    with pytest.raises(UnicodeEncodeError):
        file_writing.write_whole(file, "new \ud800")
    assert file.read_text() == "old"
    file_writing.write_whole(file, b"bytes")
    assert file.read_bytes() == b"bytes"


def test_write_whole_can_refuse_to_replace(tmp_path):
    file = tmp_path / "x.txt"
    file_writing.write_whole(file, "first", replace=False)
    with pytest.raises(FileExistsError):
        file_writing.write_whole(file, "second", replace=False)
    assert file.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["x.txt"]


def test_a_summary_is_strict_json(tmp_path):
    summary.write_summary(tmp_path / "s.json", {"a": 1.5, "b": None})
    assert json.loads((tmp_path / "s.json").read_text()) == {"a": 1.5, "b": None}
    with pytest.raises(ValueError, match="not JSON compliant"):
        summary.write_summary(tmp_path / "s.json", {"a": float("nan")})


def test_versions_and_memory():
    versions = summary.versions()
    assert {"python", "jax", "jaxlib", "flax", "optax", "numpy", "soundfile"} <= set(versions)
    peak = summary.peak_rss_mb()
    assert peak is not None
    assert 20 < peak < 100_000


@pytest.mark.parametrize(
    "row",
    [
        *("7", "[]", "null", '{"segment": 0, "step": 0}', '{"segment": 1e999, "step": 0}'),
        '{"segment": 0, "step": "x", "total": 1, "content": 1, "style": 1, "seconds": 1}',
        '{"segment": 1e999, "step": 1, "total": 1, "content": 1, "style": 1, "seconds": 1}',
        '{"segment": 0, "step": 1, "total": "much", "content": 1, "style": 1, "seconds": 1}',
    ],
)
def test_what_follows_a_line_that_is_none_is_dropped(tmp_path, row):
    file = tmp_path / "m.jsonl"
    with metrics_log.Metrics(file) as metrics:
        for step in (0, 5):
            metrics.write(step, losses(9 - step), 0.1 * step)
    kept = read(file)[:1]
    first, second = file.read_text().splitlines(keepends=True)
    file.write_text(first + row + "\n" + second)
    with metrics_log.Metrics(file) as metrics:
        assert metrics.lines == kept
    assert read(file) == kept


def test_a_window_made_again_after_others_has_no_step_twice(tmp_path):
    with metrics_log.Metrics(tmp_path / "m.jsonl") as metrics:
        for segment in (0, 1):
            metrics.start(segment, last_step=0)
            metrics.write(0, losses(9), 0.0)
            metrics.write(5, losses(4), 0.1)
        before = list(metrics.lines)
        for segment in (0, 1):
            metrics.start(segment, last_step=5)
            metrics.write(5, losses(4), 0.2)
        assert metrics.lines == before
    assert read(tmp_path / "m.jsonl") == before
