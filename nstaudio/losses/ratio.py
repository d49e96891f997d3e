"""Ratios of losses, where there is anything to divide by."""

MIN_SHARE = 1e-6
"""Of its scale: a loss below that is of clips that are the same but for rounding or their coding.

Of white noise's style loss, that of two recordings is 2e-4 or more under any of the presets, that
of one recording and itself 1e-9 or less."""


def loss_ratio(loss: float, whole: float, *, scale: float) -> float | None:
    """`loss` over `whole`; `None` where `whole` is below `MIN_SHARE` of `scale`."""
    return loss / whole if whole > MIN_SHARE * scale else None
