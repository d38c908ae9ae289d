"""Lesions, held against networks whose activations are edited by hand."""

import math
import re
from functools import partial

import numpy as np
import pytest
import torch
from networks import Attention, Recurrent, ResidualCNN, Wired, classes, numbers, seeded
from torch import nn
from torch.nn import functional

import modlib as ml
from modlib.clustering.modules import Modules
from modlib.lesions import damage as lesions
from modlib.lesions import silencing
from modlib.lesions.damage import Lesions, specificity

EXACT = 1e-12  # double precision through a few layers
SINGLE = 1e-6  # single precision, averaged over samples
ABLATIONS = ("mean", "zero")
N = 12


def mlp(seed=0, widths=(6, 5, 4, 3)):
    model = ml.MLP(widths, seed=seed).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)  # so that lesions hurt
    return model


def silenced(values, units, ablation):
    """Values ``[samples, ..., units]`` with some units replaced for all samples."""
    values = values.clone()
    for unit in units:
        values[..., unit] = values[..., unit].mean(dim=0) if ablation == "mean" else 0.0
    return values


def rises_by_class(values, rest, groups, ablation, targets, loss=None):
    """Mean rise of the loss ``[groups, classes]`` by silencing one group after another."""
    loss = loss or partial(functional.cross_entropy, reduction="none")
    intact = loss(rest(values), targets)
    rises = [loss(rest(silenced(values, group, ablation)), targets) - intact for group in groups]
    labels = targets if isinstance(targets, torch.Tensor) else classes(len(values))
    return np.array([[rise[labels == y].mean().item() for y in labels.unique()] for rise in rises])


# ------------------------------------------------------------------ damage, by edited activations


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("seed", [0, 1])
def test_damage_in_a_chain_is_that_of_edited_activations(ablation, layer, seed):
    model, x, y = mlp(seed), numbers(N, 6, seed=seed), classes(N)
    with torch.no_grad():
        expected = rises_by_class(
            model.to_layer(x, layer), lambda h: model.from_layer(h, layer),
            [[0, 2], [1, 3]], ablation, y,
        )  # fmt: skip
    labels = [0, 1, 0, 1, -1][: model.widths[layer]]
    found = ml.lesion(model, x, y, layer, labels, ablation=ablation, draws=3)
    np.testing.assert_allclose(found.damage, expected, atol=EXACT)
    assert np.abs(expected).max() > 0.1


def test_overall_damage_is_the_mean_over_samples_and_not_over_classes():
    model, x = mlp(), numbers(N, 6)
    y = torch.tensor([0] * 9 + [1, 1, 2])
    found = ml.lesion(model, x, y, 1, [0, 0, 1, 1, 1], draws=1)
    np.testing.assert_allclose(found.overall, found.damage @ [9 / 12, 2 / 12, 1 / 12], atol=EXACT)
    with torch.no_grad():
        h = model.to_layer(x, 1)
        loss = [functional.cross_entropy(model.from_layer(v, 1), y).item()
                for v in (h, silenced(h, [0, 1], "mean"))]  # fmt: skip
    assert found.overall[0] == pytest.approx(loss[1] - loss[0], abs=EXACT)


def residual(width=5):
    return seeded(lambda: Wired(
        lambda m, x: m.head(x + m.inner(x).tanh()),
        inner=nn.Linear(width, width), head=nn.Linear(width, 3),
    ))  # fmt: skip


