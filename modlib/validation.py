"""What matrices, assignments, options and paths must be: one rule and one message each."""

import os
from collections.abc import Collection, Iterable
from math import inf, isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, issparse

LARGEST_LABEL = np.iinfo(np.int64).max
ASYMMETRY = 1e-5  # of what entries are measured by: what single precision leaves of symmetry
AT_LEAST_ONE = "must be a square matrix [units, units] of at least one unit."
CLIP_OR_SPLIT = (
    "take absolute values, or clip, as your question demands; what looks for modules splits it in "
    "a positive and a negative part with signed=True."
)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, of Python or NumPy; True and False are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a finite real number, of Python or NumPy; True and False are not."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False


def is_iterable(value: Any) -> bool:
    """Whether a value holds others that can be gone through; text and single numbers do not."""
    is_text = isinstance(value, (str, bytes, bytearray))
    return isinstance(value, Iterable) and not is_text and getattr(value, "ndim", 1) != 0


def check_whole(name: str, value: Any, least: int = 0, most: int | None = None) -> int:
    """Return a whole number as an int, or raise a ``ValueError`` if it is none in its range."""
    if not is_whole(value) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}. Got {value!r}.")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most:,}. Got {value!r}.")
    return int(value)


def check_limit(name: str, value: Any, rule: str) -> float:
    """Return a number, or infinity for none, or raise a ``ValueError`` that says what it is."""
    if not is_number(value) and not (isinstance(value, Real) and value == inf):
        raise ValueError(f"{name} must be a number: {rule}. Got {value!r}.")
    return float(value)


def check_path(name: str, path: Any) -> Path:
    """Return a path, or raise a ``ValueError`` if it is neither text nor an ``os.PathLike``."""
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"{name} must be a path, as text or as a pathlib.Path. Got {path!r}.")
    return Path(text)


def check_seed(seed: Any) -> int:
    """Return a seed as an int, or raise a ``ValueError`` if it is not a whole number from 0 on."""
    if not is_whole(seed) or seed < 0:
        raise ValueError(f"seed must be a whole number, 0 or more. Got {seed!r}.")
    return int(seed)


