"""Networks whose modules are known: two digits side by side, two heads, and who is of which.

*Planted* networks have masks that say which digit a unit hears and to which head it speaks, so
that two truths stand at right angles in one layer; the masks leak. *Emergent* networks have none,
and their truth is told by intervention. What is asked of the heads stands in
:mod:`experiments.pairs`, how masks are put there in :mod:`experiments.planted`, and how truth is
told in :mod:`experiments.truth`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from experiments.columns import AMOUNT, CONVENTION, FRACTION, LAYER, METHOD, MODULES, Q
from experiments.config import MILD_L2, AnalysisConfig, Recipe, SettingConfig
from experiments.data import DATASETS
from experiments.engine.experiment import Experiment, Run
from experiments.engine.tables import FLAG, REAL, TEXT, WHOLE, Column, Table
from experiments.names import setting_name
from experiments.pairs import TASKS
from experiments.planted import planted_labels
from experiments.regularizers import REGULARIZERS
from experiments.truth import TRUTHS
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS
from modlib.validation import check_choice, is_number, is_whole

KINDS = ("planted", "emergent")
WITNESSES = ("construction", "intervention")
"""What tells the truth of units."""
NO_MASK = 1.0  # as a leak: what the masks forbid is as it would be without them


# --------------------------------------------------------------------------------------- one run


@dataclass(frozen=True)
class CrossedConfig:
    """What the networks of a run are, checked before any work.

    Raises
    ------
    ValueError
        If a value is of the wrong type or outside its range, or masks are asked for that do not
        fit; the message names it.
    """

    kind: str = "planted"
    """``"planted"`` or ``"emergent"``."""
    task: str = "crossed"
    """One of :data:`experiments.pairs.TASKS`; planted networks have the crossed one."""
    leak: float = 0.0
    """Of the masks, from 0 to 1; emergent networks have none, and a leak of 1."""
    n_pairs: int = 50_000
    """To train on; a tenth as many validate."""
    n_test_pairs: int = 2000
    """To measure on."""
    setting: SettingConfig = field(default_factory=SettingConfig)
    """Data set, regulariser, strength, seeds, recipe and analysis."""

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_choice("task", self.task, TASKS if self.kind == "emergent" else TASKS[:1])
        check_choice("regularizer", self.setting.regularizer, REGULARIZERS)
        low = NO_MASK if self.kind == "emergent" else 0.0
        if not is_number(self.leak) or not low <= self.leak <= NO_MASK:
            raise ValueError(
                f"leak must be a number between 0 and 1, and 1 if kind is 'emergent', whose "
                f"networks have no masks. Got {self.leak!r}."
            )
        object.__setattr__(self, "leak", float(self.leak))
        for name in ("n_pairs", "n_test_pairs"):
            number = getattr(self, name)
            if not is_whole(number) or not 2 <= number <= 10_000_000:
                raise ValueError(
                    f"{name} must be a whole number between 2 and 10000000. Got {number!r}."
                )
        if self.is_planted:
            planted_labels((2, *self.setting.recipe.hidden, 2))  # refuses widths that do not fit

    @property
    def is_planted(self) -> bool:
        """Whether there are masks."""
        return self.kind == "planted"

    @property
    def leak_of_masks(self) -> float | None:
        """The leak, or None if there are no masks."""
        return self.leak if self.is_planted else None

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """Make it of plain values by name; names that mean nothing here are passed over.

        Raises
        ------
        ValueError
            As for the configuration itself.
        """
        names = ("kind", "task", "leak", "n_pairs", "n_test_pairs")
        own = {name: parameters[name] for name in names if name in parameters}
        return cls(**own, setting=SettingConfig.from_parameters(parameters))

    @property
    def parameters(self) -> dict[str, Any]:
        """What the notebook is told, as plain literals."""
        setting = self.setting.parameters
        own = {name: getattr(self, name) for name in ("kind", "task", "leak")}
        own |= {name: getattr(self, name) for name in ("n_pairs", "n_test_pairs")}
        return own | {name: setting[name] for name in SETTING_PARAMETERS}

    @property
    def name(self) -> str:
        """What the networks are, as people, files and keys name it."""
        setting = setting_name(self.setting.regularizer, self.setting.strength)
        if self.is_planted:
            return f"planted-leak-{self.leak:g}-{setting}"
        return f"{self.kind}-{self.task}-{setting}"


SETTING_PARAMETERS = (
    "dataset", "regularizer", "strength", "seeds", "hidden", "learning_rate", "batch_size",
    "max_epochs", "patience", "plateau_patience", "plateau_factor", "validation_fraction",
    "n_steps", "entropy", "search_seed", "best",
)  # fmt: skip
"""Those parameters of a setting that matter here."""


# -------------------------------------------------------------------------------------- the tables

_NETWORK = {
    "dataset": Column(TEXT, choices=DATASETS),
    "kind": Column(TEXT, choices=KINDS),
    "task": Column(TEXT, choices=TASKS),
    "leak": FRACTION,
    "regularizer": Column(TEXT, choices=tuple(REGULARIZERS)),
    "strength": AMOUNT,
    "seed": Column(WHOLE, 0),
}
_SIDE = Column(WHOLE, -1, 1)
SEARCHED = {
    "q": Q,
    "effective": AMOUNT,
    "labels": MODULES,
    "adjusted_rand": Column(REAL, -1, 1, optional=True),
    "element": Column(REAL, 0, 1, optional=True),
    "chance": Column(REAL, 0, 1, optional=True),
    "recovery": Column(REAL, high=1, optional=True),
}
"""What is known of an assignment, and of it beside a truth."""
_BEST = {f"{name}_best": replace(column, optional=True) for name, column in SEARCHED.items()}

NETWORKS = Table(
    "crossed_networks",
    {
        **_NETWORK,
        "epochs": Column(WHOLE, 0),
        "best_epoch": Column(WHOLE, 0),
        **{
            f"{part}_{what}": AMOUNT if what == "loss" else FRACTION
            for part in ("train", "validation", "test")
            for what in ("loss", "accuracy_1", "accuracy_2")
        },
        "kept": Column(FLAG),
    },
    key=(*_NETWORK,),
)
"""A row for each network: its loss is the sum of both heads', its accuracy that of each head. It
is ``kept`` if both tell at least 80 % of the test pairs right."""
UNITS = Table(
    "crossed_units",
    {
        **_NETWORK,
        **LAYER,
        "unit": Column(WHOLE, 0),
        **{f"{truth}_share": Column(REAL, 0, 1, optional=True) for truth in TRUTHS},
        **dict.fromkeys(TRUTHS, _SIDE),
        **{f"{truth}_planted": Column(WHOLE, 0, 1, optional=True) for truth in TRUTHS},
    },
    key=(*_NETWORK, "layer", "unit"),
)
"""A row for each unit: A's share of what moves it and head 1's share of what it does, missing
where that is nothing; the sides that follow from them, 0, 1 or, for nothing, -1; and the sides
that are planted."""
SCORES = Table(
    "crossed",
    {
        **_NETWORK,
        **LAYER,
        **METHOD,
        **CONVENTION,
        "truth": Column(TEXT, choices=TRUTHS),
        "by": Column(TEXT, choices=WITNESSES),
        **SEARCHED,
        **_BEST,
    },
    key=(*_NETWORK, *LAYER, *METHOD, *CONVENTION, "truth", "by"),
)
"""A row for each assignment and truth; see :func:`experiments.truth.recovery`. A name that ends
in ``_best`` is of the best assignment, without it of that of the paper's algorithm."""
TABLES = {table.name: table for table in (NETWORKS, UNITS, SCORES)}
"""What each run leaves."""


