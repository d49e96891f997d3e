"""The queue of runs: one at a time, each the command in a process of its own."""

import collections
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from nstaudio.errors import InputError, one_line
from nstaudio.experiments import folder_claim
from nstaudio.experiments.storage.summary import part_folders, read_summary
from nstaudio.experiments.ui.progress import read_progress
from nstaudio.experiments.ui.run_request import RunRequest

MAX_WAITING = 100

PREVIEW_S = 3.0
"""Seconds between previews."""

_RUN = "import sys; from nstaudio.experiments import commands; sys.exit(commands.script())"

_KEPT = 50  # jobs that have ended
_GRACE_S = 30.0  # for a run to finish when the server ends


class State(StrEnum):
    """What has become of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """It was ended early, and has a result."""
    CANCELLED = "cancelled"
    FAILED = "failed"


class Job:
    """A run that was asked for, or runs of several contents."""

    def __init__(self, number: int, request: RunRequest) -> None:
        self.id, self.request, self.state = str(number), request, State.WAITING
        self.folder: Path | None = None
        self.process: subprocess.Popen[str] | None = None
        self.started = self.ended = 0.0
        self.stopping = False
        self.said: collections.deque[str] = collections.deque(maxlen=40)

    @property
    def runs(self) -> list[Path]:
        """The folders of its runs that have begun, in their order."""
        if self.folder is None:
            return []
        return part_folders(self.folder) if len(self.request.contents) > 1 else [self.folder]

    def reason(self) -> str:
        """Why it failed: the command's own line."""
        errors = [line for line in self.said if line.startswith("error: ")]
        if errors:
            return errors[-1].removeprefix("error: ")
        code = self.process.returncode if self.process is not None else None
        last = self.said[-1] if self.said else "nothing was said"
        return f"the command ended with code {code}: {one_line(last)}"


