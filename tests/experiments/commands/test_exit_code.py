from pathlib import Path

import pytest
from hydra.errors import MissingConfigException
from omegaconf import OmegaConf

from nstaudio.errors import InputError
from nstaudio.experiments.commands.exit_code import exit_code


def missing_file() -> int:
    return len(Path("/no/such/file").read_text())


def missing_value() -> int:
    return OmegaConf.create({"data": "???"}).data


def raising(error: BaseException):
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize("code", [0, 1])
def test_the_code_of_work_that_ends(code, capsys):
    assert exit_code(lambda: code) == code
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (raising(InputError("--limit=0 is\nbelow 1")), "--limit=0 is\\x0abelow 1"),
        (missing_file, "No such file or directory: '/no/such/file'"),
        (missing_value, "data"),
        (raising(MissingConfigException("Could not find 'train/huge'", "train/huge")), "huge"),
    ],
)
def test_what_the_user_can_mend_is_one_line(work, said, capsys):
    assert exit_code(work, config="train") == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1


def test_an_interruption_says_nothing(capsys):
    assert exit_code(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ("", "")


def test_a_fault_of_the_program_stays_a_traceback():
    with pytest.raises(ZeroDivisionError):
        exit_code(raising(ZeroDivisionError()))
