"""The page on reproducing quotes the manifest it is given, and notices files that do not fit it."""

import json
import re

import papermill
import pytest
from chapters import ROOT, glued, n_figures, run, texts
from small import seal

from experiments.__main__ import default_results
from experiments.engine.files import file_hash
from experiments.engine.seal import write_sealed
from experiments.paper import EXPERIMENT


@pytest.fixture
def results(tmp_path):
    """A folder of results of three networks, as far as this page reads it."""
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "networks.parquet").write_text("a table")
    stages = {"data": 2.0, "training": 7200.0}
    run_of_three = {"n_parts": 3, "seconds": {"wall": 9000.0}}
    manifest = {
        "machines": [{"processor": "An abacus", "cores": 2, "system": "Any"}],
        "versions": [{"torch": "9.9"}],
        "seconds": stages,
        "cpu_seconds": {"data": 0.0, "training": 1800.0},
        "files": {"networks.parquet": file_hash(folder / "networks.parquet")},
        "runs": {"one": run_of_three},
        "code_hash": ["0123456789ab"],
    }
    write_sealed(folder / "manifest.json", manifest)
    return folder


@pytest.fixture
def benchmarks(tmp_path):
    """A report of benchmarks, as far as this page reads it."""
    path = tmp_path / "report.json"
    rows = [{"command": "make venv", "seconds": 90.0}, {"command": "make book", "seconds": 150.0}]
    report = {"seconds": {"commands": 240.0, "search": 60.0}, "tables": {"commands": rows}}
    path.write_text(json.dumps(report))
    return path


def test_times_and_checksums_come_from_the_manifest_and_the_benchmarks(
    results, benchmarks, tmp_path
):
    notebook = run("92-reproduce", tmp_path, results=str(results), benchmarks=str(benchmarks))
    assert glued(notebook) == {
        "reproduce-networks": 3, "reproduce-settings": 1, "reproduce-hours": 2.5,
        "reproduce-cpu-hours": 0.5, "reproduce-data-seconds": 2.0,
    }  # fmt: skip
    assert file_hash(results / "networks.parquet")[:16] in texts(notebook)
    assert "An abacus, 2 cores" in texts(notebook)
    assert "without certificates" in texts(notebook)
    for told in (
        "`make venv` took 1.5 minutes", "`make book` took 2.5 minutes",
        "All of them took 5.0 minutes", file_hash(benchmarks),
    ):  # fmt: skip
        assert told in texts(notebook)
    assert "`make test` was not measured" in texts(notebook)
    assert n_figures(notebook) == 1


def test_page_says_that_tables_were_renamed_if_they_were(results, benchmarks, tmp_path):
    said = "computed by the first edition's code, `0123456789ab`"
    parameters = {"results": str(results), "benchmarks": str(benchmarks)}
    assert said not in texts(run("92-reproduce", tmp_path, **parameters))
    seal(results, renamed_by={})
    assert said in texts(run("92-reproduce", tmp_path, **parameters))


def test_names_and_folders_of_the_page_are_those_of_the_commands():
    text = (ROOT / "notebooks" / "92-reproduce.md").read_text()
    names = [f"{each.experiment}-{each.name}" for each in EXPERIMENT.runs("full")]
    assert re.search(r"`(paper-dropout[^`]+)`", text)[1] in names
    (preset,) = re.findall(r"-m experiments run --preset (\w+)", text)
    folder = default_results(preset).relative_to(ROOT) / EXPERIMENT.name
    assert f"`{folder}`" in text


def test_a_file_that_is_not_what_the_manifest_says_is_noticed(results, benchmarks, tmp_path):
    (results / "networks.parquet").write_text("another table")
    with pytest.raises(papermill.PapermillExecutionError, match=r"networks\.parquet"):
        run("92-reproduce", tmp_path, results=str(results), benchmarks=str(benchmarks))
