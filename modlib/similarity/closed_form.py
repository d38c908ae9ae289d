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

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from modlib.layers.find import Layer
from modlib.losses import losses
from modlib.models import MLP
from modlib.samples import Batch
from modlib.similarity.sums import (
    chain_products,
    factor_products,
    masked_products,
    outer_products,
)
from modlib.similarity.threads import in_threads

Sums = Iterator[tuple[Hashable, str, dict[str, Tensor]]]  # layer, measure, sum by convention
Key = tuple[int, str]  # number of layer, measure
Found = Iterator[tuple[Key, dict[str, Tensor]]]
Result = TypeVar("Result")

PARTS = 8  # of a chunk: they are shared out among threads
PART_ELEMENTS = 2**20  # of the largest thing that there is for all samples of a part
LARGEST_PART, SMALL_PART, LEAST_PART = 512, 64, 4  # samples; small: no more parts where it is less
THREADS_ELEMENTS = 2**27  # of the sums of all threads together
FEW = 4  # times as many units as inputs make Jacobians by the input less work
DOWNSTREAM = {"output_sensitivity", "loss_hessian"}
CLOSED = ("covariance", "input_sensitivity", "output_sensitivity", "loss_hessian")
"""The measures that have a closed form."""
SILENT = (nn.Dropout, nn.Identity)
"""Modules of a chain that do nothing when it is analysed."""


class Masked(NamedTuple):
    """Factors that are the same for all samples, but for the rows of silent units."""

    active: Tensor
    """Ones and zeros ``[samples, units]``."""
    rows: Tensor
    """Factors ``[units, directions]`` of a sample for which all units are active."""


