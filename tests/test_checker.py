"""The checker of certificates: what it proves is true, and what was tampered with is refused."""

import ast
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from oracles import set_partitions

from modlib.optimality import branching, certificate, checker, relaxation
from modlib.optimality.certificate import Certificate, certify
from modlib.optimality.checker import check, evaluate

TOLERANCE = Fraction(1, 10**9)
NULLS = ("configuration", "uniform", "matrix")


def symmetric(n, random, low=0.0, density=1.0):
    values = np.triu(random.uniform(low, 1, (n, n)) * (random.random((n, n)) < density), 1)
    return values + values.T


def gram(n, n_features, seed):
    """A matrix whose proof takes cuts of all kinds."""
    features = np.random.default_rng(seed).standard_normal((n, n_features))
    return np.abs(features @ features.T)


def exact_matrix(weights, resolution=1.0, null="configuration", own=None):
    """B by its definition, in fractions, one pair after the other; zero for unused units."""
    n = len(weights)
    a = [[Fraction(float(weights[i, j])) if i != j else Fraction(0) for j in range(n)]
         for i in range(n)]  # fmt: skip
    plus = [sum((max(w, 0) for w in row), Fraction(0)) for row in a]
    minus = [sum((max(-w, 0) for w in row), Fraction(0)) for row in a]
    used = [i for i in range(n) if any(a[i])]
    size = sum(plus) + sum(minus)

    def expected(i, j):
        if null == "uniform":
            total = (sum(plus) - sum(minus)) / size
            return total / (len(used) * (len(used) - 1)) if i != j else 0
        if null == "matrix":
            return Fraction(float(own[i, j])) / sum(abs(Fraction(float(v))) for v in own.ravel())
        return sum(
            sign * d[i] * d[j] / sum(d) / size for sign, d in ((1, plus), (-1, minus)) if sum(d)
        )

    matrix = [[Fraction(0)] * n for _ in range(n)]
    for i, j in product(used, used):
        matrix[i][j] = a[i][j] / size - Fraction(resolution) * expected(i, j)
    return matrix


def exact_q(matrix, labels):
    """The sum of B over pairs with one label."""
    n = range(len(matrix))
    return sum((matrix[i][j] for i in n for j in n if labels[i] == labels[j]), Fraction(0))


def highest_q(weights, *options):
    """The highest modularity of all assignments, in fractions."""
    matrix = exact_matrix(weights, *options)
    return max(exact_q(matrix, labels) for labels in set_partitions(len(weights)))


@pytest.fixture(scope="module")
def branched():
    """A certificate of many cases and lemmas: its proof was allowed cuts once only."""
    cut, left = branching.Proof._cut, [1]

    def cut_once(proof, gain):
        left[0] -= 1
        return left[0] >= 0 and cut(proof, gain)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(branching.Proof, "_cut", cut_once)
        found = certify(gram(12, 4, seed=2))
    assert found.optimal
    assert len(found.proof["case_parent"]) > 10
    assert len(found.proof["lemma_case"]) > 5
    return found


@pytest.fixture
def contents(branched):
    """The arrays of its file, to be tampered with."""
    return {name: array.copy() for name, array in branched.proof.items()}


def saved(contents, folder: Path) -> Path:
    path = folder / "proof.npz"
    np.savez_compressed(path, **contents)
    return path


# ---------------------------------------------------------------------------------- what is proven


@pytest.mark.parametrize(("n", "resolution", "signed"), [
    (n, resolution, signed) for n in range(2, 7)
    for resolution, signed in product((0.5, 1.0, 2.0), (False, True))
])  # fmt: skip
def test_what_is_proven_is_the_highest_of_all_assignments(n, resolution, signed, tmp_path):
    weights = symmetric(n, np.random.default_rng(n), low=-1.0 if signed else 0.0)
    certify(weights, resolution=resolution, signed=signed).save(tmp_path / "proof.npz")
    upper, q, n_units = check(tmp_path / "proof.npz", weights)
    assert q == highest_q(weights, resolution)
    assert q <= upper <= q + TOLERANCE
    assert n_units == n


