"""Figures that move: where one stands in a page, and what its script is given to draw."""

import json
from typing import Any

from IPython.display import HTML


def moving(name: str, data: dict[str, Any], still: str) -> HTML:
    """Give a figure its data: in the browser, it takes the place of a still picture.

    Where no script runs, and in print, the picture stays.

    Parameters
    ----------
    name
        Of the script, ``book/_static/moving/NAME.js``.
    data
        What JSON can hold; no NaN.
    still
        The name of the figure whose picture shows the same, as in ``{numref}``.
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    inert = text.replace("<", "\\u003c")  # or a text in the data might end the element
    return HTML(
        f'<div data-moving="{name}" data-still="{still}" hidden>'
        f'<script type="application/json">{inert}</script></div>'
    )
