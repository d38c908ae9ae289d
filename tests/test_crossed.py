"""Tests of the experiment on networks whose modules are known, from the pairs to the rows."""

import json
from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import papermill
import pytest
import torch
from chapters import ROOT, n_figures, parameter_names
from torch import nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from experiments.config import AnalysisConfig, Recipe, SettingConfig, TrainingConfig
from experiments.crossed import EXPERIMENT, TABLES, CrossedConfig, full, n_rows, run_of, small
from experiments.data import Dataset, load, split
from experiments.engine import tables
from experiments.engine.run import stamp
from experiments.pairs import (
    Pairs,
    accuracy_of_heads,
    held_out_pairs,
    loss_of_heads,
    targets_of,
    training_pairs,
)
from experiments.planted import plant, planted_labels, uproot
from experiments.recovery import analyze, planted_truths, similarities_of, told_truths
from experiments.report.chapters import crossed as drawings
from experiments.training.heads import penalized, train_heads
from experiments.training.loop import fit
from experiments.training.train import train
from experiments.truth import (
    TRUTHS,
    Truth,
    expected_element,
    head_effects,
    recovery,
    source_effects,
    truth_of,
)
from modlib.comparison import agreement, chance_level
from modlib.models import MLP
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import MEASURES

WIDTHS = (8, 8, 4, 6)
A, B = torch.tensor([3, 4, 7, 0]), torch.tensor([8, 5, 9, 1])


def numbered(n=40, n_pixels=4):
    """A data set whose images can be told apart: every pixel is the number of the image."""
    images = torch.arange(2.0 * n).repeat_interleave(n_pixels).reshape(2 * n, n_pixels)
    digits = torch.arange(2 * n) % 10
    return Dataset("numbered", images[:n], digits[:n], images[n:], digits[n:])


def random_pairs(n=200, n_pixels=4, task="crossed"):
    random = torch.Generator().manual_seed(0)
    images, digits = torch.rand(50, n_pixels, generator=random), torch.arange(50) % 10
    return Pairs(images, digits, torch.randint(50, (n, 2), generator=random), task)


# --------------------------------------------------------------------------------------- the pairs


def test_on_the_crossed_task_each_head_counts_over_both_digits():
    # odd: 1 0 1 0 and 0 1 1 1; 5 or more: 0 0 1 0 and 1 1 1 0
    assert targets_of(A, B, "crossed").T.tolist() == [[1, 1, 2, 1], [1, 1, 2, 0]]


def test_on_the_parallel_task_each_head_looks_at_one_digit():
    # 3: odd; 4: neither; 7: both; 0: neither; and 8: large; 5: both; 9: both; 1: odd
    assert targets_of(A, B, "parallel").T.tolist() == [[1, 0, 2, 0], [1, 2, 2, 1]]


def test_a_pair_is_the_pixels_of_a_then_those_of_b():
    images = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    pairs = Pairs(images, torch.tensor([1, 2, 9]), torch.tensor([[0, 2], [1, 1]]), "crossed")
    inputs, targets = pairs[torch.tensor([1, 0])]
    assert inputs.tolist() == [[3, 4, 3, 4], [1, 2, 5, 6]]
    assert targets.tolist() == [[0, 0], [2, 1]]


@pytest.mark.parametrize("source", [0, 1])
def test_an_exchange_takes_one_digit_from_the_next_pair_and_leaves_the_other(source):
    pairs = random_pairs()
    before, after = (p.all()[0].unflatten(1, (2, -1)) for p in (pairs, pairs.exchanged(source)))
    assert torch.equal(after[:, source], before[:, source].roll(-1, dims=0))
    assert torch.equal(after[:, 1 - source], before[:, 1 - source])


def test_no_image_both_trains_and_validates_a_network_nor_measures_it():
    data = numbered()
    training, validation = training_pairs(data, "crossed", 1000, 0.25, seed=3)
    test = held_out_pairs(data, "crossed", 1000)
    seen = [set(pairs.all()[0].flatten().tolist()) for pairs in (training, validation, test)]
    assert (len(training), len(validation)) == (1000, 100)
    assert [len(images) for images in seen] == [30, 10, 40]
    assert len(set.union(*seen)) == 80