@pytest.mark.parametrize("n", [7, 8, 9])
@pytest.mark.parametrize("signed", [False, True])
def test_what_is_proven_bounds_all_assignments_of_more_units(n, signed):
    weights = symmetric(n, np.random.default_rng(n), low=-1.0 if signed else 0.0)
    upper, q, _ = evaluate(certify(weights, signed=signed).proof)
    labels = np.array(list(set_partitions(n)))
    size, parts = np.abs(weights).sum(), (np.maximum(weights, 0), np.maximum(-weights, 0))
    nulls = [np.outer(p.sum(0), p.sum(0)) / max(p.sum(), 1e-300) for p in parts]
    matrix = (weights - nulls[0] + nulls[1]) / size
    best = max(matrix[np.equal.outer(p, p)].sum() for p in labels)
    assert float(q) == pytest.approx(best, abs=1e-14)  # sums of 81 terms below one
    assert best - 1e-14 <= float(upper) <= best + 1e-9


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("null", NULLS)
def test_what_is_proven_where_similarities_tie_and_units_are_unused(seed, null):
    random = np.random.default_rng(seed)
    n = 6
    signed, resolution = bool(seed % 2), float(random.choice([0.5, 1.0, 2.0]))
    weights = np.round(2 * symmetric(n, random, low=-1.0 if signed else 0.0, density=0.6))
    unused = random.integers(n)
    weights[unused] = weights[:, unused] = 0.0
    own = np.ones((n, n)) - np.eye(n)
    own[unused] = own[:, unused] = 0.0
    found = certify(weights, resolution=resolution, signed=signed,
                    null=own if null == "matrix" else null)  # fmt: skip
    upper, q, _ = evaluate(found.proof)
    assert q == highest_q(weights, resolution, null, own)
    assert upper - q <= TOLERANCE
    assert found.labels[unused] == -1


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_no_scale_is_too_small_or_too_large(scale):
    weights = gram(7, 3, seed=0)
    upper, q, _ = evaluate(certify(weights * scale).proof)
    assert float(q) == pytest.approx(float(highest_q(weights)), abs=1e-14)
    assert upper - q <= TOLERANCE


def test_a_similarity_that_vanishes_beside_the_others_does_no_harm():
    least = np.nextafter(0.0, 1.0)
    weights = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, least], [0.0, least, 0.0]])
    found = certify(weights)
    upper, q, _ = evaluate(found.proof)
    assert upper - q <= TOLERANCE
    assert float(q) == pytest.approx(found.lower, abs=1e-15)


@pytest.mark.parametrize("weights", [np.zeros((3, 3)), np.ones((1, 1)), np.eye(2)],
                         ids=["zero", "one", "diagonal"])  # fmt: skip
def test_without_links_q_is_zero_and_that_is_proven(weights, tmp_path):
    certify(weights).save(tmp_path / "proof.npz")
    assert check(tmp_path / "proof.npz", weights) == (0, 0, len(weights))


