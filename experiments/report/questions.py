"""Our own questions, what the modules are worth: where their numbers must lie, and the verdicts."""

from collections.abc import Mapping

import pandas as pd

from experiments.report import worth
from experiments.report.claims import CLAIMS, Claim, Part, judge_reading, summarize
from experiments.report.frames import Results
from experiments.report.readings import N_DRAWS
from experiments.report.worth import SEEDS, ExcessReading, Worth
from experiments.worth import ZERO_SEEDS
from modlib.similarity.conventions import CONVENTIONS

PAPER = ("paper",)

CHANCE: dict[str, Claim] = {
    "chance-1": Claim(
        "A weakly regularised network is as modular as its rotations", "chance", "fig-excess",
        worth.weak_networks_are_as_rotations,
        (
            Part("excess of raw covariance", above=-0.02, below=0.02),
            Part("excess of raw output sensitivity", above=-0.02, below=0.02),
        ),
        PAPER,
    ),
    "chance-2": Claim(
        "Under dropout, what leads to the units of the first layer tells them from rotations",
        "chance", "fig-excess", worth.dropout_makes_units_special,
        (
            Part("excess of raw covariance", above=0.02),
            Part("excess of raw input sensitivity", above=0.02),
        ),
        PAPER,
    ),
    "chance-3": Claim(
        "The lead of dropout is input sensitivity alone", "chance", "fig-excess",
        worth.the_lead_is_input_sensitivity,
        (
            Part("change of excess under dropout, input sensitivity", above=0.05),
            Part("change of excess under dropout, the six other methods", above=-0.05, below=0.05),
        ),
        PAPER,
    ),
    "chance-4": Claim(
        "Downstream similarity is no matter of units", "chance", "fig-excess",
        worth.downstream_is_no_matter_of_units,
        (
            Part("excess of raw downstream methods", above=-0.02, below=0.02),
            Part("excess of raw upstream methods minus that of raw downstream methods", above=0),
        ),
        PAPER,
    ),
    "chance-5": Claim(
        "Normalisation ties a similarity to the units", "chance", "fig-excess-normalized",
        worth.normalisation_binds_to_units,
        (
            Part("excess of normalised minus excess of raw methods", above=0),
            Part("the same, upstream methods", above=0),
            Part("the same, downstream methods", above=0),
        ),
        PAPER,
    ),
    "chance-6": Claim(
        "Units share more than chance gives to their own distributions", "chance", "fig-shuffle",
        worth.units_share_more_than_shuffled,
        (
            Part("excess over shuffles, raw upstream methods", above=0.02),
            Part("excess over shuffles, raw downstream methods", above=0.02),
        ),
        PAPER,
    ),
}  # fmt: skip
"""Whether modularity is more than chance gives."""

WHY: dict[str, Claim] = {
    "why-1": Claim(
        "Dropout makes units take turns", "why", "fig-factors",
        worth.dropout_makes_units_take_turns,
        (
            Part("change of Q of co-activity under dropout", above=0.05),
            Part("change of the activity under dropout", below=0),
        ),
        PAPER,
    ),
    "why-2": Claim(
        "L2 makes weights alike, and units take no turns", "why", "fig-factors",
        worth.l2_makes_weights_alike,
        (
            Part("rise of Q of weights under L2", above=0.05),
            Part("change of Q of co-activity under L2", below=0.02),
        ),
        PAPER,
    ),
    "why-3": Claim(
        "The lead of dropout is the turns, not the weights", "why", "fig-factors",
        worth.the_lead_is_the_turns,
        (
            Part("rise of Q of co-activity under dropout minus that under L2", above=0),
            Part("rise of Q of weights under dropout minus that under L2", below=0),
        ),
        PAPER,
    ),
}  # fmt: skip
"""Why input sensitivity rises, and why under dropout."""

