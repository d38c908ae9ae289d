"""What a search maximises: modularity of one matrix as a function of labels, dense or sparse."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy.sparse import csr_array, diags_array, issparse

from modlib.matrices import given
from modlib.validation import (
    check_choice,
    check_similarity,
    check_sparse_similarity,
    is_number,
)

Adjacency: TypeAlias = np.ndarray | csr_array
"""Of shape ``[units, units]``, symmetric, with a zero diagonal."""

LARGEST_RESOLUTION = 1e6
MANY = 128  # units from which zeros may be left out
MOSTLY_ZERO = 0.1  # share of the pairs that are linked, at most, where they are


@dataclass(frozen=True, eq=False)
class Objective:
    """Modularity of a matrix, dense.

    B is built once, and every search, score and proof of the matrix shares it.
    """

    matrix: np.ndarray
    """B of :func:`modlib.modularity.modularity_matrix`, float64 of shape ``[units, units]``."""
    used: np.ndarray
    """Which units are linked to any other, by either sign, in order, int64 of shape ``[used]``."""

    @classmethod
    def of(
        cls, adjacency: Adjacency, resolution: float = 1.0, null: str | Adjacency = "configuration"
    ) -> "Objective":
        """Build it from an adjacency and a null that have been checked; of any scale.

        Raises
        ------
        ValueError
            If the resolution is not a number of at least 0.
        """
        resolution = check_resolution(resolution)
        adjacency = _dense(adjacency)
        weights = scaled(adjacency)
        in_use = adjacency.any(axis=1)
        if isinstance(null, str):
            expected = _dealt_out(*NULLS[null](weights))
        else:  # what chance gives to units that are not in use is of no account
            expected = scaled(_dense(null)) * np.outer(in_use, in_use)
        return cls(weights - resolution * expected, np.flatnonzero(in_use))

    @property
    def n_units(self) -> int:
        """How many units there are, the unused ones included."""
        return len(self.matrix)

    @property
    def matrix_of_used(self) -> np.ndarray:
        """B of the used units alone, ``[used, used]``."""
        return self.part(self.used).matrix

    def part(self, units: np.ndarray) -> "Objective":
        """The same of some units alone."""
        return Objective(self.matrix[np.ix_(units, units)], np.arange(len(units)))

    def times(self, vectors: np.ndarray) -> np.ndarray:
        """B times vectors, ``[units]`` or ``[units, vectors]``."""
        return self.matrix @ vectors

    def between(self, here: np.ndarray) -> float:
        """Sum of B over pairs of a unit that is here and one that is not; a mask ``[units]``."""
        return float(self.matrix[np.ix_(here, ~here)].sum())

    def labels_of_all(self, labels: np.ndarray) -> np.ndarray:
        """Labels of all units, given those of the used ones: -1 for the others."""
        return _labels_of_all(labels, self.used, self.n_units)

    def q(self, labels: np.ndarray) -> float:
        """Modularity of labels ``[units]``."""
        return float(self.matrix[labels[:, None] == labels].sum())


@dataclass(frozen=True, eq=False)
class SparseObjective:
    r"""Modularity of a matrix that is mostly zero, without what is zero.

    :math:`B = W + \sum_k c_k v_k v_k^T`: links between few pairs, and what chance gives to all.
    """

    weights: csr_array
    """W, float64 of shape ``[units, units]``, symmetric; its diagonal need not be zero."""
    nulls: np.ndarray
    """The vectors v, float64 of shape ``[nulls, units]``, zero for units that are not used."""
    signs: np.ndarray
    """Their factors c, float64 of shape ``[nulls]``."""
    used: np.ndarray
    """Which units are linked to any other, by either sign, in order, int64 of shape ``[used]``."""

    @classmethod
    def of(
        cls, adjacency: csr_array, resolution: float = 1.0, null: str | csr_array = "configuration"
    ) -> "SparseObjective":
        """As :meth:`Objective.of`."""
        resolution = check_resolution(resolution)
        weights = scaled(adjacency)
        in_use = np.diff(adjacency.indptr) > 0
        used = np.flatnonzero(in_use)
        if not isinstance(null, str):
            mask = diags_array(in_use.astype(np.float64))
            weights = csr_array(weights - resolution * (mask @ scaled(null) @ mask))
            return cls(_sorted(weights), np.zeros((0, weights.shape[0])), np.zeros(0), used)
        vectors, factors, hollow = NULLS[null](weights)
        if hollow:
            own = resolution * (factors[:, None] * vectors**2).sum(axis=0)
            weights = csr_array(weights + diags_array(own))
        return cls(_sorted(weights), vectors, -resolution * factors, used)

    @property
    def n_units(self) -> int:
        """How many units there are, the unused ones included."""
        return int(self.weights.shape[0])

    @property
    def matrix(self) -> np.ndarray:
        """B, written out."""
        return self.weights.toarray() + (self.nulls.T * self.signs) @ self.nulls

    @property
    def matrix_of_used(self) -> np.ndarray:
        """B of the used units alone, written out, ``[used, used]``."""
        return self.part(self.used).matrix

    def part(self, units: np.ndarray) -> "SparseObjective":
        """The same of some units alone."""
        weights = _sorted(csr_array(self.weights[units][:, units]))
        return SparseObjective(weights, self.nulls[:, units], self.signs, np.arange(len(units)))

    def times(self, vectors: np.ndarray) -> np.ndarray:
        """B times vectors, ``[units]`` or ``[units, vectors]``."""
        shares = (self.nulls @ vectors).T * self.signs
        return self.weights @ vectors + (shares @ self.nulls).T

    def between(self, here: np.ndarray) -> float:
        """Sum of B over pairs of a unit that is here and one that is not; a mask ``[units]``."""
        return float(self.times((~here).astype(np.float64))[here].sum())

    def labels_of_all(self, labels: np.ndarray) -> np.ndarray:
        """Labels of all units, given those of the used ones: -1 for the others."""
        return _labels_of_all(labels, self.used, self.n_units)

    def q(self, labels: np.ndarray) -> float:
        """Modularity of labels ``[units]``."""
        index = np.unique(labels, return_inverse=True)[1]
        rows = np.repeat(index, np.diff(self.weights.indptr))
        inside = rows == index[self.weights.indices]
        sums = np.array([np.bincount(index, vector) for vector in self.nulls])
        by_chance = float(self.signs @ (sums**2).sum(axis=1)) if len(sums) else 0.0
        return float(self.weights.data[inside].sum()) + by_chance


AnyObjective: TypeAlias = Objective | SparseObjective


def objective_of(
    adjacency: Adjacency, resolution: float = 1.0, null: str | Adjacency = "configuration"
) -> AnyObjective:
    """Build the objective of an adjacency that :func:`without_zeros` has returned.

    It is sparse where the adjacency is, and the null is no dense matrix.
    """
    if isinstance(adjacency, csr_array) and not isinstance(null, np.ndarray):
        return SparseObjective.of(adjacency, resolution, null)
    return Objective.of(adjacency, resolution, null)


def without_zeros(matrix: Adjacency) -> Adjacency:
    """Keep the links alone of a matrix of many units that is mostly zero; else all entries.

    So the form in which it came does not matter for what is found in it.
    """
    n_units = int(matrix.shape[0])
    n_links = int(matrix.nnz if isinstance(matrix, csr_array) else np.count_nonzero(matrix))
    if n_units < MANY or n_links > MOSTLY_ZERO * n_units**2:
        return _dense(matrix)
    return matrix if isinstance(matrix, csr_array) else _sorted(csr_array(matrix))


def check_matrix(values: Any, name: str = "similarity", *, signed: bool = False) -> Adjacency:
    """As :func:`modlib.validation.check_similarity`, of any kind; the diagonal does not count."""
    if issparse(values):
        return check_sparse_similarity(values, name, signed=signed)
    return check_similarity(values, name, signed=signed, diagonal=False)


def check_null(
    null: Any, adjacency: Adjacency, units: tuple[Hashable, ...] | None = None
) -> str | Adjacency:
    """Return the name of a null model, or a matrix of one's own, checked.

    Parameters
    ----------
    null
        ``"configuration"``, ``"uniform"``, or a matrix ``[units, units]`` in any form.
    adjacency
        The checked one, for which it is to be.
    units
        The names of its units, if it has any.

    Raises
    ------
    ValueError
        If it is neither, if the matrix is refused by
        :func:`modlib.validation.check_similarity`, has other units, or is zero throughout.
    """
    if isinstance(null, str):
        check_choice("null", null, NULLS)
        return null
    values, known = given(null, "null", sparse=True)
    entries = adjacency.data if isinstance(adjacency, csr_array) else adjacency
    matrix = check_matrix(values, "null", signed=bool((entries < 0).any()))
    if matrix.shape != adjacency.shape:
        raise ValueError(
            f"null must be one of {', '.join(map(repr, NULLS))}, or a matrix of the same units, "
            f"{adjacency.shape}. Got shape {matrix.shape}."
        )
    others = known.get("units")
    if units and others and tuple(units) != tuple(others):
        raise ValueError(
            "null must name the units as the similarity does, in the same order. Got "
            f"{_first_difference(units, others)}: sort one of them."
        )
    if not (matrix.nnz if isinstance(matrix, csr_array) else matrix.any()):
        raise ValueError(
            "null must expect something of two different units. Got zeros off the diagonal: "
            "for no null model, set resolution=0."
        )
    return without_zeros(matrix)


def _first_difference(units: tuple[Hashable, ...], others: tuple[Hashable, ...]) -> str:
    place = next(i for i, both in enumerate(zip(units, others, strict=True)) if both[0] != both[1])
    return f"{others[place]!r} for {units[place]!r} at place {place}"


def check_resolution(resolution: Any) -> float:
    """Return the weight of a null, or raise a ``ValueError`` if it is no number in its range."""
    if not is_number(resolution) or resolution < 0:
        raise ValueError(f"resolution must be a number of at least 0. Got {resolution!r}.")
    if float(resolution) > LARGEST_RESOLUTION:
        raise ValueError(
            f"resolution must be at most {LARGEST_RESOLUTION:,.0f}, where every unit is a module "
            f"long since. Got {resolution!r}."
        )
    return float(resolution)


def scaled(adjacency: Adjacency) -> Adjacency:
    """Scale magnitudes to sum to one, by way of the largest so that no sum overflows."""
    if isinstance(adjacency, csr_array):
        parts = adjacency.data, adjacency.indices, adjacency.indptr
        return csr_array((scaled(parts[0]), *parts[1:]), shape=adjacency.shape)
    if not adjacency.any():
        return adjacency
    adjacency = adjacency / np.abs(adjacency).max()
    return adjacency / np.abs(adjacency).sum()


Vectors: TypeAlias = tuple[np.ndarray, np.ndarray, bool]
"""What chance gives, as vectors ``[nulls, units]`` whose outer products, times the factors
``[nulls]``, are added up; and whether it gives a unit nothing with itself."""


def _configuration(weights: Adjacency) -> Vectors:
    """To each pair by how much each of the two has in all.

    Where there are negative weights, positive and negative ones are dealt out each by themselves.
    """
    if weights.min() >= 0:
        return _degrees(weights)[None, :], np.ones(1), False  # they sum to one
    parts = [_degrees((abs(weights) + sign * weights) / 2) for sign in (1.0, -1.0)]
    vectors = np.array(parts)
    sums = vectors.sum(axis=1)
    factors = np.array([1.0, -1.0]) / np.where(sums > 0, sums, 1.0)
    return vectors, factors, False


def _uniform(weights: Adjacency) -> Vectors:
    """To each pair of two different units in use the same."""
    vector = (_degrees(abs(weights)) > 0).astype(np.float64)
    n_used = vector.sum()
    share = weights.sum() / max(n_used * (n_used - 1), 1.0)
    return vector[None, :], np.array([share]), True


NULLS: dict[str, Callable[[Adjacency], Vectors]] = {
    "configuration": _configuration,
    "uniform": _uniform,
}
"""What each pair has by chance, of weights whose magnitudes sum to one."""


def _degrees(weights: Adjacency) -> np.ndarray:
    return np.asarray(weights.sum(axis=1))


def _dealt_out(vectors: np.ndarray, factors: np.ndarray, hollow: bool) -> np.ndarray:
    expected = np.zeros((vectors.shape[1],) * 2)
    for vector, factor in zip(vectors, factors, strict=True):
        expected += factor * np.outer(vector, vector)
    if hollow:
        np.fill_diagonal(expected, 0.0)
    return expected


def _dense(matrix: Adjacency) -> np.ndarray:
    return matrix.toarray() if isinstance(matrix, csr_array) else matrix


def _sorted(matrix: csr_array) -> csr_array:
    matrix.sum_duplicates()
    return matrix


def _labels_of_all(labels: np.ndarray, used: np.ndarray, n_units: int) -> np.ndarray:
    every = np.full(n_units, -1)
    every[used] = labels
    return every
