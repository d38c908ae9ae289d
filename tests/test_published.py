"""Tests of published results: no byte of them can change unnoticed, and nothing can be mixed."""

import json
import shutil

import numpy as np
import pytest
import torch

from experiments.engine import published, tables
from experiments.engine.experiment import Run
from experiments.engine.files import file_hash
from experiments.engine.published import MANIFEST, open_manifest
from experiments.engine.seal import read_sealed, write_sealed
from experiments.engine.store import Store
from experiments.paper import MODULES, TABLES
from experiments.report.examples import read_examples
from experiments.report.frames import read_results
from experiments.weights import load_weights, save_weights
from modlib.models import MLP

N_TRIALS = 60  # for each kind of file: 500 or more in all


@pytest.fixture
def copy(small_results, tmp_path):
    return shutil.copytree(small_results, tmp_path / "paper")


def damage(path, random):
    """Flip a bit, or cut the file short."""
    data = bytearray(path.read_bytes())
    place = int(random.integers(len(data)))
    if random.random() < 0.2:
        data = data[:place]
    else:
        data[place] ^= 1 << int(random.integers(8))
    path.write_bytes(data)


FILES = (*(f"{name}.parquet" for name in TABLES), "examples.safetensors", MANIFEST)


def test_every_file_of_the_results_is_tried(small_results):
    assert {path.name for path in small_results.iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_no_flip_and_no_cut_is_read_in_silence(copy, name):
    random = np.random.default_rng(0)
    whole = (copy / name).read_bytes()
    for _ in range(N_TRIALS):
        damage(copy / name, random)
        for read in (read_results, read_examples):
            with pytest.raises(ValueError, match=name):
                read(copy)
        (copy / name).write_bytes(whole)
    read_results(copy)


def test_no_flip_and_no_cut_of_weights_is_read_in_silence(tmp_path):
    random = np.random.default_rng(1)
    model, path = MLP((6, 5, 4), dropout=0.25, seed=3), tmp_path / "network.safetensors"
    save_weights(model, path)
    whole = path.read_bytes()
    for _ in range(3 * N_TRIALS):
        damage(path, random)
        with pytest.raises(ValueError, match=r"network\.safetensors must be a network"):
            load_weights(path)
        path.write_bytes(whole)
    back = load_weights(path)
    assert (back.widths, back.dropout) == (model.widths, model.dropout)
    assert all(
        torch.equal(a, b) for a, b in zip(back.parameters(), model.parameters(), strict=True)
    )


def test_no_flip_and_no_cut_of_a_record_or_its_files_counts_as_done(small_results, tmp_path):
    raw = shutil.copytree(small_results.parent / "raw", tmp_path / "raw")
    record = sorted(raw.glob("*/record.json"))[0]
    facts = read_sealed(record)
    run = Run(
        facts["experiment"],
        facts["run"].removeprefix("paper-"),
        facts["parameters"],
        facts["n_parts"],
    )
    store = Store(raw, facts["code_hash"])
    assert store.is_done(run)
    random = np.random.default_rng(2)
    for path in [record, *(record.parent / name for name in facts["files"])]:
        whole = path.read_bytes()
        for _ in range(N_TRIALS // 4):
            damage(path, random)
            assert not store.is_done(run)
            path.write_bytes(whole)
    assert store.is_done(run)


def test_tables_of_another_sweep_are_refused(copy, small_results, tmp_path):
    """Such as have the right form, and pass every check of their own."""
    other = tmp_path / "other"
    shutil.copytree(small_results, other)
    table = tables.read(MODULES, other / "modules.parquet")
    tables.write(MODULES, table.slice(0, len(table) - 1), copy / "modules.parquet")
    with pytest.raises(ValueError, match=r"modules\.parquet must have the SHA-256 that manifest"):
        read_results(copy)


def test_a_missing_table_is_refused_by_name(copy):
    (copy / "layers.parquet").unlink()
    with pytest.raises(ValueError, match=r"layers\.parquet must be there: manifest\.json tells"):
        read_results(copy)


def test_an_edited_manifest_is_refused(copy):
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["seconds"] = {"train": 1.0}
    (copy / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    with pytest.raises(ValueError, match=r"manifest\.json must be as it was written. Got a file"):
        read_results(copy)


def certificates_of(files, folder):
    (folder / "certificates.parquet").write_bytes(b"some table")
    own = {"certificates.parquet": file_hash(folder / "certificates.parquet")}
    write_sealed(folder / "certificates.json", {"files": own, "of": files})


def test_certificates_must_be_of_the_tables_they_lie_beside(copy):
    files = open_manifest(copy)["files"]
    certificates_of(files, copy)
    read_results(copy)
    certificates_of(files | {"modules.parquet": "0" * 64}, copy)
    with pytest.raises(ValueError, match="must be of the tables that it lies beside"):
        read_results(copy)
    certificates_of(files, copy)
    (copy / "certificates.parquet").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"certificates\.parquet must have the SHA-256 that cert"):
        read_results(copy)
    (copy / "certificates.json").unlink()
    with pytest.raises(ValueError, match=r"must have certificates\.json beside it"):
        read_results(copy)


def test_files_are_hashed_once_while_nothing_changes(copy, monkeypatch):
    read_results(copy)
    monkeypatch.setattr(published, "file_hash", lambda _: pytest.fail("hashed again"))
    read_results(copy)
    read_examples(copy)


def test_a_seal_keeps_what_it_seals(tmp_path):
    content = {"b": [1, 2.5, None, "ü"], "a": {"deep": True}}
    write_sealed(tmp_path / "file.json", content)
    assert read_sealed(tmp_path / "file.json") == content
    assert json.loads((tmp_path / "file.json").read_text())["seal"]
    for text in ("", "[]", "null", "{}", '{"seal": 1}', "[" * 10_000):
        (tmp_path / "file.json").write_text(text)
        with pytest.raises(ValueError, match="must be as it was written"):
            read_sealed(tmp_path / "file.json")


def test_a_new_folder_takes_the_place_of_the_old_one_as_a_whole(tmp_path):
    store = Store(tmp_path / "raw", "code")
    final = tmp_path / "paper"
    final.mkdir()
    (final / "old").write_text("old")
    with store.place_to_work("tables-paper") as working:
        (working / "new").write_text("new")
        store.replace(final, working)
    assert [path.name for path in final.iterdir()] == ["new"]
    assert not list(store.working.iterdir())


def test_if_the_new_folder_cannot_be_moved_the_old_one_stays(tmp_path, monkeypatch):
    store, final = Store(tmp_path / "raw", "code"), tmp_path / "paper"
    final.mkdir()
    (final / "old").write_text("old")
    rename = type(final).replace

    def fail(self, target):
        if self.name == "content":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    with store.place_to_work("tables-paper") as working:
        monkeypatch.setattr(type(final), "replace", fail)
        with pytest.raises(OSError, match="No space left"):
            store.replace(final, working)
        monkeypatch.undo()
    assert (final / "old").read_text() == "old"
    assert not list(store.working.iterdir())


def test_trials_are_five_hundred_at_least():
    assert len(FILES) * N_TRIALS + 3 * N_TRIALS >= 500


@pytest.mark.parametrize("kind", ["link", "folder", "device"])
def test_what_is_no_regular_file_is_not_replaced(tmp_path, kind):
    path = tmp_path / "network.safetensors"
    if kind == "link":
        (tmp_path / "precious").write_text("precious")
        path.symlink_to(tmp_path / "precious")
    elif kind == "folder":
        path.mkdir()
    else:
        path = type(path)("/dev/null")
    with pytest.raises(ValueError, match=rf"must be a regular file, .* Got a {kind}: name another"):
        save_weights(MLP((4, 3, 2)), path)
    with pytest.raises(ValueError, match=f"Got a {kind}"):
        write_sealed(path, {})
    assert kind != "link" or (tmp_path / "precious").read_text() == "precious"
