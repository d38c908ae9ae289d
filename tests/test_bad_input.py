"""Every public function against every kind of bad input: a ValueError that names it, or a result.

Each table pairs what is passed with the fragment its message must hold, or with None where the
input is good after all; then the result is compared with that of the plain form.
"""

from fractions import Fraction

import numpy as np
import pytest
import torch

from modlib.clustering.best import best_modules
from modlib.clustering.find import find_modules
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.spectral import spectral_modules
from modlib.comparison import agreement, agreement_matrix, pairwise_agreement
from modlib.models import MLP
from modlib.modularity import effective_number, modularity, modularity_matrix, to_adjacency
from modlib.optimality.certificate import certify
from modlib.similarity.compute import pairwise_similarity
from modlib.similarity.conventions import normalize

SIMILARITY = np.array([[4.0, 2.0, 0.0], [2.0, 6.0, 1.0], [0.0, 1.0, 3.0]])
ADJACENCY = SIMILARITY * (1 - np.eye(3))
LABELS = np.array([0, 1, 1])

MATRIX_FUNCTIONS = {
    "normalize": normalize,
    "to_adjacency": to_adjacency,
    "find_modules": lambda matrix: find_modules(matrix, n_steps=5).labels,
    "find_modules, best": lambda matrix: find_modules(matrix, search="best").labels,
    "certify": lambda matrix: certify(matrix).labels,
}
ADJACENCY_FUNCTIONS = {
    "modularity": lambda matrix: modularity(matrix, LABELS),
    "modularity_matrix": modularity_matrix,
    "spectral_modules": lambda matrix: spectral_modules(matrix).labels,
    "monte_carlo_modules": lambda matrix: monte_carlo_modules(matrix, LABELS, 5).labels,
}


def changed(matrix, value, where=(0, 1)):
    matrix = matrix.copy()
    matrix[where] = matrix[where[::-1]] = value
    return matrix


REAL = "must be an array of real numbers. Got dtype"
BAD_MATRICES = {
    "NaN": (lambda m: changed(m, np.nan), r"must be finite. Got nan at \[0, 1\]"),
    "infinity": (lambda m: changed(m, np.inf), r"must be finite. Got inf at \[0, 1\]"),
    "minus infinity": (lambda m: changed(m, -np.inf), r"must be finite. Got -inf at \[0, 1\]"),
    "negative": (lambda m: changed(m, -0.5), r"must not be negative. Got -0.5 at \[0, 1\]"),
    "asymmetric": (
        lambda m: m * [[1, 1.01, 1]] * np.ones((3, 1)),
        r"must be symmetric. Got 2.02 at",
    ),
    "a vector": (lambda m: m[0], r"square matrix \[units, units\] .* Got shape \(3,\)"),
    "a number": (lambda m: 3.0, r"square matrix .* Got shape \(\)"),
    "not square": (lambda m: m[:2], r"square matrix .* Got shape \(2, 3\)"),
    "three axes": (lambda m: m[None], r"square matrix .* Got shape \(1, 3, 3\)"),
    "empty": (lambda m: m[:0, :0], r"at least one unit. Got shape \(0, 0\)"),
    "complex": (lambda m: m.astype(complex), f"{REAL} complex128"),
    "objects": (lambda m: m.astype(object), f"{REAL} object"),
    "strings": (lambda m: m.astype(str), f"{REAL} <U"),
    "dates": (lambda m: m.astype("M8[s]"), f"{REAL} datetime64"),
    "None": (lambda m: None, f"{REAL} object"),
    "a dictionary": (lambda m: {"a": 1}, f"{REAL} object"),
    "ragged": (lambda m: [[1.0], [1.0, 2.0]], "must be an array of numbers. Got: .* inhomogeneous"),
    "masked": (lambda m: np.ma.masked_equal(m, 1), "must not be masked. Got masked entries: fill"),
    "rows masked": (lambda m: list(np.ma.masked_equal(m, 1)), "must not be masked"),
    "fractions": (lambda m: [[Fraction(int(v)) for v in row] for row in m], f"{REAL} object"),
    "a generator": (lambda m: (row for row in m), f"{REAL} object"),
    "with gradient": (
        lambda m: torch.tensor(m, requires_grad=True),
        "numbers. Got: .* requires grad",
    ),
    "bfloat16": (
        lambda m: torch.tensor(m).bfloat16(),
        "must be an array of numbers. Got: .* BFloat16",
    ),
}
# The matrices hold small whole numbers, so that none of these loses anything.
GOOD_MATRICES = {
    "lists": lambda m: m.tolist(),
    "int64": lambda m: m.astype(np.int64),
    "uint8": lambda m: m.astype(np.uint8),
    "float16": lambda m: m.astype(np.float16),
    "float32": lambda m: m.astype(np.float32),
    "big-endian": lambda m: m.astype(">f8"),
    "column-major": np.asfortranarray,
    "a tensor": torch.tensor,
    "masked nowhere": lambda m: np.ma.array(m, mask=False),
    "read-only": lambda m: np.frombuffer(m.tobytes()).reshape(m.shape),
    "rounded": lambda m: m + np.triu(np.full((3, 3), 1e-16), 1),
    "huge": lambda m: m * 2.0**1021,  # powers of two, so that scaling is exact
    "tiny": lambda m: m * 2.0**-1000,
}
ALL_FUNCTIONS = [(name, f, SIMILARITY) for name, f in MATRIX_FUNCTIONS.items()]
ALL_FUNCTIONS += [(name, f, ADJACENCY) for name, f in ADJACENCY_FUNCTIONS.items()]
over_functions = pytest.mark.parametrize(
    ("function", "matrix"), [c[1:] for c in ALL_FUNCTIONS], ids=[c[0] for c in ALL_FUNCTIONS]
)


