"""Content and style losses: statistics of activations, targets, weighted terms.

F is the activations of the generated clip, P of the content clip, one row a position and one column
a channel; a position is a frame, or a band of a frame where the encoder keeps bands apart. N_l and
M_l are the channels and the positions of layer l. The formulas are those of Gatys, Ecker & Bethge
(2016), as the source paper uses them, and of those that came after.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from nstaudio.losses.band_statistics import BandStatistics
from nstaudio.losses.base import (
    ContentLoss,
    FrameByFrame,
    KernelForm,
    LayerSelection,
    NegativesLoss,
    Scalar,
    StyleLoss,
    doubled_gradient,
    kernel_form,
    layers_of,
    not_negative,
)
from nstaudio.losses.composite import (
    ContentSum,
    StyleSum,
    Term,
    compares_frames,
    supports_negatives,
)
from nstaudio.losses.content import SquaredError, StatisticLoss
from nstaudio.losses.diversity import Diversity
from nstaudio.losses.feature_reconstruction import FeatureReconstruction, check_frames
from nstaudio.losses.gram import Frames, Gram, Mean
from nstaudio.losses.temporal import (
    Autocorrelation,
    CrossCorrelation,
    EnergyEnvelope,
    OnsetEnvelope,
)
from nstaudio.losses.texture import TextureStatistics
from nstaudio.losses.transport import GaussianOT, SlicedWasserstein
from nstaudio.losses.weighting import (
    Distances,
    Losses,
    LossPair,
    Targets,
    Weights,
    add_negatives,
    compare,
    make_targets,
    weigh,
)

__all__ = [
    "Autocorrelation",
    "BandStatistics",
    "StatisticLoss",
    "ContentLoss",
    "ContentSum",
    "CrossCorrelation",
    "Distances",
    "Diversity",
    "FeatureReconstruction",
    "FrameByFrame",
    "EnergyEnvelope",
    "Frames",
    "GaussianOT",
    "Gram",
    "KernelForm",
    "LayerSelection",
    "LossPair",
    "Losses",
    "Mean",
    "NegativesLoss",
    "OnsetEnvelope",
    "Scalar",
    "SlicedWasserstein",
    "SquaredError",
    "StyleLoss",
    "StyleSum",
    "Targets",
    "Term",
    "TextureStatistics",
    "Weights",
    "add_negatives",
    "check_frames",
    "compare",
    "compares_frames",
    "doubled_gradient",
    "supports_negatives",
    "kernel_form",
    "layers_of",
    "make_targets",
    "not_negative",
    "weigh",
]

if not TYPE_CHECKING:  # a type checker knows the names above

    def __getattr__(name: str) -> Any:
        """A loss from a module of this package that is not named above, e.g. one just added."""
        modules = [module.name for module in pkgutil.iter_modules(__path__)]
        if not name.startswith("_") and name not in modules:
            for module in modules:
                found = getattr(importlib.import_module(f"{__name__}.{module}"), name, None)
                if getattr(found, "__module__", None) == f"{__name__}.{module}":
                    return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
