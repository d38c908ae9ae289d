"""Tests of ``import modlib``: what it offers, and that it loads nothing until that is used."""

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import modlib

SOURCE = Path(modlib.__file__)
HEAVY = ("torch", "numpy", "numba", "matplotlib", "sklearn", "clusim", "safetensors")


def in_a_fresh_process(code: str):
    """What a piece of code prints as JSON, where nothing of the library is loaded yet."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{code}"],
        check=True, capture_output=True, text=True, cwd=SOURCE.parents[1],
    )  # fmt: skip
    return json.loads(done.stdout)


def names_for_type_checkers() -> dict[str, str]:
    """The names imported under ``if TYPE_CHECKING:``, each with the module it comes from."""
    tree = ast.parse(SOURCE.read_text())
    (block,) = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    assert not block.orelse
    assert all(isinstance(node, ast.ImportFrom) and not node.level for node in block.body)
    return {alias.asname or alias.name: node.module for node in block.body for alias in node.names}


def test_importing_loads_no_library_and_no_module_of_the_package_but_itself():
    loaded = in_a_fresh_process("import modlib; print(json.dumps(list(sys.modules)))")
    assert [name for name in loaded if name.partition(".")[0] in HEAVY] == []
    assert [name for name in loaded if name.partition(".")[0] == "modlib"] == ["modlib"]


def test_a_name_loads_its_own_home_and_no_drawing():
    loaded = in_a_fresh_process("import modlib; modlib.MLP; print(json.dumps(list(sys.modules)))")
    assert "modlib.models" in loaded
    assert "modlib.similarity.compute" not in loaded
    assert "matplotlib" not in loaded


def test_what_is_offered_is_what_has_a_home():
    assert set(modlib.__all__) == set(modlib.HOMES)
    assert len(modlib.__all__) == len(set(modlib.__all__))


@pytest.mark.parametrize("name", modlib.__all__)
def test_every_name_is_that_of_its_home(name):
    home = importlib.import_module(modlib.HOMES[name])
    assert getattr(modlib, name) is getattr(home, name)
    assert not hasattr(getattr(modlib, name), "__path__"), "a package is no name to offer"


@pytest.mark.parametrize("name", modlib.__all__)
def test_every_name_is_defined_in_its_home_and_not_passed_on(name):
    value = getattr(modlib, name)
    if hasattr(value, "__qualname__"):  # functions and classes; constants do not tell
        assert value.__module__ == modlib.HOMES[name]


def test_all_names_can_be_imported_at_once_and_first_thing():
    names = in_a_fresh_process(
        "from modlib import *; print(json.dumps([name for name in dir() if name[0] != '_']))"
    )
    assert set(names) - {"json", "sys"} == set(modlib.__all__)


def test_no_name_is_also_that_of_a_part_of_the_package():
    # `import modlib.x` would put the part in the place of the name.
    parts = {part.name for part in pkgutil.iter_modules(modlib.__path__)}
    assert "similarity" in parts
    assert parts.isdisjoint(modlib.HOMES)


def test_names_stay_what_they_are_once_every_part_of_the_package_is_loaded():
    kinds = in_a_fresh_process(
        "import importlib, pkgutil, types, modlib\n"
        "for part in pkgutil.walk_packages(modlib.__path__, 'modlib.'):\n"
        "    importlib.import_module(part.name)\n"
        "print(json.dumps([n for n in modlib.__all__\n"
        "                  if isinstance(getattr(modlib, n), types.ModuleType)]))"
    )
    assert kinds == []


def test_dir_lists_the_names_before_they_are_used():
    listed = in_a_fresh_process("import modlib; print(json.dumps(dir(modlib)))")
    assert set(modlib.__all__) <= set(listed)
    assert listed == sorted(listed)
    assert "__version__" in listed


@pytest.mark.parametrize("name", ["find_module", "cluster_similarity", "numpy"])
def test_an_unknown_name_is_refused_by_name(name):
    with pytest.raises(AttributeError, match=f"^module 'modlib' has no attribute '{name}'$"):
        getattr(modlib, name)
    assert not hasattr(modlib, name)


def test_type_checkers_are_told_the_same_homes():
    assert names_for_type_checkers() == modlib.HOMES


def test_the_version_is_that_of_the_project():
    project = (SOURCE.parents[1] / "pyproject.toml").read_text()
    assert f'\nversion = "{modlib.__version__}"\n' in project
