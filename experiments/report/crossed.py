"""Whether the measures find what is there: numbers, rules, and verdicts on known modules.

``book/hypotheses`` gives the rules in words. They are decided on seeds that the trials did not see.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.crossed import NETWORKS, SCORES, TABLES, UNITS
from experiments.engine import tables
from experiments.report.bootstrap import draw_counts
from experiments.report.claims import Claim, Part, judge_reading, summarize
from experiments.report.frames import checked_folder
from experiments.report.ranks import correlation
from experiments.report.readings import N_DRAWS, READINGS, Lacking
from experiments.report.rules import Numbers
from experiments.report.worth import SEEDS
from experiments.truth import recovery
from modlib.similarity.measures import DOWNSTREAM, UPSTREAM

NETWORK = ["kind", "task", "leak", "regularizer", "strength", "seed"]
METHOD = ["measure", "normalized"]
INPUT_SENSITIVITY = ("input_sensitivity",)


@dataclass(frozen=True)
class Crossed:
    """The tables of networks whose modules are known; each is read when it is first asked for."""

    folder: Path

    @cached_property
    def networks(self) -> pd.DataFrame:
        """One row for each network."""
        return self._frame(NETWORKS)

    @cached_property
    def units(self) -> pd.DataFrame:
        """One row for each unit."""
        return self._frame(UNITS)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row for each assignment and truth."""
        return self._frame(SCORES)

    def _frame(self, table: tables.Table) -> pd.DataFrame:
        return tables.read(table, self.folder / f"{table.name}.parquet").to_pandas()


def read_crossed(folder: str | os.PathLike[str]) -> Crossed:
    """Open a folder of tables, such as ``results/crossed``, and check that no byte has changed.

    Raises
    ------
    FileNotFoundError
        If the folder holds no finished sweep; the message says how to make one.
    ValueError
        As for :func:`experiments.report.frames.read_results`.
    """
    files = [f"{name}.parquet" for name in TABLES]
    what = "the tables of networks whose modules are known"
    return Crossed(checked_folder(folder, files, what, "python -m experiments run crossed"))


class Truths:
    """The scores of first layers in one convention and by one search, for every draw of seeds.

    Numbers begin with the axis of draws, whose first entry is the number itself. Networks that
    learnt too little are left out.

    Parameters
    ----------
    results
        The tables.
    convention
        ``"printed"`` or ``"released"``.
    search
        ``"paper"`` or ``"best"``.
    seed, n_draws
        Of the draws.
    """

    def __init__(
        self, results: Crossed, convention: str, search: str, seed: int = 0, n_draws: int = N_DRAWS
    ) -> None:
        self.convention, self.search = convention, search
        suffix = "" if search == "paper" else "_best"
        kept = results.networks[results.networks["kept"]]
        kept = kept[kept["seed"].isin(SEEDS)]
        scores = results.scores.merge(kept[NETWORK], on=NETWORK)
        scores = scores[scores["layer"] == 1]
        self.scores = scores.assign(
            **{name: scores[f"{name}{suffix}"] for name in ("q", "recovery", "labels")}
        )
        self._counts = draw_counts(len(SEEDS), n_draws, seed)

    def n_seeds(self, *, untrained: bool = False) -> int:
        """Count the seeds; there are no untrained networks.

        Raises
        ------
        Lacking
            If there are fewer than two.
        """
        n_seeds = self.scores["seed"].nunique()
        if untrained or n_seeds < 2:
            raise Lacking("two seeds of networks that have learnt")
        return n_seeds

    def of(self, convention: str | None = None, **values: object) -> pd.DataFrame:
        """Rows with given values, such as ``kind="planted"``, of this convention unless given."""
        chosen = self.scores["convention"] == (convention or self.convention)
        for name, value in values.items():
            column = self.scores[name]
            chosen &= column.isin(value) if isinstance(value, tuple) else column == value
        found = self.scores[chosen]
        if not len(found):
            raise Lacking(f"networks with {', '.join(f'{k} {v}' for k, v in values.items())}")
        return found

    def mean(self, rows: pd.DataFrame, column: str = "recovery") -> np.ndarray:
        """Average a column within networks, then over networks, ``[draws]``."""
        found = rows.dropna(subset=[column]).groupby(NETWORK)[column].mean().reset_index()
        return self._weighted(found["seed"], found[column].to_numpy(float))

    def rank_correlation(self, rows: pd.DataFrame, one: str, other: str) -> np.ndarray:
        """Spearman's correlation of two columns over rows; ranks are drawn with their seeds."""
        first, second = rows[[one, other]].rank().to_numpy().T
        return correlation(first, second, lambda values: self._weighted(rows["seed"], values))

    def _weighted(self, seeds: pd.Series, values: np.ndarray) -> np.ndarray:
        weights = self._counts[:, [SEEDS.index(seed) for seed in seeds]]
        with np.errstate(invalid="ignore"):  # a draw may hold none of the networks
            return weights @ values / weights.sum(axis=1)


