"""Fixtures that several test modules share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The root of the real MNIST, found through MODLIB_DATA; skips where it is not there."""
    from experiments.data import MNIST_FILES, data_root

    root = data_root()
    folder = root / "MNIST" / "raw"
    if not all((folder / name).is_file() for name in MNIST_FILES):
        pytest.skip(f"needs the real MNIST, which is not in {folder}: set MODLIB_DATA")
    return root


@pytest.fixture(scope="session")
def digits():
    """The digits of scikit-learn; they come with it."""
    from experiments.data import load

    return load("digits")


@pytest.fixture(scope="session")
def trained(digits):
    """A small network that has learnt the digits; do not change it."""
    from experiments.config import TrainingConfig
    from experiments.training.train import train

    config = TrainingConfig(hidden=(16, 12), dropout=0.1, max_epochs=20, learning_rate=5e-3)
    return train(config, digits, [0])[0].model


@pytest.fixture(scope="session")
def small_results() -> Path:
    """The results of a small sweep on digits, every regulariser at two strengths; do not change.

    They take a minute, and are kept: a sweep goes on where it ended, and sees changed code.
    """
    import small

    return small.results(Path(__file__).parents[1] / "_build" / "small-results")
