"""Tests of modlib.plotting: what is drawn is read back from the figure."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import colors
from matplotlib.figure import Figure

from modlib import plotting
from modlib.similarity.measures import MEASURES, UPSTREAM

NAMES = list("abcdefgh")


@pytest.fixture
def ax():
    return Figure().add_subplot()  # of no global list of figures


def numbered(n):
    """Entry [i, j] is 10 i + j, or 10 j + i if that is smaller: it tells its place."""
    i, j = np.indices((n, n))
    return 10.0 * np.minimum(i, j) + np.maximum(i, j)


# ------------------------------------------------------------------------------------- similarity


def test_units_are_drawn_in_the_order_of_their_clusters_unused_last(ax):
    # Clusters 0 = {1, 3}, 1 = {0}, 2 = {4}; unit 2 is unused.
    image = plotting.draw_similarity(ax, numbered(5), np.array([1, 0, -1, 0, 2]))
    order = [1, 3, 0, 4, 2]
    expected = numbered(5)[np.ix_(order, order)]
    drawn = image.get_array()
    off_diagonal = ~np.eye(5, dtype=bool)
    np.testing.assert_array_equal(drawn[off_diagonal], expected[off_diagonal])
    assert image in ax.images


def test_the_diagonal_is_blank_and_does_not_set_the_colours(ax):
    similarity = numbered(4) + 1e6 * np.eye(4)
    image = plotting.draw_similarity(ax, similarity, np.zeros(4, int))
    assert (
        np.ma.getmaskarray(np.ma.masked_invalid(image.get_array())).tolist()
        == np.eye(4, dtype=bool).tolist()
    )
    assert image.get_clim()[0] == 0
    assert image.get_clim()[1] <= 23  # the largest off the diagonal, of units 2 and 3


def test_a_few_large_entries_do_not_hide_the_others(ax):
    # 2 of 30 * 29 = 870 entries are above the 99th percentile.
    similarity = np.ones((30, 30))
    similarity[0, 1] = similarity[1, 0] = 1000.0
    image = plotting.draw_similarity(ax, similarity, np.zeros(30, int))
    assert image.get_clim() == (0, 1)


def test_lines_stand_between_clusters(ax):
    plotting.draw_similarity(ax, numbered(5), np.array([1, 0, -1, 0, 2]))
    rows, columns = (lines.get_segments() for lines in ax.collections)
    # After 2 units of cluster 0, 1 of cluster 1, 1 of cluster 2.
    assert sorted({y for segment in rows for y in segment[:, 1]}) == [1.5, 2.5, 3.5]
    assert sorted({x for segment in columns for x in segment[:, 0]}) == [1.5, 2.5, 3.5]


@pytest.mark.parametrize(
    ("similarity", "labels"),
    [(np.zeros((3, 3)), [-1, -1, -1]), (np.ones((1, 1)), [0]), (np.eye(2), [-1, -1])],
)
def test_matrices_without_similarities_are_drawn(ax, similarity, labels):
    image = plotting.draw_similarity(ax, similarity, np.array(labels))
    assert image.get_clim() == (0, 1)
    ax.figure.canvas.draw()


def test_inputs_are_unchanged(ax):
    similarity, labels = numbered(5), np.array([1, 0, -1, 0, 2])
    plotting.draw_similarity(ax, similarity, labels)
    np.testing.assert_array_equal(similarity, numbered(5))
    np.testing.assert_array_equal(labels, [1, 0, -1, 0, 2])


def test_a_similarity_of_whole_numbers_is_drawn(ax):
    image = plotting.draw_similarity(ax, np.array([[9, 2], [2, 9]]), np.array([0, 0]))
    assert image.get_array()[0, 1] == 2


# -------------------------------------------------------------------------------------- agreement


def test_agreement_is_written_into_its_cell_with_two_digits(ax):
    agreement = np.array([[1.0, 0.125, 0.6], [0.126, 1.0, 0.599], [0.3, 0.0, 1.0]])
    image = plotting.draw_agreement(ax, agreement, ["a", "b", "c"])
    np.testing.assert_array_equal(image.get_array(), agreement)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    # Position (column, row). 0.125 is exact in binary, and rounds half to even.
    assert written == {
        (0, 0): "1.00", (1, 0): "0.12", (2, 0): "0.60", (0, 1): "0.13", (1, 1): "1.00",
        (2, 1): "0.60", (0, 2): "0.30", (1, 2): "0.00", (2, 2): "1.00",
    }  # fmt: skip
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert image.get_clim() == (0, 1)


def test_a_small_map_has_colours_and_a_cross_but_no_numbers(ax):
    values = np.array([[1.0, -0.25], [-0.25, 1.0]])
    image = plotting.draw_agreement_map(ax, values, -0.5, 0.5, change=True, n_upstream=1)
    np.testing.assert_array_equal(image.get_array(), values)
    assert image.get_clim() == (-0.5, 0.5)
    assert [list(line.get_xdata()) for line in ax.lines[1:]] == [[0.5, 0.5]]
    assert list(ax.lines[0].get_ydata()) == [0.5, 0.5]
    assert not ax.texts
    assert not len(ax.get_xticks())


def test_means_of_blocks_leave_out_what_a_method_has_in_common_with_itself():
    agreement = np.array([[9, 1, 2, 4], [1, 9, 6, 8], [2, 6, 9, 3], [4, 8, 3, 9]], dtype=float)
    sides, between = plotting.block_means(agreement, n_upstream=2)
    assert sides == {"upstream": 1, "downstream": 3}
    assert between == (2 + 4 + 6 + 8) / 4


def test_means_are_written_into_the_middles_of_their_blocks(ax):
    agreement = np.array([[9, 1, -2, -4], [1, 9, -6, -8], [-2, -6, 9, 3], [-4, -8, 3, 9]], float)
    plotting.write_block_means(ax, agreement, "+.1f", n_upstream=2)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {
        (0.5, 0.5): "+1.0", (2.5, 2.5): "+3.0", (0.5, 2.5): "\u22125.0", (2.5, 0.5): "\u22125.0",
    }  # fmt: skip


def relative_luminance(color):
    """As the WCAG define it."""
    channels = np.array(colors.to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_numbers_can_be_read_on_their_cells(ax):
    values = np.linspace(0, 1, 36).reshape(6, 6)
    image = plotting.draw_agreement(ax, values, list("abcdef"))
    for text in ax.texts:
        column, row = map(int, text.get_position())
        cell = relative_luminance(image.cmap(image.norm(values[row, column]))[:3])
        light, dark = sorted([cell, relative_luminance(text.get_color())], reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 3, f"contrast at {values[row, column]:.2f}"


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax, values, **options: plotting.draw_agreement(ax, values, NAMES, **options),
        lambda ax, values, **options: plotting.draw_agreement_change(ax, values, NAMES, **options),
        plotting.draw_agreement_map,
    ],
    ids=["agreement", "change", "map"],
)
@pytest.mark.parametrize(("options", "border"), [({}, 3.5), ({"n_upstream": 3}, 2.5)])
def test_a_line_parts_the_families(ax, draw, options, border):
    draw(ax, np.eye(8), **options)
    horizontal, vertical = ax.lines
    assert list(horizontal.get_ydata()) == [border, border]
    assert list(vertical.get_xdata()) == [border, border]


def test_a_change_of_agreement_is_drawn_with_its_sign_on_even_colours(ax):
    change = np.array([[0.0, 0.25, -0.4, 0.1], [0.25, 0.0, 0.1, 0.1]] * 2)
    image = plotting.draw_agreement_change(ax, change, ["a", "b", "c", "d"], n_upstream=2)
    assert image.get_clim() == (-0.5, 0.5)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written[1, 0] == "+0.25"
    assert written[2, 0] == "-0.40"
    assert [line.get_ydata()[0] for line in ax.lines[:1]] == [1.5]  # between the families


# ------------------------------------------------------------------------------------------- style


def test_every_measure_has_a_colour_and_a_name_of_its_own():
    assert set(plotting.COLORS) == set(plotting.NAMES) == set(MEASURES)
    assert len(set(plotting.COLORS.values())) == len(MEASURES)
    names = {plotting.method_name(m, normalized) for m in MEASURES for normalized in (False, True)}
    assert len(names) == 8


def test_upstream_is_blue_and_downstream_orange():
    for measure in MEASURES:
        red, _, blue = colors.to_rgb(plotting.COLORS[measure])
        assert (blue > red) == (measure in UPSTREAM)


def test_drawing_leaves_the_global_settings_alone(ax):
    before = dict(mpl.rcParams)
    plotting.draw_similarity(ax, numbered(3), np.zeros(3, int))
    plotting.draw_agreement(ax, np.eye(2), ["a", "b"])
    assert dict(mpl.rcParams) == before


def test_importing_changes_no_settings():
    code = (
        "import matplotlib as mpl; mpl.use('Agg'); before = dict(mpl.rcParams);"
        "import modlib.plotting; assert dict(mpl.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
