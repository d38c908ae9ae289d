"""What chapters show of silenced modules, on tables made up, and figures read back."""

from itertools import product
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import answers, lesions, synergies
from experiments.report.questions import CAUSE
from modlib import plotting
from modlib.similarity.measures import METHODS

UP = ("covariance", "input_sensitivity")
FORMS = (("printed", False), ("released", False), ("released", True))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def rows_of(regularizer, strength, seed, **columns):
    """Rows of a network for every layer, form and method; a column may be a function of these."""
    name = {"network": f"{regularizer}-{strength}-{seed}", "regularizer": regularizer}
    name |= {"strength": strength, "seed": seed, "kept": True, "ablation": "mean"}
    places = [
        {"layer": layer, "convention": convention, "signed": signed, **method._asdict()}
        for layer, (convention, signed), method in product((1, 2), FORMS, METHODS)
    ]
    return pd.DataFrame(
        [
            name
            | place
            | {key: value(place) if callable(value) else value for key, value in columns.items()}
            for place in places
        ]
    )


def by_side(up, down):
    return lambda place: up if place["measure"] in UP else down


# -------------------------------------------------------------------------------- which rows count


def test_verdicts_rest_on_kept_networks_of_seeds_that_trials_did_not_see():
    frames = [
        rows_of("l2", 1e-3, 0), rows_of("l2", 1e-3, 1), rows_of("l2", 1e-3, 2).assign(kept=False),
        rows_of("untrained", 0.0, 0), rows_of("untrained", 0.0, 50),
    ]  # fmt: skip
    found = lesions.decided(pd.concat(frames, ignore_index=True))
    assert set(found["network"]) == {"l2-0.001-1", "untrained-0.0-50"}
    assert set(found.loc[found["is_trained"], "regularizer"]) == {"l2"}
    assert (found["side"] == "upstream").tolist() == found["measure"].isin(UP).tolist()
    assert set(found.loc[found["signed"], "form"]) == {"signed"}
    assert set(found.loc[~found["signed"], "form"]) == {"as printed", "as released"}


def test_networks_count_alike_and_untrained_ones_not():
    frames = [
        rows_of("l2", 1e-3, 1, score=by_side(1.0, 0.0)),
        rows_of("l2", 1e-3, 2, score=by_side(4.0, 2.0)),
        rows_of("untrained", 0.0, 1, score=100.0),
    ]
    found = lesions.by_side(lesions.decided(pd.concat(frames, ignore_index=True)))
    assert found.loc[(1, "as printed", "upstream"), "mean"] == 2.5
    assert found.loc[(2, "signed", "downstream"), "mean"] == 1.0
    # Two networks, 1 and 4: their deviation is 3 / sqrt(2), and the error of the mean 3 / 2.
    assert found.loc[(1, "as printed", "upstream"), "sem"] == pytest.approx(1.5)


# ------------------------------------------------------------------------------------------ figures


def test_shares_of_damage_are_written_row_by_row_and_for_all():
    damage = pd.DataFrame([[3.0, 1.0, -1.0], [0.0, 0.0, -2.0]])
    figure = lesions.draw_damages({"one": damage}, {"one": "black"}, {"one": [5, 1]}, "a network")
    assert figure.get_suptitle() == "a network"
    (ax,) = figure.axes
    written = {text.get_position(): text.get_text() for text in ax.texts}
    # Negative damage is none; the second module has no other, and a gap parts the last row.
    assert written == {
        (0, 0): "75", (1, 0): "25", (0, 1): "hurts no digit", (0, 3): "75", (1, 3): "25",
    }  # fmt: skip
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["module 0, 5 units", "module 1, 1 unit", "all together"]


def test_scores_are_drawn_by_layer_and_regulariser_on_one_scale():
    frames = [
        rows_of(kind, strength, seed).assign(
            score=lambda frame: (
                frame["layer"] * frame["strength"] * 10 + 5 * (frame["convention"] == "printed")
            )
        )
        for kind, strength, seed in product(("l2", "dropout"), (0.1, 0.2), (1, 2))
    ]
    frames.append(rows_of("untrained", 0.0, 1, score=-1.0))
    scores = lesions.decided(pd.concat(frames, ignore_index=True))
    printed, figure = (
        lesions.draw_scores(scores[~scores["signed"]], name) for name in ("printed", "released")
    )
    assert len(figure.axes) == 2 * 2
    assert {ax.get_ylim() for ax in printed.axes} == {ax.get_ylim() for ax in figure.axes}
    last = figure.axes[-1]  # the second layer, dropout
    curves = [line.get_xydata() for line in last.lines if line.get_marker() == "."]
    for curve in curves:
        np.testing.assert_allclose(curve, [[0.1, 2], [0.2, 4]])
    assert len(curves) == 2
    levels = [line.get_ydata()[0] for line in last.lines if line.get_linestyle() == ":"]
    assert levels == [-1, -1]
    # Which is higher is a matter of rounding: all methods have the same.
    assert {text.get_text() for text in last.texts} == {
        "upstream\nmean 3.0",
        "downstream\nmean 3.0",
    }
    assert last.get_xlabel() == "dropout probability"


