"""One network in training: its split, its random streams, its schedule, and what came of it."""

from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau

from experiments.config import TrainingConfig
from experiments.data import Dataset, split
from modlib.layers.network import evaluating
from modlib.losses import CALLABLE
from modlib.models import MLP
from modlib.seeds import generator


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


@dataclass
class Run:
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
        """Of the next epoch."""
        return self.schedule.optimizer.param_groups[0]["lr"]

    @property
    def is_finished(self) -> bool:
        """Whether validation has not improved for as long as the recipe waits."""
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
        """The network with the weights of its best validation loss."""
        self.model.load_state_dict(self.best_weights)
        return TrainedNetwork(self.model, self.seed, self.best_epoch, self.history)


def evaluate(model: MLP, inputs: Tensor, targets: Tensor) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy, dropout off.

    Parameters
    ----------
    model
        A network; its mode is left as it is.
    inputs, targets
        Tensors of shape ``[samples, inputs]`` and ``[samples]``.

    Raises
    ------
    ValueError
        If the model is none, the inputs do not fit it, or the targets are refused by :func:`score`.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module. Got {type(model).__name__}.")
    with evaluating(model), torch.inference_mode():
        try:
            logits = model(inputs)
        except CALLABLE as error:
            raise ValueError(f"inputs must fit the model. Got {_told(inputs)}: {error}") from error
        return score(logits, targets)


def score(logits: Tensor, targets: Tensor) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy of logits ``[samples, classes]``.

    Raises
    ------
    ValueError
        If they are no such tensor, or the targets not a class for each of the samples.
    """
    if not _is_real(logits) or logits.dim() != 2 or not logits.numel():
        raise ValueError(f"logits must be a tensor [samples, classes]. Got {_told(logits)}.")
    is_whole = isinstance(targets, Tensor) and targets.dtype == torch.int64 and not targets.is_meta
    if not is_whole or targets.shape != logits.shape[:1]:
        raise ValueError(
            f"targets must be an int64 tensor of {len(logits)} classes, one for each sample. Got "
            f"{_told(targets)}."
        )
    if targets.min() < 0 or targets.max() >= logits.shape[1]:
        raise ValueError(
            f"targets must be classes from 0 to {logits.shape[1] - 1}. Got {targets.min().item()} "
            f"to {targets.max().item()}."
        )
    loss = functional.cross_entropy(logits.double(), targets)
    return loss.item(), (logits.argmax(dim=1) == targets).double().mean().item()


def _is_real(value: Any) -> bool:
    """Whether it is a tensor of real numbers that are there."""
    is_plain = isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta
    return is_plain and value.is_floating_point()


def _told(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"shape {tuple(value.shape)} of {value.dtype}"
    return type(value).__name__
