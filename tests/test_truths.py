"""Modules beside the truth: what is counted, tabulated and drawn is read back by hand."""

from itertools import product
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.crossed import SEARCHED
from experiments.report.chapters import truths
from experiments.report.notes import provenance_note
from experiments.truth import TRUTHS
from modlib.models import MLP
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import MEASURES, METHODS, UPSTREAM

LEAKS = (0.0, 0.1, 1.0)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def network(seed=1, kind="planted", leak=0.0, task="crossed", regularizer="l2"):
    return {
        "dataset": "digits", "kind": kind, "task": task, "leak": leak, "regularizer": regularizer,
        "strength": 1e-5, "seed": seed,
    }  # fmt: skip


def rows(recovery, layers=(1,), by="construction", **names):
    """Scores of one network; ``recovery`` tells that of a layer, method, convention and truth."""
    found = []
    for layer, (measure, normalized), convention, truth in product(
        layers, METHODS, CONVENTIONS, TRUTHS
    ):
        value = recovery(layer, measure, normalized, convention, truth)
        found.append(network(**names) | {
            "layer": layer, "measure": measure, "normalized": normalized,
            "convention": convention, "truth": truth, "by": by, "q": 0.25, "labels": [0, 0, 1, 1],
            "recovery": value, "search": "paper", "effective": 2.0, "adjusted_rand": value / 2,
            "element": value / 4,
        })  # fmt: skip
    return found


def of_side(_layer, measure, _normalized, _convention, truth):
    """Upstream methods find the source, downstream ones the head."""
    return 1.0 if (measure in UPSTREAM) == (truth == "source") else 0.0


# ------------------------------------------------------------------------------------- the rows


def test_verdicts_rest_on_kept_networks_but_the_seed_of_trials_once_for_each_search():
    networks = pd.DataFrame([network(seed) | {"kept": seed != 2} for seed in (0, 1, 2, 3)])
    columns = dict.fromkeys(SEARCHED, 1.0) | {f"{name}_best": 2.0 for name in SEARCHED}
    scores = pd.DataFrame([network(seed) | {"layer": 2} | columns for seed in (0, 1, 2, 3)])
    found = truths.decided(SimpleNamespace(networks=networks, scores=scores))
    assert found[["seed", "search", "q"]].to_numpy().tolist() == [
        [1, "paper", 1.0], [3, "paper", 1.0], [1, "best", 2.0], [3, "best", 2.0],
    ]  # fmt: skip
    assert not [name for name in found if name.endswith("_best")]


def test_a_measure_is_averaged_within_networks_then_over_them():
    scores = pd.DataFrame(rows(lambda *_: 1.0) + rows(lambda *_: 0.0, seed=2))
    chosen = (scores["measure"] == "covariance") & (scores["seed"] == 2)
    fewer = scores.drop(scores.index[chosen & scores["normalized"]])
    found = truths.by_measure(fewer, "leak")
    assert set(found.index.get_level_values("leak")) == {0.0}
    assert (found == 0.5).all()  # three rows of covariance, in two networks


def test_the_truth_found_is_the_larger_of_two_recoveries():
    scores = pd.DataFrame(rows(of_side))
    scores.loc[scores["measure"] == "covariance", "recovery"] = None
    scores.loc[(scores["measure"] == "loss_hessian"), "recovery"] = [-0.1, -0.2] * 4
    found = truths.best_of_truths(scores).set_index(["measure", "normalized", "convention"])
    assert len(found) == 12  # six methods, two conventions
    assert found.loc[("loss_hessian", True, "printed"), "found"] == -0.1
    own = found.loc[("input_sensitivity", False, "released")]
    assert own[["source", "head", "found"]].tolist() == [1.0, 0.0, 1.0]


def test_what_was_planted_is_compared_with_interventions_on_units_that_have_a_side():
    units = pd.DataFrame([
        network() | {"layer": layer, "source": told, "source_planted": planted, "head": 0,
                     "head_planted": 0}
        for layer, told, planted in ((1, 0, 0), (1, 1, 1), (1, 1, 0), (1, -1, 0), (2, 0, None))
    ])  # fmt: skip
    found = truths.told_alike(units)
    assert found.loc[0.0, (1, "source")] == pytest.approx(2 / 3)
    assert found.loc[0.0, (2, "head")] == 1.0
    assert (2, "source") not in found.columns


