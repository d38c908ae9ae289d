"""Which changes of the code make results stale: those of meaning, in whatever is imported."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from experiments.engine import source
from experiments.engine.source import code_digest, imported, tree_of

ROOT = Path(__file__).parents[1]
FILES = {
    "ours/__init__.py": 'HOMES = {"lazy": "ours.deep.lazy", "unused": "ours.unused"}\n',
    "ours/top.py": (
        '"""Docstring."""\nfrom typing import TYPE_CHECKING\n\nimport ours.plain\n'
        "import ours.other as other\nfrom ours import beside\nfrom ours.deep.inner import LIMIT\n"
        "if TYPE_CHECKING:\n    from ours.checked import Kind\n"
        "\ndef late():\n    import importlib\n    from .deep import relative\n"
        '    return importlib.import_module("ours.named")\n'
    ),
    "ours/plain.py": "ONE = 1\n",
    "ours/other.py": "ONE = 1\n",
    "ours/beside.py": "from ours import looks\nONE = 1\n",
    "ours/named.py": "ONE = 1\n",
    "ours/looks.py": 'RED = "#f00"\n',
    "ours/checked.py": "ONE = 1\n",
    "ours/unused.py": "ONE = 1\n",
    "ours/stranger.py": "ONE = 1\n",
    "ours/deep/__init__.py": "from .eager import ONE\n",
    "ours/deep/eager.py": "ONE = 1\n",
    "ours/deep/inner.py": (
        'class A:\n    """Docstring."""\n\n    x = 1\n    """Of x."""\n\n    def f(self):\n'
        '        """Docstring."""\n        return 1  # a comment\n\nLIMIT = 0.5\n'
    ),
    "ours/deep/relative.py": "from ..deep import lazy\n",
    "ours/deep/lazy.py": "ONE = 1\n",
}
CELLS = [
    ("from ours import lazy", False),
    ("values = lazy.ONE", False),
    ("colour = 'red'\nplot(values, colour)", True),
    ("mean = sum(values)\nplot(mean)", True),
    ("table = mean", False),
]


def write_notebook(folder: Path, cells) -> Path:
    notebook = nbformat.v4.new_notebook()
    for text, draws in cells:
        metadata = {"mystnb": {"figure": {"caption": "A."}}} if draws else {}
        notebook.cells.append(nbformat.v4.new_code_cell(text, metadata=metadata))
    notebook.cells.append(nbformat.v4.new_markdown_cell("prose"))
    nbformat.write(notebook, folder / "notebook.ipynb")
    return folder / "notebook.ipynb"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "PACKAGES", ("ours",))
    monkeypatch.setattr(source, "PAINT", ("ours.looks",))
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    write_notebook(tmp_path, CELLS)
    return tmp_path


def digest(tree: Path) -> str:
    return code_digest(tree, ["ours.top"], tree / "notebook.ipynb")


REACHED = [
    ("ours/plain.py", "import of a module"),
    ("ours/other.py", "import under another name"),
    ("ours/beside.py", "import from the package"),
    ("ours/deep/inner.py", "import from a sub-package"),
    ("ours/deep/__init__.py", "a package on the way"),
    ("ours/deep/eager.py", "what a package imports"),
    ("ours/deep/relative.py", "relative import within a function"),
    ("ours/named.py", "import by a literal name"),
    ("ours/deep/lazy.py", "a name of the face"),
    ("ours/__init__.py", "the face itself"),
]


@pytest.mark.parametrize(("name", "how"), REACHED, ids=[how for _, how in REACHED])
def test_a_changed_constant_counts_however_it_is_imported(tree, name, how):
    before = digest(tree)
    with (tree / name).open("a") as file:
        file.write("\nADDED = 2\n")
    assert digest(tree) != before


@pytest.mark.parametrize("name", ["looks", "checked", "stranger"])
def test_what_draws_what_only_checkers_read_and_what_nobody_imports_does_not_count(tree, name):
    before = digest(tree)
    (tree / "ours" / f"{name}.py").write_text("OTHER = 3\n")
    assert digest(tree) == before


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ('"""Docstring."""', '"""Other words."""', False),
        ('"""Of x."""', '"""Other words of x."""', False),
        ('    """Of x."""\n', "", False),
        ("# a comment", "# another", False),
        ("LIMIT = 0.5", "LIMIT  =  (0.5)", False),
        ("LIMIT = 0.5", "LIMIT = 0.25", True),
        ("x = 1", "x = 2", True),
        ("return 1", "return 2", True),
    ],
)
def test_meaning_counts_prose_and_layout_do_not(tree, old, new, counts):
    before = digest(tree)
    path = tree / "ours" / "deep" / "inner.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert (digest(tree) != before) == counts


@pytest.mark.parametrize(
    ("line", "counts"),
    [("import ours", True), ("from ours import unused as lazy", True), ("from ours import *", True),
     ("from ours import beside", False), ("from ours.plain import ONE", False)],
)  # fmt: skip
def test_what_a_package_loads_when_used_counts_where_it_may_be_used(tree, line, counts):
    (tree / "ours" / "top.py").write_text(f"{line}\n")
    before = digest(tree)
    (tree / "ours" / "unused.py").write_text("ONE = 2\n")
    assert (digest(tree) != before) == counts


@pytest.mark.parametrize(
    ("cell", "new", "counts"),
    [
        (1, "values = 2 * lazy.ONE", True),
        (1, "values  =  lazy.ONE  # once", False),
        (2, "colour = 'blue'\nplot(values, colour)", False),
        (3, "mean = 2 * sum(values)\nplot(mean)", True),  # a later cell makes its table of it
    ],
)
def test_cells_count_unless_they_only_draw(tree, cell, new, counts):
    before = digest(tree)
    cells = list(CELLS)
    cells[cell] = (new, cells[cell][1])
    write_notebook(tree, cells)
    assert (digest(tree) != before) == counts


def test_a_root_that_is_not_there_is_refused(tree):
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'ours.nothing' below"):
        code_digest(tree, ["ours.nothing"])
    with pytest.raises(FileNotFoundError):
        code_digest(tree, [], tree / "none.ipynb")


def test_every_module_that_is_loaded_is_covered_in_the_real_tree():
    """By running: what importing analysis and the notebook's other modules loads."""
    notebook = ROOT / "notebooks" / "90-setting.ipynb"
    cells = [tree_of(cell) for cell in source.counting_cells(notebook)]
    roots = {name for cell in cells for name in imported(cell, "", ROOT)}
    assert "experiments.analysis" in roots
    code = f"import sys, {', '.join(sorted(roots))}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    ours = {name for name in loaded if name.split(".")[0] in source.PACKAGES}
    assert "modlib.clustering.tabu" in ours
    assert ours <= set(source._closure(roots, ROOT))


