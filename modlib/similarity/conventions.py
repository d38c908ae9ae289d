"""The two conventions, as printed and as released: each is two choices that belong together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from modlib.matrices import given
from modlib.validation import check_choice, check_similarity, is_number


@dataclass(frozen=True)
class Convention:
    """Where the absolute value is taken, and what normalisation divides by."""

    name: str
    absolute_inside: bool
    """Whether it is taken inside the mean over inputs, of each product, or of the mean."""
    scale: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """From the similarities of two units with themselves to what theirs is divided by."""


def _larger(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.maximum(one, other)


def _geometric_mean(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.sqrt(one) * np.sqrt(other)


def _by_name(*conventions: Convention) -> dict[str, Convention]:
    return {convention.name: convention for convention in conventions}


CONVENTIONS = _by_name(
    Convention("printed", absolute_inside=True, scale=_larger),
    Convention("released", absolute_inside=False, scale=_geometric_mean),
)
"""``"printed"`` is that of the paper's equations, ``"released"`` that of the authors' code."""


def normalize(similarity: Any, convention: str | None = None, epsilon: float = 1e-12) -> np.ndarray:
    r"""Divide each similarity by those of the two units with themselves (equation 5).

    Parameters
    ----------
    similarity
        Symmetric and non-negative, of shape ``[units, units]``: an array, a
        :class:`~modlib.similarity.matrix.Similarity`, a pandas frame, a SciPy sparse matrix, or a
        graph of NetworkX or igraph, whose loops are the diagonal; see
        :func:`modlib.matrices.given`.
    convention
        ``"printed"``: :math:`S_{ij} / \max(S_{ii}, S_{jj}, \epsilon)`; ``"released"``:
        :math:`S_{ij} / \max(\sqrt{S_{ii} S_{jj}}, \epsilon)`, after the authors' code. Unless
        given, that of the :class:`~modlib.similarity.matrix.Similarity`, or as printed.
    epsilon
        Keeps units that do nothing at zero instead of dividing by it; in units of the largest
        entry, so that the result does not depend on the scale of the similarity.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[units, units]``, within [0, 1] for the four measures.

    Raises
    ------
    ValueError
        If the similarity is not square, symmetric, finite and non-negative, the convention is
        unknown or not that of the similarity, or epsilon is not above zero. If a frame or a graph
        is refused by :func:`modlib.matrices.given`.
    """
    values, known = given(similarity)
    own = known.get("convention")
    chosen = (own or "printed") if convention is None else convention
    check_choice("convention", chosen, CONVENTIONS)
    if own not in (None, chosen):
        raise ValueError(
            f"convention must be that of the similarity, {own!r}, or left out. Got {chosen!r}: the "
            "two halves of a convention belong together."
        )
    if not is_number(epsilon) or float(epsilon) <= 0:
        raise ValueError(f"epsilon must be a number above 0. Got {epsilon!r}.")
    values = _near_one(check_similarity(values))
    selves = np.diagonal(values)
    scale = CONVENTIONS[chosen].scale(selves[:, None], selves[None, :])
    floor = max(float(epsilon) * values.max(), np.finfo(np.float64).tiny)
    return values / np.maximum(scale, floor)


def _near_one(values: np.ndarray) -> np.ndarray:
    """Scale by a power of four, which rounds neither values nor their roots; the largest to 1."""
    _, exponent = np.frexp(values.max())
    return np.ldexp(values, -(exponent // 2 * 2))
