"""Figures that move: their place in a page, their scripts, and the library that these need."""

import hashlib
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments.report.chapters.moving import moving

ROOT = Path(__file__).parents[1]
D3 = ROOT / "book" / "_static" / "d3"
MANIFEST = json.loads((D3 / "manifest.json").read_text())
OURS = ROOT / "book" / "_static" / "moving"


# ------------------------------------------------------------------------------------ the library


@pytest.mark.parametrize("part", MANIFEST["files"], ids=lambda part: part["name"])
def test_each_part_of_the_library_is_the_release_that_the_manifest_names(part):
    for file, digest in ((part["file"], part["sha256"]), (part["text"], part["text_sha256"])):
        assert hashlib.sha256((D3 / file).read_bytes()).hexdigest() == digest
    head = (D3 / part["file"]).read_text().splitlines()[0]
    assert head.startswith(f"// https://d3js.org/{part['name']}/ v{part['version']} Copyright")


@pytest.mark.parametrize("part", MANIFEST["files"], ids=lambda part: part["name"])
def test_each_part_comes_with_its_licence(part):
    permission = {
        "ISC": "Permission to use, copy, modify, and/or distribute this software",
        "BSD-3-Clause": "Redistribution and use in source and binary forms",
    }
    assert permission[part["license"]] in (D3 / part["text"]).read_text()


def test_nothing_else_lies_beside_them_and_the_whole_is_light():
    named = {part[key] for part in MANIFEST["files"] for key in ("file", "text")}
    assert {path.name for path in D3.iterdir()} == named | {"manifest.json"}
    scripts = [*D3.glob("*.js"), *OURS.glob("*.js")]
    assert sum(path.stat().st_size for path in scripts) < 200_000


def test_parts_come_after_those_that_they_need():
    names = [part["name"] for part in MANIFEST["files"]]
    for place, part in enumerate(MANIFEST["files"]):
        text = (D3 / part["file"]).read_text()
        needed = set(re.findall(r'require\("(d3-\w+)"\)', text))
        assert needed <= set(names[:place])


# ------------------------------------------------------------------------------- place and scripts


def test_data_stand_in_the_page_as_json_that_no_text_can_end():
    text = moving("search", {"name": "</script><b>"}, "fig-a").data
    assert text.count("</script>") == 1
    inside = re.search(r'<script type="application/json">(.*)</script>', text)[1]
    assert json.loads(inside) == {"name": "</script><b>"}
    assert 'data-moving="search" data-still="fig-a" hidden' in text


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        moving("search", {"q": float("nan")}, "fig-a")


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    import moving

    return moving


def loaded(extension, body: str) -> list[str]:
    files = []
    app = SimpleNamespace(
        builder=SimpleNamespace(name="html"),
        add_js_file=lambda file, **_: files.append(file),
        add_css_file=files.append,
    )
    extension.load_scripts(app, "page", "page.html", {"body": body})
    return files


def test_a_page_loads_the_scripts_of_its_figures_after_the_library(extension):
    files = loaded(extension, moving("search", {}, "fig-a").data)
    assert files[: len(MANIFEST["files"])] == [f"d3/{part['file']}" for part in MANIFEST["files"]]
    assert files[len(MANIFEST["files"]) :] == [
        *(f"moving/{name}" for name in ("moving.js", "modules.js", "search.js", "moving.css"))
    ]


@pytest.mark.parametrize("body", ["<p>text</p>", "<pre>data-moving=&quot;search&quot;</pre>"])
def test_other_pages_load_nothing(extension, body):
    assert loaded(extension, body) == []


SHARED = {"moving", "modules"}  # of what figures have in common


def test_every_figure_of_a_chapter_has_its_script_and_its_still_picture():
    call = re.compile(r'^moving\("(\w+)", \w+, "([\w-]+)"\)', re.MULTILINE)
    texts = [chapter.read_text() for chapter in sorted((ROOT / "notebooks").glob("*.md"))]
    called = [(text, *found) for text in texts for found in call.findall(text)]
    assert {name for _, name, _ in called} == {path.stem for path in OURS.glob("*.js")} - SHARED
    for text, _, still in called:
        assert f"name: {still}\n" in text
