"""Two layers trained from a random start: how in- and outgoing weights come to be alike."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

INPUTS, UNITS, OUTPUTS = 10, 20, 5
SAMPLES = 200
RATE, STEPS = 0.02, 2000
KEPT = 100  # steps are told of, about evenly on a logarithmic scale
DEFAULT_SIZE = 3**-0.5  # uniform within one over the root, as PyTorch draws them
COLORS = {0.1: "#000000", DEFAULT_SIZE: "#4d4d4d", 1.0: "#808080"}
"""The colour of each size of the first weights."""


@dataclass(frozen=True)
class Course:
    """What training from several starts does.

    Attributes
    ----------
    steps
        Of descent that had been taken, ``[times]``.
    agreement
        How similarities by incoming and by outgoing weights correlate, ``[times, starts]``.
    drift
        By how much the difference of the two has moved since the start, over how much the
        similarities have, ``[times, starts]``: none if the two are tied without play.
    loss
        Mean squared error, over that of always answering zero, ``[times, starts]``.
    """

    steps: np.ndarray
    agreement: np.ndarray
    drift: np.ndarray
    loss: np.ndarray


def similarities(into: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Products of the incoming, and of the outgoing, weights of every two units.

    Parameters
    ----------
    into, out
        Shapes ``[..., units, inputs]`` and ``[..., outputs, units]``.
    """
    return into @ np.swapaxes(into, -1, -2), np.swapaxes(out, -1, -2) @ out


def sides_agree(into: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Correlate the two similarities over all pairs of different units, ``[...]``."""
    rows, columns = np.triu_indices(into.shape[-2], k=1)
    pairs = [matrix[..., rows, columns] for matrix in similarities(into, out)]
    one, other = (values - values.mean(axis=-1, keepdims=True) for values in pairs)
    norms = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return (one * other).sum(axis=-1) / norms


def descend(
    into: np.ndarray,
    out: np.ndarray,
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    rate: float,
    relu: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Take one step of gradient descent on half the mean squared error; return both weights.

    Parameters
    ----------
    into, out
        Shapes ``[..., units, inputs]`` and ``[..., outputs, units]``.
    inputs, targets
        Shapes ``[..., inputs, samples]`` and ``[..., outputs, samples]``.
    rate
        Length of the step.
    relu
        Whether the units have a threshold; without it the network is linear.
    """
    sums = into @ inputs
    is_on = sums > 0 if relu else np.ones_like(sums)
    hidden = is_on * sums
    errors = (out @ hidden - targets) / inputs.shape[-1]
    back = is_on * (np.swapaxes(out, -1, -2) @ errors)  # the outgoing weights, against the error
    to_out = errors @ np.swapaxes(hidden, -1, -2)
    return into - rate * back @ np.swapaxes(inputs, -1, -2), out - rate * to_out


def train(size: float, *, relu: bool, starts: int = 12, steps: int = STEPS) -> Course:
    """Train from random weights, each network on a task of its own.

    The inputs are normal and white. What is to be learnt is what a network of the same kind does
    that has a unit for each output, with weights drawn at random.

    Parameters
    ----------
    size
        Of the first weights: their standard deviation, times the root of the units they come from.
    relu
        Whether the units have a threshold.
    starts
        How many networks, drawn from as many seeds.
    steps
        Of gradient descent.
    """
    drawn = [_draw(seed, size, relu) for seed in range(starts)]
    into, out, inputs, targets = (np.stack(arrays) for arrays in zip(*drawn, strict=True))
    begun = similarities(into, out)
    told = np.unique(np.geomspace(1, steps, KEPT).round().astype(int))
    rows = [(0, *_state(into, out, inputs, targets, begun, relu))]
    for step in range(1, steps + 1):
        into, out = descend(into, out, inputs, targets, rate=RATE, relu=relu)
        if step in told:
            rows.append((step, *_state(into, out, inputs, targets, begun, relu)))
    return Course(*(np.array(column) for column in zip(*rows, strict=True)))


def _draw(seed: int, size: float, relu: bool) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(INPUTS, SAMPLES))
    whiten = np.linalg.cholesky(np.linalg.inv(inputs @ inputs.T / SAMPLES)).T
    inputs = whiten @ inputs
    sums = random.normal(size=(OUTPUTS, INPUTS)) / np.sqrt(INPUTS) @ inputs
    teacher = random.normal(size=(OUTPUTS, OUTPUTS)) / np.sqrt(OUTPUTS)
    targets = teacher @ (np.maximum(sums, 0) if relu else sums)
    into = size * random.normal(size=(UNITS, INPUTS)) / np.sqrt(INPUTS)
    out = size * random.normal(size=(OUTPUTS, UNITS)) / np.sqrt(UNITS)
    return into, out, inputs, targets


def _state(
    into: np.ndarray,
    out: np.ndarray,
    inputs: np.ndarray,
    targets: np.ndarray,
    begun: tuple[np.ndarray, np.ndarray],
    relu: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    one, other = (now - then for now, then in zip(similarities(into, out), begun, strict=True))
    axes = (-2, -1)
    moved = np.hypot(*(np.linalg.norm(each, axis=axes) for each in (one, other)))
    drift = np.linalg.norm(one - other, axis=axes) / np.where(moved > 0, moved, 1)
    sums = into @ inputs
    wrong = out @ (np.maximum(sums, 0) if relu else sums) - targets
    return sides_agree(into, out), drift, (wrong**2).mean(axis=axes) / (targets**2).mean(axis=axes)


def draw_courses(courses: Mapping[str, Mapping[float, Course]]) -> Figure:
    """Draw the agreement of the two sides against training: a panel for each kind of network.

    Parameters
    ----------
    courses
        By kind of network, then by the size of its first weights.
    """
    figure, axes = plt.subplots(1, len(courses), figsize=(6.4, 2.8), sharey=True, squeeze=False)
    for ax, (kind, of_kind) in zip(axes[0], courses.items(), strict=True):
        for size, course in of_kind.items():
            mean, color = course.agreement.mean(axis=1), COLORS[size]
            ax.fill_between(
                course.steps[1:], *np.quantile(course.agreement[1:], (0.1, 0.9), axis=1),
                color=color, alpha=0.15, linewidth=0,
            )  # fmt: skip
            ax.plot(course.steps[1:], mean[1:], color=color)
            ax.annotate(
                f"{size:.2g}", (course.steps[-1], mean[-1]), (4, 0), textcoords="offset points",
                va="center", bbox={"color": "white", "pad": 1},
            )  # fmt: skip
        ax.axhline(0, color="0.5", linewidth=0.8, zorder=0)
        ax.set(title=kind, xlabel="steps of descent", xscale="log")
    axes[0, 0].set_ylabel("correlation of similarity by\nincoming and by outgoing weights")
    return figure