def test_a_seed_draws_the_same_pairs_again_and_another_seed_draws_others():
    def members(seed):
        return [p.members.tolist() for p in training_pairs(numbered(), "crossed", 50, 0.25, seed)]

    assert members(1) == members(1)
    assert members(1)[0] != members(2)[0]


def test_the_loss_is_the_sum_of_both_heads_cross_entropies():
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25, 0.1, 0.1, 0.8]]))
    # -log(1/4) - log(8/10)
    assert loss_of_heads(logits, torch.tensor([[1, 2]])).item() == pytest.approx(np.log(5))


def test_accuracy_is_told_of_each_head_by_itself():
    logits = torch.tensor([[9.0, 0, 0, 0, 9, 0], [0, 0, 9, 9, 0, 0]])
    assert accuracy_of_heads(logits, torch.tensor([[0, 1], [0, 0]])) == [0.5, 1.0]


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="task must be one of 'crossed', 'parallel'"):
        replace(random_pairs(), task="both")


# --------------------------------------------------------------------------------------- the masks


def test_the_planted_truths_are_at_right_angles():
    labels = planted_labels((1568, 64, 64, 6))
    kinds = list(zip(labels[1, "source"], labels[1, "head"], strict=True))
    assert {kind: kinds.count(kind) for kind in kinds} == dict.fromkeys(
        [(0, 0), (0, 1), (1, 0), (1, 1)], 16
    )
    assert labels[2, "head"].count(0) == labels[2, "head"].count(1) == 32
    assert labels[3, "head"] == [0, 0, 0, 1, 1, 1]


def test_without_a_leak_a_unit_hears_its_digit_and_speaks_to_its_head_only():
    widths = (8, 32, 16, 6)
    model = MLP(widths, seed=1)
    plant(model, 0.0)
    model = uproot(model)
    labels = planted_labels(widths)
    pairs = random_pairs()
    moved = source_effects(model, pairs, 1) > 0
    assert moved.any(dim=1).all()
    for unit, source in enumerate(labels[1, "source"]):
        assert not moved[1 - source, unit]
    for layer in (1, 2):
        heard = head_effects(model, pairs.all()[0], layer) > 0
        assert heard.any(dim=1).all()
        for unit, head in enumerate(labels[layer, "head"]):
            assert not heard[1 - head, unit]


def test_a_leak_is_the_factor_of_what_the_masks_forbid():
    plain, leaky = MLP(WIDTHS, seed=1), MLP(WIDTHS, seed=1)
    plant(leaky, 0.25)
    leaky = uproot(leaky)
    before, after = plain.linears[0].weight, leaky.linears[0].weight
    # Unit 0 hears A, the first four pixels: effective fan-in is 4 + 4 / 16.
    scale = np.sqrt(8 / 4.25)
    assert torch.allclose(after[0, :4], scale * before[0, :4])
    assert torch.allclose(after[0, 4:], 0.25 * scale * before[0, 4:])


