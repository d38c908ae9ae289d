"""A network of anyone's: what cannot be made, loaded or read is refused, and tables are whole."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from chapters import ROOT, glued, n_figures, run, texts
from oracles import double_sum_modularity
from safetensors.torch import save_file
from torch import nn

import modlib as ml
from experiments import network
from experiments.data import load

NETS = """
from torch import nn


class Twin(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.Linear(4, width), nn.Linear(width, width)
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        hidden = self.first(x).tanh()
        return self.head(hidden + self.second(hidden).tanh())


def make(width=5):
    return Twin(width)


def number():
    return 7


broken = "not a function"
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of a user's own in the working folder, which is all that Python need know."""
    folder = tmp_path / "userpkg"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "nets.py").write_text(NETS)
    (folder / "raises.py").write_text("import no_such_thing_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("userpkg")]:
        del sys.modules[name]


# ------------------------------------------------------------------------------------- building


def test_a_network_is_made_by_a_function_of_a_users_own_with_arguments(package):
    assert network.build("userpkg.nets:make").second.in_features == 5
    model = network.build("userpkg.nets:make", {"width": 7})
    assert model.second.in_features == 7
    assert not model.training


@pytest.mark.parametrize(
    ("factory", "says"),
    [
        ("userpkg.nets", "must be 'package.module:function'"),
        (":make", "must be 'package.module:function'"),
        ("userpkg.nets:make()", "must be 'package.module:function'"),
        (7, "must be 'package.module:function'"),
        ("nowhere.nets:make", "No module named 'nowhere'.*set PYTHONPATH"),
        ("userpkg.raises:make", "No module named 'no_such_thing_at_all'"),
        ("userpkg.nets:mkae", "Got 'mkae': did you mean 'make'"),
        ("userpkg.nets:broken", "must name a function"),
        ("userpkg.nets:number", "must return a torch.nn.Module. Got int"),
    ],
)
def test_a_factory_that_makes_no_network_is_refused_by_name(package, factory, says):
    with pytest.raises(ValueError, match=f"^factory .*{says}"):
        network.build(factory)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"depth": 3}, "unexpected keyword argument 'depth'"), ([3], "must be a dictionary")],
)
def test_arguments_that_the_factory_does_not_take_are_refused(package, arguments, says):
    with pytest.raises(ValueError, match=f"^arguments .*{says}"):
        network.build("userpkg.nets:make", arguments)


# -------------------------------------------------------------------------------------- weights


def filled(width, value):
    return {
        name: torch.full_like(weight, value)
        for name, weight in network.build("userpkg.nets:make", {"width": width})
        .state_dict()
        .items()
    }


def test_weights_are_those_of_the_file(package):
    save_file(filled(5, 0.25), "w.safetensors")
    model = network.load_weights(network.build("userpkg.nets:make"), "w.safetensors")
    assert all((weight == 0.25).all() for weight in model.parameters())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda w: {k: v for k, v in w.items() if k != "head.bias"},
            "without head.bias and with n",
        ),
        (lambda w: w | {"extra": torch.zeros(1)}, "without none of its names and with extra"),
        (lambda w: {f"module.{k}": v for k, v in w.items()}, "with module.first.bias.*prefix"),
        (lambda w: w | {"head.bias": torch.zeros(9)}, r"size mismatch for head.bias.*\[9\]"),
    ],
    ids=["missing", "unexpected", "prefix", "shape"],
)
def test_weights_that_do_not_fit_are_refused_by_their_names(package, change, says):
    save_file(change(filled(5, 0.25)), "w.safetensors")
    with pytest.raises(ValueError, match=f"(?s)^weights must .*{says}"):
        network.load_weights(network.build("userpkg.nets:make"), "w.safetensors")


