"""Tests of modlib.layers: what can be asked for, by which name, and where its units are."""

import numpy as np
import pytest
import torch
from networks import (
    N_CLASSES,
    Attention,
    Recurrent,
    ResidualCNN,
    Transformer,
    Wired,
    chain,
    classes,
    numbers,
    seeded,
)
from torch import nn
from torch.nn import functional

import modlib as ml
from modlib.layers.find import find_layers, hidden_layers, n_hidden_layers, name_of, unwrapped
from modlib.layers.units import axis_by_kind
from modlib.layers.watch import Axes, Watch

IMAGES, TOKENS = numbers(4, 1, 6, 6), numbers(4, 5, 3)


def names(places):
    return [place.name for place in places]


def by_name(places):
    return {place.name: place for place in places}


# ------------------------------------------------------------------------------------- finding


def test_a_layer_is_the_same_by_number_name_and_module():
    model = chain()
    found = [
        ml.similarity_matrices(model, numbers(5, 3), classes(), layers=[layer])
        for layer in (1, "2", model[2])
    ]
    for matrices in found[1:]:
        for first, other in zip(found[0].values(), matrices.values(), strict=True):
            np.testing.assert_array_equal(other, first)


def test_the_same_of_a_network_with_a_closed_form():
    model = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 3)))
    expected = ml.similarity_matrices(model, numbers(5, 3), classes())
    for layer in ("1", "2", model[1], model[2]):
        for derivatives in ("auto", "autograd"):
            found = ml.similarity_matrices(
                model, numbers(5, 3), classes(), layers=[layer], derivatives=derivatives
            )
            for first, other in zip(expected.values(), found.values(), strict=True):
                np.testing.assert_allclose(other, first, rtol=1e-12, atol=1e-14)


def test_results_carry_the_name_of_the_layer_and_of_units_of_several():
    net = seeded(ResidualCNN)
    one = ml.pairwise_similarity(net, IMAGES, layer=net.block1.conv2)
    assert (one.layer, one.measure, one.convention) == ("block1.conv2", "covariance", "printed")
    together = ml.pairwise_similarity(net, IMAGES, layer=["stem", net.block1])
    assert together.layer == ("stem", "block1")
    assert together.units[:5] == (("stem", 0), ("stem", 1), ("stem", 2), ("stem", 3), ("block1", 0))


def test_a_number_is_where_the_next_module_with_weights_begins():
    inner = nn.Sequential(nn.Linear(4, 5), nn.Tanh())
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(), inner, nn.Linear(5, 2))
    assert n_hidden_layers(model) == 2
    assert [layer.module for layer in hidden_layers(model)] == [inner[0], model[4]]
    assert all(layer.is_input for layer in hidden_layers(model))


def test_a_module_that_a_chain_holds_twice_is_two_hidden_layers():
    middle = nn.Linear(4, 4)
    model = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), middle, nn.Tanh(), middle,
                                         nn.Tanh(), nn.Linear(4, 3)))  # fmt: skip
    apart = nn.Sequential(*(part if part is not middle else _copy(middle) for part in model))
    found = ml.similarity_matrices(model, numbers(5, 3), classes())
    expected = ml.similarity_matrices(apart, numbers(5, 3), classes())
    assert {layer for layer, _, _ in found} == {1, 2, 3}
    for key, matrix in expected.items():
        np.testing.assert_allclose(found[key], matrix, rtol=1e-12, atol=1e-14)


def _copy(linear):
    twin = nn.Linear(4, 4).double()
    twin.load_state_dict(linear.state_dict())
    return twin


def test_a_chain_that_is_run_twice_has_two_positions_by_number_as_by_name():
    class Again(nn.Sequential):
        def forward(self, x):
            return super().forward(super().forward(x))

    model = seeded(lambda: Again(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)))
    numbered = ml.similarity_matrices(model, numbers(5, 3), classes(), layers=[1])
    named = ml.similarity_matrices(model, numbers(5, 3), classes(), layers=["1"])
    for (_, *key), matrix in numbered.items():
        np.testing.assert_allclose(named["1", *key], matrix, rtol=1e-12, atol=1e-14)


