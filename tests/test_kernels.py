"""Tests of modlib.kernels: compiled functions, and the word while they are compiled."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modlib.clustering.moves import count_links
from modlib.kernels import WORD, WORD_ANEW

ROOT = Path(__file__).parents[1]
NUMBA = re.compile(r"^\s*(from|import) numba\b", re.MULTILINE)

SUM = """
import sys
from modlib import kernels
sys.stderr.isatty = lambda: {at_terminal}
def twice(x): return 2 * x
def thrice(x): return 3 * x
for function in (twice, thrice):
    function.__module__ = {module!r}
    assert kernels.njit(function)(1) > 1
"""


# Numba keeps no function without a source file, just as if no folder could be written to.
UNKEPT = """
import sys
from modlib.kernels import kernel
sys.stderr.isatty = lambda: True
def twice(x): return 2 * x
twice.__module__ = "modlib.any"
for compiled in (kernel(twice), kernel(nogil=True)(twice)):
    print(compiled(21), compiled.targetoptions.get("nogil", False))
"""


def stderr_of(**options) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SUM.format(**options)], capture_output=True, text=True, check=True
    )
    return done.stderr


def test_at_a_terminal_compiling_is_announced_once_for_all_functions():
    assert stderr_of(at_terminal=True, module="modlib.any") == WORD + "\n"


@pytest.mark.parametrize(
    ("at_terminal", "module"),
    [(False, "modlib.any"), (True, "another.library"), (True, "modlibrary")],
)
def test_nothing_is_said_where_nobody_looks_or_of_functions_of_others(at_terminal, module):
    assert stderr_of(at_terminal=at_terminal, module=module) == ""


def test_where_nothing_can_be_kept_a_kernel_is_compiled_all_the_same_and_that_is_said():
    done = subprocess.run(
        [sys.executable, "-c", UNKEPT], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["42 False", "42 True"]
    assert done.stderr == WORD_ANEW + "\n"


def test_a_kernel_is_kept_beside_its_source(tmp_path):
    """With options, too: these are for the loops that share their work among threads."""
    source = "from modlib.kernels import kernel\n@kernel(nogil=True)\ndef twice(x): return 2 * x\n"
    (tmp_path / "twice.py").write_text(source)
    run = "from twice import twice; assert twice(21) == 42; print(*twice.stats.cache_hits.values())"
    counts = [
        subprocess.run(
            [sys.executable, "-c", run], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert counts == ["", "1"]
    assert list((tmp_path / "__pycache__").glob("twice.twice-*.nbi"))


def test_a_kernel_computes_what_its_function_does():
    matrix = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 4.0], [2.0, 4.0, 0.0]])
    labels = np.array([1, 0, 1])
    links, sizes = np.ones((4, 3)), np.ones(4, dtype=np.int64)
    count_links(matrix, labels, 2, links, sizes)
    # Module 0 is unit 1; module 1 is units 0 and 2. The third is empty, the fourth not looked at.
    assert links.tolist() == [[1, 0, 4], [2, 5, 2], [0, 0, 0], [1, 1, 1]]
    assert sizes.tolist() == [1, 2, 0, 1]


@pytest.mark.parametrize("floor", ["modlib", "experiments"])
def test_every_compiled_function_is_a_kernel(floor):
    """Or a package that nobody may write to could not be imported without a home folder."""
    paths = [path for path in (ROOT / floor).rglob("*.py") if path.name != "kernels.py"]
    assert len(paths) > 20
    assert [path for path in paths if NUMBA.search(path.read_text())] == []
