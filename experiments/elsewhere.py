"""Networks of other kinds, on other data: whether what holds of the paper's holds elsewhere.

Each kind of network of :mod:`experiments.architectures` is trained with a weak L2 penalty and with
dropout, and measured as the paper's are. What is measured stands in :mod:`experiments.profile`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from experiments.architectures import ARCHITECTURES, PARTS, architecture
from experiments.columns import AMOUNT, CONVENTION, FRACTION, LAYER, METHOD, Q
from experiments.config import MILD_L2, AnalysisConfig, Recipe, SettingConfig
from experiments.datasets import DATASETS
from experiments.engine.experiment import Experiment, Run
from experiments.engine.tables import FLAG, TEXT, WHOLE, Column, Table
from experiments.names import setting_name
from experiments.regularizers import REGULARIZERS, UNTRAINED
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS
from modlib.validation import check_choice, is_whole

LEAST_INPUTS, MOST_INPUTS = 20, 1_000_000


# --------------------------------------------------------------------------------------- one run


def _choice(choices: tuple[str, ...]) -> dict[str, Any]:
    def convert(name: str, value: Any) -> str:
        check_choice(name, value, choices)
        return value

    return {"convert": convert}


def _number_of_inputs(name: str, value: Any) -> int:
    if not is_whole(value) or not LEAST_INPUTS <= value <= MOST_INPUTS:
        raise ValueError(
            f"{name} must be a whole number between {LEAST_INPUTS} and {MOST_INPUTS}. "
            f"Got {value!r}."
        )
    return int(value)


@dataclass(frozen=True)
class ElsewhereConfig(SettingConfig):
    """What the networks of a run are, checked before any work.

    Raises
    ------
    ValueError
        If a value is of the wrong type or outside its range; the message names it.
    """

    dataset: str = field(default="digits", metadata=_choice(DATASETS))
    """One of :data:`experiments.datasets.DATASETS`."""
    architecture: str = field(default="mlp-64-64", metadata=_choice(tuple(ARCHITECTURES)))
    """One of :data:`experiments.architectures.ARCHITECTURES`."""
    n_inputs: int = field(default=1000, metadata={"convert": _number_of_inputs})
    """To measure similarities on: as many test samples, or all if there are fewer."""

    @property
    def told(self) -> dict[str, Any]:
        """What the notebook is told, as plain literals."""
        every = self.parameters
        return {name: every[name] for name in PARAMETERS}

    @property
    def name(self) -> str:
        """What the networks are, as people, files and keys name it."""
        setting = setting_name(self.regularizer, self.strength)
        return f"{self.dataset}-{self.architecture}-{setting}"


PARAMETERS = (
    "dataset", "architecture", "regularizer", "strength", "seeds", "n_inputs", "learning_rate",
    "batch_size", "max_epochs", "patience", "plateau_patience", "plateau_factor",
    "validation_fraction", "n_steps", "search_seed", "best", "null_draws", "lesion_draws",
)  # fmt: skip
"""Of a configuration: those that matter here."""


# -------------------------------------------------------------------------------------- the tables

_NETWORK = {
    "dataset": Column(TEXT, choices=DATASETS),
    "architecture": Column(TEXT, choices=tuple(ARCHITECTURES)),
    "regularizer": Column(TEXT, choices=(*REGULARIZERS, UNTRAINED)),
    "strength": AMOUNT,
    "seed": Column(WHOLE, 0),
}
_PLACE = {"part": Column(TEXT, choices=PARTS), **LAYER}
_SEARCHED = {"within_upstream": FRACTION, "within_downstream": FRACTION, "between": FRACTION}
_OPTIONAL = {
    "null_mean": replace(Q, optional=True),
    "null_std": replace(AMOUNT, optional=True),
    "specificity": replace(AMOUNT, optional=True),
    "random_mean": replace(AMOUNT, optional=True),
    "random_std": replace(AMOUNT, optional=True),
}

NETWORKS = Table(
    "elsewhere_networks",
    {
        **_NETWORK,
        "n_weights": Column(WHOLE, 1),
        "epochs": Column(WHOLE, 0),
        "best_epoch": Column(WHOLE, 0),
        **{
            f"{part}_{what}": AMOUNT if what == "loss" else FRACTION
            for part in ("train", "validation", "test")
            for what in ("loss", "accuracy")
        },
        "kept": Column(FLAG),
    },
    key=(*_NETWORK,),
)
"""A row for each network; it is ``kept`` if it tells enough of the test samples right, see
:data:`ENOUGH_ACCURACY`."""
LAYERS = Table(
    "elsewhere_layers",
    {
        **_NETWORK,
        **_PLACE,
        **CONVENTION,
        "n_units": Column(WHOLE, 2),
        "n_unused": Column(WHOLE, 0),
        **_SEARCHED,
        **{f"{name}_best": replace(column, optional=True) for name, column in _SEARCHED.items()},
    },
    key=(*_NETWORK, *_PLACE, *CONVENTION),
)
"""A row for each place and convention: how many units are there, how many of them have no
similarity by the raw covariance, and the mean agreement of the methods, as in claim 9: of the six
pairs within each side, and of the sixteen between them."""
SCORES = Table(
    "elsewhere",
    {
        **_NETWORK,
        **_PLACE,
        **METHOD,
        **CONVENTION,
        "q": Q,
        "effective": AMOUNT,
        "q_best": replace(Q, optional=True),
        **_OPTIONAL,
    },
    key=(*_NETWORK, *_PLACE, *METHOD, *CONVENTION),
)
"""A row for each assignment: its Q and effective number of modules, the Q of the best assignment,
what rotations of the layer give, and how specific it is beside random assignments."""
TABLES = {table.name: table for table in (NETWORKS, LAYERS, SCORES)}
"""What each run leaves."""


def n_rows(run: Run) -> Mapping[str, int]:
    """How many rows a run must leave in each table."""
    n_networks = len(run.parameters["seeds"])
    n_places = len(architecture(run.parameters["architecture"]).places)
    n_layers = n_networks * n_places * len(CONVENTIONS)
    return {
        "elsewhere_networks": n_networks,
        "elsewhere_layers": n_layers,
        "elsewhere": n_layers * len(METHODS),
    }


# --------------------------------------------------------------------------------------- the grids

ENOUGH_ACCURACY = {"mnist1d": 0.5}
"""Of a network that is kept, where it is not the paper's :data:`USUAL_ACCURACY`: fully connected
networks tell two thirds of the signals of MNIST-1D (Greydanus and Kobak 2024)."""
USUAL_ACCURACY = 0.8
"""Of a network of any other data set."""
SEEDS = (1, 2, 3, 4, 5)
"""Of the networks that count; trials of what a network costs saw seed 0."""
REGULARIZED = {"l2": MILD_L2, "dropout": 0.5}
ON_MNIST = tuple(ARCHITECTURES)
ON_DIGITS = ("mlp-64-64", "convolutional")
ON_SIGNALS = ("mlp-64-64", "convolutional", "recurrent")
GRID = (
    *(("mnist", name) for name in ON_MNIST),
    *(("digits", name) for name in ON_DIGITS),
    *(("mnist1d", name) for name in ON_SIGNALS),
)
"""Data sets and architectures: every kind on MNIST, and three of them on other data."""
RECIPE = Recipe(max_epochs=20, patience=5, plateau_patience=2)
LONG = replace(RECIPE, max_epochs=8)
FEW = replace(RECIPE, max_epochs=100, patience=15, plateau_patience=5, learning_rate=3e-3)
DROPOUT_EPOCHS = 1.5
"""Networks learn more slowly with dropout, and have so many times as many epochs."""
ANALYSIS = AnalysisConfig(n_steps=1000, null_draws=10, lesion_draws=50)
LONG_ANALYSIS = replace(ANALYSIS, lesion_draws=20)
N_INPUTS, N_LONG_INPUTS = 1000, 150


def recipe_of(dataset: str, architecture: str, regularizer: str) -> Recipe:
    """Return how networks of the full grid are trained."""
    is_long = ARCHITECTURES[architecture].is_long
    recipe = FEW if dataset != "mnist" else LONG if is_long else RECIPE
    times = DROPOUT_EPOCHS if regularizer == "dropout" else 1
    return replace(recipe, max_epochs=round(times * recipe.max_epochs))


def full() -> list[ElsewhereConfig]:
    """Return every kind of network, with a weak L2 penalty and with dropout, five of each."""

    def config(dataset: str, kind: str, regularizer: str, strength: float) -> ElsewhereConfig:
        is_long = ARCHITECTURES[kind].is_long
        return ElsewhereConfig(
            dataset, regularizer, strength, SEEDS, architecture=kind,
            recipe=recipe_of(dataset, kind, regularizer),
            analysis=LONG_ANALYSIS if is_long else ANALYSIS,
            n_inputs=N_LONG_INPUTS if is_long else N_INPUTS,
        )  # fmt: skip

    return [
        config(dataset, kind, regularizer, strength)
        for dataset, kind in GRID
        for regularizer, strength in REGULARIZED.items()
    ]


def small() -> list[ElsewhereConfig]:
    """Return a small twin of them on the digits of scikit-learn, done in about a minute."""
    recipe = Recipe(max_epochs=12, learning_rate=5e-3)
    analysis = AnalysisConfig(n_steps=100, null_draws=2, lesion_draws=4)
    return [
        ElsewhereConfig(
            "digits", regularizer, strength, SEEDS[:2], architecture=kind, recipe=recipe,
            analysis=analysis, n_inputs=40,
        )
        for kind in ("mlp-16-16", "convolutional")
        for regularizer, strength in (("l2", MILD_L2), ("dropout", 0.2))
    ]  # fmt: skip


def run_of(config: ElsewhereConfig) -> Run:
    """Return the run of some networks; its progress is counted in networks."""
    seeds = config.seeds
    numbers = f"seed-{seeds[0]}" if len(seeds) == 1 else f"seeds-{seeds[0]}-to-{seeds[-1]}"
    kind = ARCHITECTURES[config.architecture]
    length = (config.dataset == "mnist", kind.is_long, sum(kind.n_units))
    return Run("elsewhere", f"{config.name}-{numbers}", config.told, len(seeds), length)


EXPERIMENT = Experiment(
    name="elsewhere",
    notebook="97-elsewhere",
    tables=TABLES,
    presets={
        "full": lambda: [run_of(config) for config in full()],
        "smoke": lambda: [run_of(config) for config in small()],
    },
    n_rows=n_rows,
)
