"""Every public function against every kind of bad input: a ValueError that names it, or a result.

Each table pairs what is passed with the fragment its message must hold, or with None where the
input is good after all; then the result is compared with that of the plain form.
"""

from fractions import Fraction
from math import inf, nan

import networkx as nx
import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from modlib.clustering.best import best_modules, best_modules_of_sparse
from modlib.clustering.consensus import consensus
from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.spectral import spectral_modules
from modlib.comparison import agreement, agreement_matrix, chance_level, pairwise_agreement
from modlib.layers.find import find_layers, n_hidden_layers
from modlib.lesions.damage import specificity
from modlib.losses import losses, pick
from modlib.models import MLP
from modlib.modularity import effective_number, modularity, modularity_matrix, to_adjacency
from modlib.nulls import excess_of
from modlib.optimality.certificate import certify
from modlib.optimality.checker import check
from modlib.optimality.storage import write_arrays
from modlib.samples import Samples
from modlib.seeds import generator
from modlib.similarity.compute import pairwise_similarity, similarity_matrices
from modlib.similarity.conventions import normalize
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import Measure

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
    "a graph": (nx.path_graph(3), "must be an array of numbers. Got a Graph"),
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


NO_LIMIT = [None, "1", [1.0], True, nan, 1j, np.ones(2), np.array("a"), torch.ones(2, 2)]
W, V = csr_array(ADJACENCY), np.ones((1, 3))
BAD_SEARCHES += [
    *((lambda v=v: best_modules(B, deadline=v), "deadline must be a number: ") for v in NO_LIMIT),
    *((lambda v=v: best_modules(B, bound=v), "bound must be a number: ") for v in NO_LIMIT),
    *(
        (lambda v=v: best_modules_of_sparse(W, V, [-1.0], bound=v), "bound must be a number: ")
        for v in NO_LIMIT
    ),
    (lambda: best_modules(B, n_rounds=10**30), "n_rounds must be at most 1,000,000,000. Got 10000"),
    (lambda: best_modules(B, patience=10**10), "patience must be at most 1,000,000,000. Got 10000"),
    (lambda: find_modules(SIMILARITY, restarts=10**10), "restarts must be at most 1,000,000,000. "),
    (lambda: best_modules_of_sparse([[1, 2], [3]], V, [1.0]), "weights must be .* Got list."),
    (lambda: best_modules_of_sparse(W * 1j, V, [1.0]), "weights must be real .* dtype complex128"),
    (lambda: best_modules_of_sparse(W, "a", [1.0]), "nulls must be an array of real .* dtype <U1"),
    (lambda: best_modules_of_sparse(W, V * 1j, [1.0]), "nulls must be .* dtype complex128"),
    (lambda: best_modules_of_sparse(W, V, None), "signs must be an array of real .* dtype object"),
    (lambda: best_modules_of_sparse(W, V, 1.0), r"signs must be a list of numbers. Got shape \(\)"),
    (lambda: consensus(SIMILARITY, seed=3), "seed must be left out: pass seeds. Got 3"),
    (lambda: consensus(SIMILARITY, np.array(3)), "seeds must be a number of seeds, or a list"),
    (lambda: consensus(SIMILARITY, 10**12), "seeds must be at most 1,000,000. Got 1000000000000"),
    (lambda: consensus(SIMILARITY, 2, draws=10**12), "draws must be at most 1,000,000. Got 1000"),
    (lambda: chance_level(LABELS, LABELS, n_permutations=10**12), "n_permutations must be at most"),
]


