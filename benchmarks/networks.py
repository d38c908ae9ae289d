"""Real networks and matrices to measure on."""

from functools import cache

import numpy as np
import torch

from experiments.config import TrainingConfig
from experiments.data import Dataset, load_or_digits
from experiments.training.train import train
from modlib.models import MLP
from modlib.similarity.compute import similarity_matrices

EPOCHS = 15  # not the full recipe, but past the point where clusters change much


@cache
def data() -> Dataset:
    """MNIST, or digits where it cannot be had."""
    return load_or_digits("mnist")[0]


def samples(n_samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Test samples, repeated if more are wanted than there are."""
    inputs, targets = data().test_inputs, data().test_targets
    repeats = -(-n_samples // len(inputs))
    return inputs.repeat(repeats, 1)[:n_samples], targets.repeat(repeats)[:n_samples]


@cache
def trained(regularizer: str = "dropout", strength: float = 0.5, seed: int = 0) -> MLP:
    """A network of the paper's architecture after some epochs."""
    config = TrainingConfig(max_epochs=EPOCHS, **{regularizer: strength})
    return train(config, data(), [seed])[0].model


@cache
def matrices() -> dict[str, np.ndarray]:
    """Similarity matrices of five networks: two layers, four measures, both conventions."""
    settings = [("l2", 1e-5), ("l2", 1e-3), ("l1", 1e-4), ("dropout", 0.2), ("dropout", 0.6)]
    found = {}
    for regularizer, strength in settings:
        model = trained(regularizer, strength)
        raw = similarity_matrices(model, *samples(len(data().test_inputs)))
        for (layer, measure, convention), similarity in raw.items():
            name = f"{regularizer} {strength:g}, h{layer}, {measure}, {convention}"
            found[name] = similarity.values
            found[f"{name}, normalised"] = similarity.normalized().values
    return found


def untrained_matrix(n_units: int) -> np.ndarray:
    """A similarity matrix of a layer of any width, of an untrained network."""
    model = MLP((data().n_inputs, n_units, n_units, data().n_classes))
    wanted = {"layers": [2], "measures": ["covariance"], "conventions": ["released"]}
    return similarity_matrices(model, *samples(1000), **wanted)[2, "covariance", "released"].values
