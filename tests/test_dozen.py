"""A layer of a dozen units in two groups: how it is drawn, measured and shown."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import modlib as ml
from experiments.report.chapters import dozen

DATA = dozen.groups_data(seed=2)
TOGETHER = np.equal.outer(DATA["groups"], DATA["groups"])


def test_half_of_each_group_is_strong_and_all_can_be_told_in_json():
    for group in (0, 1):
        strong = [s for g, s in zip(DATA["groups"], DATA["strong"], strict=True) if g == group]
        assert (len(strong), sum(strong)) == (6, 3)
    assert json.loads(json.dumps(DATA)) == DATA
    assert DATA["start"]["factor"] in DATA["factors"]


def test_units_of_a_group_are_copies_at_one_and_strangers_at_zero():
    copies = np.corrcoef(dozen.activations(DATA, 1.0, 3).T)
    np.testing.assert_allclose(copies[TOGETHER], 1)
    strangers = np.abs(np.corrcoef(dozen.activations(DATA, 0.0, 3).T))
    np.fill_diagonal(strangers, 0)
    assert strangers.max() < 4 / dozen.N_INPUTS**0.5  # by chance, four standard errors


def test_strong_units_are_stronger_by_the_factor():
    weak, strong = (dozen.activations(DATA, 0.5, factor) for factor in (1, 6))
    np.testing.assert_allclose(strong, weak * np.where(DATA["strong"], 6, 1))


@pytest.mark.parametrize("convention", ml.CONVENTIONS)
def test_similarity_is_that_of_the_library(convention):
    hidden = dozen.activations(DATA, 0.5, 3)
    model = nn.Sequential(nn.Identity(), nn.Linear(12, 2).double())
    expected = ml.pairwise_similarity(
        model, torch.tensor(hidden), layer="0", measure="covariance", convention=convention
    )
    np.testing.assert_allclose(dozen.covariance(hidden, convention), expected.values, rtol=1e-12)


def test_the_picture_says_q_and_names_units_in_the_order_of_the_modules():
    figure = dozen.draw_groups(DATA, [(0.5, 1), (0.5, 3)])
    names = ["".join(text.get_text() for text in ax.get_yticklabels()) for ax in figure.axes]
    # As printed, the strong and the weak; as released, the groups, whatever the scale.
    assert {names[2][:6], names[2][6:]} == {"AAABBB", "aaabbb"}
    for name in (names[1], names[3]):
        assert {name[:6].upper(), name[6:].upper()} == {"AAAAAA", "BBBBBB"}
    assert figure.axes[0].get_title() == "as printed\n$Q$ = 0.00"


def best(correlation, factor, convention):
    similarity = dozen.covariance(dozen.activations(DATA, correlation, factor), convention)
    return ml.find_modules(ml.normalize(similarity, convention), search="best")


def test_what_the_chapter_says_of_it_is_so():
    groups, strong = np.array(DATA["groups"]), np.array(DATA["strong"], int)
    for correlation in (0.0, 0.3, 0.6, 0.8):
        assert best(correlation, 1, "printed").q < 0.005
    assert ml.agreement(best(1.0, 1, "printed"), groups) == 1
    for factor in (2, 3, 10):
        assert ml.agreement(best(0.5, factor, "printed"), strong) == 1
        assert ml.agreement(best(0.5, factor, "released"), groups) == 1
    nothing = best(0.0, 1, "released")
    assert nothing.n_modules > 1
    assert nothing.q > 0.05
