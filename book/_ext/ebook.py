"""The book as a single file: an EPUB, with formulas in MathML and figures as they are on paper.

Sphinx has the builder. What it lacks is formulas, which MathJax writes into pages as they are read,
and a reader of EPUBs does not: here MathJax writes them beforehand, run by Node, as MathML. There
are no scripts in it, so that figures in both conventions stand one below the other, and those that
move stand still.
"""

import json
import posixpath
import re
import shutil
import subprocess
from html import unescape
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from docutils.nodes import SkipNode
from sphinx.builders.epub3 import Epub3Builder
from sphinx.util.math import get_node_equation_number

TRANSLATE = """
require(process.argv[1]).init({loader: {load: ["input/tex"]}}).then((MathJax) => {
  const lines = require("readline").createInterface({input: process.stdin});
  lines.on("line", (line) => {
    const {tex, display} = JSON.parse(line);
    console.log(JSON.stringify(MathJax.tex2mml(tex, {display})));
  });
});
"""
# Pictures for dark pages, places of figures that move, and styles in the midst of a page.
LEFT_OUT = re.compile(
    r'<picture class="in-dark">.*?</picture>|<div data-moving="[^>]*>.*?</div>'
    r"|<style\b.*?</style>|</?noscript>|<source\b[^>]*>",
    re.DOTALL,
)
FOLDED = re.compile(r"<summary\b[^>]*>\s*<p\b[^>]*>(.*?)</p>.*?</summary>", re.DOTALL)
OLD = re.compile(r' (?:[hv]align|border)="\w*"')  # which pandas and docutils still write
ENTITY = re.compile(r"&(?!amp;|lt;|gt;|quot;|apos;)\w+;")  # XML has no others
TAG = re.compile(r"<\w(?:[^<>\"]|\"[^\"]*\")*>")
ALONE = re.compile(r"(\"[^\"]*\")|(\s(?:hidden|open))(?=[\s/>])")  # what has no value
EMPTY = re.compile(r"(<(?:br|col|hr|img|input|source|wbr)\b.*?)\s*/?>", re.DOTALL)
STATE = re.compile(r'(<a\b[^>]*?) href="[^":]*#[^"]*=[^"]*"')  # of the explorer
LINK = re.compile(r'(<a\b[^>]*?) href="([^"#:?]*)[^":]*"')
STYLE = re.compile(r'<link rel="stylesheet"[^>]*href="([^"?]*)[^>]*>\s*')
SUMMARY = "Which units of a neural network belong together, after Lange, Rolnick and Kording (2022)"
OWN = Path(__file__).parents[1] / "_static"


