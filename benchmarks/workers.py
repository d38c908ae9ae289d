"""The sweep: how much faster two workers are than one."""

import subprocess
import sys
from functools import partial
from tempfile import TemporaryDirectory

from benchmarks.stopwatch import seconds_once


def of_the_small_sweep() -> list[dict[str, object]]:
    """Time of the smoke preset, as one would type it, with one worker and with two."""
    return [
        {"workers": n_workers, "seconds": seconds_once(partial(_sweep, n_workers))}
        for n_workers in (1, 2)
    ]


def _sweep(n_workers: int) -> None:
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "experiments", "run", "--preset", "smoke"]
        options = ["--workers", str(n_workers), "--results", folder]
        subprocess.run([*command, *options], check=True, stderr=subprocess.DEVNULL)
