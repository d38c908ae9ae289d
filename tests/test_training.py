"""Tests of experiments.training: against a plain PyTorch loop, and to the bit; and its files."""

import json
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from oracles import PlainNetwork, draw_kept, train_plainly
from safetensors.torch import save_file
from torch.nn import functional
from torch.nn.utils import parameters_to_vector

from experiments import weights as files
from experiments.config import TrainingConfig
from experiments.data import Dataset, load, split
from experiments.training import stack as stacking
from experiments.training.run import evaluate
from experiments.training.stack import Stack
from experiments.training.train import train
from experiments.weights import load_weights, save_weights
from modlib.models import MLP

SHORT = TrainingConfig(hidden=(12, 8), max_epochs=3, batch_size=100, learning_rate=3e-3)


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield torch.float64
    torch.set_default_dtype(torch.float32)


def in_type(data, dtype):
    return replace(
        data, train_inputs=data.train_inputs.to(dtype), test_inputs=data.test_inputs.to(dtype)
    )


def toy(n=60, n_inputs=5, n_classes=3, seed=0, dtype=torch.float32):
    """A data set whose classes are drawn, so that nothing can be learnt from validation."""
    random = torch.Generator().manual_seed(seed)
    inputs = torch.rand(n, n_inputs, generator=random, dtype=torch.float64).to(dtype)
    targets = torch.randint(n_classes, (n,), generator=random)
    targets[:n_classes] = torch.arange(n_classes)
    return Dataset("toy", inputs, targets, inputs, targets)


def bits(network):
    return [parameter.detach().numpy().tobytes() for parameter in network.model.parameters()]


def same(one, other):
    """The same network and the same history, to the bit."""
    return (
        bits(one) == bits(other)
        and one.history == other.history
        and (one.seed, one.best_epoch) == (other.seed, other.best_epoch)
    )


# --------------------------------------------------------------------------- the hand-made parts


def gradient_of(stack, row):
    """The gradient of one network, in the order of its parameters."""
    parts = [part[row].flatten() for layer in stack.layer_gradients for part in layer]
    return torch.cat(parts).clone()


