"""The explorer's files hold what the tables and the examples hold, read as its page reads them."""

import base64
import json
import shutil

import numpy as np
import pytest
from small import seal

from experiments.engine import tables as files
from experiments.names import setting_of
from experiments.paper import CERTIFICATES, TABLES
from experiments.report.examples import read_examples
from experiments.report.explorer import encode_matrix, encode_weights, write_explorer
from experiments.report.frames import read_results
from modlib.similarity.measures import METHODS

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
    return stored["max"] * (decode(stored["bytes"], np.uint8) / 255.0) ** 2


def key(row) -> str:
    normalized = "normalized" if row.normalized else "raw"
    return f"{row.layer}/{row.measure}/{normalized}/{row.convention}"


def test_modules_stand_beside_what_chance_gives(folder, written):
    tables = read_results(folder)
    rotations = tables.nulls[tables.nulls["null"] == "rotation"]
    lesions = tables.lesions[~tables.lesions["signed"] & (tables.lesions["ablation"] == "mean")]
    assert len(rotations) == len(lesions) == len(tables.modules)
    for rows, name, column in (
        (rotations, "rotated", "q"), (lesions, "specificity", "specificity")
    ):  # fmt: skip
        for row in rows.itertuples():
            view = written[setting_of(row.network)][str(row.seed)]["views"][key(row)]
            assert view[name] == pytest.approx([getattr(row, column), row.null_mean], abs=1e-8)


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


def test_every_number_is_that_of_the_tables(folder, written):
    tables = read_results(folder)
    views = {
        (f"{name}-{seed}", view): content
        for name, data in written.items()
        if name != "index"
        for seed, network in data.items()
        for view, content in network["views"].items()
    }
    assert len(views) == len(tables.modules)
    for row in tables.modules.itertuples():
        view = views[row.network, key(row)]
        assert view["q"] == pytest.approx(row.q, abs=5.1e-9)
        assert view["q_best"] == pytest.approx(row.q_best, abs=5.1e-9)
        assert view["unused"] == row.n_unused
        for suffix, labels in (("", row.labels), ("_best", row.labels_best)):
            if "labels" in view:
                assert view[f"labels{suffix}"] == labels.tolist()
            else:
                counts = [int((labels == cluster).sum()) for cluster in range(labels.max() + 1)]
                assert view[f"sizes{suffix}"] == counts
                assert sum(counts) + row.n_unused == len(labels)
    for row in tables.networks.itertuples():
        network = written[row.network.rpartition("-")[0]][str(row.seed)]
        assert network["test_accuracy"] == pytest.approx(row.test_accuracy, abs=5.1e-9)
        assert network["kept"] == row.kept
        assert ("matrices" in network) == (row.network in read_examples(folder).networks)


def test_a_bound_stands_with_its_matrix_in_the_printed_convention_and_nowhere_else(written):
    bounds = {
        (name, seed, view): (content["upper"], content["optimal"])
        for name, data in written.items()
        if name != "index"
        for seed, network in data.items()
        for view, content in network["views"].items()
        if "upper" in content
    }
    view = "1/loss_hessian/normalized/printed"
    assert bounds == {("dropout-0.4", "0", view): (0.25123444, False)}


def test_matrices_are_those_of_the_examples_to_half_a_step(folder, written):
    examples = read_examples(folder)
    for network in examples.networks:
        name, _, seed = network.rpartition("-")
        stored = written[name][seed]["matrices"]
        for layer in (1, 2):
            for convention in ("printed", "released"):
                for measure, normalized in METHODS:
                    matrix = examples.similarity(
                        network, layer, measure, normalized=normalized, convention=convention
                    )
                    view = f"{layer}/{measure}/{'normalized' if normalized else 'raw'}/{convention}"
                    exact = matrix[np.triu_indices(len(matrix), 1)]
                    off = np.abs(np.sqrt(unpack(stored[view])) - np.sqrt(exact))
                    assert off.max() <= 0.5001 * np.sqrt(exact.max()) / 255, (network, view)
        assert len(stored) == 2 * 2 * len(METHODS)


def test_mean_weights_of_the_clusters_are_right_to_half_a_step(folder, written):
    examples = read_examples(folder)
    for network in examples.networks:
        name, _, seed = network.rpartition("-")
        data = written[name][seed]
        weights = examples.weights(network)["layers.0.weight"].double().numpy()
        steps = np.array(data["weights"]["steps"])
        packed = decode(data["weights"]["bytes"], np.int8).reshape(len(steps), -1)
        labels = np.array(data["views"]["1/covariance/raw/printed"]["labels"])
        assert data["weights"]["inputs"] == weights.shape[1]
        for cluster in range(labels.max() + 1):
            members = labels == cluster
            found = (packed * steps[:, None])[members].mean(axis=0)
            off = np.abs(found - weights[members].mean(axis=0))
            assert off.max() <= 0.5001 * steps[members].mean()


def test_a_matrix_is_packed_by_its_upper_triangle():
    # The roots of 4 and 1 are 2 and 1: of 255 steps up to the larger, 255, 127.5 (even: 128) and 0.
    matrix = np.array([[9.0, 4.0, 1.0], [4.0, 9.0, 0.0], [1.0, 0.0, 9.0]])
    stored = encode_matrix(matrix)
    assert decode(stored["bytes"], np.uint8).tolist() == [255, 128, 0]
    assert stored["max"] == 4.0
    assert stored["top"] == 3.94  # 98 % of the way from 1 to 4


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


def test_without_examples_there_are_sizes_and_no_matrices(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "examples.safetensors").unlink()
    seal(copy)
    written = read(write_explorer(copy, tmp_path / "explorer"))
    assert all(setting["examples"] == [] for setting in written["index"]["settings"])
    network = written["l2-1e-05"]["0"]
    assert "matrices" not in network
    assert sum(network["views"]["1/covariance/raw/printed"]["sizes"]) <= 16


def test_without_a_best_search_only_the_papers_is_there(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "modules.parquet"
    rows = files.read(TABLES["modules"], path).to_pylist()
    rows = [row | {"q_best": None, "labels_best": None} for row in rows]
    files.write(TABLES["modules"], files.from_rows(TABLES["modules"], rows), path)
    seal(copy)
    view = read(write_explorer(copy, tmp_path / "explorer"))["l2-1e-05"]["1"]["views"]
    assert set(view["2/loss_hessian/raw/released"]) == {
        "q", "unused", "sizes", "rotated", "specificity"
    }  # fmt: skip
