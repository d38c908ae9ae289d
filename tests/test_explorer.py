"""The explorer's files hold what the tables and the examples hold, read as its page reads them."""

import base64
import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from small import seal

from experiments.chance import N_INPUTS
from experiments.config import AnalysisConfig
from experiments.engine import tables as files
from experiments.images import N_IMAGES, first_images
from experiments.paper import CERTIFICATES, PROOFS, TABLES
from experiments.report.examples import read_examples
from experiments.report.explorer import (
    FIRST_LETTER,
    encode_matrix,
    encode_weights,
    example_data,
    labels_text,
    network_data,
    write_explorer,
)
from experiments.report.frames import read_results
from experiments.report.units import portraits
from modlib.similarity.measures import METHODS

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "paper"
CERTIFIED = ("digits", "mlp-16-12", "dropout-0.4-0", 1, "loss_hessian", True)


@pytest.fixture(scope="module")
def folder(small_results, tmp_path_factory):
    """Results with one certificate."""
    folder = tmp_path_factory.mktemp("results")
    for name in ("networks", "layers", "modules", "agreement", "nulls", "lesions"):
        shutil.copy(small_results / f"{name}.parquet", folder)
    for name in ("manifest.json", "examples.safetensors"):
        shutil.copy(small_results / name, folder)
    key = dict(zip(CERTIFICATES.key, CERTIFIED, strict=True))
    values = {"lower": 0.25, "upper": 0.251234444, "optimal": False, "seconds": 1.0, "labels": [0]}
    provenance = {"experiment": "paper", "config_hash": "c", "code_hash": "c", "version": "0"}
    table = files.from_rows(CERTIFICATES, [key | values | provenance])
    files.write(CERTIFICATES, table, folder / "certificates.parquet")
    return seal(folder)


@pytest.fixture(scope="module")
def written(folder, tmp_path_factory):
    return read(write_explorer(folder, tmp_path_factory.mktemp("explorer")))


def read(paths) -> dict:
    """What a page is handed by each of the scripts."""
    data = {}
    for name, path in paths.items():
        head, tail = f'modlibExplorer("{name}",', ");\n"
        text = path.read_text()
        assert text.startswith(head)
        assert text.endswith(tail)
        data[name] = json.loads(text.removeprefix(head).removesuffix(tail))
    return data


def decode(text: str, dtype) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def unpack(stored) -> np.ndarray:
    """The pairs of a matrix, by the rule that the page states."""
    return stored["max"] * (decode(stored["bytes"], np.uint8) / 255.0) ** 4


def unwritten(text: str) -> list[int]:
    """Labels, by the rule that the page reads them by."""
    return [ord(letter) - FIRST_LETTER for letter in text]


def method(measure: str, normalized: bool) -> str:
    return f"{measure}/{'normalized' if normalized else 'raw'}"


def key(row) -> str:
    return f"{row.layer}/{method(row.measure, row.normalized)}/{row.convention}"


def test_modules_stand_beside_what_chance_gives(folder, written):
    tables = read_results(folder)
    rotations = tables.nulls[tables.nulls["null"] == "rotation"]
    lesions = tables.lesions[~tables.lesions["signed"] & (tables.lesions["ablation"] == "mean")]
    assert len(rotations) == len(lesions) == len(tables.modules)
    for rows, name, column in (
        (rotations, "rotated", "q"), (lesions, "specificity", "specificity")
    ):  # fmt: skip
        for row in rows.itertuples():
            view = written[row.network]["views"][key(row)]
            told = [getattr(row, column), row.null_mean, row.null_std, row.p]
            assert view[name] == pytest.approx(told, abs=1e-8)


def test_index_lists_every_setting_strength_and_seed_and_which_have_matrices(folder, written):
    networks = read_results(folder).networks
    stored = read_examples(folder).networks
    listed = [
        (f"{setting['name']}-{seed}", setting["regularizer"], float(setting["strength"]), seed)
        for setting in written["index"]["settings"]
        for seed in setting["seeds"]
    ]
    columns = ["network", "regularizer", "strength", "seed"]
    assert listed == list(networks[columns].itertuples(index=False, name=None))
    with_matrices = [
        f"{setting['name']}-{seed}"
        for setting in written["index"]["settings"]
        for seed in setting["examples"]
    ]
    assert sorted(with_matrices) == stored
    assert written["index"]["layers"] == [1, 2]


