"""Tests of modlib.matrices: every form of a matrix gives the same, and names of units come back."""

import subprocess
import sys
from fractions import Fraction

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from modlib.clustering.find import find_modules
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.spectral import spectral_modules
from modlib.matrices import given
from modlib.modularity import modularity, modularity_matrix, to_adjacency
from modlib.optimality.certificate import certify
from modlib.similarity.conventions import normalize
from modlib.similarity.matrix import Similarity

# Two triangles, {a, c, e} and {b, d, f}, and a weak link from a to b; f is also like itself.
NAMES = ["a", "b", "c", "d", "e", "f"]
EDGES = [(0, 2, 3.0), (0, 4, 3.0), (2, 4, 2.0), (1, 3, 1.0), (1, 5, 4.0), (3, 5, 2.0), (0, 1, 0.5)]
LABELS = [0, 1, 0, 1, 0, 1]


def matrix():
    values = np.zeros((6, 6))
    for one, other, weight in EDGES:
        values[one, other] = values[other, one] = weight
    values[5, 5] = 7.0
    return values


def networkx_graph():
    graph = nx.Graph()
    graph.add_nodes_from(NAMES)
    graph.add_weighted_edges_from((NAMES[i], NAMES[j], weight) for i, j, weight in EDGES)
    graph.add_edge("f", "f", weight=7.0)
    return graph


def igraph_graph():
    graph = igraph.Graph([(i, j) for i, j, _ in EDGES] + [(5, 5)])
    graph.es["weight"] = [weight for *_, weight in EDGES] + [7.0]
    graph.vs["name"] = NAMES
    return graph


def frame(dtype="float64"):
    return pd.DataFrame(matrix(), NAMES, NAMES).astype(dtype)


NAMED = {
    "a frame": frame,
    "a frame with an extension type": lambda: frame("Float64"),
    "a frame of two types": lambda: frame().astype({"a": "Float32", "b": "float32"}),
    "a sparse frame": lambda: frame(pd.SparseDtype("float64", 0.0)),
    "a graph of NetworkX": networkx_graph,
    "a view of a graph": lambda: networkx_graph().subgraph(NAMES),
    "a graph of igraph": igraph_graph,
    "a similarity": lambda: Similarity(matrix(), units=tuple(NAMES)),
}
NUMBERED = {
    "an array": matrix,
    "a sparse array": lambda: scipy.sparse.csr_array(matrix()),
    "a sparse matrix": lambda: scipy.sparse.csc_matrix(matrix()),
    "a list of entries": lambda: scipy.sparse.coo_array(matrix()),
    "a similarity without names": lambda: Similarity(matrix()),
    "a graph whose nodes are numbers": lambda: nx.from_numpy_array(matrix()),
    "a graph without names": lambda: igraph.Graph.Weighted_Adjacency(
        matrix(), mode="undirected", loops="once"
    ),
    "a frame without names": lambda: pd.DataFrame(matrix()),
}
FORMS = NAMED | NUMBERED


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_its_weights(form):
    np.testing.assert_array_equal(np.asarray(given(FORMS[form]()).values), matrix())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_adjacency_and_the_normalised_similarity_of_its_weights(form):
    np.testing.assert_array_equal(to_adjacency(FORMS[form]()), to_adjacency(matrix()))
    np.testing.assert_array_equal(normalize(FORMS[form]()), normalize(matrix()))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_finds_the_triangles_and_proves_them(form):
    certificate = certify(FORMS[form]())
    assert certificate.optimal
    # By size, then by the first unit: that of a.
    assert certificate.labels.tolist() == LABELS
    for search in ("paper", "best"):
        found = find_modules(FORMS[form](), search=search)
        assert found.labels.tolist() == LABELS
        assert found.q == certificate.lower


@pytest.mark.parametrize("form", NAMED)
def test_names_of_units_come_back(form):
    found = find_modules(NAMED[form]())
    assert found.units == tuple(NAMES)
    assert found.members(0) == ("a", "c", "e")
    assert found.members(1) == ("b", "d", "f")


@pytest.mark.parametrize("form", NUMBERED)
def test_units_without_names_are_numbered(form):
    assert find_modules(NUMBERED[form]()).units == tuple(range(6))


def test_the_two_steps_of_the_search_take_graphs_and_keep_names_too():
    graph = networkx_graph()
    graph.remove_edge("f", "f")  # an adjacency has no diagonal
    for found in (spectral_modules(graph), monte_carlo_modules(graph, LABELS, 5)):
        assert found.units == tuple(NAMES)
        assert found.labels.tolist() == LABELS
    assert modularity(graph, LABELS) == modularity(to_adjacency(graph), LABELS)
    np.testing.assert_array_equal(modularity_matrix(graph), modularity_matrix(to_adjacency(graph)))


def test_units_are_in_the_order_of_the_nodes():
    graph = nx.Graph([("z", "y"), ("y", "a")])
    found = find_modules(graph)
    assert found.units == ("z", "y", "a")
    np.testing.assert_array_equal(to_adjacency(graph) * 4, [[0, 1, 0], [1, 0, 1], [0, 1, 0]])


