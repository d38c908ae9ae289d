"""What the modules of the paper's networks are worth: numbers, rules, and verdicts.

``book/hypotheses`` gives the rules in words. They are decided on seeds that the trials did not see.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, rankdata

from experiments.regularizers import UNTRAINED
from experiments.report.frames import Results
from experiments.report.ranks import correlation
from experiments.report.readings import N_DRAWS, Lacking, Reading
from experiments.report.rules import RAW, UP, Numbers, change, rise
from modlib.similarity.measures import MEASURES, METHODS

SEEDS = tuple(range(1, 9))
"""Of trained networks; trials saw seed 0."""
FIRST_UNTRAINED_SEED = 1
SIGNED_CONVENTION = "released"
"""Under which rows of signed similarity stand, whatever the convention of a reading."""
DISCOVERY_RATE = 0.05
WEAKEST_L2, DROPOUT = ("l2", 1e-5), ("dropout", 0.5)

OF = {measure: np.array([name == measure for name, _ in METHODS]) for measure in MEASURES}
FIRST, SECOND = 0, 1  # of layers
FACTORS = ("weights", "coactivity")


def of_seeds(results: Results, seeds: Sequence[int]) -> Results:
    """Return results with the networks that :func:`is_counted` alone."""
    networks = results.networks
    found = Results(results.folder)
    # In the place of what would be read when it is first asked for.
    vars(found)["networks"] = networks[is_counted(networks, seeds)].reset_index(drop=True)
    return found


def is_counted(frame: pd.DataFrame, seeds: Sequence[int] = SEEDS) -> np.ndarray:
    """Whether verdicts rest on each row: of some seeds, or of untrained networks but seed 0.

    Of untrained networks too only some count where fewer seeds are chosen than verdicts rest on.
    """
    is_chosen = frame["seed"].isin(seeds)
    if tuple(seeds) != SEEDS:
        return is_chosen.to_numpy()
    is_untrained = frame["regularizer"] == UNTRAINED
    return np.where(is_untrained, frame["seed"] >= FIRST_UNTRAINED_SEED, is_chosen)


class Worth(Reading):
    """The tables of chance and cause in one convention, for every draw of seeds.

    Parameters
    ----------
    results
        The tables of a sweep.
    convention
        ``"printed"`` or ``"released"``.
    seed, n_draws
        Of the draws.
    seeds
        Of the trained networks that count.
    """

    def __init__(
        self,
        results: Results,
        convention: str,
        seed: int = 0,
        n_draws: int = N_DRAWS,
        seeds: Sequence[int] = SEEDS,
    ) -> None:
        super().__init__(of_seeds(results, seeds), convention, "paper", seed, n_draws)
        self._results = results  # whose tables are read once for all readings

    # ------------------------------------------------------------------------------ the numbers

    def excess(self, null: str = "rotation") -> np.ndarray:
        """Q minus its mean under a null model, ``[networks, layers, methods]``."""
        frame = self._table("nulls")
        chosen = frame[frame["null"] == null]
        return self._of_methods(chosen.assign(excess=chosen["q"] - chosen["null_mean"]), "excess")

    def factor(self, column: str) -> np.ndarray:
        """A column of the factors of the first layer, ``[networks]``."""
        frame = self._table("factors")
        first = frame[frame["layer"] == 1].set_index("network")[column]
        return first.reindex(self.networks["network"]).to_numpy(float)

    def scores(self, *, signed: bool = False, ablation: str = "mean") -> np.ndarray:
        """Standard deviations of specificity above random, ``[networks, layers, methods]``."""
        return self._of_methods(score(self._lesions(signed, ablation)), "score", signed=signed)

    def significant(self) -> np.ndarray:
        """Whether assignments of trained networks are specific, ``[networks, layers, methods]``.

        At the rate of false discoveries, over all of them; those of untrained networks are none.
        """
        p = self._of_methods(self._lesions(False, "mean"), "p")
        found = np.zeros(p.shape, bool)
        trained = p[self._is_trained]
        adjusted = false_discovery_control(trained.ravel(), method="bh")
        found[self._is_trained] = (adjusted <= DISCOVERY_RATE).reshape(trained.shape)
        return found

    def synergy(self, column: str) -> np.ndarray:
        """A column of the table of synergy, ``[networks, layers, methods]``."""
        frame = self._table("synergy")
        return self._of_methods(frame[~frame["signed"]], column)

    def setting(self, name: tuple[str, float], values: np.ndarray) -> np.ndarray:
        """Mean over the networks of one setting, ``[draws, ...]``."""
        if name not in self._settings:
            raise Lacking(f"networks of {name[0]} of strength {name[1]:g}")
        return self._mean(self._settings[name], values)

    # ----------------------------------------------------------------------------- from frames

    def _table(self, name: str) -> pd.DataFrame:
        found = getattr(self._results, name)
        if found is None or not len(found):
            raise Lacking(f"the table {name}")
        return found

    def _lesions(self, signed: bool, ablation: str) -> pd.DataFrame:
        frame = self._table("lesions")
        return frame[(frame["signed"] == signed) & (frame["ablation"] == ablation)]

    def _of_methods(self, frame: pd.DataFrame, column: str, *, signed: bool = False) -> np.ndarray:
        if signed:
            frame = frame.assign(convention=self.convention)
        ordered = self._ordered(frame, ["measure", "normalized"], METHODS)
        return self._shaped(ordered[column], len(METHODS))


class ExcessReading(Worth):
    """A reading in which Q is excess over rotations: for the paper's claims about Q."""

    @cached_property
    def q(self) -> np.ndarray:
        """Excess, ``[networks, layers, methods]``."""
        return self.excess()


