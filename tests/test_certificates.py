"""Certificates of a sweep: the right layers, bounds that hold, and nothing done twice."""

import json
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import small

from experiments.config import SettingConfig
from experiments.data import load
from experiments.engine import certificates, proofs, tables
from experiments.engine.certificates import certify_runs, places
from experiments.engine.files import file_hash
from experiments.engine.proofs import check_archive
from experiments.engine.sweep import open_store
from experiments.paper import CERTIFICATES, EXPERIMENT, full_grid
from experiments.report.examples import read_examples
from experiments.report.frames import read_results
from experiments.weights import load_weights
from modlib.comparison import agreement
from modlib.modularity import modularity, to_adjacency
from modlib.optimality.certificate import certify, check
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.measures import METHODS


def test_seed_0_of_every_setting_and_three_untrained_networks_are_certified():
    wanted = places(EXPERIMENT, full_grid())
    # 30 settings and 3 untrained networks, two layers, eight matrices each: 528.
    assert len({place for _, place in wanted}) == len(wanted) == 33 * 2
    untrained = {place for run, place in wanted if run.name.startswith("untrained")}
    names = ("untrained-0-0", "untrained-0-1", "untrained-0-2")
    assert untrained == {f"{name}-h{layer}" for name in names for layer in (1, 2)}
    trained = {place for run, place in wanted if not run.name.startswith("untrained")}
    assert {place.rpartition("-h")[0].rpartition("-")[2] for place in trained} == {"0"}


def test_an_experiment_without_proofs_has_nothing_to_certify():
    with pytest.raises(ValueError, match="experiment paper has nothing to certify"):
        places(replace(EXPERIMENT, proofs=None), full_grid())