CAUSE: dict[str, Claim] = {
    "cause-1": Claim(
        "Upstream modules of the first layer are specific", "cause", "fig-specificity",
        worth.upstream_modules_are_specific,
        (
            Part("score of upstream methods, first layer", above=2),
            Part("share of these assignments that are significant", above=0.5),
        ),
        PAPER,
    ),
    "cause-2": Claim(
        "Upstream modules are more specific than downstream ones", "cause", "fig-specificity",
        worth.upstream_is_more_specific,
        (
            Part("score of upstream minus downstream methods, first layer", above=0),
            Part("the same, second layer", above=0),
        ),
        PAPER,
    ),
    "cause-3": Claim(
        "Absolute values are why downstream modules are less specific", "cause", "fig-signed",
        worth.absolute_values_are_why,
        (
            Part("score of downstream methods, signed minus as the convention has it", above=0),
            Part("half the gap of the convention, minus the gap of signed similarities", above=0),
        ),
        PAPER,
    ),
    "cause-4": Claim(
        "Training makes modules specific", "cause", "fig-specificity",
        worth.training_makes_specific,
        (
            Part("score of upstream methods, trained minus untrained", above=0),
            Part("score of downstream methods, trained minus untrained", above=0),
        ),
        PAPER,
        untrained=True,
    ),
    "cause-5": Claim(
        "Similar units cover for each other", "cause", "fig-synergy",
        worth.similar_units_cover_for_each_other,
        (
            Part("correlation, upstream methods", above=0.1),
            Part("correlation, downstream methods", above=0.1),
        ),
        PAPER,
    ),
    "cause-6": Claim(
        "The loss Hessian tells which units hang together", "cause", "fig-synergy",
        worth.the_hessian_tells_synergy,
        (
            Part("correlation of the loss Hessian with the absolute synergy, minus the mean of the "
                 "three other measures", above=0),
            Part("the same, minus the largest of the three means", above=0),
        ),
        PAPER,
    ),
}  # fmt: skip
"""Whether modules do something."""

BY_ZERO: dict[str, Claim] = {
    "cause-7": Claim(
        "Silencing by zero tells the same", "cause", "fig-ablations", worth.zero_tells_the_same,
        (
            Part("rank correlation, over assignments, of the scores by zero and by the mean",
                 above=0.5),
            Part("score of upstream minus downstream methods by zero, first layer", above=0),
        ),
        PAPER,
    ),
}  # fmt: skip
"""Of the networks whose units were silenced by zero, too."""

ABOUT_Q = tuple(f"claim-{number:02}" for number in range(1, 7))
"""The claims of the paper that are decided once more with excess in place of Q."""


def judge_worth(results: Results, seed: int = 0, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Compute every part of the questions of chance and cause, in both conventions.

    Parameters
    ----------
    results
        The tables of a sweep.
    seed, n_draws
        Of the bootstrap over seeds.

    Returns
    -------
    pandas.DataFrame
        As :func:`experiments.report.claims.judge` returns it.
    """
    zero_seeds = [of for of in ZERO_SEEDS if of in SEEDS]
    rows = []
    for convention in CONVENTIONS:
        rows += judge_reading(Worth(results, convention, seed, n_draws), CHANCE | WHY | CAUSE)
        rows += judge_reading(Worth(results, convention, seed, n_draws, zero_seeds), BY_ZERO)
    return pd.DataFrame(rows)


def worth_ledger(results: Results, seed: int = 0, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Decide every question of chance and cause, as :func:`experiments.report.claims.summarize`."""
    return summarize(judge_worth(results, seed, n_draws), CHANCE | WHY | CAUSE | BY_ZERO)


def judge_again(results: Results, seed: int = 0, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Decide the paper's claims about Q by Q and by excess, on the same networks.

    Parameters
    ----------
    results, seed, n_draws
        As for :func:`judge_worth`.

    Returns
    -------
    pandas.DataFrame
        The rows of :func:`experiments.report.claims.summarize` with a column ``by``: ``"q"`` or
        ``"excess"``.
    """
    claims: Mapping[str, Claim] = {name: CLAIMS[name] for name in ABOUT_Q}
    found = []
    for by, reading in (("q", Worth), ("excess", ExcessReading)):
        rows = [
            row
            for convention in CONVENTIONS
            for row in judge_reading(reading(results, convention, seed, n_draws), claims)
        ]
        found.append(summarize(pd.DataFrame(rows), claims).assign(by=by))
    return pd.concat(found, ignore_index=True)
