"""Check certificates: ``python checker.py proof.npz ...``. This file needs NumPy and nothing else.

A certificate claims that no assignment of units to modules has a modularity Q above ``upper``. What
is here shares no code with the solver that found out, so who has read it need trust nothing else.
All that decides is computed in whole numbers and fractions, exactly.

**What is claimed.** Q is the sum of B over pairs of units that share a module, with B as in
:func:`modularity_matrix`. With x = 1 for two units that share a module and x = 0 for two that do
not, Q = sum_i B_ii + sum_{i<j} c_ij x_ij, where c = 2 B. The costs c are rounded up to multiples of
2**-bits. That can only raise Q, and from then on all numbers are whole.

**Cuts.** Give units whole numbers s. For the sum a of s over any module, a**2 >= a. Added up over
modules, that is sum_{i != j} s_i s_j x_ij + sum_i (s_i**2 - s_i) >= 0, whatever the numbers are.
A column of ``cuts`` lists units, counted from one, with the sign of s, as often as s says, and
zeros. A lemma names its cuts by steps from one to the next, the first from before the first cut.

**Lemmas.** To Q add cuts, each halved and times a multiplier that is not negative. What results is
Q <= k + sum r_ij x_ij, which holds for every assignment. Within a case, where some pairs are known
to be together or apart, the largest value of the right side bounds Q. A pair whose other value
would push it down to the ``goal`` must be as it is, if Q is to be above the goal.

**Cases.** The first case is all there is. A case may have two parts: a pair together, and the same
pair apart. One without parts is closed if its bound is no higher than the goal, or if units would
have to be both together and apart. If all are closed, no Q is above the goal; where some are
open, none is above the goal and their bounds. In a case, its own lemmas and those of the cases
that it is part of are used again and again, until they say nothing new.
"""

import sys
from fractions import Fraction
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

FORMAT = "modlib certificate 1"
ROOM = 2**62  # sums of whole numbers stay below it, and so within 64 bits
TINY = Fraction(1, 10**12)  # by which ``lower``, a sum of floats, may be off
WHOLE, REAL, TRUTH, NAME = "iu", "f", "b", "U"
KINDS = {
    "format": (NAME, 0), "similarity": (REAL, 1), "null": (NAME, 0), "null_matrix": (REAL, 1),
    "resolution": (REAL, 0), "labels": (WHOLE, 1), "lower": (REAL, 0), "upper": (REAL, 0),
    "goal": (REAL, 0), "bits": (WHOLE, 0), "cuts": (WHOLE, 2), "case_parent": (WHOLE, 1),
    "case_pair": (WHOLE, 2), "case_together": (TRUTH, 1), "lemma_case": (WHOLE, 1),
    "lemma_size": (WHOLE, 1), "lemma_precision": (WHOLE, 1), "cut_step": (WHOLE, 1),
    "multipliers": (WHOLE, 1),
}  # fmt: skip
"""What a file holds: kinds of numbers and numbers of dimensions. Matrices are symmetric with a zero
diagonal, and are given by what is above it, row by row."""


class Verdict(NamedTuple):
    """What is proven and what the labels reach, as exact fractions, and of how many units."""

    upper: Fraction
    q: Fraction
    n_units: int


def check(path: Any, similarity: Any = None) -> Verdict:
    """Check a file, and that it is about a similarity matrix, where one is given.

    Raises
    ------
    ValueError
        If the file is damaged, is about another matrix, or does not prove what it claims.
    OSError
        If it cannot be read.
    """
    refuse_if(not is_path(path), f"path must be that of a file, as text or Path. Got {path!r}")
    try:
        with Path(path).open("rb") as file, np.load(file) as archive:
            contents = {name: archive[name] for name in archive.files}
    except OSError:
        raise
    except Exception as error:  # whatever a broken archive may lead to
        raise ValueError(f"the file is damaged ({error})") from error
    check_kinds(contents)
    if similarity is not None:
        check_same(square(contents["similarity"], len(contents["labels"])), similarity)
    verdict = evaluate(contents)
    lower, upper = (Fraction(float(contents[name])) for name in ("lower", "upper"))
    refuse_if(lower > verdict.q + TINY, f"Q of the labels is {float(verdict.q)!r}, below lower")
    refuse_if(verdict.upper > upper, f"what is proven is {float(verdict.upper)!r}, above upper")
    return verdict


