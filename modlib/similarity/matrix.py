"""A similarity matrix that knows of which units, layer, measure and convention it is."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modlib.extras import need
from modlib.origin import Origin
from modlib.similarity.conventions import normalize


@dataclass(frozen=True, eq=False)
class Similarity(Origin):
    """Similarity of every two units of a layer; NumPy takes it as the plain matrix."""

    values: np.ndarray
    """Float64 of shape ``[units, units]``, symmetric and non-negative."""
    standard_error: np.ndarray | None = None
    """Of the values, of the same shape, where they are estimated from probes; None if exact."""

    def _plain(self) -> np.ndarray:
        return self.values

    @property
    def shape(self) -> tuple[int, ...]:
        """``(units, units)``."""
        return self.values.shape

    def normalized(self) -> "Similarity":
        """Return it divided by the units' similarities with themselves, as its convention has it.

        What is normalised already is returned as it is.

        Raises
        ------
        ValueError
            As for :func:`modlib.similarity.conventions.normalize`.
        """
        if self.is_normalized:
            return self
        return replace(self, values=normalize(self), standard_error=None, is_normalized=True)

    def to_frame(self) -> Any:
        """Return a pandas frame ``[units, units]`` with the names of the units on both sides.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        pandas = need("pandas", "to_frame")
        names = list(self.units)
        return pandas.DataFrame(self.values.copy(), index=names, columns=names)
