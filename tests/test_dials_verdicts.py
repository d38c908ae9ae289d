"""Tests of the rules on training for modules: those written down, on tables made for it."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import __main__ as command
from experiments.dials import CERTIFICATES, PAIRED, TABLES, USUAL
from experiments.engine import tables
from experiments.pairs import N_HEADS
from experiments.report.dials import DIALS, Dials, Pulls, dials_ledger, judge_dials
from experiments.report.readings import Lacking
from experiments.report.worth import SEEDS
from experiments.robustness import DISTURBANCES
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS

ROOT = Path(__file__).parents[1]
TARGETS = ("none", "up", "down", "both", "shuffled")
OWN = {"up": ("covariance",), "down": ("output_sensitivity",), "none": (), "shuffled": ()}
OWN["both"] = OWN["up"] + OWN["down"]


def written_rules():
    """Of each question in the page of hypotheses: its title, and where its parts must lie."""
    page = (ROOT / "book" / "hypotheses.md").read_text()
    page = page.partition("\n## Can one train for modules?\n")[2].partition("\n## ")[0]
    sections = re.split(r"^\((dials-\d\d)\)=\n### ", page, flags=re.MULTILINE)[1:]
    for name, text in zip(sections[::2], sections[1::2], strict=True):
        title = text.splitlines()[0].removeprefix(f"{name}: ")
        rows = re.findall(r"^\| ([a-f]) \| (.*) \| (.*) \|$", text, flags=re.MULTILINE)
        yield name, (title, [(quantity.replace("$", ""), place) for _, quantity, place in rows])


def test_questions_are_decided_by_the_rules_written_down():
    coded = {
        name: (claim.title, [(part.quantity, part.place) for part in claim.parts])
        for name, claim in DIALS.items()
    }
    assert coded == dict(written_rules())


class Made(Dials):
    """Tables that were never written."""

    def __init__(self, frames):
        super().__init__(Path("nowhere"))
        vars(self).update(frames)


def usual(task):
    """The pull at which verdicts are given."""
    return USUAL if task == "single" else PAIRED


def of_each(*, kept=lambda seed, target: True):
    """The names of networks of seeds 0 to 8, with whether they learnt enough."""
    for task in ("single", "crossed"):
        for target in TARGETS if task == "single" else TARGETS[:4]:
            for pull in (0.0,) if target == "none" else (0.1, usual(task)):
                for seed in range(9):
                    name = {"task": task, "target": target, "pull": pull, "seed": seed}
                    yield name | {"kept": kept(seed, target)}


def made(gain=0.5, cost=0.005, **options):
    """Tables in which what is pulled rises by a gain at the usual pull, but in the seed of trials.

    All that is to be gained is gained by what is pulled, by as much; accuracy is paid for it.
    """
    frames = {name: [] for name in (
        "networks", "layers", "scores", "agreement", "robustness", "truth", "transfer"
    )}  # fmt: skip
    for named in of_each(**options):
        name = {key: value for key, value in named.items() if key != "kept"}
        target, seed = name["target"], name["seed"]
        own = OWN[target] if name["pull"] == usual(name["task"]) else ()
        up = (-9.0 if seed == 0 else gain + 0.001 * seed) if own else 0.0
        frames["networks"].append(named | {"test_accuracy": 0.95 - cost * bool(own)})
        frames["transfer"] += [
            name | {"head": head, "learnt": 0.8 + up / 10, "other_before": 0.9,
                    "other_after": 0.6 + up / 10}
            for head in range(1, N_HEADS + 1)
        ]  # fmt: skip
        frames["robustness"] += [
            name | {"disturbance": kind, "level": level, "accuracy": 0.5 + up / 10}
            for kind, levels in DISTURBANCES.items() for level in levels
        ]  # fmt: skip
        for layer in (1, 2):
            frames["layers"].append(
                name | {"layer": layer, "effective_dimension": 5.0 - up, "n_constant": 2 + bool(up)}
            )
            for convention in CONVENTIONS:
                where = name | {"layer": layer, "convention": convention}
                agreed = 0.9 if target == "both" and own else 0.1
                frames["agreement"].append(
                    where | {column: agreed for end in ("", "_best")
                             for column in (f"between{end}", f"dials{end}")}
                )  # fmt: skip
                for method in METHODS:
                    risen = up if method.normalized and method.measure in own else 0.0
                    row = where | method._asdict()
                    q = {"q": 0.1 + risen, "q_best": 0.1 + risen, "chance_q": 0.1 + risen}
                    lesion = {"specificity": 0.5 + risen, "lesion_mean": 0.4, "lesion_std": 0.1}
                    frames["scores"].append(row | q | lesion | {"null_mean": 0.1, "null_std": 0.0})
                    frames["truth"] += [
                        row | {"truth": truth, "recovery": value, "recovery_best": value}
                        for truth, value in (("source", 0.2 + risen), ("head", 0.1))
                        if name["task"] == "crossed"
                    ]  # fmt: skip
    return Made({name: pd.DataFrame(rows) for name, rows in frames.items()})


def test_what_is_made_to_hold_holds_on_the_seeds_that_trials_did_not_see():
    found = dials_ledger(made(), n_draws=200).set_index(["claim", "convention", "search"])
    assert set(found["verdict"]) == {"holds"}, found[["verdict", "met"]]
    expected = 0.5 + 0.001 * np.mean(SEEDS)
    assert found.loc["dials-01", "effect"].to_numpy() == pytest.approx(expected)
    assert found.loc["dials-07", "effect"].to_numpy() == pytest.approx(expected)
    assert found.loc["dials-09", "effect"].to_numpy() == pytest.approx(10 * expected)
    assert found.loc["dials-11", "effect"].to_numpy() == pytest.approx(expected)
    assert found.loc["dials-12", "effect"].to_numpy() == pytest.approx(expected / 10)
    assert found.loc["dials-06", "effect"].to_numpy() == pytest.approx(0.0)


def test_what_is_too_small_or_too_dear_does_not_hold():
    verdicts = dials_ledger(made(gain=0.04, cost=0.1), n_draws=100).set_index("claim")["verdict"]
    assert set(verdicts.loc["dials-01"]) == {"partly"}  # the other side did not move
    assert set(verdicts.loc["dials-04"]) == {"partly"}
    assert set(verdicts.loc["dials-05"]) == {"does not hold"}
    assert set(verdicts.loc["dials-07"]) == {"does not hold"}


def test_at_another_pull_nothing_was_made():
    parts = judge_dials(made(), n_draws=50, pull=0.1).set_index(["claim", "part"])
    assert parts.loc[("dials-01", "a"), "effect"].to_numpy() == pytest.approx(0.0)
    assert not parts.loc[("dials-06", "a"), "met"].any()  # nothing over nothing


def test_excess_and_lesions_are_of_the_papers_search_alone():
    parts = judge_dials(made(), n_draws=20)
    for name in ("dials-07", "dials-09"):
        assert set(parts.loc[parts["claim"] == name, "search"]) == {"paper"}
    assert set(parts["search"]) == {"paper", "best"}


def test_networks_that_learnt_too_little_are_left_out_with_their_pairs():
    results = made(kept=lambda seed, target: seed < 5 or target != "up")
    reading = Pulls(results, "released", "paper", n_draws=10)
    of = reading.of("scores", "q", "up", measure="covariance", normalized=True)
    assert list(of.index) == [1, 2, 3, 4]
    change = reading.change("scores", "q", "up", measure="covariance", normalized=True)
    assert change[0] == pytest.approx(0.5 + 0.001 * np.mean([1, 2, 3, 4]))
    assert reading.n_seeds() == 8


def test_what_is_not_there_is_said_to_lack():
    results = made(kept=lambda seed, target: target != "up")
    with pytest.raises(Lacking, match="q of networks of task single and target up"):
        Pulls(results, "printed", "paper", n_draws=5).q("up", METHODS[1])
    verdicts = dials_ledger(results, n_draws=5).set_index("claim")
    assert set(verdicts.loc["dials-01", "verdict"]) == {"not tested"}
    assert set(verdicts.loc["dials-02", "verdict"]) == {"holds"}
    none = made(kept=lambda seed, target: False)
    assert dials_ledger(none, n_draws=5)["lacks"].str.contains("two seeds").all()


def test_a_score_without_spread_is_zero():
    results = made()
    vars(results)["scores"] = results.scores.assign(lesion_std=0.0)
    assert (results.worth["score"] == 0).all()


def test_the_truth_found_is_the_larger_recovery():
    found = made().truest
    assert len(found) * 2 == len(made().truth)
    assert found["recovery"].min() == pytest.approx(0.2 - 9.0, abs=10)
    rows = found[(found["target"] == "up") & (found["pull"] == PAIRED) & (found["seed"] == 3)]
    risen = rows[(rows["measure"] == "covariance") & rows["normalized"]]
    assert risen["recovery"].to_numpy() == pytest.approx(0.703)


def test_certificates_are_read_where_there_are_any(tmp_path):
    assert Dials(tmp_path).certificates is None
    row = {
        "dataset": "digits", "task": "single", "target": "up", "pull": USUAL, "seed": 1, "layer": 1,
        "measure": "covariance", "normalized": True, "lower": 0.5, "upper": 0.6, "optimal": False,
        "seconds": 1.0, "labels": [0, 1], "experiment": "dials", "config_hash": "a",
        "code_hash": "b", "version": "1",
    }  # fmt: skip
    tables.write(
        CERTIFICATES, tables.from_rows(CERTIFICATES, [row]), tmp_path / "certificates.parquet"
    )
    assert Dials(tmp_path).certificates["upper"].tolist() == [0.6]


def test_the_command_says_that_tables_are_missing(tmp_path, capsys):
    assert command.main(["claims", "dials", "--results", str(tmp_path)]) == 1
    assert "run python -m experiments run dials" in capsys.readouterr().err


def test_every_table_of_the_experiment_is_opened():
    names = {"dials_networks", "dials_layers", "dials", "dials_agreement", "dials_robustness",
             "dials_truth", "dials_transfer"}  # fmt: skip
    assert set(TABLES) == names