def arbitrary(n, random):
    """A file of cases, cuts and multipliers drawn at random, that claims what it likes."""
    n_cuts, n_lemmas = 30, 4
    weights = symmetric(n, random, low=-1.0)
    cuts = random.integers(-n, n, size=(5, n_cuts), endpoint=True)
    sizes = random.integers(0, 9, size=n_lemmas)
    steps = [np.diff(np.sort(random.permutation(n_cuts)[:size]), prepend=-1) for size in sizes]
    # The first case in two, and the first or the second of these again.
    pairs = [sorted(random.permutation(n)[:2]) for _ in range(2)]
    goal = float(highest_q(weights)) + random.choice([-0.05, 0.0, 0.1, 0.2])
    return weights, {
        "format": np.array(checker.FORMAT), "similarity": weights[np.triu_indices(n, 1)],
        "null": np.array("configuration"), "null_matrix": np.zeros(0),
        "resolution": np.array(1.0), "labels": np.zeros(n, np.int8), "lower": np.array(-1.0),
        "upper": np.array(1.0), "goal": np.array(goal), "bits": np.array(50), "cuts": cuts,
        "case_parent": np.array([0, 0, *[random.integers(1, 3)] * 2]),
        "case_pair": np.array([pairs[0], pairs[0], pairs[1], pairs[1]]),
        "case_together": np.array([True, False, False, True]),
        "lemma_case": random.integers(0, 5, size=n_lemmas), "lemma_size": sizes,
        "lemma_precision": np.full(n_lemmas, 10), "cut_step": np.concatenate(steps),
        "multipliers": random.integers(0, 60, size=sizes.sum()),
    }  # fmt: skip


@pytest.mark.parametrize("n", [3, 4, 5])
def test_whatever_a_file_holds_nothing_false_is_proven(n):
    """No matter where cuts and multipliers come from: no assignment's Q is above the bound."""
    random = np.random.default_rng(n)
    n_tight = 0
    for _ in range(100):
        weights, contents = arbitrary(n, random)
        best, upper = highest_q(weights), evaluate(contents).upper
        assert upper >= best
        n_tight += upper - best <= TOLERANCE
    assert n_tight > 10  # a little less would have been false


def test_a_bound_is_the_largest_value_of_the_sum_of_q_and_cuts():
    random = np.random.default_rng(0)
    for _ in range(20):
        weights, contents = arbitrary(4, random)
        contents |= {"case_parent": np.zeros(0, int), "case_pair": np.zeros((0, 2), int),
                     "case_together": np.zeros(0, bool), "lemma_case": np.zeros(1, int),
                     "lemma_size": np.array([8]), "lemma_precision": np.array([10]),
                     "cut_step": np.arange(8) // 7 + 1, "multipliers": np.arange(8),
                     "goal": np.array(-9.0)}  # fmt: skip
        chosen = np.cumsum(contents["cut_step"]) - 1
        bounds = [largest(weights, []), largest(weights, [
            (contents["cuts"][:, cut], Fraction(m, 2**10)) for m, cut in enumerate(chosen)
        ])]  # fmt: skip
        assert float(evaluate(contents).upper) == pytest.approx(float(min(bounds)), abs=2**-46)


def largest(weights, cuts):
    """Q plus cuts, for pairs that need not be an assignment: the largest of 64 values."""
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    matrix = exact_matrix(weights)
    one_by_one = exact_q(matrix, range(4))
    costs = {}
    for i, j in pairs:
        labels = [0, 1, 2, 3]
        labels[j] = i
        costs[i, j] = exact_q(matrix, labels) - one_by_one
    constant = one_by_one
    for cut, multiplier in cuts:
        s = [sum(int(np.sign(u)) for u in cut if abs(u) == i + 1) for i in range(4)]
        constant += multiplier * Fraction(sum(v * v for v in s) - sum(s), 2)
        for i, j in pairs:
            costs[i, j] += multiplier * s[i] * s[j]
    return constant + sum(max(cost, 0) for cost in costs.values())


def test_units_that_would_have_to_be_together_and_apart_close_a_case():
    together, apart = np.eye(3, dtype=bool), np.zeros((3, 3), bool)
    for i, j in ((0, 1), (1, 2)):
        together[i, j] = together[j, i] = True
    assert checker.close(together.copy(), apart.copy())
    apart[0, 2] = apart[2, 0] = True
    assert not checker.close(together, apart)


# ------------------------------------------------------------------------- what is not finished


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


