"""Training: the networks of one setting side by side, each as if it were alone.

The networks of one setting are stacked, so that one batched matrix product serves them all. A
network's weights depend on its own seed only: its random streams are its own, every operation
acts on each network by itself, and a single compute thread keeps the order of every sum fixed.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import inf, sqrt
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau

from experiments.config import TrainingConfig
from experiments.data import Dataset, split
from experiments.regularizers import PENALTIES
from experiments.training.stack import adam
from modlib.models import MLP, evaluating
from modlib.seeds import generator
from modlib.validation import is_whole

ADAM_BETAS = (0.9, 0.999)  # Kingma & Ba (2015), the defaults of torch.optim.Adam
ADAM_EPSILON = 1e-8
ALIGNMENT = 16  # numbers; 64 bytes of float32

Progress = Callable[[int, list[int]], None]


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with the weights of its best validation loss, and how it got there."""

    model: MLP
    seed: int
    best_epoch: int
    """Number of epochs after which the kept weights were reached; 0 for the initial ones."""
    history: list[dict[str, float]]
    """For each epoch its ``train_loss`` (mean cross-entropy of the batches, dropout active),
    ``validation_loss``, ``validation_accuracy`` and ``learning_rate``."""


def train(
    config: TrainingConfig,
    data: Dataset,
    seeds: Sequence[int],
    *,
    progress: Progress | None = None,
) -> list[TrainedNetwork]:
    """Train one network per seed by the recipe of section 4.1 and the authors' released code.

    The seed of a network draws its initial weights, its split into training and validation
    samples, the order of its batches and its dropout. The result for a seed is the same to the
    bit whatever other seeds are trained beside it.

    Parameters
    ----------
    config
        The recipe; ``max_epochs=0`` gives untrained networks.
    data
        Training samples; a fraction of them validates. The test samples are not looked at. The
        networks are trained, and stay, on the device of the data; the promise of equal bits is
        for the CPU.
    seeds
        Whole numbers without repeats, one per network.
    progress
        Called after each epoch with its number and the seeds still in training.

    Returns
    -------
    list of TrainedNetwork
        In the order of ``seeds``, in evaluation mode.

    Raises
    ------
    ValueError
        If ``seeds`` is empty or repeats a seed, or a seed is not a whole number of at least 0.
    """
    numbers = list(seeds) if isinstance(seeds, Iterable) else []
    if not numbers or not all(map(is_whole, numbers)) or len(set(numbers)) < len(numbers):
        raise ValueError(f"seeds must be one or more whole numbers, each once. Got {seeds!r}.")
    runs = [_Run(config, data, seed) for seed in numbers]
    if config.max_epochs:
        with _fast_and_repeatable(), torch.inference_mode():
            _train_together(runs, config, data, progress)
    return [run.result() for run in runs]


