"""Tests of the experiment on networks followed in training, from the snapshots to the rows."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import papermill
import pytest
import torch
from chapters import ROOT, glued, n_figures, parameter_names

from experiments.analysis import both_conventions
from experiments.chance import N_INPUTS, N_STEPS, null_rows, some
from experiments.config import AnalysisConfig, Recipe, TrainingConfig
from experiments.course import analyze
from experiments.dynamics import (
    EPOCHS,
    EXPERIMENT,
    FOLLOWED,
    TABLES,
    DynamicsConfig,
    full,
    run_of,
    small,
)
from experiments.engine import tables
from experiments.engine.run import stamp
from experiments.report.chapters import dynamics as drawings
from experiments.training.snapshots import check_epochs, train_and_follow
from experiments.training.stack import Stack
from experiments.training.train import train
from experiments.truth import recovery
from modlib.clustering.find import find_modules
from modlib.comparison import agreement
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS, UPSTREAM

SHORT = TrainingConfig(hidden=(12, 8), dropout=0.2, max_epochs=5, batch_size=100)


def bits(model):
    return [parameter.numpy().tobytes() for parameter in model.state_dict().values()]


# ----------------------------------------------------------------------------------- the snapshots


def test_following_changes_no_bit_of_a_network(digits):
    expected = train(SHORT, digits, [0, 3])
    found = train_and_follow(SHORT, digits, [0, 3], [0, 0.3, 1, 2, 5])
    for one, other in zip(found, expected, strict=True):
        assert bits(one.network.model) == bits(other.model)
        assert one.network.history == other.history
        assert (one.network.seed, one.network.best_epoch) == (other.seed, other.best_epoch)


def test_a_snapshot_is_what_shorter_training_ends_with(digits):
    (followed,) = train_and_follow(SHORT, digits, [1], [0, 1, 3])
    for epochs in (0, 1, 3):
        (shorter,) = train(replace(SHORT, max_epochs=epochs), digits, [1])
        assert shorter.best_epoch == epochs  # or its weights would be those of another epoch
        assert bits(followed.at(epochs).model) == bits(shorter.model)
    assert bits(followed.at(0).model) != bits(followed.at(1).model)


def test_a_part_of_the_first_epoch_is_what_the_whole_one_passes_through(digits, monkeypatch):
    passed, step = [], Stack.adam_step

    def watched(stack, rates):
        step(stack, rates)
        passed.append([weight[0].clone() for weight, _ in stack.layers])

    n_batches = -(-round(0.9 * len(digits.train_inputs)) // SHORT.batch_size)
    with monkeypatch.context() as patch:
        patch.setattr(Stack, "adam_step", watched)
        train(replace(SHORT, max_epochs=1), digits, [1])
    assert len(passed) == n_batches
    n_steps = round(0.3 * n_batches)
    assert 0 < n_steps < n_batches
    (followed,) = train_and_follow(SHORT, digits, [1], [0.3])
    for linear, weight in zip(followed.at(0.3).model.linears, passed[n_steps - 1], strict=True):
        assert torch.equal(linear.weight, weight)


def test_the_smallest_part_of_an_epoch_is_one_batch(digits):
    (followed,) = train_and_follow(SHORT, digits, [1], [0, 1e-6])
    one, none = (followed.at(epoch).model for epoch in (1e-6, 0))
    assert bits(one) != bits(none)
    # Adam moves a weight by no more than the learning rate in its first step.
    for after, before in zip(one.parameters(), none.parameters(), strict=True):
        assert (after - before).abs().max() <= 1.01 * SHORT.learning_rate


def test_what_training_does_not_reach_is_passed_over(digits):
    (followed,) = train_and_follow(replace(SHORT, max_epochs=2), digits, [0], [0, 0.5, 2, 3, 50])
    assert list(followed.weights) == [0, 0.5, 2]
    (untrained,) = train_and_follow(replace(SHORT, max_epochs=0), digits, [0], [0, 0.5, 1])
    assert list(untrained.weights) == [0]


@pytest.mark.parametrize(
    "epochs", [[], 3, "01", [1, 0], [0, 0], [-1], [1.5], [True], [0, float("nan")], [None], None]
)
def test_epochs_that_make_no_sense_are_refused(epochs):
    with pytest.raises(
        ValueError, match=r"epochs must be one or more numbers in rising order.*Got"
    ):
        check_epochs(epochs)


@pytest.mark.parametrize("seeds", [[], [0, 0], [-1], 3])
def test_seeds_are_refused_as_in_training(digits, seeds):
    with pytest.raises(ValueError, match="seed"):
        train_and_follow(SHORT, digits, seeds, [0])


# ------------------------------------------------------------------------------------ the rows

QUICK = DynamicsConfig(
    "digits", "dropout", 0.2, (1,), epochs=(0, 0.5, 2, 40),
    recipe=Recipe(hidden=(12, 8), max_epochs=4, learning_rate=5e-3),
    analysis=AnalysisConfig(n_steps=N_STEPS, null_draws=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def followed(digits):
    return train_and_follow(QUICK.training, digits, QUICK.seeds, QUICK.epochs)


@pytest.fixture(scope="module")
def found(digits, followed):
    return analyze(followed, QUICK, digits)


@pytest.fixture(scope="module")
def rows(found):
    return {name: pd.DataFrame(each) for name, each in found.items()}


def test_a_run_leaves_rows_of_every_snapshot_and_they_fit_their_tables(found):
    n_snapshots = 4  # 0, 1/2, 2, and the end: 40 epochs are not reached
    expected = {"dynamics_snapshots": 1, "dynamics_layers": 2 * 2, "dynamics": 2 * 2 * 8}
    assert {name: len(each) for name, each in found.items()} == {
        name: n_snapshots * number for name, number in expected.items()
    }
    for name, table in TABLES.items():
        tables.from_rows(table, [row | stamp(run_of(QUICK), "code") for row in found[name]])


def test_the_end_is_a_snapshot_of_its_own(rows, followed):
    snapshots = rows["dynamics_snapshots"]
    assert snapshots["final"].tolist() == [False, False, False, True]
    assert snapshots["epoch"].tolist() == [0, 0.5, 2, followed[0].network.best_epoch]


def test_snapshots_with_the_same_weights_have_the_same_numbers(digits):
    config = replace(QUICK, epochs=(2,), recipe=replace(QUICK.recipe, max_epochs=2))
    found = train_and_follow(config.training, digits, config.seeds, config.epochs)
    assert found[0].network.best_epoch == 2
    for table in analyze(found, config, digits).values():
        frame = pd.DataFrame(table)
        ongoing, final = (frame[frame["final"] == is_final] for is_final in (False, True))
        columns = [name for name in frame if name != "final"]
        pd.testing.assert_frame_equal(
            ongoing[columns].reset_index(drop=True), final[columns].reset_index(drop=True)
        )


def test_q_and_its_rotations_are_those_of_the_table_of_null_models(digits, rows, followed):
    """Which the paper's experiment makes of the same network."""
    model = followed[0].network.model
    expected = pd.DataFrame(
        null_rows(model, digits.test_inputs, digits.test_targets, draws=2, seed=0)
    )
    expected = expected[expected["null"] == "rotation"]
    key = ["layer", "measure", "normalized", "convention"]
    found = rows["dynamics"][rows["dynamics"]["final"]]
    for column in ("q", "null_mean"):
        one, other = (frame.set_index(key)[column].sort_index() for frame in (found, expected))
        pd.testing.assert_series_equal(one, other, check_exact=True)


