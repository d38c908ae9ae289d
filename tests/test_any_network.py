"""Similarity in networks of every kind, against the equations taken sample by sample."""

import dataclasses
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from networks import (
    N_CLASSES,
    N_SAMPLES,
    Attention,
    Recurrent,
    ResidualCNN,
    Transformer,
    Wired,
    chain,
    classes,
    numbers,
    seeded,
)  # fmt: skip
from torch import Tensor, nn
from torch.autograd.functional import hessian, jacobian
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import prune

import modlib as ml
from modlib.models import MLP
from modlib.similarity import derivatives
from modlib.similarity.curvature import is_piecewise_linear

CONVENTIONS = ("printed", "released")
EXACT = 1e-10  # of the largest entry: double precision through a few layers and derivatives


class Twin(NamedTuple):
    """A model, and the same cut by hand at a layer."""

    model: nn.Module
    inputs: Tensor
    layer: Any
    to: Callable[[Tensor], Tensor]
    """From one sample ``[1, ...]`` to the layer's value ``[positions, units]``."""
    after: Callable[[Tensor, Tensor], Tensor]
    """From a value that is put in its place, and the sample, to all outputs that count."""
    options: dict[str, Any] = {}  # noqa: RUF012


def by_definition(twin: Twin, targets: Tensor, loss=functional.cross_entropy) -> dict[Any, Any]:
    """Equations 1 to 4, a sample at a time."""
    samples = [twin.inputs[k : k + 1] for k in range(len(twin.inputs))]
    values = [twin.to(x).detach() for x in samples]
    mean = sum(values) / len(values)
    each: dict[str, list[Tensor]] = {measure: [] for measure in ml.MEASURES}
    for x, value, target in zip(samples, values, targets.split(1), strict=True):

        def outputs(h, x=x):
            return twin.after(h, x)

        def loss_at(h, outputs=outputs, target=target):
            return loss(outputs(h), target).sum()

        deviation = value - mean
        each["covariance"].append(torch.einsum("pi,pj->ij", deviation, deviation))
        up = jacobian(twin.to, x).flatten(2)
        each["input_sensitivity"].append(torch.einsum("pid,pjd->ij", up, up))
        down = jacobian(lambda h: outputs(h).flatten(), value)
        each["output_sensitivity"].append(torch.einsum("opi,opj->ij", down, down))
        each["loss_hessian"].append(torch.einsum("pipj->ij", hessian(loss_at, value)))
    found = {}
    for measure, matrices in each.items():
        stacked = torch.stack(matrices).numpy()
        found[measure, "printed"] = np.abs(stacked).mean(axis=0)
        found[measure, "released"] = np.abs(stacked.mean(axis=0))
    return found


def assert_close(actual, expected, relative=EXACT):
    expected = np.asarray(expected)
    assert expected.max() > 0, "a comparison with zeros would prove little"
    np.testing.assert_allclose(actual, expected, rtol=0, atol=relative * expected.max())


# ---------------------------------------------------------------------- networks cut by hand


def chain_twin(modules: Callable[[], list[nn.Module]], layer: Any, at: int, **options: Any) -> Twin:
    model = seeded(lambda: nn.Sequential(*modules()))
    flat = [m for m in model.modules() if not isinstance(m, nn.Sequential)]
    head, tail = nn.Sequential(*flat[:at]).eval(), nn.Sequential(*flat[at:]).eval()
    return Twin(model, numbers(N_SAMPLES, 3), layer, head, lambda h, x: tail(h), options)


def mlp() -> Twin:
    model = MLP((3, 4, 5, N_CLASSES), 0.5, seed=1).double().eval()
    return Twin(
        model, numbers(N_SAMPLES, 3), 2,
        lambda x: model.to_layer(x, 2), lambda h, x: model.from_layer(h, 2),
    )  # fmt: skip


def mlp_by_autograd() -> Twin:
    return mlp()._replace(options={"derivatives": "autograd"})


def gelu() -> Twin:
    return chain_twin(lambda: [nn.Linear(3, 4), nn.GELU(), nn.Dropout(0.5), nn.Linear(4, 3)], 1, 3)


def prelu() -> Twin:
    """PReLU has weights: the layer numbered 2 is what it gives."""
    return chain_twin(lambda: [nn.Linear(3, 4), nn.PReLU(4), nn.Linear(4, 3)], 2, 2)


def upstream_of_prelu() -> Twin:
    return chain_twin(lambda: [nn.Linear(3, 4), nn.PReLU(4), nn.Linear(4, 3)], "0", 1)


def nested() -> Twin:
    def modules():
        inner = nn.Sequential(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), nn.Dropout(0.5))
        return [nn.Sequential(nn.Linear(3, 4), nn.ReLU()), inner, nn.Linear(5, 3)]

    return chain_twin(modules, 2, 5)


IMAGES = numbers(N_SAMPLES, 1, 6, 6)


def as_positions(images: Tensor) -> Tensor:
    """``[1, channels, height, width]`` as ``[positions, channels]``."""
    return images.flatten(2)[0].T


def as_images(values: Tensor) -> Tensor:
    return values.T.reshape(1, 4, 3, 3)


def residual_block() -> Twin:
    net = seeded(ResidualCNN)
    return Twin(
        net, IMAGES, "block1",
        lambda x: as_positions(net.block1(net.stem(x).relu())),
        lambda h, x: net.after(as_images(h)),
    )  # fmt: skip


def within_a_residual_block() -> Twin:
    net = seeded(ResidualCNN)
    block = net.block1

    def after(h, x):
        way_past = net.stem(x).relu()
        return net.after((way_past + block.conv2(block.norm(as_images(h)).relu())).relu())

    return Twin(
        net, IMAGES, block.conv1, lambda x: as_positions(block.conv1(net.stem(x).relu())), after
    )


