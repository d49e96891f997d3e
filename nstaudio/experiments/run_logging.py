"""Log records of runs side by side, each routed to the log of its own run."""

import contextlib
import contextvars
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LOGGERS = (None, "nstaudio")  # those with handlers in configs/hydra/job_logging


class Log(NamedTuple):
    """The log of a run: handlers and levels."""

    handlers: dict[str | None, list[logging.Handler]]
    """The handlers of each logger."""
    level: dict[str | None, int]

    @classmethod
    def current(cls) -> "Log":
        """The log that Hydra has set up for the current job."""
        loggers = {name: logging.getLogger(name) for name in _LOGGERS}
        return cls(
            handlers={name: list(logger.handlers) for name, logger in loggers.items()},
            level={name: logger.level for name, logger in loggers.items()},
        )

    @contextlib.contextmanager
    def with_file(self, file: Path) -> Iterator["Log"]:
        """The same log with one more file, formatted as the job's."""
        extra = logging.FileHandler(file, encoding="utf-8")
        files = [a for a in self.handlers["nstaudio"] if isinstance(a, logging.FileHandler)]
        extra.setFormatter(files[0].formatter if files else None)
        with contextlib.closing(extra):
            yield self._replace(
                handlers={name: [*handlers, extra] for name, handlers in self.handlers.items()}
            )

    def close(self) -> None:
        """Close the files."""
        for handlers in self.handlers.values():
            for handler in handlers:
                handler.close()


_current: contextvars.ContextVar[Log | None] = contextvars.ContextVar("log", default=None)


class _Router(logging.Handler):
    """Passes a record to the current run's handlers."""

    def __init__(self, name: str | None) -> None:
        super().__init__()
        self._name = name

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `logging`."""
        log = _current.get()
        if log is None or record.levelno < log.level[self._name]:
            return
        for handler in log.handlers[self._name]:
            if record.levelno >= handler.level:
                handler.handle(record)


@contextlib.contextmanager
def routed() -> Iterator[None]:
    """Route log records to the log they are written `within`; others are dropped."""
    before = {name: logging.getLogger(name).handlers for name in _LOGGERS}
    for name in _LOGGERS:
        logging.getLogger(name).handlers = [_Router(name)]
    try:
        yield
    finally:
        for name, handlers in before.items():
            logging.getLogger(name).handlers = handlers


@contextlib.contextmanager
def within(log: Log) -> Iterator[None]:
    """Make `log` the current one, in this thread."""
    token = _current.set(log)
    try:
        yield
    finally:
        _current.reset(token)
