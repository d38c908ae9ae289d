"""Tests of the claims: worlds in which each verdict is known, and the rules as they are written."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from world import look, world

from experiments import __main__ as command
from experiments.report.claims import (
    CHAPTERS,
    CLAIMS,
    HYPOTHESES,
    Part,
    judge,
    ledger,
    summarize,
)
from experiments.report.readings import READINGS

ROOT = Path(__file__).parents[1]
VERDICTS = ("holds", "partly", "does not hold")


def decide(name, results):
    """The rows of one claim's ledger; few draws, since seeds differ by little in these worlds."""
    return summarize(judge(results, n_draws=200, claims={name: CLAIMS[name]}))


# ---------------------------------------------------------------------------------- the worlds


def rising(**rises):
    """Worlds whose Q rises linearly, by so much under each regulariser."""
    return world(q=lambda net, *_: 0.2 + rises.get(net.regularizer, 0) * net.level)


def rising_by_method(rise):
    """Worlds whose Q rises under every regulariser, by an amount that depends on the place."""
    return world(q=lambda net, *place: 0.2 + rise(*place) * net.level)


def agreeing(up, down, between, same=None, **options):
    """Worlds with one agreement for each block, and maybe one for a measure with itself."""

    def element(net, a, b):
        if a[0] == b[0] and same is not None:
            return same[look(a[0])]
        if look(a[0]) != look(b[0]):
            return between
        return up if look(a[0]) == "up" else down

    return world(element=element, **options)


def trained_after(before, after):
    """Worlds with three block values (up, down, between) before, and three after training."""

    def element(net, a, b):
        values = before if net.regularizer == "untrained" else after
        if look(a[0]) != look(b[0]):
            return values[2]
        return values[look(a[0]) == "down"]

    return world(element=element)


def penalised(normalisation, upstream, raw, normalized):
    """Worlds where penalties change agreement: by (under L2, under L1), or under L1 alone."""

    def element(net, a, b):
        level = net.level * (net.regularizer in ("l2", "l1"))
        which = net.regularizer == "l1"
        sides = {look(a[0]), look(b[0])}
        if sides == {"up"}:
            return 0.5 + level * upstream[which]
        if sides == {"down"}:
            return 0.5 + level * normalisation[which] * (a[1] == b[1])
        return 0.3 + level * which * (normalized if b[1] else raw)

    return world(element=element)


def compared(*turned):
    """Worlds with a different agreement for every pair; some measures see it upside down."""

    def element(net, a, b):
        apart = look(a[0]) != look(b[0])
        return 0.7 - 0.4 * apart - 0.05 * len(a[0]) / 20 - 0.02 * a[1] - 0.01 * len(b[0]) / 20

    return world(
        element=element,
        others=lambda name, value: -value if name in turned or not turned else value,
    )


