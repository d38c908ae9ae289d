"""Tell the browser, on every page, what it may load and run: what the page was built with.

The theme has scripts inside its pages. Each is let through by its hash, which is taken here, from
the pages as they are written, so that a script that gets into a page by any other way is not run.
"""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

# MathJax, tables and the icons of the theme set styles in attributes and elements of their own.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",  # signs in the styles of the theme
    "font-src": "'self'",
    "connect-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}
# Scripts that fetch other files of the site: the pages that a search has found, to show a part of
# each.
FETCHING = ("_static/searchtools.js",)
SCRIPTS = {None, "", "module", "text/javascript", "application/javascript"}  # others are data
META = '<meta http-equiv="Content-Security-Policy" content="{}" />'
EARLIER = re.compile(META.format('[^"]*') + "\n?")
CHARSET = re.compile(r"<meta charset=[^>]*>\n?")  # has to stay within the first 1024 bytes


class Code(HTMLParser):
    """The code of a page: in files, in its own elements, and in attributes that handle events."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.files: list[str] = []
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self._is_inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note the handlers of an element, and what script it brings or begins."""
        values = dict(attrs)
        self.handlers += [code for name, code in attrs if name.startswith("on") and code]
        if tag == "script" and "src" in values:
            self.files.append(values["src"])
        elif tag == "script" and values.get("type") in SCRIPTS:
            self._is_inside = True
            self.scripts.append("")

    def handle_data(self, data):
        """Take down the text of a script."""
        if self._is_inside:
            self.scripts[-1] += data

    def handle_endtag(self, tag):
        """Note that a script has ended."""
        self._is_inside = self._is_inside and tag != "script"


def source(code: str) -> str:
    """Return how a policy names code: by its hash."""
    return f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'"


def policy(page: str) -> str:
    """Return the policy under which a page works, and does nothing else."""
    code = Code(page)
    of_handlers = ["'unsafe-hashes'"] if code.handlers else []  # else no hash counts for them
    inside = sorted({source(each) for each in code.scripts + code.handlers})
    allowed = POLICY | {"script-src": " ".join([POLICY["script-src"], *of_handlers, *inside])}
    if any(part in file for file in code.files for part in FETCHING):
        allowed["connect-src"] = "'self'"
    return "; ".join(f"{name} {sources}" for name, sources in allowed.items())


def with_policy(page: str) -> str:
    """Return a page with its policy, as early as can be: it holds for what comes after it."""
    page = EARLIER.sub("", page)
    meta = META.format(policy(page)) + "\n"
    charset = CHARSET.search(page)
    place = charset.end() if charset else 0
    return page[:place] + meta + page[place:]


def add_policies(app, exception):
    """Give each page its policy, once all are written."""
    if exception is None and app.builder.format == "html":
        folder = Path(app.outdir)
        for path in folder.rglob("*.html"):
            if path.relative_to(folder).parts[0] != "_static":  # there are parts of pages only
                page = path.read_text(encoding="utf-8")
                path.write_text(with_policy(page), encoding="utf-8")


def setup(app):
    """Register the extension, to act when the others have written all that they write."""
    app.connect("build-finished", add_policies, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