def test_the_gap_stands_above_each_form():
    def value(place):
        gap = -0.5 if place["signed"] else 2.0
        return 1 + gap * (place["measure"] in UP)

    frames = [rows_of("l1", 1e-3, seed, score=value) for seed in (1, 2)]
    scores = lesions.decided(pd.concat(frames, ignore_index=True))
    for ax in lesions.draw_signed(scores).axes:
        assert [text.get_text() for text in ax.texts] == ["gap +2.0", "gap +2.0", "gap \u22120.5"]


def test_both_ablations_are_held_side_by_side():
    one = rows_of("l2", 1e-3, 1, score=by_side(1.0, 2.0))
    other = rows_of("l2", 1e-3, 1, score=by_side(3.0, 1.0)).assign(ablation="zero")
    alone = rows_of("l2", 1e-3, 5, score=9.0)  # was not silenced by zero
    scores = lesions.decided(pd.concat([one, other, alone], ignore_index=True))
    both = lesions.by_ablation(scores[~scores["signed"]])
    assert len(both) == 2 * 2 * len(METHODS)
    assert set(both["network"]) == {"l2-0.001-1"}
    left, right = lesions.draw_ablations(both).axes
    assert left.get_title() == "as printed: rank correlation \u22121.00"
    legend = [text.get_text() for text in right.get_legend().get_texts()]
    assert legend == ["upstream: +2.0", "downstream: \u22121.0"]


# ------------------------------------------------------------------------------------------ synergy


def synergy(regularizer="l2", seed=1, **columns):
    usual = {
        "correlation": 0.1,
        "correlation_absolute": 0.2,
        "within_positive": 0.6,
        "between_positive": 0.5,
    }
    return rows_of(regularizer, 1e-3 * (regularizer != "untrained"), seed, **usual | columns)


def test_correlations_are_those_of_raw_measures():
    frame = synergy(correlation=lambda place: -1 if place["normalized"] else place["layer"])
    means = synergies.by_measure(lesions.decided(frame))
    assert (means["correlation", "mean"] == 1.5).all()


def test_the_measure_that_tells_synergy_best_has_a_grey_ground():
    def value(place):
        return 0.9 if place["measure"] == "loss_hessian" else 0.1

    frames = [synergy(correlation=value), synergy("untrained", correlation=0.0)]
    pairs = lesions.decided(pd.concat(frames, ignore_index=True))
    figure = synergies.draw_correlations(pairs)
    assert len(figure.axes) == 2 * 3
    ax = figure.axes[0]
    (ground,) = ax.patches
    assert ground.get_x() == list(plotting.COLORS).index("loss_hessian") - 0.5
    trained, untrained = (bars.lines[0].get_xydata()[:, 1] for bars in ax.containers)
    np.testing.assert_allclose(trained, [0.1, 0.1, 0.1, 0.9])
    np.testing.assert_allclose(untrained, 0)


def test_shares_of_positive_synergies_are_drawn_in_per_cent():
    def within(place):
        return None if place["measure"] == "covariance" else 0.8

    pairs = lesions.decided(synergy(within_positive=within))
    ax = synergies.draw_signs(pairs).axes[0]
    filled = [line for line in ax.lines if line.get_marker() == "o"][1::2]
    np.testing.assert_allclose([line.get_xdata()[0] for line in filled], [np.nan, 80, 80, 80])
    hollow = [line for line in ax.lines if line.get_marker() == "o"][::2]
    np.testing.assert_allclose([line.get_xdata()[0] for line in hollow], 50)


# ------------------------------------------------------------------------------------------ answers


def test_a_question_is_answered_in_both_conventions_part_by_part():
    common = {"claim": "cause-2", "search": "paper", "low": 0.5, "high": 2.5, "lacks": ""}
    parts = pd.DataFrame(
        [
            common
            | {"convention": convention, "part": part, "quantity": f"number {part}"}
            | {
                "effect": 1.0 + (convention == "released"),
                "place": "above -2",
                "met": convention == "printed" or part == "a",
                "mark": "●" if convention == "printed" or part == "a" else "○",
            }
            for convention, part in product(("printed", "released"), "ab")
        ]
    )
    unasked = parts.assign(claim="cause-1")
    html = answers.answers_html(pd.concat([parts, unasked]), {"cause-2": CAUSE["cause-2"]})
    head, *rows = ElementTree.fromstring(html).iter("tr")
    columns = ["".join(cell.itertext()) for cell in head]
    table = pd.DataFrame(
        [["".join(cell.itertext()) for cell in row] for row in rows], columns=columns
    )
    assert table["as printed"].tolist() == ["● holds", *["1.000 [0.500, 2.500]"] * 2]
    assert table["as released"].tolist() == ["◐ partly", *["2.000 [0.500, 2.500]"] * 2]
    assert table.iloc[:, 1].tolist() == [CAUSE["cause-2"].title, "number a", "number b"]
    assert table["must lie"][1] == "above \u22122"
