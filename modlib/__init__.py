"""Modules of neural networks: which units belong together, seen from the input or the output.

The names of this package are loaded when they are first used, so that importing it costs nothing.
What stands behind them, from the bottom up: :mod:`modlib.matrices`, :mod:`modlib.validation`;
:mod:`modlib.models`, :mod:`modlib.samples`, :mod:`modlib.losses`, :mod:`modlib.layers`;
:mod:`modlib.similarity`; :mod:`modlib.modularity`, :mod:`modlib.clustering`;
:mod:`modlib.optimality`; :mod:`modlib.comparison`; :mod:`modlib.nulls`, :mod:`modlib.lesions`; and
:mod:`modlib.plotting`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modlib.clustering.consensus import Consensus, consensus
    from modlib.clustering.find import find_modules
    from modlib.clustering.modules import Modules
    from modlib.comparison import agreement, agreement_matrix, chance_level
    from modlib.layers.network import list_layers
    from modlib.lesions.damage import Lesion, Synergy, lesion, synergy
    from modlib.models import MLP
    from modlib.modularity import to_adjacency
    from modlib.nulls import Excess, excess
    from modlib.optimality.certificate import Certificate, certify
    from modlib.similarity.compute import pairwise_similarity, similarity_matrices
    from modlib.similarity.conventions import CONVENTIONS, normalize
    from modlib.similarity.matrix import Similarity
    from modlib.similarity.measures import MEASURES, METHODS, Measure
    from modlib.soft import soft_modularity

__version__ = "0.2.0"

HOMES = {
    "pairwise_similarity": "modlib.similarity.compute",
    "similarity_matrices": "modlib.similarity.compute",
    "normalize": "modlib.similarity.conventions",
    "CONVENTIONS": "modlib.similarity.conventions",
    "Similarity": "modlib.similarity.matrix",
    "list_layers": "modlib.layers.network",
    "Measure": "modlib.similarity.measures",
    "MEASURES": "modlib.similarity.measures",
    "METHODS": "modlib.similarity.measures",
    "to_adjacency": "modlib.modularity",
    "soft_modularity": "modlib.soft",
    "find_modules": "modlib.clustering.find",
    "Modules": "modlib.clustering.modules",
    "consensus": "modlib.clustering.consensus",
    "Consensus": "modlib.clustering.consensus",
    "certify": "modlib.optimality.certificate",
    "Certificate": "modlib.optimality.certificate",
    "excess": "modlib.nulls",
    "Excess": "modlib.nulls",
    "agreement": "modlib.comparison",
    "agreement_matrix": "modlib.comparison",
    "chance_level": "modlib.comparison",
    "lesion": "modlib.lesions.damage",
    "Lesion": "modlib.lesions.damage",
    "synergy": "modlib.lesions.damage",
    "Synergy": "modlib.lesions.damage",
    "MLP": "modlib.models",
}
"""The module that each name is loaded from."""

__all__ = [
    "CONVENTIONS",
    "MEASURES",
    "METHODS",
    "MLP",
    "Certificate",
    "Consensus",
    "Excess",
    "Lesion",
    "Measure",
    "Modules",
    "Similarity",
    "Synergy",
    "agreement",
    "agreement_matrix",
    "certify",
    "chance_level",
    "consensus",
    "excess",
    "find_modules",
    "lesion",
    "list_layers",
    "normalize",
    "pairwise_similarity",
    "similarity_matrices",
    "soft_modularity",
    "synergy",
    "to_adjacency",
]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(HOMES[name]), name)
    globals()[name] = found  # the next time it is there
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
