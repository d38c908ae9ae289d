"""What a proof rests on, kept while it is made: a tree of cases, and lemmas that settle them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from modlib.optimality.lemma import Costs, Lemma, narrow
from modlib.optimality.relaxation import WIDTH
from modlib.optimality.storage import small

PRECISIONS = (8, 10, 12, 14, 16, 18, 21, 24, 28, 34)  # bits of a multiplier, of the largest cost
WORSE = 1e-3  # share of the gap by which rounding may raise a bound that stays open
Step = tuple[np.ndarray, np.ndarray]
"""Cuts ``[cuts, WIDTH]`` and their multipliers ``[cuts]``."""


class State(NamedTuple):
    """What is left of a case: ranges ``[units, units]`` and a bound on Q, None if nothing is."""

    low: np.ndarray
    high: np.ndarray
    bound: int | None


@dataclass
class Case:
    """All assignments in which a pair is together, or apart, within another case."""

    parent: int
    pair: tuple[int, int]
    together: bool
    lemmas: list[Lemma] = field(default_factory=list)


class Record:
    """The tree of cases of a proof: the first is all there is; each has two parts or none."""

    def __init__(self, matrix: np.ndarray) -> None:
        n = len(matrix)
        self.costs = Costs(matrix)
        self.cases = [Case(-1, (0, 0), False)]
        no_cuts = np.zeros((0, WIDTH), np.int16), np.zeros(0, np.int64)
        self.trivial = Lemma(*no_cuts, 0, self.costs.constant, self.costs.pairs)
        self.all = State(np.zeros((n, n), np.int8), 1 - np.eye(n, dtype=np.int8), None)

    def add(self, parent: int, pair: tuple[int, int], together: bool) -> int:
        """Add a case and return its number."""
        self.cases.append(Case(parent, pair, together))
        return len(self.cases) - 1

    def settle(
        self, number: int, start: State, steps: Sequence[Step], aim: State, goal: int
    ) -> State:
        """Keep as few lemmas as reach what the steps of a case have reached; return what they do.

        ``start`` is what was known of the case before, ``aim`` what the solver says is left of it.
        """
        case = self.cases[number]
        above = self.cases[case.parent].lemmas if number else []
        trial = _Trial(self.costs, [self.trivial, *above], start, aim, goal)
        for n_last in _growing(len(steps)):
            last = list(steps[len(steps) - n_last :])
            if trial.serves(last, PRECISIONS[-1]):
                last = trial.without_idle(last)
                serving = (p for p in PRECISIONS if trial.serves(last, p))
                case.lemmas = trial.lemmas(last, next(serving))
                return trial.state(case.lemmas)
        case.lemmas = trial.lemmas(steps, self.costs.bits)
        return trial.state(case.lemmas)

    def needed(self, goal: int) -> Iterator[int]:
        """Go through the cases once more, by what is known at the end; pass by what is closed."""
        parts: list[list[int]] = [[] for _ in self.cases]
        for number, case in enumerate(self.cases[1:], 1):
            parts[case.parent].append(number)
        waiting = [(0, self.all, [self.trivial])]
        while waiting:
            number, start, lemmas = waiting.pop()
            yield number
            lemmas = lemmas + self.cases[number].lemmas
            state = after(lemmas, start, goal)
            if state.bound is not None:
                waiting += [(p, within(state, self.cases[p]), lemmas) for p in parts[number]]

    def arrays(self, goal: float, units: np.ndarray) -> dict[str, np.ndarray]:
        """The tree as arrays; ``units`` are the numbers that its units have outside."""
        order = sorted(self.needed(self.costs.floor(goal)))
        place = {number: position for position, number in enumerate(order)}
        cases = [self.cases[number] for number in order]
        lemmas = [lemma for case in cases for lemma in case.lemmas]
        cuts, steps, multipliers = _shared(lemmas)
        pairs = np.array([case.pair for case in cases[1:]], np.int64).reshape(-1, 2)
        found = {
            "bits": self.costs.bits,
            "cuts": np.sign(cuts) * np.concatenate([[0], units + 1])[np.abs(cuts)],
            "case_parent": [place[case.parent] for case in cases[1:]],
            "case_pair": units[pairs],
            "case_together": [case.together for case in cases[1:]],
            "lemma_case": [place_of for place_of, case in enumerate(cases) for _ in case.lemmas],
            "lemma_size": [len(lemma.cuts) for lemma in lemmas],
            "lemma_precision": [lemma.precision for lemma in lemmas],
            "cut_step": steps,
            "multipliers": multipliers,
        }
        arrays = {name: small(np.asarray(values)) for name, values in found.items()}
        return arrays | {"case_together": arrays["case_together"].astype(bool)}


class _Trial(NamedTuple):
    """What would have to be reached, and from where."""

    costs: Costs
    known: list[Lemma]
    start: State
    aim: State
    goal: int

    def lemmas(self, steps: Sequence[Step], precision: int) -> list[Lemma]:
        """Sum up the cuts of each step, with so many bits for a multiplier of the largest cost."""
        found = [self.costs.lemma(*step, precision) for step in steps]
        return [lemma for lemma in found if lemma is not None and len(lemma.cuts)]

    def state(self, lemmas: list[Lemma]) -> State:
        """What these lemmas leave, with those that are known."""
        return after(self.known + lemmas, self.start, self.goal)

    def serves(self, steps: Sequence[Step], precision: int) -> bool:
        """Whether they leave no more than the solver says is left."""
        state, aim = self.state(self.lemmas(steps, precision)), self.aim
        if state.bound is None or aim.bound is None:
            return state.bound is None
        return bool(
            state.bound <= aim.bound + WORSE * (aim.bound - self.goal)
            and (state.low >= aim.low).all()
            and (state.high <= aim.high).all()
        )

    def without_idle(self, steps: list[Step]) -> list[Step]:
        """Leave out the steps without which the others serve as well."""
        for place in range(len(steps) - 2, -1, -1):
            fewer = steps[:place] + steps[place + 1 :]
            if self.serves(fewer, PRECISIONS[-1]):
                steps = fewer
        return steps


def within(state: State, case: Case) -> State:
    """The part of a state in which the pair of a case is as it is there."""
    low, high = state.low.copy(), state.high.copy()
    i, j = case.pair
    ranges = low if case.together else high
    ranges[i, j] = ranges[j, i] = int(case.together)
    return State(low, high, state.bound)


def after(lemmas: list[Lemma], start: State, goal: int) -> State:
    """Return the state that follows by lemmas for assignments above the goal."""
    low, high = start.low.copy(), start.high.copy()
    bound = narrow(lemmas, low, high, goal)
    if bound is not None and start.bound is not None:
        bound = min(bound, start.bound)
    return State(low, high, bound)


def _growing(n_steps: int) -> list[int]:
    """How many of the last steps to try: none, one, two, and so on, soon in larger strides."""
    sizes, size = [], 0
    while size < n_steps:
        sizes.append(size)
        size += 1 + size // 3
    return [*sizes, n_steps]


def _shared(lemmas: list[Lemma]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different cuts of lemmas in order, one a column, and of which each lemma makes use.

    That is told by steps from one cut to the next, for each lemma from before the first; with them
    go the multipliers. So it takes the least room.
    """
    tables = [np.sort(lemma.cuts, axis=1) for lemma in lemmas]
    cuts, places = np.unique(
        np.concatenate([*tables, np.zeros((0, WIDTH), np.int16)]), axis=0, return_inverse=True
    )
    ends = np.cumsum([len(table) for table in tables], dtype=np.int64)[:-1]
    steps, multipliers = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for lemma, place in zip(lemmas, np.split(places.ravel(), ends), strict=False):
        order = np.argsort(place)
        steps.append(np.diff(place[order], prepend=-1))
        multipliers.append(lemma.multipliers[order])
    return cuts.T, np.concatenate(steps), np.concatenate(multipliers)
