"""Tests that work is done once: checks, the modularity matrix, means and passes over samples."""

import sys
from functools import wraps

import numpy as np
import pytest
import torch

from modlib import validation
from modlib.clustering.find import find_modules
from modlib.models import MLP
from modlib.objective import Objective
from modlib.optimality.certificate import certify
from modlib.similarity import closed_form, compute
from modlib.similarity.autograd import Autograd
from modlib.similarity.closed_form import ClosedForm
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import MEASURES, Measure

BLOCKS = np.kron(np.eye(2), np.ones((3, 3)))  # two cliques, apart
N_SAMPLES, N_CHUNKS = 150, 3  # of 64 samples, the last of 22
WIDTHS = (5, 8, 6, 3)


class Count:
    """How often functions were called."""

    def __init__(self, monkeypatch):
        self.calls, self.patch = {}, monkeypatch.setattr

    def counted(self, name, function):
        self.calls[name] = 0

        @wraps(function)
        def twin(*arguments, **options):
            self.calls[name] += 1
            return function(*arguments, **options)

        return twin

    def everywhere(self, function):
        """Count a function of the library in every module that has it by its name."""
        name, twin = function.__name__, self.counted(function.__name__, function)
        for module in [m for key, m in sys.modules.items() if key.startswith("modlib.")]:
            if vars(module).get(name) is function:
                self.patch(module, name, twin)

    def method(self, cls, name):
        self.patch(cls, name, self.counted(f"{cls.__name__}.{name}", getattr(cls, name)))


@pytest.fixture
def count(monkeypatch):
    return Count(monkeypatch)


# ------------------------------------------------------------------------------------- modules

WAYS = {
    "paper": lambda similarity: find_modules(similarity, search="paper"),
    "best": lambda similarity: find_modules(similarity, search="best"),
    "certify": certify,
}


@pytest.mark.parametrize("kind", [np.asarray, Similarity], ids=["array", "record"])
@pytest.mark.parametrize("way", WAYS)
def test_a_similarity_is_checked_once_and_its_modularity_matrix_built_once(count, way, kind):
    find = WAYS[way]
    find(BLOCKS)  # what is compiled on the way is compiled before counting
    count.everywhere(validation.check_similarity)
    count.method(Objective, "of")
    assert find(kind(BLOCKS)).labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert count.calls == {"check_similarity": 1, "Objective.of": 1}


# ---------------------------------------------------------------------------------- similarity


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr(compute, "LARGEST_CHUNK", 64)
    monkeypatch.setattr(closed_form, "PARTS", 1)
    monkeypatch.setattr(ClosedForm, "_part_size", lambda _: 64)
    return MLP(WIDTHS, seed=1)


def samples():
    random = torch.Generator().manual_seed(0)
    targets = torch.randint(3, (N_SAMPLES,), generator=random)
    return torch.rand(N_SAMPLES, 5, generator=random), targets


def _centred(view):
    deviations = view.activations - view.mean
    return deviations.unsqueeze(2) * deviations.unsqueeze(1)


def _plain(view):
    return view.activations.unsqueeze(2) * view.activations.unsqueeze(1)


OWN = {
    "with the mean": Measure("centred", "upstream", _centred),
    "without": Measure("plain", "upstream", _plain),
}


@pytest.mark.parametrize(
    ("measures", "n_means"),
    [
        (["input_sensitivity"], 0),
        (["output_sensitivity", "loss_hessian"], 0),
        ([OWN["without"]], 0),
        (["covariance"], 1),
        ([OWN["with the mean"]], 1),
        ([OWN["without"], OWN["with the mean"], *MEASURES], 1),
    ],
    ids=["input", "downstream", "own", "covariance", "own with the mean", "all"],
)
def test_the_mean_over_all_samples_is_taken_only_if_a_measure_asks_and_then_once(
    count, model, measures, n_means
):
    count.everywhere(compute.mean_activations)
    count.method(Autograd, "activations")
    similarity_matrices(model, *samples(), measures=measures, derivatives="autograd")
    # For both layers and both conventions at once.
    assert count.calls == {
        "mean_activations": n_means, "Autograd.activations": n_means * N_CHUNKS
    }  # fmt: skip


@pytest.mark.parametrize(
    ("derivatives", "form"), [("closed_form", ClosedForm), ("autograd", Autograd)]
)
def test_samples_are_passed_over_once_for_all_layers_measures_and_conventions(
    count, model, derivatives, form
):
    count.method(form, "sums")
    found = similarity_matrices(model, *samples(), derivatives=derivatives)
    assert len(found) == 2 * 4 * 2
    assert count.calls == {f"{form.__name__}.sums": N_CHUNKS}


@pytest.mark.parametrize(
    ("measures", "n_passes"),
    [
        # Each chunk once, for both layers.
        (["output_sensitivity"], 1),
        (["output_sensitivity", "loss_hessian"], 1),
        # And once more for the means of both layers.
        (["covariance"], 2),
        (["covariance", "output_sensitivity", OWN["with the mean"]], 2),
        # And once more for what depends on the inputs.
        (["covariance", "output_sensitivity", "input_sensitivity"], 3),
    ],
    ids=["one", "two", "the mean", "the mean twice", "both sides"],
)
def test_measures_and_layers_share_the_way_through_the_network(model, measures, n_passes):
    batches = []
    model.layers[0].register_forward_hook(lambda _, given, __: batches.append(len(given[0])))
    similarity_matrices(model, *samples(), measures=measures, derivatives="autograd")
    # Before that, a few runs of the first samples see to it that they fit.
    assert sorted(batches[-n_passes * N_CHUNKS :]) == n_passes * [22] + 2 * n_passes * [64]
    assert sum(batches[: -n_passes * N_CHUNKS]) < N_SAMPLES


def test_the_closed_form_takes_the_mean_for_the_covariance_alone(count, model):
    count.everywhere(compute.mean_activations)
    others = [name for name in MEASURES if name != "covariance"]
    similarity_matrices(model, *samples(), measures=others, derivatives="closed_form")
    assert count.calls == {"mean_activations": 0}
    similarity_matrices(model, *samples(), derivatives="closed_form")
    assert count.calls == {"mean_activations": 1}
