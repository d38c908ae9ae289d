"""The figure of units asleep."""

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from experiments.report.chapters.sleepers import draw_sleepers
from experiments.report.figures import CATEGORY_COLORS


def test_variances_fall_unused_units_left_out_and_curves_have_their_names():
    variance = np.array([1e-9, 0.0, 4.0, 2.0])
    labels = np.array([1, -1, 0, 0])
    curves = {
        "all units": pd.Series([0.1, 0.4], [1e-5, 1e-3]),
        "units awake": pd.Series([0.1, 0.2], [1e-5, 1e-3]),
    }
    left, right = draw_sleepers(variance, labels, curves).axes
    (points,) = left.collections
    assert points.get_offsets().tolist() == [[0, 4.0], [1, 2.0], [2, 1e-9]]
    colors = [to_hex(color).upper() for color in points.get_facecolors()]
    assert colors == [CATEGORY_COLORS[module] for module in (0, 0, 1)]
    assert left.get_yscale() == "log"
    assert [
        (line.get_label(), line.get_linestyle(), line.get_xydata().tolist()) for line in right.lines
    ] == [
        ("all units", "--", [[1e-5, 0.1], [1e-3, 0.4]]),
        ("units awake", "-", [[1e-5, 0.1], [1e-3, 0.2]]),
    ]
    plt.close("all")
