"""Chaos draws its kills from a seed, and sees what a sweep leaves that it should not."""

import os
import subprocess
import sys

import pytest

from experiments import chaos
from experiments.chaos import Fault, Scene, judge, leftovers, plan


def test_kills_depend_on_seed_round_and_experiment_alone():
    draw = lambda seed: [plan(seed, number, "paper") for number in range(50)]  # noqa: E731
    assert draw(3) == draw(3)
    assert draw(3) != draw(4)
    assert plan(3, 1, "paper") != plan(3, 1, "other")


def test_every_role_is_hit_by_every_signal_and_schedulers_only_where_there_is_one():
    plans = [plan(0, number, "paper") for number in range(400)]
    of = {remote: {(k.role, k.signal) for r, kills in plans if r == remote for k in kills}
          for remote in (False, True)}  # fmt: skip
    signals = set(chaos.SIGNALS)
    assert of[False] == {(role, each) for role in chaos.ROLES for each in signals}
    assert of[True] == {(role, each) for role in chaos.REMOTE_ROLES for each in signals}


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """Two scenes of one sweep that is done, as far as files tell."""
    monkeypatch.setattr(chaos, "finish", lambda _: None)
    scenes = [Scene("paper", tmp_path / name) for name in ("chaos", "peace")]
    for scene in scenes:
        (scene.results / "paper").mkdir(parents=True)
        (scene.results / "raw").mkdir()
        scene.temporary.mkdir()
        (scene.results / "paper" / "networks.parquet").write_bytes(b"bytes")
        (scene.results / "paper" / "manifest.json").write_text(str(scene.folder))  # has times
    return scenes


def test_equal_tables_and_nothing_left_is_what_it_wants(pair):
    judge(*pair)


def test_a_byte_that_differs_is_named_by_its_table(pair):
    (pair[0].results / "paper" / "networks.parquet").write_bytes(b"byteS")
    with pytest.raises(Fault, match=r"tables differ from those in peace: networks.parquet"):
        judge(*pair)


def test_a_table_too_many_or_too_few_is_a_fault(pair):
    (pair[0].results / "paper" / "more.parquet").touch()
    with pytest.raises(Fault, match=r"files differ: .*more.parquet"):
        judge(*pair)


@pytest.mark.parametrize(
    "name",
    [
        "results/raw/.working",
        "results/raw/paper-one.failed",
        "results/paper/.networks.parquet.0123",
        "tmp/modlib-kernel-12345678",
    ],
)
def test_what_is_left_behind_is_a_fault(pair, name):
    (pair[0].folder / name).mkdir()
    assert leftovers(pair[0]) == [pair[0].folder / name]
    with pytest.raises(Fault, match=f"left behind: .*{name}"):
        judge(*pair)


def test_a_process_that_does_not_end_is_a_fault(pair, monkeypatch):
    monkeypatch.setattr(chaos.until, "__defaults__", (1.0,))
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env=os.environ | {chaos.MARK: pair[0].mark},
    ) as process:
        with pytest.raises(Fault, match="all processes end with the sweep: not within 1 s"):
            judge(*pair)
        pair[0].end()
        assert process.wait() == -9


@pytest.mark.faults
def test_a_round_of_chaos_leaves_every_byte_as_in_peace(capsys):
    assert chaos.main(["--rounds", "1", "--seed", "1"]) == 0
    assert "every table as in peace, nothing left" in capsys.readouterr().out
