"""The command line: file names typed as in any shell, and arguments that can be pasted back.

Hydra reads a value by a grammar of its own, in which `song (1).wav` is no text. Here the values of
the settings that name files and folders are brought into that grammar.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from nstaudio.errors import InputError, one_line

FILES = ("content.path", "style.path", "negatives", "resume", "data", "validation", "start")
"""The settings that name what exists already, one or, after a comma or in brackets, several."""

FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "out")
"""The settings that name a folder to be made."""

_SEARCHED = ("--config-dir", "--config-path", "-cd", "-cp")

_WITH_VALUE = (*_SEARCHED, "--config-name", "-cn", "--cfg", "-c", "--package", "-p", "--info", "-i")

_IS_WINDOWS = os.name == "nt"

_MAX_NAME = 4096  # characters; no system has longer paths


def in_hydras_grammar(arguments: Sequence[str]) -> list[str]:
    """A command line with its file and folder names quoted for Hydra, where they need it.

    What exists under the very name that is typed is that file; only else is it read as values with
    commas, brackets and quotes. `~` is the home folder. Settings come before options: Hydra takes
    no setting after `--config-dir`.

    Raises:
        InputError: an empty name or value.
    """
    before = ["", *arguments]
    is_setting = [
        not argument.startswith("-") and option not in _WITH_VALUE
        for option, argument in zip(before, arguments, strict=False)
    ]
    settings = [a for a, first in zip(arguments, is_setting, strict=True) if first]
    options = [a for a, first in zip(arguments, is_setting, strict=True) if not first]
    return [_argument(argument) for argument in (*settings, *options)]


def _argument(argument: str) -> str:
    typed_key, equals, value = argument.partition("=")
    key = typed_key.lstrip("+")
    if not argument or (equals and not value and not key.startswith("~")):
        raise _empty(argument)
    if key in FOLDERS:
        return f"{typed_key}={_folder(key, value)}"
    if key in FILES:
        return f"{typed_key}={_Names(key, value).read()}"
    if key in _SEARCHED and equals:
        return f"{typed_key}={_without_tilde(value)}"
    return argument


def _folder(key: str, value: str) -> str:
    """A folder that may not exist yet: all of the value is its name, but for `${...}`."""
    if _exists(value):
        return _literal(_without_tilde(value))
    name = _parsed(value)
    if isinstance(name, str) and not name.startswith("~"):
        if not name:
            raise _empty(f"{key}={value}")
        return value
    return _quoted(_without_tilde(name if isinstance(name, str) else value))


class _Names:
    """The value of a setting of `FILES`, read from left to right.

    A comma may separate two names or be part of one, and so may a bracket: the longest name that
    exists decides.
    """

    def __init__(self, key: str, value: str) -> None:
        self._key, self._value, self._position = key, value, 0

    def read(self) -> str:
        """The value in Hydra's grammar.

        Raises:
            InputError: an empty name.
        """
        values = self._sequence(closing="")
        rest = self._value[self._position :]
        # Brackets that do not match: it can only be one name, which does not exist.
        return _literal(self._value) if rest else ",".join(values)

    def _sequence(self, closing: str) -> list[str]:
        values = []
        while True:
            values.append(self._existing(closing) or self._list() or self._other(closing))
            self._skip_spaces()
            if self._next != ",":
                return values
            self._position += 1

    @property
    def _next(self) -> str:
        return self._value[self._position : self._position + 1]

    def _skip_spaces(self) -> None:
        while self._next and self._next in " \t":
            self._position += 1

    def _existing(self, closing: str) -> str | None:
        """The longest name from here that exists."""
        first = self._position
        longest = min(len(self._value), first + _MAX_NAME)
        for stop in range(longest, first, -1):
            if self._value[stop : stop + 1] not in ("", ",", closing):
                continue
            for name in dict.fromkeys((self._value[first:stop], self._value[first:stop].strip())):
                if _exists(name):
                    self._position = stop
                    return _literal(_without_tilde(name))
        return None

    def _list(self) -> str | None:
        self._skip_spaces()
        first = self._position
        if self._next != "[":
            return None
        self._position += 1
        is_empty = self._value[self._position :].lstrip().startswith("]")
        values = [] if is_empty else self._sequence(closing="]")
        self._skip_spaces()
        if self._next != "]":
            self._position = first
            return None
        self._position += 1
        return f"[{','.join(values)}]"

    def _other(self, closing: str) -> str:
        """A value of Hydra's, or the name of a file that does not exist."""
        first = self._position
        quoted = re.compile(r"""(['"]).*?(?<!\\)(\\\\)*\1""", re.DOTALL).match(self._value, first)
        self._position = quoted.end() if quoted else first
        depth = 0
        while self._next and (depth > 0 or self._next not in (",", closing)):
            depth += (self._next in "([{") - (self._next in ")]}")
            self._position += 1
        text = self._value[first : self._position].strip()
        value = _parsed(text)
        if not text or value == "":
            raise _empty(f"{self._key}={self._value}")
        if isinstance(value, str) and value.startswith("~"):
            return _quoted(_without_tilde(value))
        return _literal(_without_tilde(text)) if value is None and text != "null" else text


