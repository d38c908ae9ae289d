"""Tests of the rules on other networks: numbers by hand, cases apart, verdicts and their figure."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import __main__ as command
from experiments.report.chapters.elsewhere import (
    RULED,
    draw_verdicts,
    network_words,
    verdicts_html,
)
from experiments.report.claims import CLAIMS
from experiments.report.elsewhere import (
    ELSEWHERE,
    Case,
    Elsewhere,
    Kind,
    elsewhere_ledger,
    generality,
    judge_elsewhere,
    read_elsewhere,
)
from experiments.report.readings import Lacking
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import METHODS, UPSTREAM

CASE = Case("mnist", "mlp-64-64", "hidden")
OTHER = Case("mnist", "mlp-64-64", "joint")
SETTINGS = {"l2": 1e-5, "dropout": 0.5}


class Made(Elsewhere):
    """Tables that were never written."""

    def __init__(self, networks, layers, scores):
        super().__init__(Path("nowhere"))
        for name, frame in (("networks", networks), ("layers", layers), ("scores", scores)):
            vars(self)[name] = frame


def made(score, agreement=lambda **_: (0.6, 0.5, 0.2), kept=lambda **_: True, seeds=range(6)):
    """Tables whose numbers functions of a row's names tell."""
    networks, layers, scores = [], [], []
    for seed in seeds:
        for regularizer, strength in SETTINGS.items():
            name = {"dataset": "mnist", "architecture": "mlp-64-64", "regularizer": regularizer,
                    "strength": strength, "seed": seed}  # fmt: skip
            networks.append(name | {"kept": kept(seed=seed, regularizer=regularizer)})
            for part, layer in (("hidden", 1), ("hidden", 2), ("joint", 1)):
                for convention in CONVENTIONS:
                    where = name | {"part": part, "layer": layer, "convention": convention}
                    values = agreement(**where)
                    sides = ("within_upstream", "within_downstream", "between")
                    both = [*sides, *(f"{side}_best" for side in sides)]
                    layers.append(where | dict(zip(both, (*values, *values), strict=True)))
                    for method in METHODS:
                        own = where | method._asdict()
                        scores.append(own | score(**own))
    return Made(*map(pd.DataFrame, (networks, layers, scores)))


def row(q=0.1, null=0.1, specificity=0.0, mean=0.0, std=1.0):
    return {"q": q, "q_best": q, "null_mean": null, "specificity": specificity,
            "random_mean": mean, "random_std": std}  # fmt: skip


def numbers(claim, tables, case=CASE, convention="printed", search="paper"):
    kind = Kind(tables, case, convention, search, n_draws=10)
    return [float(draws[0]) for draws in ELSEWHERE[claim].rule(kind)]


# -------------------------------------------------------------------------------------- the numbers


def test_the_change_of_q_is_averaged_over_methods_and_those_that_rise_are_counted():
    def score(regularizer, measure, normalized, layer, **_):
        is_high = regularizer == "dropout" and (measure, normalized) != METHODS[0]
        return row(q=0.1 + (0.1 * layer if is_high else 0.0))

    # Seven methods rise by .1 in the first layer and .2 in the second.
    assert numbers("elsewhere-1", made(score)) == pytest.approx([7 * 0.15 / 8, 7])


def test_best_assignments_are_read_by_their_own_q():
    def score(regularizer, **_):
        return row(q=0.1) | {"q_best": 0.3 if regularizer == "dropout" else 0.1}

    tables = made(score)
    assert numbers("elsewhere-1", tables)[0] == pytest.approx(0.0)
    assert numbers("elsewhere-1", tables, search="best")[0] == pytest.approx(0.2)


def test_agreement_is_averaged_over_layers_and_networks_of_both_kinds():
    def agreement(regularizer, layer, **_):
        return 0.6 + 0.2 * (regularizer == "dropout"), 0.5, 0.2 * layer

    # Upstream .7, downstream .5, between .3 on average.
    found = numbers("elsewhere-2", made(lambda **_: row(), agreement))
    assert found == pytest.approx([0.3, 0.4, 0.2])


def test_excess_is_of_raw_methods_of_networks_without_dropout():
    def score(regularizer, measure, normalized, **_):
        if normalized or regularizer == "dropout":
            return row(q=0.9)
        return row(q={"covariance": 0.11, "output_sensitivity": 0.07}.get(measure, 0.5))

    assert numbers("elsewhere-3", made(score)) == pytest.approx([0.01, -0.03])


