"""The explorer opens on the view and the pair that its rule names."""

import shutil

import numpy as np
from small import seal

from experiments.report.examples import read_examples
from experiments.report.frames import read_results
from experiments.report.opening import most_disputed, opening
from modlib.similarity.measures import DOWNSTREAM, UPSTREAM

SEEDS = (0, 1, 2)


def symmetric(pairs: dict[tuple[int, int], float], n: int) -> np.ndarray:
    matrix = np.zeros((n, n))
    for (i, j), value in pairs.items():
        matrix[i, j] = matrix[j, i] = value
    return matrix


def test_the_pair_falls_furthest_in_rank_among_those_that_share_one_module_only():
    # Ranks from 1 to 6. Pair 0-1 falls from 6 to 1, but shares a module in both. 0-2 falls from 5
    # to 2, 1-2 from 4 to 3. 2-3 falls from 3 to 0 ranks more, but shares a module in neither.
    a = symmetric({(0, 1): 6, (0, 2): 5, (1, 2): 4, (2, 3): 3, (1, 3): 2, (0, 3): 1}, 4)
    b = symmetric({(0, 1): 1, (0, 2): 2, (1, 2): 3, (2, 3): 4, (1, 3): 5, (0, 3): 6}, 4)
    labels_a, labels_b = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert most_disputed(a, b, labels_a, labels_b) == [0, 2]


def test_a_unit_that_is_unused_in_either_is_in_no_such_pair():
    a = symmetric({(0, 1): 3, (0, 2): 2, (1, 2): 1}, 3)
    b = symmetric({(0, 1): 1, (0, 2): 2, (1, 2): 3}, 3)
    assert most_disputed(a, b, np.array([0, 0, 0]), np.array([0, -1, 1])) == [0, 2]
    assert most_disputed(a, b, np.array([-1, -1, 0]), np.array([0, 1, 1])) == []


def test_the_view_has_the_largest_lesser_excess_of_all(small_results):
    tables, examples = read_results(small_results), read_examples(small_results)
    found = opening(tables, examples)
    excess = {}
    for row in tables.nulls.itertuples():
        is_counted = row.regularizer == "dropout" and row.kept and row.network in examples.networks
        if row.null == "rotation" and is_counted:
            where = (row.network, row.layer, row.convention)
            excess.setdefault(where, {})[row.measure, row.normalized] = row.q - row.null_mean
    lesser = {
        (*where, up, down): min(methods[up], methods[down])
        for where, methods in excess.items()
        for up in methods
        for down in methods
        if up[0] in UPSTREAM and down[0] in DOWNSTREAM
    }
    network = f"{found['regularizer']}-{found['strength']}-{found['seed']}"
    shown = (
        network,
        found["layer"],
        found["convention"],
        *map(tuple, (found["first"], found["second"])),
    )
    assert lesser[shown] == max(lesser.values())


def test_the_pair_is_that_of_the_view(small_results):
    tables, examples = read_results(small_results), read_examples(small_results)
    found = opening(tables, examples)
    network = f"{found['regularizer']}-{found['strength']}-{found['seed']}"
    where = {"layer": found["layer"], "convention": found["convention"]}
    labels, matrices = [], []
    for measure, normalized in (found["first"], found["second"]):
        rows = tables.modules.query(
            "network == @network and layer == @where['layer'] and measure == @measure and "
            "normalized == @normalized and convention == @where['convention']"
        )
        labels.append(rows["labels"].item())
        matrices.append(
            examples.similarity(network, measure=measure, normalized=normalized, **where)
        )
    assert found["units"] == most_disputed(*matrices, *labels)


def test_without_null_models_there_is_none(small_results, tmp_path):
    copy = shutil.copytree(small_results, tmp_path / "copy")
    (copy / "nulls.parquet").unlink()
    seal(copy)
    assert opening(read_results(copy), read_examples(copy)) == {}
