"""Load the scripts of the figures that move, on the pages that have one and on no other.

A chapter marks the place of such a figure by ``data-moving="NAME"``. NAME is that of its script and
style in ``_static/moving``; the parts of D3 come before them, in the order of their manifest.
"""

import json
import re
from pathlib import Path

SHARED = ("moving", "modules")
STATIC = Path(__file__).resolve().parents[1] / "_static"
MARK = re.compile(r'\bdata-moving="([a-z]+)"')


def library() -> list[str]:
    """Return the files of D3, each after those that it needs."""
    manifest = json.loads((STATIC / "d3" / "manifest.json").read_text())
    return [f"d3/{file['file']}" for file in manifest["files"]]


def load_scripts(app, pagename, templatename, context, *_):  # noqa: ARG001
    """Add to a page what its figures need, in order."""
    names = sorted(set(MARK.findall(context.get("body", ""))))
    if names and app.builder.name == "html":
        for file in [*library(), *(f"moving/{name}.js" for name in [*SHARED, *names])]:
            app.add_js_file(file, loading_method="defer")
        app.add_css_file("moving/moving.css")


def setup(app):
    """Register the extension."""
    app.connect("html-page-context", load_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
