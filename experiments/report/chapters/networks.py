"""Networks of any kind: the modules that were found in a layer, and what they respond to.

Modules are of the units of a layer. A unit that has a value at many positions, such as a channel
of an image, responds at each of them.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import nn

from experiments.report.figures import CATEGORY_COLORS, CONVENTION_NAMES
from modlib import plotting
from modlib.clustering.modules import Modules
from modlib.layers.find import find_layers, hidden_layers
from modlib.layers.network import Network, at_rest
from modlib.samples import Samples
from modlib.similarity.matrix import Similarity

N_TOGETHER = 256  # samples
MODULES = ListedColormap(CATEGORY_COLORS)


def values_of(model: nn.Module, layer: int | str, inputs: Any) -> np.ndarray:
    """Values of a layer, float64 ``[samples, positions, units]``.

    ``inputs`` are as for :func:`modlib.similarity.compute.pairwise_similarity`, which reads
    values of a layer in the same way.
    """
    samples = Samples(inputs)
    network = Network(model, samples)
    (found,) = find_layers(network.model, layer)
    with at_rest(network.model), torch.no_grad():
        survey = network.survey(network.first(), hidden_layers(network.model))
        axes = {found: survey.axes(found, None)}
        placed = (network.placed(batch).inputs for batch in samples.batches(N_TOGETHER))
        parts = [network.values(one, axes)[0].double() for one in placed]
    return torch.cat(parts).cpu().numpy()


def responses(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How modules respond: along the direction in which the units of each vary most.

    Parameters
    ----------
    values
        Of a layer, ``[samples, positions, units]``. The mean over samples is taken off, position
        by position.
    labels
        Whole numbers of shape ``[units]``; unused units (-1) are left out.

    Returns
    -------
    numpy.ndarray
        Shape ``[modules, samples, positions]``. Of the two signs that a direction can have, the
        one in which more of the units rise.
    """
    deviations = values - values.mean(axis=0)
    found = []
    for module in range(labels.max() + 1):
        inside = deviations[..., labels == module]
        direction = _directions(inside)[1][0]
        found.append(inside @ (direction * (1 if direction.sum() >= 0 else -1)))
    return np.stack(found)


def share_in_one_direction(values: np.ndarray, labels: np.ndarray) -> float:
    """How much of a module's variance one direction holds, in the mean over modules.

    Parameters are those of :func:`responses`.
    """
    deviations = values - values.mean(axis=0)
    shares = []
    for module in range(labels.max() + 1):
        variances = _directions(deviations[..., labels == module])[0] ** 2
        shares.append(variances[0] / variances.sum())
    return float(np.mean(shares))


