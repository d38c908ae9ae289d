"""The numbers behind the claims, in one reading of the results, for every draw of seeds."""

from collections.abc import Sequence
from functools import cached_property
from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from experiments.regularizers import UNTRAINED
from experiments.report.bootstrap import draw_counts
from experiments.report.frames import Results, kept
from modlib.comparison import AGREEMENT_MEASURES
from modlib.modularity import effective_number
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS

SEARCHES = ("paper", "best")
READINGS = tuple(product(CONVENTIONS, SEARCHES))
"""Each convention with each search; the first is the paper's own."""
PAIRS = tuple(combinations(METHODS, 2))
"""The 28 pairs of methods, as they are listed in the table of agreement."""
N_DRAWS = 4000
N_SETTINGS = 3  # at least: two points make no curve
ON_ANOTHER_SCALE = {
    "jaccard": ("f", "czekanowski", "dice", "sorensen", "southwood"),
    "rand": ("rogers_tanimoto",),
    "purity": ("classification_error",),
}
"""Measures of agreement that put assignments in the same order as the one before the colon."""
DISTINCT_MEASURES = tuple(
    name for name in AGREEMENT_MEASURES if name not in sum(ON_ANOTHER_SCALE.values(), ())
)


class Lacking(Exception):
    """The results lack what is needed; the message names it."""