# --------------------------------------------------------------------------------------- the rules


def _planted(truths: Truths, truth: str, measure: tuple[str, ...], leak: float = 0.0) -> np.ndarray:
    rows = truths.of(kind="planted", by="construction", truth=truth, measure=measure, leak=leak)
    return truths.mean(rows)


def _emergent(truths: Truths, truth: str, measure: tuple[str, ...], task: str) -> np.ndarray:
    rows = truths.of(kind="emergent", by="intervention", truth=truth, measure=measure, task=task)
    return truths.mean(rows)


def input_sensitivity_finds_the_source(truths: Truths) -> Numbers:
    """Rule truth-1."""
    return tuple(_planted(truths, truth, INPUT_SENSITIVITY) for truth in ("source", "head"))


def downstream_finds_the_head(truths: Truths) -> Numbers:
    """Rule truth-2."""
    return tuple(_planted(truths, truth, DOWNSTREAM) for truth in ("head", "source"))


def covariance_depends_on_the_convention(truths: Truths) -> Numbers:
    """Rule truth-3, which compares the conventions whatever the reading."""
    rows = [
        truths.of(
            convention, kind="planted", leak=0.0, by="construction", truth="source",
            measure="covariance", normalized=False,
        )
        for convention in ("released", "printed")
    ]  # fmt: skip
    return truths.mean(rows[0]), truths.mean(rows[1]), truths.mean(rows[1], "q")


def sides_keep_apart_where_masks_leak(truths: Truths) -> Numbers:
    """Rule truth-4."""

    def ahead(truth: str, other: str, measure: tuple[str, ...]) -> np.ndarray:
        one, two = (_planted(truths, which, measure, leak=0.1) for which in (truth, other))
        return one - two

    return ahead("source", "head", INPUT_SENSITIVITY), ahead("head", "source", DOWNSTREAM)


def sides_see_their_truths(truths: Truths) -> Numbers:
    """Rule truth-5."""
    up, down = (
        {truth: _emergent(truths, truth, side, "crossed") for truth in ("source", "head")}
        for side in (UPSTREAM, DOWNSTREAM)
    )
    return up["source"] - up["head"], down["head"] - down["source"]


def sides_agree_where_truths_are_one(truths: Truths) -> Numbers:
    """Rule truth-6."""
    between = {
        task: truths.mean(agreement_between(_assignments(truths, task)))
        for task in ("parallel", "crossed")
    }
    up, down = (
        _emergent(truths, truth, side, "parallel") - _emergent(truths, truth, side, "crossed")
        for truth, side in (("source", UPSTREAM), ("head", DOWNSTREAM))
    )
    return between["parallel"] - between["crossed"], up, down


def _assignments(truths: Truths, task: str) -> pd.DataFrame:
    """One row for each assignment of emergent networks; truths do not matter."""
    return truths.of(kind="emergent", by="intervention", truth="source", task=task)


def agreement_between(assignments: pd.DataFrame) -> pd.DataFrame:
    """How much downstream assignments recover of upstream ones.

    Parameters
    ----------
    assignments
        Rows of networks, with ``measure`` and ``labels``.

    Returns
    -------
    pandas.DataFrame
        The columns of networks and ``recovery``, a row for each pair of methods.
    """
    found = []
    for name, group in assignments.groupby(NETWORK):
        up, down = (
            group.loc[group["measure"].isin(side), "labels"] for side in (UPSTREAM, DOWNSTREAM)
        )
        found += [
            dict(zip(NETWORK, name, strict=True)) | {"recovery": recovery(b, a)["recovery"]}
            for a, b in product(up, down)
        ]
    return pd.DataFrame(found)


