"""Slow and obvious twins of what modlib computes fast."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import pairwise
from math import inf, sqrt

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from experiments.config import TrainingConfig
from experiments.data import Dataset, split
from modlib.seeds import generator

# ----------------------------------------------------------------- modularity and its maximum


def set_partitions(n: int) -> Iterator[list[int]]:
    """All partitions of n units, as labels: a unit joins an earlier cluster or founds the next."""
    if n == 0:
        yield []
        return
    for labels in set_partitions(n - 1):
        for cluster in range(max(labels, default=-1) + 2):
            yield [*labels, cluster]


def double_sum_modularity(adjacency: np.ndarray, labels, resolution: float = 1.0) -> float:
    """Equation 8, read as a sum over pairs of units in the same cluster."""
    total = sum(adjacency[i, j] for i in range(len(labels)) for j in range(len(labels)))
    degree = [sum(row) / total for row in adjacency]
    q = 0.0
    for i in range(len(labels)):
        for j in range(len(labels)):
            if labels[i] == labels[j]:
                q += adjacency[i, j] / total - resolution * degree[i] * degree[j]
    return q


def highest_modularity(adjacency: np.ndarray) -> float:
    """The highest modularity of all partitions there are, for an adjacency that sums to one."""
    degree = adjacency.sum(axis=1)
    gains = adjacency - np.outer(degree, degree)
    labels = np.array(list(set_partitions(len(adjacency))))
    return max(gains[np.equal.outer(p, p)].sum() for p in labels)


# ------------------------------------------------------------ the algorithms of appendix A.1


def modularity_operator(adjacency: np.ndarray) -> np.ndarray:
    ones = np.ones((len(adjacency), 1))
    return adjacency - adjacency @ ones @ ones.T @ adjacency


def trace_modularity(operator: np.ndarray, memberships: np.ndarray) -> float:
    return float(np.trace(memberships.T @ operator @ memberships))


def memberships_of(labels) -> np.ndarray:
    """P: one row per unit, one column per cluster, and one column that is always empty."""
    memberships = np.zeros((len(labels), len(labels) + 1))
    memberships[np.arange(len(labels)), labels] = 1.0
    return memberships


def first_empty(memberships: np.ndarray) -> int:
    return int(np.flatnonzero(~memberships.any(axis=0))[0])


def literal_spectral(adjacency: np.ndarray) -> np.ndarray:
    """Algorithm 2, line by line; the largest entry of an eigenvector is taken as positive."""
    operator = modularity_operator(adjacency)
    memberships = memberships_of([0] * len(adjacency))
    queue = [0]
    q = trace_modularity(operator, memberships)
    while queue:
        cluster = queue.pop()
        members = np.flatnonzero(memberships[:, cluster])
        values, vectors = np.linalg.eig(operator[np.ix_(members, members)])
        leading = vectors[:, values.real.argmax()].real
        leading = leading * np.sign(leading[np.abs(leading).argmax()])
        negative = members[leading < 0]
        if not len(negative):
            continue
        proposal = memberships.copy()
        new = first_empty(memberships)
        proposal[negative, cluster] = 0.0
        proposal[negative, new] = 1.0
        if trace_modularity(operator, proposal) > q + 1e-14:
            memberships = proposal
            q = trace_modularity(operator, memberships)
            queue += [cluster, new]
    return memberships.argmax(axis=1)


def entropy_of(probabilities: np.ndarray) -> float:
    positive = probabilities[probabilities > 0]
    return float(-np.sum(positive * np.log(positive)))


def boltzmann(scores: np.ndarray, temperature: float) -> np.ndarray:
    weights = np.exp((scores - scores.max()) / temperature)
    return weights / weights.sum()


def literal_choice(scores: np.ndarray, entropy: float) -> tuple[np.ndarray, float]:
    """Lines 13 and 14, with the ends mended: the probabilities, and their temperature."""
    tied = scores.max() - scores <= 1e-14
    if np.log(tied.sum()) >= entropy:
        return tied / tied.sum(), 0.0
    if np.log(len(scores)) <= entropy:
        return np.full(len(scores), 1 / len(scores)), inf
    low, high = 1e-18, 1e6
    for _ in range(90):
        middle = sqrt(low * high)
        if entropy_of(boltzmann(scores, middle)) < entropy:
            low = middle
        else:
            high = middle
    return boltzmann(scores, low), low


def literal_monte_carlo(
    adjacency: np.ndarray, labels, n_steps: int, entropy: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Algorithm 3, line by line, but the best is kept across steps.

    Returns the best labels, and Q and the temperature after each step.
    """
    operator = modularity_operator(adjacency)
    n = len(adjacency)
    random = np.random.default_rng(seed)
    units, uniforms = random.integers(n, size=n_steps), random.random(n_steps)
    memberships = memberships_of(labels)
    best, best_q = memberships, trace_modularity(operator, memberships)
    path, temperatures = [], []
    for unit, uniform in zip(units, uniforms, strict=True):
        proposals, scores = [], []
        for cluster in range(first_empty(memberships) + 1):
            proposal = memberships.copy()
            proposal[unit] = 0.0
            proposal[unit, cluster] = 1.0
            proposals.append(proposal)
            scores.append(trace_modularity(operator, proposal))
            if scores[-1] > best_q + 1e-14:
                best, best_q = proposal, scores[-1]
        probabilities, temperature = literal_choice(np.array(scores), entropy)
        choice = int(np.searchsorted(np.cumsum(probabilities), uniform, side="right"))
        memberships = leftmost(proposals[choice])
        path.append(scores[choice])
        temperatures.append(temperature)
    return best.argmax(axis=1), np.array(path), np.array(temperatures)