@pytest.mark.parametrize("limit", [1e-9, 12.5, 15.5, 18.5, 30.5, 90.5, 150.5])
@pytest.mark.parametrize("with_cuts", [False, True])
def test_a_proof_cut_short_proves_its_own_bound(limit, with_cuts, monkeypatch, tmp_path):
    weights = gram(9, 5, seed=0)
    finished = certify(weights)
    clock = Clock()
    for module in (branching, relaxation, certificate):
        monkeypatch.setattr(module, "thread_time", clock)
    if not with_cuts:
        monkeypatch.setattr(branching.Proof, "_cut", lambda *_: False)
    found = certify(weights, limit)
    found.save(tmp_path / "proof.npz")
    upper, q, _ = check(tmp_path / "proof.npz", weights)
    assert float(upper) <= found.upper <= np.nextafter(float(upper), 1)
    assert upper >= evaluate(finished.proof).q
    assert found.optimal == (upper - q <= TOLERANCE)
    assert not (limit < 1 and found.optimal)


# ------------------------------------------------------------------------------ what is refused


def flip_a_multiplier(c):
    c["multipliers"] = c["multipliers"].astype(np.int64)
    c["multipliers"][c["multipliers"].argmax()] *= -1


def change_cuts(c):
    c["cuts"] = -c["cuts"]


def drop_multipliers(c):
    c["multipliers"][:] = 0


def drop_a_part(c):
    for name in ("case_parent", "case_pair", "case_together"):
        c[name] = c[name][:-1]
    c["lemma_case"] = np.minimum(c["lemma_case"], len(c["case_parent"]))


def same_part_twice(c):
    c["case_together"][0] = c["case_together"][1]


def another_pair(c):
    c["case_pair"][0] = c["case_pair"][0][0], (set(range(12)) - set(c["case_pair"][0])).pop()


def part_of_itself(c):
    c["case_parent"] = c["case_parent"].astype(np.int64)
    c["case_parent"][:2] = 1


def part_of_none(c):
    c["case_parent"] = c["case_parent"].astype(np.int64)
    c["case_parent"][0] = 99


def open_all(c):
    for name in ("case_parent", "case_pair", "case_together"):
        c[name] = c[name][:0]
    c["lemma_case"] = np.zeros_like(c["lemma_case"])


def no_such_unit(c):
    c["cuts"] = np.where(c["cuts"] == c["cuts"].max(), 100, c["cuts"])


def no_such_cut(c):
    c["cut_step"] = c["cut_step"].astype(np.int64)
    c["cut_step"][0] += 10**6


def one_unit(c):
    c["case_pair"][:2] = 3


def set_to(**values):
    def tamper(c):
        c.update({name: np.array(value) for name, value in values.items()})

    return tamper


def remove(name):
    return lambda c: c.pop(name)


def times(name, factor):
    def tamper(c):
        c[name] = c[name] * factor

    return tamper


def huge(c):
    c["multipliers"] = c["multipliers"].astype(np.int64) + 2**60


def other_weights(c):
    c["similarity"][0] *= 1.5


def not_a_number(c):
    c["similarity"][0] = np.nan


def shorter(name):
    def tamper(c):
        c[name] = c[name][:-1]

    return tamper


