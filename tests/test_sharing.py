"""A link to a page has a card, and machines find all pages, in continuous integration."""

import re
from html import unescape
from types import SimpleNamespace

import pytest
import yaml
from chapters import ROOT
from docutils.core import publish_doctree

BASE = "https://someone.github.io/modlib/"


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    import sharing

    return sharing


def read(tags: str) -> dict[str, str]:
    found = re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)" />', tags)
    return {name: unescape(value) for name, value in found}


@pytest.mark.parametrize(
    ("repository", "expected"),
    [("Someone/modlib", BASE), (None, ""), ("no repository", "")],
)
def test_the_address_is_that_of_the_repository_s_pages(
    extension, monkeypatch, repository, expected
):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    if repository:
        monkeypatch.setenv("GITHUB_REPOSITORY", repository)
    config = SimpleNamespace(html_baseurl="")
    extension.find_address(None, config)
    assert config.html_baseurl == expected


def test_a_card_has_title_text_and_a_picture_that_is_there(extension):
    found = read(extension.tags('Is it "true"?', "It <is>.", "The book", "notebooks/a.html", BASE))
    assert found["og:title"] == 'Is it "true"?'
    assert found["description"] == found["og:description"] == "It <is>."
    assert found["og:url"] == f"{BASE}notebooks/a.html"
    picture = found["og:image"].removeprefix(BASE).removeprefix("_static/")
    assert (ROOT / "book" / "_static" / picture).is_file()


def test_without_an_address_a_page_names_none(extension):
    tags = extension.tags("Title", "Text.", "The book", "a.html", "")
    assert "http" not in tags
    assert "image" not in tags


def test_a_page_is_described_by_its_first_paragraph_cut_after_a_word(extension):
    page = publish_doctree("Title\n=====\n\n" + "Seven *words*, " * 40 + "\n\nMore.")
    text = extension.describe(page)
    assert text.startswith("Seven words, Seven words,")
    assert text.endswith("words …")
    assert len(text) <= extension.LENGTH + 2
    assert extension.describe(publish_doctree("")) == ""


def test_all_pages_are_listed_in_their_parts_and_their_sources_are_there(extension):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [toc["root"]] + [
        chapter["file"] for part in toc["parts"] for chapter in part["chapters"]
    ]
    text = extension.contents(toc, dict.fromkeys(files, "A title"), "The book", BASE)
    assert text.startswith("# The book\n\n> ")
    listed = re.findall(r"\]\((.*?)\)", text)
    assert listed == [f"{BASE}_sources/{file}.md" for file in files]
    assert all((ROOT / f"{file}.md").is_file() for file in files)
    assert re.findall(r"^## (.*)", text, re.MULTILINE)[1:] == [
        part["caption"] for part in toc["parts"]
    ]
