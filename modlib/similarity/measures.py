"""The measures of similarity: one record for each, with all that the library knows of it.

A measure gives every sample k a symmetric matrix M_k of the units of a layer; the similarity of
the units is the mean of ``|M_k|`` over the samples, entry by entry, or the absolute value of the
mean. A new measure is one more record here; a measure of one's own need not stand here at all,
but can be handed to :func:`modlib.similarity.compute.pairwise_similarity` as it is. What colours
and titles figures give it is a matter of :mod:`modlib.plotting`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from torch import Tensor, nn
from torch.func import jacrev, vmap
from torch.nn import functional

from modlib.layers import cut
from modlib.validation import check_choice

SIDES = ("upstream", "downstream")


class View:
    """A hidden layer as a few samples see it: what measures are made of.

    Everything is computed when it is first asked for, and derivatives by automatic
    differentiation.

    Parameters
    ----------
    model
        In evaluation mode.
    layer
        Hidden layer, from 1.
    inputs, targets
        Samples ``[samples, inputs]`` and their classes ``[samples]``.
    mean
        Gives the activations ``[units]`` averaged over all samples, not only these; it is called
        by measures that ask for :attr:`mean`, and by no others.
    """

    def __init__(
        self,
        model: nn.Module,
        layer: int,
        inputs: Tensor,
        targets: Tensor,
        mean: Callable[[], Tensor],
    ) -> None:
        self._to_layer, self._from_layer = cut(model, layer)
        self.inputs, self.targets, self._mean = inputs, targets, mean

    @cached_property
    def mean(self) -> Tensor:
        """Activations ``[units]``, averaged over all samples."""
        return self._mean()

    @cached_property
    def activations(self) -> Tensor:
        """Activations of the layer ``[samples, units]``."""
        return self._to_layer(self.inputs)

    @cached_property
    def logits(self) -> Tensor:
        """Logits ``[samples, classes]``."""
        return self._from_layer(self.activations)

    @cached_property
    def input_jacobian(self) -> Tensor:
        """Derivatives of the activations by the input ``[samples, units, inputs]``."""
        return vmap(jacrev(lambda sample: _alone(self._to_layer, sample)))(self.inputs).flatten(2)

    @cached_property
    def logit_jacobian(self) -> Tensor:
        """Derivatives of the logits by the activations ``[samples, classes, units]``."""
        return vmap(jacrev(lambda hidden: _alone(self._from_layer, hidden)))(self.activations)

    @cached_property
    def loss_hessian(self) -> Tensor:
        """Second derivatives of the loss by the activations ``[samples, units, units]``."""

        def loss(hidden: Tensor, target: Tensor) -> Tensor:
            return functional.cross_entropy(_alone(self._from_layer, hidden), target)

        return vmap(jacrev(jacrev(loss)))(self.activations, self.targets)


def _alone(function: Callable[[Tensor], Tensor], sample: Tensor) -> Tensor:
    return function(sample.unsqueeze(0)).squeeze(0)


@dataclass(frozen=True)
class Measure:
    """A measure of similarity.

    Raises
    ------
    ValueError
        If the side is neither ``"upstream"`` nor ``"downstream"``.
    """

    name: str
    """In tables, and as the ``measure`` of functions."""
    side: str
    """Whether it looks at what leads to the units, ``"upstream"``, or at what they lead to."""
    products: Callable[[View], Tensor]
    """From a few samples to their M_k ``[samples, units, units]``, each of them symmetric."""

    def __post_init__(self) -> None:
        check_choice("side", self.side, SIDES)


def _covariance(view: View) -> Tensor:
    deviations = view.activations.double() - view.mean
    return deviations.unsqueeze(2) * deviations.unsqueeze(1)


def _input_sensitivity(view: View) -> Tensor:
    return view.input_jacobian @ view.input_jacobian.mT


def _output_sensitivity(view: View) -> Tensor:
    return view.logit_jacobian.mT @ view.logit_jacobian


def _loss_hessian(view: View) -> Tensor:
    return view.loss_hessian


def _by_side(*measures: Measure) -> dict[str, Measure]:
    """Measures by their names, those that look upstream first."""
    ordered = sorted(measures, key=lambda measure: SIDES.index(measure.side))
    return {measure.name: measure for measure in ordered}


MEASURES = _by_side(
    Measure("covariance", "upstream", _covariance),
    Measure("input_sensitivity", "upstream", _input_sensitivity),
    Measure("output_sensitivity", "downstream", _output_sensitivity),
    Measure("loss_hessian", "downstream", _loss_hessian),
)
"""Every measure of the library by its name, those that look upstream first."""
UPSTREAM = tuple(name for name, measure in MEASURES.items() if measure.side == "upstream")
DOWNSTREAM = tuple(name for name, measure in MEASURES.items() if measure.side == "downstream")


class Method(NamedTuple):
    """A measure, raw or normalised: one of the paper's eight ways to say what is similar."""

    measure: str
    normalized: bool


METHODS = tuple(Method(measure, normalized) for measure in MEASURES for normalized in (False, True))
"""The eight methods of the paper, in the order in which pairs of them are listed."""
