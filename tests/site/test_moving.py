"""Figures that move: their numbers are those of the library, and keys alone lead through them.

What they compute is tested on an empty page; no book is needed for that.
"""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import entr
from torch import nn

import modlib as ml
from experiments.report.chapters.dozen import FACTORS, activations, groups_data
from experiments.report.chapters.steps import search_data
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.spectral import spectral_modules
from modlib.modularity import modularity, modularity_matrix

STATIC = Path(__file__).parents[2] / "book" / "_static"
PARTS = [
    part["file"] for part in json.loads((STATIC / "d3" / "manifest.json").read_text())["files"]
]
SCRIPTS = [
    *(STATIC / "d3" / part for part in PARTS),
    *(STATIC / "moving" / f"{name}.js" for name in ("moving", "modules", "search", "conventions")),
]
PAGES = {
    "sortings": "notebooks/07-agreement.html",
    "search": "notebooks/04-clustering.html",
    "conventions": "notebooks/15-conventions.html",
}


# ------------------------------------------------------------------------------- what is computed


@pytest.fixture(scope="module")
def compute(browser):
    """Call a function of our scripts with values that JSON can hold."""
    page = browser.new_page()
    for script in SCRIPTS:
        page.add_script_tag(path=script)
    yield lambda call, *values: page.evaluate(f"(values) => {call}", list(values))
    page.close()


def similarities(n_units: int, seed: int) -> np.ndarray:
    factors = np.random.default_rng(seed).random((n_units, 3)) ** 3
    return factors @ factors.T


def assignments(n_units: int) -> list[list[int]]:
    """All of them: each unit in turn joins a module there is, or founds one."""
    found = [[0]]
    for _ in range(n_units - 1):
        found = [[*labels, next_] for labels in found for next_ in range(max(labels) + 2)]
    return found


def test_q_of_every_assignment_is_that_of_the_library_and_so_is_the_best(compute):
    for seed in range(3):
        S = similarities(7, seed)
        adjacency = ml.to_adjacency(S)
        B = compute(
            "modlibModules.modularityMatrix(modlibModules.toAdjacency(values[0]))", S.tolist()
        )
        np.testing.assert_allclose(B, modularity_matrix(adjacency), atol=1e-15)
        every = [modularity(adjacency, labels) for labels in assignments(7)]
        found = compute("[...modlibModules.everyQ(values[0])]", B)
        np.testing.assert_allclose(found, sorted(every, reverse=True), atol=1e-14)
        best = compute("modlibModules.best(values[0])", B)
        assert best["q"] == pytest.approx(max(every), abs=1e-14)
        assert modularity(adjacency, best["labels"]) == pytest.approx(best["q"], abs=1e-14)


def test_there_are_as_many_assignments_as_the_numbers_of_bell(compute):
    numbers = [compute("modlibModules.bell(values[0])", n) for n in range(1, 12)]
    assert numbers == [1, 2, 5, 15, 52, 203, 877, 4140, 21147, 115975, 678570]


def test_places_count_what_is_higher_and_not_what_is_equal(compute):
    places = [compute("modlibModules.place([3, 2, 2, 1], values[0])", q) for q in (3, 2, 1, 0)]
    assert places == [1, 2, 4, 5]


def test_gains_are_what_a_move_changes(compute):
    B = modularity_matrix(ml.to_adjacency(similarities(6, 0)))
    labels = [0, 1, 0, 2, 1, 0]
    q = sum(B[i, j] for i in range(6) for j in range(6) if labels[i] == labels[j])
    for unit in range(6):
        gains = compute("modlibModules.gains(...values)", B.tolist(), labels, unit)
        for module, gain in enumerate(gains):
            moved = compute("modlibModules.move(...values)", labels, unit, module)
            assert sorted(set(moved)) == list(range(max(moved) + 1))
            after = sum(B[i, j] for i in range(6) for j in range(6) if moved[i] == moved[j])
            assert after - q == pytest.approx(gain, abs=1e-14)


def test_the_leading_eigenvector_is_that_of_lapack(compute):
    for seed in range(4):
        B = modularity_matrix(ml.to_adjacency(similarities(10, seed)))
        expected = np.linalg.eigh(B)[1][:, -1]
        expected *= np.sign(expected[np.abs(expected).argmax()])
        found = compute("modlibModules.leading(values[0])", B.tolist())
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_choice_has_the_wanted_entropy_or_falls_on_those_that_tie(compute):
    found = compute("modlibModules.weigh([0, -0.02, -0.05], 0.15)")
    share = np.array(found["weights"]) / sum(found["weights"])
    assert entr(share).sum() == pytest.approx(0.15)
    assert compute("modlibModules.weigh([0.1, 0.1, 0.05], 0.15)")["weights"] == [1, 1, 0]


