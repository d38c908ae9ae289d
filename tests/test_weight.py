"""Pages keep the icons that they use, and each figure has an image for light and one for dark."""

import re
from pathlib import Path

import pytest
from chapters import ROOT

STYLE = (
    "/* Font Awesome */.fa,.fa-solid{display:inline-block}.fa-solid,.far{font-weight:900}"
    '.fa-bars:before{content:"\\f0c9"}.fa-navicon:before,.fa-xmark:before{content:"\\f00d"}'
    ".fa-beat{animation-name:fa-beat}@keyframes fa-beat{0%{opacity:0}to{opacity:1}}"
    ':root{--fa-font-solid:normal 900 1em/1 "Font Awesome 6 Free"}'
    '@font-face{font-family:"Font Awesome 6 Free";src:url(../webfonts/fa-solid-900.woff2)}'
)
PAGE = (
    '<link rel="preload" as="font" href="_static/vendor/fontawesome/6/webfonts/a.woff2" />'
    '<script src="_static/vendor/fontawesome/6/js/all.min.js?digest=1"></script>'
    '<link href="_static/vendor/fontawesome/6/css/all.min.css" rel="stylesheet" />'
    '<script src="_static/scripts/bootstrap.js"></script><i class="fa-solid fa-bars"></i>'
)
IMAGE = '<a href="x"><img alt="A &lt; B" src="../_images/ab.svg" /></a>'


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    import weight

    return weight


@pytest.fixture
def book(tmp_path):
    """What a build leaves, as far as icons go, with the theme's own fonts."""
    import pydata_sphinx_theme

    theme = ROOT / pydata_sphinx_theme.__path__[0] / "theme/pydata_sphinx_theme/static"
    (source,) = (theme / "vendor" / "fontawesome").glob("*/webfonts")
    vendor = tmp_path / "_static" / "vendor" / "fontawesome" / "6"
    for folder in (vendor / "css", vendor / "webfonts", tmp_path / "_static" / "scripts"):
        folder.mkdir(parents=True)
    (tmp_path / "_static" / "styles").mkdir()
    (tmp_path / "_static" / "styles" / "theme.css").write_text('a{--icon:"\uf0f3"}')
    (vendor / "css" / "all.min.css").write_text(STYLE)
    for name in ("fa-solid-900.ttf", "fa-brands-400.ttf"):
        (vendor / "webfonts" / name).write_bytes((source / name).read_bytes())
    (tmp_path / "_static" / "scripts" / "theme.js").write_text('x.classList.add("fa-xmark")')
    (tmp_path / "index.html").write_text(PAGE)
    return tmp_path


def test_the_icons_that_pages_and_scripts_name_are_used(extension, book):
    assert {"fa-solid", "fa-bars", "fa-xmark"} <= extension.used_icons(book)
    assert "fa-navicon" not in extension.used_icons(book)


def test_a_style_keeps_what_is_used(extension):
    style = extension.trim_style(STYLE, {"fa-solid", "fa-bars", "fa-xmark"})
    for kept in (
        '.fa-bars:before{content:"\\f0c9"}',
        '.fa-xmark:before{content:"\\f00d"}',
        ":root{",
    ):
        assert kept in style
    for dropped in ("navicon", "keyframes", "opacity", "woff2", "far"):
        assert dropped not in style
    assert extension.trim_style(style, {"fa-solid", "fa-bars", "fa-xmark"}) == style


def test_a_font_has_the_letters_that_are_shown_and_no_others(extension, book):
    from fontTools.ttLib import TTFont

    extension.trim_icons(book)
    (font,) = book.rglob("fa-solid-900.woff")
    assert set(TTFont(font).getBestCmap()) == {0xF0C9, 0xF00D, 0xF0F3}
    assert font.stat().st_size < 5000


def test_a_page_loads_the_style_of_its_icons_and_nothing_else_of_them(extension, book):
    for _ in range(2):  # a page that was not written anew stays as it is
        extension.trim_icons(book)
        page = (book / "index.html").read_text()
        assert re.findall(r'(?:src|href)="([^"]*)"', page) == [
            "_static/vendor/fontawesome/6/css/all.min.css", "_static/scripts/bootstrap.js"
        ]  # fmt: skip


def test_the_theme_s_styles_are_trimmed_and_our_own_are_not(extension, book):
    styles = {
        "styles/bootstrap.css": ".carousel{a:b}.fa-bars{a:b}.fa-xmark{a:b}.x{a:b}",
        "basic.css": ".carousel{a:b}p{a:b}",
        "book.css": ".carousel{a:b}",
    }
    for name, style in styles.items():
        (book / "_static" / name).write_text(style)
    (book / "_static" / "mathjax").mkdir()
    (book / "_static" / "mathjax" / "core.js").write_text("carousel")
    (book / "index.html").write_text(PAGE + '<p class="x">')
    extension.trim_styles(book)
    left = {name: (book / "_static" / name).read_text() for name in styles}
    assert left == {
        "styles/bootstrap.css": ".fa-bars{a:b}.fa-xmark{a:b}.x{a:b}",
        "basic.css": "p{a:b}",
        "book.css": ".carousel{a:b}",
    }


