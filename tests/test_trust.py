"""What the last chapter of Part I and that on conventions say in typed numbers: the tables' own."""

import re

import pytest
from chapters import ROOT, plain

from experiments.report.chapters import truths
from experiments.report.crossed import judge_truth, read_crossed
from experiments.report.dials import judge_dials, read_dials
from experiments.report.frames import read_results
from experiments.report.questions import judge_worth

NUMBER = r"(-?[\d.]+\d)"
OWN_TRUTH = {
    "covariance": "source", "input sensitivity": "source", "output sensitivity": "head",
    "loss Hessian": "head",
}  # fmt: skip
WAYS = [(way, name) for way in (False, True) for name in ("printed", "released")]


def words(chapter):
    return " ".join(plain((ROOT / "notebooks" / f"{chapter}.md").read_text()).split())


def numbers(text, pattern):
    found = re.search(pattern, text)
    assert found, pattern
    return [float(number) for number in found.groups()]


@pytest.fixture(scope="module")
def scores():
    every = truths.decided(read_crossed(ROOT / "results" / "crossed"))
    return every.query("layer == 1 and search == 'paper'")


@pytest.fixture(scope="module")
def planted(scores):
    """Recovery by leak, normalisation, convention, measure and truth."""
    rows = scores.query("kind == 'planted' and by == 'construction'")
    return truths.by_measure(rows, "leak", "normalized")


@pytest.fixture(scope="module")
def parts():
    judged = [
        judge_truth(read_crossed(ROOT / "results" / "crossed")),
        judge_worth(read_results(ROOT / "results" / "paper")),
        judge_dials(read_dials(ROOT / "results" / "dials")),
    ]
    return {
        (row.claim, row.part, row.convention): row
        for table in judged
        for row in table[table["search"] == "paper"].itertuples()
    }


def effects(parts, *names, digits=2):
    return [abs(round(parts[tuple(name.split())].effect, digits)) for name in names]


# ------------------------------------------------------------------------------- which is trusted


def recovered(planted, leak, measure):
    """By raw and normalised similarity, each as printed and as released."""
    name, truth = measure.replace(" ", "_").lower(), OWN_TRUTH[measure]
    return [planted[leak, way, convention, name, truth] for way, convention in WAYS]


@pytest.mark.parametrize("measure", OWN_TRUTH)
def test_the_table_of_trust_has_what_was_recovered(planted, measure):
    text = (ROOT / "notebooks" / "15-conventions.md").read_text()
    (line,) = re.findall(rf"^\| {measure} \| (.*) \|$", text, flags=re.MULTILINE)
    truth, *shown, trusted = line.split(" | ")
    found = recovered(planted, 0, measure)
    assert truth == OWN_TRUTH[measure]
    assert [float(number) for number in shown] == [round(value, 2) for value in found]
    printed, released = found[::2], found[1::2]
    ahead = [b - a for a, b in zip(printed, released, strict=True)]
    expected = "as released" if min(ahead) > 0.05 else "as printed" if max(ahead) < -0.05 else ""
    assert trusted == (expected or "either")


def test_it_is_so_with_a_leak_as_well(planted):
    text = words("15-conventions")
    raw = recovered(planted, 0.1, "covariance")[:2]
    assert numbers(text, rf"leak a tenth it is the same, {NUMBER} against {NUMBER}") == [
        round(value, 2) for value in raw
    ]
    assert numbers(
        text, rf"a tenth it is {NUMBER} against {NUMBER} raw and {NUMBER} against {NUMBER} normal"
    ) == [round(value, 2) for value in recovered(planted, 0.1, "loss Hessian")]


def test_it_is_so_without_masks(scores):
    rows = scores.query("kind == 'emergent' and task == 'crossed' and measure == 'covariance'")
    found = truths.by_measure(rows, "regularizer").reset_index()
    printed = found[found["convention"] == "printed"]["recovery"]
    released = found.query("convention == 'released' and truth == 'source'")["recovery"]
    least, lowest, highest = numbers(
        words("15-conventions"),
        rf"no more than {NUMBER} of either truth, and released covariance {NUMBER} to {NUMBER} of",
    )
    assert least == round(printed.max(), 2)
    assert [lowest, highest] == [round(released.min(), 2), round(released.max(), 2)]


def test_without_masks_the_hessian_finds_little_of_the_heads_in_either_reading(scores):
    rows = scores.query("kind == 'emergent' and task == 'crossed' and truth == 'head'")
    rows = rows[rows["measure"] == "loss_hessian"]
    assert (truths.by_measure(rows, "regularizer") < 0.2).all()


# ------------------------------------------------------------------------------------- the answer


@pytest.fixture(scope="module")
def conclusions():
    return words("08-conclusions")


def test_each_side_finds_its_own_truth(conclusions, parts):
    assert numbers(
        conclusions,
        rf"input sensitivity recovers {NUMBER} of the first, and downstream methods recover "
        rf"{NUMBER} of the second as printed and {NUMBER} as released",
    ) == effects(parts, "truth-1 a printed", "truth-2 a printed", "truth-2 a released")
    assert all(abs(parts["truth-5", part, "released"].effect) < 0.4 for part in "ab")


def test_one_side_can_be_trained_without_the_other(conclusions, parts):
    up, down, other = numbers(
        conclusions,
        rf"covariance raises its \$Q\$ by {NUMBER}, one on output sensitivity raises its \$Q\$ by "
        rf"{NUMBER}, and each time the other side changes by less than {NUMBER}\.",
    )
    assert [up, down] == effects(parts, "dials-01 a released", "dials-02 a released")
    for claim in ("dials-01", "dials-02"):
        row = parts[claim, "b", "released"]
        assert -other < row.low <= row.high < other
    assert parts["dials-03", "a", "released"].met
    assert parts["dials-03", "b", "released"].met


def test_what_a_high_modularity_does_not_say_is_said_in_numbers(conclusions, parts):
    assert numbers(conclusions, rf"has a \$Q\$ only {NUMBER} above") == effects(
        parts, "chance-1 a released", digits=3
    )
    mean = numbers(conclusions, rf"ahead by {NUMBER} standard .* printed and {NUMBER} as released;")
    assert mean == effects(parts, "cause-2 a printed", "cause-2 a released", digits=1)
    assert all(parts["cause-2", "a", name].high < 0 for name in ("printed", "released"))
    zero = numbers(conclusions, rf"by zero, upstream modules by {NUMBER} and {NUMBER} \(")
    assert zero == effects(parts, "cause-7 b printed", "cause-7 b released", digits=1)
    assert all(parts["cause-7", "b", name].low > 0 for name in ("printed", "released"))
    assert numbers(conclusions, rf"less of the truth than before, by {NUMBER}") == effects(
        parts, "dials-11 a released"
    )


def test_of_what_trained_modules_are_good_for_one_question_is_answered_yes(parts):
    answered = {
        claim: all(row.met for key, row in parts.items() if (key[0], key[2]) == (claim, "released"))
        for claim in ("dials-09", "dials-10", "dials-11", "dials-12")
    }
    assert [claim for claim, yes in answered.items() if yes] == ["dials-09"]