WALK = """(() => {
  const { begin, follow } = modlibSearch;
  let { B, state } = begin(values[0]);
  const path = [];
  while (state.queue.length) state = follow(B, state, values[0]);
  const start = state.labels;
  while (state.step < values[0].draws.length) {
    state = follow(B, state, values[0]);
    path.push(modlibModules.qOf(B, state.labels));
  }
  return { start, path, best: state.best.q };
})()"""


@pytest.mark.parametrize("seed", range(3))
def test_the_search_takes_the_steps_of_the_library(compute, seed):
    S = similarities(10, seed)
    adjacency = ml.to_adjacency(S)
    found = compute(WALK, search_data(S, range(10), 200, 0.15, seed))
    start = np.array(found["start"])
    assert ml.agreement(start, spectral_modules(adjacency).labels) == 1
    expected = monte_carlo_modules(adjacency, start, 200, 0.15, seed, trace=True)
    np.testing.assert_allclose(found["path"], expected.trace.q, atol=1e-12)
    assert found["best"] == pytest.approx(expected.q, abs=1e-12)


def test_a_move_of_ones_own_ends_the_splitting_and_keeps_the_best(compute):
    data = search_data(similarities(6, 1), range(6), 5, 0.15, 0)
    state = compute(
        "(({ B, state }) => modlibSearch.own(B, state, values[0], 2, 1))"
        "(modlibSearch.begin(values[0]))",
        data,
    )
    assert state["labels"] == [0, 0, 1, 0, 0, 0]
    assert state["queue"] == []
    assert state["best"]["q"] >= -1e-15  # one cluster has none


@pytest.mark.parametrize("convention", ml.CONVENTIONS)
@pytest.mark.parametrize(("correlation", "factor"), [(0.0, 1), (0.5, 3), (1.0, FACTORS[-1])])
def test_both_conventions_are_those_of_the_library(compute, convention, correlation, factor):
    data = groups_data(seed=2)
    hidden = torch.tensor(activations(data, correlation, factor))
    model = nn.Sequential(nn.Identity(), nn.Linear(hidden.shape[1], 2).double())
    expected = ml.pairwise_similarity(
        model, hidden, layer="0", measure="covariance", convention=convention
    )
    for normalize, S in ((False, expected), (True, expected.normalized())):
        state = {"correlation": correlation, "factor": factor, "normalize": normalize}
        found = compute("modlibConventions.compute(...values)", data, state, convention)
        np.testing.assert_allclose(found["S"], S.values, rtol=1e-9, atol=1e-12)
        best = ml.find_modules(S, search="best")
        assert found["q"] == pytest.approx(best.q, abs=1e-12)
        assert modularity(ml.to_adjacency(S), found["labels"]) == pytest.approx(best.q, abs=1e-12)


# ------------------------------------------------------------------------------------ in the book


def page_of(name: str, site: Path) -> str:
    if not (site / PAGES[name]).is_file():
        pytest.skip(f"this book has no {PAGES[name]}")
    return PAGES[name]


@pytest.fixture
def figure(window, address, site):
    """Open the page of a figure that moves, and find it there."""

    def figure(name: str, **options):
        page, log = window(f"{address}/{page_of(name, site)}", **options)
        live = page.locator(f".moving.{name}")
        live.wait_for()
        log.assert_empty()
        return live

    return figure


def told(live, place: int = 0) -> str:
    return live.locator("[role=status]").nth(place).inner_text()


def data_of(live) -> dict:
    return live.page.evaluate(
        "JSON.parse(document.querySelector('[data-moving] script').textContent)"
    )


@pytest.mark.parametrize("name", PAGES)
def test_it_takes_the_place_of_a_picture_that_stays_for_print_and_without_scripts(
    figure, browser, address, name
):
    live = figure(name)
    still = live.locator("xpath=..").locator("> img.in-light")
    for theme in ("light", "dark"):
        live.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert not any(one.is_visible() for one in live.locator("xpath=..").locator("> img").all())
    live.page.emulate_media(media="print")
    assert still.is_visible()
    assert not live.is_visible()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/{PAGES[name]}")
    place = page.locator(f"[data-moving={name}]")
    assert page.locator(f"#{place.get_attribute('data-still')} > img.in-light").is_visible()
    assert not place.is_visible()
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_it_fits_a_phone_and_says_what_its_pictures_show(figure, name):
    live = figure(name, width=360, height=740)
    assert live.page.evaluate("document.documentElement.scrollWidth") == 360
    for picture in live.locator("[role=img]").all():
        assert len(picture.get_attribute("aria-label")) > 20


def test_dropout_moves_the_units_to_the_modules_of_the_tables(figure):
    live = figure("sortings")
    data = data_of(live)
    slider = live.locator("input[type=range]")
    slider.focus()
    live.page.keyboard.press("Home")
    assert told(live).startswith("No dropout, ")
    live.page.keyboard.press("ArrowRight")
    network = data["networks"][1]
    assert slider.get_attribute("aria-valuetext") == f"{network['dropout']:g}"
    for convention in data["conventions"]:
        live.get_by_label(f"as {convention}").check()
        view = network["views"][convention]
        assert f"Dropout {network['dropout']:g}, as {convention}" in told(live)
        assert f"agree to {view['agreement']:.2f}; chance gives {view['chance']:.2f}" in told(live)
        for side in ("upstream", "downstream"):
            assert f"(Q = {view[side]['q']:.2f})" in told(live)


