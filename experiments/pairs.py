"""Pairs of digits side by side, and what the two heads of a network are asked about them.

A pair is a digit A and a digit B. Its inputs are the pixels of A, then those of B; its targets are
a class for each of two heads, 0, 1 or 2, in one of two tasks:

``crossed``
    Head 1: how many of A and B are odd. Head 2: how many of A and B are 5 or more. Each head needs
    both digits, and each digit is needed by both heads.
``parallel``
    Head 1: A alone, 1 if it is odd, and 1 more if it is 5 or more. Head 2: the same of B alone.
    Whom a unit hears and to whom it speaks go together.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from experiments.data import Dataset, split
from modlib.seeds import generator
from modlib.validation import check_choice

TASKS = ("crossed", "parallel")
"""What the heads may be asked."""
SOURCES, N_HEADS, N_CLASSES = ("A", "B"), 2, 3
PAIRS_PER_VALIDATION = 10  # that are trained on, for each that validates


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of images, put side by side when they are asked for: a tensor of numbers picks them.

    Raises
    ------
    ValueError
        If there is no such task.
    """

    images: Tensor
    """Those that there are to choose from, ``[images, pixels]``."""
    digits: Tensor
    """What each of them shows, ``[images]``."""
    members: Tensor
    """Which of them are the A and the B of each pair, ``[pairs, 2]``."""
    task: str

    def __post_init__(self) -> None:
        check_choice("task", self.task, TASKS)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, pairs: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Inputs ``[pairs, 2 x pixels]`` and targets ``[pairs, heads]`` of some pairs."""
        members = self.members[pairs]
        flat = members.flatten()
        inputs = self.images.index_select(0, flat).reshape(len(members), -1)
        a, b = self.digits[flat].reshape(-1, len(SOURCES)).T
        return inputs, targets_of(a, b, self.task)

    def all(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets of all pairs."""
        return self[:]

    def exchanged(self, source: int) -> "Pairs":
        """Return the pairs with one digit of each exchanged for that of the next pair.

        Parameters
        ----------
        source
            0 exchanges A, 1 exchanges B. The last pair is given that of the first.
        """
        members = self.members.clone()
        members[:, source] = members[:, source].roll(-1)
        return replace(self, members=members)


def targets_of(a: Tensor, b: Tensor, task: str) -> Tensor:
    """Return the class of each head, ``[pairs, heads]``, for digits ``[pairs]``."""
    odd, large = (torch.stack([test(a), test(b)]) for test in (_is_odd, _is_large))
    return torch.stack([odd.sum(dim=0), large.sum(dim=0)], dim=1) if task == "crossed" else (
        odd + large
    ).T  # fmt: skip


def _is_odd(digits: Tensor) -> Tensor:
    return digits % 2


def _is_large(digits: Tensor) -> Tensor:
    return (digits >= 5).long()


def draw_pairs(
    images: Tensor, digits: Tensor, n_pairs: int, task: str, random: torch.Generator
) -> Pairs:
    """Draw pairs of images, each member by itself, with replacement.

    Parameters
    ----------
    images, digits
        Shapes ``[images, pixels]`` and ``[images]``.
    n_pairs
        How many to draw.
    task
        One of :data:`TASKS`.
    random
        Draws them.
    """
    members = torch.randint(len(images), (n_pairs, len(SOURCES)), generator=random)
    return Pairs(images, digits, members, task)


def training_pairs(
    data: Dataset, task: str, n_pairs: int, validation_fraction: float, seed: int
) -> tuple[Pairs, Pairs]:
    """Draw the pairs that a network is trained on, and a tenth as many that validate it.

    The training images are split first, so that no image is in both; the split and each of the
    two draws have a random stream of their own.
    """
    training, validation = split(len(data.train_inputs), validation_fraction, seed)
    parts = {
        "training pairs": (training, n_pairs),
        "validation pairs": (validation, max(1, n_pairs // PAIRS_PER_VALIDATION)),
    }
    train, validate = (
        draw_pairs(
            data.train_inputs[chosen], data.train_targets[chosen], number, task,
            generator(seed, purpose),
        )
        for purpose, (chosen, number) in parts.items()
    )  # fmt: skip
    return train, validate


def held_out_pairs(data: Dataset, task: str, n_pairs: int) -> Pairs:
    """Draw pairs of test images: the same for all networks, for they are measured on them."""
    random = generator(0, "test pairs")
    return draw_pairs(data.test_inputs, data.test_targets, n_pairs, task, random)


# -------------------------------------------------------------------------------------- the heads


def by_head(logits: Tensor) -> Tensor:
    """Reshape logits ``[..., heads x classes]``, head 1 first, to ``[..., heads, classes]``."""
    return logits.unflatten(-1, (N_HEADS, N_CLASSES))


def loss_of_heads(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the sum of the heads' cross-entropies for every pair, ``[pairs]``.

    Parameters
    ----------
    logits, targets
        Shapes ``[pairs, heads x classes]`` and ``[pairs, heads]``.
    """
    return functional.cross_entropy(by_head(logits).mT, targets, reduction="none").sum(dim=1)


def accuracy_of_heads(logits: Tensor, targets: Tensor) -> list[float]:
    """Return for each head the share of pairs that it tells right.

    Parameters
    ----------
    logits, targets
        Shapes ``[pairs, heads x classes]`` and ``[pairs, heads]``.
    """
    is_right = by_head(logits).argmax(dim=-1) == targets
    return is_right.double().mean(dim=0).tolist()
