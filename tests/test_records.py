"""Tests of the records: similarities and modules are plain arrays to NumPy, and know more."""

import builtins
import importlib
import tomllib
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
import torch

from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.models import MLP
from modlib.similarity.compute import pairwise_similarity
from modlib.similarity.conventions import normalize
from modlib.similarity.matrix import Similarity

# The larger self-similarity divides as printed, the root of the product of both as released.
VALUES = np.array([[4.0, 2.0, 0.0], [2.0, 16.0, 6.0], [0.0, 6.0, 9.0]])
PRINTED = np.array([[1, 2 / 16, 0], [2 / 16, 1, 6 / 16], [0, 6 / 16, 1]])
RELEASED = np.array([[1, 2 / 8, 0], [2 / 8, 1, 6 / 12], [0, 6 / 12, 1]])
NAMED = {
    "units": ("a", "b", "c"), "layer": "fc1", "measure": "covariance", "convention": "released",
}  # fmt: skip


@pytest.fixture
def similarity():
    return Similarity(VALUES.copy(), **NAMED)


def known(record):
    return {name: getattr(record, name) for name in NAMED}


# ---------------------------------------------------------------------------------- for NumPy


def test_numpy_takes_a_similarity_as_its_plain_matrix(similarity):
    plain = np.asarray(similarity)
    assert type(plain) is np.ndarray
    assert plain.dtype == np.float64
    np.testing.assert_array_equal(plain, VALUES)
    np.testing.assert_array_equal(plain[np.ix_([2, 0], [2, 0])], [[9, 0], [0, 4]])
    # 4 (16 * 9 - 6 * 6) - 2 (2 * 9 - 0), the determinant by its first row.
    assert np.linalg.det(similarity) == pytest.approx(4 * 108 - 2 * 18)
    np.testing.assert_allclose(np.linalg.eigvalsh(similarity), np.linalg.eigvalsh(VALUES))
    assert np.trace(similarity) == 29
    assert np.asarray(similarity, dtype=np.float32).dtype == np.float32
    assert (len(similarity), similarity.shape) == (3, (3, 3))


def test_a_copy_is_a_copy_and_none_is_made_unasked(similarity):
    assert np.shares_memory(np.asarray(similarity), similarity.values)
    np.array(similarity)[0, 0] = 7.0
    assert similarity.values[0, 0] == 4.0
    labels = np.array([0, 1, 0])
    assert np.shares_memory(np.asarray(Modules(labels, 0.0)), labels)
    np.array(Modules(labels, 0.0))[0] = 7
    assert labels[0] == 0


def test_numpy_takes_modules_as_their_labels():
    modules = Modules(np.array([0, 1, -1, 0]), 0.25)
    assert type(np.asarray(modules)) is np.ndarray
    np.testing.assert_array_equal(np.asarray(modules)[[3, 2]], [0, -1])
    np.testing.assert_array_equal(np.bincount(np.asarray(modules) + 1), [1, 2, 1])
    assert len(modules) == 4


@pytest.mark.parametrize("cls", [Similarity, Modules])
def test_units_without_names_are_named_by_their_numbers(cls):
    record = Similarity(VALUES) if cls is Similarity else Modules(np.zeros(3, int), 0.0)
    assert record.units == (0, 1, 2)
    assert (record.layer, record.measure, record.convention) == (None, None, None)


# ------------------------------------------------------------------------- what is known travels


def test_what_is_known_travels_from_the_network_to_its_modules():
    model = MLP((4, 6, 5, 3), seed=1)
    random = torch.Generator().manual_seed(0)
    inputs = torch.rand(20, 4, generator=random)
    targets = torch.randint(3, (20,), generator=random)
    found = pairwise_similarity(model, inputs, targets, 2, "loss_hessian", "released")
    expected = {
        "units": tuple(range(5)), "layer": 2, "measure": "loss_hessian", "convention": "released"
    }  # fmt: skip
    assert known(found) == expected
    assert not found.is_normalized
    normalized = found.normalized()
    assert known(normalized) == expected
    assert normalized.is_normalized
    for similarity in (found, normalized):
        modules = find_modules(similarity, n_steps=5)
        assert known(modules) == expected
        assert modules.is_normalized is similarity.is_normalized