def test_the_final_modules_recover_themselves_and_others_less(rows):
    scores = rows["dynamics"]
    final, first = scores[scores["final"]], scores[scores["epoch"] == 0]
    assert (final["recovery"].dropna() == 1).all()
    assert final["recovery"].notna().sum() > 24
    assert first["recovery"].mean() < 0.5


def test_a_retest_is_a_second_search_with_other_random_numbers(digits, rows, followed):
    samples = some(digits.test_inputs, digits.test_targets, N_INPUTS)
    matrices = both_conventions(followed[0].network, *samples)
    final = rows["dynamics"][rows["dynamics"]["final"]]
    found = final.set_index(["layer", "convention", "measure", "normalized"])["retest"]
    for (layer, convention), of in matrices.items():
        for method, matrix in of.items():
            one, other = (find_modules(matrix, n_steps=N_STEPS, seed=seed) for seed in (0, 1))
            value = recovery(other, one)["recovery"]
            expected = pytest.approx(np.nan if value is None else value, nan_ok=True)
            assert found[(layer, convention, *method)] == expected


def test_agreement_of_a_layer_is_that_of_its_assignments(rows):
    key = ["epoch", "final", "layer", "convention"]
    layers = rows["dynamics_layers"].set_index(key)
    for name, group in rows["dynamics"].groupby(key):
        sides = [
            group[group["measure"].isin(UPSTREAM) == is_up]["labels"] for is_up in (True, False)
        ]
        across = [agreement(up, down) for up in sides[0] for down in sides[1]]
        assert layers.loc[name, "between"] == pytest.approx(np.mean(across))


