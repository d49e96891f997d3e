"""Folders are claimed before anything is written in them."""

import datetime
from pathlib import Path

import hydra.core.utils
import pytest
import yaml
from filelock import FileLock

from nstaudio.errors import InputError
from nstaudio.experiments import folder_claim
from nstaudio.experiments.folder_claim import FolderInUse

from small_runs import assert_refused, summary


@pytest.fixture(autouse=True)
def _release():
    yield
    folder_claim.release_all()


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_new_folder_is_nobody_elses(tmp_path):
    folder = tmp_path / "day" / "12-00-00"
    made = [folder_claim.claim_new(folder) for _ in range(3)]
    assert [path.name for path in made] == ["12-00-00", "12-00-00_2", "12-00-00_3"]
    assert sorted(path.name for path in folder.parent.iterdir()) == sorted(p.name for p in made)


def test_a_claim_is_for_the_first_who_asks(tmp_path):
    folder_claim.claim(tmp_path / "a" / "b")
    with folder_claim.folder_lock(tmp_path / "a" / ".." / "a" / "b"):
        with pytest.raises(FolderInUse, match=r"a/b is being used by another run"):
            folder_claim.claim(tmp_path / "a" / "b")
        assert folder_claim.is_in_use(tmp_path / "a" / "b")
    assert not folder_claim.is_in_use(tmp_path / "a" / "b")
    folder_claim.claim(tmp_path / "a" / "b")
    folder_claim.release_all()
    assert not folder_claim.is_in_use(tmp_path / "a" / "b")
    assert not folder_claim.is_in_use(tmp_path / "none")
    assert not (tmp_path / "none").exists(), "asking makes nothing"


@pytest.mark.skipif("os.sep != '/'")
def test_a_backslash_is_no_name_of_a_folder(tmp_path):
    for claim in (folder_claim.claim, folder_claim.claim_new):
        with pytest.raises(InputError, match="must be without"):
            claim(tmp_path / "a\\b")
    assert not list(tmp_path.iterdir())


class Noon(datetime.datetime):
    @classmethod
    def now(cls, tz=None):  # noqa: ARG003
        return cls(2026, 1, 31, 12, 0, 0)


def test_two_runs_in_one_second_have_their_own_folders(command, tmp_path, monkeypatch):
    monkeypatch.setattr(hydra.core.utils, "datetime", Noon)
    for seed in (0, 1):
        code, err = command(f"seed={seed}")
        assert code == 0, err
    day = tmp_path / "outputs" / "2026-01-31"
    name = "12-00-00_my-song_as_other"
    assert sorted(path.name for path in day.iterdir()) == [name, f"{name}_2"]
    for seed, run in enumerate((day / name, day / f"{name}_2")):
        assert f"seed={seed}" in yaml.safe_load((run / ".hydra" / "overrides.yaml").read_text())
        assert yaml.safe_load((run / "config.yaml").read_text())["seed"] == seed
        assert summary(run)["interrupted"] is False


def test_a_folder_in_use_stays_as_it_is(command, tmp_path, finished):
    before = contents(tmp_path)
    with FileLock(finished / ".lock"):
        for arguments in (["resume=r"], ["-m", "hydra.sweep.dir=r", "seed=0,1"]):
            code, err = command(*arguments, defaults=False)
            assert_refused(code, err, "r is being used by another", tmp_path)
            assert contents(tmp_path) == before
    code, err = command("resume=r", "hydra.run.dir=other", defaults=False)
    assert_refused(
        code, err, "hydra.run.dir=other cannot be chosen for a run that goes on", tmp_path
    )
    code, err = command("resume=nowhere", defaults=False)
    assert_refused(code, err, "resume=nowhere is no run's folder", tmp_path)
    assert contents(tmp_path) == before


def test_a_job_in_use_has_not_failed(command, tmp_path):
    job = tmp_path / "s" / "0_seed=0"
    job.mkdir(parents=True)
    with FileLock(job / ".lock"):
        code, err = command("-m", "hydra.sweep.dir=s", "seed=0,1")
    assert code == 2
    assert "1 of 2 jobs are done in s\nbeing made by another command: 0_seed=0\n" in err
    assert not (job / "error.txt").exists()
    assert (job / "run.log").read_text() == ""
    code, err = command("-m", "hydra.sweep.dir=s", "seed=0,1")
    assert (code, err.count("done before: ")) == (0, 1), err
