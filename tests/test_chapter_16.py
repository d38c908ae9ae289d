"""The page on a network of one's own, with another seed and convention, computed again by hand."""

import re
from math import exp, log

import matplotlib as mpl
import nbformat
import numpy as np
import papermill
import pytest
from chapters import ROOT, glued, n_figures, run, texts
from matplotlib import pyplot as plt
from oracles import double_sum_modularity

from experiments.report.chapters import networks
from modlib.clustering.modules import Modules
from modlib.similarity.matrix import Similarity

mpl.use("agg")

CHAPTER = "16-your-own-network"
PARAMETERS = {"seed": 1, "epochs": 3, "convention": "printed", "time_limit": 1.0, "probes": 40}
MEASURES = ["covariance", "input_sensitivity", "output_sensitivity", "loss_hessian"]
LEAVE = """
held = {"inputs": images[is_test].numpy(), "targets": classes[is_test].numpy()}
held |= {"reader-" + name: v.numpy() for name, v in reader.state_dict().items()}
for measure in similarity:
    held["similarity-" + measure] = similarity[measure].values
    held["labels-" + measure] = modules[measure].labels
    held["again-" + measure] = again[measure].labels
    held["q-" + measure] = modules[measure].q
    held["bound-" + measure] = proof[measure].upper
    held["cell-" + measure] = similarities["cell", measure, convention].normalized().values
    held["cell-labels-" + measure] = over_all_steps[measure].labels
    held["cell-q-" + measure] = over_all_steps[measure].q
held["agreement"] = agreement
held["table"] = table.to_numpy(float)  # before it is rounded
held["late"], held["late-labels"] = late, labels
held["steps"], held["courses"], held["course"] = steps, courses, course
held["both"], held["joint"] = both.values, joint.labels
for number, name in enumerate(stages):
    held[f"patches-{number}"] = patches[name].values
    held[f"regions-{number}"] = regions[name].labels
held["exact"], held["probed"] = exact.values, probed.values
held["probed-error"] = probed.standard_error
np.savez("PATH", **held)
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The executed page, and what a further cell at its end has left behind."""
    folder = tmp_path_factory.mktemp("11")
    notebook = nbformat.read(ROOT / "notebooks" / f"{CHAPTER}.ipynb", as_version=4)
    leave = LEAVE.replace("PATH", str(folder / "held.npz"))
    notebook.cells.append(nbformat.v4.new_code_cell(leave))
    nbformat.write(notebook, folder / "page.ipynb")
    executed = papermill.execute_notebook(
        folder / "page.ipynb", folder / "run.ipynb", PARAMETERS, progress_bar=False,
        kernel_name="python3",
    )  # fmt: skip
    with np.load(folder / "held.npz") as held:
        return executed, dict(held)


def element_by_hand(one, other):
    """The mean over units of the overlap of their two clusters over the size of the larger."""
    same = np.equal.outer(one, one), np.equal.outer(other, other)
    larger = np.maximum(same[0].sum(axis=1), same[1].sum(axis=1))
    return ((same[0] & same[1]).sum(axis=1) / larger).mean()


def element_by_chance(one, other):
    """Its mean over permutations: two units of a cluster stay together as often as chance has it.

    For unit i, the expected overlap of clusters of a and b units, i in both, is
    1 + (a - 1)(b - 1) / (n - 1), and i is in a cluster of b units with probability b / n.
    """
    n = len(one)
    sizes_a, sizes_b = (np.unique(labels, return_counts=True)[1] for labels in (one, other))
    return sum(
        (a / n) * (b / n) * (1 + (a - 1) * (b - 1) / (n - 1)) / max(a, b)
        for a in sizes_a.tolist()
        for b in sizes_b.tolist()
    )


def table(notebook):
    """The numbers of the table, by measure and column."""
    (page,) = (text for text in texts(notebook).split("<style") if ">retest</th>" in text)
    columns = re.findall(r'class="col_heading[^>]*>(\w+)</th>', page)
    names = re.findall(r'class="row_heading[^>]*>([^<]+)</th>', page)
    values = [float(value) for value in re.findall(r"<td[^>]*>([^<]+)</td>", page)]
    rows = np.reshape(values, (len(names), len(columns)))
    assert names == ["covariance", "input sens.", "output sens.", "loss Hessian"]
    return {m: dict(zip(columns, row, strict=True)) for m, row in zip(MEASURES, rows, strict=True)}


