"""Matrices as people have them: frames, sparse matrices and graphs, and the names of units."""

import sys
from collections.abc import Callable, Hashable, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse


class Given(NamedTuple):
    """A matrix that somebody has handed over."""

    values: Any
    """What NumPy can take, where that is known; else what was given."""
    known: dict[str, Any]
    """The names of its units, and what else is known of where it comes from."""


def given(matrix: Any, name: str = "similarity", *, sparse: bool = False) -> Given:
    """Tell the values of a matrix from the names of its units, whatever form it has.

    Whether the values are a matrix of numbers at all is for :mod:`modlib.validation` to say. The
    libraries of these forms are not imported: who has a frame or a graph has its library.

    Parameters
    ----------
    matrix
        One of these forms:

        - a :class:`~modlib.similarity.matrix.Similarity`, with all it knows;
        - an array, or what NumPy takes as one: its units have no names;
        - a pandas frame, whose index and columns name the same units in the same order;
        - a SciPy sparse matrix or array: its units have no names;
        - an undirected graph of NetworkX, whose nodes are the units, or of igraph, whose vertices
          are, by their ``name`` if they have one. The ``weight`` of an edge counts one where it
          is missing; those of parallel edges add up; loops stand on the diagonal.
    name
        What the messages call it.
    sparse
        Whether sparse matrices and graphs may stay sparse: as ``csr_array``, not written out.

    Raises
    ------
    ValueError
        If a frame does not name the same units on both sides, if two units have one name, if a
        graph is directed, or if a weight is not a real number.
    """
    for (library, kind), read in FORMS.items():
        if library in sys.modules and isinstance(matrix, getattr(sys.modules[library], kind, ())):
            values, names = read(matrix, name)
            return Given(values if sparse or not issparse(values) else values.toarray(), names)
    known = getattr(matrix, "known", None)
    return Given(matrix, known if isinstance(known, dict) else {})


def _of_frame(frame: Any, name: str) -> Given:
    units, others = frame.index.tolist(), frame.columns.tolist()
    numeric = all(getattr(dtype, "kind", "O") in "biuf" for dtype in frame.dtypes)
    # Where entries may be missing, pandas would give out objects.
    values = frame.to_numpy(np.float64, na_value=np.nan) if numeric else frame.to_numpy()
    if len(units) != len(others):
        return Given(values, {})
    for place, (unit, other) in enumerate(zip(units, others, strict=True)):
        if unit != other:
            raise ValueError(
                f"{name} must name the same units in its index and its columns, in the same order. "
                f"Got {unit!r} and {other!r} at place {place}: pass frame.loc[names, names], or "
                "frame.to_numpy() if their names are of no account."
            )
    return Given(values, _named(units, name))


def _of_sparse(matrix: Any, _: str) -> Given:
    return Given(matrix, {})


def _of_networkx(graph: Any, name: str) -> Given:
    _check_undirected(graph, "to_undirected", name)
    place = {unit: number for number, unit in enumerate(graph)}
    edges = list(graph.edges(data="weight"))
    links = [(place[one], place[other]) for one, other, _ in edges]
    values = _of_links(len(place), links, [weight for *_, weight in edges], name)
    return Given(values, _named(list(place), name))


def _of_igraph(graph: Any, name: str) -> Given:
    _check_undirected(graph, "as_undirected", name)
    weighted = "weight" in graph.es.attributes()
    weights = graph.es["weight"] if weighted else [None] * graph.ecount()
    values = _of_links(graph.vcount(), graph.get_edgelist(), weights, name)
    named = "name" in graph.vs.attributes()
    return Given(values, _named(graph.vs["name"], name) if named else {})


def _check_undirected(graph: Any, cure: str, name: str) -> None:
    if graph.is_directed():
        raise ValueError(
            f"{name} must be an undirected graph. Got a directed {type(graph).__name__}: pass "
            f"graph.{cure}(), having seen to it that weights to and fro become those you mean."
        )


def _of_links(
    n_units: int, links: Sequence[tuple[int, int]], weights: Sequence[Any], name: str
) -> csr_array:
    """The matrix ``[units, units]`` of links between numbered units, parallel ones added up."""
    ones, others = np.array(links, np.int64).reshape(-1, 2).T
    sizes = np.array([_size(weight, name) for weight in weights], np.float64)
    apart = ones != others
    rows = np.concatenate([ones, others[apart]])
    columns = np.concatenate([others, ones[apart]])
    entries = np.concatenate([sizes, sizes[apart]])
    return csr_array((entries, (rows, columns)), shape=(n_units, n_units))


def _size(weight: Any, name: str) -> float:
    if weight is None:  # an edge without one
        return 1.0
    try:
        if isinstance(weight, (Real, np.bool_)):
            return float(weight)
    except OverflowError:  # a whole number too large for a float
        pass
    raise ValueError(
        f"{name} must have weights that are real numbers. Got {weight!r}: set the edges' "
        '"weight" to the numbers you mean, or remove it, which counts one.'
    )


def _named(units: Sequence[Any], name: str) -> dict[str, Any]:
    seen: set[Hashable] = set()
    for unit in units:
        try:
            twice = unit in seen
            seen.add(unit)
        except TypeError as error:  # not hashable
            raise ValueError(
                f"{name} must have names of units that may be keys. Got {unit!r}: rename it."
            ) from error
        if twice:
            raise ValueError(
                f"{name} must name each unit by a name of its own. Got {unit!r} twice: rename one, "
                "or pass the matrix without names."
            )
    return {"units": tuple(units)}


FORMS: dict[tuple[str, str], Callable[[Any, str], Given]] = {
    ("pandas", "DataFrame"): _of_frame,
    ("scipy.sparse", "sparray"): _of_sparse,
    ("scipy.sparse", "spmatrix"): _of_sparse,
    ("networkx", "Graph"): _of_networkx,
    ("igraph", "Graph"): _of_igraph,
}
"""The forms that NumPy does not know, by library and class, and what reads each."""
