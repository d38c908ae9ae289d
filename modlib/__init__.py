"""Modules of neural networks: which units belong together, seen from the input or the output.

The parts, in the order in which data flows: :mod:`experiments.regularizers`, :mod:`experiments.config`,
:mod:`experiments.data`, :mod:`modlib.models`, :mod:`experiments.training.train`, :mod:`modlib.similarity.measures`,
:mod:`modlib.similarity.closed_form`, :mod:`modlib.similarity.compute`, :mod:`modlib.modularity`,
:mod:`modlib.clustering.tabu`, :mod:`modlib.clustering.find`, :mod:`modlib.optimality.certificate`,
:mod:`modlib.comparison`; for the sweep :mod:`experiments.engine.provenance`, :mod:`experiments.engine.tables`,
:mod:`experiments.analysis`, :mod:`experiments.engine.store`, :mod:`experiments.engine.run`, :mod:`experiments.engine.workers`,
:mod:`experiments.engine.sweep`, :mod:`experiments.engine.certificates`; and for the book :mod:`experiments.report.frames`,
:mod:`experiments.report.examples`, :mod:`experiments.report.bootstrap`, :mod:`experiments.report.readings`, :mod:`experiments.report.rules`,
:mod:`experiments.report.claims`, :mod:`experiments.report.explorer`, :mod:`modlib.plotting`, :mod:`experiments.report.notes`.
"""

__version__ = "0.1.0"
