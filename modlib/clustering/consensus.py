"""How certain modules are: what other seeds, and partitions that are nearly as good, leave open."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules, by_falling_size
from modlib.clustering.near import draw_near
from modlib.extras import need
from modlib.modularity import read_objective
from modlib.origin import Origin
from modlib.validation import check_seed, check_whole, is_iterable, is_number, is_whole

DRAWS = 20  # of near-optimal partitions, for each seed
MOST = 10**6  # seeds, and draws for each: all partitions are kept


@dataclass(frozen=True, eq=False)
class Consensus(Origin):
    """How often two units share a module over many partitions; NumPy takes it as the shares."""

    shares: np.ndarray
    """Float64 of shape ``[units, units]``: in which share of the partitions two units are in one
    module. It is 0 for an unused unit, which is in none, and 1 for each other with itself."""
    labels: np.ndarray
    """Int64 of shape ``[partitions, units]``: -1 for unused units, else 0, 1, ... by size."""
    q: np.ndarray
    """Modularity of each partition, float64 of shape ``[partitions]``."""
    seeds: np.ndarray
    """The seed that each partition comes from, int64 of shape ``[partitions]``, in order."""
    modules: Modules = field(repr=False)
    """The median partition: two units that more often share a module than not attract each other
    in it, others repel; see :func:`consensus`. Its ``q`` is that of the similarity."""
    certainty: np.ndarray
    """Float64 of shape ``[units]``: in which share of the partitions the module of a unit is still
    that of ``modules``, by more than half of all that is in either; NaN for unused units. A unit
    that shares a module with no other more often than not is alone in ``modules``, and it is
    certain only if it mostly is alone in the partitions, too."""

    def _plain(self) -> np.ndarray:
        return self.shares

    @cached_property
    def standard_error(self) -> np.ndarray:
        """Of the shares, of the same shape, from how they differ between seeds; NaN for one seed.

        Where it is large, too few seeds or draws were taken, or partitions lie in regions that the
        walks do not reach from one another.
        """
        seeds = np.unique(self.seeds)
        if len(seeds) < 2:
            return np.full_like(self.shares, np.nan)
        squares = np.zeros_like(self.shares)
        for seed in seeds:
            squares += (shares_of(self.labels[self.seeds == seed]) - self.shares) ** 2
        return np.sqrt(squares / (len(seeds) * (len(seeds) - 1)))

    def to_frame(self) -> Any:
        """Return a pandas frame with a row for each unit: ``unit``, ``module``, ``certainty``.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        pandas = need("pandas", "to_frame")
        columns = {"module": self.modules.labels, "certainty": self.certainty}
        return pandas.DataFrame({"unit": list(self.units), **columns})


def consensus(
    similarity: Any,
    seeds: Any = 20,
    *,
    search: str = "best",
    within: float | None = 0.01,
    draws: int = DRAWS,
    null: Any = "configuration",
    resolution: float = 1.0,
    signed: bool = False,
    **options: Any,
) -> Consensus:
    r"""Find how often two units share a module, over seeds and nearly optimal partitions.

    The highest modularity may be reached, or nearly so, by very many partitions that differ a
    lot (Good, de Montjoye & Clauset 2010). What all of them share is certain; the rest is not.

    With ``within=None`` the partitions are what one search for each seed finds, good or bad: how
    much the outcome depends on the seed. With a number they are drawn from all the partitions
    whose Q is within this share of the best: how much modularity itself leaves open. Each of
    these is as likely as any other. To draw them, a walk takes one unit after another, at random,
    and puts it, with equal chances, into any module, a new one included, with which Q stays above
    the bar. Since the bar may fence off a region from others, 23 more walks with lower and lower
    bars, the last with none, go with it, and two neighbours change places whenever both stay above
    their bars (replica exchange). For each seed, such walks begin where its search has ended, or at
    the best that any has found if that was below the bar. If a better one is drawn, the bar is
    raised and all is drawn anew. The same partition may be drawn more than once, and all that are
    drawn weigh the same. How exact the shares are, :attr:`Consensus.standard_error` tells.

    The modules of the consensus are clustered from the shares (Lancichinetti & Fortunato 2012),
    but against one half, not against chance: they maximise :math:`\sum (D_{ij} - 1/2)` over pairs
    in one module, with the shares D. This is the *median partition* (Régnier 1965; Binder 1978),
    which disagrees least with the drawn ones, counted in pairs that one puts together and the
    other apart. A null model of D, such as its mean, would favour modules of similar number and
    size (Jeub, Sporns & Fortunato 2018 compare several), and part units that are nearly always
    together wherever most are. If pairs share a module in exactly half of the partitions, several
    medians may tie, and the seed decides.

    Parameters
    ----------
    similarity
        As for :func:`modlib.clustering.find.find_modules`; the names of units are kept. The shares
        are dense, ``[units, units]``, even if it is sparse, and so are the walks.
    seeds
        How many searches there are, with the seeds 0, 1, ...; or the seeds, each another. What is
        random is drawn from them alone: same seeds, same result. A number is at most ``MOST`` (one
        million), as is that of ``draws``.
    search
        ``"best"`` or ``"paper"``; see :func:`modlib.clustering.find.find_modules`.
    within
        By how much the Q of a partition may be below the best, as a share of the best, from 0 (it
        ties) to 1; or None, for one partition per seed.
    draws
        How many nearly optimal partitions to draw for each seed.
    null, resolution, signed
        Of Q; see :func:`modlib.clustering.find.find_modules`.
    **options
        Of the search, such as ``restarts``; see :func:`modlib.clustering.find.find_modules`.

    Raises
    ------
    ValueError
        If the similarity is refused by :func:`modlib.clustering.find.find_modules`, or an option
        is outside its range; the message names it.
    """
    if "seed" in options:
        raise ValueError(f"seed must be left out: pass seeds. Got {options['seed']!r}.")
    seeds = _check_seeds(seeds)
    _check_options(within, draws)
    how = {"null": null, "resolution": resolution, "signed": signed}
    searches = [find_modules(similarity, search=search, seed=s, **how, **options) for s in seeds]
    first = searches[0]
    objective, _ = read_objective(first.adjacency, resolution, null, signed)
    labels = np.array([modules.labels for modules in searches])
    of_seeds = np.array(seeds)
    if within is not None and len(objective.used):
        labels = draw_near(objective, labels, seeds, float(within), int(draws))
        of_seeds = np.repeat(of_seeds, draws)
    shares = shares_of(labels)
    median = by_falling_size(median_of(shares, objective.used, seeds[0]))
    return Consensus(
        shares,
        labels,
        np.array([objective.q(partition) for partition in labels]),
        of_seeds,
        Modules(median, objective.q(median), adjacency=first.adjacency, **first.known),
        certainty_of(labels, median),
        **first.known,
    )


