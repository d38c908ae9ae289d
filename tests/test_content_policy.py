"""The policy of a page names the code that the page was built with, and nothing else."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
HELLO = "alert('Hello, world.');"
# The example of the W3C's Content Security Policy Level 3, section on hashes of inline scripts.
HASH = "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    import content_policy

    return content_policy


def sources(extension, page: str, name: str = "script-src") -> list[str]:
    policy = dict(part.split(" ", 1) for part in extension.policy(page).split("; "))
    return policy[name].split()


def test_an_inline_script_is_named_by_its_hash(extension):
    assert sources(extension, f"<script>{HELLO}</script>") == ["'self'", HASH]


def test_a_handler_is_named_by_the_hash_of_what_the_browser_reads(extension):
    escaped = HELLO.replace("'", "&#39;")
    found = sources(extension, f'<button onclick="{escaped}">Hello</button>')
    assert found == ["'self'", "'unsafe-hashes'", HASH]


def test_inside_a_script_nothing_is_unescaped(extension):
    escaped = HELLO.replace("'", "&#39;")
    assert HASH not in sources(extension, f"<script>{escaped}</script>")


@pytest.mark.parametrize(
    "page",
    [
        "<p>text</p>",
        '<script src="a.js"></script>',
        '<script type="application/json">{}</script>',
        "<pre>&lt;script&gt;1&lt;/script&gt;</pre>",
        "<!-- <script>1</script> -->",
    ],
    ids=["text", "file", "data", "shown", "comment"],
)
def test_what_is_no_inline_script_adds_nothing(extension, page):
    assert sources(extension, page) == ["'self'"]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<script src="_static/searchtools.js"></script>', "'self'"),
        ('<script defer src="../_static/mathjax/startup.js"></script>', "'none'"),
        ('<script src="../_static/explorer.js"></script>', "'none'"),
    ],
)
def test_only_pages_with_scripts_that_fetch_may_fetch(extension, page, expected):
    assert sources(extension, page, "connect-src") == [expected]


def test_nothing_comes_from_elsewhere(extension):
    policy = extension.policy(f"<script>{HELLO}</script>")
    assert policy.startswith("default-src 'none'; ")
    known = {"'self'", "'none'", "data:", HASH}
    for part in policy.split("; "):
        name, *allowed = part.split(" ")
        assert set(allowed) <= known | ({"'unsafe-inline'"} if name == "style-src" else set())


PAGE = '<html>\n<head>\n<meta charset="utf-8" />\n<title>A</title><script>1</script></head></html>'


def test_the_policy_comes_before_every_script_and_after_the_charset(extension):
    page = extension.with_policy(PAGE)
    order = [page.index(part) for part in ("charset", "Content-Security-Policy", "<script>")]
    assert order == sorted(order)


def test_a_page_without_a_head_begins_with_its_policy(extension):
    page = extension.with_policy('<meta http-equiv="Refresh" content="0; url=a.html" />\n')
    assert page.startswith('<meta http-equiv="Content-Security-Policy"')
    assert page.endswith('url=a.html" />\n')


def test_a_page_that_was_not_written_anew_keeps_one_policy(extension):
    page = extension.with_policy(PAGE)
    assert extension.with_policy(page) == page
    assert len(re.findall("Content-Security-Policy", page)) == 1


@pytest.mark.parametrize("exception", [None, ValueError("a build that failed")])
def test_every_page_gets_its_policy_and_no_part_of_the_theme(extension, tmp_path, exception):
    names = ["index.html", "_modules/a.html", "_static/part.html"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(PAGE)
    app = SimpleNamespace(outdir=str(tmp_path), builder=SimpleNamespace(format="html"))
    extension.add_policies(app, exception)
    changed = [name for name in names if (tmp_path / name).read_text() != PAGE]
    assert changed == ([] if exception else names[:2])
