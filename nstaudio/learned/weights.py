"""The network's weights as a file: half precision, a name for each array."""

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import flax.traverse_util
import numpy as np

from nstaudio.learned.network import TransferNet

Params = dict[str, Any]

FILE = "weights.npz"
"""The weights that come with the package; `MODEL_CARD.md` beside them says where from."""


def save(path: Path, params: Params) -> None:
    """Write a network's parameters as float16."""
    flat = flax.traverse_util.flatten_dict(params, sep="/")
    arrays = {name: np.asarray(value, np.float16) for name, value in flat.items()}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def load(file: Any) -> Params:
    """Parameters from a file or its name, float32."""
    with np.load(file, allow_pickle=False) as arrays:
        flat = {tuple(name.split("/")): arrays[name].astype(np.float32) for name in arrays.files}
    return flax.traverse_util.unflatten_dict(flat)


@cache
def shipped() -> tuple[TransferNet, Params]:
    """The network that comes with the package and its parameters."""
    with resources.files("nstaudio.learned").joinpath(FILE).open("rb") as file:
        params = load(file)
    # Of no parent: it may be asked for within another module, which it would become a part of.
    return TransferNet(width=len(params["params"]["join"]["bias"]), parent=None), params
