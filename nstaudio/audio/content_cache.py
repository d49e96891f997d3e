"""Caches of results that segments of a recording, and runs of a sweep, have in common."""

import collections
import functools
import hashlib
import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])


def cached_by(key: Callable[..., Hashable], *, max_results: int) -> Callable[[F], F]:
    """Decorate a function of positional arguments to keep its last results; safe in threads.

    Args:
        key: a function of the same arguments; results are shared where it is equal.
        max_results: results to keep; the one used least recently is dropped first.
    """

    def decorate(function: F) -> F:
        results: collections.OrderedDict[Hashable, Any] = collections.OrderedDict()
        lock = threading.Lock()

        @functools.wraps(function)
        def cached(*args: Any) -> Any:
            arguments = key(*args)
            with lock:
                if arguments not in results:
                    results[arguments] = function(*args)
                    while len(results) > max_results:
                        results.popitem(last=False)
                results.move_to_end(arguments)
                return results[arguments]

        return cast(F, cached)

    return decorate


def content_key(*args: Any) -> Hashable:
    """Arguments as a key: arrays by a digest of their content, all others as they are."""
    return tuple(_digest(value) if isinstance(value, np.ndarray) else value for value in args)


def _digest(array: np.ndarray) -> bytes:
    digest = hashlib.sha256(repr((array.shape, array.dtype)).encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
