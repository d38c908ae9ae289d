"""Tidy tables: what each holds, checked when written and when read.

Every row says which experiment, configuration and code made it: the engine adds ``experiment``,
``config_hash``, ``code_hash`` and ``version`` to what a notebook leaves. Wall times are left to
the manifest, so that tables are the same to the bit however they were computed; only the
certificates, whose time limit is part of the result, tell seconds.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from numbers import Real
from typing import Any

import pyarrow as pa
from pyarrow import compute, parquet

from experiments.engine.files import beside
from modlib.validation import is_whole

TEXT, WHOLE, REAL, FLAG, LABELS = (
    pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.list_(pa.int16())
)  # fmt: skip
LARGEST_LABEL = 2**15 - 1


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


STAMP = {name: Column(TEXT) for name in ("config_hash", "code_hash", "version")}
"""What the engine adds to the end of every row; its start is ``experiment``."""


@dataclass(frozen=True)
class Table:
    """The columns of a table, and those that together name a row."""

    name: str
    own: Mapping[str, Column]
    """What the rows of a notebook hold."""
    key: tuple[str, ...]
    """Those of them that name a row of the experiment."""

    @cached_property
    def columns(self) -> dict[str, Column]:
        """All columns, those that the engine adds among them."""
        return {"experiment": Column(TEXT), **self.own, **STAMP}

    @property
    def schema(self) -> pa.Schema:
        """The columns as Arrow and Parquet know them."""
        return pa.schema(
            [pa.field(name, c.type, nullable=c.optional) for name, c in self.columns.items()]
        )


def from_rows(spec: Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Make a checked table of rows, each a mapping from column to value.

    Raises
    ------
    ValueError
        As for :func:`check`.
    """
    columns = spec.columns
    for row in rows:
        _check_names(spec, list(row))
    return check(spec, pa.table({c: _array(spec, c, [row[c] for row in rows]) for c in columns}))


def _check_names(spec: Table, names: Sequence[str]) -> None:
    columns = spec.columns
    problems = {
        "has unknown": [column for column in names if column not in columns],
        "lacks": [column for column in columns if column not in names],
        "repeats": sorted({column for column in names if names.count(column) > 1}),
    }
    for problem, concerned in problems.items():
        if concerned:
            raise ValueError(f"table {spec.name} {problem} column {', '.join(concerned)}.")


def _array(spec: Table, column: str, values: list[Any]) -> pa.Array:
    kind = spec.columns[column].type
    # Arrow alone would take 1.5 for 1, and True for 1.0.
    bad = [value for value in values if value is not None and not _KINDS[kind](value)]
    if bad:
        raise ValueError(f"column {column} of table {spec.name} must be {kind}. Got {bad[0]!r}.")
    try:
        return pa.array(values, kind)
    except pa.ArrowException as error:  # a number too large for its type
        raise ValueError(f"column {column} of table {spec.name} must be {kind}: {error}") from error


_KINDS: dict[pa.DataType, Callable[[Any], bool]] = {
    TEXT: lambda value: isinstance(value, str),
    WHOLE: is_whole,
    REAL: lambda value: isinstance(value, Real) and not isinstance(value, bool),
    FLAG: lambda value: isinstance(value, bool),
    LABELS: lambda value: isinstance(value, list) and all(map(is_whole, value)),
}


def check(spec: Table, table: pa.Table) -> pa.Table:
    """Return a table with its columns in order if it keeps every rule of its schema.

    Parameters
    ----------
    spec
        What it must hold.
    table
        Any Arrow table.

    Raises
    ------
    ValueError
        If a column is unknown, missing or of another type, a value is missing, out of range, NaN
        or no choice, or two rows have the same key; the message names the column and the value.
    """
    _check_names(spec, table.column_names)
    table = table.select(list(spec.columns))
    for column_name, column in spec.columns.items():
        found = table.schema.field(column_name).type
        if found != column.type:
            raise ValueError(
                f"column {column_name} of table {spec.name} must be {column.type}. Got {found}."
            )
        _check_values(f"column {column_name} of table {spec.name}", column, table[column_name])
    _check_keys(spec, table)
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


def _check_keys(spec: Table, table: pa.Table) -> None:
    key = list(spec.key)
    groups = table.group_by(key).aggregate([([], "count_all")])
    repeated = groups.filter(compute.greater(groups["count_all"], 1)).select(key).to_pylist()
    if repeated:
        named = ", ".join(f"{column} {value!r}" for column, value in repeated[0].items())
        raise ValueError(f"table {spec.name} must have one row for each key. Got two for {named}.")


def concatenate(spec: Table, tables: Iterable[pa.Table]) -> pa.Table:
    """Join tables of one kind in the order given, and check the result.

    Raises
    ------
    ValueError
        As for :func:`check`, and if there is nothing to join.
    """
    checked = [check(spec, table) for table in tables]
    if not checked:
        raise ValueError(f"tables must be one or more {spec.name} tables. Got none.")
    return check(spec, pa.concat_tables(checked).combine_chunks())


def write(spec: Table, table: pa.Table, path: str | os.PathLike[str]) -> None:
    """Check a table and write it to a Parquet file, whole or not at all.

    The same table gives the same bytes.

    Raises
    ------
    ValueError
        As for :func:`check`.
    """
    checked = check(spec, table)
    with beside(path) as temporary:
        parquet.write_table(checked, temporary, compression="zstd")


def read(spec: Table, path: str | os.PathLike[str]) -> pa.Table:
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
        return check(spec, table)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error