def leftmost(memberships: np.ndarray) -> np.ndarray:
    """Move the last cluster into the place of an emptied one, so that no gap is left."""
    filled = np.flatnonzero(memberships.any(axis=0))
    hole = first_empty(memberships)
    if hole < filled[-1]:
        memberships = memberships.copy()
        memberships[:, hole] = memberships[:, filled[-1]]
        memberships[:, filled[-1]] = 0.0
    return memberships


# ----------------------------------------------------------------------------- similarity

Arrays = list[np.ndarray]


def hidden_by_loops(weights: Arrays, biases: Arrays, x: np.ndarray, layer: int) -> np.ndarray:
    for weight, bias in zip(weights[:layer], biases[:layer], strict=True):
        x = np.maximum(weight @ x + bias, 0.0)
    return x


def logits_by_loops(weights: Arrays, biases: Arrays, h: np.ndarray, layer: int) -> np.ndarray:
    for weight, bias in zip(weights[layer:-1], biases[layer:-1], strict=True):
        h = np.maximum(weight @ h + bias, 0.0)
    return weights[-1] @ h + biases[-1]


def jacobian_by_differences(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, step: float = 1e-5
) -> np.ndarray:
    """Central differences, one column per entry of x; exact for what is affine nearby."""
    columns = []
    for index in range(len(x)):
        shift = np.zeros_like(x)
        shift[index] = step
        columns.append((function(x + shift) - function(x - shift)) / (2 * step))
    return np.stack(columns, axis=1)


def hessian_by_autograd(
    weights: Arrays, biases: Arrays, h: np.ndarray, target: int, layer: int
) -> np.ndarray:
    def loss(hidden: torch.Tensor) -> torch.Tensor:
        for weight, bias in zip(weights[layer:-1], biases[layer:-1], strict=True):
            hidden = torch.relu(torch.tensor(weight) @ hidden + torch.tensor(bias))
        logits = torch.tensor(weights[-1]) @ hidden + torch.tensor(biases[-1])
        return torch.logsumexp(logits, dim=0) - logits[target]

    return torch.autograd.functional.hessian(loss, torch.tensor(h)).numpy()