def pooled_channels() -> Twin:
    """A unit is a channel's mean; to move it is to move the channel at every position."""
    whole = residual_block()

    def after(h, x):
        value = whole.to(x).detach()
        return whole.after(value + (h - value.mean(0)), x)

    return whole._replace(
        to=lambda x: whole.to(x).mean(0, keepdim=True), after=after, options={"pool": "mean"}
    )


def several_layers_together() -> Twin:
    """Of stem and block, whose value the stem's has a say in."""
    net = seeded(ResidualCNN)

    def to(x):
        stem = net.stem(x)
        return torch.cat([as_positions(stem), as_positions(net.block1(stem.relu()))], dim=1)

    def after(h, x):
        moved = h - to(x).detach()
        block = net.block1((net.stem(x) + as_images(moved[:, :4])).relu())
        return net.after(block + as_images(moved[:, 4:]))

    return Twin(net, IMAGES, ["stem", net.block1], to, after)


def recurrent(kind: str, from_state: bool, **options: Any) -> Twin:
    net = seeded(lambda: Recurrent(kind, from_state, **options))
    both, first = options.get("bidirectional", False), options.get("batch_first", False)

    def to(x):
        steps, _ = net.cells(x if first else x.transpose(0, 1))
        return steps[0] if first else steps[:, 0]

    def after(h, x):
        # The state at the end is the last step; backward in time, that is the first.
        ends = torch.cat([h[-1, :4], h[0, 4:]]) if both and from_state else h[-1]
        return net.head(ends[None])

    sequences = numbers(N_SAMPLES, 6, 3)
    if first:
        return Twin(net, sequences, "cells", to, after)
    turned = Wired(lambda own, x: own.net(x.transpose(0, 1)), net=net)
    return Twin(turned, sequences, "net.cells", to, after)


def attention() -> Twin:
    net = seeded(Attention)
    tokens = numbers(N_SAMPLES, 4, 3)
    return Twin(net, tokens, "embed", lambda x: net.embed(x)[0], lambda h, x: net.after(h[None]))


def transformer(batch_first: bool) -> Twin:
    net = seeded(lambda: Transformer(batch_first))

    def block(number: int, h: Tensor) -> Tensor:
        found = net.blocks[number](h if batch_first else h.transpose(0, 1))
        return found if batch_first else found.transpose(0, 1)

    return Twin(
        net, numbers(N_SAMPLES, 4, 3), "blocks.0",
        lambda x: block(0, net.embed(x))[0],
        lambda h, x: net.head(block(1, h[None]).mean(1)),
    )  # fmt: skip


def attention_within_a_transformer() -> Twin:
    net = seeded(Transformer)
    one = net.blocks[0]

    def to(x):
        h = net.embed(x)
        return one.self_attn(h, h, h)[0][0]

    def after(h, x):
        mixed = one.norm1(net.embed(x) + h)
        first = one.norm2(mixed + one.linear2(functional.gelu(one.linear1(mixed))))
        return net.head(net.blocks[1](first).mean(1))

    return Twin(net, numbers(N_SAMPLES, 4, 3), "blocks.0.self_attn", to, after)


def called_twice() -> Twin:
    """One module called twice: two positions, the first of which has a say in the second."""

    def wiring(net, x):
        first = net.step(x).tanh()
        return net.head(first + net.step(first).tanh())

    net = seeded(lambda: Wired(wiring, step=nn.Linear(3, 3), head=nn.Linear(3, 3)))

    def to(x):
        first = net.step(x)
        return torch.cat([first, net.step(first.tanh())])

    def after(h, x):
        moved = h - to(x).detach()
        first = net.step(x) + moved[:1]
        second = net.step(first.tanh()) + moved[1:]
        return net.head(first.tanh() + second.tanh())

    return Twin(net, numbers(N_SAMPLES, 3), "step", to, after)


def called_twice_and_pooled() -> Twin:
    """A unit is its mean over the calls; to move it is to move what each of them gives."""
    apart = called_twice()

    def after(h, x):
        values = apart.to(x).detach()
        return apart.after(values + (h - values.mean(0)), x)

    return apart._replace(
        to=lambda x: apart.to(x).mean(0, keepdim=True), after=after, options={"pool": "mean"}
    )


def before_a_step_in_place() -> Twin:
    net = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 3)))
    return Twin(net, numbers(N_SAMPLES, 3), "0", net[0], lambda h, x: net[2](h.relu()))


def unrolled() -> Twin:
    """A recurrent cell called once a step: its state is its value."""

    def run(net, x, moved=None):
        state, states = x.new_zeros(len(x), 4), []
        for step in range(x.shape[1]):
            state = net.cell(x[:, step], state)
            state = state if moved is None else state + moved[step : step + 1]
            states.append(state)
        return net.head(state), states

    net = seeded(
        lambda: Wired(lambda net, x: run(net, x)[0], cell=nn.GRUCell(3, 4), head=nn.Linear(4, 3))
    )

    def to(x):
        return torch.cat(run(net, x)[1])

    return Twin(
        net, numbers(N_SAMPLES, 4, 3), "cell", to,
        lambda h, x: run(net, x, h - to(x).detach())[0],
    )  # fmt: skip


def one_of_two_branches() -> Twin:
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(torch.cat([net.left(x).relu(), net.right(x).sin()], 1)),
            left=nn.Linear(3, 4), right=nn.Linear(3, 2), head=nn.Linear(6, 3),
        )
    )  # fmt: skip
    return Twin(
        net, numbers(N_SAMPLES, 3), net.left, net.left,
        lambda h, x: net.head(torch.cat([h.relu(), net.right(x).sin()], 1)),
    )  # fmt: skip


