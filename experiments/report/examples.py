"""The example networks of a sweep: weights and similarities, without the data set."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from torch import Tensor

from experiments.engine.published import open_manifest
from modlib.models import MLP
from modlib.similarity.conventions import normalize
from modlib.validation import check_path


@dataclass(frozen=True)
class Examples:
    """``examples.safetensors`` of a folder of results; tensors are read when asked for."""

    path: Path

    @cached_property
    def keys(self) -> list[str]:
        """All names in the file."""
        with safe_open(self.path, framework="np") as file:
            return sorted(file.keys())

    @cached_property
    def networks(self) -> list[str]:
        """The networks there are, such as ``"dropout-0.5-0"``."""
        return sorted({key.split("/")[0] for key in self.keys})

    def weights(self, network: str) -> dict[str, Tensor]:
        """Read a network's state: the name of each parameter, and its values."""
        self._check(network)
        prefix = f"{network}/layers."
        with safe_open(self.path, framework="pt") as file:
            return {
                key.removeprefix(f"{network}/"): file.get_tensor(key)
                for key in self.keys
                if key.startswith(prefix)
            }

    def model(self, network: str) -> MLP:
        """Build a network, in evaluation mode; its dropout is left at zero."""
        state = self.weights(network)
        matrices = [state[f"layers.{i}.weight"] for i in range(len(state) // 2)]
        model = MLP((matrices[0].shape[1], *(len(matrix) for matrix in matrices)))
        model.load_state_dict(state)
        return model.eval().requires_grad_(False)

    def similarity(
        self,
        network: str,
        layer: int,
        measure: str,
        *,
        normalized: bool = False,
        convention: str = "printed",
    ) -> np.ndarray:
        """Similarity of the units of a layer on the test samples, float64 ``[units, units]``.

        It was stored in single precision. Normalisation follows the convention: by the larger
        diagonal entry for ``"printed"``, by the geometric mean for ``"released"``.
        """
        self._check(network)
        key = f"{network}/similarity/{convention}/h{layer}/{measure}"
        if key not in self.keys:
            raise ValueError(
                f"layer, measure and convention must name a stored matrix. Got {layer!r}, "
                f"{measure!r}, {convention!r}."
            )
        with safe_open(self.path, framework="np") as file:
            matrix = file.get_tensor(key).astype(np.float64)
        return normalize(matrix, convention) if normalized else matrix

    def _check(self, network: str) -> None:
        if network not in self.networks:
            raise ValueError(f"network must be one of {', '.join(self.networks)}. Got {network!r}.")


def read_examples(folder: str | os.PathLike[str]) -> Examples:
    """Open the example networks in a folder of results.

    Raises
    ------
    FileNotFoundError
        If there are none.
    ValueError
        If the file, or another one beside it, is not what the manifest tells.
    """
    path = check_path("folder", folder) / "examples.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"{path} must hold example networks. There is no such file.")
    open_manifest(path.parent)
    examples = Examples(path)
    try:
        _ = examples.keys
    except SafetensorError as error:
        raise ValueError(
            f"{path} must be a safetensors file. Got one that is damaged ({error})."
        ) from error
    return examples
