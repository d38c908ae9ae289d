"""The module explorer answers clicks and keys with the numbers of the tables."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import colormaps

from experiments.report.examples import read_examples
from experiments.report.explorer import DIGITS
from experiments.report.frames import read_results

PAGE = "book/explorer.html"


@pytest.fixture(scope="module")
def tables(results):
    return read_results(results)


@pytest.fixture(scope="module")
def stored(results):
    return read_examples(results)


@pytest.fixture
def explorer(window, address, tables):
    page, log = window(f"{address}/{PAGE}")
    page.locator("#explorer dl").first.wait_for()
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


def choose(page, wanted: dict[str, str], panel: int = 0) -> None:
    form = page.locator("#explorer form").nth(panel)
    for name in ("regularizer", "strength", "seed", "measure"):
        if name in wanted:
            form.locator(f"select[name={name}]").select_option(wanted[name])
    for name in ("layer", "similarity", "convention", "search"):
        if name in wanted:
            form.locator(f"input[name={name}][value='{wanted[name]}']").check()
    settle(page)


def settle(page) -> None:
    """Wait until what was chosen last is shown."""
    page.wait_for_function("!document.querySelector('#explorer [aria-busy=true]')")


def chosen(page, panel: int = 0) -> dict[str, str]:
    return page.locator("#explorer form").nth(panel).evaluate(
        "(form) => Object.fromEntries(new FormData(form))"
    )  # fmt: skip


def facts(page, panel: int = 0) -> dict[str, str]:
    rows = page.locator("#explorer section").nth(panel).locator("dl div")
    return dict(text.split("\n", 1) for text in rows.all_inner_texts())


def shown(q: float) -> str:
    text = f"{round(q, DIGITS):.4f}"
    return "0.0000" if text == "-0.0000" else text.replace("-", "\N{MINUS SIGN}")


def summary(page, panel: int = 0) -> str:
    return page.locator("#explorer section [role=status]").nth(panel).inner_text()


def some_rows(tables, count: int, only=slice(None)):
    modules = tables.modules[only]
    return list(modules.iloc[:: max(1, len(modules) // count)].itertuples())[:count]


def test_any_choice_shows_the_numbers_of_its_row(explorer, tables):
    for row in some_rows(tables, 8):
        choose(explorer, choice(row) | {"search": "paper"})
        assert f"seed {row.seed}, layer {row.layer}" in summary(explorer)
        sizes = [int((row.labels == cluster).sum()) for cluster in range(row.labels.max() + 1)]
        found = facts(explorer)
        assert found["Q, the paper\N{RIGHT SINGLE QUOTATION MARK}s search"] == shown(row.q)
        assert found["Sizes"] == (", ".join(map(str, sizes)) or "none")
        assert found["Effective number of modules"] == f"{row.effective:.2f}"
        assert found["Unused units"] == str(row.n_unused)
        assert f"Q = {shown(row.q)}." in summary(explorer)
        if row.q_best == row.q_best:  # NaN where no best was looked for
            assert found["Q, best search"] == shown(row.q_best)
            choose(explorer, {"search": "best"})
            assert f"Q = {shown(row.q_best)}." in summary(explorer)


def test_a_bound_is_shown_where_there_is_one(explorer, tables):
    if tables.certificates is None:
        assert facts(explorer)["Bound on any Q"] == "none computed for this matrix"
        return
    for row in tables.certificates.iloc[:: max(1, len(tables.certificates) // 4)].itertuples():
        choose(explorer, choice(of(row, convention="printed")))
        bound = facts(explorer)["Bound on any Q"]
        assert bound.startswith(shown(row.upper))
        assert ("proven" in bound) == row.optimal


def test_the_matrix_is_sorted_by_cluster(explorer, tables, stored):
    rows = tables.modules[tables.modules["network"].isin(stored.networks)]
    row = max(rows.itertuples(), key=lambda row: row.labels.max() if row.q > 0.01 else 0)
    choose(explorer, choice(row))
    matrix = stored.similarity(
        row.network, row.layer, row.measure, normalized=row.normalized, convention=row.convention
    )
    n = len(matrix)
    order = np.argsort(np.where(row.labels < 0, n, row.labels), kind="stable")
    top = np.percentile(matrix[np.triu_indices(n, 1)], 99)
    canvas = explorer.locator("#explorer figure.matrix > canvas")
    for i, j in [(0, 1), (2, n - 1), (n - 2, n // 2), (n // 3, 4)]:
        pixel = canvas.evaluate(
            """(canvas, [i, j, n]) => [...canvas.getContext("2d").getImageData(
              (j + 0.5) * canvas.width / n, (i + 0.5) * canvas.height / n, 1, 1).data]""",
            [i, j, n],
        )
        color = min(matrix[order[i], order[j]] / top, 1)
        near = colormaps["magma"](
            np.clip(255 * color + np.arange(-3, 4), 0, 255).round().astype(int)
        )
        off = np.abs(near[:, :3] * 255 - pixel[:3]).max(axis=1)
        assert off.min() <= 6, (i, j, pixel)


def test_first_layer_shows_weights_of_every_cluster_and_the_second_none(explorer, tables, stored):
    row = tables.modules[tables.modules["network"] == stored.networks[0]].iloc[0]
    for layer, n_images in ((1, None), (2, 0)):
        choose(explorer, choice(row) | {"layer": str(layer), "search": "paper"})
        sizes = facts(explorer)["Sizes"].split(", ")
        images = explorer.locator("#explorer .images canvas")
        assert images.count() == (len(sizes) if n_images is None else n_images)


def test_seeds_without_matrices_say_which_have_them(explorer, tables, stored):
    others = tables.modules[~tables.modules["network"].isin(stored.networks)]
    choose(explorer, choice(next(others.itertuples())))
    explorer.get_by_text("Matrices and weights are kept for seed 0").wait_for()
    assert explorer.locator("#explorer figure.matrix").count() == 0


def test_keys_alone_lead_through_it(explorer):
    before = chosen(explorer)
    explorer.locator("#explorer-measure").focus()
    explorer.keyboard.press("ArrowDown")
    explorer.locator("#explorer-layer-1").focus()
    explorer.keyboard.press("ArrowRight")
    after = chosen(explorer)
    assert (before["measure"], after["measure"]) == ("covariance", "input_sensitivity")
    assert (before["layer"], after["layer"]) == ("1", "2")
    assert "layer 2, input sensitivity" in summary(explorer)
    assert explorer.evaluate("document.activeElement.id") == "explorer-layer-2"
    explorer.locator("#explorer-second").focus()
    explorer.keyboard.press("Space")
    assert explorer.locator("#explorer section").nth(1).is_visible()
    explorer.keyboard.press("Tab")
    assert explorer.evaluate("document.activeElement.id") == "explorer-regularizer"


def test_the_address_holds_the_view_and_the_back_button_the_one_before(
    explorer, window, address, tables
):
    first, second = some_rows(tables, 2)
    choose(explorer, choice(first))
    one = chosen(explorer), summary(explorer)
    explorer.locator("#explorer-second").check()
    choose(explorer, choice(second) | {"search": "best"}, panel=1)
    views = [(chosen(explorer, i), summary(explorer, i), facts(explorer, i)) for i in (0, 1)]

    copy, log = window(explorer.url)
    copy.locator("#explorer dl").nth(1).wait_for()
    assert [(chosen(copy, i), summary(copy, i), facts(copy, i)) for i in (0, 1)] == views
    log.assert_empty()

    for _ in range(20):
        if not explorer.locator("#explorer section").nth(1).is_visible():
            break
        explorer.go_back()
    settle(explorer)
    assert (chosen(explorer), summary(explorer)) == one


def test_an_address_that_asks_for_what_there_is_not_shows_what_comes_near(window, address, tables):
    query = "regularizer=dropout&strength=0.99&seed=none&layer=7&measure=beauty"
    page, log = window(f"{address}/{PAGE}?{query}")
    page.locator("#explorer dl").first.wait_for()
    strengths = tables.networks.query("regularizer == 'dropout'")["strength"]
    values = chosen(page)
    assert values["strength"] == f"{strengths.max():g}"
    assert (values["seed"], values["layer"], values["measure"]) == ("0", "1", "covariance")
    log.assert_empty()


def test_two_views_of_one_layer_show_their_agreement(explorer, tables, stored):
    pairs = tables.agreement[tables.agreement["network"].isin(stored.networks)]
    for row in pairs.iloc[:: max(1, len(pairs) // 3)].itertuples():
        explorer.locator("#explorer-second").check()
        for panel, side in enumerate("ab"):
            method = {name: getattr(row, f"{name}_{side}") for name in ("measure", "normalized")}
            choose(explorer, choice(of(row, **method)) | {"search": "paper"}, panel)
        text = explorer.locator("#explorer .agreement").inner_text()
        assert float(text.rpartition(": ")[2].rstrip(".")) == pytest.approx(row.element, abs=6e-4)


def test_two_views_fit_a_phone(window, address, tables):
    page, _ = window(f"{address}/{PAGE}?other-layer=2", width=360, height=740)
    page.locator("#explorer dl").nth(1).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_it_works_from_disk_and_keeps_the_address(window, site, tables):
    page, log = window(f"{site.as_uri()}/{PAGE}")
    page.locator("#explorer dl").first.wait_for()
    choose(page, {"layer": "2"})
    assert "layer 2" in summary(page)
    assert "layer=2" in page.url
    log.assert_empty()


def test_without_results_the_page_says_so(window, address, site):
    if (site / "_static" / "explorer" / "index.js").read_text().count('"strength"'):
        pytest.skip("this book was built with results")
    page, log = window(f"{address}/{PAGE}")
    page.get_by_text("There are no results to explore").wait_for()
    log.assert_empty()