def _check_seeds(seeds: Any) -> list[int]:
    if is_whole(seeds):
        if seeds < 1:
            raise ValueError(f"seeds must be at least one. Got {seeds!r}.")
        return list(range(check_whole("seeds", seeds, most=MOST)))
    if not is_iterable(seeds):
        raise ValueError(f"seeds must be a number of seeds, or a list of them. Got {seeds!r}.")
    listed = list(seeds)
    for seed in listed:
        if not is_whole(seed) or not 0 <= seed <= np.iinfo(np.int64).max:
            raise ValueError(f"seeds must be whole numbers, 0 or more. Got {seed!r}.")
    if not listed or len(set(listed)) < len(listed):
        raise ValueError(
            f"seeds must be at least one, each another. Got {listed}: a seed that comes twice "
            "tells nothing new."
        )
    return [check_seed(seed) for seed in listed]


def _check_options(within: Any, draws: Any) -> None:
    if within is not None and (not is_number(within) or not 0 <= within <= 1):
        raise ValueError(
            "within must be a number from 0 to 1, a share of the best Q, or None for the searches "
            f"alone. Got {within!r}."
        )
    check_whole("draws", draws, 1, MOST)


def shares_of(labels: np.ndarray) -> np.ndarray:
    """Compute how often two units share a module, ``[units, units]``.

    Parameters
    ----------
    labels
        Of shape ``[partitions, units]``, -1 for units in no module.
    """
    counts = np.zeros((labels.shape[1],) * 2)
    for partition in labels:
        counts += partition[:, None] == np.where(partition < 0, -2, partition)
    return counts / len(labels)


def median_of(shares: np.ndarray, used: np.ndarray, seed: int) -> np.ndarray:
    """Find the partition that disagrees least with those that the shares come from.

    It has the highest sum of ``shares - 1/2`` over pairs in one module that our search can find.

    Parameters
    ----------
    shares
        As :func:`shares_of` returns them.
    used
        Which units are in modules, in order.
    seed
        Of the search.

    Returns
    -------
    numpy.ndarray
        Int64 of shape ``[units]``: -1 for units that are not used.
    """
    together = shares - np.diag(np.diagonal(shares))
    labels = np.full(len(shares), -1)
    labels[used] = len(shares) + used  # alone, unless they ever share a module
    linked = together.any(axis=1)
    n_linked = int(linked.sum())
    if n_linked:
        mean = together.sum() / (n_linked * (n_linked - 1))
        half = 0.5 / mean  # weight of a null that is the mean, so that it becomes one half
        found = find_modules(together, search="best", null="uniform", resolution=half, seed=seed)
        labels[linked] = found.labels[linked]
    return labels


def certainty_of(labels: np.ndarray, modules: np.ndarray) -> np.ndarray:
    """Compute how often the module of a unit is still there, float64 ``[units]``.

    Two modules count as the same if what they share is more than half of what is in either of
    them; so no module counts as the same as two others (Hennig 2007).

    Parameters
    ----------
    labels
        Of shape ``[partitions, units]``, -1 for units in no module, as in ``modules``.
    modules
        The modules that are asked for, of shape ``[units]``.
    """
    certainty = np.full(len(modules), np.nan)
    used = np.flatnonzero(modules >= 0)
    if not len(used):
        return certainty
    ours = modules[used]
    kept = np.zeros(len(used))
    for theirs in labels[:, used]:
        pairs = ours * (theirs.max() + 1) + theirs
        both, one, other = (np.bincount(names)[names] for names in (pairs, ours, theirs))
        kept += 2 * both > one + other - both
    certainty[used] = kept / len(labels)
    return certainty