CASES = {
    "channels of images": (
        seeded(ResidualCNN), "block1", numbers(N, 1, 6, 6),
        lambda m, x: m.block1(functional.relu(m.stem(x))).movedim(1, -1),
        lambda m, h, x: m.after(h.movedim(-1, 1)),
    ),
    "features of tokens": (
        seeded(Attention), "embed", numbers(N, 4, 3),
        lambda m, x: m.embed(x), lambda m, h, x: m.after(h),
    ),
    "a branch beside a shortcut": (
        residual(), "inner", numbers(N, 5),
        lambda m, x: m.inner(x), lambda m, h, x: m.head(x + h.tanh()),
    ),
}  # fmt: skip


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("case", CASES)
def test_damage_in_any_module_is_that_of_edited_activations(case, ablation):
    model, layer, x, to, rest = CASES[case]
    y = classes(N)
    with torch.no_grad():
        expected = rises_by_class(
            to(model, x), lambda h: rest(model, h, x), [[0], [1, 3], [2]], ablation, y
        )
    labels = [0, 1, 2, 1, -1][: to(model, x).shape[-1]]
    found = ml.lesion(model, x, y, layer, labels, ablation=ablation, draws=2)
    np.testing.assert_allclose(found.damage, expected, atol=EXACT)
    assert np.abs(expected).max() > 1e-3


def two_heads():
    return seeded(lambda: Wired(
        lambda m, x: {"a": m.a(m.h(x).relu()), "b": m.b(m.h(x).relu())},
        h=nn.Linear(3, 4), a=nn.Linear(4, 3), b=nn.Linear(4, 2),
    ))  # fmt: skip


def test_a_loss_of_several_outputs_and_classes_by_name():
    model, x = two_heads(), numbers(N, 3)
    targets = {"a": classes(N), "b": numbers(N, 2, seed=1)}

    def loss(outputs, targets):
        a, b = outputs
        return (functional.cross_entropy(a, targets["a"], reduction="none")
                + (b - targets["b"]).square().sum(1))  # fmt: skip

    with torch.no_grad():  # the layer is called twice: each call is replaced by its mean
        expected = rises_by_class(
            model.h(x), lambda h: (model.a(h.relu()), model.b(h.relu())), [[0, 1], [2, 3]],
            "mean", targets, loss,
        )  # fmt: skip
    found = ml.lesion(
        model, x, targets, "h", [0, 0, 1, 1], outputs=["a", "b"], loss=loss, draws=1,
        classes=np.array(["x", "y", "z"])[classes(N).numpy()],
    )  # fmt: skip
    np.testing.assert_allclose(found.damage, expected, atol=EXACT)
    assert found.classes == ("x", "y", "z")


def test_each_call_of_a_module_has_a_mean_of_its_own():
    model = seeded(lambda: Wired(
        lambda m, x: m.head(m.again(m.again(x).tanh()).tanh()),
        again=nn.Linear(3, 3), head=nn.Linear(3, 3),
    ))  # fmt: skip
    x, y = numbers(N, 3), classes(N)
    with torch.no_grad():
        first = model.again(x)
        second = model.again(first.tanh())
        one = first.clone()
        one[:, 1] = first[:, 1].mean()
        two = model.again(one.tanh())
        two[:, 1] = second[:, 1].mean()  # of the network as it is, not of the broken one
        loss = [functional.cross_entropy(model.head(v.tanh()), y).item() for v in (second, two)]
    found = Lesions(model, x, y, "again")
    damage = found.damages(np.array([[False, True, False]])) @ found.shares
    assert damage[0] == pytest.approx(loss[1] - loss[0], abs=EXACT)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_the_last_state_of_a_recurrent_layer_is_silenced_with_it(kind):
    x, y = numbers(N, 4, 3), classes(N)
    build = [partial(Recurrent, kind, state, batch_first=True) for state in (True, False)]
    one, two = (ml.synergy(seeded(b), x, y, "cells") for b in build)
    assert np.abs(one.values).max() > 1e-6
    np.testing.assert_allclose(one.values, two.values, atol=EXACT)


