"""The blocks of code in README and docs/: Python is run, commands are composed, not run.

docs/extending.md's recipes are followed in `experiments/test_extending.py`, the cells of
docs/tutorial.md where the site is built.
"""

import argparse
import functools
import importlib
import inspect
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

import nstaudio
from nstaudio.experiments import (
    commands,
    config,
    config_choices,
    config_files,
    sweep,
    vmap_launcher,
)
from nstaudio.experiments.command_line import in_hydras_grammar

from helpers import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "nstaudio" / "learned" / "MODEL_CARD.md",
        *(ROOT / "docs").rglob("*.md"),
    )
    if "_build" not in path.parts
)
FOLLOWED = "docs/extending.md"
SITE = re.compile(r"\{(code-cell|toctree|eval-rst|bibliography)\}")
SHELL = ("", "sh", "bash", "console")
INDENTED = re.compile(r"^ {4}((?:uv|uvx|pip|python|nstaudio)\b.*)$", re.MULTILINE)
# commands of others, which are read and no more
OTHERS = ("cp", "for", "done", "ffmpeg", "uvx", "pip")
NOT_RUN = ("uv sync", "uv tool install", "uv pip install", "uv build")
OWN = "my_parts."  # a module that the reader writes
ENTRIES = ("scripts/run.py", "nstaudio")


class Block(NamedTuple):
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    fenced = re.findall(r"^(```+)([^\n`]*)\n(.*?)^\1$", text, re.MULTILINE | re.DOTALL)
    found = [Block(language.strip(), body) for _, language, body in fenced]
    prose = re.sub(r"^(```+)[^\n`]*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    found += [Block("sh", match.group(1) + "\n") for match in INDENTED.finditer(prose)]
    return found


def shell_commands(page: str) -> list[str]:
    """The commands of a page, a line each, without comments."""
    found = []
    for block in blocks(page):
        if block.language in SHELL:
            lines = block.text.replace("\\\n", " ").splitlines()
            for line in lines:
                words = shlex.split(line, comments=True)
                parts = " ".join(shlex.quote(word) for word in words).split(" '&&' ")
                found += [part for part in parts if part]
    return found


def test_every_block_is_of_a_kind_that_is_tested():
    for page in PAGES:
        kinds = {block.language for block in blocks(page)} - {*SHELL, "python", "text"}
        kinds = {kind for kind in kinds if not SITE.match(kind)}
        assert kinds <= ({"yaml"} if page == FOLLOWED else set()), page


def test_what_pages_import_exists():
    for page in PAGES:
        for block in blocks(page):
            if block.language.startswith(("python", "{code-cell}")) and page != FOLLOWED:
                for line in re.findall(r"^(?:import|from) nstaudio.*$", block.text, re.MULTILINE):
                    exec(line, {})


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if p != FOLLOWED and any(b.language == "python" for b in blocks(p))],
)
def test_python_blocks_run(page, monkeypatch):
    sample_rate = 8000
    tone = np.sin(np.arange(2 * sample_rate) * 0.3)
    names: dict[str, Any] = {"content": tone, "style": tone**3, "sample_rate": sample_rate}
    transfer = nstaudio.transfer

    @functools.wraps(transfer)
    def few_steps(*args: Any, **options: Any) -> Any:
        if "n_steps" in options:
            options["n_steps"] = 2
        return transfer(*args, **options)

    monkeypatch.setattr(nstaudio, "transfer", few_steps)
    module = type(sys)("docs_block")
    monkeypatch.setitem(sys.modules, "docs_block", module)
    names["__name__"] = "docs_block"  # a dataclass looks for its module
    module.__dict__.update(names)
    for block in blocks(page):
        if block.language == "python":
            exec(compile(block.text, page, "exec"), module.__dict__)


@pytest.mark.parametrize("page", [p for p in PAGES if p != FOLLOWED and shell_commands(p)])
def test_commands_can_be_composed(page, monkeypatch):
    for command in shell_commands(page):
        check(shlex.split(command), monkeypatch)