class ClosedForm:
    """Factors of a fully connected ReLU network, from its weights and who is active."""

    def __init__(
        self,
        linears: Sequence[nn.Linear],
        measures: Collection[str],
        numbers: Mapping[Hashable, int],
    ) -> None:
        self.linears, self.measures = linears, measures
        self.names = {number: name for name, number in numbers.items()}
        # A processor's sums are taken in float32 at least.
        wide = torch.promote_types(linears[0].weight.dtype, torch.float32)
        self.weights = [linear.weight.detach().to(wide) for linear in linears]
        self.widths = [len(weight) for weight in self.weights[:-1]]
        self.on_processor = self.weights[0].device.type == "cpu"
        self.chunk = PARTS * self._part_size()

    def _part_size(self) -> int:
        """How many samples a thread takes at a time, given what it holds for all of them."""
        n_outputs, widest = len(self.weights[-1]), max(self.widths)
        sizes = [self.linears[0].in_features + sum(self.widths) + n_outputs]
        if not DOWNSTREAM.isdisjoint(self.measures):
            sizes.append(n_outputs * widest)
        if "input_sensitivity" in self.measures and self._takes_jacobians:
            sizes.append(self._n_axes * widest)
        if not self.on_processor:
            sizes.append(widest**2)
        room = max(PART_ELEMENTS, widest**2)  # sums take as much, and work to be added up
        return min(LARGEST_PART, max(LEAST_PART, room // max(sizes)))

    # ---------------------------------------------------------------------------- many samples

    def activations(self, batch: Batch) -> dict[Hashable, Tensor]:
        """Activations ``[samples, units]`` of the layers asked for."""
        parts = list(self._in_threads(self._values, batch))
        return {
            name: torch.cat([values[number] for values in parts])
            for number, name in self.names.items()
        }

    def sums(
        self,
        batch: Batch,
        means: Callable[[], dict[Hashable, Tensor]],
        conventions: Collection[str],
    ) -> Sums:
        """Sums over a chunk of samples; ``means`` are the activations' over all samples."""
        centres = means() if "covariance" in self.measures else {}
        totals: dict[Key, dict[str, Tensor]] = {}

        def sums(part: Batch) -> dict[Key, dict[str, Tensor]]:
            return dict(self._sums(part, centres, conventions))

        for found in self._in_threads(sums, batch):
            for key, more in found.items():
                totals[key] = _added(totals[key], more) if key in totals else more
        for (number, measure), total in totals.items():
            yield self.names[number], measure, total

    @torch.no_grad()
    def factors(
        self, batch: Batch, means: Callable[[], dict[Hashable, Tensor]]
    ) -> Iterator[tuple[Hashable, str, Tensor | Masked]]:
        """Factors ``[samples, units, directions]`` of a chunk of samples, not summed.

        The directions of the input are turned to be no more than the units of the first layer.
        """
        values = self._values(batch)
        active = self._active(values)
        if "covariance" in self.measures:
            for number, name in self.names.items():
                deviations = values[number].double() - means()[name]
                yield name, "covariance", deviations.unsqueeze(2)
        if "input_sensitivity" in self.measures:
            if 1 in self.names:
                yield self.names[1], "input_sensitivity", Masked(active[0], self._first.mT)
            later = self._input_jacobians(active) if max(self.names) > 1 else ()
            for number, jacobian in later:
                if number in self.names:
                    yield self.names[number], "input_sensitivity", jacobian.mT
        self._check_targets(values, batch)
        if not DOWNSTREAM.isdisjoint(self.measures):
            yield from self._downstream_factors(values[-1].to(self.weights[0]), active)

    def _downstream_factors(
        self, logits: Tensor, active: list[Tensor]
    ) -> Iterator[tuple[Hashable, str, Tensor | Masked]]:
        probabilities = logits.softmax(dim=1)
        for number, jacobian in self._output_jacobians(len(logits), active):
            name = self.names.get(number)
            if number in self.names and "output_sensitivity" in self.measures:
                if number == len(self.widths):
                    yield (
                        name,
                        "output_sensitivity",
                        Masked(torch.ones_like(active[-1]), self.weights[-1].mT),
                    )
                else:
                    yield name, "output_sensitivity", jacobian.mT
            if number in self.names and "loss_hessian" in self.measures:
                yield name, "loss_hessian", under(probabilities, jacobian).mT

    def _in_threads(self, work: Callable[[Batch], Result], batch: Batch) -> Iterator[Result]:
        """Do some work on each part of a batch: the same parts on any number of threads."""
        n_parts = min(PARTS, -(-len(batch.inputs) // SMALL_PART))
        inputs, targets = (_parts(values, n_parts) for values in batch)
        parts = list(map(Batch, inputs, targets))
        n_sums = 2 * len(self.measures) * sum(self.widths[number - 1] ** 2 for number in self.names)
        at_most = max(1, THREADS_ELEMENTS // n_sums) if self.on_processor else 1
        return in_threads(work, parts, at_most)

    # ----------------------------------------------------------------------- a part of them

    @torch.no_grad()
    def _values(self, part: Batch) -> list[Tensor]:
        """Values ``[samples, units]`` of every layer, from the input to the logits."""
        values = [part.inputs.to(self.linears[0].weight)]
        for linear in self.linears[:-1]:
            values.append(functional.linear(values[-1], linear.weight, linear.bias).relu())
        last = self.linears[-1]
        return [*values, functional.linear(values[-1], last.weight, last.bias)]

    def _sums(
        self, part: Batch, centres: Mapping[Hashable, Tensor], conventions: Collection[str]
    ) -> Found:
        values = self._values(part)
        active = self._active(values)
        if "covariance" in self.measures:
            for number, name in self.names.items():
                deviations = values[number].double() - centres[name]
                yield (number, "covariance"), outer_products(deviations, conventions)
        if "input_sensitivity" in self.measures:
            yield from self._input_sensitivity(active, conventions)
        self._check_targets(values, part)
        if not DOWNSTREAM.isdisjoint(self.measures):
            yield from self._downstream(values[-1].to(self.weights[0]), active, conventions)

    def _active(self, values: list[Tensor]) -> list[Tensor]:
        """Ones and zeros ``[samples, units]`` of every hidden layer."""
        return [(value > 0).to(self.weights[0]) for value in values[1:-1]]

    def _check_targets(self, values: list[Tensor], part: Batch) -> None:
        """The loss Hessian needs no targets, but wrong ones are a mistake."""
        if "loss_hessian" in self.measures:
            losses((values[-1],), part.targets.to(values[-1].device))

    def _input_sensitivity(self, active: list[Tensor], conventions: Collection[str]) -> Found:
        """F is the Jacobian by the input; in the first layer, weights of units that are active."""
        if 1 in self.names:
            counts = active[0].mT @ active[0]
            sums = masked_products(counts.double(), self._gram, conventions)
            yield (1, "input_sensitivity"), sums
        if max(self.names) == 1:
            return
        way = self._by_jacobians if self._takes_jacobians else self._by_chain
        for number, sums in way(active, conventions):
            if number in self.names:
                yield (number, "input_sensitivity"), sums

    @property
    def _takes_jacobians(self) -> bool:
        """Whether Jacobians by the input are less work than products of units."""
        few_inputs = FEW * self._n_axes <= max(self.widths[1:], default=0)
        return max(self.names) > 1 and (few_inputs or not self.on_processor)

    @property
    def _n_axes(self) -> int:
        return min(self.linears[0].in_features, self.widths[0])

    @cached_property
    def _gram(self) -> Tensor:
        """Products of the rows of the first weights ``[units, units]``, in float64."""
        return self.weights[0].double() @ self.weights[0].double().mT

    @cached_property
    def _first(self) -> Tensor:
        """The first weights by axes ``[axes, units]`` of the input, turned to be few.

        By W1 W1^T = R^T R no product sees R in place of W1^T, which has no more rows than units.
        """
        return torch.linalg.qr(self.weights[0].double().mT, mode="r").R.to(self.weights[0])

    def _by_chain(
        self, active: list[Tensor], conventions: Collection[str]
    ) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """From the products of one layer's units to those of the next, of active units alone."""
        last = max(self.names)
        chain = chain_products(self._gram, self.weights[1:last], active[:last], conventions)
        return enumerate(chain, start=2)

    def _by_jacobians(
        self, active: list[Tensor], conventions: Collection[str]
    ) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """By Jacobians, whichever are asked for."""
        for number, jacobian in self._input_jacobians(active):
            yield number, factor_products(jacobian.mT, conventions)

    def _input_jacobians(self, active: list[Tensor]) -> Iterator[tuple[int, Tensor]]:
        """Jacobians ``[samples, axes, units]`` of the layers after the first, by their numbers."""
        jacobian = self._first * active[0].unsqueeze(1)
        for number in range(2, max(self.names) + 1):
            jacobian = jacobian @ self.weights[number - 1].mT * active[number - 1].unsqueeze(1)
            yield number, jacobian

    def _downstream(
        self, logits: Tensor, active: list[Tensor], conventions: Collection[str]
    ) -> Found:
        """F^T is the Jacobian of the logits; for the Hessian centred and weighted."""
        probabilities = logits.softmax(dim=1)
        for number, jacobian in self._output_jacobians(len(logits), active):
            if number in self.names and "output_sensitivity" in self.measures:
                sums = self._output_products(jacobian, conventions)
                yield (number, "output_sensitivity"), sums
            if number in self.names and "loss_hessian" in self.measures:
                factors = under(probabilities, jacobian).mT
                yield (number, "loss_hessian"), factor_products(factors, conventions)

    def _output_jacobians(
        self, n_samples: int, active: list[Tensor]
    ) -> Iterator[tuple[int, Tensor]]:
        """Jacobians ``[samples, outputs, units]`` of the logits, from the last layer backwards."""
        jacobian = self.weights[-1].expand(n_samples, -1, -1)
        for number in range(len(self.widths), min(self.names) - 1, -1):
            if number < len(self.widths):
                jacobian = (jacobian * active[number].unsqueeze(1)) @ self.weights[number]
            yield number, jacobian

    @staticmethod
    def _output_products(jacobian: Tensor, conventions: Collection[str]) -> dict[str, Tensor]:
        n_samples, varies = len(jacobian), jacobian.stride(0) != 0
        if varies:
            return factor_products(jacobian.mT, conventions)
        gram = jacobian[0].double().mT @ jacobian[0].double()
        return masked_products(torch.tensor(float(n_samples)), gram, conventions)


def under(probabilities: Tensor, jacobian: Tensor) -> Tensor:
    """Factors of the Hessian of the cross-entropy, transposed: ``[samples, outputs, any]``.

    With p the predicted probabilities, the Hessian is J^T (diag p - p p^T) J: the covariance
    under p of the rows of J, ``jacobian [samples, outputs, any]``. So these are centred, and
    weighted by the roots of ``probabilities [samples, outputs]``.
    """
    p = probabilities.unsqueeze(2)
    return p.sqrt() * (jacobian - p.mT @ jacobian)


def _parts(values: Tensor | None, n_parts: int) -> Sequence[Tensor | None]:
    return [None] * n_parts if values is None else values.tensor_split(n_parts)


def _added(sums: dict[str, Tensor], more: dict[str, Tensor]) -> dict[str, Tensor]:
    return {convention: sums[convention] + part for convention, part in more.items()}


def relu_layers(model: nn.Module) -> list[nn.Linear] | None:
    """Return the linear layers of a fully connected ReLU network, or None if it is not one.

    A network is one if it is an :class:`~modlib.models.MLP`, or a :class:`torch.nn.Sequential` of
    linear layers with a ReLU between every two and nothing else but dropout, which is off when
    analysed; and if nothing is hooked into it, reparametrised or replaced.
    """
    if not all(map(_is_as_built, model.modules())) or _global_hooks():
        return None
    if type(model) is MLP:
        linears = model.linears
        return linears if all(type(linear) is nn.Linear for linear in model.layers) else None
    if type(model) is not nn.Sequential:  # a subclass may have a forward of its own
        return None
    modules = [m for m in model if type(m) not in SILENT]
    linears, between = [m for m in modules[::2] if type(m) is nn.Linear], modules[1::2]
    is_chain = len(modules) >= 3 and len(modules) == 2 * len(linears) - 1
    return linears if is_chain and all(type(m) is nn.ReLU for m in between) else None


def _is_as_built(module: nn.Module) -> bool:
    """Whether a module does what its class says, with nothing hooked into it."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks,
             module._backward_pre_hooks)  # fmt: skip
    return "forward" not in vars(module) and not any(hooks)


def _global_hooks() -> bool:
    modules = nn.modules.module
    return bool(modules._global_forward_hooks or modules._global_forward_pre_hooks)


def closed_layers(
    model: nn.Module, groups: Mapping[Hashable, tuple[Layer, ...]]
) -> dict[Hashable, int] | None:
    """Numbers of the hidden layers of a ReLU network by their names, or None.

    In a :class:`torch.nn.Sequential` a hidden layer is also what comes out of a ReLU, or of
    dropout after it.
    """
    if relu_layers(model) is None or any(len(group) > 1 for group in groups.values()):
        return None
    numbers = {name: _number(model, group[0]) for name, group in groups.items()}
    found = {name: number for name, number in numbers.items() if number is not None}
    # Two names of one layer go the other way: the sums here have one name for each.
    return found if len(set(found.values())) == len(groups) else None


def _number(model: nn.Module, layer: Layer) -> int | None:
    if layer.is_input:
        return int(layer.name)
    if not isinstance(model, nn.Sequential):
        return None
    modules = list(model)
    at = modules.index(layer.module)
    weighted = [index for index, module in enumerate(modules) if type(module) is nn.Linear]
    is_after_relu = any(
        type(m) is nn.ReLU for m in modules[max(i for i in weighted if i <= at) : at + 1]
    )
    is_once = modules.count(layer.module) == 1
    number = sum(index <= at for index in weighted)
    return number if is_after_relu and is_once and number < len(weighted) else None
