"""What the page on extending says is so: its examples run, and one place is enough for each."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jupytext
import numpy as np
import pytest
import torch
from pyarrow import parquet

import modlib as ml
from experiments.paper import TABLES
from modlib.models import MLP
from modlib.plotting import COLORS, NAMES, TITLES
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import MEASURES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "book" / "extend.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def block(name: str) -> str:
    """The content of a named block of the page."""
    return re.search(rf"(`{{3,4}})\{{code-block\}} \w+\n:name: {name}\n(.*?)\1", PAGE, re.DOTALL)[2]


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
    similarity = names["similarity"]
    assert similarity.values[i, j] == pytest.approx((one * other).mean(), rel=1e-6)
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert similarity.normalized().values[i, j] == pytest.approx(expected, rel=1e-6)
    assert (names["modules"].measure, len(names["modules"].labels)) == ("coactivation", 12)
    assert 0 < names["alike"] <= 1


def test_a_penalty_on_activations_makes_them_smaller(names):
    free = names["train_sparsely"](
        names["fresh"](), names["inputs"], names["targets"], strength=0.0
    )
    sums = [m.to_layer(names["inputs"], 1).abs().sum() for m in (names["sparse"], free)]
    assert sums[0] < 0.5 * sums[1]
    assert len(names["modules_of_sparse"].labels) == 12


def test_training_for_modules_raises_q_and_finds_the_modules_it_wanted(names):
    torch.manual_seed(0)
    free, _ = names["train_for_modules"](
        names["fresh"](), names["inputs"], names["targets"], pull=0.0
    )

    def q(model) -> float:
        similarity = ml.pairwise_similarity(
            model, names["inputs"], names["targets"], layer=1, convention="released"
        )
        return ml.find_modules(similarity.normalized()).q

    assert q(names["modular"]) > q(free) + 0.1
    assert names["as_wanted"] > 0.9
    right = names["modular"](names["inputs"]).argmax(dim=1) == names["targets"]
    assert right.double().mean() > 0.9


# ------------------------------------------------------------------------------- one place for each


def put(path: Path, after: str, text: str) -> None:
    """Put a text of the page into a file, after the one line that ends as given."""
    code = path.read_text()
    assert code.count(after) == 1
    path.write_text(code.replace(after, f"{after}{text}"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of the checkout with all additions of the page, each put into its one place."""
    copy = tmp_path_factory.mktemp("copy")
    for folder in ("modlib", "experiments"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "90-setting.ipynb", copy / "notebooks")
    similarity = copy / "modlib" / "similarity"
    put(similarity / "measures.py", "MEASURES = _by_side(\n", block("new-measure"))
    put(similarity / "conventions.py", "CONVENTIONS = _by_name(\n", block("new-convention"))
    experiments = copy / "experiments"
    put(experiments / "regularizers.py", "REGULARIZERS = _by_name(\n", block("new-regularizer"))
    put(experiments / "data.py", "    return record\n\n\n", block("new-dataset"))
    put(experiments / "__init__.py", "EXPERIMENTS = {\n", block("new-line"))
    (experiments / "noise.py").write_text(block("new-experiment"))
    kernel = (
        "---\nkernelspec:\n  name: python3\n  display_name: Python 3\n  language: python\n---\n\n"
    )
    notebook = jupytext.reads(kernel + block("new-notebook"), fmt="md:myst")
    jupytext.write(notebook, copy / "notebooks" / "noise.ipynb")
    return copy


def python(copy: Path, code: str) -> list[str]:
    """The lines that code prints in the copy."""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


NETWORKS = """
from dataclasses import replace
from pathlib import Path

from experiments import paper
from experiments.config import SettingConfig
from experiments.engine.experiment import ROOT
from experiments.engine.sweep import sweep
from experiments.report import figures
from experiments.report.explorer import write_explorer
from experiments.report.frames import read_results
from modlib import plotting
from modlib.similarity import measures

assert ROOT == Path.cwd()
kind = paper.small()[0]
recipe = replace(kind.recipe, batch_size=20)
kind = replace(kind, dataset="stripes", regularizer="smooth_l1", seeds=(0,), recipe=recipe)
settings = [replace(kind, strength=strength) for strength in (0.0, 1.0)]
runs = [paper.run_of(setting) for setting in settings]
assert sweep(paper.EXPERIMENT, runs, Path("results"), n_workers=1) == {}
tables = read_results("results/paper")
norm = tables.networks.set_index("strength")["l1_norm"]
write_explorer("results/paper", "explorer")
index = Path("explorer/index.js").read_text()
print(norm[1.0] < 0.1 * norm[0.0])
print(len(tables.modules), len(tables.agreement))
print((tables.modules["measure"] == "coactivation").sum())
print((tables.modules["convention"] == "mixed").sum())
print(set(tables.networks["dataset"]), tables.networks["test_accuracy"].max() > 0.9)
print(sorted({s.strength for s in paper.table_1() if s.regularizer == "smooth_l1"}))
print(plotting.method_name("coactivation", True), "|", figures.REGULARIZER_NAMES["smooth_l1"])
print("coactivation (upstream)" in index, "as mixed" in index)
print(measures.UPSTREAM)
"""


