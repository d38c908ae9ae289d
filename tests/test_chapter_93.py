"""Chapter 93: costs are those of the record, estimates follow, commands exist."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from chapters import ROOT, glued, n_figures, run, texts

from experiments.paper import run_of, table_1
from experiments.report.frames import read_results
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS

CHAPTER = "93-scaling"
TEXT = (ROOT / "notebooks" / f"{CHAPTER}.md").read_text()
BENCHMARKS = ROOT / "results" / "benchmarks.json"


@pytest.fixture
def report():
    return json.loads(BENCHMARKS.read_text())


def test_bill_is_the_sum_of_the_record(small_results, tmp_path):
    manifest = json.loads((small_results / "manifest.json").read_text())
    rest = sum(
        2 * each["seconds"]["wall"] - sum(each["seconds"].values())  # "wall" is one of the values
        for each in manifest["runs"].values()
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
    check_fewer_inputs(numbers, read_results(small_results))


def check_fewer_inputs(numbers, results):
    """Those of the exercise, told once more by hand: of the least number that was tried, 100."""
    kept = results.networks.query("kept and regularizer != 'untrained'")["network"]
    frame = results.inputs[results.inputs["network"].isin(kept)]
    assert (numbers["most-inputs"], numbers["fewer-inputs"]) == (frame["n_inputs"].max(), 100)
    few, all_of_them = (frame[frame["n_inputs"] == n] for n in (100, numbers["most-inputs"]))
    assert numbers["fewer-element"] == pytest.approx(few["element"].mean())
    shift = max(
        abs(few[one]["q"].mean() - all_of_them[other]["q"].mean())
        for method in METHODS
        for convention in CONVENTIONS
        for one, other in [[is_of(rows, method, convention) for rows in (few, all_of_them)]]
    )
    assert numbers["fewer-shift"] == pytest.approx(shift)
    searched = results.modules["network"].isin(set(frame["network"]))
    assert numbers["same-inputs"] == pytest.approx(results.modules[searched]["retest"].mean())


def is_of(rows, method, convention):
    return (
        (rows["measure"] == method.measure)
        & (rows["normalized"] == method.normalized)
        & (rows["convention"] == convention)
    )


def test_growth_and_speed_up_come_from_the_benchmarks(small_results, tmp_path, report):
    tables = report["tables"]
    tables["similarity_inputs"] = [{"inputs": 100, "seconds": 1}, {"inputs": 400, "seconds": 9}]
    tables["engine_runs"] = [{"runs": 10_000, "milliseconds": 2.5}]
    tables["sweep_workers"] = [{"workers": 1, "seconds": 90}, {"workers": 2, "seconds": 60}]
    given = tmp_path / "report.json"
    given.write_text(json.dumps(report))
    notebook = run(CHAPTER, tmp_path, results=str(small_results), benchmarks=str(given), times=[1])
    # Four times the inputs for nine times the seconds: twice the inputs for three times.
    assert glued(notebook)["growth-similarity-inputs"] == pytest.approx(3)
    assert "a speed-up of 1.50" in texts(notebook)
    assert "Each of 10,000 runs that do nothing took 2.5 ms" in texts(notebook)


def test_page_says_what_was_not_measured(small_results, tmp_path, report):
    for name in ("sweep_workers", "engine_runs"):
        report["tables"].pop(name, None)
    given = tmp_path / "report.json"
    given.write_text(json.dumps(report))
    notebook = run(CHAPTER, tmp_path, results=str(small_results), benchmarks=str(given), times=[1])
    assert texts(notebook).count("not measured") == 2


@pytest.mark.parametrize("command", ["dask scheduler", "dask worker", "python -m experiments run"])
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


def test_scripts_of_the_page_import_what_there_is():
    scripts = [ast.parse(code) for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)]
    assert len(scripts) == 2  # of SLURM and of Kubernetes
    for script in scripts:
        ours = [
            node
            for node in ast.walk(script)
            if isinstance(node, ast.ImportFrom) and node.module.startswith("experiments")
        ]
        assert ours
        for node in ours:
            module = import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_settings_of_the_script_for_slurm_are_ten_times_those_of_the_paper():
    code = re.search(r"^settings = \[\n.*?^\]\n", TEXT, re.DOTALL | re.MULTILINE)[0]
    names = {"replace": replace, "table_1": table_1}
    exec(code, names)
    runs = [run_of(setting) for setting in names["settings"]]
    assert len({each.name for each in runs}) == len(runs) == 10 * len(table_1())
    assert [list(setting.seeds) for setting in names["settings"][:2]] == [
        [*range(9)], [*range(100, 109)],
    ]  # fmt: skip
