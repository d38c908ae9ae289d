"""What units see, answer to and do is what automatic differentiation and plain loops say."""

import numpy as np
import pytest
import torch
from torch.func import jacrev

from experiments.report.units import CHUNK, portraits
from modlib.models import MLP


@pytest.fixture(scope="module", params=[(7, 5, 3), (7, 6, 5, 3), (7, 5, 6, 4, 3)])
def case(request):
    """A network of one, two or three hidden layers, and more images than are held at once."""
    model = MLP(request.param, seed=len(request.param)).eval().requires_grad_(False)
    random = torch.Generator().manual_seed(1)
    inputs = torch.rand(CHUNK + 20, 7, generator=random) - 0.5
    classes = torch.randint(3, (CHUNK + 20,), generator=random)
    return model, inputs, classes


def before_relu(model, image, layer):
    return model.layers[layer - 1](model.to_layer(image, layer - 1))


def test_a_unit_sees_the_mean_derivative_of_its_sum_where_it_responds(case):
    model, inputs, _ = case
    for layer, found in portraits(*case).items():
        values = model.to_layer(inputs, layer)
        for unit in range(values.shape[1]):
            slopes = [
                jacrev(lambda x, layer=layer: before_relu(model, x, layer))(image)[unit].numpy()
                for image, value in zip(inputs, values[:, unit], strict=True)
                if value > 0
            ]
            expected = np.mean(slopes, axis=0) if slopes else np.zeros(7)
            if layer > 1 or slopes:
                np.testing.assert_allclose(found.fields[unit], expected, atol=1e-6)


def test_in_the_first_layer_that_is_its_weights_even_if_it_never_responds():
    model = MLP((4, 3, 2), seed=0).eval().requires_grad_(False)
    model.layers[0].bias[0] = -100
    inputs, classes = torch.rand(10, 4), torch.arange(10) % 2
    found = portraits(model, inputs, classes)[1]
    np.testing.assert_array_equal(found.fields, model.layers[0].weight.numpy())
    assert found.activity[0] == 0


def test_an_effect_is_the_mean_derivative_of_each_logit(case):
    model, inputs, _ = case
    for layer, found in portraits(*case).items():
        slopes = [
            jacrev(lambda h, layer=layer: model.from_layer(h, layer))(model.to_layer(x, layer))
            for x in inputs
        ]
        expected = torch.stack(slopes).mean(dim=0).T
        np.testing.assert_allclose(found.effects, expected.numpy(), atol=1e-6)


def test_in_the_last_hidden_layer_effects_are_outgoing_weights(case):
    model, *_ = case
    found = portraits(*case)[model.n_hidden]
    np.testing.assert_allclose(found.effects, model.layers[-1].weight.numpy().T, rtol=1e-5)


def test_a_response_is_a_mean_over_the_images_of_a_class(case):
    model, inputs, classes = case
    for layer, found in portraits(*case).items():
        values = model.to_layer(inputs, layer)
        for digit in range(3):
            expected = values[classes == digit].mean(dim=0).numpy()
            np.testing.assert_allclose(found.responses[:, digit], expected, atol=1e-6)
        np.testing.assert_allclose(found.activity, (values > 0).double().mean(dim=0), atol=1e-6)
