"""All that is measured of trained networks: the rows of the tables of the paper's experiment.

Each network is measured, clustered and compared in both conventions, the printed and the released.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from experiments.config import AnalysisConfig, SettingConfig
from experiments.data import Dataset, split
from experiments.engine.files import beside
from experiments.names import network_name
from experiments.regularizers import UNTRAINED
from experiments.stopwatch import Stopwatch
from experiments.training.run import TrainedNetwork, score
from experiments.worth import TABLES, worth
from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.spectral import spectral_modules
from modlib.comparison import agreement, pairwise_agreement
from modlib.modularity import to_adjacency
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.conventions import CONVENTIONS, normalize
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import METHODS, Method

ONE_MODULE_STEPS = 1000
BEST_RESTARTS = 3  # of the search for the best: as many again change next to nothing
TINY_WEIGHT = 1e-3
ENOUGH_ACCURACY = 0.8
EPSILON = 1e-300  # of the largest variance: none that is left is near it
CONSTANT = 1e-12  # of the largest variance: what is left of a constant after rounding

Matrices = dict[tuple[int, str], dict[Method, Similarity]]
"""For each layer and convention, the similarity ``[units, units]`` by each of the methods."""
Rows = list[dict[str, Any]]


def analyze(
    networks: Sequence[TrainedNetwork],
    setting: SettingConfig,
    data: Dataset,
    *,
    stopwatch: Stopwatch | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Rows]:
    """Measure, cluster and compare every hidden layer of networks in both conventions.

    Parameters
    ----------
    networks
        As :func:`experiments.training.train.train` returns them, of one setting.
    setting
        What they were trained with, and how to cluster them.
    data
        Similarity is measured on the test samples.
    stopwatch
        Told the stages ``evaluation``, ``similarity``, ``clustering``, ``retest``, ``agreement``,
        ``best``, and those of :func:`experiments.worth.worth`.
    progress
        Called after each network with the number of those finished.

    Returns
    -------
    dict of lists
        The rows of the tables of :data:`experiments.paper.TABLES`, without what the engine adds.
    """
    stopwatch = stopwatch or Stopwatch()
    names = "networks", "layers", "modules", "agreement", *(table.name for table in TABLES)
    tables: dict[str, Rows] = {name: [] for name in names}
    for done, network in enumerate(networks, start=1):
        with stopwatch("evaluation"):
            tables["networks"].append(network_row(network, setting, data))
        with stopwatch("similarity"):
            matrices = both_conventions(network, data.test_inputs, data.test_targets)
        modules, agreement = _cluster_and_compare(matrices, setting.analysis, stopwatch)
        name = name_columns(network, setting)
        for layer in range(1, network.model.n_hidden + 1):
            covariance = matrices[layer, "released"][Method("covariance", False)].values
            tables["layers"].append(name | {"layer": layer} | redundancy(covariance))
        tables["modules"] += [name | row for row in modules]
        tables["agreement"] += [name | row for row in agreement]
        found = worth(network, matrices, modules, data, setting.analysis, stopwatch)
        for table, rows in found.items():
            tables[table] += [name | row for row in rows]
        if progress:
            progress(done)
    return tables


def name_columns(network: TrainedNetwork, setting: SettingConfig) -> dict[str, str]:
    """The columns that say which network a row is of."""
    return {
        "dataset": setting.dataset,
        "architecture": setting.recipe.architecture,
        "network": network_name(setting.name, network.seed),
    }


def network_row(network: TrainedNetwork, setting: SettingConfig, data: Dataset) -> dict[str, Any]:
    """Return the row of one network: what it was trained with, and what came of it.

    ``epochs`` counts all that were trained, also those after the weights that were kept. The sums
    run over weight matrices, biases excepted: ``l1_norm`` is the sum of absolute values,
    ``l2_norm`` that of squares, as in the authors' released code and in the penalty (not its
    root), ``nuclear_norm`` that of singular values; ``sparsity`` is the fraction of weights within
    0.001 of zero. A trained network is ``kept`` if it classifies at least 80 % of the test images
    correctly; the rule is for trained networks, and untrained ones, which have no penalty either,
    are all kept as what they are.
    """
    is_trained, training = setting.regularizer != UNTRAINED, setting.training
    scores = dict(_scores(network, setting, data))
    return {
        **name_columns(network, setting),
        "regularizer": setting.regularizer,
        "strength": setting.strength,
        **{name: getattr(training, name) * is_trained for name in ("l2", "l1", "dropout")},
        "seed": network.seed,
        "epochs": len(network.history),
        **scores,
        **_norms([layer.weight.double() for layer in network.model.linears]),
        "kept": not is_trained or scores["test_accuracy"] >= ENOUGH_ACCURACY,
    }


def _scores(
    network: TrainedNetwork, setting: SettingConfig, data: Dataset
) -> Iterator[tuple[str, float]]:
    with torch.inference_mode():
        train_logits = network.model(data.train_inputs)  # all at once: to copy the parts is slow
        test_logits = network.model(data.test_inputs)
    training, validation = split(
        len(train_logits), setting.recipe.validation_fraction, network.seed
    )
    samples = {
        "train": (train_logits[training], data.train_targets[training]),
        "validation": (train_logits[validation], data.train_targets[validation]),
        "test": (test_logits, data.test_targets),
    }
    for part, pair in samples.items():
        loss, accuracy = score(*pair)
        yield f"{part}_loss", loss
        yield f"{part}_accuracy", accuracy


def _norms(weights: Sequence[Tensor]) -> dict[str, float]:
    every = torch.cat([weight.flatten() for weight in weights])
    return {
        "l1_norm": every.abs().sum().item(),
        "l2_norm": every.square().sum().item(),
        "nuclear_norm": sum(torch.linalg.svdvals(weight).sum().item() for weight in weights),
        "sparsity": (every.abs() <= TINY_WEIGHT).double().mean().item(),
    }


def redundancy(covariance: np.ndarray) -> dict[str, Any]:
    """Say how much the units of a layer repeat each other.

    Parameters
    ----------
    covariance
        Absolute covariance of every two units, of shape ``[units, units]``.

    Returns
    -------
    dict
        ``n_constant`` units do not vary, or a million times less than another. Of the others,
        ``nearest_correlation`` is the mean of each unit's highest absolute correlation with
        another. ``effective_dimension`` is the participation ratio of the eigenvalues of the
        covariance, the square of their sum over the sum of their squares: the number of
        directions in which the layer varies, if it varies equally in all. Both are zero where
        there are fewer than two such units.
    """
    variance = np.diagonal(covariance)
    varies = variance > CONSTANT * variance.max()
    found = {"n_constant": int((~varies).sum())}
    if varies.sum() < 2:
        return found | {"effective_dimension": 0.0, "nearest_correlation": 0.0}
    correlation = normalize(covariance[np.ix_(varies, varies)], "released", EPSILON)
    np.fill_diagonal(correlation, 0.0)
    nearest = float(np.minimum(correlation.max(axis=1), 1.0).mean())
    # Neither the trace nor the sum of squares knows the signs, which are lost.
    dimension = float(np.trace(covariance) ** 2 / np.square(covariance).sum())
    return found | {"effective_dimension": dimension, "nearest_correlation": nearest}


def both_conventions(network: TrainedNetwork, inputs: Tensor, targets: Tensor) -> Matrices:
    """Measure the similarity of the units of every hidden layer in both conventions.

    Parameters
    ----------
    network
        A trained network.
    inputs, targets
        Held-out samples: shapes ``[samples, inputs]`` and ``[samples]``.

    Returns
    -------
    dict
        For each layer and convention, a matrix ``[units, units]`` for each of
        :data:`~modlib.similarity.measures.METHODS`.
    """
    raw = similarity_matrices(network.model, inputs, targets)

    def by(method: Method, layer: int, convention: str) -> Similarity:
        similarity = raw[layer, method.measure, convention]
        return similarity.normalized() if method.normalized else similarity

    return {
        (layer, convention): {method: by(method, layer, convention) for method in METHODS}
        for layer in range(1, network.model.n_hidden + 1)
        for convention in CONVENTIONS
    }


def _cluster_and_compare(
    matrices: Matrices, config: AnalysisConfig, stopwatch: Stopwatch
) -> tuple[Rows, Rows]:
    """The rows of ``modules`` and ``agreement`` of one network, but for its name."""
    modules, agreements = [], []
    for (layer, convention), similarities in matrices.items():
        where = {"layer": layer, "convention": convention}
        rows = []
        with stopwatch("clustering"):
            found = {method: _find(matrix, config) for method, matrix in similarities.items()}
            rows = [_modules_row(similarities[m], found[m], config) for m in METHODS]
        with stopwatch("retest"):
            for method, row in zip(METHODS, rows, strict=True):
                row["retest"] = _retest(similarities[method], found[method], config)
        with stopwatch("agreement"):
            pairs = _pairs([found[method] for method in METHODS])
        with stopwatch("best"):
            _add_best(list(similarities.values()), rows, pairs, config)
        modules += [
            where | method._asdict() | row for method, row in zip(METHODS, rows, strict=True)
        ]
        agreements += [where | row for row in pairs]
    return modules, agreements


def _find(
    matrix: Similarity, config: AnalysisConfig, *, again: int = 0, search: str = "paper"
) -> Modules:
    return find_modules(
        matrix, search=search, n_steps=config.n_steps, entropy=config.entropy,
        restarts=BEST_RESTARTS, seed=config.search_seed + again,
    )  # fmt: skip


def _modules_row(matrix: Similarity, found: Modules, config: AnalysisConfig) -> dict[str, Any]:
    adjacency = to_adjacency(matrix)
    together = np.where(adjacency.any(axis=1), 0, -1)
    return {
        "q_spectral": spectral_modules(adjacency).q,
        "q_one_module": monte_carlo_modules(
            adjacency, together, ONE_MODULE_STEPS, config.entropy, config.search_seed
        ).q,
        "q": found.q,
        "effective": found.effective,
        "n_unused": int((found.labels < 0).sum()),
        "labels": found.labels.tolist(),
    }


def _retest(matrix: Similarity, found: Modules, config: AnalysisConfig) -> float:
    return agreement(found.labels, _find(matrix, config, again=1).labels)


def _pairs(found: Sequence[Modules]) -> Rows:
    """The agreement of every two methods by all measures of clusim."""
    values = pairwise_agreement([modules.labels for modules in found])
    return [
        {
            "measure_a": a.measure,
            "normalized_a": a.normalized,
            "measure_b": b.measure,
            "normalized_b": b.normalized,
            **{measure: float(column[pair]) for measure, column in values.items()},
        }
        for pair, (a, b) in enumerate(combinations(METHODS, 2))
    ]


def _add_best(
    matrices: Sequence[Similarity], rows: Rows, pairs: Rows, config: AnalysisConfig
) -> None:
    """Complete the rows with the best assignments, or with nothing if they are not wanted."""
    best = [_find(matrix, config, search="best") for matrix in (matrices if config.best else [])]
    for index, row in enumerate(rows):
        row["q_best"] = best[index].q if best else None
        row["labels_best"] = best[index].labels.tolist() if best else None
    element = pairwise_agreement([m.labels for m in best], ["element"]) if best else {}
    for index, row in enumerate(pairs):
        row["element_best"] = float(element["element"][index]) if element else None


def save_example(
    network: TrainedNetwork, setting: SettingConfig, data: Dataset, path: str | os.PathLike[str]
) -> None:
    """Write the weights of a network and all its similarities to a safetensors file.

    The keys are ``<network>/<name in state_dict>`` and, as float32,
    ``<network>/similarity/<convention>/h<layer>/<measure>``.
    """
    name = network_name(setting.name, network.seed)
    matrices = similarity_matrices(network.model, data.test_inputs, data.test_targets)
    tensors = {f"{name}/{key}": value for key, value in network.model.state_dict().items()}
    for (layer, measure, convention), matrix in matrices.items():
        tensors[f"{name}/similarity/{convention}/h{layer}/{measure}"] = torch.from_numpy(
            matrix.values.astype(np.float32)
        )
    with beside(path) as temporary:
        save_file(tensors, temporary)
