"""The columns that tables share: which network, layer, method and convention a row is of."""

from experiments.data import DATASETS
from experiments.engine.tables import FLAG, LABELS, LARGEST_LABEL, REAL, TEXT, WHOLE, Column
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import MEASURES

FRACTION = Column(REAL, 0, 1)
AMOUNT = Column(REAL, 0)
CORRELATION = Column(REAL, -1, 1)
Q = Column(REAL, -1, 1)
MODULES = Column(LABELS, -1, LARGEST_LABEL)
"""The label of each unit, -1 for those that are not in use."""

NETWORK = {
    "dataset": Column(TEXT, choices=DATASETS),
    "architecture": Column(TEXT),
    "network": Column(TEXT),
}
LAYER = {"layer": Column(WHOLE, 1)}
METHOD = {"measure": Column(TEXT, choices=tuple(MEASURES)), "normalized": Column(FLAG)}
CONVENTION = {"convention": Column(TEXT, choices=tuple(CONVENTIONS))}
MATRIX = {**NETWORK, **LAYER, **METHOD, **CONVENTION}
"""What names a similarity matrix."""
