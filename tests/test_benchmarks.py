"""The benchmarks measure what they say; how fast things are is for their tables, not for tests."""

import json
import sys
from functools import partial
from pathlib import Path
from time import sleep

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as program  # noqa: E402
from benchmarks import clustering, networks, similarity, stopwatch  # noqa: E402


def allocate(n_mebibytes: int):
    return partial(np.ones, n_mebibytes * 2**17)  # float64: 8 bytes each


def test_the_stopwatch_shows_the_least_disturbed_of_its_repeats():
    naps = iter([0.2, 0.05, 0.01, 0.05])  # the first is to warm up
    assert 0.01 <= stopwatch.seconds(lambda: sleep(next(naps)), repeats=3) < 0.05


def test_peak_memory_is_that_of_the_call_alone():
    # The process may have had some mebibytes to spare from its start.
    assert 280 < stopwatch.peak_mebibytes(partial(allocate, 300)) < 330


def test_samples_repeat_the_test_set_as_often_as_needed(monkeypatch):
    monkeypatch.setenv("MODLIB_DATA", "/dev/null/none")
    networks.data.cache_clear()
    n_test = len(networks.data().test_inputs)
    inputs, targets = networks.samples(n_test + 5)
    assert len(inputs) == len(targets) == n_test + 5
    assert (inputs[n_test:] == inputs[:5]).all()
    networks.data.cache_clear()


def test_all_ways_to_compute_similarity_run_on_the_same_network(monkeypatch):
    monkeypatch.setenv("MODLIB_DATA", "/dev/null/none")
    networks.data.cache_clear()
    monkeypatch.setattr(networks, "EPOCHS", 1)
    monkeypatch.setattr(similarity, "N_INPUTS", 8)
    monkeypatch.setattr(similarity, "N_LOOP", 2)
    monkeypatch.setattr(similarity, "peak_mebibytes", lambda prepare: prepare()())
    rows = similarity.against_autograd()
    assert [row["inputs"] for row in rows] == [8, 8, 2]
    assert rows[0]["ratio"] == 1
    networks.data.cache_clear()


def test_leiden_finds_what_is_plain_to_see():
    cliques = np.kron(np.eye(2), np.ones((4, 4)))  # two cliques, apart: Q is 1/2
    found = clustering.best_of_leiden(cliques)
    assert found.q == pytest.approx(1 / 2)
    assert len(set(found.labels[:4])) == len(set(found.labels[4:])) == 1


def test_report_is_written_whole_and_names_its_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "TABLES", {"one": lambda: [{"seconds": 1.0}]})
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--output", str(tmp_path / "b.json")])
    program.main()
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["tables"] == {"one": [{"seconds": 1.0}]}
    assert {"processor", "threads", "versions", "gigaflops"} <= set(report["machine"])
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_unknown_tables_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "nonsense"])
    with pytest.raises(SystemExit):
        program.main()
    assert "no such table: nonsense" in capsys.readouterr().err


def test_committed_report_has_every_table():
    report = json.loads((ROOT / "results" / "benchmarks.json").read_text())
    assert set(report["tables"]) == set(program.TABLES)
    assert report["data"] == "mnist"
