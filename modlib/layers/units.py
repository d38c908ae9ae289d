"""Where the samples and the units are in the value of a layer, and what layers there are."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from math import prod
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from modlib.layers.find import Layer
from modlib.layers.watch import Axes, value_of
from modlib.validation import is_whole

POOLS = tuple(
    getattr(nn, f"{kind}{dimensions}d")
    for kind in ("MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool")
    for dimensions in (1, 2, 3)
)
CHANNELS_FIRST = (_ConvNd, _NormBase, nn.GroupNorm, *POOLS)
"""Modules whose units are channels, before the positions."""
FEATURES_LAST = (nn.Linear, nn.Bilinear, nn.Embedding, nn.LayerNorm, nn.RMSNorm, nn.RNNBase,
                 nn.RNNCellBase, nn.MultiheadAttention)  # fmt: skip
"""Modules whose units are features, after the positions."""


class Place(NamedTuple):
    """A layer that can be asked for."""

    name: int | str
    """What to pass as ``layer``."""
    kind: str
    shape: tuple[int, ...]
    """Of its value for one sample."""
    units: int | None
    """How many units it has; None where ``units`` must say which axis they are on."""


class Survey:
    """What the values of all layers look like, from a run of one sample and one of two.

    The axis whose size follows the number of samples is theirs. The units' axis goes by the kind
    of module; the value of any other module has it where the last value of the same shape had it.
    """

    def __init__(
        self, model: nn.Module, run: Callable[[int], Any], inputs_of: Iterable[Layer] = ()
    ) -> None:
        self._runs = [_record(model, run, n_samples, inputs_of) for n_samples in (1, 2)]

    @property
    def n_numbers(self) -> int:
        """How many numbers all values together have, for one sample."""
        return sum(prod(call.shape) for call in self._runs[0] if call.shape is not None)

    @property
    def last_kind(self) -> str:
        """The kind of module that is called last, of those without parts."""
        leaves = [call for call in self._runs[1] if not any(call.module.children())]
        return type(leaves[-1].module).__name__ if leaves else ""

    def place(self, layer: Layer) -> Place | None:
        """Return shape and units of a layer; None if it has no value with samples."""
        shapes = self._shapes(layer)
        if not shapes or (samples := _samples_axis(*shapes)) is None:
            return None
        shape = shapes[1]
        axis = self._units_axis(layer)
        alone = tuple(size for index, size in enumerate(shape) if index != samples)
        n_units = None if axis in (None, samples) else shape[axis]
        return Place(layer.name, layer.kind, alone, n_units)

    def axes(self, layer: Layer, units: int | None) -> Axes:
        """Return the axes of samples and units; ``units`` says the latter, where it is not None.

        Raises
        ------
        ValueError
            If the layer is never reached, has no value with an axis of samples, or its units
            cannot be told.
        """
        name = f"layer {layer.name!r}"
        if not any(_of(layer, run) for run in self._runs):
            raise ValueError(
                f"{name} must be called when the model runs. Got a {layer.kind} that is not (its "
                "weights may be used directly): modlib.list_layers(model, inputs) lists others."
            )
        shapes = self._shapes(layer)
        samples = _samples_axis(*shapes) if shapes else None
        if shapes is None or samples is None:
            got = f"shapes {shapes[0]} and {shapes[1]}" if shapes else "no tensor, or other calls"
            raise ValueError(
                f"{name} must have a value with one axis for samples. Got {got} for one sample and "
                "for two."
            )
        shape = shapes[1]
        if units is not None and (not is_whole(units) or not -len(shape) <= units < len(shape)):
            raise ValueError(
                f"units must be the axis of the units, from {-len(shape)} to {len(shape) - 1} for "
                f"{name}. Got {units!r}."
            )
        axis = self._units_axis(layer) if units is None else units % len(shape)
        if axis is None:
            raise ValueError(
                f"units must say on which axis {name} has its units, since a {layer.kind} may have "
                f"them anywhere in its shape {shape}. Got None."
            )
        if axis == samples or len(shape) < 2:
            raise ValueError(
                f"units must be another axis than that of the samples, {samples}. Got "
                f"{axis} for {name} of shape {shape}."
            )
        self._check_calls(layer, Axes(samples, axis))
        return Axes(samples, axis)

    def _check_calls(self, layer: Layer, axes: Axes) -> None:
        """Check that all calls of a layer have samples and as many units on the same axes."""
        shapes = list(zip(*([call.shape for call in _of(layer, run)] for run in self._runs),
                          strict=True))  # fmt: skip
        _, two = shapes[0]
        for other in shapes[1:]:
            if (
                None in other
                or len(other[1]) != len(two)
                or _samples_axis(*other) != axes.samples
                or other[1][axes.units] != two[axes.units]
            ):
                raise ValueError(
                    f"layer {layer.name!r} must have the same units in all of its calls, whose "
                    f"values are its positions. Got shapes {two} and {other[1]}: choose a module "
                    "that is called at one place only."
                )

    def _shapes(self, layer: Layer) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Shape of the value for one sample and for two, if both runs called the layer alike."""
        one, two = (_of(layer, run) for run in self._runs)
        if not one or len(one) != len(two) or not (one[0].shape and two[0].shape):
            return None
        return one[0].shape, two[0].shape

    def _units_axis(self, layer: Layer) -> int | None:
        return _of(layer, self._runs[1])[0].units


