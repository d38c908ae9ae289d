"""The networks of the paper: fully connected, ReLU, dropout after each hidden layer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import sqrt
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from modlib.seeds import generator
from modlib.validation import is_number, is_whole


class MLP(nn.Module):
    """A fully connected ReLU network with dropout after each hidden layer (section 4.1).

    ``parameters()`` come in the order W1, b1, W2, b2, ..., each ``W`` of shape
    ``[units out, units in]`` as in :class:`torch.nn.Linear`. Layer 0 is the input, layers
    1 to ``n_hidden`` are the hidden ones, and the last holds the logits.

    Parameters
    ----------
    widths
        Number of units of every layer, input and logits included; at least three.
    dropout
        Probability of silencing a hidden unit during training, in [0, 1).
    seed
        Draws the initial weights, uniform within ``1/sqrt(fan_in)`` as PyTorch does by default.

    Raises
    ------
    ValueError
        If a width is below 1, there is no hidden layer, or ``dropout`` is outside [0, 1).
    """

    def __init__(
        self,
        widths: Sequence[int] = (784, 64, 64, 10),
        dropout: float = 0.0,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.widths = check_widths(widths)
        if not is_number(dropout) or not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be a probability in [0, 1). Got {dropout!r}.")
        self.dropout = float(dropout)
        self.layers = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, n_in, n_out) for n_in, n_out in pairwise(self.widths)
        )
        self._initialise(generator(seed, "initial weights"))

    def _initialise(self, random: torch.Generator) -> None:
        for linear in self.linears:
            bound = 1.0 / sqrt(linear.in_features)
            nn.init.uniform_(linear.weight, -bound, bound, generator=random)
            nn.init.uniform_(linear.bias, -bound, bound, generator=random)

    @property
    def linears(self) -> list[nn.Linear]:
        """The layers themselves, from the first hidden one to the logits."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    @property
    def n_hidden(self) -> int:
        """Number of hidden layers."""
        return len(self.layers) - 1

    def to_layer(self, inputs: Tensor, layer: int) -> Tensor:
        """Map inputs ``[samples, inputs]`` to the activations ``[samples, units]`` of a layer.

        The activations are taken after ReLU and dropout, as in the paper; dropout acts in
        training mode only. ``to_layer(x, n_hidden + 1)`` are the logits.
        """
        return self._run(inputs, 0, layer)

    def from_layer(self, activations: Tensor, layer: int) -> Tensor:
        """Map the activations ``[samples, units]`` of a layer to the logits."""
        return self._run(activations, layer, len(self.layers))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs ``[samples, inputs]`` to logits ``[samples, classes]``."""
        return self._run(inputs, 0, len(self.layers))

    def _run(self, values: Tensor, start: int, stop: int) -> Tensor:
        if not (is_whole(start) and is_whole(stop) and 0 <= start <= stop <= len(self.layers)):
            raise ValueError(
                f"layer must be between 0 (the input) and {len(self.layers)} (the logits). "
                f"Got {start if stop == len(self.layers) else stop}."
            )
        for index in range(start, stop):
            values = self.layers[index](values)
            if index < self.n_hidden:
                values = functional.dropout(values.relu(), self.dropout, self.training)
        return values


def check_widths(widths: Sequence[int]) -> tuple[int, ...]:
    """Return ``widths`` as a tuple, or raise a ``ValueError`` that says what is wrong."""
    numbers = tuple(widths) if isinstance(widths, Iterable) else ()
    if len(numbers) < 3 or not all(is_whole(width) and width >= 1 for width in numbers):
        raise ValueError(
            "widths must be at least three whole numbers of at least 1, from the input to the "
            f"logits, such as (784, 64, 64, 10). Got {widths!r}."
        )
    return tuple(map(int, numbers))


def relu_layers(model: nn.Module) -> list[nn.Linear] | None:
    """Return the linear layers of a fully connected ReLU network, or None if it is not one.

    A network is one if it is an :class:`MLP`, or a :class:`torch.nn.Sequential` of linear layers
    with a ReLU between every two and nothing else but dropout, which is off when analysed.
    """
    if type(model) is MLP:
        return model.linears
    if type(model) is not nn.Sequential:  # a subclass may have a forward of its own
        return None
    modules = [m for m in model if not isinstance(m, (nn.Dropout, nn.Identity))]
    linears, between = [m for m in modules[::2] if type(m) is nn.Linear], modules[1::2]
    is_chain = len(modules) >= 3 and len(modules) == 2 * len(linears) - 1
    return linears if is_chain and all(type(m) is nn.ReLU for m in between) else None


def n_hidden_layers(model: nn.Module) -> int:
    """Count the hidden layers at which a model can be cut.

    Raises
    ------
    ValueError
        If it is neither an :class:`MLP` nor a :class:`torch.nn.Sequential`, or has none.
    """
    count = model.n_hidden if isinstance(model, MLP) else len(_starts(model)) - 1
    if count < 1:
        raise ValueError(
            "model must have a hidden layer, that is, at least two modules with weights. "
            f"Got {count + 1}."
        )
    return count


def cut(
    model: nn.Module, layer: int
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Cut a model at a hidden layer: the map from inputs to it, and from it to the logits.

    In a :class:`torch.nn.Sequential` a layer starts with each module that has weights; its
    activations are taken after all that follows up to the next, such as ReLU and dropout.

    Raises
    ------
    ValueError
        If the model has no such layer; see :func:`n_hidden_layers`.
    """
    if not is_whole(layer) or not 1 <= layer <= n_hidden_layers(model):
        raise ValueError(f"layer must be between 1 and {n_hidden_layers(model)}. Got {layer!r}.")
    if isinstance(model, MLP):
        return (
            lambda inputs: model.to_layer(inputs, layer),
            lambda activations: model.from_layer(activations, layer),
        )
    parts, stop = cast(nn.Sequential, model), _starts(model)[layer]
    return parts[:stop], parts[stop:]


def _starts(model: nn.Module) -> list[int]:
    """Positions in a sequential model of the modules that have weights."""
    if not isinstance(model, nn.Sequential):
        raise ValueError(
            "model must be a modlib.models.MLP or a torch.nn.Sequential. "
            f"Got {type(model).__name__}: wrap its parts in a Sequential."
        )
    return [index for index, module in enumerate(model) if any(True for _ in module.parameters())]


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