WORLDS = {
    "claim-01": (
        lambda: rising(dropout=0.2),
        # Five methods rise by 0.2 and three fall by 0.1: the mean rises, six do not.
        lambda: rising_by_method(lambda _, m, norm: -0.1 if norm and m != "loss_hessian" else 0.2),
        lambda: rising(dropout=-0.1),
    ),
    "claim-02": (
        lambda: rising(dropout=0.3, l2=0.1, l1=0.2),
        lambda: rising(dropout=0.2, l2=0.3, l1=0.1),
        lambda: rising(dropout=0.1, l2=0.2, l1=0.3),
    ),
    "claim-03": (
        lambda: rising_by_method(lambda _, m, norm: 0.3 if look(m) == "up" else 0.1),
        lambda: rising_by_method(lambda _, m, norm: 0.1 + 0.1 * (look(m) == "up") * (not norm)),
        lambda: rising_by_method(lambda _, m, norm: 0.1 if look(m) == "up" else 0.3),
    ),
    "claim-04": (
        lambda: rising_by_method(lambda layer, *_: 0.3 if layer == 1 else 0.1),
        lambda: rising_by_method(lambda layer, m, _: 0.3 if (layer == 1) == (look(m) == "up")
                                 else 0.1),
        lambda: rising_by_method(lambda layer, *_: 0.1 if layer == 1 else 0.3),
    ),
    "claim-05": (
        lambda: rising(l2=0.2),
        lambda: rising_by_method(lambda _, m, norm: -0.1 if norm and m != "loss_hessian" else 0.2),
        lambda: rising(l2=-0.1),
    ),
    "claim-06": (
        lambda: rising(dropout=0.4, l2=0.1, l1=0.1),
        lambda: rising(dropout=0.4, l2=0.05, l1=0.15),
        lambda: world(
            q=lambda net, *_: 0.2 + {"dropout": 0.4, "l1": 0.4, "l2": 0.1}
            .get(net.regularizer, 0) * net.level,
            sparsity=lambda net: 0.9 if net.regularizer == "l1" else 0.3,
        ),
    ),
    "claim-07": (
        world,
        lambda: world(n=lambda net, _, m, norm: 4 + 3 * net.level * (norm and look(m) == "up")),
        lambda: world(n=lambda net, *_: 4 + 3 * net.level),
    ),
    "claim-08": (
        world,
        lambda: world(n=lambda *_: 8),
        lambda: world(n=lambda net, *_: 4 if net.regularizer == "untrained" else 10),
    ),
    "claim-09": (
        lambda: agreeing(up=0.7, down=0.6, between=0.3),
        lambda: agreeing(up=0.7, down=0.2, between=0.3),
        lambda: agreeing(up=0.3, down=0.2, between=0.4),
    ),
    "claim-10": (
        lambda: agreeing(0.6, 0.6, 0.3, same={"up": 0.9, "down": 0.9}),
        lambda: agreeing(0.6, 0.6, 0.3, same={"up": 0.9, "down": 0.3}),
        lambda: agreeing(0.6, 0.6, 0.5, same={"up": 0.3, "down": 0.3}),
    ),
    "claim-11": (
        lambda: agreeing(0.6, 0.6, 0.3, same={"up": 0.9, "down": 0.9}),
        lambda: agreeing(0.2, 0.6, 0.3, same={"up": 0.9, "down": 0.9}),
        lambda: agreeing(0.5, 0.5, 0.6, same={"up": 0.4, "down": 0.4}),
    ),
    "claim-12": (
        lambda: trained_after((0.3, 0.7, 0.3), (0.7, 0.7, 0.3)),
        lambda: trained_after((0.7, 0.7, 0.3), (0.6, 0.7, 0.3)),
        lambda: trained_after((0.9, 0.3, 0.3), (0.5, 0.7, 0.3)),
    ),
    "claim-13": (
        lambda: trained_after((0.7, 0.7, 0.3), (0.7, 0.7, 0.35)),
        lambda: trained_after((0.7, 0.7, 0.3), (0.6, 0.6, 0.25)),
        lambda: trained_after((0.6, 0.6, 0.3), (0.7, 0.7, 0.25)),
    ),
    "claim-14": (
        lambda: penalised((0.3, 0.3), (0.4, 0.4), 0.3, 0.1),
        lambda: penalised((0.3, 0.3), (-0.1, -0.1), -0.1, 0.1),
        lambda: penalised((-0.3, -0.3), (-0.1, -0.1), -0.1, 0.1),
    ),
    "claim-15": (
        world,
        lambda: world(one_module=lambda q: q + 0.01),
        lambda: world(spectral=lambda q: q + 0.01, one_module=lambda q: q + 0.01),
    ),
    "claim-16": (
        lambda: compared("none"),
        lambda: compared("purity"),
        compared,
    ),
}  # fmt: skip


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("name", CLAIMS)
def test_verdict_is_that_of_the_world(name, verdict):
    results = WORLDS[name][VERDICTS.index(verdict)]()
    rows = decide(name, results)
    assert list(zip(rows["convention"], rows["search"], strict=True)) == list(READINGS)
    expected = [
        verdict if search in CLAIMS[name].searches else "not tested" for _, search in READINGS
    ]
    assert rows["verdict"].tolist() == expected, rows[["effect", "low", "high", "met"]]