def test_a_page_knows_its_theme_before_it_has_images(extension):
    early = extension.with_what_it_needs(f"<script>theme = {extension.LATE}</script><img>")
    assert early.index("prefers-color-scheme: dark") < early.index("<img>")
    assert '"auto"' not in early


def test_the_theme_still_asks_for_it_as_it_is_replaced_here(extension):
    import sphinx_book_theme

    theme = Path(sphinx_book_theme.__path__[0]).parent / "pydata_sphinx_theme"
    layout = next(theme.rglob("layout.html")).read_text()
    assert re.sub("{{.*?}}", "auto", extension.LATE) in re.sub("{{.*?}}", "auto", layout)


def test_code_in_cells_says_its_own_colours_only(extension):
    code = '<div class="highlight"><pre><span class="n">a</span><span class="o">=</span></pre>'
    cell = f'<div class="cell_input docutils container">\n{code}</div>'
    assert extension.with_what_it_needs(cell) == cell.replace('<span class="n">a</span>', "a")
    assert extension.with_what_it_needs(code) == code


def test_signatures_say_nothing_of_breaks(extension):
    name = '<span class="n"><span class="pre">x</span></span>'
    page = f'<dt class="sig sig-object py" id="f">{name}</dt><p>{name}</p>'
    left = '<dt class="sig sig-object py" id="f"><span class="n">x</span></dt>'
    assert extension.with_what_it_needs(page) == f"{left}<p>{name}</p>"


def test_the_colours_left_out_are_that_of_all_code():
    from pygments.formatters import HtmlFormatter
    from pygments.styles import get_style_by_name

    for name in ("a11y-high-contrast-light", "a11y-high-contrast-dark"):
        style = get_style_by_name(name)
        rules = HtmlFormatter(style=style).class2style
        shown = {rules[kind][0] for kind in "npw" if kind in rules}
        assert shown == {rules[""][0]}


@pytest.mark.parametrize(("page", "scripts"), [("<p>", 0), ('<div class="sd-tab-set">', 1)])
def test_the_script_of_tabs_is_where_tabs_are(extension, page, scripts):
    page += ' <script data-x="y" src="../_static/design-tabs.js?v=1"></script>'
    page += '<script src="a.js"></script>'
    assert extension.with_what_it_needs(page).count("<script") == scripts + 1


def test_a_figure_has_two_images_with_one_text_and_one_size(extension):
    page = extension.with_twins(IMAGE, {"ab": (640, 480)})
    light, dark = re.findall(r"<img[^>]*>", page)
    for image, theme, file in ((light, "in-light", "ab"), (dark, "in-dark", "ab-dark")):
        assert f'class="{theme}"' in image
        assert f'src="../_images/{file}.svg"' in image
    for image in (light, dark):
        assert 'alt="A &lt; B"' in image
        assert 'loading="lazy" width="640" height="480"' in image
    assert extension.with_twins(page, {"ab": (640, 480)}) == page


def test_an_image_that_is_no_figure_of_ours_is_left_alone(extension):
    assert extension.with_twins(IMAGE, {"other": (1, 1)}) == IMAGE


def test_of_two_images_a_reader_sees_one():
    style = (ROOT / "book" / "_static" / "book.css").read_text()
    plain = re.sub(r"@media print \{.*", "", style, flags=re.DOTALL)
    assert re.search(r"\n\.bd-content \.in-dark \{\s+display: none;", plain)
    assert re.search(
        r'\nhtml\[data-theme="dark"\] \.bd-content \.in-light \{\s+display: none;', plain
    )


def test_figures_of_matplotlib_are_rewritten_once_and_measured(extension, tmp_path):
    folder = tmp_path / "_images"
    folder.mkdir()
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt"><metadata>'
        "https://matplotlib.org/</metadata><g id='figure_1'><path d='M 0 0 L 1 1' "
        "style='stroke: #000000'/></g></svg>"
    )
    (folder / "ab.svg").write_text(svg)
    (folder / "logo.svg").write_text('<svg width="9pt" height="9pt"></svg>')
    for _ in range(2):
        assert extension.lighten_figures(tmp_path) == {"ab": (96, 48)}
    assert "metadata" not in (folder / "ab.svg").read_text()
    assert "#000" not in (folder / "ab-dark.svg").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["ab-dark.svg", "ab.svg", "logo.svg"]