def test_rotations_are_left_out_where_none_are_asked_for(digits, followed):
    config = replace(QUICK, analysis=replace(QUICK.analysis, null_draws=0, n_steps=10))
    found = analyze(followed, config, digits)["dynamics"]
    assert all(row["null_mean"] is None for row in found)


def test_progress_counts_networks(digits, followed):
    config = replace(QUICK, analysis=replace(QUICK.analysis, null_draws=0, n_steps=10))
    told = []
    analyze(followed * 2, config, digits, progress=told.append)
    assert told == [1, 2]


# ----------------------------------------------------------------------------- grids and notebook


def test_the_grid_has_nine_networks_of_three_settings():
    configs = full()
    seeds = {
        name: sorted(seed for c in configs if c.regularizer == name for seed in c.seeds)
        for name in FOLLOWED
    }
    assert seeds == {name: list(range(9)) for name in ("l2", "dropout", "l1")}
    assert {(c.regularizer, c.strength) for c in configs} == {
        ("l2", 1e-5), ("dropout", 0.5), ("l1", 1e-3),
    }  # fmt: skip
    assert {c.dataset for c in configs} == {"mnist"}
    assert {c.recipe for c in configs} == {Recipe()}  # the paper's
    assert len(EXPERIMENT.runs("full")) == 9  # which refuses two runs of one name


def test_the_longest_runs_are_started_first():
    runs = sorted(EXPERIMENT.runs("full"), key=lambda run: run.length, reverse=True)
    assert [run.parameters["regularizer"] for run in runs[::3]] == ["l1", "dropout", "l2"]


@pytest.mark.parametrize("config", [*full(), *small()], ids=lambda config: run_of(config).name)
def test_the_notebook_is_told_all_that_a_run_is(config):
    names = parameter_names(ROOT / "notebooks" / "98-dynamics.ipynb")
    assert set(config.told) == names - {"folder"}
    assert DynamicsConfig.from_parameters(config.told) == config
    json.dumps(config.told)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"regularizer": "untrained"}, "regularizer must be one of 'l2', 'l1', 'dropout'"),
        ({"epochs": [2, 1]}, "epochs must be one or more numbers"),
        ({"strength": -1}, "strength must be a number"),
        ({"seeds": []}, "seeds must be a list of one or more"),
        ({"dataset": "mnist1d"}, "dataset must be one of"),
    ],
)
def test_what_makes_no_sense_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        DynamicsConfig.from_parameters(parameters)


def test_the_notebook_draws_its_figures_and_leaves_its_tables(tmp_path):
    folder = tmp_path / "run"
    told = replace(QUICK, epochs=(0, 0.5, 1, 2), analysis=AnalysisConfig(n_steps=50, null_draws=1))
    notebook = papermill.execute_notebook(
        ROOT / "notebooks" / "98-dynamics.ipynb", tmp_path / "run.ipynb",
        told.told | {"folder": str(folder)}, progress_bar=False, kernel_name="python3",
    )  # fmt: skip
    assert n_figures(notebook) == 3
    found = json.loads((folder / "outcome.json").read_text())["tables"]
    assert set(found) == set(TABLES)
    assert len(list((folder / "weights").glob("*.safetensors"))) == 1
    assert (folder / "progress").read_text() == "1"
    accuracy = {
        (row["epoch"], row["final"]): row["test_accuracy"] for row in found["dynamics_snapshots"]
    }
    (end,) = [value for (_, is_final), value in accuracy.items() if is_final]
    expected = 100 * (accuracy[1, False] - accuracy[0, False]) / (end - accuracy[0, False])
    assert glued(notebook)["dynamics-accuracy"] == pytest.approx(expected)


# ------------------------------------------------------------------------------------ the figures


def drawn(
    regularizer="l2", seeds=(0, 1), epochs=(0.0, 0.25, 16.0), value=lambda place, seed: place
):
    """Scores of two networks, whose numbers a function of place and seed tells."""
    places = [(epoch, False) for epoch in epochs] + [(20.0, True)]
    return pd.DataFrame(
        [
            {"dataset": "mnist", "regularizer": regularizer, "strength": 1e-5, "seed": seed,
             "epoch": epoch, "final": final, "layer": layer, **method._asdict(),
             "convention": convention, "q": value(place, seed), "null_mean": 0.5,
             "recovery": value(place, seed), "retest": 0.25}
            for seed in seeds
            for place, (epoch, final) in enumerate(places)
            for layer in (1, 2)
            for method in METHODS
            for convention in CONVENTIONS
        ]
    )  # fmt: skip


