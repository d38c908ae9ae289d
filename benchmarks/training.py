"""Training: networks side by side in a stack, against loops that train one at a time."""

from collections.abc import Iterable
from itertools import islice, pairwise
from time import perf_counter

import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.machine import gigaflops
from benchmarks.networks import data
from benchmarks.stopwatch import one_thread, seconds, seconds_once
from experiments.config import TrainingConfig
from experiments.data import split
from experiments.training.train import train
from modlib.models import MLP

N_NETWORKS = 9  # of one setting in the sweep
N_EPOCHS = 3  # of the stack; the first is to warm up
PART = 10  # the DataLoader loop is timed for this part of an epoch; all batches cost the same
DROPOUTS = (0.0, 0.5)

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]


def against_plain_loops() -> list[dict[str, object]]:
    """Seconds per network and epoch, and products per second, all on one thread."""
    with one_thread():
        rate = gigaflops()
        return [row for dropout in DROPOUTS for row in _rows(dropout, rate)]


def _rows(dropout: float, rate: float) -> list[dict[str, object]]:
    config = TrainingConfig(dropout=dropout, max_epochs=N_EPOCHS, patience=N_EPOCHS)
    ways = {
        f"stack of {N_NETWORKS}": stacked(config),
        "loop on tensors": on_tensors(config),
        "loop with DataLoader": with_loader(config),
    }
    work = epoch_gigaflop((data().n_inputs, *config.hidden, data().n_classes), n_samples(config))
    own = ways[f"stack of {N_NETWORKS}"]
    return [
        {
            "dropout": dropout,
            "way": way,
            "seconds": spent,
            "gigaflops": work / spent,
            "share": work / spent / rate,
            "ratio": spent / own,
        }
        for way, spent in ways.items()
    ]


def epoch_gigaflop(widths: tuple[int, ...], n_samples: int) -> float:
    """The products of one epoch: outputs, gradients of weights, and of all inputs but the first."""
    sizes = [2 * n_in * n_out for n_in, n_out in pairwise(widths)]
    return n_samples * (3 * sum(sizes) - sizes[0]) / 1e9


def n_samples(config: TrainingConfig) -> int:
    """Samples of an epoch: those that do not validate."""
    return len(split(len(data().train_inputs), config.validation_fraction, 0)[0])


def stacked(config: TrainingConfig) -> float:
    """The library's way, with its validation after each epoch."""
    ends = []
    train(config, data(), range(N_NETWORKS), progress=lambda *_: ends.append(perf_counter()))
    return (ends[-1] - ends[0]) / (len(ends) - 1) / N_NETWORKS


def on_tensors(config: TrainingConfig) -> float:
    """One network, its samples taken by index from a tensor."""
    learner = Learner(config)
    chosen, _ = split(len(data().train_inputs), config.validation_fraction, 0)

    def epoch() -> None:
        order = chosen[torch.randperm(len(chosen))]
        parts = order.split(config.batch_size)
        learner.learn((data().train_inputs[part], data().train_targets[part]) for part in parts)

    return seconds(epoch)


def with_loader(config: TrainingConfig) -> float:
    """One network, its samples drawn one by one: part of an epoch, scaled up."""
    learner = Learner(config)
    chosen, _ = split(len(data().train_inputs), config.validation_fraction, 0)
    samples = TensorDataset(data().train_inputs[chosen], data().train_targets[chosen])
    loader = DataLoader(samples, config.batch_size, shuffle=True)
    n_batches = -(-len(loader) // PART)
    learner.learn(islice(loader, 1))
    return seconds_once(lambda: learner.learn(islice(loader, n_batches))) * len(loader) / n_batches


class Learner:
    """One network and its optimiser, as PyTorch's tutorials write it."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.model = MLP((data().n_inputs, *config.hidden, data().n_classes), config.dropout)
        self.optimizer = torch.optim.Adam(self.model.parameters(), config.learning_rate)

    def learn(self, batches: Batches) -> None:
        """One step of Adam per batch, on the cross-entropy and the L2 penalty."""
        self.model.train()
        for inputs, targets in batches:
            loss = functional.cross_entropy(self.model(inputs), targets)
            squares = sum(layer.weight.square().sum() for layer in self.model.layers)
            self.optimizer.zero_grad()
            (loss + self.config.l2 * squares).backward()
            self.optimizer.step()
