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