def evaluate(contents: dict[str, np.ndarray]) -> Verdict:
    """Return what the arrays of a file prove, whatever they claim."""
    n = len(contents["labels"])
    units, matrix, total = modularity_matrix(contents)
    labels = contents["labels"][units].astype(np.int64)
    labels = np.where(labels < 0, -1 - np.arange(len(units)), labels)  # modules of one unit
    q = Fraction(int(matrix[labels[:, None] == labels].sum()), total)
    links = matrix - np.diag(matrix.diagonal())
    trivial = Fraction(int(matrix.trace() + positive(links).sum()), total)
    goal = Fraction(float(contents["goal"]))
    upper = max(goal, Tree(contents, units, matrix, total).bound(goal))
    return Verdict(min(trivial, upper), q, n)


def is_path(path: Any) -> bool:
    """Whether this can be a path."""
    text = str(path) if isinstance(path, PurePath) else path
    return isinstance(text, str) and text != "" and "\0" not in text


def refuse_if(is_wrong: Any, reason: str) -> None:
    """Raise a ``ValueError`` if something is wrong."""
    if is_wrong:
        raise ValueError(reason)


def check_kinds(contents: dict[str, np.ndarray]) -> None:
    """Refuse a file in which something is missing or of another kind."""
    for name, (kinds, n_dimensions) in KINDS.items():
        refuse_if(not isinstance(contents.get(name), np.ndarray), f"{name} is missing")
        array = contents[name]
        is_kind = array.dtype.kind in kinds and array.ndim == n_dimensions
        refuse_if(not is_kind, f"{name} is an array of {array.dtype} in {array.ndim} dimensions")
        refuse_if(kinds == REAL and not np.isfinite(array).all(), f"{name} is not finite")
    refuse_if(str(contents["format"]) != FORMAT, f"format is not {FORMAT!r}")
    n, together = len(contents["labels"]), contents["case_together"]
    n_lemmas, n_pairs = len(contents["lemma_case"]), n * (n - 1) // 2
    lengths = {
        "similarity": n_pairs, "null_matrix": n_pairs if contents["null"] == "matrix" else 0,
        "case_parent": len(together), "case_pair": len(together),
        "lemma_size": n_lemmas, "lemma_precision": n_lemmas,
        "cut_step": int(contents["lemma_size"].sum()), "multipliers": len(contents["cut_step"]),
    }  # fmt: skip
    for name, length in lengths.items():
        refuse_if(len(contents[name]) != length, f"{name} must have {length} entries")
    refuse_if(contents["case_pair"].shape[1] != 2, "case_pair must have two columns")


def square(above: np.ndarray, n: int) -> np.ndarray:
    """Write what is above the diagonal as a symmetric matrix with zeros on it."""
    matrix = np.zeros((n, n))
    matrix[np.triu_indices(n, 1)] = above
    return matrix + matrix.T


def check_same(weights: np.ndarray, given: Any) -> None:
    """Refuse a matrix unless it is the one proven, but for its diagonal and rounded asymmetry."""
    try:
        array = np.asarray(given)
    except Exception as error:  # whatever is said by what is to become an array
        raise ValueError(f"similarity must be an array ({error})") from error
    is_real = array.dtype.kind in "biuf" and not np.ma.is_masked(given)
    refuse_if(not is_real, "similarity must be an array of real numbers, none of them masked")
    given = array.astype(np.float64)
    is_as_large = given.shape == weights.shape
    refuse_if(not is_as_large, f"similarity must fit: the proof is about {len(weights)} units")
    mean = np.where(given != given.T, given / 2 + given.T / 2, given)
    np.fill_diagonal(mean, 0.0)
    is_another = (mean != weights).any()
    refuse_if(is_another, "similarity must fit: the proof is about another matrix")


