"""The page on a network of one's own, with another layer and seed, computed again by hand."""

import re
from math import exp, log

import nbformat
import numpy as np
import papermill
import pytest
from chapters import ROOT, glued, n_figures, run, texts
from oracles import double_sum_modularity

CHAPTER = "11-your-own-network"
PARAMETERS = {"seed": 1, "layer": 2, "epochs": 10, "time_limit": 1.0}
MEASURES = ["covariance", "input_sensitivity", "output_sensitivity", "loss_hessian"]
LEAVE = """
held = {"inputs": inputs[test].numpy(), "targets": targets[test].numpy()}
held |= {name.replace(".", "-"): v.numpy() for name, v in model.state_dict().items()}
for measure in similarity:
    held["similarity-" + measure] = similarity[measure].values
    held["labels-" + measure] = modules[measure].labels
    held["again-" + measure] = again[measure].labels
    held["q-" + measure] = modules[measure].q
    held["bound-" + measure] = proof[measure].upper
held["agreement"] = agreement
held["table"] = table.to_numpy(float)  # before it is rounded
held["channels"] = found.labels
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


def test_the_network_is_scored_on_images_that_it_has_not_seen(page):
    notebook, held = page
    hidden = np.maximum(held["inputs"] @ held["0-weight"].T + held["0-bias"], 0)
    hidden = np.maximum(hidden @ held["3-weight"].T + held["3-bias"], 0)
    logits = hidden @ held["5-weight"].T + held["5-bias"]
    accuracy = 100 * np.mean(logits.argmax(axis=1) == held["targets"])
    assert glued(notebook)["own-accuracy"] == pytest.approx(accuracy)
    assert accuracy > 80  # chance is 10
    assert len(held["targets"]) == 450  # a quarter of 1797, from the first on


def test_the_layer_asked_for_is_compared_on_held_out_images(page):
    _, held = page
    hidden = np.maximum(held["inputs"] @ held["0-weight"].T + held["0-bias"], 0)
    hidden = np.maximum(hidden @ held["3-weight"].T + held["3-bias"], 0).astype(float)
    deviations = np.abs(hidden - hidden.mean(axis=0))
    covariance = deviations.T @ deviations / len(hidden)
    variance = np.diagonal(covariance)
    expected = covariance / np.maximum(np.maximum.outer(variance, variance), 1e-12)
    np.testing.assert_allclose(held["similarity-covariance"], expected, rtol=1e-4, atol=1e-7)
    # In the last hidden layer output sensitivity compares outgoing weights.
    gram = np.abs(held["5-weight"].T.astype(float) @ held["5-weight"].astype(float))
    largest = np.maximum.outer(np.diagonal(gram), np.diagonal(gram))
    np.testing.assert_allclose(held["similarity-output_sensitivity"], gram / largest, rtol=1e-4)


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


def test_records_show_the_units_of_the_largest_module_by_name(page):
    notebook, held = page
    labels = held["labels-covariance"]
    members = tuple(np.flatnonzero(labels == 0).tolist())
    assert len(members) == np.bincount(labels[labels >= 0]).max()
    assert str(members) in texts(notebook)
    (frame,) = (text for text in texts(notebook).split("<style") if "<th>module</th>" in text)
    cells = re.findall(r"<td>(-?\d+)</td>", frame)
    assert cells == [str(number) for pair in enumerate(labels[:5].tolist()) for number in pair]


def test_the_channels_of_a_convolution_are_its_units(page):
    notebook, held = page
    assert held["channels"].shape == (16,)
    assert glued(notebook)["own-channel-modules"] == len(set(held["channels"].tolist()) - {-1})
    assert glued(notebook)["own-channel-q"] > 0
    assert n_figures(notebook) == 1


def test_a_layer_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="layer must be between 1 and 2"):
        run(CHAPTER, tmp_path, layer=3, epochs=0)
