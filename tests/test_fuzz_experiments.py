"""The same as :mod:`test_fuzz` for the functions that stand behind chapters and commands.

Left out is ``experiments.engine``, whose functions take what the command has checked, and
``experiments.migration``, which is run once. ``python tests/test_fuzz_experiments.py`` tells how
all calls end.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import odd
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

import experiments
from experiments import network
from experiments.config import TrainingConfig
from experiments.data import Dataset, load, split
from experiments.dials import TABLES as DIALS_TABLES
from experiments.dynamics import TABLES as DYNAMICS_TABLES
from experiments.engine.files import file_hash
from experiments.engine.published import MANIFEST
from experiments.engine.seal import write_sealed
from experiments.planted import plant, planted_labels
from experiments.report.bootstrap import draw_counts, interval, mean_draws
from experiments.report.estimates import estimate
from experiments.report.frames import read_results
from experiments.training.loop import fit
from experiments.training.run import evaluate, score
from experiments.training.train import train
from experiments.weights import save_weights
from modlib.models import MLP

INPUTS = torch.linspace(-1, 1, 160).reshape(40, 4)
TARGETS = torch.arange(40) % 3


def data() -> Dataset:
    return Dataset("odd", INPUTS, TARGETS, INPUTS, TARGETS)


def results() -> Path:
    """A folder that is opened as finished results; no table in it can be read."""
    folder = Path("results")
    if not folder.exists():
        folder.mkdir()
        for name in (
            "networks",
            "modules",
            "agreement",
            "crossed_networks",
            "crossed_units",
            "crossed",
            *DIALS_TABLES,
            "elsewhere_networks",
            "elsewhere_layers",
            "elsewhere",
            *DYNAMICS_TABLES,
        ):
            (folder / f"{name}.parquet").touch()
        save_file({"0/layers.0.weight": torch.zeros(3, 4)}, folder / "examples.safetensors")
        files = {path.name: file_hash(path) for path in folder.iterdir()}
        write_sealed(folder / MANIFEST, {"files": files})
    return folder


def samples() -> str:
    np.savez("samples.npz", inputs=INPUTS.numpy(), targets=TARGETS.numpy())
    return "samples.npz"


def weights() -> str:
    save_weights(MLP((4, 3, 3)), "weights.safetensors")
    return "weights.safetensors"


def objective(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(model(inputs), targets)


QUICK = TrainingConfig(hidden=(4, 4), max_epochs=1)
VALID: dict[str, Callable[[], Any]] = {
    "architecture": lambda: "mlp-16-16",
    "config": lambda: QUICK,
    "data": data,
    "digits": lambda: TARGETS,
    "draws": lambda: np.arange(10.0),
    "epochs": lambda: [0, 0.5, 1],
    "factory": lambda: "torch.nn:Identity",
    "folder": results,
    "images": lambda: INPUTS,
    "inputs": lambda: INPUTS,
    "labels": lambda: [0, 0, 1, 1],
    "layers": lambda: [1],
    "leak": lambda: 0.1,
    "logits": lambda: INPUTS,
    "members": lambda: torch.tensor([[0, 1], [2, 3]]),
    "model": lambda: MLP((4, 3, 3)),
    "n_classes": lambda: 3,
    "n_draws": lambda: 10,
    "n_images": lambda: 10,
    "n_pairs": lambda: 20,
    "n_samples": lambda: 10,
    "n_units": lambda: 5,
    "name": lambda: "paper",
    "objective": lambda: objective,
    "path": weights,
    "recipe": lambda: QUICK,
    "seed": lambda: 0,
    "seeds": lambda: [0],
    "tables": lambda: {"a": pd.DataFrame({"b": [1]})},
    "targets": lambda: TARGETS,
    "shape": lambda: (4, 4),
    "task": lambda: "crossed",
    "training": lambda: torch.utils.data.TensorDataset(INPUTS, TARGETS),
    "truth": lambda: [0, 1, 0, 1],
    "units": lambda: [0, 0, 1],
    "validation": lambda: (INPUTS, TARGETS),
    "validation_fraction": lambda: 0.2,
    "values": lambda: [1.0, 2.0, 3.0],
    "widths": lambda: (4, 4, 4, 6),
}
WHERE: dict[str, Mapping[str, Callable[[], Any]]] = {
    "architectures.architecture": {"name": lambda: "mlp-16-16"},
    "architectures.build": {"name": lambda: "mlp-16-16"},
    "classifier.train_classifier": {"data": lambda: load("digits")},
    "datasets.load": {"name": lambda: "digits"},
    "datasets.shape_of": {"name": lambda: "digits"},
    "data.load": {"name": lambda: "digits"},
    "images.first_images": {"name": lambda: "digits"},
    "loop.fit": {"model": lambda: nn.Linear(4, 3)},
    "network.publish": {"folder": lambda: f"new-{uuid4()}"},
    "network.read_samples": {"data": samples},
    "planted.plant": {"model": lambda: MLP((4, 4, 4, 6))},
}
ALSO = {
    "draws": ("n_draws",),
    "inputs": ("targets", "logits"),  # good ones, of another number of samples, or of NaN
    "labels": ("truth",),
    "logits": ("targets",),  # good ones, of another number of samples
    "model": ("hidden", "weights", "inputs"),  # a good one, but of other widths
    "name": ("experiment", "architecture"),
    "path": ("weights",),  # of these
    "targets": ("inputs",),  # with them they have to be keys of one file
    "truth": ("labels",),  # a good one, of another number of units
    "validation_fraction": ("n_samples",),  # a good one, but for more samples
    "values": ("units",),  # good ones, of another number of observations
    "widths": ("hidden",),  # good ones that cannot be planted
}
"""What a refusal may begin with in place of the argument."""
WITHOUT = {
    "experiments.engine",
    "experiments.migration",
    "experiments.report.claims.ledger",  # of a whole sweep: read_results and draw_counts are tried
    "experiments.report.frames.checked_folder",  # behind read_results and read_crossed, which are
}
FUZZ = odd.Fuzz(
    odd.border(experiments, [experiments.experiment], without=WITHOUT),
    VALID, where=WHERE, also=ALSO, long=set(),
)  # fmt: skip


@pytest.mark.parametrize("case", FUZZ.border.values(), ids=FUZZ.border)
def test_what_is_valid_has_an_answer(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FUZZ.check_valid(case)


def test_odd_values_are_answered_or_refused_by_name_in_99_of_100_calls(
    tmp_path, monkeypatch, record_property
):
    counts, faults = Counter[str](), {}
    for case in FUZZ.border.values():
        monkeypatch.chdir(make(tmp_path / case.name))
        ends, wrong = FUZZ.tried(case)
        counts += ends
        faults |= {f"{case.name}, {call}": what for call, what in wrong.items()}
    for kind, count in counts.items():
        record_property(kind, count)
    assert counts.total() == FUZZ.n_calls >= 2000
    assert len(faults) <= counts.total() / 100, faults


LINEAR = nn.Linear(4, 3)
PAIR = (INPUTS, TARGETS)
FRAME = pd.DataFrame({"a": [1]})
REFUSED = [
    (lambda: experiments.experiment([]), r"experiment must be one of 'paper', .* Got \[\]"),
    (lambda: load("digits", 3), "root must be a path, as text or as a pathlib.Path. Got 3"),
    (lambda: split(None, 0.1, 0), "n_samples must be a whole number of at least 0. Got None"),
    (lambda: split(10**12, 0.1, 0), "n_samples must be at most 1,000,000,000. Got 1000000000000"),
    (lambda: split(10, "a", 0), "validation_fraction must be a number between 0 and 1. Got 'a'"),
    (lambda: network.load_weights(3, "w"), "model must be a torch.nn.Module. Got int"),
    (lambda: network.load_weights(LINEAR, 3), "weights must be a path, as text or as .* Got 3"),
    (lambda: network.read_samples("digits", 3), "inputs must be a key, or a list of keys. Got 3"),
    (lambda: network.read_samples("digits", "x", 3), "targets must be a key, or None .* Got 3"),
    (lambda: network.read_samples("digits", shape="ab"), "shape must be a list of .* Got 'ab'"),
    (lambda: network.choose_layers(LINEAR, INPUTS, 2.5), "layers must be the number or .* Got 2.5"),
    (lambda: network.publish([FRAME], "new"), "tables must be pandas frames by name. Got list"),
    (lambda: network.publish({"a": FRAME}, 3), "folder must be a path, as text or as .* Got 3"),
    (lambda: plant(LINEAR, 0.1), "model must be a modlib.models.MLP. Got Linear"),
    (lambda: plant(MLP((4, 4, 4, 6)), 2), "leak must be a number from 0 to 1. Got 2"),
    (lambda: planted_labels(4), "widths must be at least three whole numbers .* Got 4"),
    (lambda: draw_counts(10**12, 1), "n_units must be at most 1,000,000,000. Got 1000000000000"),
    (lambda: draw_counts(1000, 10**7), "n_draws must be at most 1,000,000. Got 10000000"),
    (lambda: interval(["a"], 3), "draws must be an array of real numbers. Got dtype <U1"),
    (lambda: interval([], 3), r"draws must be a list of one or more. Got shape \(0,\)"),
    (lambda: mean_draws("a", [0]), "values must be an array of real numbers. Got dtype <U1"),
    (lambda: mean_draws([1.0], [None]), "units must be numbers or names. Got dtype object"),
    (lambda: estimate([1.0], 3), r"draws must be a number and its draws. Got shape \(1,\)"),
    (lambda: read_results(None), "folder must be a path, as text or as a pathlib.Path. Got None"),
    (lambda: fit(3, objective, [0], PAIR, QUICK, seed=0), "model must be a torch.nn.Module. Got i"),
    (lambda: fit(LINEAR, None, [0], PAIR, QUICK, seed=0), "objective must be a function. Got None"),
    (lambda: fit(LINEAR, len, [0], INPUTS, QUICK, seed=0), "validation must be inputs and targets"),
    (lambda: train(QUICK, data(), [0], progress=3), "progress must be a function, or None. Got 3"),
    (lambda: train(QUICK, data(), b"ab"), "seeds must be one or more whole numbers, .* Got b'ab'"),
    (lambda: evaluate(None, *PAIR), "model must be a torch.nn.Module. Got NoneType"),
    (lambda: evaluate(LINEAR, INPUTS[:, :2], TARGETS), r"inputs must fit .* shape \(40, 2\)"),
    (lambda: score(TARGETS, TARGETS), r"logits must be a tensor .* shape \(40,\) of torch.int64"),
    (lambda: score(INPUTS, INPUTS), "targets must be an int64 tensor of 40 classes, .* Got shape"),
    (lambda: score(INPUTS, TARGETS + 2), "targets must be classes from 0 to 3. Got 2 to 4"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_is_odd_is_refused_by_name_and_rule(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_fractions_are_numbers():
    tenth = Fraction(1, 10)
    assert interval(range(100), 5, 1 - tenth) == interval(range(100), 5, 0.9)
    one, other = MLP((4, 4, 4, 6)), MLP((4, 4, 4, 6))
    plant(one, tenth)
    plant(other, 0.1)
    torch.testing.assert_close(one(INPUTS), other(INPUTS), rtol=0, atol=0)


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    odd.told(FUZZ)