def _empty(argument: str) -> InputError:
    value = argument.partition("=")[2]
    what = "has an empty name in it" if value.strip("'\"") else "is empty"
    return InputError(
        f"{one_line(argument) or 'an argument'} {what}; so is a variable of the shell that is not "
        "set"
    )


def _parsed(value: str) -> Any:
    """The value that Hydra reads; `None` where it can read none, and for null."""
    try:
        return OverridesParser.create().parse_override(f"key={value}").value()
    except HydraException:
        return None


def _exists(name: str) -> bool:
    if not name:
        return False
    try:
        return Path(name).exists() or Path(name).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long; ~nobody
        return False


def _without_tilde(name: str) -> str:
    """A path that begins with no `~`."""
    if not name.startswith("~"):
        return name
    if Path(name).exists():
        return str(Path(name).absolute())
    try:
        return str(Path(name).expanduser())
    except RuntimeError:  # ~nobody
        return name


def _literal(name: str) -> str:
    """A name in Hydra's grammar, quoted only where it means something else there."""
    if "${" in name:  # a reference, to OmegaConf
        return _quoted(re.sub(r"(\\*)\$\{", r"\1\1\\${", name))
    escaping = name.endswith("\\")  # the comma after it
    return name if _parsed(name) == name and not escaping else _quoted(name)


def _quoted(text: str) -> str:
    return QuotedString(text, Quote.single).with_quotes()


_BARE = r"[\w%+=:./][\w%+=:./-]*"  # of a dash and a dot PowerShell makes two arguments

_APOSTROPHES = "'\u2018\u2019\u201a\u201b"  # to PowerShell all of them are quotes

_IN_DOUBLE_QUOTES = r'["\u201c\u201d\u201e$`\\!]'  # mean something to one of the shells


def to_paste(argument: object) -> str:
    """An argument for a message: it can be pasted into bash and PowerShell, quoted if need be.

    Where one kind of quotes does not do, parts are quoted, and it begins with one that needs no
    quotes: to PowerShell a quote in the first place ends the argument where it is closed. What has
    no such part is quoted for the shell of this system. PowerShell before 7.3 drops double quotes
    within an argument, which no name has on Windows.
    """
    text = one_line(argument)
    if re.fullmatch(_BARE, text):
        return text
    if not re.search(f"[{_APOSTROPHES}]", text):
        return f"'{text}'"
    if not re.search(_IN_DOUBLE_QUOTES, text):
        return f'"{text}"'
    bare = re.match(f"(?:{_BARE})?", text)
    assert bare is not None
    if not bare[0] and _IS_WINDOWS:
        return "'" + re.sub(f"([{_APOSTROPHES}])", r"\1\1", text) + "'"
    parts = re.findall(f"[{_APOSTROPHES}]+|[^{_APOSTROPHES}]+", text[bare.end() :])
    quoted = (f'"{part}"' if part[0] in _APOSTROPHES else f"'{part}'" for part in parts)
    return bare[0] + "".join(quoted)