@pytest.mark.parametrize("measure", MEASURES)
def test_q_is_that_of_the_modules_and_no_search_passes_the_bound(page, measure):
    notebook, held = page
    adjacency = held[f"similarity-{measure}"].copy()
    np.fill_diagonal(adjacency, 0)
    labels, again = held[f"labels-{measure}"], held[f"again-{measure}"]
    q = double_sum_modularity(adjacency, labels)  # units without similarity add nothing
    assert held[f"q-{measure}"] == pytest.approx(q)
    assert held[f"bound-{measure}"] >= max(q, double_sum_modularity(adjacency, again)) - 1e-12
    row = table(notebook)[measure]
    assert row["Q"] == pytest.approx(q, abs=6e-4)
    assert row["bound"] == pytest.approx(held[f"bound-{measure}"], abs=6e-4)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_table_counts_modules_by_number_by_size_and_leaves_out_the_unused(page, measure):
    notebook, held = page
    labels = held[f"labels-{measure}"].tolist()
    used = [label for label in labels if label >= 0]
    shares = [used.count(label) / len(used) for label in set(used)]
    shown, exact = table(notebook)[measure], held["table"][MEASURES.index(measure)]
    row = dict(zip(shown, exact, strict=True))
    assert row["modules"] == len(shares)
    assert row["effective"] == pytest.approx(exp(-sum(s * log(s) for s in shares)))
    assert row["unused"] == labels.count(-1)
    for name in ("modules", "effective", "unused"):
        assert shown[name] == pytest.approx(row[name], abs=0.051)
    silent = held[f"similarity-{measure}"] * ~np.eye(len(labels), dtype=bool)
    assert [label < 0 for label in labels] == [not row.any() for row in silent]


def test_agreement_is_that_of_the_labels(page):
    notebook, held = page
    labels, again = ([held[f"{kind}-{m}"] for m in MEASURES] for kind in ("labels", "again"))
    expected = [[element_by_hand(one, other) for other in labels] for one in labels]
    np.testing.assert_allclose(held["agreement"], expected)
    numbers = glued(notebook)
    assert numbers["own-agreement"] == pytest.approx(element_by_hand(labels[0], labels[-1]))
    retests = [element_by_hand(one, other) for one, other in zip(labels, again, strict=True)]
    assert numbers["own-retest"] == pytest.approx(min(retests))
    found = [row["retest"] for row in table(notebook).values()]
    assert found == pytest.approx(retests, abs=6e-3)
    # 200 shuffles of a mean that varies by less than 0.1 from one to the next.
    by_chance = element_by_chance(labels[0], labels[-1])
    assert numbers["own-chance"] == pytest.approx(by_chance, abs=5 * 0.1 / 200**0.5)


def read_by_hand(held):
    """States ``[samples, rows, units]`` of the recurrent cell, and logits, by its equations."""
    weights = {name.removeprefix("reader-"): array.astype(float)
               for name, array in held.items() if name.startswith("reader-")}  # fmt: skip
    rows = held["inputs"][:, 0].astype(float)
    state, states = np.zeros((len(rows), 32)), []
    for row in rows.transpose(1, 0, 2):
        given = np.split(row @ weights["cell.weight_ih"].T + weights["cell.bias_ih"], 3, axis=1)
        kept = np.split(state @ weights["cell.weight_hh"].T + weights["cell.bias_hh"], 3, axis=1)
        reset, update = (1 / (1 + np.exp(-given[gate] - kept[gate])) for gate in (0, 1))
        proposed = np.tanh(given[2] + reset * kept[2])
        state = (1 - update) * proposed + update * state
        states.append(state)
    return np.stack(states, axis=1), state @ weights["head.weight"].T + weights["head.bias"]


def test_the_recurrent_network_is_scored_on_images_that_it_has_not_seen(page):
    notebook, held = page
    states, logits = read_by_hand(held)
    np.testing.assert_allclose(held["steps"], states, atol=1e-5)
    accuracy = 100 * np.mean(logits.argmax(axis=1) == held["targets"])
    assert glued(notebook)["own-accuracy-reader"] == pytest.approx(accuracy)
    assert len(held["targets"]) == 450  # a quarter of 1797, from the first on
    for name in ("resnet", "reader", "transformer"):
        assert glued(notebook)[f"own-accuracy-{name}"] > 70  # chance is 10


def test_a_layer_that_is_called_often_has_a_position_for_each_call(page):
    _, held = page
    states, _ = read_by_hand(held)
    deviations = states - states.mean(axis=0)
    each = [np.abs(one.T @ one) for one in deviations]  # summed over rows before the bars
    covariance = np.mean(each, axis=0)
    variance = np.diagonal(covariance)
    expected = covariance / np.maximum.outer(variance, variance)
    np.testing.assert_allclose(held["cell-covariance"], expected, atol=1e-5)


