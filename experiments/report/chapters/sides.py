"""The two sides of a layer: how well methods agree that look the same way, and the two ways."""

import numpy as np

from modlib.plotting import N_UPSTREAM


def mean_by_side(agreement: np.ndarray, n_upstream: int = N_UPSTREAM) -> dict[str, float]:
    """Average an agreement matrix within each side, and between the two.

    Parameters
    ----------
    agreement
        Shape ``[methods, methods]``; the methods that look upstream come first. What stands on
        the diagonal is left out.
    n_upstream
        How many of them look upstream.

    Returns
    -------
    dict of float
        ``"upstream"``, ``"downstream"`` and ``"between"``.
    """
    upstream = np.arange(len(agreement)) < n_upstream
    others = ~np.eye(len(agreement), dtype=bool)
    blocks = {
        "upstream": np.outer(upstream, upstream),
        "downstream": np.outer(~upstream, ~upstream),
        "between": np.outer(upstream, ~upstream),
    }
    return {name: float(agreement[block & others].mean()) for name, block in blocks.items()}