def test_every_network_has_a_file_and_examples_have_one_for_each_thing_shown(folder, written):
    networks = set(read_results(folder).networks["network"])
    things = {
        f"{name}-h{layer}-{thing}"
        for name in read_examples(folder).networks
        for layer in (1, 2)
        for thing in ("printed", "released", "units")
    }
    assert set(written) == {"index"} | networks | things


def test_every_number_is_that_of_the_tables(folder, written):
    tables = read_results(folder)
    assert sum(
        len(written[name]["views"]) for name in tables.networks["network"]
    ) == len(tables.modules)  # fmt: skip
    for row in tables.modules.itertuples():
        view = written[row.network]["views"][key(row)]
        assert view["q"] == pytest.approx(row.q, abs=5.1e-9)
        assert view["q_best"] == pytest.approx(row.q_best, abs=5.1e-9)
        assert view["retest"] == pytest.approx(row.retest, abs=5.1e-9)
        assert unwritten(view["labels"]) == row.labels.tolist()
        assert unwritten(view["labels_best"]) == row.labels_best.tolist()
    for row in tables.networks.itertuples():
        network = written[row.network]
        assert network["test_accuracy"] == pytest.approx(row.test_accuracy, abs=5.1e-9)
        assert network["kept"] == row.kept


def test_a_bound_stands_with_its_matrix_in_the_printed_convention_and_nowhere_else(folder, written):
    bounds = {
        (name, view): (content["upper"], content["optimal"])
        for name in read_results(folder).networks["network"]
        for view, content in written[name]["views"].items()
        if "upper" in content
    }
    assert bounds == {("dropout-0.4-0", "1/loss_hessian/normalized/printed"): (0.25123444, False)}