def test_a_leak_of_one_leaves_the_network_as_it_is():
    plain, leaky = MLP(WIDTHS, seed=1), MLP(WIDTHS, seed=1)
    plant(leaky, 1.0)
    leaky = uproot(leaky)
    for one, other in zip(plain.parameters(), leaky.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_uprooted_computes_the_same_and_is_plain():
    model = MLP(WIDTHS, seed=1)
    plant(model, 0.1)
    inputs, plain = random_pairs().all()[0], uproot(model)
    assert torch.equal(plain(inputs), model(inputs))
    names = [name for name, _ in plain.named_parameters()]
    assert names == [name for name, _ in MLP(WIDTHS).named_parameters()]


@pytest.mark.parametrize("widths", [(8, 6, 4, 6), (8, 8, 3, 6), (8, 8, 6), (8, 8, 4, 4, 6)])
def test_widths_that_cannot_be_shared_out_are_refused(widths):
    with pytest.raises(ValueError, match=r"hidden must be two widths.*Got \["):
        planted_labels(widths)


# ------------------------------------------------------------------------------------ the training


def mean_error(model, inputs, targets):
    return functional.mse_loss(model(inputs).squeeze(1), targets)


def line(n=64):
    """Samples of a line with noise, whose least squares solution is known."""
    random = torch.Generator().manual_seed(0)
    inputs = torch.randn(n, 2, generator=random)
    return inputs, inputs @ torch.tensor([1.0, -2.0]) + torch.randn(n, generator=random)


def fresh(seed=0):
    return MLP((2, 8, 1), seed=seed)


def fitted(model, recipe=None, **options):
    samples = line()
    recipe = recipe or Recipe(max_epochs=3, batch_size=16)
    found = fit(model, mean_error, TensorDataset(*samples), samples, recipe, **options)
    return found, [weight.tolist() for weight in model.parameters()]


def test_a_linear_model_is_trained_to_the_least_squares_solution():
    inputs, targets = line()
    recipe = Recipe(
        max_epochs=1000, batch_size=64, learning_rate=0.02, patience=1000, plateau_patience=1000
    )
    model = nn.Linear(2, 1)
    fitted(model, recipe, seed=0)
    ones = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
    solution = torch.linalg.lstsq(ones, targets[:, None]).solution.squeeze(1)
    found = torch.cat([model.weight.detach()[0], model.bias.detach()])
    assert torch.allclose(found, solution, atol=1e-3)  # where single precision sees no slope


def test_the_loop_trains_as_the_stack_of_networks_does():
    data = load("digits")
    config = TrainingConfig(hidden=(12, 8), max_epochs=3, batch_size=100, l2=1e-3)
    (expected,) = train(config, data, [5])
    chosen, held_out = split(len(data.train_inputs), config.validation_fraction, 5)

    def objective(model, inputs, targets):
        loss = functional.cross_entropy(model(inputs), targets)
        return loss + config.l2 * sum(layer.weight.square().sum() for layer in model.linears)

    def validate(model, inputs, targets):
        return functional.cross_entropy(model(inputs), targets)

    model = MLP((64, 12, 8, 10), seed=5)
    found = fit(
        model, objective,
        TensorDataset(data.train_inputs[chosen], data.train_targets[chosen]),
        (data.train_inputs[held_out], data.train_targets[held_out]),
        config, seed=5, validate=validate,
    )  # fmt: skip
    assert found.best_epoch == expected.best_epoch
    for one, other in zip(model.parameters(), expected.model.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)  # rounding of 39 steps


def test_the_same_seed_trains_the_same_network_to_the_bit_and_another_another():
    (_, one), (_, other), (_, third) = (
        fitted(MLP((2, 8, 1), 0.5), seed=seed) for seed in (1, 1, 2)
    )
    assert one == other != third


def test_dropout_has_a_stream_of_its_own_and_leaves_the_global_one_be():
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    _, one = fitted(MLP((2, 8, 1), 0.5), seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(8)
    assert fitted(MLP((2, 8, 1), 0.5), seed=1)[1] == one


def scripted(losses):
    """A validation that gives these losses in turn."""
    left = iter(losses)
    return lambda *_: torch.tensor(next(left))


def test_the_weights_of_the_best_validation_are_kept():
    two = Recipe(max_epochs=2, batch_size=16)
    five = replace(two, max_epochs=5)
    best, kept = fitted(fresh(), five, seed=0, validate=scripted([3.0, 1.0, 2.0, 1.5, 2.0]))
    _, expected = fitted(fresh(), two, seed=0, validate=scripted([2.0, 1.0]))
    assert best.best_epoch == 2
    assert [row["validation_loss"] for row in best.history] == [3.0, 1.0, 2.0, 1.5, 2.0]
    assert kept == expected


def test_training_ends_when_validation_has_not_improved_for_long_enough():
    recipe = Recipe(max_epochs=50, batch_size=16, patience=3)
    found, _ = fitted(fresh(), recipe, seed=0, validate=scripted([2.0, 1.0, 1.0, 1.0, 1.0, 0.0]))
    assert len(found.history) == 5


def test_the_learning_rate_falls_when_validation_stops_improving():
    recipe = Recipe(max_epochs=3, batch_size=16, plateau_patience=0, plateau_factor=0.5)
    found, _ = fitted(fresh(), recipe, seed=0, validate=scripted([1.0, 1.0, 1.0]))
    assert [row["learning_rate"] for row in found.history] == [1e-3, 1e-3, 5e-4]


def test_whoever_wants_to_is_told_each_epoch_before_it():
    told = []
    fitted(fresh(), seed=0, before_epoch=told.append)
    assert told == [1, 2, 3]


def test_a_model_ends_at_rest():
    model = MLP((2, 8, 1), 0.5)
    fitted(model, seed=0)
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())


def test_an_objective_that_is_no_longer_finite_is_refused():
    samples = line()
    with pytest.raises(ValueError, match=r"objective must stay finite\. Got a mean of nan"):
        fit(
            fresh(), lambda model, x, y: mean_error(model, x, y) * torch.nan,
            TensorDataset(*samples), samples, Recipe(max_epochs=1), seed=0,
        )  # fmt: skip


def test_initial_weights_have_twice_the_inverse_of_the_effective_fan_in_as_variance():
    config = TrainingConfig(hidden=(64, 64), max_epochs=0)
    for leak in (None, 0.0):
        model = train_heads(config, numbered(n_pixels=400), "crossed", 20, 0, leak=leak).model
        squares = model.linears[0].weight.square().sum(dim=1)  # 2 on average, whatever the fan-in
        assert squares.mean().item() == pytest.approx(2.0, rel=0.05)  # a dozen standard errors


def test_a_penalty_counts_effective_weights():
    """Of one that leaks nothing, what is forbidden is zero and stays it."""
    config = TrainingConfig(hidden=(8, 4), max_epochs=1, l1=1e-3)
    network = train_heads(config, numbered(), "crossed", 50, 0, leak=0.0)
    assert (network.model.linears[0].weight[0, 4:] == 0).all()
    assert (network.model.linears[0].weight[0, :4] != 0).any()


def test_a_recorded_penalty_pulls_as_it_does_in_a_stack():
    """L1, recorded like any other, has the slopes of L1; see ``book/extend``."""
    model = MLP((4, 3, 6)).double()
    inputs, targets = torch.ones(2, 4, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.long)
    slopes = []
    for options in ({"l1": 0.1}, {"penalty": "l1", "penalty_strength": 0.1}):
        loss = penalized(TrainingConfig(**options))(model, inputs, targets)
        slopes.append(torch.autograd.grad(loss, list(model.parameters())))
    for usual, recorded in zip(*slopes, strict=True):
        torch.testing.assert_close(recorded, usual)


# --------------------------------------------------------------------------------------- the truth


def by_hand():
    """Unit 0 hears A, unit 1 hears B, unit 2 hears both, unit 3 nobody; heads hear 0, 1, both."""
    model = MLP((2, 4, 6))
    first, last = model.linears
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0]]))
        first.bias.zero_()
        last.weight.zero_()
        last.bias.zero_()
        last.weight[0, 0] = last.weight[3, 1] = 1.0
        last.weight[1, 2] = last.weight[4, 2] = 0.5
    return model.eval()


