"""The segments of a run as files."""

import numpy as np
import pytest

from nstaudio.experiments.storage.finished_segments import FinishedSegment, SegmentStore


def part(seed: int) -> FinishedSegment:
    rng = np.random.default_rng(seed)
    y, generated_db, content_db = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((999, 2), (30, 8), (30, 8))
    )
    return FinishedSegment(
        y, generated_db, content_db, {"step": seed, "key": {"a": [1, "é"]}, "loss": 0.1}
    )


def test_what_is_saved_comes_back(tmp_path):
    parts = SegmentStore(tmp_path / "segments")
    assert parts.load(0) is None
    for index in (0, 3):
        parts.save(index, part(index))
    for index in (0, 3):
        got, expected = parts.load(index), part(index)
        assert got is not None
        for name in ("y", "generated_db", "content_db"):
            np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))
        assert got.record == expected.record
    assert parts.load(1) is None
    with pytest.raises(OSError, match=r"0001\.npz is missing or damaged"):
        parts[1]
    np.testing.assert_array_equal(parts[3].y, part(3).y)
    parts.remove()
    assert list(tmp_path.iterdir()) == []
    parts.remove()


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text"])
def test_a_damaged_part_is_none(tmp_path, damage):
    parts = SegmentStore(tmp_path)
    parts.save(0, part(0))
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    if damage == "flipped":
        content[500] ^= 1
    file.write_bytes(
        {"empty": b"", "cut": content[:-100], "flipped": content, "text": b"no part"}[damage]
    )
    assert parts.load(0) is None


def test_others_files_are_left_alone(tmp_path):
    parts = SegmentStore(tmp_path / "segments")
    parts.save(0, part(0))
    (tmp_path / "segments" / "notes.txt").write_text("mine")
    parts.remove()
    assert [p.name for p in (tmp_path / "segments").iterdir()] == ["notes.txt"]
