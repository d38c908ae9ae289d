"""A similarity matrix that knows of which units, layer, measure and convention it is."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modlib.extras import need
from modlib.similarity.conventions import normalize


@dataclass(frozen=True, eq=False)
class Similarity:
    """Similarity of every two units of a layer; NumPy takes it as the plain matrix."""

    values: np.ndarray
    """Float64 of shape ``[units, units]``, symmetric and non-negative."""
    units: tuple[Hashable, ...] = ()
    """Names of the units, in order; their numbers unless given."""
    layer: Hashable = None
    """The layer they are units of, if known."""
    measure: str | None = None
    """The measure of similarity, by its name, if known."""
    convention: str | None = None
    """``"printed"`` or ``"released"``, if known."""
    is_normalized: bool = False
    """Whether it was normalised, as the convention has it."""

    def __post_init__(self) -> None:
        if not self.units:
            object.__setattr__(self, "units", tuple(range(len(self.values))))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(units, units)``."""
        return self.values.shape

    @property
    def known(self) -> dict[str, Any]:
        """All that is known but the values: units, layer, measure, convention, normalisation."""
        names = ("units", "layer", "measure", "convention", "is_normalized")
        return {name: getattr(self, name) for name in names}

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
        return replace(self, values=normalize(self), is_normalized=True)

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