# ------------------------------------------------------------------ effects, worked out by hand


@pytest.mark.parametrize(
    ("name", "results", "effect"),
    [
        ("claim-01", lambda: rising(dropout=0.24), 0.24),
        ("claim-02", lambda: rising(dropout=0.3, l2=0.1, l1=0.25), 0.05),
        # The highest setting counts for a rise, wherever it is.
        ("claim-02", lambda: world(q=lambda net, *_: {0: 0.1, 1: 0.2}.get(net.level, 0.5)
                           if net.regularizer == "dropout" else 0.1), 0.4),
        ("claim-03", lambda: rising_by_method(lambda _, m, norm: 0.1 + 0.2 * (look(m) == "up")),
         0.2),
        ("claim-04", lambda: rising_by_method(lambda layer, *_: 0.3 if layer == 1 else 0.1), 0.2),
        ("claim-06", lambda: rising(dropout=0.4, l2=0.1, l1=0.1), 0.25),
        ("claim-07", lambda: world(n=lambda net, *_: 4 + 3 * net.level), 3),
        # Half of the assignments have eight clusters.
        ("claim-08", lambda: world(n=lambda net, layer, *_: 8 if layer == 1 else 4), 0.5),
        ("claim-09", lambda: agreeing(up=0.7, down=0.6, between=0.3), (0.7 + 0.6) / 2 - 0.3),
        ("claim-10", lambda: agreeing(0.6, 0.5, 0.3, same={"up": 0.9, "down": 0.8}), 0.3),
        ("claim-11", lambda: agreeing(0.6, 0.5, 0.3, same={"up": 0.9, "down": 0.9}), 0.9 - 0.55),
        ("claim-12", lambda: trained_after((0.4, 0.7, 0.4), (0.7, 0.7, 0.4)), 0.3),
        ("claim-13", lambda: trained_after((0.7, 0.7, 0.3), (0.7, 0.7, 0.35)), 0.05),
        ("claim-14", lambda: penalised((0.3, 0.2), (0, 0), 0, 0), 0.3),
        ("claim-15", world, 0.05),
        ("claim-16", lambda: compared("purity"), -1),
    ],
)  # fmt: skip
def test_effect_is_as_calculated_by_hand(name, results, effect):
    # What seeds have more than each other differs between four trained and six untrained ones.
    seeds = 1e-3 * (2.5 - 1.5) if CLAIMS[name].untrained and name != "claim-08" else 0
    assert decide(name, results())["effect"].iloc[0] == pytest.approx(effect - seeds)


def test_parts_of_the_penalties_are_each_their_own():
    parts = judge(
        penalised((0.3, 0.2), (0.15, 0.1), 0.25, 0.05),
        n_draws=200, claims={"claim-14": CLAIMS["claim-14"]},
    )  # fmt: skip
    effects = parts.query("convention == 'printed' and search == 'paper'")["effect"]
    np.testing.assert_allclose(effects, [0.3, 0.2, 0.15, 0.1, 0.25, 0.2])


# --------------------------------------------------------------- readings, networks, what lacks


def test_each_reading_takes_its_own_numbers():
    results = rising(dropout=0.2)
    flat = results.modules["q"].to_numpy() * 0 + 0.2
    released = results.modules["convention"] == "released"
    results.modules["q"] = np.where(released, results.modules["q"], flat)
    results.modules["q_best"] = np.where(released, flat, results.modules["q_best"])
    effects = decide("claim-01", results).set_index(["convention", "search"])["effect"]
    assert effects.to_dict() == {
        ("printed", "paper"): pytest.approx(0),
        ("printed", "best"): pytest.approx(0.2),
        ("released", "paper"): pytest.approx(0.2),
        ("released", "best"): pytest.approx(0),
    }


def test_number_of_best_clusters_is_counted_from_the_best_labels():
    results = world(n=lambda net, *_: 4 + 3 * net.level)
    results.modules["effective"] = 4.0
    effects = decide("claim-07", results).set_index(["convention", "search"])["effect"]
    assert effects["printed", "paper"] == 0
    assert effects["printed", "best"] == pytest.approx(3, rel=0.01)


