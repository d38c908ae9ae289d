"""A plain training loop, for any module and any objective."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from experiments.config import Recipe
from experiments.training.train import fast_and_repeatable
from modlib.layers.network import evaluating
from modlib.seeds import generator

Objective = Callable[[nn.Module, Any, Any], Tensor]
"""From a model, inputs and targets to one number, which training lowers."""


class Indexed(Protocol):
    """Samples that a tensor of their numbers picks from, as from a ``TensorDataset``."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, samples: Any, /) -> Any:
        """Inputs and targets of some of them."""


@dataclass(frozen=True)
class Fit:
    """How a model got the weights of its best validation."""

    best_epoch: int
    """Number of epochs after which the kept weights were reached; 0 for the initial ones."""
    history: list[dict[str, float]]
    """For each epoch its ``train_loss`` (mean objective of the batches), ``validation_loss`` and
    ``learning_rate``."""


def fit(
    model: nn.Module,
    objective: Objective,
    training: Indexed,
    validation: tuple[Any, Any],
    recipe: Recipe,
    *,
    seed: int,
    validate: Objective | None = None,
    before_epoch: Callable[[int], None] | None = None,
) -> Fit:
    """Train a model in place by the paper's recipe, and leave it with its best weights.

    Adam on shuffled batches; the learning rate falls when the validation loss no longer does, and
    training ends when it has not for ``patience`` epochs (section 4.1 and the authors' released
    code). For fully connected networks of one setting :func:`experiments.training.train.train`
    does the same several times as fast; this serves every model and every objective.

    Parameters
    ----------
    model
        Any module. It ends in evaluation mode, and its weights no longer ask for gradients.
    objective
        What training lowers: called with the model in training mode and each batch. Penalties on
        weights belong in it.
    training
        Samples to train on.
    validation
        Inputs and targets of those that validate.
    recipe
        Learning rate, batch size and when to stop; its other fields do not matter here.
    seed
        Draws the order of the batches and dropout, each by a stream of its own.
    validate
        What is called with the model in evaluation mode after each epoch; ``objective`` unless
        given.
    before_epoch
        Called before each epoch with its number, from 1: where an objective changes over time.

    Raises
    ------
    ValueError
        If the seed is not a whole number of at least 0, the model is none, what is to be called
        cannot be, samples that validate are no pair, or the objective is no longer finite.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module. Got {type(model).__name__}.")
    called = {"objective": objective, "validate": validate, "before_epoch": before_epoch}
    for name, function in called.items():
        if not callable(function) and (function is not None or name == "objective"):
            raise ValueError(f"{name} must be a function. Got {function!r}.")
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise ValueError("validation must be inputs and targets. Got no pair of them.")
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=recipe.learning_rate, fused=True)
    schedule = ReduceLROnPlateau(
        optimizer, factor=recipe.plateau_factor, patience=recipe.plateau_patience
    )
    order = generator(seed, "batches")
    best_epoch, best_loss, best_weights = 0, inf, deepcopy(model.state_dict())
    history: list[dict[str, float]] = []
    with fast_and_repeatable(), _dropout_by(seed):
        for epoch in range(1, recipe.max_epochs + 1):
            if before_epoch:
                before_epoch(epoch)
            rate = optimizer.param_groups[0]["lr"]
            batches = _batches(training, recipe.batch_size, order)
            train_loss = _train_epoch(model.train(), objective, optimizer, batches)
            loss = _validate(model, validate or objective, validation)
            history.append(
                {"train_loss": train_loss, "validation_loss": loss, "learning_rate": rate}
            )
            if loss < best_loss:
                best_epoch, best_loss = epoch, loss
                best_weights = deepcopy(model.state_dict())
            schedule.step(loss)
            if epoch - best_epoch >= recipe.patience:
                break
    model.load_state_dict(best_weights)
    model.eval().requires_grad_(False)
    return Fit(best_epoch, history)


def _batches(samples: Indexed, size: int, order: torch.Generator) -> Iterator[tuple[Any, Any]]:
    for chosen in torch.randperm(len(samples), generator=order).split(size):
        yield samples[chosen]


def _train_epoch(
    model: nn.Module,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[tuple[Any, Any]],
) -> float:
    """One pass over the samples; the mean of the batches' objectives."""
    found = []
    for inputs, targets in batches:
        loss = objective(model, inputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.detach())
    mean = torch.stack(found).double().mean().item()
    if not abs(mean) < inf:
        raise ValueError(
            f"objective must stay finite. Got a mean of {mean} over an epoch: lower the learning "
            "rate, or look for a logarithm or a root of zero."
        )
    return mean


def _validate(model: nn.Module, objective: Objective, samples: tuple[Any, Any]) -> float:
    with evaluating(model), torch.no_grad():
        return objective(model, *samples).item()


@contextmanager
def _dropout_by(seed: int) -> Iterator[None]:
    """Let modules draw what they silence from a stream of its own, and leave the global one be."""
    with torch.random.fork_rng():
        torch.manual_seed(generator(seed, "dropout").initial_seed())
        yield