def check_flag(name: str, value: Any) -> bool:
    """Return True or False, of Python or NumPy, or raise a ``ValueError`` if it is neither."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False. Got {value!r}.")
    return bool(value)


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Raise a ``ValueError`` that lists the choices unless the value is one of them."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {listed}. Got {value!r}.")


def check_similarity(
    matrix: Any, name: str = "similarity", *, signed: bool = False, diagonal: bool = True
) -> np.ndarray:
    """Return a symmetric matrix as float64 ``[units, units]``, exactly symmetric.

    Rounding is forgiven: the result is the mean of the matrix and its transpose. What counts as
    rounding is measured by the largest entry off the diagonal, and, where the diagonal counts, by
    the geometric mean of the two units' own entries.

    Parameters
    ----------
    matrix
        What NumPy can take; for other forms, see :func:`modlib.matrices.given`.
    name
        What the messages call it.
    signed
        Whether entries may be negative.
    diagonal
        Whether it counts; if not, it is zero in the result.

    Raises
    ------
    ValueError
        If it is not square, or empty, or has an entry that is not finite or is negative, or is
        asymmetric beyond rounding.
    """
    array = _square(matrix, name)
    if not array.size:
        raise ValueError(f"{name} {AT_LEAST_ONE} Got shape {array.shape}.")
    if not signed:
        _check_not_negative(array, name, CLIP_OR_SPLIT)
    return _symmetric(array, name, diagonal)


def check_sparse_similarity(
    matrix: Any, name: str = "similarity", *, signed: bool = False
) -> csr_array:
    """As :func:`check_similarity` for a sparse matrix of SciPy, whose diagonal does not count.

    It is not written out; what is zero in it is left out.

    Raises
    ------
    ValueError
        As there.
    """
    if not issparse(matrix):
        raise ValueError(f"{name} must be a SciPy sparse matrix. Got {type(matrix).__name__}.")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.shape[0]:
        raise ValueError(f"{name} {AT_LEAST_ONE} Got shape {matrix.shape}.")
    if matrix.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of real numbers. Got dtype {matrix.dtype}.")
    entries = csr_array(matrix, dtype=np.float64, copy=True)
    entries.sum_duplicates()
    _check_entries(entries, name, signed)
    return _symmetric_sparse(entries, name)


def check_symmetric(matrix: Any, name: str) -> np.ndarray:
    """Return a matrix of any sign and size, none included, as :func:`check_similarity` does.

    Raises
    ------
    ValueError
        If it is not square, has an entry that is not finite, or is asymmetric beyond rounding.
    """
    array = _square(matrix, name)
    return _symmetric(array, name, diagonal=True) if array.size else array


def check_adjacency(matrix: Any, *, signed: bool = False) -> np.ndarray | csr_array:
    """Return a similarity matrix whose diagonal is zero, as :func:`check_similarity` does.

    A sparse one stays sparse; see :func:`check_sparse_similarity`.

    Raises
    ------
    ValueError
        As for :func:`check_similarity`, and if the diagonal is not zero.
    """
    if issparse(matrix):
        adjacency = check_sparse_similarity(matrix, "adjacency", signed=signed)
        selves = matrix.diagonal()
    else:
        adjacency = check_similarity(matrix, "adjacency", signed=signed)
        selves = np.diagonal(adjacency)
    if selves.any():
        raise ValueError(
            "adjacency must have a zero diagonal. Got a largest diagonal entry of "
            f"{selves[np.abs(selves).argmax()]:g}: pass the similarity through to_adjacency."
        )
    return adjacency


def _square(matrix: Any, name: str) -> np.ndarray:
    array = as_real(matrix, name)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(f"{name} {AT_LEAST_ONE} Got shape {array.shape}.")
    _check_finite(array, name)
    return array


def _check_entries(matrix: csr_array, name: str, signed: bool) -> None:
    values = matrix.data
    finite = np.isfinite(values)
    if not finite.all():
        worst = int((~finite).argmax())
        raise ValueError(f"{name} must be finite. Got {values[worst]} at {_place(matrix, worst)}.")
    if not signed and values.min(initial=0.0) < 0:
        worst = int(values.argmin())
        raise ValueError(
            f"{name} must not be negative. Got {values[worst]:g} at {_place(matrix, worst)}: "
            f"{CLIP_OR_SPLIT}"
        )


def _place(matrix: csr_array, entry: int) -> list[int]:
    row = int(np.searchsorted(matrix.indptr, entry, side="right")) - 1
    return [row, int(matrix.indices[entry])]


def _symmetric_sparse(matrix: csr_array, name: str) -> csr_array:
    matrix = csr_array(matrix - diags_array(matrix.diagonal()))
    measure = np.abs(matrix.data).max(initial=0.0)
    gap = csr_array(abs(matrix - matrix.T))
    if gap.nnz and gap.data.max() > ASYMMETRY * measure:
        i, j = _place(gap, int(gap.data.argmax()))
        raise ValueError(
            f"{name} must be symmetric. Got {matrix[i, j]:g} at [{i}, {j}] but {matrix[j, i]:g} at "
            f"[{j}, {i}]: pass (S + S.T) / 2 if that is what you mean."
        )
    if gap.nnz and gap.data.any():
        matrix = csr_array(matrix / 2 + matrix.T / 2)
    matrix.eliminate_zeros()
    matrix.sum_duplicates()
    return matrix


def _symmetric(array: np.ndarray, name: str, diagonal: bool) -> np.ndarray:
    selves = np.diagonal(array).copy()
    np.fill_diagonal(array, 0.0)
    measure = np.abs(array).max()
    if diagonal:
        roots = np.sqrt(np.abs(selves))
        measure = np.maximum(measure, np.outer(roots, roots))
    with np.errstate(over="ignore"):  # a difference beyond all numbers is one all the same
        gap = np.abs(array - array.T)
    beyond = gap > ASYMMETRY * measure
    if beyond.any():
        i, j = np.unravel_index(np.where(beyond, gap, -1.0).argmax(), gap.shape)
        raise ValueError(
            f"{name} must be symmetric. Got {array[i, j]:g} at [{i}, {j}] but {array[j, i]:g} at "
            f"[{j}, {i}]: pass (S + S.T) / 2 if that is what you mean."
        )
    halves = array / 2 + array.T / 2  # halved first, so that no sum overflows
    array = np.where(gap > 0, halves, array)  # and the least of numbers does not vanish
    if diagonal:
        np.fill_diagonal(array, selves)
    return array


def check_labels(labels: Any, n_units: int | None = None, name: str = "labels") -> np.ndarray:
    """Return labels as int64 ``[units]``: -1 for unused units, else a cluster from 0 on.

    Raises
    ------
    ValueError
        If they are not whole numbers of at least -1, not one-dimensional, empty, or not
        ``n_units`` many.
    """
    array = as_array(labels, name)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} must be a list of one label per unit. Got shape {array.shape}.")
    if n_units is not None and len(array) != n_units:
        raise ValueError(
            f"{name} must have one label per unit, {n_units} in all. Got {len(array)}."
        )
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be whole numbers. Got dtype {array.dtype}.")
    for extreme in (array.min(), array.max()):
        if not -1 <= extreme <= LARGEST_LABEL:
            raise ValueError(f"{name} must be -1 (unused) or a cluster from 0 on. Got {extreme}.")
    return array.astype(np.int64)


def check_memberships(memberships: Any, n_units: int | None = None) -> np.ndarray:
    """Return soft assignments as float64 ``[units, clusters]`` with rows that sum to one.

    Raises
    ------
    ValueError
        If the shape is wrong, an entry is negative or not finite, or a row does not sum to one.
    """
    array = as_real(memberships, "labels")
    if array.ndim != 2 or not array.size or (n_units is not None and len(array) != n_units):
        raise ValueError(
            "labels must be one label per unit, or memberships [units, clusters]"
            f"{'' if n_units is None else f' of {n_units} units'}. Got shape {array.shape}."
        )
    _check_finite(array, "labels")
    _check_not_negative(array, "labels", "memberships are shares.")
    with np.errstate(over="ignore"):  # a sum beyond all numbers is not one
        sums = array.sum(axis=1)
    worst = np.abs(sums - 1.0).argmax()
    if abs(sums[worst] - 1.0) > 1e-6:
        raise ValueError(
            f"labels given as memberships must sum to one for each unit. Got {sums[worst]:g} "
            f"for unit {worst}."
        )
    return array


def as_array(values: Any, name: str) -> np.ndarray:
    """Return values as an array, or raise a ``ValueError`` that says why they are none."""
    rows = values if isinstance(values, (list, tuple)) else [values]
    if any(np.ma.is_masked(row) for row in rows):  # NumPy would take what is under the mask
        raise ValueError(
            f"{name} must not be masked. Got masked entries: fill them, as .filled(0) does, or "
            "leave out their units."
        )
    if hasattr(values, "is_directed"):  # NumPy would take the names of a graph's nodes
        raise ValueError(f"{name} must be an array of numbers. Got a {type(values).__name__}.")
    try:
        return np.asarray(values)
    except Exception as error:  # whatever an object says that is to turn itself into an array
        raise ValueError(f"{name} must be an array of numbers. Got: {error}") from error


def as_real(values: Any, name: str) -> np.ndarray:
    """Return values as a float64 array of any shape, or raise a ``ValueError`` if not real."""
    array = as_array(values, name)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of real numbers. Got dtype {array.dtype}.")
    return array.astype(np.float64)


def _check_finite(array: np.ndarray, name: str) -> None:
    if not np.isfinite(array).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise ValueError(f"{name} must be finite. Got {array[where]} at {list(where)}.")


def _check_not_negative(array: np.ndarray, name: str, advice: str) -> None:
    if array.min() < 0:
        where = tuple(map(int, np.unravel_index(array.argmin(), array.shape)))
        raise ValueError(
            f"{name} must not be negative. Got {array[where]:g} at {list(where)}: {advice}"
        )
