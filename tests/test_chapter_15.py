"""Chapter 15: both conventions side by side, whichever comes first."""

import papermill
import pytest
from chapters import glued, n_figures, run, texts

from experiments.report.examples import read_examples
from experiments.report.frames import read_results

CHAPTER = "15-conventions"
DOWNSTREAM = ("output_sensitivity", "loss_hessian")


def mean_q(small_results, convention, column="q"):
    modules = read_results(small_results).modules
    upstream = ~modules["measure"].isin(DOWNSTREAM)
    trained = modules["kept"] & (modules["regularizer"] != "untrained")
    return modules[upstream & trained & (modules["convention"] == convention)][column].mean()


def test_numbers_are_those_of_each_convention(small_results, tmp_path):
    notebook = run(CHAPTER, tmp_path, results=str(small_results), as_told=False)
    numbers = glued(notebook)
    for convention in ("printed", "released"):
        expected = mean_q(small_results, convention)
        assert numbers[f"q-upstream-{convention}"] == pytest.approx(expected)
    # Two groups of 32 copies: 31 / (31 + 32 * 2 / pi) of the similarity is within, half expected.
    assert numbers["toy-limit"] == pytest.approx(31 / (31 + 32 * 0.63662) - 0.5, abs=1e-6)
    assert 0 < numbers["n-differ"] <= numbers["n-tested"] <= 16
    assert 0 < numbers["across-covariance"] < 1
    modules = read_results(small_results).modules
    stored = modules["network"].isin(read_examples(small_results).networks)
    assert numbers["n-searched"] == stored.sum()
    steps = [numbers[f"n-{name}-spectral"] for name in ("equal", "lower", "higher")]
    assert sum(steps) == stored.sum()
    assert 0 <= numbers["n-crossed"] <= numbers["n-numbers"]
    assert n_figures(notebook) == 5
    assert texts(notebook).count("networks of the sweep") == 1


def test_other_convention_first_with_the_best_assignments(small_results, tmp_path):
    notebook = run(
        CHAPTER, tmp_path, results=str(small_results), convention="released", search="best", size=4,
        examples=["dropout-0.4-0"], as_told=False,
    )  # fmt: skip
    numbers, text = glued(notebook), texts(notebook)
    assert numbers["q-upstream-released"] == pytest.approx(
        mean_q(small_results, "released", "q_best")
    )
    assert numbers["toy-limit"] == pytest.approx(3 / (3 + 4 * 0.63662) - 0.5, abs=1e-6)
    assert text.index("verdict, as released") < text.index("verdict, as printed")


@pytest.mark.parametrize("name", ["convention", "search"])
def test_unknown_options_are_refused(small_results, tmp_path, name):
    with pytest.raises(papermill.PapermillExecutionError, match=f"{name} must be one of"):
        run(CHAPTER, tmp_path, results=str(small_results), **{name: "between"})