class _Call(NamedTuple):
    module: nn.Module
    is_input: bool
    shape: tuple[int, ...] | None
    units: int | None


def _of(layer: Layer, calls: list[_Call]) -> list[_Call]:
    found = [c for c in calls if c.module is layer.module and c.is_input == layer.is_input]
    return found if layer.call is None else found[layer.call : layer.call + 1]


def _record(
    model: nn.Module, run: Callable[[int], Any], n_samples: int, inputs_of: Iterable[Layer]
) -> list[_Call]:
    """Run the model once, and note the value of every module in the order of their ends."""
    calls: list[_Call] = []
    last: dict[tuple[int, ...], int | None] = {}  # by shape, where the units were the last time

    def note(module: nn.Module, is_input: bool, value: Tensor | None) -> None:
        if value is None:
            calls.append(_Call(module, is_input, None, None))
            return
        shape = tuple(value.shape)
        units = axis_by_kind(module, len(shape))
        last[shape] = last.get(shape) if units is None else units
        calls.append(_Call(module, is_input, shape, last[shape]))

    with ExitStack() as hooks:
        for module in model.modules():
            after = module.register_forward_hook(
                lambda module, _given, output: note(module, False, value_of(output))
            )
            hooks.callback(after.remove)
        for module in {layer.module for layer in inputs_of}:
            before = module.register_forward_pre_hook(
                lambda module, given, named: note(
                    module, True, value_of([*given, *named.values()][:1])
                ),
                with_kwargs=True,
            )
            hooks.callback(before.remove)
        run(n_samples)
    return calls


def axis_by_kind(module: nn.Module, n_axes: int) -> int | None:
    """On which axis a kind of module has its units; None where its kind does not say."""
    if n_axes <= 2:
        return n_axes - 1
    if isinstance(module, CHANNELS_FIRST):
        return 1
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)) and len(module.normalized_shape) > 1:
        return None  # channels and positions are normalised together, in either order
    return n_axes - 1 if isinstance(module, FEATURES_LAST) else None


def _samples_axis(one: tuple[int, ...], two: tuple[int, ...]) -> int | None:
    """The axis of which a run of two samples has twice one, if there is just one such."""
    if len(one) != len(two):
        return None
    other = [axis for axis, sizes in enumerate(zip(one, two, strict=True)) if len(set(sizes)) > 1]
    return other[0] if len(other) == 1 and (one[other[0]], two[other[0]]) == (1, 2) else None
