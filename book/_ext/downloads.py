"""Offer the notebook of a chapter for download, beside its text.

Chapters are built from their text; the notebook that is its pair stands next to it, and what the
theme's menu needs is the place of a copy among the sources of the pages.
"""

import shutil
from pathlib import Path


def offer_notebook(app, pagename, templatename, context, *_):  # noqa: ARG001
    """Copy the notebook beside a page's source, and name it to the theme."""
    notebook = Path(app.srcdir, f"{pagename}.ipynb")
    if notebook.is_file() and app.builder.name == "html":
        copy = Path(app.outdir, "_sources", f"{pagename}.ipynb")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(notebook, copy)
        context["ipynb_source"] = f"{pagename}.ipynb"


def setup(app):
    """Register the extension, to act before the theme makes its menu."""
    app.connect("html-page-context", offer_notebook, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