@pytest.mark.parametrize(("call", "message"), BAD_SEARCHES)
def test_searches_refuse_what_would_mislead_them(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


@pytest.mark.parametrize("scale", [2.0**1020, 2.0**-1060], ids=["huge", "tiny"])
def test_the_best_modules_do_not_depend_on_the_scale_of_the_matrix(scale):
    matrix = np.ones((40, 40)) - 2 * np.kron(1 - np.eye(2), np.ones((20, 20)))
    labels = best_modules(matrix * scale, n_restarts=1, bound=inf)  # whose sum is no number
    np.testing.assert_array_equal(labels[:20] == labels[0], True)
    np.testing.assert_array_equal(labels[20:] == labels[0], False)


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


# --------------------------------------------------------------------------- everything else


def no_function(value):
    raise KeyError("logits")


OUTPUT = torch.zeros(2, 3)
OTHERS = [
    (lambda: pairwise_agreement([LABELS], None), "measures must be a list of names. Got None"),
    (lambda: pairwise_agreement([LABELS], "rand"), "measures must be a list of names. Got 'rand'"),
    (lambda: MLP([10**19, 4, 3]), "widths must give no layer more than 2,147,483,648 weights. Got"),
    (lambda: MLP(b"bytes"), "widths must be at least three whole numbers .* Got b'bytes'"),
    (lambda: n_hidden_layers(None), "model must be a torch.nn.Module. Got NoneType"),
    (lambda: find_layers(3, 1), "model must be a torch.nn.Module. Got int"),
    (lambda: pick(OUTPUT, 2.5), "outputs must be a key, an index, a list .* Got 2.5"),
    (lambda: pick({"a": OUTPUT}, no_function), "outputs must be a .* no_function, .* KeyError"),
    (lambda: pick(OUTPUT.long()), "outputs must pick tensors of real numbers. Got torch.int64"),
    (lambda: losses(OUTPUT, None), "picked must be a tuple of tensors .* Got Tensor"),
    (lambda: losses((OUTPUT,), None, len), r"loss must be a function .* Got len, .* \(2 given\)"),
    (lambda: losses((OUTPUT,), None, "mae"), "loss must be one of 'cross_entropy', .* Got 'mae'"),
    (lambda: Samples({}, OUTPUT), "inputs must hold at least one sample. Got none"),
    (lambda: next(Samples([None]).batches(1)), "inputs must be a tensor or .* Got NoneType"),
    (lambda: sensitivities(outputs=nan), "outputs must be a key, an index, .* Got nan"),
    (lambda: Modules(None, 0.0), "labels must be a NumPy array with an axis of units. Got NoneT"),
    (lambda: Modules(LABELS, 0.0, units="abc"), "units must be the names of 3 units. Got 'abc'"),
    (lambda: Similarity(SIMILARITY, units=(1, 2)), "units must be the names of 3 .* Got 2 names"),
    (lambda: Similarity(SIMILARITY, units=([], 1, 2)), r"units must have names .* keys. Got \[\]"),
    (
        lambda: Measure("mine", "upstream", products=3),
        "products must be a function, or None. Got 3",
    ),
    (lambda: Measure("mine", "upstream", products=len, needs_targets=1), "needs_targets must be T"),
    (lambda: Measure(None, "upstream", products=len), "name must be text. Got None"),
    (lambda: generator(0, 3), "purpose must be text, such as 'dropout'. Got 3"),
    (lambda: generator(0, "split", "disk"), "device must be 'cpu', or another .* Got 'disk': "),
    (lambda: generator(0, "split", 0), "device must be 'cpu', or another .* Got 0: a int"),
    (lambda: write_arrays(3, {}), "path must be a path, as text or as a pathlib.Path. Got 3"),
    (lambda: write_arrays("", {}), "path must be a path, as text or as a pathlib.Path. Got ''"),
    (lambda: write_arrays("a", [LABELS]), "arrays must be a dictionary of arrays by .* Got list"),
    (lambda: write_arrays("a", {"b": [1]}), "arrays must be NumPy arrays .* 'b', a list of no dt"),
    (lambda: check(3), "path must be that of a file, as text or Path. Got 3"),
    (lambda: excess_of(SIMILARITY, None), "drawn must hold at least one similarity. Got None"),
]


@pytest.mark.parametrize(("call", "message"), OTHERS)
def test_whatever_is_odd_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


@pytest.mark.parametrize("name", ["layers", "measures", "conventions"])
@pytest.mark.parametrize(
    "value", [np.array(1), np.ones((2, 2)), torch.ones(2, 2), [csr_array(np.eye(2))]], ids=repr
)
def test_lists_of_what_is_no_name_are_refused(name, value):
    zeros = torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64)
    with pytest.raises(ValueError, match=f"^{name[:-1]}s? must be .* Got "):
        similarity_matrices(MLP((4, 3, 2)), *zeros, **{name: value})


@pytest.mark.parametrize(
    "matrix",
    [SIMILARITY * 1j, np.ma.masked_equal(SIMILARITY, 1), [[1.0], [1.0, 2.0]], "a", None],
    ids=["complex", "masked", "ragged", "text", "objects"],
)
def test_a_proof_is_never_about_what_is_no_matrix_of_numbers(matrix, tmp_path):
    certify(SIMILARITY).save(tmp_path / "proof.npz")
    matrix = np.array([[None]]) if matrix is None else matrix
    with pytest.raises(ValueError, match=r"^similarity must be an array"):
        check(tmp_path / "proof.npz", matrix)


def test_names_of_units_may_come_in_a_list():
    assert Modules(LABELS, 0.0, units=["a", "b", "c"]).members(0) == ("a",)


def test_specificity_of_damage_is_a_number_whatever_its_size():
    # Two modules hurt one class each, by as much: one bit.
    for size in (1.0, 1e308, 1e-308):
        assert specificity(np.eye(2) * size) == 1.0
