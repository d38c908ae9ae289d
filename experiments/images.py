"""Test images that come with the results, for pages to look at wherever they are built.

A page must not say one thing where MNIST is and another where it is not. So the first test images
lie beside the tables, and pages that need some take these, whether or not all the others are there.
MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, and shared under the terms of CC BY-SA 3.0.

``python -m experiments.images`` writes the file anew from MNIST.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from experiments.data import load
from experiments.engine.files import file_hash
from modlib.validation import check_whole

FILE = Path(__file__).resolve().parents[1] / "results" / "mnist-test-images.npz"
"""Pixels ``images``, uint8 ``[400, 784]``, and the digits that they show, ``classes``."""
N_IMAGES = 400
CHECKSUM = "566d74f8d1c67c81a546395dd061733711cb746a0a605578b281a3b23defded6"
"""Of the file, SHA-256."""


def first_images(name: str, n_images: int) -> tuple[Tensor, Tensor]:
    """Return the first test images of a data set, and their classes.

    Of MNIST there are those that come with the results, 400; of a data set that comes with a
    package, there are all.

    Parameters
    ----------
    name
        Of the data set, as in :func:`experiments.data.load`.
    n_images
        How many are wanted, at most.

    Returns
    -------
    tuple of Tensor
        Inputs, float32 ``[images, pixels]`` from 0 to 1, and classes, int64 ``[images]``, as
        :class:`experiments.data.Dataset` has them.

    Raises
    ------
    ValueError
        If there is no such data set, the number is not positive, or the file is not the one that
        belongs to the results.
    """
    n_images = check_whole("n_images", n_images, 1)
    if name != "mnist":
        data = load(name)
        return data.test_inputs[:n_images], data.test_targets[:n_images]
    if not FILE.is_file() or file_hash(FILE) != CHECKSUM:
        raise ValueError(
            f"{FILE} must be the file that comes with the results. Got another one, or none: "
            f"restore it with git checkout, or write it anew with python -m experiments.images."
        )
    with np.load(FILE) as arrays:
        images, classes = arrays["images"][:n_images], arrays["classes"][:n_images]
    return torch.from_numpy(images).float() / 255, torch.from_numpy(classes).long()


def _write() -> None:
    """Write the file from MNIST."""
    data = load("mnist")
    images = (data.test_inputs[:N_IMAGES] * 255).round().to(torch.uint8)
    classes = data.test_targets[:N_IMAGES].to(torch.uint8)
    np.savez_compressed(FILE, images=images.numpy(), classes=classes.numpy())


if __name__ == "__main__":
    _write()
