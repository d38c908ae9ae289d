"""Tests of what modules are worth in the paper's experiment: chance, factors and cause."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from experiments import chance, worth
from experiments.analysis import analyze, both_conventions
from experiments.cause import (
    N_LESION_INPUTS,
    compared,
    signed_labels,
    signed_similarities,
)
from experiments.chance import input_rows, null_rows, some
from experiments.config import AnalysisConfig, Recipe, SettingConfig
from experiments.engine.tables import from_rows
from experiments.factors import factor_rows
from experiments.paper import run_of
from experiments.training.run import TrainedNetwork
from experiments.training.train import train
from modlib.clustering.find import find_modules
from modlib.lesions.damage import lesion, synergy
from modlib.models import MLP
from modlib.nulls import excess
from modlib.similarity import measures
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.measures import METHODS, Method

SETTING = SettingConfig(
    dataset="digits", regularizer="l2", strength=1e-4, seeds=(0, 4),
    recipe=Recipe(hidden=(9, 7), max_epochs=6, learning_rate=0.01),
    analysis=AnalysisConfig(n_steps=60, best=False, null_draws=3, lesion_draws=4),
)  # fmt: skip
ALL = 355  # test samples of the digits
MADE_BY = {"experiment": "paper", "config_hash": "a", "code_hash": "b", "version": "c"}


@pytest.fixture(scope="module")
def networks(digits):
    return train(SETTING.training, digits, SETTING.seeds)


@pytest.fixture(scope="module")
def tables(networks, digits):
    return analyze(networks, SETTING, digits)


def chosen(rows, **values):
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def test_every_layer_has_its_rows_and_they_fit_their_tables(tables):
    expected = worth.n_rows(SETTING.seeds, 2, SETTING.analysis)
    for table in worth.TABLES:
        from_rows(table, [row | MADE_BY for row in tables[table.name]])
    # 2 networks, 2 layers, 16 matrices, 2 null models; an example by 2 null models and 5
    # resolutions; 8 signed matrices a layer, and one network that is silenced by zero as well.
    assert expected == {
        "nulls": 2 * 2 * 16 * 2,
        "resolutions": 2 * 16 * 2 * 5,
        "factors": 2 * 2,
        "lesions": (2 + 1) * 2 * (16 + 8),
        "synergy": 2 * 2 * (16 + 8),
    }
    assert {name: len(tables[name]) for name in expected} == expected
    assert len(tables["inputs"]) == 2 * 16 * chance.n_numbers_of_inputs(ALL)
    assert set(run_of(SETTING).parameters) >= {"null_draws", "lesion_draws"}


def test_what_is_not_wanted_is_left_out(networks, digits):
    setting = SettingConfig.from_parameters(
        SETTING.parameters | {"null_draws": 0, "lesion_draws": 0}
    )
    rows = analyze(networks[:1], setting, digits)
    left = {table.name: len(rows[table.name]) for table in worth.TABLES}
    assert left == dict.fromkeys(left, 0) | {"factors": 2}
    known = worth.n_rows((0,), 2, setting.analysis)
    assert known == {name: left[name] for name in known}


# ---------------------------------------------------------------------------------------- chance


def test_excess_is_that_of_the_library(networks, digits, tables):
    network = networks[1]
    samples = digits.test_inputs, digits.test_targets
    found = excess(
        network.model, *some(*samples, chance.N_INPUTS), 2, "covariance", "released",
        normalized=True, draws=3, n_steps=chance.N_STEPS, seed=network.seed,
    )  # fmt: skip
    row = chosen(
        tables["nulls"], network=tables["networks"][1]["network"], layer=2, measure="covariance",
        normalized=True, convention="released", null="rotation",
    )[0]  # fmt: skip
    # The search of the library draws by the seed that it is given, that of the rows by none.
    assert row["null_mean"] == pytest.approx(found.mean, abs=0.03)
    assert row["q"] == pytest.approx(found.q, abs=0.03)
    assert row["p"] in (0.25, 0.5, 0.75, 1.0)


def test_some_samples_are_a_part_of_more_and_never_more_than_there_are(digits):
    inputs, targets = digits.test_inputs, digits.test_targets
    few, many = some(inputs, targets, 10), some(inputs, targets, 20)
    assert torch.equal(many[0][:10], few[0])
    assert torch.equal(many[1][:10], few[1])
    whole = some(inputs, targets, 10**6)
    assert len(whole[0]) == len(inputs)
    assert sorted(whole[1].tolist()) == sorted(targets.tolist())
    pairs = {tuple(row.tolist()): int(of) for row, of in zip(inputs, targets, strict=True)}
    assert all(pairs[tuple(r.tolist())] == int(t) for r, t in zip(*few, strict=True))


def test_all_inputs_agree_with_themselves(tables):
    whole = chosen(tables["inputs"], n_inputs=ALL)
    assert len(whole) == 32
    assert all(row["element"] == 1.0 for row in whole)
    fewer = chosen(tables["inputs"], n_inputs=100)
    assert any(row["element"] < 1.0 for row in fewer)


def test_newman_s_resolution_is_the_usual_one(tables):
    usual = chosen(tables["resolutions"], null="configuration", resolution=1.0)
    assert all(row["element"] == 1.0 for row in usual)
    key = ("network", "layer", "measure", "normalized", "convention")
    q = {tuple(row[name] for name in key): row["q"] for row in tables["modules"]}
    assert {tuple(row[name] for name in key): row["q"] for row in usual}.items() <= q.items()
    finer = np.mean([r["effective"] for r in chosen(tables["resolutions"], resolution=2.0)])
    coarser = np.mean([r["effective"] for r in chosen(tables["resolutions"], resolution=0.5)])
    assert finer > coarser


def test_a_dead_layer_is_worth_nothing_and_stops_nobody(digits):
    model = MLP((64, 5, 4, 10), seed=0)
    with torch.no_grad():
        model.linears[0].bias.fill_(-100.0)
        model.linears[0].weight.zero_()
    network = TrainedNetwork(model.eval().requires_grad_(False), 0, 0, [])
    rows = analyze([network], SETTING, digits)
    for table in worth.TABLES:
        from_rows(table, [row | MADE_BY for row in rows[table.name]])
    # What the outputs would do if its units were moved is another matter.
    first = [row for row in chosen(rows["nulls"], layer=1) if row["measure"] in measures.UPSTREAM]
    assert {(row["q"], row["null_mean"], row["p"]) for row in first} == {(0.0, 0.0, 1.0)}
    assert {row["specificity"] for row in chosen(rows["lesions"], layer=1)} == {0.0}
    assert rows["factors"][0]["activity"] == 0.0


# --------------------------------------------------------------------------------------- factors


def test_the_factors_of_units_that_take_turns_by_hand():
    # Two units see the first input, two the second; one input is on at a time.
    model = MLP((2, 4, 3), seed=0)
    with torch.no_grad():
        model.linears[0].weight.copy_(torch.tensor([[1.0, 0], [2.0, 0], [0, 1.0], [0, 1.0]]))
        model.linears[0].bias.zero_()
    inputs = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    (row,) = factor_rows(model, inputs, n_steps=100, seed=0)
    # Either factor links the pairs alone: weights 2 and 1, so Q = 1 - (2/3)^2 - (1/3)^2 = 4/9;
    # and co-activity, one half of the inputs for both pairs, Q = 1/2.
    assert row == pytest.approx(
        {"layer": 1, "q_weights": 4 / 9, "q_coactivity": 0.5, "activity": 0.5}
    )


def test_the_product_of_the_factors_is_the_input_sensitivity(networks, digits):
    model, inputs = networks[0].model, digits.test_inputs
    active = (model.linears[0](inputs) > 0).double()
    weights = model.linears[0].weight.double()
    product = (weights @ weights.T).abs() * (active.T @ active) / len(inputs)
    matrix = similarity_matrices(
        model, inputs, layers=[1], measures=["input_sensitivity"], conventions=["printed"]
    )[1, "input_sensitivity", "printed"]
    np.testing.assert_allclose(matrix.values, product.numpy(), rtol=1e-5)


# ----------------------------------------------------------------------------------------- cause


def test_lesions_and_synergies_are_those_of_the_library(networks, digits, tables):
    network, name = networks[1], tables["networks"][1]["network"]
    samples = some(digits.test_inputs, digits.test_targets, N_LESION_INPUTS)
    where = {"network": name, "layer": 1, "measure": "loss_hessian", "normalized": False,
             "convention": "printed"}  # fmt: skip
    labels = chosen(tables["modules"], **where)[0]["labels"]
    found = lesion(network.model, *samples, 1, labels, draws=4, seed=network.seed)
    row = chosen(tables["lesions"], **where, signed=False, ablation="mean")[0]
    assert row["specificity"] == found.specificity
    assert (row["null_mean"], row["p"]) == (found.mean, found.p)
    pairs = synergy(network.model, *samples, 1).values
    one, other = np.triu_indices(9, k=1)
    used = [(np.array(labels) >= 0)[[i, j]].all() for i, j in zip(one, other, strict=True)]
    matrix = both_conventions(network, digits.test_inputs, digits.test_targets)[1, "printed"]
    values = matrix[Method("loss_hessian", False)].values
    expected = spearmanr(values[one, other][used], pairs[one, other][used]).statistic
    row = chosen(tables["synergy"], **where, signed=False)[0]
    assert row["correlation"] == pytest.approx(expected)


def test_similarity_and_synergy_of_four_units_by_hand():
    # Units 0 and 1 are one module, 2 is another, and 3 is not in use.
    similarity = np.array([[9.0, 3, 1, 7], [3, 9, 2, 7], [1, 2, 9, 7], [7, 7, 7, 0]])
    pairs = np.array([[0.0, 4, -6, 8], [4, 0, 2, 8], [-6, 2, 0, 8], [8, 8, 8, 0]])
    found = compared(similarity, np.array([0, 0, 1, -1]), pairs)
    # Similarities 3, 1, 2 beside synergies 4, -6, 2: the same order; 4, 6, 2: ranks 3, 1, 2
    # beside 2, 3, 1, with 1 - 6 * (1 + 4 + 1) / (3 * 8) = -1/2.
    assert found == pytest.approx(
        {
            "correlation": 1.0, "correlation_absolute": -0.5, "within": 4.0, "between": -2.0,
            "within_positive": 1.0, "between_positive": 0.5,
        }
    )  # fmt: skip
    alone = compared(similarity, np.array([0, -1, -1, -1]), pairs)
    assert alone["correlation"] == 0.0
    assert alone["within"] is None


def test_the_absolute_value_of_signed_similarity_is_that_released(networks, digits):
    model = networks[0].model
    samples = some(digits.test_inputs, digits.test_targets, chance.N_INPUTS)
    signed = signed_similarities(model, *samples)
    released = similarity_matrices(model, *samples, conventions=["released"])
    for layer, method in ((1, METHODS[0]), (2, METHODS[2]), (1, METHODS[4]), (2, METHODS[7])):
        matrix = released[layer, method.measure, "released"]
        values = (matrix.normalized() if method.normalized else matrix).values
        scale = values.max()
        np.testing.assert_allclose(np.abs(signed[layer][method]), values, atol=1e-5 * scale)
    assert (signed[1][Method("covariance", False)] < 0).any()


def test_units_that_push_apart_are_parted_by_signs():
    # Two units pull one way and two the other: alike but for their sign.
    row = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    labels = signed_labels({1: dict.fromkeys(METHODS, row @ row.T)}, n_steps=100, seed=0)
    assert all(found.tolist() == [0, 0, 1, 1] for found in labels[1].values())
    assert find_modules(np.abs(row @ row.T)).n_modules == 1


def test_draws_of_networks_differ_and_are_the_same_again(networks, digits):
    samples = digits.test_inputs, digits.test_targets
    one, again, other = (
        [row["null_mean"] for row in null_rows(networks[0].model, *samples, draws=2, seed=seed)]
        for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other
    rows = list(input_rows(networks[0].model, *samples, seed=1))
    assert {row["n_inputs"] for row in rows} == {100, 300, ALL}
    assert len({tuple(row.values())[:5] for row in rows}) == len(rows) == 2 * 16 * 3
