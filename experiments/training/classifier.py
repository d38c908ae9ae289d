"""Networks of any architecture, trained to tell classes by the plain loop."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from experiments.architectures import build
from experiments.config import TrainingConfig
from experiments.data import Dataset, split
from experiments.datasets import shape_of
from experiments.training.loop import Fit, Objective, fit


@dataclass(frozen=True)
class Classifier:
    """A network, the samples that it saw, and how its training went."""

    model: nn.Module
    seed: int
    training: TensorDataset
    validation: tuple[Tensor, Tensor]
    fit: Fit

    @property
    def history(self) -> list[dict[str, float]]:
        """What each epoch brought; see :class:`~experiments.training.loop.Fit`."""
        return self.fit.history

    @property
    def best_epoch(self) -> int:
        """Number of epochs after which the kept weights were reached."""
        return self.fit.best_epoch


def train_classifier(
    architecture: str, config: TrainingConfig, data: Dataset, seed: int
) -> Classifier:
    """Train one network on a data set, by the paper's recipe.

    Parameters
    ----------
    architecture
        One of :data:`experiments.architectures.ARCHITECTURES`.
    config
        The recipe and the regularisers; its widths do not matter here.
    data
        One of :data:`experiments.datasets.DATASETS`; a fraction of its training samples validates.
    seed
        Draws initial weights, the split, batches and dropout, each by a stream of its own.

    Raises
    ------
    ValueError
        If there is no such architecture, it does not fit the samples, or the seed is not a whole
        number of at least 0.
    """
    model = build(
        architecture, shape_of(data.name), data.n_classes, dropout=config.dropout, seed=seed
    )
    chosen, held_out = split(len(data.train_inputs), config.validation_fraction, seed)
    training = TensorDataset(data.train_inputs[chosen], data.train_targets[chosen])
    validation = data.train_inputs[held_out], data.train_targets[held_out]
    found = fit(
        model, penalized(config), training, validation, config, seed=seed, validate=cross_entropy
    )
    return Classifier(model, seed, training, validation, found)


def cross_entropy(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy of a model's logits."""
    return functional.cross_entropy(model(inputs), targets)


def penalized(config: TrainingConfig) -> Objective:
    """Return the cross-entropy plus ``l1 * sum |W| + l2 * sum W**2``.

    The sums are over all parameters with two axes or more: biases and what scales a normalisation
    are excepted.
    """

    def objective(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = cross_entropy(model, inputs, targets)
        for weights in model.parameters():
            if weights.dim() > 1:
                if config.l2:
                    loss = loss + config.l2 * weights.square().sum()
                if config.l1:
                    loss = loss + config.l1 * weights.abs().sum()
        return loss

    return objective
