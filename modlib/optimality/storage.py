"""Arrays in a file, as small as they can be kept, there whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from scipy.sparse import issparse

from modlib.validation import check_path

WHOLE = (np.int8, np.int16, np.int32)


def above_diagonal(matrix: Any) -> np.ndarray:
    """What a symmetric matrix, dense or sparse, has above its diagonal, row by row; none of None.

    Float64 of shape ``[units * (units - 1) / 2]``.
    """
    if matrix is None:
        return np.zeros(0)
    dense = matrix.toarray() if issparse(matrix) else np.asarray(matrix)
    return dense[np.triu_indices(len(dense), 1)].astype(np.float64)


def small(values: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest type that holds them all."""
    whole = np.asarray(values).astype(np.int64)
    low, high = whole.min(initial=0), whole.max(initial=0)
    fitting = [kind for kind in WHOLE if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max]
    return whole.astype(fitting[0]) if fitting else whole


def _check_arrays(arrays: Any) -> None:
    if not isinstance(arrays, Mapping):
        raise ValueError(
            f"arrays must be a dictionary of arrays by name. Got {type(arrays).__name__}."
        )
    for name, array in arrays.items():
        is_plain = isinstance(array, np.ndarray) and not array.dtype.hasobject
        if not isinstance(name, str) or not is_plain:
            raise ValueError(
                "arrays must be NumPy arrays of plain values, by name. Got, by the name of "
                f"{name!r}, a {type(array).__name__} of {getattr(array, 'dtype', 'no dtype')}."
            )


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a compressed NumPy archive, whole or not at all.

    Raises
    ------
    ValueError
        If there is no such folder, or something at this path that is no file; or if what is to be
        written are no arrays by their names.
    """
    _check_arrays(arrays)
    target = Path(os.path.realpath(check_path("path", path)))
    if not target.parent.is_dir():
        raise ValueError(
            f"path must be in a folder that is there. Got {os.fspath(path)!r}: make "
            f"{str(target.parent)!r} first."
        )
    if target.exists() and not target.is_file():
        raise ValueError(
            f"path must be that of a file, new or to be replaced. Got {os.fspath(path)!r}, which "
            "is none: choose another."
        )
    named: Any = dict(arrays)
    temporary = target.with_name(f".{target.name}.{uuid4().hex[:12]}")
    try:
        with temporary.open("xb") as file:
            np.savez_compressed(file, **named)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
