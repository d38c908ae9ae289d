"""Chapter 93: costs are those of the record, estimates follow, commands exist."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from chapters import ROOT, glued, n_figures, run, texts

CHAPTER = "93-scaling"
TEXT = (ROOT / "notebooks" / f"{CHAPTER}.md").read_text()
BENCHMARKS = ROOT / "results" / "benchmarks.json"


@pytest.fixture
def report():
    return json.loads(BENCHMARKS.read_text())


def test_bill_is_the_sum_of_the_record(small_results, tmp_path):
    manifest = json.loads((small_results / "manifest.json").read_text())
    rest = sum(
        2 * run["seconds"]["wall"] - sum(run["seconds"].values())  # "wall" is one of the values
        for run in manifest["settings"].values()
    )
    notebook = run(
        CHAPTER, tmp_path, results=str(small_results), benchmarks=str(BENCHMARKS), times=[1, 7],
        workers=[1],
    )  # fmt: skip
    numbers = glued(notebook)
    core_hours = (sum(manifest["cpu_seconds"].values()) + rest) / 3600
    assert numbers["core-hours"] == pytest.approx(core_hours)
    assert numbers["n-networks"] == 21
    # One worker has all core hours to work; seven times the networks cost seven times as much.
    assert numbers["largest-core-hours"] == pytest.approx(7 * core_hours)
    assert numbers["largest-hours"] == pytest.approx(7 * core_hours)
    assert n_figures(notebook) == 2


def test_growth_and_speed_up_come_from_the_benchmarks(small_results, tmp_path, report):
    tables = report["tables"]
    tables["similarity_inputs"] = [{"inputs": 100, "seconds": 1}, {"inputs": 400, "seconds": 9}]
    tables["sweep_workers"] = [{"workers": 1, "seconds": 90}, {"workers": 2, "seconds": 60}]
    given = tmp_path / "report.json"
    given.write_text(json.dumps(report))
    notebook = run(CHAPTER, tmp_path, results=str(small_results), benchmarks=str(given), times=[1])
    # Four times the inputs for nine times the seconds: twice the inputs for three times.
    assert glued(notebook)["growth-similarity-inputs"] == pytest.approx(3)
    assert "a speed-up of 1.50" in texts(notebook)


def test_page_says_what_was_not_measured(small_results, tmp_path, report):
    report["tables"].pop("sweep_workers", None)
    given = tmp_path / "report.json"
    given.write_text(json.dumps(report))
    notebook = run(CHAPTER, tmp_path, results=str(small_results), benchmarks=str(given), times=[1])
    assert "not measured" in texts(notebook)


@pytest.mark.parametrize(
    "command", ["dask scheduler", "dask worker", "python -m experiments sweep"]
)
def test_commands_of_the_page_know_their_options(command):
    (line,) = [line for line in TEXT.splitlines() if line.startswith("$") and command in line]
    options = re.findall(r"--[a-z-]+", line)
    name, *arguments = command.split()
    program = Path(sys.executable).with_name(name)
    shown = subprocess.run(
        [program, *arguments, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert options
    assert all(option in shown for option in options)
