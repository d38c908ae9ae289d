"""What the sweep of each experiment took, as the runs themselves wrote it down."""

import os

import pandas as pd

from experiments import EXPERIMENTS
from experiments.engine.published import MANIFEST, open_manifest
from modlib.validation import check_path


def sweeps(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a row for each experiment whose tables are there: its networks, runs and minutes.

    Parameters
    ----------
    folder
        That of all results, in which each experiment has a folder of its own name.

    Raises
    ------
    ValueError
        If the folder is no path, or a file is not what its manifest tells.
    """
    results, rows = check_path("folder", folder), {}
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
