"""The command: what it says to those who mistype, lack an extra, or invent a preset."""

import subprocess
import sys
from pathlib import Path

import pytest

from experiments import __main__ as command
from experiments import config
from experiments.__main__ import RESULTS, default_results, main

ROOT = Path(__file__).parents[1]


def refused(capsys, *arguments: str) -> str:
    """What is said of arguments that the parser refuses."""
    with pytest.raises(SystemExit) as error:
        main(list(arguments))
    assert error.value.code == 2
    return capsys.readouterr().err


def test_only_the_full_grid_goes_to_the_tables_that_are_committed():
    assert default_results("full") == RESULTS == ROOT / "results"
    places = {default_results(preset) for preset in ("smoke", "tiny", "one more")}
    assert len(places) == 3
    assert all(place.is_relative_to(ROOT / "_build") for place in places)


@pytest.mark.parametrize("name", ["run", "status", "certify"])
def test_a_preset_that_there_is_not_is_refused_with_those_there_are(name, capsys):
    assert main([name, "--preset", "huge"]) == 1
    said = capsys.readouterr().err
    assert said == "ValueError: preset must be one of 'full', 'smoke'. Got 'huge'.\n"


@pytest.mark.parametrize("text", ["abc", "0", "-1", "inf", "nan"])
def test_a_time_limit_that_is_none_is_refused_by_its_rule(text, capsys):
    said = refused(capsys, "certify", f"--time-limit={text}")
    assert f"--time-limit: must be a number of seconds above 0. Got {text}." in said


@pytest.mark.parametrize("text", ["0", "two", "1.5"])
def test_a_number_of_workers_that_is_none_is_refused_by_its_rule(text, capsys):
    said = refused(capsys, "run", "--workers", text)
    assert f"--workers: must be a whole number of at least 1. Got {text}." in said


def test_an_experiment_that_there_is_not_is_refused_with_those_there_are(capsys):
    assert "'papers' (choose from" in refused(capsys, "run", "papers")


def test_a_device_that_there_is_not_is_refused_with_those_there_are(capsys):
    assert command.DEVICES == config.DEVICES
    assert "'abacus' (choose from" in refused(capsys, "run", "--device", "abacus")


def without(library: str, *arguments: str) -> subprocess.CompletedProcess:
    """The command where a library is not installed."""
    code = f"""
import sys
sys.modules[{library!r}] = None  # as if it were not installed
from experiments.__main__ import main
sys.exit(main({list(arguments)!r}))
"""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("library", ["pandas", "papermill", "distributed", "tqdm", "pyarrow"])
def test_help_needs_no_extra(library):
    result = without(library, "--help")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("library", "name"), [("pandas", "claims"), ("distributed", "run"), ("pyarrow", "status")]
)
def test_a_command_whose_library_is_missing_says_which_extra_brings_it(library, name):
    result = without(library, name)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert f"This command needs {library}" in result.stderr
    assert "[sweep]" in result.stderr


def test_status_tells_of_complete_tables_beside_runs_that_wait(tmp_path, capsys):
    arguments = ["status", "paper", "--preset", "smoke", "--results", str(tmp_path)]
    assert main(arguments) == 0
    assert "Complete tables" not in capsys.readouterr().out
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "manifest.json").write_text("{}")
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "0 done" in said
    assert f"Complete tables of other code or other runs are in {tmp_path / 'paper'}" in said
