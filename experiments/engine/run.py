"""One setting's run: papermill executes the notebook, its results are checked and published."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, fields
from math import comb
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.manager import AsyncKernelManager
from papermill.exceptions import PapermillExecutionError

from experiments.analysis import METHODS
from experiments.config import SettingConfig, TrainingConfig
from experiments.engine import provenance
from experiments.engine import tables as results
from experiments.engine.store import Store

N_ATTEMPTS = 3  # at a setting whose kernel dies: it may have been killed, or have run out of memory
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
TABLES = ("networks", "layers", "modules", "agreement")


class LocalKernelManager(AsyncKernelManager):
    """Starts a kernel that talks through files and computes on one thread.

    Ports are taken by chance, and of many kernels that start at once some collide; sockets in a
    folder of their own do not.
    """

    def __init__(self, **options: Any) -> None:
        self.sockets = Path(
            tempfile.mkdtemp(prefix="modlib-kernel-")
        )  # a short path, as it must be
        super().__init__(transport="ipc", ip=str(self.sockets / "kernel"), **options)

    # The manager above lets a start be a coroutine, which the checker does not see.
    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
        """Start it with the modlib that this process uses, wherever that lies."""
        paths = [str(provenance.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(paths)}
        env.pop("MPLBACKEND", None)  # figures go into the notebook
        # What a kernel says of its own end, when it is told to stop, is nothing to the sweep.
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        await super().start_kernel(env=env, **(options | silent))

    def cleanup_ipc_files(self) -> None:
        """Remove the sockets when the kernel has ended."""
        shutil.rmtree(self.sockets, ignore_errors=True)


def parameters(setting: SettingConfig) -> dict[str, Any]:
    """Return a setting as parameters of the notebook, all of them plain literals."""
    from_strength = {"dropout", "l1", "l2", "penalty", "penalty_strength"}
    recipe = {
        item.name: getattr(setting.recipe, item.name)
        for item in fields(TrainingConfig)
        if item.name not in from_strength
    }
    analysis = setting.analysis
    return recipe | {
        "dataset": setting.dataset,
        "regularizer": setting.regularizer,
        "strength": setting.strength,
        "seeds": list(setting.seeds),
        "device": setting.device,
        "hidden": list(setting.recipe.hidden),
        "n_steps": analysis.n_steps,
        "entropy": analysis.entropy,
        "analysis_seed": analysis.seed,
        "best": analysis.best,
    }


def run_setting(setting: SettingConfig, store: Store) -> str | None:
    """Run a setting unless it is done, and return why it failed, or None if it did not."""
    try:
        if (code := provenance.code_hash()) != store.code:
            return f"this worker has other code ({code}) than the sweep ({store.code})"
        if store.is_done(setting):
            return None
        for _ in range(N_ATTEMPTS):
            cause, may_pass = _attempt(setting, store)
            if not may_pass:
                break
    except OSError as error:
        return _in_short(error)
    return cause


def _attempt(setting: SettingConfig, store: Store) -> tuple[str | None, bool]:
    """Why it failed, if it did, and whether it is worth another attempt."""
    with store.working_folder(setting) as folder:
        try:
            start = time.perf_counter()
            _execute(setting, folder)
            facts = _facts(setting, store, folder)
            store.publish(setting, folder, facts | {"wall": time.perf_counter() - start})
        # DeadKernelError is a RuntimeError, and a kernel that dies as it starts is just that.
        except (RuntimeError, PapermillExecutionError, OSError, ValueError) as error:
            cause = _in_short(error)
            store.tell_failure(setting, folder, cause)
            return cause, isinstance(error, RuntimeError)
    return None, False


def _execute(setting: SettingConfig, folder: Path) -> None:
    papermill.execute_notebook(
        str(provenance.NOTEBOOK),
        str(folder / "setting.ipynb"),
        parameters(setting) | {"folder": str(folder)},
        kernel_name="python3",
        kernel_manager_class=LocalKernelManager,
        progress_bar=False,
        autosave_cell_every=0,
        start_timeout=300,
    )


def _facts(setting: SettingConfig, store: Store, folder: Path) -> dict[str, Any]:
    """Check that the notebook has left all it should, and return what to record of it."""
    note = json.loads((folder / "note.json").read_text())  # missing if a cell has left early
    n_networks, n_layers = len(setting.seeds), len(setting.recipe.hidden)
    n_matrices = n_networks * n_layers * 2
    expected = {
        "networks": n_networks,
        "layers": n_networks * n_layers,
        "modules": n_matrices * len(METHODS),
        "agreement": n_matrices * comb(len(METHODS), 2),
    }
    for name in TABLES:
        found = results.read(name, folder / f"{name}.parquet").num_rows
        if found != expected[name]:
            raise ValueError(f"table {name} must have {expected[name]} rows. Got {found}.")
    return {
        "setting": asdict(setting),
        "config_hash": setting.hash,
        "code_hash": store.code,
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        **note,
    }


def _in_short(error: Exception) -> str:
    if isinstance(error, PapermillExecutionError):
        return f"{error.ename}: {error.evalue}"
    return f"{type(error).__name__}: {error}".strip()
