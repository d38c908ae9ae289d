"""Of which units something is, and how it came about."""

from collections.abc import Hashable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from modlib.validation import is_iterable


@dataclass(frozen=True, eq=False, kw_only=True)
class Origin:
    """What similarities and modules remember of where they come from.

    NumPy takes whatever has an origin as a plain array, that of its first field. A ``ValueError``
    says so if that is no array with an axis of units, or if these have not one name each that may
    be a key.
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
        plain = self._plain()
        if not isinstance(plain, np.ndarray) or not plain.ndim:
            known = {item.name for item in fields(Origin)}
            name = next(item.name for item in fields(self) if item.name not in known)
            raise ValueError(
                f"{name} must be a NumPy array with an axis of units. Got {type(plain).__name__}."
            )
        is_numbered = isinstance(self.units, tuple) and not self.units
        names = tuple(range(len(plain))) if is_numbered else _names(self.units, len(plain))
        object.__setattr__(self, "units", names)

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


def _names(units: Any, n_units: int) -> tuple[Hashable, ...]:
    names = tuple(units) if is_iterable(units) else ()
    if len(names) != n_units:
        got = f"{len(names)} names" if names else repr(units)
        raise ValueError(f"units must be the names of {n_units} units. Got {got}.")
    for name in names:
        try:
            hash(name)
        except TypeError:
            raise ValueError(f"units must have names that may be keys. Got {name!r}.") from None
    return names
