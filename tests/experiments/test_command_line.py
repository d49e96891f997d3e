"""File names as they are typed, and arguments that can be pasted."""

import os
import re
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from omegaconf import OmegaConf

from nstaudio.errors import InputError
from nstaudio.experiments import command_line
from nstaudio.experiments.command_line import FILES, FOLDERS, in_hydras_grammar, to_paste

NAMES = [
    "plain.wav",
    "song (1).wav",
    "Artist - Title [dQw4w9WgXcQ].wav",
    "Beyoncé.wav",
    "日本.wav",
    "Don't Stop.wav",
    'the "best".wav',
    "'quoted'.wav",
    "Rock & Roll.wav",
    "a=b.wav",
    "one,two.wav",
    "a#1.wav",
    "100% (live).wav",
    "{b}.wav",
    "[x].wav",
    "a: b.wav",
    "!.wav",
    "${reference}.wav",
    "\\${escaped}",
    r"C:\Program Files (x86)\a.wav",
    "back\\",
    " leading.wav",
    "two\nlines.wav",
    "123",
    "1e3",
    "007",
    "null",
    "True",
    "~backup.wav",
    "latin\udce9.wav",
]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """An empty folder, below another that is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def read(argument: str):
    """The value that Hydra and OmegaConf read; of a sweep a tuple of them."""
    (typed,) = in_hydras_grammar([argument])
    value = OverridesParser.create().parse_override(typed).value()
    if isinstance(value, ChoiceSweep):
        parts = typed.partition("=")[0], OverridesParser.create().parse_override(typed)
        return tuple(resolved(read_again(parts[0], v)) for v in parts[1].sweep_string_iterator())
    return resolved(value)


def read_again(key: str, value: str):
    """A job's own override, which is parsed once more."""
    return OverridesParser.create().parse_override(f"{key}={value}").value()


def resolved(value):
    plain = OmegaConf.to_container(OmegaConf.create({"value": value}), resolve=True)["value"]
    return [relative(v) for v in plain] if isinstance(plain, list) else relative(plain)


def relative(value):
    """Names that begin with a tilde are made absolute."""
    inside = isinstance(value, str) and value.startswith(f"{Path.cwd()}{os.sep}")
    return value[len(str(Path.cwd())) + 1 :] if inside else value


@pytest.mark.parametrize("name", NAMES)
def test_what_exists_is_taken_as_it_is(name):
    Path(name).touch()
    for key in (*FILES, *FOLDERS):
        assert read(f"{key}={name}") == name
        assert read(f"++{key}={name}") == name


@pytest.mark.parametrize("name", NAMES)
def test_what_exists_is_taken_as_it_is_in_lists_and_sweeps(name):
    for file in ("a.wav", name, "b.wav"):
        Path(file).touch()
    assert read(f"style.path=[a.wav,{name}, b.wav]") == ["a.wav", name, "b.wav"]
    assert read(f"negatives=[{name}]") == [name]
    assert read(f"content.path=a.wav,{name},b.wav") == ("a.wav", name, "b.wav")
    assert read(f"style.path=[{name},a.wav],[b.wav]") == ([name, "a.wav"], ["b.wav"])


def test_a_comma_is_part_of_a_name_only_where_such_a_file_exists():
    for name in ("a.wav", "b.wav"):
        Path(name).touch()
    assert read("content.path=a.wav,b.wav") == ("a.wav", "b.wav")
    Path("a.wav,b.wav").touch()
    assert read("content.path=a.wav,b.wav") == "a.wav,b.wav"
    Path("[a.wav,b.wav]").touch()
    assert read("style.path=[a.wav,b.wav]") == "[a.wav,b.wav]"


def test_the_home_folder():
    home = Path.cwd().parent
    (home / "my song.wav").touch()
    for name in ("my song.wav", "not there.wav"):
        assert read(f"content.path=~/{name}") == str(home / name)
        assert read(f"resume='~/{name}'") == str(home / name)
        assert read(f"hydra.run.dir=~/{name}") == str(home / name)
        assert read(f'hydra.sweep.dir="~/{name}"') == str(home / name)
    assert in_hydras_grammar(["--config-dir=~/x (1)"]) == [f"--config-dir={home}/x (1)"]


@pytest.mark.parametrize(
    "name", ["song (1).wav", "Don't.wav", "[x", "a)b", "n=1.wav", "~no-such-user/x"]
)
def test_what_does_not_exist_is_one_name(name):
    assert read(f"content.path={name}") == name
    assert read(f"style.path=[{name}") == f"[{name}"


@pytest.mark.parametrize("name", ["run (2)", "a,b", "[a]", "5", "null", "x=1", "Don't", "{a:1}"])
def test_a_folder_to_be_made_has_the_name_that_is_typed(name):
    for key in FOLDERS:
        assert read(f"{key}={name}") == name


@pytest.mark.parametrize(
    "argument",
    [
        "content.path=null",
        "content.path='a (b).wav'",
        'content.path="a (b).wav",c.wav',
        "content.path=${style.path}",
        "content.path=choice(a.wav,b.wav)",
        "style.path=[]",
        "hydra.run.dir=outputs/${now:%Y}",
        "hydra.run.dir='a ${seed} (b)'",
        "seed=0,1",
        "~guide",
        "-m",
        "--config-dir",
        "style_weights={conv1: 1}",
    ],
)
def test_hydras_own_grammar_stays(argument):
    assert in_hydras_grammar([argument]) == [argument]