def test_excess_under_dropout_is_of_raw_input_sensitivity_in_the_first_layer():
    def score(regularizer, measure, normalized, layer, **_):
        special = (regularizer, measure, normalized, layer)
        return row(q=0.4 if special == ("dropout", "input_sensitivity", False, 1) else 0.0)

    assert numbers("elsewhere-4", made(score)) == pytest.approx([0.3])


def test_scores_are_standard_deviations_above_random_in_the_first_layer():
    def score(measure, layer, **_):
        if layer == 2:
            return row(specificity=99.0)
        return row(specificity=7.0 if measure in UPSTREAM else 3.0, mean=1.0, std=2.0)

    assert numbers("elsewhere-5", made(score)) == pytest.approx([3.0, 2.0])


def test_where_all_random_assignments_are_alike_none_is_specific():
    tables = made(lambda **_: row(specificity=1.0, std=0.0))
    assert numbers("elsewhere-5", tables) == [0.0, 0.0]


def test_what_was_not_measured_is_lacking():
    tables = made(lambda **_: row() | dict.fromkeys(("null_mean", "specificity", "random_std")))
    for claim in ("elsewhere-3", "elsewhere-5"):
        with pytest.raises(Lacking):
            numbers(claim, tables)


def test_cases_and_conventions_are_kept_apart():
    def score(part, convention, **_):
        return row(specificity=(1.0 if part == "hidden" else 5.0) + (convention == "released"))

    tables = made(score)
    assert numbers("elsewhere-5", tables)[0] == 1.0
    assert numbers("elsewhere-5", tables, OTHER)[0] == 5.0
    assert numbers("elsewhere-5", tables, convention="released")[0] == 2.0


# ---------------------------------------------------------------------------------------- the seeds


def by_seed(seed, **_):
    return row(specificity=100.0 if seed == 0 else seed)


def test_the_seed_of_the_trials_does_not_count():
    assert numbers("elsewhere-5", made(by_seed))[0] == 3.0  # the mean of 1 to 5


def test_a_seed_counts_if_both_of_its_networks_have_learnt():
    tables = made(by_seed, kept=lambda seed, regularizer: (seed, regularizer) != (5, "dropout"))
    kind = Kind(tables, CASE, "printed", "paper", n_draws=10)
    assert kind.n_seeds() == 4
    assert numbers("elsewhere-5", tables)[0] == 2.5


def test_one_seed_decides_nothing():
    tables = made(by_seed, seeds=(0, 1))
    with pytest.raises(Lacking, match="two seeds"):
        Kind(tables, CASE, "printed", "paper", n_draws=10).n_seeds()
    assert set(elsewhere_ledger(judge_elsewhere(tables, n_draws=10))["verdict"]) == {"not tested"}


def test_draws_are_means_of_drawn_seeds():
    draws = Kind(made(by_seed), CASE, "printed", "paper", n_draws=200).score(upstream=True)
    assert draws[0] == 3.0
    assert len(draws) == 201
    assert np.allclose(5 * draws, np.round(5 * draws))  # of five whole numbers
    assert draws[1:].std() == pytest.approx(np.sqrt(2 / 5), rel=0.2)  # of their variance, 2


# ------------------------------------------------------------------------------------- the verdicts


@pytest.fixture(scope="module")
def parts():
    def score(regularizer, part, **_):
        high = 0.3 if regularizer == "dropout" and part == "hidden" else 0.1
        return row(q=high)

    tables = made(score)
    found = judge_elsewhere(tables, n_draws=50)
    return found, elsewhere_ledger(found)


def test_each_case_has_its_own_verdict(parts):
    ledger = parts[1].set_index(["claim", "where", "convention", "search"])["verdict"]
    hidden, joint = CASE.name, OTHER.name
    assert ledger["elsewhere-1", hidden, "printed", "paper"] == "holds"
    assert ledger["elsewhere-1", joint, "printed", "paper"] == "does not hold"
    assert ledger["elsewhere-2", joint, "released", "best"] == "holds"
    assert ledger["elsewhere-3", hidden, "printed", "paper"] == "holds"
    assert ledger["elsewhere-4", hidden, "printed", "paper"] == "holds"
    assert ledger["elsewhere-5", hidden, "printed", "paper"] == "does not hold"


