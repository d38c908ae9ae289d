"""The module explorer answers clicks, taps and keys with the numbers of the tables."""

import re
from html import unescape
from types import SimpleNamespace
from urllib.parse import parse_qsl

import numpy as np
import pytest
from matplotlib import colormaps

import modlib as ml
from experiments.images import N_IMAGES, first_images
from experiments.report.examples import read_examples
from experiments.report.explorer import DIGITS
from experiments.report.frames import read_results
from experiments.report.opening import opening
from experiments.report.units import portraits
from modlib.similarity.measures import UPSTREAM

PAGE = "book/explorer.html"
NETWORK = ("regularizer", "seed", "layer")
WAY = ("measure", "similarity", "convention", "search")
MINUS = "\N{MINUS SIGN}"
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def tables(results):
    return read_results(results)


@pytest.fixture(scope="module")
def stored(results):
    return read_examples(results)


@pytest.fixture
def explorer(window, address, tables):
    page, log = window(f"{address}/{PAGE}")
    settle(page)
    yield page
    log.assert_empty()


def choice(row) -> dict[str, str]:
    """The values of the controls that show a row of ``modules``."""
    values = {name: str(getattr(row, name)) for name in ("regularizer", "seed", "layer", "measure")}
    return values | {
        "strength": f"{row.strength:g}",
        "similarity": "normalized" if row.normalized else "raw",
        "convention": row.convention,
    }


def of(row, **others):
    """A row of another table with what it lacks to be one of ``modules``."""
    return SimpleNamespace(**(row._asdict() | others))


def view(page, *choices: dict[str, str], **others) -> None:
    """Go to one choice or two by the address: the second differs from the first."""
    sides = zip(("", "other-"), choices, strict=False)
    fields = {side + name: value for side, chosen in sides for name, value in chosen.items()}
    query = "&".join(f"{name}={value}" for name, value in (fields | others).items())
    page.evaluate("(query) => { location.hash = query; }", query)
    settle(page)


def choose(page, side: int = 0, **wanted: str) -> None:
    """Set controls; the strength by its place on the slider."""
    for name, value in wanted.items():
        control = page.locator(f"#explorer-{'other-' if side else ''}{name}")
        if name == "strength":
            control.fill(value)
        else:
            control.select_option(value)
    settle(page)


def settle(page) -> None:
    """Wait until what was chosen last is shown."""
    page.locator("#explorer[aria-busy=false]").wait_for()


def chosen(page, side: int = 0) -> dict[str, str]:
    ids = {name: f"explorer-{'other-' if side else ''}{name}" for name in (*NETWORK, *WAY)}
    values = "(ids) => Object.fromEntries(Object.entries(ids).map(" \
        "([name, id]) => [name, document.getElementById(id).value]))"  # fmt: skip
    return page.evaluate(values, ids) | {"strength": strength(page)}


def strength(page) -> str:
    return page.locator("#explorer output").first.inner_text()


def facts(page, side: int = 0) -> dict[str, str]:
    rows = page.locator("#explorer .facts tbody tr")
    told = [row.locator("th, td").all_inner_texts() for row in rows.all()]
    return {texts[0]: texts[1 + side] for texts in told}


def number(q: float, digits: int = 4) -> str:
    text = f"{round(q, DIGITS):.{digits}f}"
    return re.sub("^-(?=0[.0]*$)", "", text).replace("-", MINUS)


def summary(page, side: int = 0) -> str:
    return page.locator("#explorer .summary").nth(side).inner_text()


def readout(page) -> str:
    return page.locator("#explorer .readout").inner_text()


def square(page, side: int = 0):
    return page.locator("#explorer .square").nth(side)


def point(page, row: int, column: int, n: int, side: int = 0) -> None:
    """Move the mouse to a pair by its place in a picture."""
    square(page, side).scroll_into_view_if_needed()
    box = square(page, side).bounding_box()
    x = box["x"] + (column + 0.5) * box["width"] / n
    page.mouse.move(x, box["y"] + (row + 0.5) * box["height"] / n)


def marked(page, side: int) -> list[tuple[int, int]]:
    """Rows and columns of the pairs that are marked in a picture."""
    cells = square(page, side).locator("rect.cell")
    return cells.evaluate_all(
        "(all) => all.map((cell) => [cell.y.baseVal.value, cell.x.baseVal.value])"
    )