def test_units_of_several_layers_are_silenced_together():
    model, x, y = mlp(), numbers(N, 6), classes(N)
    found = Lesions(model, x, y, [1, 2])
    only = [Lesions(model, x, y, layer) for layer in (1, 2)]
    sets = np.eye(9, dtype=bool)
    np.testing.assert_allclose(
        found.damages(sets),
        np.vstack([only[0].damages(np.eye(5, dtype=bool)), only[1].damages(np.eye(4, dtype=bool))]),
        atol=EXACT,
    )
    assert found.layer == (1, 2)


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_rest_of_a_chain_gives_what_the_whole_model_gives(ablation, layer, monkeypatch):
    monkeypatch.setattr(silencing, "TILE", 60)  # some sets and some samples at a time
    monkeypatch.setattr(silencing, "TILE_SETS", 3)
    monkeypatch.setattr(silencing, "STACK", 200)
    model, x, y = mlp(widths=(6, 5, 5, 5, 3)), numbers(N, 6), classes(N)
    sets = np.random.default_rng(0).random((20, 5)) < 0.5
    short = Lesions(model, x, y, layer, ablation=ablation)
    whole = Lesions(model, x, y, layer, ablation=ablation, outputs=lambda output: output)
    assert [type(one._way).__name__ for one in (short, whole)] == ["Chain", "Hooked"]
    np.testing.assert_allclose(short.damages(sets), whole.damages(sets), atol=EXACT)


@pytest.mark.parametrize("layer", [1, 2])
def test_single_precision_is_enough(layer):
    x, y = numbers(300, 6), classes(300)
    sets = np.random.default_rng(1).random((40, 4 + (layer == 1))) < 0.5
    found = [Lesions(model, x.to(dtype), y, layer).damages(sets)
             for model, dtype in ((mlp(), x.dtype), (mlp().float(), torch.float32))]  # fmt: skip
    np.testing.assert_allclose(found[1], found[0], atol=SINGLE)


def test_batches_give_what_all_samples_at_once_give():
    model, x, y = mlp(), numbers(N, 6), classes(N)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=5)
    for outputs in (None, lambda output: output):
        one, two = (ml.synergy(model, *given, outputs=outputs) for given in ((x, y), (loader,)))
        np.testing.assert_allclose(one.values, two.values, atol=EXACT)


@pytest.mark.parametrize("batch_size", [N, 5])
@pytest.mark.parametrize("outputs", [None, lambda output: output])
def test_a_loader_that_shuffles_is_refused(batch_size, outputs):
    data = torch.utils.data.TensorDataset(numbers(N, 6), classes(N))
    loader = torch.utils.data.DataLoader(
        data, batch_size, shuffle=True, generator=torch.Generator().manual_seed(0)
    )
    with pytest.raises(ValueError, match="inputs must come in the same order each time"):
        ml.synergy(mlp(), loader, outputs=outputs)


def test_a_sequential_is_lesioned_where_its_relu_is():
    model, x, y = mlp(), numbers(N, 6), classes(N)
    first, second, third = model.linears
    chain = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
    one, two = ml.synergy(model, x, y, 2), ml.synergy(chain, x, y, "3")
    np.testing.assert_allclose(one.values, two.values, atol=EXACT)


def test_the_model_is_left_as_it_was():
    model = residual().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ml.lesion(model, numbers(N, 5), classes(N), "inner", draws=2)
    assert model.training
    assert all(weight.requires_grad for weight in model.parameters())
    assert not model.inner._forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_was_prepared_from_a_chain_does_not_follow_its_weights():
    model, x, y = mlp(), numbers(N, 6), classes(N)
    sets = np.eye(5, dtype=bool)
    prepared = Lesions(model, x, y)
    before = Lesions(model, x, y).damages(sets)
    with torch.no_grad():
        model.linears[1].weight.zero_()
    np.testing.assert_array_equal(prepared.damages(sets), before)


# ------------------------------------------------------------------------------------ specificity


@pytest.mark.parametrize("k", [2, 3, 8])
def test_specificity_is_log2_k_where_each_of_k_modules_hurts_a_class_of_its_own(k):
    assert specificity(0.3 * np.eye(k)) == pytest.approx(math.log2(k), abs=EXACT)


def test_specificity_is_zero_where_damage_is_spread_alike():
    damage = np.outer([1, 20, 0.3], [0.1, 0, 5, 2])
    assert specificity(damage) == pytest.approx(0, abs=EXACT)


