"""Write the data of the module explorer into the built book, and load its script on its page."""

from pathlib import Path

PAGE = "book/explorer"


def load_script(app, pagename, *_):
    """Load the explorer's script and style on its own page only."""
    if pagename == PAGE:
        app.add_js_file("explorer.js", loading_method="defer")
        app.add_css_file("explorer.css")


def write_data(app, exception):
    """Write the data once the pages are there, if the explorer is among them."""
    if exception is None and app.builder.format == "html" and PAGE in app.env.found_docs:
        from experiments.report.explorer import write_explorer

        tables = Path(app.srcdir) / "results" / "paper"
        write_explorer(tables, Path(app.outdir) / "_static" / "explorer")


def setup(app):
    """Register the extension."""
    app.connect("html-page-context", load_script)
    app.connect("build-finished", write_data)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