def test_names_may_be_whatever_is_a_key():
    graph = nx.grid_2d_graph(2, 2)  # nodes are pairs
    assert find_modules(graph).units == ((0, 0), (0, 1), (1, 0), (1, 1))
    names = pd.MultiIndex.from_product([["left", "right"], [1, 2]])
    assert find_modules(pd.DataFrame(np.ones((4, 4)), names, names).astype(float)).units == (
        ("left", 1), ("left", 2), ("right", 1), ("right", 2)
    )  # fmt: skip


def test_what_was_written_out_can_be_read_again():
    found = find_modules(frame())
    again = find_modules(found.to_networkx())
    assert (again.units, again.labels.tolist()) == (found.units, found.labels.tolist())
    assert again.q == pytest.approx(found.q, abs=1e-15)
    similarity = Similarity(matrix(), units=tuple(NAMES), layer="h", convention="released")
    assert find_modules(similarity.to_frame()).units == tuple(NAMES)


def test_a_similarity_keeps_all_it_knows():
    similarity = Similarity(matrix(), layer="h", measure="covariance", convention="released")
    found = find_modules(similarity)
    assert (found.layer, found.measure, found.convention) == ("h", "covariance", "released")


def test_columns_of_a_frame_are_no_attributes_of_a_similarity():
    # pandas offers columns as attributes.
    names = ["known", "convention", "_mask"]
    table = pd.DataFrame(np.ones((3, 3)), names, names)
    assert find_modules(table).units == tuple(names)
    np.testing.assert_array_equal(normalize(table), np.ones((3, 3)))


# ----------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("missing", [{}, {"weight": None}], ids=["none", "None"])
def test_missing_weights_count_one(missing):
    graph = nx.Graph()
    graph.add_edge(0, 1, weight=3)
    graph.add_edge(1, 2, **missing)
    expected = [[0, 3, 0], [3, 0, 1], [0, 1, 0]]
    np.testing.assert_array_equal(given(graph).values, expected)
    other = igraph.Graph([(0, 1), (1, 2)])
    other.es[0]["weight"] = 3
    np.testing.assert_array_equal(given(other).values, expected)
    np.testing.assert_array_equal(given(igraph.Graph([(0, 1)])).values, [[0, 1], [1, 0]])


def test_weights_of_parallel_edges_add_up_whichever_way_they_point():
    graph = nx.MultiGraph()
    graph.add_weighted_edges_from([(0, 1, 2.0), (1, 0, 3.0), (1, 1, 4.0), (1, 1, 5.0)])
    np.testing.assert_array_equal(given(graph).values, [[0, 5], [5, 9]])
    np.testing.assert_array_equal(given(graph).values, nx.to_numpy_array(graph))
    other = igraph.Graph([(0, 1), (1, 0), (1, 1)])
    np.testing.assert_array_equal(given(other).values, [[0, 2], [2, 1]])


def test_entries_of_a_sparse_matrix_that_stand_twice_add_up():
    entries = scipy.sparse.coo_array(([1.0, 2.0, 3.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    np.testing.assert_array_equal(given(entries).values, [[0, 3], [3, 0]])


def test_nodes_without_edges_are_unused_units():
    graph = nx.Graph([("a", "b")])
    graph.add_node("c")
    assert find_modules(graph).unused == ("c",)
    lonely = igraph.Graph(3)
    assert find_modules(lonely).labels.tolist() == [-1, -1, -1]


def test_fractions_and_truths_are_weights():
    graph = nx.Graph()
    graph.add_edge(0, 1, weight=Fraction(1, 4))
    graph.add_edge(1, 2, weight=True)
    graph.add_edge(0, 2, weight=np.bool_(False))
    np.testing.assert_array_equal(given(graph).values, [[0, 0.25, 0], [0.25, 0, 1], [0, 1, 0]])


def test_the_graph_is_left_as_it_is():
    graph, table = networkx_graph(), frame()
    find_modules(graph)
    find_modules(table)
    assert nx.utils.graphs_equal(graph, networkx_graph())
    pd.testing.assert_frame_equal(table, frame())


# ----------------------------------------------------------------------------------- refusals


def weighted(value):
    graph = nx.Graph()
    graph.add_edge("a", "b", weight=value)
    return graph


def igraph_weighted(value):
    graph = igraph.Graph([(0, 1)])
    graph.es["weight"] = [value]
    return graph


BAD_WEIGHTS = {
    "complex": 1j,
    "complex of NumPy": np.complex128(1),
    "text": "1.0",
    "a list": [1.0],
    "masked": np.ma.masked,
    "beyond all floats": 10**400,
}


@pytest.mark.parametrize("build", [weighted, igraph_weighted])
@pytest.mark.parametrize("value", BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_weights_that_are_no_real_numbers_are_refused(build, value):
    with pytest.raises(ValueError, match=r"^similarity must have weights that are real") as caught:
        find_modules(build(value))
    assert f"Got {value!r}: " in str(caught.value)


@pytest.mark.parametrize("build", [weighted, igraph_weighted])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(build, value):
    with pytest.raises(ValueError, match=rf"^similarity must be finite. Got {value} at \[0, 1\]"):
        find_modules(build(value))


@pytest.mark.parametrize("build", [weighted, igraph_weighted])
def test_negative_weights_are_refused_unless_asked_for(build):
    with pytest.raises(ValueError, match=r"^similarity must not be negative. .* signed=True"):
        find_modules(build(-1.0))
    assert find_modules(build(-1.0), signed=True).labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("graph", "cure"),
    [
        (nx.DiGraph([(0, 1)]), "got a directed DiGraph: pass graph.to_undirected()"),
        (nx.MultiDiGraph([(0, 1)]), "got a directed MultiDiGraph: pass graph.to_undirected()"),
        (igraph.Graph([(0, 1)], directed=True), "got a directed Graph: pass graph.as_undirected()"),
    ],
    ids=["NetworkX", "several edges", "igraph"],
)
def test_directed_graphs_are_refused_with_what_to_do(graph, cure):
    with pytest.raises(ValueError, match=r"^similarity must be an undirected graph") as caught:
        find_modules(graph)
    assert cure in str(caught.value).replace("Got", "got")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["a", "c", "b"], "'b' and 'c' at place 1"),
        (["a", "b", "x"], "'c' and 'x' at place 2"),
        ([0, 1, 2], "'a' and 0 at place 0"),
    ],
)
def test_a_frame_whose_sides_name_different_units_is_refused(columns, message):
    table = pd.DataFrame(np.ones((3, 3)), ["a", "b", "c"], columns)
    for function in (find_modules, to_adjacency, normalize, certify):
        with pytest.raises(
            ValueError, match=f"^similarity must name the same units .* Got {message}"
        ):
            function(table)


