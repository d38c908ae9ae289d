"""Sums of any measure by automatic differentiation, for any model that can be cut."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from modlib.layers import cut
from modlib.similarity.closed_form import Sums
from modlib.similarity.measures import Measure, View
from modlib.similarity.sums import summed

UNEVEN = 1e-4  # of the largest entry: more asymmetry than single precision leaves in a product


class Autograd:
    """Sums of any measures by automatic differentiation, for any model that can be cut."""

    chunk = 64

    def __init__(self, model: nn.Module, measures: Sequence[Measure]) -> None:
        self.model, self.measures = model, measures
        self.weight = next(model.parameters())  # of the type, and on the device, of all the rest

    def activations(self, inputs: Tensor, layers: Iterable[int]) -> dict[int, Tensor]:
        """Activations ``[samples, units]`` of the layers asked for."""
        inputs = inputs.to(self.weight)
        return {layer: _flat(layer, cut(self.model, layer)[0](inputs)) for layer in layers}

    def sums(
        self,
        inputs: Tensor,
        targets: Tensor,
        means: Callable[[], dict[int, Tensor]],
        layers: Collection[int],
        conventions: Collection[str],
    ) -> Sums:
        """Sums over a chunk of samples; ``means`` are the activations' over all samples."""
        inputs, targets = inputs.to(self.weight), targets.to(self.weight.device, torch.int64)
        for layer in layers:
            mean = partial(_mean_of, layer, means)
            view = View(self.model, layer, inputs, targets, mean)
            _flat(layer, view.activations)
            for measure in self.measures:
                yield layer, measure.name, summed(_products(measure, view), conventions)


def _mean_of(layer: int, means: Callable[[], dict[int, Tensor]]) -> Tensor:
    return means()[layer]


def _flat(layer: int, activations: Tensor) -> Tensor:
    """Return activations ``[samples, units]``, or raise a ``ValueError`` if they are not."""
    if activations.dim() != 2:
        raise ValueError(
            f"layer {layer} must give activations [samples, units]. Got shape "
            f"{tuple(activations.shape)}: cut the model where it is flat."
        )
    return activations


def _products(measure: Measure, view: View) -> Tensor:
    """The matrices of a measure, or a ``ValueError`` if they are none."""
    products = measure.products(view)
    n_samples, n_units = view.activations.shape
    if not isinstance(products, Tensor) or products.shape != (n_samples, n_units, n_units):
        raise ValueError(
            f"measure {measure.name!r} must give one matrix [units, units] for each sample, "
            f"shape {(n_samples, n_units, n_units)}. "
            f"Got {tuple(getattr(products, 'shape', ())) or type(products).__name__}."
        )
    gap = (products - products.mT).abs().max()
    if not gap <= UNEVEN * products.abs().max():  # nor is it where there is a NaN
        raise ValueError(
            f"measure {measure.name!r} must give symmetric matrices of finite numbers. Got entries "
            f"that differ by {gap:g} from those across the diagonal."
        )
    return products
