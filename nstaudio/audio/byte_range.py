"""A part of a file, with some of its bytes replaced, as a file of its own."""

import io
import os

_BLOCK = 2**16  # bytes searched together


class ByteRange:
    """A part of a file that can be read as a file of its own; some of its bytes may be replaced.

    Args:
        start, end: the part, bytes of the file.

    Attributes:
        size: its bytes.
        patches: positions in the part, and the bytes there instead of the file's.
    """

    def __init__(self, stream: io.BufferedIOBase, start: int, end: int) -> None:
        self._stream, self._start, self._at = stream, start, 0
        self.size = end - start
        self.patches: list[tuple[int, bytes]] = []

    def read(self, n: int = -1) -> bytes:
        """The next `n` bytes, or fewer at the end."""
        left = self.size - self._at
        if left <= 0:
            return b""
        self._stream.seek(self._start + self._at)
        data = self._stream.read(left if n < 0 else min(n, left))
        for at, patch in self.patches:
            first, last = max(at, self._at), min(at + len(patch), self._at + len(data))
            if first < last:
                patched = bytearray(data)
                patched[first - self._at : last - self._at] = patch[first - at : last - at]
                data = bytes(patched)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to `offset` bytes from where `whence` says; -1 for before the beginning.

        Nothing is raised: what a damaged header makes a decoder ask for is no error of ours.
        """
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            return -1
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at

    def at(self, position: int, n: int) -> bytes:
        """`n` bytes from a position, or fewer at the end."""
        self.seek(position)
        return self.read(n)

    def find(self, what: bytes, start: int) -> int | None:
        """The first place of some bytes at `start` or behind it."""
        self.seek(start)
        tail = b""
        while block := self.read(_BLOCK):
            data = tail + block
            if (found := data.find(what)) >= 0:
                return self._at - len(data) + found
            tail = data[1 - len(what) :]
        return None

    def part(self, start: int, end: int) -> "ByteRange":
        """A part of the part, without patches."""
        return ByteRange(self._stream, self._start + start, self._start + end)