def straight_through() -> Twin:
    """Signs, through which gradients go as they are; the twin says so by a detached difference."""
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(_Sign.apply(net.a(x)).tanh()),
            a=nn.Linear(3, 4), head=nn.Linear(4, 3),
        )
    )  # fmt: skip
    return Twin(
        net, numbers(N_SAMPLES, 3), "a", net.a,
        lambda h, x: net.head((h + (h.sign() - h).detach()).tanh()),
    )  # fmt: skip


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def branch_by_data() -> Twin:
    def wiring(net, x):
        h = net.a(x)
        kept = [net.b(one).tanh() if one[0] > 0 else one.sin() for one in h]
        return net.head(torch.stack(kept))

    net = seeded(lambda: Wired(wiring, a=nn.Linear(3, 4), b=nn.Linear(4, 4), head=nn.Linear(4, 3)))

    def after(h, x):
        return net.head(net.b(h).tanh() if net.a(x)[0, 0] > 0 else h.sin())

    return Twin(net, numbers(N_SAMPLES, 3), "a", net.a, after)


def channels_last() -> Twin:
    """A layout that the kind of module does not tell: ``[samples, height, width, channels]``."""
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.turn(net.conv(x)).tanh().mean((1, 2))),
            conv=nn.Conv2d(1, 4, 3, stride=2, padding=1), head=nn.Linear(4, 3),
            turn=Wired(lambda _, h: h.permute(0, 2, 3, 1)),
        )
    )  # fmt: skip
    return Twin(
        net, IMAGES, "turn",
        lambda x: as_positions(net.conv(x)),
        lambda h, x: net.head(h.tanh().mean(0))[None],
        {"units": -1},
    )  # fmt: skip


def features_before_steps() -> Twin:
    """``[samples, features, steps]`` after a transposition of tokens."""
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.turn(net.embed(x)).tanh().mean(2)),
            embed=nn.Linear(3, 4), head=nn.Linear(4, 3), turn=Wired(lambda _, h: h.mT),
        )
    )  # fmt: skip
    return Twin(
        net, numbers(N_SAMPLES, 5, 3), "turn",
        lambda x: net.embed(x)[0],
        lambda h, x: net.head(h.tanh().mean(0))[None],
        {"units": 1},
    )  # fmt: skip


def normalised_by_instance() -> Twin:
    """Its graph is that of a normalisation by the batch, but it is curved."""
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.norm(net.conv(x)).relu().flatten(1)),
            conv=nn.Conv2d(1, 2, 3), norm=nn.InstanceNorm2d(2), head=nn.Linear(32, 3),
        )
    )  # fmt: skip
    return Twin(
        net, IMAGES, "conv",
        lambda x: as_positions(net.conv(x)),
        lambda h, x: net.head(net.norm(h.T.reshape(1, 2, 4, 4)).relu().flatten(1)),
    )  # fmt: skip


def a_function_named_like_a_linear_one() -> Twin:
    class Copy(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, gradient):
            return 3 * ctx.saved_tensors[0] ** 2 * gradient

    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(Copy.apply(net.a(x))), a=nn.Linear(3, 4), head=nn.Linear(4, 3)
        )
    )
    return Twin(net, numbers(N_SAMPLES, 3), "a", net.a, lambda h, x: net.head(h**3))


def few_inputs_to_many_units() -> Twin:
    """So few inputs that the Jacobian is had along them, with a straight-through step before."""

    def rounded(h):
        with torch.no_grad():
            rest = h.round() - h
        return h + rest

    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.b(rounded(net.a(x))).tanh()),
            a=nn.Linear(3, 4), b=nn.Linear(4, 12), head=nn.Linear(12, 3),
        )
    )  # fmt: skip
    return Twin(
        net, numbers(N_SAMPLES, 3), "b",
        lambda x: net.b(rounded(net.a(x))), lambda h, x: net.head(h.tanh()),
    )  # fmt: skip


def few_inputs_to_a_smooth_network() -> Twin:
    return chain_twin(lambda: [nn.Linear(3, 12), nn.GELU(), nn.Linear(12, 3)], "1", 2)


TWINS = {
    build.__name__: build
    for build in (
        mlp, mlp_by_autograd, gelu, prelu, upstream_of_prelu, nested, residual_block,
        within_a_residual_block, pooled_channels, several_layers_together, attention,
        attention_within_a_transformer, called_twice, called_twice_and_pooled,
        before_a_step_in_place, unrolled, one_of_two_branches,
        straight_through, branch_by_data, channels_last, features_before_steps,
        normalised_by_instance, a_function_named_like_a_linear_one, few_inputs_to_many_units,
        few_inputs_to_a_smooth_network,
    )
} | {
    f"transformer, batch {'first' if first else 'second'}": lambda first=first: transformer(first)
    for first in (True, False)
} | {
    f"{kind}, batch {'first' if first else 'second'}, logits of {'state' if state else 'steps'}":
    lambda kind=kind, first=first, state=state: recurrent(kind, state, batch_first=first)
    for kind in ("GRU", "LSTM", "RNN") for first in (True, False) for state in (True, False)
} | {
    f"{kind} of {name}, logits of {'state' if state else 'steps'}":
    lambda kind=kind, state=state, options=options: recurrent(kind, state, **options)
    for kind in ("GRU", "LSTM") for state in (True, False)
    for name, options in {
        "both directions": {"bidirectional": True, "batch_first": True},
        "two layers, both directions": {"bidirectional": True, "num_layers": 2},
    }.items()
}  # fmt: skip


