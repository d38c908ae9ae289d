"""A model at rest, with the samples that it is asked about and the layers that are watched."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from modlib.layers.find import Layer, hidden_layers, unwrapped
from modlib.layers.units import Place, Survey
from modlib.layers.watch import Axes, Watch
from modlib.losses import CALLABLE, Outputs, check_outputs, pick
from modlib.samples import Batch, Samples, each, n_samples_of

TOLERANCE = {torch.float64: 1e-7, torch.float32: 1e-3}  # of the largest value; else:
HALF_TOLERANCE = 0.05


class Network:
    """A model that is analysed: how it is run, and on what.

    Raises
    ------
    ValueError
        If the model is none, or has weights that are not finite or not there, or ``outputs``
        cannot say which outputs count.
    """

    def __init__(self, model: Any, samples: Samples, outputs: Outputs = None) -> None:
        self.model, self.samples, self._outputs = unwrapped(model), samples, outputs
        check_outputs(outputs)
        check_weights(self.model)
        tensors = [*self.model.parameters(), *self.model.buffers()]
        floats = [tensor for tensor in tensors if tensor.is_floating_point()]
        self.device = tensors[0].device if tensors else None
        self.dtype = floats[0].dtype if floats else None
        self.derives_forward: bool | None = None  # unknown until it is tried

    def placed(self, batch: Batch) -> Batch:
        """Copy a batch to where the model is, its fractions in the model's precision.

        A copy, since the model may work in place.
        """
        wide = None if self.dtype is None else torch.promote_types(self.dtype, torch.float32)
        return Batch(
            each(lambda part: _copied(part, self.device, self.dtype), batch.inputs),
            each(lambda part: _copied(part, self.device, wide), batch.targets),
        )

    def run(self, inputs: Any) -> Any:
        """Run the model; inputs in a dictionary are its keyword arguments."""
        return self.model(**inputs) if isinstance(inputs, Mapping) else self.model(inputs)

    def try_run(self, inputs: Any, given: Any = None) -> Any:
        """Run the model as :meth:`run` does.

        Raises
        ------
        ValueError
            If the model cannot be run on the inputs; with the shape of what was ``given``, if
            these are some of it.
        """
        try:
            return self.run(inputs)
        except torch.OutOfMemoryError:
            raise
        except CALLABLE as error:
            shapes = each(lambda part: tuple(part.shape), inputs if given is None else given)
            raise ValueError(f"inputs must fit the model. Got shape {shapes}: {error}") from error

    def outputs(self, inputs: Any) -> tuple[Tensor, ...]:
        """Run the model, and pick the outputs that count, each with one row for each sample.

        Raises
        ------
        ValueError
            If the outputs cannot be picked, or have another number of rows.
        """
        picked = pick(self.try_run(inputs), self._outputs)
        for one in picked:
            if not one.dim() or len(one) != n_samples_of(inputs):
                raise ValueError(
                    "model must give outputs with one row per sample, the samples being the first "
                    f"axis of inputs and outputs. Got shape {tuple(one.shape)} for "
                    f"{n_samples_of(inputs)} samples."
                )
        return picked

    def first(self) -> Batch:
        """The first few samples, where the model is."""
        return self.placed(next(self.samples.batches(64)))

    def survey(self, batch: Batch, inputs_of: Sequence[Layer] = ()) -> Survey:
        """Look at the values of all layers for one sample and for two.

        Raises
        ------
        ValueError
            If the model cannot be run on them.
        """
        return Survey(
            self.model,
            lambda n_samples: self.try_run(batch.first(n_samples).inputs, batch.inputs),
            inputs_of,
        )

    def check_repeatable(self, batch: Batch, axes: Mapping[Layer, Axes]) -> None:
        """Check that a sample's values are the same each time, and whatever samples are beside it.

        Raises
        ------
        ValueError
            If they are not.
        """
        names = [f"layer {layer.name!r}" for layer in axes]
        _check_repeatable(names, batch, lambda inputs: self.values(inputs, axes))

    def check_repeatable_outputs(self, batch: Batch) -> None:
        """Check the same of the outputs, which may see other samples where layers do not.

        Raises
        ------
        ValueError
            As :meth:`check_repeatable` does.
        """
        n_outputs = len(self.outputs(each(torch.clone, batch.first(1).inputs)))
        _check_repeatable(
            ["the outputs"] * n_outputs,
            batch,
            lambda inputs: [one.detach() for one in self.outputs(each(torch.clone, inputs))],
        )

    def values(self, inputs: Any, axes: Mapping[Layer, Axes]) -> list[Tensor]:
        """Values of layers ``[samples, positions, units]``, in the order of the axes."""
        with Watch(axes) as watch:
            self.run(each(torch.clone, inputs))
        return [watch.value(layer) for layer in axes]


def _copied(part: Tensor, device: torch.device | None, dtype: torch.dtype | None) -> Tensor:
    return part.detach().to(device, dtype if part.is_floating_point() else None, copy=True)


def _check_repeatable(
    names: Sequence[str], batch: Batch, compute: Callable[[Any], Sequence[Tensor]]
) -> None:
    some = batch.first(3).inputs
    alone = [each(itemgetter(slice(k, k + 1)), some) for k in range(3)]
    together, again = (compute(some) for _ in range(2))
    apart = [torch.cat(parts) for parts in zip(*map(compute, alone), strict=True)]
    for name, one, two, three in zip(names, together, again, apart, strict=True):
        if not one.isfinite().all():
            raise ValueError(
                f"model must compute finite numbers. Got {int((~one.isfinite()).sum())} that are "
                f"not in {name}: are the inputs in the range that it was made for?"
            )
        room = TOLERANCE.get(one.dtype, HALF_TOLERANCE) * float(one.abs().max())
        if not _near(one, two, room):
            raise ValueError(
                "model must compute the same each time in evaluation mode. Got other values of "
                f"{name} the second time: is there chance in it, such as dropout that is always on?"
            )
        if not _near(one, three, room):
            raise ValueError(
                "model must treat each sample by itself in evaluation mode. Got other values of "
                f"{name} for a sample alone: does it normalise by the batch?"
            )


def _near(one: Tensor, other: Tensor, room: float) -> bool:
    return one.shape == other.shape and bool(((one - other).abs() <= room).all())


def check_weights(model: nn.Module) -> None:
    """Raise a ``ValueError`` that names the first weight that is not there, or not finite.

    A buffer may be infinite, as masks of attention are.
    """
    buffers = dict(model.named_buffers())
    for name, weight in [*model.named_parameters(), *buffers.items()]:
        if weight.is_meta or nn.parameter.is_lazy(weight):
            raise ValueError(
                f"model must have its weights. Got {name!r} without values: load them, or run the "
                "model once, first."
            )
        if weight.layout != torch.strided:
            raise ValueError(f"model must have dense weights. Got {name!r} of {weight.layout}.")
        if not weight.is_floating_point():
            continue
        is_odd = weight.isnan() if name in buffers else ~weight.isfinite()
        if is_odd.any():
            raise ValueError(
                f"model must have finite weights. Got {int(is_odd.sum())} that are not in "
                f"{name!r}: has training diverged?"
            )


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout and the like off for a while, then put every part back as it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def at_rest(model: nn.Module) -> Iterator[None]:
    """Make a model ready for derivatives by its values, then put everything back as it was.

    It is in evaluation mode, keeps no gradients by its weights, and takes no short cut that hooks
    do not see or that has no second derivative.
    """
    asked = {weight: weight.requires_grad for weight in model.parameters()}
    was_fast = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        stack.enter_context(evaluating(model))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if any(isinstance(module, nn.RNNBase) for module in model.modules()):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            # Not by its flags(), which set all others too, and warn on many machines.
            stack.callback(setattr, torch.backends.mkldnn, "enabled", torch.backends.mkldnn.enabled)
            torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
        stack.callback(torch.backends.mha.set_fastpath_enabled, was_fast)
        torch.backends.mha.set_fastpath_enabled(False)
        for weight, was in asked.items():
            stack.callback(weight.requires_grad_, was)
            weight.requires_grad_(False)
        yield


def list_layers(model: nn.Module, inputs: Any) -> list[Place]:
    """List the layers that can be asked for, with shape and units of their values.

    Parameters
    ----------
    model
        Any module.
    inputs
        At least one sample, as for :func:`modlib.similarity.compute.pairwise_similarity`.

    Returns
    -------
    list of Place
        Hidden layers by number first, then modules in the order of ``named_modules()``, but for
        those that are not called or have no value with an axis of samples. A pandas frame of it
        is a table.

    Raises
    ------
    ValueError
        If the model cannot be run on the inputs.
    """
    network = Network(model, Samples(inputs))
    hidden = hidden_layers(network.model)
    named = [Layer(name, module) for name, module in network.model.named_modules() if name]
    with at_rest(network.model), torch.no_grad():
        survey = network.survey(network.first(), hidden)
    places = (survey.place(layer) for layer in [*hidden, *named])
    return [place for place in places if place is not None]