def test_a_changed_docstring_or_colour_of_ours_leaves_the_tables_current(tmp_path):
    """In a copy of the real tree: what the hash of the paper's tables sees, and what not."""
    for folder in source.PACKAGES:
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=skip)
    notebook = ROOT / "notebooks" / "90-setting.ipynb"

    def changed(name: str, old: str, new: str) -> bool:
        before = code_digest(tmp_path, [], notebook)
        path = tmp_path / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return code_digest(tmp_path, [], notebook) != before

    assert not changed("modlib/clustering/tabu.py", "Iterated tabu search", "Some search")
    assert not changed("modlib/plotting.py", "#0072B2", "#0072B3")
    assert not changed("experiments/report/figures.py", "#009E73", "#009E74")
    another = '    "paper": "experiments.paper",\n    "another": "experiments.another",\n'
    assert not changed("experiments/__init__.py", '    "paper": "experiments.paper",\n', another)
    assert changed("modlib/clustering/tabu.py", "SHORTEST_MEMORY = 4", "SHORTEST_MEMORY = 5")
    assert changed("modlib/similarity/sums.py", "abs(value)", "abs(value + 0)")
    assert changed("experiments/training/stack.py", "ALIGNMENT = 16", "ALIGNMENT = 32")


def test_a_tree_without_words_is_left_as_it_is():
    assert ast.dump(tree_of("x = 1")) == ast.dump(ast.parse("x = 1"))
    assert imported(tree_of("import os, numpy"), "", ROOT) == set()
