"""Ways to compute a measure on a network cut by hand: vectorised, in a loop, and bare passes.

A matrix of one sample is written down once; the ways differ in who derives, and for how many
samples at a time.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import isqrt
from time import perf_counter

import torch
from torch import Tensor, func
from torch.autograd.functional import hessian, jacobian
from torch.nn import functional

from benchmarks.halves import Halves
from modlib.layers.network import at_rest

Derive = Callable[[Callable[..., Tensor]], Callable[..., Tensor]]
FORWARD_COST = 2  # of jacfwd, in jacrev: a direction costs about as much as two rows


# ------------------------------------------------------------------------ matrices by torch.func


def vectorized(model: Halves, inputs: Tensor, targets: Tensor, measure: str, chunk: int) -> Tensor:
    """Mean of ``|M_k|`` by ``vmap`` of ``jacrev``, ``jacfwd`` and ``hessian``."""
    with at_rest(model), torch.no_grad():
        values = model.head(inputs)
        is_wide = measure == "input_sensitivity" and (
            FORWARD_COST * inputs[0].numel() < values[0].numel()
        )
        derive = func.jacfwd if is_wide else func.jacrev
        one = partial(_matrix, model, measure, values.mean(dim=0), derive, func.hessian)
        parts = (all_of.split(chunk) for all_of in (inputs, values, targets))
        total = sum(func.vmap(one)(*some).abs().sum(dim=0) for some in zip(*parts, strict=True))
    return total / len(inputs)


def looped(model: Halves, inputs: Tensor, targets: Tensor, measure: str) -> Tensor:
    """Mean of ``|M_k|`` sample by sample and neuron by neuron, as one would write it first."""
    with at_rest(model):
        values = model.head(inputs).detach()
        derive, derive_twice = _of_a_place(jacobian), _of_a_place(hessian)
        one = partial(_matrix, model, measure, values.mean(dim=0), derive, derive_twice)
        samples = zip(inputs, values, targets, strict=True)
        return sum(one(*sample).abs() for sample in samples) / len(inputs)


def _of_a_place(derive: Callable[..., Tensor]) -> Derive:
    """What makes a derivative of a function, from what derives a function at a place."""
    return lambda function: partial(derive, function)


def _matrix(
    model: Halves,
    measure: str,
    mean: Tensor,
    derive: Derive,
    derive_twice: Derive,
    sample: Tensor,
    value: Tensor,
    target: Tensor,
) -> Tensor:
    """M_k of one sample, ``[units, units]``."""
    hidden, logits = partial(_of_one, model.head), partial(_of_one, model.tail)
    if measure == "loss_hessian":
        curved = derive_twice(lambda here: functional.cross_entropy(logits(here), target))(value)
        return _matching(curved, model.units)
    if measure == "output_sensitivity":
        rows = _rows(derive(logits)(value), model.units + 1)
    elif measure == "input_sensitivity":
        rows = _rows(derive(hidden)(sample), model.units)
    else:
        rows = _rows(value - mean, model.units)
    return rows @ rows.mT


def _of_one(half: torch.nn.Module, sample: Tensor) -> Tensor:
    return half(sample.unsqueeze(0)).squeeze(0)


def _rows(values: Tensor, axis: int) -> Tensor:
    """One row for each unit: ``[units, everything else]``."""
    return values.movedim(axis, 0).reshape(values.shape[axis], -1)


def _matching(curved: Tensor, axis: int) -> Tensor:
    """Sum second derivatives ``[*value, *value]`` over positions, each with itself."""
    n_axes, n_units = curved.dim() // 2, curved.shape[axis]
    ordered = curved.movedim((axis, axis + n_axes), (0, 1)).reshape(n_units, n_units, -1)
    n_positions = isqrt(ordered.shape[2])
    square = ordered.reshape(n_units, n_units, n_positions, n_positions)
    return square.diagonal(dim1=-2, dim2=-1).sum(dim=-1)


# ------------------------------------------------------------------------------- bare passes


def passes(model: Halves, inputs: Tensor, targets: Tensor, measure: str) -> int:
    """Make the passes that a measure needs, for all samples at once; nothing is done with them.

    Upstream, a product backward for each unit at each position or one forward for each input,
    whichever takes less; downstream, one backward for each output; for the Hessian the same where
    the tail is piecewise linear, else one for each unit at each position. Returns how many.
    """
    with at_rest(model):
        if measure == "covariance":
            model.head(inputs)
            return 1
        if measure == "input_sensitivity":
            return _run(_cheaper(_backward(model, inputs), _forward(model, inputs)))
        value = model.head(inputs).detach().requires_grad_()
        logits = model.tail(value)
        if measure == "output_sensitivity" or model.is_piecewise_linear:
            return _run((logits.shape[1], _products(logits, value)))
        loss = functional.cross_entropy(logits, targets, reduction="sum")
        (slope,) = torch.autograd.grad(loss, value, create_graph=True)
        return _run((slope[0].numel(), _products(slope, value)))


Passes = tuple[int, Iterator[object]]
"""How many passes there are, and what makes one each time it is asked."""


def _backward(model: Halves, inputs: Tensor) -> Passes:
    leaf = inputs.clone().requires_grad_()
    value = model.head(leaf)
    return value[0].numel(), _products(value, leaf)


def _forward(model: Halves, inputs: Tensor) -> Passes:
    """A product backward is linear in its vector: the derivative by that is a product forward.

    This runs the model once, and is faster here than forward mode, which runs it for each.
    """
    leaf = inputs.clone().requires_grad_()
    value = model.head(leaf)
    vector = torch.zeros_like(value, requires_grad=True)
    (slope,) = torch.autograd.grad(value, leaf, vector, create_graph=True)
    return leaf[0].numel(), _products(slope, vector)


def _products(ends: Tensor, start: Tensor) -> Iterator[object]:
    """One product backward for each number that a sample has in ``ends``."""
    flat = ends.flatten(1)
    for number in range(flat.shape[1]):
        yield torch.autograd.grad(flat[:, number].sum(), start, retain_graph=True)


def _cheaper(*ways: Passes) -> Passes:
    """The way whose passes take less time together, judged by its second."""
    return min(ways, key=lambda way: way[0] * _seconds_of_one(way[1]))


def _seconds_of_one(made: Iterator[object]) -> float:
    next(made)
    start = perf_counter()
    next(made)
    return perf_counter() - start


def _run(way: Passes) -> int:
    for _ in way[1]:
        pass
    return way[0]
