"""Tests of the engine's tables, by those of the paper: what is refused, what files survive."""

import re
from math import inf, nan

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from experiments.engine import files
from experiments.engine.tables import (
    FLAG,
    LABELS,
    TEXT,
    WHOLE,
    Column,
    check,
    concatenate,
    from_rows,
    read,
    write,
)  # fmt: skip
from experiments.paper import CERTIFICATES, NETWORKS
from experiments.paper import TABLES as LEFT

TABLES = {**LEFT, "certificates": CERTIFICATES}


def value(column: Column, row: int):
    """A value that the column allows."""
    if column.type == TEXT:
        return column.choices[row % len(column.choices)] if column.choices else f"name {row}"
    if column.type == FLAG:
        return bool(row % 2)
    if column.type == LABELS:
        return [0, 1, -1]
    number = max(column.low, 0) + (row if column.high == inf else 0)
    return int(number) if column.type == WHOLE else float(number)


def rows(name: str, n_rows: int = 3) -> list[dict]:
    return [
        {c: value(spec, row) for c, spec in TABLES[name].columns.items()} for row in range(n_rows)
    ]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_as_it_was_written_and_the_bytes_are_the_same_again(name, tmp_path):
    table = from_rows(TABLES[name], rows(name))
    write(TABLES[name], table, tmp_path / "one.parquet")
    write(TABLES[name], table, tmp_path / "other.parquet")
    assert read(TABLES[name], tmp_path / "one.parquet").equals(table)
    assert table.to_pylist() == rows(name)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.parquet", "other.parquet"]


def test_every_row_says_of_what_it_is_and_what_made_it():
    measured = ["networks", "layers", "modules", "agreement"]
    worth = ["nulls", "inputs", "resolutions", "factors", "lesions", "damages", "synergy"]
    assert list(TABLES) == [*measured, *worth, "certificates"]
    for name, table in TABLES.items():
        columns = list(table.columns)
        assert table.name == name
        assert columns[:4] == ["experiment", "dataset", "architecture", "network"]
        assert columns[-3:] == ["config_hash", "code_hash", "version"]
        assert set(table.key) <= set(table.own)
        # Two data sets, or two architectures, cannot collide.
        assert table.key[:3] == ("dataset", "architecture", "network")


CASES = [
    ("networks", "test_accuracy", 1.5, "column test_accuracy of table networks must be between 0 "),
    ("networks", "test_loss", nan, "column test_loss of table networks must be a finite number"),
    ("networks", "test_loss", inf, "column test_loss of table networks must be a finite number"),
    ("networks", "regularizer", "l3", "column regularizer of table networks must be one of l2, l1"),
    ("networks", "epochs", 1.5, "column epochs of table networks must be int64. Got 1.5"),
    ("networks", "kept", "yes", "column kept of table networks must be bool. Got 'yes'"),
    ("networks", "seed", None, "column seed of table networks must have a value in every row"),
    ("modules", "layer", 0, "column layer of table modules must be between 1 and inf"),
    ("modules", "labels", [0, -2], "column labels of table modules must be between -1 and 32767"),
    ("modules", "labels", [0, 32768], "column labels of table modules must be list<item: int16>: "),
    (
        "modules",
        "labels",
        [0, None],
        "column labels of table modules must be list<item: int16>. Got [0, None]",
    ),
    ("modules", "retest", None, "column retest of table modules must have a value in every row"),
    ("agreement", "element", 1.01, "column element of table agreement must be between 0 and 1"),
    ("agreement", "southwood", nan, "column southwood of table agreement must be a number"),
    ("agreement", "purity", inf, "column purity of table agreement must be a finite number"),
    ("certificates", "upper", -2.0, "column upper of table certificates must be between -1 and 1"),
]


@pytest.mark.parametrize(("name", "column", "bad", "message"), CASES)
def test_a_value_that_breaks_the_schema_is_refused_by_name(name, column, bad, message):
    wrong = rows(name)
    wrong[1][column] = bad
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        from_rows(TABLES[name], wrong)


@pytest.mark.parametrize(
    ("name", "column", "good"),
    [
        ("modules", "q_best", None),
        ("modules", "labels_best", None),
        ("agreement", "element_best", None),
        ("agreement", "southwood", inf),  # what clusim gives for equal assignments
        ("agreement", "reduced_mutual_information", -3.5),
    ],
)
def test_what_may_be_missing_or_unbounded_is_allowed(name, column, good):
    right = rows(name)
    right[1][column] = good
    assert from_rows(TABLES[name], right)[column].to_pylist()[1] == good


@pytest.mark.parametrize("name", TABLES)
def test_unknown_and_missing_columns_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"table {name} has unknown column colour"):
        from_rows(TABLES[name], [row | {"colour": 1} for row in rows(name)])
    lacking = [{k: v for k, v in row.items() if k != "network"} for row in rows(name)]
    with pytest.raises(ValueError, match=f"table {name} lacks column network"):
        from_rows(TABLES[name], lacking)
    table = from_rows(TABLES[name], rows(name))
    with pytest.raises(ValueError, match=f"table {name} lacks column network"):
        check(TABLES[name], table.drop_columns(["network"]))
    with pytest.raises(ValueError, match=f"table {name} repeats column network"):
        check(TABLES[name], table.append_column("network", table["network"]))


def test_a_column_of_another_type_is_refused_by_name():
    table = from_rows(NETWORKS, rows("networks"))
    place = table.column_names.index("seed")
    other = table.set_column(place, "seed", table["seed"].cast(pa.int32()))
    message = "column seed of table networks must be int64. Got int32"
    with pytest.raises(ValueError, match=message):
        check(NETWORKS, other)


@pytest.mark.parametrize("name", TABLES)
def test_two_rows_with_one_key_are_refused_by_their_key(name):
    twice = rows(name)
    twice[2] |= {column: twice[0][column] for column in TABLES[name].key}
    with pytest.raises(ValueError, match=f"table {name} must have one row for each key.*'name 0'"):
        from_rows(TABLES[name], twice)


def test_concatenation_keeps_the_order_and_refuses_a_network_twice():
    first, second = (from_rows(NETWORKS, [row]) for row in rows("networks", 2))
    joined = concatenate(NETWORKS, [second, first])
    assert joined["network"].to_pylist() == ["name 1", "name 0"]
    with pytest.raises(ValueError, match=r"Got two for dataset 'mnist'.* network 'name 0'"):
        concatenate(NETWORKS, [first, second, first])
    with pytest.raises(ValueError, match="one or more networks tables"):
        concatenate(NETWORKS, [])


def test_a_damaged_or_foreign_file_is_refused_by_name(tmp_path):
    path = tmp_path / "networks.parquet"
    write(NETWORKS, from_rows(NETWORKS, rows("networks")), path)
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"PAR1" + bytes(100) + b"PAR1"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"networks\.parquet must be a Parquet file"):
            read(NETWORKS, path)
    parquet.write_table(pa.table({"a": np.arange(3)}), path)
    with pytest.raises(ValueError, match=r"networks\.parquet: table networks has unknown column a"):
        read(NETWORKS, path)
    with pytest.raises(FileNotFoundError):
        read(NETWORKS, tmp_path / "none.parquet")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "networks.parquet"
    path.write_text("old")
    with pytest.raises(TypeError), files.beside(path) as temporary:  # noqa: PT012, half is written
        temporary.write_text("half")
        temporary.write_text(None)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
