"""Weighted sums of losses."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.errors import InputError, number, one_line
from nstaudio.losses.base import (
    ContentLoss,
    FrameByFrame,
    NegativesLoss,
    Scalar,
    StyleLoss,
    optional_kernel_form,
)


@dataclass(frozen=True)
class Term:
    """A part of a sum of losses.

    Attributes:
        loss: a content or style loss.
        weight: its factor, at least 0. It is static: each value compiles anew, while the weights of
            layers, alpha and beta do not.
        layers: names of the layers it applies to; `None` is all.

    Raises:
        InputError: a weight below 0.
    """

    loss: Any
    weight: float = 1.0
    layers: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", number("weight of a loss", self.weight, at_least=0))
        if isinstance(self.layers, str):
            raise InputError(f"layers={one_line(self.layers)} of a loss must be a list of names")
        if self.layers is not None:
            object.__setattr__(self, "layers", tuple(self.layers))


@dataclass(frozen=True)
class _Sum:
    """The base of sums of style losses and of content losses."""

    terms: Any

    def __post_init__(self) -> None:
        terms = self.terms
        if isinstance(terms, tuple):  # of another sum
            return
        if not isinstance(terms, Mapping) or not terms:
            raise InputError(f"{self._group}.terms={one_line(terms)} must be name: loss pairs")
        object.__setattr__(
            self, "terms", tuple((name, self._term(name, value)) for name, value in terms.items())
        )

    @property
    def _group(self) -> str:
        raise NotImplementedError

    @property
    def _kind(self) -> type:
        raise NotImplementedError

    def _term(self, name: Any, value: Any) -> Term:
        where = f"{self._group}.terms.{one_line(name)}"
        if isinstance(value, Mapping):
            names = [field.name for field in dataclasses.fields(Term)]
            for key in value:
                if key not in names:
                    raise InputError(f"{where}.{one_line(key)} is not one of: {', '.join(names)}")
            if "loss" not in value:
                raise InputError(f"{where}.loss is missing")
            value = Term(**value)
        loss = getattr(value, "loss", None)
        # A style loss has a distance too, but from a statistic.
        wrong = self._kind is ContentLoss and isinstance(loss, StyleLoss)
        if not isinstance(value, Term) or not isinstance(loss, self._kind) or wrong:
            raise InputError(f"{where}={one_line(value)} has no loss for {self._group}")
        if isinstance(loss, _Sum):
            raise InputError(f"{where} is a sum itself: give its terms instead")
        return value

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that terms name."""
        return tuple(layer for _, term in self.terms for layer in term.layers or ())

    def restrict_to_layer(self, layer: str) -> Any:
        """The sum of the terms that apply to this layer."""
        terms = [
            (name, term) for name, term in self.terms if term.layers is None or layer in term.layers
        ]
        return dataclasses.replace(self, terms=tuple(terms))

    @property
    def kernel_form(self) -> Callable[[Array], Array] | None:
        """The sum of the terms' forms; `None` where one has none or is not of all layers."""
        forms = []
        for _, term in self.terms:
            form = optional_kernel_form(term.loss)
            if form is None or term.layers is not None:
                return None
            forms.append((form, term.weight))
        return _FormsSum(tuple(forms))

    def _weigh(self, distances: Sequence[Scalar]) -> Scalar:
        weights = [term.weight for _, term in self.terms]
        weighted = [w * d for w, d in zip(weights, distances, strict=True)]
        return sum(weighted, jnp.zeros(()))


@dataclass(frozen=True)
class _FormsSum:
    """A weighted sum of functions, hashable by value."""

    forms: tuple[tuple[Callable[[Array], Array], float], ...]

    def __call__(self, k: Array) -> Array:
        return jax.tree.reduce(jnp.add, [weight * form(k) for form, weight in self.forms])


@dataclass(frozen=True)
class StyleSum(_Sum):
    """A weighted sum of style losses, each of all layers or of some, e.g. Gram and autocorrelation.

    Attributes:
        terms: each with a name, by which settings change it: a mapping of names to `Term` or to
            the fields of one.

    Raises:
        InputError: no term, or one that is none.
    """

    @property
    def _group(self) -> str:
        return "style_loss"

    @property
    def _kind(self) -> type:
        return StyleLoss

    def statistic(self, activations: Float[Array, "frames *bands channels"]) -> tuple[Any, ...]:
        """The terms' statistics."""
        return tuple(term.loss.statistic(activations) for _, term in self.terms)

    def stack_targets(self, targets: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """The stacked targets of each term, see the function of this name."""
        by_term = zip(self.terms, zip(*targets, strict=True), strict=True)
        return tuple(stack_targets(term.loss, term_targets) for (_, term), term_targets in by_term)

    def distance(
        self, activations: Float[Array, "frames *bands channels"], target: tuple[Any, ...]
    ) -> Scalar:
        """The weighted sum of the terms' distances."""
        pairs = zip(self.terms, target, strict=True)
        return self._weigh(
            [term.loss.distance(activations, term_target) for (_, term), term_target in pairs]
        )


@dataclass(frozen=True)
class ContentSum(_Sum):
    """A weighted sum of content losses, each of all layers or of some.

    Attributes:
        terms: see `StyleSum`.

    Raises:
        InputError: no term, or one that is none.
    """

    @property
    def _group(self) -> str:
        return "content_loss"

    @property
    def _kind(self) -> type:
        return ContentLoss

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, "frames *bands channels"],
    ) -> Scalar:
        """The weighted sum of the terms' distances."""
        return self._weigh([term.loss.distance(activations, target) for _, term in self.terms])


def restrict_to_layer(loss: Any, layer: str) -> Any:
    """The part of a loss that applies to this layer: of a sum the sum of those terms."""
    return loss.restrict_to_layer(layer) if isinstance(loss, _Sum) else loss


def supports_negatives(loss: Any) -> bool:
    """True for a style loss with a use for negative examples, see `NegativesLoss`."""
    return _has(loss, NegativesLoss)


def compares_frames(loss: Any) -> bool:
    """True for a style loss that compares frame by frame, or has a term that does."""
    return _has(loss, FrameByFrame)


def _has(loss: Any, kind: type) -> bool:
    """True for a loss of this kind, or a sum with such a term that counts."""
    if isinstance(loss, _Sum):
        return any(term.weight > 0 and _has(term.loss, kind) for _, term in loss.terms)
    return isinstance(loss, kind)


def stack_targets(loss: Any, targets: Sequence[Any]) -> Any:
    """The target of a style loss, from the style and from negative examples.

    Args:
        targets: the statistic of the style, then those of the negative examples, which only a
            `NegativesLoss` has a use for.
    """
    return loss.stack_targets(targets) if isinstance(loss, NegativesLoss) else targets[0]
