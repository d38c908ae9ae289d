"""The ways to keep a network simple: one record for each, with all that runs need to know of it.

A further penalty on the weights is one more record here: training, settings, the paper's grid, its
tables and the figures follow. What colours and titles figures give it is a matter of
:mod:`experiments.report.figures`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Regularizer:
    """A regulariser, its strengths in the paper's grid, and its gradient if it is a penalty."""

    name: str
    """In tables, and as the ``regularizer`` of a setting."""
    strengths: tuple[float, ...]
    """In the paper's grid (its Table 1), in rising order."""
    gradient: "Callable[[Tensor], Tensor] | None" = None
    """From weights to the derivative of each one's share of a penalty that is a sum over them."""


def decades(first: int, last: int) -> tuple[float, ...]:
    """Two numbers to a decade, from one power of ten to another."""
    # Rounded, so that the last bit of a power cannot give another hash on another machine.
    return tuple(float(f"{10 ** (half / 2):.12g}") for half in range(2 * first, 2 * last + 1))


def _by_name(*regularizers: Regularizer) -> dict[str, Regularizer]:
    return {regularizer.name: regularizer for regularizer in regularizers}


REGULARIZERS = _by_name(
    Regularizer("l2", decades(-5, -1), lambda weights: 2 * weights),
    Regularizer("l1", decades(-5, -2), lambda weights: weights.sign()),
    Regularizer("dropout", tuple(twentieth / 20 for twentieth in range(1, 15))),
)
"""Every regulariser by its name."""
PENALTIES = {name: found.gradient for name, found in REGULARIZERS.items() if found.gradient}
"""The gradient of each that is a penalty on the weights."""
UNTRAINED = "untrained"
"""Stands where a regulariser is named, for networks as they were drawn."""
