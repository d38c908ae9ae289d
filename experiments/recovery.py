"""What is measured of networks with two heads: the rows of the tables of ``crossed``."""

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any

import torch
from torch import Tensor

from experiments.config import AnalysisConfig
from experiments.crossed import SEARCHED, CrossedConfig
from experiments.data import Dataset
from experiments.pairs import Pairs, accuracy_of_heads, held_out_pairs, loss_of_heads
from experiments.planted import planted_labels
from experiments.stopwatch import Stopwatch
from experiments.training.heads import TwoHeaded
from experiments.truth import TRUTHS, Truth, head_effects, recovery, source_effects, truth_of
from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.models import MLP
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import MEASURES, METHODS

ENOUGH_ACCURACY = 0.8

Rows = list[dict[str, Any]]
Told = dict[tuple[int, str, str], list[int]]
"""Sides of units ``[units]`` by layer, truth, and what tells it."""


def analyze(
    networks: Sequence[TwoHeaded],
    config: CrossedConfig,
    data: Dataset,
    *,
    stopwatch: Stopwatch | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Rows]:
    """Tell the truth of the units of networks, look for modules, and compare the two.

    Parameters
    ----------
    networks
        With two heads, trained on what the configuration says.
    config
        What they are, and how to cluster them.
    data
        All is measured on pairs of its test images.
    stopwatch
        Told the stages ``evaluation``, ``similarity``, ``clustering``, ``best`` and
        ``agreement``.
    progress
        Called after each network with the number of those finished.

    Returns
    -------
    dict of lists
        The rows of :data:`experiments.crossed.TABLES`, without what the engine adds.
    """
    stopwatch = stopwatch or Stopwatch()
    tables: dict[str, Rows] = {"crossed_networks": [], "crossed_units": [], "crossed": []}
    pairs = held_out_pairs(data, config.task, config.n_test_pairs)
    for done, network in enumerate(networks, start=1):
        name = name_columns(network, config)
        with stopwatch("evaluation"):
            tables["crossed_networks"].append(name | network_row(network, pairs))
            truths = truths_of(network.model, pairs)
        planted = planted_truths(network.model) if config.is_planted else {}
        tables["crossed_units"] += [name | row for row in unit_rows(truths, planted)]
        told = told_truths(truths, planted)
        with stopwatch("similarity"):
            matrices = similarities_of(network.model, *pairs.all())
        rows = score_rows(matrices, told, config.setting.analysis, stopwatch)
        tables["crossed"] += [name | row for row in rows]
        if progress:
            progress(done)
    return tables


def name_columns(network: TwoHeaded, config: CrossedConfig) -> dict[str, Any]:
    """The columns that say which network a row is of."""
    return {
        "dataset": config.setting.dataset,
        "kind": config.kind,
        "task": config.task,
        "leak": config.leak,
        "regularizer": config.setting.regularizer,
        "strength": config.setting.strength,
        "seed": network.seed,
    }


def network_row(network: TwoHeaded, test: Pairs) -> dict[str, Any]:
    """Return what came of a network: losses without penalties, and the accuracy of each head."""
    row: dict[str, Any] = {"epochs": len(network.history), "best_epoch": network.best_epoch}
    parts = {"train": network.training, "validation": network.validation, "test": test}
    for part, pairs in parts.items():
        inputs, targets = pairs.all()
        with torch.inference_mode():
            logits = network.model(inputs)
        row[f"{part}_loss"] = loss_of_heads(logits.double(), targets).mean().item()
        row[f"{part}_accuracy_1"], row[f"{part}_accuracy_2"] = accuracy_of_heads(logits, targets)
    row["kept"] = min(row["test_accuracy_1"], row["test_accuracy_2"]) >= ENOUGH_ACCURACY
    return row


# --------------------------------------------------------------------------------------- the truth


def truths_of(model: MLP, pairs: Pairs) -> dict[tuple[int, str], Truth]:
    """Tell source and head of the units of every hidden layer by intervention."""
    inputs, _ = pairs.all()
    found = {}
    for layer in range(1, model.n_hidden + 1):
        found[layer, "source"] = truth_of(source_effects(model, pairs, layer))
        found[layer, "head"] = truth_of(head_effects(model, inputs, layer))
    return found


