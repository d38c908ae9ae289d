"""What the sweep of each experiment took, as the runs themselves wrote it down."""

from pathlib import Path

import pandas as pd

from experiments import EXPERIMENTS
from experiments.engine.published import MANIFEST, open_manifest


def sweeps(results: Path) -> pd.DataFrame:
    """Return a row for each experiment whose tables are there: its networks, runs and minutes.

    Parameters
    ----------
    results
        The folder of all results, in which each experiment has a folder of its own name.

    Raises
    ------
    ValueError
        As for :func:`experiments.engine.published.open_manifest`.
    """
    rows = {}
    for name in EXPERIMENTS:
        if not (results / name / MANIFEST).is_file():
            continue
        told = open_manifest(results / name)
        runs = told["runs"].values()
        rows[name] = {
            "networks": sum(run["n_parts"] for run in runs),
            "runs": len(runs),
            "processor minutes": sum(told["cpu_seconds"].values()) / 60,
            "longest stage": max(told["cpu_seconds"], key=told["cpu_seconds"].__getitem__),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
