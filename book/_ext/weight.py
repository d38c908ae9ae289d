"""Make pages light: icons and rules that are used, and figures in few bytes, light and dark.

The theme brings all of Font Awesome, three times: as a script, as a style, and as fonts. What pages
use of it is left, as a font; and so it is with MathJax, and with the rules of the theme's styles.
Matplotlib's figures are rewritten without a change to the eye, and get a twin for dark pages. A
figure is loaded when a reader comes near it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import rules

ICON = re.compile(r"\bfa[srb]?(?:-[a-z0-9]+)*\b")
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
NESTED = re.compile(
    r"/\*.*?\*/|@[^{]*\{(?:[^{}]*\{[^{}]*\})+\}"
)  # comments, and steps of animations
GLYPH = re.compile(r'content:"(?:\\([0-9a-f]{2,4})|(.))"')
# What a page asks for of the icons, but for their style.
LOADED = re.compile(
    r"\s*<link rel=\"preload\" as=\"font\"[^>]*fontawesome[^>]*>"
    r"|\s*<script src=\"[^\"]*fontawesome[^\"]*\"></script>"
)
FACES = {
    "fa-solid-900": ("Font Awesome 6 Free", 900),
    "fa-brands-400": ("Font Awesome 6 Brands", 400),
}
# The last is for who listens.
MATHJAX = ["input/tex-base", "[tex]/ams", "output/chtml", "a11y/assistive-mml"]
# A page that follows the system learns of its theme late, when images for light pages are loaded.
LATE = 'localStorage.getItem("theme") || "auto";'
EARLY = (
    'localStorage.getItem("theme") || '
    '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");'
)
TABS = re.compile(r'\s*<script\b[^>]*/design-tabs\.js[^"]*"></script>')
CELL = re.compile(
    r'(?<=<div class="cell_input docutils container">\n)<div class="highlight.*?</pre>', re.DOTALL
)
PLAIN = re.compile(r'<span class="[npw]">([^<]*)</span>')  # names, brackets, room: of one colour
SIGNATURE = re.compile(r'<dt class="sig .*?</dt>', re.DOTALL)
UNBROKEN = re.compile(r'<span class="pre">([^<]*)</span>')  # which book.css lets break again
IMAGE = re.compile(r'<img\b[^>]*\bsrc="([^"]*_images/([^"/]+)\.svg)"[^>]*?/?>')
OWN = Path(__file__).parents[1] / "_static"
# Scripts that name no class of the theme: they are large, or many.
APART = {"mathjax", "locales", "data", "d3"}
SIZE = re.compile(r'<svg[^>]*?width="([\d.]+)pt"[^>]*?height="([\d.]+)pt"')


def pages(folder: Path) -> Iterator[Path]:
    """Go through the pages of a built book, without the theme's own parts of pages."""
    for path in folder.rglob("*.html"):
        if path.relative_to(folder).parts[0] != "_static":
            yield path


# ------------------------------------------------------------------------------------------ icons


def used_icons(folder: Path) -> set[str]:
    """Return the classes of icons that pages name, or scripts that may put some into pages."""
    own = [*pages(folder), *(folder / "_static").glob("*.js")]
    own += (folder / "_static" / "scripts").glob("*.js")
    text = (path.read_text(encoding="utf-8") for path in own)
    return {name for each in text for name in ICON.findall(each)}


def trim_style(style: str, used: set[str]) -> str:
    """Return what a style of icons says of those that are used."""
    kept = []
    for selectors, properties in RULE.findall(NESTED.sub("", style)):
        ours = [
            each for each in selectors.split(",")
            if each.startswith(":") or (set(re.findall(r"\.([\w-]+)", each)) or {""}) <= used
        ]  # fmt: skip
        if ours and not selectors.startswith("@"):
            kept.append(f"{','.join(ours)}{{{properties}}}")
    faces = "".join(
        f'@font-face{{font-family:"{family}";font-style:normal;font-weight:{weight};'
        f'font-display:block;src:url(../webfonts/{name}.woff) format("woff")}}'
        for name, (family, weight) in FACES.items()
    )
    return faces + "".join(kept)


def glyphs(styles: str) -> set[int]:
    """Return the private characters that styles show, written as they are or by their number."""
    numbered = (int(number, 16) for number, _ in GLYPH.findall(styles) if number)
    return {*numbered, *(ord(letter) for letter in styles if 0xE000 <= ord(letter) <= 0xF8FF)}