def test_arrow_keys_go_through_the_units_from_top_to_bottom(figure):
    live = figure("sortings")
    data = data_of(live)
    (network,) = [each for each in data["networks"] if each["dropout"] == 0.5]
    view = network["views"][data["conventions"][0]]
    units = live.get_by_role("listbox")
    units.focus()
    for key, place in (("Home", 0), ("ArrowDown", 1), ("PageDown", 9), ("ArrowUp", 8), ("End", -1)):
        live.page.keyboard.press(key)
        unit = view["upstream"]["order"][place]
        assert told(live, 1).startswith(f"Unit {unit}: ")
        selected = live.locator("[role=option][aria-selected=true]")
        assert selected.get_attribute("id") == units.get_attribute("aria-activedescendant")
        assert selected.get_attribute("aria-label") == f"Unit {unit}"
    live.page.keyboard.press("Home")
    unit = view["upstream"]["order"][0]
    up = view["upstream"]["labels"]
    down = view["downstream"]["labels"]
    both = sum(up[i] == up[unit] and down[i] == down[unit] for i in range(len(up))) - 1
    assert f"; {both} of them are the same" in told(live, 1)
    titles = live.locator(".portrait h3").all_inner_texts()
    assert [int(re.search(r"(\d+)$", title)[1]) for title in titles] == [
        unit, view["upstream"]["partners"][unit], view["downstream"]["partners"][unit],
    ]  # fmt: skip


def test_pointing_at_a_line_chooses_its_unit(figure):
    live = figure("sortings")
    before = told(live, 1)
    picture = live.locator(".picture")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    live.page.mouse.move(box["x"] + 80, box["y"] + box["height"] / 2)
    assert told(live, 1) != before


def test_the_weights_of_a_unit_are_shown_in_its_place(figure):
    """The pixel with the largest weight has the strongest colour there is."""
    live = figure("sortings")
    packed = live.evaluate(
        "() => { const d = JSON.parse(document.querySelector('[data-moving] script').textContent);"
        " const n = d.networks.find((n) => n.dropout === 0.5);"
        " return [...modlibMoving.decode(n.weights)]; }"
    )
    unit = int(re.match(r"Unit (\d+)", told(live, 1))[1])
    halves = [half for byte in packed for half in (byte >> 4, byte & 15)]
    weights = np.array(halves).reshape(-1, 24 * 24)[unit] - 8
    largest = int(np.abs(weights).argmax())
    pixel = live.locator(".portrait canvas").first.evaluate(
        "(c, [x, y]) => [...c.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)",
        [largest % 24, largest // 24],
    )
    assert pixel == ([0x99, 0x70, 0xAB] if weights[largest] < 0 else [0x3F, 0x9B, 0x4F])


def test_the_search_is_stepped_through_and_back_by_keys(figure):
    live = figure("search")
    first = told(live)
    assert first.startswith("All units begin in one cluster. Now Q = 0.0000, place")
    assert "of 115,975" in first
    texts = [first]
    live.get_by_role("button", name="Next step").focus()
    for _ in range(4):
        live.page.keyboard.press("Enter")
        texts.append(told(live))
    assert all(one != other for one, other in pairwise(texts))
    assert texts[1].startswith("Algorithm 2: ")
    live.get_by_role("button", name="Back").focus()
    for text in reversed(texts[:-1]):
        live.page.keyboard.press("Enter")
        assert told(live) == text


def test_a_move_of_ones_own_goes_to_the_place_that_it_promises(figure):
    live = figure("search")
    live.locator(".chip input").first.focus()
    live.page.keyboard.press("ArrowRight")
    assert live.locator(".chip input").nth(1).is_checked()
    move = live.locator(".moves button").first
    place = re.search(r"place ([\d,]+)", move.inner_text())[1]
    move.focus()
    live.page.keyboard.press("Enter")
    assert told(live).startswith("Your move 1: unit ")
    assert f"place {place} of 115,975" in told(live)
    assert live.evaluate("(e) => e.contains(document.activeElement)")


def test_scale_alone_makes_modules_as_printed_and_none_as_released(figure):
    live = figure("conventions")
    contrast, scale = live.locator("input[type=range]").all()
    assert "As printed, Q is 0.20 and the best 2 modules are the strong and the weak" in told(live)
    assert told(live).endswith("the best 2 modules are the two groups.")
    scale.focus()
    live.page.keyboard.press("Home")
    assert "As printed, Q is 0.00 and the best module is all units together." in told(live)
    contrast.focus()
    live.page.keyboard.press("End")
    assert told(live).count("the best 2 modules are the two groups") == 2
    live.get_by_label("raw").check()
    assert told(live).count("the best 2 modules are the two groups") == 2