def planted_truths(model: MLP) -> dict[tuple[int, str], list[int]]:
    """Return the sides that are planted in the hidden layers, ``[units]`` by layer and truth."""
    labels = planted_labels(model.widths)
    return {place: sides for place, sides in labels.items() if 1 <= place[0] <= model.n_hidden}


def told_truths(
    truths: dict[tuple[int, str], Truth], planted: dict[tuple[int, str], list[int]]
) -> Told:
    """Return the sides of units by layer, truth, and what tells it.

    A unit that nothing moves has no side whatever it was planted as: no method could find it.
    """
    told: Told = {}
    for (layer, truth), found in truths.items():
        if (layer, truth) in planted:
            moves = truths[layer, "source"].labels
            told[layer, truth, "construction"] = [
                side if moved >= 0 else -1
                for side, moved in zip(planted[layer, truth], moves, strict=True)
            ]
        told[layer, truth, "intervention"] = found.labels
    return told


def unit_rows(
    truths: dict[tuple[int, str], Truth], planted: dict[tuple[int, str], list[int]]
) -> Rows:
    """The rows of ``crossed_units`` of one network, but for its name."""
    rows = []
    for layer in sorted({layer for layer, _ in truths}):
        for unit in range(len(truths[layer, "source"].share)):
            row: dict[str, Any] = {"layer": layer, "unit": unit}
            for truth in TRUTHS:
                share = float(truths[layer, truth].share[unit])
                row[f"{truth}_share"] = None if isnan(share) else share
                row[truth] = truths[layer, truth].labels[unit]
                sides = planted.get((layer, truth))
                row[f"{truth}_planted"] = None if sides is None else sides[unit]
            rows.append(row)
    return rows


# -------------------------------------------------------------------------------------- the scores


def similarities_of(
    model: MLP, inputs: Tensor, targets: Tensor
) -> dict[tuple[int, str, str], Similarity]:
    """Measure the similarity of units by layer, measure and convention.

    The loss of two heads has no closed form, so the Hessian is derived automatically; nothing else
    depends on the loss.
    """
    others = [measure for measure in MEASURES if measure != "loss_hessian"]
    found = similarity_matrices(model, inputs, measures=others)
    return found | similarity_matrices(
        model, inputs, targets, measures=["loss_hessian"], loss=loss_of_heads
    )


def score_rows(
    matrices: dict[tuple[int, str, str], Similarity],
    told: Told,
    config: AnalysisConfig,
    stopwatch: Stopwatch,
) -> Rows:
    """The rows of ``crossed`` of one network, but for its name."""
    rows = []
    for layer in sorted({layer for layer, _, _ in matrices}):
        sides = {key[1:]: labels for key, labels in told.items() if key[0] == layer}
        for convention in CONVENTIONS:
            for method in METHODS:
                raw = matrices[layer, method.measure, convention]
                matrix = raw.normalized() if method.normalized else raw
                found = _search(matrix, config, stopwatch)
                where = {"layer": layer, **method._asdict(), "convention": convention}
                with stopwatch("agreement"):
                    rows += [where | row for row in _compare(found, sides)]
    return rows


def _search(
    matrix: Similarity, config: AnalysisConfig, stopwatch: Stopwatch
) -> dict[str, Modules | None]:
    """What each search finds, None if it is not wanted, by how the names of its columns end."""

    def find(search: str) -> Modules:
        return find_modules(
            matrix, search=search, n_steps=config.n_steps, entropy=config.entropy,
            seed=config.search_seed,
        )  # fmt: skip

    with stopwatch("clustering"):
        paper = find("paper")
    with stopwatch("best"):
        best = find("best") if config.best else None
    return {"": paper, "_best": best}


def _compare(
    found: Mapping[str, Modules | None], sides: Mapping[tuple[str, str], list[int]]
) -> Rows:
    """A row for each truth, with what is known of the assignments of both searches."""
    rows = []
    for (truth, by), labels in sides.items():
        row: dict[str, Any] = {"truth": truth, "by": by}
        for end, modules in found.items():
            known = dict.fromkeys(SEARCHED) if modules is None else _known(modules, labels)
            row |= {f"{name}{end}": value for name, value in known.items()}
        rows.append(row)
    return rows


def _known(modules: Modules, truth: list[int]) -> dict[str, Any]:
    return {
        "q": modules.q,
        "effective": modules.effective,
        "labels": modules.labels.tolist(),
        **recovery(modules, truth),
    }
