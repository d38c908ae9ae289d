"""Say what a page is about to those who show a link to it, and list all pages for machines.

A card needs the address of its picture in full. It is known in continuous integration, from the
name of the repository; a book built on somebody's own machine has no address, and names none.
"""

import os
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from repository import NAME
from sphinx.util.nodes import clean_astext

CARD = "_static/story/card.png"
CARD_ALT = (
    "The same 64 units, twice: coloured by the modules found from the input side they fall into a "
    "left and a right half, from the output side into an upper and a lower half."
)
LENGTH = 200  # of a description, in letters
SUMMARY = "What a reader of this book can open, in order."


def find_address(_app, config):
    """Let Sphinx know where the book will be published, where that is known."""
    name = os.environ.get("GITHUB_REPOSITORY", "")
    if NAME.fullmatch(name) and not config.html_baseurl:
        owner, repository = name.split("/")
        config.html_baseurl = f"https://{owner.lower()}.github.io/{repository}/"


def describe(doctree: nodes.document) -> str:
    """Return the first paragraph of a page, cut after a word where it is long."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(clean_astext(paragraph).split())
        if len(text) > LENGTH:
            text = text[:LENGTH].rsplit(" ", 1)[0].rstrip(",;:") + " …"
        if text:
            return text
    return ""


def tags(title: str, text: str, site: str, page: str, base: str) -> str:
    """Return the elements of a page's head that tell what it is about."""
    values = {"og:title": title, "og:type": "article", "og:site_name": site, "og:description": text}
    if base:
        values |= {"og:url": base + page, "og:image": base + CARD, "og:image:alt": CARD_ALT}
        values |= {"og:image:width": "1200", "og:image:height": "630"}
    named = {"description": text} if text else {}
    named |= {"twitter:card": "summary_large_image"} if base else {}
    lines = [
        f'<meta {kind}="{name}" content="{escape(value)}" />'
        for kind, group in (("property", values), ("name", named))
        for name, value in group.items()
        if value
    ]
    return "\n".join(lines) + "\n"


def add_tags(app, pagename, templatename, context, doctree):  # noqa: ARG001
    """Give each page with a text of its own its card."""
    if doctree is not None and app.builder.name == "html":
        title = clean_astext(app.env.titles[pagename])
        page = tags(
            title, describe(doctree), app.config.html_title or app.config.project,
            app.builder.get_target_uri(pagename), app.config.html_baseurl or "",
        )  # fmt: skip
        context["metatags"] = context.get("metatags", "") + page


def contents(toc: dict, titles: dict[str, str], title: str, base: str) -> str:
    """Return the list of pages, in the form of llms.txt: their sources, which are plain text."""
    lines = [f"# {title}", "", f"> {SUMMARY}"]
    parts = [{"caption": "Start", "chapters": [{"file": toc["root"]}]}, *toc.get("parts", [])]
    for part in parts:
        files = [chapter["file"] for chapter in part["chapters"] if chapter["file"] in titles]
        if files:
            lines += ["", f"## {part['caption']}", ""]
            lines += [f"- [{titles[file]}]({base}_sources/{file}.md)" for file in files]
    return "\n".join(lines) + "\n"


def write_contents(app, exception):
    """Write the list of pages beside them."""
    toc = Path(app.srcdir) / "_toc.yml"
    if exception is None and app.builder.name == "html" and toc.exists():
        titles = {name: clean_astext(title) for name, title in app.env.titles.items()}
        site = app.config.html_title or app.config.project
        text = contents(
            yaml.safe_load(toc.read_text()), titles, site, app.config.html_baseurl or ""
        )
        (Path(app.outdir) / "llms.txt").write_text(text, encoding="utf-8")


def setup(app):
    """Register the extension."""
    app.connect("config-inited", find_address)
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", write_contents)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
