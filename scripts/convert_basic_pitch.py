"""Take the weights of Basic Pitch out of the model that Spotify published.

    uv run --group dev python scripts/convert_basic_pitch.py nmp.onnx

The model is `basic_pitch/saved_models/icassp_2022/nmp.onnx` in the wheel of basic-pitch 0.4.0 (and
`tests/notes/basic_pitch/nmp.onnx` here). The converted weights are kept in the repository, so
nobody needs this script to use the project; it shows where they come from. Its constant-Q
transform is left behind: `nstaudio.notes.basic_pitch` computes that from its definition.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from conversion import convert

OUT = Path(__file__).resolve().parents[1] / "nstaudio" / "notes" / "basic_pitch.npz"

# The layers in the words of `basic_pitch.Network`, by the shape of their kernels:
# filters, channels, frames, bins.
LAYERS = {
    (8, 8, 3, 39): "contour_1",
    (1, 8, 5, 5): "contour_2",
    (32, 1, 7, 7): "note_1",
    (1, 32, 7, 3): "note_2",
    (32, 8, 5, 5): "onset_1",
    (1, 33, 3, 3): "onset_2",
}
BATCH_NORM = "model_1/batch_normalization/FusedBatchNormV3"


def weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """The trained numbers by layer; batch normalisation is folded into the layers already."""
    arrays = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        given = [arrays[name] for name in node.input if name in arrays]
        if node.op_type == "Conv" and given[0].shape in LAYERS:
            kernel, bias = given
            layer = LAYERS[kernel.shape]
            found[f"{layer}/kernel"] = kernel.transpose(2, 3, 1, 0)  # as Flax has it
            found[f"{layer}/bias"] = bias
        elif node.op_type in ("Mul", "Add") and node.output[0].startswith(BATCH_NORM):
            found["input/scale" if node.op_type == "Mul" else "input/bias"] = given[0].squeeze()
    if len(found) != 2 * len(LAYERS) + 2:
        raise ValueError(f"not the network of Basic Pitch: only {', '.join(found)} found")
    return {name: np.asarray(found[name], np.float32, order="C") for name in sorted(found)}


def main(argv: list[str] | None = None) -> int:
    """Write the weights; 0, or 2 after one line that says why not."""
    return convert(
        argv,
        lambda model: weights(onnx.load(model)),
        description=str(__doc__),
        metavar="ONNX",
        out=OUT,
        refused=(DecodeError,),
    )


if __name__ == "__main__":
    sys.exit(main())