def test_a_shared_module_goes_by_the_name_that_is_asked_for_or_by_its_first():
    shared = nn.Linear(3, 3)
    net = Wired(lambda net, x: net.b(net.a(x)), a=shared, b=shared)
    names = [name_of(find_layers(net, layer)) for layer in ("a", "b", shared)]
    assert names == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("block1.conv3", r"name in model\.named_modules\(\)\. Got 'block1\.conv3': did you mean "
                         r"'block1\.conv\d'"),
        ("zzz", r"Got 'zzz': modlib\.list_layers\(model, inputs\) lists them"),
        (nn.Linear(2, 2), r"must be a part of the model\. Got a Linear that is not"),
        (1, r"must be the name of a module, since only .* Got a ResidualCNN"),
        (1.0, r"number of a hidden layer, the name of a module, .* Got 1\.0"),
        (True, r"Got True"),
        (None, r"Got None"),
        ([], r"must be one, or a list of different ones\. Got \[\]"),
        (["stem", "stem"], r"list of different ones\. Got \['stem', 'stem'\]"),
        ([["stem"], "head"], r"Got \['stem'\]"),
    ],
)  # fmt: skip
def test_layers_that_are_not_there_are_refused(layer, message):
    with pytest.raises(ValueError, match=rf"layer .*{message}"):
        ml.pairwise_similarity(seeded(ResidualCNN), IMAGES, layer=layer)


@pytest.mark.parametrize("layer", [0, 2, -1])
def test_numbers_beyond_the_hidden_layers_are_refused(layer):
    with pytest.raises(ValueError, match=rf"layer must be between 1 and 1\. Got {layer}"):
        ml.pairwise_similarity(chain(), numbers(5, 3), layer=layer)


def test_a_module_of_a_copy_is_refused():
    with pytest.raises(ValueError, match=r"has the model been copied\?"):
        ml.pairwise_similarity(chain(), numbers(5, 3), layer=chain()[1])


def test_layers_that_are_never_called_are_refused():
    net = seeded(
        lambda: Wired(
            lambda net, x: functional.linear(x, net.a.weight),
            a=nn.Linear(3, 3),
            idle=nn.ReLU(),
        )
    )
    for name, kind in (("a", "Linear"), ("idle", "ReLU")):
        with pytest.raises(
            ValueError, match=rf"layer '{name}' must be called .* Got a {kind} that is not"
        ):
            ml.pairwise_similarity(net, numbers(5, 3), layer=name)
    assert names(ml.list_layers(net, numbers(5, 3))) == []


# ------------------------------------------------------------------------------------ wrappers


def test_wrappers_are_looked_through():
    model = chain()
    expected = ml.pairwise_similarity(model, numbers(5, 3))
    compiled = torch._dynamo.eval_frame.OptimizedModule(model, torch._dynamo.disable)
    for wrapped in (nn.DataParallel(model), compiled, nn.DataParallel(compiled)):
        assert unwrapped(wrapped) is model
        for layer in (1, "2", model[2]):
            found = ml.pairwise_similarity(wrapped, numbers(5, 3), layer=layer)
            np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_scripted_models_are_refused():
    for scripted in (torch.jit.trace(chain(), numbers(5, 3)), torch.jit.script(chain())):
        with pytest.raises(ValueError, match=r"model must be a module of Python, .* scripted one"):
            ml.pairwise_similarity(scripted, numbers(5, 3))


@pytest.mark.parametrize("model", [None, "resnet", nn.Linear, lambda x: x])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(ValueError, match=r"model must be a torch\.nn\.Module\. Got "):
        ml.pairwise_similarity(model, numbers(5, 3))


def test_weights_that_are_not_there_are_refused():
    lazy = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(3))
    for model in (lazy, nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)).to("meta")):
        with pytest.raises(ValueError, match=r"model must have its weights\. Got '0\.weight'"):
            ml.pairwise_similarity(model, numbers(5, 3))


# ------------------------------------------------------------------------------------- listing


def test_a_list_of_layers_is_of_numbers_first_and_then_of_modules_by_name():
    places = ml.list_layers(chain(), numbers(5, 3))
    assert names(places) == [1, "0", "1", "2", "3"]
    assert [place.kind for place in places] == ["hidden layer", "Linear", "GELU", "Dropout",
                                                "Linear"]  # fmt: skip
    assert [place.units for place in places] == [4, 4, 4, 4, N_CLASSES]
    assert [place.shape for place in places] == [(4,), (4,), (4,), (4,), (N_CLASSES,)]