@cache
def both(kind: str) -> tuple[dict[Any, Any], dict[Any, Any]]:
    twin = TWINS[kind]()
    found = ml.similarity_matrices(
        twin.model, twin.inputs, classes(), layers=[twin.layer], **twin.options
    )
    with sdpa_kernel(SDPBackend.MATH):
        expected = by_definition(twin, classes())
    return {key[1:]: matrix for key, matrix in found.items()}, expected


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("measure", ml.MEASURES)
@pytest.mark.parametrize("kind", TWINS)
def test_the_measures_are_those_of_the_network_cut_by_hand(kind, measure, convention):
    found, expected = both(kind)
    assert_close(found[measure, convention], expected[measure, convention])


@pytest.mark.parametrize("kind", ["gelu", "residual_block", "attention", "unrolled"])
def test_one_matrix_alone_is_that_of_all_at_once(kind):
    twin = TWINS[kind]()
    for (measure, convention), expected in both(kind)[0].items():
        alone = ml.pairwise_similarity(
            twin.model, twin.inputs, classes(), twin.layer, measure, convention, **twin.options
        )
        np.testing.assert_allclose(alone, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["residual_block", "GRU, batch second, logits of steps",
                                  "called_twice", "several_layers_together"])  # fmt: skip
def test_batches_of_any_size_give_the_same(kind):
    twin = TWINS[kind]()
    for size in (1, 2, N_SAMPLES):
        batches = list(zip(twin.inputs.split(size), classes().split(size), strict=True))
        found = ml.similarity_matrices(twin.model, batches, layers=[twin.layer], **twin.options)
        for (_, *key), matrix in found.items():
            assert_close(matrix, both(kind)[0][tuple(key)].values, 1e-12)


# ------------------------------------------------------------------------------ outputs, heads


def output_forms() -> dict[str, tuple[Callable[[Tensor, Tensor], Any], Any]]:
    """What a model may give, by two tensors, and what picks the first of them."""
    record = dataclasses.make_dataclass("Record", ["aside", "scores"])
    return {
        "dictionary, logits by themselves": (lambda a, b: {"aside": b, "logits": a}, None),
        "dictionary, by key": (lambda a, b: {"aside": b, "scores": a}, "scores"),
        "tuple, by index": (lambda a, b: (b, a), 1),
        "tuple, from the end": (lambda a, b: (b, a), -1),
        "tuple with one tensor": (lambda a, b: (None, a, 3), None),
        "dataclass, by name": (lambda a, b: record(b, a), "scores"),
        "by a function": (lambda a, b: {"deep": [b, a]}, lambda output: output["deep"][1]),
    }


@pytest.mark.parametrize("form", output_forms())
def test_compound_outputs_count_as_the_part_that_is_picked(form):
    make, picks = output_forms()[form]
    plain = chain()
    net = Wired(lambda net, x: make(net.plain(x), x.sin()), plain=plain)
    found = ml.similarity_matrices(net, numbers(5, 3), classes(), layers=["plain.1"], outputs=picks)
    expected = ml.similarity_matrices(plain, numbers(5, 3), classes(), layers=["1"])
    for (_, *key), matrix in expected.items():
        np.testing.assert_array_equal(found["plain.1", *key], matrix)


def two_heads() -> tuple[nn.Module, Callable[[Any, Any], Tensor], dict[str, Tensor]]:
    net = seeded(
        lambda: Wired(
            lambda net, x: {"digit": net.digit(h := net.body(x).tanh()), "size": net.size(h)},
            body=nn.Linear(3, 4), digit=nn.Linear(4, 3), size=nn.Linear(4, 1),
        )
    )  # fmt: skip

    def loss(outputs, targets):
        digit, size = outputs
        by_digit = functional.cross_entropy(digit, targets["digit"], reduction="none")
        return by_digit + 3 * (size[:, 0] - targets["size"]) ** 2

    return net, loss, {"digit": classes(), "size": numbers(5, seed=1)}


def test_several_heads_count_together_by_a_loss_of_both():
    net, loss, targets = two_heads()
    found = ml.similarity_matrices(
        net, numbers(5, 3), targets, layers=["body"], outputs=["digit", "size"], loss=loss
    )
    weights = torch.cat([net.digit.weight, net.size.weight]).detach()
    for convention in CONVENTIONS:
        slopes = 1 - net.body(numbers(5, 3)).tanh() ** 2
        each = [s[:, None] * weights.T @ weights * s for s in slopes.detach()]
        expected = _averaged(torch.stack(each), convention)
        assert_close(found["body", "output_sensitivity", convention], expected)
    twin = Twin(
        net, numbers(5, 3), "body", net.body,
        lambda h, x: torch.cat([net.digit(h.tanh()), net.size(h.tanh())], 1),
    )  # fmt: skip

    def joined_loss(outputs, index):
        only = {name: part[index] for name, part in targets.items()}
        return loss((outputs[:, :3], outputs[:, 3:]), only)

    expected = by_definition(twin, torch.arange(5), joined_loss)
    for convention in CONVENTIONS:
        key = "loss_hessian", convention
        assert_close(found["body", *key], expected[key])


def _averaged(matrices: Tensor, convention: str) -> np.ndarray:
    return (matrices.abs().mean(0) if convention == "printed" else matrices.mean(0).abs()).numpy()


# -------------------------------------------------------------------------------- theorems


def linear_network() -> tuple[nn.Module, np.ndarray, np.ndarray]:
    model = seeded(
        lambda: nn.Sequential(nn.Linear(3, 4), nn.Identity(), nn.Linear(4, 5), nn.Linear(5, 3))
    )
    w1, w2, w3 = (model[k].weight.detach().numpy() for k in (0, 2, 3))
    return model, w2 @ w1, w3


