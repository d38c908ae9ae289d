"""Tests of modlib.losses: which outputs count, and their loss."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from networks import Wired, chain, classes, numbers, seeded
from torch import nn
from torch.nn import functional

import modlib as ml
from modlib.losses import LOSSES, losses, pick

A, B = numbers(5, 3), numbers(5, 2, seed=1)
WHOLE = classes()


def hessian(model, targets, loss="cross_entropy", layer=1, **options):
    return ml.pairwise_similarity(
        model, numbers(5, 3), targets, layer, "loss_hessian", loss=loss, **options
    )


def with_end(*end, n_outputs=3):
    """A chain that ends in something more."""
    return seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, n_outputs), *end))


# ------------------------------------------------------------------------------------ picking


@pytest.mark.parametrize(
    ("output", "outputs", "expected"),
    [
        (A, None, [A]),
        ((A,), None, [A]),
        ([A, None, WHOLE], None, [A]),
        ({"a": A, "logits": B}, None, [B]),
        ({"a": A}, None, [A]),
        ((A, B), 1, [B]),
        ((A, B), np.int64(-2), [A]),
        ({"a": A, 3: B}, 3, [B]),
        ({"a": A, "b": B}, ["b", "a"], [B, A]),
        ((A, B), (0, 1), [A, B]),
        (SimpleNamespace(a=A, b=B), "b", [B]),
        ((A, B), lambda both: both[0] * 2, [A * 2]),
        ((A, B), lambda both: both[::-1], [B, A]),
    ],
)
def test_what_counts_is_picked(output, outputs, expected):
    found = pick(output, outputs)
    assert len(found) == len(expected)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize(
    ("output", "outputs", "message"),
    [
        ((A, B), None, r"outputs must say which part .* counts: one of 0, 1, a list .* Got None"),
        ({"a": A, "b": B}, None, r"one of 'a', 'b', a list of them, or a function"),
        ({}, None, r"nothing that can be picked"),
        ("text", None, r"nothing that can be picked"),
        ((A, B), 2, r"outputs must be a part of the model's output \(0, 1\)\. Got 2"),
        ((A, B), -3, r"Got -3"),
        ((A, B), "a", r"Got 'a'"),
        ((A, B), 1.5, r"Got 1\.5"),
        ({"a": A}, ["a", "b"], r"\('a'\)\. Got 'b'"),
        (A, "a", r"none: it is a Tensor\)\. Got 'a'"),
        ((A, B), True, r"outputs must be a key, an index, a list of them, or a function\. Got T"),
        ((A, B), [], r"outputs must be a key, .* Got \[\]"),
        ((A, B), {}, r"outputs must be a key, .* Got \{\}"),
        ((A, WHOLE), 1, r"outputs must pick tensors of real numbers\. Got torch\.int64"),
        ((A, "text"), 1, r"outputs must pick tensors of real numbers\. Got str"),
        ((A, B), list, r"outputs must pick tensors of real numbers\. Got list"),
        ((A, B), lambda _: (), r"outputs must pick at least one tensor\. Got none"),
    ],
)
def test_what_cannot_be_picked_is_refused(output, outputs, message):
    with pytest.raises(ValueError, match=message):
        pick(output, outputs)


def test_outputs_that_are_no_part_are_refused_of_the_model_too():
    net = Wired(lambda net, x: (net.plain(x), x), plain=chain())
    for measure in ("output_sensitivity", "loss_hessian"):
        with pytest.raises(ValueError, match=r"outputs must say which part"):
            ml.pairwise_similarity(net, numbers(5, 3), classes(), "plain.1", measure)
    # What needs no outputs asks for none.
    assert ml.pairwise_similarity(net, numbers(5, 3), layer="plain.1").values.any()


def test_outputs_with_another_number_of_rows_are_refused():
    net = Wired(lambda net, x: net.plain(x).T, plain=chain())
    with pytest.raises(
        ValueError, match=r"model must give outputs with one row per sample.* Got shape \(3, 5\)"
    ):
        ml.pairwise_similarity(net, numbers(5, 3), None, "plain.1", "output_sensitivity")


def test_a_layer_without_a_say_in_the_outputs_that_count_is_refused():
    net = seeded(
        lambda: Wired(lambda net, x: (net.a(x), net.b(x)), a=nn.Linear(3, 4), b=nn.Linear(3, 3))
    )
    for measure in ("output_sensitivity", "loss_hessian"):
        with pytest.raises(ValueError, match=r"layer 'a' must have a say in the outputs"):
            ml.pairwise_similarity(net, numbers(5, 3), classes(), "a", measure, outputs=1)
    assert ml.pairwise_similarity(
        net, numbers(5, 3), None, "b", "output_sensitivity", outputs=1
    ).values.any()


# ----------------------------------------------------------------------------- losses by hand


def test_cross_entropy_is_minus_the_logarithm_of_the_probability():
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    found = losses((logits,), torch.tensor([1, 0]))
    # Probabilities of the right class: 3 / 4 and 1 / 2.
    torch.testing.assert_close(found, torch.tensor([math.log(4 / 3), math.log(2)]))


def test_cross_entropy_of_images_is_the_mean_over_pixels():
    logits, targets = numbers(2, 3, 4, 4), torch.arange(32).reshape(2, 4, 4) % 3
    logs = logits.log_softmax(1).permute(0, 2, 3, 1).reshape(-1, 3)
    expected = -logs[torch.arange(32), targets.flatten()].reshape(2, 16).mean(1)
    torch.testing.assert_close(losses((logits,), targets), expected)


def test_squared_error_is_averaged_over_the_outputs_of_a_sample():
    outputs, targets = (
        torch.tensor([[1.0, 2.0], [0.0, 0.0]]),
        torch.tensor([[0.0, 4.0], [3.0, 3.0]]),
    )
    assert losses((outputs,), targets, "mse").tolist() == [2.5, 9.0]


@pytest.mark.parametrize(("outputs", "targets"), [((5,), (5, 1)), ((5, 1), (5,)), ((5,), (5,))])
@pytest.mark.parametrize("loss", ["mse", "bce_with_logits"])
def test_a_row_and_a_column_of_numbers_are_never_broadcast(loss, outputs, targets):
    one, other = numbers(5), numbers(5, seed=1).sigmoid()
    found = losses((one.reshape(outputs),), other.reshape(targets), loss)
    expected = {
        "mse": (one - other) ** 2,
        "bce_with_logits": -(other * one.sigmoid().log() + (1 - other) * (-one).sigmoid().log()),
    }
    torch.testing.assert_close(found, expected[loss])


@pytest.mark.parametrize("loss", ["mse", "bce_with_logits"])
@pytest.mark.parametrize("shape", [(5, 3), (5,), (5, 1), (5, 2, 1)])
def test_targets_of_another_shape_are_refused(loss, shape):
    with pytest.raises(
        ValueError, match=r"targets must have the shape of the outputs, \(5, 2\)\. Got \(5"
    ):
        losses((B,), torch.zeros(shape), loss)


def test_losses_of_half_precision_are_computed_in_single():
    for name, loss in LOSSES.items():
        targets = classes() if name == "cross_entropy" else A.sigmoid().half()
        found = losses((A.half(),), targets, name)
        assert found.dtype == torch.float32
        wide = targets if name == "cross_entropy" else targets.float()
        torch.testing.assert_close(found, loss(A.half().float(), wide))


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        ("cross_entropy", classes()[:, None], r"one class per sample, shape \(5,\)\. Got \(5, 1\)"),
        ("cross_entropy", numbers(5, 3), r"one class per sample, shape \(5,\)\. Got \(5, 3\)"),
        ("cross_entropy", {"a": classes()}, r"one class per sample, .* Got dict"),
        ("cross_entropy", numbers(5), r"class numbers from 0 on\. Got torch\.float"),
        ("cross_entropy", classes() > 0, r"class numbers from 0 on\. Got torch\.bool"),
        ("cross_entropy", classes() - 1, r"class numbers from 0 on\. Got -1"),
        ("cross_entropy", classes() + 1, r"below 3, the number of logits\. Got 3"),
        ("mse", classes(), r"the shape of the outputs, \(5, 3\)\. Got \(5,\)"),
        ("mse", torch.full((5, 3), torch.nan), r"be numbers\. Got 15 NaN"),
        ("bce_with_logits", torch.full((5, 3), torch.nan), r"be numbers\. Got 15"),
        ("bce_with_logits", torch.full((5, 3), 2.0), r"within \[0, 1\].* Got 2 to 2"),
    ],
)
def test_targets_that_do_not_fit_the_loss_are_refused(loss, targets, message):
    with pytest.raises(ValueError, match=rf"targets must .*{message}"):
        hessian(chain(), targets, loss)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (classes() + 1, r"below 3"),
        (classes()[:, None], r"shape \(5,\)\. Got \(5, 1\)"),
        ({"a": classes()}, r"Got dict"),
    ],
)
def test_the_closed_form_refuses_the_same_targets(targets, message):
    model = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)))
    with pytest.raises(ValueError, match=rf"targets must .*{message}"):
        hessian(model, targets)


# ---------------------------------------------------------------------------- losses of one's own


def test_a_loss_of_ones_own_may_be_that_of_the_library():
    own = {
        "cross_entropy": nn.CrossEntropyLoss(reduction="none"),
        "mse": lambda out, target: ((out - target) ** 2).mean(1),
    }
    for name, targets in (("cross_entropy", classes()), ("mse", numbers(5, 3, seed=2))):
        np.testing.assert_allclose(
            hessian(chain(), targets, own[name]), hessian(chain(), targets, name), rtol=1e-11
        )


def test_the_scale_of_a_loss_scales_its_hessian():
    def thrice(outputs, targets):
        return 3 * functional.cross_entropy(outputs, targets, reduction="none")

    np.testing.assert_allclose(
        hessian(chain(), classes(), thrice), 3 * hessian(chain(), classes()).values, rtol=1e-11
    )


def test_a_loss_that_is_linear_in_the_outputs_of_a_linear_rest_has_no_hessian():
    weights = torch.ones(3, dtype=torch.float64, requires_grad=True)
    for loss in (lambda outputs, _: outputs.sum(1), lambda outputs, _: (outputs * weights).sum(1)):
        assert not hessian(chain(), classes(), loss).values.any()


def test_targets_may_be_whatever_a_loss_of_ones_own_takes():
    targets = {"at": classes(), "by": numbers(5).abs()}

    def weighted(outputs, targets):
        each = functional.cross_entropy(outputs, targets["at"], reduction="none")
        return each * targets["by"]

    single = [
        weight * hessian(chain(), classes(), lambda o, t, k=k: _only(o, t, k)).values * 5
        for k, weight in enumerate(targets["by"].tolist())
    ]
    np.testing.assert_allclose(
        hessian(chain(), targets, weighted), np.sum(single, axis=0) / 5, rtol=1e-10
    )


def _only(outputs, targets, k):
    each = functional.cross_entropy(outputs, targets, reduction="none")
    return each * (torch.arange(len(each)) == k)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (nn.CrossEntropyLoss(), r"give one number per sample, .* Got \(\): .* reduction="),
        (lambda out, _: out, r"give one number per sample, shape \(5,\)\. Got \(5, 3\)"),
        (lambda *_: None, r"give one number per sample, shape \(5,\)\. Got NoneType"),
        ("hinge", r"be one of 'cross_entropy', 'mse', 'bce_with_logits'\. Got 'hinge'"),
        (None, r"be one of .* Got None"),
    ],
)
def test_losses_that_are_none_are_refused(loss, message):
    with pytest.raises(ValueError, match=rf"loss must {message}"):
        hessian(chain(), classes(), loss)


def test_a_loss_by_name_is_refused_for_several_outputs():
    net = Wired(lambda net, x: (net.plain(x), net.plain(x) * 2), plain=chain())
    for loss in LOSSES:
        with pytest.raises(ValueError, match=r"loss must be a function where several .* 2 here"):
            hessian(net, classes(), loss, "plain.1", outputs=[0, 1])


# -------------------------------------------------------------------------- logits and their ends


@pytest.mark.parametrize("squeezed", [False, True])
def test_cross_entropy_of_a_single_logit_is_refused(squeezed):
    model = with_end(*[nn.Flatten(0)] * squeezed, n_outputs=1)
    with pytest.raises(
        ValueError, match=r"loss must be another than 'cross_entropy' .* Got outputs of shape .*"
        r"loss='bce_with_logits', for a number loss='mse'"
    ):  # fmt: skip
        hessian(model, torch.zeros(5, dtype=torch.long))
    # Served by the loss that it is made for: w p (1 - p) w^T at the last hidden layer.
    found = hessian(model, classes(5, 2), "bce_with_logits")
    w = model[2].weight.detach()
    p = model(numbers(5, 3)).sigmoid().detach().reshape(-1, 1, 1)
    np.testing.assert_allclose(found, (w.T @ w * p * (1 - p)).abs().mean(0), rtol=1e-11)


def functional_end(function):
    return Wired(lambda _, x: function(x))


@pytest.mark.parametrize("loss", ["cross_entropy", "bce_with_logits"])
@pytest.mark.parametrize(
    "end",
    [
        [nn.Softmax(1)], [nn.Sigmoid()], [nn.Sigmoid(), nn.Identity()], [nn.Hardsigmoid()],
        [functional_end(lambda x: x.softmax(1))], [functional_end(torch.sigmoid)],
        [functional_end(lambda x: x.sigmoid().reshape(-1, 3))],
    ],
    ids=["Softmax", "Sigmoid", "Sigmoid and Identity", "Hardsigmoid", "softmax", "sigmoid",
         "sigmoid in another shape"],
)  # fmt: skip
def test_probabilities_are_refused_by_losses_of_logits(end, loss):
    targets = classes() if loss == "cross_entropy" else numbers(5, 3).sigmoid()
    with pytest.raises(
        ValueError, match=rf"model must end in logits for loss='{loss}'.* Got probabilities: "
    ):
        hessian(with_end(*end), targets, loss)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_probabilities_of_lower_precision_are_refused_too(dtype):
    model = with_end(functional_end(lambda x: (3 * x).softmax(1)), n_outputs=10).to(dtype)
    with pytest.raises(ValueError, match=r"model must end in logits"):
        hessian(model, classes())


def test_the_loss_of_probabilities_can_be_given():
    def minus_log(probabilities, targets):
        return functional.nll_loss(probabilities.log(), targets, reduction="none")

    found = hessian(with_end(nn.Softmax(1)), classes(), minus_log)
    np.testing.assert_allclose(found, hessian(with_end(), classes()), rtol=1e-10)


def test_logarithms_of_probabilities_are_logits_as_good_as_any():
    found = hessian(with_end(nn.LogSoftmax(1)), classes())
    np.testing.assert_allclose(found, hessian(with_end(), classes()), rtol=1e-10)


def test_a_gate_that_is_called_last_is_no_end_in_probabilities():
    net = seeded(
        lambda: Wired(
            lambda net, x: 5 * net.head(net.body(x).tanh()) * net.gate(net.open(x)),
            body=nn.Linear(3, 4), head=nn.Linear(4, 3), open=nn.Linear(3, 3), gate=nn.Sigmoid(),
        )
    )  # fmt: skip
    w = net.head.weight.detach()
    weights = [
        5 * gate[:, None] * w * (1 - h**2)
        for gate, h in zip(
            net.open(numbers(5, 3)).sigmoid().detach(),
            net.body(numbers(5, 3)).tanh().detach(), strict=True,
        )
    ]  # fmt: skip
    found = ml.pairwise_similarity(net, numbers(5, 3), None, "body", "output_sensitivity")
    np.testing.assert_allclose(
        found, torch.stack([v.T @ v for v in weights]).abs().mean(0), rtol=1e-11
    )
    assert hessian(net, classes(), layer="body").values.any()


def test_probabilities_beside_the_logits_that_count_are_nobodys_concern():
    plain = chain()
    net = Wired(
        lambda net, x: {"logits": (out := net.plain(x)), "shares": net.shares(out)},
        plain=plain, shares=nn.Softmax(1),
    )  # fmt: skip
    np.testing.assert_array_equal(
        hessian(net, classes(), layer="plain.2"), hessian(plain, classes(), layer="2")
    )
