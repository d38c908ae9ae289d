"""Modules of neural networks: which units belong together, seen from the input or the output.

The parts, in the order in which data flows: :mod:`modlib.regularizers`, :mod:`modlib.config`,
:mod:`modlib.data`, :mod:`modlib.models`, :mod:`modlib.training`, :mod:`modlib.measures`,
:mod:`modlib.closed_form`, :mod:`modlib.similarity`, :mod:`modlib.modularity`,
:mod:`modlib.search`, :mod:`modlib.clustering`, :mod:`modlib.optimality`,
:mod:`modlib.comparison`; for the sweep :mod:`modlib.provenance`, :mod:`modlib.results`,
:mod:`modlib.analysis`, :mod:`modlib.store`, :mod:`modlib.work`, :mod:`modlib.cluster`,
:mod:`modlib.sweep`, :mod:`modlib.certificates`; and for the book :mod:`modlib.tables`,
:mod:`modlib.examples`, :mod:`modlib.bootstrap`, :mod:`modlib.readings`, :mod:`modlib.rules`,
:mod:`modlib.claims`, :mod:`modlib.explorer`, :mod:`modlib.plotting`, :mod:`modlib.book`.
"""

__version__ = "0.1.0"
