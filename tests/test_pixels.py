"""A picture of few colours has the same pixels in fewer bytes."""

from io import BytesIO

import numpy as np
import pytest
from matplotlib import pyplot as plt

from experiments.report.pixels import indexed


def written(pixels: np.ndarray) -> bytes:
    """A picture as Matplotlib writes it."""
    file = BytesIO()
    plt.imsave(file, pixels, format="png")
    return file.getvalue()


def shown(png: bytes) -> np.ndarray:
    """The colours of a picture, with how much light each lets through."""
    pixels = np.round(plt.imread(BytesIO(png), format="png") * 255).astype(int)
    full = np.full((*pixels.shape[:2], 1), 255)
    return pixels if pixels.shape[2] == 4 else np.concatenate([pixels, full], axis=2)


def matrix(n: int) -> np.ndarray:
    values = np.random.default_rng(n).random((n, 2 * n))
    return (plt.get_cmap("viridis")(values) * 255).astype(np.uint8)


@pytest.mark.parametrize("n", [8, 32, 64])
def test_every_pixel_is_as_it_was(n):
    png = written(matrix(n))
    np.testing.assert_array_equal(shown(indexed(png)), matrix(n))
    np.testing.assert_array_equal(shown(png), matrix(n))


def test_a_matrix_takes_less_than_half():
    png = written(matrix(64))
    assert len(indexed(png)) < len(png) / 2


def test_what_lets_light_through_still_does():
    pixels = matrix(32)
    pixels[:, :7] = (1, 2, 3, 40)
    png = written(pixels)
    assert len(indexed(png)) < len(png)
    np.testing.assert_array_equal(shown(indexed(png)), pixels)


def test_many_colours_stay_as_they_are():
    png = written(np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8))
    assert indexed(png) == png


def test_what_would_grow_stays_as_it_is():
    png = written(np.zeros((1, 1, 4), dtype=np.uint8))
    assert len(indexed(png)) <= len(png)
    assert indexed(indexed(written(matrix(8)))) == indexed(written(matrix(8)))
