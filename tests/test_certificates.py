"""Certificates of a sweep: the right layers, bounds that hold, and nothing done twice."""

import json
import shutil
from itertools import product

import pytest
import small

from experiments.analysis import METHODS, RULES
from experiments.data import load
from experiments.engine import certificates, provenance
from experiments.engine import tables as results
from experiments.engine.certificates import certify_sweep, layers
from experiments.engine.store import Store
from experiments.engine.sweep import paper
from experiments.report.frames import read_results
from experiments.training.train import load_weights
from modlib.comparison import agreement
from modlib.modularity import modularity, to_adjacency
from modlib.similarity.compute import normalize, similarity_matrices


def test_seed_0_of_every_setting_and_three_untrained_networks_are_certified():
    wanted = layers(paper())
    # 30 settings and 3 untrained networks, two layers, eight matrices each: 528.
    assert len({(w.network, w.layer) for w in wanted}) == len(wanted) == 33 * 2
    untrained = {w.network for w in wanted if w.setting.regularizer == "untrained"}
    assert untrained == {"untrained-0-0", "untrained-0-1", "untrained-0-2"}
    assert {w.seed for w in wanted if w.setting.regularizer != "untrained"} == {0}


@pytest.fixture(scope="module")
def certified(small_results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("certified") / "results"
    shutil.copytree(small_results, folder)
    assert certify_sweep(small.settings(), folder, time_limit=20, n_workers=2) == {}
    return folder


def test_each_matrix_has_bounds_that_hold_and_labels_that_reach_the_lower(certified):
    table = results.read("certificates", certified / "certificates.parquet").to_pylist()
    assert len(table) == (6 + 3) * 2 * 8
    data, settings = load("digits"), {s.name: s for s in small.settings()}
    store = Store(certified / "raw", provenance.code_hash())
    row = {(r["network"], r["layer"], r["measure"], r["normalized"]): r for r in table}
    network, setting = "dropout-0.4-0", settings["dropout-0.4"]
    model = load_weights(store.folder(setting) / "weights" / f"{network}.safetensors")
    raw = similarity_matrices(model, data.test_inputs, data.test_targets, conventions=["printed"])
    for layer, (measure, normalized) in product((1, 2), METHODS):
        found = row[network, layer, measure, normalized]
        matrix = raw[layer, measure, "printed"]
        matrix = normalize(matrix, RULES["printed"]) if normalized else matrix
        assert found["lower"] == modularity(to_adjacency(matrix), found["labels"])
        assert found["lower"] <= found["upper"]
        assert found["optimal"]  # 16 units are few


def test_the_best_search_reaches_the_proven_optimum_of_every_small_matrix(certified):
    read = read_results(certified)
    key = ["network", "layer", "measure", "normalized"]
    inside = read.modules[read.modules["convention"] == "printed"]
    both = inside.merge(read.certificates[[*key, "lower", "upper", "labels"]], on=key,
                        suffixes=("", "_proven"))  # fmt: skip
    assert len(both) == len(read.certificates)
    assert (both["q_best"] <= both["upper"] + 1e-12).all()
    assert (both["q_best"] >= both["lower"] - 1e-12).all()
    assert (both["q"] <= both["upper"] + 1e-12).all()
    for labels, proven in zip(both["labels_best"][:10], both["labels_proven"][:10], strict=True):
        assert 0 < agreement(labels, proven) <= 1


def test_finished_layers_are_not_done_again_and_the_table_is_the_same(certified, monkeypatch):
    before = (certified / "certificates.parquet").read_bytes()
    parts = sorted((certified / "raw" / "certificates").iterdir())
    assert len(parts) == 18
    monkeypatch.setattr(certificates, "connect", None)  # no worker is needed
    counts = []
    report = lambda *numbers: counts.append(numbers)  # noqa: E731
    assert certify_sweep(small.settings(), certified, time_limit=20, report=report) == {}
    assert counts == [(18, 18)]
    assert (certified / "certificates.parquet").read_bytes() == before
    origin = json.loads((certified / "certificates.json").read_text())
    assert origin["time_limit"] == 20
    assert origin["files"]["certificates.parquet"] == provenance.file_hash(
        certified / "certificates.parquet"
    )


def test_without_a_sweep_each_layer_fails_by_name(tmp_path):
    causes = certify_sweep(small.settings()[:1], tmp_path, n_workers=1)
    assert list(causes) == ["l2-1e-05-0, layer 1", "l2-1e-05-0, layer 2"]
    assert all(cause.startswith("FileNotFoundError") for cause in causes.values())
    assert not (tmp_path / "certificates.parquet").exists()
