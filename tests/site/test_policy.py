"""A page runs the scripts that it was built with, and no other."""

import re

import pytest

PAGE = "notebooks/03-similarity.html"  # with formulas, code and figures
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)" />\n?')
SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>")
# What somebody might get into a page, and the directive that is to stop it.
INJECTED = {
    "<script>window.mark = 1</script>": "script-src-elem",
    '<img src="_static/none.png" onerror="window.mark = 1">': "script-src-attr",
    '<svg onload="window.mark = 1"></svg>': "script-src-attr",
    '<script src="data:text/javascript,window.mark = 1"></script>': "script-src-elem",
    '<script src="https://elsewhere.example/mark.js"></script>': "script-src-elem",
    '<iframe src="data:text/html,1"></iframe>': "frame-src",
    '<object data="data:text/html,1"></object>': "object-src",
    '<base href="https://elsewhere.example/">': "base-uri",
    '<link rel="stylesheet" href="https://elsewhere.example/a.css">': "style-src-elem",
    '<img src="https://elsewhere.example/a.png">': "img-src",
}
LISTEN = """
window.stopped = [];
document.addEventListener("securitypolicyviolation", (event) =>
  stopped.push(event.effectiveDirective));
"""


@pytest.fixture
def altered(browser, address):
    """Open a page with something put into its article, and its policy taken away if asked."""
    contexts = []

    def altered(extra: str, *, without_policy: bool = False):
        context = browser.new_context()
        contexts.append(context)
        context.add_init_script(LISTEN)
        page = context.new_page()
        elsewhere = "**://elsewhere.example/**"
        page.route(elsewhere, lambda route: route.fulfill(body="window.mark = 1"))

        def alter(route):
            text = route.fetch().text().replace("<article", f"{extra}<article", 1)
            route.fulfill(
                body=POLICY.sub("", text) if without_policy else text, content_type="text/html"
            )

        page.route(f"{address}/{PAGE}", alter)
        page.goto(f"{address}/{PAGE}", wait_until="load")
        page.wait_for_load_state("networkidle")
        return page

    yield altered
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("extra", "directive"), INJECTED.items(), ids=INJECTED)
def test_what_gets_into_a_page_is_stopped(altered, extra, directive):
    page = altered(extra)
    assert directive in page.evaluate("stopped")
    assert page.evaluate("window.mark") is None


@pytest.mark.parametrize("extra", [extra for extra in INJECTED if "mark" in extra])
def test_without_the_policy_it_would_run(altered, extra):
    """Or the test above would prove nothing."""
    assert altered(extra, without_policy=True).evaluate("window.mark") == 1


def test_a_page_sends_nothing_elsewhere_and_evaluates_no_text(altered):
    page = altered("")
    sent = """async () => {
      try { await fetch("https://elsewhere.example/"); return "sent"; } catch { return "stopped"; }
    }"""
    assert page.evaluate(sent) == "stopped"
    page.evaluate("""() => {
      const link = document.createElement("a");
      link.href = "javascript:window.mark = 1";
      document.body.append(link);
      link.click();
    }""")
    page.evaluate("setTimeout('window.mark = 1', 0)")
    page.wait_for_timeout(200)
    assert page.evaluate("window.mark") is None
    assert page.evaluate("stopped").count("connect-src") == 1


def test_every_page_says_so_before_its_first_script(site):
    """Also those of the code of the library, which no other test opens."""
    paths = [path for path in site.rglob("*.html") if "_static" not in path.relative_to(site).parts]
    assert len(paths) > 20
    for path in paths:
        text = path.read_text()
        (policy,) = POLICY.finditer(text)
        script = re.search("<script", text)
        assert script is None or policy.start() < script.start(), path
        allowed = dict(part.split(" ", 1) for part in policy[1].split("; "))
        assert allowed["default-src"] == "'none'"
        assert not re.search(r"'unsafe-(inline|eval)'|https?:|\*", allowed["script-src"]), path
        assert allowed["script-src"].count("'sha256-") <= len(SCRIPT.findall(text)) + 2


def test_the_code_of_the_library_is_read_without_a_complaint(window, address, site):
    for path in sorted((site / "_modules").rglob("*.html"))[:3]:
        page, log = window(f"{address}/{path.relative_to(site).as_posix()}")
        page.locator("article pre").first.wait_for()
        log.assert_empty()


def test_formulas_are_set(window, address):
    page, log = window(f"{address}/{PAGE}")
    assert page.locator("article mjx-container").count() > 20
    assert page.locator("article .math:not(:has(mjx-container))").count() == 0
    log.assert_empty()


def test_formulas_are_spoken(window, address):
    """Beside the glyphs of each stands what it means, for whom a screen reader reads it."""
    page, log = window(f"{address}/{PAGE}")
    formulas = page.locator("article mjx-container")
    spoken = page.locator("article mjx-container > mjx-assistive-mml > math")
    assert spoken.count() == formulas.count() > 20
    log.assert_empty()


def test_a_formula_that_is_too_wide_is_reached_by_keys(window, address):
    page, _ = window(f"{address}/{PAGE}")
    page.set_viewport_size({"width": 200, "height": 740})
    page.wait_for_function(
        """() => {
          const wide = [...document.querySelectorAll("mjx-container[display=true]")]
            .filter((one) => one.scrollWidth > one.clientWidth);
          return wide.length && wide.every((one) => one.tabIndex === 0);
        }"""
    )


def test_buttons_of_the_theme_do_what_they_say(window, address):
    page, log = window(f"{address}/{PAGE}")
    page.evaluate("window.print = () => { window.isPrinted = true; }")
    page.locator(".dropdown-download-buttons > button").click()
    page.locator(".btn-download-pdf-button").click()
    assert page.evaluate("window.isPrinted")
    page.locator(".btn-fullscreen-button").click()
    page.wait_for_function("document.fullscreenElement")
    log.assert_empty()
