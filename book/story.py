"""Draw the picture of the first page anew: ``python book/story.py``, or ``make story``.

It stands in the README and on the first page of the book, for light and for dark pages, wide and
narrow, and is what is shown of a link to the book elsewhere.
"""

from collections.abc import Iterator
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from experiments.report import figures
from experiments.report.chapters import story
from experiments.report.crossed import read_crossed

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "book" / "_static" / "story"


def pictures() -> Iterator[tuple[str, Figure, dict]]:
    """Yield the name of each file, what is drawn in it, and how it is saved."""
    figures.use_style()
    told = story.tell(read_crossed(ROOT / "results" / "crossed"))
    for layout in ("wide", "narrow"):
        for theme in story.THEMES:
            picture = story.draw(told, theme, layout)
            how = {"metadata": {"Date": None}, "transparent": True}  # the same bytes each time
            yield f"{layout}-{theme}.svg", picture, how
    yield "card.png", story.draw(told, "light", "card"), {"dpi": 150, "facecolor": "white"}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, picture, how in pictures():
        picture.savefig(FOLDER / name, **how)
        plt.close(picture)