def test_units_of_images_are_channels_and_those_of_tokens_features():
    images = by_name(ml.list_layers(seeded(ResidualCNN), IMAGES))
    parts = ("", ".conv1", ".norm", ".conv2")
    channels = ["stem", *(f"block{number}{part}" for number in (1, 2) for part in parts)]
    expected = dict.fromkeys(channels, ((4, 3, 3), 4)) | {"head": ((3,), 3)}
    assert {name: (place.shape, place.units) for name, place in images.items()} == expected
    for first in (True, False):
        tokens = by_name(ml.list_layers(seeded(lambda f=first: Transformer(f)), TOKENS))
        assert tokens["blocks.0"].shape == (5, 8)
        assert tokens["blocks.1.linear1"].units == 12
        assert tokens["blocks.1.self_attn"].units == 8
    states = by_name(ml.list_layers(seeded(lambda: Recurrent("GRU", True)), TOKENS.mT[:, :, :3]))
    assert states["cells"].units == 4


@pytest.mark.parametrize("build", [chain, lambda: seeded(ResidualCNN), lambda: seeded(Attention),
                                   lambda: seeded(Transformer)])  # fmt: skip
def test_what_is_listed_can_be_asked_for_and_has_the_units_listed(build):
    model = build()
    inputs = {nn.Sequential: numbers(4, 3), ResidualCNN: IMAGES}.get(type(model), TOKENS)
    for place in ml.list_layers(model, inputs):
        assert place.units is not None
        found = ml.pairwise_similarity(model, inputs, layer=place.name)
        assert found.shape == (place.units, place.units)


def test_listing_leaves_the_model_as_it_was():
    model = chain().train()
    ml.list_layers(model, numbers(5, 3))
    assert all(module.training for module in model.modules())
    assert all(weight.requires_grad for weight in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_inputs_that_do_not_fit_the_model_are_refused_by_shape_and_cause():
    by_batch = nn.BatchNorm1d(4, track_running_stats=False)
    needs_two = nn.Sequential(nn.Linear(3, 4), by_batch, nn.Linear(4, 3)).double()
    complaint = r"inputs must fit the model\. Got shape "
    for function in (ml.list_layers, ml.pairwise_similarity):
        with pytest.raises(ValueError, match=complaint + r"\(5, 7\): mat1"):
            function(chain(), numbers(5, 7))
        with pytest.raises(ValueError, match=complaint + r"\(5, 3\): Expected more than 1 value"):
            function(needs_two, numbers(5, 3))


def test_whatever_a_model_raises_on_inputs_is_said():
    def picky(net, x):
        assert x.shape[1] == 4, "four numbers, please"
        return net.a(x)

    with pytest.raises(ValueError, match=r"inputs must fit the model\. .* four numbers, please"):
        ml.list_layers(Wired(picky, a=nn.Linear(4, 4)), numbers(5, 3))


# --------------------------------------------------------------------------------- axes, units


@pytest.mark.parametrize(
    ("module", "n_axes", "expected"),
    [
        (nn.Linear(2, 2), 2, 1), (nn.Linear(2, 2), 4, 3), (nn.Conv1d(2, 2, 1), 3, 1),
        (nn.Conv2d(2, 2, 1), 4, 1), (nn.ConvTranspose3d(2, 2, 1), 5, 1),
        (nn.BatchNorm1d(2), 3, 1), (nn.InstanceNorm2d(2), 4, 1), (nn.GroupNorm(1, 2), 4, 1),
        (nn.MaxPool2d(2), 4, 1), (nn.AdaptiveAvgPool1d(2), 3, 1), (nn.LayerNorm(2), 3, 2),
        (nn.RMSNorm(2), 3, 2), (nn.Embedding(2, 2), 3, 2), (nn.GRU(2, 2), 3, 2),
        (nn.MultiheadAttention(2, 1), 3, 2), (nn.GRUCell(2, 2), 2, 1), (nn.ReLU(), 2, 1),
        (nn.ReLU(), 4, None), (nn.Identity(), 3, None), (nn.LayerNorm([2, 3, 3]), 4, None),
        (nn.RMSNorm([2, 3]), 3, None),
    ],
    ids=str,
)  # fmt: skip
def test_the_axis_of_units_goes_by_the_kind_of_module(module, n_axes, expected):
    assert axis_by_kind(module, n_axes) == expected


def test_other_modules_have_units_where_the_last_value_of_that_shape_had_them():
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.norm(net.act(net.conv(x))).flatten(1)),
            conv=nn.Conv2d(1, 2, 3), act=nn.GELU(), norm=nn.LayerNorm([2, 4, 4]),
            head=nn.Linear(32, 3),
        )
    )  # fmt: skip
    places = by_name(ml.list_layers(net, IMAGES))
    assert [places[name].units for name in ("conv", "act", "norm")] == [2, 2, 2]


