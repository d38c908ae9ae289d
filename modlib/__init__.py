"""Modules of neural networks: which units belong together, seen from the input or the output.

The parts, in the order in which data flows: :mod:`modlib.config`, :mod:`modlib.data`,
:mod:`modlib.models`, :mod:`modlib.training`, :mod:`modlib.similarity`, :mod:`modlib.modularity`,
:mod:`modlib.search`,
:mod:`modlib.clustering`, :mod:`modlib.optimality`, :mod:`modlib.comparison`,
:mod:`modlib.plotting`.
"""

__version__ = "0.1.0"
