"""Layers of a model: by the number of a hidden layer, by name, or by module."""

from collections.abc import Hashable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from modlib.models import MLP
from modlib.validation import is_whole


@dataclass(frozen=True)
class Layer:
    """A place in a model that has a value."""

    name: int | str
    """Number of a hidden layer from 1, or a name as in ``model.named_modules()``."""
    module: nn.Module
    is_input: bool = False
    """Whether its value is what goes into the module, rather than what comes out of it."""
    call: int | None = None
    """Which of the module's calls counts, from 0; unless given all do, and are positions."""

    @property
    def kind(self) -> str:
        """The kind of module whose value it is."""
        return "hidden layer" if self.is_input else type(self.module).__name__


def unwrapped(model: Any) -> nn.Module:
    """Return the model within the wrappers of ``torch.compile`` and of data parallelism.

    Raises
    ------
    ValueError
        If it is no :class:`torch.nn.Module`, or a scripted one.
    """
    while isinstance(model, nn.Module):
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):  # of torch.compile
            model = model._orig_mod
        else:
            break
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module. Got {type(model).__name__}.")
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError(
            "model must be a module of Python, whose layers can be watched. Got a scripted one: "
            "pass the module that it was made from."
        )
    return model


def n_hidden_layers(model: nn.Module) -> int:
    """Count the hidden layers that have a number.

    Raises
    ------
    ValueError
        If it is neither an :class:`~modlib.models.MLP` nor a :class:`torch.nn.Sequential`, has
        none, or is no module at all.
    """
    return len(_hidden(unwrapped(model))) - 1


def find_layers(model: nn.Module, layer: Any) -> tuple[Layer, ...]:
    """Find the layer, or the layers whose units are taken together, that is asked for.

    Parameters
    ----------
    model
        Any module.
    layer
        The number of a hidden layer, from 1, of an MLP or a Sequential: its value is taken where
        it enters the next module with weights, that is, after ReLU, dropout and the like. Or a
        name of ``model.named_modules()``, or a module itself: its value is what comes out of it.
        Or a list of such.

    Raises
    ------
    ValueError
        If there is none of this number or name, one is listed twice, or the model is no module.
    """
    model = unwrapped(model)
    if not isinstance(layer, (list, tuple)):
        return (_find(model, layer),)
    found = tuple(_find(model, one) for one in layer)
    if not found or len({one.name for one in found}) < len(found):
        raise ValueError(f"layer must be one, or a list of different ones. Got {layer!r}.")
    return found


def name_of(layers: tuple[Layer, ...]) -> Hashable:
    """Name of a layer, or names of those that are taken together."""
    names = tuple(layer.name for layer in layers)
    return names if len(names) > 1 else names[0]


def hidden_layers(model: nn.Module) -> list[Layer]:
    """Hidden layers that have a number, from 1; none if the model is no chain."""
    try:
        after = _hidden(model)
    except ValueError:
        return []
    return [_hidden_layer(after, number) for number in range(1, len(after))]


def _find(model: nn.Module, layer: Any) -> Layer:
    names = {module: name for name, module in model.named_modules()}
    if isinstance(layer, nn.Module):
        if unwrapped(layer) not in names:
            raise ValueError(
                f"layer must be a part of the model. Got a {type(layer).__name__} that is not: "
                "has the model been copied?"
            )
        return Layer(names[unwrapped(layer)], unwrapped(layer))
    if isinstance(layer, str):
        by_name = dict(model.named_modules(remove_duplicate=False))
        del by_name[""]  # the model itself, whose units are its outputs
        if layer not in by_name:
            near = get_close_matches(layer, list(by_name), n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
            raise ValueError(
                f"layer must be a name in model.named_modules(). Got {layer!r}: {hint}"
                "modlib.list_layers(model, inputs) lists them."
            )
        return Layer(layer, by_name[layer])
    if not is_whole(layer):
        raise ValueError(
            "layer must be the number of a hidden layer, the name of a module, a module, or a list "
            f"of them. Got {layer!r}."
        )
    after = _hidden(model)
    if not 1 <= layer < len(after):
        raise ValueError(f"layer must be between 1 and {len(after) - 1}. Got {layer!r}.")
    return _hidden_layer(after, int(layer))


def _hidden_layer(after: list[nn.Module], number: int) -> Layer:
    module = after[number]
    call = after[:number].count(module) if after.count(module) > 1 else None
    return Layer(number, module, is_input=True, call=call)


def _hidden(model: nn.Module) -> list[nn.Module]:
    """Modules with weights of a chain, in order: hidden layer k goes into the one numbered k."""
    weighted = model.linears if isinstance(model, MLP) else _weighted(model)
    if len(weighted) < 2:
        raise ValueError(
            "model must have a hidden layer, that is, at least two modules with weights. "
            f"Got {len(weighted)}."
        )
    return list(weighted)


def _weighted(model: nn.Module) -> list[nn.Module]:
    """Modules of a chain that have weights, in order; a chain within a chain is part of it."""
    if not isinstance(model, nn.Sequential):
        raise ValueError(
            "layer must be the name of a module, since only a modlib.models.MLP or a "
            f"torch.nn.Sequential has hidden layers by number. Got a {type(model).__name__}: "
            "modlib.list_layers(model, inputs) lists the names."
        )
    found: list[nn.Module] = []
    for module in model:
        if isinstance(module, nn.Sequential):
            found += _weighted(module)
        elif any(True for _ in module.parameters()):
            found.append(module)
    return found