@pytest.mark.parametrize("search", ["paper", "best"])
def test_names_of_units_and_layer_travel_to_the_modules(similarity, search):
    modules = find_modules(similarity, search=search)
    assert known(modules) == NAMED
    assert modules.is_normalized is similarity.is_normalized
    assert modules.members(0) == ("a", "b", "c")


def test_modules_of_a_plain_matrix_know_the_numbers_of_their_units_only():
    modules = find_modules(VALUES)
    assert known(modules) == {
        "units": (0, 1, 2), "layer": None, "measure": None, "convention": None
    }  # fmt: skip
    assert modules.is_normalized is None


# -------------------------------------------------------------------------------- normalisation


@pytest.mark.parametrize(("convention", "expected"), [("printed", PRINTED), ("released", RELEASED)])
def test_a_similarity_is_normalised_as_its_convention_has_it(convention, expected):
    similarity = Similarity(VALUES, convention=convention)
    np.testing.assert_allclose(similarity.normalized().values, expected, rtol=1e-15)
    np.testing.assert_allclose(normalize(similarity), expected, rtol=1e-15)
    np.testing.assert_allclose(normalize(similarity, convention), expected, rtol=1e-15)
    np.testing.assert_array_equal(similarity.values, VALUES)


def test_without_a_convention_a_similarity_is_normalised_as_printed():
    np.testing.assert_allclose(Similarity(VALUES).normalized().values, PRINTED, rtol=1e-15)
    np.testing.assert_allclose(normalize(VALUES), PRINTED, rtol=1e-15)
    np.testing.assert_allclose(normalize(Similarity(VALUES), "released"), RELEASED, rtol=1e-15)


def test_normalised_twice_is_normalised_once(similarity):
    once = similarity.normalized()
    assert once.normalized() is once


@pytest.mark.parametrize(("own", "other"), [("printed", "released"), ("released", "printed")])
def test_the_other_convention_is_refused(own, other):
    similarity = Similarity(VALUES, convention=own)
    with pytest.raises(ValueError, match=rf"similarity, '{own}', or left out\. Got '{other}'"):
        normalize(similarity, other)


@pytest.mark.parametrize("convention", ["", "max", "inside", 1, []])
def test_a_convention_that_is_none_is_refused(similarity, convention):
    for matrix in (similarity, VALUES):
        with pytest.raises(ValueError, match=r"convention must be one of 'printed', 'released'"):
            normalize(matrix, convention)


# -------------------------------------------------------------------------------------- modules


def test_members_and_unused_are_named():
    modules = Modules(np.array([0, 1, -1, 0, -1]), 0.25, units=("a", "b", "c", "d", "e"))
    assert modules.n_modules == 2
    assert modules.members(0) == ("a", "d")
    assert modules.members(np.int64(1)) == ("b",)
    assert modules.unused == ("c", "e")


@pytest.mark.parametrize("module", [-1, 2, 0.0, True, None, "0"])
def test_modules_that_are_not_there_have_no_members(module):
    modules = Modules(np.array([0, 1, -1]), 0.0)
    with pytest.raises(ValueError, match=r"module must be a whole number from 0 to 1\. Got "):
        modules.members(module)


def test_nine_units_and_one_are_fewer_than_two_modules_in_effect():
    # Shares 9/10 and 1/10: the exponential of -(9/10 ln 9/10 + 1/10 ln 1/10), which is 1.384.
    modules = Modules(np.array([0] * 9 + [1]), 0.0)
    expected = exp(-(9 / 10 * log(9 / 10) + 1 / 10 * log(1 / 10)))
    assert modules.effective == pytest.approx(expected, rel=1e-14)
    assert round(modules.effective, 3) == 1.384
    assert modules.n_modules == 2