def test_a_linear_network_has_products_of_its_weights():
    model, up, down = linear_network()
    inputs = numbers(N_SAMPLES, 3)
    found = ml.similarity_matrices(model, inputs, classes(), layers=[2])
    x = inputs.numpy() - inputs.numpy().mean(axis=0)
    assert_close(found[2, "covariance", "released"], np.abs(up @ x.T @ x @ up.T / N_SAMPLES))
    p = model(inputs).softmax(1).detach().numpy()
    spreads = [np.diag(q) - np.outer(q, q) for q in p]
    for convention in CONVENTIONS:
        assert_close(found[2, "input_sensitivity", convention], np.abs(up @ up.T))
        assert_close(found[2, "output_sensitivity", convention], np.abs(down.T @ down))
    assert_close(
        found[2, "loss_hessian", "released"], np.abs(down.T @ np.mean(spreads, axis=0) @ down)
    )
    assert_close(
        found[2, "loss_hessian", "printed"],
        np.mean([np.abs(down.T @ spread @ down) for spread in spreads], axis=0),
    )


def test_the_hessian_of_a_linear_network_by_other_losses():
    model, _, down = linear_network()
    inputs = numbers(N_SAMPLES, 3)
    squared = ml.pairwise_similarity(
        model, inputs, numbers(N_SAMPLES, 3, seed=1), 2, "loss_hessian", loss="mse"
    )
    assert_close(squared, np.abs(2 / 3 * down.T @ down))  # the mean over three outputs
    p = model(inputs).sigmoid().detach().numpy()
    targets = (numbers(N_SAMPLES, 3, seed=1) > 0).double()
    found = ml.pairwise_similarity(
        model, inputs, targets, 2, "loss_hessian", loss="bce_with_logits"
    )
    each = [np.abs(down.T @ np.diag(q * (1 - q) / 3) @ down) for q in p]
    assert_close(found, np.mean(each, axis=0))


@pytest.mark.parametrize("seed", range(3))
def test_permuting_channels_permutes_rows_and_columns(seed):
    net, targets = seeded(ResidualCNN, seed), classes()
    order = np.random.default_rng(seed).permutation(4)
    before = ml.similarity_matrices(net, IMAGES, targets, layers=["block1.conv1"])
    block = net.block1
    with torch.no_grad():
        for part in (block.conv1, block.norm):
            for tensor in (*part.parameters(), *part.buffers()):
                if tensor.dim():
                    tensor.copy_(tensor[order])
        block.conv2.weight.copy_(block.conv2.weight[:, order])
    after = ml.similarity_matrices(net, IMAGES, targets, layers=["block1.conv1"])
    for key, matrix in before.items():
        assert_close(after[key], matrix.values[np.ix_(order, order)])


@pytest.mark.parametrize("seed", range(3))
def test_permuting_positions_of_a_network_that_does_not_see_them_changes_nothing(seed):
    net, tokens = seeded(Attention, seed), numbers(N_SAMPLES, 4, 3, seed=seed)
    before = ml.similarity_matrices(net, tokens, classes(), layers=["embed"])
    after = ml.similarity_matrices(net, tokens[:, [2, 0, 3, 1]], classes(), layers=["embed"])
    for key, matrix in before.items():
        assert_close(after[key], matrix.values)


# ---------------------------------------------------------------------- curvature of the rest


def leaf() -> Tensor:
    return numbers(2, 4, 6, 6).requires_grad_()


CURVATURE = {
    "convolution, batch normalisation, relu and a residual connection": (
        lambda x: x + seeded(lambda: nn.BatchNorm2d(4))(functional.conv2d(
            x.relu(), numbers(4, 4, 3, 3), padding=1)), True),
    "pooling, padding and leaky relu": (
        lambda x: functional.leaky_relu(functional.max_pool2d(functional.pad(x, (1, 1)), 2)), True),
    "mean, stack, slice, permutation": (
        lambda x: torch.stack([x.mean(1), x[:, 0]]).permute(1, 0, 2, 3)[..., ::2], True),
    "clamped, absolute, greatest": (lambda x: x.clamp(-1, 1).abs().amax(1), True),
    "prelu": (lambda x: functional.prelu(x, torch.tensor([0.2], dtype=x.dtype)), True),
    "a product with numbers": (lambda x: (x * 3 - 1) / 7 @ numbers(6, 2), True),
    "square": (lambda x: x * x, False),
    "power": (lambda x: x**2, False),
    "product of two linear maps": (lambda x: x @ x.mT, False),
    "gelu": (functional.gelu, False),
    "softmax": (lambda x: x.softmax(-1), False),
    "attention": (lambda x: functional.scaled_dot_product_attention(x, x, numbers(6, 6)), False),
    "division by the varying": (lambda x: 1 / x, False),
    "division by its sum": (lambda x: x / x.sum(), False),
    "normalisation by the instance": (functional.instance_norm, False),
    "normalisation by the layer": (lambda x: functional.layer_norm(x, (6,)), False),
    "normalisation by the group": (lambda x: functional.group_norm(x, 2), False),
    "normalisation by the batch at hand": (
        lambda x: functional.batch_norm(x, None, None, training=True), False),
    "prelu with a varying slope": (
        lambda x: functional.prelu(x, x.mean((0, 2, 3))), False),
    "convolution with a varying kernel": (
        lambda x: functional.conv2d(x, x.mean((2, 3), keepdim=True).repeat(2, 1, 1, 1)), False),
    "a function of one's own": (_Sign.apply, False),
    "one curved part among linear ones": (lambda x: x.relu() + x.tanh().relu(), False),
}  # fmt: skip