def test_settings_come_before_options():
    typed = ["-m", "seed=0,1", "--config-dir", "x=y", "-c", "job", "experiment=z", "--info"]
    assert in_hydras_grammar(typed) == [
        *("seed=0,1", "experiment=z"),
        *("-m", "--config-dir", "x=y", "-c", "job", "--info"),
    ]


def test_references_in_the_name_of_a_folder_to_be_made():
    assert in_hydras_grammar(["hydra.run.dir=run (${seed})"]) == ["hydra.run.dir='run (${seed})'"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("content.path=", "content.path= is empty"),
        ("content.path=''", "content.path='' is empty"),
        ("style.path=[a.wav,]", r"style.path=\[a.wav,\] has an empty name in it"),
        ("style.path=[,a.wav]", r"style.path=\[,a.wav\] has an empty name in it"),
        ("content.path=a.wav,", "content.path=a.wav, has an empty name in it"),
        ("+negatives=", "negatives= is empty"),
        ("resume=", "resume= is empty"),
        ("hydra.run.dir=", "hydra.run.dir= is empty"),
        ('hydra.sweep.dir=""', 'hydra.sweep.dir="" is empty'),
        ("content=", "content= is empty"),
        ("n_steps=", "n_steps= is empty"),
        ("--config-dir=", "--config-dir= is empty"),
        ("", "an argument is empty"),
    ],
)
def test_what_is_empty_is_said(argument, message):
    with pytest.raises(InputError, match=f"^[+]?{message}; .* not set"):
        in_hydras_grammar([argument])


@pytest.mark.parametrize(
    ("argument", "pasted"),
    [
        ("resume=/x/0_strength=0.3", "resume=/x/0_strength=0.3"),
        ("/x/Beyoncé.wav", "/x/Beyoncé.wav"),
        ("resume=a=1,b=2", "'resume=a=1,b=2'"),  # to PowerShell a comma is a list
        ("resume=C:\\x", "'resume=C:\\x'"),
        ("resume=$HOME/(1)", "'resume=$HOME/(1)'"),
        ("resume=Don't", '"resume=Don\'t"'),
        ("resume=Don\u2019t", '"resume=Don\u2019t"'),
        ("resume=Don't $5", "resume=Don\"'\"'t $5'"),
        ("-x.wav", "'-x.wav'"),
        ("--%", "'--%'"),
    ],
)
def test_arguments_for_bash_and_powershell(argument, pasted):
    assert to_paste(argument) == pasted


def powershell_arguments(line: str) -> list[str]:
    """The arguments of a command by the rules of about_Parsing and about_Quoting_Rules.

    An argument that begins with a quote ends where that is closed; in another, quoted parts are
    parts of it. In single quotes doubled quotes stand for one, in double quotes nothing here has a
    backtick or a dollar. Typographic quotes are quotes.
    """
    single, double = "'\u2018\u2019\u201a\u201b", '"\u201c\u201d\u201e'
    found, rest = [], line
    while rest:
        argument, begins_quoted = "", rest[0] in single + double
        while rest and rest[0] != " ":
            kind = next((kind for kind in (single, double) if rest[0] in kind), "")
            if kind:
                part = re.match(f"[{kind}]((?:[^{kind}]|[{kind}]{{2}})*)[{kind}]", rest)
                assert part, f"not closed: {rest}"
                assert kind == single or not re.search("[$`]", part[1])
                argument += re.sub(f"([{kind}])[{kind}]", r"\1", part[1])
                rest = rest[part.end() :]
                if begins_quoted:
                    break
            else:
                assert rest[0] not in "`$,;(){}[]<>|&#@*?~"
                argument, rest = argument + rest[0], rest[1:]
        assert begins_quoted or not argument.startswith("-")
        found.append(argument)
        rest = rest.lstrip(" ")
    return found


TYPOGRAPHIC = [
    "Don\u2019t Stop.wav",
    "\u201cHeroes\u201d.wav",
    "It\u2019s \u201cfine\u201d.wav",
    "a'b\u2019c\"d.wav",
]
PASTED = [
    name for name in (*NAMES, *TYPOGRAPHIC, "-x.wav", "it's $5 `a` [1]") if name.isprintable()
]


@pytest.mark.parametrize("name", PASTED)
def test_a_pasted_argument_is_what_it_was(name):
    argument = f"resume={name}"
    assert shlex.split(to_paste(argument)) == [argument]
    assert powershell_arguments(to_paste(argument)) == [argument]


@pytest.mark.parametrize("name", PASTED)
def test_a_pasted_name_is_what_it_was(monkeypatch, name):
    """One of both kinds of quotes that begins with what needs them is quoted for one shell."""
    assert shlex.split(to_paste(name)) == [name]
    monkeypatch.setattr(command_line, "_IS_WINDOWS", True)
    assert powershell_arguments(to_paste(name)) == [name]