def test_ceiling_is_the_retest_or_one():
    # Height 0.9 - 0.3, depth 0.95 - 0.9, or 1 - 0.9.
    results = agreeing(0.6, 0.6, 0.3, same={"up": 0.9, "down": 0.9}, retest=0.95, noise=0)
    parts = judge(results, n_draws=50, claims={"claim-10": CLAIMS["claim-10"]})
    effects = parts[parts["part"] == "c"].set_index(["convention", "search"])["effect"]
    assert effects["printed", "paper"] == pytest.approx(0.55)
    assert effects["printed", "best"] == pytest.approx(0.50)


def test_dropped_networks_do_not_count():
    # Without the networks that were dropped, Q is 0.2 everywhere.
    kept = world(
        q=lambda net, *_: 0.9 if net.seed == 3 else 0.2, is_kept=lambda net: net.seed != 3, noise=0
    )
    row = decide("claim-01", kept).iloc[0]
    assert (row["effect"], row["low"], row["high"]) == (0, 0, 0)
    assert decide("claim-15", kept)["effect"].iloc[0] == pytest.approx(0.05)


def test_settings_that_kept_half_or_less_take_no_part_in_curves():
    results = world(
        q=lambda net, *_: 5.0 if net.level == 1 else 0.2 + 0.3 * net.level,
        is_kept=lambda net: net.level < 1 or net.seed in (0, 1),
    )
    assert decide("claim-01", results)["effect"].iloc[0] == pytest.approx(0.2)


def test_seeds_move_together_over_all_settings():
    # A seed's networks share what is peculiar to it, so that it cancels in a change.
    results = world(q=lambda net, *_: 0.2 + 0.1 * net.seed + 0.2 * net.level)
    row = decide("claim-01", results).iloc[0]
    assert row["high"] - row["low"] < 1e-12
    # In a mean over networks it does not: seeds are the unit, not the 48 networks.
    results = agreeing(0.5, 0.5, 0.3)
    up = results.agreement["measure_b"] == "input_sensitivity"
    results.agreement.loc[up, "element"] += 0.1 * results.agreement["seed"]
    row = decide("claim-09", results).iloc[0]
    assert row["high"] - row["low"] > 0.05


def test_verdicts_are_the_same_for_the_same_seed():
    results = rising(dropout=0.2)
    results.modules["q"] += np.random.default_rng(0).normal(0, 0.05, len(results.modules))
    name = "claim-01"
    one, same = (judge(results, 1, 100, {name: CLAIMS[name]}) for _ in range(2))
    pd.testing.assert_frame_equal(one, same)
    other = judge(results, 2, 100, {name: CLAIMS[name]})
    assert not one["low"].equals(other["low"])
    assert one["effect"].equals(other["effect"])


def drop(results, **tables):
    for name, condition in tables.items():
        frame = getattr(results, name)
        setattr(results, name, frame[~frame.eval(condition)])
    return results


WITHOUT_DROPOUT = dict.fromkeys(("networks", "modules", "agreement"), "regularizer == 'dropout'")
WITHOUT_UNTRAINED = dict.fromkeys(
    ("networks", "modules", "agreement"), "regularizer == 'untrained'"
)


@pytest.mark.parametrize(
    ("name", "results", "lacks"),
    [
        ("claim-01", lambda: drop(world(), **WITHOUT_DROPOUT), "3 settings of dropout"),
        ("claim-08", lambda: drop(world(), **WITHOUT_UNTRAINED), "untrained networks"),
        ("claim-13", lambda: drop(world(), **WITHOUT_UNTRAINED), "untrained networks"),
        ("claim-09", lambda: drop(world(), agreement="layer == 2 and seed == 0"), "element of"),
        ("claim-04", lambda: drop(world(), modules="layer == 2"), "two hidden layers"),
        ("claim-09", lambda: world(is_kept=lambda net: net.seed == 0), "two seeds of trained"),
    ],
)
def test_claims_without_their_data_are_not_tested(name, results, lacks):
    rows = decide(name, results())
    assert (rows["verdict"] == "not tested").all()
    assert rows["lacks"].str.contains(lacks).iloc[0]
    assert rows["effect"].isna().all()


