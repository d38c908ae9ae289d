"""What the page on extending says is so: its examples run, and one record is enough."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.engine.tables import TABLES
from modlib.models import MLP
from modlib.plotting import COLORS, NAMES
from modlib.similarity.measures import MEASURES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "book" / "extend.md").read_text()
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
    activations = names["model"].to_layer(names["inputs"], 1).detach().double().numpy()
    i, j = np.flatnonzero(activations.any(axis=0))[:2]
    one, other = activations[:, i], activations[:, j]
    assert names["similarity"][i, j] == pytest.approx((one * other).mean(), rel=1e-6)
    cosines = names["normalize"](names["similarity"], rule="geometric")
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert cosines[i, j] == pytest.approx(expected, rel=1e-6)
    assert len(names["modules"].labels) == 12
    assert 0 < names["agreement"] <= 1


def test_a_penalty_on_activations_makes_them_smaller(names):
    free = names["train_sparsely"](
        names["fresh"](), names["inputs"], names["targets"], strength=0.0
    )
    sums = [m.to_layer(names["inputs"], 1).abs().sum() for m in (names["sparse"], free)]
    assert sums[0] < 0.5 * sums[1]
    assert len(names["modules_of_sparse"].labels) == 12


# ---------------------------------------------------------------------------- records of the page

RUN = """
import sys
from dataclasses import replace
from pathlib import Path

from experiments.engine import provenance
from modlib.similarity import compute as similarity
from modlib import plotting
from experiments.report.explorer import write_explorer
from experiments.regularizers import RECORDS
from experiments.engine.sweep import paper, smoke, sweep
from experiments.report.frames import read_results

assert provenance.ROOT == Path.cwd()
kind = replace(smoke()[0], regularizer="smooth_l1", seeds=(0,))
settings = [replace(kind, strength=strength) for strength in (0.0, 1.0)]
assert sweep(settings, Path("results"), n_workers=1) == {}
tables = read_results("results")
norm = tables.networks.set_index("strength")["l1_norm"]
found = tables.modules[tables.modules["measure"] == "coactivation"]
write_explorer("results", "explorer")
print(norm[1.0] < 0.1 * norm[0.0], len(found), len(tables.modules), len(tables.agreement))
print(sorted({s.strength for s in paper() if s.regularizer == "smooth_l1"}))
print(plotting.method_name("coactivation", True), plotting.REGULARIZER_NAMES["smooth_l1"])
print("coactivation (upstream)" in Path("explorer/index.js").read_text())
print(similarity.UPSTREAM)
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> list[str]:
    """What a copy of the library with the page's two records does, from training to explorer."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "modlib", copy / "modlib", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "90-setting.ipynb", copy / "notebooks")
    for name, file in {"new-measure": "measures", "new-regularizer": "regularizers"}.items():
        record = re.search(rf":name: {name}\n(.*?)```", PAGE, re.DOTALL)[1]
        path = copy / "modlib" / f"{file}.py"
        code, n_places = re.subn(r"(?m)^    for \w+ in \(\n", rf"\g<0>{record}", path.read_text())
        assert n_places == 1
        path.write_text(code)
    result = subprocess.run(
        [sys.executable, "-c", RUN], cwd=copy, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_one_record_brings_a_regulariser_into_training_and_sweep(extended):
    assert extended[0].startswith("True")  # a strong penalty makes weights small
    assert len(eval(extended[1])) == 7
    assert extended[2].endswith("smooth L1 penalty")


def test_one_record_brings_a_measure_into_tables_figures_and_explorer(extended):
    # Two networks of two layers in two conventions: ten methods, and 45 pairs of them.
    assert extended[0].split()[1:] == ["16", "80", "360"]
    assert extended[2].startswith("coactivation, norm.")
    assert extended[3] == "True"
    assert "coactivation" in extended[4]


def test_every_measure_has_a_colour_a_name_and_a_place_in_the_tables():
    assert set(COLORS) == set(NAMES) == set(MEASURES)
    assert set(TABLES["modules"].columns["measure"].choices) == set(MEASURES)
