"""How good a set of modules is at best: a proven bound on modularity."""

from typing import Any


def certify(similarity: Any, time_limit: float = 60.0) -> Any:
    """Bound the highest modularity that any assignment can reach.

    Raises
    ------
    NotImplementedError
        Always: this is not written yet.
    """
    raise NotImplementedError("certify is not written yet.")
