"""Layers watched while a model runs: their values kept, and moved where derivatives ask for it.

A layer is never cut out of its model. A forward hook sees its value as the model computes it, and
may add a shift of zeros to it: derivatives by the shift are those by the layer's value, whatever
else leads from the input to the output.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from math import prod
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from modlib.layers.find import Layer

Change = Callable[[Tensor], Tensor]


class Axes(NamedTuple):
    """Which axes of a layer's value are its samples and its units; all others are positions."""

    samples: int
    units: int

    def arranged(self, value: Tensor) -> Tensor:
        """Return a value as ``[samples, positions, units]``."""
        ordered = value.movedim(tuple(self), (0, -1))
        return ordered.reshape(len(ordered), _n_positions(ordered), ordered.shape[-1])

    def spread(self, shift: Tensor, value: Tensor) -> Tensor:
        """Return a shift ``[samples, positions or 1, units]`` in the shape of a value."""
        ordered = value.movedim(tuple(self), (0, -1))
        every = shift.expand(-1, _n_positions(ordered), -1)
        return every.reshape(ordered.shape).movedim((0, -1), tuple(self))


def _n_positions(ordered: Tensor) -> int:
    return prod(ordered.shape[1:-1])


class Watch:
    """The values of layers while a model runs within this context.

    Parameters
    ----------
    axes
        The layers to watch, and which axes of their values are what.
    moves
        Whether to add a shift of zeros to each value, by which derivatives can be taken.
    pooled
        Whether a unit is its mean over positions. A shift then moves all positions alike.
    """

    def __init__(
        self, axes: Mapping[Layer, Axes], *, moves: bool = False, pooled: bool = False
    ) -> None:
        self.axes, self.moves, self.pooled = axes, moves, pooled
        self._values: dict[Layer, list[Tensor]] = {layer: [] for layer in axes}
        self._shifts: dict[Layer, list[Tensor]] = {layer: [] for layer in axes}
        self._n_calls = dict.fromkeys(axes, 0)
        self._hooks = ExitStack()

    def __enter__(self) -> Self:
        for layer in self.axes:
            if layer.is_input:
                hook = layer.module.register_forward_pre_hook(
                    partial(self._before, layer), with_kwargs=True
                )
            else:
                hook = layer.module.register_forward_hook(partial(self._after, layer))
            self._hooks.callback(hook.remove)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._hooks.close()

    def value(self, layer: Layer) -> Tensor:
        """What the layer's value was, ``[samples, positions, units]``; its calls are positions.

        Raises
        ------
        ValueError
            If the layer was not reached.
        """
        values = self._reached(self._values, layer)
        value = values[0] if len(values) == 1 else torch.cat(values, dim=1)
        return value.mean(dim=1, keepdim=True) if self.pooled else value

    def shifts(self, layer: Layer) -> list[Tensor]:
        """The shifts of the layer's value, ``[samples, positions, units]``, one for each call."""
        return self._reached(self._shifts, layer)

    @staticmethod
    def _reached(kept: Mapping[Layer, list[Tensor]], layer: Layer) -> list[Tensor]:
        if not kept[layer]:
            raise ValueError(
                f"layer {layer.name!r} must be reached by every sample. Got a batch of which none "
                "does: choose a layer that is always part of the way."
            )
        return kept[layer]

    def _before(self, layer: Layer, _module: nn.Module, given: tuple, named: dict) -> Any:
        change = partial(self._seen, layer)
        if given:
            return (change(given[0]), *given[1:]), named
        first, *others = named
        return (), {first: change(named[first]), **{name: named[name] for name in others}}

    def _after(self, layer: Layer, module: nn.Module, _given: tuple, output: Any) -> Any:
        return replaced(module, output, partial(self._seen, layer))

    def _seen(self, layer: Layer, value: Tensor) -> Tensor:
        call, self._n_calls[layer] = self._n_calls[layer], self._n_calls[layer] + 1
        if layer.call not in (None, call):
            return value
        axes, shifts = self.axes[layer], self._shifts[layer]
        arranged = axes.arranged(value).clone()  # a copy: what follows may work in place
        self._values[layer].append(arranged)
        if not self.moves:
            return value
        if not (self.pooled and shifts):
            like = arranged[:, :1] if self.pooled else arranged
            shifts.append(torch.zeros_like(like, requires_grad=True))
        return value + axes.spread(shifts[-1], value)


def value_of(output: Any) -> Tensor | None:
    """The value of a module: what comes out of it, or the first of what comes out."""
    if isinstance(output, (tuple, list)) and not isinstance(output, PackedSequence) and output:
        output = output[0]
    return output if isinstance(output, Tensor) else None


def replaced(module: nn.Module, output: Any, change: Change) -> Any:
    """Return what comes out of a module with its value changed, in the same form.

    The last state of a recurrent module is part of its value, and is changed with it.
    """
    if isinstance(output, Tensor):
        return change(output)
    first, rest = change(output[0]), tuple(output[1:])
    if isinstance(module, nn.RNNBase):
        states = rest[0] if isinstance(rest[0], tuple) else rest  # (h, c) of an LSTM
        last = _with_last_state(module, first, states[0])
        rest = ((last, *states[1:]),) if isinstance(rest[0], tuple) else (last,)
    make = getattr(output, "_make", type(output))  # a named tuple takes its parts one by one
    return make((first, *rest))


def _with_last_state(module: nn.RNNBase, value: Tensor, state: Tensor) -> Tensor:
    """Put the last step of the value ``[samples, steps, units]`` in place of the last state."""
    steps = value if module.batch_first else value.transpose(0, 1)
    n_directions = 2 if module.bidirectional else 1
    width = steps.shape[-1] // n_directions
    ends = [steps[:, -1, :width], steps[:, 0, width:]][:n_directions]
    return torch.cat([state[:-n_directions], torch.stack(ends)])
