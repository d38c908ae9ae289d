"""The chapter on regularisation, on a small sweep and in the convention of the released code."""

import papermill
import pytest
from chapters import glued, n_figures, run, texts

from experiments.report.frames import read_results


@pytest.fixture(scope="module")
def chapter(small_results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chapter")
    return run(
        "06-regularization", folder, results=str(small_results), convention="released", layer=2,
        n_draws=1, as_told=False,
    )  # fmt: skip


def test_numbers_are_those_of_the_tables(chapter, small_results):
    numbers = glued(chapter)
    modules = read_results(small_results).modules.query("convention == 'released' and kept")
    for kind in ("dropout", "l2", "l1"):
        means = modules[modules["regularizer"] == kind].groupby("strength")["q"].mean()
        assert numbers[f"rise-{kind}-all-methods"] == pytest.approx(means.max() - means.iloc[0])
        low, high = (numbers[f"rise-{kind}-all-methods-{end}"] for end in ("low", "high"))
        assert low <= numbers[f"rise-{kind}-all-methods"] <= high
    released = modules.assign(is_input=modules["measure"] == "input_sensitivity")
    for kind in ("dropout", "l2", "l1"):
        rows = released[(released["regularizer"] == kind) & ~released["is_input"]]
        expected = rows.groupby("strength")["q"].mean().max()
        found = numbers[f"highest-released-without-input-sensitivity-{kind}"]
        assert found == pytest.approx(expected)
    clusters = modules[modules["regularizer"] == "dropout"].groupby("strength")["effective"].mean()
    assert numbers["clusters-weakest"] == pytest.approx(clusters[0.1])


def test_every_figure_is_drawn_and_the_page_says_which_run_made_them(chapter):
    assert n_figures(chapter) == 13
    assert texts(chapter).count("Drawn from 21 networks of the sweep") == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"convention": "beside"}, "convention must be one of 'printed', 'released'. Got 'beside'"),
        ({"layer": 3}, "layer must be a hidden layer, 1 or 2. Got 3"),
    ],
)
def test_absurd_parameters_are_refused(small_results, tmp_path, parameters, message):
    with pytest.raises(papermill.PapermillExecutionError, match=message):
        run("06-regularization", tmp_path, results=str(small_results), **parameters)


def test_factors_are_those_of_the_tables(chapter, small_results):
    numbers = glued(chapter)
    factors = read_results(small_results).factors.query("layer == 1 and kept")
    for kind in ("dropout", "l2", "l1"):
        activity = factors[factors["regularizer"] == kind].groupby("strength")["activity"].mean()
        assert numbers[f"activity-{kind}-weakest"] == pytest.approx(100 * activity.iloc[0])
        assert numbers[f"activity-{kind}-strongest"] == pytest.approx(100 * activity.iloc[-1])
    # Were units independent, the likeness of weights would be all there is.
    assert 0 <= numbers["factors-dropout-q-if-active-independently"] < 1
