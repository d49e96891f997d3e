import pytest

from nstaudio.experiments.evaluation.figures import COLUMNS, TO_TARGET
from nstaudio.experiments.evaluation.table import summary, table


def cells(line):
    return line.strip("| ").split(" | ")


def by_item(lsd):
    """Figures of four methods: `lsd` by item, all else unknown."""
    rows = {}
    for item, values in lsd.items():
        figures = {method: dict.fromkeys(COLUMNS) for method in values}
        for method, value in values.items():
            figures[method]["lsd_db"] = value
        rows[item] = figures
    return rows


ROWS = by_item(
    {
        "a": {"content": 4.0, "eq": 3.0, "mine": 2.0, "noise": 3.5},
        "b": {"content": 6.0, "eq": 2.0, "mine": 3.0, "noise": 7.0},
        "c": {"content": 8.0, "eq": 7.0, "mine": 1.0, "noise": None},
    }
)


def test_summary():
    lines = [cells(line) for line in summary(ROWS)]
    assert lines[0] == ["method", "of 3", *COLUMNS]
    i = 2 + COLUMNS.index("lsd_db")
    found = {tuple(line[:2]): line[i] for line in lines[2:]}
    assert found["content", "mean"] == "6.000"
    assert found["eq", "median"] == "3.000"
    assert found["noise", "mean"] == "5.250"
    assert found["mine", "below content"] == "3/3"
    assert found["mine", "below eq"] == "2/3"
    assert found["noise", "below content"] == "1/2"


@pytest.mark.parametrize("column", [*TO_TARGET[1:], "seconds"])
def test_what_is_unknown_is_a_dash(column):
    lines = [cells(line) for line in summary(ROWS)]
    assert {line[2 + COLUMNS.index(column)] for line in lines[2:]} == {"-"}


def test_every_item_follows_the_summary():
    lines = table(ROWS).splitlines()
    n = len(summary(ROWS))
    assert [cells(line)[:2] for line in lines[n:]] == [
        [method, item] for item, figures in ROWS.items() for method in figures
    ]
