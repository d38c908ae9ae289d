"""The book as a single file is one that any reader of EPUBs opens: run by make epub.

`EPUB` may name another file.
"""

import os
import posixpath
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest

ROOT = Path(__file__).parents[2]
FILE = Path(os.environ.get("EPUB") or ROOT / "_build" / "modlib.epub")
OPF = "{http://www.idpf.org/2007/opf}"
XHTML = "{http://www.w3.org/1999/xhtml}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"
ELSEWHERE = re.compile(r"(?:https?|mailto|data):|#")

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="there is no EPUB: run make epub")


@pytest.fixture(scope="module")
def book():
    with ZipFile(FILE) as book:
        yield book


@pytest.fixture(scope="module")
def pages(book) -> dict[str, ET.Element]:
    """Each page, which has to be XML for this."""
    names = [name for name in book.namelist() if name.endswith(".xhtml")]
    return {name: ET.fromstring(book.read(name)) for name in names}


def images(page: ET.Element) -> list[ET.Element]:
    return list(page.iter(f"{XHTML}img"))


def test_it_says_first_what_it_is(book):
    first = book.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", ZIP_STORED)
    assert book.read("mimetype") == b"application/epub+zip"
    assert book.testzip() is None


def test_all_that_is_listed_is_there_and_all_that_is_there_is_listed(book):
    package = ET.fromstring(book.read("content.opf"))
    listed = [item.get("href") for item in package.iter(f"{OPF}item")]
    apart = {"mimetype", "META-INF/container.xml", "content.opf"}
    assert len(listed) == len(set(listed))
    assert set(listed) == set(book.namelist()) - apart


def test_it_has_every_chapter_in_order(book):
    package = ET.fromstring(book.read("content.opf"))
    files = {item.get("id"): item.get("href") for item in package.iter(f"{OPF}item")}
    spine = [files[item.get("idref")] for item in package.iter(f"{OPF}itemref")]
    toc = (ROOT / "_toc.yml").read_text()
    expected = [f"{name}.xhtml" for name in re.findall(r"(?:root|file): (\S+)", toc)]
    assert [name for name in spine if name in expected] == expected


def test_its_contents_lead_to_every_chapter(pages, book):
    contents = pages["nav.xhtml"]
    led = {posixpath.normpath(link.get("href")) for link in contents.iter(f"{XHTML}a")}
    toc = (ROOT / "_toc.yml").read_text()
    assert {f"{name}.xhtml" for name in re.findall(r"(?:root|file): (\S+)", toc)} <= led


def test_what_pages_show_and_lead_to_is_in_the_file(book, pages):
    names, lost = set(book.namelist()), []
    for name, page in pages.items():
        for element in page.iter():
            for place in filter(None, (element.get("src"), element.get("href"))):
                path = posixpath.join(posixpath.dirname(name), re.split("[#?]", place)[0])
                if not ELSEWHERE.match(place) and posixpath.normpath(path) not in names:
                    lost.append((name, place))
    assert lost == []


def test_formulas_are_written_in_mathml_and_none_is_left_over(pages):
    formulas = [formula for page in pages.values() for formula in page.iter(f"{MATHML}math")]
    assert len(formulas) > 100
    text = " ".join("".join(page.itertext()) for page in pages.values())
    assert re.findall(r".{0,20}\\(?:frac|sum|begin|mathbf)\b.{0,20}", text) == []


def test_figures_are_the_light_ones_once_each(pages):
    figures = [image.get("src") for page in pages.values() for image in images(page)]
    assert not [source for source in figures if "dark" in source]
    for name, page in pages.items():
        sources = [image.get("src") for image in images(page) if "_images/" in image.get("src")]
        assert len(sources) == len(set(sources)), name


def test_both_conventions_stand_under_their_names(pages):
    page = pages["notebooks/01-introduction.xhtml"]
    classes = [element.get("class", "").split() for element in page.iter()]
    for name in ("as-printed", "as-released"):
        assert any({"convention", name} <= set(each) for each in classes)
    text = " ".join("".join(page.itertext()).split())
    assert "As printed" in text
    assert "As released" in text


def test_nothing_in_it_is_a_script(book, pages):
    assert not [name for name in book.namelist() if name.endswith(".js")]
    assert not [name for name, page in pages.items() if list(page.iter(f"{XHTML}script"))]


def test_it_can_be_sent():
    assert FILE.stat().st_size < 10_000_000