@pytest.mark.parametrize(
    "penalty",
    [{}, {"l1": 0.3}, {"l2": 0.2}, {"l1": 0.1, "l2": 0.5},
     {"l2": 0.5, "penalty": "l1", "penalty_strength": 0.1}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("widths", [(5, 4, 3), (5, 7, 6, 3), (4, 3, 6, 2, 5)], ids=str)
def test_the_stacked_gradient_equals_autograd(float64, widths, penalty):
    config = TrainingConfig(**{"l2": 0.0} | penalty)
    models = [MLP(widths, seed=seed) for seed in (0, 1, 2)]
    data = [toy(11, widths[0], widths[-1], seed, float64) for seed in (3, 4, 5)]
    with torch.inference_mode():
        stack = Stack(models, config)
        values = stack.forward(torch.stack([d.train_inputs for d in data]), runs=[])
        targets = torch.stack([d.train_targets for d in data])
        error = values[-1].softmax(2) - functional.one_hot(targets, widths[-1])
        stack.backward(values, error / 11)
    for row, (model, d) in enumerate(zip(models, data, strict=True)):
        loss = functional.cross_entropy(model(d.train_inputs), d.train_targets)
        for linear in model.layers:  # weight matrices only, biases excepted
            l1 = config.l1 + config.penalty_strength  # the further penalty is an L1, if any
            loss = loss + l1 * linear.weight.abs().sum()
            loss = loss + config.l2 * linear.weight.square().sum()
        expected = parameters_to_vector(torch.autograd.grad(loss, list(model.parameters())))
        torch.testing.assert_close(gradient_of(stack, row), expected, rtol=0, atol=1e-14)


def test_the_stacked_gradient_equals_autograd_through_dropout(float64):
    config = TrainingConfig(dropout=0.4, l2=0.0)
    model, data = MLP((5, 8, 7, 3), 0.4, seed=1), toy(20, dtype=float64)

    class Run:
        silencing = torch.Generator().manual_seed(7)

    with torch.inference_mode():
        stack = Stack([model], config)
        values = stack.forward(data.train_inputs[None], [Run])
        error = values[-1].softmax(2) - functional.one_hot(data.train_targets, 3)
        stack.backward(values, error / 20)
    random, hidden = torch.Generator().manual_seed(7), data.train_inputs
    for linear in list(model.layers)[:-1]:
        kept = draw_kept(torch.empty(20, linear.out_features), 0.6, random)
        hidden = torch.relu(linear(hidden)) * kept / 0.6
    loss = functional.cross_entropy(model.layers[-1](hidden), data.train_targets)
    expected = parameters_to_vector(torch.autograd.grad(loss, list(model.parameters())))
    torch.testing.assert_close(gradient_of(stack, 0), expected, rtol=0, atol=1e-14)


def test_adam_steps_equal_those_of_torch(float64):
    model = MLP((4, 3, 2), seed=0)
    with torch.inference_mode():
        stack = Stack([model], TrainingConfig(l2=0.0))
    plain = torch.nn.Parameter(stack.parameters[0].clone())
    optimizer = torch.optim.Adam([plain], lr=0.05)
    random = torch.Generator().manual_seed(0)
    for _ in range(20):
        gradient = torch.randn(len(plain), generator=random)
        plain.grad = gradient.clone()
        optimizer.step()
        with torch.inference_mode():
            stack.gradient[0] = gradient
            stack.adam_step(torch.tensor([0.05]))
    torch.testing.assert_close(stack.parameters[0], plain.detach().clone(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_adam_equals_its_twin_in_torch(dtype):
    random = torch.Generator().manual_seed(0)
    state = [torch.rand(3, 50, generator=random, dtype=dtype) for _ in range(4)]
    twin = [tensor.clone() for tensor in state]
    rates = torch.tensor([0.1, 0.2, 0.3], dtype=dtype)
    numbers = 0.05, *stacking.ADAM_BETAS, stacking.ADAM_EPSILON
    arrays = [tensor.numpy() for tensor in (*state, rates)]
    stacking.adam(*arrays, *map(arrays[0].dtype.type, numbers))
    stacking._adam_in_torch(*twin, rates, *numbers)
    torch.testing.assert_close(state, twin, rtol=10 * torch.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.7, 0.99])
def test_units_are_silenced_at_the_rate_and_independently(rate):
    class Run:
        silencing = torch.Generator().manual_seed(0)

    stack = Stack([MLP((4, 3, 2))], TrainingConfig(dropout=rate))
    silent = stack._dropout_mask(torch.ones(1, 1000, 200), [Run])[0] == 0
    # Five standard deviations of a mean of 200,000, and of the product of two neighbours.
    sigma = (rate * (1 - rate) / 200_000) ** 0.5
    assert silent.double().mean().item() == pytest.approx(rate, abs=5 * sigma)
    deviation = silent.double() - rate
    for left, right in [(deviation[:, 1:], deviation[:, :-1]), (deviation[1:], deviation[:-1])]:
        assert abs((left * right).mean().item()) < 5 * rate * (1 - rate) / 199_000**0.5


def test_dropout_keeps_the_expected_activation():
    # 200,000 activations are kept with probability 0.7 and divided by 0.7: their mean has a
    # standard deviation of sqrt(0.3 / 0.7 / 200,000) = 0.0015, and four of those are allowed.
    class Run:
        silencing = torch.Generator().manual_seed(0)

    stack = Stack([MLP((4, 3, 2))], TrainingConfig(dropout=0.3))
    mask = stack._dropout_mask(torch.ones(1, 1000, 200), [Run])
    assert set(mask.unique().tolist()) == {0.0, float(torch.tensor(1.0) / torch.tensor(0.7))}
    assert mask.mean().item() == pytest.approx(1, abs=0.006)


# ----------------------------------------------------------------------- against a plain loop

RECIPES = {
    "l2": {"l2": 1e-2},
    "l1": {"l1": 1e-3, "l2": 1e-5},
    "dropout": {"dropout": 0.3},
    "plain": {"l2": 0.0},
    "one hidden layer": {"hidden": (10,)},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_training_equals_a_plain_pytorch_loop(digits, float64, recipe):
    # In float64 21 steps an epoch on other orders of summation leave a difference near 1e-12.
    config, data = replace(SHORT, **recipe), in_type(digits, float64)
    for network in train(config, data, [4, 9]):
        weights, history = train_plainly(config, data, network.seed)
        torch.testing.assert_close(
            dict(network.model.state_dict()), dict(weights), rtol=0, atol=1e-10
        )
        assert len(network.history) == len(history) == 3
        for epoch, expected in zip(network.history, history, strict=True):
            assert epoch == pytest.approx(expected, rel=1e-9)


def test_training_in_float32_equals_a_plain_pytorch_loop(digits):
    # Adam divides by the root of the squared gradient, so it turns rounding of small gradients
    # into steps of the size of the learning rate, 3e-3; 39 steps of it remain far below one.
    network = train(SHORT, digits, [4])[0]
    weights, history = train_plainly(SHORT, digits, 4)
    torch.testing.assert_close(dict(network.model.state_dict()), dict(weights), rtol=0, atol=1e-3)
    for epoch, expected in zip(network.history, history, strict=True):
        assert epoch["validation_loss"] == pytest.approx(expected["validation_loss"], rel=1e-3)


def test_schedule_and_early_stopping_equal_those_of_a_plain_loop(float64):
    # The classes are noise: the validation loss soon rises, the rate falls and training stops.
    config = TrainingConfig(
        hidden=(8, 8), max_epochs=60, batch_size=10, learning_rate=0.02, patience=6,
        plateau_patience=1, validation_fraction=0.3,
    )  # fmt: skip
    data = toy(dtype=float64)
    networks = train(config, data, [0, 1, 2])
    lengths = set()
    for network in networks:
        weights, history = train_plainly(config, data, network.seed)
        assert len(network.history) == len(history) < 60
        lengths.add(len(history))
        assert history[-1]["learning_rate"] < 0.02
        for epoch, expected in zip(network.history, history, strict=True):
            assert epoch == pytest.approx(expected, rel=1e-8)
        torch.testing.assert_close(
            dict(network.model.state_dict()), dict(weights), rtol=0, atol=1e-9
        )
    assert len(lengths) > 1, "networks should stop at different epochs"


# -------------------------------------------------------------------------------- to the bit


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_same_seed_gives_the_same_bits(digits, recipe):
    config = replace(SHORT, max_epochs=2, **recipe)
    first, again = (train(config, digits, [3])[0] for _ in range(2))
    assert same(first, again)
    assert bits(train(config, digits, [4])[0]) != bits(first)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_network_does_not_depend_on_those_beside_it(digits, recipe):
    config = replace(SHORT, max_epochs=2, **recipe)
    alone = train(config, digits, [3])[0]
    for seeds in ([3, 8], [8, 3, 1, 5], range(7)):
        together = {network.seed: network for network in train(config, digits, seeds)}
        assert list(together) == list(seeds)
        assert same(together[3], alone)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_network_does_not_depend_on_others_that_stop_earlier(dropout):
    config = TrainingConfig(
        hidden=(8, 8), dropout=dropout, max_epochs=60, batch_size=10, learning_rate=0.02,
        patience=3, validation_fraction=0.3,
    )  # fmt: skip
    data = toy()
    together = train(config, data, range(5))
    lengths = [len(network.history) for network in together]
    assert len(set(lengths)) > 2, "networks should stop at different epochs"
    for network in together:
        assert same(network, train(config, data, [network.seed])[0])


def test_bits_do_not_depend_on_the_number_of_threads_which_is_restored(digits):
    before = torch.get_num_threads()
    try:
        results = []
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            results.append(train(replace(SHORT, hidden=(64, 64), max_epochs=1), digits, [0, 1]))
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    for networks in results[1:]:
        assert all(map(same, networks, results[0]))


def test_the_number_of_threads_is_restored_after_a_failure(digits):
    def fail(epoch, seeds):
        raise KeyboardInterrupt

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyboardInterrupt):
            train(SHORT, digits, [0], progress=fail)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_global_random_state_is_neither_read_nor_changed(digits):
    config = replace(SHORT, max_epochs=1, dropout=0.2)
    torch.manual_seed(1)
    first = train(config, digits, [0])[0]
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert same(train(config, digits, [0])[0], first)
    assert (torch.get_rng_state() == state).all()


def test_dropout_changes_neither_initial_weights_nor_batches(digits):
    plain, silenced = (
        train(replace(SHORT, max_epochs=0, dropout=p), digits, [5])[0] for p in (0.0, 0.5)
    )
    assert bits(plain) == bits(silenced)


def test_data_are_unchanged(digits):
    copy = deepcopy(digits)
    train(replace(SHORT, max_epochs=1), digits, [0, 1])
    for name in ("train_inputs", "train_targets", "test_inputs", "test_targets"):
        assert (getattr(digits, name) == getattr(copy, name)).all()


# --------------------------------------------------------------------- stopping, and what is kept


def validation_of(config, data, seed):
    _, validation = split(len(data.train_inputs), config.validation_fraction, seed)
    return data.train_inputs[validation], data.train_targets[validation]


NOISE = TrainingConfig(
    hidden=(8, 8), max_epochs=60, batch_size=10, learning_rate=0.02, patience=4,
    plateau_patience=1, plateau_factor=0.5, validation_fraction=0.3,
)  # fmt: skip


@pytest.mark.parametrize("patience", [1, 4])
def test_training_stops_after_patience_epochs_without_a_better_loss(patience):
    config = replace(NOISE, patience=patience)
    for network in train(config, toy(), range(4)):
        losses = [epoch["validation_loss"] for epoch in network.history]
        best = int(np.argmin(losses)) + 1
        assert network.best_epoch == best
        assert len(losses) == best + patience < config.max_epochs
        # At no earlier epoch had there been as many without a better one.
        bests = [i for i, loss in enumerate(losses) if loss == min(losses[: i + 1])]
        assert all(later - earlier <= patience for earlier, later in pairwise(bests))


def test_the_weights_of_the_best_validation_loss_are_kept():
    data = toy()
    for network in train(NOISE, data, range(4)):
        losses = [epoch["validation_loss"] for epoch in network.history]
        assert min(losses) < losses[-1]
        loss, accuracy = evaluate(network.model, *validation_of(NOISE, data, network.seed))
        assert loss == min(losses)
        assert accuracy == network.history[network.best_epoch - 1]["validation_accuracy"]


def test_the_rate_falls_by_the_factor_after_a_plateau():
    # As in torch.optim.lr_scheduler.ReduceLROnPlateau: an epoch counts as bad if its loss is not
    # below (1 - 1e-4) times the best; after more than 1 bad epoch the rate is halved.
    fell = False
    for network in train(NOISE, toy(), range(4)):
        rate, best, bad = NOISE.learning_rate, float("inf"), 0
        for epoch in network.history:
            assert epoch["learning_rate"] == pytest.approx(rate, rel=1e-15)
            if epoch["validation_loss"] < best * (1 - 1e-4):
                best, bad = epoch["validation_loss"], 0
            else:
                bad += 1
            if bad > NOISE.plateau_patience:
                rate, bad, fell = rate * 0.5, 0, True
    assert fell


def test_no_epochs_leave_the_initial_weights(digits):
    networks = train(replace(SHORT, max_epochs=0), digits, [6, 2])
    for network, seed in zip(networks, [6, 2], strict=True):
        initial = MLP((64, 12, 8, 10), seed=seed).state_dict()
        assert all((network.model.state_dict()[name] == initial[name]).all() for name in initial)
        assert network.history == []
        assert network.best_epoch == 0


def test_an_untrained_network_guesses(digits):
    # All classes about equally likely: the loss is about ln 10 = 2.30.
    network = train(replace(SHORT, max_epochs=0, hidden=(64, 64)), digits, [0])[0]
    loss, accuracy = evaluate(network.model, digits.test_inputs, digits.test_targets)
    assert loss == pytest.approx(np.log(10), abs=0.1)
    assert accuracy < 0.3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_digits_are_learnt_on_a_gpu(digits):
    data = digits.to("cuda")
    (found,) = train(TrainingConfig(dropout=0.1, max_epochs=40), data, [0])
    assert next(found.model.parameters()).device.type == "cuda"
    assert evaluate(found.model, data.test_inputs, data.test_targets)[1] > 0.9


def is_flushed() -> bool:
    return (torch.full((1,), 1e-310, dtype=torch.float64) * 1).item() == 0


@pytest.mark.parametrize("before", [False, True])
def test_the_smallest_numbers_count_as_zero_in_training_only(digits, before):
    seen = []
    torch.set_flush_denormal(before)
    try:
        train(SHORT, digits, [0], progress=lambda *_: seen.append(is_flushed()))
        assert seen == [True] * 3
        assert is_flushed() is before
    finally:
        torch.set_flush_denormal(False)


def test_digits_are_learnt(trained, digits):
    loss, accuracy = evaluate(trained, digits.test_inputs, digits.test_targets)
    assert accuracy > 0.9
    assert loss < 0.5


def test_mnist_is_learnt_in_one_epoch(mnist_root):
    mnist = load("mnist", mnist_root)
    network = train(TrainingConfig(max_epochs=1), mnist, [0])[0]
    assert network.model.widths == (784, 64, 64, 10)
    assert evaluate(network.model, mnist.test_inputs, mnist.test_targets)[1] > 0.9


def test_a_strong_penalty_leaves_small_weights(digits):
    weak, strong = (
        train(replace(SHORT, l2=l2, max_epochs=5), digits, [0])[0].model for l2 in (0.0, 0.1)
    )
    assert sum(w.norm() for w in strong.parameters()) < sum(w.norm() for w in weak.parameters())


def test_networks_come_in_evaluation_mode_without_gradients(digits):
    network = train(replace(SHORT, max_epochs=1, dropout=0.5), digits, [0])[0]
    assert not any(module.training for module in network.model.modules())
    assert not any(parameter.requires_grad for parameter in network.model.parameters())
    assert not any(parameter.is_inference() for parameter in network.model.parameters())
    assert network.model.dropout == 0.5


def test_progress_is_told_each_epoch_who_is_still_training():
    calls = []
    networks = train(NOISE, toy(), [3, 1], progress=lambda *call: calls.append(call))
    assert [epoch for epoch, _ in calls] == list(range(1, len(calls) + 1))
    for epoch, seeds in calls:
        assert seeds == [n.seed for n in networks if len(n.history) > epoch]
    assert calls[-1][1] == []


def test_a_batch_larger_than_the_data_is_all_of_it(float64):
    config = replace(NOISE, batch_size=10_000, max_epochs=2)
    network = train(config, toy(dtype=float64), [0])[0]
    weights, _ = train_plainly(config, toy(dtype=float64), 0)
    torch.testing.assert_close(dict(network.model.state_dict()), dict(weights), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "seeds", [[], [1, 1], [1, np.int64(1)], 3, None, ["a"], [[1]], [True], [1.0]]
)
def test_seeds_must_be_whole_numbers_each_once(digits, seeds):
    with pytest.raises(
        ValueError, match=r"seeds must be one or more whole numbers, each once. Got"
    ):
        train(SHORT, digits, seeds)


def test_seeds_must_not_be_negative(digits):
    with pytest.raises(ValueError, match=r"seed must be a whole number, 0 or more. Got -1"):
        train(SHORT, digits, [-1])


# ------------------------------------------------------------------------------------ evaluation


def test_evaluation_gives_mean_cross_entropy_and_accuracy():
    # Logits (x, -x) of h = relu(x): class 0 has probability 1 / (1 + exp(-2 h)).
    model = MLP((1, 1, 2))
    with torch.no_grad():
        model.layers[0].weight.fill_(1.0)
        model.layers[0].bias.zero_()
        model.layers[1].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        model.layers[1].bias.zero_()
    loss, accuracy = evaluate(model, torch.tensor([[1.0], [2.0]]), torch.tensor([0, 1]))
    assert loss == pytest.approx((np.log1p(np.exp(-2)) + np.log1p(np.exp(4))) / 2, rel=1e-6)
    assert accuracy == 0.5


def test_evaluation_has_no_dropout_and_restores_the_mode(digits):
    model = MLP((64, 12, 10), dropout=0.9, seed=1).train()
    plain = PlainNetwork((64, 12, 10), 0.9, seed=1).eval()
    expected = functional.cross_entropy(plain(digits.test_inputs), digits.test_targets).item()
    loss, _ = evaluate(model, digits.test_inputs, digits.test_targets)
    assert loss == pytest.approx(expected, rel=1e-6)
    assert model.training


# ----------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("widths", [(64, 12, 8, 10), (5, 4, 3)], ids=str)
def test_a_network_is_read_back_to_the_bit(tmp_path, widths):
    model = MLP(widths, dropout=0.35, seed=7)
    save_weights(model, tmp_path / "network.safetensors")
    back = load_weights(tmp_path / "network.safetensors")
    assert (back.widths, back.dropout) == (widths, 0.35)
    for name, tensor in model.state_dict().items():
        assert back.state_dict()[name].numpy().tobytes() == tensor.numpy().tobytes()
    assert not back.training
    assert not any(parameter.requires_grad for parameter in back.parameters())
    assert [path.name for path in tmp_path.iterdir()] == ["network.safetensors"]


def test_a_trained_network_is_read_back(tmp_path, trained, digits):
    save_weights(trained, str(tmp_path / "network"))
    back = load_weights(str(tmp_path / "network"))
    assert evaluate(back, digits.test_inputs, digits.test_targets) == evaluate(
        trained, digits.test_inputs, digits.test_targets
    )


def test_the_file_is_safetensors_and_no_pickle(tmp_path):
    # The format: the length of the header in 8 bytes, then the header as JSON.
    save_weights(MLP((5, 4, 3)), tmp_path / "network")
    content = (tmp_path / "network").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    checksum = header["__metadata__"].pop("sha256")
    assert len(bytes.fromhex(checksum)) == 32
    assert header["__metadata__"] == {"widths": "[5, 4, 3]", "dropout": "0.0"}
    assert header["layers.0.weight"]["shape"] == [4, 5]


def test_saving_replaces_a_file_whole(tmp_path):
    path = tmp_path / "network"
    save_weights(MLP((5, 4, 3), seed=0), path)
    save_weights(MLP((6, 4, 3), seed=1), path)
    assert load_weights(path).widths == (6, 4, 3)


def test_a_failed_save_leaves_nothing_half_written(tmp_path):
    (tmp_path / "network" / "inside").mkdir(parents=True)
    with pytest.raises(ValueError, match="network must be a regular file"):
        save_weights(MLP((5, 4, 3)), tmp_path / "network")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inside", "network"]


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "network"
    save_weights(MLP((5, 4, 3), seed=0), path)
    before = path.read_bytes()

    def fail(tensors, beside, metadata):
        beside.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(files, "save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        save_weights(MLP((5, 4, 3), seed=1), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["network"]


def damaged(path):
    save_weights(MLP((5, 4, 3)), path)
    path.write_bytes(path.read_bytes()[:-10])


def text(path):
    path.write_text("not a network")


def empty(path):
    path.write_bytes(b"")


def foreign(path):
    save_file({"embedding": torch.zeros(3)}, path)


def other_metadata(path):
    save_file({"embedding": torch.zeros(3)}, path, {"format": "pt"})


def wrong_shapes(path):
    save_file(MLP((5, 4, 3)).state_dict(), path, {"widths": "[6, 4, 3]", "dropout": "0.0"})


def wrong_widths(path):
    save_file(MLP((5, 4, 3)).state_dict(), path, {"widths": "3", "dropout": "0.0"})


def no_json(path):
    save_file(MLP((5, 4, 3)).state_dict(), path, {"widths": "(5, 4, 3)", "dropout": "0.0"})


def list_metadata(path):
    save_file(MLP((5, 4, 3)).state_dict(), path, {"widths": '{"a": 1}', "dropout": "[]"})


@pytest.mark.parametrize(
    "write",
    [
        damaged,
        text,
        empty,
        foreign,
        other_metadata,
        wrong_shapes,
        wrong_widths,
        no_json,
        list_metadata,
    ],
)
def test_files_that_are_no_networks_are_refused_by_name(tmp_path, write):
    path = tmp_path / "weights.safetensors"
    write(path)
    message = r"weights.safetensors must be a network written by save_weights. Got a file that is"
    with pytest.raises(ValueError, match=message):
        load_weights(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.safetensors"):
        load_weights(tmp_path / "missing.safetensors")


def test_a_folder_is_no_network(tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path.name} must be a network written by"):
        load_weights(tmp_path)


def test_widths_that_do_not_fit_are_refused_before_room_is_made_for_them(tmp_path):
    path = tmp_path / "weights.safetensors"
    widths = "[5, 1000000000000, 3]"  # 20 terabytes of float32 in the first layer alone
    save_file(MLP((5, 4, 3)).state_dict(), path, {"widths": widths, "dropout": "0.0"})
    with pytest.raises(
        ValueError, match=r"its widths .* do not fit its weights \[\[4, 5\], \[3, 4\]\]"
    ):
        load_weights(path)
