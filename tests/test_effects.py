"""The figure of the claims, read back."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from experiments.report.chapters import effects
from experiments.report.claims import CLAIMS
from experiments.report.readings import READINGS

VERDICTS = ("holds", "partly", "does not hold", "not tested")


@pytest.fixture
def panels():
    """A panel for each claim; the readings differ in their verdicts, and the last is not tested.

    In claim 2 nothing is tested.
    """
    rows = []
    for name, claim in CLAIMS.items():
        for place, ((convention, search), verdict) in enumerate(
            zip(READINGS, VERDICTS, strict=True)
        ):
            is_tested = verdict != "not tested" and name != "claim-02"
            effect = place / 10 if is_tested else np.nan
            rows.append(
                {"claim": name, "convention": convention, "search": search, "effect": effect,
                 "low": effect - 0.2, "high": effect + 0.3, "statement": claim.title,
                 "verdict": verdict if is_tested else "not tested"}
            )  # fmt: skip
    figure = effects.draw_effects(pd.DataFrame(rows))
    yield dict(zip(CLAIMS, figure.axes, strict=True)), figure
    plt.close("all")


def test_each_reading_has_a_marker_at_its_number_and_a_line_along_its_interval(panels):
    ax = panels[0]["claim-01"]
    drawn = {
        (float(line.get_xdata()[0]), int(line.get_ydata()[0])): line
        for line in ax.lines
    }  # fmt: skip
    # The paper's own reading on top; the fourth was not tested.
    assert set(drawn) == {(0.0, 0), (0.1, -1), (0.2, -2)}
    fills = [line.get_fillstyle() for line in drawn.values()]
    assert fills == ["full", "left", "none"]
    assert [line.get_marker() for line in drawn.values()] == ["o", "s", "o"]
    segments = [lines.get_segments()[0].tolist() for lines in ax.collections]
    np.testing.assert_allclose(segments[1], [[-0.1, -1], [0.4, -1]])


def test_the_range_in_which_the_rule_is_met_is_shaded(panels):
    for name, ax in panels[0].items():
        part = CLAIMS[name].parts[0]
        (shade,) = ax.patches
        left, right = ax.get_xlim()
        assert shade.get_x() == max(part.above, left)
        assert shade.get_x() + shade.get_width() == pytest.approx(min(part.below, right))
        for end in (part.above, part.below):
            assert not np.isfinite(end) or left <= end <= right


def test_a_claim_without_numbers_says_so(panels):
    assert [text.get_text() for text in panels[0]["claim-02"].texts] == ["not tested"]
    assert not panels[0]["claim-01"].texts


def test_panels_have_the_claims_as_titles_and_what_became_of_them(panels):
    # The verdict is that of the first reading, the paper's own.
    for name, verdict in {"claim-16": "holds", "claim-02": "not tested"}.items():
        title = panels[0][name].get_title(loc="left").replace("\n", " ")
        assert title == f"{name[-2:]} {CLAIMS[name].title}: {verdict}"


def test_legend_names_the_readings(panels):
    (legend,) = panels[1].legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "as printed, paper's clusters", "as printed, best clusters",
        "as released, paper's clusters", "as released, best clusters",
    ]  # fmt: skip
