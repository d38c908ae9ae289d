"""The built book, served on this machine, and a browser that reads it: run by make test-site.

`SITE` may name another folder with a built book, `RESULTS` the tables that it was built from, and
`CHROMIUM` the browser.
"""

import os
import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
SITE = Path(os.environ.get("SITE") or ROOT / "_build" / "html").resolve()
RESULTS = Path(os.environ.get("RESULTS") or ROOT / "results" / "paper").resolve()
BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 120_000  # milliseconds, for a machine that has other work too
REDIRECT = "index.html"  # leads to the first page


def pages() -> list[str]:
    """What a reader can open; the code of the library is read in the test of links only."""
    found = [path.relative_to(SITE) for path in SITE.rglob("*.html")]
    names = {path.as_posix() for path in found if path.parts[0] not in ("_static", "_modules")}
    return sorted(names - {REDIRECT})


def pytest_generate_tests(metafunc):
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", pages())


@pytest.fixture(scope="session")
def page_names(site) -> list[str]:
    return pages()


@pytest.fixture(scope="session")
def site() -> Path:
    if not (SITE / REDIRECT).is_file():
        pytest.exit(f"There is no book in {SITE}: run make book, or set SITE.", returncode=1)
    return SITE


@pytest.fixture(scope="session")
def results() -> Path:
    if not (RESULTS / "networks.parquet").is_file():
        pytest.skip(f"there are no tables in {RESULTS}")
    return RESULTS


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(site) -> str:
    """Where the book is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    if not BROWSER:
        pytest.exit(
            "Chromium is needed: apt-get install chromium, or set CHROMIUM to it.", returncode=1
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        yield browser
        browser.close()


class Log:
    """What goes wrong while a page is read."""

    def __init__(self, page, address: str) -> None:
        self.entries: list[str] = []
        self.address = address
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.note(f"error: {error}"))
        page.on("request", self.look)
        page.on("requestfailed", lambda request: self.note(f"failed: {request.url}"))
        page.on("response", self.check)

    def note(self, entry: str) -> None:
        # From disk a browser refuses the theme's hints to load fonts of icons beforehand; it loads
        # them later, as the styles ask for them.
        if not (self.address == "file://" and "/vendor/fontawesome/" in entry):
            self.entries.append(entry)

    def hear(self, message) -> None:
        if message.type == "error":
            self.note(f"console: {message.text} {message.location['url']}")

    def look(self, request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.note(f"outside: {request.url}")

    def check(self, response) -> None:
        if response.status >= 400:
            self.note(f"{response.status}: {response.url}")

    def assert_empty(self) -> None:
        assert self.entries == []


@pytest.fixture(scope="session")
def open_page(browser):
    """Open an address in a window of its own; returns the page and what went wrong."""

    def open_page(url: str, width: int = 1280, height: int = 900):
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        log = Log(page, "file://" if url.startswith("file:") else "/".join(url.split("/")[:3]))
        page.goto(url, wait_until="load")
        page.wait_for_load_state("networkidle")
        return page, log

    return open_page


@pytest.fixture
def window(open_page):
    """The same for one test, after which all its windows are closed."""
    opened = []

    def window(*args, **options):
        opened.append(open_page(*args, **options))
        return opened[-1]

    yield window
    for page, _ in opened:
        page.context.close()
