"""Figures in both conventions: one choice for all of them, kept from page to page."""

import pytest

PAGE = "notebooks/01-introduction.html"
OTHER = "notebooks/07-agreement.html"


def shown(page) -> list[str]:
    """The conventions whose pictures can be seen."""
    panels = page.locator("figure.conventions > .convention")
    return [
        "printed" if "as-printed" in panel.get_attribute("class") else "released"
        for panel in panels.all()
        if panel.locator("img:visible").count()
    ]


def test_a_choice_holds_for_every_figure_and_on_the_next_page(window, address):
    page, log = window(f"{address}/{PAGE}")
    assert set(shown(page)) == {"printed"}
    figures = page.locator("figure.conventions")
    figures.last.get_by_role("tab", name="As released").click()
    assert shown(page) == ["released"] * figures.count()
    page.goto(f"{address}/{OTHER}")
    assert set(shown(page)) == {"released"}
    log.assert_empty()


def test_arrow_keys_go_through_the_tabs(window, address):
    page, _ = window(f"{address}/{PAGE}")
    tabs = page.locator("figure.conventions").first.get_by_role("tab")
    tabs.first.focus()
    for key, chosen in (("ArrowRight", 1), ("ArrowRight", 0), ("ArrowLeft", 1), ("Home", 0)):
        page.keyboard.press(key)
        selected = [tab.get_attribute("aria-selected") for tab in tabs.all()]
        assert selected == ["true" if i == chosen else "false" for i in (0, 1)]
        assert tabs.nth(chosen).evaluate("tab => tab === document.activeElement")


@pytest.mark.parametrize("way", ["in print", "without scripts"])
def test_both_pictures_stand_under_their_names(browser, address, way):
    context = browser.new_context(java_script_enabled=way != "without scripts")
    page = context.new_page()
    page.goto(f"{address}/{PAGE}")
    if way == "in print":
        page.emulate_media(media="print")
    found = shown(page)
    assert found == ["printed", "released"] * (len(found) // 2)
    assert page.locator(".convention-name:visible").count() == len(found) > 0
    assert not page.get_by_role("tab").count()
    context.close()
