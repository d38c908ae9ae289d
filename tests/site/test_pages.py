"""Every page of the book in a real browser: each is opened once, and several things are seen."""

import re
from dataclasses import dataclass, field
from functools import cache

import pytest
from axe_playwright_python.sync_playwright import Axe

PATIENCE = 120_000  # milliseconds, for a machine that has other work too
PHONE = {"width": 360, "height": 740}
# Sphinx's own buttons in the list of modules are pictures of a sign; their text is that sign.
PICTURES = """() => [...document.querySelectorAll("img, canvas, .cell_output svg")]
  .filter((picture) => !picture.closest("[aria-hidden=true], [role=presentation], .toggler"))
  .map((picture) => [picture.getAttribute("alt") ?? picture.getAttribute("aria-label") ?? "",
                     picture.currentSrc || picture.outerHTML.slice(0, 80)])"""
# Prose alone: code, signatures and mathematics may hold what would be a fault elsewhere.
PROSE = """() => {
  const article = document.querySelector("article, main").cloneNode(true);
  for (const part of article.querySelectorAll("pre, code, dt.sig, mjx-container, .math"))
    part.remove();
  return article.textContent;
}"""
TOO_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > room + 1)
    .map((element) => element.outerHTML.slice(0, 120)).slice(0, 5);
}"""
# Figures are up to 630 pixels wide, with letters of 9 points: at 500, they are as small print is.
# Those that move hide their still picture, and each theme has its own.
TOO_SMALL = """() => [...document.querySelectorAll("figure.align-default:not(.is-moving) img")]
  .filter((picture) => picture.getClientRects().length)
  .filter((picture) => picture.clientWidth < Math.min(picture.naturalWidth, 500))
  .map((picture) => picture.currentSrc)"""
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"


@dataclass
class Visit:
    """What was seen of a page."""

    log: object
    pictures: list[tuple[str, str]]
    prose: str
    axe: dict[str, list[str]] = field(default_factory=dict)
    too_wide: list[str] = field(default_factory=list)
    too_small: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def visit(open_page, address):
    @cache
    def visit(name: str) -> Visit:
        page, log = open_page(f"{address}/{name}")
        page.add_style_tag(content=STILL)
        seen = Visit(log, page.evaluate(PICTURES), page.evaluate(PROSE))
        seen.axe["light"] = violations(page, {"resultTypes": ["violations"]})
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        only_contrast = {"type": "rule", "values": ["color-contrast"]}
        seen.axe["dark"] = violations(page, {"runOnly": only_contrast})
        page.set_viewport_size(PHONE)
        seen.too_wide, seen.too_small = page.evaluate(TOO_WIDE), page.evaluate(TOO_SMALL)
        page.context.close()
        return seen

    return visit


def violations(page, options: dict) -> list[str]:
    """What axe finds serious or critical, and where."""
    options |= {"preload": False}  # it would ask for imported styles at wrong addresses
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def test_page_opens_without_errors_and_asks_no_other_host(visit, page_name):
    visit(page_name).log.assert_empty()


def test_every_picture_says_what_it_shows(visit, page_name):
    silent = [
        source
        for text, source in visit(page_name).pictures
        if len(text) < 10 or re.search(r"_images/|\.(svg|png|jpe?g|gif)$", text)
    ]
    assert silent == []


def test_every_number_and_reference_is_resolved(visit, page_name):
    assert re.findall(r".{0,40}(?:\?\?|%s|\{\w+\}`).{0,20}", visit(page_name).prose) == []


def test_page_is_no_wider_than_a_phone(visit, page_name):
    assert visit(page_name).too_wide == []


def test_figures_stay_legible_on_a_phone(visit, page_name):
    assert visit(page_name).too_small == []


SHOWN = """() => [...document.querySelectorAll("figure img")]
  .filter((picture) => picture.getClientRects().length)
  .map((picture) => picture.closest(".in-dark") ? "dark" : "light")"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_are_those_of_the_theme(window, address, page_names, theme):
    for name in ["book/preface.html", *(name for name in page_names if "/06-" in name)]:
        page, _ = window(f"{address}/{name}")
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert set(page.evaluate(SHOWN)) == {theme}
        page.emulate_media(media="print")
        assert set(page.evaluate(SHOWN)) == {"light"}, "paper is white"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_takes_two_megabytes_to_its_end(browser, address, page_names, theme):
    """What is fetched by who never saw the book before, and reads to the end of the page."""
    weights = {}
    for name in (name for name in page_names if name.startswith(("book/", "notebooks/"))):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)
        context.set_default_timeout(PATIENCE)
        page, fetched = context.new_page(), []
        page.on("response", lambda response, fetched=fetched: fetched.append(response))
        page.goto(f"{address}/{name}", wait_until="load")
        for place in range(0, page.evaluate("document.body.scrollHeight"), 800):
            page.evaluate(f"scrollTo({{top: {place}, behavior: 'instant'}})")
            page.wait_for_timeout(20)
        page.wait_for_load_state("networkidle")
        weights[name] = sum(len(response.body()) for response in list(fetched))
        context.close()
    assert {name: weight for name, weight in weights.items() if weight > 2_000_000} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit, page_name, theme):
    assert visit(page_name).axe[theme] == []


def test_first_page_is_reached_from_the_root(window, address):
    page, _ = window(f"{address}/")
    page.wait_for_url("**/book/preface.html")


def test_a_click_makes_the_page_dark_and_the_next_page_remembers(window, address):
    page, log = window(f"{address}/book/preface.html")
    theme = "document.documentElement.dataset.theme"
    for _ in range(3):  # the button goes round: as the system is, light, dark
        if page.evaluate(theme) == "dark":
            break
        page.locator("button.theme-switch-button").first.click()
    assert page.evaluate(theme) == "dark"
    page.goto(f"{address}/book/references.html")
    assert page.evaluate(theme) == "dark"
    log.assert_empty()


@pytest.mark.parametrize("word", ["Hessian", "dropout"])
@pytest.mark.parametrize("place", ["address", "disk"])
def test_search_finds(window, address, site, place, word):
    start = address if place == "address" else site.as_uri()
    page, log = window(f"{start}/search.html?q={word}")
    hit = page.locator("#search-results ul.search li a").first
    hit.wait_for()
    hit.click()
    page.locator("article h1").wait_for()
    assert word.lower() in page.locator("article").inner_text().lower()
    if place == "address":  # from disk, the list lacks the excerpts, which are fetched
        log.assert_empty()


def test_chapters_read_from_disk_with_their_formulas(window, site, page_names):
    chapters = [name for name in page_names if name.startswith("notebooks/")][:2]
    for name in ["book/preface.html", *chapters]:
        page, log = window(f"{site.as_uri()}/{name}")
        log.assert_empty()
        assert page.locator("article h1").inner_text()
        assert page.locator("article .math:not(:has(mjx-container))").count() == 0, name