@over_functions
@pytest.mark.parametrize(("spoil", "message"), BAD_MATRICES.values(), ids=BAD_MATRICES)
def test_bad_matrices_are_refused(function, matrix, spoil, message):
    name = "similarity" if matrix is SIMILARITY else "adjacency"
    with pytest.raises(ValueError, match=f"^{name} .*{message}"):
        function(spoil(matrix))


@over_functions
@pytest.mark.parametrize("kind", GOOD_MATRICES)
def test_other_forms_of_good_matrices_give_the_same(function, matrix, kind):
    expected = function(matrix)
    np.testing.assert_allclose(
        function(GOOD_MATRICES[kind](matrix)), expected, rtol=1e-14, atol=1e-16
    )


@pytest.mark.parametrize("function", ADJACENCY_FUNCTIONS.values(), ids=ADJACENCY_FUNCTIONS)
def test_a_diagonal_is_refused_where_an_adjacency_is_due(function):
    with pytest.raises(
        ValueError, match=r"zero diagonal. Got a largest .* of 6: pass .* to_adjacency"
    ):
        function(SIMILARITY)


@pytest.mark.parametrize("n", [1, 3])
def test_zeros_have_defined_results(n):
    zeros, unused = np.zeros((n, n)), [-1] * n
    np.testing.assert_array_equal(normalize(zeros), zeros)
    np.testing.assert_array_equal(to_adjacency(zeros), zeros)
    np.testing.assert_array_equal(modularity_matrix(zeros), zeros)
    assert modularity(zeros, unused) == 0
    for modules in (
        find_modules(zeros),
        find_modules(zeros, search="best"),
        spectral_modules(zeros),
        monte_carlo_modules(zeros, unused),
    ):
        np.testing.assert_array_equal(modules.labels, unused)
        assert modules.q == 0
    certificate = certify(zeros)
    assert certificate.optimal
    assert certificate.lower == certificate.upper == 0


# ------------------------------------------------------------------------------------------ labels

LABEL_FUNCTIONS = {
    "modularity": lambda labels: modularity(ADJACENCY, labels),
    "effective_number": effective_number,
    "monte_carlo_modules": lambda labels: monte_carlo_modules(ADJACENCY, labels, 5).labels,
    "agreement, first": lambda labels: agreement(labels, LABELS),
    "agreement, second": lambda labels: agreement(LABELS, labels),
    "agreement_matrix": lambda labels: agreement_matrix([LABELS, labels]),
}
BAD_LABELS = {
    "floats": ([0.0, 1.0, 1.0], "must be whole numbers. Got dtype float64"),
    "NaN": ([0, np.nan, 1], "must be whole numbers. Got dtype float64"),
    "booleans": ([True, False, False], "must be whole numbers. Got dtype bool"),
    "strings": (["a", "b", "b"], "must be whole numbers. Got dtype <U1"),
    "objects": (np.array([0, 1, 1], dtype=object), "must be whole numbers. Got dtype object"),
    "complex": ([0j, 1, 1], "must be whole numbers. Got dtype complex128"),
    "beyond 64 bits": ([0, 1, 2**70], "must be whole numbers. Got dtype object"),
    "beyond int64": (np.array([0, 1, 2**64 - 1], np.uint64), "from 0 on. Got 18446744073709551615"),
    "below -1": ([0, 1, -2], r"must be -1 \(unused\) or a cluster from 0 on. Got -2"),
    "None": (None, r"one label per unit. Got shape \(\)"),
    "a number": (3, r"one label per unit. Got shape \(\)"),
    "empty": ([], r"one label per unit. Got shape \(0,\)"),
    "three axes": (np.zeros((3, 1, 1), int), r"one label per unit. Got shape \(3, 1, 1\)"),
    "ragged": ([0, [1], 2], "must be an array of numbers. Got: .* inhomogeneous"),
    "masked": (np.ma.array([0, 1, 1], mask=[0, 0, 1]), "must not be masked. Got masked entries"),
    "one masked": ([0, 1, np.ma.masked], "must not be masked. Got masked entries"),
}


