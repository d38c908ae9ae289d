"""Whether one can train for modules, and what is gained by it: numbers, rules, and verdicts.

``book/hypotheses`` gives the rules in words. They are decided on seeds that the trials did not see.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.dials import (
    AGREEMENT,
    CERTIFICATES,
    DOWN,
    LAYERS,
    NETWORKS,
    PAIRED,
    ROBUSTNESS,
    SCORES,
    TABLES,
    TRANSFER,
    TRUTH,
    UP,
    USUAL,
)
from experiments.engine import tables
from experiments.report.bootstrap import draw_counts
from experiments.report.claims import Claim, Part, judge_reading, summarize
from experiments.report.frames import checked_folder
from experiments.report.readings import N_DRAWS, READINGS, SEARCHES, Lacking
from experiments.report.rules import Numbers
from experiments.report.worth import SEEDS, score
from modlib.similarity.measures import Method

NETWORK = ["task", "target", "pull", "seed"]
PAPER = ("paper",)  # rotations and lesions are of the assignments of the paper's algorithm
BESIDE_UP, BESIDE_DOWN = Method("input_sensitivity", True), Method("loss_hessian", True)
"""The methods beside those that are pulled, on the same side and normalised as they are."""


@dataclass(frozen=True)
class Dials:
    """The tables of networks that are pulled; each is read when it is first asked for."""

    folder: Path

    @cached_property
    def networks(self) -> pd.DataFrame:
        """One row for each network."""
        return self._frame(NETWORKS)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row for each hidden layer."""
        return self._frame(LAYERS)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row for each layer, method and convention."""
        return self._frame(SCORES)

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """One row for each layer and convention."""
        return self._frame(AGREEMENT)

    @cached_property
    def robustness(self) -> pd.DataFrame:
        """One row for each disturbance."""
        return self._frame(ROBUSTNESS)

    @cached_property
    def truth(self) -> pd.DataFrame:
        """One row for each layer, method, convention and truth, of networks on pairs."""
        return self._frame(TRUTH)

    @cached_property
    def transfer(self) -> pd.DataFrame:
        """One row for each head that was relearned, of networks on pairs."""
        return self._frame(TRANSFER)

    @cached_property
    def certificates(self) -> pd.DataFrame | None:
        """One row for each matrix whose highest Q was bounded, or None if none was."""
        is_there = (self.folder / f"{CERTIFICATES.name}.parquet").is_file()
        return self._frame(CERTIFICATES) if is_there else None

    @cached_property
    def worth(self) -> pd.DataFrame:
        """Scores with ``excess`` over rotations and the ``score`` of lesions, of single digits."""
        found = self.scores[self.scores["task"] == "single"]
        found = found.assign(excess=found["chance_q"] - found["null_mean"])
        names = {"null_mean": "rotated", "lesion_mean": "null_mean"}
        names |= {"null_std": "rotated_std", "lesion_std": "null_std"}
        return score(found.rename(columns=names).dropna(subset=["specificity"]))

    @cached_property
    def truest(self) -> pd.DataFrame:
        """The larger recovery of source and head, by each search, of every assignment on pairs."""
        names = [*NETWORK, "layer", "measure", "normalized", "convention"]
        return self.truth.groupby(names, as_index=False)[["recovery", "recovery_best"]].max()

    @cached_property
    def forgetting(self) -> pd.DataFrame:
        """Relearned heads with what the other head has ``forgotten``."""
        found = self.transfer
        return found.assign(forgotten=found["other_before"] - found["other_after"])

    def _frame(self, table: tables.Table) -> pd.DataFrame:
        return tables.read(table, self.folder / f"{table.name}.parquet").to_pandas()


def read_dials(folder: str | os.PathLike[str]) -> Dials:
    """Open a folder of tables, such as ``results/dials``, and check that no byte has changed.

    Raises
    ------
    FileNotFoundError
        If the folder holds no finished sweep; the message says how to make one.
    ValueError
        As for :func:`experiments.report.frames.read_results`.
    """
    files = [f"{name}.parquet" for name in TABLES]
    what = "the tables of networks that are pulled towards modules"
    return Dials(checked_folder(folder, files, what, "python -m experiments run dials"))


class Pulls:
    """Pulled networks beside those of the same seed that are not, for every draw of seeds.

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
    pull
        At which networks on single digits are looked at.
    """

    def __init__(
        self, results: Dials, convention: str, search: str, seed: int = 0,
        n_draws: int = N_DRAWS, pull: float = USUAL,
    ) -> None:  # fmt: skip
        self.convention, self.search, self.pull = convention, search, pull
        self.end = "" if search == "paper" else "_best"
        self._results = results
        kept = results.networks[results.networks["kept"]]
        self._kept = kept.loc[kept["seed"].isin(SEEDS), NETWORK]
        self._counts = draw_counts(len(SEEDS), n_draws, seed)

    def n_seeds(self, *, untrained: bool = False) -> int:
        """Count the seeds; there are no untrained networks.

        Raises
        ------
        Lacking
            If there are fewer than two.
        """
        n_seeds = self._kept["seed"].nunique()
        if untrained or n_seeds < 2:
            raise Lacking("two seeds of networks that have learnt")
        return n_seeds

    def of(
        self, table: str, column: str, target: str, task: str = "single", **values: object
    ) -> pd.Series:
        """Average a column within networks of a target: one number for each seed.

        Parameters
        ----------
        table
            A property of :class:`Dials`.
        column
            Of that table.
        target, task
            Of the networks. Those that are pulled are of the pull of this reading; on pairs
            there is one only.
        values
            Of other columns, such as ``layer=1``.

        Raises
        ------
        Lacking
            If there is none.
        """
        frame = getattr(self._results, table).merge(self._kept, on=NETWORK)
        chosen = (frame["task"] == task) & (frame["target"] == target)
        if target != "none":
            chosen &= frame["pull"] == (self.pull if task == "single" else PAIRED)
        if "convention" in frame:
            chosen &= frame["convention"] == self.convention
        for name, value in values.items():
            chosen &= frame[name] == value
        found = frame[chosen].dropna(subset=[column]).groupby("seed")[column].mean()
        if not len(found):
            raise Lacking(f"{column} of networks of task {task} and target {target}")
        return found.astype(float)

    def mean(self, values: pd.Series) -> np.ndarray:
        """Average numbers of seeds, ``[draws]``."""
        weights = self._counts[:, [SEEDS.index(seed) for seed in values.index]]
        with np.errstate(invalid="ignore"):  # a draw may hold none of the seeds
            return weights @ values.to_numpy() / weights.sum(axis=1)

    def change(
        self, table: str, column: str, target: str, base: str = "none", task: str = "single",
        **values: object,
    ) -> np.ndarray:  # fmt: skip
        """Average the difference to networks of another target and the same seed, ``[draws]``."""
        one, other = (self.of(table, column, which, task, **values) for which in (target, base))
        difference = (one - other).dropna()
        if not len(difference):
            raise Lacking(f"a seed of both the target {target} and the target {base}")
        return self.mean(difference)

    def q(self, target: str, method: Method, base: str = "none") -> np.ndarray:
        """By how much Q of a method is higher than without the pull, ``[draws]``."""
        return self.change("scores", f"q{self.end}", target, base, **method._asdict())


# --------------------------------------------------------------------------------------- the rules


def upstream_can_be_trained(pulls: Pulls) -> Numbers:
    """Rule dials-01."""
    return pulls.q("up", UP), pulls.q("up", DOWN)


def downstream_can_be_trained(pulls: Pulls) -> Numbers:
    """Rule dials-02."""
    return pulls.q("down", DOWN), pulls.q("down", UP)


def one_assignment_couples_the_sides(pulls: Pulls) -> Numbers:
    """Rule dials-03."""
    column = f"dials{pulls.end}"
    both, up, down = (pulls.of("agreement", column, target) for target in ("both", "up", "down"))
    alone = ((up + down) / 2).dropna()
    between = pulls.change("agreement", f"between{pulls.end}", "both")
    return pulls.mean(both), pulls.mean(alone), between


def shuffled_assignments_do_nothing(pulls: Pulls) -> Numbers:
    """Rule dials-04."""
    return pulls.q("shuffled", UP), pulls.q("up", UP, base="shuffled")


def it_costs_little_accuracy(pulls: Pulls) -> Numbers:
    """Rule dials-05."""
    return tuple(
        pulls.change("networks", "test_accuracy", target) for target in ("up", "down", "both")
    )


def the_side_follows_its_measure(pulls: Pulls) -> Numbers:
    """Rule dials-06."""
    with np.errstate(divide="ignore", invalid="ignore"):  # where nothing was trained
        return (
            pulls.q("up", BESIDE_UP) / pulls.q("up", UP),
            pulls.q("down", BESIDE_DOWN) / pulls.q("down", DOWN),
        )


def trained_modules_are_more_than_chance(pulls: Pulls) -> Numbers:
    """Rule dials-07."""
    return tuple(
        pulls.change("worth", "excess", target, **method._asdict())
        for target, method in (("up", UP), ("down", DOWN))
    )


def directions_and_units_are_lost(pulls: Pulls) -> Numbers:
    """Rule dials-08."""
    directions = [
        pulls.change("layers", "effective_dimension", target) for target in ("up", "down")
    ]
    return *directions, pulls.change("layers", "n_constant", "up")


def trained_modules_are_specific(pulls: Pulls) -> Numbers:
    """Rule dials-09."""
    return tuple(
        pulls.change("worth", "score", target, **method._asdict())
        for target, method in (("up", UP), ("down", DOWN), ("both", UP), ("both", DOWN))
    )


def pulled_networks_bear_more(pulls: Pulls) -> Numbers:
    """Rule dials-10."""
    return tuple(
        pulls.change("robustness", "accuracy", target, disturbance=disturbance)
        for disturbance in ("noise", "pruning")
        for target in ("up", "down")
    )


def trained_modules_are_true(pulls: Pulls) -> Numbers:
    """Rule dials-11."""
    column = f"recovery{pulls.end}"
    return tuple(
        pulls.change("truest", column, target, task="crossed", layer=1, **method._asdict())
        for target, method in (("up", UP), ("down", DOWN), ("both", UP), ("both", DOWN))
    )


def pulled_networks_transfer(pulls: Pulls) -> Numbers:
    """Rule dials-12."""
    learnt = [
        pulls.change("transfer", "learnt", target, task="crossed") for target in ("up", "down")
    ]
    forgotten = [
        pulls.change("forgetting", "forgotten", target, task="crossed")
        for target in ("up", "down", "both")
    ]
    return *learnt, *forgotten


def _claim(
    title: str, figure: str, rule: Callable[[Pulls], Numbers], *parts: Part,
    searches: tuple[str, ...] = SEARCHES,
) -> Claim:  # fmt: skip
    return Claim(title, "dials", figure, rule, parts, searches)


SMALL, CLEAR = 0.05, 0.2
"""Changes of Q: such as other things make, too, and such as nothing else in the book makes."""

DIALS: dict[str, Claim] = {
    "dials-01": _claim(
        "Upstream modularity can be trained, and downstream does not move", "fig-dials",
        upstream_can_be_trained,
        Part("Q of covariance, up minus none", above=CLEAR),
        Part("Q of output sensitivity, up minus none", above=-SMALL, below=SMALL),
    ),
    "dials-02": _claim(
        "Downstream modularity can be trained, and upstream does not move", "fig-dials",
        downstream_can_be_trained,
        Part("Q of output sensitivity, down minus none", above=CLEAR),
        Part("Q of covariance, down minus none", above=-SMALL, below=SMALL),
    ),
    "dials-03": _claim(
        "Only a common assignment couples the sides", "fig-coupling",
        one_assignment_couples_the_sides,
        Part("agreement of the two dials, both", above=0.5),
        Part("agreement of the two dials, mean of up and down", below=0.2),
        Part("agreement between the sides, both minus none", above=0),
    ),
    "dials-04": _claim(
        "An assignment that does not last trains nothing", "fig-dials",
        shuffled_assignments_do_nothing,
        Part("Q of covariance, shuffled minus none", above=-SMALL, below=SMALL),
        Part("Q of covariance, up minus shuffled", above=CLEAR),
    ),
    "dials-05": _claim(
        "It costs a point of accuracy at most", "fig-cost", it_costs_little_accuracy,
        *(
            Part(f"test accuracy, {target} minus none", above=-0.01)
            for target in ("up", "down", "both")
        ),
    ),
    "dials-06": _claim(
        "What is trained is the measure, not the side", "fig-beside",
        the_side_follows_its_measure,
        Part("change of Q of input sensitivity over that of covariance, up", below=0.5),
        Part("change of Q of loss Hessian over that of output sensitivity, down", below=0.5),
    ),
    "dials-07": _claim(
        "Trained modules are more than rotations have", "fig-dials-excess",
        trained_modules_are_more_than_chance,
        Part("excess of covariance, up minus none", above=0.1),
        Part("excess of output sensitivity, down minus none", above=0.1),
        searches=PAPER,
    ),
    "dials-08": _claim(
        "Directions and units are lost", "fig-cost", directions_and_units_are_lost,
        Part("effective dimension, up minus none", below=0),
        Part("effective dimension, down minus none", below=0),
        Part("constant units in a layer, up minus none", above=0),
    ),
    "dials-09": _claim(
        "Trained modules are more specific", "fig-gains", trained_modules_are_specific,
        Part("score of covariance, up minus none", above=0),
        Part("score of output sensitivity, down minus none", above=0),
        Part("score of covariance, both minus none", above=0),
        Part("score of output sensitivity, both minus none", above=0),
        searches=PAPER,
    ),
    "dials-10": _claim(
        "Networks with trained modules bear more", "fig-gains", pulled_networks_bear_more,
        Part("accuracy under noise, up minus none", above=0),
        Part("accuracy under noise, down minus none", above=0),
        Part("accuracy without small weights, up minus none", above=0),
        Part("accuracy without small weights, down minus none", above=0),
    ),
    "dials-11": _claim(
        "Trained modules are truer", "fig-trained-truth", trained_modules_are_true,
        Part("truth found by covariance, up minus none", above=0),
        Part("truth found by output sensitivity, down minus none", above=0),
        Part("truth found by covariance, both minus none", above=0),
        Part("truth found by output sensitivity, both minus none", above=0),
    ),
    "dials-12": _claim(
        "Networks with trained modules learn a new question better, and forget less",
        "fig-trained-truth", pulled_networks_transfer,
        Part("accuracy on the new question, up minus none", above=0),
        Part("accuracy on the new question, down minus none", above=0),
        Part("forgotten of the other head, up minus none", below=0),
        Part("forgotten of the other head, down minus none", below=0),
        Part("forgotten of the other head, both minus none", below=0),
    ),
}  # fmt: skip
"""Whether one can train for modules, and whether anything is gained by it."""


def judge_dials(
    results: Dials, seed: int = 0, n_draws: int = N_DRAWS, pull: float = USUAL
) -> pd.DataFrame:
    """Compute every part of the questions about training for modules, in every reading.

    Parameters
    ----------
    results
        The tables of the experiment ``dials``.
    seed, n_draws
        Of the bootstrap over seeds.
    pull
        At which networks on single digits are looked at; verdicts are those at the usual one.

    Returns
    -------
    pandas.DataFrame
        As :func:`experiments.report.claims.judge` returns it.
    """
    rows = []
    for convention, search in READINGS:
        reading = Pulls(results, convention, search, seed, n_draws, pull)
        claims = {name: claim for name, claim in DIALS.items() if search in claim.searches}
        rows += judge_reading(reading, claims)
    return pd.DataFrame(sorted(rows, key=lambda row: row["claim"]))


def dials_ledger(results: Dials, seed: int = 0, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Decide every question, as :func:`experiments.report.claims.summarize` does."""
    return summarize(judge_dials(results, seed, n_draws), DIALS)