class RunQueue:
    """Jobs, first come, first served.

    Args:
        outputs: where runs get their folders.
        extra: settings of every run that does not have its own, for tests.
    """

    def __init__(self, outputs: Path, *, extra: tuple[str, ...] = ()) -> None:
        self._outputs, self._extra = outputs.absolute(), extra
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._closing = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="runs")

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self) -> None:
        """Let the run under way finish with what it has, and end."""
        with self._changed:
            self._closing = True
            running = [job for job in self._jobs.values() if job.state is State.RUNNING]
            self._changed.notify_all()
        for job in running:
            self._interrupt(job)
        self._thread.join(_GRACE_S)
        for job in running:
            if job.process is not None and job.process.poll() is None:
                job.process.kill()

    def add(self, request: RunRequest) -> Job:
        """Queue what is asked for.

        Raises:
            InputError: too many wait already.
        """
        with self._changed:
            n_waiting = sum(job.state is State.WAITING for job in self._jobs.values())
            if n_waiting >= MAX_WAITING:
                raise InputError(f"{n_waiting} runs wait already; at most {MAX_WAITING} can")
            job = Job(next(self._numbers), request)
            self._jobs[job.id] = job
            ended = [job.id for job in self._jobs.values() if job.ended]
            for id_ in ended[: max(0, len(ended) - _KEPT)]:
                del self._jobs[id_]
            self._changed.notify_all()
        return job

    def cancel(self, id_: str) -> None:
        """Take a job out of the queue, or end it early with what it has; again: at once.

        Raises:
            InputError: there is none.
        """
        with self._changed:
            job = self._job(id_)
            if job.state is State.WAITING:
                job.state, job.ended = State.CANCELLED, time.time()
                return
        if job.state is State.RUNNING:
            self._interrupt(job)

    def dismiss(self, id_: str) -> None:
        """Forget a job that has ended.

        Raises:
            InputError: there is none, or it has not.
        """
        with self._changed:
            if not self._job(id_).ended:
                raise InputError(f"run {one_line(id_)} has not ended")
            del self._jobs[id_]

    @property
    def is_busy(self) -> bool:
        """True while a run is under way or waits."""
        with self._changed:
            return any(not job.ended for job in self._jobs.values())

    def about(self) -> list[dict[str, Any]]:
        """All jobs as the page is told of them, in their order."""
        with self._changed:
            jobs = list(self._jobs.values())
        return [self._about(job) for job in jobs]

    def _job(self, id_: str) -> Job:
        if id_ not in self._jobs:
            raise InputError(f"there is no run {one_line(id_)} in the queue")
        return self._jobs[id_]

    def _about(self, job: Job) -> dict[str, Any]:
        request, runs = job.request, job.runs
        contents, at = request.contents, max(0, len(runs) - 1)
        content = contents[at] if contents else None
        about = {
            "id": job.id,
            "state": job.state.value,
            "content": "noise" if content is None else content.name,
            "place": [at + 1, len(contents)] if len(contents) > 1 else None,
            "style": [clip.name for clip in request.style],
            "preset": request.settings.get("experiment", ""),
            "clips": {
                "content": None if content is None else content.id,
                "style": request.style[0].id,
            },
            "parts": {
                role: [request.settings.get(f"{role}.{key}") for key in ("start_s", "duration_s")]
                for role in ("content", "style")
            },
            "command": request.command(),
            "run": run_id(self._outputs, runs[-1]) if runs else None,
            "stopping": job.stopping,
            "seconds": (job.ended or time.time()) - job.started if job.started else 0.0,
        }
        if job.state is State.RUNNING and job.folder is not None:
            about["progress"] = read_progress(runs[-1] if runs else job.folder)
        if job.state is State.FAILED:
            about["reason"] = job.reason()
        return about

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._next() is not None)
                job = self._next()
                if self._closing or job is None:
                    return
                job.state, job.started = State.RUNNING, time.time()
            try:
                self._run(job)
            except (OSError, InputError) as error:
                job.said.append(f"error: {one_line(error)}")
                job.state = State.FAILED
            job.ended = time.time()

    def _next(self) -> Job | None:
        return next((job for job in self._jobs.values() if job.state is State.WAITING), None)

    def _run(self, job: Job) -> None:
        now = datetime.now()
        place = self._outputs / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S}_{job.request.name}"
        folder = folder_claim.claim_new(place)
        with self._changed:
            job.folder = folder
            job.process = subprocess.Popen(
                [sys.executable, "-c", _RUN, "run", *self._arguments(job, folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                # Ctrl-C in the terminal is the server's, which passes it on.
                start_new_session=os.name == "posix",
            )
        assert job.process.stderr is not None
        with job.process.stderr as lines:
            for line in lines:
                job.said.append(line.rstrip("\n"))
        code = job.process.wait()
        made = [read_summary(run) for run in job.runs]
        if code == 0 and any(made):
            ended_early = len(made) < len(job.request.contents) or any(
                one is None or one["interrupted"] for one in made
            )
            job.state = State.STOPPED if ended_early else State.DONE
        else:
            job.state = State.CANCELLED if job.stopping else State.FAILED
            remove_if_empty(folder)

    def _arguments(self, job: Job, folder: Path) -> list[str]:
        place = [f"hydra.run.dir={folder}", f"checkpoint.preview_s={PREVIEW_S}"]
        return [*self._extra, *job.request.arguments(), *place]

    def _interrupt(self, job: Job) -> None:
        with self._changed:
            job.stopping = True
            if job.process is not None and job.process.poll() is None:
                job.process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)


def run_id(outputs: Path, folder: Path) -> str:
    """A run's name in the page's requests: where it lies among the outputs."""
    return folder.relative_to(outputs).as_posix()


def remove_if_empty(folder: Path) -> None:
    """Remove the folder of a run that never began: it holds nothing but Hydra's record."""
    if folder_claim.holds_run(folder):
        return
    for file in sorted(folder.rglob("*"), reverse=True):
        if file.is_dir() and not file.is_symlink():
            file.rmdir()
        else:
            file.unlink()
    folder.rmdir()
