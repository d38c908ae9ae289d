"""The spectral step of the authors' released code beside that of the text, and what it changes."""

from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from experiments.report.claims import CLAIMS
from experiments.report.examples import Examples
from experiments.report.frames import Results
from experiments.report.readings import PAIRS, Lacking, Reading
from modlib.clustering.modules import by_falling_size
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.moves import ROUNDING
from modlib.clustering.spectral import spectral_modules
from modlib.comparison import pairwise_agreement
from modlib.modularity import effective_number, modularity, modularity_matrix, to_adjacency
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS

N_STEPS = 5000  # of the Monte Carlo search, as in the sweep
SAME = 1e-9  # of Q
LAYER = ["network", "layer", "convention"]
PLACE = [*LAYER, "measure", "normalized"]
OTHER_MEASURES = "claim-16"  # asks for measures of agreement that are not computed here


# ------------------------------------------------------------------------------- the spectral step


def released_start(adjacency: Any) -> np.ndarray:
    """Split units by the signs of leading *singular* vectors, as the released code does.

    Modules are split in the order in which they came (first in, first out). The singular vector
    that leads belongs to the eigenvalue of the largest absolute value, which may be negative.
    Units on which it is zero stay.

    Parameters
    ----------
    adjacency
        As :func:`modlib.modularity.to_adjacency` returns it, ``[units, units]``.

    Returns
    -------
    numpy.ndarray
        A module for each unit, by falling size; -1 for units that are similar to no other.
    """
    gains = modularity_matrix(adjacency)
    labels = np.where(np.asarray(adjacency).any(axis=1), 0, -1)
    queue = deque([0] if (labels == 0).any() else [])
    while queue:
        module = queue.popleft()
        members = np.flatnonzero(labels == module)
        part = gains[np.ix_(members, members)]
        leaves = _leading_singular_vector(part) < 0
        if -2 * part[np.ix_(leaves, ~leaves)].sum() > ROUNDING:
            new = labels.max() + 1
            labels[members[leaves]] = new
            queue.extend([module, new])
    return by_falling_size(labels)