TAMPERED = {
    "a negative multiplier": (flip_a_multiplier, "negative multiplier"),
    "other cuts": (change_cuts, "what is proven is .*, above upper"),
    "no multipliers": (drop_multipliers, "what is proven is .*, above upper"),
    "a part missing": (drop_a_part, "is not made up of its parts"),
    "a part twice": (same_part_twice, "is not made up of its parts"),
    "parts of two pairs": (another_pair, "is not made up of its parts"),
    "a part of itself": (part_of_itself, "has a part that precedes it"),
    "a part of none": (part_of_none, "case_parent names case 99"),
    "no parts": (open_all, "what is proven is .*, above upper"),
    "a pair of one unit": (one_unit, "a pair of one unit"),
    "a unit too many": (no_such_unit, "there is no such unit"),
    "a cut too many": (no_such_cut, "a cut that is not there"),
    "a higher lower bound": (set_to(lower=0.5), "Q of the labels is .*, below lower"),
    "a lower upper bound": (set_to(upper=0.0), "what is proven is .*, above upper"),
    "a lower goal": (set_to(goal=0.0), "what is proven is .*, above upper"),
    "a higher goal": (set_to(goal=0.9), "what is proven is .*, above upper"),
    "other labels": (set_to(labels=np.zeros(12, np.int8)), "Q of the labels is .*, below lower"),
    "another resolution": (set_to(resolution=0.9), "above upper|below lower"),
    "another null": (set_to(null="uniform"), "above upper|below lower"),
    "an unknown null": (set_to(null="chance"), "null is 'chance'"),
    "no null matrix": (set_to(null="matrix"), "null_matrix must have 66 entries"),
    "another weight": (other_weights, "above upper|below lower"),
    "a weight that is none": (not_a_number, "similarity is not finite"),
    "another format": (set_to(format="modlib certificate 2"), "format is not"),
    "too many bits": (set_to(bits=62), "bits are 62"),
    "numbers too large": (huge, "multipliers that are too large"),
    "an array missing": (remove("cuts"), "cuts is missing"),
    "real multipliers": (times("multipliers", 0.5), "multipliers is an array of float64"),
    "too few multipliers": (shorter("multipliers"), "multipliers must have"),
    "too few weights": (shorter("similarity"), "similarity must have 66 entries"),
    "too few cases": (shorter("case_pair"), "case_pair must have"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_refused_by_its_reason(what, contents, tmp_path):
    tamper, reason = TAMPERED[what]
    check(saved(contents, tmp_path))
    tamper(contents)
    with pytest.raises(ValueError, match=reason):
        check(saved(contents, tmp_path))


def test_a_unit_that_is_not_in_use_is_in_no_cut(tmp_path):
    weights = np.pad(gram(8, 3, seed=0), (0, 1))
    contents = dict(certify(weights).proof)
    assert contents["cuts"].size
    contents["cuts"] = np.where(contents["cuts"] == contents["cuts"].max(), 9, contents["cuts"])
    with pytest.raises(ValueError, match="a unit is named that is not in use"):
        check(saved(contents, tmp_path))


def test_every_multiplier_that_is_left_out_matters_or_is_idle(contents, tmp_path):
    """Whatever single multiplier is lost, what remains is still true, if weaker."""
    q = evaluate(contents).q
    for place in range(0, len(contents["multipliers"]), 7):
        changed = {**contents, "multipliers": contents["multipliers"].copy()}
        changed["multipliers"][place] = 0
        assert evaluate(changed).upper >= q


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_off_is_damaged(branched, share, tmp_path):
    path = tmp_path / "proof.npz"
    branched.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="the file is damaged"):
        check(path)


def test_a_changed_byte_is_noticed_or_changes_nothing(branched, tmp_path):
    path, random = tmp_path / "proof.npz", np.random.default_rng(0)
    branched.save(path)
    whole, verdict = path.read_bytes(), check(path)
    for place in random.integers(len(whole), size=100):
        changed = bytearray(whole)
        changed[place] ^= 1 << random.integers(8)
        path.write_bytes(changed)
        try:
            assert check(path) == verdict
        except ValueError as error:
            assert str(error)  # noqa: PT017


@pytest.mark.parametrize("content", [b"", b"not an archive", None], ids=["empty", "text", "array"])
def test_what_is_no_archive_is_damaged(content, tmp_path):
    path = tmp_path / "proof.npz"
    if content is None:
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="the file is damaged"):
        check(path)


def test_objects_are_not_unpickled(contents, tmp_path):
    contents["labels"] = contents["labels"].astype(object)
    with pytest.raises(ValueError, match="the file is damaged"):
        check(saved(contents, tmp_path))


# -------------------------------------------------------------------------------- of which matrix


