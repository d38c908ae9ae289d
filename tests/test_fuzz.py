"""Odd values for every argument of every public function of modlib; see :mod:`odd`.

What is new is tried by itself. If one of its arguments has a name that nothing had before, the
test says what is to be added here. ``python tests/test_fuzz.py`` tells how all calls end.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import odd
import pytest
import torch
from odd import BLOCKS
from scipy.sparse import csr_array
from torch import nn

import modlib
from modlib.objective import Objective
from modlib.samples import Samples

ADJACENCY = BLOCKS - np.diag(np.diagonal(BLOCKS))
LABELS = np.arange(6) % 2
INPUTS = torch.linspace(-1, 1, 28).reshape(7, 4)
TARGETS = torch.arange(7) % 3


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))


def proof() -> str:
    modlib.certify(BLOCKS).save("proof.npz")
    return "proof.npz"


VALID: dict[str, Callable[[], Any]] = {
    "adjacency": lambda: ADJACENCY,
    "arrays": lambda: {"a": np.arange(3)},
    "assignment": lambda: torch.eye(2)[LABELS],
    "assignments": lambda: [[0, 0, 1], [0, 1, 1]],
    "damage": lambda: np.eye(2),
    "drawn": lambda: [BLOCKS],
    "inputs": lambda: INPUTS,
    "labels": lambda: LABELS,
    "labels_a": lambda: LABELS,
    "labels_b": lambda: LABELS // 2,
    "layer": lambda: 1,
    "matrix": lambda: BLOCKS,
    "measures": lambda: ["covariance"],
    "memberships": lambda: np.eye(2)[LABELS],
    "model": model,
    "module": lambda: 0,
    "name": lambda: "matrix",
    "null": lambda: "configuration",
    "nulls": lambda: np.ones((1, 6)),
    "objective": lambda: Objective.of(ADJACENCY),
    "output": lambda: INPUTS[:, :3],
    "path": lambda: "new.npz",
    "picked": lambda: (INPUTS[:, :3],),
    "purpose": lambda: "weights",
    "resolution": lambda: 1.0,
    "samples": lambda: Samples(INPUTS),
    "seed": lambda: 0,
    "side": lambda: "upstream",
    "signed": lambda: False,
    "signs": lambda: np.array([-1.0]),
    "similarity": lambda: BLOCKS,
    "targets": lambda: TARGETS,
    "weights": lambda: csr_array(ADJACENCY),
}

"""What makes a value of each argument that has to be given, by its name."""
QUICK = {"draws": lambda: 2, "n_steps": lambda: 20, "restarts": lambda: 1}
WHERE: dict[str, Mapping[str, Callable[[], Any]]] = {
    "Certificate.save": {"self": lambda: modlib.certify(BLOCKS)},
    "Lesions": {"targets": lambda: TARGETS},
    "Measure": {"products": lambda: len},
    "Modules.members": {"self": lambda: modlib.find_modules(BLOCKS)},
    "certify": {"time_limit": lambda: 1.0},
    "check": {"path": proof},
    "check_adjacency": {"matrix": lambda: ADJACENCY},
    "check_similarity": {"name": lambda: "matrix"},
    "check_sparse_similarity": {"matrix": lambda: csr_array(BLOCKS), "name": lambda: "matrix"},
    "consensus": {"seeds": lambda: 2, **QUICK},
    "excess": QUICK,
    "excess_of": {"n_steps": lambda: 20},
    "find_modules": {"n_steps": lambda: 20},
    "given": {"name": lambda: "matrix"},
    "lesion": {"targets": lambda: TARGETS, "draws": lambda: 2},
    "monte_carlo_modules": {"n_steps": lambda: 20},
    "null_similarities": {
        "draws": lambda: 2,
        "null": lambda: "rotation",
        "targets": lambda: TARGETS,
    },
    "pairwise_agreement": {"measures": lambda: ["element"]},
    "pairwise_similarity": {"progress": lambda: False},
    "similarity_matrices": {"progress": lambda: False, "targets": lambda: TARGETS},
    "soft_modularity": {"similarity": lambda: torch.tensor(BLOCKS)},
    "synergy": {"targets": lambda: TARGETS},
}
"""Values of single functions, where theirs are others, or a call would take long or be loud."""
OPTIONS = {modlib.consensus: modlib.find_modules}
"""What the ``**options`` of a function go on to."""
CHECKS = {"modlib.matrices", "modlib.objective", "modlib.validation"}
LONG = {"draws", "probes"}
ALSO = {
    "adjacency": ("labels",),  # a good one, of another number of units
    "conventions": ("convention",),  # each of them
    "drawn": ("similarity",),  # each of them
    "factors": ("measure",),  # which has products already
    "inputs": ("targets",),  # good ones, of another number of samples; or batches of both
    "labels_a": ("labels_b",),  # good ones, of another number of units
    "layers": ("layer",),  # each of them
    "matrix": ("adjacency",),  # what check_adjacency is about
    "measures": ("measure",),  # each of them
    "memberships": ("labels",),  # what they are given as
    "model": ("layer",),  # a good one that has no such layer
    "output": ("outputs",),  # there is nothing that None could pick
    "products": ("measure",),  # which would have neither
    "signs": ("nulls",),  # good ones, but not one for each of these
    "targets": ("classes",),  # good ones, all of one class
}
"""What a refusal may begin with in place of the argument."""

NUMBER = "1 | 2.5 | 10**12 | 10**30 | 1e-320 | 1e308 | Fraction | float32 | uint8"
COUNT, FLAG = "1 | uint8", "True | bool of NumPy"
FUNCTION = "type | function | network | class of networks"
MATRIX = "huge entries | tiny entries | tensor | sparse"
IF_ASKED_FOR = "None | empty dictionary | tensor with nan | tensor with gradient | bfloat16 tensor"
TAKEN = {
    "adjacency": "graph",
    "arrays": "empty dictionary",
    "bound": f"None | 0 | -1 | inf | {NUMBER}",
    "classes": "None | tensor of whole numbers",
    "convention": "None",
    "damage": f"{MATRIX} | array without entries | array that is not square | negative entries"
    " | asymmetric",
    "deadline": f"0 | -1 | inf | {NUMBER}",
    "device": "device",
    "drawn": "array of three axes",
    "draws": COUNT,
    "dropout": "0 | 1e-320 | Fraction | float32",
    "entropy": NUMBER,
    "epsilon": NUMBER,
    "factors": "None",
    "given.matrix": odd.ANY,  # whether it is one of numbers is asked later
    "inputs": "tensor with gradient | bfloat16 tensor",
    "Samples.inputs": odd.ANY,  # batches are looked at when they are reached
    "kind": odd.ANY,  # a name, of any kind
    "labels": "list | range | tensor of whole numbers",
    "layer": COUNT,
    "layers": "None | set | generator",
    "loss": FUNCTION,
    "matrix": f"{MATRIX} | array without entries | negative entries",
    "measures": "empty list | empty tuple | empty dictionary | array without entries",
    "model": "network",
    "module": f"0 | {COUNT}",
    "modules": "None",
    "n_permutations": COUNT,
    "n_restarts": f"0 | {COUNT}",
    "n_rounds": f"0 | {COUNT}",
    "n_steps": f"0 | {COUNT}",
    "name": "text | zero byte",
    "needs_outputs": FLAG,
    "needs_targets": FLAG,
    "normalized": FLAG,
    "null": MATRIX,
    "output": "tensor | tensor with nan | tensor with gradient | bfloat16 tensor | meta tensor"
    " | sparse tensor",
    "outputs": f"None | 0 | -1 | {COUNT} | 10**12 | 10**30 | -10**400 | text | empty text"
    f" | zero byte | list | huge list | list of texts | {FUNCTION}",  # if not asked for
    "path": "text | path",
    "patience": f"0 | {COUNT}",
    "pool": "None",
    "probe": f"None | {FUNCTION}",
    "probes": "None",
    "products": FUNCTION,
    "progress": f"None | {FLAG}",
    "purpose": "text | empty text | zero byte",
    "resolution": f"0 | 2.5 | 1e-320 | Fraction | float32 | {COUNT}",
    "restarts": COUNT,
    "seed": f"0 | 10**12 | 10**30 | {COUNT}",
    "seeds": f"list | set | generator | range | graph | directed graph | {COUNT}",
    "signed": FLAG,
    "similarity": f"graph | {MATRIX}",
    "check.similarity": "None",
    "targets": f"tensor of whole numbers | {IF_ASKED_FOR}",
    "time_limit": f"None | {NUMBER}",
    "trace": FLAG,
    "units": f"None | -1 | {COUNT}",
    "widths": "list",
    "within": "None | 0 | 1e-320 | Fraction | float32 | uint8 | 1",
}
"""Which odd values have an answer; a name that is not here has none to any."""

FACE = [getattr(modlib, name) for name in modlib.HOMES]
FUZZ = odd.Fuzz(
    odd.border(modlib, FACE, OPTIONS, CHECKS), VALID, where=WHERE, also=ALSO, long=LONG, taken=TAKEN
)
over_names = pytest.mark.parametrize("case", FUZZ.border.values(), ids=FUZZ.border)


@over_names
def test_what_is_valid_has_an_answer(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FUZZ.check_valid(case)


@over_names
def test_odd_values_have_an_answer_or_are_refused_by_name(
    case, tmp_path, monkeypatch, record_property
):
    monkeypatch.chdir(tmp_path)
    counts, faults = FUZZ.tried(case)
    for kind, count in counts.items():
        record_property(kind, count)
    assert not faults


def test_everything_on_the_face_is_tried():
    functions = {name for name in modlib.HOMES if inspect.isfunction(getattr(modlib, name))}
    assert functions <= {case.function.__name__ for case in FUZZ.border.values()}
    assert FUZZ.n_calls >= 2000


# ------------------------------------------------------------------------------- the fuzz itself


def says(text):
    def function(value):
        raise ValueError(text)

    return function


def warns(value):
    warnings.warn("divide by zero", RuntimeWarning, stacklevel=1)


def opens(value):
    """Read a file.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none.
    """
    raise FileNotFoundError(value)


def turns(value):
    while True:
        pass


ENDS = {
    "answer": (lambda value: value, odd.ANSWERED),
    "refused by name": (says("value must be a number. Got None."), odd.REFUSED),
    "refused by no name": (says("must be a number"), odd.FAULT),
    "refused by another name": (says("values must be numbers"), odd.FAULT),
    "named in passing": (says("could not convert value"), odd.FAULT),
    "foreign": (lambda value: value.shape, odd.FAULT),
    "foreign TypeError": (lambda value: value + 1, odd.FAULT),
    "a warning": (warns, odd.FAULT),
    "a promised error of a file": (opens, odd.PROMISED),
    "an error of a file that nobody promised": (
        lambda value: Path("/none/such").read_text(),
        odd.FAULT,
    ),
    "no end": (turns, odd.FAULT),
}


def case_of(function) -> odd.Case:
    return odd.Case("package.module.f", function, dict(signature(function).parameters), ("value",))


@pytest.mark.parametrize(("function", "kind"), ENDS.values(), ids=ENDS)
def test_how_a_call_ends_is_told(function, kind, monkeypatch):
    monkeypatch.setattr(odd, "SECONDS", 0.2)
    assert odd.outcome(case_of(function), {"value": None}, ["value"]).kind == kind


def test_an_answer_that_nobody_has_told_of_is_a_fault():
    case = case_of(lambda value: value)
    taken = {"value": "0 | 1", "f.value": "None"}
    fuzz = odd.Fuzz({case.name: case}, {"value": int}, {}, {}, set(), taken)
    counts, faults = fuzz.tried(case)
    assert counts == {odd.ANSWERED: 1, odd.FAULT: len(odd.ODD) - 1}
    assert "value: None" not in faults


def test_an_argument_of_a_new_name_asks_for_a_value():
    case = case_of(lambda value: value)
    fuzz = odd.Fuzz({case.name: case}, {}, {}, {}, set())
    with pytest.raises(AssertionError, match=r"VALID must have a value for \['value'\] of package"):
        fuzz.arguments(case)


def test_a_valid_call_that_is_refused_is_told():
    case = case_of(says("value must be another"))
    fuzz = odd.Fuzz({case.name: case}, {"value": int}, {}, {}, set())
    with pytest.raises(AssertionError, match=r"the valid call of package\.module\.f ends in "):
        fuzz.check_valid(case)


if __name__ == "__main__":
    odd.told(FUZZ)