@pytest.mark.parametrize("kind", CURVATURE)
def test_outputs_are_called_linear_between_kinks_only_where_they_are(kind):
    function, expected = CURVATURE[kind]
    assert is_piecewise_linear([function(leaf())]) is expected


@pytest.mark.parametrize("kind", [name for name, (_, linear) in CURVATURE.items() if linear])
def test_what_is_called_linear_between_kinks_has_no_second_derivative(kind):
    function, _ = CURVATURE[kind]
    x = leaf()
    first = torch.autograd.grad((function(x) ** 3).sum() / 3, x, create_graph=True)[0]
    # Along v, the second derivative of f**3 / 3 is 2 J^T (f * J v) and nothing else.
    v = numbers(2, 4, 6, 6, seed=3)
    second = torch.autograd.grad((first * v).sum(), x)[0]
    _, jv = torch.autograd.functional.jvp(function, x.detach(), v)
    _, expected = torch.autograd.functional.vjp(function, x.detach(), 2 * function(x).detach() * jv)
    torch.testing.assert_close(second, expected)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "callable"])
@pytest.mark.parametrize("kind", ["residual_block", "within_a_residual_block", "prelu", "mlp",
                                  "pooled_channels", "several_layers_together"])  # fmt: skip
def test_the_product_of_first_derivatives_is_the_hessian_by_deriving_twice(monkeypatch, kind, loss):
    twin = TWINS[kind]()
    losses = {"callable": lambda out, target: (out.exp() * (out - target[:, None]) ** 2).sum(1)}
    targets = classes() if loss != "mse" else numbers(N_SAMPLES, 3, seed=1)
    asked = [], []
    for answers, is_linear in zip(asked, (True, False), strict=True):

        def answer(outputs, answers=answers, is_linear=is_linear):
            answers.append(is_piecewise_linear(outputs))
            return is_linear

        monkeypatch.setattr(derivatives, "is_piecewise_linear", answer)
        answers.append(
            ml.pairwise_similarity(
                twin.model, twin.inputs, targets, twin.layer, "loss_hessian",
                loss=losses.get(loss, loss), derivatives="autograd",
                **{key: value for key, value in twin.options.items() if key != "derivatives"},
            )
        )  # fmt: skip
    (was_linear, short), (_, long) = asked
    assert was_linear is True
    assert_close(short, long.values)


# ------------------------------------------------------------------------------- half precision


@pytest.mark.parametrize(("dtype", "relative"), [(torch.float16, 0.02), (torch.bfloat16, 0.1)])
@pytest.mark.parametrize("kind", ["gelu", "mlp", "residual_block", "attention",
                                  "GRU, batch first, logits of steps"])  # fmt: skip
def test_half_precision_gives_finite_numbers_near_those_of_double(kind, dtype, relative):
    # Rounding is 2**-11 and 2**-8 of a number; a dozen steps and squares leave some forty of it.
    twin = TWINS[kind]()
    found = ml.similarity_matrices(
        twin.model.to(dtype), twin.inputs, classes(), layers=[twin.layer], **twin.options
    )
    for (_, *key), matrix in found.items():
        assert np.isfinite(matrix).all()
        assert_close(matrix, both(kind)[1][tuple(key)], relative)


# --------------------------------------------------------------------- the model is left alone


@contextmanager
def unchanged(model: nn.Module):
    def state():
        modules = list(model.modules())
        flags = (
            torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled,
            torch.backends.cudnn.benchmark, torch.backends.mha.get_fastpath_enabled(),
            torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.math_sdp_enabled(),
            torch.backends.cuda.mem_efficient_sdp_enabled(), torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
        )  # fmt: skip
        return (
            [m.training for m in modules],
            [(p.requires_grad, p.grad, p.detach().clone()) for p in model.parameters()],
            [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in modules],
            [b.clone() for b in model.buffers()],
            flags,
        )

    before = state()
    try:
        yield
    finally:
        after = state()
        assert before[0] == after[0]
        for (asked, gradient, weight), (asked2, gradient2, weight2) in zip(
            before[1], after[1], strict=True
        ):
            assert (asked, gradient is None) == (asked2, gradient2 is None)
            assert torch.equal(weight, weight2)
        assert before[2] == after[2]
        assert all(map(torch.equal, before[3], after[3]))
        assert before[4] == after[4]


def odd_state(model: nn.Module) -> nn.Module:
    """Some parts in training mode, some weights frozen, a hook of the user's own."""
    torch.backends.mha.set_fastpath_enabled(True)  # as it is unless a test before has changed it
    model.train()
    list(model.modules())[-1].eval()
    next(model.parameters()).requires_grad_(False)
    list(model.modules())[1].register_forward_hook(lambda *_: None)
    return model


@pytest.mark.parametrize("kind", ["gelu", "residual_block", "attention_within_a_transformer",
                                  "GRU, batch first, logits of state"])  # fmt: skip
def test_the_model_is_as_before(kind):
    twin = TWINS[kind]()
    model = odd_state(twin.model)
    with unchanged(model):
        found = ml.similarity_matrices(
            model, twin.inputs, classes(), layers=[twin.layer], **twin.options
        )
    for (_, *key), matrix in found.items():  # and it was analysed in evaluation mode
        assert_close(matrix, both(kind)[1][tuple(key)])


def fails(*_):
    raise RuntimeError("no such luck")


@pytest.mark.parametrize("kind", ["gelu", "GRU, batch first, logits of state"])
def test_the_model_is_as_before_after_an_error_too(kind):
    twin = TWINS[kind]()
    model = odd_state(twin.model)
    with unchanged(model), pytest.raises(ValueError, match="no such luck"):
        ml.pairwise_similarity(
            model, twin.inputs, classes(), twin.layer, "loss_hessian", loss=fails
        )
    with unchanged(model), pytest.raises(ValueError, match="inputs must fit the model"):
        ml.pairwise_similarity(model, [twin.inputs, twin.inputs[..., :2]], None, twin.layer)