def higher_q_is_truer(truths: Truths) -> Numbers:
    """Rule truth-7."""
    rows = truths.of(kind="emergent", by="intervention")
    every = rows.groupby([*NETWORK, *METHOD], as_index=False).agg(
        q=("q", "first"), found=("recovery", "max")
    )
    every = every.dropna()
    sides = (UPSTREAM + DOWNSTREAM, UPSTREAM, DOWNSTREAM)
    return tuple(
        truths.rank_correlation(every[every["measure"].isin(side)], "q", "found") for side in sides
    )


def _claim(title: str, figure: str, rule: Callable[[Truths], Numbers], *parts: Part) -> Claim:
    return Claim(title, "truth", figure, rule, parts)


TRUTH: dict[str, Claim] = {
    "truth-1": _claim(
        "Input sensitivity finds the source, and nothing of the head", "fig-square",
        input_sensitivity_finds_the_source,
        Part("recovery of the source by input sensitivity", above=0.5),
        Part("recovery of the head by input sensitivity", above=-0.1, below=0.1),
    ),
    "truth-2": _claim(
        "Output sensitivity and loss Hessian find the head, and nothing of the source",
        "fig-square", downstream_finds_the_head,
        Part("recovery of the head by downstream methods", above=0.5),
        Part("recovery of the source by downstream methods", above=-0.1, below=0.1),
    ),
    "truth-3": _claim(
        "The covariance finds the source as released, and nothing as printed", "fig-square",
        covariance_depends_on_the_convention,
        Part("recovery of the source by the raw covariance as released", above=0.5),
        Part("recovery of the source by the raw covariance as printed", above=-0.1, below=0.1),
        Part("Q of the raw covariance as printed", below=0.05),
    ),
    "truth-4": _claim(
        "The two sides keep apart where the masks leak", "fig-leak",
        sides_keep_apart_where_masks_leak,
        Part("recovery of the source minus recovery of the head, input sensitivity", above=0.1),
        Part("recovery of the head minus recovery of the source, downstream methods", above=0.1),
    ),
    "truth-5": _claim(
        "Without masks, upstream methods see sources and downstream methods see heads",
        "fig-emergent", sides_see_their_truths,
        Part("recovery of the source minus recovery of the head, upstream methods", above=0),
        Part("recovery of the head minus recovery of the source, downstream methods", above=0),
    ),
    "truth-6": _claim(
        "The sides agree more where their truths are one", "fig-emergent",
        sides_agree_where_truths_are_one,
        Part("agreement between, parallel minus crossed tasks", above=0),
        Part("recovery of the source by upstream methods, parallel minus crossed tasks", above=0),
        Part("recovery of the head by downstream methods, parallel minus crossed tasks", above=0),
    ),
    "truth-7": _claim(
        "A higher Q means truer modules", "fig-q-and-truth", higher_q_is_truer,
        Part("rank correlation of Q with the truth found", above=0.5),
        Part("the same, upstream methods alone", above=0.5),
        Part("the same, downstream methods alone", above=0.5),
    ),
}  # fmt: skip
"""Whether modules are true, where truth is known."""


def judge_truth(results: Crossed, seed: int = 0, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Compute every part of the questions of truth, in every reading.

    Parameters
    ----------
    results
        The tables of the experiment ``crossed``.
    seed, n_draws
        Of the bootstrap over seeds.

    Returns
    -------
    pandas.DataFrame
        As :func:`experiments.report.claims.judge` returns it.
    """
    rows = []
    for convention, search in READINGS:
        reading = Truths(results, convention, search, seed, n_draws)
        rows += judge_reading(reading, TRUTH)
    return pd.DataFrame(sorted(rows, key=lambda row: row["claim"]))


def truth_ledger(results: Crossed, seed: int = 0, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Decide every question of truth, as :func:`experiments.report.claims.summarize` does."""
    return summarize(judge_truth(results, seed, n_draws), TRUTH)
