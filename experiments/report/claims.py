"""The claims of the paper, where the numbers that decide them must lie, and the verdicts."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf, nan
from typing import Any, Protocol

import pandas as pd

from experiments.report import rules
from experiments.report.bootstrap import interval
from experiments.report.frames import Results, read_results
from experiments.report.readings import N_DRAWS, READINGS, SEARCHES, Lacking, Reading
from modlib.similarity.measures import METHODS

MARKS = {"met": "●", "open": "◐", "missed": "○"}
"""What stands for a part whose interval lies where it must, partly there, and not at all there."""


@dataclass(frozen=True)
class Part:
    """A number, and where its whole interval must lie, ends excluded."""

    quantity: str
    above: float = -inf
    below: float = inf

    @property
    def place(self) -> str:
        """Where it must lie, in words."""
        if self.below == inf:
            return f"above {self.above:g}"
        if self.above == -inf:
            return f"below {self.below:g}"
        return f"between {self.above:g} and {self.below:g}"

    def is_met(self, low: float, high: float) -> bool:
        """Whether an interval lies there."""
        return self.above < low and high < self.below

    def mark(self, low: float, high: float) -> str:
        """Return a sign of :data:`MARKS`: met, missed by the whole interval, or left open."""
        if self.is_met(low, high):
            return MARKS["met"]
        return MARKS["missed" if high <= self.above or low >= self.below else "open"]


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, and the rule that decides it."""

    title: str
    section: str
    """A number of the paper, or one of its figures such as S2."""
    figure: str
    """Name of the figure of this book that shows it."""
    rule: Callable[[Any], rules.Numbers]
    """From a reading to the numbers of the parts."""
    parts: tuple[Part, ...]
    searches: tuple[str, ...] = SEARCHES
    """With which assignments it can be read."""
    untrained: bool = False
    """Whether untrained networks take part."""


def _raising(name: str) -> tuple[Part, ...]:
    return (
        Part(f"change of Q under {name}", above=0),
        Part(f"trend of Q under {name}", above=0.5),
        Part(f"methods, of {len(METHODS)}, whose change of Q under {name} is positive", above=5),
    )


