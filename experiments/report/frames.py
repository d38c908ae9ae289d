"""The results of a sweep as frames: what the chapters, the claims and the explorer read."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.engine import tables
from experiments.engine.published import MANIFEST, open_manifest
from experiments.paper import CERTIFICATES, PROOFS, TABLES
from modlib.similarity.measures import METHODS, Method
from modlib.validation import check_path

NETWORK = ["dataset", "architecture", "network"]
NETWORK_COLUMNS = [*NETWORK, "regularizer", "strength", "seed", "kept"]
CHECKED = PROOFS.checked
SPECS = {**TABLES, CERTIFICATES.name: CERTIFICATES, CHECKED.name: CHECKED}


@dataclass(frozen=True)
class Results:
    """The folder of the paper's tables; each is read when it is first asked for.

    Every table but ``networks`` has the columns ``regularizer``, ``strength``, ``seed`` and
    ``kept`` of its networks beside its own. Nothing is dropped: see :func:`kept`.
    """

    folder: Path

    @cached_property
    def networks(self) -> pd.DataFrame:
        """One row for each network."""
        return _frame("networks", self.folder)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row for each hidden layer of each network."""
        return self._of_networks("layers")

    @cached_property
    def modules(self) -> pd.DataFrame:
        """One row for each layer, method and convention."""
        return self._of_networks("modules")

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """One row for each layer, convention and pair of methods."""
        return self._of_networks("agreement")

    @cached_property
    def nulls(self) -> pd.DataFrame | None:
        """One row for each layer, method, convention and null model, or None if none was drawn."""
        return self._if_there("nulls")

    @cached_property
    def inputs(self) -> pd.DataFrame | None:
        """One row for each layer, method, convention and number of inputs, of examples."""
        return self._if_there("inputs")

    @cached_property
    def resolutions(self) -> pd.DataFrame | None:
        """One row for each layer, method, convention, null model and resolution, of examples."""
        return self._if_there("resolutions")

    @cached_property
    def factors(self) -> pd.DataFrame | None:
        """One row for each hidden layer: what its input sensitivity is made of."""
        return self._if_there("factors")

    @cached_property
    def lesions(self) -> pd.DataFrame | None:
        """One row for each layer, method, convention and way to silence its modules."""
        return self._if_there("lesions")

    @cached_property
    def damages(self) -> pd.DataFrame | None:
        """One row for each layer, method, convention, module and class, of examples."""
        return self._if_there("damages")

    @cached_property
    def synergy(self) -> pd.DataFrame | None:
        """One row for each layer, method and convention: similarity beside synergy."""
        return self._if_there("synergy")

    @cached_property
    def certificates(self) -> pd.DataFrame | None:
        """One row for each matrix whose optimum was bounded, or None if none was."""
        return self._if_there(CERTIFICATES.name)

    @cached_property
    def checked(self) -> pd.DataFrame | None:
        """One row for each of these, on what the checker finds of its proof, or None."""
        return self._if_there(CHECKED.name)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Where the results come from, with code, libraries, data, machine and times."""
        return open_manifest(self.folder)

    def _if_there(self, name: str) -> pd.DataFrame | None:
        is_there = (self.folder / f"{name}.parquet").is_file()
        return self._of_networks(name) if is_there else None

    def _of_networks(self, name: str) -> pd.DataFrame:
        return _frame(name, self.folder).merge(
            self.networks[NETWORK_COLUMNS], on=NETWORK, how="left", validate="many_to_one"
        )


def read_results(folder: str | os.PathLike[str]) -> Results:
    """Open a folder of tables, such as ``results/paper``, and check that no byte has changed.

    Raises
    ------
    FileNotFoundError
        If the folder holds no finished sweep; the message says how to make one.
    ValueError
        If a file is not what the manifest tells, or, when a table is asked for, if it breaks its
        schema; the message names it.
    """
    files = ["networks.parquet", "modules.parquet", "agreement.parquet"]
    what = "the tables of a finished sweep"
    return Results(checked_folder(folder, files, what, "python -m experiments run"))


def checked_folder(
    folder: str | os.PathLike[str], files: Sequence[str], what: str, command: str
) -> Path:
    """Return a folder of results, of which no byte has changed.

    Parameters
    ----------
    folder
        Where a manifest and the files should be.
    files
        Their names.
    what, command
        What they are, and what makes them: for the message.

    Raises
    ------
    FileNotFoundError
        If one of them is not there.
    ValueError
        If the folder is no path, or a file is not what the manifest tells.
    """
    folder = check_path("folder", folder)
    missing = [name for name in (MANIFEST, *files) if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} must hold {what}. It lacks {', '.join(missing)}: run {command}, or name "
            "another folder."
        )
    open_manifest(folder)
    return folder


def _frame(name: str, folder: Path) -> pd.DataFrame:
    return tables.read(SPECS[name], folder / f"{name}.parquet").to_pandas()


def kept(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out networks that learnt too little: under 80 % of the test images (section 4.1)."""
    return frame[frame["kept"]]


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out settings, too, of which half or fewer networks are kept: they make no curve."""
    share = frame.groupby(["regularizer", "strength"])["kept"].transform("mean")
    return kept(frame[share > 0.5])


def mean_agreement(
    agreement: pd.DataFrame, modules: pd.DataFrame | None = None, column: str = "element"
) -> np.ndarray:
    """Mean agreement of every two methods, in the order of ``METHODS``.

    Parameters
    ----------
    agreement
        Rows of one or more layers, of one convention.
    modules
        Rows of the same layers. If given, the diagonal is the mean ``retest``: how well two runs
        of the paper's algorithm agree on one matrix. Else it is missing.
    column
        The measure of agreement, one that is symmetric; or ``"element_best"``.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[methods, methods]``, symmetric.
    """
    matrix = np.full((len(METHODS), len(METHODS)), np.nan)
    pairs = ["measure_a", "normalized_a", "measure_b", "normalized_b"]
    for (*a, measure_b, normalized_b), mean in agreement.groupby(pairs)[column].mean().items():
        i, j = METHODS.index(Method(*a)), METHODS.index(Method(measure_b, normalized_b))
        matrix[i, j] = matrix[j, i] = mean
    if modules is not None:
        retest = modules.groupby(["measure", "normalized"])["retest"].mean()
        np.fill_diagonal(matrix, [retest[method] for method in METHODS])
    return matrix


def by_setting(frame: pd.DataFrame, value: str, others: Iterable[str] = ()) -> pd.DataFrame:
    """Mean and standard error over the networks of each setting.

    Parameters
    ----------
    frame
        Rows of networks with ``regularizer``, ``strength`` and ``seed``.
    value
        The column to average: first within each network (over layers, methods, whatever is not
        among ``others``), then over networks.
    others
        Columns to keep apart, such as ``["measure", "normalized"]``.

    Returns
    -------
    pandas.DataFrame
        Columns ``regularizer``, ``strength``, those of ``others``, ``mean``, ``error`` (of the
        mean; missing for a single network) and ``n`` (networks).
    """
    groups = ["regularizer", "strength", *others]
    networks = frame.groupby([*groups, "seed"], as_index=False)[value].mean()
    summary = networks.groupby(groups)[value].agg(["mean", "sem", "count"]).reset_index()
    return summary.rename(columns={"sem": "error", "count": "n"})
