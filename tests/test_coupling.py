"""Tests of chapters.coupling: gradient descent ties what a unit sees to what it does."""

import matplotlib as mpl
import numpy as np
import pytest
import torch

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import coupling

SHAPES = {"into": (6, 4), "out": (3, 6), "inputs": (4, 9), "targets": (3, 9)}


def drawn(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: random.normal(size=shape) for name, shape in SHAPES.items()}


@pytest.fixture(scope="module")
def linear():
    return coupling.train(0.1, relu=False, starts=3, steps=400)


@pytest.mark.parametrize("relu", [False, True])
def test_a_step_follows_the_gradient_that_automatic_differentiation_finds(relu):
    given = drawn(0)
    into, out = (torch.tensor(given[name], requires_grad=True) for name in ("into", "out"))
    hidden = into @ torch.tensor(given["inputs"])
    errors = out @ (hidden.relu() if relu else hidden) - torch.tensor(given["targets"])
    (errors.square().sum() / (2 * 9)).backward()
    stepped = coupling.descend(**given, rate=0.1, relu=relu)
    for new, old in zip(stepped, (into, out), strict=True):
        np.testing.assert_allclose(new, (old - 0.1 * old.grad).detach(), atol=1e-13)


def test_units_with_equal_outgoing_weights_receive_equal_updates_where_both_are_active():
    given = drawn(1)
    given["inputs"] = np.abs(given["inputs"])
    given["into"][:2] = np.abs(given["into"][:2])  # units 0 and 1 are active at all inputs
    given["out"][:, 1] = given["out"][:, 0]
    into, _ = coupling.descend(**given, rate=0.1, relu=True)
    moved = into - given["into"]
    np.testing.assert_allclose(moved[0], moved[1], atol=1e-14)
    assert np.abs(moved[0]).max() > 0.01


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_linear_step_leaves_the_difference_of_the_sides_up_to_the_square_of_its_length(seed):
    # (W - rG)(W - rG)' - (V - rH)'(V - rH): the terms in r cancel, since G W' = V' H.
    given, differences = drawn(seed), {}
    for rate in (0.0, 0.01, 0.02):
        one, other = coupling.similarities(*coupling.descend(**given, rate=rate, relu=False))
        differences[rate] = one - other
    short, long = (differences[rate] - differences[0.0] for rate in (0.01, 0.02))
    np.testing.assert_allclose(long, 4 * short, atol=1e-11)
    assert np.abs(short).max() > 1e-5


def test_with_a_threshold_a_pair_of_units_is_not_tied_but_each_unit_is():
    # One input x = 1, weights in 1 and -1, out 1 and 1, nothing to be put out: only the first unit
    # is active, and the error is 1. Its weights in and out become 1 - r, the second's stay.
    into, out = np.array([[1.0], [-1.0]]), np.array([[1.0, 1.0]])
    rate = 0.1
    stepped = coupling.descend(into, out, np.ones((1, 1)), np.zeros((1, 1)), rate=rate, relu=True)
    one, other = coupling.similarities(*stepped)
    # Before, the difference was 0 and 0 for the units, -1 - 1 for the pair.
    np.testing.assert_allclose(one - other, [[0, -2 + 2 * rate], [-2 + 2 * rate, 0]], atol=1e-14)


def test_agreement_is_the_correlation_over_pairs():
    # Products in: 1, 0, 0 for the pairs 0-1, 0-2 and 1-2; out: 0, 1, 0.
    into = np.array([[1.0, 0], [1, 0], [0, 1]])
    out = np.array([[1.0, 0], [0, 1], [1, 0]]).T
    assert coupling.sides_agree(into, out) == pytest.approx(-0.5)
    assert coupling.sides_agree(into, into.T) == pytest.approx(1)


def test_from_small_weights_a_linear_network_ends_alike_on_both_sides(linear):
    assert linear.steps[[0, -1]].tolist() == [0, 400]
    assert (linear.loss[-1] < 0.05).all()
    assert (linear.agreement[-1] > 0.98).all()
    assert (linear.drift[-1] < 0.01).all()


def test_training_of_many_is_that_of_each(linear):
    alone = coupling.train(0.1, relu=False, starts=1, steps=400)
    np.testing.assert_allclose(alone.agreement[:, 0], linear.agreement[:, 0], atol=1e-10)


def test_inputs_are_white():
    inputs = coupling._draw(0, 1.0, relu=False)[2]
    np.testing.assert_allclose(inputs @ inputs.T / coupling.SAMPLES, np.eye(10), atol=1e-12)


def test_a_line_is_drawn_for_every_size_and_named_at_its_end(linear):
    sizes = list(coupling.COLORS)[:2]
    figure = coupling.draw_courses({"linear": dict.fromkeys(sizes, linear)})
    (ax,) = figure.axes
    assert ax.get_title() == "linear"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), linear.agreement[1:].mean(axis=1))
    assert [text.get_text() for text in ax.texts] == ["0.1", "0.58"]
    plt.close(figure)