def test_a_file_of_weights_that_is_none_is_refused(package):
    model = network.build("userpkg.nets:make")
    with pytest.raises(ValueError, match=r"^weights must be the path.*'none.safetensors'"):
        network.load_weights(model, "none.safetensors")
    Path("w.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match=r"^weights must be a safetensors file"):
        network.load_weights(model, "w.safetensors")


# -------------------------------------------------------------------------------------- samples


@pytest.fixture
def npz(package):
    np.savez(
        "samples.npz", x=np.arange(24.0).reshape(6, 4), other=np.ones((6, 2)), y=np.arange(6),
        odd=np.array([object()]), one=np.array(3.0),
        noise=np.random.default_rng(0).normal(size=(6, 4)),
    )  # fmt: skip
    return "samples.npz"


def test_samples_are_read_by_key_shaped_and_cut(npz):
    inputs, targets = network.read_samples(npz, "x", "y", shape=[2, 2], n_samples=2)
    np.testing.assert_array_equal(inputs, [[[0, 1], [2, 3]], [[4, 5], [6, 7]]])
    np.testing.assert_array_equal(targets, [0, 1])
    named, nothing = network.read_samples(npz, ["x", "other"], None)
    assert {name: array.shape for name, array in named.items()} == {"x": (6, 4), "other": (6, 2)}
    assert nothing is None


def test_a_data_set_gives_its_test_images():
    inputs, targets = network.read_samples("digits", shape=[1, 8, 8], n_samples=3)
    digits = load("digits")
    np.testing.assert_array_equal(inputs.reshape(3, 64), digits.test_inputs[:3])
    np.testing.assert_array_equal(targets, digits.test_targets[:3])


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        ("cifar", {}, "^data must be one of digits, mnist, or the path of an .npz"),
        ("none.npz", {}, "^data must be the path of an .npz file. Got 'none.npz'"),
        ("samples.npz", {"inputs": "X"}, "^inputs and targets must be keys.*x, y. Got 'X'"),
        ("samples.npz", {"inputs": "x", "targets": "z"}, "^inputs and targets .*Got 'z'"),
        ("samples.npz", {"inputs": "odd", "targets": None}, "^data must be .*arrays of numbers"),
        ("samples.npz", {"inputs": "one", "targets": None}, "^data must be .*single number"),
        ("samples.npz", {"inputs": "x", "targets": None, "shape": [3]},
         r"^shape must be that of one sample of 'x', which is stored as \(4,\). Got \(3,\)"),
        ("samples.npz", {"inputs": "x", "n_samples": 0}, "^n_samples must be"),
    ],
)  # fmt: skip
def test_samples_that_are_not_there_are_refused_with_what_is(npz, data, options, says):
    with pytest.raises(ValueError, match=says):
        network.read_samples(data, **options)


def test_a_file_that_is_no_npz_is_refused(package):
    Path("bad.npz").write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match=r"^data must be an .npz file of arrays"):
        network.read_samples("bad.npz")


# --------------------------------------------------------------------------------------- layers


def test_one_layer_several_or_all_that_have_a_number_are_chosen(package):
    twin, inputs = network.build("userpkg.nets:make"), np.ones((2, 4), np.float32)
    assert network.choose_layers(twin, inputs, "second") == ["second"]
    assert network.choose_layers(twin, inputs, [["first", "second"]]) == [["first", "second"]]
    chain = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    assert network.choose_layers(chain, inputs, []) == [1, 2]
    assert network.choose_layers(chain, inputs, 2) == [2]
    with pytest.raises(ValueError, match=r"^layers must name at least one.*first, second, head"):
        network.choose_layers(twin, inputs, [])


# --------------------------------------------------------------------------------------- tables


@pytest.fixture
def found():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2))
    raw = ml.similarity_matrices(
        model, torch.randn(20, 4), layers=[["1", "3"], "1"], measures=["covariance"],
        conventions=["printed"],
    )  # fmt: skip
    normalized = {key: one.normalized() for key, one in raw.items()}
    return raw, normalized, network.search_all(normalized, "best", 0)


def test_tables_name_units_by_layer_and_number(found):
    raw, normalized, modules = found
    tables = network.tables_of(*found)
    joint = tables["modules"][tables["modules"]["layer"] == "1+3"]
    assert joint["unit_layer"].tolist() == ["1"] * 3 + ["3"] * 3
    assert joint["unit"].tolist() == [0, 1, 2, 0, 1, 2]
    key = ("1", "3"), "covariance", "printed"
    assert joint["module"].tolist() == modules[key].labels.tolist()
    # 6 * 7 / 2 pairs of the six units, each with itself included, and 3 * 4 / 2 of the three.
    assert len(tables["similarity"]) == 21 + 6
    row = tables["similarity"].query("layer == '1+3' and unit_layer_b == '3'").iloc[0]
    assert (row["unit_layer_a"], row["unit_a"], row["unit_b"]) == ("1", 0, 0)
    assert row["similarity"] == raw[key].values[0, 3]
    assert row["normalized"] == normalized[key].values[0, 3]
    assert np.isnan(row["standard_error"])
    q = tables["q"].set_index("layer")["q"]
    assert q["1+3"] == modules[key].q


