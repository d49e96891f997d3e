import pytest

from nstaudio.experiments.evaluation.figures import COLUMNS, TO_TARGET
from nstaudio.experiments.evaluation.table import summary, table


def cells(line):
    return line.strip("| ").split(" | ")


def by_item(lsd):
    """Figures of five methods: `lsd` by item, all else unknown."""
    rows = {}
    for item, values in lsd.items():
        figures = {method: dict.fromkeys(COLUMNS) for method in values}
        for method, value in values.items():
            figures[method]["lsd_db"] = value
        rows[item] = figures
    return rows


ROWS = by_item(
    {
        "a": {"content": 4.0, "style": 9.0, "eq": 3.0, "mine": 2.0, "noise": 3.5},
        "b": {"content": 6.0, "style": 9.0, "eq": 2.0, "mine": 3.0, "noise": 7.0},
        "c": {"content": 8.0, "style": 9.0, "eq": 7.0, "mine": 1.0, "noise": None},
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
    assert found["mine", "better than content"] == "3/3"
    assert found["mine", "better than eq"] == "2/3"
    assert found["noise", "better than content"] == "1/2"


def test_intervals_of_two_items_are_their_range():
    """A quarter of the resamples of two items is the one twice, a quarter the other."""
    rows = {item: ROWS[item] for item in ("a", "b")}
    lines = [cells(line) for line in summary(rows)]
    i = 2 + COLUMNS.index("lsd_db")
    found = {tuple(line[:2]): line[i] for line in lines[2:]}
    assert found["content", "95 %"] == "4.000 to 6.000"
    assert found["mine", "less content"] == "-2.500 (-3.000 to -2.000)"
    assert found["mine", "less eq"] == "+0.000 (-1.000 to 1.000)"
    assert found["noise", "less content"] == "+0.250 (-0.500 to 1.000)"


@pytest.mark.parametrize(("column", "wins"), [("chroma", "1/2"), ("onset_f1", "0/2")])
def test_of_scores_more_is_better(column, wins):
    rows = {
        item: {
            method: {**dict.fromkeys(COLUMNS), column: figures["lsd_db"]}
            for method, figures in ROWS[item].items()
        }
        for item in ("a", "b")
    }
    rows["a"]["mine"][column] = rows["a"]["content"][column]
    lines = [cells(line) for line in summary(rows)]
    found = {tuple(line[:2]): line[2 + COLUMNS.index(column)] for line in lines}
    assert found["mine", "better than content"] == wins


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
