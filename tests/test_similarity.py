"""Tests of modlib.similarity: against slow twins, and by theorems."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from oracles import similarity_by_loops
from torch import nn

from modlib.layers.find import find_layers
from modlib.layers.network import Network
from modlib.layers.watch import Axes
from modlib.models import MLP
from modlib.samples import Batch, Samples
from modlib.similarity import closed_form, compute
from modlib.similarity.compute import pairwise_similarity, similarity_matrices
from modlib.similarity.conventions import normalize
from modlib.similarity.derivatives import Derivatives
from modlib.similarity.measures import MEASURES, UPSTREAM, Measure, View

CONVENTIONS = ("printed", "released")
# One, two and three hidden layers; a first hidden layer wider than the input; unequal widths.
WIDTHS = [(6, 5, 3), (4, 7, 5, 3), (5, 6, 4, 7, 3)]


def samples(n, n_inputs, n_classes, seed=0, dtype=torch.float64):
    random = torch.Generator().manual_seed(seed)
    inputs = torch.rand(n, n_inputs, generator=random, dtype=torch.float64).to(dtype)
    return inputs, torch.randint(n_classes, (n,), generator=random)


def network(widths, seed=0, dtype=torch.float64, dropout=0.0):
    """A network half of whose units are active, as centred inputs and no bias would have it."""
    return MLP(widths, dropout, seed=seed).to(dtype)


def assert_close(actual, expected, relative):
    """Every entry to ``relative`` times the largest entry expected."""
    expected = np.asarray(expected)
    assert expected.max() > 0, "a comparison with zeros would prove little"
    np.testing.assert_allclose(actual, expected, rtol=0, atol=relative * expected.max())


def assert_all_close(actual, expected, relative):
    assert actual.keys() == expected.keys()
    for key in expected:
        largest = expected[key].values.max()
        np.testing.assert_allclose(
            actual[key], expected[key], rtol=0, atol=relative * largest, err_msg=key
        )


# ------------------------------------------------------------------------- independent answers


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
@pytest.mark.parametrize("layer", [1, 2])
def test_both_ways_to_derivatives_equal_the_equations_by_loops(
    layer, derivatives, measure, convention
):
    model = network((4, 7, 5, 3), seed=3)
    inputs, targets = samples(6, 4, 3, seed=1)
    expected = similarity_by_loops(model, inputs, targets, layer, measure, convention)
    actual = pairwise_similarity(
        model, inputs, targets, layer, measure, convention, derivatives=derivatives
    )
    # Central differences with steps of 1e-5 lose eps / 1e-5 = 2e-11 of values of order one.
    assert_close(actual, expected, 1e-9)


@pytest.mark.parametrize(("dtype", "relative"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_closed_form_equals_autograd_for_any_depth_and_width(widths, dtype, relative):
    for seed in range(3):
        model = network(widths, seed, dtype)
        inputs, targets = samples(30, widths[0], widths[-1], seed, dtype)
        closed = similarity_matrices(model, inputs, targets, derivatives="closed_form")
        assert len(closed) == (len(widths) - 2) * 4 * 2
        slow = similarity_matrices(model, inputs, targets, derivatives="autograd")
        assert_all_close(closed, slow, relative)


@pytest.mark.parametrize(("dtype", "relative"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_closed_form_equals_autograd_on_a_trained_network(trained, digits, dtype, relative):
    model = deepcopy(trained).to(dtype)
    inputs, targets = digits.test_inputs[:100].to(dtype), digits.test_targets[:100]
    closed = similarity_matrices(model, inputs, targets, derivatives="closed_form")
    slow = similarity_matrices(model, inputs, targets, derivatives="autograd")
    for key in slow:
        assert_close(closed[key], slow[key], relative)


def test_a_linear_network_has_products_of_weights_as_jacobians():
    # Large biases keep every ReLU open; then dh2/dx = W2 W1 and dy/dh1 = W3 W2 for every input.
    model = network((4, 5, 6, 3), seed=2)
    with torch.no_grad():
        for linear in list(model.layers)[:-1]:
            linear.bias.fill_(100.0)
    inputs, targets = samples(7, 4, 3)
    w1, w2, w3 = (linear.weight.detach().numpy() for linear in model.layers)
    for convention in CONVENTIONS:
        up = pairwise_similarity(model, inputs, targets, 2, "input_sensitivity", convention)
        assert_close(up, np.abs(w2 @ w1 @ w1.T @ w2.T), 1e-13)
        down = pairwise_similarity(model, inputs, targets, 1, "output_sensitivity", convention)
        assert_close(down, np.abs(w2.T @ w3.T @ w3 @ w2), 1e-13)


def test_the_hessian_above_the_last_hidden_layer_is_the_covariance_of_weights_under_softmax():
    model = network((4, 5, 3), seed=5)
    inputs, targets = samples(1, 4, 3)
    p = model(inputs).softmax(1).detach().numpy()[0]
    w = model.layers[-1].weight.detach().numpy()
    expected = np.abs(w.T @ (np.diag(p) - np.outer(p, p)) @ w)
    actual = pairwise_similarity(model, inputs, targets, 1, "loss_hessian")
    assert_close(actual, expected, 1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_covariance_as_released_is_the_absolute_value_of_numpy_cov(seed):
    model = network((6, 9, 4, 3), seed)
    inputs, targets = samples(40, 6, 3, seed)
    for layer in (1, 2):
        hidden = model.to_layer(inputs, layer).detach().numpy()
        expected = np.abs(np.cov(hidden, rowvar=False, bias=True))
        actual = pairwise_similarity(model, inputs, targets, layer, "covariance", "released")
        assert_close(actual, expected, 1e-12)


# ------------------------------------------------------------------------------------ theorems


def permuted(model, layer, order):
    """The same function, with the units of one hidden layer in another order."""
    model = deepcopy(model)
    with torch.no_grad():
        into, out = model.layers[layer - 1], model.layers[layer]
        into.weight.copy_(into.weight[order])
        into.bias.copy_(into.bias[order])
        out.weight.copy_(out.weight[:, order])
    return model


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_permuting_units_permutes_rows_and_columns(layer, seed):
    model = network((5, 8, 6, 3), seed)
    inputs, targets = samples(20, 5, 3, seed)
    order = np.random.default_rng(seed).permutation(model.widths[layer])
    before = similarity_matrices(model, inputs, targets, layers=[layer])
    after = similarity_matrices(permuted(model, layer, order), inputs, targets, layers=[layer])
    for key in before:
        assert_close(after[key], before[key].values[np.ix_(order, order)], 1e-12)


@pytest.mark.parametrize("layer", [1, 2])
def test_permuting_the_other_hidden_layer_changes_nothing(layer):
    model = network((5, 8, 6, 3), 4)
    inputs, targets = samples(20, 5, 3, 4)
    order = np.random.default_rng(0).permutation(model.widths[3 - layer])
    before = similarity_matrices(model, inputs, targets, layers=[layer])
    after = similarity_matrices(permuted(model, 3 - layer, order), inputs, targets, layers=[layer])
    assert_all_close(after, before, 1e-12)


def test_permuting_samples_changes_nothing():
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(50, 5, 3, 1)
    order = np.random.default_rng(0).permutation(50)
    before = similarity_matrices(model, inputs, targets)
    assert_all_close(similarity_matrices(model, inputs[order], targets[order]), before, 1e-13)


def test_samples_given_twice_change_nothing():
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(20, 5, 3, 1)
    before = similarity_matrices(model, inputs, targets)
    twice = similarity_matrices(model, inputs.repeat(2, 1), targets.repeat(2))
    assert_all_close(twice, before, 1e-13)


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
@pytest.mark.parametrize("chunk", [1, 9, 10, 11, 64])
def test_chunks_of_any_size_give_the_same(monkeypatch, chunk, derivatives):
    model = network((5, 8, 6, 3), 2)
    inputs, targets = samples(10, 5, 3, 2)  # the chunk is below, at and above the 10 samples
    whole = similarity_matrices(model, inputs, targets, derivatives=derivatives)
    monkeypatch.setattr(closed_form, "PARTS", 1)
    monkeypatch.setattr(closed_form.ClosedForm, "_part_size", lambda _: chunk)
    monkeypatch.setattr(compute, "LARGEST_CHUNK", chunk)
    assert closed_form.ClosedForm(model.linears, MEASURES, {1: 1, 2: 2}).chunk == chunk
    assert_all_close(
        similarity_matrices(model, inputs, targets, derivatives=derivatives), whole, 1e-13
    )


@pytest.mark.parametrize("layer", [1, 2])
def test_a_duplicated_unit_has_identical_rows(layer):
    model = network((5, 8, 6, 3), 3)
    with torch.no_grad():  # unit 1 becomes a copy of unit 0, in what it takes and what it gives
        into, out = model.layers[layer - 1], model.layers[layer]
        into.weight[1], into.bias[1], out.weight[:, 1] = (
            into.weight[0], into.bias[0], out.weight[:, 0],
        )  # fmt: skip
    inputs, targets = samples(20, 5, 3, 3)
    for found in similarity_matrices(model, inputs, targets, layers=[layer]).values():
        matrix = found.values
        np.testing.assert_allclose(matrix[0], matrix[1], rtol=0, atol=1e-14 * matrix.max())
        assert matrix[0, 0] == pytest.approx(matrix[0, 1], rel=1e-13)


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
@pytest.mark.parametrize("layer", [1, 2])
def test_a_dead_unit_has_zero_rows_upstream_only(layer, derivatives):
    model = network((5, 8, 6, 3), 3)
    with torch.no_grad():
        model.layers[layer - 1].bias[2] = -1e3
    inputs, targets = samples(20, 5, 3, 3)
    matrices = similarity_matrices(model, inputs, targets, layers=[layer], derivatives=derivatives)
    for (_, measure, _), found in matrices.items():
        matrix = found.values
        assert matrix[2].any() == (measure not in UPSTREAM), measure
        assert np.delete(matrix, 2, axis=0).any()


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
@pytest.mark.parametrize("layer", [1, 2])
def test_a_unit_without_outgoing_weights_has_zero_rows_downstream_only(layer, derivatives):
    model = network((5, 8, 6, 3), 1)
    with torch.no_grad():
        model.layers[layer].weight[:, 2] = 0.0
        model.layers[layer - 1].bias[2] = 1.0  # so that the unit is active
    inputs, targets = samples(20, 5, 3, 3)
    matrices = similarity_matrices(model, inputs, targets, layers=[layer], derivatives=derivatives)
    for (_, measure, _), found in matrices.items():
        assert found.values[2].any() == (measure in UPSTREAM), measure


def test_scaling_a_unit_scales_its_row_upstream_and_inversely_downstream():
    # h_2 -> 4 h_2 with its outgoing weights / 4 leaves the function as it is.
    model = network((5, 8, 6, 3), 2)
    scaled = deepcopy(model)
    with torch.no_grad():
        scaled.layers[0].weight[2] *= 4
        scaled.layers[0].bias[2] *= 4
        scaled.layers[1].weight[:, 2] /= 4
    inputs, targets = samples(20, 5, 3, 2)
    before = similarity_matrices(model, inputs, targets, layers=[1])
    after = similarity_matrices(scaled, inputs, targets, layers=[1])
    for key in before:
        factors = np.ones(8)
        factors[2] = 4.0 if key[1] in UPSTREAM else 1 / 4
        assert_close(after[key], before[key].values * np.outer(factors, factors), 1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_the_absolute_value_inside_the_mean_is_never_smaller_than_that_of_the_mean(seed):
    model = network((5, 8, 6, 3), seed)
    inputs, targets = samples(25, 5, 3, seed)
    matrices = similarity_matrices(model, inputs, targets)
    differ = False
    for layer, measure, _ in matrices:
        printed, released = (
            matrices[layer, measure, convention].values for convention in CONVENTIONS
        )
        assert (printed >= released - 1e-15 * printed.max()).all()
        np.testing.assert_allclose(np.diagonal(printed), np.diagonal(released), rtol=1e-13)
        differ = differ or (printed > released + 1e-6 * printed.max()).any()
    assert differ


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
def test_the_mean_hessian_is_positive_semidefinite(derivatives, monkeypatch):
    # The logits are affine in h near each input, and cross-entropy is convex in the logits. The
    # signs, which the result has lost, are read before the absolute value is taken.
    monkeypatch.setattr(compute, "_finished", lambda mean: mean.numpy())
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(25, 5, 3, 1)
    for layer in (1, 2):
        matrix = pairwise_similarity(
            model, inputs, targets, layer, "loss_hessian", "released", derivatives=derivatives
        ).values
        assert (matrix < 0).any(), "without signs this would test something else"
        assert np.linalg.eigvalsh(matrix).min() > -1e-14 * matrix.max()


@pytest.mark.parametrize("measure", MEASURES)
def test_measures_other_than_the_loss_ignore_targets_and_the_relu_hessian_does_too(measure):
    # The logit of the target enters the loss linearly, so no second derivative sees it.
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(25, 5, 3, 1)
    for derivatives in ("closed_form", "autograd"):
        one = pairwise_similarity(model, inputs, targets, 1, measure, derivatives=derivatives)
        other = pairwise_similarity(
            model, inputs, (targets + 1) % 3, 1, measure, derivatives=derivatives
        )
        assert_close(other, one, 1e-14)


# -------------------------------------------------------------------------- measures of one's own


def view_of(model, layer, inputs, targets):
    """A view of a layer by itself, the mean of whose activations is zero."""
    network, layers = Network(model, Samples(inputs, targets)), find_layers(model, layer)
    axes = {layers[0]: Axes(samples=0, units=1)}
    derivatives = Derivatives(network, Batch(inputs, targets), axes, "cross_entropy")
    return View(derivatives, layers, lambda: torch.zeros(1, model.widths[layer]))


def test_a_view_holds_the_derivatives_of_the_network():
    model = network((5, 4, 6, 3), 1)
    inputs, targets = samples(7, 5, 3, 1)
    view = view_of(model, 2, inputs, targets)
    torch.testing.assert_close(view.logits, model(inputs).detach())
    assert view.mean.shape == (6,)
    for k in range(7):
        hidden = view.activations[k]
        into = torch.autograd.functional.jacobian(lambda x: model.to_layer(x, 2), inputs[k])
        out = torch.autograd.functional.jacobian(lambda h: model.from_layer(h, 2), hidden)
        bend = torch.autograd.functional.hessian(
            lambda h, k=k: nn.functional.cross_entropy(model.from_layer(h, 2), targets[k]), hidden
        )
        torch.testing.assert_close(view.input_jacobian[k], into)
        torch.testing.assert_close(view.logit_jacobian[k], out)
        torch.testing.assert_close(view.loss_hessian[k], bend)


def together(view):
    return view.activations.unsqueeze(2) * view.activations.unsqueeze(1)


def test_a_measure_of_ones_own_is_averaged_beside_those_of_the_library():
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(150, 5, 3, 1)  # three chunks of automatic differentiation
    found = similarity_matrices(
        model, inputs, targets, measures=[Measure("together", "upstream", together), *MEASURES]
    )
    activations = model.to_layer(inputs, 2).detach().numpy()
    expected = activations.T @ activations / 150
    assert_close(found[2, "together", "printed"], expected, 1e-14)
    assert_close(found[2, "together", "released"], expected, 1e-14)
    for key, matrix in similarity_matrices(model, inputs, targets).items():
        np.testing.assert_array_equal(found[key], matrix)
    assert len(found) == 20


def test_the_mean_of_a_view_is_over_all_samples():
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(150, 5, 3, 1)
    mine = Measure("mine", "upstream", factors=MEASURES["covariance"].factors)
    found = pairwise_similarity(model, inputs, targets, 2, mine)
    assert_close(found, pairwise_similarity(model, inputs, targets, 2), 1e-13)


@pytest.mark.parametrize(
    ("products", "complaint"),
    [
        (lambda view: view.activations, r"one matrix \[units, units\] for each sample, shape "
         r"\(9, 8, 8\). Got \(9, 8\)"),
        (lambda view: None, "Got NoneType"),
        (lambda view: together(view) * torch.rand(8), "must give symmetric matrices"),
        (lambda view: together(view) / 0, "must give symmetric matrices of finite numbers"),
    ],
)  # fmt: skip
def test_a_measure_that_gives_no_symmetric_matrices_is_refused(products, complaint):
    model = network((5, 8, 6, 3), 1)
    with pytest.raises(ValueError, match=f"measure 'odd' .*{complaint}"):
        pairwise_similarity(model, *samples(9, 5, 3), 1, Measure("odd", "upstream", products))


def test_a_measure_needs_a_side_and_a_name_of_its_own():
    with pytest.raises(
        ValueError, match=r"side must be one of 'upstream', 'downstream'\. Got 'up'"
    ):
        Measure("odd", "up", together)
    model, given = network((5, 8, 6, 3), 1), samples(9, 5, 3)
    twins = [Measure("mine", side, together) for side in ("upstream", "downstream")]
    for measures in ([Measure("covariance", "upstream", together)], twins):
        with pytest.raises(ValueError, match=r"must not have the name of another\. Got "):
            similarity_matrices(model, *given, measures=measures)
    once = similarity_matrices(model, *given, measures=["covariance", MEASURES["covariance"]])
    assert_close(once[1, "covariance", "printed"], pairwise_similarity(model, *given), 1e-15)
    with pytest.raises(ValueError, match=r"for the measure 'mine'\. Got 'closed_form'"):
        pairwise_similarity(
            model, *given, 1, Measure("mine", "upstream", together), derivatives="closed_form"
        )


# ----------------------------------------------------------------------------------- extremes


def test_one_sample_has_no_covariance_but_sensitivities():
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(1, 5, 3, 1)
    for (layer, measure, _), matrix in similarity_matrices(model, inputs, targets).items():
        assert matrix.shape == (model.widths[layer],) * 2
        assert matrix.values.any() == (measure != "covariance")


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
def test_a_layer_of_one_unit_gives_a_number(derivatives):
    model = network((5, 1, 1, 2), 0)
    with torch.no_grad():
        for linear in model.layers:  # both units active
            linear.weight.abs_()
            linear.bias.abs_()
    inputs, targets = samples(9, 5, 2)
    for (layer, measure, convention), matrix in similarity_matrices(
        model, inputs, targets, derivatives=derivatives
    ).items():
        assert matrix.shape == (1, 1)
        expected = similarity_by_loops(model, inputs, targets, layer, measure, convention)
        assert matrix.values[0, 0] == pytest.approx(expected[0, 0], rel=1e-8)


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_logits_give_finite_numbers(derivatives, dtype):
    model = network((5, 8, 6, 3), 1, dtype)
    with torch.no_grad():
        for linear in model.layers:
            linear.weight *= 1e4
    inputs, targets = samples(25, 5, 3, 1, dtype)
    assert model(inputs).abs().max() > 1e8
    for key, matrix in similarity_matrices(model, inputs, targets, derivatives=derivatives).items():
        assert np.isfinite(matrix).all(), key
        assert (matrix.values >= 0).all(), key


def test_results_are_float64_symmetric_and_non_negative(trained, digits):
    matrices = similarity_matrices(trained, digits.test_inputs, digits.test_targets)
    for found in matrices.values():
        matrix = found.values
        assert matrix.dtype == np.float64
        assert (matrix == matrix.T).all()
        assert (matrix >= 0).all()


# ---------------------------------------------------------------------- models and their state


def sequential_twin(model):
    linears = [deepcopy(linear) for linear in model.layers]
    parts = []
    for linear in linears[:-1]:
        parts += [linear, nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(*parts, linears[-1])


@pytest.mark.parametrize("derivatives", ["auto", "autograd"])
def test_a_sequential_with_the_same_weights_gives_the_same(derivatives):
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(15, 5, 3, 1)
    expected = similarity_matrices(model, inputs, targets, derivatives=derivatives)
    actual = similarity_matrices(sequential_twin(model), inputs, targets, derivatives=derivatives)
    assert_all_close(actual, expected, 0)


def test_auto_falls_back_to_autograd_where_there_is_no_closed_form():
    # tanh is not affine between kinks. Expected by hand from tanh' = 1 - tanh**2.
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    inputs, targets = samples(6, 3, 2)
    slope = 1 - model[:2](inputs).detach().numpy() ** 2
    w = model[0].weight.detach().numpy()
    expected = np.mean([np.abs((s[:, None] * w) @ (s[:, None] * w).T) for s in slope], axis=0)
    actual = pairwise_similarity(model, inputs, targets, 1, "input_sensitivity")
    assert_close(actual, expected, 1e-13)


def test_convolutions_are_compared_where_the_model_is_flat():
    with torch.random.fork_rng():
        torch.manual_seed(0)  # weights for which some units are active
        model = nn.Sequential(
            nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)
        ).double()
    inputs, targets = samples(6, 6, 2)
    hidden = model[:-1](inputs).detach().numpy()
    expected = np.abs(np.cov(hidden, rowvar=False, bias=True))
    actual = pairwise_similarity(model, inputs, targets, 1, "covariance", "released")
    assert_close(actual, expected, 1e-12)


def test_channels_between_convolutions_are_compared_over_matching_positions():
    model = nn.Sequential(
        nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 2, 3), nn.Conv1d(2, 1, 4), nn.Flatten()
    ).double()
    inputs, _ = samples(6, 6, 2)
    hidden = model[:2](inputs).detach().numpy()  # samples, channels, positions
    deviations = hidden - hidden.mean(axis=0)
    expected = np.abs(np.einsum("kip,kjp->kij", deviations, deviations)).mean(axis=0)
    assert_close(pairwise_similarity(model, inputs), expected, 1e-13)


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
def test_dropout_is_off_even_in_training_mode_and_the_mode_is_restored(derivatives):
    inputs, targets = samples(15, 5, 3, 1)
    expected = similarity_matrices(
        network((5, 8, 6, 3), 1), inputs, targets, derivatives=derivatives
    )
    for model in (network((5, 8, 6, 3), 1, dropout=0.5), sequential_twin(network((5, 8, 6, 3), 1))):
        model.train()
        actual = similarity_matrices(model, inputs, targets, derivatives=derivatives)
        assert_all_close(actual, expected, 0)
        assert all(module.training for module in model.modules())


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
def test_model_and_inputs_are_unchanged_and_no_gradient_is_left(derivatives):
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(15, 5, 3, 1)
    before = deepcopy((model.state_dict(), inputs, targets))
    state = torch.get_rng_state()
    similarity_matrices(model, inputs.requires_grad_(), targets, derivatives=derivatives)
    assert all((model.state_dict()[name] == before[0][name]).all() for name in before[0])
    assert (inputs == before[1]).all()
    assert (targets == before[2]).all()
    assert inputs.grad is None
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert (torch.get_rng_state() == state).all()


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
def test_inputs_of_another_precision_are_taken_in_that_of_the_model(derivatives):
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(15, 5, 3, 1, torch.float32)
    expected = similarity_matrices(model, inputs.double(), targets, derivatives=derivatives)
    actual = similarity_matrices(model, inputs, targets.to(torch.int32), derivatives=derivatives)
    assert_all_close(actual, expected, 0)


# --------------------------------------------------------------------------------- many at once


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
def test_many_at_once_equal_one_at_a_time(derivatives):
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(15, 5, 3, 1)
    together = similarity_matrices(model, inputs, targets, derivatives=derivatives)
    assert len(together) == 2 * 4 * 2
    for (layer, measure, convention), matrix in together.items():
        alone = pairwise_similarity(
            model, inputs, targets, layer, measure, convention, derivatives=derivatives
        )
        np.testing.assert_array_equal(alone, matrix)


@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
def test_what_is_asked_for_twice_is_computed_once(derivatives):
    model = network((5, 8, 6, 3), 1)
    inputs, targets = samples(15, 5, 3, 1)
    once = similarity_matrices(model, inputs, targets, layers=[1], derivatives=derivatives)
    twice = similarity_matrices(
        model, inputs, targets, layers=[1, 1], measures=[*MEASURES] * 2,
        conventions=CONVENTIONS * 2, derivatives=derivatives,
    )  # fmt: skip
    assert_all_close(twice, once, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": "hessian"}, "measure must be one of 'covariance', .*'loss_hessian'. Got 'hes"),
        ({"convention": "both"}, "convention must be one of 'printed', 'released'. Got 'both'"),
        ({"derivatives": "exact"},
         "derivatives must be one of 'auto', 'closed_form', 'autograd'. Got 'exact'"),
        ({"layer": 0}, "layer must be between 1 and 2. Got 0"),
        ({"layer": 3}, "layer must be between 1 and 2. Got 3"),
        ({"layer": 1.0}, "layer must be the number of a hidden layer, .* Got 1.0"),
        ({"inputs": torch.zeros(4)}, r"inputs must fit the model. Got shape \(4,\)"),
        ({"inputs": torch.zeros(0, 5), "targets": torch.zeros(0).long()},
         "at least one sample. Got none"),
        ({"inputs": [[0.0]], "targets": None}, "inputs must be a tensor or a NumPy .* Got float"),
        ({"inputs": torch.zeros(4, 5).long()}, r"inputs must fit the model. Got shape \(4, 5\)"),
        ({"inputs": torch.full((4, 5), torch.nan)}, "must be finite .* with 20 values that are n"),
        ({"inputs": torch.zeros(4, 6)}, r"inputs must fit the model. Got shape \(4, 6\): mat1"),
        ({"targets": torch.zeros(3).long()}, "targets must have one row per sample, 4 in .*Got 3"),
        ({"targets": None, "measure": "loss_hessian"},
         "targets must be given for the measure 'loss_hessian'. Got None"),
        ({"targets": torch.zeros(4), "measure": "loss_hessian"},
         "class numbers from 0 on. Got torch.float32"),
        ({"targets": torch.tensor([0, 1, -1, 2]), "measure": "loss_hessian"},
         "class numbers from 0 on. Got -1"),
        ({"targets": torch.tensor([0, 1, 3, 2]), "measure": "loss_hessian"},
         "targets must be below 3, .*logits. Got 3"),
        ({"model": nn.Linear(5, 3)}, "layer must be the name of a module, .* Got a Linear"),
        ({"model": nn.Sequential(nn.Linear(5, 3))}, "must have a hidden layer.* Got 1"),
        (
            {"model": nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)),
             "derivatives": "closed_form"},
            "derivatives must be 'autograd' or 'auto' but for hidden layers of a plain chain .* "
            "Got 'closed_form' for layers .* of a Sequential",
        ),
    ],
)  # fmt: skip
def test_errors_name_the_argument_and_what_it_got(changes, message):
    usual = {
        "model": MLP((5, 4, 4, 3)), "inputs": torch.zeros(4, 5),
        "targets": torch.zeros(4, dtype=torch.int64),
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        pairwise_similarity(**(usual | changes))


@pytest.mark.parametrize("name", ["layers", "measures", "conventions"])
@pytest.mark.parametrize("value", [[], 1, "printed"])
def test_lists_of_options_must_be_lists_and_not_empty(name, value):
    inputs, targets = samples(4, 5, 3, dtype=torch.float32)
    with pytest.raises(ValueError, match=f"{name} must be a list of at least one. Got "):
        similarity_matrices(MLP((5, 4, 3)), inputs, targets, **{name: value})


# -------------------------------------------------------------------------------- normalisation

BY_HAND = np.array([[4.0, 2.0, 0.0], [2.0, 16.0, 6.0], [0.0, 6.0, 9.0]])


def test_as_printed_the_larger_self_similarity_divides():
    # 2 / max(4, 16), 6 / max(16, 9).
    expected = [[1, 2 / 16, 0], [2 / 16, 1, 6 / 16], [0, 6 / 16, 1]]
    np.testing.assert_array_equal(normalize(BY_HAND), expected)
    np.testing.assert_array_equal(normalize(BY_HAND, convention="printed"), expected)


def test_as_released_the_geometric_mean_of_both_self_similarities_divides():
    # 2 / sqrt(4 * 16) = 2 / 8, 6 / sqrt(16 * 9) = 6 / 12: the roots are exact.
    expected = [[1, 2 / 8, 0], [2 / 8, 1, 6 / 12], [0, 6 / 12, 1]]
    np.testing.assert_array_equal(normalize(BY_HAND, convention="released"), expected)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_normalised_measures_lie_within_zero_and_one(trained, digits, convention):
    matrices = similarity_matrices(trained, digits.test_inputs, digits.test_targets)
    for matrix in map(np.asarray, matrices.values()):  # each by either half of a convention
        normalized = normalize(matrix, convention)
        assert normalized.min() >= 0
        # By Cauchy and Schwarz at most 1; the products were summed in float32.
        assert normalized.max() <= 1 + 1e-6
        active = np.diagonal(matrix) > 1e-12
        np.testing.assert_allclose(np.diagonal(normalized)[active], 1, rtol=1e-15)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_normalising_forgets_scale_and_does_nothing_a_second_time(convention):
    random = np.random.default_rng(0)
    for _ in range(3):
        factors = random.random((6, 4))
        matrix = factors @ factors.T
        once = normalize(matrix, convention)
        np.testing.assert_allclose(normalize(1e3 * matrix, convention), once, rtol=1e-14)
        np.testing.assert_allclose(normalize(once, convention), once, rtol=1e-14)


def test_normalising_as_released_forgets_the_scale_of_each_unit():
    random = np.random.default_rng(1)
    factors = random.random((6, 4))
    scale = random.random((6, 1)) + 0.1
    once = normalize(factors @ factors.T, "released")
    again = normalize((scale * factors) @ (scale * factors).T, "released")
    np.testing.assert_allclose(again, once, rtol=1e-13)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_dead_unit_stays_at_zero(convention):
    matrix = np.zeros((3, 3))
    matrix[:2, :2] = BY_HAND[:2, :2]
    normalized = normalize(matrix, convention)
    assert not normalized[2].any()
    assert not normalized[:, 2].any()
    assert normalized[0, 0] == 1


def test_epsilon_is_the_least_that_anything_is_divided_by():
    # In units of the largest entry: max(4, 4, 2 * 4) = 8 and max(16, 16 / 2) = 16.
    np.testing.assert_array_equal(
        normalize([[4, 2], [2, 4]], epsilon=2.0), [[4 / 8, 2 / 8], [2 / 8, 4 / 8]]
    )
    np.testing.assert_array_equal(normalize([[16]], epsilon=0.5), [[1]])


def test_normalising_leaves_its_input_as_it_is():
    matrix = BY_HAND.copy()
    normalize(matrix)
    np.testing.assert_array_equal(matrix, BY_HAND)
