"""When modules come: numbers, rules, and verdicts on networks that were followed in training.

``book/hypotheses`` gives the rules in words. They are decided on seeds that no trial saw.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.dynamics import LAYERS, SCORES, SNAPSHOTS, TABLES
from experiments.engine import tables
from experiments.report.bootstrap import draw_counts
from experiments.report.claims import Claim, Part, judge_reading, summarize
from experiments.report.frames import checked_folder
from experiments.report.readings import N_DRAWS, Lacking
from experiments.report.rules import Numbers
from experiments.report.worth import SEEDS
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import DOWNSTREAM, UPSTREAM

NETWORK = ["dataset", "regularizer", "strength", "seed"]
UNTRAINED, ONE_EPOCH, EIGHT_EPOCHS = 0.0, 1.0, 8.0
KEPT = None
"""Stands for a number of epochs where the weights are meant that were kept in the end."""
SMALL = 0.02

When = float | None


@dataclass(frozen=True)
class Dynamics:
    """The tables of networks followed in training; each is read when it is first asked for."""

    folder: Path

    @cached_property
    def snapshots(self) -> pd.DataFrame:
        """One row for each network and snapshot."""
        return self._frame(SNAPSHOTS)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row for each snapshot, layer and convention."""
        return self._frame(LAYERS)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row for each assignment."""
        return self._frame(SCORES)

    def _frame(self, table: tables.Table) -> pd.DataFrame:
        return tables.read(table, self.folder / f"{table.name}.parquet").to_pandas()


def read_dynamics(folder: str | os.PathLike[str]) -> Dynamics:
    """Open a folder of tables, such as ``results/dynamics``, and check that no byte has changed.

    Raises
    ------
    FileNotFoundError
        If the folder holds no finished sweep; the message says how to make one.
    ValueError
        As for :func:`experiments.report.frames.read_results`.
    """
    files = [f"{name}.parquet" for name in TABLES]
    what = "the tables of networks followed in training"
    return Dynamics(checked_folder(folder, files, what, "python -m experiments run dynamics"))


class Course:
    """The numbers of snapshots in one convention, for every draw of seeds.

    Numbers begin with the axis of draws, whose first entry is the number itself. A seed takes part
    if all of its networks have learnt enough in the end; it is drawn with all of them.

    Parameters
    ----------
    results
        The tables.
    convention
        ``"printed"`` or ``"released"``.
    seed, n_draws
        Of the draws.
    """

    search = "paper"

    def __init__(
        self, results: Dynamics, convention: str, seed: int = 0, n_draws: int = N_DRAWS
    ) -> None:
        self.convention, self._results, self._draws = convention, results, (n_draws, seed)
        ends = results.snapshots[results.snapshots["final"]]
        have_learnt = ends.groupby("seed")["kept"].all()
        self.seeds = sorted(set(SEEDS) & set(have_learnt.index[have_learnt]))

    def n_seeds(self, *, untrained: bool = False) -> int:
        """Count the seeds; that of untrained networks is that of the same ones trained.

        Raises
        ------
        Lacking
            If there are fewer than two.
        """
        if untrained or len(self.seeds) < 2:
            raise Lacking("two seeds of networks that have learnt")
        return len(self.seeds)

    def accuracy(self, when: When, **values: object) -> np.ndarray:
        """Share of the test images told right, ``[draws]``."""
        return self._mean(_chosen(self._results.snapshots, when, **values), "test_accuracy")

    def agreement(self, name: str, when: When) -> np.ndarray:
        """A column of mean agreement, in both layers, ``[draws]``."""
        rows = _chosen(self._results.layers, when, convention=self.convention)
        return self._mean(rows, name)

    def score(self, column: str, when: When, **values: object) -> np.ndarray:
        """A column of the scores, or ``"excess"``, averaged over some of them, ``[draws]``."""
        rows = _chosen(self._results.scores, when, convention=self.convention, **values)
        return self._mean(rows.assign(excess=rows["q"] - rows["null_mean"]), column)

    def _mean(self, rows: pd.DataFrame, column: str) -> np.ndarray:
        """Average within networks, then over the networks of a seed, then over seeds."""
        values = rows.groupby(NETWORK)[column].mean().groupby("seed").mean().reindex(self.seeds)
        if not len(values) or values.isna().any():
            raise Lacking(f"{column} of every network")
        return draw_counts(len(values), *self._draws) @ values.to_numpy(float) / len(values)


def _chosen(frame: pd.DataFrame, when: When, **values: object) -> pd.DataFrame:
    """Rows of one snapshot with given values; a tuple stands for several."""
    chosen = frame["final"] if when is KEPT else ~frame["final"] & (frame["epoch"] == when)
    for name, value in values.items():
        column = frame[name]
        chosen &= column.isin(value) if isinstance(value, tuple) else column == value
    return frame[chosen]


# --------------------------------------------------------------------------------------- the rules


def _way(number: Callable[[When], np.ndarray], when: When = ONE_EPOCH) -> np.ndarray:
    """Which share of its way, from the untrained network to the kept one, a number has made."""
    start, end = number(UNTRAINED), number(KEPT)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (number(when) - start) / (end - start)


def accuracy_comes_before_modules(course: Course) -> Numbers:
    """Rule when-1."""
    accuracy = _way(lambda when: course.accuracy(when, regularizer="dropout"))
    q = _way(lambda when: course.score("q", when, regularizer="dropout", layer=1, measure=UPSTREAM))
    return accuracy, q


def excess_comes_with_training(course: Course) -> Numbers:
    """Rule when-2."""

    def excess(when: When, **values: object) -> np.ndarray:
        return course.score("excess", when, layer=1, measure=UPSTREAM, normalized=False, **values)

    gains = [
        excess(KEPT, regularizer=name) - excess(UNTRAINED, regularizer=name)
        for name in ("dropout", "l1")
    ]
    return excess(UNTRAINED), *gains


def modules_settle(course: Course) -> Numbers:
    """Rule when-3."""
    return tuple(
        course.score("recovery", EIGHT_EPOCHS, measure=side)
        / course.score("retest", KEPT, measure=side)
        for side in (UPSTREAM, DOWNSTREAM)
    )


def initial_modules_are_forgotten(course: Course) -> Numbers:
    """Rule when-4."""
    return tuple(
        course.score("recovery", UNTRAINED, measure=side) for side in (UPSTREAM, DOWNSTREAM)
    )


def upstream_comes_to_agree(course: Course) -> Numbers:
    """Rule when-5."""

    def agreement(when: When) -> np.ndarray:
        return course.agreement("within_upstream", when)

    return agreement(ONE_EPOCH) - agreement(UNTRAINED), _way(agreement)


def _claim(title: str, figure: str, rule: Callable[[Course], Numbers], *parts: Part) -> Claim:
    return Claim(title, "when", figure, rule, parts, (Course.search,))


WHEN: dict[str, Claim] = {
    "when-1": _claim(
        "Under dropout, accuracy comes first and modules follow", "fig-when",
        accuracy_comes_before_modules,
        Part("share of its way that accuracy has made after one epoch", above=0.9),
        Part("the same of Q, upstream methods in the first layer", below=0.5),
    ),
    "when-2": _claim(
        "Excess comes with training, under dropout and L1", "fig-when",
        excess_comes_with_training,
        Part("excess before training", above=-SMALL, below=SMALL),
        Part("excess at the end minus excess before training, dropout", above=SMALL),
        Part("the same, L1", above=SMALL),
    ),
    "when-3": _claim(
        "Modules are settled after eight epochs", "fig-when-settled", modules_settle,
        Part("recovery of the final modules after eight epochs over that by a second search, "
             "upstream methods", above=0.5),
        Part("the same, downstream methods", above=0.5),
    ),
    "when-4": _claim(
        "Nothing is left of the modules of the untrained network", "fig-when-settled",
        initial_modules_are_forgotten,
        Part("recovery of the final modules before training, upstream methods", below=0.1),
        Part("the same, downstream methods", below=0.1),
    ),
    "when-5": _claim(
        "Upstream methods come to agree within the first epoch", "fig-when",
        upstream_comes_to_agree,
        Part("agreement within upstream, after one epoch minus before training", above=0),
        Part("share of its way that it has made after one epoch", above=0.5),
    ),
}  # fmt: skip
"""When modules come."""


def judge_when(results: Dynamics, seed: int = 0, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Compute every part of the questions of when, in both conventions.

    Parameters
    ----------
    results
        The tables of the experiment ``dynamics``.
    seed, n_draws
        Of the bootstrap over seeds.

    Returns
    -------
    pandas.DataFrame
        As :func:`experiments.report.claims.judge` returns it.
    """
    rows = []
    for convention in CONVENTIONS:
        rows += judge_reading(Course(results, convention, seed, n_draws), WHEN)
    return pd.DataFrame(sorted(rows, key=lambda row: row["claim"]))


def when_ledger(results: Dynamics, seed: int = 0, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Decide every question of when, as :func:`experiments.report.claims.summarize` does."""
    return summarize(judge_when(results, seed, n_draws), WHEN)