def _leading_singular_vector(symmetric: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(symmetric)
    vector = vectors[:, np.abs(values).argmax()]
    return vector * np.sign(vector[np.abs(vector).argmax()])


def text_start(adjacency: Any) -> np.ndarray:
    """Split units as Algorithm 2 says: by the eigenvector of the largest eigenvalue."""
    return spectral_modules(adjacency).labels


STARTS = {"text": text_start, "code": released_start}
"""Spectral steps by where they are written."""


# ---------------------------------------------------------------------------------- both searches


def from_both_starts(
    modules: pd.DataFrame, examples: Examples, n_steps: int = N_STEPS
) -> pd.DataFrame:
    """Search stored matrices from either start; all else is the same, random numbers too.

    Parameters
    ----------
    modules
        Rows of the table of modules; those of networks that are no examples are left out.
    examples
        They hold the matrices.
    n_steps
        Of the Monte Carlo search.

    Returns
    -------
    pandas.DataFrame
        For each matrix, and for each of ``STARTS``, Q of the spectral step, such as
        ``spectral_text``, and ``q_text`` and ``labels_text`` of the whole search. Where both
        start alike, so is all that follows, and the labels are those of the table.
    """
    rows = []
    for row in modules[modules["network"].isin(examples.networks)].to_dict("records"):
        network, layer, convention, measure, normalized = place = [row[name] for name in PLACE]
        matrix = examples.similarity(
            network, layer, measure, normalized=normalized, convention=convention
        )
        adjacency = to_adjacency(matrix)
        starts = {name: split(adjacency) for name, split in STARTS.items()}
        if are_same(*starts.values()):
            found = dict.fromkeys(STARTS, row["labels"])
        else:
            found = {
                name: monte_carlo_modules(adjacency, start, n_steps).labels
                for name, start in starts.items()
            }
        told = dict(zip(PLACE, place, strict=True))
        for name, labels in found.items():
            told |= {
                f"spectral_{name}": modularity(adjacency, starts[name]),
                f"q_{name}": modularity(adjacency, labels),
                f"labels_{name}": labels,
            }
        rows.append(told)
    return pd.DataFrame(rows)


def are_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two assignments are one, whatever their modules are called."""
    return len(set(zip(one, other, strict=True))) == len(set(one)) == len(set(other))


def differences(found: pd.DataFrame) -> pd.DataFrame:
    """Say how the code's spectral step differs from the text's, in Q, by convention.

    Parameters
    ----------
    found
        As :func:`from_both_starts` returns it.

    Returns
    -------
    pandas.DataFrame
        Rows by convention and by ``step``, ``"spectral"`` or ``"q"``: the number of ``matrices``,
        in how many of them Q is ``equal``, ``higher`` or ``lower`` by the code, and the ``mean``,
        the ``lowest`` and the ``highest`` of Q by the code minus Q by the text.
    """
    rows = {}
    for convention, frame in found.groupby("convention"):
        for step in ("spectral", "q"):
            more = frame[f"{step}_code"] - frame[f"{step}_text"]
            rows[convention, step] = {
                "matrices": len(more),
                "equal": int((more.abs() <= SAME).sum()),
                "higher": int((more > SAME).sum()),
                "lower": int((more < -SAME).sum()),
                "mean": more.mean(),
                "lowest": more.min(),
                "highest": more.max(),
            }
    return pd.DataFrame(rows).T.rename_axis(["convention", "step"])


# ----------------------------------------------------------------------------------- the verdicts


def tables_of(results: Results, found: pd.DataFrame, start: str) -> Any:
    """The tables of some networks, as the search from one of ``STARTS`` fills them.

    Parameters
    ----------
    results
        The tables of the sweep.
    found
        As :func:`from_both_starts` returns it: all methods of each layer.
    start
        ``"text"`` or ``"code"``.
    """
    names = {f"labels_{start}": "labels", f"q_{start}": "q", f"spectral_{start}": "q_spectral"}
    searched = found[[*PLACE, *names]].rename(columns=names)
    searched["effective"] = searched["labels"].map(effective_number)
    modules = results.modules.drop(columns=[*names.values(), "effective"])
    return SimpleNamespace(
        networks=results.networks[results.networks["network"].isin(found["network"])],
        modules=modules.merge(searched, on=PLACE, validate="one_to_one"),
        agreement=pd.concat(_compared(*layer) for layer in searched.groupby(LAYER)),
    )


def _compared(place: tuple[Any, ...], layer: pd.DataFrame) -> pd.DataFrame:
    labels = layer.set_index(["measure", "normalized"])["labels"]
    found = pairwise_agreement([labels[method] for method in METHODS], ["element"])
    pairs = pd.DataFrame(
        [(*a, *b) for a, b in PAIRS],
        columns=["measure_a", "normalized_a", "measure_b", "normalized_b"],
    )
    return pairs.assign(element=found["element"], **dict(zip(LAYER, place, strict=True)))


def numbers_of_rules(results: Results, found: pd.DataFrame) -> pd.DataFrame:
    """Compute the numbers that decide claims from either start, without intervals.

    One seed has none; so a part counts as ``met`` here if the number itself lies where its
    interval must. The ceilings of claim 10 are those of the tables.

    Returns
    -------
    pandas.DataFrame
        A row for each part of each claim that can be computed and each convention: ``claim``,
        ``part``, ``convention``, and for each of ``STARTS`` the number, ``text`` or ``code``, and
        ``met_text`` or ``met_code``.
    """
    sides = {start: tables_of(results, found, start) for start in STARTS}
    rows = []
    for convention in CONVENTIONS:
        readings = {
            start: Reading(side, convention, "paper", n_draws=1) for start, side in sides.items()
        }
        for name, claim in CLAIMS.items():
            if name == OTHER_MEASURES:
                continue
            try:
                told = {start: claim.rule(reading) for start, reading in readings.items()}
            except Lacking:
                continue
            for place, part in enumerate(claim.parts):
                row: dict[str, Any] = {
                    "claim": name, "part": "abcdef"[place], "convention": convention
                }  # fmt: skip
                for start, numbers in told.items():
                    value = float(numbers[place][0])
                    row |= {start: value, f"met_{start}": part.is_met(value, value)}
                rows.append(row)
    return pd.DataFrame(rows)