def test_a_proof_is_about_the_matrix_that_it_was_made_for(branched, tmp_path):
    path, weights = tmp_path / "proof.npz", gram(12, 4, seed=2)
    branched.save(path)
    check(path, weights)
    check(path, weights + np.diag(np.arange(12.0)))  # the diagonal does not count
    changed = weights.copy()
    changed[3, 4] = changed[4, 3] = np.nextafter(changed[3, 4], 9)
    with pytest.raises(ValueError, match="the proof is about another matrix"):
        check(path, changed)
    with pytest.raises(ValueError, match="the proof is about 12 units"):
        check(path, weights[:-1, :-1])


def test_asymmetry_of_rounding_is_seen_as_certify_sees_it(tmp_path):
    weights = gram(8, 3, seed=1)
    weights[2, 5] *= 1 + 1e-12
    certify(weights).save(tmp_path / "proof.npz")
    check(tmp_path / "proof.npz", weights)


# ------------------------------------------------------------------------------------ a stranger


def run_as_stranger(folder: Path, *arguments):
    """The checker alone, copied elsewhere, by an interpreter that sees no modlib."""
    shutil.copy(checker.__file__, folder / "checker.py")
    return subprocess.run([sys.executable, "-I", "checker.py", *map(str, arguments)],
                          cwd=folder, capture_output=True, text=True, check=False)  # fmt: skip


def test_the_checker_runs_alone_and_says_what_is_proven(branched, tmp_path):
    branched.save(tmp_path / "proof.npz")
    done = run_as_stranger(tmp_path, "proof.npz")
    assert (done.returncode, done.stderr) == (0, "")
    said = re.fullmatch(
        r"proof.npz: no assignment of 12 units has Q > (\S+); its labels have (\S+), (\S+) less\n",
        done.stdout,
    )
    upper, q, gap = map(float, said.groups())
    assert upper == pytest.approx(branched.upper, abs=1e-12)
    assert q == pytest.approx(branched.lower, abs=1e-12)
    assert gap <= 1e-9


def test_one_line_says_what_is_wrong_with_each_file(branched, contents, tmp_path):
    branched.save(tmp_path / "good.npz")
    set_to(upper=0.0)(contents)
    saved(contents, tmp_path)
    done = run_as_stranger(tmp_path, "proof.npz", "good.npz", "missing.npz")
    assert done.returncode == 1
    assert done.stdout.startswith("good.npz: no assignment")
    first, second = done.stderr.splitlines()
    assert first.startswith("proof.npz: refused: what is proven is")
    assert second.startswith("missing.npz: refused: [Errno 2]")


def test_the_checker_imports_numpy_and_the_standard_library_alone():
    tree = ast.parse(Path(checker.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import)
             for alias in node.names}  # fmt: skip
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) == {"numpy"}


# ------------------------------------------------------------------------------------- saving


def small_certificate() -> Certificate:
    return certify(gram(8, 3, seed=0))


def test_the_same_certificate_gives_the_same_bytes(tmp_path):
    for name in ("one.npz", "two.npz"):
        small_certificate().save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "proof"  # of any name
    path.write_text("older")
    small_certificate().save(str(path))
    check(path)
    assert [path.name for path in tmp_path.iterdir()] == ["proof"]


def test_a_link_leads_to_the_file_that_is_replaced(tmp_path):
    (tmp_path / "there").write_text("older")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    small_certificate().save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    check(tmp_path / "there")


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"path must be in a folder that is there\. Got .*none/p"):
        small_certificate().save(tmp_path / "none" / "p.npz")


def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="path must be that of a file"):
            small_certificate().save(path)
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    def fail(file, **_):
        file.write(b"some")
        raise OSError("disk full")

    found = small_certificate()
    (tmp_path / "proof.npz").write_text("older")
    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        found.save(tmp_path / "proof.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["proof.npz"]
    assert (tmp_path / "proof.npz").read_text() == "older"