@pytest.mark.parametrize("function", LABEL_FUNCTIONS.values(), ids=LABEL_FUNCTIONS)
@pytest.mark.parametrize(("labels", "message"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_bad_labels_are_refused(function, labels, message):
    with pytest.raises(
        ValueError,
        match=rf"^(labels(_a|_b)?|assignments\[\d\]) must .*{message.removeprefix('must ')}",
    ):
        function(labels)


@pytest.mark.parametrize("name", [name for name in LABEL_FUNCTIONS if name != "effective_number"])
def test_labels_of_another_length_are_refused(name):
    for labels in ([0, 1], [0, 1, 1, 1]):
        with pytest.raises(
            ValueError,
            match=r"^(labels(_a|_b)?|assignments\[\d\]) must have one label per unit, . in all",
        ):
            LABEL_FUNCTIONS[name](labels)


@pytest.mark.parametrize("function", LABEL_FUNCTIONS.values(), ids=LABEL_FUNCTIONS)
@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, 1],
        (0, 1, 1),
        np.array([0, 1, 1], np.uint8),
        torch.tensor([0, 1, 1]),
        [0, 2**62, 2**62],
    ],
    ids=["list", "tuple", "uint8", "tensor", "large"],
)
def test_other_forms_of_good_labels_give_the_same(function, labels):
    np.testing.assert_array_equal(function(labels), function(LABELS))


@pytest.mark.parametrize(
    ("memberships", "message"),
    [
        ([[1, 0], [0.5, 0.6], [0, 1]], "must sum to one for each unit. Got 1.1 for unit 1"),
        ([[1, 0], [1.5, -0.5], [0, 1]], r"must not be negative. Got -0.5 at \[1, 1\]"),
        ([[1, 0], [np.nan, 1], [0, 1]], r"must be finite. Got nan at \[1, 0\]"),
        ([[1j, 0], [1, 0], [0, 1]], f"{REAL} complex128"),
        (np.zeros((3, 0)), r"Got shape \(3, 0\)"),
    ],
)
def test_bad_memberships_are_refused(memberships, message):
    for function in (lambda m: modularity(ADJACENCY, m), effective_number):
        with pytest.raises(ValueError, match=f"^labels .*{message}"):
            function(memberships)


def test_masked_memberships_are_refused():
    masked = np.ma.array(np.eye(3), mask=np.eye(3))
    for function in (lambda m: modularity(ADJACENCY, m), effective_number):
        with pytest.raises(ValueError, match=r"^labels must not be masked. Got masked entries"):
            function(masked)


def test_memberships_of_other_units_are_refused():
    with pytest.raises(ValueError, match=r"memberships .* of 3 units. Got shape \(2, 2\)"):
        modularity(ADJACENCY, np.eye(2))


# ----------------------------------------------------------------------------------------- options

NO_NUMBER = ["1", None, [1], True, float("nan"), float("inf"), 1j, torch.tensor(1.0), 10**400]
NO_WHOLE = ["1", None, [1], True, 1.0, float("nan"), torch.tensor(1), -1]
NO_CHOICE = ["", "Paper", None, 1, [], {}, ["paper"], np.array(["paper", "max"]), b"max"]


def sensitivities(**options):
    zeros = torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64)
    return pairwise_similarity(MLP((4, 3, 2)), *zeros, **options)


OPTIONS = [
    *((lambda v: find_modules(SIMILARITY, n_steps=v), "n_steps", v) for v in NO_WHOLE),
    *((lambda v: find_modules(SIMILARITY, seed=v), "seed", v) for v in NO_WHOLE),
    *((lambda v: find_modules(SIMILARITY, entropy=v), "entropy", v) for v in [*NO_NUMBER, 0, -1]),
    *(
        (lambda v: find_modules(SIMILARITY, resolution=v), "resolution", v)
        for v in [*NO_NUMBER, -1]
    ),
    *((lambda v: modularity(ADJACENCY, LABELS, v), "resolution", v) for v in [*NO_NUMBER, -1]),
    *((lambda v: normalize(SIMILARITY, epsilon=v), "epsilon", v) for v in [*NO_NUMBER, 0, -1]),
    *((lambda v: find_modules(SIMILARITY, search=v), "search", v) for v in NO_CHOICE),
    *(
        (lambda v: normalize(SIMILARITY, convention=v), "convention", v)
        for v in NO_CHOICE
        if v is not None  # that is: as the similarity has it
    ),
    *((lambda v: agreement(LABELS, LABELS, v), "measure", v) for v in NO_CHOICE),
    *((lambda v: sensitivities(measure=v), "measure", v) for v in NO_CHOICE),
    *((lambda v: sensitivities(convention=v), "convention", v) for v in NO_CHOICE),
    *((lambda v: sensitivities(derivatives=v), "derivatives", v) for v in NO_CHOICE),
    *(
        (lambda v: sensitivities(layer=v), "layer", v)
        for v in [*NO_WHOLE, 0, 2, [], [1, 1]]
        if v != [1]
    ),  # a list of layers is one to ask for
]