def test_the_callers_inputs_are_unchanged_by_a_model_that_works_in_place():
    model = seeded(lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 4),
                                         nn.ReLU(inplace=True), nn.Linear(4, 3)))  # fmt: skip
    inputs, targets = numbers(5, 3), classes()
    kept = inputs.clone()
    array = kept.numpy().copy()
    plain = nn.Sequential(nn.ReLU(), model[1], nn.ReLU(), model[3])
    expected = ml.similarity_matrices(plain, kept, targets)
    for given in (inputs, array, [(inputs, targets)]):
        found = ml.similarity_matrices(model, given, None if isinstance(given, list) else targets)
        for key, matrix in expected.items():
            assert_close(found[key], matrix.values)
    assert torch.equal(inputs, kept)
    np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_a_caller_without_gradients_gets_the_same(context):
    twin = TWINS["gelu"]()
    with context():
        found = ml.similarity_matrices(twin.model, twin.inputs * 1, classes(), layers=[twin.layer])
    for (_, *key), matrix in found.items():
        assert_close(matrix, both("gelu")[1][tuple(key)])


def test_inputs_that_ask_for_gradients_get_none():
    twin = TWINS["gelu"]()
    inputs = twin.inputs.clone().requires_grad_()
    for given, targets in ((inputs, classes()), ([(inputs, classes())], None)):
        found = ml.similarity_matrices(twin.model, given, targets, layers=[1])
        for (_, *key), matrix in found.items():
            assert_close(matrix, both("gelu")[1][tuple(key)])
    assert inputs.grad is None


# ---------------------------------------------------- faults found by trying, with right values


class BuildsItself(nn.Sequential):
    def __init__(self, config=None):
        super().__init__(nn.Linear(10, 8), nn.GELU(), nn.Linear(8, 4))


def test_a_subclass_of_sequential_that_builds_itself_is_analysed_as_it_is():
    model, inputs, targets = seeded(BuildsItself), numbers(5, 10), classes(5, 4)
    found = ml.similarity_matrices(model, inputs, targets)
    plain = ml.similarity_matrices(nn.Sequential(*model), inputs, targets)
    for key, matrix in plain.items():
        assert matrix.shape == (8, 8)
        np.testing.assert_array_equal(found[key], matrix)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU])
def test_a_sequential_with_a_forward_of_its_own_is_what_it_computes(activation):
    class Doubled(nn.Sequential):
        def forward(self, x):
            return super().forward(x) * 2

    plain = seeded(lambda: nn.Sequential(nn.Linear(3, 4), activation(), nn.Linear(4, 3)))
    found = ml.similarity_matrices(Doubled(*plain), numbers(5, 3), classes())
    expected = ml.similarity_matrices(plain, numbers(5, 3), classes())
    for measure, factor in (("covariance", 1), ("input_sensitivity", 1), ("output_sensitivity", 4)):
        for convention in CONVENTIONS:
            key = 1, measure, convention
            assert_close(found[key], factor * expected[key].values)


def silenced_by_a_hook(net):
    net[1].register_forward_hook(lambda _module, _given, value: value * KEEP)


def silenced_before_the_next(net):
    net[2].register_forward_pre_hook(lambda _module, given: (given[0] * KEEP,))


def silenced_by_a_patched_forward(net):
    forward = net[1].forward
    net[1].forward = lambda x: forward(x) * KEEP


def silenced_by_a_parametrisation(net):
    class Masked(nn.Module):
        def forward(self, weight):
            return weight * KEEP[:, None]

    with torch.no_grad():
        net[0].bias[0] = 0.0
    nn.utils.parametrize.register_parametrization(net[0], "weight", Masked())


def silenced_by_pruning(net):
    with torch.no_grad():
        net[0].bias[0] = 0.0
    prune.custom_from_mask(net[0], "weight", KEEP[:, None].expand(4, 3))


KEEP = torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64)


@pytest.mark.parametrize("silence", [
    silenced_by_a_hook, silenced_before_the_next, silenced_by_a_patched_forward,
    silenced_by_a_parametrisation, silenced_by_pruning,
])  # fmt: skip
def test_a_unit_that_something_attached_silences_is_silent(silence):
    net = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)))
    before = ml.similarity_matrices(net, numbers(5, 3), classes())
    silence(net)
    after = ml.similarity_matrices(net, numbers(5, 3), classes())
    for measure in ("covariance", "input_sensitivity"):
        key = 1, measure, "printed"
        assert before[key].values[0, 0] > 0
        assert not after[key].values[0].any()
        assert_close(after[key].values[1:, 1:], before[key].values[1:, 1:])


@pytest.mark.parametrize("derivatives", ["auto", "autograd"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(value, derivatives):
    net = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)))
    with torch.no_grad():
        net[2].weight[0, 1] = value
    with pytest.raises(
        ValueError, match=r"model must have finite weights\. Got 1 that are not in '2\.weight'"
    ):
        ml.pairwise_similarity(net, numbers(5, 3), derivatives=derivatives)


def test_running_statistics_that_are_not_numbers_are_refused_by_name():
    net = seeded(ResidualCNN)
    net.block1.norm.running_mean[2] = float("nan")
    with pytest.raises(ValueError, match=r"Got 1 that are not in 'block1\.norm\.running_mean'"):
        ml.pairwise_similarity(net, IMAGES, layer="stem")


