"""Targets, distances by layer, weights and their sum."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.losses.base import ContentLoss, Scalar, StyleLoss
from nstaudio.losses.composite import restrict_to_layer, stack_targets

Activations = Mapping[str, Float[Array, "..."]]


class LossPair(NamedTuple):
    """The content loss and the style loss of a transfer."""

    content: ContentLoss
    style: StyleLoss


class Targets(NamedTuple):
    """The targets of the generated clip; computed once, constant afterwards.

    Any two pytrees: only the encoder that computed them reads them.
    """

    content: Any
    style: Any


class Distances(NamedTuple):
    """The distances of a clip from its targets, by layer, before any weight."""

    content: dict[str, Scalar]
    style: dict[str, Scalar]


class Weights(NamedTuple):
    """Factors of the loss terms. All are traced, so that a sweep over them compiles once."""

    alpha: Scalar
    beta: Scalar
    content: dict[str, Scalar]
    style: dict[str, Scalar]


class Losses(NamedTuple):
    """The total and its terms: total = alpha * content + beta * style."""

    total: Scalar
    content: Scalar
    style: Scalar
    style_layers: dict[str, Scalar]
    """E_l of each layer, before its weight."""


def make_targets(content: Activations, style: Activations, style_loss: StyleLoss) -> Targets:
    """Targets from the activations of the content clip and of the style clip."""
    return Targets(
        content=dict(content),
        style={
            name: restrict_to_layer(style_loss, name).statistic(activations)
            for name, activations in style.items()
        },
    )


def add_negatives(targets: Targets, negatives: Sequence[Targets], style_loss: StyleLoss) -> Targets:
    """Add negative examples to the targets, see `Diversity`.

    Args:
        negatives: targets with each of the negative examples as the style.
    """
    style = {
        name: stack_targets(
            restrict_to_layer(style_loss, name),
            [target, *(negative.style[name] for negative in negatives)],
        )
        for name, target in targets.style.items()
    }
    return targets._replace(style=style)


def compare(activations: Activations, targets: Targets, losses: LossPair) -> Distances:
    """L_c,l and E_l of the activations."""
    return Distances(
        content={
            name: restrict_to_layer(losses.content, name).distance(activations[name], target)
            for name, target in targets.content.items()
        },
        style={
            name: restrict_to_layer(losses.style, name).distance(activations[name], target)
            for name, target in targets.style.items()
        },
    )


def weigh(distances: Distances, weights: Weights) -> Losses:
    """The total alpha * sum_l v_l L_c,l + beta * sum_l w_l E_l, and its terms."""
    content, style = (
        jnp.stack([by_layer[name] * d for name, d in terms.items()]).sum()
        for by_layer, terms in (
            (weights.content, distances.content),
            (weights.style, distances.style),
        )
    )
    total = weights.alpha * content + weights.beta * style
    return Losses(total, content, style, distances.style)
