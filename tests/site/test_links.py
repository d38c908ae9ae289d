"""Links inside the book lead to pages and places that are there."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest


class Page(HTMLParser):
    """The places of a page that can be linked to, and what it links to itself."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.places |= {values[name] for name in ("id", "name") if values.get(name)}
        for name in ("href", "src"):
            if values.get(name) is not None:
                self.links.append(values[name])


@pytest.fixture(scope="module")
def linked(site) -> dict[Path, Page]:
    return {
        path: Page(path)
        for path in site.rglob("*.html")
        if "_static" not in path.relative_to(site).parts
    }


def test_every_link_inside_the_book_has_an_end(site, linked):
    broken = []
    for path, page in linked.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            end = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if end.is_dir():
                end /= "index.html"
            place = "" if "=" in parts.fragment else unquote(parts.fragment)  # = sets up a page
            lacks_place = end in linked and place and place not in linked[end].places
            if not end.is_file() or lacks_place:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []
    assert sum(len(page.links) for page in linked.values()) > 100
