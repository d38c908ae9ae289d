"""What the verdicts on our own questions amount to: a sentence for what was found of each."""

from collections.abc import Mapping

REPLIES: dict[str, dict[str, str]] = {
    "chance-1": {
        "●●": "It is: by neither measure is its excess as far as 0.02 from none.",
    },
    "chance-2": {
        "●●": "It does, by both measures that look upstream.",
    },
    "chance-3": {
        "●●": "It is, if a change of less than 0.05 counts as none: the six other methods change "
        "by less.",
        "●◐": "Input sensitivity gains excess, and more than 0.05. But whether the six other "
        "methods change by less than that is open.",
    },
    "chance-4": {
        "◐●": "Upstream similarity exceeds its rotations by more. But whether downstream "
        "similarity exceeds them by less than 0.02 is open.",
    },
    "chance-5": {
        "●●●": "By the larger diagonal entry, it does, on both sides.",
        "○○○": "By the geometric mean, it does not, on either side.",
    },
    "chance-6": {
        "●○": "Upstream they do; downstream the excess over shuffles is 0.02 at most.",
    },
    "why-1": {
        "●●": "It does: co-activity falls into groups, and units are active on fewer inputs.",
    },
    "why-2": {
        "●●": "It does: modules come up in the weights, and next to none in the turns.",
    },
    "why-3": {
        "●○": "By the turns it leads, but in the weights it is not behind, as we had expected.",
    },
    "cause-1": {
        "○○": "They are not, by this rule: on average the score is 2 at most, and no more than "
        "half of the assignments are significant.",
    },
    "cause-2": {
        "○○": "They are not, in either layer.",
    },
    "cause-3": {
        "◐●": "There is nothing to explain, since downstream modules are not the less specific "
        "ones. Whether signs would make them more so is open.",
        "○●": "There is nothing to explain, since downstream modules are not the less specific "
        "ones; and signs do not make them more so.",
    },
    "cause-4": {
        "●●": "It does, upstream and downstream.",
    },
    "cause-5": {
        "●●": "They do, by the measures of both sides.",
    },
    "cause-6": {
        "●○": "More than the three other measures do in the mean, but no more than the best of "
        "them.",
        "●●": "It does, better than each of the three other measures.",
    },
    "cause-7": {
        "○●": "It does not: scores are in another order, and silenced by zero it is upstream "
        "modules that are the more specific.",
    },
    "truth-1": {
        "●●": "It does: of the source it finds more than half, of the head next to nothing.",
    },
    "truth-2": {
        "●●": "They do: of the head they find more than half, of the source next to nothing.",
    },
    "truth-3": {
        "●◐●": "As released it finds the source. As printed it finds little of it, with a low Q; "
        "whether less than 0.1 is open.",
        "●●●": "It does: as printed it finds less than 0.1 of the source, with a low Q.",
    },
    "truth-4": {
        "●●": "They do, on both sides.",
    },
    "truth-5": {
        "●◐": "Upstream methods do; whether downstream methods do is open.",
    },
    "truth-6": {
        "◐●●": "Each side finds more of its truth there. Whether the sides agree more is open.",
        "●●●": "They do, and each side finds more of its truth there.",
    },
    "truth-7": {
        "◐●○": "Upstream it does, downstream it does not; for all methods together it is open.",
        "◐○◐": "Upstream it does not; downstream, and for all methods together, it is open.",
        "◐○●": "Downstream it does, upstream it does not; for all methods together it is open.",
    },
    "dials-01": {
        "●●": "It can, and downstream stays where it was.",
        "○●": "What is pulled is as released: as printed, modularity upstream hardly rises.",
    },
    "dials-02": {
        "●●": "It can, and upstream stays where it was.",
    },
    "dials-03": {
        "●●●": "It does: with an assignment in common the sides agree, without one they do not.",
        "○●●": "The sides agree more with an assignment in common, but the modules of the two "
        "measures that are pulled do not.",
    },
    "dials-04": {
        "●●": "It trains nothing, where one that lasts trains much.",
        "●○": "It trains nothing; but neither does one that lasts train much, as printed.",
    },
    "dials-05": {
        "◐●●": "Downstream, and with both, it costs less. Whether it does upstream is open, by "
        "a hair.",
    },
    "dials-06": {
        "●○": "Upstream, the other measure gains less than half as much; downstream, more than "
        "half.",
        "○●": "Downstream, the other measure gains less than half as much. Upstream it gains more "
        "than the one that was pulled, which as printed hardly gains.",
    },
    "dials-07": {
        "●●": "They are, on both sides.",
        "○●": "Downstream they are; upstream there are none to speak of.",
    },
    "dials-08": {
        "●●●": "They are: directions on both sides, units where networks are pulled upstream.",
    },
    "dials-09": {
        "●●●●": "They are, on both sides, and with an assignment in common on both.",
        "●●◐●": "They are where a side is pulled by itself. With an assignment in common "
        "downstream modules are; whether upstream modules are is open.",
    },
    "dials-10": {
        "○○○◐": "They do not: they bear less, but for small weights where they are pulled "
        "downstream, which is open.",
    },
    "dials-11": {
        "○●○◐": "Downstream they are. Upstream they are less true than those that came by "
        "themselves. With an assignment in common it is open downstream, and not so upstream.",
        "◐●◐●": "Downstream they are; upstream it is open.",
    },
    "dials-12": {
        "○◐◐◐○": "Pulled upstream they learn it worse, with an assignment in common they forget "
        "more. All else is open.",
    },
    "when-1": {
        "●●": "It does: after an epoch accuracy is nearly there, and modularity is not half way.",
    },
    "when-2": {
        "●●◐": "Under dropout it does, from next to none. Whether L1 adds more than 0.02 is open.",
        "○●◐": "Under dropout most of it does, but more than 0.02 is there before. Whether L1 "
        "adds as much is open.",
    },
    "when-3": {
        "○○": "They are not, on either side.",
    },
    "when-4": {
        "●●": "Less than a tenth is, on either side.",
    },
    "when-5": {
        "●●": "They do, by more than half of the way.",
        "●◐": "They come closer; whether by more than half of the way is open.",
    },
}
"""By question, and by the marks of its parts (see :data:`experiments.report.claims.MARKS`)."""


def reply(name: str, marks: Mapping[str, str]) -> str:
    """Answer a question: in one sentence if that fits all conventions, else in one for each.

    Parameters
    ----------
    name
        Of the question.
    marks
        Of its parts, by what each convention is called. Where no sentence was written for them,
        as for results other than the book's, nothing is said.
    """
    said = {of: REPLIES.get(name, {}).get(found, "") for of, found in marks.items()}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return " ".join(f"{of[0].upper()}{of[1:]}: {text}" for of, text in said.items() if text)