@pytest.mark.parametrize(
    "build",
    [
        lambda names: pd.DataFrame(np.ones((3, 3)), names, names),
        lambda names: igraph.Graph.Full(3, directed=False).disjoint_union(igraph.Graph(0)),
    ],
    ids=["frame", "igraph"],
)
def test_two_units_of_one_name_are_refused(build):
    names = ["a", "b", "a"]
    matrix = build(names)
    if isinstance(matrix, igraph.Graph):
        matrix.vs["name"] = names
    with pytest.raises(ValueError, match=r"each unit by a name of its own. Got 'a' twice"):
        find_modules(matrix)


def test_names_that_are_no_keys_are_refused():
    graph = igraph.Graph([(0, 1)])
    graph.vs["name"] = [["a"], ["b"]]
    with pytest.raises(ValueError, match=r"names of units that may be keys. Got \['a'\]"):
        find_modules(graph)


BAD = {
    "a frame of objects": (
        lambda: pd.DataFrame(matrix().astype(object)), "array of real numbers. Got dtype object"
    ),
    "a frame of complex numbers": (
        lambda: pd.DataFrame(matrix() + 0j), "array of real numbers. Got dtype complex128"
    ),
    "a frame with gaps": (
        lambda: frame("Float64").mask(frame() == 3.0), r"be finite. Got nan at \[0, 2\]"
    ),
    "a frame that is not square": (
        lambda: frame().iloc[:2], r"square matrix .* Got shape \(2, 6\)"
    ),
    "an empty frame": (pd.DataFrame, r"at least one unit. Got shape \(0, 0\)"),
    "a graph of nothing": (nx.Graph, r"at least one unit. Got shape \(0, 0\)"),
    "a graph of igraph of nothing": (igraph.Graph, r"at least one unit. Got shape \(0, 0\)"),
    "a complex sparse array": (
        lambda: scipy.sparse.csr_array(matrix() + 0j), "real numbers. Got dtype complex128"
    ),
    "a sparse array with NaN": (
        lambda: scipy.sparse.csr_array(np.where(matrix() == 3, np.nan, matrix())),
        r"be finite. Got nan at \[0, 2\]",
    ),
    "a sparse array that is not square": (
        lambda: scipy.sparse.csr_array(matrix()[:2]), r"square matrix .* Got shape \(2, 6\)"
    ),
    "a sparse array that is not symmetric": (
        lambda: scipy.sparse.csr_array(np.triu(matrix())), r"be symmetric. Got 4 at \[1, 5\]"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("build", "message"), BAD.values(), ids=BAD)
def test_bad_matrices_of_other_forms_are_refused_as_plain_ones(build, message):
    for function in (find_modules, to_adjacency, normalize, certify):
        with pytest.raises(ValueError, match=f"^similarity must .*{message}"):
            function(build())


def test_the_name_in_the_message_is_that_of_the_argument():
    with pytest.raises(ValueError, match=r"^adjacency must be an undirected graph"):
        modularity(nx.DiGraph([(0, 1)]), [0, 1])


def test_no_library_of_other_forms_is_loaded():
    code = (
        "import sys, numpy, modlib; before = set(sys.modules)\n"
        "modlib.find_modules(numpy.ones((4, 4))); modlib.certify(numpy.ones((4, 4)))\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "modlib.matrices" in loaded
    assert not {"pandas", "networkx", "igraph"} & set(loaded)
