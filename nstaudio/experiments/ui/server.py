"""The server: the page, and what it asks for."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from nstaudio.audio import files, samples, writing
from nstaudio.audio.spooling import spool
from nstaudio.errors import InputError, choice, one_line
from nstaudio.experiments.ui.access import Access
from nstaudio.experiments.ui.clips import ClipLibrary, Limits, TooLarge, check_size
from nstaudio.experiments.ui.estimate import Estimates
from nstaudio.experiments.ui.history import History
from nstaudio.experiments.ui.presets import presets
from nstaudio.experiments.ui.run_queue import RunQueue
from nstaudio.experiments.ui.run_request import read_request

PAGE = Path(__file__).parent / "page"

FORMATS = ("wav", "flac", "mp3")

MAX_JSON_BYTES = 64_000

_ANY_RATE = 44_100  # Hz, which every format has

_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "media-src data:; sandbox allow-scripts"
)


def make_app(
    outputs: Path,
    *,
    limits: Limits,
    host: str = "127.0.0.1",
    password: str | None = None,
    extra: tuple[str, ...] = (),
) -> Starlette:
    """The application.

    Args:
        outputs: the folder of runs and uploads; nothing else is read but the demo clips.
        limits: of an upload.
        host: the address that is listened at.
        password: `None` asks for none.
        extra: see `RunQueue`.
    """
    clips = ClipLibrary(outputs.absolute(), limits)
    studio = Studio(
        clips=clips,
        queue=RunQueue(outputs, extra=extra),
        history=History(outputs, clips),
        estimates=Estimates(extra=extra),
    )
    app = Starlette(
        routes=[
            Route("/", studio.page),
            Route("/api/setup", studio.setup),
            Route("/api/clips", studio.upload, methods=["PUT"]),
            Route("/api/clips/{id}/sound", studio.clip_sound),
            Route("/api/estimate", studio.estimate, methods=["POST"]),
            Route("/api/queue", studio.queued),
            Route("/api/queue", studio.start, methods=["POST"]),
            Route("/api/queue/{id}/cancel", studio.cancel, methods=["POST"]),
            Route("/api/queue/{id}", studio.dismiss, methods=["DELETE"]),
            Route("/api/runs", studio.runs),
            Route("/api/runs/{id:path}/file/{what}", studio.run_file),
            Route("/api/runs/{id:path}/download/{format}", studio.download),
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
        middleware=[Middleware(Access, host=host, password=password)],
        exception_handlers={
            TooLarge: _refusal(413),
            InputError: _refusal(400),
            OSError: _refusal(500),
        },
        lifespan=studio.lifespan,
    )
    app.state.studio = studio
    return app


def _refusal(status: int) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        del request
        return JSONResponse({"error": one_line(error)}, status)

    return answer


class Studio(NamedTuple):
    """What the page works with; its methods answer requests."""

    clips: ClipLibrary
    queue: RunQueue
    history: History
    estimates: Estimates

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Work on the queue while the server is there."""
        del app
        with contextlib.suppress(OSError):
            await run_in_threadpool(self.clips.prune, self.history.uploads)
        self.queue.start()
        try:
            yield
        finally:
            self.estimates.end()
            await run_in_threadpool(self.queue.close)

    async def page(self, request: Request) -> Response:
        """The page itself."""
        del request
        return FileResponse(PAGE / "index.html")

    async def setup(self, request: Request) -> Response:
        """Presets, demo clips and limits."""
        del request
        return JSONResponse(
            {
                "presets": [preset._asdict() for preset in presets().values()],
                "demos": [clip.about() for clip in self.clips.demos],
                "limits": self.clips.limits._asdict(),
            }
        )

    async def upload(self, request: Request) -> Response:
        """A clip: the file is the body, its name the query's."""
        name = request.query_params.get("name", "clip")
        length = request.headers.get("content-length", "")
        if length.isdecimal():
            check_size(name, int(length), self.clips.limits)
        try:
            file, id_ = await self.clips.receive(name, request.stream())
        except ClientDisconnect:
            return Response(status_code=499)
        clip = await run_in_threadpool(self.clips.add, file, id_)
        return JSONResponse(clip.about())

    async def clip_sound(self, request: Request) -> Response:
        """A clip in a form that browsers play."""
        return FileResponse(self.clips.find(request.path_params["id"]).sound)

    async def estimate(self, request: Request) -> Response:
        """What the first run that is asked for would take; unless one has the cores already."""
        asked = read_request(await _json(request), self.clips)
        if self.queue.is_busy:
            return JSONResponse({"busy": True})
        return JSONResponse(await run_in_threadpool(self.estimates.of, asked.first))

    async def queued(self, request: Request) -> Response:
        """The jobs of the queue, those that have ended among them."""
        del request
        return JSONResponse({"jobs": await run_in_threadpool(self.queue.about)})

    async def start(self, request: Request) -> Response:
        """Queue what is asked for."""
        job = self.queue.add(read_request(await _json(request), self.clips))
        self.estimates.end()
        return JSONResponse({"job": job.id})

    async def cancel(self, request: Request) -> Response:
        """End a job with what it has, or take it out of the queue."""
        self.queue.cancel(request.path_params["id"])
        return JSONResponse({})

    async def dismiss(self, request: Request) -> Response:
        """Forget a job that has ended; its run stays."""
        self.queue.dismiss(request.path_params["id"])
        return JSONResponse({})

    async def runs(self, request: Request) -> Response:
        """The history."""
        del request
        return JSONResponse({"runs": await run_in_threadpool(self.history.runs)})

    async def run_file(self, request: Request) -> Response:
        """A sound of a run, or its report."""
        what = request.path_params["what"]
        file = self.history.file(request.path_params["id"], what)
        if what == "preview":  # while it is sent another may take its place
            return Response(await run_in_threadpool(file.read_bytes), media_type="audio/wav")
        headers = {"Content-Security-Policy": _REPORT_POLICY} if what == "report" else None
        return FileResponse(file, headers=headers)

    async def download(self, request: Request) -> Response:
        """A run's result in a format."""
        format_ = request.path_params["format"]
        choice("format", format_, FORMATS)
        result = self.history.file(request.path_params["id"], "result")
        name = f"{result.parent.name}.{format_}"
        if result.suffix == f".{format_}":
            return FileResponse(result, filename=name)
        made = tempfile.TemporaryDirectory(prefix="nstaudio-")
        file = Path(made.name) / name
        try:
            await run_in_threadpool(_convert, result, file, format_)
        except BaseException:
            made.cleanup()
            raise
        return FileResponse(file, filename=name, background=BackgroundTask(made.cleanup))


async def _json(request: Request) -> Any:
    """The body of a request.

    Raises:
        InputError: it is none, or too long.
    """
    body = bytearray()
    async with asyncio.timeout(30):
        async for block in request.stream():
            body += block
            if len(body) > MAX_JSON_BYTES:
                raise InputError(f"the request is longer than {MAX_JSON_BYTES} bytes")
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise InputError("the request is not application/json")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError("the request cannot be read") from error


def _convert(result: Path, file: Path, format_: str) -> None:
    """Write a sound in another format; mp3 with a rate and channels that it has."""
    sound, coding = files.load(result), writing.Coding(format_)
    y, sr = sound.y, sound.sr
    try:
        coding.check(sr, y.shape[1])
    except InputError:
        n_channels = y.shape[1] if y.shape[1] <= 2 else 1
        y, sr = spool(samples.convert(y, sr, _ANY_RATE, n_channels), n_channels), _ANY_RATE
    writing.save(file, y, sr, coding=coding, subtype=sound.subtype)
