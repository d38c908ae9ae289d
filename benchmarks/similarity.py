"""Similarity: the closed form against three ways of automatic differentiation."""

from collections import defaultdict
from functools import partial

import torch
from torch import func
from torch.autograd.functional import hessian, jacobian
from torch.nn import functional

from benchmarks.networks import data, samples, trained
from benchmarks.stopwatch import one_thread, peak_mebibytes, seconds, seconds_once
from modlib.models import MLP
from modlib.similarity.compute import similarity_matrices

N_INPUTS = 10_000
N_FUNC = 2_000  # for what takes half a minute; its cost is the same for every chunk
CHUNK = 100  # of inputs that torch.func takes at once: faster here than 10 or 1,000
PRODUCTS = 2**20  # numbers in the products of a chunk: they should stay in a cache
N_LOOP = 100  # a plain loop is too slow for more; its cost is the same for every input


def against_autograd() -> list[dict[str, object]]:
    """Four measures, two layers, absolute values inside the mean."""
    model = trained()
    ways = {
        "closed form": (partial(_all, "closed_form"), N_INPUTS, seconds),
        "automatic differentiation": (partial(_all, "autograd"), N_INPUTS, seconds_once),
        "torch.func": (with_torch_func, N_FUNC, seconds_once),
        "plain autograd loop": (_loop, N_LOOP, seconds_once),
    }
    rows = []
    for name, (way, n_inputs, stopwatch) in ways.items():
        inputs, targets = samples(n_inputs)
        spent = stopwatch(partial(way, model, inputs, targets)) * N_INPUTS / n_inputs
        memory = peak_mebibytes(partial(_prepared, way, n_inputs))
        rows.append({"way": name, "inputs": n_inputs, "seconds": spent, "mebibytes": memory})
    return [row | {"ratio": row["seconds"] / rows[0]["seconds"]} for row in rows]


def _all(derivatives: str, model: MLP, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    similarity_matrices(model, inputs, targets, conventions=["printed"], derivatives=derivatives)


@torch.no_grad()
def with_torch_func(
    model: MLP, inputs: torch.Tensor, targets: torch.Tensor
) -> dict[tuple[int, str], torch.Tensor]:
    """All four measures by ``vmap`` of ``jacrev`` and ``hessian``, summed by PyTorch alone."""
    sums = defaultdict(float)
    for layer in (1, 2):
        by_input = func.vmap(func.jacrev(partial(_hidden, model, layer)))
        by_unit = func.vmap(func.jacrev(partial(_logits, model, layer)))
        curvature = func.vmap(func.hessian(partial(_loss, model, layer), argnums=1))
        mean = model.to_layer(inputs, layer).mean(dim=0)
        for some, classes in zip(inputs.split(CHUNK), targets.split(CHUNK), strict=True):
            hidden = model.to_layer(some, layer)
            away, upstream, downstream = hidden - mean, by_input(some), by_unit(hidden)
            products = {
                "covariance": away.unsqueeze(2) * away.unsqueeze(1),
                "input_sensitivity": upstream @ upstream.mT,
                "output_sensitivity": downstream.mT @ downstream,
                "loss_hessian": curvature(classes, hidden),
            }
            for measure, product in products.items():
                sums[layer, measure] += product.abs().sum(dim=0)
    return {key: total / len(inputs) for key, total in sums.items()}


def _loop(model: MLP, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    """The three measures that differentiate, input by input, as one would write them first."""
    for layer in (1, 2):
        sums = [0.0, 0.0, 0.0]
        for sample, target in zip(inputs, targets, strict=True):
            by_input = jacobian(partial(_hidden, model, layer), sample)
            hidden = _hidden(model, layer, sample)
            by_unit = jacobian(partial(_logits, model, layer), hidden)
            loss = partial(_loss, model, layer, target)
            sums[0] += (by_input @ by_input.mT).abs()
            sums[1] += (by_unit.mT @ by_unit).abs()
            sums[2] += hessian(loss, hidden).abs()


def _hidden(model: MLP, layer: int, sample: torch.Tensor) -> torch.Tensor:
    return model.to_layer(sample.unsqueeze(0), layer).squeeze(0)


def _logits(model: MLP, layer: int, hidden: torch.Tensor) -> torch.Tensor:
    return model.from_layer(hidden.unsqueeze(0), layer).squeeze(0)


def _loss(model: MLP, layer: int, target: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(_logits(model, layer, hidden), target)


def _prepared(way, n_inputs: int):
    """In a fresh process: a network and samples, and one small call so that all is loaded."""
    model = MLP((data().n_inputs, 64, 64, data().n_classes))
    inputs, targets = samples(n_inputs)
    way(model, inputs[:10], targets[:10])
    return partial(way, model, inputs, targets)


def growth_with_inputs() -> list[dict[str, object]]:
    """Time and memory of the closed form for more and more inputs."""
    rows = []
    for n_inputs in (1_000, 10_000, 100_000):
        inputs, targets = samples(n_inputs)
        spent = seconds(partial(_all, "closed_form", trained(), inputs, targets), repeats=1)
        memory = peak_mebibytes(partial(_prepared, partial(_all, "closed_form"), n_inputs))
        rows.append({"inputs": n_inputs, "seconds": spent, "mebibytes": memory})
    return rows


def growth_with_units(n_inputs: int = 100) -> list[dict[str, object]]:
    """Time of the closed form for wider and wider layers, beside that of products alone."""
    inputs, targets = samples(n_inputs)
    rows = []
    for n_units in (16, 64, 256, 1024):
        model = MLP((data().n_inputs, n_units, n_units, data().n_classes))
        closed = partial(_all, "closed_form", model, inputs, targets)
        row = {"units": n_units, "inputs": n_inputs, "seconds": seconds(closed, repeats=1)}
        with one_thread():
            row["one_thread"] = seconds(closed, repeats=1)
            row["products"] = seconds(partial(products_alone, model, inputs), repeats=1)
        rows.append(row | {"ratio": row["one_thread"] / row["products"]})
    return rows


@torch.no_grad()
def products_alone(model: MLP, inputs: torch.Tensor) -> None:
    """The matrix products that the four measures of two layers are made of, and nothing else.

    Those of the definitions, in the precision of the network: silent units are multiplied too,
    and symmetric products made whole. What is multiplied has the right shape; no sums are taken.
    """
    first, second, last = (linear.weight for linear in model.linears)
    axes = first[:, : len(first)]  # no more of the input's than units, as by a QR decomposition
    for some in inputs.split(max(1, PRODUCTS // second.numel())):
        upstream, downstream = second.expand(len(some), -1, -1), last.expand(len(some), -1, -1)
        for _ in range(2):  # for the means, then for deviations from them
            hidden = model.to_layer(some, 2)
            model.from_layer(hidden, 2)
        for _ in range(4):  # covariance: two layers, products and their absolute values
            hidden.mT @ hidden
        by_input = upstream.contiguous() @ axes
        by_input @ by_input.mT
        by_unit = downstream.contiguous() @ second
        for _ in range(3):  # output sensitivity of the first layer, loss Hessian of both
            by_unit.mT @ by_unit