@pytest.mark.parametrize("seed", range(10))
def test_specificity_is_never_negative_by_rounding(seed):
    random = np.random.default_rng(seed)
    assert specificity(np.outer(random.random(5), random.random(10))) >= 0


def test_specificity_of_a_table_by_hand():
    # Shares 1/2, 0 / 1/4, 1/4; modules 1/2, 1/2; classes 3/4, 1/4; what is negative is zero.
    by_hand = 0.5 * math.log2(4 / 3) + 0.25 * math.log2(2 / 3) + 0.25 * math.log2(2)
    assert specificity([[2.0, -7.0], [1.0, 1.0]]) == pytest.approx(by_hand, abs=EXACT)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_specificity_does_not_depend_on_the_size_of_damage(scale):
    damage = np.array([[2.0, 0.0], [1.0, 1.0]])
    assert specificity(scale * damage) == pytest.approx(specificity(damage), abs=EXACT)


@pytest.mark.parametrize("damage", [np.zeros((2, 3)), [[-1.0, -2.0], [-3.0, -1.0]], [[1.0, 2.0]]])
def test_specificity_is_zero_without_damage_or_for_one_module(damage):
    assert specificity(damage) == 0


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        ([1.0, 2.0], "damage must be a matrix"),
        ([["a"]], "damage must be a matrix"),
        ([[math.nan, 1.0]], "damage must be finite.*1 entries"),
    ],
)
def test_specificity_refuses_what_is_no_damage(damage, match):
    with pytest.raises(ValueError, match=match):
        specificity(damage)


def planted():
    """Units 0 and 1 drive classes 0 and 1, units 2 and 3 classes 2 and 3."""
    model = ml.MLP((4, 4, 4)).double()
    halves = torch.tensor([[1, 1, 0, 0]] * 2 + [[0, 0, 1, 1]] * 2, dtype=torch.float64)
    with torch.no_grad():
        for linear in model.linears:
            linear.weight.copy_(halves)
            linear.bias.zero_()
    return model, torch.eye(4, dtype=torch.float64), torch.arange(4)


def test_planted_modules_have_one_bit_and_others_none():
    # A class has the logits 2, 2, 0, 0. Without its units all are 0: log 4 is lost instead of
    # log(2 + 2 / e^2). One unit of each half makes 1, 1, 0, 0 of it, for all classes alike.
    whole, half = (math.log(2 + 2 * math.exp(-gap)) - math.log(2 + 2 * math.exp(-2))
                   for gap in (0, 1))  # fmt: skip
    model, x, y = planted()
    found = ml.lesion(model, x, y, 1, [0, 0, 1, 1], ablation="zero", draws=300)
    expected = whole * np.kron(np.eye(2), [[1, 1]])
    np.testing.assert_allclose(found.damage, expected, atol=EXACT)
    assert found.specificity == pytest.approx(1, abs=EXACT)
    other = ml.lesion(model, x, y, 1, [0, 1, 0, 1], ablation="zero", draws=300)
    np.testing.assert_allclose(other.damage, np.full((2, 4), half), atol=EXACT)
    assert other.specificity == pytest.approx(0, abs=EXACT)
    assert other.p == 1


def test_random_assignments_of_planted_units_are_the_planted_ones_in_a_third_of_cases():
    model, x, y = planted()
    found = ml.lesion(model, x, y, 1, [0, 0, 1, 1], ablation="zero", draws=900)
    is_planted = found.null > 0.5
    np.testing.assert_allclose(found.null, is_planted, atol=EXACT)
    assert abs(is_planted.mean() - 1 / 3) < 4 * math.sqrt(2 / 9 / 900)
    assert found.p == (1 + is_planted.sum()) / 901
    share = is_planted.mean()
    assert found.mean == pytest.approx(share)
    assert found.std == pytest.approx(math.sqrt(share * (1 - share) * 900 / 899))
    assert found.z == pytest.approx((1 - found.mean) / found.std)