def n_rows(run: Run) -> Mapping[str, int]:
    """How many rows a run must leave in each table."""
    n_networks, hidden = len(run.parameters["seeds"]), run.parameters["hidden"]
    n_truths = len(TRUTHS) * len(hidden)
    if run.parameters["kind"] == "planted":
        n_truths += 3  # source and head of the first layer, head of the second
    return {
        "crossed_networks": n_networks,
        "crossed_units": n_networks * sum(hidden),
        "crossed": n_networks * n_truths * len(METHODS) * len(CONVENTIONS),
    }


# --------------------------------------------------------------------------------------- the grids

LEAKS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
EMERGENT = {"l2": MILD_L2, "dropout": 0.5, "l1": 1e-3}
SEEDS = tuple(range(9))
RECIPE = Recipe(max_epochs=5, patience=3, plateau_patience=1)
RECIPES = {
    "l2": RECIPE,
    "l1": replace(RECIPE, max_epochs=8),
    # In steps of 0.001 dropout leaves half of the first layer silent for ever.
    "dropout": replace(RECIPE, max_epochs=16, learning_rate=3e-4),
}
"""Of each regulariser; with L1 and dropout networks learn more slowly."""


def full() -> list[CrossedConfig]:
    """Return six leaks, and two tasks with three regularisers, of nine networks each."""

    def setting(regularizer: str, strength: float) -> SettingConfig:
        return SettingConfig("mnist", regularizer, strength, SEEDS, recipe=RECIPES[regularizer])

    planted = [CrossedConfig(leak=leak, setting=setting("l2", MILD_L2)) for leak in LEAKS]
    emergent = [
        CrossedConfig("emergent", task, NO_MASK, setting=setting(regularizer, strength))
        for task in TASKS
        for regularizer, strength in EMERGENT.items()
    ]
    return planted + emergent


def small() -> list[CrossedConfig]:
    """Return a small twin of them on the digits of scikit-learn, done in less than a minute."""
    recipe = Recipe(hidden=(16, 12), max_epochs=10, learning_rate=5e-3)
    analysis = AnalysisConfig(n_steps=300)

    def config(
        kind: str, task: str, leak: float, regularizer: str, strength: float
    ) -> CrossedConfig:
        setting = SettingConfig(
            "digits", regularizer, strength, (0, 1), recipe=recipe, analysis=analysis
        )
        return CrossedConfig(kind, task, leak, n_pairs=2000, n_test_pairs=300, setting=setting)

    return [
        config("planted", "crossed", 0.0, "l2", MILD_L2),
        config("planted", "crossed", 0.3, "l2", MILD_L2),
        config("emergent", "crossed", NO_MASK, "l2", MILD_L2),
        config("emergent", "parallel", NO_MASK, "dropout", 0.2),
    ]


def run_of(config: CrossedConfig) -> Run:
    """Return the run of some networks; its progress is counted in networks."""
    seeds = config.setting.seeds
    numbers = f"seed-{seeds[0]}" if len(seeds) == 1 else f"seeds-{seeds[0]}-to-{seeds[-1]}"
    length = (config.setting.recipe.max_epochs, config.is_planted)
    return Run("crossed", f"{config.name}-{numbers}", config.parameters, len(seeds), length)


EXPERIMENT = Experiment(
    name="crossed",
    notebook="95-crossed",
    tables=TABLES,
    presets={
        "full": lambda: [run_of(config) for config in full()],
        "smoke": lambda: [run_of(config) for config in small()],
    },
    n_rows=n_rows,
)
