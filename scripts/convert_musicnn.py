"""Take the weights of musicnn's VGG out of the checkpoint that its authors published.

    uv run python scripts/convert_musicnn.py MTT_vgg

The folder is `musicnn/MTT_vgg` in the wheel of musicnn 0.1.0, whose model was trained to tag the
MagnaTagATune clips. TensorFlow is not needed: `.index` is a sorted table of names, shapes and
offsets into `.data-00000-of-00001`, which holds the raw arrays. The converted weights are kept in
the repository, so nobody needs this script to use the project; it shows where they come from.

The layers up to the third pooling are kept, with no number changed; those above them tell tags.
"""

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from conversion import convert

OUT = Path(__file__).resolve().parents[1] / "nstaudio" / "encoders" / "musicnn.npz"

DEPTH = 3
KINDS = {"gamma": "scale", "beta": "bias", "moving_mean": "mean", "moving_variance": "var"}
N_FOOTER = 48  # bytes at the end of a table
N_TRAILER = 4  # bytes of a number at the end of a block
FLOAT = 1  # of TensorFlow's types
TENSOR_TYPE, TENSOR_SHAPE, TENSOR_OFFSET, TENSOR_SIZE = 1, 2, 4, 5  # fields of an entry


class _Bytes:
    """Bytes that are read from the front, in the encoding of protocol buffers."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, n: int) -> bytes:
        if self._at + n > len(self._data):
            raise ValueError("it ends early")
        self._at += n
        return self._data[self._at - n : self._at]

    def integer(self) -> int:
        """A number of any size, seven bits a byte, the lowest first."""
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def fields(self) -> Iterator[tuple[int, int | bytes]]:
        """The numbers and values of a message's fields."""
        while self:
            field, kind = divmod(self.integer(), 8)
            if kind == 0:
                yield field, self.integer()
            else:
                yield field, self.take({1: 8, 5: 4}[kind] if kind != 2 else self.integer())


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of one block of a table; a key leaves out what the last begins with."""
    if offset + size >= len(table) or table[offset + size] != 0:
        raise ValueError("its index is not one of an uncompressed table")
    if size < N_TRAILER:
        raise ValueError("its index is empty")
    block = table[offset : offset + size]
    (n_restarts,) = struct.unpack("<I", block[-N_TRAILER:])
    entries, key = _Bytes(block[: len(block) - N_TRAILER * (n_restarts + 1)]), b""
    while entries:
        n_shared, n_own, n_value = (entries.integer() for _ in range(3))
        key = key[:n_shared] + entries.take(n_own)
        yield key, entries.take(n_value)


def _handle(data: _Bytes) -> tuple[int, int]:
    return data.integer(), data.integer()


def read(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of the checkpoint by their names in TensorFlow.

    Raises:
        ValueError: the files are not such a checkpoint's.
    """
    table = (folder / ".index").read_bytes()
    data = (folder / ".data-00000-of-00001").read_bytes()
    footer = _Bytes(table[-N_FOOTER:])
    _handle(footer)
    arrays = {}
    for _, handle in _block(table, *_handle(footer)):
        for name, entry in _block(table, *_handle(_Bytes(handle))):
            fields = dict(_Bytes(entry).fields())
            if name and fields[TENSOR_TYPE] == FLOAT:
                arrays[name.decode()] = _array(fields, data)
    return arrays


def _array(fields: dict[int, int | bytes], data: bytes) -> np.ndarray:
    shape = []
    for _, axis in _Bytes(fields[TENSOR_SHAPE] or b"").fields():  # type: ignore[arg-type]
        shape.append(dict(_Bytes(axis).fields()).get(1, 0))  # type: ignore[arg-type]
    start, size = fields.get(TENSOR_OFFSET, 0), fields[TENSOR_SIZE]
    return np.frombuffer(data[start : start + size], np.float32).reshape(shape)  # type: ignore


def weights(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The numbers that are kept, by layer: convolutions, and the normalisations around them."""
    found = {}
    for i in range(DEPTH + 1):
        theirs = f"batch_normalization_{i}" if i else "batch_normalization"
        for kind, ours in KINDS.items():
            found[f"norm{i}/{ours}"] = arrays[f"{theirs}/{kind}"]
        if i:
            for kind in ("kernel", "bias"):
                found[f"conv{i}/{kind}"] = arrays[f"{i}CNN/{kind}"]
    return found


def main(argv: list[str] | None = None) -> int:
    """Convert the folder named on the command line; 0, or 2 where it cannot be converted."""
    return convert(
        argv,
        lambda model: weights(read(model)),
        description=str(__doc__),
        metavar="FOLDER",
        out=OUT,
        refused=(KeyError,),
    )


if __name__ == "__main__":
    sys.exit(main())
