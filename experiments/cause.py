"""What breaks when units are silenced: the damage of modules, and the synergy of pairs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from torch import Tensor

from experiments.chance import N_INPUTS, some
from modlib.clustering.find import find_modules
from modlib.lesions.damage import Lesions
from modlib.models import MLP
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.factors import factors
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import MEASURES, METHODS, Method

N_LESION_INPUTS = 500
"""On which units are silenced."""
ABLATIONS = ("mean", "zero")

Labels = Mapping[tuple[int, str, Method], Sequence[int]]
"""Of the modules of each layer, by convention and method."""
Signed = dict[Method, np.ndarray]


def lesion_rows(
    model: MLP,
    inputs: Tensor,
    targets: Tensor,
    labels: Labels,
    signed: Mapping[int, Mapping[Method, np.ndarray]],
    *,
    ablation: str,
    draws: int,
    seed: int,
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Silence the modules of every layer, and as large random sets of its units.

    Parameters
    ----------
    model, inputs, targets
        The network and held-out samples, of which :data:`N_LESION_INPUTS` are used.
    labels
        The modules, by layer, convention and method.
    signed
        Signed labels by layer and method, as :func:`signed_labels` gives them.
    ablation
        ``"mean"`` or ``"zero"``.
    draws, seed
        Of the random sets.

    Yields
    ------
    tuple
        A row of the table ``lesions``, and those of the table ``damages``, without the columns that
        name the network.
    """
    inputs, targets = some(inputs, targets, N_LESION_INPUTS)
    for layer in range(1, model.n_hidden + 1):
        lesions = Lesions(model, inputs, targets, layer, ablation=ablation)
        every = [
            *((key[1], False, key[2], found) for key, found in labels.items() if key[0] == layer),
            *(("released", True, method, found) for method, found in signed[layer].items()),
        ]
        for convention, is_signed, method, found in every:
            lesion = lesions.lesion(np.asarray(found), draws=draws, seed=seed)
            name = {"layer": layer, **method._asdict(), "convention": convention}
            row = name | {
                "signed": is_signed,
                "ablation": ablation,
                "n_modules": int(max(found, default=-1)) + 1,
                "specificity": lesion.specificity,
                "null_mean": lesion.mean,
                "null_std": lesion.std,
                "p": lesion.p,
            }
            yield (
                row,
                []
                if is_signed
                else [
                    name | {"module": module, "class": of, "damage": float(damage)}
                    for module, by_class in enumerate(lesion.damage)
                    for of, damage in enumerate(by_class)
                ],
            )


def synergy_rows(
    model: MLP,
    inputs: Tensor,
    targets: Tensor,
    matrices: Mapping[tuple[int, str], Mapping[Method, Similarity]],
    labels: Labels,
    signed: Mapping[int, Mapping[Method, np.ndarray]],
    signed_labels: Mapping[int, Mapping[Method, np.ndarray]],
) -> Iterator[dict[str, Any]]:
    """Compare the similarity of every two units with their synergy.

    Parameters
    ----------
    model, inputs, targets
        As for :func:`lesion_rows`.
    matrices
        Similarities, by layer and convention, and by method.
    labels
        The modules, by layer, convention and method.
    signed, signed_labels
        Signed similarities and their modules, by layer and method.

    Yields
    ------
    dict
        A row of the table ``synergy``, without the columns that name the network.
    """
    inputs, targets = some(inputs, targets, N_LESION_INPUTS)
    for layer in range(1, model.n_hidden + 1):
        synergy = Lesions(model, inputs, targets, layer).synergy().values
        every: list[tuple[str, bool, Method, np.ndarray, Any]] = [
            (convention, False, method, similarity.values, labels[layer, convention, method])
            for (of, convention), by_method in matrices.items() if of == layer
            for method, similarity in by_method.items()
        ]  # fmt: skip
        every += [
            ("released", True, method, values, signed_labels[layer][method])
            for method, values in signed[layer].items()
        ]
        for convention, is_signed, method, values, found in every:
            yield {
                "layer": layer,
                **method._asdict(),
                "convention": convention,
                "signed": is_signed,
                **compared(values, np.asarray(found), synergy),
            }