def test_the_lowest_and_the_highest_q_are_those_of_all_that_was_found(page):
    notebook, held = page
    every = [held[f"{kind}q-{measure}"] for kind in ("", "cell-") for measure in MEASURES]
    joint = held["both"] * ~np.eye(64, dtype=bool)
    every.append(double_sum_modularity(joint / joint.sum(), held["joint"]))
    assert glued(notebook)["own-lowest"] == pytest.approx(min(every))
    assert glued(notebook)["own-highest"] == pytest.approx(max(every))
    cell = held["cell-covariance"] * ~np.eye(32, dtype=bool)
    q = double_sum_modularity(cell / cell.sum(), held["cell-labels-covariance"])
    assert held["cell-q-covariance"] == pytest.approx(q)
    for name in ("covariance", "input_sensitivity"):
        assert glued(notebook)[f"own-after-{name}"] == pytest.approx(float(held[f"q-{name}"]))


def test_one_direction_holds_what_the_largest_eigenvalue_holds_of_the_trace(page):
    notebook, held = page
    deviations = held["late"] - held["late"].mean(axis=0)
    covariance = np.einsum("kpi,kpj->ij", deviations, deviations)
    labels, shares = held["late-labels"], []
    for module in range(labels.max() + 1):
        inside = covariance[np.ix_(labels == module, labels == module)]
        shares.append(np.linalg.eigvalsh(inside)[-1] / np.trace(inside))
    assert glued(notebook)["own-share"] == pytest.approx(100 * np.mean(shares))


def test_digits_account_for_the_variance_of_their_means(page):
    notebook, held = page
    shares = []
    for response in held["course"]:  # of a module
        means = {d: response[held["targets"] == d].mean(axis=0) for d in range(10)}
        between = np.mean(
            [(means[d] - response.mean(axis=0)) ** 2 for d in held["targets"]], axis=0
        )
        shares.append(between / ((response - response.mean(axis=0)) ** 2).mean(axis=0))
    first, *_, last = np.mean(shares, axis=0)
    assert glued(notebook)["own-first-row"] == pytest.approx(100 * first)
    assert glued(notebook)["own-last-row"] == pytest.approx(100 * last)
    spread = np.std(held["courses"], axis=1).mean(axis=0)
    assert glued(notebook)["own-spread"] == pytest.approx(spread[-1] / spread[0])


def test_features_of_two_blocks_are_compared_with_themselves_and_others(page):
    notebook, held = page
    numbers, later = glued(notebook), held["both"][:32, 32:]
    itself = [later[unit, unit] for unit in range(32)]
    assert numbers["own-itself"] == pytest.approx(np.mean(itself))
    assert numbers["own-others"] == pytest.approx((later.sum() - sum(itself)) / (32 * 31))
    labels = held["joint"]
    assert numbers["own-same"] == pytest.approx(100 * np.mean(labels[:32] == labels[32:]))
    # In the mean over all orders: the chance that one of the one and one of the other match.
    shares = [np.bincount(half, minlength=labels.max() + 1) / 32
              for half in (labels[:32], labels[32:])]  # fmt: skip
    expected = 100 * (shares[0] * shares[1]).sum()
    assert numbers["own-same-chance"] == pytest.approx(expected, abs=5 * 100 * 0.08 / 200**0.5)
    assert "(blocks.0, 0)" in texts(notebook)
    assert "(blocks.1, 1)" in texts(notebook)


def test_patches_are_the_units_where_their_axis_is_asked_for(page):
    notebook, held = page
    numbers = glued(notebook)
    for place in range(3):
        values = held[f"patches-{place}"]
        assert values.shape == (16, 16)
        mean = (values.sum() - np.trace(values)) / (16 * 15)
        assert numbers[f"own-patches-{place}"] == pytest.approx(mean)
        adjacency = values * ~np.eye(16, dtype=bool)
        q = double_sum_modularity(adjacency / adjacency.sum(), held[f"regions-{place}"])
        assert numbers[f"own-patches-q-{place}"] == pytest.approx(abs(q), abs=1e-12)
    assert numbers["own-regions"] == held["regions-0"].max() + 1
    # Attention makes them alike, also in a network that was hardly trained.
    assert numbers["own-patches-0"] < numbers["own-patches-1"]


