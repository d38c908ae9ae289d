"""Whether what holds of the paper's networks holds elsewhere: numbers, rules, and verdicts.

``book/hypotheses`` gives the rules in words. They are decided for each kind of network by itself,
on seeds that the trials did not see.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.elsewhere import LAYERS, NETWORKS, SCORES, SEEDS, TABLES
from experiments.engine import tables
from experiments.report.bootstrap import draw_counts
from experiments.report.claims import Claim, Part, judge_reading, summarize
from experiments.report.frames import checked_folder
from experiments.report.readings import N_DRAWS, READINGS, Lacking
from experiments.report.rules import Numbers
from modlib.similarity.measures import METHODS, UPSTREAM

NETWORK = ["dataset", "architecture", "regularizer", "strength", "seed"]
CASE = ["dataset", "architecture", "part"]
NAMED = ["dataset", "architecture", "part_of_network", "where"]  # a case, beside the part of a rule
WEAK, DROPOUT = "l2", "dropout"
SMALL = 0.02
PAPER = ("paper",)  # excess and lesions are of the assignments of the paper's algorithm


class Case(NamedTuple):
    """One kind of network on one data set, and which of its units are looked at."""

    dataset: str
    architecture: str
    part: str

    @property
    def name(self) -> str:
        """In tables and figures."""
        part = "" if self.part == "hidden" else f", {self.part}"
        return f"{self.architecture}{part} ({self.dataset})"


@dataclass(frozen=True)
class Elsewhere:
    """The tables of networks of other kinds; each is read when it is first asked for."""

    folder: Path

    @cached_property
    def networks(self) -> pd.DataFrame:
        """One row for each network."""
        return self._frame(NETWORKS)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row for each place and convention."""
        return self._frame(LAYERS)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row for each assignment."""
        return self._frame(SCORES)

    def cases(self) -> Iterator[Case]:
        """Every kind of network with each of its parts, in the order of the tables."""
        for row in self.layers[CASE].drop_duplicates().itertuples(index=False):
            yield Case(*row)

    def _frame(self, table: tables.Table) -> pd.DataFrame:
        return tables.read(table, self.folder / f"{table.name}.parquet").to_pandas()


def read_elsewhere(folder: str | os.PathLike[str]) -> Elsewhere:
    """Open a folder of tables, such as ``results/elsewhere``, and check that no byte has changed.

    Raises
    ------
    FileNotFoundError
        If the folder holds no finished sweep; the message says how to make one.
    ValueError
        As for :func:`experiments.report.frames.read_results`.
    """
    files = [f"{name}.parquet" for name in TABLES]
    what = "the tables of networks of other kinds"
    return Elsewhere(checked_folder(folder, files, what, "python -m experiments run elsewhere"))


class Kind:
    """The numbers of one case in one convention and by one search, for every draw of seeds.

    Numbers begin with the axis of draws, whose first entry is the number itself. A seed takes part
    if its networks have learnt enough, that with dropout and that without; it is drawn with both.

    Parameters
    ----------
    results
        The tables.
    case
        Which kind.
    convention
        ``"printed"`` or ``"released"``.
    search
        ``"paper"`` or ``"best"``.
    seed, n_draws
        Of the draws.
    """

    def __init__(
        self,
        results: Elsewhere,
        case: Case,
        convention: str,
        search: str,
        seed: int = 0,
        n_draws: int = N_DRAWS,
    ) -> None:
        self.case, self.convention, self.search = case, convention, search
        self._suffix = "" if search == "paper" else "_best"
        networks = results.networks
        is_mine = networks["dataset"].eq(case.dataset)
        is_mine &= networks["architecture"].eq(case.architecture)
        mine = networks[is_mine & networks["kept"]]
        by_regularizer = [
            set(mine.loc[mine["regularizer"] == name, "seed"]) for name in (WEAK, DROPOUT)
        ]
        self.seeds = sorted(set(SEEDS).intersection(*by_regularizer))
        self._layers, self._scores = (
            self._chosen(frame) for frame in (results.layers, results.scores)
        )
        self._draws = seed, n_draws

    def _chosen(self, frame: pd.DataFrame) -> pd.DataFrame:
        chosen = frame["seed"].isin(self.seeds) & frame["convention"].eq(self.convention)
        for name, value in self.case._asdict().items():
            chosen &= frame[name].eq(value)
        return frame[chosen]

    def n_seeds(self, *, untrained: bool = False) -> int:
        """Count the seeds; there are no untrained networks.

        Raises
        ------
        Lacking
            If there are fewer than two.
        """
        if untrained or len(self.seeds) < 2:
            raise Lacking("two seeds of networks that have learnt, with dropout and without")
        return len(self.seeds)

    def agreement(self, name: str) -> np.ndarray:
        """A column of mean agreement, averaged over all networks, ``[draws]``."""
        return self._mean(self._layers, f"{name}{self._suffix}")

    def q(self, regularizer: str) -> np.ndarray:
        """Q of each method, ``[draws, methods]``."""
        rows = self._scores[self._scores["regularizer"] == regularizer]
        return np.stack([self._mean(_of(rows, *method), f"q{self._suffix}") for method in METHODS],
                        axis=1)  # fmt: skip

    def excess(self, regularizer: str, measure: str, *, first: bool = False) -> np.ndarray:
        """Q of a raw measure minus its mean over rotations, in all layers or the first."""
        rows = _of(self._scores[self._scores["regularizer"] == regularizer], measure, False)
        rows = rows[rows["layer"] == 1] if first else rows
        return self._mean(rows.assign(excess=rows["q"] - rows["null_mean"]), "excess")

    def score(self, *, upstream: bool) -> np.ndarray:
        """Standard deviations of specificity above random in the first layer, all networks."""
        rows = self._scores[self._scores["layer"] == 1]
        rows = rows[rows["measure"].isin(UPSTREAM) == upstream]
        spread = rows["random_std"].where(rows["random_std"] > 0)
        above = (rows["specificity"] - rows["random_mean"]) / spread
        # Where all random assignments are alike, none is more specific than another.
        known = rows["specificity"].notna()
        return self._mean(rows.assign(score=above.where(spread.notna() | ~known, 0.0)), "score")

    def _mean(self, rows: pd.DataFrame, column: str) -> np.ndarray:
        """Average within networks, then over the networks of a seed, then over seeds."""
        values = rows[[*NETWORK, column]].groupby(NETWORK)[column].mean().groupby("seed").mean()
        values = values.reindex(self.seeds)
        if not len(values) or values.isna().any():
            raise Lacking(f"{column} of every network")
        counts = draw_counts(len(self.seeds), self._draws[1], self._draws[0])
        return counts @ values.to_numpy(float) / len(self.seeds)


def _of(rows: pd.DataFrame, measure: str, normalized: bool) -> pd.DataFrame:
    return rows[(rows["measure"] == measure) & (rows["normalized"] == normalized)]


# --------------------------------------------------------------------------------------- the rules


def dropout_raises_modularity(kind: Kind) -> Numbers:
    """Rule elsewhere-1."""
    change = kind.q(DROPOUT) - kind.q(WEAK)
    return change.mean(axis=1), (change > 0).sum(axis=1)


def families_agree_within(kind: Kind) -> Numbers:
    """Rule elsewhere-2."""
    up, down, between = (
        kind.agreement(name) for name in ("within_upstream", "within_downstream", "between")
    )
    return (up + down) / 2 - between, up - between, down - between


def weak_networks_are_as_rotations(kind: Kind) -> Numbers:
    """Rule elsewhere-3."""
    return tuple(kind.excess(WEAK, measure) for measure in ("covariance", "output_sensitivity"))


def dropout_makes_units_special(kind: Kind) -> Numbers:
    """Rule elsewhere-4."""
    return (kind.excess(DROPOUT, "input_sensitivity", first=True),)


def upstream_modules_are_specific(kind: Kind) -> Numbers:
    """Rule elsewhere-5."""
    up, down = kind.score(upstream=True), kind.score(upstream=False)
    return up, up - down


def _claim(
    title: str, rule: Callable[[Kind], Numbers], *parts: Part, searches: tuple[str, ...] = PAPER
) -> Claim:
    return Claim(title, "elsewhere", "fig-elsewhere", rule, parts, searches)


BOTH = ("paper", "best")
ELSEWHERE: dict[str, Claim] = {
    "elsewhere-1": _claim(
        "Dropout raises modularity", dropout_raises_modularity,
        Part("Q with dropout minus Q with a weak L2 penalty", above=0),
        Part(f"methods, of {len(METHODS)}, whose Q is higher with dropout", above=5),
        searches=BOTH,
    ),
    "elsewhere-2": _claim(
        "Agreement within upstream and within downstream exceeds agreement between",
        families_agree_within,
        Part("agreement within the families minus between them", above=0.1),
        Part("agreement within upstream minus between", above=0),
        Part("agreement within downstream minus between", above=0),
        searches=BOTH,
    ),
    "elsewhere-3": _claim(
        "A weakly regularised network is as modular as its rotations",
        weak_networks_are_as_rotations,
        Part("excess of raw covariance", above=-SMALL, below=SMALL),
        Part("excess of raw output sensitivity", above=-SMALL, below=SMALL),
    ),
    "elsewhere-4": _claim(
        "Under dropout, what leads to the units of the first layer tells them from rotations",
        dropout_makes_units_special,
        Part("excess of raw input sensitivity, first layer", above=SMALL),
    ),
    "elsewhere-5": _claim(
        "Upstream modules of the first layer are specific, and more so than downstream ones",
        upstream_modules_are_specific,
        Part("score of upstream methods, first layer", above=2),
        Part("score of upstream minus downstream methods, first layer", above=0),
    ),
}  # fmt: skip
"""Whether what holds of the paper's networks holds of other kinds, each by itself."""