def test_snapshots_are_averaged_over_networks_with_the_end_last():
    mean, error = drawings.by_snapshot(drawn(value=lambda place, seed: place + 0.2 * seed), "q")
    assert mean == pytest.approx([0.1, 1.1, 2.1, 3.1])
    assert error == pytest.approx([0.1] * 4)  # of two numbers: half their distance
    assert drawings.snapshot_names([16.0, 0.25, 0.0, 0.25]) == ["0", "¼", "16", "end"]


def test_a_curve_leaves_out_what_was_not_reached():
    early, late = drawn("l2", epochs=(0.0, 1.0)), drawn("l1", epochs=(0.0, 1.0, 32.0))
    mean, _ = drawings.by_snapshot(pd.concat([early, late]), "q")
    assert mean == pytest.approx([0, 1, 2, 2.5])  # at 32 epochs the second alone


def test_modularity_is_drawn_with_its_rotations():
    axes = drawings.draw_modularity(drawn()).axes
    assert [ax.get_title() for ax in axes] == [
        f"layer {layer}, {convention}" for layer in (1, 2) for convention in CONVENTIONS
    ]
    lines = [list(line.get_ydata()) for line in axes[0].lines]
    assert lines == [[0, 1, 2, 3], [0.5] * 4] * 4


def test_settling_is_drawn_beside_what_a_second_search_finds():
    ax = drawings.draw_settling(drawn()).axes[0]
    curves = [list(line.get_ydata()) for line in ax.lines]
    assert curves == [[0, 1, 2, 3], [0.25] * 2, [0, 1, 2, 3], [0.25] * 2, [0, 0]]


def test_settling_of_each_regularizer_has_snapshots_of_its_own():
    scores = pd.concat([drawn("l2"), drawn("dropout", epochs=(0.0, 1.0))])
    figure = drawings.draw_settling(scores[scores["convention"] == "printed"], "regularizer")
    lower = figure.axes[2:]  # the upper ones share their ticks
    names = [[label.get_text() for label in ax.get_xticklabels()] for ax in lower]
    assert names == [["0", "¼", "16", "end"], ["0", "1", "end"]]


def test_courses_have_a_column_for_each_regularizer():
    dropout = drawn("dropout", epochs=(0.0, 1.0)).assign(strength=0.5)
    scores = pd.concat([drawn("l2"), dropout])
    snapshots = scores.assign(test_accuracy=0.9)
    layers = scores.assign(within_upstream=0.1, within_downstream=0.2, between=0.3)
    axes = np.array(drawings.draw_courses(snapshots, layers, scores, "printed").axes).reshape(4, 2)
    assert [ax.get_title() for ax in axes[0]] == ["L2 penalty 1e-5", "dropout 0.5"]
    # Accuracy is 0.9 throughout; excess rises by 3 in the one and by 2 in the other.
    assert [ax.texts[0].get_text() for ax in axes[2]] == [
        "covariance +3.00,\nothers ≤ +3.00", "covariance +2.00,\nothers ≤ +2.00",
    ]  # fmt: skip
    excess = [list(line.get_ydata()) for line in axes[2, 0].lines[:4]]
    assert excess == [[-0.5, 0.5, 1.5, 2.5]] * 4
    families_drawn = [line.get_ydata()[0] for line in axes[3, 0].lines]
    assert families_drawn == pytest.approx([0.1, 0.2, 0.3])


def test_the_way_made_after_one_epoch_is_a_share_of_the_whole():
    frame = pd.DataFrame(
        {"epoch": [0.0, 1.0, 16.0, 30.0], "final": [False] * 3 + [True], "q": [0.1, 0.4, 0.2, 0.5]}
    )
    assert drawings.way_made(frame, "q") == pytest.approx(0.75)
    assert np.isnan(drawings.way_made(frame, "q", epoch=2.0))


def test_gains_of_excess_are_from_untrained_to_final_the_highest_first():
    frame = pd.DataFrame(
        {"measure": name, "epoch": epoch, "final": epoch == 9.0, "excess": value}
        for name, values in (("covariance", (0.1, 0.9, 0.11)), ("loss_hessian", (0.0, 0.0, 0.3)))
        for epoch, value in zip((0.0, 1.0, 9.0), values, strict=True)
    )  # fmt: skip
    gained = drawings.excess_gained(frame)
    assert list(gained.index) == ["loss_hessian", "covariance"]
    assert gained.tolist() == pytest.approx([0.3, 0.01])


def test_the_default_epochs_can_be_asked_for():
    assert check_epochs(EPOCHS) == EPOCHS
