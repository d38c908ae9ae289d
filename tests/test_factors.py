"""Tests of factors: their products are the measures' matrices, whichever way they are had."""

import numpy as np
import pytest
import torch
from networks import ResidualCNN, chain, classes, numbers, seeded
from torch import nn

from modlib.models import MLP
from modlib.similarity.compute import pairwise_similarity
from modlib.similarity.factors import factors
from modlib.similarity.measures import MEASURES, Measure

N = 30  # samples


def mlp(widths=(7, 6, 5, 4), seed: int = 0) -> nn.Module:
    return MLP(widths, seed=seed).double()


def products(found: torch.Tensor) -> torch.Tensor:
    return torch.einsum("sud,svd->suv", found, found)


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("derivatives", ["closed_form", "autograd"])
def test_the_mean_of_their_products_is_the_similarity(layer, measure, derivatives):
    model, x, y = mlp(), numbers(N, 7), classes(N, 4)
    found = factors(model, x, y, layer, measure, derivatives=derivatives)
    matrices = products(found)
    for convention, expected in {
        "printed": matrices.abs().mean(dim=0), "released": matrices.mean(dim=0).abs()
    }.items():  # fmt: skip
        known = pairwise_similarity(
            model, x, y, layer, measure, convention, derivatives="autograd"
        )  # which has the Hessian from second derivatives of the loss
        np.testing.assert_allclose(expected, known.values, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("measure", MEASURES)
def test_both_ways_give_the_same_products_for_every_sample(layer, measure):
    model, x, y = mlp(seed=1), numbers(N, 7), classes(N, 4)
    one, other = (factors(model, x, y, layer, measure, derivatives=derivatives)
                  for derivatives in ("closed_form", "autograd"))  # fmt: skip
    torch.testing.assert_close(products(one), products(other), rtol=1e-9, atol=1e-13)
    if measure != "input_sensitivity":  # whose directions are turned, alike for all samples
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("layer", [1, 2])
def test_directions_of_the_input_are_turned_alike_for_all_samples(layer):
    # So the products of two samples are the same both ways too, which a shuffle depends on.
    model, x = mlp(seed=2), numbers(N, 7)
    one, other = (factors(model, x, None, layer, "input_sensitivity", derivatives=derivatives)
                  for derivatives in ("closed_form", "autograd"))  # fmt: skip
    across = [torch.einsum("sud,tvd->stuv", found, found) for found in (one, other)]
    torch.testing.assert_close(*across, rtol=1e-9, atol=1e-13)


def test_there_are_no_more_directions_than_units_of_the_first_layer():
    model, x = mlp((50, 6, 5, 4)), numbers(N, 50)
    for layer, n_units in ((1, 6), (2, 5)):
        assert factors(model, x, None, layer, "input_sensitivity").shape == (N, n_units, 6)


@pytest.mark.parametrize("measure", ["covariance", "input_sensitivity", "output_sensitivity"])
@pytest.mark.parametrize("pool", [None, "mean"])
def test_channels_have_factors_over_positions(measure, pool):
    model, x = seeded(ResidualCNN), numbers(N, 1, 6, 6)
    found = factors(model, x, None, "block1", measure, pool=pool)
    known = pairwise_similarity(model, x, None, "block1", measure, pool=pool)
    expected = products(found).abs().mean(dim=0)
    np.testing.assert_allclose(expected, known.values, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_hessians_have_factors_over_outputs_for_any_convex_loss(loss):
    model, x = seeded(ResidualCNN), numbers(N, 1, 6, 6)
    y = classes(N, 3) if loss == "cross_entropy" else numbers(N, 3, seed=1)
    found = factors(model, x, y, "block1", "loss_hessian", loss=loss)
    known = pairwise_similarity(model, x, y, "block1", "loss_hessian", loss=loss)
    expected = products(found).abs().mean(dim=0)
    np.testing.assert_allclose(expected, known.values, rtol=1e-9, atol=1e-12)
    assert found.shape == (N, 4, 3 * 9)


def test_a_network_that_is_curved_beyond_the_layer_has_no_factors_of_its_hessian():
    model = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.GELU(),
                                         nn.Linear(4, 3)))  # fmt: skip
    with pytest.raises(ValueError, match="'loss_hessian' must have matrices without negative"):
        factors(model, 3 * numbers(N, 3), classes(N), "1", "loss_hessian")


def test_a_network_that_is_straight_beyond_the_layer_has_them_whatever_is_before():
    x, y = numbers(N, 3), classes(N)
    found = factors(chain(), x, y, "2", "loss_hessian")
    known = pairwise_similarity(chain(), x, y, "2", "loss_hessian")
    np.testing.assert_allclose(products(found).abs().mean(dim=0), known.values, rtol=1e-9)


def test_a_measure_of_ones_own_has_its_factors_or_the_roots_of_its_products():
    model, x = mlp(), numbers(N, 7)
    with_factors = Measure("own", "upstream", factors=lambda view: view.deviations)
    with_products = Measure(
        "own", "upstream", products=lambda view: view.deviations @ view.deviations.mT
    )
    one = factors(model, x, None, 1, with_factors)
    other = factors(model, x, None, 1, with_products)
    assert one.shape == (N, 6, 1)
    assert other.shape == (N, 6, 6)
    torch.testing.assert_close(products(one), products(other), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(other, other.mT)  # the symmetric root


def test_products_with_negative_eigenvalues_are_refused_by_name():
    own = Measure("own", "upstream", products=lambda view: -view.deviations @ view.deviations.mT)
    with pytest.raises(ValueError, match=r"measure 'own' must have matrices without negative"):
        factors(mlp(), numbers(N, 7), None, 1, own)


def test_memory_in_single_precision_stays_single():
    model, x = MLP((7, 6, 5, 4)), numbers(N, 7).float()
    assert factors(model, x, None, 2, "input_sensitivity").dtype == torch.float32
    assert factors(model, x, None, 2, "covariance").dtype == torch.float64


def test_a_measure_that_joins_the_others_by_its_products_has_roots_for_factors(monkeypatch):
    joined = Measure(
        "coactivation", "upstream",
        lambda view: view.activations.unsqueeze(2) * view.activations.unsqueeze(1),
    )  # fmt: skip
    monkeypatch.setitem(MEASURES, joined.name, joined)
    model, x = mlp(), numbers(N, 7)
    activations = model.to_layer(x, 1)
    found = products(factors(model, x, None, 1, "coactivation"))
    expected = activations.unsqueeze(2) * activations.unsqueeze(1)
    np.testing.assert_allclose(found, expected.detach(), atol=1e-12)
