"""The benchmark of the engine drives real runs; how long they take is for its table."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import engine


def test_stubs_are_driven_polled_and_consolidated_and_failures_are_not_passed_over(monkeypatch):
    monkeypatch.setattr(engine, "SIZES", (3, 6))
    rows = engine.growth_with_runs()
    assert [row["runs"] for row in rows] == [3, 6]
    assert all(row["polls"] >= 1 and row["milliseconds"] > 0 for row in rows)
