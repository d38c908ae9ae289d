"""What pulling does to networks, and what is gained by it: the rows of the tables of ``dials``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.analysis import redundancy
from experiments.cause import N_LESION_INPUTS
from experiments.chance import N_INPUTS, N_STEPS, some
from experiments.config import AnalysisConfig
from experiments.data import Dataset
from experiments.dials import DOWN, ENDS, FAMILIES, TABLES, UP, DialsConfig, name_columns
from experiments.pairs import Pairs
from experiments.recovery import similarities_of
from experiments.robustness import robustness_rows
from experiments.stopwatch import Stopwatch
from experiments.tasks import Samples, accuracies_of, held_out_samples, losses_of
from experiments.training.pulled import PulledNetwork
from experiments.transfer import transfer_rows
from experiments.truth import TRUTHS, head_effects, recovery, source_effects, truth_of
from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.lesions.damage import Lesions
from modlib.models import MLP
from modlib.nulls import excess_of, null_similarities
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import METHODS, UPSTREAM, Method

ENOUGH_ACCURACY = 0.8

Rows = list[dict[str, Any]]
Raw = Mapping[tuple[int, str, str], Similarity]
"""Similarities by layer, measure and convention, not normalised."""
Place = tuple[int, str, Method]
"""A layer, a convention and a method."""
Found = dict[Place, dict[str, Modules | None]]
"""What each search finds, by how the names of its columns end; None if it is not wanted."""


def analyze(
    networks: Sequence[PulledNetwork],
    config: DialsConfig,
    data: Dataset,
    *,
    stopwatch: Stopwatch | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Rows]:
    """Look for modules in networks, and measure what they do, bear and are good for.

    Excess over rotations and lesions are of networks on single digits; truth and transfer are of
    networks on pairs.

    Parameters
    ----------
    networks
        Trained on what the configuration says.
    config
        What they are, and how to cluster them.
    data
        All is measured on its test images, or pairs of them.
    stopwatch
        Told the stages ``evaluation``, ``similarity``, ``clustering``, ``best``, ``agreement``,
        ``nulls``, ``lesions``, ``robustness``, ``truth`` and ``transfer``.
    progress
        Called after each network with the number of those finished.

    Returns
    -------
    dict of lists
        The rows of :data:`experiments.dials.TABLES`, without what the engine adds.
    """
    stopwatch = stopwatch or Stopwatch()
    tables: dict[str, Rows] = {name: [] for name in TABLES}
    test = held_out_samples(data, config.task, config.n_test_pairs)
    for done, network in enumerate(networks, start=1):
        name = name_columns(config, network.seed)
        for table, rows in _analyze(network, config, data, test, stopwatch).items():
            tables[table] += [name | row for row in rows]
        if progress:
            progress(done)
    return tables


def _analyze(
    network: PulledNetwork, config: DialsConfig, data: Dataset, test: Samples, stopwatch: Stopwatch
) -> dict[str, Rows]:
    """The rows of every table for one network, but for its name."""
    analysis, model = config.setting.analysis, network.model
    inputs, targets = test.all()
    with stopwatch("evaluation"):
        row = network_row(network, inputs, targets)
    with stopwatch("similarity"):
        raw: Raw = (
            similarities_of(model, inputs, targets)
            if isinstance(test, Pairs)
            else similarity_matrices(model, inputs, targets)
        )
    found = search_all(raw, analysis, stopwatch)
    scores: dict[Place, dict[str, Any]] = {
        place: score_row(place, modules, network.labels) for place, modules in found.items()
    }
    with stopwatch("agreement"):
        agreement = list(agreement_rows(found))
    truths: dict[tuple[int, str], list[int]] = {}
    transfer: Rows = []
    if isinstance(test, Pairs):
        with stopwatch("truth"):
            truths = truths_of(model, test)
        with stopwatch("transfer"):
            fraction = config.setting.recipe.validation_fraction
            transfer = list(transfer_rows(model, data, test, fraction, network.seed))
    else:
        with stopwatch("nulls"):
            _add(scores, excesses(model, inputs, targets, analysis))
        with stopwatch("lesions"):
            _add(scores, specificities(model, inputs, targets, found, analysis))
    with stopwatch("robustness"):
        robustness = list(robustness_rows(model, inputs, targets))
    return {
        "dials_networks": [row],
        "dials_layers": list(layer_rows(network, raw, truths)),
        "dials": list(scores.values()),
        "dials_agreement": agreement,
        "dials_robustness": robustness,
        "dials_truth": list(truth_rows(found, truths)),
        "dials_transfer": transfer,
    }


def _add(rows: dict[Place, dict[str, Any]], more: Mapping[Place, dict[str, Any]]) -> None:
    for place, values in more.items():
        rows[place] |= values


# ------------------------------------------------------------------------- networks and layers


def network_row(network: PulledNetwork, inputs: Tensor, targets: Tensor) -> dict[str, Any]:
    """Return what came of a network: losses without penalty or pull, and accuracies.

    Parameters
    ----------
    network
        The network.
    inputs, targets
        Of the test.
    """
    row: dict[str, Any] = {"epochs": len(network.history), "best_epoch": network.best_epoch}
    parts = {
        "train": network.training.all(),
        "validation": network.validation.all(),
        "test": (inputs, targets),
    }
    accuracies: list[float] = []
    for part, (given, wanted) in parts.items():
        with torch.inference_mode():
            logits = network.model(given)
        accuracies = accuracies_of(logits, wanted)
        row[f"{part}_loss"] = losses_of(logits.double(), wanted).mean().item()
        row[f"{part}_accuracy"] = sum(accuracies) / len(accuracies)
    return row | {"kept": min(accuracies) >= ENOUGH_ACCURACY}  # those of the test come last


def layer_rows(
    network: PulledNetwork, raw: Raw, truths: Mapping[tuple[int, str], list[int]]
) -> Iterator[dict[str, Any]]:
    """Say of each hidden layer what its units share, and of its assignment what it recovers.

    Parameters
    ----------
    network
        With its assignments.
    raw
        Similarities; that of the covariance as released is needed.
    truths
        Sides of units by layer and truth, where they are known.

    Yields
    ------
    dict
        A row of the table ``dials_layers``, without the columns that name the network.
    """
    for layer in range(1, network.model.n_hidden + 1):
        row = {"layer": layer} | redundancy(raw[layer, "covariance", "released"].values)
        labels = network.labels[layer - 1] if network.labels else None
        row["sharpness"] = network.sharpness[layer - 1] if network.sharpness else None
        row["assignment"] = labels
        for truth in TRUTHS:
            sides = truths.get((layer, truth))
            is_known = labels is not None and sides is not None
            row[f"{truth}_recovery"] = recovery(labels, sides)["recovery"] if is_known else None
        yield row


def truths_of(model: MLP, pairs: Pairs) -> dict[tuple[int, str], list[int]]:
    """Tell by intervention what digit moves each unit and which head it serves.

    Returns
    -------
    dict
        Sides of the units, by layer and truth.
    """
    inputs, _ = pairs.all()
    found = {}
    for layer in range(1, model.n_hidden + 1):
        found[layer, "source"] = truth_of(source_effects(model, pairs, layer)).labels
        found[layer, "head"] = truth_of(head_effects(model, inputs, layer)).labels
    return found


# ----------------------------------------------------------------------------------- assignments


def search_all(raw: Raw, config: AnalysisConfig, stopwatch: Stopwatch) -> Found:
    """Look for modules in every similarity, raw and normalised, by both searches."""

    def find(matrix: Similarity, search: str) -> Modules:
        return find_modules(
            matrix, search=search, n_steps=config.n_steps, entropy=config.entropy,
            seed=config.search_seed,
        )  # fmt: skip

    found: Found = {}
    for layer in sorted({layer for layer, _, _ in raw}):
        for convention in CONVENTIONS:
            for method in METHODS:
                matrix = _chosen(raw[layer, method.measure, convention], method.normalized)
                with stopwatch("clustering"):
                    paper = find(matrix, "paper")
                with stopwatch("best"):
                    best = find(matrix, "best") if config.best else None
                found[layer, convention, method] = dict(zip(ENDS, (paper, best), strict=True))
    return found


def score_row(
    place: Place, found: Mapping[str, Modules | None], pulled: list[list[int]] | None
) -> dict[str, Any]:
    """Return the row of an assignment, in which what chance and lesions say is still missing.

    Parameters
    ----------
    place
        Where it was found.
    found
        By each search.
    pulled
        The assignment that pulled, by layer, if there was one.
    """
    layer, convention, method = place
    row: dict[str, Any] = {"layer": layer, **method._asdict(), "convention": convention}
    wanted = pulled[layer - 1] if pulled else None
    for end, modules in found.items():
        row[f"q{end}"] = modules.q if modules else None
        row[f"effective{end}"] = modules.effective if modules else None
        row[f"pulled{end}"] = _agreement(modules, wanted)
    missing = "chance_q", "null_mean", "null_std", "specificity", "lesion_mean", "lesion_std"
    return row | dict.fromkeys(missing)


def _agreement(one: Modules | None, other: list[int] | None) -> float | None:
    """Agreement of two assignments from chance, 0, to 1; None if one of them is not there."""
    if one is None or other is None:
        return None
    return recovery(one, other)["recovery"]


def agreement_rows(found: Found) -> Iterator[dict[str, Any]]:
    """Average the agreement of pairs of methods, by the sides from which they look.

    Yields
    ------
    dict
        A row of the table ``dials_agreement``, without the columns that name the network.
    """
    for layer, convention in sorted({place[:2] for place in found}):
        row: dict[str, Any] = {"layer": layer, "convention": convention}
        for end in ENDS:
            every: dict[str, list[float | None]] = {family: [] for family in FAMILIES}
            for one, other in combinations(METHODS, 2):
                a, b = (found[layer, convention, method][end] for method in (one, other))
                value = _agreement(b, a.labels.tolist() if a else None)
                every[family_of(one, other)].append(value)
                if {one, other} == {UP, DOWN}:
                    every["dials"].append(value)
            row |= {f"{family}{end}": _mean(values) for family, values in every.items()}
        yield row


def family_of(one: Method, other: Method) -> str:
    """Whether two methods look from one side, and from which."""
    n_up = (one.measure in UPSTREAM) + (other.measure in UPSTREAM)
    return {2: "within_up", 1: "between", 0: "within_down"}[n_up]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def truth_rows(
    found: Found, truths: Mapping[tuple[int, str], list[int]]
) -> Iterator[dict[str, Any]]:
    """Say what each assignment recovers of each truth.

    Yields
    ------
    dict
        A row of the table ``dials_truth``, without the columns that name the network.
    """
    for (layer, convention, method), by_search in found.items():
        for truth in TRUTHS:
            if (layer, truth) in truths:
                sides = truths[layer, truth]
                row = {"layer": layer, **method._asdict(), "convention": convention, "truth": truth}
                yield row | {
                    f"recovery{end}": _agreement(modules, sides)
                    for end, modules in by_search.items()
                }


# ------------------------------------------------------------------------------ chance and lesions


def excesses(
    model: MLP, inputs: Tensor, targets: Tensor, config: AnalysisConfig
) -> dict[Place, dict[str, float]]:
    """Hold the Q of every method against that of rotations, on fewer inputs and by fewer steps.

    As :func:`experiments.chance.null_rows` does it; nothing if no draws are wanted.
    """
    if not config.null_draws:
        return {}
    samples = some(inputs, targets, N_INPUTS)
    whole, found = similarity_matrices(model, *samples), {}
    for layer in range(1, model.n_hidden + 1):
        drawn = null_similarities(
            model, *samples, layer, draws=config.null_draws, seed=config.search_seed
        )
        for (measure, convention), by_chance in drawn.items():
            for normalized in (False, True):
                one = excess_of(
                    _chosen(whole[layer, measure, convention], normalized),
                    [_chosen(similarity, normalized) for similarity in by_chance],
                    n_steps=N_STEPS,
                )
                found[layer, convention, Method(measure, normalized)] = {
                    "chance_q": one.q,
                    "null_mean": one.mean,
                    "null_std": one.std if config.null_draws > 1 else 0.0,
                }
    return found


def specificities(
    model: MLP, inputs: Tensor, targets: Tensor, found: Found, config: AnalysisConfig
) -> dict[Place, dict[str, float]]:
    """Silence the modules that the paper's search finds, and as large random sets of units.

    As :func:`experiments.cause.lesion_rows` does it; nothing if no draws are wanted.
    """
    if not config.lesion_draws:
        return {}
    samples, rows = some(inputs, targets, N_LESION_INPUTS), {}
    for layer in range(1, model.n_hidden + 1):
        lesions = Lesions(model, *samples, layer)
        for place, by_search in found.items():
            modules = by_search[""]
            if place[0] == layer and modules is not None:
                lesion = lesions.lesion(
                    modules.labels, draws=config.lesion_draws, seed=config.search_seed
                )
                rows[place] = {
                    "specificity": lesion.specificity,
                    "lesion_mean": lesion.mean,
                    "lesion_std": lesion.std if config.lesion_draws > 1 else 0.0,
                }
    return rows


def _chosen(similarity: Similarity, normalized: bool) -> Similarity:
    return similarity.normalized() if normalized else similarity
