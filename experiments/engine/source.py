"""Which code a result depends on, and what that code says: its syntax tree, not its prose."""

import ast
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

PACKAGES = ("modlib", "experiments")
"""What is ours: everything else is told by the versions of libraries."""
PAINT = ("modlib.plotting", "experiments.report")
"""Modules that draw, or read what runs have left: no table depends on them."""
FACE = "HOMES"
"""The name of the table, in a package, of the modules that its names are loaded from when used."""
INDEX = "EXPERIMENTS"
"""The name of the table of all experiments: which others there are says nothing of this one."""


def code_digest(root: Path, roots: Iterable[str], notebook: Path | None = None) -> str:
    """Return the SHA-256 of some modules, a notebook, and all of ours that these import.

    What counts is the syntax tree. Docstrings, comments and layout do not, nor do the modules of
    :data:`PAINT`, what only a type checker reads, and the cells of a notebook that draw a figure
    and leave nothing for the others.

    Parameters
    ----------
    root
        The folder that holds our packages.
    roots
        Full names of modules.
    notebook
        An ``.ipynb`` whose cells count, and what they import.

    Raises
    ------
    ModuleNotFoundError
        If one of ``roots`` is not below ``root``.
    FileNotFoundError
        If the notebook is not there: it comes with a checkout, not with an installed package.
    """
    cells = [] if notebook is None else [tree_of(cell) for cell in counting_cells(notebook)]
    new = {name for cell in cells for name in imported(cell, "", root)}
    for name in roots:
        if _path(name, root) is None:
            raise ModuleNotFoundError(f"No module named {name!r} below {root}")
        new |= _with_parents(name)
    digest = sha256()
    for name, tree in sorted(_closure(new, root).items()):
        digest.update(f"{name} {ast.dump(tree)}\n".encode())
    for cell in cells:
        digest.update(f"cell {ast.dump(cell)}\n".encode())
    return digest.hexdigest()


def tree_of(source: str) -> ast.Module:
    """Parse code and leave out of it all that is not run, or says nothing when it is."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                setattr(node, name, [s for s in statements if not _is_silent(s)])
    return tree


def _is_silent(statement: ast.stmt) -> bool:
    """Whether it is a string by itself, a docstring say, the index, or for type checkers."""
    if isinstance(statement, ast.Expr):
        value = statement.value
        return isinstance(value, ast.Constant) and isinstance(value.value, str)
    if isinstance(statement, ast.Assign):
        return [ast.unparse(target) for target in statement.targets] == [INDEX]
    if isinstance(statement, ast.If) and not statement.orelse:
        return ast.unparse(statement.test).split(".")[-1] == "TYPE_CHECKING"
    return False


# ---------------------------------------------------------------------------------------- notebooks


def counting_cells(notebook: Path) -> list[str]:
    """The code of a notebook's cells, but for those that only draw a figure."""
    cells = [c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]
    sources = [TransformerManager().transform_cell(cell.source) for cell in cells]
    draws = ["figure" in cell.metadata.get("mystnb", {}) for cell in cells]
    used = {name for source, is_figure in zip(sources, draws, strict=True) if not is_figure
            for name in _names(source, ast.Load)}  # fmt: skip
    return [
        source
        for source, is_figure in zip(sources, draws, strict=True)
        if not is_figure or used & _names(source, ast.Store)
    ]


def _names(source: str, context: type[ast.expr_context]) -> set[str]:
    nodes = ast.walk(ast.parse(source))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, context)}


# ------------------------------------------------------------------------------------------ imports


def _closure(new: set[str], root: Path) -> dict[str, ast.Module]:
    """The trees of modules, and of all modules of ours that they import, and so on."""
    trees: dict[str, ast.Module] = {}
    while new:
        trees |= {name: tree_of(_file(name, root).read_text("utf-8")) for name in new}
        new = {other for name in new for other in imported(trees[name], name, root)} - set(trees)
    return trees


def imported(tree: ast.Module, module: str, root: Path) -> set[str]:
    """Full names of the modules of ours that code imports anywhere, their packages included.

    Parameters
    ----------
    tree
        The code.
    module
        Its own full name, from which relative imports are counted.
    root
        The folder that holds our packages.
    """
    names = {name for node in ast.walk(tree) for name in _named(node, module, root)}
    ours = {name for name in names if _path(name, root) and not _is_paint(name)}
    return {parent for name in ours for parent in _with_parents(name)}


def _named(node: ast.AST, module: str, root: Path) -> Iterator[str]:
    """What a statement may import: names of modules, and others that are none."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
            if alias.asname is None or "." not in alias.name:  # the package itself is at hand
                package = alias.name.partition(".")[0]
                yield from _face(package, root).values()
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node, module, root)
        yield base
        face = _face(base, root)
        for alias in node.names:
            yield f"{base}.{alias.name}"
            yield from face.values() if alias.name == "*" else [face.get(alias.name, "")]
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        function = ast.unparse(node.func).split(".")[-1]
        if function in ("import_module", "__import__"):
            yield str(node.args[0].value)


def _absolute(node: ast.ImportFrom, module: str, root: Path) -> str:
    parts = module.split(".")
    path = _path(module, root)
    if path is not None and path.name == "__init__.py":
        parts.append("")  # the first dot of a package is the package itself
    start = parts[: len(parts) - node.level] if node.level else []
    return ".".join([*start, *([node.module] if node.module else [])])


def _face(package: str, root: Path) -> dict[str, str]:
    """The names that a package loads when they are first used, and where from."""
    path = _path(package, root)
    if path is None or path.name != "__init__.py":
        return {}
    for node in ast.parse(path.read_text("utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == FACE for target in targets):
            return ast.literal_eval(node.value)  # type: ignore[attr-defined]
    return {}


def _with_parents(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:n]) for n in range(1, len(parts) + 1)}


def _is_paint(name: str) -> bool:
    return any(name == paint or name.startswith(f"{paint}.") for paint in PAINT)


def _path(name: str, root: Path) -> Path | None:
    """The file of a module of ours, or None if it is none."""
    if name.partition(".")[0] not in PACKAGES:
        return None
    base = root.joinpath(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def _file(name: str, root: Path) -> Path:
    path = _path(name, root)
    assert path is not None, "only names of modules that are there are followed"
    return path
