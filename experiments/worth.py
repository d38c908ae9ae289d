"""What the modules of a trained network are worth: its tables, and the stages that fill them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from experiments.cause import (
    ABLATIONS,
    lesion_rows,
    signed_labels,
    signed_similarities,
    synergy_rows,
)
from experiments.chance import (
    RESOLUTIONS,
    UNIFORM_NULLS,
    input_rows,
    null_rows,
    resolution_rows,
)
from experiments.columns import AMOUNT, CORRELATION, FRACTION, LAYER, MATRIX, NETWORK, Q
from experiments.config import AnalysisConfig
from experiments.data import Dataset
from experiments.engine.tables import FLAG, REAL, TEXT, WHOLE, Column, Table
from experiments.factors import factor_rows
from experiments.stopwatch import Stopwatch
from experiments.training.run import TrainedNetwork
from modlib.nulls import NULLS
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import METHODS, Method

Rows = list[dict[str, Any]]

EXAMPLE_SEED = 0
"""Of the network of a setting that is looked at in more detail."""
ZERO_SEEDS = (0, 1, 2)
"""Of the networks whose units are silenced by zero, too, not only by their mean."""

# -------------------------------------------------------------------------------------- the tables

NULL_MODELS = Table(
    "nulls",
    {
        **MATRIX,
        "null": Column(TEXT, choices=NULLS),
        "q": Q,
        "null_mean": Q,
        "null_std": AMOUNT,
        "p": FRACTION,
    },
    key=(*MATRIX, "null"),
)
INPUTS = Table(
    "inputs",
    {**MATRIX, "n_inputs": Column(WHOLE, 1), "q": Q, "null_mean": Q, "element": FRACTION},
    key=(*MATRIX, "n_inputs"),
)
RESOLVED = Table(
    "resolutions",
    {
        **MATRIX,
        "null": Column(TEXT, choices=UNIFORM_NULLS),
        "resolution": AMOUNT,
        "q": Column(REAL, -2, 1),
        "effective": AMOUNT,
        "element": FRACTION,
    },
    key=(*MATRIX, "null", "resolution"),
)
FACTORS = Table(
    "factors",
    {**NETWORK, **LAYER, "q_weights": Q, "q_coactivity": Q, "activity": FRACTION},
    key=(*NETWORK, *LAYER),
)
_SIGNED = {"signed": Column(FLAG)}
_LESION = {**MATRIX, **_SIGNED, "ablation": Column(TEXT, choices=ABLATIONS)}
_DAMAGE = {**MATRIX, "module": Column(WHOLE, 0), "class": Column(WHOLE, 0)}
LESIONS = Table(
    "lesions",
    {
        **_LESION,
        "n_modules": Column(WHOLE, 0),
        "specificity": AMOUNT,
        "null_mean": AMOUNT,
        "null_std": AMOUNT,
        "p": FRACTION,
    },
    key=(*_LESION,),
)
DAMAGES = Table(
    "damages",
    {**_DAMAGE, "damage": Column(REAL)},
    key=(*_DAMAGE,),
)
_MEAN, _SHARE = Column(REAL, optional=True), Column(REAL, 0, 1, optional=True)
SYNERGY = Table(
    "synergy",
    {
        **MATRIX,
        **_SIGNED,
        "correlation": CORRELATION,
        "correlation_absolute": CORRELATION,
        "within": _MEAN,
        "between": _MEAN,
        "within_positive": _SHARE,
        "between_positive": _SHARE,
    },
    key=(*MATRIX, *_SIGNED),
)
TABLES = (NULL_MODELS, INPUTS, RESOLVED, FACTORS, LESIONS, DAMAGES, SYNERGY)
"""Signed rows are of similarity before any absolute value, and stand under ``"released"``. The
damage of modules by class, silenced by their mean, is kept of one network of each setting."""


def n_rows(seeds: Sequence[int], n_layers: int, config: AnalysisConfig) -> Mapping[str, int]:
    """How many rows networks must leave in each table, for those where that is known."""
    n_networks, has_example = len(seeds), EXAMPLE_SEED in seeds
    n_matrices = n_layers * len(METHODS) * len(CONVENTIONS)
    n_signed = n_layers * len(METHODS)
    n_ablations = n_networks + sum(seed in ZERO_SEEDS for seed in seeds)
    is_chance, is_cause = config.null_draws > 0, config.lesion_draws > 0
    return {
        NULL_MODELS.name: is_chance * n_networks * n_matrices * len(NULLS),
        RESOLVED.name: is_chance * has_example * n_matrices * len(UNIFORM_NULLS) * len(RESOLUTIONS),
        FACTORS.name: n_networks * n_layers,
        LESIONS.name: is_cause * n_ablations * (n_matrices + n_signed),
        SYNERGY.name: is_cause * n_networks * (n_matrices + n_signed),
    }


# -------------------------------------------------------------------------------------- the stages


def worth(
    network: TrainedNetwork,
    matrices: Mapping[tuple[int, str], Mapping[Method, Similarity]],
    modules: Rows,
    data: Dataset,
    config: AnalysisConfig,
    stopwatch: Stopwatch,
) -> dict[str, Rows]:
    """Hold the modules of a network against chance, and silence them.

    Parameters
    ----------
    network
        A trained network.
    matrices
        Its similarities, by layer and convention, and by method.
    modules
        Its rows of the table ``modules``, with the labels that the paper's search has found.
    data
        Of which the test samples count.
    config
        How many draws there are of each null model and of random lesions.
    stopwatch
        Told the stages ``factors``, ``nulls``, ``inputs``, ``resolutions``, ``lesions`` and
        ``synergy``.

    Returns
    -------
    dict of lists
        The rows of :data:`TABLES`, without the columns that name the network.
    """
    samples = data.test_inputs, data.test_targets
    rows: dict[str, Rows] = {table.name: [] for table in TABLES}

    def fill(table: Table, found: Callable[[], Iterable[dict[str, Any]]]) -> None:
        with stopwatch(table.name):
            rows[table.name] += found()

    fill(FACTORS, lambda: factor_rows(
        network.model, samples[0], n_steps=config.n_steps, seed=config.search_seed
    ))  # fmt: skip
    is_example = network.seed == EXAMPLE_SEED
    if config.null_draws:
        fill(NULL_MODELS, lambda: null_rows(
            network.model, *samples, draws=config.null_draws, seed=network.seed
        ))  # fmt: skip
        if is_example:
            fill(INPUTS, lambda: input_rows(network.model, *samples, seed=network.seed))
            fill(RESOLVED, lambda: resolution_rows(matrices, config.search_seed))
    if config.lesion_draws:
        found = {
            (row["layer"], row["convention"], Method(row["measure"], row["normalized"])):
            row["labels"] for row in modules
        }  # fmt: skip
        with stopwatch(LESIONS.name):
            signed = signed_similarities(network.model, *samples)
            labels = signed_labels(signed, n_steps=config.n_steps, seed=config.search_seed)
            for ablation in ABLATIONS if network.seed in ZERO_SEEDS else ABLATIONS[:1]:
                pairs = lesion_rows(
                    network.model, *samples, found, labels, ablation=ablation,
                    draws=config.lesion_draws, seed=network.seed,
                )  # fmt: skip
                lesions, damages = zip(*pairs, strict=True)
                rows[LESIONS.name] += lesions
                if is_example and ablation == ABLATIONS[0]:
                    rows[DAMAGES.name] += chain.from_iterable(damages)
        fill(SYNERGY, lambda: synergy_rows(
            network.model, *samples, matrices, found, signed, labels
        ))  # fmt: skip
    return rows