def whole(matrix: np.ndarray) -> np.ndarray:
    """Floats as Python's whole numbers, all times the same power of two."""
    ratios = [value.as_integer_ratio() for value in matrix.ravel().tolist()]
    largest = max((denominator for _, denominator in ratios), default=1)
    values = [numerator * (largest // denominator) for numerator, denominator in ratios]
    return np.array([*values, None], object)[:-1].reshape(matrix.shape)


def modularity_matrix(contents: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the units in use, B of them as whole numbers, and what these are to be divided by.

    ``B = A / s - resolution * N``, with s the sum of the magnitudes of A. The null model N is
    ``"configuration"``: what a pair has by its degrees, ``d d.T / sum(d)``, for positive weights,
    less the same for negative ones, over s. ``"uniform"``: the same for every two different units
    in use, ``sum(A) / s`` in all. ``"matrix"``: ``null_matrix``, divided by the sum of its
    magnitudes.
    """
    weights = square(contents["similarity"], len(contents["labels"]))
    units = np.flatnonzero(weights.any(axis=1))
    a, n, null = whole(weights[np.ix_(units, units)]), len(units), str(contents["null"])
    refuse_if(null not in ("configuration", "uniform", "matrix"), f"null is {null!r}")
    size = max(abs(a).sum(), 1)
    if null == "configuration":
        plus, minus = positive(a).sum(axis=1), positive(-a).sum(axis=1)
        of_plus, of_minus = max(plus.sum(), 1), max(minus.sum(), 1)
        expected = np.outer(plus, plus) * of_minus - np.outer(minus, minus) * of_plus
        total = size * of_plus * of_minus
    elif null == "uniform":
        expected = (1 - np.eye(n, dtype=object)) * a.sum()
        total = size * max(n * (n - 1), 1)
    else:
        own = whole(square(contents["null_matrix"], len(weights)))
        expected, total = own[np.ix_(units, units)], max(abs(own).sum(), 1)
    up, down = float(contents["resolution"]).as_integer_ratio()
    return units, a * (total * down) - expected * (up * size), size * total * down


def positive(values: np.ndarray) -> np.ndarray:
    """Numbers that are above zero, and zeros in place of the others."""
    return np.maximum(values, 0)


class Tree:
    """The cases and lemmas of a file, in whole numbers of 64 bits, times 2**bits."""

    def __init__(
        self, contents: dict[str, np.ndarray], units: np.ndarray, matrix: np.ndarray, total: int
    ) -> None:
        self.contents = contents
        self.bits = int(contents["bits"])
        refuse_if(not 0 <= self.bits < 62, f"bits are {self.bits}")
        scaled = -(-2 * matrix * 2**self.bits // total)  # rounded up
        self.size = abs(scaled).sum()
        refuse_if(self.size >= ROOM, "costs are too large")
        self.costs = scaled.astype(np.int64)
        np.fill_diagonal(self.costs, 0)
        self.constant = int(-(-matrix.trace() * 2**self.bits // total))
        self.place = np.full(len(contents["labels"]) + 1, -1)
        self.place[units + 1] = np.arange(len(units))
        self.ends = np.cumsum(contents["lemma_size"], dtype=np.int64)
        self.lemmas_of = self._by_case("lemma_case")
        self.parts_of = self._by_case("case_parent")
        self._check_parts()

    def _by_case(self, name: str) -> list[list[int]]:
        """Which lemmas, or which cases less one, name each case as theirs."""
        found: list[list[int]] = [[] for _ in range(len(self.contents["case_parent"]) + 1)]
        for number, case in enumerate(self.contents[name].tolist()):
            refuse_if(not 0 <= case < len(found), f"{name} names case {case}")
            found[case].append(number)
        return found

    def _check_parts(self) -> None:
        """Refuse parts that do not make up the case that they are part of."""
        pairs = np.sort(self.contents["case_pair"], axis=1)
        for case, parts in enumerate(self.parts_of):
            if parts:
                refuse_if(min(parts) < case, f"case {case} has a part that precedes it")
                values = sorted(self.contents["case_together"][parts].tolist())
                is_whole = values == [False, True] and (pairs[parts[0]] == pairs[parts[1]]).all()
                refuse_if(not is_whole, f"case {case} is not made up of its parts")

    def bound(self, goal: Fraction) -> Fraction:
        """What no Q exceeds, unless it is no higher than the goal: the bound of open cases."""
        least, n = goal * 2**self.bits // 1, len(self.costs)
        highest = least
        all_there_is = (np.eye(n, dtype=bool), np.zeros((n, n), bool), ROOM)
        waiting = [(0, *all_there_is, [(self.constant, self.costs)])]
        while waiting:
            case, together, apart, bound, lemmas = waiting.pop()
            lemmas = lemmas + [self.lemma(number) for number in self.lemmas_of[case]]
            bound = min(bound, narrow(together, apart, lemmas, least))
            if bound > least:
                for part in self.parts_of[case]:
                    known = together.copy(), apart.copy()
                    i, j = self.units(self.contents["case_pair"][part].astype(np.int64) + 1)
                    refuse_if(i == j, "a case is about a pair of one unit")
                    ranges = known[0 if self.contents["case_together"][part] else 1]
                    ranges[i, j] = ranges[j, i] = True
                    waiting.append((part + 1, *known, bound, lemmas))
                if not self.parts_of[case]:
                    highest = max(highest, bound)
        return Fraction(highest, 2**self.bits)

    def units(self, names: np.ndarray) -> np.ndarray:
        """The places of units, counted from one, among those in use."""
        refuse_if((names < 1).any() or (names >= len(self.place)).any(), "there is no such unit")
        places = self.place[names]
        refuse_if((places < 0).any(), "a unit is named that is not in use")
        return places

    def lemma(self, number: int) -> tuple[int, np.ndarray]:
        """Q is at most the first, and for each pair that is together the second, by some cuts."""
        contents, end = self.contents, int(self.ends[number])
        rows = slice(end - int(contents["lemma_size"][number]), end)
        which = np.cumsum(contents["cut_step"][rows], dtype=np.int64) - 1
        multipliers = contents["multipliers"][rows]
        is_there = (which >= 0) & (which < contents["cuts"].shape[1])
        refuse_if(not is_there.all(), f"lemma {number} has a cut that is not there")
        refuse_if((multipliers < 0).any(), f"lemma {number} has a negative multiplier")
        cuts = contents["cuts"][:, which].astype(np.int64)
        finer = self.bits - int(contents["lemma_precision"][number])
        refuse_if(not 0 <= finer <= self.bits, f"lemma {number} has another precision")
        size = int(multipliers.astype(object).sum()) * 2**finer * len(cuts) ** 2
        refuse_if(self.size + size >= ROOM, f"lemma {number} has multipliers that are too large")
        weights = multipliers.astype(np.int64) * 2**finer
        return self._sum(cuts, weights)

    def _sum(self, cuts: np.ndarray, weights: np.ndarray) -> tuple[int, np.ndarray]:
        """Add cuts, times their weights, to Q."""
        constant, pull = self.constant, np.zeros_like(self.costs)
        signs, places = np.sign(cuts), np.zeros_like(cuts)
        places[cuts != 0] = self.units(np.abs(cuts[cuts != 0]))
        constant += int(((signs < 0).sum(axis=0) * weights).sum())
        for p in range(len(cuts)):
            for q in range(p):
                products = weights * signs[p] * signs[q]
                np.add.at(pull.ravel(), places[p] * len(pull) + places[q], products)
        constant += int(pull.trace())  # a unit that is there twice is together with itself
        np.fill_diagonal(pull, 0)
        return constant, self.costs + pull + pull.T


def narrow(together: np.ndarray, apart: np.ndarray, lemmas: list[Any], goal: int) -> int:
    """Draw, in place, what follows for assignments above the goal; return what bounds their Q."""
    bound, n_known, n_before = ROOM, 0, -1
    while n_known != n_before:
        n_before = n_known
        for constant, reduced in lemmas:
            best = np.where(together, reduced, np.where(apart, 0, positive(reduced)))
            value = constant + int(best.sum()) // 2
            bound = min(bound, value)
            if bound <= goal:
                return goal
            free = ~together & ~apart
            together |= free & (reduced >= value - goal)
            apart |= free & (reduced <= goal - value)
        if not close(together, apart):
            return goal
        n_known = int(together.sum() + apart.sum())
    return bound


def close(together: np.ndarray, apart: np.ndarray) -> bool:
    """Draw, in place, what follows from pairs together and apart; False if they contradict."""
    n_before = 0
    while n_before < together.sum():
        n_before = together.sum()
        together |= together @ together
    apart |= together @ apart @ together
    return not (together & apart).any()


def main(paths: list[str]) -> int:
    """Check files and say of each what it proves; return 1 if one of them does not."""
    if not paths:
        sys.stderr.write("usage: python checker.py proof.npz ...\n")
    n_refused = 0
    for path in paths:
        try:
            upper, q, n = check(path)
        except (OSError, ValueError) as error:
            n_refused += 1
            sys.stderr.write(f"{path}: refused: {error}\n")
        else:
            rounded_up = -(-upper * 10**12 // 1) / 10**12
            sys.stdout.write(
                f"{path}: no assignment of {n} units has Q > {rounded_up:.12f}; "
                f"its labels have {float(q):.12f}, {float(upper - q):.1e} less\n"
            )
    return 1 if n_refused or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