def test_where_nothing_says_it_units_must():
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.turn(x).flatten(1)),
            turn=Wired(lambda _, x: x.mT), head=nn.Linear(15, 3),
        )
    )  # fmt: skip
    assert by_name(ml.list_layers(net, TOKENS))["turn"].units is None
    with pytest.raises(ValueError, match=r"units must say on which axis layer 'turn' .* Got None"):
        ml.pairwise_similarity(net, TOKENS, layer="turn")
    assert ml.pairwise_similarity(net, TOKENS, layer="turn", units=1).shape == (3, 3)
    assert ml.pairwise_similarity(net, TOKENS, layer="turn", units=-1).shape == (5, 5)
    assert ml.pairwise_similarity(net, TOKENS, layer="turn", units=np.int64(2)).shape == (5, 5)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (3, r"the axis of the units, from -3 to 2 for layer 'embed'\. Got 3"),
        (-4, r"Got -4"),
        (1.0, r"Got 1\.0"),
        (True, r"Got True"),
        ("last", r"Got 'last'"),
        (0, r"another axis than that of the samples, 0\. Got 0 for layer 'embed' of shape"),
        (-3, r"another axis than that of the samples"),
    ],
)
def test_units_on_no_axis_or_on_that_of_samples_are_refused(units, message):
    with pytest.raises(ValueError, match=rf"units must be .*{message}"):
        ml.pairwise_similarity(seeded(Attention), TOKENS, layer="embed", units=units)


def test_values_without_samples_are_refused_and_not_listed():
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(x + net.place(torch.arange(5))).mean(1),
            place=nn.Embedding(5, 3), head=nn.Linear(3, 3),
        )
    )  # fmt: skip
    assert names(ml.list_layers(net, TOKENS)) == ["head"]
    with pytest.raises(
        ValueError, match=r"layer 'place' must have a value with one axis for samples\. Got shapes "
        r"\(5, 3\) and \(5, 3\)"
    ):  # fmt: skip
        ml.pairwise_similarity(net, TOKENS, layer="place")


def test_values_that_are_no_tensors_are_refused():
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.part(x)["h"]),
            part=Wired(lambda _, x: {"h": x}), head=nn.Linear(3, 3),
        )
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"layer 'part' must have a value .* Got no tensor"):
        ml.pairwise_similarity(net, numbers(5, 3), layer="part")


def test_steps_that_are_given_as_samples_are_refused():
    # The first axis is the samples', but this model has its steps there.
    net, by_step = seeded(lambda: Recurrent("GRU", False)), numbers(6, 5, 3)
    with pytest.raises(ValueError, match=r"model must treat each sample by itself"):
        ml.pairwise_similarity(net, by_step, layer="cells")


def test_a_module_with_other_units_in_another_call_is_refused():
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.act(net.b(net.act(net.a(x))))),
            a=nn.Linear(3, 5), b=nn.Linear(5, 4), act=nn.ReLU(), head=nn.Linear(4, 3),
        )
    )  # fmt: skip
    with pytest.raises(
        ValueError, match=r"layer 'act' must have the same units in all of its calls.* Got shapes "
        r"\(2, 5\) and \(2, 4\)"
    ):  # fmt: skip
        ml.pairwise_similarity(net, numbers(5, 3), layer="act")


