"""The tidy tables of the sweep: what each holds, checked when written and when read.

Every row says which configuration and which code made it, in ``config_hash``, ``code_hash`` and
``version``. Wall times are left to the manifest, so that tables are the same to the bit however
they were computed; only the certificates, whose time limit is part of the result, tell seconds.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from numbers import Real
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyarrow import compute, parquet

from experiments.config import ABSOLUTES
from experiments.regularizers import REGULARIZERS
from modlib.comparison import CLUSTER_MEASURES
from modlib.similarity.compute import MEASURES
from modlib.validation import check_choice, is_whole

TEXT, WHOLE, REAL, FLAG, LABELS = (
    pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.list_(pa.int8())
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """What a column may hold. Bounds are inclusive, and for lists they bound each item."""

    type: pa.DataType
    low: float = -inf
    high: float = inf
    choices: tuple[str, ...] | None = None
    unbounded: bool = False
    """Whether infinities are allowed; NaN never is."""
    optional: bool = False
    """Whether a value may be missing, because its stage was left out."""


@dataclass(frozen=True)
class Table:
    """The columns of a table, and those that together name a row."""

    columns: Mapping[str, Column]
    key: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """The columns as Arrow and Parquet know them."""
        return pa.schema(
            [pa.field(name, c.type, nullable=c.optional) for name, c in self.columns.items()]
        )


_PROVENANCE = {"config_hash": Column(TEXT), "code_hash": Column(TEXT), "version": Column(TEXT)}
_LAYER = Column(WHOLE, 1)
_MEASURE = Column(TEXT, choices=MEASURES)
_ABSOLUTE = Column(TEXT, choices=ABSOLUTES)
_FRACTION = Column(REAL, 0, 1)
_AMOUNT = Column(REAL, 0)
_Q = Column(REAL, -1, 1)
_CLUSTERS = Column(LABELS, -1, 127)

TABLES: dict[str, Table] = {
    "networks": Table(
        {
            "network": Column(TEXT),
            "regularizer": Column(TEXT, choices=REGULARIZERS),
            "strength": _AMOUNT,
            "l2": _AMOUNT,
            "l1": _AMOUNT,
            "dropout": _FRACTION,
            "seed": Column(WHOLE, 0),
            "epochs": Column(WHOLE, 0),
            **{
                f"{part}_{what}": _AMOUNT if what == "loss" else _FRACTION
                for part in ("train", "validation", "test")
                for what in ("loss", "accuracy")
            },
            "l1_norm": _AMOUNT,
            "l2_norm": _AMOUNT,
            "nuclear_norm": _AMOUNT,
            "sparsity": _FRACTION,
            "kept": Column(FLAG),
            **_PROVENANCE,
        },
        key=("network",),
    ),
    "layers": Table(
        {
            "network": Column(TEXT),
            "layer": _LAYER,
            "n_constant": Column(WHOLE, 0),
            "effective_dimension": _AMOUNT,
            "nearest_correlation": _FRACTION,
            **_PROVENANCE,
        },
        key=("network", "layer"),
    ),
    "modules": Table(
        {
            "network": Column(TEXT),
            "layer": _LAYER,
            "measure": _MEASURE,
            "normalized": Column(FLAG),
            "absolute": _ABSOLUTE,
            "q_spectral": _Q,
            "q_one_cluster": _Q,
            "q": _Q,
            "q_best": Column(REAL, -1, 1, optional=True),
            "n_clusters": _AMOUNT,
            "n_unused": Column(WHOLE, 0),
            "labels": _CLUSTERS,
            "labels_best": Column(LABELS, -1, 127, optional=True),
            "retest": _FRACTION,
            **_PROVENANCE,
        },
        key=("network", "layer", "measure", "normalized", "absolute"),
    ),
    "agreement": Table(
        {
            "network": Column(TEXT),
            "layer": _LAYER,
            "absolute": _ABSOLUTE,
            "measure_a": _MEASURE,
            "normalized_a": Column(FLAG),
            "measure_b": _MEASURE,
            "normalized_b": Column(FLAG),
            **{
                name: Column(REAL, measure.low, measure.high, unbounded=measure.high == inf)
                for name, measure in CLUSTER_MEASURES.items()
            },
            "element_best": Column(REAL, 0, 1, optional=True),
            **_PROVENANCE,
        },
        key=(
            "network", "layer", "absolute", "measure_a", "normalized_a", "measure_b", "normalized_b"
        ),
    ),
    "certificates": Table(
        {
            "network": Column(TEXT),
            "layer": _LAYER,
            "measure": _MEASURE,
            "normalized": Column(FLAG),
            "lower": _Q,
            "upper": _Q,
            "optimal": Column(FLAG),
            "seconds": _AMOUNT,
            "labels": _CLUSTERS,
            **_PROVENANCE,
        },
        key=("network", "layer", "measure", "normalized"),
    ),
}  # fmt: skip
"""The tables by name. ``n_clusters`` is the effective number of equation 10, and ``q_best``,
``labels_best`` and ``element_best`` are missing where the search for the best was left out. The
measures of agreement that are not symmetric hold ``a`` against ``b``."""


def from_rows(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Make a checked table of rows, each a mapping from column to value.

    Raises
    ------
    ValueError
        As for :func:`check`.
    """
    columns = _spec(name).columns
    for row in rows:
        _check_names(name, list(row))
    return check(
        name,
        pa.table({c: _array(name, c, [row[c] for row in rows]) for c in columns}),
    )


def _spec(name: str) -> Table:
    check_choice("name", name, TABLES)
    return TABLES[name]


