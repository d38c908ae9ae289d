"""Networks whose modules are planted: masks say who hears which digit, and who speaks to whom.

The first hidden layer has four kinds of unit, a quarter of the units each: those that hear A and
speak to head 1, hear A and speak to head 2, hear B and speak to head 1, hear B and speak to head 2.
The second has two kinds: those that speak to head 1, and those that speak to head 2. What a mask
forbids is not cut but multiplied by the *leak*: 0 cuts it, 1 leaves it as it is.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from modlib.models import MLP, check_widths
from modlib.validation import is_number

Labels = dict[tuple[int, str], list[int]]
WAYS = (
    ((0, "source"), (1, "source")),
    ((1, "head"), (2, "head")),
    ((2, "head"), (3, "head")),
)
"""For each weight matrix, by which labels units before it and after it are connected."""


def planted_labels(widths: Sequence[int]) -> Labels:
    """Say which digit the units of each layer hear, and to which head they speak.

    Parameters
    ----------
    widths
        Of the input, two hidden layers, and the logits.

    Returns
    -------
    dict
        Labels ``[units]`` by layer and truth: 0 for A and head 1, 1 for B and head 2. Layer 0, the
        pixels, and layer 1 have a ``"source"``, layers 1 and 2 and layer 3, the logits, a
        ``"head"``.

    Raises
    ------
    ValueError
        If there are not two hidden layers, or their units cannot be shared out evenly.
    """
    widths = check_widths(widths)
    if len(widths) != 4 or widths[1] % 4 or any(width % 2 for width in widths):
        raise ValueError(
            "hidden must be two widths, of a multiple of 4 and a multiple of 2 units, so that all "
            f"kinds of unit are planted alike. Got {list(widths[1:-1])}."
        )

    def shared_out(width: int, n_kinds: int) -> Tensor:
        return torch.arange(width) * n_kinds // width

    pixels, first, second, logits = widths
    labels = {
        (0, "source"): shared_out(pixels, 2),
        (1, "source"): shared_out(first, 4) // 2,
        (1, "head"): shared_out(first, 4) % 2,
        (2, "head"): shared_out(second, 2),
        (3, "head"): shared_out(logits, 2),
    }
    return {place: found.tolist() for place, found in labels.items()}


class Leak(nn.Module):
    """Multiplies weights by 1 where a mask allows them, and by the leak where it does not."""

    share: Tensor

    def __init__(self, mask: Tensor, leak: float) -> None:
        super().__init__()
        self.register_buffer("share", torch.where(mask, 1.0, leak))

    def forward(self, weight: Tensor) -> Tensor:
        """Map weights ``[units out, units in]`` to the effective ones."""
        return weight * self.share


def plant(model: MLP, leak: float) -> None:
    """Put masks over the weights of a network, in place, before it is trained.

    Initial weights are scaled up as if each unit had just the inputs that its mask leaves it: else
    its signal would be too weak from the start. :func:`uproot` takes the masks away.

    Raises
    ------
    ValueError
        As for :func:`planted_labels`, if the model is no :class:`~modlib.models.MLP`, or the leak
        no number from 0 to 1.
    """
    if not isinstance(model, MLP):
        raise ValueError(f"model must be a modlib.models.MLP. Got {type(model).__name__}.")
    if not is_number(leak) or not 0 <= leak <= 1:
        raise ValueError(f"leak must be a number from 0 to 1. Got {leak!r}.")
    labels = planted_labels(model.widths)
    for linear, (before, after) in zip(model.linears, WAYS, strict=True):
        mask = torch.tensor(labels[after])[:, None] == torch.tensor(labels[before])
        leaky = Leak(mask, float(leak))
        with torch.no_grad():
            fan_in = leaky.share.square().sum(dim=1, keepdim=True)
            linear.weight.mul_((linear.in_features / fan_in).sqrt())
        parametrize.register_parametrization(linear, "weight", leaky)


def uproot(model: MLP) -> MLP:
    """Return a plain network, without masks, that has the effective weights of one with masks."""
    plain = MLP(model.widths, model.dropout).train(model.training)
    with torch.no_grad():
        for linear, masked in zip(plain.linears, model.linears, strict=True):
            linear.weight.copy_(masked.weight)
            linear.bias.copy_(masked.bias)
    return plain