def _directions(deviations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values, and directions of the units, over samples and positions alike."""
    flat = deviations.reshape(-1, deviations.shape[-1])
    _, sizes, directions = np.linalg.svd(flat, full_matrices=False)
    return sizes, directions


def share_between(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Which share of the variance over samples is between classes.

    Parameters
    ----------
    values
        Shape ``[samples, ...]``.
    classes
        Of the samples: whole numbers.

    Returns
    -------
    numpy.ndarray
        Shape ``[...]``, in [0, 1]: none, or all of it.
    """
    means = {number: values[classes == number].mean(axis=0) for number in np.unique(classes)}
    return np.var([means[number] for number in classes], axis=0) / np.var(values, axis=0)


def class_means(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Means of ``values [samples, ...]`` over the samples of each class, ``[classes, ...]``."""
    return np.stack([values[classes == number].mean(axis=0) for number in np.unique(classes)])


# --------------------------------------------------------------------------------------- figures


def draw_found(
    similarities: Mapping[Any, Similarity],
    modules: Mapping[Any, Modules],
    notes: Mapping[Any, str] | None = None,
) -> Figure:
    """Draw similarities sorted by module, a row for each layer and convention.

    Parameters
    ----------
    similarities, modules
        Records, each with its layer, measure and convention, under the same keys.
    notes
        What to write below each, under the same keys.
    """
    records = list(similarities.values())
    rows = list(dict.fromkeys((one.layer, one.convention) for one in records))
    names = list(dict.fromkeys(str(one.measure) for one in records))
    width = max(7.0, 1.75 * len(names))
    figure, axes = plt.subplots(
        len(rows), len(names), figsize=(width, 0.3 + 1.8 * len(rows)), squeeze=False
    )
    where = dict(zip(product(rows, names), axes.flat, strict=True))
    for key, one in similarities.items():
        measure = str(one.measure)
        ax = where[(one.layer, one.convention), measure]
        plotting.draw_similarity(ax, one.values, modules[key].labels)
        name = plotting.NAMES.get(measure, measure)
        ax.set_title(f"{name}, Q = {modules[key].q:.2f}")
        ax.set_xlabel((notes or {}).get(key, ""))
    for (layer, convention), ax in zip(rows, axes[:, 0], strict=True):
        name = CONVENTION_NAMES.get(str(convention), str(convention))
        ax.set_ylabel(f"{label_of(layer)}, {name}")
    return figure


def label_of(layer: Any) -> str:
    """What a layer is called; of several together, their names joined."""
    if isinstance(layer, tuple):
        return " + ".join(map(str, layer))
    return f"layer {layer}" if isinstance(layer, int) else str(layer)


def draw_maps(images: np.ndarray, maps: np.ndarray) -> Figure:
    """Draw images, one for each class, and below them how modules respond to the class.

    Parameters
    ----------
    images
        Shape ``[classes, rows, columns]``.
    maps
        Responses ``[modules, classes, rows, columns]``: one sign green, the other purple, each
        module on its own scale.
    """
    n_modules, n_classes = maps.shape[:2]
    figure, axes = plt.subplots(
        1 + n_modules, n_classes, figsize=(7.0, 0.72 * (1 + n_modules)), squeeze=False
    )
    for number, ax in enumerate(axes[0]):
        ax.imshow(images[number], cmap="gray_r")
        ax.set_title(str(number))
    for module, row in enumerate(axes[1:]):
        top = np.abs(maps[module]).max()
        for number, ax in enumerate(row):
            ax.imshow(maps[module, number], cmap=plotting.SIGNED_COLORMAP, vmin=-top, vmax=top)
        row[0].set_ylabel(f"module {module}")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def draw_courses(courses: np.ndarray) -> Figure:
    """Draw how modules respond to each class, step by step: ``[modules, classes, steps]``."""
    n_modules, n_classes, n_steps = courses.shape
    figure, axes = plt.subplots(
        1, n_modules, figsize=(7.0, 2.5), sharex=True, sharey=True, squeeze=False
    )
    for module, ax in enumerate(axes[0]):
        for number in range(n_classes):
            ax.plot(range(1, n_steps + 1), courses[module, number], color=CATEGORY_COLORS[number])
            ax.annotate(
                str(number), (n_steps, courses[module, number, -1]), xytext=(3, 0),
                textcoords="offset points", color=CATEGORY_COLORS[number], va="center", fontsize=7,
            )  # fmt: skip
        ax.set(title=f"module {module}", xlabel="row of the image", xticks=range(1, n_steps + 1))
    axes[0, 0].set_ylabel("mean response")
    return figure


def draw_tokens(
    features: np.ndarray, labels: np.ndarray, patches: Sequence[np.ndarray], names: Sequence[str]
) -> Figure:
    """Draw what becomes of features, and of patches, on their way through a transformer.

    Parameters
    ----------
    features
        Similarity of the features of one block (rows) to those of the next (columns).
    labels
        Modules of the patches before the first block, ``[patches]``, drawn where they lie in the
        image.
    patches
        Similarities ``[patches, patches]``, one for each place in the network.
    names
        Of these places.
    """
    ratios = [1.7, 1.0, *[1.0] * len(patches)]
    figure, (left, middle, *right) = plt.subplots(
        1, len(ratios), figsize=(7.0, 2.0), width_ratios=ratios
    )
    others = features[~np.eye(len(features), dtype=bool)]
    bins = np.linspace(0, 1, 13)
    left.hist(others, bins, density=True, color="0.75", label="another")
    left.hist(
        np.diagonal(features), bins, density=True, histtype="step", color="black", linewidth=1.6,
        label="itself",
    )  # fmt: skip
    left.set(title="features, a block later", xlabel="similarity", yticks=[])
    left.set_ylim(0, 1.5 * left.get_ylim()[1])  # room for the legend
    left.legend(fontsize=7, loc="upper right", ncols=2, handlelength=1.0, columnspacing=0.8)
    side = round(len(labels) ** 0.5)
    middle.imshow(labels.reshape(side, side), cmap=MODULES, vmin=0, vmax=MODULES.N - 1)
    for (row, column), module in np.ndenumerate(labels.reshape(side, side)):
        middle.text(column, row, str(module), ha="center", va="center", color="white")
    middle.set_title("by module")
    for ax, similarity, name in zip(right, patches, names, strict=True):
        image = ax.imshow(similarity, cmap="magma", vmin=0, vmax=1)
        ax.set_title(name)
    for ax in (middle, *right):
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    figure.colorbar(image, ax=right, label="similarity", shrink=0.8)
    return figure