@pytest.fixture(scope="module")
def extended(copy) -> list[str]:
    """What the paper's experiment does in the copy, from training to the explorer."""
    return python(copy, NETWORKS)


def test_one_record_brings_a_regulariser_into_training_and_grid(extended):
    assert extended[0] == "True"  # a strong penalty makes weights small
    assert len(eval(extended[5])) == 7
    assert extended[6].endswith("| smooth l1")


def test_one_record_brings_a_measure_into_tables_figures_and_explorer(extended):
    # Two networks of two layers in three conventions: ten methods, and 45 pairs of them.
    assert extended[1] == "120 540"
    assert extended[2] == "24"
    assert extended[6].startswith("coactivation, norm.")
    assert extended[7].startswith("True")
    assert "coactivation" in extended[8]


def test_one_record_brings_a_convention_into_tables_and_explorer(extended):
    assert extended[3] == "40"  # two networks, two layers, ten methods
    assert extended[7].endswith("True")


def test_a_convention_is_both_of_its_halves(copy):
    code = """
import torch
import modlib as ml
model = ml.MLP((6, 5, 3), seed=1)
inputs = torch.rand(30, 6, generator=torch.Generator().manual_seed(0)) - 0.5
targets = torch.arange(30) % 3
one, other, mixed = (
    ml.pairwise_similarity(model, inputs, targets, convention=name)
    for name in ("printed", "released", "mixed")
)
print((mixed.values == one.values).all(), (mixed.values == other.values).all())
divided = mixed.values[0, 1] / (mixed.values[0, 0] * mixed.values[1, 1]) ** 0.5
print(abs(mixed.normalized().values[0, 1] - divided) < 1e-12)
"""
    assert python(copy, code) == ["True False", "True"]


def test_one_function_brings_a_data_set(extended):
    assert extended[4] == "{'stripes'} True"


def command(copy: Path, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", *arguments],
        cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen) -> tuple[int, str]:
    out, err = process.communicate(timeout=500)
    return process.returncode, out + err


def test_an_experiment_of_ones_own_survives_the_death_of_its_driver(copy):
    """It is run by papermill and Dask, once undisturbed, once with the driver killed."""
    options = ["noise", "--preset", "smoke", "--results"]
    code, said = finish(command(copy, "run", *options, "calm", "--workers", "1"))
    first, *progress = said.splitlines()
    assert code == 0
    assert first.startswith("All 3 runs are done: the tables are in ")
    assert all("parts" in line for line in progress)
    driver = command(copy, "run", *options, "killed", "--workers", "1")
    for _ in range(5000):
        if list((copy / "killed").glob("raw/noise-*/record.json")) or driver.poll() is not None:
            break
        time.sleep(0.05)
    driver.kill()
    assert finish(driver)[0] == -9
    assert not (copy / "killed" / "noise").exists()
    code, said = finish(command(copy, "status", *options, "killed"))
    n_done = int(re.search(r"(\d) done", said)[1])
    assert code == 0
    assert 1 <= n_done < 3
    assert finish(command(copy, "run", *options, "killed", "--workers", "2"))[0] == 0
    names = ["noise.parquet", "manifest.json"]
    first, second = (
        [(copy / run / "noise" / name) for name in names] for run in ("calm", "killed")
    )
    assert first[0].read_bytes() == second[0].read_bytes()
    manifests = [json.loads(path.read_text()) for path in (first[1], second[1])]
    for name in ("experiment", "code_hash", "files"):
        assert manifests[0][name] == manifests[1][name]
    assert list(manifests[0]["runs"]) == list(manifests[1]["runs"])
    rows = parquet.read_table(first[0]).to_pylist()
    assert [(row["units"], row["draw"]) for row in rows] == [
        (units, draw) for units in (8, 12, 16) for draw in (0, 1)
    ]
    assert {row["experiment"] for row in rows} == {"noise"}
    assert all(0 < row["q"] < 1 for row in rows)


def test_every_measure_has_a_colour_a_name_and_a_place_in_the_tables():
    assert set(COLORS) == set(NAMES) == set(TITLES) == set(MEASURES)
    columns = TABLES["modules"].columns
    assert set(columns["measure"].choices) == set(MEASURES)
    assert set(columns["convention"].choices) == set(CONVENTIONS)
