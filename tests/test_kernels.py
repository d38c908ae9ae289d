"""Tests of modlib.kernels: compiled functions, and the word while they are compiled."""

import subprocess
import sys

import numpy as np
import pytest

from modlib.clustering.moves import count_links
from modlib.kernels import WORD

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


def test_a_kernel_computes_what_its_function_does():
    matrix = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 4.0], [2.0, 4.0, 0.0]])
    labels = np.array([1, 0, 1])
    links, sizes = np.ones((4, 3)), np.ones(4, dtype=np.int64)
    count_links(matrix, labels, 2, links, sizes)
    # Module 0 is unit 1; module 1 is units 0 and 2. The third is empty, the fourth not looked at.
    assert links.tolist() == [[1, 0, 4], [2, 5, 2], [0, 0, 0], [1, 1, 1]]
    assert sizes.tolist() == [1, 2, 0, 1]