def test_questions_about_q_and_agreement_have_four_readings_and_the_others_two(parts):
    counts = parts[1].groupby("claim").size().to_dict()
    expected = {"elsewhere-1": 4, "elsewhere-2": 4, "elsewhere-3": 2, "elsewhere-4": 2}
    assert counts == {name: 2 * n for name, n in (expected | {"elsewhere-5": 2}).items()}


@pytest.mark.parametrize(
    ("holds", "tested", "verdict"),
    [(3, 4, "general"), (2, 4, "mixed"), (1, 4, "special"), (0, 0, "not tested")],
)
def test_a_claim_is_general_from_three_quarters_on_and_special_up_to_one(holds, tested, verdict):
    verdicts = ["holds"] * holds + ["partly"] * (tested - holds) + ["not tested"] * 2
    ledger = pd.DataFrame({"claim": "elsewhere-1", "convention": "printed", "search": "paper",
                           "verdict": verdicts})  # fmt: skip
    (found,) = generality(ledger).to_dict("records")
    assert (found["holds"], found["tested"], found["verdict"]) == (holds, tested, verdict)


def test_every_rule_is_in_the_page_of_hypotheses():
    text = (Path(__file__).parents[1] / "book" / "hypotheses.md").read_text()
    for name, claim in ELSEWHERE.items():
        section = text.partition(f"({name})=")[2].partition("\n(")[0]
        assert f"### {name}: {claim.title}" in section
        assert section.count("| above") + section.count("| between") == len(claim.parts)
        for letter, part in zip("abc", claim.parts, strict=False):
            (line,) = [line for line in section.splitlines() if line.startswith(f"| {letter} ")]
            assert line.endswith(f"| {part.place} |")


def test_names_are_no_other_claims():
    assert not set(ELSEWHERE) & set(CLAIMS)


def test_intervals_are_drawn_for_every_case_and_question(parts):
    figure = draw_verdicts(parts[0])
    assert len(figure.axes) == len(RULED)
    first = figure.axes[0]
    names = [label.get_text() for label in first.get_yticklabels()]
    assert names == ["2 layers of 64 (MNIST)", "2 layers of 64, jointly (MNIST)"]
    assert first.get_title().endswith("\n1 of 2")
    lines = [line for line in first.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in lines] == pytest.approx([0.2, 0.0])


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (("mnist", "mlp-64", "hidden"), "1 layer of 64 (MNIST)"),
        (("mnist1d", "convolutional", "hidden"), "convolutions (MNIST-1D)"),
        (("mnist", "residual", "stream"), "residual blocks, stream (MNIST)"),
        (("digits", "gelu", "hidden"), "GELU, 2 layers of 64 (digits)"),
    ],
)
def test_cases_are_named_in_words(case, words):
    assert network_words(*case) == words


def test_cases_stand_by_data_and_kind_whatever_the_order_of_the_rows(parts):
    digits = parts[0].assign(dataset="digits", where="digits").query("part_of_network == 'hidden'")
    first = draw_verdicts(pd.concat([digits, parts[0][::-1]])).axes[0]
    names = [label.get_text() for label in first.get_yticklabels()]
    assert names == [
        "2 layers of 64 (MNIST)", "2 layers of 64, jointly (MNIST)", "2 layers of 64 (digits)",
    ]  # fmt: skip


def test_verdicts_are_listed_by_case_and_question(parts):
    html = verdicts_html(parts[1])
    first, second = html.partition("<tbody>")[2].split("</tr>")[:2]
    assert "2 layers of 64 (MNIST)" in first
    assert "2 layers of 64, jointly (MNIST)" in second
    assert first.count("●") == 4  # all but the last question
    assert second.count("●") == 2  # the joint layer is as modular with dropout as without
    assert "../book/hypotheses.html#elsewhere-5" in html
    assert verdicts_html(parts[1], search="best").count("#elsewhere-") == 2


def test_the_command_says_that_tables_are_missing(tmp_path, capsys):
    assert command.main(["claims", "elsewhere", "--results", str(tmp_path)]) == 1
    assert "run python -m experiments run elsewhere" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="tables of networks of other kinds"):
        read_elsewhere(tmp_path)


def test_the_command_names_each_case_beside_its_verdict(parts):
    text = command.FORMATS["table"](parts[1])
    assert "elsewhere-1: Dropout raises modularity" in text
    assert f"{CASE.name}         printed   paper" in text
    assert text.count(OTHER.name) == 14
