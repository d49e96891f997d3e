import importlib.metadata
import json
import platform
import sys

import pytest

from nstaudio.experiments.storage import summary as summaries


def test_versions_of_what_is_installed(monkeypatch):
    version = importlib.metadata.version

    def without_optax(name):
        if name == "optax":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without_optax)
    found = summaries.versions()
    assert "optax" not in found
    assert found["python"] == platform.python_version()
    assert found["jax"] == version("jax")


def test_the_peak_is_unknown_where_the_system_does_not_tell(monkeypatch):
    peak = summaries.peak_rss_mb()
    assert peak is not None
    assert 50 < peak < 100_000
    monkeypatch.setitem(sys.modules, "resource", None)
    assert summaries.peak_rss_mb() is None


@pytest.mark.parametrize("text", ["[]", "{}", "{", '{"inputs": 1}', None])
def test_what_is_no_whole_summary(text, tmp_path):
    if text is not None:
        (tmp_path / "summary.json").write_text(text)
    assert summaries.read_summary(tmp_path) is None


def test_a_summary_is_read_as_it_was_written(tmp_path):
    written = {"inputs": [1], "interrupted": False, "style": "ü"}
    summaries.write_summary(tmp_path / "summary.json", written)
    assert summaries.read_summary(tmp_path) == written
    assert json.loads((tmp_path / "summary.json").read_text()) == written
