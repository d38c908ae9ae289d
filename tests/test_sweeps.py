"""What sweeps took is what their manifests say, added up; absent experiments are left out."""

from experiments.engine.seal import write_sealed
from experiments.report.chapters.sweeps import sweeps


def leave(folder, runs, **seconds):
    folder.mkdir()
    parts = {str(number): {"n_parts": n_parts} for number, n_parts in enumerate(runs)}
    write_sealed(folder / "manifest.json", {"runs": parts, "cpu_seconds": seconds, "files": {}})


def test_networks_and_minutes_of_all_runs_are_added_up(tmp_path):
    leave(tmp_path / "paper", (9, 9, 2), training=600.0, similarity=60.0, nulls=1140.0)
    leave(tmp_path / "crossed", (4,), training=90.0)
    found = sweeps(tmp_path)
    assert found.index.to_list() == ["paper", "crossed"]
    assert found.loc["paper"].to_list() == [20, 3, 30.0, "nulls"]
    assert found.loc["crossed"].to_list() == [4, 1, 1.5, "training"]


def test_without_results_there_is_nothing(tmp_path):
    assert len(sweeps(tmp_path)) == 0
