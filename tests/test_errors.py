import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstaudio.errors import InputError, choice, integer, nearest, number, one_line


@pytest.mark.parametrize(
    ("value", "limits", "message"),
    [
        (-1.0, {"at_least": 0}, "x=-1 must be at least 0"),
        (0, {"above": 0}, "x=0 must be above 0"),
        (2, {"at_most": 1}, "x=2 must be at most 1"),
        (float("nan"), {}, "x=nan must be finite"),
        (float("inf"), {"at_least": 0}, "x=inf must be finite"),
        ("3", {}, "x must be a number, not '3'"),
        (True, {}, "x must be a number, not True"),
        (None, {}, "x must be a number, not None"),
    ],
)
def test_number_names_the_thing_the_value_and_the_limit(value, limits, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        number("x", value, **limits)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "n=0 must be at least 1"),
        (-3, "n=-3 must be at least 1"),
        (11, "n=11 must be at most 10"),
        (2.5, "n must be a whole number, not 2.5"),
        (2.0, "n must be a whole number, not 2.0"),
        ("7", "n must be a whole number, not '7'"),
        (False, "n must be a whole number, not False"),
    ],
)
def test_integer_names_the_thing_the_value_and_the_limit(value, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        integer("n", value, at_least=1, at_most=10)


def test_numbers_of_numpy_are_numbers():
    assert number("x", np.float32(0.5)) == 0.5
    assert integer("n", np.int64(4), at_least=1) == 4


def test_choice_suggests_the_nearest():
    with pytest.raises(InputError, match=r"tanhh is not one of: relu, tanh .*mean tanh\?"):
        choice("activation", "tanhh", ("relu", "tanh"))
    choice("activation", None, ("relu", None))


def test_nothing_near_suggests_nothing():
    assert nearest("zzzzzz", ["alpha", "beta"]) == ""


@given(st.text())
def test_one_line_is_one_line(text):
    assert len(one_line(text).splitlines()) <= 1


def test_a_number_beyond_float_is_not_finite():
    with pytest.raises(InputError, match="x must be finite, not a number of hundreds of digits"):
        number("x", -(10**400))