def test_unused_units_count_neither_as_a_module_nor_in_effect():
    modules = Modules(np.array([-1, -1, 0, 1]), 0.0)
    assert (modules.n_modules, modules.effective) == (2, pytest.approx(2, rel=1e-15))
    nothing = Modules(np.array([-1, -1]), 0.0)
    assert (nothing.n_modules, nothing.effective, nothing.unused) == (0, 0, (0, 1))


# ------------------------------------------------------------------------- for other libraries


def test_a_frame_of_similarities_has_the_names_of_units_on_both_sides(similarity):
    frame = similarity.to_frame()
    assert list(frame.index) == list(frame.columns) == ["a", "b", "c"]
    assert frame.loc["c", "b"] == 6
    frame.loc["a", "a"] = 0.0
    assert similarity.values[0, 0] == 4


def test_a_frame_of_modules_has_a_row_for_each_unit():
    frame = Modules(np.array([1, -1, 0]), 0.0, units=("a", "b", "c")).to_frame()
    assert frame.to_dict("list") == {"unit": ["a", "b", "c"], "module": [1, -1, 0]}


def test_a_graph_of_modules_has_the_weights_of_the_adjacency_and_the_module_of_each_unit():
    # Off the diagonal the similarities a-b = 2 and b-c = 6 sum to 2 * (2 + 6) = 16.
    modules = find_modules(Similarity(VALUES, units=("a", "b", "c")))
    graph = modules.to_networkx()
    assert dict(graph.nodes(data="module")) == {"a": 0, "b": 0, "c": 0}
    weights = {frozenset(pair): weight for *pair, weight in graph.edges(data="weight")}
    assert weights == {frozenset("ab"): 2 / 16, frozenset("bc"): 6 / 16}
    assert not graph.is_directed()


def test_a_graph_keeps_units_that_are_similar_to_none():
    pairs = np.zeros((5, 5))
    pairs[0, 3] = pairs[3, 0] = pairs[1, 4] = pairs[4, 1] = 1.0
    graph = find_modules(pairs).to_networkx()
    assert dict(graph.nodes(data="module")) == {0: 0, 1: 1, 2: -1, 3: 0, 4: 1}
    assert sorted(graph.edges(data="weight")) == [(0, 3, 1 / 4), (1, 4, 1 / 4)]


def test_a_graph_of_labels_alone_has_no_edges():
    graph = Modules(np.array([0, 0]), 0.0).to_networkx()
    assert (list(graph.nodes), list(graph.edges)) == ([0, 1], [])


@pytest.fixture
def without(monkeypatch):
    """Simulate that a library is not installed."""

    def hide(library):
        real = builtins.__import__, importlib.import_module

        def refuse(name):
            if name.partition(".")[0] == library:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        def import_(name, *others):
            refuse(name)
            return real[0](name, *others)

        def import_module(name, package=None):
            refuse(name)
            return real[1](name, package)

        monkeypatch.setattr(builtins, "__import__", import_)
        monkeypatch.setattr(importlib, "import_module", import_module)
        monkeypatch.setattr("modlib.extras.import_module", import_module)

    return hide


@pytest.mark.parametrize(
    ("make", "library"),
    [
        (lambda: Similarity(VALUES).to_frame(), "pandas"),
        (lambda: Modules(np.zeros(2, int), 0.0).to_frame(), "pandas"),
        (lambda: Modules(np.zeros(2, int), 0.0).to_networkx(), "networkx"),
    ],
)
def test_where_a_library_is_missing_the_extra_that_brings_it_is_named(without, make, library):
    make()
    without(library)
    with pytest.raises(ModuleNotFoundError, match=rf"'modlib\[{library}\]'") as caught:
        make()
    assert caught.value.name == library
    assert f"needs {library}, which is not installed" in str(caught.value)
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    (brought,) = project["optional-dependencies"][library]
    assert brought.startswith(f"{library}>=")