def compared(similarity: np.ndarray, labels: np.ndarray, synergy: np.ndarray) -> dict[str, Any]:
    """Compare similarity, modules and synergy over all pairs of units in use.

    Parameters
    ----------
    similarity, synergy
        Symmetric, of shape ``[units, units]``.
    labels
        Of shape ``[units]``, -1 for units that are not in use.

    Returns
    -------
    dict
        ``correlation``: Spearman's, of similarity and synergy; ``correlation_absolute``: of
        absolute similarity and absolute synergy; 0 where one of the two does not vary. ``within``
        and ``between``: mean synergy of pairs in one module and in two; ``within_positive`` and
        ``between_positive``: the share of them with positive synergy. None where there are none.
    """
    one, other = np.triu_indices(len(labels), k=1)
    used = (labels[one] >= 0) & (labels[other] >= 0)
    one, other = one[used], other[used]
    values, pairs = similarity[one, other], synergy[one, other]
    together = labels[one] == labels[other]

    def mean(of: np.ndarray) -> float | None:
        return float(of.mean()) if len(of) else None

    return {
        "correlation": _rank_correlation(values, pairs),
        "correlation_absolute": _rank_correlation(np.abs(values), np.abs(pairs)),
        "within": mean(pairs[together]),
        "between": mean(pairs[~together]),
        "within_positive": mean(pairs[together] > 0),
        "between_positive": mean(pairs[~together] > 0),
    }


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)


def signed_similarities(
    model: MLP, inputs: Tensor, targets: Tensor
) -> dict[int, dict[Method, np.ndarray]]:
    """Measure similarity before any absolute value: the mean over inputs of F F^T.

    Parameters
    ----------
    model, inputs, targets
        The network and held-out samples, of which :data:`experiments.chance.N_INPUTS` are used.

    Returns
    -------
    dict
        By layer and method, float64 of shape ``[units, units]``; normalised by the geometric mean
        of the units' own.
    """
    inputs, targets = some(inputs, targets, N_INPUTS)
    found: dict[int, dict[Method, np.ndarray]] = {}
    for layer in range(1, model.n_hidden + 1):
        found[layer] = {}
        for measure in MEASURES:
            raw = _mean_product(factors(model, inputs, targets, layer, measure))
            found[layer][Method(measure, False)] = raw
            found[layer][Method(measure, True)] = _to_unit_diagonal(raw)
    return found


def _mean_product(factors: Tensor) -> np.ndarray:
    """Mean over samples of F F^T; ``factors [samples, units, directions]``."""
    rows = factors.double().transpose(0, 1).flatten(1)
    product = (rows @ rows.mT / len(factors)).cpu().numpy()
    return (product + product.T) / 2


def _to_unit_diagonal(product: np.ndarray) -> np.ndarray:
    own = np.diagonal(product)
    scale = CONVENTIONS["released"].scale(own[:, None], own)
    return np.divide(product, scale, out=np.zeros_like(product), where=scale > 0)


def signed_labels(
    signed: Mapping[int, Mapping[Method, np.ndarray]], *, n_steps: int, seed: int
) -> dict[int, dict[Method, np.ndarray]]:
    """Find the modules of signed similarities by the paper's search.

    Parameters
    ----------
    signed
        As :func:`signed_similarities` returns them.
    n_steps, seed
        Of the search.

    Returns
    -------
    dict
        By layer and method, labels of shape ``[units]``.
    """
    return {
        layer: {
            method: find_modules(by_method[method], signed=True, n_steps=n_steps, seed=seed).labels
            for method in METHODS
        }
        for layer, by_method in signed.items()
    }