def test_claims_without_best_assignments_are_tested_for_the_paper_only():
    results = world()
    results.modules["q_best"], results.modules["labels_best"] = np.nan, None
    for name in ("claim-05", "claim-07"):
        rows = decide(name, results).set_index(["convention", "search"])
        assert rows.loc[("printed", "best"), "verdict"] == "not tested"
        assert rows.loc[("printed", "paper"), "verdict"] != "not tested"


@pytest.mark.parametrize(
    ("low", "high", "mark"),
    [(0.1, 0.9, "●"), (-0.1, 0.5, "◐"), (0.5, 1, "◐"), (-2, 0, "○"), (1, 2, "○"), (-1, 2, "◐")],
)
def test_a_part_is_met_or_left_open_or_missed_by_its_whole_interval(low, high, mark):
    assert Part("a number", above=0, below=1).mark(low, high) == mark


# --------------------------------------------------------------------- the rules as written down


def written_rules():
    """Of each claim in the page of hypotheses: its title, and where its parts must lie."""
    page = (ROOT / "book" / "hypotheses.md").read_text()
    page = page.partition("\n## What the modules are worth\n")[0]
    sections = re.split(r"^\((claim-\d+)\)=\n### ", page, flags=re.MULTILINE)[1:]
    for name, text in zip(sections[::2], sections[1::2], strict=True):
        title = text.splitlines()[0].removeprefix(f"{name}: ")
        rows = re.findall(r"^\| ([a-f]) \| .* \| (.*) \|$", text, flags=re.MULTILINE)
        yield name, (title, dict(rows))


def test_rules_are_those_written_down():
    coded = {
        name: (claim.title, dict(zip("abcdef", [p.place for p in claim.parts], strict=False)))
        for name, claim in CLAIMS.items()
    }
    assert coded == dict(written_rules())
    assert list(CLAIMS) == [f"claim-{number:02}" for number in range(1, 17)]


def test_hypotheses_are_decided_as_written_down():
    page = (ROOT / "book" / "hypotheses.md").read_text()
    page = " ".join(page.partition("\n## How a claim is decided\n")[0].split())
    written = re.findall(r"the (first|second|third|fourth)[^{]*\{ref\}`(claim-\d+)", page)
    assert dict(zip((1, 2, 3, 4), [claim for _, claim in written], strict=True)) == HYPOTHESES


@pytest.mark.parametrize("name", CLAIMS)
def test_figure_of_claim_is_in_its_chapter(name):
    figure = CLAIMS[name].figure
    chapter = ROOT / "notebooks" / f"{CHAPTERS[figure]}.md"
    assert re.search(rf"^    name: {figure}$", chapter.read_text(), flags=re.MULTILINE)


# ------------------------------------------------------------------------------------ the command


def test_command_prints_the_ledger_of_a_folder(small_results, capsys):
    expected = ledger(small_results)
    for style in ("table", "markdown", "json"):
        assert (
            command.main(["claims", "--results", str(small_results.parent), "--format", style]) == 0
        )
        printed = capsys.readouterr().out
        assert all(printed.count(name) >= 1 for name in CLAIMS)
        if style == "json":
            rows = json.loads(printed)
            assert [row["verdict"] for row in rows] == expected["verdict"].tolist()
        assert printed.count("not tested") == (expected["verdict"] == "not tested").sum()
    # Two strengths of each regulariser make no curve, but two families can be compared.
    verdicts = expected.set_index(["claim", "convention", "search"])["verdict"]
    assert verdicts["claim-01", "printed", "paper"] == "not tested"
    assert verdicts["claim-09", "released", "best"] in VERDICTS


def test_command_says_where_results_are_missing(tmp_path, capsys):
    assert command.main(["claims", "--results", str(tmp_path)]) == 1
    assert "must hold the tables of a finished sweep" in capsys.readouterr().err
