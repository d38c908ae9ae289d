"""Can one train for modules? Networks that are pulled towards them, upstream, downstream or both.

What pulls, and what the targets are, stands in :mod:`experiments.pull`; the two tasks in
:mod:`experiments.tasks`. What it does to a network, and whether anything is gained by it, is
measured in :mod:`experiments.gains`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from experiments.columns import AMOUNT, CONVENTION, FRACTION, LAYER, METHOD, MODULES, Q
from experiments.config import MILD_L2, AnalysisConfig, Recipe, SettingConfig
from experiments.data import DATASETS, Dataset, load
from experiments.engine.experiment import CERTIFIED, Experiment, Proofs, Run
from experiments.engine.tables import FLAG, REAL, TEXT, WHOLE, Column, Table
from experiments.names import network_name, setting_name
from experiments.pairs import N_HEADS
from experiments.pull import TARGETS
from experiments.robustness import DISTURBANCES
from experiments.tasks import TASKS, held_out_samples
from experiments.truth import TRUTHS
from experiments.weights import load_weights
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS, Method
from modlib.validation import check_choice, is_number, is_whole

UP, DOWN = Method("covariance", True), Method("output_sensitivity", True)
"""The methods that are pulled; as released, all the more."""
MOST_MODULES = 8
LARGEST_PULL = 1e3


# --------------------------------------------------------------------------------------- one run


@dataclass(frozen=True)
class DialsConfig:
    """What the networks of a run are, checked before any work.

    Raises
    ------
    ValueError
        If a value is of the wrong type or outside its range, or the pull does not fit the target;
        the message names it.
    """

    task: str = "single"
    """One of :data:`experiments.tasks.TASKS`."""
    target: str = "none"
    """One of :data:`experiments.pull.TARGETS`."""
    pull: float = 0.0
    """Weight of Q in the loss: 0 if the target is ``"none"``, else above 0."""
    most_modules: int = MOST_MODULES
    """Columns of the soft assignments."""
    n_pairs: int = 50_000
    """To train on, if the task is one of pairs; a tenth as many validate."""
    n_test_pairs: int = 2000
    """To measure on."""
    setting: SettingConfig = field(default_factory=SettingConfig)
    """Data set, seeds, recipe and analysis; its regulariser is the weakest L2 penalty."""

    def __post_init__(self) -> None:
        check_choice("task", self.task, TASKS)
        check_choice("target", self.target, TARGETS)
        if (self.setting.regularizer, self.setting.strength) != ("l2", MILD_L2):
            raise ValueError(
                f"setting must be the L2 penalty of {MILD_L2:g}, to which the pull is added. Got "
                f"{self.setting.name}."
            )
        is_pulled = self.target != "none"
        if not is_number(self.pull) or not 0 <= self.pull <= LARGEST_PULL or (
            is_pulled != (self.pull > 0)
        ):  # fmt: skip
            raise ValueError(
                f"pull must be a number above 0, at most {LARGEST_PULL:g}, and 0 if target is "
                f"'none'. Got {self.pull!r} for target {self.target!r}."
            )
        object.__setattr__(self, "pull", float(self.pull))
        limits = {"most_modules": (2, 1000)}
        limits |= dict.fromkeys(("n_pairs", "n_test_pairs"), (10, 10_000_000))
        for name, (low, high) in limits.items():
            number = getattr(self, name)
            if not is_whole(number) or not low <= number <= high:
                raise ValueError(
                    f"{name} must be a whole number between {low} and {high}. Got {number!r}."
                )

    @property
    def is_pulled(self) -> bool:
        """Whether there are assignments that pull."""
        return self.target != "none"

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """Make it of plain values by name; names that mean nothing here are passed over.

        Raises
        ------
        ValueError
            As for the configuration itself.
        """
        own = {name: parameters[name] for name in OWN_PARAMETERS if name in parameters}
        chosen = {name: parameters[name] for name in SETTING_PARAMETERS if name in parameters}
        return cls(**own, setting=SettingConfig.from_parameters(chosen))

    @property
    def parameters(self) -> dict[str, Any]:
        """What the notebook is told, as plain literals."""
        setting = self.setting.parameters
        own = {name: getattr(self, name) for name in OWN_PARAMETERS}
        return own | {name: setting[name] for name in SETTING_PARAMETERS}

    @property
    def name(self) -> str:
        """What the networks are, as people, files and keys name it."""
        return setting_name(f"{self.task}-{self.target}", self.pull)


OWN_PARAMETERS = ("task", "target", "pull", "most_modules", "n_pairs", "n_test_pairs")
SETTING_PARAMETERS = (
    "dataset", "seeds", "hidden", "learning_rate", "batch_size", "max_epochs", "patience",
    "plateau_patience", "plateau_factor", "validation_fraction", "n_steps", "entropy",
    "search_seed", "best", "null_draws", "lesion_draws",
)  # fmt: skip
"""Those parameters of a setting that matter here."""


# -------------------------------------------------------------------------------------- the tables

_NETWORK = {
    "dataset": Column(TEXT, choices=DATASETS),
    "task": Column(TEXT, choices=TASKS),
    "target": Column(TEXT, choices=tuple(TARGETS)),
    "pull": AMOUNT,
    "seed": Column(WHOLE, 0),
}
_MATRIX = {**_NETWORK, **LAYER, **METHOD, **CONVENTION}
_RECOVERY = Column(REAL, high=1, optional=True)
_MAYBE_Q = Column(REAL, -1, 1, optional=True)
_MAYBE_AMOUNT = Column(REAL, 0, optional=True)
FAMILIES = ("within_up", "between", "within_down", "dials")
"""Pairs of methods: both upstream, one of each side, both downstream; and those that are pulled."""
ENDS = ("", "_best")
"""How columns end that are of the paper's search, and of that for the highest Q."""

