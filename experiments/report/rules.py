"""The rules that decide the claims of the paper: the numbers of each, for every draw of seeds.

``book/hypotheses`` gives them in words, and :data:`experiments.report.claims.CLAIMS` where they
must lie.
"""

import numpy as np
from scipy.stats import rankdata

from experiments.report.readings import DISTINCT_MEASURES, PAIRS, Lacking, Reading
from modlib.similarity.measures import METHODS, UPSTREAM

Numbers = tuple[np.ndarray, ...]
"""One array ``[draws]`` for each part of a claim."""

UP = np.array([measure in UPSTREAM for measure, _ in METHODS])
RAW = np.array([not normalized for _, normalized in METHODS])
_N_UP = np.array([(a[0] in UPSTREAM) + (b[0] in UPSTREAM) for a, b in PAIRS])
WITHIN_UP, BETWEEN, WITHIN_DOWN = _N_UP == 2, _N_UP == 1, _N_UP == 0
SAME_MEASURE = np.array([a[0] == b[0] for a, b in PAIRS])
SAME_RULE = np.array([a[1] == b[1] for a, b in PAIRS])
RAW_DOWNSTREAM = np.array([not b[1] for _, b in PAIRS])  # b is downstream in pairs between
TIE = 1e-9  # of Q


# --------------------------------------------------------------------------------- what is common


def change(curve: np.ndarray) -> np.ndarray:
    """Strongest minus weakest setting: of ``[draws, settings, ...]`` the settings are gone."""
    return curve[:, -1] - curve[:, 0]


def rise(curve: np.ndarray) -> np.ndarray:
    """Highest of all settings minus the weakest setting; never negative."""
    return curve.max(axis=1) - curve[:, 0]


def rank_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's correlation along the last axis; NaN where either does not vary."""
    one, other = (rankdata(values, axis=-1) for values in (one, other))
    one = one - one.mean(axis=-1, keepdims=True)
    other = other - other.mean(axis=-1, keepdims=True)
    scale = np.sqrt((one**2).sum(axis=-1) * (other**2).sum(axis=-1))
    return _ratio((one * other).sum(axis=-1), scale)


