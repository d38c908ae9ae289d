"""The build of the book is strict: each rule is broken once, in a copy, and must be noticed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NO_DATA = "/dev/null/none"  # below a file: digits stand in, which is fast, and nothing is fetched
RAISING_PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---
# A page

```{code-cell} ipython3
raise SystemError("this cell raises")
```
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of the checkout with a book of two pages, quick to build."""
    root = tmp_path / "copy"
    skip = shutil.ignore_patterns(".git", ".venv", "_build", "data", "__pycache__", "raw")
    shutil.copytree(ROOT, root, ignore=skip)
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/preface\nchapters:\n- file: page\n")
    (root / "page.md").write_text("# A page\n\nWith {doc}`a link <book/preface>`.\n")
    # The preface of the copy need not link to what the copy leaves out.
    (root / "book" / "preface.md").write_text("# Preface\n\nSee {cite:t}`lange2022clustering`.\n")
    (root / "book" / "references.md").write_text("# References\n\n```{bibliography}\n```\n")
    with (root / "_toc.yml").open("a") as toc:
        toc.write("- file: book/references\n")
    return root


def build(root: Path) -> subprocess.CompletedProcess:
    """`make book`, with the environment that runs this test in place of `.venv`."""
    environment = Path(sys.prefix)
    return subprocess.run(
        ["make", "book", f"VENV={environment}", "--assume-old", f"{environment}/installed"],
        cwd=root, env=os.environ | {"MODLIB_DATA": NO_DATA}, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_sound_book_is_built_from_a_clean_folder_with_the_pages_of_the_contents_only(copy):
    html = copy / "_build" / "html"
    html.mkdir(parents=True)
    (html / "removed.html").write_text("a page of an earlier build")
    (copy / "stray.md").write_text("# Stray\n")
    for folder in (copy / ".venv" / "lib", copy / ".hidden"):
        folder.mkdir(parents=True)
        (folder / "notebook.md").write_text(RAISING_PAGE)

    result = build(copy)

    assert result.returncode == 0, result.stdout
    assert str(html / "index.html") in result.stdout
    pages = {
        str(page.relative_to(html)) for page in html.rglob("*.html") if "_static" not in page.parts
    }
    technical = {"index.html", "search.html", "genindex.html"}
    assert pages - technical == {"page.html", "book/preface.html", "book/references.html"}


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("# A page\n\nSee {doc}`nowhere`.\n", "nowhere"),
        ("# A page\n\nSee {numref}`fig-nowhere`.\n", "fig-nowhere"),
        ("# A page\n\nSee {cite:t}`nobody2000`.\n", "nobody2000"),
        ("# A page\n\n{glue:text}`no-such-number:.1f`\n", "no-such-number"),
        ("# A page\n\n{py:func}`modlib.no_such_function`\n", "no_such_function"),
        (RAISING_PAGE, "this cell raises"),
        (RAISING_PAGE.replace("raise SystemError", "import sys; sys.stderr.write"), "stderr"),
    ],
    ids=["link", "figure", "citation", "number", "function", "raising-cell", "stderr"],
)
def test_one_fault_fails_the_build(copy, page, complaint):
    (copy / "page.md").write_text(page)
    result = build(copy)
    assert result.returncode != 0, result.stdout
    assert complaint in result.stdout


def test_second_build_fails_like_the_first(copy):
    (copy / "page.md").write_text(RAISING_PAGE)
    assert build(copy).returncode != 0
    assert build(copy).returncode != 0


def test_a_change_of_the_library_has_its_chapters_executed_again(copy):
    (copy / "page.md").write_text(RAISING_PAGE.replace("raise SystemError", "print"))
    assert "Executing notebook" in build(copy).stdout
    assert "Executing notebook" not in build(copy).stdout
    with (copy / "modlib" / "seeds.py").open("a") as module:
        module.write("# changed\n")
    assert "Executing notebook" in build(copy).stdout


def test_every_setting_reaches_sphinx(copy):
    """Jupyter Book passes over misspelt settings in silence."""
    subprocess.run(
        [Path(sys.prefix) / "bin" / "jupyter-book", "config", "sphinx", "."],
        cwd=copy, check=True, capture_output=True,
    )  # fmt: skip
    settings = (copy / "conf.py").read_text()
    for name, value in {
        "nb_execution_raise_on_error": "True",
        "nb_execution_allow_errors": "False",
        "nb_execution_timeout": "300",
        "nb_output_stderr": "'error'",
        "external_toc_exclude_missing": "True",
        "numfig": "True",
    }.items():
        assert re.search(rf"^{name} = {value}$", settings, re.MULTILINE), name


def test_every_chapter_is_in_the_table_of_contents():
    contents = (ROOT / "_toc.yml").read_text()
    for page in [*ROOT.glob("notebooks/*.md"), *ROOT.glob("book/*.md")]:
        assert str(page.relative_to(ROOT).with_suffix("")) in contents
