"""The networks of the paper: fully connected, ReLU, dropout after each hidden layer."""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from modlib.seeds import generator
from modlib.validation import is_iterable, is_number, is_whole

MOST_WEIGHTS = 2**31  # of a layer, 8 GiB: others give PyTorch no memory, or more than numbers


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
        If a width is below 1, there is no hidden layer, a layer would have more than two billion
        weights, or ``dropout`` is outside [0, 1).
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
    numbers = tuple(widths) if is_iterable(widths) else ()
    if len(numbers) < 3 or not all(is_whole(width) and width >= 1 for width in numbers):
        raise ValueError(
            "widths must be at least three whole numbers of at least 1, from the input to the "
            f"logits, such as (784, 64, 64, 10). Got {widths!r}."
        )
    for n_in, n_out in pairwise(map(int, numbers)):
        if n_in * n_out > MOST_WEIGHTS:
            raise ValueError(
                f"widths must give no layer more than {MOST_WEIGHTS:,} weights. Got {widths!r}, of "
                f"which {n_in} and {n_out} follow each other."
            )
    return tuple(map(int, numbers))
