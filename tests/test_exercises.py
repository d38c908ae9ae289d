"""Every numbered chapter ends in exercises, each with its solution; and what solutions compute."""

import re
from fractions import Fraction

import numpy as np
import pytest
from test_terms import numbered_chapters

from experiments.report.chapters.chance import element_and_chance
from modlib.modularity import modularity, to_adjacency


def boxes(text: str) -> list[str]:
    """Which of the two each box is, in order."""
    return re.findall(r"^`{3,}\{admonition\} (Exercise|Solution)", text, re.MULTILINE)


@pytest.mark.parametrize("chapter", numbered_chapters(), ids=lambda path: path.stem)
def test_a_chapter_has_exercises_each_followed_by_its_solution(chapter):
    text = chapter.read_text()
    found = boxes(text)
    assert found
    assert found == ["Exercise", "Solution"] * (len(found) // 2)
    assert boxes(text.split("## Exercises")[1]) == found
    n_folded = len(re.findall(r"\} Solution\n:class: dropdown\n", text))
    assert n_folded == len(found) // 2


def test_truths_at_right_angles_agree_a_little_less_than_by_chance():
    source, head = np.repeat([0, 1], 16), np.tile([0, 1], 16)
    agreement, chance = element_and_chance(source, head)
    assert agreement == pytest.approx(float(Fraction(1, 2)))
    assert chance == pytest.approx(float(Fraction(16, 31)))
    assert (agreement - chance) / (1 - chance) == pytest.approx(-1 / 30)


@pytest.mark.parametrize(("between", "q"), [(0.0, Fraction(7, 8)), (1.0, Fraction(7, 40))])
def test_q_of_eight_equal_modules_is_what_the_solution_says(between, q):
    labels = np.repeat(np.arange(8), 200)
    similarity = np.where(labels[:, None] == labels, 3.0, between)
    # The missing diagonal takes less than 1/200 off what lies within modules.
    assert modularity(to_adjacency(similarity), labels) == pytest.approx(float(q), abs=2e-3)


def test_the_scale_from_chance_to_ceiling_is_what_the_solution_says():
    agreement, chance, ceiling = Fraction(30, 100), Fraction(25, 100), Fraction(80 + 90, 200)
    assert (agreement - chance) / (ceiling - chance) == Fraction(1, 12)
    assert (agreement - chance) / (1 - chance) == Fraction(1, 15)
