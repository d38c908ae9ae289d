"""Where results come from: which code, libraries, data and machine."""

import os
import platform
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.engine.experiment import ROOT, Experiment
from experiments.engine.source import code_digest
from modlib import __version__

if TYPE_CHECKING:
    from experiments.data import Dataset

LIBRARIES = ("clusim", "numba", "numpy", "pyarrow", "scikit-learn", "torch")


def versions() -> dict[str, str]:
    """Versions of Python, of modlib and of the libraries that results depend on."""
    return {
        "python": platform.python_version(),
        "modlib": __version__,
        **{library: version(library) for library in LIBRARIES},
    }


def code_hash(experiment: Experiment, *modules: str) -> str:
    """Twelve hexadecimal digits that change with all that may change an experiment's tables.

    That is its notebook and every module of ours that it imports, directly or not, as
    :func:`experiments.engine.source.code_digest` reads them; the columns of its tables; and the
    versions of the libraries below.

    Parameters
    ----------
    experiment
        Its record.
    modules
        Full names of further modules that count.

    Raises
    ------
    FileNotFoundError
        If the notebook is not there: it comes with a checkout, not with an installed package.
    """
    code = code_digest(ROOT, modules, experiment.notebook_path)
    said = f"{versions()!r} {experiment.tables!r} {code}"
    return sha256(said.encode()).hexdigest()[:12]


def data_hash(data: "Dataset") -> str:
    """The SHA-256 of all that a data set holds, in one fixed order."""
    digest = sha256()
    for part in (data.train_inputs, data.train_targets, data.test_inputs, data.test_targets):
        digest.update(part.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def machine() -> dict[str, str | int]:
    """The machine, as far as it may change the last bits of a result, or its time."""
    return {"system": platform.platform(), "processor": processor(), "cores": _n_cores()}


def processor() -> str:
    """The name of the processor, as far as the system tells."""
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
