import os

import pytest

from nstaudio.audio.atomic_writing import replaced_atomically


def write(file, text, **options):
    with replaced_atomically(file, **options) as temporary:
        temporary.write_text(text)


def no_links(*_):
    raise OSError("Operation not supported")


@pytest.fixture(params=["links", "no links"])
def file(request, tmp_path, monkeypatch):
    if request.param == "no links":  # as on some memory cards and network shares
        monkeypatch.setattr(os, "link", no_links)
    return tmp_path / "a.txt"


def test_a_new_file_is_whole(file):
    write(file, "one\n", replace=False)
    assert file.read_text() == "one\n"
    assert list(file.parent.iterdir()) == [file]


def test_what_is_there_already_stays(file):
    file.write_text("mine\n")
    with pytest.raises(FileExistsError):
        write(file, "one\n", replace=False)
    assert file.read_text() == "mine\n"
    assert list(file.parent.iterdir()) == [file]


def test_what_is_there_already_is_replaced(file):
    file.write_text("old\n")
    write(file, "new\n")
    assert file.read_text() == "new\n"
    assert list(file.parent.iterdir()) == [file]


def test_an_error_leaves_nothing(file):
    with pytest.raises(UnicodeEncodeError):
        write(file, "half \ud800")
    assert not list(file.parent.iterdir())