def sorted_units(labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Units by module, then by module in the other sorting; unused ones last."""
    first, then = (np.where(each < 0, len(each), each) for each in (labels, others))
    return np.lexsort((np.arange(len(labels)), then, first))


def pixels(page, side: int) -> np.ndarray:
    """A picture's colours, ``[units, units, channels]``."""
    size, flat = page.locator("#explorer .square > canvas").nth(side).evaluate(
        """(canvas) => [canvas.width, [...canvas.getContext("2d")
             .getImageData(0, 0, canvas.width, canvas.height).data]]"""
    )  # fmt: skip
    return np.array(flat).reshape(size, size, 4)


def is_painted(found: np.ndarray, matrix: np.ndarray, order: np.ndarray) -> bool:
    """Whether a picture has the colours of a matrix in an order, to what a byte keeps."""
    n = len(matrix)
    top = np.percentile(matrix[np.triu_indices(n, 1)], 99)
    levels = np.sqrt(np.minimum(matrix[np.ix_(order, order)] / top, 1))
    steps = np.clip(255 * levels[..., None] + np.arange(-3, 4), 0, 255).round().astype(int)
    off = np.abs(colormaps["magma"](steps)[..., :3] * 255 - found[:, :, None, :3]).max(axis=-1)
    return bool((off.min(axis=-1)[~np.eye(n, dtype=bool)] <= 6).all())


def some_rows(tables, count: int):
    return list(tables.modules.iloc[:: max(1, len(tables.modules) // count)].itertuples())[:count]


def matrix_of(stored, row) -> np.ndarray:
    return stored.similarity(
        row.network, row.layer, row.measure, normalized=row.normalized, convention=row.convention
    )


@pytest.fixture(scope="module")
def two(tables, stored):
    """An upstream and a downstream sorting of one layer, of an example with several modules."""
    rows = tables.modules[tables.modules["network"].isin(stored.networks)]
    upstream = rows[rows["measure"].isin(UPSTREAM)]
    row = max(upstream.itertuples(), key=lambda row: row.labels.max() if row.q > 0.01 else 0)
    is_other = (rows["network"] == row.network) & (rows["layer"] == row.layer)
    is_other &= (rows["convention"] == row.convention) & (rows["measure"] == "loss_hessian")
    return row, next(rows[is_other].itertuples())


# --------------------------------------------------------------------------------- numbers


def test_any_choice_shows_the_numbers_of_its_row(explorer, tables):
    for row in some_rows(tables, 8):
        view(explorer, choice(row) | {"search": "paper"})
        sizes = [int((row.labels == cluster).sum()) for cluster in range(row.labels.max() + 1)]
        found = facts(explorer)
        assert found["Q, the paper\N{RIGHT SINGLE QUOTATION MARK}s search"] == number(row.q)
        assert found["Sizes of modules"] == (", ".join(map(str, sizes)) or "none")
        assert found["Effective number"] == f"{row.effective:.2f}"
        assert found["Unused units"] == str(row.n_unused)
        assert f"Q = {number(row.q, 3)}." in summary(explorer)
        if row.q_best == row.q_best:  # NaN where no best was looked for
            assert found["Q, best search"] == number(row.q_best)
            choose(explorer, search="best")
            assert f"Q = {number(row.q_best, 3)}." in summary(explorer)


def test_excess_specificity_and_their_chances_are_those_of_the_tables(explorer, tables):
    rotations = tables.nulls[tables.nulls["null"] == "rotation"]
    lesions = tables.lesions[~tables.lesions["signed"] & (tables.lesions["ablation"] == "mean")]
    for rows, term, column in (
        (rotations, "Beyond rotations", "q"), (lesions, "Specificity of damage", "specificity")
    ):  # fmt: skip
        for row in rows.iloc[:: len(rows) // 3].itertuples():
            view(explorer, choice(row))
            told, value = facts(explorer)[term], getattr(row, column)
            numbers = [number(each, 3) for each in (value, row.null_mean, row.null_std)]
            assert "{} against {} \N{PLUS-MINUS SIGN} {}".format(*numbers) in told
            assert number(row.p, 3) in told
            if term == "Beyond rotations":
                assert told.split(":")[0].lstrip("+") == number(value - row.null_mean, 3)


def test_a_proof_is_told_where_there_is_one(explorer, tables):
    if tables.certificates is None:
        assert facts(explorer)["Proof"] == "none for this network"
        return
    checked = set()
    if tables.checked is not None:
        checked = set(tables.checked.query("verified")["network"])
    for row in tables.certificates.iloc[:: max(1, len(tables.certificates) // 4)].itertuples():
        view(explorer, choice(of(row, convention="printed")))
        told = facts(explorer)["Proof"]
        assert told.startswith(f"no Q above {number(row.upper)}")
        assert ("has the optimum" in told) == row.optimal
        assert ("was checked" in told) == (row.network in checked)
        choose(explorer, convention="released")
        assert facts(explorer)["Proof"] == "only as printed"


def test_agreement_stands_between_chance_and_the_search_with_itself(explorer, tables):
    modules = tables.modules.set_index(["network", "layer", "convention", "measure", "normalized"])
    for row in tables.agreement.iloc[:: max(1, len(tables.agreement) // 3)].itertuples():
        sides = [
            {
                "measure": getattr(row, f"measure_{side}"),
                "normalized": getattr(row, f"normalized_{side}"),
            }
            for side in "ab"
        ]
        view(explorer, *(choice(of(row, **side)) | {"search": "paper"} for side in sides))
        found = [
            modules.loc[(row.network, row.layer, row.convention, *side.values())] for side in sides
        ]
        told = explorer.locator("#explorer .agreement").inner_text()
        value, chance, ceiling, *rest = map(
            float, re.findall(r"-?\d\.\d+", told.replace(MINUS, "-"))
        )
        assert value == pytest.approx(row.element, abs=6e-4)
        level = ml.chance_level(*(each["labels"] for each in found), n_permutations=400)
        assert chance == pytest.approx(level.mean, abs=4 * level.std / 20 + 6e-3)
        expected = np.mean([each["retest"] for each in found])
        assert ceiling == pytest.approx(expected, abs=6e-3)
        if rest:
            scale = (row.element - level.mean) / (expected - level.mean)
            assert rest[0] == pytest.approx(scale, abs=0.05)


# -------------------------------------------------------------------------------- pictures


def test_each_matrix_is_sorted_by_its_modules_and_then_by_the_others(explorer, stored, two):
    view(explorer, *map(choice, two))
    labels = [row.labels for row in two]
    for side, row in enumerate(two):
        order = sorted_units(labels[side], labels[1 - side])
        assert is_painted(pixels(explorer, side), matrix_of(stored, row), order)


@pytest.mark.parametrize(("order", "owner"), [("first", 0), ("second", 1)])
def test_both_matrices_can_have_one_order(explorer, stored, two, order, owner):
    view(explorer, *map(choice, two))
    explorer.locator(f"#explorer-order-{order}").check()
    settle(explorer)
    one = sorted_units(two[owner].labels, two[1 - owner].labels)
    for side, row in enumerate(two):
        assert is_painted(pixels(explorer, side), matrix_of(stored, row), one)
    assert f"order={order}" in explorer.url


def test_a_pair_that_is_pointed_at_in_one_picture_is_marked_in_the_other(explorer, two):
    view(explorer, *map(choice, two))
    labels = [row.labels for row in two]
    orders = [sorted_units(labels[side], labels[1 - side]) for side in (0, 1)]
    n = len(labels[0])
    for side, row, column in ((0, 2, n - 3), (1, n // 2, 1)):
        point(explorer, row, column, n, side)
        pair = {int(orders[side][row]), int(orders[side][column])}
        for other in (0, 1):
            cells = marked(explorer, other)
            assert [{int(orders[other][place]) for place in cell} for cell in cells] == [pair, pair]
        bands = explorer.locator("#explorer .flow path.marked").evaluate_all(
            "(all) => all.map((band) => Number(band.dataset.unit))"
        )
        assert set(bands) == pair
        assert readout(explorer).startswith(
            f"Units {orders[side][row]} and {orders[side][column]}."
        )
    explorer.mouse.move(0, 0)
    assert marked(explorer, 0) == marked(explorer, 1) == []


def test_a_click_keeps_a_pair_and_another_click_lets_it_go(explorer, two):
    view(explorer, *map(choice, two))
    n = len(two[0].labels)
    units = sorted_units(two[0].labels, two[1].labels)
    point(explorer, 3, 5, n)
    explorer.mouse.down()
    explorer.mouse.up()
    explorer.mouse.move(0, 0)
    assert f"units={units[3]},{units[5]}" in explorer.url
    assert readout(explorer).startswith(f"Units {units[3]} and {units[5]}.")
    point(explorer, 3, 5, n)
    explorer.mouse.down()
    explorer.mouse.up()
    explorer.mouse.move(0, 0)
    assert readout(explorer).startswith("Point at a pair")
    assert "units=" not in explorer.url


def test_keys_alone_point_keep_and_let_go(explorer, two):
    view(explorer, *map(choice, two))
    units = sorted_units(two[0].labels, two[1].labels)
    square(explorer).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        explorer.keyboard.press(key)
    assert readout(explorer).startswith(f"Units {units[1]} and {units[2]}.")
    explorer.keyboard.press("Enter")
    assert f"units={units[1]},{units[2]}" in explorer.url
    explorer.keyboard.press("Tab")
    assert readout(explorer).startswith(f"Units {units[1]} and {units[2]}.")
    square(explorer).focus()
    explorer.keyboard.press("Escape")
    assert readout(explorer).startswith("Point at a pair")


def test_a_tap_keeps_a_pair(browser, address, tables, two):
    context = browser.new_context(viewport=PHONE, has_touch=True)
    page = context.new_page()
    page.goto(f"{address}/{PAGE}")
    settle(page)
    view(page, *map(choice, two))
    square(page).scroll_into_view_if_needed()
    box = square(page).bounding_box()
    page.touchscreen.tap(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])
    n = len(two[0].labels)
    units = sorted_units(two[0].labels, two[1].labels)
    pair = f"{units[int(0.1 * n)]},{units[int(0.9 * n)]}"
    assert f"units={pair}" in page.url
    assert marked(page, 1) != []
    context.close()


def test_a_pair_is_told_by_its_rank_in_both_similarities(explorer, stored, two):
    view(explorer, *map(choice, two), units="3,7")
    told = re.findall(r"more alike than (\d+) %", readout(explorer))
    for text, row in zip(told, two, strict=True):
        matrix = matrix_of(stored, row)
        pairs = matrix[np.triu_indices(len(matrix), 1)]
        assert float(text) == pytest.approx(100 * (pairs < matrix[3, 7]).mean(), abs=1.6)


# ----------------------------------------------------------------------------------- units


@pytest.mark.parametrize("layer", [1, 2])
def test_a_unit_shows_what_it_sees_answers_to_and_does(explorer, tables, stored, layer):
    name = stored.networks[0]
    row = tables.modules[tables.modules["network"] == name].iloc[0]
    network = tables.networks.set_index("network").loc[name]
    inputs, classes = first_images(network["dataset"], N_IMAGES)
    found = portraits(stored.model(name), inputs, classes)[layer]
    view(explorer, choice(row) | {"layer": str(layer)}, units="4")
    card = explorer.get_by_label("Unit 4", exact=True)
    field = card.locator("canvas").get_attribute("aria-label")
    low, high = map(
        float, re.findall(r"[-+]?\d+\.?\d*(?:e[-+]\d+)?", field.split(":")[1].replace(MINUS, "-"))
    )
    assert (low, high) == pytest.approx(
        (found.fields[4].min(), found.fields[4].max()), rel=0.06, abs=1e-3
    )
    for at, values in enumerate((found.responses[4], found.effects[4])):
        label = card.locator("svg").nth(at).get_attribute("aria-label").replace(MINUS, "-")
        told = [float(part.split(" ")[1]) for part in label.split(": ")[1].split(", ")]
        assert told == pytest.approx(values.tolist(), rel=0.051, abs=1e-9)


def test_two_units_are_shown_on_one_scale_and_told_how_alike_they_are(explorer, tables, stored):
    name = stored.networks[0]
    row = tables.modules[tables.modules["network"] == name].iloc[0]
    network = tables.networks.set_index("network").loc[name]
    inputs, classes = first_images(network["dataset"], N_IMAGES)
    found = portraits(stored.model(name), inputs, classes)[1]
    view(explorer, choice(row) | {"layer": "1"}, units="4,5")
    assert explorer.locator("#explorer .unit").count() == 2
    told = re.findall(rf"{MINUS}?\d\.\d\d(?=\))", readout(explorer))
    for text, rows in zip(told, (found.fields, found.effects), strict=True):
        a, b = rows[4], rows[5]
        cosine = a @ b / np.sqrt((a @ a) * (b @ b) or 1)
        assert float(text.replace(MINUS, "-")) == pytest.approx(cosine, abs=0.02)
    heights = [
        explorer.locator("#explorer .unit").nth(at).locator("rect.responses").evaluate_all(
            "(all) => all.map((bar) => bar.height.baseVal.value)"
        )
        for at in (0, 1)
    ]  # fmt: skip
    assert max(map(max, heights)) == pytest.approx(40 if found.responses[4:6].any() else 0, abs=0.1)


def test_every_module_shows_the_mean_of_what_its_units_see(explorer, two):
    view(explorer, *map(choice, two))
    for side, row in enumerate(two):
        gallery = explorer.locator("#explorer .gallery").nth(side)
        assert gallery.locator("canvas").count() == row.labels.max() + 1


def test_other_seeds_say_what_is_kept_and_still_link_their_sortings(explorer, tables, stored):
    others = tables.modules[~tables.modules["network"].isin(stored.networks)]
    row = next(others.itertuples())
    view(explorer, choice(row), {"measure": "loss_hessian"}, units="1,2")
    kept = explorer.locator("#explorer .cards").inner_text()
    assert kept.startswith("Similarities and weights are kept for seed 0")
    assert len(marked(explorer, 0)) == len(marked(explorer, 1)) == 2
    assert "more alike" not in readout(explorer)
    is_same = (pixels(explorer, 0)[..., 0] > 0) & ~np.eye(len(row.labels), dtype=bool)
    sizes = np.bincount(row.labels[row.labels >= 0])
    assert is_same.sum() == (sizes * (sizes - 1)).sum()


# ------------------------------------------------------------------------ tables behind them


def open_table(page, name: str):
    page.locator("#explorer summary", has_text=name).click()
    table = page.locator("#explorer details", has_text=name).locator("table")
    table.first.wait_for()
    return table


def cells(table) -> list[list[str]]:
    return table.evaluate("(t) => [...t.rows].map((row) => [...row.cells].map((c) => c.innerText))")


def test_matrices_stand_behind_their_pictures(explorer, stored, two):
    view(explorer, *map(choice, two))
    found = open_table(explorer, "matrices as tables")
    order = sorted_units(two[0].labels, two[1].labels)
    head, *rows = cells(found.first)
    assert head[1:] == [str(unit) for unit in order]
    matrix = matrix_of(stored, two[0])
    largest = matrix[np.triu_indices(len(matrix), 1)].max()
    for at in (0, len(rows) // 2):
        values = np.array([float(text or "nan") for text in rows[at][1:]])
        # Half a step of a byte in the fourth root, and three digits.
        off = np.abs(values**0.25 - matrix[order[at], order] ** 0.25)
        assert np.nanmax(off) <= (0.51 / 255 + 0.0013) * largest**0.25


def test_units_and_flows_stand_behind_the_bands(explorer, two):
    view(explorer, *map(choice, two))
    found = open_table(explorer, "units and modules")
    flows, units = cells(found.nth(0)), cells(found.nth(1))
    a, b = (row.labels for row in two)
    counts = [[int(text) for text in row[1:]] for row in flows[1:]]
    assert np.sum(counts) == len(a)
    assert counts[0][0] == int(((a == 0) & (b == 0)).sum())
    for row in units[1:]:
        labels = [sorting[int(row[0])] for sorting in (a, b)]
        assert row[1:3] == ["unused" if label < 0 else str(label + 1) for label in labels]


# ---------------------------------------------------------------------------- getting about


def test_it_opens_on_the_view_and_the_pair_of_its_rule(explorer, tables, stored):
    rule = opening(tables, stored)
    if not rule:
        pytest.skip("these results have no such view")
    found = [chosen(explorer, side) for side in (0, 1)]
    for name in ("regularizer", "seed", "layer", "convention"):
        assert found[0][name] == str(rule[name])
    for side, name in enumerate(("first", "second")):
        normalized = found[side]["similarity"] == "normalized"
        assert [found[side]["measure"], normalized] == rule[name]
    for unit in rule["units"]:
        assert explorer.get_by_label(f"Unit {unit}", exact=True).count() == 1


def test_the_slider_leads_through_all_strengths(explorer, tables):
    view(explorer, {"regularizer": "l1", "strength": "1e-05"})
    strengths = np.sort(tables.networks.query("regularizer == 'l1'")["strength"].unique())
    slider = explorer.locator("#explorer-strength")
    slider.focus()
    seen = [explorer.url]
    for value in strengths[1:]:
        explorer.keyboard.press("ArrowRight")
        settle(explorer)
        assert f"strength={value:g}&" in explorer.url.replace("%2B", "+")
        shown = strength(explorer).replace(MINUS, "-")
        assert float(shown) == pytest.approx(value, rel=0.05)
        assert slider.get_attribute("aria-valuetext") == f"L1 penalty {strength(explorer)}"
        seen.append(explorer.url)
    explorer.go_back()
    settle(explorer)
    assert explorer.url == seen[-2]


def test_keys_alone_lead_through_it(explorer):
    view(explorer, {"regularizer": "dropout", "measure": "covariance"})
    explorer.locator("#explorer-measure").focus()
    explorer.keyboard.press("ArrowDown")
    explorer.locator("#explorer-layer").focus()
    explorer.keyboard.press("ArrowDown")
    settle(explorer)
    after = chosen(explorer)
    assert (after["measure"], after["layer"]) == ("input_sensitivity", "2")
    assert explorer.evaluate("document.activeElement.id") == "explorer-layer"
    explorer.locator("#explorer-mode-one").focus()
    explorer.keyboard.press("ArrowUp")
    settle(explorer)
    assert square(explorer, 1).is_visible()
    assert chosen(explorer, 1)["regularizer"] == "l2"


def test_the_second_sorting_keeps_to_the_network_of_the_first(explorer):
    view(explorer, {"regularizer": "dropout", "measure": "covariance"}, {"measure": "loss_hessian"})
    choose(explorer, regularizer="l2", seed="1", layer="2")
    choose(explorer, side=1, similarity="normalized")
    assert "other-regularizer" not in explorer.url
    assert "other-similarity=normalized" in explorer.url
    assert "The two sortings agree" in explorer.locator("#explorer .agreement").inner_text()


def test_two_networks_stand_beside_each_other_and_each_marks_its_own(explorer, tables, stored):
    first, second = stored.networks[0], stored.networks[-1]
    rows = [tables.modules[tables.modules["network"] == name].iloc[0] for name in (first, second)]
    view(explorer, *map(choice, rows))
    for side, row in enumerate(rows):
        assert facts(explorer, side)["Q, best search"] == number(row["q_best"])
    n = len(rows[1]["labels"])
    point(explorer, 0, 1, n, side=1)
    assert marked(explorer, 0) == []
    assert len(marked(explorer, 1)) == 2
    assert explorer.locator("#explorer .flow svg").is_hidden()


def test_the_address_holds_the_view_and_the_back_button_the_one_before(explorer, window, two):
    view(explorer, choice(two[0]))
    one = chosen(explorer), summary(explorer)
    view(explorer, *map(choice, two), units="2,9", order="first")
    choose(explorer, side=1, search="best")
    seen = [
        (chosen(explorer, side), summary(explorer, side), facts(explorer, side)) for side in (0, 1)
    ]

    copy, log = window(explorer.url)
    settle(copy)
    assert [(chosen(copy, side), summary(copy, side), facts(copy, side)) for side in (0, 1)] == seen
    assert readout(copy) == readout(explorer)
    assert copy.locator("#explorer-order-first").is_checked()
    log.assert_empty()

    explorer.go_back()
    explorer.go_back()
    settle(explorer)
    assert (chosen(explorer), summary(explorer)) == one


def test_an_address_that_asks_for_what_there_is_not_shows_what_comes_near(window, address, tables):
    query = "regularizer=dropout&strength=0.99&seed=none&layer=7&measure=beauty&units=3,x,999"
    page, log = window(f"{address}/{PAGE}#{query}")
    settle(page)
    strengths = tables.networks.query("regularizer == 'dropout'")["strength"]
    values = chosen(page)
    assert values["strength"] == f"{strengths.max():g}"
    assert (values["seed"], values["layer"], values["measure"]) == ("0", "1", "covariance")
    log.assert_empty()


def test_an_address_of_the_older_form_still_leads_there(window, address, tables):
    query = "regularizer=l2&strength=0.001&layer=2&measure=covariance&other-measure=loss_hessian"
    page, log = window(f"{address}/{PAGE}?{query}")
    settle(page)
    assert (chosen(page)["regularizer"], chosen(page)["layer"]) == ("l2", "2")
    assert chosen(page, 1)["measure"] == "loss_hessian"
    log.assert_empty()


def test_links_of_the_book_name_views_that_are_there(site, tables):
    view = re.compile(r'href="(?:[^"#]*explorer\.html)?#(regularizer=[^"]*)"')
    found = [
        unescape(link) for path in site.rglob("*.html") for link in view.findall(path.read_text())
    ]
    assert len(found) >= 8
    networks = set(
        tables.networks["regularizer"] + " " + tables.networks["strength"].map("{:g}".format)
    )
    page = (site / PAGE).read_text()
    for link in found:
        fields = dict(parse_qsl(link))
        assert f"{fields['regularizer']} {fields['strength']}" in networks
        assert {fields["measure"], fields.get("other-measure", "covariance")} <= set(ml.MEASURES)
        assert set(fields) <= {
            side + name for side in ("", "other-") for name in ("strength", *NETWORK, *WAY)
        } | {"units", "order", "figure"}
        assert f'#{fields["figure"]}"' in page


def test_a_view_that_comes_from_a_figure_leads_back_to_it(window, address, tables):
    page, log = window(f"{address}/{PAGE}#regularizer=dropout&figure=fig-agreement-rescaled")
    settle(page)
    back = page.locator("#explorer .back a")
    assert back.get_attribute("href").endswith("07-agreement.html#fig-agreement-rescaled")
    assert back.inner_text().startswith("Figure")
    log.assert_empty()


@pytest.mark.parametrize("others", ["", "other-measure=loss_hessian", "other-regularizer=l2"])
def test_it_fits_a_phone(window, address, tables, others):
    page, _ = window(f"{address}/{PAGE}#regularizer=dropout&units=1,2&{others}", **PHONE)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_on_a_phone_what_is_compared_shares_a_screen(window, address, tables):
    page, _ = window(f"{address}/{PAGE}", **PHONE)
    settle(page)
    boxes = [square(page, side).bounding_box() for side in (0, 1)]
    assert boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=1)
    assert min(box["width"] for box in boxes) > 110
    cards = page.locator("#explorer .cards").bounding_box()
    assert cards["y"] + cards["height"] - boxes[0]["y"] < PHONE["height"]


def test_opening_it_fetches_little(window, address, tables):
    page, _ = window(f"{address}/{PAGE}")
    settle(page)
    fetched = page.evaluate(
        """performance.getEntriesByType("resource").filter((each) => each.name.includes("explorer"))
             .map((each) => [each.name, each.decodedBodySize])"""
    )
    assert len(fetched) > 10
    assert sum(size for _, size in fetched) < 200_000


def test_it_works_from_disk_and_keeps_the_address(window, site, tables):
    page, log = window(f"{site.as_uri()}/{PAGE}")
    settle(page)
    choose(page, layer="2")
    assert chosen(page)["layer"] == "2"
    assert "layer=2" in page.url
    log.assert_empty()


def test_without_results_the_page_says_so(window, address, site):
    index = site / "_static" / "explorer" / "data" / "index.js"
    if index.read_text().count('"strength"'):
        pytest.skip("this book was built with results")
    page, log = window(f"{address}/{PAGE}")
    page.get_by_text("There are no results to explore").wait_for()
    log.assert_empty()