def test_a_mask_of_minus_infinity_is_no_diverged_weight():
    net = seeded(Attention)
    net.register_buffer("mask", torch.full((4, 4), -torch.inf).triu(1))
    assert ml.pairwise_similarity(net, numbers(5, 4, 3), layer="embed").values.any()


# ---------------------------------------------------- what would be silent nonsense is refused


def test_layers_that_another_sample_has_a_say_in_are_refused():
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head((net.a(x) - x.mean()).relu()),
            a=nn.Linear(3, 4), head=nn.Linear(4, 3),
        )
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"model must treat each sample by itself .* layer 'head'"):
        ml.pairwise_similarity(net, numbers(5, 3), layer="head")
    for measure in ("output_sensitivity", "loss_hessian"):
        with pytest.raises(ValueError, match=r"must treat each sample by itself .* the outputs"):
            ml.pairwise_similarity(net, numbers(5, 3), classes(), "a", measure)
    assert ml.pairwise_similarity(net, numbers(5, 3), layer="a").values.any()


def test_chance_is_refused_where_it_has_a_say():
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(functional.dropout(net.a(x).relu(), 0.5, training=True)),
            a=nn.Linear(3, 64), head=nn.Linear(64, 3),  # so that no two runs are alike by chance
        )
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"model must compute the same each time .* layer 'head'"):
        ml.pairwise_similarity(net, numbers(5, 3), layer="head")
    for measure in ("output_sensitivity", "loss_hessian"):
        with pytest.raises(ValueError, match=r"must compute the same each time .* the outputs"):
            ml.pairwise_similarity(net, numbers(5, 3), classes(), "a", measure)
    assert ml.pairwise_similarity(net, numbers(5, 3), layer="a").values.any()


@pytest.mark.parametrize("measure", ml.MEASURES)
def test_a_layer_that_only_some_samples_reach_is_refused(measure):
    def wiring(net, x):
        first = x[:, 0] > 0
        h = torch.zeros(len(x), 4, dtype=x.dtype)
        h[first] = net.a(x[first])
        return net.head(h)

    net = seeded(lambda: Wired(wiring, a=nn.Linear(3, 4), head=nn.Linear(4, 3)))
    inputs = numbers(6, 3)
    inputs[:, 0] = torch.tensor([1.0, 1, 1, 1, -1, -1])
    with pytest.raises(ValueError, match=r"layer 'a' must be reached by every sample.*4 out of 6"):
        ml.pairwise_similarity(net, inputs, classes(6), "a", measure)


def test_derivatives_that_a_model_switches_off_are_missed_not_zero():
    def wiring(net, x):
        with torch.no_grad():
            h = net.a(x)
        return net.head(h.relu())

    for n_units in (4, 40):  # by rows, and along the few inputs
        net = seeded(lambda n=n_units: Wired(wiring, a=nn.Linear(3, n), head=nn.Linear(n, 3)))
        with pytest.raises(ValueError, match=r"layer 'a' must depend on the inputs"):
            ml.pairwise_similarity(net, numbers(5, 3), None, "a", "input_sensitivity")
        with pytest.raises(ValueError, match=r"layer 'a' must have a say in the outputs"):
            ml.pairwise_similarity(net, numbers(5, 3), None, "a", "output_sensitivity")


def test_what_cannot_be_derived_is_said_by_layer_measure_and_cause():
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, gradient):
            return gradient * ctx.saved_tensors[0].exp()

    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(Once.apply(net.a(x))), a=nn.Linear(3, 4), head=nn.Linear(4, 3)
        )
    )
    with pytest.raises(
        ValueError, match=r"measure 'loss_hessian' .* layer 'a' .* says: .* only once"
    ):
        ml.pairwise_similarity(net, numbers(5, 3), classes(), "a", "loss_hessian")
    assert ml.pairwise_similarity(net, numbers(5, 3), None, "a", "output_sensitivity").values.any()


def test_where_derivatives_exist_only_backward_and_once_there_is_no_silent_zero():
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.exp()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, gradient):
            return gradient

    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.b(Once.apply(net.a(x)))),
            a=nn.Linear(3, 4), b=nn.Linear(4, 40), head=nn.Linear(40, 3),
        )
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"measure 'input_sensitivity' .* 'b' .* only once"):
        ml.pairwise_similarity(net, numbers(5, 3), None, "b", "input_sensitivity")


def test_values_that_are_not_finite_are_refused_where_they_are():
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.b((net.a(x) - 1e6).log())),
            a=nn.Linear(3, 4), b=nn.Linear(4, 4), head=nn.Linear(4, 3),
        )
    )  # fmt: skip
    with pytest.raises(
        ValueError, match=r"model must compute finite numbers\. Got 12 that are not in layer 'b'"
    ):
        ml.pairwise_similarity(net, numbers(5, 3), layer="b")
    with pytest.raises(ValueError, match=r"finite numbers\. Got 9 that are not in the outputs"):
        ml.pairwise_similarity(net, numbers(5, 3), None, "a", "output_sensitivity")


@pytest.mark.parametrize("probes", [None, 3])
@pytest.mark.parametrize("measure", ["input_sensitivity", "output_sensitivity", "loss_hessian"])
def test_derivatives_that_are_not_finite_are_refused(measure, probes):
    # The root of zero has an infinite derivative.
    net = seeded(
        lambda: Wired(
            lambda net, x: net.head(net.b((net.a(x) * 0).sqrt())),
            a=nn.Linear(3, 4), b=nn.Linear(4, 4), head=nn.Linear(4, 3),
        )
    )  # fmt: skip
    layer = "b" if measure == "input_sensitivity" else "a"
    with pytest.raises(ValueError, match=rf"measure '{measure}' must give .*finite numbers"):
        ml.pairwise_similarity(net, numbers(5, 3), classes(), layer, measure, probes=probes)
