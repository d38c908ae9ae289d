"""The spectral step of the released code, against small matrices that can be split by hand."""

import numpy as np
import pandas as pd
import pytest

from experiments.report.chapters import splits
from experiments.report.examples import read_examples
from experiments.report.frames import read_results
from modlib.modularity import modularity, modularity_matrix, to_adjacency
from modlib.similarity.measures import METHODS

# Neighbours in a ring of four: patterns of signs and their eigenvalues of B are, times 20,
# + + - - : 1, + - - + : -1, + - + - : -5, and 0 for all alike.
RING = to_adjacency([[0, 3, 0, 2], [3, 0, 2, 0], [0, 2, 0, 3], [2, 0, 3, 0]])
# Two groups of four: within a group similarity is 5, between groups 1. One group against the other
# has the eigenvalue (3 * 5 - 4 * 1) / 152 of B, all that differs within groups -5 / 152.
GROUPS = to_adjacency(np.kron([[5.0, 1.0], [1.0, 5.0]], np.ones((4, 4))))


def random_adjacency(seed, n_units=24):
    random = np.random.default_rng(seed)
    values = random.random((n_units, n_units)) ** 3
    return to_adjacency(values + values.T)


def by_svd(adjacency):
    """The same, slowly: a singular value decomposition, Q as a double sum, and the last first."""
    gains = modularity_matrix(adjacency)
    done, waiting = [], [np.arange(len(gains))]
    while waiting:
        members = waiting.pop()
        vector = np.linalg.svd(gains[np.ix_(members, members)])[2][0]
        one, other = members[vector >= 0], members[vector < 0]
        before = gains[np.ix_(members, members)].sum()
        after = sum(gains[np.ix_(part, part)].sum() for part in (one, other))
        if len(one) and len(other) and after > before + 1e-14:
            waiting += [one, other]
        else:
            done.append(members)
    labels = np.zeros(len(gains), int)
    for label, members in enumerate(done):
        labels[members] = label
    return labels


def test_an_eigenvalue_below_zero_may_lead_and_then_nothing_is_split():
    values = np.sort(20 * np.linalg.eigvalsh(modularity_matrix(RING)))
    np.testing.assert_allclose(values, [-5, -1, 0, 1], atol=1e-12)
    assert splits.released_start(RING).tolist() == [0, 0, 0, 0]
    assert splits.are_same(splits.text_start(RING), [0, 0, 1, 1])


def test_where_the_largest_eigenvalue_leads_both_split_alike():
    values = 152 * np.linalg.eigvalsh(modularity_matrix(GROUPS))
    np.testing.assert_allclose(values, [-5] * 6 + [0, 11], atol=1e-11)
    for split in splits.STARTS.values():
        assert splits.are_same(split(GROUPS), np.repeat([0, 1], 4))


@pytest.mark.parametrize("seed", range(8))
def test_it_is_what_a_singular_value_decomposition_gives_in_any_order(seed):
    adjacency = random_adjacency(seed)
    assert splits.are_same(splits.released_start(adjacency), by_svd(adjacency))


def test_both_parts_of_a_split_are_split_in_turn():
    """Four groups of four, with more between the first two, and between the last two.

    Times 1216, two groups against two have the eigenvalue 3 * 20 + 4 * 2 - 8 * 1 = 60 of B; in
    either part one group against the other has 60 - 8 = 52, and both alike 68 - 8 * 76 / 16 = 30.
    """
    groups = np.array([[20.0, 2, 1, 1], [2, 20, 1, 1], [1, 1, 20, 2], [1, 1, 2, 20]])
    found = splits.released_start(to_adjacency(np.kron(groups, np.ones((4, 4)))))
    assert splits.are_same(found, np.repeat([0, 1, 2, 3], 4))


def test_units_that_are_similar_to_no_other_are_left_out():
    similarity = np.zeros((10, 10))
    similarity[1:9, 1:9] = GROUPS
    labels = splits.released_start(to_adjacency(similarity))
    assert labels[[0, 9]].tolist() == [-1, -1]
    assert splits.are_same(labels[1:9], np.repeat([0, 1], 4))
    assert splits.released_start(np.zeros((3, 3))).tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([0, 0, 1], [1, 1, 0], True),
        ([0, 0, 1], [0, 1, 1], False),
        ([0, 0, 1], [0, 1, 2], False),
        ([0, 1, 2], [0, 0, 1], False),
    ],
)
def test_assignments_are_compared_whatever_modules_are_called(one, other, same):
    assert splits.are_same(np.array(one), np.array(other)) == same