@pytest.mark.parametrize("labels", [[0] * 4, [-1] * 4, [3, -1, -1, -1]])
def test_one_module_or_none_is_not_specific(labels):
    model, x, y = planted()
    found = ml.lesion(model, x, y, 1, labels, draws=7)
    assert (found.specificity, found.p, found.z) == (0, 1, 0)
    assert found.damage.shape == (len(set(labels) - {-1}), 4)


def test_units_by_themselves_are_as_specific_in_any_order():
    found = ml.lesion(mlp(), numbers(N, 6), classes(N), 1, draws=20)
    assert found.modules == tuple(range(5))
    assert found.specificity > 0
    assert (found.p, found.z) == (1, 0)


def test_sizes_are_kept_and_unused_units_are_never_silenced():
    model, x, y = mlp(), numbers(N, 6), classes(N)
    prepared = Lesions(model, x, y)
    asked = []
    prepared.damages = lambda sets: (asked.append(sets), Lesions.damages(prepared, sets))[1]
    prepared.lesion([4, -1, 4, 2, -1], draws=30)
    sets = asked[0].reshape(31, 2, 5)
    assert not sets[:, :, [1, 4]].any()
    assert (sets.sum(axis=2) == [1, 2]).all()
    assert (sets.sum(axis=1)[:, [0, 2, 3]] == 1).all()
    assert len({draw.tobytes() for draw in sets}) == 3  # which unit is alone


