"""Of which units something is, and how it came about."""

from collections.abc import Hashable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False, kw_only=True)
class Origin:
    """What similarities and modules remember of where they come from.

    NumPy takes whatever has an origin as a plain array, that of its first field.
    """

    units: tuple[Hashable, ...] = ()
    """Names of the units, in order; their numbers unless given."""
    layer: Hashable = None
    """The layer they are units of, if known."""
    measure: str | None = None
    """The measure of similarity, by its name, if known."""
    convention: str | None = None
    """``"printed"`` or ``"released"``, if known."""
    is_normalized: bool | None = None
    """Whether the similarity was normalised, as the convention has it, if known."""

    def __post_init__(self) -> None:
        if not self.units:
            object.__setattr__(self, "units", tuple(range(len(self))))

    def _plain(self) -> np.ndarray:
        raise NotImplementedError

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._plain(), dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self._plain())

    @property
    def known(self) -> dict[str, Any]:
        """The origin alone: units, layer, measure, convention, normalisation."""
        return {item.name: getattr(self, item.name) for item in fields(Origin)}