def three_pairs():
    """A is 1, 2, 4 and B is 0, 1, 0."""
    images = torch.tensor([[1.0], [2.0], [4.0], [0.0]])
    members = torch.tensor([[0, 3], [1, 0], [2, 3]])
    return Pairs(images, torch.tensor([1, 2, 4, 0]), members, "crossed")


def test_a_source_is_told_by_the_mean_squared_change():
    effects = source_effects(by_hand(), three_pairs(), 1)
    # A becomes 2, 4, 1: by 1, 2, -3. B becomes 1, 0, 0: by 1, -1, 0.
    expected = [[14 / 3, 0, 14 / 3, 0], [0, 2 / 3, 2 / 3, 0]]
    assert torch.allclose(effects, torch.tensor(expected, dtype=torch.float64))
    truth = truth_of(effects)
    assert truth.labels == [0, 1, 0, -1]
    assert truth.share[:3] == pytest.approx([1, 0, 7 / 8])
    assert np.isnan(truth.share[3])


def test_a_head_is_told_by_the_divergence_of_its_predictions():
    model, pairs = by_hand(), three_pairs()
    effects = head_effects(model, pairs.all()[0], 1)
    # Unit 1 is 0, 1, 0 and its mean a third; the second logit of head 2 is half of 1, 3, 4.
    divergence = []
    for own, other in ((0.0, 0.5), (1.0, 1.5), (0.0, 2.0)):
        usual, without = (np.exp([value, other, 0.0]) for value in (own, 1 / 3))
        p, q = usual / usual.sum(), without / without.sum()
        divergence.append((p * np.log(p / q)).sum())
    assert effects[:, 1].tolist() == pytest.approx([0.0, np.mean(divergence)])
    assert effects[1, 0] == 0
    assert effects[:, 3].tolist() == [0, 0]
    assert truth_of(effects).labels[:2] == [0, 1]
    assert truth_of(effects).labels[3] == -1