def similarity_by_loops(
    model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, layer: int, measure: str,
    convention: str,
) -> np.ndarray:  # fmt: skip
    """Equations 1 to 4, input by input and pair by pair, in float64."""
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    weights = [linear.weight.detach().double().numpy() for linear in linears]
    biases = [linear.bias.detach().double().numpy() for linear in linears]
    samples = inputs.detach().double().numpy()
    hidden = [hidden_by_loops(weights, biases, x, layer) for x in samples]
    mean = sum(hidden) / len(hidden)
    n = len(mean)
    total = np.zeros((n, n))
    for x, h, target in zip(samples, hidden, targets.tolist(), strict=True):
        if measure == "covariance":
            rows = (h - mean)[:, None]
        elif measure == "input_sensitivity":
            rows = jacobian_by_differences(lambda x: hidden_by_loops(weights, biases, x, layer), x)
        elif measure == "output_sensitivity":
            rows = jacobian_by_differences(
                lambda h: logits_by_loops(weights, biases, h, layer), h
            ).T
        else:
            rows = None
            matrix = hessian_by_autograd(weights, biases, h, target, layer)
        for i in range(n):
            for j in range(n):
                entry = matrix[i, j] if rows is None else float(np.dot(rows[i], rows[j]))
                total[i, j] += abs(entry) if convention == "printed" else entry
    return np.abs(total / len(samples))


# ------------------------------------------------------------------------------- training


def draw_kept(like: torch.Tensor, keep: float, random: torch.Generator) -> torch.Tensor:
    """One where a unit is kept: its 16 random bits, four to a draw, are in the lower share."""
    draws = torch.empty(-(-like.numel() // 16) * 4, dtype=torch.int64)
    draws.random_(-(2**63), None, generator=random)
    numbers = draws.view(torch.int16)[: like.numel()].reshape(like.shape)
    return (numbers < round((keep - 0.5) * 2**16)).to(like)


class PlainNetwork(nn.Module):
    """Linear, ReLU and dropout, written out; draws as modlib.models does."""

    def __init__(self, widths, dropout: float, seed: int) -> None:
        super().__init__()
        random = generator(seed, "initial weights")
        self.dropout = dropout
        self.layers = nn.ModuleList()
        for n_in, n_out in pairwise(widths):
            linear = nn.Linear(n_in, n_out)
            for parameter in (linear.weight, linear.bias):
                nn.init.uniform_(parameter, -1 / sqrt(n_in), 1 / sqrt(n_in), generator=random)
            self.layers.append(linear)

    def forward(self, x: torch.Tensor, silencing: torch.Generator | None = None) -> torch.Tensor:
        for linear in self.layers[:-1]:
            x = torch.relu(linear(x))
            if self.training and self.dropout:
                keep = 1 - self.dropout
                x = x * draw_kept(x, keep, silencing) / keep
        return self.layers[-1](x)

    def penalty(self, l1: float, l2: float) -> torch.Tensor:
        weights = [linear.weight for linear in self.layers]
        return sum(l1 * w.abs().sum() + l2 * (w**2).sum() for w in weights)


def train_plainly(
    config: TrainingConfig, data: Dataset, seed: int
) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    """Section 4.1 as a PyTorch tutorial would write it; weights of the best epoch, history."""
    widths = (data.n_inputs, *config.hidden, data.n_classes)
    model = PlainNetwork(widths, config.dropout, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=config.plateau_factor, patience=config.plateau_patience
    )
    train, validation = split(len(data.train_inputs), config.validation_fraction, seed)
    order, silencing = generator(seed, "batches"), generator(seed, "dropout")
    best, best_loss, worse, history = deepcopy(model.state_dict()), inf, 0, []
    for _ in range(config.max_epochs):
        model.train()
        shuffled = train[torch.randperm(len(train), generator=order)]
        losses = []
        for batch in shuffled.split(config.batch_size):
            logits = model(data.train_inputs[batch], silencing)
            loss = functional.cross_entropy(logits, data.train_targets[batch], reduction="none")
            losses.append(loss.detach())
            optimizer.zero_grad()
            (loss.mean() + model.penalty(config.l1, config.l2)).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            logits = model(data.train_inputs[validation]).double()
        targets = data.train_targets[validation]
        validation_loss = functional.cross_entropy(logits, targets).item()
        history.append(
            {
                "train_loss": torch.cat(losses).mean().item(),
                "validation_loss": validation_loss,
                "validation_accuracy": (logits.argmax(1) == targets).double().mean().item(),
                "learning_rate": optimizer.param_groups[0]["lr"],
            }
        )
        schedule.step(validation_loss)
        worse += 1
        if validation_loss < best_loss:
            best, best_loss, worse = deepcopy(model.state_dict()), validation_loss, 0
        if worse >= config.patience:
            break
    return best, history
