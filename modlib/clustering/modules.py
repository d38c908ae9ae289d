"""An assignment of units to modules, and what is known of it."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modlib.extras import need
from modlib.modularity import effective_number
from modlib.origin import Origin
from modlib.validation import is_whole


@dataclass(frozen=True, eq=False)
class Trace:
    """The path of a Monte Carlo search."""

    q: np.ndarray
    """Q after each step, shape ``[steps]``."""
    temperature: np.ndarray
    """Temperature of each step, shape ``[steps]``; zero where the best choices tie."""


@dataclass(frozen=True, eq=False)
class Modules(Origin):
    """An assignment of units to modules and its modularity; NumPy takes it as its labels."""

    labels: np.ndarray
    """Int64 of shape ``[units]``: -1 for unused units, else 0, 1, ... by falling size."""
    q: float
    """Modularity of the assignment (equation 8)."""
    adjacency: np.ndarray | None = field(default=None, repr=False)
    """Float64 of shape ``[units, units]``: the weights of :meth:`to_networkx`, if known."""
    trace: Trace | None = field(default=None, repr=False)
    """The path of the search, where it was asked for."""

    def _plain(self) -> np.ndarray:
        return self.labels

    @property
    def n_modules(self) -> int:
        """How many modules there are; the unused units make none."""
        return int(self.labels.max(initial=-1)) + 1

    @property
    def effective(self) -> float:
        """The effective number of modules: they count by their size (equation 10)."""
        return effective_number(self.labels)

    @property
    def unused(self) -> tuple[Hashable, ...]:
        """Names of the units that are similar to no other."""
        return self._names(-1)

    def members(self, module: int) -> tuple[Hashable, ...]:
        """Names of the units of a module.

        Raises
        ------
        ValueError
            If there is no module of this number.
        """
        if not is_whole(module) or not 0 <= module < self.n_modules:
            raise ValueError(
                f"module must be a whole number from 0 to {self.n_modules - 1}. Got {module!r}."
            )
        return self._names(int(module))

    def _names(self, label: int) -> tuple[Hashable, ...]:
        return tuple(self.units[unit] for unit in np.flatnonzero(self.labels == label))

    def to_frame(self) -> Any:
        """Return a pandas frame with a row for each unit: ``unit`` and ``module``.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        pandas = need("pandas", "to_frame")
        return pandas.DataFrame({"unit": list(self.units), "module": self.labels})

    def to_networkx(self) -> Any:
        """Return a NetworkX graph: the units, each with its ``module``, and weighted edges.

        Raises
        ------
        ModuleNotFoundError
            If NetworkX is not installed.
        """
        networkx = need("networkx", "to_networkx")
        graph = networkx.Graph()
        for unit, label in zip(self.units, self.labels, strict=True):
            graph.add_node(unit, module=int(label))
        if self.adjacency is not None:
            for i, j in np.argwhere(np.triu(self.adjacency)):
                graph.add_edge(self.units[i], self.units[j], weight=float(self.adjacency[i, j]))
        return graph


def by_falling_size(labels: np.ndarray) -> np.ndarray:
    """Rename modules 0, 1, ... by falling size, ties by their first unit; -1 stays."""
    names, first, index, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -sizes, names < 0))
    ranks = np.empty_like(names)
    ranks[order] = np.arange(len(names))
    return np.where(labels < 0, -1, ranks[index])
