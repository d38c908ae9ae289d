"""Tests of the rules on when modules come: numbers by hand, seeds that count, and verdicts."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import __main__ as command
from experiments.dynamics import FOLLOWED
from experiments.report.claims import CLAIMS
from experiments.report.dynamics import WHEN, Course, Dynamics, read_dynamics, when_ledger
from experiments.report.readings import Lacking
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS, UPSTREAM

ROOT = Path(__file__).parents[1]
PLACES = ((0.0, False), (0.25, False), (1.0, False), (8.0, False), (20.0, True))
SEEDS = range(9)


class Made(Dynamics):
    """Tables that were never written."""

    def __init__(self, snapshots, layers, scores):
        super().__init__(Path("nowhere"))
        for name, frame in (("snapshots", snapshots), ("layers", layers), ("scores", scores)):
            vars(self)[name] = pd.DataFrame(frame)


def nothing(**_):
    return {}


def made(score=nothing, snapshot=nothing, agreement=nothing, seeds=SEEDS):
    """Tables whose numbers functions of a row's names tell, where they are not the usual ones."""
    snapshots, layers, scores = [], [], []
    for regularizer, strength in FOLLOWED.items():
        for seed in seeds:
            for epoch, final in PLACES:
                name = {"dataset": "mnist", "regularizer": regularizer, "strength": strength,
                        "seed": seed, "epoch": epoch, "final": final}  # fmt: skip
                usual = {"test_accuracy": 0.9, "kept": True}
                snapshots.append(name | usual | snapshot(**name))
                for convention in CONVENTIONS:
                    where = name | {"convention": convention}
                    for layer in (1, 2):
                        at = where | {"layer": layer}
                        layers.append(at | {"within_upstream": 0.5} | agreement(**at))
                        for method in METHODS:
                            own = at | method._asdict()
                            usual = {"q": 0.2, "null_mean": 0.1, "recovery": 0.5, "retest": 0.8}
                            scores.append(own | usual | score(**own))
    return Made(snapshots, layers, scores)


def numbers(claim, tables, convention="printed"):
    course = Course(tables, convention, n_draws=10)
    return [float(draws[0]) for draws in WHEN[claim].rule(course)]


def is_raw_upstream(measure, normalized, **_):
    return measure in UPSTREAM and not normalized


# -------------------------------------------------------------------------------------- the numbers


def test_ways_are_those_of_means_under_dropout():
    """Accuracy goes .1, .8, .9 and Q of upstream methods in the first layer .1, .15, .3."""

    def snapshot(regularizer, epoch, final, **_):
        if regularizer != "dropout":
            return {"test_accuracy": 0.1 if epoch == 0 else 0.3}
        return {"test_accuracy": 0.9 if final else {0.0: 0.1, 1.0: 0.8}.get(epoch, 0.9)}

    def score(regularizer, epoch, final, layer, measure, seed, **_):
        if regularizer != "dropout" or layer != 1 or measure not in UPSTREAM:
            return {"q": 0.7}
        # Seeds differ, and their mean is as said.
        return {"q": (0.3 if final else {0.0: 0.1, 1.0: 0.15}.get(epoch, 0.2)) + (seed - 4.5) / 50}

    assert numbers("when-1", made(score, snapshot)) == pytest.approx([0.7 / 0.8, 0.05 / 0.2])


def test_excess_is_that_of_raw_upstream_methods_in_the_first_layer():
    def score(regularizer, epoch, final, layer, **of):
        if layer != 1 or not is_raw_upstream(**of):
            return {"q": 0.9}
        gain = {"dropout": 0.3, "l1": 0.06, "l2": -0.02}[regularizer]
        return {"q": 0.1 + (gain if final else 0.01), "null_mean": 0.1}

    # Before training .01 for all; then .3 and .06 more than nothing.
    assert numbers("when-2", made(score)) == pytest.approx([0.01, 0.29, 0.05])


def test_settling_is_held_against_a_second_search_of_the_final_network():
    def score(epoch, final, measure, **_):
        is_up = measure in UPSTREAM
        retest = (0.8 if is_up else 0.5) if final else 0.1
        return {"recovery": (0.6 if is_up else 0.2) if epoch == 8 else 0.0, "retest": retest}

    assert numbers("when-3", made(score)) == pytest.approx([0.75, 0.4])


def test_what_is_left_of_initial_modules_is_their_recovery_of_the_final_ones():
    def score(epoch, measure, regularizer, **_):
        shift = {"l2": -0.03, "dropout": 0.0, "l1": 0.03}[regularizer]  # gone in the mean
        return {"recovery": (0.05 if measure in UPSTREAM else 0.15) + shift if epoch == 0 else 1.0}

    assert numbers("when-4", made(score)) == pytest.approx([0.05, 0.15])


