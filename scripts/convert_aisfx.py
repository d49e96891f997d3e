"""Take the weights of aiSFX out of the checkpoint that its authors published.

    uv run python scripts/convert_aisfx.py checkpoint.pth

The checkpoint is `aisfx/models/checkpoint.pth` in the wheel of aisfx 0.1.2. PyTorch is not needed:
the file is a zip archive of raw arrays and a pickle that names them. The converted weights are kept
in the repository, so nobody needs this script to use the project; it shows where they come from.

Batch normalisation is folded into the convolutions, and kernels are rounded to 8 bits, each filter
with a scale of its own: 4.3 MB in place of 25. Distances change by less than 0.001.
"""

import collections
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from conversion import convert

OUT = Path(__file__).resolve().parents[1] / "nstaudio" / "encoders" / "aisfx.npz"

N_BLOCKS, N_CONVOLUTIONS = 4, 2  # of each block
EPSILON = 1e-5  # PyTorch's, of batch normalisation
DTYPES = {"FloatStorage": np.float32, "LongStorage": np.int64}


class _LeftOut:
    """In place of whatever a checkpoint holds besides arrays."""

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


class _Checkpoint(pickle.Unpickler):
    """The pickle of a checkpoint; nothing that it names is run."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(archive.open(f"{root}/data.pkl"))
        self._archive, self._root = archive, root

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        return _LeftOut

    def persistent_load(self, pid: Any) -> np.ndarray:
        _, dtype, key, *_ = pid
        return np.frombuffer(self._archive.read(f"{self._root}/data/{key}"), dtype)


def _tensor(storage: np.ndarray, offset: int, shape: Any, strides: Any, *_: Any) -> np.ndarray:
    strides = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides)


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the checkpoint by their names in PyTorch."""
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].split("/")[0]
        arrays, _ = _Checkpoint(archive, root).load()
    return dict(arrays)


def folded(arrays: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernel (`frames bands channels filters`) and bias of each layer, float64."""
    layers = {}
    for block in range(1, N_BLOCKS + 1):
        for i in range(1, N_CONVOLUTIONS + 1):
            prefix = f"embedding_net.conv_block{block}"
            kernel = arrays[f"{prefix}.conv{i}.weight"].astype(np.float64).transpose(2, 3, 1, 0)
            weight, bias, mean, variance = (
                arrays[f"{prefix}.bn{i}.{name}"].astype(np.float64)
                for name in ("weight", "bias", "running_mean", "running_var")
            )
            scale = weight / np.sqrt(variance + EPSILON)
            layers[f"conv{block}_{i}"] = kernel * scale, bias - mean * scale
    return layers


def weights(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The numbers that are kept, by layer: kernels of 8 bits, their scales, biases."""
    found = {}
    for name, (kernel, bias) in folded(arrays).items():
        scale = np.abs(kernel).max(axis=(0, 1, 2)) / 127
        found[f"{name}/kernel"] = np.round(kernel / scale).astype(np.int8)
        found[f"{name}/scale"] = scale.astype(np.float32)
        found[f"{name}/bias"] = bias.astype(np.float32)
    return found


def main(argv: list[str] | None = None) -> int:
    """Convert the checkpoint named on the command line; 0, or 2 where it cannot be converted."""
    return convert(
        argv,
        lambda model: weights(read(model)),
        description=str(__doc__),
        metavar="CHECKPOINT",
        out=OUT,
        refused=(KeyError, pickle.UnpicklingError, zipfile.BadZipFile),
    )


if __name__ == "__main__":
    sys.exit(main())