def test_a_unit_whose_effect_is_rounding_has_no_side():
    effects = torch.tensor([[1.0, 1e-12, 0.2], [0.0, 0.0, 0.8]], dtype=torch.float64)
    assert truth_of(effects).labels == [0, -1, 1]


def test_interventions_leave_the_network_and_the_pairs_as_they_were():
    model, pairs = by_hand(), three_pairs()
    before = [weight.clone() for weight in model.parameters()], pairs.all()[0].clone()
    source_effects(model, pairs, 1)
    head_effects(model, pairs.all()[0], 1)
    for one, other in zip(model.parameters(), before[0], strict=True):
        assert torch.equal(one, other)
    assert torch.equal(pairs.all()[0], before[1])


# -------------------------------------------------------------------------------------- the scores

FOUND, WANTED = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 1]


def test_the_chance_level_is_the_mean_over_all_permutations():
    every = [agreement(FOUND, shuffled) for shuffled in permutations(WANTED)]
    assert expected_element([3, 2, 1], [2, 4]) == pytest.approx(np.mean(every))


def test_the_chance_level_is_what_drawing_estimates():
    random = np.random.default_rng(0)
    one, other = random.integers(5, size=64), random.integers(2, size=64)
    drawn = chance_level(one, other, n_permutations=500)
    sizes = [np.unique(labels, return_counts=True)[1] for labels in (one, other)]
    error = drawn.std / np.sqrt(500)
    assert expected_element(*sizes) == pytest.approx(drawn.mean, abs=4 * error)


def test_the_truth_itself_recovers_all_under_whatever_names():
    score = recovery([5, 5, 0, 0, 0, 0], WANTED)
    assert (score["adjusted_rand"], score["element"], score["recovery"]) == (1, 1, 1)


def test_recovery_is_on_the_scale_from_chance_to_the_truth():
    score = recovery(FOUND, WANTED)
    element, chance = agreement(FOUND, WANTED), expected_element([3, 2, 1], [2, 4])
    assert score["element"] == element
    assert score["chance"] == chance
    assert score["recovery"] == pytest.approx((element - chance) / (1 - chance))
    assert score["adjusted_rand"] == agreement(FOUND, WANTED, "adjusted_rand")


def test_one_module_of_all_units_recovers_nothing():
    assert recovery([0] * 6, WANTED)["recovery"] == pytest.approx(0.0)


def test_a_truth_at_right_angles_is_hardly_recovered():
    source, head = np.repeat([0, 1], 32), np.tile([0, 1], 32)
    assert abs(recovery(source, head)["recovery"]) < 0.05


def test_units_without_a_truth_are_left_out_and_unused_ones_are_one_cluster():
    assert recovery([-1, -1, 0, 0, 1, 7], [0, 0, 1, 1, -1, -1])["recovery"] == 1
    assert recovery([-1, 0, 1], [-1, -1, -1])["element"] is None


def test_recovery_is_unknown_where_chance_is_all_there_is():
    score = recovery([0, 0, 0], [1, 1, 1])
    assert (score["element"], score["chance"], score["recovery"]) == (1, 1, None)


def test_a_planted_unit_that_nothing_moves_has_no_side():
    truths = {(1, "source"): Truth(np.array([1.0, np.nan])), (1, "head"): Truth(np.zeros(2))}
    told = told_truths(truths, {(1, "source"): [0, 1], (1, "head"): [1, 1]})
    assert told[1, "source", "construction"] == [0, -1]
    assert told[1, "head", "construction"] == [1, -1]
    assert told[1, "head", "intervention"] == [1, 1]


