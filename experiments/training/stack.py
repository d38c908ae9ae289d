"""The networks of a setting side by side, so that one batched matrix product serves them all."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from experiments.config import TrainingConfig
from experiments.regularizers import PENALTIES
from experiments.training.run import Run
from modlib.kernels import kernel
from modlib.models import MLP

ADAM_BETAS = (0.9, 0.999)  # Kingma & Ba (2015), the defaults of torch.optim.Adam
ADAM_EPSILON = 1e-8
ALIGNMENT = 16  # numbers; 64 bytes of float32


class Stack:
    """The networks still in training: row r of every tensor belongs to network r."""

    def __init__(self, models: Sequence[MLP], config: TrainingConfig) -> None:
        self.widths, self.config, self.n_steps = models[0].widths, config, 0
        length = sum(_padded(p.numel()) for p in models[0].parameters())
        self.device = next(models[0].parameters()).device
        self.parameters = torch.zeros(len(models), length, device=self.device)
        self.mean = torch.zeros_like(self.parameters)
        self.square = torch.zeros_like(self.parameters)
        self.is_weight = torch.zeros(1, length, device=self.device)
        for weight, _ in self._views(self.is_weight):
            weight.fill_(1.0)
        self._lay_out()
        for row, model in enumerate(models):
            for (weight, bias), linear in zip(self.layers, model.linears, strict=True):
                weight[row] = linear.weight.detach()
                bias[row, 0] = linear.bias.detach()

    def _lay_out(self) -> None:
        """Name the parts of the flat parameters and gradients: views, one pair per layer."""
        self.gradient = torch.zeros_like(self.parameters)
        self.layers = list(self._views(self.parameters))
        self.layer_gradients = list(self._views(self.gradient))

    def _views(self, flat: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        start = 0
        for n_in, n_out in pairwise(self.widths):
            weight = flat[:, start : start + n_in * n_out].unflatten(1, (n_out, n_in))
            start += _padded(n_in * n_out)
            bias = flat[:, start : start + n_out].unsqueeze(1)
            start += _padded(n_out)
            yield weight, bias

    def keep(self, rows: list[int]) -> None:
        """Drop the networks that have finished."""
        if len(rows) < len(self.parameters):
            self.parameters, self.mean, self.square = (
                tensor[rows] for tensor in (self.parameters, self.mean, self.square)
            )
            self._lay_out()

    def write_back(self, models: Sequence[MLP]) -> None:
        """Copy the parameters into the networks they belong to."""
        for row, model in enumerate(models):
            for (weight, bias), linear in zip(self.layers, model.linears, strict=True):
                linear.weight.copy_(weight[row])
                linear.bias.copy_(bias[row, 0])

    def forward(self, inputs: Tensor, runs: Sequence[Run]) -> list[Tensor]:
        """Activations of every layer ``[networks, samples, units]``, from inputs to logits."""
        values = [inputs]
        for index, (weight, bias) in enumerate(self.layers):
            shape = len(weight), inputs.shape[1], weight.shape[1]
            out = aligned(*shape, device=self.device)
            output = torch.baddbmm(bias, values[-1], weight.mT, out=out)
            if index < len(self.layers) - 1:
                output.relu_()
                if self.config.dropout:
                    output.mul_(self._dropout_mask(output, runs))
            values.append(output)
        return values

    def _dropout_mask(self, like: Tensor, runs: Sequence[Run]) -> Tensor:
        """Zero for a unit that is silenced, else the factor that makes up for the silenced.

        A unit is kept if a random whole number of 16 bits is in the right share of all there are.
        PyTorch draws four of these at once, ten times faster than Bernoulli variables; the
        probability is exact to 1 / 131,072.
        """
        keep = 1.0 - self.config.dropout
        lowest, n_numbers = torch.iinfo(torch.int64).min, _padded(like[0].numel())
        draws = torch.empty(len(like), n_numbers // 4, dtype=torch.int64, device=self.device)
        for row, run in zip(draws, runs, strict=True):
            row.random_(lowest, None, generator=run.silencing)
        numbers = draws.view(torch.int16)[:, : like[0].numel()].unflatten(1, like.shape[1:])
        bound = min(round((keep - 0.5) * 2**16), torch.iinfo(torch.int16).max)
        is_kept = bound - numbers.clamp_(bound - 1, bound)  # 1 below it, else 0: no slow comparison
        return is_kept.to(like.dtype).div_(keep)

    def backward(self, values: list[Tensor], error: Tensor) -> None:
        """Fill the gradient, given that of the loss with respect to the logits; uses up ``values``.

        Backpropagation by hand: on one core it takes half the time of autograd, to which a test
        holds it equal.
        """
        for index in reversed(range(len(self.layers))):
            weight_gradient, bias_gradient = self.layer_gradients[index]
            torch.bmm(error.mT, values[index], out=weight_gradient)
            torch.sum(error, dim=1, keepdim=True, out=bias_gradient)
            if index:
                out = aligned(*values[index].shape, device=self.device)
                error = torch.bmm(error, self.layers[index][0], out=out)
                error.mul_(values[index].sign_())  # what was silent passes nothing on
                if self.config.dropout:
                    error.div_(1.0 - self.config.dropout)
        self._add_penalty_gradient()

    def _add_penalty_gradient(self) -> None:
        strengths = [("l2", self.config.l2), ("l1", self.config.l1)]
        for name, strength in [*strengths, (self.config.penalty, self.config.penalty_strength)]:
            if strength and name in PENALTIES:
                slopes = PENALTIES[name](self.parameters)
                self.gradient.addcmul_(slopes, self.is_weight, value=strength)

    def adam_step(self, learning_rates: Tensor) -> None:
        """One step of Adam (Kingma & Ba 2015), each network at its own learning rate."""
        self.n_steps += 1
        beta1, beta2 = ADAM_BETAS
        rates = learning_rates / (1 - beta1**self.n_steps)
        numbers = sqrt(1 - beta2**self.n_steps), beta1, beta2, ADAM_EPSILON
        state = self.parameters, self.gradient, self.mean, self.square
        if self.device.type == "cpu":
            arrays = [tensor.numpy() for tensor in (*state, rates.to(self.parameters))]
            # Nine passes over memory in one: on one core a tenth of the time of training.
            adam(*arrays, *map(arrays[0].dtype.type, numbers))
        else:
            _adam_in_torch(*state, rates, *numbers)


def _padded(n_numbers: int) -> int:
    return -(-n_numbers // ALIGNMENT) * ALIGNMENT


def aligned(n_networks: int, n_rows: int, n_columns: int, *, device: torch.device) -> Tensor:
    """Room for a matrix per network, each starting at a multiple of 64 bytes.

    Where a matrix starts in memory decides in which order MKL sums its products, and so the last
    bits: every network's must start alike, whatever its row in the stack.
    """
    size = n_rows * n_columns
    flat = torch.empty(n_networks, _padded(size), device=device)
    return flat[:, :size].unflatten(1, (n_rows, n_columns))


def _adam_in_torch(
    parameters: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, rates: Tensor,
    root: float, beta1: float, beta2: float, epsilon: float,
) -> None:  # fmt: skip
    """The twin of :func:`adam` for any device."""
    mean.lerp_(gradient, 1 - beta1)
    square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    step = mean / square.sqrt().div_(root).add_(epsilon)
    parameters.addcmul_(step, rates.unsqueeze(1), value=-1)


# With error_model="python" a division may raise, which keeps the loop from being vectorised.
@kernel(error_model="numpy")
def adam(parameters, gradients, means, squares, rates, root, beta1, beta2, epsilon):
    """One step of Adam in place, in one pass: row r of each array belongs to network r.

    ``rates`` are the learning rates over the bias correction of the mean, ``root`` is the root of
    that of the square. All numbers are of one type, so that none is widened on the way.
    """
    one = rates.dtype.type(1)
    for row in range(len(parameters)):
        rate, parameter, gradient = rates[row], parameters[row], gradients[row]
        mean, square = means[row], squares[row]
        for i in range(len(parameter)):
            mean[i] += (one - beta1) * (gradient[i] - mean[i])
            square[i] = beta2 * square[i] + (one - beta2) * gradient[i] * gradient[i]
            parameter[i] -= rate * mean[i] / (np.sqrt(square[i]) / root + epsilon)