def test_the_seed_says_which_assignments_are_drawn():
    given = mlp(), numbers(N, 6), classes(N), 1, [0, 0, 1, 1, 2]
    one, two, other = (ml.lesion(*given, draws=20, seed=seed).null for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_a_single_draw_has_no_standard_deviation():
    found = ml.lesion(mlp(), numbers(N, 6), classes(N), 1, [0, 0, 1, 1, 1], draws=1)
    assert math.isnan(found.std)
    assert math.isnan(found.z)
    assert found.p in (0.5, 1.0)


def test_a_frame_has_the_names_of_modules_and_classes():
    names = np.array(["a", "b", "c"])[classes(N).numpy()]
    found = ml.lesion(mlp(), numbers(N, 6), classes(N), 1, [5, 5, 2, 2, -1], classes=names)
    frame = found.to_frame()
    assert (list(frame.index), list(frame.columns)) == ([2, 5], ["a", "b", "c"])
    assert frame.loc[5, "c"] == found.damage[1, 2]


# ---------------------------------------------------------------------------------------- synergy


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("layer", [1, 2])
def test_synergy_is_damage_of_both_less_that_of_each(ablation, layer, monkeypatch):
    monkeypatch.setattr(lesions, "PAIRS", 3)
    model, x, y = mlp(), numbers(N, 6), classes(N)
    n_units = model.widths[layer]
    expected, alone = np.zeros((n_units, n_units)), np.zeros(n_units)
    with torch.no_grad():
        h = model.to_layer(x, layer)

        def damage(units):
            edited = model.from_layer(silenced(h, units, ablation), layer)
            return (
                functional.cross_entropy(edited, y) - functional.cross_entropy(model(x), y)
            ).item()

        for i in range(n_units):
            alone[i] = damage([i])
            for j in set(range(n_units)) - {i}:
                expected[i, j] = damage([i, j]) - damage([i]) - damage([j])
    found = ml.synergy(model, x, y, layer, ablation=ablation)
    np.testing.assert_allclose(found.values, expected, atol=EXACT)
    np.testing.assert_allclose(found.damage, alone, atol=EXACT)
    np.testing.assert_array_equal(np.asarray(found), found.values)
    np.testing.assert_array_equal(found.values, found.values.T)
    assert np.abs(expected).max() > 0.01


def summing(n_units=2):
    """One output, the sum of the inputs by way of units that copy one each."""
    model = nn.Sequential(nn.Linear(n_units, n_units), nn.ReLU(), nn.Linear(n_units, 1)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(n_units))
        model[2].weight.fill_(1)
        model[0].bias.zero_()
        model[2].bias.zero_()
    return model


def test_synergy_is_zero_where_the_loss_is_linear_in_the_layer():
    found = ml.synergy(summing(4), numbers(N, 4), None, 1, loss=lambda out, _: out[:, 0] * 3)
    np.testing.assert_allclose(found.values, 0, atol=EXACT)
    # The mean of a sum stays what it is without what its parts have besides their means.
    np.testing.assert_allclose(found.damage, 0, atol=EXACT)


@pytest.mark.parametrize(
    ("needed", "alone", "together"),
    [
        (1, 0.0, 1.0),  # either is enough: nothing is lost but by both
        (2, 1.0, -1.0),  # both are needed: all is lost by either
    ],
)
def test_synergy_of_units_that_cover_for_each_other_and_of_units_that_need_each_other(
    needed, alone, together
):
    found = ml.synergy(
        summing(), torch.ones(3, 2, dtype=torch.float64), None, 1, ablation="zero",
        loss=lambda out, _: (out[:, 0] < needed).double(),
    )  # fmt: skip
    np.testing.assert_array_equal(found.damage, [alone, alone])
    np.testing.assert_array_equal(found.values, [[0, together], [together, 0]])


@pytest.mark.parametrize("outputs", [None, lambda output: output])
def test_constant_units_have_exactly_no_damage_and_no_synergy(outputs):
    model = mlp().float()
    with torch.no_grad():
        model.linears[0].weight[[1, 3]] = 0
        model.linears[0].bias[[1, 3]] = torch.tensor([0.1, -1.0])  # constant, and never active
    x, y = numbers(N + 1, 6).float(), classes(N + 1)
    mean = ml.synergy(model, x, y, 1, outputs=outputs)
    zero = ml.synergy(model, x, y, 1, outputs=outputs, ablation="zero")
    assert not mean.damage[[1, 3]].any()
    assert not mean.values[[1, 3]].any()
    assert not zero.damage[3]
    assert not zero.values[3].any()
    assert zero.damage[1] != 0
    assert np.count_nonzero(mean.values) == 6


@pytest.mark.parametrize("layer", [1, 2])
def test_permuting_units_permutes_everything(layer):
    model, other, x, y = mlp(), mlp(), numbers(N, 6), classes(N)
    order = torch.randperm(model.widths[layer], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        into, out = other.linears[layer - 1], other.linears[layer]
        into.weight.copy_(into.weight[order])
        into.bias.copy_(into.bias[order])
        out.weight.copy_(out.weight[:, order])
    one, two = ml.synergy(model, x, y, layer), ml.synergy(other, x, y, layer)
    np.testing.assert_allclose(two.values, one.values[np.ix_(order, order)], atol=EXACT)
    np.testing.assert_allclose(two.damage, one.damage[order], atol=EXACT)
    labels = np.array([0, 1, 0, 1, -1])[: len(order)]
    whole, same = (
        ml.lesion(model, x, y, layer, labels),
        ml.lesion(other, x, y, layer, labels[order]),
    )
    np.testing.assert_allclose(same.damage, whole.damage, atol=EXACT)
    assert same.specificity == pytest.approx(whole.specificity, abs=EXACT)


# -------------------------------------------------------------------------------------- bad input


def test_no_sets_and_empty_sets_do_no_damage():
    prepared = Lesions(mlp(), numbers(N, 6), classes(N))
    assert prepared.damages(np.zeros((0, 5), dtype=bool)).shape == (0, 3)
    assert not prepared.damages(np.zeros((2, 5), dtype=bool)).any()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"modules": [0, 0, 1]}, "modules must have one label per unit, 5 in all. Got 3"),
        ({"modules": [0.0] * 5}, "modules must be whole numbers"),
        ({"modules": [0, 0, -2, 1, 1]}, "modules must be -1"),
        ({"classes": [0, 1]}, r"classes must have one label per sample, 12 in all. Got shape \(2"),
        ({"classes": [0.5] * N}, "classes must be whole numbers or names. Got dtype float64"),
        ({"classes": ["a"] * N}, "classes must be at least two.*only 'a'"),
        ({"ablation": "noise"}, "ablation must be one of 'mean', 'zero'. Got 'noise'"),
        ({"draws": 0}, "draws must be a whole number of at least 1. Got 0"),
        ({"draws": True}, "draws must be a whole number of at least 1. Got True"),
        ({"seed": -1}, "seed must be a whole number, 0 or more. Got -1"),
        ({"layer": 3}, "layer must be between 1 and 2. Got 3"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"targets": torch.zeros(N, dtype=torch.int64)}, "classes must be at least two.*only 0"),
        ({"targets": None}, "targets must be given for loss='cross_entropy'"),
        ({"targets": torch.full((N,), 3)}, "targets must be below 3"),
        ({"inputs": torch.full((N, 6), math.nan)}, "inputs must be finite"),
        ({"loss": "mse", "targets": numbers(N, 3)}, "classes must be given, one label per sample"),
        ({"loss": lambda out, _: out[:, 0] / 0, "classes": classes(N)}, "loss must be finite"),
    ],
)  # fmt: skip
def test_lesion_names_what_is_wrong(options, match):
    given = {"inputs": numbers(N, 6), "targets": classes(N), "layer": 1, "modules": [0, 0, 1, 1, 1]}
    with pytest.raises(ValueError, match=match):
        ml.lesion(mlp(), **given | options)


