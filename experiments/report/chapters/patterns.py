"""Connection patterns: units compared by their weights, after Watanabe et al. (2018)."""

from collections.abc import Sequence

import numpy as np

from modlib.similarity.conventions import normalize


def pattern_similarity(matrices: Sequence[np.ndarray], layer: int) -> dict[str, np.ndarray]:
    """Compare the connections of a hidden layer's units by the angle between them.

    Parameters
    ----------
    matrices
        The weights of each layer in turn, shape ``[units, units of the layer before]``.
    layer
        Hidden layer, from 1.

    Returns
    -------
    dict of numpy.ndarray
        ``"incoming"`` and ``"outgoing"``, the absolute cosines of shape ``[units, units]``, and
        ``"both"``, their mean. A unit without connections is similar to none.
    """
    incoming, outgoing = matrices[layer - 1], matrices[layer].T  # a row for each unit
    similarity = {"incoming": _cosines(incoming), "outgoing": _cosines(outgoing)}
    return similarity | {"both": (similarity["incoming"] + similarity["outgoing"]) / 2}


def _cosines(patterns: np.ndarray) -> np.ndarray:
    # The released convention divides by the geometric mean of the diagonal: here, by the norms.
    return normalize(np.abs(patterns @ patterns.T), "released")
