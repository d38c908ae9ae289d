"""What the verdicts on the claims amount to, in sentences: each is written for what was found.

A sentence belongs to the marks of a claim's parts (see :data:`experiments.report.claims.MARKS`), so
that it says which of them are met. Were the tables to change a verdict, there would be no sentence
for it, and the chapter would not be built.
"""

from collections.abc import Sequence

import pandas as pd

SENTENCES: dict[str, dict[str, str]] = {
    "claim-01": {
        "●●●": "Dropout raises modularity: Q climbs with its strength, and by at least six of "
        "the eight methods.",
    },
    "claim-02": {
        "○●○": "Its effect is not the largest. In the mean over methods one of the penalties takes "
        "Q further and the other less far, and dropout is ahead of both by no more than half of "
        "the methods.",
        "●●◐": "In the mean over methods it takes Q further than either penalty; whether it does "
        "so by most of them is open.",
    },
    "claim-03": {
        "●●●": "The effect is larger for measures that look upstream, raw and normalised.",
    },
    "claim-04": {
        "●●○": "It is larger in the first layer than in the second, in the mean and upstream; "
        "downstream it is not.",
        "●●◐": "It is larger in the first layer than in the second, in the mean and upstream; "
        "downstream the layers cannot be told apart.",
    },
    "claim-07": {
        "◐●◐": "The mean number of clusters never moves by as much as one. Whether it ends within "
        "one half of where it began, and within one by more than five methods, is open.",
        "◐●○": "The mean number of clusters never moves by as much as one, though by three methods "
        "or more it ends one away from where it began; whether the mean ends within one half is "
        "open.",
        "●●●": "The number of clusters hardly changes with it: the mean ends within one half of "
        "where it began.",
    },
    "claim-05": {
        "●●●": "An L2 penalty raises modularity as well, and by at least six of the eight methods.",
    },
    "claim-06": {
        "○◐○": "An L1 penalty is not weak in its effect. Nor does it leave the weights about as "
        "sparse as L2 does; whether it raises Q about as much as L2 is open.",
        "●◐○": "An L1 penalty is weak in its effect beside dropout. It does not leave the "
        "weights about as sparse as L2 does, though; whether it raises Q about as much as L2 is "
        "open.",
    },
    "claim-08": {
        "●○●": "Nearly everywhere two to six clusters are found, in the mean as many as before "
        "training; but a tenth of the assignments or more lie outside the bands of untrained "
        "networks.",
        "●●●": "Nearly everywhere two to six clusters are found, as many as before training.",
    },
    "claim-09": {
        "●●●": "The two ways of looking do find different clusters: methods of either side agree "
        "with each other more than with those of the other side.",
    },
    "claim-10": {
        "●●○": "To normalise changes clusters less than to take another measure of the same side "
        "does. But it does not matter little: raw and normalised are nearer to agreeing no better "
        "than the two sides do than to agreeing as two searches of one matrix do.",
        "●●●": "Whether similarity is normalised matters little: less than which measure of a side "
        "is taken, and raw and normalised are nearer to agreeing as two searches of one matrix do "
        "than to agreeing no better than the two sides.",
    },
    "claim-11": {
        "●●●": "Between covariances and gradients the difference is moderate: larger than between "
        "raw and normalised, smaller than between the sides.",
    },
    "claim-12": {
        "●○●": "Upstream methods agree more after training, and what downstream methods share is "
        "there before it. But at least half of what upstream methods share beyond the two sides is "
        "there before training, too.",
        "●◐●": "Upstream methods agree more after training, and what downstream methods share is "
        "there before it. Whether half or more of what upstream methods share beyond the two sides "
        "is there before training, too, is open.",
    },
    "claim-13": {
        "●●": "Training brings the two sides closer, by less than 0.1 in agreement, and makes the "
        "difference between them smaller.",
        "●○": "Training brings the two sides closer, by less than 0.1 in agreement; but it brings "
        "the methods of a side closer as well, and the difference between the sides is no smaller.",
        "●◐": "Training brings the two sides closer, by less than 0.1 in agreement; whether it "
        "makes the difference between them smaller is open.",
    },
    "claim-14": {
        "◐●●●●○": "Under strong penalties of either kind upstream methods agree more. Downstream "
        "methods come to depend on normalisation under L1; under L2 this is open. And under L1 "
        "upstream comes closer to raw downstream methods, as the paper says, but comes no less "
        "close to normalised ones, which it rules out.",
        "●●●●◐◐": "Under strong penalties of either kind upstream methods agree more, and "
        "downstream methods come to depend on normalisation. Whether under L1 upstream comes "
        "closer to raw downstream methods, and to these more than to normalised ones, is open.",
        "●●●●●◐": "Under strong penalties of either kind upstream methods agree more, and "
        "downstream methods come to depend on normalisation. Under L1 upstream comes closer to raw "
        "downstream methods; whether more so than to normalised ones is open.",
    },
    "claim-15": {
        "●●●○": "Each of the two steps raises Q, and the search ends at least as high as its "
        "spectral start. It does not always end as high as Monte Carlo steps from one cluster do, "
        "which are ahead in one matrix of a hundred or more.",
    },
    "claim-16": {
        "○○●": "Measures that compare clusters put the pairs of methods in different orders. But "
        "nine in ten of them or more tell the same of the two sides.",
        "●●●": "Which measure compares the clusters makes little difference: they put the pairs of "
        "methods in much the same order, and tell the same of the two sides.",
    },
}
"""For each claim what is said, by the marks of its parts."""
UNTESTED = "These claims could not be tested with the results at hand."
COUNTED = {
    "holds": ("holds", "hold"),
    "partly": ("holds partly", "hold partly"),
    "does not hold": ("does not hold", "do not hold"),
    "not tested": ("could not be tested", "could not be tested"),
}
"""What is said of one claim with a verdict, and of more."""
_NUMBERS = (
    "none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
)  # fmt: skip