CLAIMS: dict[str, Claim] = {
    "claim-01": Claim(
        "Dropout raises modularity", "5", "fig-modularity-vs-regularization",
        partial(rules.modularity_rises, regularizer="dropout"), _raising("dropout"),
    ),
    "claim-02": Claim(
        "Dropout has the largest effect of the three regularisers", "4.2",
        "fig-modularity-vs-regularization", rules.dropout_has_the_largest_effect,
        (
            Part("rise of Q under dropout, minus the larger of the two others", above=0),
            Part("rise of Q under dropout, minus the smaller of the two others", above=0),
            Part(f"methods, of {len(METHODS)}, whose rise of Q is largest under dropout", above=4),
        ),
    ),
    "claim-03": Claim(
        "The effect of dropout is larger upstream", "4.2", "fig-modularity-vs-regularization",
        rules.dropout_acts_upstream,
        (
            Part("change of Q under dropout, upstream minus downstream", above=0),
            Part("the same, raw methods", above=0),
            Part("the same, normalised methods", above=0),
        ),
    ),
    "claim-04": Claim(
        "The effect of dropout is larger in the first hidden layer", "4.2",
        "fig-modularity-by-layer", rules.dropout_acts_early,
        (
            Part("change of Q under dropout, first minus second layer", above=0),
            Part("the same, upstream methods", above=0),
            Part("the same, downstream methods", above=0),
        ),
    ),
    "claim-05": Claim(
        "An L2 penalty raises modularity", "4.2", "fig-modularity-vs-regularization",
        partial(rules.modularity_rises, regularizer="l2"), _raising("L2"),
    ),
    "claim-06": Claim(
        "An L1 penalty has a weak effect, and leaves the weights as sparse as L2 does", "4.2",
        "fig-performance-vs-regularization", rules.l1_is_weak,
        (
            Part("rise of Q under L1 over that under dropout", below=0.5),
            Part("rise of Q under L1 over that under L2", above=0.5, below=2),
            Part("highest sparsity under L1 over that under L2", above=0.667, below=1.5),
        ),
    ),
    "claim-07": Claim(
        "The number of clusters hardly changes with dropout", "4.2", "fig-clusters-by-layer",
        rules.dropout_keeps_the_number_of_clusters,
        (
            Part("change of the number of clusters under dropout", above=-0.5, below=0.5),
            Part("its largest distance from the weakest dropout", below=1),
            Part(f"methods, of {len(METHODS)}, in which it changes by less than one", above=5),
        ),
    ),
    "claim-08": Claim(
        "There are two to six clusters, as in untrained networks", "S4", "fig-clusters-by-layer",
        rules.clusters_are_few_as_before_training,
        (
            Part("share of assignments with 2 to 6 clusters", above=0.9),
            Part("share of assignments within three deviations of untrained ones", above=0.9),
            Part("number of clusters, trained minus untrained", above=-0.5, below=0.5),
        ),
        untrained=True,
    ),
    "claim-09": Claim(
        "Agreement within upstream and within downstream exceeds agreement between", "4.3",
        "fig-agreement", rules.families_agree_within,
        (
            Part("agreement within the families minus between them", above=0.1),
            Part("agreement within upstream minus between", above=0),
            Part("agreement within downstream minus between", above=0),
        ),
    ),
    "claim-10": Claim(
        "Normalisation matters little", "4.3", "fig-agreement", rules.normalisation_matters_little,
        (
            Part("agreement of raw with normalised, minus that of two measures, upstream", above=0),
            Part("the same, downstream", above=0),
            Part("agreement of raw with normalised, height above the families' minus depth below "
                 "the ceiling", above=0),
        ),
    ),
    "claim-11": Claim(
        "Moment-based and gradient-based methods differ moderately", "4.3", "fig-agreement",
        rules.moments_and_gradients_differ_moderately,
        (
            Part("agreement of raw with normalised, minus that of moments with gradients", above=0),
            Part("agreement of moments with gradients upstream, minus between", above=0),
            Part("the same, downstream", above=0),
        ),
    ),
    "claim-12": Claim(
        "Downstream structure is there before training, upstream agreement only after", "4.3",
        "fig-agreement-vs-untrained", rules.training_makes_upstream_agree,
        (
            Part("agreement within upstream, trained minus untrained", above=0),
            Part("half the upstream surplus of trained minus that of untrained", above=0),
            Part("downstream surplus of untrained minus half that of trained", above=0),
        ),
        untrained=True,
    ),
    "claim-13": Claim(
        "Training slightly attenuates the difference between upstream and downstream", "4.3",
        "fig-agreement-vs-untrained", rules.training_attenuates,
        (
            Part("agreement between the families, trained minus untrained", above=0, below=0.1),
            Part("agreement within minus between, trained minus untrained", below=0),
        ),
        untrained=True,
    ),
    "claim-14": Claim(
        "What strong L2 and L1 penalties do to agreement", "S5", "fig-agreement-by-strength",
        rules.penalties_change_agreement,
        (
            Part("change of the dependence on normalisation downstream, under L2", above=0),
            Part("the same, under L1", above=0),
            Part("change of the agreement within upstream, under L2", above=0),
            Part("the same, under L1", above=0),
            Part("change of the agreement of upstream with raw downstream, under L1", above=0),
            Part("that, minus the one with normalised downstream", above=0),
        ),
    ),
    "claim-15": Claim(
        "Spectral start and Monte Carlo search both help", "S2", "fig-optimizer",
        rules.both_steps_help,
        (
            Part("Q minus that of the spectral step alone", above=0),
            Part("Q minus that of Monte Carlo steps from one cluster", above=0),
            Part("share of matrices whose Q reaches that of the spectral step", above=0.99),
            Part("share of matrices whose Q reaches that of the steps from one cluster",
                 above=0.99),
        ),
        searches=("paper",),
    ),
    "claim-16": Claim(
        "All measures of cluster-similarity tell the same story", "4.3", "fig-agreement",
        rules.measures_tell_one_story,
        (
            Part("lowest rank correlation with element-centric similarity", above=0.5),
            Part("median of the rank correlations", above=0.8),
            Part("share of the others with the same signs", above=0.9),
        ),
        searches=("paper",),
    ),
}  # fmt: skip
"""The claims by their names in the book, in the order of the paper."""

CHAPTERS = {
    "fig-optimizer": "04-clustering",
    "fig-performance-vs-regularization": "05-setup",
    "fig-modularity-vs-regularization": "06-regularization",
    "fig-modularity-by-layer": "06-regularization",
    "fig-clusters-by-layer": "06-regularization",
    "fig-agreement": "07-agreement",
    "fig-agreement-vs-untrained": "07-agreement",
    "fig-agreement-by-strength": "07-agreement",
}
"""The chapter in which each figure that a claim names stands."""

HYPOTHESES = {1: "claim-01", 2: "claim-05", 3: "claim-06", 4: "claim-09"}
"""Which claim decides each of the hypotheses of section 4.1, which holds if they are wrong."""


# ------------------------------------------------------------------------------------ the ledger


