"""Three floors, and an arrow of imports that only ever points down."""

import ast
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("modlib", "experiments")
# The floors within the instrument, from the bottom up; what stands on one line is of one floor.
ROOMS = [
    ("extras", "kernels", "matrices", "validation"),
    ("comparison", "losses", "objective", "origin", "samples", "seeds"),
    ("modularity", "models", "soft"),
    ("clustering", "layers"),
    ("optimality", "similarity"),
    ("lesions", "nulls", "plotting"),
]
HEIGHT = {room: height for height, rooms in enumerate(ROOMS) for room in rooms}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(p): p for p in chain(*(ROOT.glob(f"{floor}/**/*.py") for floor in FLOORS))}


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports when it runs, at its top or within a function."""
    found = set()
    for node in walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & set(FILES)) or {node.module}
    return found & set(FILES)


def walk(node: ast.AST):
    """All nodes, but for what only a type checker reads."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from walk(child)


GRAPH = {name: imports(path) for name, path in FILES.items()}


def room(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def test_there_is_something_to_look_at():
    assert len(FILES) > 50
    assert "modlib.clustering.find" in GRAPH["experiments.analysis"]
    assert "modlib.similarity.conventions" in GRAPH["modlib.similarity.matrix"]


def test_the_instrument_knows_nothing_of_the_experiments():
    up = {name for name in GRAPH if name.startswith("modlib")
          if any(other.startswith("experiments") for other in GRAPH[name])}  # fmt: skip
    assert not up


def test_there_is_no_circle():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


def test_within_the_instrument_arrows_point_down_over_six_floors_at_most():
    assert len(ROOMS) <= 6
    inside = {name for name in GRAPH if name.startswith("modlib.")}
    assert {room(name) for name in inside} == set(HEIGHT)
    up = {
        (name, other)
        for name in inside
        for other in GRAPH[name]
        if other != "modlib" and room(other) != room(name)
        if HEIGHT[room(other)] >= HEIGHT[room(name)]
    }
    assert not up


def test_the_engine_knows_neither_networks_nor_table_1():
    """Of the experiments it imports itself and the list of them, of the instrument the proofs."""
    known = {
        other
        for name in GRAPH
        if name.startswith("experiments.engine")
        for other in GRAPH[name]
        if not other.startswith("experiments.engine")
    }
    assert known == {
        "experiments", "modlib", "modlib.optimality.certificate", "modlib.validation"
    }  # fmt: skip


def test_what_runs_does_not_import_what_draws():
    """Nor does the hash of the code cover it: no table depends on a colour."""
    users = {name for name in GRAPH if not name.startswith("experiments.report")
             if any(other.startswith(("experiments.report", "modlib.plotting"))
                    for other in GRAPH[name])}  # fmt: skip
    assert users == {"experiments.__main__"}  # which prints the ledger


@pytest.mark.parametrize("floor", FLOORS)
def test_no_library_imports_tests_benchmarks_or_pages(floor):
    for name, path in FILES.items():
        if name.startswith(floor):
            tree = ast.parse(path.read_text())
            tops = {
                alias.name.split(".")[0]
                for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
            } | {
                (node.module or "").split(".")[0]
                for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            }  # fmt: skip
            assert not tops & {"tests", "benchmarks", "book", "notebooks"}
