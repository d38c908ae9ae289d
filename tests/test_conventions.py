"""The two conventions side by side, on toys and tables made up; and that scale is no matter."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from experiments.report.chapters import conventions
from modlib import plotting
from modlib.clustering.find import find_modules
from modlib.similarity.conventions import normalize
from modlib.similarity.measures import MEASURES, METHODS

# ------------------------------------------------------------------------------------------ scale


@pytest.mark.parametrize("convention", ["printed", "released"])
@pytest.mark.parametrize("scale", [1e-300, 1e-14, 1.0, 1e14, 1e300])
def test_normalised_similarity_does_not_depend_on_the_scale(convention, scale):
    # Half of either unit's similarity to itself, and as much again of the third's quarter.
    similarity = np.array([[1, 0.5, 0.25], [0.5, 1, 0], [0.25, 0, 0.25]])
    third = {"printed": 0.25, "released": 0.5}[convention]
    expected = [[1, 0.5, third], [0.5, 1, 0], [third, 0, 1]]
    found = normalize(scale * similarity, convention)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("convention", ["printed", "released"])
@pytest.mark.parametrize("power", [-500, -30, -1, 1, 30, 500])
def test_powers_of_four_change_no_bit_of_it(convention, power):
    factors = np.random.default_rng(0).standard_normal((9, 5))
    similarity = np.abs(factors @ factors.T)
    expected = normalize(similarity, convention)
    np.testing.assert_array_equal(normalize(similarity * 4.0**power, convention), expected)


@pytest.mark.parametrize("scale", [0.01, 0.3, 1.0, 3.0, 40.0])
def test_normalised_similarity_is_that_of_its_formula_to_the_last_bit(scale):
    factors = scale * np.random.default_rng(0).standard_normal((9, 5))
    similarity = np.abs(factors @ factors.T)
    similarity = (similarity + similarity.T) / 2
    roots = np.sqrt(np.diagonal(similarity))
    expected = similarity / np.outer(roots, roots)
    np.testing.assert_array_equal(normalize(similarity, "released"), expected)
    selves = np.diagonal(similarity)
    expected = similarity / np.maximum.outer(selves, selves)
    np.testing.assert_array_equal(normalize(similarity, "printed"), expected)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_epsilon_is_in_units_of_the_largest_entry(scale):
    # The two weak units are a thousandth of the strong one: epsilon of a hundredth is larger.
    similarity = scale * np.array([[1, 0, 0], [0, 1e-3, 5e-4], [0, 5e-4, 1e-3]])
    strict = normalize(similarity, epsilon=1e-4)
    np.testing.assert_allclose(strict, [[1, 0, 0], [0, 1, 0.5], [0, 0.5, 1]], rtol=1e-14)
    lenient = normalize(similarity, epsilon=1e-2)
    np.testing.assert_allclose(lenient, [[1, 0, 0], [0, 0.1, 0.05], [0, 0.05, 0.1]], rtol=1e-14)


def test_units_that_do_nothing_stay_at_zero():
    for scale in (5e-324, 1e-310, 1.0, 1e308):
        similarity = scale * np.array([[1.0, 0, 1], [0, 0, 0], [1, 0, 1]])
        for convention in ("printed", "released"):
            found = normalize(similarity, convention, epsilon=5e-324)
            np.testing.assert_allclose(found, similarity > 0, rtol=1e-15)


def test_asymmetry_beyond_the_rounding_of_two_units_is_refused():
    similarity = [[1e6, 1, 0.2], [0.2, 1, 0.9], [0.1, 0.9, 1]]
    with pytest.raises(ValueError, match=r"symmetric. Got 1 at \[0, 1\] but 0.2 at \[1, 0\]"):
        normalize(similarity)
    # In single precision a product of units of strength 1e6 and 1 is right to 1e3 * 6e-8.
    rounded = [[1e6, 1, 0.1], [1 + 1e-4, 1, 0.9], [0.1, 0.9, 1]]
    assert normalize(rounded)[0, 1] == pytest.approx(1e-6, rel=1e-4)


@pytest.mark.parametrize("search", ["paper", "best"])
@pytest.mark.parametrize("convention", [None, "printed", "released"])
def test_modules_do_not_depend_on_the_scale(search, convention):
    factors = np.random.default_rng(1).standard_normal((24, 6))
    similarity = np.abs(factors @ factors.T)

    def modules(scale):
        scaled = scale * similarity
        given = normalize(scaled, convention) if convention else scaled
        return find_modules(given, search=search, n_steps=500)

    expected = modules(1.0)
    for scale in (1e-200, 1e-7, 1e200):
        found = modules(scale)
        assert found.labels.tolist() == expected.labels.tolist()
        assert found.q == pytest.approx(expected.q, abs=1e-13)


# ----------------------------------------------------------------------------------- toy examples


def test_each_convention_has_its_curves_in_the_toy():
    similarity = pd.DataFrame({"printed": [0.6, 1.0], "released": [0.0, 1.0]}, [0.0, 1.0])
    modularity = pd.DataFrame({"released": [0.5, 0.5], "printed": [0.0, 0.1]}, [0.2, 0.9])
    left, right = conventions.draw_toy(similarity, modularity).axes
    printed, released, unrelated = left.lines
    assert printed.get_xydata().tolist() == [[0, 0.6], [1, 1]]
    assert printed.get_label() == "inside: E|ab|"
    assert released.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert [line.get_xydata().tolist() for line in right.lines] == [
        [[0.2, 0.0], [0.9, 0.1]], [[0.2, 0.5], [0.9, 0.5]], [[0.9, 0.1]]
    ]  # fmt: skip
    assert unrelated.get_xydata().tolist() == [[0, 0.6]]
    said = [text.get_text() for ax in (left, right) for text in ax.texts]
    assert said == ["unrelated: 0.60", "perfect copies: 0.10"]
    assert printed.get_color() == right.lines[0].get_color() != released.get_color()


def test_scale_is_drawn_by_the_rule_of_each_convention():
    modularity = {"released": [0.0, 0.0], "printed": [0.0, 0.5]}
    (ax,) = conventions.draw_scale(np.array([1.0, 100.0]), modularity).axes
    curves = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert curves == {"by the larger": [0.0, 0.5], "by the geometric mean": [0.0, 0.0]}
    assert ax.get_xscale() == "log"


# ------------------------------------------------------------------------------ scale, taken apart


def test_clusters_of_strong_and_weak_units_are_all_scale():
    similarity = np.diag([1.0, 9.0, 2.0, 8.0])
    assert conventions.scale_explained(similarity, np.array([1, 0, 1, 0])) == pytest.approx(1)


def test_clusters_that_mix_strong_and_weak_units_are_none():
    # Ranks 1 and 4 against 2 and 3: means are equal.
    similarity = np.diag([1.0, 2.0, 3.0, 4.0])
    assert conventions.scale_explained(similarity, np.array([0, 1, 1, 0])) == 0


def test_scale_explains_a_part_of_clusters_in_between():
    # Means of the ranks are 2 and 3 in place of 1.5 and 3.5: variances of 1/4 and of 1.
    similarity = np.diag([1.0, 2.0, 3.0, 4.0])
    assert conventions.scale_explained(similarity, np.array([0, 1, 0, 1])) == pytest.approx(0.25)


def test_unused_units_and_a_single_cluster_explain_nothing():
    similarity = np.diag([1.0, 2.0, 0.0])
    assert conventions.scale_explained(similarity, np.array([0, 0, -1])) == 0
    assert conventions.scale_explained(similarity, np.array([0, 1, -1])) == pytest.approx(1)


class TwoGroups:
    """Examples in which half of the units are stronger, and there is nothing else."""

    def similarity(self, network, layer, measure, *, convention):
        assert (layer, measure in MEASURES, network) == (1, True, "a")
        scale = np.repeat([1.0, 1000.0], 3)
        shares = {"printed": 0.5, "released": 0.25}[convention]
        return np.outer(scale, scale) * (shares + (1 - shares) * np.eye(6))


def test_only_the_larger_diagonal_entry_makes_modules_of_scale():
    table = conventions.taken_apart(TwoGroups(), ["a"], [1], n_steps=100)
    assert table.index.tolist() == [("a", "as printed"), ("a", "as released")]
    # Two groups of three with nothing between them, but for a thousandth: Q is one half.
    np.testing.assert_allclose(table["Q", "by the larger"], 0.5, atol=0.01)
    np.testing.assert_allclose(table["scale in clusters", "by the larger"], 1)
    # All pairs alike: one cluster is the best.
    np.testing.assert_allclose(table["Q", "by the geometric mean"], 0, atol=1e-12)
    np.testing.assert_allclose(table["scale in clusters", "by the geometric mean"], 0)


# ------------------------------------------------------------------------------------- modularity


def modules_of(regularizer, strength, seed, convention, q, **columns):
    names = {"regularizer": regularizer, "strength": strength, "seed": seed}
    names |= {"convention": convention, "network": f"{regularizer}-{strength}-{seed}", "layer": 1}
    return pd.DataFrame(METHODS).assign(**names, q=q, **columns)


def test_modularity_has_a_row_for_each_convention_in_the_order_wanted():
    settings = [("l2", 1e-4), ("l2", 1e-2), ("l1", 1e-4), ("dropout", 0.2), ("untrained", 0.0)]
    modules = pd.concat(
        [
            modules_of(*setting, seed, convention, q + np.arange(8) / 100 + 0.02 * seed)
            for setting in settings
            for seed in (0, 1)
            for convention, q in (("printed", 0.1), ("released", 0.3))
        ]
    )
    figure = conventions.draw_modularity(modules, "q", ["released", "printed"])
    axes = np.reshape(figure.axes, (2, 3))
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["Q, as released", "Q, as printed"]
    assert [ax.get_xlabel() for ax in axes[0]] == ["", "", ""]
    curves = {line.get_label(): line.get_xydata() for line in axes[1, 0].lines}
    # Seeds differ by 0.02, methods by 0.01 each.
    np.testing.assert_allclose(curves["covariance"], [[1e-4, 0.11], [1e-2, 0.11]])
    np.testing.assert_allclose(curves["loss Hessian, norm."], [[1e-4, 0.18], [1e-2, 0.18]])
    np.testing.assert_allclose(curves["mean of eight"], [[1e-4, 0.145], [1e-2, 0.145]])
    assert sum(label.startswith("_") for label in curves) == 1  # the mean of untrained networks
    assert axes[0, 0].get_ylim()[0] == 0


# -------------------------------------------------------------------------------------- headlines


def test_headlines_are_means_over_networks_by_state_side_and_convention():
    modules = pd.concat(
        [
            modules_of("l2", 0.1, seed, "printed", [0.1] * 4 + [0.2] * 4, effective=3.0 + seed)
            for seed in (0, 1)
        ]
        + [modules_of("untrained", 0.0, 0, "printed", 0.05, effective=1.0)]
    )
    pairs = [("covariance", "input_sensitivity"), ("covariance", "loss_hessian")]
    agreement = pd.DataFrame(
        [
            (a, b, "l2", "printed", f"n{seed}", value + 0.2 * seed)
            for (a, b), value in zip(pairs, (0.5, 0.1), strict=True)
            for seed in (0, 1)
        ],
        columns=["measure_a", "measure_b", "regularizer", "convention", "network", "element"],
    )
    found = conventions.headlines(modules, agreement)
    rows = found["mean"].to_dict()
    assert rows == pytest.approx(
        {
            ("modularity Q", "trained", "upstream", "printed"): 0.1,
            ("modularity Q", "trained", "downstream", "printed"): 0.2,
            ("modularity Q", "untrained", "upstream", "printed"): 0.05,
            ("modularity Q", "untrained", "downstream", "printed"): 0.05,
            ("number of clusters", "trained", "upstream", "printed"): 3.5,
            ("number of clusters", "trained", "downstream", "printed"): 3.5,
            ("number of clusters", "untrained", "upstream", "printed"): 1.0,
            ("number of clusters", "untrained", "downstream", "printed"): 1.0,
            ("agreement", "trained", "within upstream", "printed"): 0.6,
            ("agreement", "trained", "between", "printed"): 0.2,
        }
    )
    # Two networks, 3 and 4: the error is half of their distance.
    assert found["sem"]["number of clusters", "trained", "upstream", "printed"] == 0.5


# -------------------------------------------------------------------------------------- agreement


def test_agreement_of_methods_with_themselves_stands_beside_its_ceiling():
    matrices = {"printed": np.full((8, 8), 0.5), "released": np.full((8, 8), 0.75)}
    index = pd.MultiIndex.from_tuples(
        [(n, layer, *method) for n in ("a", "b") for layer in (1, 2) for method in METHODS],
        names=["network", "layer", "measure", "normalized"],
    )
    values = 0.3 * (index.get_level_values("layer") == 2) + 0.2 * (index.get_level_values(0) == "b")
    ceiling = pd.Series(np.arange(8) / 10, pd.MultiIndex.from_tuples(METHODS))
    figure = conventions.draw_agreements(matrices, pd.Series(values, index), ceiling)
    first, second, change, across = figure.axes
    assert [ax.get_title() for ax in (first, second)] == ["as printed", "as released"]
    assert change.get_title() == "as released minus as printed"
    assert (change.images[0].get_array() == 0.25).all()
    points = [bars.lines[0].get_xydata()[0] for bars in across.containers]
    expected = [[place - 0.15, 0.1] for place in range(8)]
    expected += [[place + 0.15, 0.4] for place in range(8)]
    np.testing.assert_allclose(points, expected)
    segments = [segment for lines in across.collections for segment in lines.get_segments()]
    bars = [list(segment.mean(axis=0)) for segment in segments if np.ptp(segment[:, 1]) == 0]
    np.testing.assert_allclose(bars, 2 * [[place, place / 10] for place in range(8)])
    assert [label.get_text() for label in across.get_xticklabels()] == plotting.METHOD_NAMES