class Formulas:
    """MathJax in a process of its own, which takes a formula a line."""

    def __init__(self) -> None:
        (folder,) = find_spec("sphinx-mathjax-offline").submodule_search_locations
        self._process = subprocess.Popen(
            ["node", "-e", TRANSLATE, str(Path(folder, "static", "mathjax", "node-main.js"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip

    def __call__(self, tex: str, *, display: bool) -> str:
        """Return a formula in MathML."""
        self._process.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
        self._process.stdin.flush()
        mathml = json.loads(self._process.stdout.readline())
        if "merror" in mathml:
            raise ValueError(f"MathJax must understand every formula. Got {tex!r}.")
        return re.sub(r"\n\s*", "", mathml)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def visit_inline(writer, node):
    """Write a formula within a line."""
    writer.body.append(writer.builder.formulas(node.astext(), display=False))
    raise SkipNode


def visit_block(writer, node):
    """Write a formula that stands by itself, with its number if it has one."""
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(writer, node)
        writer.body.append(f'<span class="eqno">({number})</span>')
    writer.body.append(writer.builder.formulas(whole(node.astext()), display=True) + "</div>\n")
    raise SkipNode


def whole(tex: str) -> str:
    r"""Return a formula of several lines as one, as Sphinx lets them be written."""
    if r"\\" in tex and r"\begin" not in tex:
        return rf"\begin{{split}}{tex}\end{{split}}"
    return tex


def plain(page: str) -> str:
    """Return a page in XML, without what only screens and scripts have a use for."""
    page = FOLDED.sub(r"<summary>\1</summary>", LEFT_OUT.sub("", page))
    page = ENTITY.sub(lambda found: unescape(found[0]), page)
    return TAG.sub(_closed, page)


def _closed(tag: re.Match[str]) -> str:
    """A tag in which each attribute has a value, and that ends what holds nothing."""
    said = ALONE.sub(lambda found: found[1] or f'{found[2]}=""', OLD.sub("", tag[0]))
    return f"{empty[1]} />" if (empty := EMPTY.fullmatch(said)) else said


class Ebook(Epub3Builder):
    """What ``make epub`` calls, in the place of Sphinx's own."""

    def init(self) -> None:
        """Say what book it is, and start MathJax."""
        config = self.config
        config.epub_title, config.epub_basename = config.html_title, "modlib"
        config.epub_uid = config.epub_identifier = config.html_baseurl or "modlib"
        config.epub_description, config.version = SUMMARY, version("modlib")
        config.epub_show_urls, config.epub_tocscope = "no", "includehidden"
        self.formulas = Formulas()
        super().init()

    def init_js_files(self) -> None:
        """Bring no scripts."""
        self._js_files = []

    def copy_html_static_files(self, context: dict) -> None:  # noqa: ARG002
        """Bring styles, and the picture of the first page."""
        static = Path(self.outdir) / "_static"
        for folder in self.config.html_static_path:
            for style in Path(self.confdir, folder).glob("*.css"):
                shutil.copy(style, static)
        unused = shutil.ignore_patterns("card*", "*-dark*")
        shutil.copytree(OWN / "story", static / "story", dirs_exist_ok=True, ignore=unused)

    @property
    def math_renderer_name(self) -> str:
        """That of this file."""
        return "mathml"

    def get_toc(self) -> None:
        """Name the pages by where they are in the file, also from a first page in a folder."""
        super().get_toc()
        for node in self.refnodes:
            node["refuri"] = posixpath.normpath(node["refuri"])

    def build_content(self) -> None:
        """List the files, and say of pages with formulas that they have some."""
        super().build_content()
        folder = Path(self.outdir)
        content = folder / "content.opf"

        def with_property(found: re.Match[str]) -> str:
            has_formulas = "<math" in (folder / found[2]).read_text(encoding="utf-8")
            return f'{found[1]} properties="mathml"' if has_formulas else found[1]

        listed = re.compile(r'(<item id="[^"]*" href="([^"]+\.xhtml)")(?![^>]*properties)')
        content.write_text(listed.sub(with_property, content.read_text(encoding="utf-8")))

    def handle_finish(self) -> None:
        """Lighten the figures, and pack all."""
        self.formulas.close()
        lighten(Path(self.outdir))
        super().handle_finish()


def lighten(folder: Path) -> None:
    """Rewrite figures in few bytes, and pages so that every reader of EPUBs takes them."""
    from experiments.report.vectors import lean

    for path in (folder / "_images").glob("*.svg"):
        svg = path.read_text(encoding="utf-8")
        if "matplotlib.org" in svg:
            path.write_text(lean(svg), encoding="utf-8")
    for path in folder.rglob("*.xhtml"):
        page = plain(path.read_text(encoding="utf-8"))
        path.write_text(without_what_is_not_there(page, path.parent), encoding="utf-8")


def without_what_is_not_there(page: str, folder: Path) -> str:
    """Return a page that asks for no style, and leads to no page, which only the site has."""

    def is_there(place: str) -> bool:
        return (folder / place).exists()

    page = STYLE.sub(lambda found: found[0] if is_there(found[1]) else "", page)
    page = STATE.sub(r"\1", page)
    return LINK.sub(lambda found: found[0] if is_there(found[2]) else found[1], page)


def add_formulas(app):
    """Have formulas written here for this builder only; pages have MathJax itself."""
    if app.builder.name == Ebook.name:
        app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))


def setup(app):
    """Register the extension."""
    app.add_builder(Ebook, override=True)
    app.connect("builder-inited", add_formulas, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