def test_probes_are_held_to_the_exact_matrix(page):
    notebook, held = page
    numbers = glued(notebook)
    error = np.abs(held["probed"] - held["exact"])
    relative = (error**2).sum() ** 0.5 / (held["exact"] ** 2).sum() ** 0.5
    assert numbers["own-relative"] == pytest.approx(100 * relative)
    rounding = 1e-5 * held["exact"].max()
    near = [error[i, j] <= 2 * held["probed-error"][i, j] + rounding
            for i in range(32) for j in range(i, 32)]  # fmt: skip
    assert numbers["own-near"] == pytest.approx(100 * np.mean(near))
    assert numbers["own-probes"] == 40
    assert numbers["own-passes"] == 32 * 16


def test_there_is_a_figure_for_each_network_and_the_table_of_kinds(page):
    notebook, _ = page
    assert n_figures(notebook) == 4
    assert "refused: whole numbers have no derivatives" in texts(notebook)


def test_a_convention_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="convention must be one of"):
        run(CHAPTER, tmp_path, convention="neither", epochs=1)


# -------------------------------------------------------------------------------------- figures


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_a_module_responds_along_its_direction_and_rises_with_most_of_its_units():
    # Two units that move together, three to four, and a third, unused one.
    moves = np.array([-2.0, -1.0, 0.0, 3.0])
    values = np.stack([3 * moves, 4 * moves, moves**2], axis=1)[:, None] + 7
    (response,) = networks.responses(values, np.array([0, 0, -1]))
    np.testing.assert_allclose(response, 5 * moves[:, None])
    assert networks.share_in_one_direction(values, np.array([0, 0, -1])) == pytest.approx(1)
    (fallen,) = networks.responses(-values, np.array([0, 0, -1]))
    np.testing.assert_allclose(fallen, -5 * moves[:, None])


def test_variance_between_classes_is_a_share_of_all():
    values = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 3.0], [6.0, 3.0]])
    # Means 1 and 5: variance 4 of 5; and 1 and 3 without any within: all.
    np.testing.assert_allclose(networks.share_between(values, np.array([0, 0, 1, 1])), [0.8, 1])
    np.testing.assert_allclose(
        networks.class_means(values, np.array([3, 3, 5, 5])), [[1, 1], [5, 3]]
    )


def test_what_was_found_has_a_row_for_each_layer_and_convention():
    similarities, modules = {}, {}
    for layer, convention in [("a", "printed"), (("a", "b"), "printed"), ("a", "released")]:
        for measure in ("covariance", "own"):
            known = {"layer": layer, "measure": measure, "convention": convention}
            key = layer, measure, convention
            similarities[key] = Similarity(np.ones((4, 4)), **known)
            modules[key] = Modules(np.array([0, 0, 1, 1]), 0.25, **known)
    axes = networks.draw_found(similarities, modules).axes
    assert [ax.get_title() for ax in axes] == ["covariance, Q = 0.25", "own, Q = 0.25"] * 3
    rows = [ax.get_ylabel() for ax in axes[::2]]
    assert rows == ["a, as printed", "a + b, as printed", "a, as released"]


def test_maps_stand_below_their_digit_each_module_on_its_own_scale():
    maps = np.arange(2 * 3 * 2 * 2, dtype=float).reshape(2, 3, 2, 2) - 4
    axes = networks.draw_maps(np.zeros((3, 8, 8)), maps).axes
    drawn = [ax.images[0] for ax in axes]
    np.testing.assert_array_equal(drawn[3 + 3 * 1 + 2].get_array(), maps[1, 2])
    assert [image.get_clim() for image in drawn[3:]] == [(-7, 7)] * 3 + [(-19, 19)] * 3


def test_courses_are_drawn_row_by_row_with_the_digit_at_their_end():
    courses = np.arange(12.0).reshape(2, 3, 2)
    axes = networks.draw_courses(courses).axes
    for module, ax in enumerate(axes):
        lines = [line.get_xydata().tolist() for line in ax.lines]
        assert lines == [[[1, low], [2, high]] for low, high in courses[module].tolist()]
        assert [text.get_text() for text in ax.texts] == ["0", "1", "2"]


def test_patches_are_drawn_where_they_lie():
    labels = np.array([0, 1, 2, 3])
    axes = networks.draw_tokens(np.eye(5), labels, [np.eye(4), np.ones((4, 4))], ["in", "out"]).axes
    places = {text.get_text(): text.get_position() for text in axes[1].texts}
    assert places == {"0": (0, 0), "1": (1, 0), "2": (0, 1), "3": (1, 1)}  # column, row
    assert [ax.get_title() for ax in axes[2:4]] == ["in", "out"]
    np.testing.assert_array_equal(axes[3].images[0].get_array(), np.ones((4, 4)))