def test_the_hessian_is_that_of_both_heads_together():
    model = MLP(WIDTHS, seed=2).double().requires_grad_(False)
    inputs, targets = random_pairs(5).all()
    inputs = inputs.double()
    found = similarities_of(model, inputs, targets)[2, "loss_hessian", "released"].values
    total = torch.zeros(4, 4, dtype=torch.float64)
    for value, target in zip(model.to_layer(inputs, 2), targets, strict=True):

        def loss(hidden, target=target):
            return loss_of_heads(model.from_layer(hidden[None], 2), target[None]).sum()

        total += torch.autograd.functional.hessian(loss, value)
    assert np.allclose(found, (total / 5).abs().numpy())


# ------------------------------------------------------------------------------------ the rows


def tiny(kind="planted", task="crossed", leak=0.0, best=True, **recipe):
    setting = SettingConfig(
        "digits", "l2", 1e-5, (1,), recipe=Recipe(**{"hidden": (16, 8), "max_epochs": 2} | recipe),
        analysis=AnalysisConfig(n_steps=50, best=best),
    )  # fmt: skip
    return CrossedConfig(kind, task, leak, n_pairs=600, n_test_pairs=100, setting=setting)


def rows_of(config):
    data, setting = load("digits"), config.setting
    networks = [
        train_heads(
            setting.training, data, config.task, config.n_pairs, seed, leak=config.leak_of_masks
        )
        for seed in setting.seeds
    ]
    return analyze(networks, config, data)


@pytest.mark.parametrize(
    "config",
    [tiny(), tiny("emergent", "parallel", 1.0, best=False)],
    ids=["planted", "emergent"],
)
def test_a_run_leaves_as_many_rows_as_it_must_and_they_fit_their_tables(config):
    found, job = rows_of(config), run_of(config)
    assert {name: len(rows) for name, rows in found.items()} == dict(n_rows(job))
    for name, table in TABLES.items():
        tables.from_rows(table, [row | stamp(job, "code") for row in found[name]])
    assert all((row["q_best"] is None) != config.setting.analysis.best for row in found["crossed"])


def test_planted_truths_are_found_upstream_and_downstream():
    """Without a leak: by input sensitivity the source and not the head, downstream the reverse."""
    config = tiny(max_epochs=10, learning_rate=5e-3)
    found = rows_of(replace(config, n_pairs=4000, setting=replace(config.setting, seeds=(0, 1))))
    for measure, own, other in (
        ("input_sensitivity", "source", "head"), ("output_sensitivity", "head", "source")
    ):  # fmt: skip
        for truth, is_high in ((own, True), (other, False)):
            values = [
                row["recovery"]
                for row in found["crossed"]
                if (row["layer"], row["measure"], row["normalized"]) == (1, measure, True)
                if (row["truth"], row["by"]) == (truth, "construction")
            ]
            assert (np.mean(values) > 0.5) == is_high, (measure, truth, values)


def test_units_that_are_planted_are_told_by_intervention():
    config = tiny(max_epochs=10, learning_rate=5e-3)
    units = rows_of(config)["crossed_units"]
    for truth in ("source", "head"):
        sides = [(u[truth], u[f"{truth}_planted"]) for u in units if u["layer"] == 1]
        known = [side for side in sides if side[0] >= 0]
        assert len(known) > 8
        assert all(told == planted for told, planted in known)
    second = [unit for unit in units if unit["layer"] == 2]
    assert all(unit["source_planted"] is None for unit in second)


def test_planted_truths_are_of_hidden_layers():
    assert set(planted_truths(MLP(WIDTHS))) == {(1, "source"), (1, "head"), (2, "head")}


# ----------------------------------------------------------------------------- grids and notebook


def test_the_grid_has_108_networks_of_twelve_kinds():
    configs = full()
    assert sum(len(config.setting.seeds) for config in configs) == 6 * 9 + 2 * 3 * 9
    assert sorted(config.leak for config in configs if config.is_planted) == [
        0, 0.01, 0.03, 0.1, 0.3, 1,
    ]  # fmt: skip
    assert len(EXPERIMENT.runs("full")) == 12  # which refuses two runs of one name
    assert {config.setting.dataset for config in configs} == {"mnist"}