@pytest.mark.parametrize(("function", "name", "value"), OPTIONS)
def test_bad_options_are_refused_by_name_and_value(function, name, value):
    with pytest.raises(ValueError, match=f"^{name} must be .* Got ") as caught:
        function(value)
    assert f"Got {value!r}" in str(caught.value)


B = modularity_matrix(ADJACENCY)
BAD_SEARCHES = [
    (lambda: best_modules(B[:2]), r"matrix must be a square matrix .* Got shape \(2, 3\)"),
    (lambda: best_modules(B + 0j), "matrix must be an array of real numbers. Got dtype complex"),
    (lambda: best_modules(changed(B, np.nan)), r"matrix must be finite. Got nan at \[0, 1\]"),
    (lambda: best_modules(np.triu(B)), "matrix must be symmetric. Got "),
    (lambda: best_modules(B, seed=-1), "seed must be a whole number, 0 or more. Got -1"),
    (lambda: best_modules(B, n_restarts=1.5), "n_restarts must be a whole number .* Got 1.5"),
    (lambda: best_modules(B, n_rounds=-1), "n_rounds must be a whole number .* Got -1"),
    (lambda: best_modules(B, patience=None), "patience must be a whole number .* Got None"),
    (lambda: certify(SIMILARITY, seed=-1), "seed must be a whole number, 0 or more. Got -1"),
    (lambda: find_modules(SIMILARITY, n_steps=10**12), "n_steps must be at most 100,000,000. Got "),
    (lambda: find_modules(SIMILARITY, entropy=Fraction(1, 10**400)), "entropy must be a number ab"),
    (lambda: normalize(SIMILARITY, epsilon=Fraction(1, 10**400)), "epsilon must be a number above"),
    (lambda: certify(SIMILARITY, Fraction(1, 10**400)), "time_limit must be a number above 0"),
    (
        lambda: monte_carlo_modules(ADJACENCY, LABELS, 5, trace="yes"),
        "trace must be True or False. Got 'yes'",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD_SEARCHES)
def test_searches_refuse_what_would_mislead_them(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_fractions_are_numbers():
    half = Fraction(1, 2)
    one = find_modules(SIMILARITY, n_steps=50, entropy=0.5, resolution=0.5)
    other = find_modules(SIMILARITY, n_steps=50, entropy=half, resolution=half)
    assert (other.q, other.labels.tolist()) == (one.q, one.labels.tolist())
    assert certify(SIMILARITY, Fraction(60), resolution=half).lower == pytest.approx(one.q)
    halves = normalize(SIMILARITY, epsilon=half)
    assert halves.dtype == np.float64
    np.testing.assert_array_equal(halves, normalize(SIMILARITY, epsilon=0.5))


# ------------------------------------------------------------------------------------- assignments

OVER_ASSIGNMENTS = {
    "agreement_matrix": agreement_matrix,
    "pairwise_agreement": lambda found: pairwise_agreement(found, ["element"])["element"],
}
over_assignments = pytest.mark.parametrize(
    "function", OVER_ASSIGNMENTS.values(), ids=OVER_ASSIGNMENTS
)


@over_assignments
def test_assignments_may_come_one_by_one(function):
    every = [LABELS, [0, 0, 1], [0, 1, 2]]
    np.testing.assert_array_equal(function(found for found in every), function(every))
    np.testing.assert_array_equal(function(np.array(every)), function(every))


@over_assignments
@pytest.mark.parametrize("nothing", [[], (), None, 3, iter(())], ids=str)
def test_without_assignments_there_is_no_agreement(function, nothing):
    with pytest.raises(ValueError, match=r"^assignments must be labels, one set or more. Got "):
        function(nothing)


def test_numbers_of_numpy_are_numbers():
    one = find_modules(SIMILARITY, n_steps=5, entropy=0.5, seed=3, resolution=1.0)
    other = find_modules(
        SIMILARITY, n_steps=np.int32(5), entropy=np.float32(0.5), seed=np.uint8(3),
        resolution=np.int64(1),
    )  # fmt: skip
    np.testing.assert_array_equal(one.labels, other.labels)
