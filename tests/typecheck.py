"""The checker of annotations under pytest: an int is a float, as PEP 484 has it."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enforce a function's annotations; constructors are left alone, they refuse in words."""
    return function if "__init__" in function.__qualname__ else _check(function)
