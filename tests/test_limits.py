"""Too low a limit of open files is told by its name, before anything runs into it."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.engine import limits
from experiments.engine.experiment import Run
from experiments.engine.run import misfit
from experiments.engine.store import Store

ROOT = Path(__file__).parents[1]


@pytest.fixture
def limit(monkeypatch):
    """Set what the system says of the limit, and see what is asked of it."""
    asked = []

    def limit(now: int, most: int) -> list:
        monkeypatch.setattr(limits.resource, "getrlimit", lambda _: (now, most))
        monkeypatch.setattr(limits.resource, "setrlimit", lambda _, pair: asked.append(pair))
        return asked

    return limit


def test_a_low_limit_is_raised_where_the_system_lets_us(limit):
    asked = limit(64, 4096)
    assert limits.few_files() is None
    assert limits.few_files(n_workers=2) is None
    assert asked == [(128, 4096), (128 + 2 * 16, 4096)]


def test_a_limit_that_is_high_enough_is_left(limit):
    asked = limit(1024, 4096)
    assert limits.few_files(n_workers=8) is None
    assert limit(resource.RLIM_INFINITY, resource.RLIM_INFINITY) == asked == []
    assert limits.few_files(n_workers=8) is None


def test_a_worker_that_may_open_too_few_files_does_not_fit(limit, tmp_path):
    limit(64, 64)
    said = misfit(Run("paper", "one", {"seeds": [7]}), Store(tmp_path, "0" * 12))
    assert said.startswith("the number of open files must be limited to no less than 128. Got 64")


def test_a_sweep_that_may_open_too_few_files_says_so_at_once(tmp_path):
    command = f"ulimit -n 64; exec {sys.executable} tests/tiny.py run --preset tiny --workers 1"
    result = subprocess.run(
        ["bash", "-c", f"{command} --results {tmp_path}"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.splitlines()[1:] == [
        "OSError: the number of open files must be limited to no less than 144. Got 64 "
        "(`ulimit -n`): raise it where this is started, as with `ulimit -n 576`."
    ]