def test_a_proof_that_was_checked_is_told_with_its_bound(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    rows = files.read(CERTIFICATES, copy / "certificates.parquet").to_pylist()
    kept = [*CERTIFICATES.key, "experiment", "config_hash", "code_hash", "version"]
    rest = {"verified": True, "check_seconds": 1.0, "n_cases": 1, "n_cuts": 2, "proof_bytes": 3}
    table = files.from_rows(
        PROOFS.checked, [{name: row[name] for name in kept} | rest for row in rows]
    )
    files.write(PROOFS.checked, table, copy / "certificates_checked.parquet")
    written = read(write_explorer(seal(copy), tmp_path / "explorer"))
    assert (
        written["dropout-0.4-0"]["views"]["1/loss_hessian/normalized/printed"]["verified"] is True
    )


def test_matrices_are_those_of_the_examples_to_half_a_step(folder, written):
    examples = read_examples(folder)
    for network, layer, convention in product(examples.networks, (1, 2), ("printed", "released")):
        stored = written[f"{network}-h{layer}-{convention}"]
        for measure, normalized in METHODS:
            matrix = examples.similarity(
                network, layer, measure, normalized=normalized, convention=convention
            )
            exact = matrix[np.triu_indices(len(matrix), 1)]
            off = unpack(stored[method(measure, normalized)]) ** 0.25 - exact**0.25
            assert np.abs(off).max() <= 0.5001 * exact.max() ** 0.25 / 255, (network, layer)
        assert len(stored) == len(METHODS)


def test_what_units_see_answer_and_do_is_that_of_the_network_on_the_images_that_come_with_it(
    folder, written
):
    examples = read_examples(folder)
    inputs, classes = first_images("digits", N_IMAGES)
    for network in examples.networks:
        for layer, found in portraits(examples.model(network), inputs, classes).items():
            data = written[f"{network}-h{layer}-units"]
            steps = np.array(data["fields"]["steps"])[:, None]
            packed = decode(data["fields"]["bytes"], np.int8).reshape(len(steps), -1)
            off = np.abs(packed * steps - found.fields)
            assert (off <= 0.5001 * steps + 1e-12).all()
            assert data["fields"]["inputs"] == inputs.shape[1]
            for name in ("responses", "effects", "activity"):
                np.testing.assert_allclose(data[name], getattr(found, name), rtol=0.00501)


def test_the_page_opens_on_a_view_and_a_pair_that_are_there(folder, written):
    opening = written["index"]["opening"]
    name = f"{opening['regularizer']}-{opening['strength']}-{opening['seed']}"
    assert name in read_examples(folder).networks
    views = written[name]["views"]
    for side in ("first", "second"):
        assert f"{opening['layer']}/{method(*opening[side])}/{opening['convention']}" in views


def test_a_matrix_is_packed_by_its_upper_triangle():
    # The fourth roots of 16 and 1 are 2 and 1: of 255 steps up to the larger, 255, 127.5 (even:
    # 128) and 0.
    matrix = np.array([[99.0, 16.0, 1.0], [16.0, 99.0, 0.0], [1.0, 0.0, 99.0]])
    stored = encode_matrix(matrix)
    assert decode(stored["bytes"], np.uint8).tolist() == [255, 128, 0]
    assert stored["max"] == 16.0
    assert stored["top"] == 15.7  # 98 % of the way from 1 to 16


def test_zeros_are_packed_as_zeros():
    stored = encode_matrix(np.zeros((3, 3)))
    assert unpack(stored).tolist() == [0, 0, 0]
    weights = encode_weights(np.array([[0.0, 0.0], [0.5, -1.27]]))
    assert decode(weights["bytes"], np.int8).tolist() == [0, 0, 50, -127]
    assert weights["steps"] == [0.0, 0.01]


def test_the_same_results_give_the_same_bytes(folder, tmp_path):
    one, other = (write_explorer(folder, tmp_path / name) for name in ("one", "other"))
    assert list(one) == list(other)
    assert all(one[name].read_bytes() == other[name].read_bytes() for name in one)


def test_without_results_the_index_is_empty(tmp_path):
    written = read(write_explorer(tmp_path, tmp_path / "explorer"))
    assert list(written) == ["index"]
    assert written["index"]["settings"] == []


def test_labels_are_written_a_letter_for_a_unit():
    assert labels_text(np.array([0, 2, -1, 10])) == "02/:"


def test_without_examples_there_are_modules_and_nothing_to_open_on(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "examples.safetensors").unlink()
    seal(copy)
    written = read(write_explorer(copy, tmp_path / "explorer"))
    assert all(setting["examples"] == [] for setting in written["index"]["settings"])
    assert written["index"]["opening"] == {}
    assert set(written) == {"index"} | set(read_results(folder).networks["network"])


def test_without_a_best_search_only_the_papers_is_there(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "modules.parquet"
    rows = files.read(TABLES["modules"], path).to_pylist()
    rows = [row | {"q_best": None, "labels_best": None} for row in rows]
    files.write(TABLES["modules"], files.from_rows(TABLES["modules"], rows), path)
    seal(copy)
    views = read(write_explorer(copy, tmp_path / "explorer"))["l2-1e-05-1"]["views"]
    assert set(views["2/loss_hessian/raw/released"]) == {
        "q", "labels", "retest", "rotated", "specificity"
    }  # fmt: skip


def test_no_file_that_a_page_fetches_is_heavy():
    """Of the paper's networks: a page fetches the index, a network, its matrices and its units."""
    tables = read_results(RESULTS)
    examples = read_examples(RESULTS)
    name = "dropout-0.5-0"
    assert len(json.dumps(network_data(tables)[name])) < 20_000
    some = tables.networks[tables.networks["network"] == name].to_dict("records")[0]
    sizes = [len(json.dumps(data)) for _, data in example_data(examples, some)]
    assert len(sizes) == 6
    assert max(sizes) < 90_000


def test_the_page_names_the_numbers_that_stand_behind_it():
    text = " ".join((ROOT / "book" / "explorer.md").read_text().split())
    networks = read_results(RESULTS).networks
    analysis = AnalysisConfig()
    for number, what in (
        (N_IMAGES, "test images at which the unit responds"),
        (analysis.n_steps, "random moves"),
        (N_INPUTS, "test images exceeds"),
        (analysis.null_draws, "rotations of the layer"),
        (analysis.lesion_draws, "random assignments"),
    ):
        assert f"{number:,} {what}" in text
    examples = set(read_examples(RESULTS).networks)
    assert examples == set(networks.loc[networks["seed"] == 0, "network"])
    certified = set(read_results(RESULTS).certificates["network"])
    assert examples <= certified


def test_modules_are_numbered_by_size_in_every_network_of_the_paper():
    for labels in read_results(RESULTS).modules["labels"]:
        sizes = np.bincount(labels[labels >= 0])
        assert (np.diff(sizes) <= 0).all()