def test_modules_of_another_layer_are_refused():
    modules = Modules(np.array([0, 0, 1, 1, 1]), 0.1, layer=2)
    with pytest.raises(
        ValueError, match=re.escape("modules must be those of layer 1. Got modules of layer 2")
    ):
        ml.lesion(mlp(), numbers(N, 6), classes(N), 1, modules)


def test_a_loss_that_is_infinite_only_after_a_lesion_is_refused():
    with pytest.raises(ValueError, match="loss must be finite"):
        ml.synergy(
            summing(), torch.ones(3, 2, dtype=torch.float64), None, 1, ablation="zero",
            loss=lambda out, _: -out[:, 0].log(),
        )  # fmt: skip


@pytest.mark.parametrize(
    "sets", [np.ones((2, 4), dtype=bool), np.ones((2, 5)), np.ones(5, dtype=bool)]
)
def test_sets_must_be_true_or_false_for_each_unit(sets):
    with pytest.raises(ValueError, match=r"sets must be True and False of shape \[sets, 5\]"):
        Lesions(mlp(), numbers(N, 6), classes(N)).damages(sets)


def test_chance_in_the_model_is_refused():
    model = seeded(lambda: Wired(
        lambda m, x: m.head(functional.dropout(m.h(x), 0.5, training=True)),
        h=nn.Linear(3, 4), head=nn.Linear(4, 3),
    ))  # fmt: skip
    with pytest.raises(ValueError, match="model must compute the same each time"):
        ml.synergy(model, numbers(N, 3), classes(N), "h")


def test_probabilities_are_refused_where_the_loss_takes_logits():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3), nn.Softmax(1)).double()
    with pytest.raises(ValueError, match="model must end in logits"):
        ml.synergy(model, numbers(N, 3), classes(N))


def test_a_layer_that_sees_other_samples_is_refused_though_the_outputs_do_not():
    model = seeded(lambda: Wired(
        lambda m, x: m.head(m.centred(m.h(x) - m.h(x).mean(0)) + m.h(x).mean(0)),
        h=nn.Linear(3, 4), centred=nn.Identity(), head=nn.Linear(4, 3),
    ))  # fmt: skip
    with pytest.raises(ValueError, match=r"model must treat each sample by itself.*'centred'"):
        ml.synergy(model, numbers(N, 3), classes(N), "centred")


def test_positions_must_be_as_many_in_all_batches():
    batches = [(numbers(4, 5, 3), classes(4)), (numbers(4, 6, 3), classes(4))]
    with pytest.raises(ValueError, match="layer 'embed' must have as many positions"):
        ml.synergy(seeded(Attention), batches, None, "embed")
