"""What the verdicts on the claims amount to, in sentences."""

from collections.abc import Mapping

SENTENCES = {
    "claim-01": (
        "Dropout raises modularity.",
        "Dropout raises modularity by some of our criteria, not by all.",
        "We do not find that dropout raises modularity.",
    ),
    "claim-02": (
        "No other regulariser raises it as much.",
        "Its effect is not in all respects the largest of the three.",
        "Its effect is not the largest of the three.",
    ),
    "claim-03": (
        "The effect is larger for measures that look upstream.",
        "The effect is larger upstream for some methods only.",
        "The effect is not larger upstream.",
    ),
    "claim-04": (
        "It is larger in the first layer than in the second.",
        "It is larger in the first layer for some methods only.",
        "It is not larger in the first layer.",
    ),
    "claim-07": (
        "The number of clusters hardly changes with it, so what grows is their contrast.",
        "The number of clusters hardly changes with it by some of our criteria, not by all.",
        "The number of clusters changes with it, so contrast is not the whole explanation.",
    ),
    "claim-05": (
        "An L2 penalty raises modularity as well.",
        "An L2 penalty raises modularity by some of our criteria, not by all.",
        "We do not find that an L2 penalty raises modularity.",
    ),
    "claim-06": (
        "An L1 penalty does little more, and leaves the weights about as sparse.",
        "Of what the paper says about L1, that its effect is weak, like that of L2, at similar "
        "sparsity, only a part is confirmed.",
        "An L1 penalty is neither weak in its effect nor like L2.",
    ),
    "claim-08": (
        "Two to six clusters are found, as many as before training.",
        "The number of clusters is not in all respects what it was before training, two to six.",
        "The number of clusters is neither two to six nor what it was before training.",
    ),
    "claim-09": (
        "The two ways of looking do find different clusters.",
        "That the two ways of looking find different clusters is confirmed in part.",
        "The two ways of looking do not find clusters more different than those found by one.",
    ),
    "claim-10": (
        "Whether similarity is normalised matters little.",
        "Whether similarity is normalised matters little in some respects only.",
        "Whether similarity is normalised matters as much as how it is measured.",
    ),
    "claim-11": (
        "Between covariances and gradients the difference is moderate.",
        "Between covariances and gradients the difference is moderate in some respects only.",
        "Between covariances and gradients the difference is not moderate.",
    ),
    "claim-12": (
        "Downstream this structure is there before training; upstream it comes with training.",
        "That downstream structure precedes training, and upstream agreement follows it, is "
        "confirmed in part.",
        "We do not find that training makes upstream methods agree.",
    ),
    "claim-13": (
        "Training brings the two sides a little closer.",
        "Whether training brings the two sides closer depends on what one compares.",
        "Training does not bring the two sides closer.",
    ),
    "claim-14": (
        "Strong penalties change the agreement of methods in all the ways that the paper lists.",
        "Of the ways in which strong penalties change the agreement of methods, a part is "
        "confirmed.",
        "Strong penalties change the agreement of methods in none of the ways the paper lists.",
    ),
    "claim-15": (
        "Both steps of the algorithm earn their place.",
        "Of the two steps of the algorithm, one at least does not help on every matrix.",
        "Neither step of the algorithm helps.",
    ),
    "claim-16": (
        "Which measure compares the clusters makes no difference to that.",
        "The measures that compare clusters agree in some respects only.",
        "The measures that compare clusters tell different stories.",
    ),
}
"""For each claim what is said if it holds, if it does in part, and if it does not."""
ORDER = ("holds", "partly", "does not hold")
UNTESTED = "These claims could not be tested with the results at hand."


def paragraph(verdicts: Mapping[str, str], *names: str) -> str:
    """Say what the verdicts on some claims amount to.

    Parameters
    ----------
    verdicts
        By the names of claims.
    names
        Of the claims to speak of, in this order; those that were not tested are passed over.
    """
    said = [
        SENTENCES[name][ORDER.index(verdicts[name])] for name in names if verdicts[name] in ORDER
    ]
    return " ".join(said) or UNTESTED