def _check_names(name: str, names: Sequence[str]) -> None:
    columns = TABLES[name].columns
    problems = {
        "has unknown": [column for column in names if column not in columns],
        "lacks": [column for column in columns if column not in names],
        "repeats": sorted({column for column in names if names.count(column) > 1}),
    }
    for problem, concerned in problems.items():
        if concerned:
            raise ValueError(f"table {name} {problem} column {', '.join(concerned)}.")


def _array(name: str, column: str, values: list[Any]) -> pa.Array:
    spec = TABLES[name].columns[column]
    # Arrow alone would take 1.5 for 1, and True for 1.0.
    bad = [value for value in values if value is not None and not _KINDS[spec.type](value)]
    if bad:
        raise ValueError(f"column {column} of table {name} must be {spec.type}. Got {bad[0]!r}.")
    try:
        return pa.array(values, spec.type)
    except pa.ArrowException as error:  # a number too large for its type
        raise ValueError(f"column {column} of table {name} must be {spec.type}: {error}") from error


_KINDS: dict[pa.DataType, Callable[[Any], bool]] = {
    TEXT: lambda value: isinstance(value, str),
    WHOLE: is_whole,
    REAL: lambda value: isinstance(value, Real) and not isinstance(value, bool),
    FLAG: lambda value: isinstance(value, bool),
    LABELS: lambda value: isinstance(value, list) and all(map(is_whole, value)),
}


def check(name: str, table: pa.Table) -> pa.Table:
    """Return a table with its columns in order if it keeps every rule of its schema.

    Parameters
    ----------
    name
        One of :data:`TABLES`.
    table
        Any Arrow table.

    Raises
    ------
    ValueError
        If a column is unknown, missing or of another type, a value is missing, out of range, NaN
        or no choice, or two rows have the same key; the message names the column and the value.
    """
    spec = _spec(name)
    _check_names(name, table.column_names)
    table = table.select(list(spec.columns))
    for column_name, column in spec.columns.items():
        found = table.schema.field(column_name).type
        if found != column.type:
            raise ValueError(
                f"column {column_name} of table {name} must be {column.type}. Got {found}."
            )
        _check_values(f"column {column_name} of table {name}", column, table[column_name])
    _check_keys(name, table)
    return table.cast(spec.schema).replace_schema_metadata(None)


def _check_values(where: str, column: Column, values: pa.ChunkedArray) -> None:
    if values.null_count and not column.optional:
        raise ValueError(
            f"{where} must have a value in every row. Got {values.null_count} without."
        )
    if column.choices is not None:
        _refuse_any(where, "be one of " + ", ".join(column.choices), values,
                    compute.invert(compute.is_in(values, pa.array(column.choices))))  # fmt: skip
    if pa.types.is_list(values.type):
        values = compute.list_flatten(values)
        if values.null_count:
            raise ValueError(f"{where} must have a value for every unit.")
    if pa.types.is_floating(values.type):
        bad = compute.is_nan if column.unbounded else _is_not_finite
        rule = "be a number" if column.unbounded else "be a finite number"
        _refuse_any(where, rule, values, bad(values))
    if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        outside = compute.or_(
            compute.less(values, column.low), compute.greater(values, column.high)
        )
        _refuse_any(where, f"be between {column.low:g} and {column.high:g}", values, outside)


def _is_not_finite(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return compute.invert(compute.is_finite(values))


def _refuse_any(where: str, rule: str, values: pa.ChunkedArray, bad: pa.ChunkedArray) -> None:
    refused = values.filter(bad)
    if len(refused):
        raise ValueError(f"{where} must {rule}. Got {refused[0].as_py()!r}.")


def _check_keys(name: str, table: pa.Table) -> None:
    key = list(TABLES[name].key)
    groups = table.group_by(key).aggregate([([], "count_all")])
    repeated = groups.filter(compute.greater(groups["count_all"], 1)).select(key).to_pylist()
    if repeated:
        named = ", ".join(f"{column} {value!r}" for column, value in repeated[0].items())
        raise ValueError(f"table {name} must have one row for each key. Got two for {named}.")


def concatenate(name: str, tables: Iterable[pa.Table]) -> pa.Table:
    """Join tables of one kind in the order given, and check the result.

    Raises
    ------
    ValueError
        As for :func:`check`, and if there is nothing to join.
    """
    checked = [check(name, table) for table in tables]
    if not checked:
        raise ValueError(f"tables must be one or more {name} tables. Got none.")
    return check(name, pa.concat_tables(checked).combine_chunks())


def write(name: str, table: pa.Table, path: str | os.PathLike[str]) -> None:
    """Check a table and write it to a Parquet file, whole or not at all.

    The same table gives the same bytes.

    Raises
    ------
    ValueError
        As for :func:`check`.
    """
    checked = check(name, table)
    with beside(path) as temporary:
        parquet.write_table(checked, temporary, compression="zstd")


def read(name: str, path: str | os.PathLike[str]) -> pa.Table:
    """Read a table and check it.

    Raises
    ------
    ValueError
        If the file is damaged, or as for :func:`check`; the message names the file.
    FileNotFoundError
        If there is no such file.
    """
    try:
        table = parquet.ParquetFile(path).read()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{os.fspath(path)} must be a Parquet file. Got one that is damaged ({error}): "
            "delete it and run the sweep again."
        ) from error
    try:
        return check(name, table)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


@contextmanager
def beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write to, and move the file into place, safe on disk, if all went well."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:12]}")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are safe on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