# --------------------------------------------------------------------------------- small results


@pytest.fixture(scope="module")
def searched(small_results):
    results, examples = read_results(small_results), read_examples(small_results)
    return results, examples, splits.from_both_starts(results.modules, examples, n_steps=200)


def test_every_stored_matrix_is_searched_from_either_start(searched):
    results, examples, found = searched
    stored = results.modules[results.modules["network"].isin(examples.networks)]
    assert len(found) == len(stored) == len(found.drop_duplicates(splits.PLACE))
    for row in found.iloc[::37].to_dict("records"):
        network, layer, convention, measure, normalized = (row[name] for name in splits.PLACE)
        adjacency = to_adjacency(
            examples.similarity(
                network, layer, measure, normalized=normalized, convention=convention
            )
        )
        for name, split in splits.STARTS.items():
            start = modularity(adjacency, split(adjacency))
            assert row[f"spectral_{name}"] == pytest.approx(start, abs=1e-12)
            q = modularity(adjacency, row[f"labels_{name}"])
            assert row[f"q_{name}"] == pytest.approx(q, abs=1e-12)
            assert q >= start - 1e-6  # matrices are stored in single precision


def test_differences_are_counted_and_averaged():
    found = pd.DataFrame({
        "convention": ["printed"] * 4, "spectral_text": [0.5, 0.5, 0.5, 0.5],
        "spectral_code": [0.5, 0.25, 0.5, 0.125], "q_text": [0.5] * 4,
        "q_code": [0.5, 0.75, 0.375, 0.25],
    })  # fmt: skip
    told = splits.differences(found)
    columns = ["matrices", "equal", "higher", "lower", "mean", "lowest", "highest"]
    start, end = (told.loc[("printed", step), columns].tolist() for step in ("spectral", "q"))
    assert start == [4, 2, 0, 2, -0.15625, -0.375, 0]
    assert end == [4, 1, 1, 2, -0.03125, -0.25, 0.25]


def test_tables_are_filled_by_the_search_asked_for(searched):
    results, _, found = searched
    shifted = found.assign(q_code=found["q_code"] + 1, labels_code=found["labels_text"])
    text, code = (splits.tables_of(results, shifted, start) for start in ("text", "code"))
    assert (code.modules["q"] - text.modules["q"]).to_numpy() == pytest.approx(
        (found["q_code"] + 1 - found["q_text"]).to_numpy()
    )
    # The same labels agree as well.
    assert code.agreement["element"].tolist() == text.agreement["element"].tolist()
    rows = results.agreement[results.agreement["network"].isin(found["network"])]
    keys = [*splits.LAYER, "measure_a", "normalized_a", "measure_b", "normalized_b"]
    assert len(text.agreement) == len(rows) == len(rows.merge(text.agreement, on=keys))
    n_pairs = len(METHODS) * (len(METHODS) - 1) // 2
    assert len(rows) == len(found) / len(METHODS) * n_pairs


def test_a_number_of_a_rule_follows_its_tables(searched):
    """Agreement within the families minus between them, by hand."""
    results, _, found = searched
    numbers = splits.numbers_of_rules(results, found)
    assert splits.OTHER_MEASURES not in set(numbers["claim"])
    for start in splits.STARTS:
        tables = splits.tables_of(results, found, start)
        trained = tables.networks.query("kept and regularizer != 'untrained'")["network"]
        is_here = tables.agreement["network"].isin(trained)
        rows = tables.agreement[is_here & (tables.agreement["convention"] == "printed")]
        upstream = ("covariance", "input_sensitivity")
        a, b = rows["measure_a"].isin(upstream), rows["measure_b"].isin(upstream)
        blocks = [rows.loc[block, "element"].mean() for block in (a & b, ~a & ~b, a & ~b)]
        expected = (blocks[0] + blocks[1]) / 2 - blocks[2]
        (row,) = numbers.query(
            "claim == 'claim-09' and part == 'a' and convention == 'printed'"
        ).to_dict("records")
        assert row[start] == pytest.approx(expected)
        assert row[f"met_{start}"] == (expected > 0.1)