def check(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    line = shlex.join(words)
    if words[0] in OTHERS or line.startswith(NOT_RUN) or line == ".ci/run":
        return
    if words[:2] == ["uv", "run"]:
        words = after_uv_run(words[2:])
    if words[0] == "python":
        words = words[1:]
    program, *arguments = words
    if program in ENTRIES:
        if arguments and arguments[0] in commands.SUBCOMMANDS:
            subcommand, *arguments = arguments
            if subcommand != "run":
                assert importlib.import_module(commands.SUBCOMMANDS[subcommand].module)
                return
        check_settings(arguments)
    elif program in ("pytest", "ruff", "pyright", "lint-imports", "sphinx-build"):
        return
    else:
        assert program.endswith(".py"), f"unknown command: {line}"
        check_script(ROOT / program, arguments, monkeypatch)


def after_uv_run(words: list[str]) -> list[str]:
    while words[0].startswith("-"):
        words = words[2:]
    return words


def check_settings(arguments: list[str]) -> None:
    """Check that settings can be composed and built; of a sweep all values, one by one."""
    settings = [a for a in in_hydras_grammar(arguments) if not a.startswith("-")]
    if not any(a.startswith("resume=") for a in settings):
        check_overrides(settings, build=not any(OWN in a for a in settings))


def check_overrides(settings: list[str], *, build: bool = True) -> None:
    parsed = OverridesParser.create().parse_overrides(settings)
    groups, values = [], []
    for override in parsed:
        if override.is_sweep_override() and "glob(" in str(override.input_line):
            choices = [config_choices.choices(override.key_or_group)[0]]
        elif override.is_sweep_override():
            choices = [str(choice) for choice in override.sweep_string_iterator()]
        else:
            choices = [override.input_line.partition("=")[2]]
        if is_group(override.key_or_group) or override.key_or_group.startswith("hydra"):
            groups.append([f"{override.key_or_group}={choice}" for choice in choices])
        else:
            values += [(override.key_or_group, choice, override.is_add()) for choice in choices]
    for i, alternatives in enumerate(groups or [[]]):
        for chosen in alternatives or [None]:
            overrides = [group[0] for group in groups]
            if chosen is not None:
                overrides[i] = chosen
            with_values = composed(tuple(overrides)).copy()
            for key, value, add in values:
                parsed_value = OverridesParser.create().parse_override(f"x={value}").value()
                OmegaConf.update(with_values, key, plain(parsed_value), force_add=add)
            if build:
                config.build(with_values)


def plain(value: Any) -> Any:
    """A parsed value as OmegaConf takes it."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return getattr(value, "text", value)


def is_group(key: str) -> bool:
    return key in ("content", "style") or (config_choices.CONFIGS / key).is_dir()


@functools.cache
def composed(overrides: tuple[str, ...]) -> DictConfig:
    vmap_launcher.register()
    sweep.prefer_launchers(config_choices.CONFIGS / "hydra" / "launcher")
    return config_files.compose(overrides)


class Parsed(Exception):
    pass


def check_script(file: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that a script understands these arguments; it does no more than read them."""
    assert file.is_file(), f"there is no {file}"
    if file.name == "train.py":
        config = OmegaConf.load(ROOT / "configs" / "train.yaml")
        keys = {*config.keys(), *(f"training.{key}" for key in config.training)}
        assert {argument.partition("=")[0] for argument in arguments} <= keys
        return
    original = argparse.ArgumentParser.parse_args
    unknown = argparse.ArgumentParser.parse_known_args

    def parse(self: Any, *args: Any, **options: Any) -> Any:
        original(self, *args, **options)
        raise Parsed

    def parse_known(self: Any, *args: Any, **options: Any) -> Any:
        found = unknown(self, *args, **options)
        if sys._getframe(1).f_code.co_name == "parse_args":
            return found
        check_overrides([a for a in found[1] if "=" in a], build=False)
        raise Parsed

    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "torch", MagicMock())  # which only that benchmark needs
        patched.setattr(argparse.ArgumentParser, "parse_args", parse)
        patched.setattr(argparse.ArgumentParser, "parse_known_args", parse_known)
        patched.setattr(sys, "argv", [str(file), *arguments])
        main = runpy.run_path(str(file), run_name="docs")["main"]
        with pytest.raises(Parsed):
            main(*([arguments] if inspect.signature(main).parameters else []))


def messages() -> Iterator[str]:
    page = (ROOT / "docs" / "questions" / "errors.md").read_text(encoding="utf-8")
    for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE):
        yield from re.findall(r"`([^`]+)`", row)


def test_messages_on_the_page_of_errors_exist():
    source = "".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "nstaudio").rglob("*.py"))
    )
    source = re.sub(r"\s+", " ", re.sub(r'`|"\s*f?"', "", source))
    found = 0
    for message in messages():
        # what is between names and numbers; the first word may be one too
        fixed = re.split(r"\.\.\.|[();]|\S*[=0-9./]\S*|my_parts|extra sweep", message)
        for words in (part.strip(" ,:") for part in fixed):
            if len(words.split()) > 2:
                found += 1
                assert words in source or words.partition(" ")[2] in source, message
    assert found > 25


MEASURED = (
    "encoders",
    "evaluation",
    "methods",
    "performance",
    "presets",
    "quality",
    "recordings",
    "strength",
)


@pytest.mark.parametrize("page", MEASURED)
def test_tables_of_figures_say_when_they_were_measured(page):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    tables = re.findall(r"(.*\n)\n((?:\|.*\n)+)", text)
    assert tables
    for before, table in tables:
        rows = table.splitlines()[2:]
        figures = [row for row in rows if re.search(r"\| *[-+<]?\d[\d.,e+-]*( |%|\()", row)]
        if len(figures) >= max(1, len(rows) / 2):
            assert re.match(r"<!-- (measured by|figures, )", before), table.splitlines()[0]
