"""The paper's own experiment: Table 1 on MNIST, and networks left untrained."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import comb, inf
from pathlib import Path
from typing import Any

import numpy as np

from experiments import worth
from experiments.columns import AMOUNT, CONVENTION, FRACTION, LAYER, METHOD, NETWORK, Q
from experiments.columns import MODULES as MODULE_LABELS
from experiments.config import MILD_L2, AnalysisConfig, Recipe, SettingConfig
from experiments.data import Dataset, load
from experiments.engine.experiment import CERTIFIED, Experiment, Proofs, Run
from experiments.engine.tables import FLAG, LABELS, LARGEST_LABEL, REAL, TEXT, WHOLE, Column, Table
from experiments.names import network_name
from experiments.regularizers import REGULARIZERS, UNTRAINED
from experiments.weights import load_weights
from modlib.comparison import AGREEMENT_MEASURES
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS

N_SEEDS, N_UNTRAINED, UNTRAINED_AT_ONCE = 9, 100, 25


# -------------------------------------------------------------------------------------- the tables

NETWORKS = Table(
    "networks",
    {
        **NETWORK,
        "regularizer": Column(TEXT, choices=(*REGULARIZERS, UNTRAINED)),
        "strength": AMOUNT,
        "l2": AMOUNT,
        "l1": AMOUNT,
        "dropout": FRACTION,
        "seed": Column(WHOLE, 0),
        "epochs": Column(WHOLE, 0),
        **{
            f"{part}_{what}": AMOUNT if what == "loss" else FRACTION
            for part in ("train", "validation", "test")
            for what in ("loss", "accuracy")
        },
        "l1_norm": AMOUNT,
        "l2_norm": AMOUNT,
        "nuclear_norm": AMOUNT,
        "sparsity": FRACTION,
        "kept": Column(FLAG),
    },
    key=(*NETWORK,),
)
LAYERS = Table(
    "layers",
    {
        **NETWORK,
        **LAYER,
        "n_constant": Column(WHOLE, 0),
        "effective_dimension": AMOUNT,
        "nearest_correlation": FRACTION,
    },
    key=(*NETWORK, "layer"),
)
MODULES = Table(
    "modules",
    {
        **NETWORK,
        **LAYER,
        **METHOD,
        **CONVENTION,
        "q_spectral": Q,
        "q_one_module": Q,
        "q": Q,
        "q_best": Column(REAL, -1, 1, optional=True),
        "effective": AMOUNT,
        "n_unused": Column(WHOLE, 0),
        "labels": MODULE_LABELS,
        "labels_best": Column(LABELS, -1, LARGEST_LABEL, optional=True),
        "retest": FRACTION,
    },
    key=(*NETWORK, "layer", "measure", "normalized", "convention"),
)
_PAIR = {f"{name}_{side}": column for side in ("a", "b") for name, column in METHOD.items()}
AGREEMENT = Table(
    "agreement",
    {
        **NETWORK,
        **LAYER,
        **CONVENTION,
        **_PAIR,
        **{
            name: Column(REAL, measure.low, measure.high, unbounded=measure.high == inf)
            for name, measure in AGREEMENT_MEASURES.items()
        },
        "element_best": Column(REAL, 0, 1, optional=True),
    },
    key=(*NETWORK, "layer", "convention", *_PAIR),
)
CERTIFICATES = Table(
    "certificates",
    {**NETWORK, **LAYER, **METHOD, **CERTIFIED},
    key=(*NETWORK, "layer", *METHOD),
)
"""Of matrices in the printed convention."""

TABLES = {table.name: table for table in (NETWORKS, LAYERS, MODULES, AGREEMENT, *worth.TABLES)}
"""What each run leaves; :mod:`experiments.worth` tells of those from ``nulls`` on. ``effective`` is
the effective number of modules (equation 10), and ``q_best``, ``labels_best`` and ``element_best``
are missing where the search for the best was left out. The measures of agreement that are not
symmetric hold ``a`` against ``b``."""


def n_rows(run: Run) -> Mapping[str, int]:
    """How many rows a run must leave in each table."""
    n_networks, n_layers = len(run.parameters["seeds"]), len(run.parameters["hidden"])
    n_matrices = n_networks * n_layers * len(CONVENTIONS)
    return {
        "networks": n_networks,
        "layers": n_networks * n_layers,
        "modules": n_matrices * len(METHODS),
        "agreement": n_matrices * comb(len(METHODS), 2),
        **worth.n_rows(
            run.parameters["seeds"],
            n_layers,
            SettingConfig.from_parameters(run.parameters).analysis,
        ),
    }


# --------------------------------------------------------------------------------------- the grids


def table_1() -> list[SettingConfig]:
    """Table 1 of the paper, 30 settings of nine networks, and 100 untrained networks."""
    trained = [
        SettingConfig("mnist", regularizer.name, strength, tuple(range(N_SEEDS)))
        for regularizer in REGULARIZERS.values()
        for strength in regularizer.strengths
    ]
    untrained = [
        SettingConfig("mnist", UNTRAINED, 0.0, tuple(range(first, first + UNTRAINED_AT_ONCE)))
        for first in range(0, N_UNTRAINED, UNTRAINED_AT_ONCE)
    ]
    return trained + untrained


def small() -> list[SettingConfig]:
    """Return four settings of two small networks on digits, done in about a minute."""
    strengths = {"l2": MILD_L2, "l1": 1e-3, "dropout": 0.2, UNTRAINED: 0.0}
    recipe = Recipe(hidden=(16, 16), max_epochs=20, learning_rate=5e-3)
    analysis = AnalysisConfig(n_steps=500, best=False, null_draws=2, lesion_draws=5)
    return [
        SettingConfig("digits", regularizer, strength, (0, 1), recipe=recipe, analysis=analysis)
        for regularizer, strength in strengths.items()
    ]


def run_of(setting: SettingConfig) -> Run:
    """Return the run of a setting; its progress is counted in networks."""
    first, last = setting.seeds[0], setting.seeds[-1]
    seeds = f"seed-{first}" if first == last else f"seeds-{first}-to-{last}"
    is_dropout, is_trained = setting.regularizer == "dropout", setting.regularizer != UNTRAINED
    length = is_trained, is_dropout, setting.strength if is_dropout else -setting.strength
    return Run("paper", f"{setting.name}-{seeds}", setting.parameters, len(setting.seeds), length)


def full_grid() -> list[Run]:
    """The runs behind the book."""
    return [run_of(setting) for setting in table_1()]


def smoke_grid() -> list[Run]:
    """A small twin of them."""
    return [run_of(setting) for setting in small()]


# -------------------------------------------------------------------------------------- the proofs

CERTIFIED_CONVENTION = "printed"
TRAINED_SEEDS, UNTRAINED_SEEDS = (0,), (0, 1, 2)


def certified_layers(run: Run) -> Sequence[str]:
    """Both layers of seed 0 of every trained setting, and of three untrained networks."""
    setting = SettingConfig.from_parameters(run.parameters)
    wanted = UNTRAINED_SEEDS if setting.regularizer == UNTRAINED else TRAINED_SEEDS
    return [
        f"{network_name(setting.name, seed)}-h{layer}"
        for seed in setting.seeds
        if seed in wanted
        for layer in range(1, len(setting.recipe.hidden) + 1)
    ]


def certified_matrices(
    run: Run, place: str, folder: Path
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """The eight matrices of a layer, from the weights that the run has left."""
    setting = SettingConfig.from_parameters(run.parameters)
    network, _, number = place.rpartition("-h")
    layer = int(number)
    model, data = (
        load_weights(folder / "weights" / f"{network}.safetensors"),
        _data(setting.dataset),
    )
    raw = similarity_matrices(
        model, data.test_inputs, data.test_targets, layers=[layer],
        conventions=[CERTIFIED_CONVENTION],
    )  # fmt: skip
    for measure, normalized in METHODS:
        similarity = raw[layer, measure, CERTIFIED_CONVENTION]
        key = {
            "dataset": setting.dataset,
            "architecture": setting.recipe.architecture,
            "network": network,
            "layer": layer,
            "measure": measure,
            "normalized": normalized,
        }
        yield key, (similarity.normalized() if normalized else similarity).values


@cache
def _data(name: str) -> Dataset:
    return load(name)


PROOFS = Proofs(CERTIFICATES, certified_layers, certified_matrices)
EXPERIMENT = Experiment(
    name="paper",
    notebook="90-setting",
    tables=TABLES,
    presets={"full": full_grid, "smoke": smoke_grid},
    n_rows=n_rows,
    tensors=("examples",),
    proofs=PROOFS,
)
