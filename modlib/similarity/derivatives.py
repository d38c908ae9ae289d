"""Derivatives of one batch by automatic differentiation, for any layers of any model.

Samples do not see each other, so one product of a vector with the Jacobian serves all samples of
a batch: what is computed is the number of products that a measure needs, not one for each sample.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property, partial
from itertools import islice
from typing import NoReturn

import torch
from torch import Tensor
from torch.autograd import forward_ad

from modlib.layers.find import Layer
from modlib.layers.network import Network
from modlib.layers.watch import Axes, Watch
from modlib.losses import Loss, check_last_step, losses
from modlib.samples import Batch, arrays_of, each, n_samples_of
from modlib.similarity.curvature import check_derivable, is_piecewise_linear

FORWARD_COST = 1.5  # of a product forward, in products backward
UNEQUAL = {torch.float64: 1e-9, torch.float32: 1e-4}  # of two ways to one product; else:
HALF_UNEQUAL = 0.05
TINY = 1e-30  # where both are zero
STACKED = 2**22  # numbers in one stack of products: it should not take much memory


class Derivatives:
    """Values and derivatives of a batch, each computed when first asked for, shared by layers.

    Values and derivatives have the axes ``[samples, ..., positions, units]``. Where units are
    pooled there is one position.

    Parameters
    ----------
    network, batch, axes, loss
        The model, its samples, the layers with the axes of their values, and the samples' loss.
    pooled
        Whether a unit is its mean over positions.
    moves
        Whether derivatives of the outputs will be asked for, whose run gives the values too.
    """

    def __init__(
        self,
        network: Network,
        batch: Batch,
        axes: Mapping[Layer, Axes],
        loss: Loss,
        *,
        pooled: bool = False,
        moves: bool = False,
    ) -> None:
        self.network, self.batch, self.axes, self.loss = network, batch, axes, loss
        self.pooled, self._moves = pooled, moves

    @cached_property
    def values(self) -> dict[Layer, Tensor]:
        """The layers' values ``[samples, positions, units]``.

        Raises
        ------
        ValueError
            If the model cannot be run on the samples, or a layer is not reached by all of them.
        """
        if self._moves:  # that run has them too
            found = {layer: self._moved[1].value(layer).detach() for layer in self.axes}
        else:
            with self._watch() as watch, torch.no_grad():
                self.network.try_run(self._inputs())
            found = {layer: watch.value(layer) for layer in self.axes}
        n_samples = n_samples_of(self.batch.inputs)
        for layer, value in found.items():
            if len(value) != n_samples:
                raise ValueError(
                    f"layer {layer.name!r} must be reached by every sample. Got values of "
                    f"{len(value)} out of {n_samples}: choose a layer that is always part of the "
                    "way."
                )
        return found

    def joined(self, layers: Sequence[Layer], parts: Mapping[Layer, Tensor]) -> Tensor:
        """Join what is known of several layers, along the axis of their units.

        Raises
        ------
        ValueError
            If they do not have as many positions.
        """
        if len({parts[layer].shape[:-1] for layer in layers}) > 1:
            sizes = {layer.name: parts[layer].shape[-2] for layer in layers}
            raise ValueError(
                "layer must list layers of as many positions, or pool must be 'mean'. Got "
                f"{sizes} positions."
            )
        return _together([parts[layer] for layer in layers], dim=-1)

    # ---------------------------------------------------------------------------- downstream

    @cached_property
    def _moved(self) -> tuple[tuple[Tensor, ...], Watch]:
        """Outputs that depend on shifts of the layers, and the shifts."""
        with self._watch(moves=True) as watch:
            picked = self.network.outputs(self._inputs())
        return picked, watch

    @cached_property
    def outputs(self) -> Tensor:
        """Outputs that count, flattened and joined: ``[samples, outputs]``."""
        picked, _ = self._moved
        return torch.cat([one.reshape(len(one), -1) for one in picked], dim=1)

    @property
    def are_flat(self) -> bool:
        """Whether the outputs that count are one tensor ``[samples, outputs]`` as they come."""
        picked, _ = self._moved
        return len(picked) == 1 and picked[0].dim() == 2

    @cached_property
    def is_piecewise_linear(self) -> bool:
        """Whether the outputs are certain to have no second derivatives by the layers."""
        return is_piecewise_linear(self._moved[0])

    @cached_property
    def output_jacobian(self) -> dict[Layer, Tensor]:
        """Derivatives of the outputs, ``[samples, outputs, positions, units]``."""
        rows: dict[Layer, list[Tensor]] = {layer: [] for layer in self.axes}
        for output in range(self.outputs.shape[1]):
            for layer, row in self.pull_back(self.outputs[:, output].sum()).items():
                rows[layer].append(row)
        return {layer: torch.stack(rows[layer], dim=1) for layer in self.axes}

    def pull_back(self, total: Tensor) -> dict[Layer, Tensor]:
        """Derivatives of a number by the layers' values, ``[samples, positions, units]``."""
        _, watch = self._moved
        return self._by_shifts(total, watch, with_graph=False)

    def _by_shifts(self, total: Tensor, watch: Watch, *, with_graph: bool) -> dict[Layer, Tensor]:
        shifts = {layer: watch.shifts(layer) for layer in self.axes}
        flat = [shift for layer in self.axes for shift in shifts[layer]]
        found: Sequence[Tensor | None] = [None] * len(flat)
        if total.requires_grad:
            found = torch.autograd.grad(
                total, flat, retain_graph=True, create_graph=with_graph, allow_unused=True
            )
        by = iter([torch.zeros_like(shift) if one is None else one
                   for shift, one in zip(flat, found, strict=True)])  # fmt: skip
        return {layer: _together(list(islice(by, len(shifts[layer]))), dim=1)
                for layer in self.axes}  # fmt: skip

    def check_reached(self, layers: Sequence[Layer]) -> None:
        """Raise a ``ValueError`` if the outputs do not depend on a layer at all."""
        outputs, watch = self._moved
        total = torch.stack([one.sum() for one in outputs]).sum()
        for layer in layers:
            found: Sequence[Tensor | None] = ()
            if total.requires_grad:
                found = torch.autograd.grad(
                    total, watch.shifts(layer), retain_graph=True, allow_unused=True
                )
            if all(one is None for one in found):
                raise ValueError(
                    f"layer {layer.name!r} must have a say in the outputs. Got outputs that do not "
                    "depend on its value: choose another layer, or other outputs."
                )

    @cached_property
    def loss_gradient(self) -> dict[Layer, Tensor]:
        """Derivatives of each sample's loss ``[samples, positions, units]``, to derive again."""
        picked, watch = self._moved
        check_last_step(picked, self.loss)
        total = losses(picked, self.batch.targets, self.loss).sum()
        gradient = self._by_shifts(total, watch, with_graph=True)
        check_derivable(gradient.values())
        return gradient

    def hessian_product(self, layers: Sequence[Layer], direction: Tensor) -> Tensor:
        """Multiply the Hessian of the loss by a direction ``[samples, positions, units]``."""
        gradient = self.joined(layers, self.loss_gradient)
        return self.joined(layers, self.pull_back((gradient * direction).sum()))

    def hessian_row(self, layers: Sequence[Layer], position: int, unit: int) -> Tensor:
        """Derive the loss by a unit at a position, and again: ``[samples, positions, units]``."""
        gradient = self.joined(layers, self.loss_gradient)
        return self.joined(layers, self.pull_back(gradient[:, position, unit].sum()))

    @cached_property
    def loss_curvature(self) -> Tensor:
        """Second derivatives of the loss by the outputs, ``[samples, outputs, outputs]``."""
        picked, _ = self._moved
        check_last_step(picked, self.loss)
        flat = self.outputs.detach().to(_wide(self.outputs.dtype)).requires_grad_()
        sizes = [one[0].numel() for one in picked]
        parts = zip(flat.split(sizes, dim=1), picked, strict=True)
        shaped = tuple(part.reshape(one.shape) for part, one in parts)
        total = losses(shaped, self.batch.targets, self.loss).sum()
        (slope,) = torch.autograd.grad(total, flat, create_graph=True)
        rows = [_flat_gradient(slope[:, output].sum(), [flat]) for output in range(flat.shape[1])]
        return torch.stack(rows, dim=1).detach()

    # ------------------------------------------------------------------------------ upstream

    @cached_property
    def _entered(self) -> tuple[list[Tensor], dict[Layer, Tensor]]:
        """Inputs that values depend on, and the values.

        Raises
        ------
        ValueError
            If no input is a number with a fraction, or a value does not depend on any.
        """
        inputs = self._inputs()
        leaves = [part.requires_grad_() for part in arrays_of(inputs) if part.is_floating_point()]
        if not leaves:
            _refuse_whole_numbers(self.batch)
        with self._watch() as watch:
            self.network.run(each(torch.clone, inputs))  # the model may work in place
        values = {layer: watch.value(layer) for layer in self.axes}
        for layer, value in values.items():
            if not value.requires_grad:
                raise ValueError(
                    f"layer {layer.name!r} must depend on the inputs in a way that can be derived. "
                    "Got values that do not: is part of the model run under torch.no_grad?"
                )
        return leaves, values

    @property
    def n_inputs(self) -> int:
        """How many numbers a sample has that derivatives can be taken by."""
        floats = [part for part in arrays_of(self.batch.inputs) if part.is_floating_point()]
        return sum(part[0].numel() for part in floats)

    def input_rows(self, layers: Sequence[Layer]) -> Iterator[Tensor]:
        """Give the Jacobian by the input, one position at a time: ``[samples, units, inputs]``."""
        leaves, values = self._entered
        joined = self.joined(layers, values)
        _, n_positions, n_units = joined.shape
        for position in range(n_positions):
            rows = []
            for unit in range(n_units):
                total = joined[:, position, unit].sum()
                rows.append(_flat_gradient(total, leaves))
            yield torch.stack(rows, dim=1)

    def input_columns(self) -> Iterator[dict[Layer, Tensor]]:
        """Give derivatives along each input, ``[samples, positions, units]`` of every layer."""
        for index in range(self.n_inputs):
            yield self.push_forward(partial(_unit_vector, index))

    def push_forward(self, direction: Callable[[Tensor], Tensor]) -> dict[Layer, Tensor]:
        """Derivatives of the values along a direction of the input.

        The direction is a function of a tensor ``[samples, inputs]``, which it may fill. They are
        had by two products backward, which runs the model once for all directions; by products
        forward, where an operation cannot be derived twice.
        """
        floats = [part for part in arrays_of(self.batch.inputs) if part.is_floating_point()]
        if not floats:
            _refuse_whole_numbers(self.batch)
        along = direction(floats[0].new_zeros((len(floats[0]), self.n_inputs)))
        parts = along.split([part[0].numel() for part in floats], dim=1)
        shaped = [part.reshape(one.shape) for part, one in zip(parts, floats, strict=True)]
        if self.network.derives_forward is None:
            self.network.derives_forward = self._derives_forward()
        if self.network.derives_forward:
            return self._forward(shaped)
        return self._twice_backward(shaped)

    def _derives_forward(self) -> bool:
        """Whether products forward are to be had in forward mode, not by two products backward."""
        if self._is_transpose(self._twice_backward):
            return False
        if self._is_transpose(self._forward):
            return True
        raise NotImplementedError(
            "a function that the model uses can be derived only once, and not forward"
        )

    def _is_transpose(self, push: Callable[[Sequence[Tensor]], dict[Layer, Tensor]]) -> bool:
        """Whether products are the transposes of those backward, by a random one of each."""
        random = torch.Generator().manual_seed(0)

        def drawn(like: Tensor) -> Tensor:
            return torch.randn(like.shape, generator=random).to(like)

        leaves, values = self._entered
        along, across = [drawn(leaf) for leaf in leaves], {layer: drawn(values[layer])
                                                           for layer in values}  # fmt: skip
        try:
            pushed = push(along)
        except (NotImplementedError, RuntimeError):
            return False
        backward = _flat_gradient(
            torch.stack([(across[layer] * values[layer]).sum() for layer in values]).sum(), leaves
        )
        one = torch.cat([(across[layer] * pushed[layer]).flatten(1) for layer in values], dim=1)
        other = backward * torch.cat([part.reshape(len(part), -1) for part in along], dim=1)
        gap = one.double().sum(dim=1) - other.double().sum(dim=1)
        room = UNEQUAL.get(one.dtype, HALF_UNEQUAL) * (one.double().norm(dim=1) + TINY)
        return not (gap.abs() > room).any()  # what is not finite is refused later, by its measure

    def _forward(self, parts: Sequence[Tensor]) -> dict[Layer, Tensor]:
        _load_forward_rules()
        tangents = iter(parts)

        def dual(part: Tensor) -> Tensor:
            return forward_ad.make_dual(part, next(tangents)) if part.is_floating_point() else part

        with forward_ad.dual_level(), self._watch() as watch, torch.no_grad():
            self.network.run(each(torch.clone, each(dual, self._inputs())))
            return {layer: _tangent(watch.value(layer)) for layer in self.axes}

    def _twice_backward(self, parts: Sequence[Tensor]) -> dict[Layer, Tensor]:
        """The product with J^T is linear in the vector: its derivative is the product with J."""
        vectors, slopes = self._slopes
        pairs = [pair for pair in zip(slopes, parts, strict=True) if pair[0].requires_grad]
        if not pairs:
            return {layer: torch.zeros_like(vectors[layer]) for layer in vectors}
        found = torch.autograd.grad(
            [slope for slope, _ in pairs], list(vectors.values()), [part for _, part in pairs],
            retain_graph=True, allow_unused=True, materialize_grads=True,
        )  # fmt: skip
        return dict(zip(vectors, found, strict=True))

    @cached_property
    def _slopes(self) -> tuple[dict[Layer, Tensor], Sequence[Tensor]]:
        """Vectors like the values, and their products with J^T, to be derived by the vectors."""
        leaves, values = self._entered
        vectors = {layer: torch.zeros_like(value, requires_grad=True)
                   for layer, value in values.items()}  # fmt: skip
        pairs = [(values[layer] * vectors[layer]).sum() for layer in self.axes]
        slopes = torch.autograd.grad(
            sum(pairs, pairs[0] * 0), leaves,
            create_graph=True, allow_unused=True, materialize_grads=True,
        )  # fmt: skip
        check_derivable(slopes)
        return vectors, slopes

    # ------------------------------------------------------------------------------- helpers

    def _inputs(self) -> object:
        return each(torch.clone, self.batch.inputs)

    def _watch(self, *, moves: bool = False) -> Watch:
        return Watch(self.axes, moves=moves, pooled=self.pooled)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def _refuse_whole_numbers(batch: Batch) -> NoReturn:
    raise ValueError(
        "inputs must be numbers with a fraction where derivatives by them are asked for. Got "
        f"{arrays_of(batch.inputs)[0].dtype}: whole numbers, such as those of tokens, have none; "
        "ask for another measure than input_sensitivity."
    )


@cache
def _load_forward_rules() -> None:
    """Let torch load what it derives forward by, some of which it warns of itself."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore")
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))


def _tangent(value: Tensor) -> Tensor:
    primal, tangent = forward_ad.unpack_dual(value)
    return torch.zeros_like(primal) if tangent is None else tangent


def _unit_vector(index: int, like: Tensor) -> Tensor:
    like[:, index] = 1.0
    return like


def _flat_gradient(total: Tensor, leaves: list[Tensor]) -> Tensor:
    if not total.requires_grad:
        found: Sequence[Tensor | None] = [None] * len(leaves)
    else:
        found = torch.autograd.grad(total, leaves, retain_graph=True, allow_unused=True)
    parts = [torch.zeros_like(leaf) if by is None else by
             for leaf, by in zip(leaves, found, strict=True)]  # fmt: skip
    return _together([part.reshape(len(part), -1) for part in parts], dim=1)


def _together(parts: Sequence[Tensor], *, dim: int) -> Tensor:
    """Join tensors; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=dim)
