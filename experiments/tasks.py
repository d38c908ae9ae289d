"""The two tasks of networks that are trained for modules: one digit, or two digits and two heads.

``single``
    An image shows a digit: which is it? The task of the paper.
``crossed``
    Two digits side by side, and two heads of which each needs both; see :mod:`experiments.pairs`.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from experiments.data import Dataset, split
from experiments.pairs import (
    N_CLASSES,
    N_HEADS,
    SOURCES,
    accuracy_of_heads,
    held_out_pairs,
    loss_of_heads,
    training_pairs,
)
from modlib.validation import check_choice, check_whole

TASKS = ("single", "crossed")
"""What a network may be asked."""
MOST_PAIRS = 10**8  # whose members fit into memory


class Samples(Protocol):
    """Samples that are put together when they are asked for: a tensor of numbers picks them."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, samples: Any, /) -> tuple[Tensor, Tensor]:
        """Inputs ``[samples, inputs]`` and targets of some of them."""

    def all(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets of all."""


@dataclass(frozen=True, eq=False)
class Singles:
    """Images one by one."""

    images: Tensor
    """Those that there are to choose from, ``[images, pixels]``."""
    digits: Tensor
    """What each of them shows, ``[images]``."""
    members: Tensor
    """Which of them there are, ``[samples]``."""

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, samples: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Inputs ``[samples, pixels]`` and targets ``[samples]`` of some of them."""
        chosen = self.members[samples]
        return self.images.index_select(0, chosen), self.digits[chosen]

    def all(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets of all."""
        return self[:]


def widths_of(data: Dataset, task: str, hidden: tuple[int, ...]) -> tuple[int, ...]:
    """Units of every layer of a network for a task, from the inputs to the logits."""
    if task == "single":
        return (data.n_inputs, *hidden, data.n_classes)
    return (len(SOURCES) * data.n_inputs, *hidden, N_HEADS * N_CLASSES)


def training_samples(
    data: Dataset, task: str, n_pairs: int, validation_fraction: float, seed: int
) -> tuple[Samples, Samples]:
    """Choose what a network is trained on, and what validates it.

    Parameters
    ----------
    data
        Single images, whose training part is split in two.
    task
        One of :data:`TASKS`.
    n_pairs
        To draw for training, if the task is one of pairs.
    validation_fraction
        Of the training images.
    seed
        Of the split, and of the pairs.

    Raises
    ------
    ValueError
        If there is no such task, a part would be empty, or the number of pairs is outside its
        range.
    """
    check_choice("task", task, TASKS)
    n_pairs = check_whole("n_pairs", n_pairs, 1, MOST_PAIRS)
    if task == "crossed":
        return training_pairs(data, task, n_pairs, validation_fraction, seed)
    parts = split(len(data.train_inputs), validation_fraction, seed)
    training, validation = (Singles(data.train_inputs, data.train_targets, part) for part in parts)
    return training, validation


def held_out_samples(data: Dataset, task: str, n_pairs: int) -> Samples:
    """All test images, or so many pairs of them: the same for all networks.

    Raises
    ------
    ValueError
        If there is no such task, or the number of pairs is outside its range.
    """
    check_choice("task", task, TASKS)
    n_pairs = check_whole("n_pairs", n_pairs, 1, MOST_PAIRS)
    if task == "crossed":
        return held_out_pairs(data, task, n_pairs)
    return Singles(data.test_inputs, data.test_targets, torch.arange(len(data.test_inputs)))


def losses_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of every sample ``[samples]``, added up over heads where there are two."""
    if targets.dim() == 2:
        return loss_of_heads(logits, targets)
    return functional.cross_entropy(logits, targets, reduction="none")


def accuracies_of(logits: Tensor, targets: Tensor) -> list[float]:
    """The share of samples that are told right, by each head."""
    if targets.dim() == 2:
        return accuracy_of_heads(logits, targets)
    return [(logits.argmax(dim=1) == targets).double().mean().item()]