NETWORKS = Table(
    "dials_networks",
    {
        **_NETWORK,
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
"""A row for each network: losses without penalty or pull, added up over heads; accuracies averaged
over heads. It is ``kept`` if each head tells at least 80 % of the test samples right."""
LAYERS = Table(
    "dials_layers",
    {
        **_NETWORK,
        **LAYER,
        "n_constant": Column(WHOLE, 0),
        "effective_dimension": AMOUNT,
        "nearest_correlation": FRACTION,
        "sharpness": Column(REAL, 0, 1, optional=True),
        "assignment": Column(MODULES.type, 0, MODULES.high, optional=True),
        **{f"{truth}_recovery": _RECOVERY for truth in TRUTHS},
    },
    key=(*_NETWORK, "layer"),
)
"""A row for each hidden layer: units lost and directions used, see
:func:`experiments.analysis.redundancy`; the assignment that pulled, how sharp it is, and what it
recovers of what units are for, where that is known."""
SCORES = Table(
    "dials",
    {
        **_MATRIX,
        **{
            f"{name}{end}": column
            for end, optional in zip(ENDS, (False, True), strict=True)
            for name, column in (
                ("q", _MAYBE_Q if optional else Q),
                ("effective", _MAYBE_AMOUNT if optional else AMOUNT),
                ("pulled", _RECOVERY),
            )
        },
        "chance_q": _MAYBE_Q,
        "null_mean": _MAYBE_Q,
        "null_std": _MAYBE_AMOUNT,
        "specificity": _MAYBE_AMOUNT,
        "lesion_mean": _MAYBE_AMOUNT,
        "lesion_std": _MAYBE_AMOUNT,
    },
    key=(*_MATRIX,),
)
"""A row for each assignment that was found. ``pulled`` is what it recovers of the one that pulled,
``chance_q`` its Q on the inputs on which rotations have a Q of ``null_mean``; ``specificity`` of
lesions stands beside that of random assignments. A name that ends in ``_best`` is of the best
assignment, any other of that of the paper's algorithm."""
AGREEMENT = Table(
    "dials_agreement",
    {
        **_NETWORK,
        **LAYER,
        **CONVENTION,
        **{f"{family}{end}": _RECOVERY for end in ENDS for family in FAMILIES},
    },
    key=(*_NETWORK, *LAYER, *CONVENTION),
)
"""A row for each layer and convention: mean agreement of pairs of methods, from chance to 1."""
ROBUSTNESS = Table(
    "dials_robustness",
    {
        **_NETWORK,
        "disturbance": Column(TEXT, choices=tuple(DISTURBANCES)),
        "level": AMOUNT,
        "accuracy": FRACTION,
    },
    key=(*_NETWORK, "disturbance", "level"),
)
"""A row for each disturbance: test accuracy with noise on the inputs, or without small weights."""
TRUTH = Table(
    "dials_truth",
    {**_MATRIX, "truth": Column(TEXT, choices=TRUTHS), "recovery": _RECOVERY,
     "recovery_best": _RECOVERY},
    key=(*_MATRIX, "truth"),
)  # fmt: skip
"""A row for each assignment and truth, told by intervention, of networks on pairs."""
TRANSFER = Table(
    "dials_transfer",
    {
        **_NETWORK,
        "head": Column(WHOLE, 1, N_HEADS),
        "learnt": FRACTION,
        "other_before": FRACTION,
        "other_after": FRACTION,
    },
    key=(*_NETWORK, "head"),
)
"""A row for each head that is asked something new: how much of it was learnt, and how well the
other head answers before and after; see :mod:`experiments.transfer`."""
TABLES = {
    table.name: table
    for table in (NETWORKS, LAYERS, SCORES, AGREEMENT, ROBUSTNESS, TRUTH, TRANSFER)
}
"""What each run leaves."""


def n_rows(run: Run) -> Mapping[str, int]:
    """How many rows a run must leave in each table."""
    n_networks, n_layers = len(run.parameters["seeds"]), len(run.parameters["hidden"])
    has_truth = run.parameters["task"] == "crossed"  # and two heads to relearn
    n_assignments = n_layers * len(METHODS) * len(CONVENTIONS)
    each = {
        "dials_networks": 1,
        "dials_layers": n_layers,
        "dials": n_assignments,
        "dials_agreement": n_layers * len(CONVENTIONS),
        "dials_robustness": sum(map(len, DISTURBANCES.values())),
        "dials_truth": n_assignments * len(TRUTHS) * has_truth,
        "dials_transfer": N_HEADS * has_truth,
    }
    return {name: n_networks * number for name, number in each.items()}


# --------------------------------------------------------------------------------------- the grids

PULLS = (0.03, 0.1, 0.3, 1.0, 3.0)
USUAL, PAIRED = 0.3, 1.0
"""The pulls at which verdicts are given, on single digits and on pairs, whose loss is larger."""
SEEDS = tuple(range(9))
ANALYSIS = AnalysisConfig(null_draws=10)
RECIPE = Recipe(max_epochs=8, patience=8)
"""No training ends earlier, so that assignments harden alike in all networks."""
PAIRED_TARGETS = ("up", "down", "both")


def full() -> list[DialsConfig]:
    """Return four targets at five strengths and no target, and, on pairs, three targets at one."""
    grid = [("single", "none", 0.0)]
    grid += [("single", target, pull) for target in TARGETS if target != "none" for pull in PULLS]
    grid += [("crossed", "none", 0.0)]
    grid += [("crossed", target, PAIRED) for target in PAIRED_TARGETS]
    return [
        DialsConfig(task, target, pull, setting=SettingConfig(
            "mnist", seeds=SEEDS, recipe=RECIPE, analysis=ANALYSIS
        ))
        for task, target, pull in grid
    ]  # fmt: skip


def small() -> list[DialsConfig]:
    """Return a small twin of them on the digits of scikit-learn, done in about a minute."""
    recipe = Recipe(hidden=(16, 12), max_epochs=10, patience=10, learning_rate=5e-3)
    analysis = AnalysisConfig(n_steps=300, null_draws=2, lesion_draws=5)
    setting = SettingConfig("digits", seeds=(0, 1), recipe=recipe, analysis=analysis)
    grid = [("single", "none", 0.0)]
    grid += [("single", target, USUAL) for target in TARGETS if target != "none"]
    grid += [("crossed", "none", 0.0), ("crossed", "both", PAIRED)]
    return [
        DialsConfig(task, target, pull, n_pairs=2000, n_test_pairs=300, setting=setting)
        for task, target, pull in grid
    ]


def run_of(config: DialsConfig) -> Run:
    """Return the run of some networks; its progress is counted in networks."""
    seeds = config.setting.seeds
    numbers = f"seed-{seeds[0]}" if len(seeds) == 1 else f"seeds-{seeds[0]}-to-{seeds[-1]}"
    length = (len(TARGETS[config.target]), config.task)
    return Run("dials", f"{config.name}-{numbers}", config.parameters, len(seeds), length)


# -------------------------------------------------------------------------------------- the proofs

CERTIFICATES = Table(
    "certificates",
    {**_NETWORK, **LAYER, **METHOD, **CERTIFIED},
    key=(*_NETWORK, *LAYER, *METHOD),
)
CERTIFIED_CONVENTION = "released"
CERTIFIED_SEED = 1


def certified_layers(run: Run) -> Sequence[str]:
    """Return the layers of one network of each target, at the usual pull."""
    config = DialsConfig.from_parameters(run.parameters)
    is_wanted = config.task == "single" and config.pull in (0.0, USUAL)
    if not is_wanted or CERTIFIED_SEED not in config.setting.seeds:
        return []
    network = network_name(config.name, CERTIFIED_SEED)
    return [f"{network}-h{layer}" for layer in range(1, len(config.setting.recipe.hidden) + 1)]


def certified_matrices(
    run: Run, place: str, folder: Path
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """The two matrices of a layer whose modularity may have been raised."""
    config = DialsConfig.from_parameters(run.parameters)
    network, _, number = place.rpartition("-h")
    model = load_weights(folder / "weights" / f"{network}.safetensors")
    data = _data(config.setting.dataset)
    inputs, targets = held_out_samples(data, config.task, config.n_test_pairs).all()
    raw = similarity_matrices(
        model, inputs, targets, layers=[int(number)], conventions=[CERTIFIED_CONVENTION],
        measures=[method.measure for method in (UP, DOWN)],
    )  # fmt: skip
    for method in (UP, DOWN):
        key = name_columns(config, CERTIFIED_SEED) | {"layer": int(number), **method._asdict()}
        similarity = raw[int(number), method.measure, CERTIFIED_CONVENTION]
        yield key, (similarity.normalized() if method.normalized else similarity).values


def name_columns(config: DialsConfig, seed: int) -> dict[str, Any]:
    """The columns that say which network a row is of."""
    return {
        "dataset": config.setting.dataset,
        "task": config.task,
        "target": config.target,
        "pull": config.pull,
        "seed": seed,
    }


@cache
def _data(name: str) -> Dataset:
    return load(name)


EXPERIMENT = Experiment(
    name="dials",
    notebook="96-dials",
    tables=TABLES,
    presets={
        "full": lambda: [run_of(config) for config in full()],
        "smoke": lambda: [run_of(config) for config in small()],
    },
    n_rows=n_rows,
    proofs=Proofs(CERTIFICATES, certified_layers, certified_matrices),
)
