"""The menu of a chapter offers its notebook; pages without one do without."""

from types import SimpleNamespace

import pytest
from chapters import ROOT


@pytest.fixture
def offer_notebook(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    from downloads import offer_notebook

    return offer_notebook


def test_a_page_with_a_notebook_offers_a_copy_of_it(offer_notebook, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01-one.ipynb").write_text("{}")
    html = SimpleNamespace(name="html")
    app = SimpleNamespace(srcdir=tmp_path, outdir=tmp_path / "html", builder=html)
    context = {}
    offer_notebook(app, "notebooks/01-one", "page.html", context, None)
    assert context == {"ipynb_source": "notebooks/01-one.ipynb"}
    assert (tmp_path / "html" / "_sources" / "notebooks" / "01-one.ipynb").read_text() == "{}"


def test_a_page_without_one_offers_none(offer_notebook, tmp_path):
    html = SimpleNamespace(name="html")
    app = SimpleNamespace(srcdir=tmp_path, outdir=tmp_path / "html", builder=html)
    context = {}
    offer_notebook(app, "book/glossary", "page.html", context, None)
    assert context == {}
