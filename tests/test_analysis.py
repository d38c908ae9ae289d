"""Tests of experiments.analysis: rows that fit the schema and say what the library's parts say."""

from copy import deepcopy
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from experiments.analysis import analyze, both_conventions, redundancy
from experiments.config import AnalysisConfig, Recipe, SettingConfig
from experiments.engine.tables import from_rows
from experiments.paper import TABLES
from experiments.stopwatch import Stopwatch
from experiments.training.train import train
from modlib.clustering.find import find_modules
from modlib.comparison import AGREEMENT_MEASURES, agreement
from modlib.modularity import effective_number
from modlib.similarity.compute import pairwise_similarity
from modlib.similarity.measures import METHODS

SETTING = SettingConfig(
    dataset="digits", regularizer="dropout", strength=0.2, seeds=(3, 5),
    recipe=Recipe(hidden=(9, 7), max_epochs=4, learning_rate=0.01),
    analysis=AnalysisConfig(
        n_steps=60, search_seed=2, best=False, null_draws=0, lesion_draws=0
    ),
)  # fmt: skip
MADE_BY = {"experiment": "paper", "config_hash": "a", "code_hash": "b", "version": "c"}


@pytest.fixture(scope="module")
def networks(digits):
    return train(SETTING.training, digits, SETTING.seeds)


@pytest.fixture(scope="module")
def tables(networks, digits):
    return analyze(networks, SETTING, digits)


def test_every_network_layer_convention_method_and_pair_has_its_row(tables):
    for name, rows in tables.items():
        from_rows(TABLES[name], [row | MADE_BY for row in rows])
    counts = {name: len(rows) for name, rows in tables.items() if rows}
    # 2 networks; by 2 layers, 2 conventions and 8 methods; by 8 * 7 / 2 pairs of methods.
    assert counts == {
        "networks": 2, "layers": 4, "factors": 4, "modules": 2 * 2 * 2 * 8,
        "agreement": 2 * 2 * 2 * 28,
    }  # fmt: skip


def test_redundancy_of_three_units_by_hand():
    # Two units of variance 4 and covariance 2, so of correlation 1/2, and one that is constant.
    # Participation ratio: (4 + 4)^2 / (4^2 + 4^2 + 2 * 2^2) = 64 / 40.
    covariance = np.array([[4.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1e-15]])
    assert redundancy(covariance) == pytest.approx(
        {"n_constant": 1, "effective_dimension": 1.6, "nearest_correlation": 0.5}
    )


@pytest.mark.parametrize("covariance", [np.zeros((3, 3)), np.diag([0.0, 1.0]), np.ones((1, 1))])
def test_redundancy_needs_two_units_that_vary(covariance):
    found = redundancy(covariance)
    assert found["effective_dimension"] == found["nearest_correlation"] == 0
    assert found["n_constant"] == (np.diagonal(covariance) == 0).sum()


def test_redundancy_of_a_layer_is_that_of_its_activations(tables, networks, digits):
    with torch.inference_mode():
        values = networks[1].model.to_layer(digits.test_inputs, 1).double().numpy()
    correlation = np.abs(np.corrcoef(values[:, values.std(axis=0) > 0].T))
    eigenvalues = np.linalg.eigvalsh(np.cov(values.T))
    row = next(r for r in tables["layers"] if (r["network"], r["layer"]) == ("dropout-0.2-5", 1))
    np.fill_diagonal(correlation, 0)
    assert row["nearest_correlation"] == pytest.approx(correlation.max(axis=1).mean())
    ratio = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    assert row["effective_dimension"] == pytest.approx(ratio)
    assert row["n_constant"] == (values.std(axis=0) == 0).sum()


