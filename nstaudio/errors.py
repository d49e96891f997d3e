"""The one exception that means "the input is at fault", and the checks that raise it."""

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


class InputError(ValueError):
    """Input that cannot be used; the message is a line naming the thing, the value, the limit.

    It is a `ValueError`, so library users catch what they expect, and a class of its own, so that
    `scripts/run.py` prints it as one line while a bug still shows its traceback.
    """


def one_line(text: object) -> str:
    """`text` without line breaks and control characters: no name can break a message apart."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(text))


def number(
    name: str,
    value: Any,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
) -> float:
    """`value` as a finite float inside the limits: `at_least`, `above`, `at_most`.

    Raises:
        InputError: not a number, not finite or outside the limits.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{name} must be a number, not {one_line(repr(value))}")
    try:
        value = float(value)
    except OverflowError:
        raise InputError(f"{name} must be finite, not a number of hundreds of digits") from None
    if not math.isfinite(value):
        raise InputError(f"{name}={value} must be finite")
    if at_least is not None and value < at_least:
        raise InputError(f"{name}={value:g} must be at least {at_least:g}")
    if above is not None and value <= above:
        raise InputError(f"{name}={value:g} must be above {above:g}")
    if at_most is not None and value > at_most:
        raise InputError(f"{name}={value:g} must be at most {at_most:g}")
    return value


def integer(name: str, value: Any, *, at_least: int, at_most: int = 2**31 - 1) -> int:
    """`value` as an int inside the limits, `at_least` and `at_most`.

    Raises:
        InputError: not a whole number or outside the limits.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{name} must be a whole number, not {one_line(repr(value))}")
    value = int(value)
    if not at_least <= value <= at_most:
        limit = f"at least {at_least}" if value < at_least else f"at most {at_most}"
        raise InputError(f"{name}={value} must be {limit}")
    return value


def choice(name: str, value: Any, allowed: Iterable[Any]) -> None:
    """Check that `value` is one of `allowed`.

    Raises:
        InputError: it is not; the message suggests the nearest.
    """
    allowed = list(allowed)
    if value not in allowed:
        names = [str(one) for one in allowed]
        raise InputError(
            f"{name}={one_line(value)} is not one of: {', '.join(names)}"
            f"{nearest(str(value), names)}"
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """' (did you mean X?)' for the closest of `known` to `name`, or nothing when none is close."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {match[0]}?)" if match else ""
