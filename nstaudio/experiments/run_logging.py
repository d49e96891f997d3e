"""Runs side by side in this process, each with a log of its own."""

import contextlib
import contextvars
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LOGGERS = (None, "nstaudio")  # those that configs/hydra/job_logging gives handlers


class Log(NamedTuple):
    """Where what a run says goes."""

    handlers: dict[str | None, list[logging.Handler]]
    """Of each logger."""
    level: dict[str | None, int]

    @classmethod
    def current(cls) -> "Log":
        """What Hydra has set up for the job of this moment."""
        loggers = {name: logging.getLogger(name) for name in _LOGGERS}
        return cls(
            {name: list(logger.handlers) for name, logger in loggers.items()},
            {name: logger.level for name, logger in loggers.items()},
        )

    @contextlib.contextmanager
    def beside(self, file: Path) -> Iterator["Log"]:
        """The same, and a file in the form of the job's own, until it is closed."""
        own = logging.FileHandler(file, encoding="utf-8")
        files = [a for a in self.handlers["nstaudio"] if isinstance(a, logging.FileHandler)]
        own.setFormatter(files[0].formatter if files else None)
        with contextlib.closing(own):
            yield Log({name: [*given, own] for name, given in self.handlers.items()}, self.level)

    def close(self) -> None:
        """Close the files."""
        for handlers in self.handlers.values():
            for handler in handlers:
                handler.close()


_current: contextvars.ContextVar[Log | None] = contextvars.ContextVar("log", default=None)


class _Router(logging.Handler):
    """Gives what is said to the log that it is said within."""

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
    """What is said goes to the log that it is said `within`, and else nowhere."""
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
    """What is said here goes to `log`."""
    token = _current.set(log)
    try:
        yield
    finally:
        _current.reset(token)
