"""What an experiment is: a notebook, the grid of its parameters, and the tables it leaves."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from experiments.engine.tables import FLAG, LABELS, LARGEST_LABEL, REAL, WHOLE, Column, Table
from modlib.validation import check_choice

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""
CERTIFIED = {
    "lower": Column(REAL, -1, 1),
    "upper": Column(REAL, -1, 1),
    "optimal": Column(FLAG),
    "seconds": Column(REAL, 0),
    "labels": Column(LABELS, -1, LARGEST_LABEL),
}
"""What a table of certificates holds beside the columns that name a matrix."""
CHECKED = {
    "verified": Column(FLAG),
    "check_seconds": Column(REAL, 0),
    "n_cases": Column(WHOLE, 1),
    "n_cuts": Column(WHOLE, 0),
    "proof_bytes": Column(WHOLE, 1),
}
"""What is known of the file of a proof: whether the checker, which shares no code with the solver,
finds that it proves ``upper``, and that of this very matrix; how long it took; how large it is."""


@dataclass(frozen=True, eq=False)
class Run:
    """One execution of an experiment's notebook: all that it is told, and how it is called."""

    experiment: str
    name: str
    """As files and messages name it; no other run of the same grid has this name."""
    parameters: Mapping[str, Any]
    """Plain literals for the cell of the notebook that is tagged ``parameters``."""
    n_parts: int = 1
    """In how many parts its progress is counted, such as networks."""
    length: tuple[Any, ...] = ()
    """What is longest by this is started first: a long run started last would run alone."""

    @property
    def hash(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of experiment and parameters as JSON."""
        content = {"experiment": self.experiment, "parameters": dict(self.parameters)}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()[:12]

    @property
    def id(self) -> str:
        """Experiment, name and hash: what its files are called by."""
        return f"{self.experiment}-{self.name}-{self.hash}"

    def told(self, **parameters: Any) -> "Run":
        """Return the run with other values of some of its parameters.

        Raises
        ------
        ValueError
            If it has no parameter of such a name.
        """
        for name in parameters:
            check_choice("parameter", name, list(self.parameters))
        return replace(self, parameters=dict(self.parameters) | parameters)


@dataclass(frozen=True)
class Proofs:
    """Which matrices of an experiment are certified, and how to come by them."""

    table: Table
    """What is kept: columns that name the matrix, and ``CERTIFIED`` of the certificates."""
    places: Callable[[Run], Sequence[str]]
    """Names of the parts of a run that are certified each by itself, such as layers."""
    matrices: Callable[[Run, str, Path], Iterable[tuple[dict[str, Any], Any]]]
    """From a run, a place, and the folder that the run has left, to matrices: for each the
    columns that name it, and its similarities."""

    @property
    def checked(self) -> Table:
        """What is kept of the files of the proofs, for the same matrices."""
        names = {name: column for name, column in self.table.own.items() if name not in CERTIFIED}
        return Table(f"{self.table.name}_checked", names | CHECKED, self.table.key)


@dataclass(frozen=True)
class Experiment:
    """A notebook, the grids of its parameters, and the tables that its runs leave."""

    name: str
    notebook: str
    """Its name in ``notebooks/``, without the suffix."""
    tables: Mapping[str, Table]
    """What each run leaves, by name."""
    presets: Mapping[str, Callable[[], list[Run]]]
    """Grids by name: ``"full"``, and ``"smoke"``, which is done in about a minute."""
    n_rows: Callable[[Run], Mapping[str, int]] = lambda _: {}
    """How many rows a run must leave in each table, for those where that is known."""
    tensors: tuple[str, ...] = ()
    """Safetensors files ``<name>.safetensors`` that runs may leave, and that are joined."""
    proofs: Proofs | None = None
    """What can be certified afterwards."""

    @property
    def notebook_path(self) -> Path:
        """The notebook as papermill takes it."""
        return ROOT / "notebooks" / f"{self.notebook}.ipynb"

    def runs(self, preset: str) -> list[Run]:
        """Return the runs of a preset.

        Raises
        ------
        ValueError
            If there is no such preset, or two runs have one name.
        """
        check_choice("preset", preset, self.presets)
        runs = self.presets[preset]()
        for name, count in Counter(run.name for run in runs).items():
            if count > 1:
                raise ValueError(f"runs must have a name each. Got {name!r} {count} times.")
        return runs