def test_purity_is_the_share_of_units_that_are_as_most_of_their_module():
    labels, sides = np.array([0, 0, 0, 1, 1, -1]), np.array([0, 0, 1, 1, 1, 0])
    assert truths.purity(labels, sides) == pytest.approx(5 / 6)


def test_purity_leaves_out_units_without_a_side_and_tells_what_chance_gives():
    scores = pd.DataFrame([
        network() | {"layer": 1, "truth": "source", "labels": labels}
        for labels in ([0, 0, 1, 1, 2], [0, 0, 0, 0, 0])
    ], index=[7, 9])  # fmt: skip
    units = pd.DataFrame([
        network() | {"layer": 1, "unit": unit, "source": side, "head": -1}
        for unit, side in reversed(list(enumerate((0, 0, 1, 1, -1))))
    ])  # fmt: skip
    found = truths.with_purity(scores, units, n_shuffles=300)
    assert found["purity"].tolist() == [1.0, 0.5]
    # Of three ways to pair four units, one parts the sides: (1 + 1/2 + 1/2) / 3.
    assert found.loc[7, "by_chance"] == pytest.approx(2 / 3, abs=0.05)
    assert found.loc[9, "by_chance"] == 0.5


def test_the_table_has_a_row_for_each_method_and_truth_and_a_column_for_each_index():
    scores = pd.DataFrame(rows(of_side, layers=(1, 2)) + rows(lambda *_: 1.0, seed=2))
    scores = scores[(scores["layer"] == 1) | (scores["truth"] == "head")]
    table = truths.scores_table(scores)
    assert list(table.columns) == [
        (f"as {name}", "paper", index) for name in CONVENTIONS for index in ("adj. Rand", "element")
    ]
    assert [row[:2] for row in table.index[::8]] == [(1, "source"), (1, "head"), (2, "head")]
    # The mean of 0 and 1 over two networks, in halves for the one and in quarters for the other.
    own = table.loc[(1, "source", "loss Hessian"), "as printed"]["paper"]
    assert own.tolist() == [0.25, 0.125]


def test_the_oddest_are_the_highest_q_without_truth_and_the_lowest_with_it():
    found = pd.DataFrame({
        "convention": ["printed"] * 5 + ["released"],
        "q": [0.9, 0.4, 0.3, 0.1, 0.2, 0.3],
        "found": [0.06, 0.05, 0.0, 0.4, 0.6, 0.9],
    })  # fmt: skip
    cases = truths.oddest(found)
    assert cases[["convention", "case", "q"]].to_numpy().tolist() == [
        ["printed", "high Q, no truth", 0.4], ["printed", "truth, low Q", 0.2],
        ["released", "truth, low Q", 0.3],
    ]  # fmt: skip


# --------------------------------------------------------------------------------- the figures


def test_units_lie_in_the_quarter_of_their_truths_sorted_by_module():
    # Three units see A and serve head 1, one sees B and serves head 1.
    sides = np.array([[0, 0], [0, 0], [0, 0], [1, 0]])
    image = truths.square(np.array([1, 0, -1, 2]), sides)
    assert image.tolist() == [[-1, 0, 2, -2], [1, -2, -2, -2], [-2] * 4, [-2] * 4]


def test_each_square_tells_its_recoveries_and_says_in_bold_what_is_found():
    scores = pd.DataFrame(rows(of_side)).query("convention == 'released'")
    scores.loc[scores["measure"] == "covariance", "recovery"] = truths.FOUND  # and no more
    units = pd.DataFrame({"unit": range(4), "source_planted": [0, 0, 1, 1],
                          "head_planted": [0, 1, 0, 1]})  # fmt: skip
    panels = truths.draw_square(scores[~scores["normalized"]], units).axes
    assert [ax.get_title() for ax in panels] == [truths.plotting.TITLES[m] for m in MEASURES]
    told = [[text.get_text() for text in ax.texts] for ax in panels]
    assert told == [
        ["finds neither", "source 0.50", "head 0.50"],
        ["finds the source", "source 1.00", "head 0.00"],
        *[["finds the head", "source 0.00", "head 1.00"]] * 2,
    ]
    for ax in panels:
        assert [text.get_weight() for text in ax.texts] == ["bold", "normal", "normal"]
        # Modules part A from B, whoever found them.
        assert np.asarray(ax.images[0].get_array()).tolist() == [[2, 3], [2, 3]]


