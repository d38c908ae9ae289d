"""`make book` puts the new book in the place of the last one as a whole, or leaves the last one."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BILL = "sbom.cdx.json"  # of materials, which the book links to
# In place of jupyter-book: writes a part of a book, does what a test asks for, writes the rest.
STAND_IN = """#!/bin/bash
set -eu
echo "$@" > arguments
while [ $# -gt 0 ]; do
  if [ "$1" = --path-output ]; then html=$2/_build/html; fi
  shift
done
mkdir -p "$html"
echo new > "$html/page.html"
{meanwhile}
echo new > "$html/index.html"
"""
# In place of Python, which is asked for nothing but the bill of materials.
STAND_IN_FOR_PYTHON = """#!/bin/bash
set -eu
[ "$*" = "-m supply bill $4" ]
echo new > "$4"
"""


@pytest.fixture
def root(tmp_path):
    """A folder with the Makefile alone, and a book that was built before."""
    root = tmp_path / "ein Ordner für Prüfungen"
    root.mkdir()
    shutil.copy(ROOT / "Makefile", root)
    for name in ("requirements.lock", "cuda.lock", "pyproject.toml"):
        (root / name).touch()
    write_book(root / "_build" / "html")
    return root


def write_book(html: Path) -> None:
    html.mkdir(parents=True)
    for name in ("index.html", "page.html", "removed.html"):
        (html / name).write_text("last\n")


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def start(root: Path, meanwhile: str = "", *variables: str) -> subprocess.Popen:
    """`make book`, with a stand-in for jupyter-book that runs a line of shell midway."""
    for name in ("bin", "venv"):
        (root / name).mkdir(exist_ok=True)
    write_program(root / "bin" / "jupyter-book", STAND_IN.format(meanwhile=meanwhile))
    write_program(root / "bin" / "python", STAND_IN_FOR_PYTHON)
    (root / "venv" / "installed").touch()
    return subprocess.Popen(
        ["make", "book", "VENV=venv", "BIN=bin", *variables],
        cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def make(root: Path, meanwhile: str = "", *variables: str) -> int:
    process = start(root, meanwhile, *variables)
    process.communicate()
    return process.returncode


def book(root: Path) -> dict[str, str]:
    html = root / "_build" / "html"
    return {path.name: path.read_text().strip() for path in html.glob("*")}


LAST = dict.fromkeys(("index.html", "page.html", "removed.html"), "last")
NEW = dict.fromkeys(("index.html", "page.html", BILL), "new")


def left(root: Path) -> set[str]:
    return {path.name for path in (root / "_build").iterdir()}


def test_a_build_that_succeeds_replaces_the_book_and_leaves_nothing_else(root):
    assert make(root) == 0
    assert book(root) == NEW
    assert left(root) == {"html"}


def test_the_first_book_of_all_needs_none_before_it(root):
    shutil.rmtree(root / "_build")
    assert make(root) == 0
    assert book(root) == NEW


@pytest.mark.parametrize("fault", ["exit 1", "rm -r $html; exit 0", "exit 0"])
def test_a_build_that_fails_leaves_the_last_book(root, fault):
    """Also if it says that it succeeded, but there is no book or no first page."""
    assert make(root, fault) != 0
    assert book(root) == LAST


def test_while_a_book_is_built_the_last_one_can_be_read(root):
    assert make(root, "cp -r _build/html seen") == 0
    assert {path.read_text() for path in (root / "seen").iterdir()} == {"last\n"}


def test_what_a_failed_build_has_left_does_not_reach_the_next_book(root):
    assert make(root, "touch $html/stale.html; exit 1") != 0
    assert make(root) == 0
    assert book(root) == NEW
    assert left(root) == {"html"}


def test_a_build_that_is_killed_leaves_the_last_book_and_the_next_cleans_up(root):
    process = start(root, "touch midway; sleep 600")
    while not (root / "midway").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert book(root) == LAST
    assert make(root) == 0
    assert book(root) == NEW
    assert left(root) == {"html"}


def test_a_build_that_was_killed_between_its_moves_has_not_lost_the_last_book(root):
    (root / "_build" / "html").rename(root / "_build" / "old")
    assert make(root, "exit 1") != 0
    assert book(root) == LAST


def test_the_build_is_strict_and_reads_every_page_anew(root):
    assert make(root) == 0
    arguments = (root / "arguments").read_text().split()
    assert {"--all", "-W", "-n", "--keep-going"} <= set(arguments)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("data", "{root}/data"),
        ("my data/for MNIST", "{root}/my data/for MNIST"),
        ("/my data/für MNIST", "/my data/für MNIST"),
        ("~/my data", "~/my data"),  # read as the home folder by the library
    ],
)
def test_chapters_are_told_where_the_data_are_from_the_root_on(root, given, expected, monkeypatch):
    told = 'echo "$MODLIB_DATA" > told'
    assert make(root, told, f"MODLIB_DATA={given}") == 0
    assert (root / "told").read_text().strip() == expected.format(root=root)
    monkeypatch.setenv("MODLIB_DATA", given)
    assert make(root, told) == 0
    assert (root / "told").read_text().strip() == expected.format(root=root)


@pytest.mark.parametrize(
    ("home", "expected"), [("{root}", ""), ("/dev/null/none", "{root}/_build")]
)
def test_without_a_home_to_write_to_matplotlib_has_a_folder_and_nothing_to_say(
    root, home, expected, monkeypatch
):
    monkeypatch.setenv("HOME", home.format(root=root))
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    assert make(root, 'echo "${MPLCONFIGDIR:-}" > told') == 0
    told = (root / "told").read_text().strip()
    assert told == (expected and f"{expected.format(root=root)}/matplotlib")


def test_an_environment_that_make_cannot_name_is_refused_before_anything_is_made(root):
    done = subprocess.run(
        ["make", "book", "VENV=an environment"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "VENV must be a path without a space" in done.stderr
    assert "Got 'an environment'" in done.stderr
    assert not {"an", "environment"} & {path.name for path in root.iterdir()}