@dataclass
class _Run:
    """What belongs to one network alone: its split, its random streams, its schedule."""

    config: TrainingConfig
    data: Dataset
    seed: int
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = inf

    def __post_init__(self) -> None:
        config, data = self.config, self.data
        widths = (data.n_inputs, *config.hidden, data.n_classes)
        model = MLP(widths, config.dropout, seed=self.seed).eval().requires_grad_(False)
        self.model = model.to(data.device)
        self.best_weights = deepcopy(self.model.state_dict())
        self.training, self.validation = split(
            len(data.train_inputs), config.validation_fraction, self.seed
        )
        self.batch_order = generator(self.seed, "batches")
        self.silencing = generator(self.seed, "dropout", data.device)
        # PyTorch's own schedule wants an optimiser to act on; Adam itself runs stacked.
        placeholder = torch.optim.SGD([torch.zeros(1)], lr=config.learning_rate)
        self.schedule = ReduceLROnPlateau(
            placeholder, factor=config.plateau_factor, patience=config.plateau_patience
        )

    @property
    def learning_rate(self) -> float:
        return self.schedule.optimizer.param_groups[0]["lr"]

    @property
    def is_finished(self) -> bool:
        return len(self.history) - self.best_epoch >= self.config.patience

    def shuffled(self) -> Tensor:
        """The training samples in the order of the next epoch."""
        order = torch.randperm(len(self.training), generator=self.batch_order)
        return self.training[order].to(self.data.device)

    @cached_property
    def validation_samples(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets, copied once: after each epoch they are all needed."""
        data, chosen = self.data, self.validation.to(self.data.device)
        return data.train_inputs[chosen], data.train_targets[chosen]

    def finish_epoch(self, epoch: int, train_loss: float) -> None:
        """Validate, keep the weights if they are the best so far, adapt the learning rate."""
        loss, accuracy = evaluate(self.model, *self.validation_samples)
        self.history.append(
            {
                "train_loss": train_loss,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
                "learning_rate": self.learning_rate,
            }
        )
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            self.best_weights = deepcopy(self.model.state_dict())
        self.schedule.step(loss)

    def result(self) -> TrainedNetwork:
        self.model.load_state_dict(self.best_weights)
        return TrainedNetwork(self.model, self.seed, self.best_epoch, self.history)


class _Stack:
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

    def forward(self, inputs: Tensor, runs: Sequence[_Run]) -> list[Tensor]:
        """Activations of every layer ``[networks, samples, units]``, from inputs to logits."""
        values = [inputs]
        for index, (weight, bias) in enumerate(self.layers):
            shape = len(weight), inputs.shape[1], weight.shape[1]
            out = _aligned(*shape, device=self.device)
            output = torch.baddbmm(bias, values[-1], weight.mT, out=out)
            if index < len(self.layers) - 1:
                output.relu_()
                if self.config.dropout:
                    output.mul_(self._dropout_mask(output, runs))
            values.append(output)
        return values

    def _dropout_mask(self, like: Tensor, runs: Sequence[_Run]) -> Tensor:
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
                out = _aligned(*values[index].shape, device=self.device)
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


def _adam_in_torch(
    parameters: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, rates: Tensor,
    root: float, beta1: float, beta2: float, epsilon: float,
) -> None:  # fmt: skip
    """The twin of :func:`experiments.training.stack.adam` for any device."""
    mean.lerp_(gradient, 1 - beta1)
    square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    step = mean / square.sqrt().div_(root).add_(epsilon)
    parameters.addcmul_(step, rates.unsqueeze(1), value=-1)


def _padded(n_numbers: int) -> int:
    return -(-n_numbers // ALIGNMENT) * ALIGNMENT


def _aligned(n_networks: int, n_rows: int, n_columns: int, *, device: torch.device) -> Tensor:
    """Room for a matrix per network, each starting at a multiple of 64 bytes.

    Where a matrix starts in memory decides in which order MKL sums its products, and so the last
    bits: every network's must start alike, whatever its row in the stack.
    """
    size = n_rows * n_columns
    flat = torch.empty(n_networks, _padded(size), device=device)
    return flat[:, :size].unflatten(1, (n_rows, n_columns))


def _train_together(
    runs: Sequence[_Run], config: TrainingConfig, data: Dataset, progress: Progress | None
) -> None:
    alive = list(runs)
    stack = _Stack([run.model for run in alive], config)
    for epoch in range(1, config.max_epochs + 1):
        losses = _train_epoch(stack, alive, data, config)
        stack.write_back([run.model for run in alive])
        for run, loss in zip(alive, losses, strict=True):
            run.finish_epoch(epoch, loss)
        going = [index for index, run in enumerate(alive) if not run.is_finished]
        alive = [alive[index] for index in going]
        if progress:
            progress(epoch, [run.seed for run in alive])
        if not alive:
            break
        stack.keep(going)


def _train_epoch(
    stack: _Stack, runs: Sequence[_Run], data: Dataset, config: TrainingConfig
) -> list[float]:
    """One pass over every network's own training samples; each network's mean loss."""
    order = torch.stack([run.shuffled() for run in runs])
    all_targets = torch.stack([data.train_targets.take(row) for row in order]).unsqueeze(2)
    rates = torch.tensor([run.learning_rate for run in runs], device=data.device)
    losses = []
    # Allocated once: fresh memory for every batch would cost as much as reading it.
    n_rows = min(config.batch_size, order.shape[1])
    buffer = _aligned(len(runs), n_rows, data.n_inputs, device=data.device)
    batches = (part.split(config.batch_size, dim=1) for part in (order, all_targets))
    for batch, targets in zip(*batches, strict=True):
        inputs = buffer[:, : batch.shape[1]]
        for samples, rows in zip(batch, inputs, strict=True):
            torch.index_select(data.train_inputs, 0, samples, out=rows)
        values = stack.forward(inputs, runs)
        # Along ten numbers PyTorch takes ten times as long as across them.
        log_probabilities = functional.log_softmax(values[-1].mT.contiguous(), dim=1).mT
        losses.append(log_probabilities.gather(2, targets).squeeze(2))
        out = _aligned(*log_probabilities.shape, device=data.device)
        error = torch.exp(log_probabilities, out=out)
        error.scatter_add_(2, targets, -torch.ones_like(targets, dtype=error.dtype))
        stack.backward(values, error.div_(batch.shape[1]))
        stack.adam_step(rates)
    return [-row.mean().item() for row in torch.cat(losses, dim=1)]


def evaluate(model: MLP, inputs: Tensor, targets: Tensor) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy, dropout off.

    Parameters
    ----------
    model
        A network; its mode is left as it is.
    inputs, targets
        Tensors of shape ``[samples, inputs]`` and ``[samples]``.
    """
    with evaluating(model), torch.inference_mode():
        return score(model(inputs), targets)


def score(logits: Tensor, targets: Tensor) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy of logits ``[samples, classes]``."""
    loss = functional.cross_entropy(logits.double(), targets)
    return loss.item(), (logits.argmax(dim=1) == targets).double().mean().item()


def save_weights(model: MLP, path: str | os.PathLike[str]) -> None:
    """Write a network's weights, widths and dropout to a safetensors file.

    The file appears whole or not at all: it is written beside and renamed.
    """
    path = Path(path)
    metadata = {"widths": json.dumps(model.widths), "dropout": json.dumps(model.dropout)}
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(model.state_dict(), beside, metadata)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load_weights(path: str | os.PathLike[str]) -> MLP:
    """Read a network written by :func:`save_weights`, in evaluation mode.

    Raises
    ------
    ValueError
        If the file is damaged or holds no such network; the message names the file.
    FileNotFoundError
        If there is no such file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            widths, dropout = json.loads(metadata["widths"]), json.loads(metadata["dropout"])
            # The file's own shapes first: they are no larger than the file, widths could be.
            shapes = [
                file.get_slice(f"layers.{i}.weight").get_shape() for i in range(len(widths) - 1)
            ]
            if [[n_out, n_in] for n_in, n_out in pairwise(widths)] != shapes:
                raise ValueError(f"its widths {widths} do not fit its weights {shapes}")
            model = MLP(widths, dropout)
            model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, TypeError, KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)} must be a network written by save_weights. Got a file that is "
            f"damaged or of another kind ({error}): write it again."
        ) from error
    return model.eval().requires_grad_(False)


@contextmanager
def _fast_and_repeatable() -> Iterator[None]:
    """Compute on one thread, and take numbers below the smallest normal one for zero.

    With more threads sums are split by their number, and bits change. And weight decay drives the
    weights of pixels that are always black, and with them the means of Adam, so far towards zero
    that the processor would compute with them a hundred times more slowly.
    """
    n_threads = torch.get_num_threads()
    flushes = (torch.full((1,), 1e-310, dtype=torch.float64) * 1).item() == 0
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
        torch.set_flush_denormal(flushes)
