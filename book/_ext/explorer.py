"""Write the data of the module explorer into the built book, and load its scripts on its page."""

from pathlib import Path

PAGE = "book/explorer"
PARTS = (
    "data", "numbers", "choice", "page", "view", "form", "matrix", "flow", "scale", "unit", "table"
)  # fmt: skip
"""Scripts of the folder ``explorer``, in the order in which they build on each other."""


def load_scripts(app, pagename, *_):
    """Load the explorer's scripts and style on its own page only."""
    if pagename == PAGE and app.builder.name == "html":
        for part in PARTS:
            app.add_js_file(f"explorer/{part}.js", loading_method="defer")
        app.add_js_file("explorer.js", loading_method="defer")
        app.add_css_file("explorer.css")


def write_data(app, exception):
    """Write the data once the pages are there, if the explorer is among them."""
    if exception is None and app.builder.name == "html" and PAGE in app.env.found_docs:
        from experiments.report.explorer import write_explorer

        tables = Path(app.srcdir) / "results" / "paper"
        write_explorer(tables, Path(app.outdir) / "_static" / "explorer" / "data")


def setup(app):
    """Register the extension."""
    app.connect("html-page-context", load_scripts)
    app.connect("build-finished", write_data)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
