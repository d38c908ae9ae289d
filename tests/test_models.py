"""Tests of modlib.models, modlib.layers and modlib.seeds."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from modlib.layers.find import find_layers, n_hidden_layers
from modlib.layers.network import evaluating
from modlib.layers.watch import Axes, Watch
from modlib.models import MLP
from modlib.seeds import generator
from modlib.similarity.closed_form import relu_layers

# ------------------------------------------------------------------------------------------- MLP


def test_parameters_come_layer_by_layer_in_the_orientation_of_linear():
    names = [name for name, _ in MLP((5, 4, 3, 2)).named_parameters()]
    assert names == [f"layers.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")]
    shapes = [tuple(parameter.shape) for parameter in MLP((5, 4, 3, 2)).parameters()]
    assert shapes == [(4, 5), (4,), (3, 4), (3,), (2, 3), (2,)]


def test_the_default_is_the_network_of_the_paper():
    model = MLP()
    assert model.widths == (784, 64, 64, 10)
    assert model.dropout == 0
    assert model.n_hidden == 2
    # 784 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10
    assert sum(parameter.numel() for parameter in model.parameters()) == 55_050


def by_hand():
    """x -> h = relu(x0 - x1, x1 - 3) -> logits (h0 + 1, 2 h1)."""
    model = MLP((2, 2, 2))
    state = {
        "layers.0.weight": [[1.0, -1.0], [0.0, 1.0]], "layers.0.bias": [0.0, -3.0],
        "layers.1.weight": [[1.0, 0.0], [0.0, 2.0]], "layers.1.bias": [1.0, 0.0],
    }  # fmt: skip
    model.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return model.requires_grad_(False)


def test_layers_are_computed_as_by_hand():
    inputs = torch.tensor([[5.0, 1.0], [1.0, 5.0]])
    assert by_hand().to_layer(inputs, 0).tolist() == inputs.tolist()
    assert by_hand().to_layer(inputs, 1).tolist() == [[4.0, 0.0], [0.0, 2.0]]
    assert by_hand()(inputs).tolist() == [[5.0, 0.0], [1.0, 4.0]]


def test_logits_are_not_cut_off_at_zero():
    assert by_hand().from_layer(torch.tensor([[-5.0, -1.0]]), 1).tolist() == [[-4.0, -2.0]]


@pytest.mark.parametrize("layer", range(5))
def test_the_maps_to_and_from_a_layer_compose_to_the_network(layer):
    model = MLP((6, 5, 4, 3, 2), seed=1)
    inputs = torch.rand(7, 6, generator=torch.Generator().manual_seed(0))
    there = model.to_layer(inputs, layer)
    assert there.shape == (7, model.widths[layer])
    assert torch.equal(model.from_layer(there, layer), model(inputs))


def test_dropout_acts_on_hidden_layers_in_training_mode_only():
    model, plain = MLP((6, 400, 3), dropout=0.5, seed=1), MLP((6, 400, 3), seed=1)
    inputs = torch.rand(1, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model.eval()(inputs), plain(inputs))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        hidden = model.train().to_layer(inputs, 1)
    expected = plain.to_layer(inputs, 1)
    kept = hidden != 0
    # What is kept is doubled; of the active units, about half are.
    torch.testing.assert_close(hidden[kept], 2 * expected[kept])
    assert 0.35 < kept.sum() / (expected != 0).sum() < 0.65


def test_initial_weights_come_from_the_seed_alone():
    torch.manual_seed(1)
    first = MLP((6, 5, 4, 2), seed=3)
    torch.manual_seed(2)
    again, other = MLP((6, 5, 4, 2), dropout=0.5, seed=3), MLP((6, 5, 4, 2), seed=4)
    for name, tensor in first.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
        assert not torch.equal(other.state_dict()[name], tensor)


def test_the_global_random_state_is_untouched():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    MLP((6, 5, 4, 2))
    assert torch.equal(torch.get_rng_state(), state)


def test_initial_weights_are_uniform_within_one_over_the_root_of_fan_in():
    # Of 100 * 400 uniform draws within 1/10 the largest is above 0.0999 for sure (0.999**40000),
    # and the variance is (1/10)**2 / 3, with a standard error below 1 %.
    weight = MLP((100, 400, 2), seed=0).layers[0].weight.detach()
    assert 0.0999 < weight.abs().max() <= 0.1
    assert weight.var().item() == pytest.approx(0.01 / 3, rel=0.04)


@pytest.mark.parametrize("widths", [[5, 4, 3], (5, np.int64(4), 3), range(5, 2, -1)], ids=str)
def test_widths_may_be_any_list_of_whole_numbers(widths):
    model = MLP(widths)
    assert model.widths == (5, 4, 3)
    assert all(type(width) is int for width in model.widths)


@pytest.mark.parametrize(
    "widths", [(), (5, 3), (5, 0, 3), (5, -1, 3), (5, 4.0, 3), (5, True, 3), "abc", 5, None]
)
def test_widths_of_no_network_are_refused(widths):
    with pytest.raises(ValueError, match=r"widths must be at least three whole numbers .* Got "):
        MLP(widths)


@pytest.mark.parametrize("dropout", [1.0, -0.1, float("nan"), True, "0.1", None])
def test_dropout_that_is_no_probability_is_refused(dropout):
    with pytest.raises(ValueError, match=r"dropout must be a probability in \[0, 1\). Got "):
        MLP((5, 4, 3), dropout)


@pytest.mark.parametrize("layer", [-1, 4, 1.0, None, True])
def test_layers_that_are_not_there_are_refused(layer):
    model, values = MLP((5, 4, 4, 3)), torch.zeros(2, 5)
    for run in (model.to_layer, model.from_layer):
        with pytest.raises(ValueError, match=rf"between 0 .* and 3 \(the logits\). Got {layer}"):
            run(values, layer)


# ----------------------------------------------------------------------------------- hidden layers


def value_of(model, inputs, number):
    """The value of a hidden layer, as the model computes it."""
    (layer,) = find_layers(model, number)
    with Watch({layer: Axes(samples=0, units=1)}) as watch, torch.no_grad():
        model(inputs)
    return watch.value(layer)[:, 0]


def test_a_hidden_layer_of_a_sequential_is_what_goes_into_the_next_module_with_weights():
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 4), nn.Tanh(),
        nn.Linear(4, 2),
    ).eval()  # fmt: skip
    assert n_hidden_layers(model) == 2
    inputs = torch.rand(3, 2, 3, generator=torch.Generator().manual_seed(0))
    for number, stop in ((1, 4), (2, 6)):
        assert torch.equal(value_of(model, inputs, number), model[:stop](inputs))


def test_a_hidden_layer_of_an_mlp_is_what_comes_after_relu_and_dropout():
    model = MLP((6, 5, 4, 2), dropout=0.3, seed=0).eval()
    inputs = torch.rand(3, 6, generator=torch.Generator().manual_seed(0))
    for number in (1, 2):
        assert torch.equal(value_of(model, inputs, number), model.to_layer(inputs, number))


@pytest.mark.parametrize("number", [0, 3])
def test_hidden_layers_that_are_not_there_are_refused(number):
    for model in (MLP((5, 4, 4, 3)), nn.Sequential(*(nn.Linear(5, 5) for _ in range(3)))):
        with pytest.raises(ValueError, match=f"layer must be between 1 and 2. Got {number}"):
            find_layers(model, number)


@pytest.mark.parametrize("odd", [1.0, True, None])
def test_what_is_neither_number_name_nor_module_is_no_layer(odd):
    with pytest.raises(ValueError, match=f"layer must be the number .* Got {odd}"):
        find_layers(MLP((5, 4, 4, 3)), odd)


def test_models_without_a_hidden_layer_or_of_another_kind_are_refused():
    for n_linear in (0, 1):
        with pytest.raises(ValueError, match=f"at least two modules with weights. Got {n_linear}"):
            n_hidden_layers(nn.Sequential(nn.ReLU(), *(nn.Linear(5, 5) for _ in range(n_linear))))
    with pytest.raises(ValueError, match=r"layer must be the name of a module, .* Got a Linear"):
        n_hidden_layers(nn.Linear(5, 5))


def test_chains_of_linear_and_relu_have_a_closed_form_and_others_do_not():
    def linear():
        return nn.Linear(4, 4)

    model = MLP((4, 4, 4))
    assert relu_layers(model) == list(model.layers)
    chain = nn.Sequential(
        linear(), nn.ReLU(), nn.Dropout(), linear(), nn.Identity(), nn.ReLU(), linear()
    )
    assert relu_layers(chain) == [chain[0], chain[3], chain[6]]
    for other in (
        nn.Sequential(linear(), nn.Tanh(), linear()),
        nn.Sequential(linear(), linear(), linear()),
        nn.Sequential(linear(), nn.ReLU(), linear(), nn.ReLU()),
        nn.Sequential(nn.ReLU(), linear(), nn.ReLU()),
        nn.Sequential(linear(), nn.ReLU(), nn.Conv1d(4, 4, 1)),
        nn.Sequential(linear()),
        linear(),
    ):
        assert relu_layers(other) is None


def test_a_subclass_of_mlp_may_compute_otherwise_and_has_no_closed_form():
    class Other(MLP):
        pass

    assert relu_layers(Other((4, 4, 4))) is None


# -------------------------------------------------------------------------------------- evaluating


def test_evaluating_restores_every_mode_even_after_an_error():
    model = nn.Sequential(
        nn.Linear(4, 4), nn.Dropout(), nn.Sequential(nn.Dropout()), nn.Linear(4, 4)
    )
    model.train()
    model[1].eval()
    modes = [module.training for module in model.modules()]
    assert set(modes) == {True, False}
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(KeyError), evaluating(model):
        raise KeyError
    assert [module.training for module in model.modules()] == modes


# ------------------------------------------------------------------------------------------- seeds


def draws(seed, purpose):
    return torch.rand(4, generator=generator(seed, purpose)).tolist()


def test_streams_differ_by_seed_and_purpose_and_repeat():
    assert draws(0, "split") == draws(0, "split") == draws(np.int64(0), "split")
    distinct = {
        tuple(draws(seed, purpose)) for seed in range(50) for purpose in ("split", "dropout")
    }
    assert len(distinct) == 100


def test_streams_of_neighbouring_seeds_are_uncorrelated():
    # The correlation of 10,000 pairs has a standard deviation of 0.01.
    for other in ((1, "split"), (0, "batches")):
        one = torch.rand(10_000, generator=generator(0, "split"))
        two = torch.rand(10_000, generator=generator(*other))
        assert abs(np.corrcoef(one, two)[0, 1]) < 0.04


def test_large_seeds_are_taken():
    assert draws(2**32 - 1, "split") != draws(2**64, "split")


@pytest.mark.parametrize("seed", [-1, 1.0, True, None, "1", [1]])
def test_seeds_that_are_no_whole_numbers_are_refused(seed):
    with pytest.raises(ValueError, match=r"seed must be a whole number, 0 or more. Got "):
        generator(seed, "split")


def test_a_copy_of_a_model_is_a_model_of_its_own():
    model = MLP((4, 4, 4), seed=0)
    copy = deepcopy(model)
    with torch.no_grad():
        copy.layers[0].weight.zero_()
    assert model.layers[0].weight.any()