def _ratio(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return one / other


def _by_family(change_of_methods: np.ndarray, chosen: np.ndarray | bool = True) -> np.ndarray:
    """Upstream minus downstream, among the methods chosen."""
    upstream = change_of_methods[:, UP & chosen].mean(axis=1)
    return upstream - change_of_methods[:, ~UP & chosen].mean(axis=1)


def _blocks(agreement: np.ndarray) -> Numbers:
    """Mean of ``[draws, ..., pairs]`` within upstream, within downstream, and between."""
    return tuple(agreement[..., block].mean(axis=-1) for block in (WITHIN_UP, WITHIN_DOWN, BETWEEN))


def _distinction(agreement: np.ndarray) -> np.ndarray:
    upstream, downstream, between = _blocks(agreement)
    return (upstream + downstream) / 2 - between


# ------------------------------------------------------------------------------ one rule per claim


def modularity_rises(reading: Reading, regularizer: str) -> Numbers:
    """Claims 1 and 5."""
    methods = reading.curve(regularizer, reading.q.mean(axis=1))
    curve = methods.mean(axis=2)
    trend = rank_correlation(np.arange(curve.shape[1])[None], curve)
    return change(curve), trend, (change(methods) > 0).sum(axis=1)


def dropout_has_the_largest_effect(reading: Reading) -> Numbers:
    """Claim 2."""
    methods = reading.q.mean(axis=1)
    dropout, l2, l1 = (rise(reading.curve(name, methods)) for name in ("dropout", "l2", "l1"))
    is_largest = (dropout > l2) & (dropout > l1)
    rises = {
        name: rise(reading.curve(name, methods.mean(axis=1))) for name in ("dropout", "l2", "l1")
    }
    return (
        rises["dropout"] - np.maximum(rises["l2"], rises["l1"]),
        rises["dropout"] - np.minimum(rises["l2"], rises["l1"]),
        is_largest.sum(axis=1),
    )


def dropout_acts_upstream(reading: Reading) -> Numbers:
    """Claim 3."""
    methods = change(reading.curve("dropout", reading.q.mean(axis=1)))
    return _by_family(methods), _by_family(methods, RAW), _by_family(methods, ~RAW)


def dropout_acts_early(reading: Reading) -> Numbers:
    """Claim 4."""
    if reading.q.shape[1] < 2:
        raise Lacking("two hidden layers")
    layers = change(reading.curve("dropout", reading.q))
    methods = layers[:, 0] - layers[:, 1]
    return methods.mean(axis=1), methods[:, UP].mean(axis=1), methods[:, ~UP].mean(axis=1)


def l1_is_weak(reading: Reading) -> Numbers:
    """Claim 6."""
    q = reading.q.mean(axis=(1, 2))
    dropout, l2, l1 = (rise(reading.curve(name, q)) for name in ("dropout", "l2", "l1"))
    sparsity = reading.networks["sparsity"].to_numpy()
    sparsest = {name: reading.curve(name, sparsity).max(axis=1) for name in ("l1", "l2")}
    return _ratio(l1, dropout), _ratio(l1, l2), _ratio(sparsest["l1"], sparsest["l2"])


def dropout_keeps_the_number_of_clusters(reading: Reading) -> Numbers:
    """Claim 7."""
    methods = reading.curve("dropout", reading.effective.mean(axis=1))
    curve = methods.mean(axis=2)
    farthest = np.abs(curve - curve[:, :1]).max(axis=1)
    return change(curve), farthest, (np.abs(change(methods)) < 1).sum(axis=1)


def clusters_are_few_as_before_training(reading: Reading) -> Numbers:
    """Claim 8."""
    is_untrained = (reading.networks["regularizer"] == "untrained").to_numpy()
    if is_untrained.sum() < 2:
        raise Lacking("two untrained networks")
    clusters = reading.effective
    before = clusters[is_untrained]
    in_band = np.abs(clusters - before.mean(axis=0)) <= 3 * before.std(axis=0, ddof=1)
    is_few = (np.round(clusters) >= 2) & (np.round(clusters) <= 6)
    mean = clusters.mean(axis=(1, 2))
    return (
        reading.trained(is_few.mean(axis=(1, 2))),
        reading.trained(in_band.mean(axis=(1, 2))),
        reading.trained(mean) - reading.untrained(mean),
    )


def families_agree_within(reading: Reading) -> Numbers:
    """Claim 9."""
    agreement = reading.trained(reading.agreement)
    upstream, downstream, between = _blocks(agreement)
    return _distinction(agreement), upstream - between, downstream - between


def normalisation_matters_little(reading: Reading) -> Numbers:
    """Claim 10."""
    agreement = reading.trained(reading.agreement)
    normalisation = agreement[:, SAME_MEASURE].mean(axis=1)
    _, _, between = _blocks(agreement)
    ceiling = reading.trained(reading.ceiling.mean(axis=(1, 2)))
    return (
        _measure_beyond_normalisation(agreement, WITHIN_UP),
        _measure_beyond_normalisation(agreement, WITHIN_DOWN),
        (normalisation - between) - (ceiling - normalisation),
    )


def _measure_beyond_normalisation(agreement: np.ndarray, block: np.ndarray) -> np.ndarray:
    """By how much more another measure changes the clusters than normalising does."""
    same = agreement[:, block & SAME_MEASURE].mean(axis=1)
    return same - agreement[:, block & ~SAME_MEASURE].mean(axis=1)


def moments_and_gradients_differ_moderately(reading: Reading) -> Numbers:
    """Claim 11."""
    agreement = reading.trained(reading.agreement)
    _, _, between = _blocks(agreement)
    return (
        _measure_beyond_normalisation(agreement, WITHIN_UP | WITHIN_DOWN),
        agreement[:, WITHIN_UP & ~SAME_MEASURE].mean(axis=1) - between,
        agreement[:, WITHIN_DOWN & ~SAME_MEASURE].mean(axis=1) - between,
    )


def training_makes_upstream_agree(reading: Reading) -> Numbers:
    """Claim 12."""
    upstream, downstream, between = _blocks(reading.trained(reading.agreement))
    upstream_0, downstream_0, between_0 = _blocks(reading.untrained(reading.agreement))
    return (
        upstream - upstream_0,
        (upstream - between) / 2 - np.maximum(upstream_0 - between_0, 0),
        (downstream_0 - between_0) - np.maximum(downstream - between, 0) / 2,
    )


def training_attenuates(reading: Reading) -> Numbers:
    """Claim 13."""
    after, before = reading.trained(reading.agreement), reading.untrained(reading.agreement)
    return _blocks(after)[2] - _blocks(before)[2], _distinction(after) - _distinction(before)


def penalties_change_agreement(reading: Reading) -> Numbers:
    """Claim 14."""
    l2, l1 = (change(reading.curve(name, reading.agreement)) for name in ("l2", "l1"))
    raw = l1[:, BETWEEN & RAW_DOWNSTREAM].mean(axis=1)
    normalized = l1[:, BETWEEN & ~RAW_DOWNSTREAM].mean(axis=1)
    return (
        _dependence_on_normalisation(l2),
        _dependence_on_normalisation(l1),
        l2[:, WITHIN_UP].mean(axis=1),
        l1[:, WITHIN_UP].mean(axis=1),
        raw,
        raw - normalized,
    )


def _dependence_on_normalisation(agreement: np.ndarray) -> np.ndarray:
    """Agreement of downstream methods under one rule, minus that across rules."""
    one_rule = agreement[:, WITHIN_DOWN & SAME_RULE].mean(axis=1)
    return one_rule - agreement[:, WITHIN_DOWN & ~SAME_RULE].mean(axis=1)


def both_steps_help(reading: Reading) -> Numbers:
    """Claim 15."""
    gains = [reading.q - reading.of_modules(name) for name in ("q_spectral", "q_one_module")]
    reached = [gain >= -TIE for gain in gains]
    return tuple(reading.trained(values.mean(axis=(1, 2))) for values in (*gains, *reached))


def measures_tell_one_story(reading: Reading) -> Numbers:
    """Claim 16."""
    ranks = reading.trained(reading.agreement_ranks)
    element = DISTINCT_MEASURES.index("element")
    others = np.arange(len(DISTINCT_MEASURES)) != element
    correlation = rank_correlation(ranks[:, others], ranks[:, [element]])
    upstream, downstream, between = _blocks(ranks)
    same_signs = [
        (block > between)[:, others] == (block > between)[:, [element]]
        for block in (upstream, downstream)
    ]
    return (
        correlation.min(axis=1),
        np.median(correlation, axis=1),
        np.logical_and(*same_signs).mean(axis=1),
    )
