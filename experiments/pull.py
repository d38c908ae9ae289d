"""What pulls a network towards modules: soft modularity of its units, as a term of the loss.

A network is trained on its loss less the *pull* times :math:`Q(S, P)`, with S the similarity of a
hidden layer's units on the batch at hand, released and normalised, and P a soft assignment of
these units to a few modules that is learnt beside the weights (the paper wishes for it, section
5). Which S it is depends on the *target*:

``up``
    Covariance: units are to vary together.
``down``
    Output sensitivity: units are to act together.
``both``
    Both of them with one P, so that units that vary together are to act together.
``shuffled``
    Covariance, with the units of P shuffled anew for every batch. This is the control: it pulls as
    ``up`` does, but no unit can learn where it belongs.
``none``
    Nothing.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from modlib.models import MLP
from modlib.seeds import generator
from modlib.soft import soft_modularity

TARGETS = {
    "none": (),
    "up": ("covariance",),
    "down": ("output_sensitivity",),
    "both": ("covariance", "output_sensitivity"),
    "shuffled": ("covariance",),
}
"""The measures whose modularity each target raises."""
HOTTEST, COLDEST = 0.1, 0.02
"""Temperature of the soft assignments in the first epoch and in the last."""
NOTHING = 1e-12  # of the largest: what a unit that does not vary may have of similarity with itself


class Pulled(nn.Module):
    """A network beside the free numbers of its soft assignments: one optimiser trains both.

    Parameters
    ----------
    model
        The network.
    most_modules
        How many there may be: the columns of the assignments.
    target
        One of :data:`TARGETS`.
    seed
        Draws the free numbers, near zero, and what is shuffled.
    """

    def __init__(self, model: MLP, most_modules: int, target: str, seed: int) -> None:
        super().__init__()
        self.model, self.target = model, target
        self.temperature = HOTTEST
        random = generator(seed, "soft assignments")
        widths = model.widths[1:-1]
        self.free = nn.ParameterList(
            0.1 * HOTTEST * torch.randn(width, most_modules, generator=random) for width in widths
        )
        self._random = generator(seed, "shuffled assignments")

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs to logits."""
        return self.model(inputs)

    def assignments(self) -> list[Tensor]:
        """Soft assignment ``[units, modules]`` of each hidden layer, each row of which sums to one.

        Those of the target ``shuffled`` have other rows each time.
        """
        soft = [(free / self.temperature).softmax(dim=1) for free in self.free]
        if self.target == "shuffled":
            soft = [rows[torch.randperm(len(rows), generator=self._random)] for rows in soft]
        return soft

    def labels(self) -> list[list[int]]:
        """The module of each unit, by hidden layer, that has most of it."""
        return [free.argmax(dim=1).tolist() for free in self.free]

    def anneal(self, epoch: int, n_epochs: int) -> None:
        """Set the temperature of an epoch, from 1: it falls by the same factor each time."""
        part = (epoch - 1) / max(n_epochs - 1, 1)
        self.temperature = HOTTEST * (COLDEST / HOTTEST) ** part


# --------------------------------------------------------------------------------- the objective


def pulled_loss(
    loss: Callable[[Tensor, Tensor], Tensor], pull: float
) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """Return the loss of logits less the pull times Q, for :func:`experiments.training.loop.fit`.

    Q is averaged over hidden layers, and added up over the measures of the target.

    Parameters
    ----------
    loss
        From logits and targets to the mean loss.
    pull
        Weight of Q.
    """

    def objective(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        assert isinstance(model, Pulled)
        values = layers_of(model.model, inputs)
        found = loss(values[-1], targets)
        return found - pull * modularity_of(model, values) if pull else found

    return objective


def modularity_of(model: Pulled, values: list[Tensor]) -> Tensor:
    """Soft modularity of a batch: mean over hidden layers, sum over the measures of the target.

    Parameters
    ----------
    model
        With its assignments.
    values
        As :func:`layers_of` returns them.
    """
    soft, total = model.assignments(), torch.zeros(())
    for measure in TARGETS[model.target]:
        for similarity, rows in zip(MEASURED[measure](model.model, values), soft, strict=True):
            total = total + soft_modularity(similarity, rows)
    return total / len(soft)


def layers_of(model: MLP, inputs: Tensor) -> list[Tensor]:
    """Values ``[samples, units]`` of every layer after the input, the logits last."""
    values = []
    for index, linear in enumerate(model.linears):
        inputs = linear(inputs)
        if index < model.n_hidden:
            inputs = nn.functional.dropout(inputs.relu(), model.dropout, model.training)
        values.append(inputs)
    return values


def covariances(model: MLP, values: list[Tensor]) -> list[Tensor]:
    """Absolute correlation ``[units, units]`` of the units of every hidden layer on a batch."""
    found = []
    for layer in values[: model.n_hidden]:
        apart = layer - layer.mean(dim=0)
        found.append(_normalized(apart.mT @ apart))
    return found


def output_sensitivities(model: MLP, values: list[Tensor]) -> list[Tensor]:
    """Absolute cosine ``[units, units]`` of the logits' derivatives by units, on a batch.

    Derivatives are products of weights of units that are active, so that this can be followed in
    the weights; whether a unit is active makes steps, which have no slope.
    """
    weights = [linear.weight for linear in model.linears]
    jacobian, found = weights[-1].unsqueeze(0), []  # of the last hidden layer, one for all samples
    for layer in range(model.n_hidden, 0, -1):
        if layer < model.n_hidden:
            active = (values[layer] > 0).to(jacobian).unsqueeze(1)
            jacobian = (jacobian * active) @ weights[layer]
        rows = jacobian.flatten(0, 1)
        found.append(_normalized(rows.mT @ rows))
    return found[::-1]


MEASURED = {"covariance": covariances, "output_sensitivity": output_sensitivities}
"""From a network and the values of its layers to similarities, ``[units, units]`` of each."""


def _normalized(products: Tensor) -> Tensor:
    """Absolute products over the geometric mean of the units' own; zero for units not in use."""
    own = products.diagonal()
    used = own.detach() > NOTHING * own.detach().max()
    root = torch.where(used, own, torch.ones_like(own)).sqrt()
    return products.abs() / (root[:, None] * root) * (used[:, None] & used)
