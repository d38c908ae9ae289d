"""What a sweep has cost by its own record, and what larger ones would cost."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from experiments.regularizers import REGULARIZERS, UNTRAINED
from experiments.report.figures import CATEGORY_COLORS

STAGES = {
    "training": "train the networks",
    "evaluation": "accuracy and norms",
    "similarity": "four measures, two conventions",
    "clustering": "the paper's algorithm, and its two halves",
    "retest": "the paper's algorithm once more",
    "agreement": "every two methods, all cluster measures",
    "best": "the best assignments, and their agreement",
    "chance": "null models, fewer inputs, other resolutions, factors",
    "cause": "lesions and synergies",
    "data": "read the images",
    "rest": "kernel, imports, figures, files",
}
"""The stages of a run, and what each does; the rest is what no stage covers."""
PARTS = {
    "chance": ("nulls", "inputs", "resolutions", "factors"),
    "cause": ("lesions", "synergy"),
}
"""Stages that a run tells in parts."""
STAGE_COLORS = (*CATEGORY_COLORS, "0.85")
SIZE_COLORS = ("0.75", "0.6", "0.4", "black")
HOUR, GIB = 3600, 2**30


def seconds_of_runs(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """List the processor seconds of each run by stage.

    Parameters
    ----------
    manifest
        Of the paper's results, as :func:`experiments.engine.consolidate.consolidate` writes it.

    Returns
    -------
    pandas.DataFrame
        A row for each run: ``regularizer``, ``networks``, a column for each of :data:`STAGES`,
        and ``all``. The rest is the run's wall time minus that of its stages, and so an upper
        bound of its processor time.
    """
    rows = []
    for run in manifest["runs"].values():
        by_wall, by_processor = run["seconds"], run["cpu_seconds"]
        seconds = {stage: _of_stage(by_processor, stage) for stage in STAGES}
        seconds["rest"] = by_wall["wall"] - sum(_of_stage(by_wall, stage) for stage in STAGES)
        parameters = run["parameters"]
        name = {"regularizer": parameters["regularizer"], "networks": len(parameters["seeds"])}
        rows.append(name | seconds)
    runs = pd.DataFrame(rows)
    runs["all"] = runs[list(STAGES)].sum(axis=1)
    return runs


def _of_stage(seconds: Mapping[str, float], stage: str) -> float:
    return sum(seconds.get(part, 0.0) for part in PARTS.get(stage, (stage,)))


def bill(runs: pd.DataFrame) -> pd.DataFrame:
    """Add up what runs cost, a row for each stage.

    Parameters
    ----------
    runs
        As :func:`seconds_of_runs` returns them.

    Returns
    -------
    pandas.DataFrame
        ``what`` the stage does, ``minutes``, ``seconds per network`` and ``share (%)``.
    """
    total = runs[list(STAGES)].sum()
    return pd.DataFrame(
        {
            "what": pd.Series(STAGES),
            "minutes": total / 60,
            "seconds per network": total / runs["networks"].sum(),
            "share (%)": 100 * total / total.sum(),
        }
    )


def wall_hours(seconds: Iterable[float], n_workers: int) -> float:
    """Tell when all tasks are done, if each free worker takes the longest that is left.

    Parameters
    ----------
    seconds
        Of each task.
    n_workers
        How many work side by side.
    """
    busy_until = [0.0] * n_workers
    for task in sorted(seconds, reverse=True):
        heapq.heappush(busy_until, heapq.heappop(busy_until) + task)
    return max(busy_until) / HOUR


def hours_of_sweeps(
    runs: pd.DataFrame, times: Sequence[int], workers: Sequence[int]
) -> pd.DataFrame:
    """Estimate the wall time of sweeps that are so many times as large.

    Parameters
    ----------
    runs
        As :func:`seconds_of_runs` returns them.
    times
        How many times the runs there are.
    workers
        Numbers of workers.

    Returns
    -------
    pandas.DataFrame
        Hours: a row for each number of workers, a column for each size.
    """
    return pd.DataFrame(
        {n: [wall_hours(np.tile(runs["all"], n), int(w)) for w in workers] for n in times},
        index=list(workers),
    )


def estimates(hours: pd.DataFrame, runs: pd.DataFrame, sizes: Mapping[str, float]) -> pd.DataFrame:
    """Set side by side what sweeps of several sizes would take.

    Parameters
    ----------
    hours
        As :func:`hours_of_sweeps` returns them.
    runs
        As :func:`seconds_of_runs` returns them.
    sizes
        Bytes that a sweep of the present size leaves or needs, by what they are.

    Returns
    -------
    pandas.DataFrame
        A column for each size.
    """
    return pd.DataFrame(
        {
            f"size {n:,}": {
                "networks": n * runs["networks"].sum(),
                "settings": n * len(runs),
                "core hours": n * runs["all"].sum() / HOUR,
                **{f"hours on {w:,} workers": hours.loc[w, n] for w in hours.index},
                **{f"{what} (GiB)": n * size / GIB for what, size in sizes.items()},
            }
            for n in hours.columns
        }
    )


# --------------------------------------------------------------------------------------- figures


def draw_stages(runs: pd.DataFrame) -> Figure:
    """Draw the processor seconds of one network of each kind, stage by stage.

    Parameters
    ----------
    runs
        As :func:`seconds_of_runs` returns them.
    """
    kinds = [kind for kind in (*REGULARIZERS, UNTRAINED) if kind in set(runs["regularizer"])]
    sums = runs.groupby("regularizer")[["networks", *STAGES]].sum().loc[kinds[::-1]]
    figure, ax = plt.subplots(figsize=(6.4, 2.6))
    left = np.zeros(len(sums))
    for stage, color in zip(STAGES, STAGE_COLORS, strict=False):
        width = (sums[stage] / sums["networks"]).to_numpy()
        ax.barh(range(len(sums)), width, left=left, color=color, label=stage)
        left = left + width
    ax.set_yticks(
        range(len(sums)), [kind.upper() if len(kind) == 2 else kind for kind in kinds[::-1]]
    )
    ax.set_xlabel("seconds per network")
    figure.legend(loc="outside lower center", ncols=5, fontsize=7)
    return figure


def draw_workers(hours: pd.DataFrame, n_networks: int, longest: float) -> Figure:
    """Draw the wall time of sweeps of several sizes against the number of workers.

    Parameters
    ----------
    hours
        As :func:`hours_of_sweeps` returns them.
    n_networks
        Of the sweep of size one.
    longest
        Hours of the longest run, which no number of workers makes shorter.
    """
    figure, ax = plt.subplots(figsize=(5.2, 2.8))
    for n, color in zip(hours, SIZE_COLORS, strict=False):
        label = f"{n * n_networks:,} networks"
        ax.loglog(hours.index, hours[n], ".-", color=color, label=label)
    ax.axhline(longest, color="0.6", linewidth=0.8, linestyle=":")
    ax.text(1, 1.1 * longest, "the longest setting", fontsize=7)
    ax.set(xlabel="workers", ylabel="hours")
    ax.legend(fontsize=7)
    return figure
