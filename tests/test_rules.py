"""Of the theme's styles, pages keep the rules that they can come to need, and no others."""

import pytest
from chapters import ROOT

USED = {"card", "open", "top"}


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    import rules

    return rules


@pytest.mark.parametrize(
    ("style", "left"),
    [
        ("a{color:red}", "a{color:red}"),
        (".card{color:red}.toast{color:blue}", ".card{color:red}"),
        (".card,.toast , #top{color:red}", ".card,#top{color:red}"),
        (".card .toast{color:red}#bottom{color:red}", ""),
        (
            ".card:not(.toast,.x):is(.y, :not(.z)){a:b}",
            ".card:not(.toast,.x):is(.y, :not(.z)){a:b}",
        ),
        ('[data-x=".toast"]{a:b}', '[data-x=".toast"]{a:b}'),
        ("@media print{.card{a:b}.toast{a:b}}", "@media print{.card{a:b}}"),
        ("@media print{.toast{a:b}}", ""),
        ("@media a{@supports (b:c){.toast{a:b}}}p{a:b}", "p{a:b}"),
        ("@keyframes x{0%{a:b}to{a:c}}", "@keyframes x{0%{a:b}to{a:c}}"),
        ('@import "../basic.css";.card{a:b}', '@import "../basic.css";.card{a:b}'),
        ("/*! by X */a{b:c}/* no more */", "/*! by X */a{b:c}"),
        ('a{b:"}"}.toast{c:d}', 'a{b:"}"}'),
        ("a{b:url(data:x;y,{z})}.toast{c:d}", "a{b:url(data:x;y,{z})}"),
        ("a{/* } */b:c}.toast{c:d}", "a{b:c}"),
        (r".card\:x{a:b}.top{a:b}", ".top{a:b}"),
    ],
)
def test_a_style_keeps_what_can_match(extension, style, left):
    assert extension.trim(style, USED) == left
    assert extension.trim(left, USED) == left


def test_a_class_may_stand_in_a_page_or_be_a_word_of_a_script(extension):
    text = '<p class="card a-b" id="top">toast</p>'
    page = text + '<script>x.add("open")</script><script src="y"></script>'
    assert {"card", "a-b", "top", "open"} <= extension.names(page)
    assert "toast" not in extension.names(page)
    assert {"show", "is-open"} <= extension.words('a.classList.add("show"); b = ".is-open"')
