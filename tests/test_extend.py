"""The examples of the page on extending run, and do what the page says of them."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from modlib.models import MLP
from modlib.plotting import COLORS, NAMES
from modlib.results import TABLES
from modlib.similarity import MEASURES

PAGE = (Path(__file__).parents[1] / "book" / "extend.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def names() -> dict:
    """What the examples define, run one after the other on a small network."""
    random = torch.Generator().manual_seed(0)
    inputs = torch.rand(200, 6, generator=random)
    names = {
        "model": MLP((6, 12, 8, 2), seed=1),
        "fresh": lambda: MLP((6, 12, 8, 2), seed=1),
        "inputs": inputs,
        "targets": (inputs[:, 0] > inputs[:, 1]).long(),
    }
    for example in EXAMPLES:
        exec(example, names)  # the page's own code
    return names


def test_a_measure_of_ones_own_is_clustered_and_compared(names):
    matrix = names["cosine"](names["model"], names["inputs"], layer=1)
    activations = names["model"].to_layer(names["inputs"], 1).detach().double().numpy()
    used = activations.any(axis=0)
    one, other = activations[:, used][:, :2].T
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert matrix[np.ix_(used, used)][0, 1] == pytest.approx(expected)
    assert len(names["modules"].labels) == 12
    assert 0 < names["agreement"] <= 1


def test_a_penalty_on_activations_makes_them_smaller(names):
    free = names["train_sparsely"](
        names["fresh"](), names["inputs"], names["targets"], strength=0.0
    )
    sums = [m.to_layer(names["inputs"], 1).abs().sum() for m in (names["sparse"], free)]
    assert sums[0] < 0.5 * sums[1]
    assert len(names["modules_of_sparse"].labels) == 12


def test_the_places_that_the_page_names_exist():
    root = Path(__file__).parents[1]
    for name, file in {
        "_ClosedForm": "similarity", "_Autograd": "similarity", "sensitivities": "similarity",
        "_add_penalty_gradient": "training", "REGULARIZERS": "config", "paper": "sweep",
    }.items():  # fmt: skip
        assert name in PAGE
        assert re.search(rf"\b{name}\b", (root / "modlib" / f"{file}.py").read_text())


def test_every_measure_has_a_colour_a_name_and_a_place_in_the_tables():
    assert set(COLORS) == set(NAMES) == set(MEASURES)
    assert set(TABLES["modules"].columns["measure"].choices) == set(MEASURES)
