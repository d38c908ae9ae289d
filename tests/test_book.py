"""The build of the book is strict: each rule is broken once, in a copy, and must be noticed.

And the reference leaves out nothing that there is.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sphinx.ext.napoleon import Config, NumpyDocstring

import modlib

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
    environment = root.parent / "environment"  # make takes no path with a space
    if not environment.exists():
        environment.symlink_to(sys.prefix)
    return subprocess.run(
        ["make", "book", "VENV=../environment", "--assume-old", "../environment/installed"],
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


@pytest.fixture
def extensions(monkeypatch):
    """The extensions of the book can be imported."""
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")


COUNTS = [
    "requirements.lock", "modlib/__init__.py", "modlib/similarity/sums.py", "experiments/paper.py",
    "experiments/report/frames.py", "results/benchmarks.json", "results/paper/modules.parquet",
]  # fmt: skip
COUNTS_NOT = ["results/raw/paper-l2/modules.parquet", "tests/test_book.py", "modlib/py.typed"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Files that a chapter may depend on, and some that it may not."""
    monkeypatch.setenv("MODLIB_DATA", str(tmp_path / "data"))
    for name in [*COUNTS, *COUNTS_NOT]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("before")
    return tmp_path


@pytest.mark.parametrize("name", COUNTS)
def test_the_key_of_executed_chapters_changes_with_what_they_depend_on(extensions, checkout, name):
    from execution_cache import digest

    before = digest(checkout)
    (checkout / name).write_text("after")
    changed = digest(checkout)
    (checkout / name).unlink()
    assert len({before, changed, digest(checkout)}) == 3


@pytest.mark.parametrize("name", COUNTS_NOT)
def test_the_key_of_executed_chapters_stays_when_other_files_change(extensions, checkout, name):
    from execution_cache import digest

    before = digest(checkout)
    (checkout / name).write_text("after")
    assert digest(checkout) == before


def test_the_key_of_executed_chapters_changes_when_the_data_arrive(extensions, checkout):
    from execution_cache import digest

    before = digest(checkout)
    (checkout / "data" / "MNIST" / "raw").mkdir(parents=True)
    (checkout / "data" / "MNIST" / "raw" / "images").touch()
    assert digest(checkout) != before


def as_napoleon_reads(lines: list[str]) -> str:
    config = Config(napoleon_google_docstring=False)
    return str(NumpyDocstring(lines, config, what="data", name="module.NAME"))


def test_a_colon_in_the_docstring_of_an_attribute_makes_no_type_of_what_is_before_it(extensions):
    from docstrings import keep_sentence

    lines = ["Grids by name: one, and another."]
    assert ":type: Grids by name" in as_napoleon_reads(lines)
    keep_sentence(None, "data", "module.NAME", None, None, lines)
    read = as_napoleon_reads(lines)
    assert ":type:" not in read
    assert "Grids by name: one, and another." in read


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


# ----------------------------------------------------------------------------------- the reference

FLOORS = {"modlib": ["api"], "experiments": ["api-experiments", "api-reports"]}
UNLISTED = {
    "experiments.migration",  # has done its work
}


def modules_of(floor: str) -> set[str]:
    """Full names of the modules of a floor, but for packages and commands."""
    paths = [path.relative_to(ROOT).with_suffix("") for path in ROOT.glob(f"{floor}/**/*.py")]
    return {".".join(path.parts) for path in paths if path.stem not in ("__init__", "__main__")}


def reference(floor: str) -> str:
    """The pages of the reference that are about a floor."""
    return "\n".join((ROOT / "book" / f"{page}.md").read_text() for page in FLOORS[floor])


def listed(floor: str) -> list[str]:
    """The modules of a floor in the reference, in order."""
    return re.findall(r"^\.\. automodule:: (\S+)$", reference(floor), re.MULTILINE)


@pytest.mark.parametrize("floor", FLOORS)
def test_every_module_has_its_place_in_the_reference_once_on_its_floor(floor):
    found = listed(floor)
    assert set(found) - {floor} == modules_of(floor) - UNLISTED
    assert len(found) == len(set(found))


def test_the_reference_begins_with_all_that_the_package_offers():
    page = reference("modlib")
    rows = re.findall(r"^\| \{\w+\}`ml\.(\w+) <([\w.]+)>` \| .+ \|$", page, re.MULTILINE)
    assert dict(rows) == {name: f"{home}.{name}" for name, home in modlib.HOMES.items()}
    assert len(rows) == len(modlib.__all__)
    assert page.index("ml.MLP") < page.index("automodule")
