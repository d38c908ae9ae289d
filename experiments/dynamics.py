"""When modules come: the paper's networks, measured again and again while they are trained.

How networks are followed stands in :mod:`experiments.training.snapshots`, and what is measured of
each snapshot in :mod:`experiments.course`.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from experiments.columns import AMOUNT, CONVENTION, FRACTION, LAYER, METHOD, MODULES, Q
from experiments.config import MILD_L2, AnalysisConfig, Recipe, SettingConfig
from experiments.data import DATASETS
from experiments.engine.experiment import Experiment, Run
from experiments.engine.tables import FLAG, REAL, TEXT, WHOLE, Column, Table
from experiments.regularizers import REGULARIZERS
from experiments.training.snapshots import check_epochs
from modlib.validation import check_choice

EPOCHS = (0.0, 0.25, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""After how many a network is measured, if it is trained for so many; beside these the weights
count that are kept, those of the best validation."""


# --------------------------------------------------------------------------------------- one run


def _epochs(_: str, value: Any) -> tuple[float, ...]:
    return check_epochs(value)


def _regularizer(name: str, value: Any) -> str:
    check_choice(name, value, REGULARIZERS)
    return value


@dataclass(frozen=True)
class DynamicsConfig(SettingConfig):
    """What the networks of a run are, and when they are measured, checked before any work.

    Raises
    ------
    ValueError
        If a value is of the wrong type or outside its range; the message names it.
    """

    regularizer: str = field(default="l2", metadata={"convert": _regularizer})
    """One of :data:`experiments.regularizers.REGULARIZERS`: there is no course without training."""
    epochs: tuple[float, ...] = field(default=EPOCHS, metadata={"convert": _epochs})
    """As :func:`experiments.training.snapshots.check_epochs` has them."""

    @property
    def told(self) -> dict[str, Any]:
        """What the notebook is told, as plain literals."""
        every = self.parameters
        return {name: every[name] for name in PARAMETERS}


PARAMETERS = (
    "dataset", "regularizer", "strength", "seeds", "epochs", "hidden", "learning_rate",
    "batch_size", "max_epochs", "patience", "plateau_patience", "plateau_factor",
    "validation_fraction", "n_steps", "search_seed", "null_draws",
)  # fmt: skip
"""Of a configuration: those that matter here."""


# -------------------------------------------------------------------------------------- the tables

_NETWORK = {
    "dataset": Column(TEXT, choices=DATASETS),
    "regularizer": Column(TEXT, choices=tuple(REGULARIZERS)),
    "strength": AMOUNT,
    "seed": Column(WHOLE, 0),
}
_SNAPSHOT = {**_NETWORK, "epoch": AMOUNT, "final": Column(FLAG)}
_PART = Column(REAL, high=1, optional=True)

SNAPSHOTS = Table(
    "dynamics_snapshots",
    {
        **_SNAPSHOT,
        **{
            f"{part}_{what}": AMOUNT if what == "loss" else FRACTION
            for part in ("train", "validation", "test")
            for what in ("loss", "accuracy")
        },
        "sparsity": FRACTION,
        "kept": Column(FLAG),
    },
    key=(*_SNAPSHOT,),
)
"""A row for each network and snapshot, as :func:`experiments.analysis.network_row` tells it. The
weights that are kept have a row of their own, which is ``final``."""
LAYERS = Table(
    "dynamics_layers",
    {
        **_SNAPSHOT,
        **LAYER,
        **CONVENTION,
        "n_unused": Column(WHOLE, 0),
        "within_upstream": FRACTION,
        "within_downstream": FRACTION,
        "between": FRACTION,
    },
    key=(*_SNAPSHOT, *LAYER, *CONVENTION),
)
"""A row for each layer and convention: how many units have no similarity by the raw covariance, and
the mean agreement of the methods, as in claim 9."""
SCORES = Table(
    "dynamics",
    {
        **_SNAPSHOT,
        **LAYER,
        **METHOD,
        **CONVENTION,
        "q": Q,
        "null_mean": Column(REAL, -1, 1, optional=True),
        "effective": AMOUNT,
        "labels": MODULES,
        "retest": _PART,
        "recovery": _PART,
    },
    key=(*_SNAPSHOT, *LAYER, *METHOD, *CONVENTION),
)
"""A row for each assignment: its Q and what rotations have, its effective number of modules, and
how much of it a second search finds again. ``recovery`` is how much it recovers of the final
assignment of the same network, layer and method. Both are on the scale from chance to 1, and
missing where chance is all there is."""
TABLES = {table.name: table for table in (SNAPSHOTS, LAYERS, SCORES)}
"""What each run leaves. How many rows depends on when training ended."""


# --------------------------------------------------------------------------------------- the grids

FOLLOWED = {"l2": MILD_L2, "dropout": 0.5, "l1": 1e-3}
"""The strength at which networks of each regulariser are followed."""
SEEDS = tuple(range(9))
AT_ONCE = 3
"""Networks of a run: runs of all nine would leave one worker alone at the end."""
ANALYSIS = AnalysisConfig(n_steps=1000, null_draws=10)


def full() -> list[DynamicsConfig]:
    """Return the weakest L2 penalty, dropout and an L1 penalty, nine networks each."""
    return [
        DynamicsConfig(
            "mnist", regularizer, strength, SEEDS[first : first + AT_ONCE], analysis=ANALYSIS
        )
        for regularizer, strength in FOLLOWED.items()
        for first in range(0, len(SEEDS), AT_ONCE)
    ]


def small() -> list[DynamicsConfig]:
    """Return a small twin of them on the digits of scikit-learn, done in half a minute."""
    recipe = Recipe(hidden=(16, 12), max_epochs=10, learning_rate=5e-3)
    analysis = AnalysisConfig(n_steps=100, null_draws=2)
    config = DynamicsConfig(
        "digits", seeds=(0, 1), epochs=(0.0, 0.5, 1.0, 4.0), recipe=recipe, analysis=analysis
    )
    strengths = {"l2": MILD_L2, "dropout": 0.2}
    return [
        replace(config, regularizer=name, strength=strength) for name, strength in strengths.items()
    ]


def run_of(config: DynamicsConfig) -> Run:
    """Return the run of some networks; its progress is counted in networks."""
    seeds = config.seeds
    numbers = f"seed-{seeds[0]}" if len(seeds) == 1 else f"seeds-{seeds[0]}-to-{seeds[-1]}"
    # With L1 networks are trained longest, and longer with dropout than without.
    length = (config.regularizer == "l1", config.regularizer == "dropout")
    return Run("dynamics", f"{config.name}-{numbers}", config.told, len(seeds), length)


EXPERIMENT = Experiment(
    name="dynamics",
    notebook="98-dynamics",
    tables=TABLES,
    presets={
        "full": lambda: [run_of(config) for config in full()],
        "smoke": lambda: [run_of(config) for config in small()],
    },
)
