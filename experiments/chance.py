"""What modularity is worth of a layer: beside null models, fewer inputs, and other resolutions.

Every Q here, of a layer as it is and of what chance gives it, is found on the same inputs by the
same search: the paper's, with fewer steps than the tables of modules take.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.comparison import agreement
from modlib.models import MLP
from modlib.nulls import NULLS, Excess, excess_of, null_similarities
from modlib.seeds import generator
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import METHODS, Method

N_INPUTS = 2000
"""On which a layer is held against what chance gives it."""
N_STEPS = 1000
"""Of the Monte Carlo search, in place of the 5,000 of the tables of modules."""
FEWER_INPUTS = (100, 300, 1000, 3000)
"""On which it is tried how many are needed, beside all there are."""
FEWER_DRAWS = 5
"""Of rotations, for each of these numbers of inputs."""
RESOLUTIONS = (0.5, 0.7, 1.0, 1.4, 2.0)
UNIFORM_NULLS = ("configuration", "uniform")


def some(inputs: Tensor, targets: Tensor, n_samples: int) -> tuple[Tensor, Tensor]:
    """Choose samples at random, always the same ones; all of them if there are no more."""
    order = torch.randperm(len(inputs), generator=generator(0, "some samples"))
    chosen = order[:n_samples].to(inputs.device)
    return inputs[chosen], targets[chosen]


def null_rows(
    model: MLP, inputs: Tensor, targets: Tensor, *, draws: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Hold the Q of every method and layer against that of layers turned and shuffled.

    Parameters
    ----------
    model, inputs, targets
        The network and held-out samples, of which :data:`N_INPUTS` are used.
    draws
        Of each null model.
    seed
        Of the draws.

    Yields
    ------
    dict
        A row of the table ``nulls``, without the columns that name the network.
    """
    inputs, targets = some(inputs, targets, N_INPUTS)
    whole = similarity_matrices(model, inputs, targets)
    for layer in range(1, model.n_hidden + 1):
        for null in NULLS:
            drawn = null_similarities(
                model, inputs, targets, layer, null=null, draws=draws, seed=seed
            )
            for name, found in _beside_chance(whole, drawn, layer):
                yield name | {
                    "null": null,
                    "q": found.q,
                    "null_mean": found.mean,
                    "null_std": found.std if draws > 1 else 0.0,
                    "p": found.p,
                }


def input_rows(
    model: MLP, inputs: Tensor, targets: Tensor, *, seed: int
) -> Iterator[dict[str, Any]]:
    """Say what fewer inputs change: Q, what rotations give, and the modules.

    Parameters
    ----------
    model, inputs, targets, seed
        As for :func:`null_rows`.

    Yields
    ------
    dict
        A row of the table ``inputs``, without the columns that name the network.
    """
    numbers = [*(number for number in FEWER_INPUTS if number < len(inputs)), len(inputs)]
    reference: dict[tuple[Any, ...], np.ndarray] = {}
    for n_inputs in reversed(numbers):
        samples = some(inputs, targets, n_inputs)
        whole = similarity_matrices(model, *samples)
        for layer in range(1, model.n_hidden + 1):
            drawn = null_similarities(model, *samples, layer, draws=FEWER_DRAWS, seed=seed)
            for name, found in _beside_chance(whole, drawn, layer):
                labels = found.modules.labels
                reference.setdefault(tuple(name.values()), labels)
                yield name | {
                    "n_inputs": n_inputs,
                    "q": found.q,
                    "null_mean": found.mean,
                    "element": agreement(labels, reference[tuple(name.values())]),
                }


def _beside_chance(
    whole: Mapping[tuple[int, str, str], Similarity],
    drawn: Mapping[tuple[str, str], Sequence[Similarity]],
    layer: int,
) -> Iterator[tuple[dict[str, Any], Excess]]:
    """The excess of each method in each convention, and the columns that name it."""
    for (measure, convention), by_chance in drawn.items():
        for normalized in (False, True):
            found = excess_of(
                _chosen(whole[layer, measure, convention], normalized),
                [_chosen(similarity, normalized) for similarity in by_chance],
                n_steps=N_STEPS,
            )
            method = Method(measure, normalized)._asdict()
            yield {"layer": layer, **method, "convention": convention}, found


def n_numbers_of_inputs(n_inputs: int) -> int:
    """Count the numbers of inputs that are tried where there are so many."""
    return 1 + sum(number < n_inputs for number in FEWER_INPUTS)


def resolution_rows(
    matrices: Mapping[tuple[int, str], Mapping[Method, Similarity]], seed: int
) -> Iterator[dict[str, Any]]:
    """Say what Newman's null model and its resolution do to the modules.

    Parameters
    ----------
    matrices
        Similarities by layer and convention, and by method.
    seed
        Of the paper's search.

    Yields
    ------
    dict
        A row of the table ``resolutions``, without the columns that name the network.
    """
    for (layer, convention), similarities in matrices.items():
        for method in METHODS:
            usual = _at(similarities[method], "configuration", 1.0, seed)
            for null in UNIFORM_NULLS:
                for resolution in RESOLUTIONS:
                    is_usual = (null, resolution) == ("configuration", 1.0)
                    found = usual if is_usual else _at(
                        similarities[method], null, resolution, seed
                    )  # fmt: skip
                    yield {
                        "layer": layer,
                        **method._asdict(),
                        "convention": convention,
                        "null": null,
                        "resolution": resolution,
                        "q": found.q,
                        "effective": found.effective,
                        "element": agreement(found.labels, usual.labels),
                    }


def _at(similarity: Similarity, null: str, resolution: float, seed: int) -> Modules:
    return find_modules(similarity, null=null, resolution=resolution, seed=seed)


def _chosen(similarity: Similarity, normalized: bool) -> Similarity:
    return similarity.normalized() if normalized else similarity