def judge(
    results: Results,
    seed: int = 0,
    n_draws: int = N_DRAWS,
    claims: Mapping[str, Claim] = CLAIMS,
) -> pd.DataFrame:
    """Compute every part of claims in every reading.

    Parameters
    ----------
    results
        The tables of a sweep.
    seed, n_draws
        Of the bootstrap over seeds.
    claims
        All, or some of them.

    Returns
    -------
    pandas.DataFrame
        One row for each claim, convention, search and part: ``claim``, ``convention``, ``search``,
        ``part`` (a, b, ...), ``quantity``, ``effect``, ``low``, ``high``, ``place`` (where the
        interval must lie), ``met``, its ``mark``, and ``lacks``: what was missing, if the claim was
        not tested.
    """
    rows = []
    for convention, search in READINGS:
        reading = Reading(results, convention, search, seed, n_draws)
        rows += judge_reading(reading, claims)
    return pd.DataFrame(sorted(rows, key=lambda row: row["claim"]))


class Judged(Protocol):
    """A reading of results that rules can be put to."""

    convention: str
    search: str

    def n_seeds(self, *, untrained: bool) -> int:
        """Count the seeds that were drawn from, or raise what is lacking."""


def judge_reading(reading: Judged, claims: Mapping[str, Claim]) -> list[dict[str, Any]]:
    """Compute every part of claims in one reading: rows as :func:`judge` makes them."""
    place = {"convention": reading.convention, "search": reading.search}
    return [
        {"claim": name} | place | row
        for name, claim in claims.items()
        for row in _judge(claim, reading)
    ]


def _judge(claim: Claim, reading: Judged) -> list[dict[str, Any]]:
    lacks = ""
    try:
        if reading.search not in claim.searches:
            raise Lacking("a reading with the best assignments")
        n_seeds = reading.n_seeds(untrained=claim.untrained)
        numbers = claim.rule(reading)
        found = [(float(draws[0]), *interval(draws[1:], n_seeds)) for draws in numbers]
    except Lacking as reason:
        lacks, found = str(reason), [(nan, nan, nan)] * len(claim.parts)
    return [
        {
            "part": letter,
            "quantity": part.quantity,
            "effect": effect,
            "low": low,
            "high": high,
            "place": part.place,
            "met": part.is_met(low, high),
            "mark": "" if lacks else part.mark(low, high),
            "lacks": lacks,
        }
        for letter, part, (effect, low, high) in zip("abcdef", claim.parts, found, strict=False)
    ]


def ledger(folder: str | os.PathLike[str], seed: int = 0, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Decide every claim in every reading of a folder of results.

    Parameters
    ----------
    folder
        The folder of the paper's tables, such as ``results/paper``.
    seed, n_draws
        Of the bootstrap over seeds.

    Returns
    -------
    pandas.DataFrame
        As :func:`summarize` returns it.

    Raises
    ------
    FileNotFoundError, ValueError
        As for :func:`experiments.report.frames.read_results`.
    """
    return summarize(judge(read_results(folder), seed, n_draws))


def summarize(parts: pd.DataFrame, claims: Mapping[str, Claim] = CLAIMS) -> pd.DataFrame:
    """Join the parts of each claim to its verdict.

    Parameters
    ----------
    parts
        As :func:`judge` returns them.
    claims
        That they are of.

    Returns
    -------
    pandas.DataFrame
        One row for each claim, convention and search: ``claim``, ``statement``, ``convention``,
        ``search``; ``effect``, ``low`` and ``high`` of part a, and its ``quantity``; ``met``, the
        parts that are, such as ``"ab of abc"``; ``marks``, those of all parts, such as ``"●●◐"``;
        ``verdict``; ``figure``; and ``lacks``.
    """
    reading = ["claim", "convention", "search"]
    return pd.DataFrame(
        [
            dict(zip(reading, key, strict=True)) | _summary(claims[key[0]], group)
            for key, group in parts.groupby(reading, sort=False)
        ]
    )


def _summary(claim: Claim, parts: pd.DataFrame) -> dict[str, Any]:
    first, met = parts.iloc[0], parts.loc[parts["met"], "part"]
    return {
        "statement": claim.title,
        **{name: first[name] for name in ("effect", "low", "high", "quantity")},
        "met": f"{''.join(met) or 'none'} of {''.join(parts['part'])}",
        "marks": "".join(parts["mark"]),
        "verdict": _verdict(len(met), len(parts), first["lacks"]),
        "figure": claim.figure,
        "lacks": first["lacks"],
    }


def _verdict(n_met: int, n_parts: int, lacks: str) -> str:
    if lacks:
        return "not tested"
    if n_met == n_parts:
        return "holds"
    return "partly" if n_met else "does not hold"