@pytest.mark.parametrize("convention", ["printed", "released"])
@pytest.mark.parametrize("layer", [1, 2])
def test_modules_are_those_of_the_papers_algorithm(tables, networks, digits, layer, convention):
    for measure, normalized in METHODS:
        matrix = pairwise_similarity(
            networks[1].model, digits.test_inputs, digits.test_targets, layer, measure, convention
        )
        matrix = matrix.normalized() if normalized else matrix
        one, other = (find_modules(matrix, n_steps=60, seed=seed) for seed in (2, 3))
        (row,) = (
            row for row in tables["modules"]
            if row["network"] == "dropout-0.2-5"
            and (row["layer"], row["convention"]) == (layer, convention)
            and (row["measure"], row["normalized"]) == (measure, normalized)
        )  # fmt: skip
        assert row["labels"] == one.labels.tolist()
        assert row["q"] == one.q >= row["q_spectral"]
        assert row["effective"] == effective_number(one.labels)
        assert row["retest"] == agreement(one.labels, other.labels)


def test_agreement_is_between_the_labels_of_the_modules(tables):
    labels = {
        tuple(row[c] for c in ("network", "layer", "convention", "measure", "normalized")):
        row["labels"] for row in tables["modules"]
    }  # fmt: skip
    pairs = [
        ((row["measure_a"], row["normalized_a"]), (row["measure_b"], row["normalized_b"]))
        for row in tables["agreement"]
    ]
    assert pairs == list(combinations(METHODS, 2)) * 8
    for row, (a, b) in zip(tables["agreement"][::17], pairs[::17], strict=True):
        place = row["network"], row["layer"], row["convention"]
        for measure in AGREEMENT_MEASURES:
            expected = agreement(labels[*place, *a], labels[*place, *b], measure)
            assert row[measure] == expected


def test_weights_are_summed_over_matrices_without_biases(tables, networks):
    weights = [layer.weight.double().numpy() for layer in networks[0].model.layers]
    row = tables["networks"][0]
    assert row["l1_norm"] == pytest.approx(sum(abs(w).sum() for w in weights))
    assert row["l2_norm"] == pytest.approx(sum((w**2).sum() for w in weights))
    nuclear = sum(np.sqrt(np.maximum(np.linalg.eigvalsh(w @ w.T), 0)).sum() for w in weights)
    assert row["nuclear_norm"] == pytest.approx(nuclear)
    n_tiny, n_weights = sum((abs(w) <= 1e-3).sum() for w in weights), 64 * 9 + 9 * 7 + 7 * 10
    assert row["sparsity"] == pytest.approx(n_tiny / n_weights)


def test_accuracy_under_four_fifths_is_not_kept_unless_untrained(digits):
    options = {"seeds": (0,), "strength": 0.0}
    weak = replace(SETTING, recipe=Recipe(hidden=(9, 7), max_epochs=1), **options)
    untrained = replace(weak, regularizer="untrained")
    for setting, kept in ((weak, False), (untrained, True)):
        row = analyze(train(setting.training, digits, (0,)), setting, digits)["networks"][0]
        assert row["test_accuracy"] < 0.8
        assert row["kept"] is kept
    assert (row["l2"], row["l1"], row["dropout"], row["epochs"]) == (0, 0, 0, 0)


def test_stages_are_timed_and_networks_counted(networks, digits):
    stopwatch, counts = Stopwatch(), []
    analyze(networks, SETTING, digits, stopwatch=stopwatch, progress=counts.append)
    assert counts == [1, 2]
    assert list(stopwatch.seconds) == [
        "evaluation", "similarity", "clustering", "retest", "agreement", "best", "factors"
    ]  # fmt: skip


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_similarity_on_a_gpu_is_that_on_the_cpu(networks, digits):
    here = both_conventions(networks[0], digits.test_inputs, digits.test_targets)
    away = digits.to("cuda")
    moved = replace(networks[0], model=deepcopy(networks[0].model).to("cuda"))
    there = both_conventions(moved, away.test_inputs, away.test_targets)
    for place, matrices in here.items():
        for method, matrix in matrices.items():
            assert np.abs(there[place][method] - matrix).max() < 1e-5 * matrix.max()
