"""Results of a sweep that never ran: every number is what a test says it is."""

from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pandas as pd

from modlib.comparison import AGREEMENT_MEASURES
from modlib.similarity.measures import METHODS, UPSTREAM

STRENGTHS = {"l2": (1, 2, 3, 4), "l1": (1, 2, 3, 4), "dropout": (1, 2, 3, 4), "untrained": (0,)}
N_SEEDS = {"l2": 4, "l1": 4, "dropout": 4, "untrained": 6}
NOISE = 1e-3  # what one seed has more than the last, in every number
LAYERS, CONVENTIONS = (1, 2), ("printed", "released")


def look(measure):
    return "up" if measure in UPSTREAM else "down"


def world(
    q=lambda net, layer, measure, normalized: 0.2,
    spectral=lambda q: q - 0.05,
    one_module=lambda q: q - 0.02,
    n=lambda net, layer, measure, normalized: 4,
    element=lambda net, a, b: 0.5,
    retest=0.9,
    sparsity=lambda net: 0.5,
    is_kept=lambda net: True,
    others=lambda name, element: element,
    noise=NOISE,
):
    """Make results of functions of a network and a place.

    A network ``net`` has a ``regularizer``, a ``strength``, a ``seed``, and a ``level`` from 0,
    the weakest strength of its regulariser, to 1, the strongest.
    """
    nets = [
        SimpleNamespace(
            name=f"{regularizer}-{strength}-{seed}", regularizer=regularizer, seed=seed,
            strength=float(strength), level=max(strength - 1, 0) / 3,
        )
        for regularizer, strengths in STRENGTHS.items()
        for strength in strengths
        for seed in range(N_SEEDS[regularizer])
    ]  # fmt: skip
    names = ("regularizer", "strength", "seed")
    networks = pd.DataFrame(
        {"network": net.name, **{name: getattr(net, name) for name in names},
         "sparsity": sparsity(net) + noise * net.seed, "kept": is_kept(net)}
        for net in nets
    )  # fmt: skip
    modules, agreement = [], []
    for net, layer in product(nets, LAYERS):
        extra = noise * net.seed
        for method in METHODS:
            found, clusters = q(net, layer, *method) + extra, n(net, layer, *method)
            modules.append(
                {"network": net.name, "layer": layer, "measure": method[0],
                 "normalized": method[1], "q": found, "q_best": found,
                 "q_spectral": spectral(found), "q_one_module": one_module(found),
                 "effective": clusters + extra, "retest": retest,
                 "labels_best": np.arange(60) % round(clusters)}
            )  # fmt: skip
        for a, b in combinations(METHODS, 2):
            close = element(net, a, b) + extra
            agreement.append(
                {"network": net.name, "layer": layer, "measure_a": a[0], "normalized_a": a[1],
                 "measure_b": b[0], "normalized_b": b[1], "element": close,
                 "element_best": close}
                | {name: _on_its_own_scale(name, others, close)
                   for name in AGREEMENT_MEASURES if name != "element"}
            )  # fmt: skip
    return SimpleNamespace(
        networks=networks,
        modules=_in_both_conventions(modules, networks),
        agreement=_in_both_conventions(agreement, networks),
    )


def _on_its_own_scale(name, others, close):
    value = others(name, close)
    return value if AGREEMENT_MEASURES[name].closer_is_higher else -value


def _in_both_conventions(rows, networks):
    frame = pd.DataFrame(rows)
    both = pd.concat([frame.assign(convention=convention) for convention in CONVENTIONS])
    return both.merge(networks.drop(columns="sparsity"), on="network")