def trim_icons(folder: Path) -> None:
    """Leave of the icons in a built book what its pages use."""
    (style,) = (folder / "_static" / "vendor" / "fontawesome").glob("*/css/all.min.css")
    used = used_icons(folder)
    trimmed = trim_style(style.read_text(encoding="utf-8"), used)
    style.write_text(trimmed, encoding="utf-8")
    themes = (folder / "_static" / "styles").glob("*.css")
    shown = glyphs(trimmed + "".join(theme.read_text(encoding="utf-8") for theme in themes))
    for name in FACES:
        subset_font(style.parents[1] / "webfonts" / f"{name}.ttf", shown)
    for path in pages(folder):
        page = path.read_text(encoding="utf-8")
        if LOADED.search(page):
            path.write_text(LOADED.sub("", page), encoding="utf-8")


def subset_font(path: Path, characters: set[int]) -> None:
    """Write a font with some characters only beside the whole one, as a web font."""
    from fontTools import subset

    options = subset.Options(flavor="woff", layout_features=[], notdef_outline=True)
    with subset.load_font(path, options) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=characters)
        subsetter.subset(font)
        subset.save_font(font, path.with_suffix(".woff"), options)


# ------------------------------------------------------------------------------------------ rules


def trim_styles(folder: Path) -> None:
    """Leave of the theme's styles what pages, and the scripts that change them, can need."""
    static = folder / "_static"
    scripts = (
        path for path in static.rglob("*.js") if not APART & set(path.relative_to(static).parts)
    )
    used = set().union(
        *(rules.names(path.read_text(encoding="utf-8")) for path in pages(folder)),
        *(rules.words(path.read_text(encoding="utf-8")) for path in scripts),
    )
    for path in [*static.glob("*.css"), *(static / "styles").glob("*.css")]:
        if not (OWN / path.name).exists():
            style = rules.trim(path.read_text(encoding="utf-8"), used)
            path.write_text(style, encoding="utf-8")


# ---------------------------------------------------------------------------------------- figures


def lighten_figures(folder: Path) -> dict[str, tuple[int, int]]:
    """Rewrite Matplotlib's figures in fewer bytes, each with a twin for dark pages.

    Returns
    -------
    dict
        The name of each figure, and its width and height on a page.
    """
    from experiments.report.vectors import darkened, lean

    sizes = {}
    for path in (folder / "_images").glob("*.svg"):
        svg, twin = path.read_text(encoding="utf-8"), path.with_name(f"{path.stem}-dark.svg")
        if "matplotlib.org" in svg:
            twin.write_text(lean(darkened(svg)), encoding="utf-8")
            path.write_text(lean(svg), encoding="utf-8")
        if twin.exists() and (size := SIZE.search(svg)):
            width, height = (round(float(points) * 4 / 3) for points in size.groups())
            sizes[path.stem] = (width, height)
    return sizes


def with_twins(page: str, sizes: dict[str, tuple[int, int]]) -> str:
    """Return a page with two images for each figure, of which a reader sees and loads one."""

    def twins(found: re.Match[str]) -> str:
        image, (source, name) = found[0], found.groups()
        if name not in sizes or "in-light" in image or "in-dark" in image:
            return image
        width, height = sizes[name]
        more = f'<img loading="lazy" width="{width}" height="{height}"'
        dark = source.removesuffix(".svg") + "-dark.svg"
        return "".join(
            image.replace("<img", f'{more} class="{theme}"', 1).replace(source, file)
            for theme, file in (("in-light", source), ("in-dark", dark))
        )

    return IMAGE.sub(twins, page)


def with_what_it_needs(page: str) -> str:
    """Return a page that knows its theme at once, and loads the script of tabs if it has some.

    In cells, what has the colour of all code does not say so word by word; ``book.css`` does.
    """
    page = page.replace(LATE, EARLY)
    page = CELL.sub(lambda cell: PLAIN.sub(r"\1", cell[0]), page)
    page = SIGNATURE.sub(lambda signature: UNBROKEN.sub(r"\1", signature[0]), page)
    return page if "sd-tab-set" in page else TABS.sub("", page)


def lighten(app, exception):
    """Rewrite what was built, before its policy is written."""
    if exception is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir)
    trim_icons(folder)
    sizes = lighten_figures(folder)
    for path in pages(folder):
        page = path.read_text(encoding="utf-8")
        changed = with_what_it_needs(with_twins(page, sizes))
        if changed != page:
            path.write_text(changed, encoding="utf-8")
    trim_styles(folder)


def trim_mathjax(_app, config):
    """Load of MathJax what formulas need, without its menu, which is as large as all the rest."""
    config.mathjax_path = "mathjax/startup.js"
    ours = {"loader": {"load": MATHJAX}, "tex": {"packages": {"[+]": ["ams"]}}}
    config.mathjax3_config = {**ours, **(config.mathjax3_config or {})}


def setup(app):
    """Register the extension, to act when the pages are written, and before their policy is."""
    app.connect("config-inited", trim_mathjax)
    app.connect("build-finished", lighten, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
