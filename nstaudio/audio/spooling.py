"""Samples of any number as one array: in memory, or in a file without a name."""

import contextlib
import tempfile
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from nstaudio.audio.samples import Channels

_IN_MEMORY = 2**27  # bytes: 5 minutes of 44.1 kHz stereo, as float32


def spool(blocks: Iterable[Float[np.ndarray, "block channels"]], n_channels: int) -> Channels:
    """Blocks of samples as one array: in memory while it is small, else in an unnamed file.

    The system removes such a file with the process, however that ends.
    """
    buffer: list[np.ndarray] = []
    n_bytes = 0
    with contextlib.ExitStack() as closing:
        file = None
        for block in blocks:
            buffer.append(np.ascontiguousarray(block, np.float32))
            n_bytes += buffer[-1].nbytes
            if n_bytes > _IN_MEMORY:
                file = file or closing.enter_context(tempfile.TemporaryFile())
                file.writelines(part.data for part in buffer)
                buffer.clear()
        if file is None:
            return np.concatenate([np.zeros((0, n_channels), np.float32), *buffer])
        file.flush()
        return np.memmap(file, np.float32, mode="r").reshape(-1, n_channels)
