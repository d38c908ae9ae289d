"""Training: the networks of one setting side by side, each as if it were alone.

The networks of one setting are stacked, so that one batched matrix product serves them all. A
network's weights depend on its own seed only: its random streams are its own, every operation
acts on each network by itself, and a single compute thread keeps the order of every sum fixed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch.nn import functional

from experiments.config import TrainingConfig
from experiments.data import Dataset
from experiments.training.run import Run, TrainedNetwork
from experiments.training.stack import Stack, aligned
from modlib.validation import is_iterable, is_whole

Progress = Callable[[int, list[int]], None]


def train(
    config: TrainingConfig,
    data: Dataset,
    seeds: Sequence[int],
    *,
    progress: Progress | None = None,
) -> list[TrainedNetwork]:
    """Train one network per seed by the recipe of section 4.1 and the authors' released code.

    The seed of a network draws its initial weights, its split into training and validation
    samples, the order of its batches and its dropout. The result for a seed is the same to the
    bit whatever other seeds are trained beside it.

    Parameters
    ----------
    config
        The recipe; ``max_epochs=0`` gives untrained networks.
    data
        Training samples; a fraction of them validates. The test samples are not looked at. The
        networks are trained, and stay, on the device of the data; the promise of equal bits is
        for the CPU.
    seeds
        Whole numbers without repeats, one per network.
    progress
        Called after each epoch with its number and the seeds still in training.

    Returns
    -------
    list of TrainedNetwork
        In the order of ``seeds``, in evaluation mode.

    Raises
    ------
    ValueError
        If ``seeds`` is empty or repeats a seed, a seed is not a whole number of at least 0, or
        ``progress`` cannot be called.
    """
    if progress is not None and not callable(progress):
        raise ValueError(f"progress must be a function, or None. Got {progress!r}.")
    numbers = list(seeds) if is_iterable(seeds) else []
    if not numbers or not all(map(is_whole, numbers)) or len(set(numbers)) < len(numbers):
        raise ValueError(f"seeds must be one or more whole numbers, each once. Got {seeds!r}.")
    runs = [Run(config, data, seed) for seed in numbers]
    if config.max_epochs:
        with fast_and_repeatable(), torch.inference_mode():
            _train_together(runs, config, data, progress)
    return [run.result() for run in runs]


def _train_together(
    runs: Sequence[Run], config: TrainingConfig, data: Dataset, progress: Progress | None
) -> None:
    alive = list(runs)
    stack = Stack([run.model for run in alive], config)
    for epoch in range(1, config.max_epochs + 1):
        losses = _train_epoch(stack, alive, data, config)
        stack.write_back([run.model for run in alive])
        for run, loss in zip(alive, losses, strict=True):
            run.finish_epoch(epoch, loss)
        going = [index for index, run in enumerate(alive) if not run.is_finished]
        alive = [alive[index] for index in going]
        if progress:
            progress(epoch, [run.seed for run in alive])
        if not alive:
            break
        stack.keep(going)


def _train_epoch(
    stack: Stack, runs: Sequence[Run], data: Dataset, config: TrainingConfig
) -> list[float]:
    """One pass over every network's own training samples; each network's mean loss."""
    order = torch.stack([run.shuffled() for run in runs])
    all_targets = torch.stack([data.train_targets.take(row) for row in order]).unsqueeze(2)
    rates = torch.tensor([run.learning_rate for run in runs], device=data.device)
    losses = []
    # Allocated once: fresh memory for every batch would cost as much as reading it.
    n_rows = min(config.batch_size, order.shape[1])
    buffer = aligned(len(runs), n_rows, data.n_inputs, device=data.device)
    batches = (part.split(config.batch_size, dim=1) for part in (order, all_targets))
    for batch, targets in zip(*batches, strict=True):
        inputs = buffer[:, : batch.shape[1]]
        for samples, rows in zip(batch, inputs, strict=True):
            torch.index_select(data.train_inputs, 0, samples, out=rows)
        values = stack.forward(inputs, runs)
        # Along ten numbers PyTorch takes ten times as long as across them.
        log_probabilities = functional.log_softmax(values[-1].mT.contiguous(), dim=1).mT
        losses.append(log_probabilities.gather(2, targets).squeeze(2))
        out = aligned(*log_probabilities.shape, device=data.device)
        error = torch.exp(log_probabilities, out=out)
        error.scatter_add_(2, targets, -torch.ones_like(targets, dtype=error.dtype))
        stack.backward(values, error.div_(batch.shape[1]))
        stack.adam_step(rates)
    return [-row.mean().item() for row in torch.cat(losses, dim=1)]


@contextmanager
def fast_and_repeatable() -> Iterator[None]:
    """Compute on one thread, and take numbers below the smallest normal one for zero.

    With more threads sums are split by their number, and bits change. And weight decay drives the
    weights of pixels that are always black, and with them the means of Adam, so far towards zero
    that the processor would compute with them a hundred times more slowly.
    """
    n_threads = torch.get_num_threads()
    flushes = (torch.full((1,), 1e-310, dtype=torch.float64) * 1).item() == 0
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
        torch.set_flush_denormal(flushes)