def score(lesions: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``score``: 0 where all random assignments are equally specific."""
    distance = lesions["specificity"] - lesions["null_mean"]
    spread = lesions["null_std"].where(lesions["null_std"] > 0)
    return lesions.assign(score=(distance / spread).fillna(0.0))


# --------------------------------------------------------------------------------------- the rules


def _mean(values: np.ndarray, methods: np.ndarray, layer: int | None = None) -> np.ndarray:
    """Average ``[..., layers, methods]`` over some methods, in one layer or in all."""
    chosen = values[..., methods]
    return (chosen if layer is None else chosen[..., [layer], :]).mean(axis=(-2, -1))


def weak_networks_are_as_rotations(worth: Worth) -> Numbers:
    """Rule chance-1."""
    excess = worth.setting(WEAKEST_L2, worth.excess())
    return tuple(
        _mean(excess, RAW & OF[measure]) for measure in ("covariance", "output_sensitivity")
    )


def dropout_makes_units_special(worth: Worth) -> Numbers:
    """Rule chance-2."""
    excess = worth.setting(DROPOUT, worth.excess())
    return tuple(
        _mean(excess, RAW & OF[measure], FIRST) for measure in ("covariance", "input_sensitivity")
    )


def the_lead_is_input_sensitivity(worth: Worth) -> Numbers:
    """Rule chance-3."""
    rising = change(worth.curve("dropout", worth.excess()))
    own = OF["input_sensitivity"]
    return _mean(rising, own), _mean(rising, ~own)


def downstream_is_no_matter_of_units(worth: Worth) -> Numbers:
    """Rule chance-4."""
    excess = worth.trained(worth.excess())
    downstream = _mean(excess, RAW & ~UP)
    return downstream, _mean(excess, RAW & UP) - downstream


def normalisation_binds_to_units(worth: Worth) -> Numbers:
    """Rule chance-5."""
    excess = worth.trained(worth.excess())
    return tuple(
        _mean(excess, ~RAW & side) - _mean(excess, RAW & side)
        for side in (np.ones_like(UP), UP, ~UP)
    )


def units_share_more_than_shuffled(worth: Worth) -> Numbers:
    """Rule chance-6."""
    excess = worth.trained(worth.excess("shuffle"))
    return _mean(excess, RAW & UP), _mean(excess, RAW & ~UP)


def dropout_makes_units_take_turns(worth: Worth) -> Numbers:
    """Rule why-1."""
    return tuple(
        change(worth.curve("dropout", worth.factor(name))) for name in ("q_coactivity", "activity")
    )


def l2_makes_weights_alike(worth: Worth) -> Numbers:
    """Rule why-2."""
    weights, coactivity = (worth.curve("l2", worth.factor(f"q_{name}")) for name in FACTORS)
    return rise(weights), change(coactivity)


def the_lead_is_the_turns(worth: Worth) -> Numbers:
    """Rule why-3."""
    weights, coactivity = (
        rise(worth.curve("dropout", values)) - rise(worth.curve("l2", values))
        for values in (worth.factor(f"q_{name}") for name in FACTORS)
    )
    return coactivity, weights


def upstream_modules_are_specific(worth: Worth) -> Numbers:
    """Rule cause-1."""
    scores, significant = worth.trained(worth.scores()), worth.trained(worth.significant())
    return _mean(scores, UP, FIRST), _mean(significant, UP, FIRST)


def _gap(scores: np.ndarray, layer: int | None = None) -> np.ndarray:
    return _mean(scores, UP, layer) - _mean(scores, ~UP, layer)


def upstream_is_more_specific(worth: Worth) -> Numbers:
    """Rule cause-2."""
    scores = worth.trained(worth.scores())
    return _gap(scores, FIRST), _gap(scores, SECOND)


def absolute_values_are_why(worth: Worth) -> Numbers:
    """Rule cause-3."""
    usual, signed = worth.trained(worth.scores()), worth.trained(worth.scores(signed=True))
    return _mean(signed, ~UP) - _mean(usual, ~UP), _gap(usual) / 2 - _gap(signed)


def training_makes_specific(worth: Worth) -> Numbers:
    """Rule cause-4."""
    trained, untrained = worth.trained(worth.scores()), worth.untrained(worth.scores())
    return tuple(_mean(trained, side) - _mean(untrained, side) for side in (UP, ~UP))


def similar_units_cover_for_each_other(worth: Worth) -> Numbers:
    """Rule cause-5."""
    correlation = worth.trained(worth.synergy("correlation"))
    return _mean(correlation, RAW & UP), _mean(correlation, RAW & ~UP)


def the_hessian_tells_synergy(worth: Worth) -> Numbers:
    """Rule cause-6."""
    correlation = worth.trained(worth.synergy("correlation_absolute"))
    by_measure = {measure: _mean(correlation, RAW & OF[measure]) for measure in MEASURES}
    hessian = by_measure.pop("loss_hessian")
    others = np.stack(list(by_measure.values()))
    return hessian - others.mean(axis=0), hessian - others.max(axis=0)


def zero_tells_the_same(worth: Worth) -> Numbers:
    """Rule cause-7."""
    by_zero, by_mean = worth.scores(ablation="zero"), worth.scores()
    trained = worth.trained(by_zero)
    return _weighted_rank_correlation(worth, by_zero, by_mean), _gap(trained, FIRST)


def _weighted_rank_correlation(worth: Worth, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's, over assignments of trained networks; ranks are drawn with their networks."""
    is_trained = (worth.networks["regularizer"] != UNTRAINED).to_numpy()
    ranks = []
    for values in (one, other):
        rank = np.zeros(values.shape)
        rank[is_trained] = rankdata(values[is_trained]).reshape(values[is_trained].shape)
        ranks.append(rank.reshape(len(rank), -1))
    first, second = ranks
    return correlation(first, second, lambda values: worth.trained(values).mean(axis=1))