@pytest.fixture(scope="module")
def certified(small_results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("certified") / "results"
    shutil.copytree(small_results.parent, folder)
    assert certify_runs(EXPERIMENT, small.runs(), folder, time_limit=20, n_workers=2) == {}
    return folder


def test_each_matrix_has_bounds_that_hold_and_labels_that_reach_the_lower(certified):
    table = tables.read(CERTIFICATES, certified / "paper" / "certificates.parquet").to_pylist()
    assert len(table) == (6 + 3) * 2 * 8
    data, store = load("digits"), open_store(EXPERIMENT, certified)
    row = {(r["network"], r["layer"], r["measure"], r["normalized"]): r for r in table}
    network = "dropout-0.4-0"
    (run,) = [
        run for run in small.runs()
        if SettingConfig.from_parameters(run.parameters).name == "dropout-0.4"
    ]  # fmt: skip
    model = load_weights(store.folder(run) / "weights" / f"{network}.safetensors")
    raw = similarity_matrices(model, data.test_inputs, data.test_targets, conventions=["printed"])
    for layer, (measure, normalized) in product((1, 2), METHODS):
        found = row[network, layer, measure, normalized]
        matrix = raw[layer, measure, "printed"]
        matrix = matrix.normalized() if normalized else matrix
        assert found["lower"] == modularity(to_adjacency(matrix), found["labels"])
        assert found["lower"] <= found["upper"]
        assert found["optimal"]  # 16 units are few


def test_the_best_search_reaches_the_proven_optimum_of_every_small_matrix(certified):
    read = read_results(certified / "paper")
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
    before = (certified / "paper" / "certificates.parquet").read_bytes()
    parts = [path.suffix for path in (certified / "raw" / "certificates").iterdir()]
    kinds = (".checked", ".json", ".parquet", ".zip")
    assert sorted(parts) == [kind for kind in kinds for _ in range(18)]
    monkeypatch.setattr(certificates, "connect", None)  # no worker is needed
    counts = []
    report = lambda *numbers: counts.append(numbers)  # noqa: E731
    assert certify_runs(EXPERIMENT, small.runs(), certified, time_limit=20, report=report) == {}
    assert counts == [(18, 18)]
    assert (certified / "paper" / "certificates.parquet").read_bytes() == before
    origin = json.loads((certified / "paper" / "certificates.json").read_text())
    assert origin["time_limit"] == 20
    names = ["certificates.parquet", "certificates.zip", "certificates_checked.parquet"]
    assert origin["files"] == {name: file_hash(certified / "paper" / name) for name in names}


@pytest.mark.parametrize("kind", [".checked", ".json", ".parquet", ".zip"])
def test_a_place_is_not_done_if_any_byte_of_its_files_has_changed(certified, kind):
    random = np.random.default_rng(0)
    part = min((certified / "raw" / "certificates").glob("*.parquet"))
    path = part.with_suffix(kind)
    whole = path.read_bytes()
    assert certificates._is_done(part)
    try:
        for _ in range(30):
            data = bytearray(whole)
            data[random.integers(len(data))] ^= 1 << int(random.integers(8))
            path.write_bytes(data)
            assert not certificates._is_done(part)
            path.write_bytes(whole[: random.integers(len(whole))])
            assert not certificates._is_done(part)
        path.unlink()
        assert not certificates._is_done(part)
    finally:
        path.write_bytes(whole)
    assert certificates._is_done(part)


def test_the_checker_verifies_every_proof_of_its_own_matrix(certified):
    spec = EXPERIMENT.proofs.checked
    found = tables.read(spec, certified / "paper" / "certificates_checked.parquet").to_pylist()
    assert len(found) == (6 + 3) * 2 * 8
    assert all(row["verified"] for row in found)
    assert all(row["proof_bytes"] > 1000 for row in found)


def test_a_proof_of_another_matrix_is_not_verified(tmp_path):
    random = np.random.default_rng(0)
    one, other = (np.abs(np.cov(random.standard_normal((6, 20)))) for _ in range(2))
    found = certify(one)
    found.save(tmp_path / "proof.npz")
    assert certificates._checked(found, tmp_path / "proof.npz", one)["verified"]
    assert not certificates._checked(found, tmp_path / "proof.npz", other)["verified"]


def test_a_sample_of_the_proofs_is_drawn_and_checked(certified, monkeypatch, tmp_path):
    said = {}
    archive = certified / "paper" / "certificates.zip"
    assert check_archive(archive, said.__setitem__) == 0
    assert len(said) == proofs.N_SAMPLE == 64
    assert set(said.values()) == {""}
    raw = sorted((certified / "raw" / "certificates").glob("*.zip"))
    monkeypatch.setattr(proofs, "N_SAMPLE", 1000)
    proofs.pack_sample(raw, tmp_path / "all.zip")
    with ZipFile(tmp_path / "all.zip") as packed:
        names = packed.namelist()
    assert len(set(names)) == (6 + 3) * 2 * 8
    assert set(said) < set(names)


def test_a_proof_that_does_not_hold_is_named_among_the_others(tmp_path):
    folder = tmp_path / "proofs"
    folder.mkdir()
    for name in ("a", "b", "c"):
        certify(np.ones((4, 4))).save(folder / f"{name}.npz")
    (folder / "b.npz").write_bytes(b"damaged")
    proofs.pack(folder, tmp_path / "some.zip")
    said = {}
    assert check_archive(tmp_path / "some.zip", said.__setitem__) == 1
    assert {name for name, reason in said.items() if not reason} == {"a.npz", "c.npz"}
    assert "the file is damaged" in said["b.npz"]


def test_the_same_proofs_give_the_same_archive(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        certify(np.ones((4, 4))).save(tmp_path / name / "proof.npz")
        proofs.pack(tmp_path / name, tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()


def test_an_archive_that_is_damaged_or_empty_is_refused(tmp_path):
    (tmp_path / "damaged.zip").write_bytes(b"none")
    with pytest.raises(ValueError, match="must be an archive of proofs"):
        check_archive(tmp_path / "damaged.zip", print)
    (tmp_path / "nothing").mkdir()
    proofs.pack(tmp_path / "nothing", tmp_path / "empty.zip")
    with pytest.raises(ValueError, match="must hold proofs"):
        check_archive(tmp_path / "empty.zip", print)


def test_without_a_sweep_each_layer_fails_by_name(tmp_path):
    causes = certify_runs(EXPERIMENT, small.runs()[:1], tmp_path, n_workers=1)
    assert list(causes) == ["l2-1e-05-0-h1", "l2-1e-05-0-h2"]
    assert all(cause.startswith("FileNotFoundError") for cause in causes.values())
    assert not (tmp_path / "paper" / "certificates.parquet").exists()


def test_the_proofs_beside_the_committed_tables_hold_and_are_of_their_matrices(tmp_path):
    folder = Path(__file__).parents[1] / "results" / "paper"
    table = read_results(folder).certificates.set_index(list(CERTIFICATES.key))
    examples = read_examples(folder)
    with ZipFile(folder / "certificates.zip") as packed:
        packed.extractall(tmp_path)
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == proofs.N_SAMPLE
    names = {certificates._name(dict(zip(CERTIFICATES.key, key, strict=True)), CERTIFICATES.key):
             key for key in table.index}  # fmt: skip
    for path in paths:
        _, _, network, layer, measure, normalized = key = names[path.stem]
        verdict = check(path)
        assert float(verdict.upper) <= table.loc[key, "upper"]
        assert float(verdict.q) == pytest.approx(table.loc[key, "lower"], abs=1e-12)
        if network in examples.networks and not normalized:
            stored = examples.similarity(network, layer, measure)
            with np.load(path) as contents:
                above = contents["similarity"]
            np.testing.assert_allclose(above, stored[np.triu_indices(len(stored), 1)], rtol=1e-4,
                                       atol=1e-6 * above.max())  # fmt: skip
