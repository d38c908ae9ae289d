"""The test images that come with the results."""

import numpy as np
import pytest
import torch

from experiments import images
from experiments.data import load


def test_images_of_mnist_are_those_of_mnist(mnist_root):
    data = load("mnist", mnist_root)
    inputs, classes = images.first_images("mnist", 10_000)
    assert len(inputs) == images.N_IMAGES
    assert torch.equal(inputs, data.test_inputs[: images.N_IMAGES])
    assert torch.equal(classes, data.test_targets[: images.N_IMAGES])


def test_they_need_no_mnist(monkeypatch):
    monkeypatch.setenv("MODLIB_DATA", "/dev/null/none")
    inputs, classes = images.first_images("mnist", 3)
    assert classes.tolist() == [7, 2, 1]  # as everybody knows who has printed MNIST
    assert inputs.shape == (3, 784)
    assert inputs.dtype == torch.float32
    assert inputs.min() == 0
    assert inputs.max() == 1


def test_digits_are_those_of_the_data_set():
    data = load("digits")
    inputs, classes = images.first_images("digits", 12)
    assert torch.equal(inputs, data.test_inputs[:12])
    assert torch.equal(classes, data.test_targets[:12])


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_file_that_is_not_the_one_is_refused(tmp_path, monkeypatch, damage):
    file = tmp_path / "images.npz"
    if damage == "altered":
        content = bytearray(images.FILE.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    monkeypatch.setattr(images, "FILE", file)
    with pytest.raises(ValueError, match="must be the file that comes with the results"):
        images.first_images("mnist", 5)


@pytest.mark.parametrize("number", [0, -1, 2.5, "4", None])
def test_a_number_that_is_none_is_refused(number):
    with pytest.raises(ValueError, match=r"^n_images must be"):
        images.first_images("mnist", number)


def test_writing_gives_the_same_bytes(mnist_root, tmp_path, monkeypatch):
    monkeypatch.setenv("MODLIB_DATA", str(mnist_root))
    expected = images.FILE.read_bytes()
    monkeypatch.setattr(images, "FILE", tmp_path / "images.npz")
    images._write()
    assert images.FILE.read_bytes() == expected
    assert np.load(images.FILE)["images"].dtype == np.uint8