def test_curves_are_means_over_networks_of_each_leak():
    def falling(leak, seed):
        return lambda _, measure, *rest: of_side(_, measure, *rest) * (1 - leak) + 0.2 * (seed - 1)

    scores = pd.DataFrame(
        row for k in LEAKS for seed in (1, 2) for row in rows(falling(k, seed), leak=k, seed=seed)
    )
    panels = truths.draw_leaks(scores.query("convention == 'printed'")).axes
    assert len(panels) == len(MEASURES)
    ax = panels[0]  # covariance
    curves = [list(line.get_ydata()) for line in ax.lines if len(line.get_xdata()) == len(LEAKS)]
    np.testing.assert_allclose(curves, [[1.1, 1.0, 0.1]] * 2 + [[0.1, 0.1, 0.1]] * 2)
    assert [text.get_text() for text in ax.texts] == ["finds the source"]
    assert [tick.get_text() for tick in panels[-1].get_xticklabels()] == ["0", ".1", "1"]


def test_markers_are_means_over_methods_and_networks_of_each_side():
    scores = pd.DataFrame(
        row
        for task, kind in product(("crossed", "parallel"), ("l2", "dropout"))
        for row in rows(
            of_side, (1, 2), "intervention", kind="emergent", task=task, leak=1.0, regularizer=kind
        )
    )
    panels = truths.draw_emergent(scores).axes
    assert [ax.get_title() for ax in panels] == [
        f"{task} tasks, layer {layer}" for layer in (1, 2) for task in ("crossed", "parallel")
    ]
    told = ["upstream methods", "see some of the source", "downstream methods"]
    for ax in panels:
        assert [text.get_text() for text in ax.texts] == [*told, "see some of the head"]
    heights = [bar[0].get_ydata()[0] for bar in panels[0].containers]
    # Side, regulariser, truth, convention: upstream finds the source, downstream the head.
    assert heights == [1, 1, 0, 0] * 2 + [0, 0, 1, 1] * 2


def test_what_is_recovered_by_a_tenth_or_less_is_not_seen():
    scores = rows(lambda *_: truths.NOTHING, (1,), "intervention", kind="emergent")
    (ax, _) = truths.draw_emergent(pd.DataFrame(scores)).axes
    assert [text.get_text() for text in ax.texts][1::2] == ["see neither"] * 2
    scores = rows(lambda *_: 0.2, (1,), "intervention", kind="emergent")
    (ax, _) = truths.draw_emergent(pd.DataFrame(scores)).axes
    assert [text.get_text() for text in ax.texts][1::2] == ["see some of both"] * 2


def test_named_assignments_stand_where_they_are():
    found = truths.best_of_truths(pd.DataFrame(rows(of_side)))
    found["q"] = np.linspace(0.1, 0.5, len(found))
    cases = truths.oddest(found)
    panels = truths.draw_q_and_truth(found, cases, {"printed": "rank .1", "released": "x"}).axes
    assert [ax.get_title() for ax in panels] == ["as printed: rank .1", "as released: x"]
    for ax, name in zip(panels, CONVENTIONS, strict=True):
        own = cases[cases["convention"] == name]
        assert [text.get_text() for text in ax.texts] == own["case"].tolist()
        assert [text.xy for text in ax.texts] == list(zip(own["q"], own["found"], strict=True))
    table = truths.cases_table(cases)
    assert table["network"].unique().tolist() == ["crossed, L2 penalty, seed 1"]
    assert set(table["convention"]) == {"as printed", "as released"}


def test_masks_are_drawn_by_the_size_of_weights_with_their_kinds():
    model = MLP((8, 8, 4, 6), seed=0)
    panels = truths.draw_masks(model).axes
    for ax, linear in zip(panels, model.linears, strict=True):
        assert np.array_equal(ax.images[0].get_array(), linear.weight.detach().abs().numpy())
    told = [tick.get_text() for tick in panels[0].get_yticklabels()]
    assert told == ["A → 1", "A → 2", "B → 1", "B → 2"]


def test_the_note_names_the_table_of_networks():
    manifest = {
        "runs": {"a": {"n_parts": 9}}, "data": {"mnist": "0" * 64}, "code_hash": ["c"],
        "versions": [{"modlib": "1", "torch": "2"}],
        "files": {"crossed_networks.parquet": "abcdefghi"},
    }  # fmt: skip
    note = provenance_note(manifest, "crossed_networks").data
    assert "crossed_networks.parquet abcdefgh." in note
