"""Networks trained as the paper's are, with their weights as they were on the way."""

from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

import torch
from torch import Tensor

from experiments.config import TrainingConfig
from experiments.data import Dataset
from experiments.training.run import Run, TrainedNetwork

# The loop itself: not a bit of a network may differ from that of the paper's experiment.
from experiments.training.train import _train_together, fast_and_repeatable, train
from modlib.validation import is_iterable, is_number

Weights = dict[str, Tensor]
"""The state of a network."""


@dataclass(frozen=True)
class Followed:
    """A trained network, and what it was on the way."""

    network: TrainedNetwork
    weights: dict[float, Weights]
    """By the number of epochs after which they were copied, in rising order; what training did not
    reach is not there."""

    def at(self, epoch: float) -> TrainedNetwork:
        """Return the network as it was after so many epochs, in evaluation mode."""
        model = deepcopy(self.network.model)
        model.load_state_dict(self.weights[epoch])
        return replace(self.network, model=model)


def train_and_follow(
    config: TrainingConfig, data: Dataset, seeds: Sequence[int], epochs: Sequence[float]
) -> list[Followed]:
    """Train one network per seed, and copy its weights on the way.

    The networks are those of :func:`experiments.training.train.train`, to the bit.

    Parameters
    ----------
    config, data, seeds
        As there.
    epochs
        After how many to copy the weights, as :func:`check_epochs` has it. What lies after the
        end of training is passed over.

    Returns
    -------
    list of Followed
        In the order of ``seeds``.

    Raises
    ------
    ValueError
        As there, and if ``epochs`` are refused.
    """
    epochs = check_epochs(epochs)
    untrained = train(replace(config, max_epochs=0), data, seeds)  # which looks at the seeds
    seeds = [network.seed for network in untrained]
    runs = [_Watched(config, data, seed, epochs=epochs) for seed in seeds]
    begun = [epoch for epoch in epochs if 0 < epoch < 1]
    if config.max_epochs:
        with fast_and_repeatable(), torch.inference_mode():
            _train_together(runs, config, data, None)
        for epoch in begun:
            for run, weights in zip(runs, _begin(config, data, seeds, epoch), strict=True):
                run.weights[epoch] = weights
    return [Followed(run.result(), dict(sorted(run.weights.items()))) for run in runs]


def check_epochs(epochs: Sequence[float]) -> tuple[float, ...]:
    """Return numbers of epochs after which weights can be copied, as they are.

    Raises
    ------
    ValueError
        If they are not one or more numbers in rising order, each of them whole or a part of the
        first epoch, between 0 and 1.
    """
    numbers = list(epochs) if is_iterable(epochs) else []
    if not numbers or not all(map(_is_epoch, numbers)) or sorted(set(numbers)) != numbers:
        raise ValueError(
            "epochs must be one or more numbers in rising order, each whole or between 0 and 1. "
            f"Got {epochs!r}."
        )
    return tuple(map(float, numbers))


def _is_epoch(value: Any) -> bool:
    return is_number(value) and value >= 0 and (value < 1 or float(value).is_integer())


@dataclass
class _Watched(Run):
    """Copies its weights before training, and after some of its epochs."""

    epochs: Collection[float] = ()
    weights: dict[float, Weights] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._copy(0)

    def finish_epoch(self, epoch: int, train_loss: float) -> None:
        super().finish_epoch(epoch, train_loss)
        self._copy(epoch)

    def _copy(self, epoch: float) -> None:
        if epoch in self.epochs:
            self.weights[float(epoch)] = deepcopy(self.model.state_dict())


@dataclass
class _Begun(Run):
    """Sees the first of its batches only: what the whole first epoch has come to by then."""

    part: float = 1.0

    def shuffled(self) -> Tensor:
        order, size = super().shuffled(), self.config.batch_size
        n_batches = max(1, round(self.part * ceil(len(order) / size)))
        return order[: n_batches * size]


def _begin(
    config: TrainingConfig, data: Dataset, seeds: Sequence[int], part: float
) -> list[Weights]:
    """Train for a part of the first epoch, from the start: a batch cannot be looked behind."""
    runs = [_Begun(config, data, seed, part=part) for seed in seeds]
    with fast_and_repeatable(), torch.inference_mode():
        _train_together(runs, replace(config, max_epochs=1), data, None)
    return [run.model.state_dict() for run in runs]
