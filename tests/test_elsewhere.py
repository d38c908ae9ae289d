"""Tests of the experiment on other networks: training, measures, rows, grid and notebook."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import papermill
import pytest
import torch
from chapters import ROOT, glued, n_figures, parameter_names
from torch import nn
from torch.nn import functional

from experiments.architectures import ARCHITECTURES
from experiments.chance import some
from experiments.config import AnalysisConfig, Recipe, TrainingConfig
from experiments.data import split
from experiments.elsewhere import (
    EXPERIMENT,
    GRID,
    SEEDS,
    TABLES,
    ElsewhereConfig,
    full,
    n_rows,
    run_of,
    small,
)
from experiments.engine import tables
from experiments.engine.run import stamp
from experiments.profile import analyze, families
from experiments.report.chapters import elsewhere as drawings
from experiments.training.classifier import cross_entropy, penalized, train_classifier
from experiments.training.train import train
from modlib.clustering.find import find_modules
from modlib.comparison import agreement
from modlib.lesions.damage import lesion
from modlib.nulls import excess
from modlib.similarity.compute import pairwise_similarity
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS


def tiny(architecture="mlp-16-16", **options):
    analysis = {"n_steps": 50, "best": False, "null_draws": 2, "lesion_draws": 3}
    own = {name: options.pop(name) for name in list(options) if name in analysis}
    recipe = Recipe(max_epochs=options.pop("max_epochs", 2), learning_rate=5e-3)
    return ElsewhereConfig(
        "digits", "l2", 1e-5, (1,), architecture=architecture, n_inputs=20, recipe=recipe,
        analysis=AnalysisConfig(**analysis | own), **options,
    )  # fmt: skip


def trained(config, digits):
    return [
        train_classifier(config.architecture, config.training, digits, seed)
        for seed in config.seeds
    ]


# ------------------------------------------------------------------------------------ the training


def test_penalties_count_weights_of_two_axes_or_more():
    model = nn.Sequential(nn.Conv1d(1, 1, 2), nn.Flatten(), nn.LayerNorm(2), nn.Linear(2, 2))
    with torch.no_grad():
        for weights in model.parameters():
            weights.fill_(2.0)
    inputs, targets = torch.zeros(1, 1, 3), torch.tensor([0])
    plain = cross_entropy(model, inputs, targets).item()
    # Of the convolution 2 weights, of the linear layer 4, all of them 2; biases and norms are not.
    for options, expected in (({"l2": 0.5}, 0.5 * 6 * 4), ({"l1": 0.5, "l2": 0.0}, 0.5 * 6 * 2)):
        loss = penalized(TrainingConfig(**options))(model, inputs, targets).item()
        assert loss - plain == pytest.approx(expected, abs=1e-5)


def test_the_paper_network_is_trained_as_by_the_stack_of_networks(digits):
    config = TrainingConfig(hidden=(64, 64), max_epochs=2, l2=1e-3)
    (expected,) = train(config, digits, [3])
    found = train_classifier("mlp-64-64", config, digits, 3)
    for one, other in zip(found.model.parameters(), expected.model.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)  # rounding of 14 steps


def test_no_sample_both_trains_and_validates(digits):
    config = TrainingConfig(max_epochs=0)
    found = train_classifier("gelu", config, digits, 2)
    chosen, held_out = split(len(digits.train_inputs), config.validation_fraction, 2)
    assert torch.equal(found.training.tensors[0], digits.train_inputs[chosen])
    assert torch.equal(found.validation[0], digits.train_inputs[held_out])


@pytest.mark.parametrize("name", ["convolutional", "recurrent", "transformer", "residual"])
def test_a_seed_trains_the_same_network_to_the_bit(name, digits):
    config = TrainingConfig(max_epochs=1, dropout=0.5)
    few = replace(
        digits, train_inputs=digits.train_inputs[:300], train_targets=digits.train_targets[:300]
    )
    one, again, other = (train_classifier(name, config, few, seed).model for seed in (1, 1, 2))
    flat = [
        torch.cat([weights.flatten() for weights in model.parameters()])
        for model in (one, again, other)
    ]
    assert torch.equal(flat[0], flat[1])
    assert not torch.equal(flat[0], flat[2])


def test_a_network_learns(digits):
    config = TrainingConfig(max_epochs=12, learning_rate=5e-3)
    model = train_classifier("residual", config, digits, 1).model
    correct = model(digits.test_inputs).argmax(dim=1) == digits.test_targets
    assert correct.double().mean() > 0.9


# ------------------------------------------------------------------------------------- the families


def test_agreement_is_averaged_within_the_sides_and_across():
    up, down = [0, 0, 1, 1], [0, 1, 0, 1]
    order = [
        up if measure in ("covariance", "input_sensitivity") else down for measure, _ in METHODS
    ]
    found = families(order)
    assert (found["within_upstream"], found["within_downstream"]) == (1, 1)
    assert found["between"] == pytest.approx(agreement(up, down))


def test_each_pair_of_methods_counts_once():
    """One upstream assignment of four is another: three of its six pairs are across."""
    one, other = [0, 0, 1, 1], [0, 1, 0, 1]
    found = families([other, *[one] * 7])
    apart = agreement(one, other)
    assert found["within_upstream"] == pytest.approx((3 + 3 * apart) / 6)
    assert found["within_downstream"] == 1
    assert found["between"] == pytest.approx((12 + 4 * apart) / 16)


# ---------------------------------------------------------------------------------------- the rows


@pytest.fixture(scope="module")
def measured(digits):
    """One network, its configuration and its rows."""
    config = tiny()
    (network,) = trained(config, digits)
    return network, config, analyze([network], config, digits)


@pytest.mark.parametrize("options", [{}, {"best": True}, {"null_draws": 0, "lesion_draws": 0}])
@pytest.mark.parametrize("name", ["mlp-64-64", "residual"])
def test_a_run_leaves_as_many_rows_as_it_must_and_they_fit_their_tables(name, options, digits):
    config = tiny(name, **options)
    found, job = analyze(trained(config, digits), config, digits), run_of(config)
    assert {name: len(rows) for name, rows in found.items()} == dict(n_rows(job))
    for table in TABLES.values():
        tables.from_rows(table, [row | stamp(job, "code") for row in found[table.name]])
    asked = config.analysis
    for row in found["elsewhere"]:
        assert (row["q_best"] is not None) == asked.best
        assert (row["specificity"] is not None) == (asked.lesion_draws > 0)
        is_turned = asked.null_draws > 0 and row["measure"] != "loss_hessian"
        assert (row["null_mean"] is not None) == is_turned


@pytest.mark.parametrize("name", ["convolutional", "recurrent", "transformer"])
def test_networks_with_positions_leave_their_rows_too(name, digits):
    config = replace(tiny(name), n_inputs=20)
    found, job = analyze(trained(config, digits), config, digits), run_of(config)
    assert {name: len(rows) for name, rows in found.items()} == dict(n_rows(job))
    units = [row["n_units"] for row in found["elsewhere_layers"] if row["convention"] == "printed"]
    assert units == list(ARCHITECTURES[name].n_units)


def row_of(rows, **values):
    (found,) = [row for row in rows if all(row[name] == value for name, value in values.items())]
    return found


def samples(digits, config):
    return some(digits.test_inputs, digits.test_targets, config.n_inputs)


def test_a_score_is_what_the_instrument_says(measured, digits):
    network, config, rows = measured
    inputs, targets = samples(digits, config)
    row = row_of(
        rows["elsewhere"], layer=2, measure="output_sensitivity", normalized=True,
        convention="released",
    )  # fmt: skip
    found = excess(
        network.model, inputs, targets, 2, "output_sensitivity", "released", draws=2,
        normalized=True, n_steps=50,
    )  # fmt: skip
    assert row["q"] == pytest.approx(found.q)
    assert row["null_mean"] == pytest.approx(found.mean)
    every = some(digits.test_inputs, digits.test_targets, 500)  # all 355
    hurt = lesion(network.model, *every, 2, found.modules, draws=3)
    assert row["specificity"] == pytest.approx(hurt.specificity)
    assert row["random_mean"] == pytest.approx(hurt.mean)
    assert row["random_std"] == pytest.approx(hurt.std)


def test_the_hessian_of_a_network_without_positions_is_exact(measured, digits):
    network, config, rows = measured
    matrix = pairwise_similarity(network.model, *samples(digits, config), 1, "loss_hessian")
    row = row_of(
        rows["elsewhere"], layer=1, measure="loss_hessian", normalized=False, convention="printed"
    )
    assert row["q"] == pytest.approx(find_modules(matrix, n_steps=50, seed=0).q)


def test_a_network_is_told_by_its_losses_and_accuracies(measured, digits):
    network, _, rows = measured
    (row,) = rows["elsewhere_networks"]
    logits = network.model(digits.test_inputs)
    expected = functional.cross_entropy(logits.double(), digits.test_targets).item()
    assert row["test_loss"] == pytest.approx(expected)
    assert row["kept"] == (row["test_accuracy"] >= 0.8)
    # 64 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10
    assert row["n_weights"] == 1482


def test_progress_is_told_after_each_network(digits):
    told, config = [], tiny(null_draws=0, lesion_draws=0)
    analyze(trained(config, digits), config, digits, progress=told.append)
    assert told == [1]


# ----------------------------------------------------------------------------- grids and notebook


def test_the_grid_has_150_networks_and_20_cases():
    configs = full()
    assert sum(len(config.seeds) for config in configs) == 15 * 2 * 5
    assert len(EXPERIMENT.runs("full")) == 30  # which refuses two runs of one name
    cases = [(*pair, part) for pair in GRID for part in ARCHITECTURES[pair[1]].parts]
    assert len(cases) == len(set(cases)) == 20
    assert {config.dataset for config in configs} == {"mnist", "digits", "mnist1d"}
    assert {name for data, name in GRID if data == "mnist"} == set(ARCHITECTURES)
    assert 0 not in SEEDS


@pytest.mark.parametrize("config", [*full(), *small()], ids=lambda config: config.name)
def test_the_notebook_is_told_all_that_a_run_is(config):
    names = parameter_names(ROOT / "notebooks" / "97-elsewhere.ipynb")
    assert set(config.told) == names - {"folder"}
    assert ElsewhereConfig.from_parameters(config.told) == config
    json.dumps(config.told)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dataset": "cifar"}, "dataset must be one of 'mnist', 'digits', 'mnist1d'"),
        ({"architecture": "resnet"}, "architecture must be one of 'mlp-16-16'"),
        ({"n_inputs": 1}, "n_inputs must be a whole number between 20"),
        ({"n_inputs": 50.0}, "n_inputs must be a whole number"),
        ({"seeds": []}, "seeds must be a list of one or more"),
        ({"regularizer": "none"}, "regularizer must be one of"),
        ({"regularizer": "dropout", "strength": 2.0}, "strength of dropout must be"),
    ],
)
def test_what_makes_no_sense_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        ElsewhereConfig.from_parameters(parameters)


def test_bars_are_means_of_q_and_lines_are_means_of_rotations():
    scores = pd.DataFrame(
        [
            {"part": "hidden", "layer": 1, "convention": convention, "q": q, "null_mean": null}
            | method._asdict()
            for convention in CONVENTIONS
            for method in METHODS
            for q, null in ((0.2, 0.1), (0.4, 0.3))
        ]
    )
    ax = drawings.draw_modularity(scores).axes[0]
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0.3] * 8)
    heights = [line.get_segments()[0][0][1] for line in ax.collections]
    assert heights == pytest.approx([0.2] * 8)


def test_bars_are_means_of_agreement():
    layers = pd.DataFrame(
        [
            {"part": "hidden", "layer": layer, "convention": convention}
            | {"within_upstream": 0.8, "within_downstream": 0.6, "between": value}
            for layer in (1, 2)
            for convention in CONVENTIONS
            for value in (0.1, 0.3)
        ]
    )
    ax = drawings.draw_families(layers).axes[0]
    heights = np.array([bar.get_height() for bar in ax.patches]).reshape(3, 2)
    np.testing.assert_allclose(heights, [[0.8, 0.8], [0.6, 0.6], [0.2, 0.2]])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["hidden 1", "hidden 2"]


def test_the_notebook_draws_its_figures_and_leaves_its_tables(tmp_path):
    folder = tmp_path / "run"
    config = tiny("residual")
    notebook = papermill.execute_notebook(
        ROOT / "notebooks" / "97-elsewhere.ipynb", tmp_path / "run.ipynb",
        config.told | {"folder": str(folder)}, progress_bar=False, kernel_name="python3",
    )  # fmt: skip
    assert n_figures(notebook) == 3
    outcome = json.loads((folder / "outcome.json").read_text())
    assert set(outcome["tables"]) == set(TABLES)
    assert len(list((folder / "weights").glob("*.safetensors"))) == 1
    assert (folder / "progress").read_text() == "1"
    layers = pd.DataFrame(outcome["tables"]["elsewhere_layers"])
    assert glued(notebook)["elsewhere-between"] == pytest.approx(layers["between"].mean())
