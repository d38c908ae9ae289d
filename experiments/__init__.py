"""What fills ``results/`` and what the chapters draw: the floor between book and instrument.

Each experiment is one file of this package, which holds its record as ``EXPERIMENT``, one
notebook, and a line in the table below.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from modlib.validation import check_choice

if TYPE_CHECKING:
    from experiments.engine.experiment import Experiment

EXPERIMENTS = {
    "paper": "experiments.paper",
    "crossed": "experiments.crossed",
    "dials": "experiments.dials",
    "elsewhere": "experiments.elsewhere",
    "dynamics": "experiments.dynamics",
}
"""The module of each experiment, by the experiment's name."""


def experiment(name: str) -> "Experiment":
    """Return the record of an experiment.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    check_choice("experiment", name, EXPERIMENTS)
    return import_module(EXPERIMENTS[name]).EXPERIMENT