def test_a_module_with_samples_elsewhere_in_another_call_is_refused():
    # With as many samples as steps the two values have one shape: nothing would fail.
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.a(net.a(x).transpose(0, 1)).transpose(0, 1).mean(1)),
            a=nn.Linear(3, 3), head=nn.Linear(3, 3),
        )
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"layer 'a' must have the same units in all of its calls"):
        ml.pairwise_similarity(net, numbers(5, 5, 3), layer="a")


def test_layers_of_other_numbers_of_positions_go_together_only_when_pooled():
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.b(net.a(x).relu()).mean((2, 3))),
            a=nn.Conv2d(1, 2, 3), b=nn.Conv2d(2, 3, 3), head=nn.Linear(3, 3),
        )
    )  # fmt: skip
    with pytest.raises(
        ValueError, match=r"layer must list layers of as many positions, or pool must be 'mean'\. "
        r"Got \{'a': 16, 'b': 4\} positions"
    ):  # fmt: skip
        ml.pairwise_similarity(net, IMAGES, layer=["a", "b"])
    pooled = ml.pairwise_similarity(net, IMAGES, layer=["a", "b"], pool="mean")
    values = net.a(IMAGES)
    units = torch.cat([values.mean((2, 3)), net.b(values.relu()).mean((2, 3))], 1).detach().numpy()
    deviations = units - units.mean(axis=0)
    expected = np.abs(deviations[:, :, None] * deviations[:, None, :]).mean(axis=0)
    np.testing.assert_allclose(pooled, expected, rtol=1e-12)


def test_sequences_of_other_lengths_have_a_covariance_only_when_pooled():
    net = seeded(Attention)
    batches = [(numbers(2, 4, 3), classes(2)), (numbers(3, 6, 3), classes(3))]
    with pytest.raises(
        ValueError, match=r"layer 'embed' must have as many positions for all samples.* pool='mean'"
    ):
        ml.pairwise_similarity(net, batches, layer="embed")
    pooled = ml.pairwise_similarity(net, batches, layer="embed", pool="mean")
    units = torch.cat([net.embed(x).mean(1) for x, _ in batches]).detach().numpy()
    deviations = units - units.mean(axis=0)
    expected = np.abs(deviations[:, :, None] * deviations[:, None, :]).mean(axis=0)
    np.testing.assert_allclose(pooled, expected, rtol=1e-12)
    for measure in ("input_sensitivity", "output_sensitivity", "loss_hessian"):
        parts = [ml.pairwise_similarity(net, [b], None, "embed", measure).values for b in batches]
        whole = ml.pairwise_similarity(net, batches, None, "embed", measure).values
        np.testing.assert_allclose(whole, (2 * parts[0] + 3 * parts[1]) / 5, rtol=1e-11)


# ------------------------------------------------------------------------------------ watching


@pytest.mark.parametrize("axes", [Axes(0, 1), Axes(0, 3), Axes(2, 0)])
def test_values_are_arranged_as_samples_positions_units_and_spread_back(axes):
    value = numbers(2, 3, 4, 5)
    arranged = axes.arranged(value)
    n_samples, n_units = value.shape[axes.samples], value.shape[axes.units]
    assert arranged.shape == (n_samples, 120 // n_samples // n_units, n_units)
    assert torch.equal(axes.spread(arranged, value), value)
    one = value.select(axes.samples, 1).select(axes.units - (axes.units > axes.samples), 1)
    assert torch.equal(arranged[1, :, 1], one.flatten())


def test_a_shift_of_zeros_changes_nothing_and_carries_the_derivative():
    model = chain()
    (layer,) = find_layers(model, 1)
    with Watch({layer: Axes(0, 1)}, moves=True) as watch:
        outputs = model(numbers(5, 3))
    assert torch.equal(outputs, model(numbers(5, 3)))
    (shift,) = watch.shifts(layer)
    (gradient,) = torch.autograd.grad(outputs[:, 1].sum(), shift)
    expected = model[3].weight[1].detach().expand(5, 1, 4)
    torch.testing.assert_close(gradient, expected)


def test_hooks_are_gone_after_an_error_within():
    model = chain()
    (layer,) = find_layers(model, 1)
    with pytest.raises(KeyError), Watch({layer: Axes(0, 1)}):
        raise KeyError
    assert not layer.module._forward_pre_hooks