# ---------------------------------------------------------------------------------------- verdicts


def judge_elsewhere(results: Elsewhere, seed: int = 0, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Compute every part of the questions for every kind of network, in every reading.

    Parameters
    ----------
    results
        The tables of the experiment ``elsewhere``.
    seed, n_draws
        Of the bootstrap over seeds.

    Returns
    -------
    pandas.DataFrame
        As :func:`experiments.report.claims.judge` returns it, with the columns ``dataset``,
        ``architecture`` and ``part_of_network`` of the case, and its name as ``where``. Readings
        that a question does not have are left out.
    """
    rows = []
    for case in results.cases():
        named = dict(zip(NAMED, (*case, case.name), strict=True))
        for convention, search in READINGS:
            claims = {name: one for name, one in ELSEWHERE.items() if search in one.searches}
            reading = Kind(results, case, convention, search, seed, n_draws)
            rows += [named | row for row in judge_reading(reading, claims)]
    return pd.DataFrame(sorted(rows, key=lambda row: row["claim"]))


def elsewhere_ledger(parts: pd.DataFrame) -> pd.DataFrame:
    """Decide every question for every kind of network.

    Parameters
    ----------
    parts
        As :func:`judge_elsewhere` returns them.

    Returns
    -------
    pandas.DataFrame
        As :func:`experiments.report.claims.summarize` returns it, with the columns of the case.
    """
    found = [
        summarize(group, ELSEWHERE).assign(**{name: group[name].iloc[0] for name in NAMED})
        for _, group in parts.groupby("where", sort=False)
    ]
    ledger = pd.concat(found, ignore_index=True)
    return ledger.sort_values("claim", kind="stable", ignore_index=True)


def generality(ledger: pd.DataFrame) -> pd.DataFrame:
    """Count in how many cases each question is answered yes.

    Parameters
    ----------
    ledger
        As :func:`elsewhere_ledger` returns it.

    Returns
    -------
    pandas.DataFrame
        A row for each question and reading: ``holds``, ``partly``, ``not`` and ``tested``, numbers
        of cases, and ``verdict``: ``"general"`` if it holds in three quarters of the cases tested
        or more, ``"special"`` if in a quarter or fewer, else ``"mixed"``; ``"not tested"`` if in
        none.
    """
    rows = []
    for key, group in ledger.groupby(["claim", "convention", "search"], sort=False):
        counts = group["verdict"].value_counts()
        holds, partly, fails = (
            int(counts.get(name, 0)) for name in ("holds", "partly", "does not hold")
        )
        tested = holds + partly + fails
        rows.append(
            dict(zip(("claim", "convention", "search"), key, strict=True))
            | {"holds": holds, "partly": partly, "not": fails, "tested": tested}
            | {"verdict": _generality(holds, tested)}
        )
    return pd.DataFrame(rows)


def _generality(holds: int, tested: int) -> str:
    if not tested:
        return "not tested"
    if 4 * holds >= 3 * tested:
        return "general"
    return "special" if 4 * holds <= tested else "mixed"