def test_tables_are_there_as_a_whole_or_not_at_all(found, tmp_path, monkeypatch):
    tables = network.tables_of(*found)

    class Unwritable(pd.DataFrame):
        def to_parquet(self, *_, **__):
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        network.publish(tables | {"z": Unwritable()}, tmp_path / "found")
    assert list(tmp_path.iterdir()) == []
    network.publish(tables, tmp_path / "deep" / "found")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["found"]
    for name, table in tables.items():
        read = pd.read_parquet(tmp_path / "deep" / "found" / f"{name}.parquet")
        pd.testing.assert_frame_equal(read, table)


def test_nothing_is_overwritten(found, tmp_path):
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "thesis").write_text("years of work")
    with pytest.raises(ValueError, match=r"^folder must not be there yet"):
        network.publish(network.tables_of(*found), tmp_path / "found")
    assert [path.name for path in tmp_path.rglob("*")] == ["found", "thesis"]


# ------------------------------------------------------------------------------------ the command


def command(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """The command of the page, given in a folder, with nothing said of where packages lie."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", "-k", "python3",
         ROOT / "notebooks" / "94-network.ipynb", "report.ipynb", *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_command_analyses_a_network_of_a_users_own_from_any_folder(npz, package):
    save_file(filled(6, 0.0) | ramps(6), "mine.safetensors")
    result = command(
        package, "-p", "factory", "userpkg.nets:make", "-y", "arguments: {width: 6}",
        "-p", "weights", "mine.safetensors", "-p", "data", npz, "-p", "inputs", "noise",
        "-p", "targets", "None", "-p", "layers", "first", "-p", "measures", "covariance",
        "-p", "conventions", "released", "-p", "search", "best", "-p", "folder", "found",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    report = nbformat.read(package / "report.ipynb", as_version=4)
    assert n_figures(report) == 1
    tables = {path.stem: pd.read_parquet(path) for path in (package / "found").iterdir()}
    assert set(tables) == {"similarity", "modules", "q"}
    # By hand: what comes out of the first layer, and its covariance over the six samples.
    x, weights = np.load(npz)["noise"], ramps(6)
    hidden = x @ weights["first.weight"].numpy().T + weights["first.bias"].numpy()
    covariance = np.abs(np.cov(hidden.T, bias=True))
    one, other = np.triu_indices(6)
    np.testing.assert_allclose(
        tables["similarity"]["similarity"], covariance[one, other], rtol=1e-5
    )
    normalized = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.fill_diagonal(normalized, 0)
    q = double_sum_modularity(normalized / normalized.sum(), tables["modules"]["module"].tolist())
    assert tables["modules"]["module"].tolist() == [0, 1, 0, 1, 0, 1]
    assert tables["q"]["q"].tolist() == pytest.approx([q], abs=1e-6)
    assert glued(report)["network-highest"] == pytest.approx(q, abs=1e-6)


def ramps(width):
    """Weights of the first layer: units in two directions, every other one in each."""
    scale = torch.arange(1.0, width + 1)
    directions = torch.tensor([[1.0, 0.5, -0.25, 0.0], [0.0, 0.25, 0.5, -1.0]])
    weight = scale[:, None] * directions[torch.arange(width) % 2]
    return {"first.weight": weight, "first.bias": scale / 10}


def test_the_command_fails_plainly_and_leaves_no_tables(npz, package):
    result = command(
        package, "-p", "factory", "userpkg.nets:make", "-p", "data", npz, "-p", "inputs", "x",
        "-p", "targets", "y", "-p", "layers", "frist", "-p", "folder", "found",
    )  # fmt: skip
    assert result.returncode != 0
    assert "ValueError: layer must be a name" in result.stderr
    assert "did you mean 'first'" in result.stderr
    assert not (package / "found").exists()


def test_without_parameters_it_looks_at_a_network_that_it_trains(tmp_path):
    report = run("94-network", tmp_path, n_samples=60, measures=["covariance"])
    assert "hidden layer" in texts(report)
    assert 0 < glued(report)["network-highest"] < 1
    assert [path.name for path in tmp_path.iterdir()] == ["run.ipynb"]
    inputs, targets = network.read_samples("digits")
    logits = network.example()(torch.from_numpy(inputs))
    assert (logits.argmax(dim=1).numpy() == targets).mean() > 0.9  # chance is a tenth