@pytest.mark.parametrize("config", [*full(), *small()], ids=lambda config: config.name)
def test_the_notebook_is_told_all_that_a_run_is(config):
    names = parameter_names(ROOT / "notebooks" / "95-crossed.ipynb")
    assert set(config.parameters) == names - {"folder"}
    assert CrossedConfig.from_parameters(config.parameters) == config
    json.dumps(config.parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kind": "grown"}, "kind must be one of 'planted', 'emergent'"),
        ({"task": "parallel"}, "task must be one of 'crossed'. Got 'parallel'"),
        ({"leak": 1.5}, "leak must be a number between 0 and 1"),
        ({"leak": True}, "leak must be a number"),
        ({"kind": "emergent", "leak": 0.5}, "leak must be .* 1 if kind is 'emergent'"),
        ({"n_pairs": 1}, "n_pairs must be a whole number between 2"),
        ({"n_test_pairs": 10.0}, "n_test_pairs must be a whole number"),
        ({"hidden": [10, 4]}, "hidden must be two widths"),
        ({"regularizer": "untrained"}, "regularizer must be one of"),
        ({"strength": -1}, "strength must be a number"),
    ],
)
def test_what_makes_no_sense_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        CrossedConfig.from_parameters(parameters)


def test_bars_are_the_mean_recoveries_of_networks_and_dots_their_own():
    key = {"layer": 1, "normalized": False, "by": "intervention"}
    scores = pd.DataFrame(
        [
            key | {"measure": measure, "convention": convention, "truth": truth, "recovery": value}
            for measure in MEASURES
            for convention in CONVENTIONS
            for truth in TRUTHS
            for value in ((0.25, 0.75) if measure == "covariance" else (None, 1.0))
        ]
    )
    ax = drawings.draw_recoveries(scores).axes[0]
    heights = np.array([bar.get_height() for bar in ax.patches]).reshape(2, 8)
    assert heights.tolist() == [[0.5, 0, 1, 0, 1, 0, 1, 0]] * 2  # none is normalised
    dots = [list(line.get_ydata()) for line in ax.lines if line.get_marker() == "."]
    assert dots[:3] == [[0.25, 0.75], [], [1.0]]


def test_units_are_drawn_by_their_shares():
    units = pd.DataFrame({"layer": [1, 1, 2], "source_share": [0.25, None, 1.0],
                          "head_share": [0.5, None, 0.0]})  # fmt: skip
    panels = drawings.draw_truths(units).axes
    (first,) = [line for line in panels[0].lines if line.get_marker() == "o"]
    assert [first.get_xdata()[0], first.get_ydata()[0]] == [0.25, 0.5]
    assert np.isnan(first.get_xdata()[1])
    assert [ax.get_title() for ax in panels] == ["layer 1", "layer 2"]


def test_pairs_are_drawn_side_by_side_with_their_classes():
    pairs = random_pairs(n_pixels=4)
    panels = drawings.draw_pairs(pairs, 3).axes
    inputs, targets = pairs[:3]
    for ax, pixels, (one, other) in zip(panels, inputs.numpy(), targets.tolist(), strict=True):
        image = np.asarray(ax.images[0].get_array())
        assert np.array_equal(image[:, :2].ravel(), pixels[:4])
        assert np.array_equal(image[:, 2:].ravel(), pixels[4:])
        assert ax.get_title() == f"head 1: {one}, 2: {other}"


def test_the_notebook_draws_its_figures_and_leaves_its_tables(tmp_path):
    folder = tmp_path / "run"
    small_run = tiny("emergent", "parallel", 1.0, best=False).parameters
    notebook = papermill.execute_notebook(
        ROOT / "notebooks" / "95-crossed.ipynb", tmp_path / "run.ipynb",
        small_run | {"folder": str(folder)}, progress_bar=False, kernel_name="python3",
    )  # fmt: skip
    assert n_figures(notebook) == 4
    assert set(json.loads((folder / "outcome.json").read_text())["tables"]) == set(TABLES)
    assert len(list((folder / "weights").glob("*.safetensors"))) == 1
    assert (folder / "progress").read_text() == "1"
