"""Networks that are pulled towards modules while they are trained."""

from dataclasses import dataclass

from torch import Tensor

from experiments.config import TrainingConfig
from experiments.data import Dataset
from experiments.pull import Pulled, pulled_loss
from experiments.tasks import Samples, losses_of, training_samples, widths_of
from experiments.training.heads import widen_initial_weights
from experiments.training.loop import Fit, fit
from modlib.models import MLP


@dataclass(frozen=True)
class PulledNetwork:
    """A network, the assignments that were learnt beside it, and how its training went."""

    model: MLP
    seed: int
    labels: list[list[int]] | None
    """For each hidden layer the module of each unit, or None if there was no assignment."""
    sharpness: list[float] | None
    """For each hidden layer how much of a unit is in its module, averaged over units."""
    training: Samples
    validation: Samples
    fit: Fit

    @property
    def history(self) -> list[dict[str, float]]:
        """What each epoch brought; see :class:`~experiments.training.loop.Fit`."""
        return self.fit.history

    @property
    def best_epoch(self) -> int:
        """Number of epochs after which the kept weights were reached."""
        return self.fit.best_epoch


def train_pulled(
    config: TrainingConfig, data: Dataset, task: str, target: str, pull: float, seed: int,
    *, most_modules: int = 8, n_pairs: int = 50_000,
) -> PulledNetwork:  # fmt: skip
    """Train one network, and pull it towards modules.

    Parameters
    ----------
    config
        The recipe and the regularisers.
    data
        Single images.
    task
        One of :data:`experiments.tasks.TASKS`.
    target, pull
        As :mod:`experiments.pull` has them.
    seed
        Draws initial weights and assignments, samples, batches and what is shuffled, each by a
        stream of its own.
    most_modules
        Columns of the soft assignments.
    n_pairs
        How many pairs there are to train on, if the task is one of pairs.
    """
    training, validation = training_samples(data, task, n_pairs, config.validation_fraction, seed)
    model = MLP(widths_of(data, task, config.hidden), config.dropout, seed=seed)
    if task == "crossed":
        widen_initial_weights(model)
    pulled = Pulled(model, most_modules, target, seed)

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        penalty = sum(linear.weight.square().sum() for linear in model.linears)
        return losses_of(logits, targets).mean() + config.l2 * penalty

    found = fit(
        pulled, pulled_loss(loss, pull), training, validation.all(), config, seed=seed,
        before_epoch=lambda epoch: pulled.anneal(epoch, config.max_epochs),
    )  # fmt: skip
    return PulledNetwork(
        model,
        seed,
        pulled.labels() if pull else None,
        [rows.amax(dim=1).mean().item() for rows in pulled.assignments()] if pull else None,
        training,
        validation,
        found,
    )
