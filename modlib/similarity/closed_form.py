r"""The four measures of a fully connected ReLU network, from its weights and who is active.

All four share one form. For each input k there is a matrix F_k with one row per unit, and

.. math:: S = \frac1K \sum_k |F_k F_k^T|,

the absolute value taken entry by entry. The measures differ in F_k alone: the unit's deviation
from its mean (covariance), the gradient of the unit with respect to the input (input
sensitivity), the gradient of the logits with respect to the unit (output sensitivity), or that
gradient centred and weighted by the predicted probabilities (loss Hessian).

A ReLU network is affine between its kinks, so F_k is a product of weight matrices with silent
units struck out: no automatic differentiation is needed, and the result is exact.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from modlib.models import MLP
from modlib.similarity.sums import factor_products, masked_products, outer_products

Sums = Iterator[tuple[int, str, dict[str, Tensor]]]  # layer, measure, sum by convention

CHUNK_ELEMENTS = 2**20  # of one chunk's products: they should stay in the processor's cache
CLOSED = ("covariance", "input_sensitivity", "output_sensitivity", "loss_hessian")
"""The measures that have a closed form."""


class ClosedForm:
    """Factors of a fully connected ReLU network, from its weights and who is active."""

    def __init__(self, linears: Sequence[nn.Linear], measures: Collection[str]) -> None:
        self.linears, self.measures = linears, measures
        self.weights = [linear.weight.detach() for linear in linears]
        # W1 W1^T = R^T R: with R^T in place of W1 the input needs no more axes than units.
        self.first = torch.linalg.qr(self.weights[0].double().mT, mode="r").R.mT
        widest = max(len(weight) for weight in self.weights[:-1])
        self.chunk = max(1, CHUNK_ELEMENTS // widest**2)

    def activations(self, inputs: Tensor, _layers: Iterable[int]) -> list[Tensor]:
        """Values ``[samples, units]`` of every layer, from the input to the logits."""
        values = [inputs.to(self.weights[0])]
        for linear in self.linears[:-1]:
            values.append(functional.linear(values[-1], linear.weight, linear.bias).relu())
        last = self.linears[-1]
        return [*values, functional.linear(values[-1], last.weight, last.bias)]

    def sums(
        self,
        inputs: Tensor,
        _targets: Tensor,
        means: Callable[[], dict[int, Tensor]],
        layers: Collection[int],
        conventions: Collection[str],
    ) -> Sums:
        """Sums over a chunk of samples; ``means`` are the activations' over all samples."""
        values = self.activations(inputs, layers)
        if "covariance" in self.measures:
            for layer in layers:
                deviations = values[layer].double() - means()[layer]
                yield layer, "covariance", outer_products(deviations, conventions)
        active = [(value > 0).to(value) for value in values]
        if "input_sensitivity" in self.measures:
            yield from self._input_sensitivity(active, layers, conventions)
        if not {"output_sensitivity", "loss_hessian"}.isdisjoint(self.measures):
            yield from self._downstream(values[-1], active, layers, conventions)

    def _input_sensitivity(
        self, active: list[Tensor], layers: Collection[int], conventions: Collection[str]
    ) -> Sums:
        """F is the Jacobian by the input, up to a rotation of the input that no product sees."""
        if 1 in layers:
            both = active[1].double().mT @ active[1].double()
            gram = self.first @ self.first.mT
            yield 1, "input_sensitivity", masked_products(both, gram, conventions)
        jacobian = self.first.to(self.weights[0])
        for layer in range(2, max(layers) + 1):
            jacobian = (self.weights[layer - 1] * active[layer - 1].unsqueeze(1)) @ jacobian
            if layer in layers:
                factors = active[layer].unsqueeze(2) * jacobian
                yield layer, "input_sensitivity", factor_products(factors, conventions)

    def _downstream(
        self,
        logits: Tensor,
        active: list[Tensor],
        layers: Collection[int],
        conventions: Collection[str],
    ) -> Sums:
        """F^T is the Jacobian of the logits; for the Hessian centred and weighted.

        With p the predicted probabilities, the Hessian is J^T (diag p - p p^T) J: the covariance
        of the rows of J under p.
        """
        last = len(self.linears) - 1
        probabilities = logits.softmax(dim=1).unsqueeze(2)
        jacobian = self.weights[-1].expand(len(logits), -1, -1)
        for layer in range(last, min(layers) - 1, -1):
            if layer < last:
                jacobian = (jacobian * active[layer + 1].unsqueeze(1)) @ self.weights[layer]
            if layer in layers and "output_sensitivity" in self.measures:
                yield layer, "output_sensitivity", self._output_products(jacobian, conventions)
            if layer in layers and "loss_hessian" in self.measures:
                centred = jacobian - (probabilities * jacobian).sum(dim=1, keepdim=True)
                factors = (probabilities.sqrt() * centred).mT
                yield layer, "loss_hessian", factor_products(factors, conventions)

    @staticmethod
    def _output_products(jacobian: Tensor, conventions: Collection[str]) -> dict[str, Tensor]:
        n_samples, varies = len(jacobian), jacobian.stride(0) != 0
        if varies:
            return factor_products(jacobian.mT, conventions)
        gram = jacobian[0].double().mT @ jacobian[0].double()
        return masked_products(torch.tensor(float(n_samples)), gram, conventions)


def relu_layers(model: nn.Module) -> list[nn.Linear] | None:
    """Return the linear layers of a fully connected ReLU network, or None if it is not one.

    A network is one if it is an :class:`~modlib.models.MLP`, or a :class:`torch.nn.Sequential` of
    linear layers with a ReLU between every two and nothing else but dropout, which is off when
    analysed.
    """
    if type(model) is MLP:
        return model.linears
    if type(model) is not nn.Sequential:  # a subclass may have a forward of its own
        return None
    modules = [m for m in model if not isinstance(m, (nn.Dropout, nn.Identity))]
    linears, between = [m for m in modules[::2] if type(m) is nn.Linear], modules[1::2]
    is_chain = len(modules) >= 3 and len(modules) == 2 * len(linears) - 1
    return linears if is_chain and all(type(m) is nn.ReLU for m in between) else None
