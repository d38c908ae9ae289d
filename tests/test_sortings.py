"""One layer sorted twice: what is measured of its units, how they are ordered and packed."""

import base64
import json
from itertools import permutations

import numpy as np
import pytest
import torch

from experiments.images import first_images
from experiments.report.chapters import sortings
from experiments.report.chapters.chance import element_and_chance
from experiments.report.examples import read_examples
from experiments.report.frames import read_results
from modlib.comparison import agreement
from modlib.models import MLP


@pytest.fixture(scope="module")
def stored(small_results):
    return read_results(small_results), read_examples(small_results)


@pytest.fixture(scope="module")
def data(stored):
    return sortings.sortings_data(*stored)


# ------------------------------------------------------------------------------------- the units


def test_activity_is_the_mean_by_digit_and_push_the_slope_of_the_logits():
    model = MLP((4, 5, 6, 3), seed=1).double().eval().requires_grad_(False)
    images = torch.rand((40, 4), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes = torch.arange(40) % 3
    units = sortings.look_at_units(model, images, classes)
    hidden = model.to_layer(images, 1)
    np.testing.assert_allclose(units.activity[:, 2], hidden[classes == 2].mean(dim=0))
    # By differences: the network is linear between its kinks.
    step = 1e-7
    for unit in range(5):
        moved = hidden.clone()
        moved[:, unit] += step
        slope = (model.from_layer(moved, 1) - model.from_layer(hidden, 1)).mean(dim=0) / step
        expected = (slope - slope.mean()) * hidden[:, unit].std(correction=0)
        np.testing.assert_allclose(units.push[unit], expected, atol=1e-6)


def test_a_partner_is_the_most_similar_other_unit_and_unused_units_have_none():
    similarity = np.array([[9, 1, 2, 0], [1, 9, 3, 0], [2, 3, 9, 0], [0, 0, 0, 0]])
    found = sortings.partners(similarity, np.array([0, 0, 1, -1]))
    assert found.tolist() == [2, 2, 1, -1]


# ------------------------------------------------------------------------------------- the order


def crossings(sides: sortings.Sides) -> int:
    places = [sides.downstream.index(unit) for unit in sides.upstream]
    return sum(a > b for i, a in enumerate(places) for b in places[i + 1 :])


def test_equal_sortings_face_each_other_without_a_crossing():
    labels = np.array([2, 0, 1, 1, 0, 2, 2])
    assert crossings(sortings.arrange(labels, (labels + 1) % 3)) == 0


def test_modules_stay_together_and_unused_units_come_last():
    random = np.random.default_rng(0)
    up, down = random.integers(-1, 4, size=(2, 40))
    sides = sortings.arrange(up, down)
    for labels, order in ((up, sides.upstream), (down, sides.downstream)):
        assert sorted(order) == list(range(40))
        changes = np.flatnonzero(np.diff(labels[order]))
        assert len(changes) == len(set(labels)) - 1
        assert labels[order[-1]] == -1


def test_units_stand_one_below_the_other_with_gaps_between_modules():
    places = sortings.heights([0, 1, 0], [0, 2, 1])
    assert places == {0: 0, 2: 1, 1: 2 + sortings.GAP}


def test_agreement_by_chance_is_the_mean_over_all_shuffles():
    one, other = np.array([0, 0, 0, 1, 1, -1]), np.array([0, 1, 1, 1, 0, 0])
    every = [agreement(one, other[list(order)]) for order in permutations(range(6))]
    assert element_and_chance(one, other)[1] == pytest.approx(np.mean(every), abs=1e-12)


# -------------------------------------------------------------------------------------- the data


def test_the_border_of_a_picture_is_left_out_where_it_has_one():
    places = np.arange(28 * 28)[None]
    inside = [28 * row + column for row in range(2, 26) for column in range(2, 26)]
    assert sortings.inner(places).tolist() == [inside]
    small = np.arange(64)[None]
    np.testing.assert_array_equal(sortings.inner(small), small)


def test_weights_are_packed_into_halves_of_bytes():
    weights = np.array([[0.0, 7.0, -7.0, 3.4], [0.0, 0.0, 0.0, 0.0]])
    # Eight is zero; of 7, the largest, 3.4 is 3 steps.
    assert base64.b64decode(sortings.pack(weights)) == bytes([0x8F, 0x1B, 0x88, 0x88])


def test_the_slider_goes_from_no_dropout_through_every_tenth(data, stored):
    tables, examples = stored
    assert [network["dropout"] for network in data["networks"]] == [0.0, 0.1, 0.4]
    assert sortings.along_dropout(tables.networks, examples)["seed"].eq(0).all()


def test_a_view_holds_what_the_tables_say(data, stored):
    tables, _ = stored
    images, _ = first_images("digits", sortings.N_IMAGES)
    assert (data["side"], data["images"]) == (8, len(images))
    pairs = tables.agreement.query(
        "network == 'dropout-0.4-0' and layer == 1 and normalized_a and normalized_b"
        " and measure_a == 'covariance' and measure_b == 'output_sensitivity'"
    ).set_index("convention")
    for convention, view in data["networks"][-1]["views"].items():
        assert view["agreement"] == pytest.approx(pairs["element"][convention], abs=1e-4)
        row = tables.modules.query(
            "network == 'dropout-0.4-0' and layer == 1 and normalized"
            " and measure == 'covariance' and convention == @convention"
        ).iloc[0]
        assert view["upstream"]["q"] == pytest.approx(row["q"], abs=1e-4)
        assert view["upstream"]["labels"] == row["labels"].tolist()


def test_the_picture_has_a_line_for_every_unit_and_says_how_far_the_sides_agree(data):
    figure = sortings.draw_sortings(data, (0, 0.4))
    assert len(figure.axes) == 2
    view = data["networks"][-1]["views"][data["conventions"][0]]
    modules = sum(len(set(view[side]["labels"])) for side in sortings.MEASURES)
    assert len(figure.axes[1].patches) == 16 + modules
    assert f"agreement {view['agreement']:.2f}" in figure.axes[1].get_title()
    assert json.dumps(data)