def sentence(name: str, verdict: str, marks: str) -> str:
    """Say what a verdict amounts to, or nothing if the claim was not tested.

    Where no sentence was written for the marks, as for results other than the book's, the verdict
    itself is told.
    """
    if verdict == "not tested":
        return ""
    return SENTENCES[name].get(marks, f"{name}: {verdict} ({marks}).")


def unwritten(claims: pd.DataFrame) -> list[tuple[str, str]]:
    """List the claims, with their marks, that were tested and have no sentence for what was found.

    Parameters
    ----------
    claims
        As :func:`experiments.report.claims.summarize` returns them, in any readings.
    """
    tested = claims[claims["verdict"] != "not tested"]
    found = {(row.claim, row.marks) for row in tested.itertuples()}
    return sorted(pair for pair in found if pair[1] not in SENTENCES[pair[0]])


def paragraph(own: pd.DataFrame, *names: str) -> str:
    """Say what the verdicts on some claims amount to.

    Parameters
    ----------
    own
        The claims in one reading, indexed by name.
    names
        Of the claims to speak of, in this order; those that were not tested are passed over.
    """
    said = [sentence(name, *own.loc[name, ["verdict", "marks"]]) for name in names]
    return " ".join(filter(None, said)) or UNTESTED


def counted(verdicts: Sequence[str] | pd.Series) -> str:
    """Count verdicts in words: ``"Of sixteen claims, six hold, nine hold partly and one ..."``."""
    counts = pd.Series(list(verdicts)).value_counts()
    said = [
        f"{_word(counts[verdict])} {COUNTED[verdict][int(counts[verdict] > 1)]}"
        for verdict in COUNTED
        if verdict in counts
    ]
    listed = " and ".join(filter(None, [", ".join(said[:-1]), said[-1]]))
    return f"Of {_word(len(verdicts))} claims, {listed}."


def _word(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)
