"""Draw the picture of the first page anew: ``python book/story.py``, or ``make story``.

It stands in the README and on the first page of the book, for light and for dark pages, wide and
narrow, and is what is shown of a link to the book elsewhere.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from experiments.report import figures
from experiments.report.chapters import story
from experiments.report.crossed import read_crossed
from experiments.report.vectors import lean

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "book" / "_static" / "story"


def pictures() -> Iterator[tuple[str, bytes]]:
    """Yield the name of each file, and what is in it."""
    figures.use_style()
    told = story.tell(read_crossed(ROOT / "results" / "crossed"))
    for layout in ("wide", "narrow"):
        for theme in story.THEMES:
            svg = saved(story.draw(told, theme, layout), format="svg", transparent=True)
            yield f"{layout}-{theme}.svg", lean(svg.decode()).encode()
    yield "card.png", saved(story.draw(told, "light", "card"), dpi=150, facecolor="white")


def saved(picture: Figure, **how: Any) -> bytes:
    """Return a picture as a file, without the date, and close it."""
    file = BytesIO()
    picture.savefig(file, metadata={"Date": None} if "format" in how else None, **how)
    plt.close(picture)
    return file.getvalue()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in pictures():
        (FOLDER / name).write_bytes(content)
