"""Our own questions: rules are those written down, and decide tables that are made for it."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import __main__ as command
from experiments.report import crossed
from experiments.report.claims import CLAIMS
from experiments.report.crossed import (
    TRUTH,
    Truths,
    agreement_between,
    judge_truth,
    read_crossed,
    truth_ledger,
)
from experiments.report.frames import read_results
from experiments.report.questions import (
    ABOUT_Q,
    BY_ZERO,
    CAUSE,
    CHANCE,
    WHY,
    judge_again,
    judge_worth,
    worth_ledger,
)
from experiments.report.readings import Lacking
from experiments.report.worth import SEEDS, Worth, score

ROOT = Path(__file__).parents[1]
EVERY = TRUTH | CHANCE | WHY | CAUSE | BY_ZERO
EACH = ("kind", "task", "leak", "regularizer", "strength")


def written_rules():
    """Of each question in the page of hypotheses: its title, and where its parts must lie."""
    page = (ROOT / "book" / "hypotheses.md").read_text()
    page = page.partition("\n## What the modules are worth\n")[2].partition("\n## ")[0]
    sections = re.split(r"^\(([a-z]+-\d)\)=\n#### ", page, flags=re.MULTILINE)[1:]
    for name, text in zip(sections[::2], sections[1::2], strict=True):
        title = text.splitlines()[0].removeprefix(f"{name}: ")
        rows = re.findall(r"^\| ([a-f]) \| .* \| (.*) \|$", text, flags=re.MULTILINE)
        yield name, (title, dict(rows))


def test_questions_are_decided_by_the_rules_written_down():
    coded = {
        name: (claim.title, dict(zip("abcdef", [p.place for p in claim.parts], strict=False)))
        for name, claim in EVERY.items()
    }
    assert coded == dict(written_rules())


def test_every_question_is_answered_by_the_tables_of_the_book():
    parts = judge_worth(read_results(ROOT / "results" / "paper"), n_draws=50)
    truth = judge_truth(read_crossed(ROOT / "results" / "crossed"), n_draws=50)
    assert parts["lacks"].unique().tolist() == truth["lacks"].unique().tolist() == [""]
    assert set(parts["claim"]) | set(truth["claim"]) == set(EVERY)


# ------------------------------------------------------------------------------------------ truth


def table(**recoveries):
    """Scores of seeds 0 to 8 whose recoveries a function of seed, side and truth tells."""
    rows = []
    settings = [("planted", "crossed", 0.0), ("planted", "crossed", 0.1)]
    settings += [("emergent", task, 1.0) for task in ("crossed", "parallel")]
    for kind, task, leak in settings:
        for seed in range(9):
            for measure, side in (
                ("covariance", "up"),
                ("input_sensitivity", "up"),
                ("output_sensitivity", "down"),
                ("loss_hessian", "down"),
            ):
                for normalized in (False, True):
                    for convention in ("printed", "released"):
                        for truth in ("source", "head"):
                            value = recoveries[side](seed, truth, task)
                            labels = [0, 0, 1, 1] if side == "up" else [0, 1, 0, 1]
                            if task == "parallel":
                                labels = [0, 0, 1, 1]
                            row = {
                                "kind": kind,
                                "task": task,
                                "leak": leak,
                                "regularizer": "l2",
                                "strength": 1e-5,
                                "seed": seed,
                                "layer": 1,
                                "measure": measure,
                                "normalized": normalized,
                                "convention": convention,
                                "truth": truth,
                                "q": 0.01 * seed + 0.001,
                                "labels": labels,
                                "by": "construction" if kind == "planted" else "intervention",
                                "recovery": value,
                            }
                            for name in ("q", "labels", "recovery"):
                                row[f"{name}_best"] = row[name]
                            rows.append(row)
    return pd.DataFrame(rows)


class Made(crossed.Crossed):
    """Tables that were never written."""

    def __init__(self, scores, kept=True):
        super().__init__(Path("nowhere"))
        object.__setattr__(self, "_scores", scores)
        networks = scores[[*EACH, "seed"]].drop_duplicates().assign(kept=kept)
        object.__setattr__(self, "_networks", networks)

    scores = property(lambda self: self._scores)
    networks = property(lambda self: self._networks)


def right(own, other=0.0):
    """Recover one truth to 0.9 and nothing of the other, in every seed but the one of trials."""
    return lambda seed, truth, task: (
        -1.0 if seed == 0 else 0.9 + 0.001 * seed if truth == own or task == "parallel" else other
    )


def test_truth_is_decided_on_the_seeds_that_trials_did_not_see():
    found = truth_ledger(Made(table(up=right("source"), down=right("head"))), n_draws=200)
    verdicts = found.set_index(["claim", "convention", "search"])["verdict"].unstack([1, 2])
    for name in ("truth-1", "truth-2", "truth-4", "truth-5"):
        assert set(verdicts.loc[name]) == {"holds"}
    # The covariance is as good in both conventions here, and its Q is not low.
    assert set(verdicts.loc["truth-3"]) == {"partly"}
    effect = found.set_index("claim").loc["truth-1", "effect"]
    assert effect.to_numpy() == pytest.approx(0.9 + 0.001 * np.mean(SEEDS))


def test_sides_that_see_one_thing_fail_where_two_are_asked_for():
    found = truth_ledger(Made(table(up=right("source"), down=right("source"))), n_draws=200)
    verdicts = found.set_index("claim")["verdict"]
    assert set(verdicts.loc["truth-2"]) == {"does not hold"}
    assert set(verdicts.loc["truth-5"]) == {"partly"}


def test_agreement_between_the_sides_is_on_the_scale_from_chance():
    scores = table(up=right("source"), down=right("head"))
    reading = Truths(Made(scores), "printed", "paper", n_draws=10)
    one = scores[(scores["truth"] == "source") & (scores["convention"] == "printed")]
    one = one[(one["seed"] == 1) & (one["kind"] == "emergent")]
    parallel, across = (
        agreement_between(one[one["task"] == task])["recovery"] for task in ("parallel", "crossed")
    )
    assert len(parallel) == 4 * 4
    assert parallel.to_numpy() == pytest.approx(1.0)
    # Of pairs that cross, each cluster shares one unit of two: 1/2 by the equation for partitions;
    # by chance, with 2 of 4 units, the mean square of common units is 4/3, and 4 (4/3) / 2 / 4.
    assert across.to_numpy() == pytest.approx((1 / 2 - 2 / 3) / (1 / 3))
    numbers = crossed.sides_agree_where_truths_are_one(reading)
    assert numbers[0][0] == pytest.approx(1.5)


def test_a_rank_correlation_of_one_is_found():
    scores = table(up=lambda seed, *_: 0.1 * seed, down=lambda seed, *_: -0.1 * seed)
    reading = Truths(Made(scores), "printed", "best", n_draws=20)
    every, up, down = crossed.higher_q_is_truer(reading)
    assert up == pytest.approx(1.0)
    assert down == pytest.approx(-1.0)
    assert abs(every[0]) < 0.2


def test_networks_that_learnt_nothing_are_left_out():
    made = Made(table(up=right("source"), down=right("head")), kept=False)
    found = truth_ledger(made, n_draws=20)
    assert set(found["verdict"]) == {"not tested"}
    assert found["lacks"].str.contains("two seeds").all()


# ------------------------------------------------------------------------------- chance and cause


def test_chance_and_cause_are_read_from_the_tables(small_results):
    results = read_results(small_results)
    parts = judge_worth(results, n_draws=50)
    assert set(parts["claim"]) == set(CHANCE | WHY | CAUSE | BY_ZERO)
    worth = Worth(results, "released", n_draws=50)
    nulls = results.nulls.query(
        "convention == 'released' and null == 'rotation' and measure in "
        "['covariance', 'input_sensitivity'] and not normalized and kept and seed >= 1 "
        "and regularizer != 'untrained'"
    )
    by_hand = (nulls["q"] - nulls["null_mean"]).mean()
    rows = parts.set_index(["claim", "convention", "part"])["effect"]
    downstream = rows["chance-4", "released", "a"]
    assert rows["chance-4", "released", "b"] == pytest.approx(by_hand - downstream)
    assert set(worth.networks.query("regularizer != 'untrained'")["seed"]) == {1, 2}
    lesions = score(results.lesions)
    chosen = lesions.query(
        "convention == 'printed' and not signed and ablation == 'mean' and layer == 1 and kept "
        "and seed >= 1 and regularizer != 'untrained' and "
        "measure in ['covariance', 'input_sensitivity']"
    )
    assert rows["cause-1", "printed", "a"] == pytest.approx(chosen["score"].mean())
    verdicts = worth_ledger(results, n_draws=50)
    assert set(verdicts["convention"]) == {"printed", "released"}
    assert (verdicts.query("claim == 'why-1'")["lacks"] != "").all()


@pytest.mark.parametrize(
    ("about", "names"), [("worth", CHANCE | WHY | CAUSE | BY_ZERO), ("paper", CLAIMS)]
)
def test_the_command_prints_the_ledger_that_is_asked_for(small_results, capsys, about, names):
    assert command.main(["claims", about, "--results", str(small_results.parent)]) == 0
    printed = capsys.readouterr().out
    assert all(f"{name}: " in printed for name in names)


def test_the_command_says_that_tables_of_known_modules_are_missing(tmp_path, capsys):
    assert command.main(["claims", "truth", "--results", str(tmp_path)]) == 1
    assert "run python -m experiments run crossed" in capsys.readouterr().err


def test_signed_rows_serve_both_conventions(small_results):
    results = read_results(small_results)
    one, other = (
        Worth(results, convention, n_draws=5).scores(signed=True)
        for convention in ("printed", "released")
    )
    np.testing.assert_array_equal(one, other)


def test_claims_about_q_are_decided_by_q_and_by_excess(small_results):
    again = judge_again(read_results(small_results), n_draws=20)
    assert set(again["by"]) == {"q", "excess"}
    assert len(again) == 2 * 2 * len(ABOUT_Q)


def test_what_a_sweep_left_out_is_said_to_lack(small_results):
    results = read_results(small_results)
    results.__dict__["nulls"] = None
    with pytest.raises(Lacking, match="the table nulls"):
        Worth(results, "printed", n_draws=5).excess()


def test_a_score_without_spread_is_zero():
    frame = pd.DataFrame(
        {"specificity": [3.0, 3.0], "null_mean": [1.0, 1.0], "null_std": [0.5, 0.0]}
    )
    assert score(frame)["score"].tolist() == [4.0, 0.0]
