"""How units are silenced: a first look at their layer, and the two ways to run the rest.

In a plain chain of linear and ReLU layers only what follows the layer is run, for many sets of
units at once; in any other module a hook replaces their values, as in :mod:`modlib.layers.watch`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from modlib.layers.find import Layer, hidden_layers
from modlib.layers.network import Network, at_rest
from modlib.layers.watch import Axes, Watch
from modlib.losses import Loss, check_logits, losses
from modlib.samples import Batch, arrays_of, each, n_samples_of
from modlib.similarity.closed_form import closed_layers, relu_layers

TILE = 2**18  # numbers of the widest layer, of some sets and samples: what a processor's cache has
TILE_SETS = 64  # more make no product of matrices faster
STACK = 2**22  # numbers of all layers together, of some sets and samples
LARGEST_BATCH = 256  # samples


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Keep a model at rest, and derivatives off."""
    with torch.no_grad(), at_rest(model):
        yield


def slices(n: int, size: int) -> Iterator[slice]:
    """Cut so many things into parts of a size."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


class Look:
    """What there is to know of a layer before it is lesioned: one pass over the samples."""

    def __init__(
        self,
        network: Network,
        layers: Sequence[Layer],
        units: int | None,
        loss: Loss,
        batch: Batch,
    ) -> None:
        self.network, self.loss = network, loss
        if batch.targets is None and not callable(loss):
            raise ValueError(
                f"targets must be given for loss={loss!r}. Got None: pass them, or a function of "
                "outputs and None."
            )
        survey = network.survey(batch, hidden_layers(network.model))
        check_logits(network.outputs(each(torch.clone, batch.inputs)), loss, survey.last_kind)
        self.axes: dict[Layer, Axes] = {layer: survey.axes(layer, units) for layer in layers}
        network.check_repeatable(batch, self.axes)
        network.check_repeatable_outputs(batch)
        self.at_once = max(1, STACK // survey.n_numbers)  # samples, those of all sets counted
        self.n_samples = 0
        self._marks: list[tuple[int, ...]] = []  # of the batches, in order
        self._sums: list[Tensor] = []
        self._ends: list[tuple[Tensor, Tensor]] = []
        targets = [self._see(part) for part in self.batches()]
        is_classes = loss == "cross_entropy" and isinstance(targets[0], Tensor)
        is_classes = is_classes and targets[0].dim() == 1
        self.classes = torch.cat(targets).cpu().numpy() if is_classes else None

    def batches(self) -> Iterator[Batch]:
        """All samples where the model is, in the same order each time.

        Raises
        ------
        ValueError
            If they come in another order than the first time.
        """
        samples = self.network.samples
        size = min(LARGEST_BATCH, self.at_once)
        for place, batch in enumerate(samples.batches(size)):
            if samples.n_samples is None:  # a loader gives them out, and may shuffle them
                self._check_order(place, batch)
            yield self.network.placed(batch)

    def _check_order(self, place: int, batch: Batch) -> None:
        arrays = arrays_of(batch.inputs)
        mark = tuple(crc32(part.cpu().contiguous().view(torch.uint8).numpy()) for part in arrays)
        if place == len(self._marks):
            self._marks.append(mark)
        elif self._marks[place] != mark:
            raise ValueError(
                "inputs must come in the same order each time, since each sample's loss is "
                f"compared with its own. Got another batch {place}: pass a loader that does not "
                "shuffle."
            )

    def _see(self, batch: Batch) -> Any:
        """Check a batch's targets, add up the layers' values, and return the targets."""
        with Watch(self.axes) as watch:
            picked = self.network.outputs(each(torch.clone, batch.inputs))
        losses(picked, batch.targets, self.loss)
        values = [watch.value(layer) for layer in self.axes]
        sums = [value.sum(dim=0, dtype=torch.float64) for value in values]
        ends = [(value.amin(dim=0), value.amax(dim=0)) for value in values]
        if self.n_samples:
            for layer, one, other in zip(self.axes, self._sums, sums, strict=True):
                _check_positions(layer, one, other)
            sums = [one + other for one, other in zip(self._sums, sums, strict=True)]
            ends = [(torch.minimum(a, c), torch.maximum(b, d))
                    for (a, b), (c, d) in zip(self._ends, ends, strict=True)]  # fmt: skip
        self._sums, self._ends = sums, ends
        self.n_samples += n_samples_of(batch.inputs)
        return batch.targets

    def replacements(self, ablation: str) -> dict[Layer, Tensor]:
        """What units are replaced by, ``[positions, units]`` for each layer."""
        return {
            layer: total / self.n_samples if ablation == "mean" else torch.zeros_like(total)
            for layer, total in zip(self.axes, self._sums, strict=True)
        }

    def changed_by(self, ablation: str) -> np.ndarray:
        """Whether each unit ``[units]`` of all layers is ever another than its replacement."""
        changed = [
            (low != high if ablation == "mean" else (low != 0) | (high != 0)).any(dim=0)
            for low, high in self._ends
        ]
        return torch.cat(changed).cpu().numpy()


def _check_positions(layer: Layer, one: Tensor, other: Tensor) -> None:
    if one.shape != other.shape:
        raise ValueError(
            f"layer {layer.name!r} must have as many positions for all samples, since what units "
            f"are replaced by is taken position by position. Got {tuple(other.shape)} after "
            f"{tuple(one.shape)}."
        )


def number_in_chain(model: nn.Module, layers: tuple[Layer, ...], batch: Batch) -> int | None:
    """Number of the layer in a chain of linear and ReLU layers, or None if it is not in one."""
    if not isinstance(batch.inputs, Tensor) or batch.inputs.dim() != 2:
        return None
    numbers = closed_layers(model, {"it": layers})
    return None if numbers is None else numbers["it"]


Losses = Iterator[tuple[slice, slice, Tensor]]
"""Some sets, some samples, and the losses ``[sets, samples]``; all sets with all samples."""


class Chain:
    """Cross-entropy of a chain of linear and ReLU layers, of which only the rest is run."""

    def __init__(self, look: Look, ablation: str, number: int) -> None:
        linears = relu_layers(look.network.model)
        assert linears is not None
        wide = torch.promote_types(linears[0].weight.dtype, torch.float32)
        self.rest = [
            (linear.weight.detach().to(wide, copy=True), _bias(linear).to(wide, copy=True))
            for linear in linears[number:]
        ]
        self.device = self.rest[0][0].device
        values, targets = [], []
        for batch in look.batches():
            values += look.network.values(batch.inputs, look.axes)
            targets.append(batch.targets)
        (replacement,) = look.replacements(ablation).values()
        # Samples come last, so that every layer is one product of its weights with a matrix.
        self.values = torch.cat(values).squeeze(1).mT.to(wide).contiguous()
        self.change = (replacement.mT - self.values.double()).to(wide)
        self.targets = torch.cat(targets).long()
        self.widest = max(max(weight.shape) for weight, _ in self.rest)

    @torch.no_grad()
    def losses(self, sets: Tensor) -> Losses:
        """Losses of all samples with each of the sets ``[sets, units]`` silenced."""
        masks = sets.mT.to(self.values)
        n_samples = len(self.targets)
        for which in slices(len(sets), TILE_SETS):
            n_sets = which.stop - which.start
            size = max(1, TILE // (self.widest * n_sets))
            for samples in slices(n_samples, size):
                yield which, samples, self._losses(masks[:, which], samples)

    def _losses(self, masks: Tensor, samples: slice) -> Tensor:
        values = torch.addcmul(
            self.values[:, None, samples], masks[:, :, None], self.change[:, None, samples]
        )
        shape = values.shape[1:]
        values = values.flatten(1)
        for place, (weight, bias) in enumerate(self.rest):
            values = torch.addmm(bias[:, None], weight, values.relu_() if place else values)
        logits = values.unflatten(1, shape)
        right = logits.gather(0, self.targets[None, None, samples].expand(1, *shape))
        return logits.logsumexp(dim=0) - right[0]


def _bias(linear: nn.Linear) -> Tensor:
    if linear.bias is None:
        return linear.weight.new_zeros(linear.out_features)
    return linear.bias.detach()


class Hooked:
    """Any loss of any model, which is run with the layers' values replaced as they come up."""

    def __init__(self, look: Look, ablation: str) -> None:
        self.look, self.replacements = look, look.replacements(ablation)
        self.n_units = [replacement.shape[-1] for replacement in self.replacements.values()]
        self.device = next(iter(self.replacements.values())).device

    def losses(self, sets: Tensor) -> Losses:
        """Losses of all samples with each of the sets ``[sets, units]`` silenced."""
        sets = sets.to(self.device)
        start = 0
        for batch in self.look.batches():
            n_samples = n_samples_of(batch.inputs)
            samples = slice(start, start + n_samples)
            start += n_samples
            for which in slices(len(sets), max(1, self.look.at_once // n_samples)):
                yield which, samples, self._losses(sets[which], batch)

    def _losses(self, sets: Tensor, batch: Batch) -> Tensor:
        """Run a batch once for each set, all of them side by side."""
        network, n_samples = self.look.network, n_samples_of(batch.inputs)
        inputs, targets = (each(lambda part: _repeated(part, len(sets)), one) for one in batch)
        masks = sets.repeat_interleave(n_samples, dim=0).split(self.n_units, dim=1)
        with still(network.model), Silence(self.look.axes, self.replacements, masks):
            picked = network.outputs(inputs)
            return losses(picked, targets, self.look.loss).reshape(len(sets), n_samples)


def _repeated(part: Tensor, n_times: int) -> Tensor:
    return part.repeat(n_times, *[1] * (part.dim() - 1))


class Silence(Watch):
    """Units replaced while a model runs within this context, others for each sample."""

    def __init__(
        self,
        axes: Mapping[Layer, Axes],
        replacements: Mapping[Layer, Tensor],
        masks: Sequence[Tensor],
    ) -> None:
        super().__init__(axes)
        self._replacements = replacements
        self._masks = dict(zip(axes, masks, strict=True))
        self._positions = dict.fromkeys(axes, 0)  # of the calls so far

    def _seen(self, layer: Layer, value: Tensor) -> Tensor:
        call, self._n_calls[layer] = self._n_calls[layer], self._n_calls[layer] + 1
        if layer.call not in (None, call):
            return value
        axes, mask = self.axes[layer], self._masks[layer][:, None]
        n_positions = axes.arranged(value).shape[1]
        start = self._positions[layer]
        self._positions[layer] = start + n_positions
        here = self._replacements[layer][start : start + n_positions].to(value)
        other = axes.spread(here.expand(len(mask), -1, -1), value)
        return torch.where(axes.spread(mask, value), other, value)
