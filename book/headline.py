"""Draw the figure of the README anew: ``python book/headline.py``, or ``make headline``.

It is the first figure of the chapter on regularisation; a chapter itself writes no files.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import papermill

ROOT = Path(__file__).resolve().parents[1]
CHAPTER = ROOT / "notebooks" / "06-regularization.ipynb"


def first_figure() -> str:
    """Execute the chapter and return its first figure, as SVG."""
    with TemporaryDirectory() as folder:
        chapter = papermill.execute_notebook(
            CHAPTER, Path(folder) / "chapter.ipynb", cwd=CHAPTER.parent, progress_bar=False
        )
    outputs = (output for cell in chapter.cells for output in cell.get("outputs", []))
    return next(
        output.data["image/svg+xml"]
        for output in outputs
        if "image/svg+xml" in output.get("data", {})
    )


if __name__ == "__main__":
    (ROOT / "book" / "_static" / "headline.svg").write_text(first_figure())
