"""Tests of probes: random directions in place of all derivatives."""

from functools import cache

import numpy as np
import pytest
import torch
from networks import ResidualCNN, chain, classes, numbers, seeded

import modlib as ml

PROBED = ("input_sensitivity", "output_sensitivity", "loss_hessian")
SEEDS, PROBES = 100, 24
INPUTS = numbers(4, 3)


@cache
def exact():
    return ml.similarity_matrices(chain(), INPUTS, classes(4), measures=PROBED)


@cache
def estimates():
    """Of every measure and convention, estimates and standard errors ``[seeds, units, units]``."""
    found = [
        ml.similarity_matrices(
            chain(), INPUTS, classes(4), measures=PROBED, probes=PROBES, seed=seed
        )
        for seed in range(SEEDS)
    ]
    return {
        key: (np.stack([one[key].values for one in found]),
              np.stack([one[key].standard_error for one in found]))
        for key in exact()
    }  # fmt: skip


def is_clear(key):
    """Where an estimate is so far from zero that its absolute value folds nothing over."""
    _, errors = estimates()[key]
    return exact()[key].values > 4 * errors.mean(axis=0)


@pytest.mark.parametrize("measure", PROBED)
def test_estimates_as_released_have_no_bias(measure):
    key = 1, measure, "released"
    values, errors = estimates()[key]
    clear = is_clear(key)
    assert clear.sum() >= 4
    off = values.mean(axis=0) - exact()[key].values
    # The mean over seeds is normal with this error; of 10 entries none is beyond 4 (p < 1e-3).
    assert (np.abs(off)[clear] < 4 * errors.mean(axis=0)[clear] / np.sqrt(SEEDS)).all()


@pytest.mark.parametrize("measure", PROBED)
def test_the_standard_error_covers_the_exact_value_as_often_as_it_says(measure):
    key = 1, measure, "released"
    values, errors = estimates()[key]
    clear = is_clear(key)
    scores = ((values - exact()[key].values) / errors)[:, clear]
    # The share of entries within 1.96 errors has mean .95 in each seed, and since it is within
    # [0, 1] a variance of at most .95 * .05; over 100 seeds its mean strays by 4 * .022.
    within = (np.abs(scores) < 1.96).mean(axis=1)
    assert abs(within.mean() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / SEEDS)
    # Nor is it covered by an error that is too large: the root mean square of scores is one.
    assert 0.8 < np.sqrt(np.mean(scores**2)) < 1.25


def test_the_square_of_the_standard_error_is_the_variance_even_of_two_probes():
    found = [
        ml.pairwise_similarity(
            chain(), INPUTS, None, 1, "output_sensitivity", "released", probes=2, seed=seed
        )
        for seed in range(300)
    ]
    key = 1, "output_sensitivity", "released"
    clear = exact()[key].values > 0.1 * exact()[key].values.max()  # nothing folds over zero
    variance = np.var([one.values for one in found], axis=0, ddof=1)[clear].sum()
    claimed = np.mean([one.standard_error**2 for one in found], axis=0)[clear].sum()
    # Each strays by about a tenth, sqrt(2 / 300); to divide by 2 in place of 2 - 1 would halve it.
    assert 0.7 < claimed / variance < 1.4


@pytest.mark.parametrize("measure", PROBED)
def test_estimates_as_printed_are_too_high_if_anything(measure):
    key = 1, measure, "printed"
    values, errors = estimates()[key]
    off = values.mean(axis=0) - exact()[key].values
    room = errors.mean(axis=0)
    assert (off > -4 * room / np.sqrt(SEEDS)).all()
    # And by no more than the error of one sample: the mean of |noise| is below its deviation.
    assert (off < np.sqrt(len(INPUTS)) * room + 4 * room / np.sqrt(SEEDS)).all()


def test_more_probes_have_smaller_errors_by_the_root_of_their_number():
    few, many = (
        ml.pairwise_similarity(
            chain(), INPUTS, classes(4), 1, "loss_hessian", "released", probes=probes
        )
        for probes in (50, 800)
    )
    ratio = few.standard_error / many.standard_error
    assert 3 < np.median(ratio) < 5.3  # four


@pytest.mark.parametrize("measure", PROBED)
@pytest.mark.parametrize("pool", [None, "mean"])
def test_channels_are_estimated_within_a_few_errors(measure, pool):
    net, images = seeded(ResidualCNN), numbers(4, 1, 6, 6)
    whole, probed = (
        ml.pairwise_similarity(
            net, images, classes(4), "block1", measure, "released", probes=probes, pool=pool
        )
        for probes in (None, 300)
    )
    # Ten entries, of which one beyond 4.5 errors has a chance of 1e-4.
    assert (np.abs(probed.values - whole.values) < 4.5 * probed.standard_error).all()
    assert (probed.standard_error.diagonal() < 0.5 * whole.values.diagonal()).all()


def test_one_seed_gives_the_same_bits_and_another_does_not():
    def probed(seed):
        return ml.similarity_matrices(
            chain(), INPUTS, classes(4), measures=PROBED, probes=3, seed=seed
        )

    first, again, other = probed(5), probed(5), probed(6)
    for key, matrix in first.items():
        np.testing.assert_array_equal(again[key], matrix)
        np.testing.assert_array_equal(again[key].standard_error, matrix.standard_error)
        assert (other[key].values != matrix.values).any()


def test_the_random_state_of_the_caller_is_untouched():
    before = torch.get_rng_state()
    ml.pairwise_similarity(chain(), INPUTS, classes(4), 1, "loss_hessian", probes=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_measures_without_derivatives_stay_exact():
    found = ml.pairwise_similarity(chain(), INPUTS, probes=2)
    assert found.standard_error is None
    np.testing.assert_array_equal(found, ml.pairwise_similarity(chain(), INPUTS))


def test_exact_values_have_no_standard_error():
    assert all(matrix.standard_error is None for matrix in exact().values())


def test_a_network_with_a_closed_form_is_probed_when_asked():
    model = ml.MLP((3, 5, 3)).double()
    found = ml.pairwise_similarity(
        model, INPUTS, classes(4), 1, "output_sensitivity", "released", probes=400
    )
    whole = ml.pairwise_similarity(model, INPUTS, classes(4), 1, "output_sensitivity", "released")
    assert found.standard_error is not None
    assert (np.abs(found.values - whole.values) <= 4.5 * found.standard_error + 1e-12).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probes": 1}, r"probes must be a whole number of at least 2, or None for all\. Got 1"),
        ({"probes": 0}, r"probes must be .* Got 0"),
        ({"probes": 2.5}, r"probes must be .* Got 2\.5"),
        ({"probes": True}, r"probes must be .* Got True"),
        ({"probes": "many"}, r"probes must be .* Got 'many'"),
        ({"probes": 4, "derivatives": "closed_form"}, r"probes must be None where .* Got 4"),
        ({"probes": 4, "seed": -1}, r"seed must be a whole number, 0 or more\. Got -1"),
        ({"pool": "max"}, r"pool must be one of 'mean'\. Got 'max'"),
        ({"derivatives": "slow"}, r"derivatives must be one of .* Got 'slow'"),
    ],
)
def test_options_that_are_none_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ml.pairwise_similarity(chain(), INPUTS, classes(4), 1, "loss_hessian", **options)
