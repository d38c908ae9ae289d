"""Settings that pages type are those of the code; small sums that they type come out."""

import re

import numpy as np
import pytest
from chapters import ROOT
from scipy.special import entr
from sklearn.datasets import load_digits

from benchmarks.clustering import UNITS
from experiments.chance import N_INPUTS
from experiments.config import AnalysisConfig, Recipe
from experiments.images import N_IMAGES
from experiments.report.chapters.optima import SAME
from experiments.report.frames import read_results

RECIPE, ANALYSIS = Recipe(), AnalysisConfig()
NUMBER = r"([\d.,]*\d)"
PAGES = {
    "book/departures": [
        (rf"at which it is {NUMBER} nats", [ANALYSIS.entropy]),
        (rf"in figure S2 \| {NUMBER}; and", [ANALYSIS.n_steps]),
        (
            rf"Adam at {NUMBER}, batches of {NUMBER}, a validation split of a tenth .* at most "
            rf"{NUMBER} epochs, stop after {NUMBER} without",
            [RECIPE.learning_rate, RECIPE.batch_size, RECIPE.max_epochs, RECIPE.patience],
        ),
        (rf"times {NUMBER} when validation", [RECIPE.plateau_factor]),
    ],
    "book/explorer": [
        (rf"a spectral start and {NUMBER} random moves", [ANALYSIS.n_steps]),
        (rf"on {NUMBER} test images exceeds the mean of", [N_INPUTS]),
        (rf"exceeds the mean of {NUMBER} rotations", [ANALYSIS.null_draws]),
        (rf"beside the mean of {NUMBER} random assignments", [ANALYSIS.lesion_draws]),
        (rf"those of the first {NUMBER} test images", [N_IMAGES]),
    ],
    "notebooks/05-setup": [
        (rf"and batches of {NUMBER}\.", [RECIPE.batch_size]),
        (rf"or {NUMBER} in all, training ends", [RECIPE.max_epochs]),
    ],
    "notebooks/14-optimality": [
        (rf"with {NUMBER} Monte Carlo steps", [ANALYSIS.n_steps]),
        (rf"reach the optimum, within {NUMBER}\.", [SAME]),
        (rf"how time grows up to {NUMBER} units", [max(UNITS)]),
    ],
    "README": [(rf"but for the {NUMBER} images of MNIST", [N_IMAGES])],
}
SAID = [(page, *pair) for page, pairs in PAGES.items() for pair in pairs]


def text(page: str) -> str:
    return " ".join((ROOT / f"{page}.md").read_text().split())


def numbers(page: str, pattern: str) -> list[float]:
    """The numbers of a sentence, which must be there."""
    found = re.search(pattern, text(page))
    assert found, pattern
    return [float(number.replace(",", "")) for number in found.groups()]


@pytest.mark.parametrize(("page", "pattern", "expected"), SAID)
def test_a_setting_is_that_of_the_code(page, pattern, expected):
    assert numbers(page, pattern) == expected


def test_dropout_is_drawn_as_finely_as_it_says():
    """Of a number of 16 bits half the range is taken, and rounded to the next whole number."""
    assert numbers("book/departures", rf"exact to 1 in {NUMBER} \|") == [2 * 2**16]


def test_networks_and_inputs_are_as_many_as_the_tables_have():
    tables = read_results(ROOT / "results" / "paper")
    n_trained = int((tables.networks["regularizer"] != "untrained").sum())
    n_untrained = len(tables.networks) - n_trained
    assert numbers("book/preface", rf"did this for {NUMBER} small networks") == [n_trained]
    pattern = rf"{NUMBER} networks were trained .*?, and {NUMBER} left untrained"
    assert numbers("README", pattern) == [n_trained, n_untrained]
    counted = tables.inputs["n_inputs"]
    pattern = rf"nearly level from {NUMBER} to {NUMBER} inputs"
    assert numbers("notebooks/10-chance", pattern) == [counted.min(), counted.max()]


def test_patience_is_that_of_the_code():
    assert "for *more than* three epochs" in text("book/departures")
    assert (RECIPE.plateau_patience, RECIPE.validation_fraction) == (3, 0.1)


def test_the_eigenvectors_of_the_graph_come_from_a_narrower_matrix():
    widths = [784, *RECIPE.hidden, 10]
    pattern = rf"graph of {NUMBER} nodes come from .* matrix with {NUMBER} columns"
    assert numbers("notebooks/02-related-work", pattern) == [sum(widths), sum(widths[1::2])]


def test_moves_fall_on_the_best_cluster_as_often_as_it_says():
    """Of two clusters, by the share of the best at which the entropy is that of the search."""
    (percent,) = numbers("notebooks/04-clustering", rf"best cluster {NUMBER} times in 100")
    share = np.linspace(0.5, 1, 100_001)
    at = share[np.argmin(np.abs(entr(share) + entr(1 - share) - ANALYSIS.entropy))]
    assert round(100 * at) == percent


def test_a_leak_goes_with_its_square():
    (leak, tenth, percent, third) = numbers(
        "notebooks/09-truth",
        rf"leak of {NUMBER}, one per cent for {NUMBER}, {NUMBER} % for {NUMBER}, and one half",
    )
    shares = [100 * value**2 / (1 + value**2) for value in (leak, tenth, third)]
    assert [round(share, 2) for share in shares[:1]] == [0.01]
    assert [round(share) for share in shares[1:]] == [1, percent]


def test_the_lowest_p_value_is_that_of_all_draws():
    assert numbers("notebooks/10-chance", rf"no p value below 1/{NUMBER}, and") == [
        ANALYSIS.null_draws + 1
    ]
    ((draws,), (p,)) = (
        numbers("notebooks/10-chance", rf"so {NUMBER} of them"),
        numbers("notebooks/10-chance", rf"for a p value of {NUMBER} to be"),
    )
    assert 1 / (draws + 1) == p


def test_the_digits_are_counted():
    images = load_digits().images
    pattern = rf"{NUMBER} handwritten digits that come with scikit-learn, of {NUMBER} . {NUMBER}"
    assert numbers("notebooks/16-your-own-network", pattern) == list(images.shape)


def test_three_separate_modules_of_one_size_have_two_thirds():
    pattern = rf"three separate modules of one size would have {NUMBER}\."
    assert numbers("notebooks/16-your-own-network", pattern) == [round(1 - 1 / 3, 2)]
