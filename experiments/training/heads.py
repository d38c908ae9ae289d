"""Networks with two heads, trained on pairs of digits, with masks over their weights or without."""

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from experiments.config import TrainingConfig
from experiments.data import Dataset
from experiments.pairs import N_CLASSES, N_HEADS, SOURCES, Pairs, loss_of_heads, training_pairs
from experiments.planted import plant, uproot
from experiments.regularizers import PENALTIES
from experiments.training.loop import Fit, Objective, fit
from modlib.models import MLP
from modlib.validation import check_whole

MOST_PAIRS = 10**8  # whose members fit into memory


@dataclass(frozen=True)
class TwoHeaded:
    """A network with two heads, the pairs that it saw, and how its training went."""

    model: MLP
    seed: int
    training: Pairs
    validation: Pairs
    fit: Fit

    @property
    def history(self) -> list[dict[str, float]]:
        """What each epoch brought; see :class:`~experiments.training.loop.Fit`."""
        return self.fit.history

    @property
    def best_epoch(self) -> int:
        """Number of epochs after which the kept weights were reached."""
        return self.fit.best_epoch


def train_heads(
    config: TrainingConfig, data: Dataset, task: str, n_pairs: int, seed: int,
    *, leak: float | None = None,
) -> TwoHeaded:  # fmt: skip
    """Train one network on pairs of training images.

    Parameters
    ----------
    config
        The recipe and the regularisers.
    data
        Single images; see :func:`experiments.pairs.training_pairs`.
    task
        One of :data:`~experiments.pairs.TASKS`.
    n_pairs
        How many pairs there are to train on.
    seed
        Draws initial weights, pairs, batches and dropout, each by a stream of its own.
    leak
        Of masks over the weights; None puts none there. Both are the same network at a leak of 1.

    Raises
    ------
    ValueError
        If there is no such task, the number of pairs or the leak is outside its range, or masks do
        not fit the widths; see :func:`experiments.planted.planted_labels`.
    """
    n_pairs = check_whole("n_pairs", n_pairs, 1, MOST_PAIRS)
    training, validation = training_pairs(data, task, n_pairs, config.validation_fraction, seed)
    widths = (len(SOURCES) * data.n_inputs, *config.hidden, N_HEADS * N_CLASSES)
    model = MLP(widths, config.dropout, seed=seed)
    widen_initial_weights(model)
    if leak is not None:
        plant(model, leak)
    found = fit(
        model, penalized(config), training, validation.all(), config,
        seed=seed, validate=mean_loss,
    )  # fmt: skip
    if leak is not None:
        model = uproot(model)
    return TwoHeaded(model.requires_grad_(False), seed, training, validation, found)


def widen_initial_weights(model: MLP) -> None:
    """Give initial weights the variance 2 / fan-in of He et al. (2015), in place.

    They are drawn with a sixth of it, as is PyTorch's default. With twice as many pixels as the
    paper's networks have, a fifth of the units would then fall silent in training for ever.
    """
    with torch.no_grad():
        for linear in model.linears:
            linear.weight.mul_(sqrt(6.0))


def mean_loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over pairs of the sum of both heads' cross-entropies."""
    return loss_of_heads(model(inputs), targets).mean()


def penalized(config: TrainingConfig) -> Objective:
    """Return the mean loss plus ``l1 * sum |W| + l2 * sum W**2`` over the weight matrices.

    Where there are masks, ``W`` are the effective weights. Of a further penalty only the gradient
    is known: it pulls as it should, and adds nothing to the number.
    """

    def objective(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        with parametrize.cached():  # effective weights are computed once, not once for each use
            loss = mean_loss(model, inputs, targets)
            for linear in model.modules():
                if isinstance(linear, nn.Linear):
                    if config.l2:
                        loss = loss + config.l2 * linear.weight.square().sum()
                    if config.l1:
                        loss = loss + config.l1 * linear.weight.abs().sum()
                    if config.penalty_strength and config.penalty in PENALTIES:
                        loss = loss + config.penalty_strength * _pull(config.penalty, linear.weight)
        return loss

    return objective


def _pull(penalty: str, weight: Tensor) -> Tensor:
    """Zero, with the slope of a recorded penalty."""
    slope = PENALTIES[penalty](weight.detach())
    return (slope * (weight - weight.detach())).sum()
