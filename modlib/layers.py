"""The hidden layers of a model: how many there are, and the model cut in two at one of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from torch import Tensor, nn

from modlib.models import MLP
from modlib.validation import is_whole


def n_hidden_layers(model: nn.Module) -> int:
    """Count the hidden layers at which a model can be cut.

    Raises
    ------
    ValueError
        If it is neither an :class:`~modlib.models.MLP` nor a :class:`torch.nn.Sequential`, or has
        none.
    """
    count = model.n_hidden if isinstance(model, MLP) else len(_starts(model)) - 1
    if count < 1:
        raise ValueError(
            "model must have a hidden layer, that is, at least two modules with weights. "
            f"Got {count + 1}."
        )
    return count


def cut(
    model: nn.Module, layer: int
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Cut a model at a hidden layer: the map from inputs to it, and from it to the logits.

    In a :class:`torch.nn.Sequential` a layer starts with each module that has weights; its
    activations are taken after all that follows up to the next, such as ReLU and dropout.

    Raises
    ------
    ValueError
        If the model has no such layer; see :func:`n_hidden_layers`.
    """
    if not is_whole(layer) or not 1 <= layer <= n_hidden_layers(model):
        raise ValueError(f"layer must be between 1 and {n_hidden_layers(model)}. Got {layer!r}.")
    if isinstance(model, MLP):
        return (
            lambda inputs: model.to_layer(inputs, layer),
            lambda activations: model.from_layer(activations, layer),
        )
    parts, stop = cast(nn.Sequential, model), _starts(model)[layer]
    return parts[:stop], parts[stop:]


def _starts(model: nn.Module) -> list[int]:
    """Positions in a sequential model of the modules that have weights."""
    if not isinstance(model, nn.Sequential):
        raise ValueError(
            "model must be a modlib.models.MLP or a torch.nn.Sequential. "
            f"Got {type(model).__name__}: wrap its parts in a Sequential."
        )
    return [index for index, module in enumerate(model) if any(True for _ in module.parameters())]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout and the like off for a while, then put every part back as it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
