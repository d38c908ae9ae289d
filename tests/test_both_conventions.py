"""Two pictures of one figure, as printed and as released, come under one number and caption."""

from types import SimpleNamespace

import pytest
from chapters import ROOT
from docutils import nodes
from docutils.utils import new_document
from sphinx.errors import ExtensionError


@pytest.fixture
def conventions(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    import conventions

    return conventions


def cell(name, alt, caption=None):
    """What MyST-NB makes of a cell that draws."""
    image = nodes.image(uri=f"{alt}.svg", alt=alt, classes=[name] if name else [])
    output = nodes.container("", nodes.container("", image), nb_element="mime_bundle")
    if caption:
        output = nodes.figure("", output, nodes.caption("", caption), ids=["fig"])
    return nodes.container(
        "", nodes.container("", output, nb_element="cell_code_output"), nb_element="cell_code"
    )


def paired(conventions, *cells):
    document = new_document("page")
    document.settings.env = SimpleNamespace(docname="page")
    document += list(cells)
    conventions.Pairing(document).apply()
    return document


def test_the_twin_moves_into_the_figure_between_its_picture_and_its_caption(conventions):
    page = paired(
        conventions,
        cell("as-printed", "a", "A line."),
        cell("as-released", "b"),
        cell(None, "c", "Dots."),
    )
    first, second = page.findall(nodes.figure)
    assert first["ids"] == ["fig"]
    assert "conventions" in first["classes"]
    assert "conventions" not in second["classes"]
    told = [(panel["classes"], panel[0].astext()) for panel in first.children[:-1]]
    assert told == [
        (["convention", "as-printed"], "As printed"),
        (["convention", "as-released"], "As released"),
    ]
    assert first.children[-1].astext() == "A line."
    assert [image["alt"] for image in page.findall(nodes.image)] == ["a", "b", "c"]
    assert len(page.children) == 2  # nothing is left of the cell of the twin


@pytest.mark.parametrize(
    "names", [["as-printed"], ["as-released"], ["as-printed", None], ["as-printed"] * 2]
)
def test_a_picture_without_its_twin_is_refused(conventions, names):
    cells = [cell(name, str(i), "Some.") for i, name in enumerate(names)]
    with pytest.raises(ExtensionError, match="page: each picture as-printed is followed by"):
        paired(conventions, *cells)
