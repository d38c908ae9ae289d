"""Relearning: one head of a network on pairs is asked something new, and the rest goes with it.

The head is drawn anew and asked how many of the two digits are multiples of three. There are few
pairs to learn it from, and all weights may change, for the loss of this head alone: so what is
learnt quickly says what the layers before it are good for, and what the other head then has
forgotten how far the two were apart.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from experiments.config import Recipe
from experiments.data import Dataset, split
from experiments.pairs import N_CLASSES, N_HEADS, Pairs, by_head, draw_pairs
from experiments.training.loop import Objective, fit
from modlib.models import MLP
from modlib.seeds import generator

N_PAIRS, N_VALIDATION_PAIRS = 2000, 500
RECIPE = Recipe(max_epochs=20, patience=20)
"""Of relearning: 200 steps."""


@dataclass(frozen=True, eq=False)
class Relearning:
    """Pairs with the number of multiples of three as their targets ``[pairs]``."""

    pairs: Pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, chosen: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Inputs ``[pairs, 2 x pixels]`` and targets of some of them."""
        digits = self.pairs.digits[self.pairs.members[chosen]]
        return self.pairs[chosen][0], (digits % 3 == 0).sum(dim=1)


def transfer_rows(
    model: MLP, data: Dataset, test: Pairs, validation_fraction: float, seed: int
) -> Iterator[dict[str, Any]]:
    """Relearn each head in a copy of the network.

    Parameters
    ----------
    model
        A network with two heads; it is left as it is.
    data
        Whose training images it was trained on.
    test
        Held-out pairs.
    validation_fraction
        Of the training images, of which none is learnt from.
    seed
        That of the network.

    Yields
    ------
    dict
        A row of the table ``dials_transfer``, without the columns that name the network.
    """
    training, validation = (
        Relearning(pairs) for pairs in _new_pairs(data, test.task, validation_fraction, seed)
    )
    inputs, usual = test.all()
    wanted = Relearning(test)[:][1]
    for head in range(N_HEADS):
        other = 1 - head
        found = with_new_head(model, head, seed)

        def objective(
            network: nn.Module, inputs: Tensor, targets: Tensor, of: int = head
        ) -> Tensor:
            return functional.cross_entropy(by_head(network(inputs))[:, of], targets)

        fit(found, objective, training, validation[:], RECIPE, seed=seed)
        yield {
            "head": head + 1,
            "learnt": _accuracy(found, inputs, wanted, head),
            "other_before": _accuracy(model, inputs, usual[:, other], other),
            "other_after": _accuracy(found, inputs, usual[:, other], other),
        }


def _new_pairs(data: Dataset, task: str, validation_fraction: float, seed: int) -> Iterator[Pairs]:
    parts = split(len(data.train_inputs), validation_fraction, seed)
    for chosen, n_pairs, purpose in zip(
        parts, (N_PAIRS, N_VALIDATION_PAIRS), ("pairs to relearn", "pairs to validate relearning"),
        strict=True,
    ):  # fmt: skip
        images, digits = data.train_inputs[chosen], data.train_targets[chosen]
        yield draw_pairs(images, digits, n_pairs, task, generator(seed, purpose))


def loss_of_head(head: int) -> Objective:
    """Return the mean cross-entropy of one head, from 0, whose targets are ``[pairs]``."""

    def objective(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(by_head(model(inputs))[:, head], targets)

    return objective


def with_new_head(model: MLP, head: int, seed: int) -> MLP:
    """Return a copy of a network in which one head, from 0, is drawn anew and all may learn."""
    found = deepcopy(model)
    last = found.linears[-1]
    rows = slice(head * N_CLASSES, (head + 1) * N_CLASSES)
    bound, random = 1 / sqrt(last.in_features), generator(seed, f"new head {head + 1}")
    with torch.no_grad():
        for weights in (last.weight[rows], last.bias[rows]):
            weights.uniform_(-bound, bound, generator=random)
    return found.requires_grad_()


def _accuracy(model: MLP, inputs: Tensor, targets: Tensor, head: int) -> float:
    with torch.inference_mode():
        told = by_head(model(inputs))[:, head].argmax(dim=1)
    return (told == targets).double().mean().item()
