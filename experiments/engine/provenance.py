"""Where results come from: which code, libraries, data and machine."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from experiments.data import Dataset
from experiments.engine.source import code_digest
from modlib import __version__

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "90-setting.ipynb"
LIBRARIES = ("clusim", "numba", "numpy", "pyarrow", "scikit-learn", "torch")


def versions() -> dict[str, str]:
    """Versions of Python, of modlib and of the libraries that results depend on."""
    return {
        "python": platform.python_version(),
        "modlib": __version__,
        **{library: version(library) for library in LIBRARIES},
    }


def code_hash() -> str:
    """Twelve hexadecimal digits that change with all that may change a setting's tables.

    That is the notebook of a setting, :mod:`experiments.analysis` and every module of ours that these
    import, directly or not, as :func:`experiments.engine.source.code_digest` reads them, and the versions of
    the libraries below them.

    Raises
    ------
    FileNotFoundError
        If the notebook is not there: it comes with a checkout, not with an installed package.
    """
    code = code_digest(ROOT, ["experiments.analysis"], NOTEBOOK)
    return sha256(f"{versions()!r} {code}".encode()).hexdigest()[:12]


def file_hash(path: Path) -> str:
    """The SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


def data_hash(data: Dataset) -> str:
    """The SHA-256 of all that a data set holds, in one fixed order."""
    digest = sha256()
    for part in (data.train_inputs, data.train_targets, data.test_inputs, data.test_targets):
        digest.update(part.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def machine() -> dict[str, str | int]:
    """The machine, as far as it may change the last bits of a result, or its time."""
    return {"system": platform.platform(), "processor": _processor(), "cores": _n_cores()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Stopwatch:
    """Seconds spent in each named stage of a run, by the clock and by the processor.

    The second do not grow when the machine has other work too.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the time that the block takes to the stage."""
        start, cpu_start = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            cpu, clock = time.process_time() - cpu_start, time.perf_counter() - start
            self.seconds[stage] = self.seconds.get(stage, 0.0) + clock
            self.cpu_seconds[stage] = self.cpu_seconds.get(stage, 0.0) + cpu
