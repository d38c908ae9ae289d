"""Every command that a page, a workflow or the Makefile gives is one that there is."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from chapters import ROOT, parameter_names

from experiments.__main__ import _parser

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("book/*.md")),
         *sorted(ROOT.glob("notebooks/*.md"))]  # fmt: skip
SCRIPTS = [ROOT / "Makefile", *sorted(ROOT.glob(".github/workflows/*.yml"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def commands(path: Path) -> list[str]:
    """Lines after a prompt and what stands in the text as code, each on one line, uncommented."""
    text = path.read_text()
    if path in SCRIPTS:
        found = text.splitlines()
    else:
        prompts = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        found = prompts + re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)
    return [" ".join(re.sub(r"\s#.*", "", each).split()) for each in found]


def given(path: Path, pattern: str) -> list[list[str]]:
    """The words after what matches the pattern, of each command that has it."""
    found = [re.search(rf"{pattern}\s+(.*)", command) for command in commands(path)]
    return [shlex.split(match[1]) for match in found if match]


@pytest.mark.parametrize("path", [*PAGES, *SCRIPTS], ids=lambda path: path.stem)
def test_the_command_of_the_experiments_understands_what_it_is_told(path):
    for words in given(path, r"python -m experiments"):
        options = _parser().parse_args(words)
        assert options.command


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_papermill_is_given_a_notebook_and_parameters_that_it_has(path):
    for words in given(path, r"\bpapermill"):
        (notebook, *_) = [word for word in words if word.endswith(".ipynb")]
        names = [name for flag, name in pairwise(words) if flag == "-p"]
        assert set(names) <= parameter_names(ROOT / notebook)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_is_made_is_a_target_of_the_makefile(path):
    for words in given(path, r"^make"):
        targets = [word for word in words if "=" not in word]
        assert set(targets) <= TARGETS


def test_commands_are_found():
    readme = ROOT / "README.md"
    assert ["claims"] in given(readme, r"python -m experiments")
    assert len(given(readme, r"\bpapermill")) == 3
    assert ["book"] in given(readme, r"^make")


def test_python_files_are_run_that_are_there():
    for path in PAGES:
        for words in given(path, r"(?:^|/)python(?! -)"):
            assert (ROOT / words[0]).is_file(), words
