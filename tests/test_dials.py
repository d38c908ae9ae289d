"""Tests of the experiment on training for modules, from the objective to the rows."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import papermill
import pytest
import torch
from chapters import ROOT, n_figures, parameter_names
from torch.nn import functional

import modlib as ml
from experiments.config import AnalysisConfig, Recipe, SettingConfig
from experiments.data import load
from experiments.dials import (
    DOWN,
    EXPERIMENT,
    PAIRED,
    PULLS,
    SEEDS,
    TABLES,
    USUAL,
    DialsConfig,
    certified_layers,
    certified_matrices,
    full,
    n_rows,
    run_of,
    small,
)
from experiments.engine import tables
from experiments.engine.run import stamp
from experiments.gains import agreement_rows, analyze, family_of, score_row
from experiments.pairs import draw_pairs
from experiments.pull import (
    COLDEST,
    HOTTEST,
    TARGETS,
    Pulled,
    covariances,
    layers_of,
    modularity_of,
    output_sensitivities,
    pulled_loss,
)
from experiments.report.chapters import dials as drawings
from experiments.robustness import DISTURBANCES, pruned, robustness_rows, with_noise
from experiments.tasks import held_out_samples, training_samples, widths_of
from experiments.training.pulled import train_pulled
from experiments.transfer import Relearning, transfer_rows, with_new_head
from modlib.models import MLP
from modlib.similarity.measures import METHODS, UPSTREAM, Method
from modlib.soft import soft_modularity

WIDTHS = (6, 8, 5, 3)


def batch(n=40, seed=0):
    return torch.randn(n, WIDTHS[0], generator=torch.Generator().manual_seed(seed))


# --------------------------------------------------------------------------------- the objective


@pytest.mark.parametrize(
    ("measure", "similarities"),
    [("covariance", covariances), ("output_sensitivity", output_sensitivities)],
)
def test_similarities_of_a_batch_are_those_of_the_library(measure, similarities):
    model, inputs = MLP(WIDTHS, seed=1), batch()
    found = similarities(model, layers_of(model, inputs))
    known = ml.similarity_matrices(model, inputs, measures=[measure], conventions=["released"])
    assert len(found) == 2
    for layer, values in enumerate(found, start=1):
        expected = known[layer, measure, "released"].normalized().values
        used = np.diagonal(expected) > 0
        assert used.sum() >= 4
        np.testing.assert_allclose(
            values.detach().numpy()[np.ix_(used, used)], expected[np.ix_(used, used)], atol=1e-5
        )


@pytest.mark.parametrize("similarities", [covariances, output_sensitivities])
def test_their_slopes_are_those_of_finite_differences(similarities):
    model = MLP(WIDTHS, seed=1).double()
    inputs = batch().double()
    assignments = [torch.eye(4).double()[torch.arange(width) % 4] for width in WIDTHS[1:-1]]

    def q(weight):
        with torch.no_grad():
            model.linears[1].weight.copy_(weight)
        model.linears[1].weight.requires_grad_()
        found = similarities(model, layers_of(model, inputs))
        return sum(soft_modularity(s, p) for s, p in zip(found, assignments, strict=True))

    start = model.linears[1].weight.detach().clone()
    value = q(start)
    (slope,) = torch.autograd.grad(value, model.linears[1].weight)
    for place in [(0, 0), (2, 3), (4, 7)]:
        step = torch.zeros_like(start)
        step[place] = 1e-6
        with torch.no_grad():
            estimate = (q(start + step) - q(start - step)) / 2e-6
        assert slope[place].item() == pytest.approx(estimate.item(), abs=1e-6)
    assert slope.abs().max() > 1e-3


def test_units_that_do_not_vary_are_similar_to_none_and_have_no_slope():
    model = MLP(WIDTHS, seed=1)
    with torch.no_grad():
        model.linears[0].bias[2] = -100.0
    values = layers_of(model, batch())
    found = covariances(model, values)[0]
    assert (found[2] == 0).all()
    assert (found[:, 2] == 0).all()
    found.sum().backward()
    assert model.linears[0].weight.grad.isfinite().all()


def test_q_is_a_mean_over_layers_and_a_sum_over_measures():
    model = MLP(WIDTHS, seed=1)
    values = layers_of(model, batch())
    found = {target: modularity_of(Pulled(model, 4, target, 0), values) for target in TARGETS}
    rows = Pulled(model, 4, "up", 0).assignments()
    expected = [
        soft_modularity(s, p) for s, p in zip(covariances(model, values), rows, strict=True)
    ]
    assert found["none"] == 0
    assert found["up"].item() == pytest.approx(sum(expected).item() / 2, abs=1e-7)
    assert found["both"].item() == pytest.approx((found["up"] + found["down"]).item(), abs=1e-7)


def test_the_loss_is_lowered_by_the_pull():
    model = MLP(WIDTHS, seed=1)
    inputs, targets = batch(), torch.arange(40) % 3
    pulled = Pulled(model, 4, "down", 0)
    plain, less = (
        pulled_loss(functional.cross_entropy, pull)(pulled, inputs, targets) for pull in (0.0, 3.0)
    )
    q = modularity_of(pulled, layers_of(model, inputs))
    assert plain.item() == pytest.approx(functional.cross_entropy(model(inputs), targets).item())
    assert (plain - less).item() == pytest.approx(3 * q.item(), abs=1e-6)


def test_a_shuffled_assignment_has_the_same_rows_in_another_order_each_time():
    pulled = Pulled(MLP(WIDTHS), 4, "shuffled", 0)
    with torch.no_grad():
        pulled.free[0].copy_(torch.arange(32.0).reshape(8, 4).square() / 100)
    first, second = pulled.assignments()[0], pulled.assignments()[0]
    assert not torch.equal(first, second)
    assert torch.equal(first.sort(dim=0).values, second.sort(dim=0).values)
    lasting = Pulled(MLP(WIDTHS), 4, "up", 0)
    assert torch.equal(lasting.assignments()[0], lasting.assignments()[0])


def test_assignments_harden_by_the_same_factor_from_epoch_to_epoch():
    pulled, temperatures = Pulled(MLP(WIDTHS), 4, "up", 0), []
    for epoch in range(1, 6):
        pulled.anneal(epoch, 5)
        temperatures.append(pulled.temperature)
    assert temperatures[0] == HOTTEST
    assert temperatures[-1] == pytest.approx(COLDEST)
    ratios = [later / earlier for earlier, later in pairwise(temperatures)]
    assert ratios == pytest.approx([ratios[0]] * 4)
    pulled.anneal(1, 1)
    assert pulled.temperature == HOTTEST


# -------------------------------------------------------------------------------------- training


def tiny(task="single", target="up", pull=3.0, **recipe):
    setting = SettingConfig(
        "digits", seeds=(1,),
        recipe=Recipe(**{"hidden": (16, 8), "max_epochs": 2, "patience": 30} | recipe),
        analysis=AnalysisConfig(n_steps=50, null_draws=2, lesion_draws=3),
    )  # fmt: skip
    return DialsConfig(task, target, pull, n_pairs=400, n_test_pairs=100, setting=setting)


def trained(config, seed=1):
    return train_pulled(
        config.setting.training, load("digits"), config.task, config.target, config.pull, seed,
        most_modules=config.most_modules, n_pairs=config.n_pairs,
    )  # fmt: skip


@pytest.mark.parametrize("task", ["single", "crossed"])
def test_the_same_seed_gives_the_same_network_and_another_another(task):
    one, again, other = (trained(tiny(task, "both"), seed) for seed in (1, 1, 2))
    for weight, same, different in zip(
        one.model.parameters(), again.model.parameters(), other.model.parameters(), strict=True
    ):
        assert torch.equal(weight, same)
        assert not torch.equal(weight, different)
    assert (one.labels, one.sharpness) == (again.labels, again.sharpness)


def test_without_a_target_there_is_no_assignment():
    network = trained(tiny(target="none", pull=0.0))
    assert network.labels is None
    assert network.sharpness is None


@pytest.mark.parametrize("target", ["up", "down"])
def test_what_is_pulled_becomes_modular_by_the_assignment_that_pulled(target):
    config = tiny(target=target, max_epochs=25, learning_rate=5e-3)
    pulled = trained(config)
    free = trained(replace(config, target="none", pull=0.0))
    test = load("digits").test_inputs
    (measure,) = TARGETS[target]

    def q(network, labels=None):
        similarity = ml.pairwise_similarity(
            network.model, test, layer=1, measure=measure, convention="released"
        )
        return ml.find_modules(similarity.normalized())

    assert q(pulled).q > q(free).q + 0.15
    in_use = q(pulled).labels >= 0
    assert ml.agreement(q(pulled).labels[in_use], np.array(pulled.labels[0])[in_use]) > 0.7


def test_no_training_image_validates():
    training, validation = training_samples(load("digits"), "single", 10, 0.1, 3)
    members = [set(part.members.tolist()) for part in (training, validation)]
    assert not set.intersection(*members)
    assert sum(map(len, members)) == len(load("digits").train_inputs)
    inputs, targets = training[torch.tensor([5, 0])]
    assert torch.equal(inputs[1], load("digits").train_inputs[training.members[0]])
    assert targets[1] == load("digits").train_targets[training.members[0]]


def test_widths_are_those_of_the_task():
    data = load("digits")
    assert widths_of(data, "single", (4, 3)) == (64, 4, 3, 10)
    assert widths_of(data, "crossed", (4, 3)) == (128, 4, 3, 6)
    assert len(held_out_samples(data, "crossed", 70)) == 70
    assert len(held_out_samples(data, "single", 70)) == len(data.test_inputs)


# ------------------------------------------------------------------------ robustness and transfer


def test_pruning_takes_the_smallest_weights_of_every_layer_and_leaves_the_network_be():
    model = MLP(WIDTHS, seed=1)
    before = [linear.weight.detach().clone() for linear in model.linears]
    for weight, linear in zip(before, pruned(model, 0.5).linears, strict=True):
        is_gone = linear.weight == 0
        assert is_gone.sum() == round(0.5 * weight.numel())
        assert weight[is_gone].abs().max() <= weight[~is_gone].abs().min()
        assert torch.equal(linear.weight[~is_gone], weight[~is_gone])
    assert all(torch.equal(a, b.weight) for a, b in zip(before, model.linears, strict=True))


def test_noise_has_its_level_and_is_always_the_same():
    inputs = torch.zeros(200, 50)
    one = with_noise(inputs, 0.5)
    assert one.std().item() == pytest.approx(0.5, rel=0.05)
    assert torch.equal(2 * one, with_noise(inputs, 1.0))
    assert not inputs.any()


def test_each_disturbance_has_a_row_for_each_level():
    rows = list(robustness_rows(MLP(WIDTHS, seed=1), batch(), torch.arange(40) % 3))
    found = {name: tuple(r["level"] for r in rows if r["disturbance"] == name)
             for name in DISTURBANCES}  # fmt: skip
    assert found == DISTURBANCES


def test_a_new_question_is_how_many_digits_are_multiples_of_three():
    images, digits = torch.zeros(10, 1), torch.arange(10)
    pairs = draw_pairs(images, digits, 30, "crossed", torch.Generator().manual_seed(0))
    expected = [sum(int(digits[m]) in (0, 3, 6, 9) for m in pair) for pair in pairs.members]
    assert Relearning(pairs)[:][1].tolist() == expected


def test_a_new_head_is_drawn_in_a_copy_and_the_other_stays():
    model = MLP((4, 5, 6), seed=1)
    before = model.linears[-1].weight.detach().clone()
    found = with_new_head(model, 1, 0).linears[-1].weight
    assert torch.equal(found[:3], before[:3])
    assert (found[3:] != before[3:]).all()
    assert torch.equal(model.linears[-1].weight, before)


def test_relearning_one_head_teaches_it_and_leaves_the_network_be():
    network = trained(tiny("crossed", "none", 0.0))
    before = [weight.clone() for weight in network.model.parameters()]
    data = load("digits")
    test = held_out_samples(data, "crossed", 200)
    rows = list(transfer_rows(network.model, data, test, 0.1, 1))
    assert [row["head"] for row in rows] == [1, 2]
    assert all(row["learnt"] > 0.6 for row in rows)  # a third by chance, or a half for the most
    assert all(torch.equal(a, b) for a, b in zip(before, network.model.parameters(), strict=True))


# ------------------------------------------------------------------------------------ the rows


@pytest.mark.parametrize(
    "config", [tiny(), tiny("crossed", "both"), tiny(target="none", pull=0.0)],
    ids=["single", "crossed", "none"],
)  # fmt: skip
def test_a_run_leaves_as_many_rows_as_it_must_and_they_fit_their_tables(config):
    found, job = analyze([trained(config)], config, load("digits")), run_of(config)
    assert {name: len(rows) for name, rows in found.items()} == dict(n_rows(job))
    for name, table in TABLES.items():
        tables.from_rows(table, [row | stamp(job, "code") for row in found[name]])
    is_single = config.task == "single"
    assert all((row["null_mean"] is not None) == is_single for row in found["dials"])
    assert all((row["specificity"] is not None) == is_single for row in found["dials"])
    assert any(row["pulled"] is not None for row in found["dials"]) == config.is_pulled
    known = [row["source_recovery"] for row in found["dials_layers"]]
    assert all((value is None) == is_single for value in known)


def test_what_is_left_out_is_missing():
    config = tiny()
    analysis = AnalysisConfig(n_steps=20, best=False, null_draws=0, lesion_draws=0)
    config = replace(config, setting=replace(config.setting, analysis=analysis))
    found = analyze([trained(config)], config, load("digits"))
    names = ("q_best", "pulled_best", "chance_q", "null_mean", "specificity", "lesion_std")
    assert all(row[name] is None for row in found["dials"] for name in names)
    assert all(row["between_best"] is None for row in found["dials_agreement"])


def test_pairs_of_methods_are_of_a_family():
    one, other = Method("covariance", True), Method("input_sensitivity", False)
    assert family_of(one, other) == "within_up"
    assert family_of(one, METHODS[-1]) == family_of(METHODS[-1], one) == "between"
    assert family_of(METHODS[-1], METHODS[-3]) == "within_down"


def blocks(labels):
    """The modules of a matrix whose blocks are these."""
    labels = np.array(labels)
    return ml.find_modules((labels[:, None] == labels).astype(float))


HALVES, STRIPES = [0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1]


def test_modules_are_held_against_the_assignment_of_their_own_layer():
    found = {"": blocks(HALVES), "_best": None}
    own, other = (
        score_row((layer, "released", METHODS[0]), found, [STRIPES, HALVES]) for layer in (2, 1)
    )
    assert own["pulled"] == 1.0
    # Of 3 units each 2 and 1 are common: 1/6 (4 + 1 + 1 + 4) / 3 = 5/9. By chance an overlap has
    # the mean square 9/6 (1 + 2 * 2 / 5) = 2.7, and 1/6 * 4 * 2.7 / 3 = 3/5.
    assert other["pulled"] == pytest.approx((5 / 9 - 3 / 5) / (2 / 5))
    assert own["q"] == pytest.approx(0.5)
    assert own["q_best"] is None
    assert own["pulled_best"] is None


def test_agreement_is_averaged_by_the_sides_of_methods():
    """Upstream methods find halves; downstream ones stripes, but output sensitivity as halves."""
    found = {
        (1, "released", method): dict.fromkeys(
            ("", "_best"),
            blocks(HALVES if method.measure in UPSTREAM or method == DOWN else STRIPES),
        )
        for method in METHODS
    }
    (row,) = agreement_rows(found)
    apart = (5 / 9 - 3 / 5) / (2 / 5)
    assert row["within_up"] == 1.0
    assert row["dials"] == row["dials_best"] == 1.0
    assert row["between"] == pytest.approx((4 * 1 + 12 * apart) / 16)
    assert row["within_down"] == pytest.approx((3 * 1 + 3 * apart) / 6)


# ----------------------------------------------------------------------------- grids and notebook


def test_the_grid_has_four_targets_at_five_pulls_and_a_smaller_one_on_pairs():
    configs = full()
    single = [(c.target, c.pull) for c in configs if c.task == "single"]
    assert len(single) == 1 + 4 * 5
    assert {pull for target, pull in single if target == "shuffled"} == set(PULLS)
    pairs = [(c.target, c.pull) for c in configs if c.task == "crossed"]
    assert pairs == [("none", 0), ("up", PAIRED), ("down", PAIRED), ("both", PAIRED)]
    assert {c.setting.seeds for c in configs} == {SEEDS}
    assert len(EXPERIMENT.runs("full")) == 25  # which refuses two runs of one name


@pytest.mark.parametrize("config", [*full(), *small()], ids=lambda config: config.name)
def test_the_notebook_is_told_all_that_a_run_is(config):
    names = parameter_names(ROOT / "notebooks" / "96-dials.ipynb")
    assert set(config.parameters) == names - {"folder"}
    assert DialsConfig.from_parameters(config.parameters) == config
    json.dumps(config.parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"task": "double"}, "task must be one of 'single', 'crossed'"),
        ({"target": "left"}, "target must be one of 'none', 'up', 'down', 'both', 'shuffled'"),
        ({"target": "up"}, "pull must be a number above 0, .* Got 0.0 for target 'up'"),
        ({"pull": 1.0}, "pull must be .* 0 if target is 'none'. Got 1.0 for target 'none'"),
        ({"target": "up", "pull": -1.0}, "pull must be a number above 0"),
        ({"target": "up", "pull": "strong"}, "pull must be a number above 0"),
        ({"target": "up", "pull": 1e9}, "pull must be a number above 0, at most 1000"),
        ({"most_modules": 1}, "most_modules must be a whole number between 2 and 1000. Got 1"),
        ({"n_pairs": 10.0}, "n_pairs must be a whole number"),
        ({"n_test_pairs": 1}, "n_test_pairs must be a whole number between 10"),
        ({"seeds": []}, "seeds must be a list"),
        ({"dataset": "letters"}, "dataset must be one of"),
    ],
)
def test_what_makes_no_sense_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        DialsConfig.from_parameters(parameters)


def test_what_is_not_the_weakest_penalty_is_refused():
    with pytest.raises(ValueError, match=r"setting must be the L2 penalty of 1e-05, .* Got l1-1"):
        DialsConfig(setting=SettingConfig(regularizer="l1", strength=1.0))


def test_one_network_of_each_target_is_certified_at_the_usual_pull():
    wanted = {run.name: certified_layers(run) for run in EXPERIMENT.runs("full")}
    chosen = {name: places for name, places in wanted.items() if places}
    assert len(chosen) == 5
    assert chosen["single-up-0.3-seeds-0-to-8"] == ["single-up-0.3-1-h1", "single-up-0.3-1-h2"]


def test_certified_matrices_are_those_whose_modularity_is_in_the_table(tmp_path):
    from experiments.weights import save_weights

    config = tiny()
    network = trained(config)
    (tmp_path / "weights").mkdir()
    save_weights(network.model, tmp_path / "weights" / "single-up-3-1.safetensors")
    rows = analyze([network], config, load("digits"))["dials"]
    found = list(certified_matrices(run_of(config), "single-up-3-1-h2", tmp_path))
    assert len(found) == 2
    for key, matrix in found:
        (row,) = [
            row for row in rows
            if row["convention"] == "released" and all(row[name] == key[name] for name in key)
        ]  # fmt: skip
        assert ml.find_modules(matrix, n_steps=50).q == pytest.approx(row["q"])


# ---------------------------------------------------------------------------------- the figures


def scores(q):
    return pd.DataFrame(
        {
            "task": "single", "target": target, "pull": pull, "seed": seed, "layer": layer,
            "measure": measure, "normalized": normalized, "convention": convention,
            "q": q(target, pull, measure) if normalized and convention == "released" else -1.0,
        }
        for target, pull in (("none", 0.0), ("up", 1.0), ("up", 3.0))
        for seed in (0, 1)
        for layer in (1, 2)
        for measure in ("covariance", "output_sensitivity", "loss_hessian")
        for normalized in (False, True)
        for convention in ("printed", "released")
    )  # fmt: skip


def test_arms_lead_from_networks_that_are_not_pulled_through_the_strengths():
    figure = drawings.draw_dials(
        scores(lambda target, pull, measure: 0.1 + 0.1 * pull * (measure == "covariance"))
    )
    ax = figure.axes[0]
    (arm,) = [line for line in ax.lines if line.get_label() == "up"]
    assert arm.get_xdata() == pytest.approx([0.1, 0.2, 0.4])
    assert arm.get_ydata() == pytest.approx([0.1, 0.1, 0.1])
    assert [one.get_title() for one in figure.axes] == ["layer 1", "layer 2"]
    # It leads from 0.1 to 0.4, to the right.
    assert [text.get_text().split("\n")[0] for text in ax.texts] == [
        "not pulled, or shuffled", "pulled upstream",
    ]  # fmt: skip
    assert re.findall(r"[+\u2212]\d\.\d\d", ax.texts[1].get_text()) == ["+0.30", "+0.00"]


def test_dials_can_be_drawn_as_printed():
    figure = drawings.draw_dials(scores(lambda *_: 0.5), convention="printed")
    dots = [line for line in figure.axes[0].lines if line.get_linestyle() == "None"]
    assert {value for line in dots for value in line.get_xdata()} == {-1.0}


def test_accuracy_is_drawn_by_level():
    rows = pd.DataFrame(
        {"target": "up", "pull": 1.0, "seed": seed, "disturbance": name, "level": level,
         "accuracy": 0.5 + 0.2 * seed}
        for seed in (0, 1) for name in DISTURBANCES for level in DISTURBANCES[name]
    )  # fmt: skip
    first, second = drawings.draw_robustness(rows).axes
    (mean,) = [line for line in first.lines if line.get_label() == "up"]
    assert list(mean.get_xdata()) == list(DISTURBANCES["noise"])
    assert list(mean.get_ydata()) == pytest.approx([0.6] * 3)
    assert "set to zero" in second.get_xlabel()


def test_q_of_the_dials_is_a_mean_over_layers_of_what_the_search_finds():
    model, inputs = MLP(WIDTHS, seed=1), batch(200)
    found = drawings.q_of_dials(model, inputs)
    for measure in ("covariance", "output_sensitivity"):
        q = [
            ml.find_modules(
                ml.pairwise_similarity(
                    model, inputs, layer=layer, measure=measure, convention="released"
                ).normalized()
            ).q
            for layer in (1, 2)
        ]
        assert found[measure] == pytest.approx(np.mean(q))
    assert found["covariance"] != found["output_sensitivity"]


def test_bounds_are_listed_by_target_and_layer():
    certificates = pd.DataFrame(
        {"target": target, "layer": layer, "measure": measure, "lower": 0.5, "upper": 0.61239,
         "optimal": False, "seconds": 1.0}
        for target in ("up", "none") for layer in (1, 2)
        for measure in ("covariance", "output_sensitivity")
    )  # fmt: skip
    found = drawings.bounds(certificates)
    assert list(found.index) == [("none", 1), ("none", 2), ("up", 1), ("up", 2)]
    assert found.loc[("up", 2), ("upper", "covariance")] == 0.612
    assert set(found.columns.get_level_values("measure")) == {"covariance", "output sensitivity"}
    assert not len(drawings.bounds(None))


def test_numbers_are_averaged_within_networks():
    rows = pd.DataFrame(
        {"target": "up", "pull": 1.0, "seed": seed, "layer": layer, "side": side,
         "score": seed + 0.1 * layer + 10 * (side == "b")}
        for seed in (0, 1) for layer in (1, 2) for side in "ab"
    )  # fmt: skip
    found = drawings.per_network(rows, "score", side="a")
    assert list(found["seed"]) == [0, 1]
    assert found["value"].tolist() == pytest.approx([0.15, 1.15])


def by_target(value):
    return pd.DataFrame(
        {"target": target, "pull": pull, "seed": seed, "value": value(target, pull, seed)}
        for target, pull in (("none", 0.0), ("up", 0.1), ("up", 1.0), ("down", 1.0))
        for seed in (0, 1)
    )


def test_curves_are_means_by_pull_and_their_shades_standard_errors():
    figure = drawings.draw_curves({"a": by_target(lambda target, pull, seed: pull + 2 * seed)})
    ax = figure.axes[0]
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines["up"].get_xdata()) == [0.1, 1.0]
    assert list(lines["up"].get_ydata()) == pytest.approx([1.1, 2.0])
    assert lines["none"].get_ydata() == pytest.approx([1.0, 1.0])
    edges = np.vstack([path.vertices for path in ax.collections[0].get_paths()])
    assert edges[:, 1].min() == pytest.approx(0.1)  # of 0.1 and 2.1 the standard error is 1
    assert edges[:, 1].max() == pytest.approx(3.0)


def test_the_target_that_is_furthest_at_the_usual_pull_is_written_into_its_panel():
    frame = by_target(lambda target, pull, seed: {"none": 1.0, "up": 0.4, "down": 1.5}[target])
    assert drawings.furthest(frame, pull=1.0) == ("up", pytest.approx(-0.6))
    assert drawings.furthest(frame, pull=2.0) is None
    assert drawings.furthest(frame[frame["target"] != "none"], pull=1.0) is None
    assert not drawings.draw_curves({"a": frame}).axes[0].texts  # there is none at that pull
    frame["pull"] = frame["pull"].replace(1.0, USUAL)
    (note,) = drawings.draw_curves({"a": frame}).axes[0].texts
    assert note.get_text() == "pulled up: \u22120.6\nat a pull of 0.3"


def test_groups_are_drawn_with_every_network():
    frame = by_target(lambda target, pull, seed: seed + (target == "down"))
    (ax,) = drawings.draw_groups({"learnt": frame[frame["pull"] != 0.1]}).axes
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0.5, 0.5, 1.5])
    told = [label.get_text() for label in ax.get_xticklabels()]
    assert told == ["none\n0.50", "up\n0.50", "down\n1.50"]
    assert [sorted(line.get_ydata()) for line in ax.lines if line.get_marker() == "."] == [
        [0, 1], [0, 1], [1, 2],
    ]  # fmt: skip


def test_the_notebook_draws_its_figures_and_leaves_its_tables(tmp_path):
    folder = tmp_path / "run"
    told = tiny("crossed", "both").parameters | {"folder": str(folder), "best": False}
    notebook = papermill.execute_notebook(
        ROOT / "notebooks" / "96-dials.ipynb", tmp_path / "run.ipynb", told,
        progress_bar=False, kernel_name="python3",
    )  # fmt: skip
    assert n_figures(notebook) == 4
    assert set(json.loads((folder / "outcome.json").read_text())["tables"]) == set(TABLES)
    assert len(list((folder / "weights").glob("*.safetensors"))) == 1
    assert (folder / "progress").read_text() == "1"