class Reading:
    """Results in one convention and with the assignments of one search.

    Arrays of numbers begin with the axis of ``networks``: the kept ones, trained or not. Means
    begin with the axis of draws, whose first entry is the mean itself. A draw takes seeds with
    replacement, trained networks by one draw and untrained ones by another; draws that leave
    a setting without any network are left out.

    Parameters
    ----------
    results
        The tables of a sweep.
    convention
        ``"printed"`` or ``"released"``.
    search
        ``"paper"`` or ``"best"``.
    seed, n_draws
        Of the draws.
    """

    def __init__(
        self, results: Results, convention: str, search: str, seed: int = 0, n_draws: int = N_DRAWS
    ) -> None:
        self.convention, self.search = convention, search
        self.networks = kept(results.networks).reset_index(drop=True)
        self._results = results
        self._is_trained = (self.networks["regularizer"] != UNTRAINED).to_numpy()
        self._settings = _members(results.networks, self.networks)
        weights = self._draw(n_draws, seed)
        whole = [weights[:, members].any(axis=1) for members in self._settings.values()]
        self._weights = weights[np.all(whole, axis=0)] if whole else weights

    def _draw(self, n_draws: int, seed: int) -> np.ndarray:
        weights = np.ones((1 + n_draws, len(self.networks)))
        for group, members in enumerate((self._is_trained, ~self._is_trained)):
            names, unit = np.unique(self.networks["seed"][members], return_inverse=True)
            if len(names):
                # Two streams: the draws of one kind of networks do not depend on the other.
                weights[:, members] = draw_counts(len(names), n_draws, 2 * seed + group)[:, unit]
        return weights

    def n_seeds(self, *, untrained: bool) -> int:
        """Count the seeds of trained networks; or of whichever kind has fewer, if both count."""
        seeds = self.networks["seed"]
        groups = [self._is_trained, ~self._is_trained] if untrained else [self._is_trained]
        n_seeds = min(seeds[members].nunique() for members in groups)
        if n_seeds < 2:
            raise Lacking("two seeds of trained" + " and of untrained" * untrained + " networks")
        return n_seeds

    def curve(self, regularizer: str, values: np.ndarray) -> np.ndarray:
        """Mean of each setting that takes part, by rising strength, ``[draws, settings, ...]``."""
        settings = [m for (name, _), m in self._settings.items() if name == regularizer]
        if len(settings) < N_SETTINGS:
            raise Lacking(f"{N_SETTINGS} settings of {regularizer}, with most networks kept")
        return np.stack([self._mean(members, values) for members in settings], axis=1)

    def trained(self, values: np.ndarray) -> np.ndarray:
        """Mean over all trained networks, ``[draws, ...]``."""
        return self._mean(np.flatnonzero(self._is_trained), values)

    def untrained(self, values: np.ndarray) -> np.ndarray:
        """Mean over all untrained networks, ``[draws, ...]``."""
        return self._mean(np.flatnonzero(~self._is_trained), values)

    def _mean(self, members: np.ndarray, values: np.ndarray) -> np.ndarray:
        weights = self._weights[:, members]
        shares = weights / weights.sum(axis=1, keepdims=True)
        return np.tensordot(shares, values[members], axes=1)

    @cached_property
    def q(self) -> np.ndarray:
        """Modularity, ``[networks, layers, methods]``."""
        return self.of_modules("q" if self.search == "paper" else "q_best")

    @cached_property
    def effective(self) -> np.ndarray:
        """Effective number of clusters, ``[networks, layers, methods]``."""
        if self.search == "paper":
            return self.of_modules("effective")
        labels = self._modules["labels_best"]
        if labels.isna().any():
            raise Lacking("the best assignments of every network")
        return self._shaped(labels.map(effective_number), len(METHODS))

    @cached_property
    def ceiling(self) -> np.ndarray:
        """Agreement of two runs of the search, ``[networks, layers, methods]``."""
        retest = self.of_modules("retest")
        return retest if self.search == "paper" else np.ones_like(retest)

    @cached_property
    def agreement(self) -> np.ndarray:
        """Element-centric similarity of each pair of methods, ``[networks, pairs]``."""
        return self._of_pairs("element" if self.search == "paper" else "element_best").mean(axis=1)

    @cached_property
    def agreement_ranks(self) -> np.ndarray:
        """Rank of agreement by each of ``DISTINCT_MEASURES``, ``[networks, measures, pairs]``.

        The highest rank means the closest agreement. Ranks are among trained networks; those of
        untrained ones are left at zero.
        """
        ranks = np.zeros((len(self.networks), len(DISTINCT_MEASURES), len(PAIRS)))
        for place, name in enumerate(DISTINCT_MEASURES):
            values = self._of_pairs(name)[self._is_trained]
            if not AGREEMENT_MEASURES[name].closer_is_higher:
                values = -values
            ranks[self._is_trained, place] = rankdata(values).reshape(values.shape).mean(axis=1)
        return ranks

    def of_modules(self, column: str) -> np.ndarray:
        """Any column of numbers of the table of modules, ``[networks, layers, methods]``."""
        return self._shaped(self._modules[column], len(METHODS))

    def _of_pairs(self, column: str) -> np.ndarray:
        return self._shaped(self._agreement[column], len(PAIRS))

    @cached_property
    def _modules(self) -> pd.DataFrame:
        return self._ordered(self._results.modules, ["measure", "normalized"], METHODS)

    @cached_property
    def _agreement(self) -> pd.DataFrame:
        keys = ["measure_a", "normalized_a", "measure_b", "normalized_b"]
        return self._ordered(self._results.agreement, keys, [(*a, *b) for a, b in PAIRS])

    def _ordered(
        self, frame: pd.DataFrame, keys: list[str], order: Sequence[tuple[str | bool, ...]]
    ) -> pd.DataFrame:
        """Rows of the convention by network, then layer, then in the order given; none left out."""
        frame = frame[frame["convention"] == self.convention]
        places = product(self.networks["network"], sorted(frame["layer"].unique()), order)
        rows = [(network, layer, *key) for network, layer, key in places]
        names = ["network", "layer", *keys]
        if not rows:
            raise Lacking(f"networks in the convention {self.convention!r}")
        return frame.set_index(names).reindex(pd.MultiIndex.from_tuples(rows, names=names))

    def _shaped(self, column: pd.Series, n_last: int) -> np.ndarray:
        values = column.to_numpy(float)
        if np.isnan(values).any():
            raise Lacking(f"{column.name} of every network")
        return values.reshape(len(self.networks), -1, n_last)


def _members(every: pd.DataFrame, remaining: pd.DataFrame) -> dict[tuple[str, float], np.ndarray]:
    """The settings that take part, by strength: where their networks are among the remaining."""
    names = ["regularizer", "strength"]
    share = every.groupby(names)["kept"].mean()
    places = remaining.groupby(names).indices
    return {name: places[name] for name in share[share > 0.5].index}
