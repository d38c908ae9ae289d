"""Pages become XML for an EPUB, and keep what they say."""

import shutil
import xml.etree.ElementTree as ET

import pytest
from chapters import ROOT


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    import ebook

    return ebook


@pytest.mark.parametrize(
    ("page", "xml"),
    [
        ("<p>a&nbsp;b &lt; c</p>", "<p>a\u00a0b &lt; c</p>"),
        ("<p>a<br>b<br/>c</p>", "<p>a<br />b<br />c</p>"),
        ('<img src="a.svg" alt="a > b">', '<img src="a.svg" alt="a > b" />'),
        ('<p hidden>a</p>', '<p hidden="">a</p>'),
        ('<b title="so hidden here">a</b>', '<b title="so hidden here">a</b>'),
        ("<p>a</p><style scoped>a > b {}</style>", "<p>a</p>"),
        ('<summary aria-label="b"> <p class="x">a</p> <p>b</p></summary>', "<summary>a</summary>"),
        ('<td halign="left" class="x">a</td>', '<td class="x">a</td>'),
        ('<p><picture class="in-dark"><img src="d"></picture>a</p>', "<p>a</p>"),
        ('<p><div data-moving="x" hidden><script>1 < 2</script></div>a</p>', "<p>a</p>"),
        ("<p>it says hidden and open</p>", "<p>it says hidden and open</p>"),
    ],
)  # fmt: skip
def test_a_page_is_written_in_xml_without_what_needs_a_screen(extension, page, xml):
    assert extension.plain(page) == xml
    ET.fromstring(xml)
    assert extension.plain(xml) == xml


def test_what_only_the_site_has_is_not_asked_for(extension, tmp_path):
    (tmp_path / "a.xhtml").touch()
    page = (
        '<link rel="stylesheet" type="text/css" href="no.css" />'
        '<a class="x" href="a.xhtml#b">a</a><a class="x" href="../sbom.json">b</a>'
        '<a href="https://pytorch.org">c</a><a href="#d">d</a><a href="a.xhtml#b=1&amp;c=2">e</a>'
    )
    assert extension.without_what_is_not_there(page, tmp_path) == (
        '<a class="x" href="a.xhtml#b">a</a><a class="x">b</a>'
        '<a href="https://pytorch.org">c</a><a href="#d">d</a><a>e</a>'
    )


@pytest.mark.parametrize(
    ("tex", "one"),
    [
        (r"a = b", r"a = b"),
        (r"a \\\\ b", r"\begin{split}a \\\\ b\end{split}"),
        (r"\begin{cases} a \\\\ b \end{cases}", r"\begin{cases} a \\\\ b \end{cases}"),
    ],
)
def test_lines_of_a_formula_are_one_formula(extension, tex, one):
    assert extension.whole(tex) == one


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not there")
def test_formulas_are_translated_and_a_wrong_one_is_refused(extension):
    formulas = extension.Formulas()
    inline = ET.fromstring(formulas(r"\frac{1}{2} < \tilde A", display=False))
    assert [part.tag.rsplit("}")[-1] for part in inline.iter()][:3] == ["math", "mfrac", "mn"]
    assert ET.fromstring(formulas("x", display=True)).get("display") == "block"
    with pytest.raises(ValueError, match=r"^MathJax must understand every formula\. Got"):
        formulas(r"\frac{1", display=False)
    formulas.close()