def test_agreement_within_upstream_makes_its_way():
    def agreement(epoch, final, layer, **_):
        value = 0.7 if final else {0.0: 0.3, 1.0: 0.6}.get(epoch, 0.65)
        return {"within_upstream": value + (0.1 if layer == 1 else -0.1)}

    assert numbers("when-5", made(agreement=agreement)) == pytest.approx([0.3, 0.75])


def test_weights_that_are_kept_after_eight_epochs_are_no_snapshot_of_eight():
    tables = made(lambda final, **_: {"recovery": 1.0 if final else 0.4})
    frame = tables.scores
    vars(tables)["scores"] = frame.assign(epoch=frame["epoch"].where(~frame["final"], 8.0))
    assert numbers("when-3", tables) == pytest.approx([0.5] * 2)  # 0.4 of 0.8


def test_a_convention_reads_its_own_rows():
    def score(convention, **_):
        return {"recovery": 0.05 if convention == "printed" else 0.3}

    tables = made(score)
    assert numbers("when-4", tables, "printed") == pytest.approx([0.05] * 2)
    assert numbers("when-4", tables, "released") == pytest.approx([0.3] * 2)


def test_assignments_without_a_recovery_are_left_out():
    def score(epoch, normalized, **_):
        return {"recovery": None if normalized else 0.04}

    assert numbers("when-4", made(score)) == pytest.approx([0.04] * 2)


# ------------------------------------------------------------------------------ seeds and verdicts


def test_seed_0_and_seeds_with_a_network_that_learnt_nothing_do_not_count():
    def snapshot(regularizer, seed, final, **_):
        return {"kept": not (final and regularizer == "l1" and seed == 3)}

    def score(seed, **_):
        return {"recovery": 1.0 if seed in (0, 3) else 0.02}

    tables = made(score, snapshot)
    assert Course(tables, "printed").seeds == [1, 2, 4, 5, 6, 7, 8]
    assert numbers("when-4", tables) == pytest.approx([0.02] * 2)


def test_an_untrained_network_need_not_have_learnt():
    tables = made(snapshot=lambda final, **_: {"kept": final})
    assert Course(tables, "printed").n_seeds() == 8


def test_what_holds_holds_whatever_seeds_are_drawn():
    def score(epoch, seed, **_):
        return {"recovery": 0.01 * seed if epoch == 0 else 0.9}

    ledger = when_ledger(made(score), n_draws=200).set_index(["claim", "convention"])
    assert set(ledger.loc["when-4", "verdict"]) == {"holds"}  # .045 in the mean
    assert set(ledger.loc["when-3", "verdict"]) == {"holds"}
    assert set(ledger.loc["when-2", "verdict"]) == {"does not hold"}  # excess is .1 all the time
    # Nothing makes a way, so no share of it is known.
    assert set(ledger.loc["when-1", "verdict"]) == {"does not hold"}
    assert set(ledger["search"]) == {"paper"}
    effect, low, high = ledger.loc[("when-4", "printed"), ["effect", "low", "high"]]
    assert effect == pytest.approx(0.045)
    assert low < effect < high


def test_one_seed_is_too_few():
    found = when_ledger(made(seeds=[1]), n_draws=10)
    assert set(found["verdict"]) == {"not tested"}
    assert found["lacks"].str.contains("two seeds").all()


def test_a_snapshot_that_some_network_lacks_is_named():
    tables = made()
    frame = tables.scores
    vars(tables)["scores"] = frame[~((frame["epoch"] == 8) & (frame["seed"] == 2))]
    with pytest.raises(Lacking, match="recovery of every network"):
        WHEN["when-3"].rule(Course(tables, "printed", n_draws=5))


def test_questions_are_decided_by_the_rules_written_down():
    page = (ROOT / "book" / "hypotheses.md").read_text()
    page = page.partition("\n## When do modules come?\n")[2].partition("\n## ")[0]
    parts = re.split(r"^\((when-\d)\)=\n### ", page, flags=re.MULTILINE)[1:]
    written = {
        name: (
            text.splitlines()[0].removeprefix(f"{name}: "),
            dict(re.findall(r"^\| ([a-f]) \| .* \| (.*) \|$", text, flags=re.MULTILINE)),
        )
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }
    assert written == {
        name: (claim.title, dict(zip("abcdef", [p.place for p in claim.parts], strict=False)))
        for name, claim in WHEN.items()
    }
    assert not set(WHEN) & set(CLAIMS)


def test_each_rule_gives_a_number_for_each_part():
    course = Course(made(), "printed", n_draws=5)
    for claim in WHEN.values():
        found = claim.rule(course)
        assert [np.shape(draws) for draws in found] == [(6,)] * len(claim.parts)


def test_the_command_says_that_tables_are_missing(tmp_path, capsys):
    assert command.main(["claims", "when", "--results", str(tmp_path)]) == 1
    assert "run python -m experiments run dynamics" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="networks followed in training"):
        read_dynamics(tmp_path)
