"""The ways to keep a network simple: one record for each, with all that the library knows of it.

A further penalty on the weights is one more record here: training, settings, the sweep, its tables
and the figures follow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Regularizer:
    """A regulariser, its strengths in the sweep, and how figures and tables speak of it."""

    name: str
    """In tables, and as the ``regularizer`` of a setting."""
    strengths: tuple[float, ...]
    """In the sweep (the paper's Table 1), in rising order."""
    gradient: "Callable[[Tensor], Tensor] | None" = None
    """From weights to the derivative of each one's share of a penalty that is a sum over them."""
    title: str = ""
    """Its name in words; the name unless given."""
    label: str = ""
    """What its strength is called on the axis of a figure; the title unless given."""
    color: str = "0.5"
    """In figures, as Matplotlib takes it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)
        object.__setattr__(self, "label", self.label or self.title)


def _decades(first: int, last: int) -> tuple[float, ...]:
    """Two numbers to a decade, from one power of ten to another."""
    # Rounded, so that the last bit of a power cannot give another hash on another machine.
    return tuple(float(f"{10 ** (half / 2):.12g}") for half in range(2 * first, 2 * last + 1))


RECORDS = {
    regularizer.name: regularizer
    for regularizer in (
        Regularizer(
            "l2", _decades(-5, -1), lambda weights: 2 * weights,
            title="L2 penalty", color="#009E73",
        ),
        Regularizer(
            "l1", _decades(-5, -2), lambda weights: weights.sign(),
            title="L1 penalty", color="#CC79A7",
        ),
        Regularizer(
            "dropout", tuple(twentieth / 20 for twentieth in range(1, 15)),
            label="dropout probability", color="#000000",
        ),
    )
}  # fmt: skip
"""Every regulariser of the library by its name."""
PENALTIES = {name: found.gradient for name, found in RECORDS.items() if found.gradient}
"""The gradient of each that is a penalty on the weights."""
UNTRAINED = "untrained"
"""Stands where a regulariser is named, for networks as they were drawn."""
REGULARIZERS = (*RECORDS, UNTRAINED)
"""What the ``regularizer`` of a setting can be."""
