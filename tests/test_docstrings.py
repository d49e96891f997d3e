"""What the docstrings of the public interface leave out: nothing that can be told by a program.

A public name lacks something where it has no docstring; where an array is annotated without its
axes; where a number, a text or a function among its arguments is nowhere named in the docstring,
and its name does not speak for itself; or where it raises `InputError` and does not say so.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import pytest

import nstaudio

ROOMS = (
    "analysis", "audio", "encoders", "errors", "evaluation", "inversion", "learned", "losses",
    "notes", "optimization", "transfer",
)  # fmt: skip
CHECKS = ("integer", "number", "choice")  # of nstaudio.errors: they raise InputError
PLAIN = (bool, int, float, str, Any)
# librosa's names, counts, units, indices; the names of things in messages; Flax's own fields
CLEAR = re.compile(
    r"(sr|target_sr|n_fft|hop|hop_length|midi|seed|length|offset|index|step|name|path|parent"
    r"|n_\w+|\w+_(s|hz|db|lufs|mb|frames|samples)|args|options|target|content|style|params"
    r"|variables|constants|self|cls)"
)


def modules(room: str) -> Iterator[types.ModuleType]:
    package = importlib.import_module(f"nstaudio.{room}")
    yield package
    for found in pkgutil.walk_packages(getattr(package, "__path__", []), f"{package.__name__}."):
        yield importlib.import_module(found.name)


def public(room: str) -> dict[str, Any]:
    """The functions and classes of a room, and the methods of the classes, by full name."""
    names = {}
    for module in modules(room):
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == module.__name__
            if own and not name.startswith("_") and (inspect.isclass(value) or callable(value)):
                names |= with_methods(f"{module.__name__}.{name}", value)
    return names


def with_methods(name: str, value: Any) -> dict[str, Any]:
    names = {name: value}
    if inspect.isclass(value):
        for method, found in vars(value).items():
            function = getattr(found, "__func__", found)
            if isinstance(found, property):
                function = found.fget
            if inspect.isfunction(function) and not method.startswith("_"):
                names[f"{name}.{method}"] = function
    return names


def parts(annotation: Any) -> Iterator[Any]:
    """An annotation and what is in it: of unions, lists, tuples; not of functions."""
    origin = typing.get_origin(annotation)
    if origin is Callable or origin is typing.get_origin(Callable[[int], int]):
        yield Callable
        return
    yield annotation
    for inner in typing.get_args(annotation):
        yield from parts(inner)


def signature(value: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(value)
    except (TypeError, ValueError):
        return None


def missing_axes(value: Any) -> Iterator[str]:
    found = signature(value)
    if found is None:
        return
    by_name = {name: p.annotation for name, p in found.parameters.items()}
    for name, annotation in {**by_name, "return": found.return_annotation}.items():
        if any(part in (np.ndarray, jax.Array) for part in parts(annotation)):
            yield f"axes of {name}"


def missing_args(value: Any, docstring: str) -> Iterator[str]:
    found = signature(value)
    for name, parameter in found.parameters.items() if found else ():
        kinds = list(parts(parameter.annotation))
        unclear = any(kind is plain for kind in kinds for plain in (*PLAIN, Callable))
        named = re.search(rf"\b{re.escape(name)}\b", docstring) or CLEAR.fullmatch(name)
        if unclear and not named and not name.startswith("_"):
            yield f"argument {name}"


def field_texts(value: Any) -> str:
    """The texts below the fields of a class, and their names."""
    if not inspect.isclass(value):
        return ""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    except (OSError, SyntaxError):
        return ""
    assert isinstance(tree, ast.ClassDef)
    pairs = zip(tree.body, tree.body[1:], strict=False)
    return " ".join(
        ast.unparse(field.target)
        for field, text in pairs
        if isinstance(field, ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    )


def raises(value: Any) -> bool:
    """True if its own lines raise `InputError`, or call a check that does."""
    functions = [value]
    if inspect.isclass(value):
        functions = [vars(value).get("__post_init__"), vars(value).get("__init__")]
    for function in functions:
        function = inspect.unwrap(getattr(function, "fget", function)) if function else None
        if not inspect.isfunction(function):
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        except (OSError, SyntaxError):  # generated, as a dataclass's is
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and "InputError" in ast.unparse(node):
                return True
            if isinstance(node, ast.Call) and ast.unparse(node.func) in CHECKS:
                return True
    return False


def lacks(name: str, value: Any, of_class: str) -> list[str]:
    docstring = inspect.getdoc(value) or ""
    if not docstring:
        return ["a docstring"]
    generated = inspect.isclass(value) and value.__init__ is object.__init__
    found = [] if generated else list(missing_axes(value))
    found += missing_args(value, f"{docstring} {of_class} {field_texts(value)}")
    if raises(value) and "Raises:" not in docstring and name.rpartition(".")[2] != "InputError":
        found.append("errors")
    return found


def report(names: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in names.items():
        parent = names.get(name.rpartition(".")[0])
        missing = lacks(name, value, inspect.getdoc(parent) or "" if parent else "")
        lines += [f"{name}: {', '.join(missing)}"] if missing else []
    return lines


def test_the_top_level_is_documented():
    names: dict[str, Any] = {}
    for name in nstaudio.__all__:
        names |= with_methods(f"nstaudio.{name}", getattr(nstaudio, name))
    assert report(names) == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_documented(room):
    assert report(public(room)) == []
