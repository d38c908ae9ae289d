"""A number with its interval of confidence, as the text and the tables of chapters quote it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.report.bootstrap import interval
from modlib.validation import as_real


class Estimate(NamedTuple):
    """A number, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def told(self, digits: int = 2) -> str:
        """Return the text ``"0.12 (0.08 to 0.15)"``, with so many digits after the point."""
        # Adding zero turns -0.0, to which small negative numbers round, into 0.0.
        return "{} ({} to {})".format(*(f"{round(end, digits) + 0.0:.{digits}f}" for end in self))

    def named(self, name: str) -> dict[str, float]:
        """Return its three numbers as ``name``, ``name-low`` and ``name-high``."""
        return {name: self.value, f"{name}-low": self.low, f"{name}-high": self.high}


def estimate(draws: Sequence[float] | Any, n_units: int) -> Estimate:
    """Make an estimate of the draws of a bootstrap.

    Parameters
    ----------
    draws
        Shape ``[1 + draws]``: the number itself, then what it is in each draw, as
        :func:`experiments.report.bootstrap.mean_draws` gives them.
    n_units
        How many units, such as seeds, were drawn from.

    Raises
    ------
    ValueError
        As for :func:`experiments.report.bootstrap.interval`.
    """
    draws = as_real(draws, "draws")
    if draws.ndim != 1 or len(draws) < 2:
        raise ValueError(f"draws must be a number and its draws. Got shape {draws.shape}.")
    return Estimate(float(draws[0]), *interval(draws[1:], n_units))
