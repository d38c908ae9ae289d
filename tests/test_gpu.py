"""Tests of any network on a GPU: what is measured there is what is measured here."""

import copy

import numpy as np
import pytest
import torch
from networks import N_CLASSES, Attention, Recurrent, ResidualCNN, numbers, seeded
from torch import nn

import modlib as ml
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.measures import MEASURES

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))


def smooth() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, N_CLASSES))


NETWORKS = {
    "mlp": (mlp, "1", (6,)),
    "smooth": (smooth, "1", (6,)),
    "cnn": (ResidualCNN, "block1.conv1", (1, 6, 6)),
    "gru": (lambda: Recurrent("GRU", from_state=False, batch_first=True), "cells", (7, 3)),
    "lstm": (lambda: Recurrent("LSTM", from_state=True, batch_first=True), "cells", (7, 3)),
    "attention": (Attention, "embed", (5, 3)),
}


def here_and_there(name: str):
    """A network with samples on the processor, the same on the GPU, and the name of a layer."""
    build, layer, shape = NETWORKS[name]
    model = seeded(build).eval().double()
    inputs = numbers(40, *shape, seed=1).double()
    targets = torch.arange(40) % N_CLASSES
    here = model, inputs, targets
    return here, (copy.deepcopy(model).cuda(), inputs.cuda(), targets.cuda()), layer


@pytest.mark.parametrize("name", NETWORKS)
def test_matrices_on_a_gpu_are_those_on_the_processor(name):
    build, layer, shape = NETWORKS[name]
    model = seeded(build).eval().double()
    inputs = numbers(40, *shape, seed=1).double()
    targets = torch.arange(40) % N_CLASSES
    here = similarity_matrices(model, inputs, targets, layers=[layer])
    away = copy.deepcopy(model).cuda()
    for x, y in ((inputs, targets), (inputs.cuda(), targets.cuda())):
        there = similarity_matrices(away, x, y, layers=[layer])
        assert set(there) == set(here)
        for key, matrix in here.items():
            values = np.asarray(matrix)
            np.testing.assert_allclose(np.asarray(there[key]), values, atol=1e-9 * values.max())
    assert next(away.parameters()).is_cuda


@pytest.mark.parametrize("measure", [name for name in MEASURES if name != "covariance"])
def test_probes_on_a_gpu_estimate_what_is_exact_on_the_processor(measure):
    model = seeded(ResidualCNN).eval().double()
    inputs, targets = numbers(30, 1, 6, 6, seed=1).double(), torch.arange(30) % N_CLASSES
    options = {"layers": ["block1.conv1"], "measures": [measure], "conventions": ["released"]}
    (exact,) = similarity_matrices(model, inputs, targets, **options).values()
    (found,) = similarity_matrices(model.cuda(), inputs, targets, **options, probes=256).values()
    off = np.abs(found.values - exact.values) / np.maximum(found.standard_error, 1e-12)
    assert np.median(off) < 3


@pytest.mark.parametrize("null", ["rotation", "shuffle"])
@pytest.mark.parametrize("name", NETWORKS)
def test_chance_on_a_gpu_is_chance_on_the_processor(name, null):
    here, there, layer = here_and_there(name)
    found, expected = (
        ml.excess(*place, layer=layer, measure="output_sensitivity", null=null, draws=5, n_steps=50)
        for place in (there, here)
    )
    assert found.q == pytest.approx(expected.q, abs=1e-9)
    np.testing.assert_allclose(found.null, expected.null, atol=1e-9)


@pytest.mark.parametrize("ablation", ["mean", "zero"])
@pytest.mark.parametrize("name", NETWORKS)
def test_lesions_on_a_gpu_do_the_damage_of_lesions_on_the_processor(name, ablation):
    here, there, layer = here_and_there(name)
    n_units = len(ml.pairwise_similarity(*here, layer=layer, measure="covariance").units)
    options = {"layer": layer, "modules": np.arange(n_units) % 2, "draws": 10, "ablation": ablation}
    found, expected = (ml.lesion(*place, **options) for place in (there, here))
    np.testing.assert_allclose(found.damage, expected.damage, atol=1e-9)
    np.testing.assert_allclose(found.null, expected.null, atol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_synergy_on_a_gpu_is_synergy_on_the_processor(name):
    here, there, layer = here_and_there(name)
    found, expected = (np.asarray(ml.synergy(*place, layer=layer)) for place in (there, here))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert next(there[0].parameters()).is_cuda


def test_soft_modularity_and_its_slopes_on_a_gpu_are_those_on_the_processor():
    random = torch.Generator().manual_seed(0)
    similarity = torch.rand(8, 8, generator=random, dtype=torch.float64)
    similarity = similarity + similarity.T
    assignment = torch.rand(8, 3, generator=random, dtype=torch.float64).softmax(dim=1)
    answers = []
    for device in ("cpu", "cuda"):
        given = [x.to(device).requires_grad_() for x in (similarity, assignment)]
        q = ml.soft_modularity(*given)
        assert q.device.type == device
        answers.append([q.item(), *(x.cpu().numpy() for x in torch.autograd.grad(q, given))])
    for expected, found in zip(*answers, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
