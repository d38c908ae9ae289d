"""Weights of networks as files."""

import json
import os
from hashlib import sha256
from itertools import pairwise

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from experiments.engine.files import beside
from modlib.models import MLP
from modlib.validation import check_path


def save_weights(model: MLP, path: str | os.PathLike[str]) -> None:
    """Write a network's weights, widths and dropout to a safetensors file, with a checksum.

    The file appears whole or not at all: it is written beside and renamed.
    """
    metadata = {"widths": json.dumps(model.widths), "dropout": json.dumps(model.dropout)}
    metadata["sha256"] = _checksum(model)
    with beside(path) as temporary:
        save_file(model.state_dict(), temporary, metadata)


def _checksum(model: MLP) -> str:
    """SHA-256 of all that is written of a network."""
    digest = sha256(json.dumps([model.widths, model.dropout]).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def load_weights(path: str | os.PathLike[str]) -> MLP:
    """Read a network written by :func:`save_weights`, in evaluation mode.

    Raises
    ------
    ValueError
        If the file is damaged or holds no such network, or is named by no path; the message names
        the file.
    FileNotFoundError
        If there is no such file.
    """
    check_path("path", path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            widths, dropout = json.loads(metadata["widths"]), json.loads(metadata["dropout"])
            # The file's own shapes first: they are no larger than the file, widths could be.
            shapes = [
                file.get_slice(f"layers.{i}.weight").get_shape() for i in range(len(widths) - 1)
            ]
            if [[n_out, n_in] for n_in, n_out in pairwise(widths)] != shapes:
                raise ValueError(f"its widths {widths} do not fit its weights {shapes}")
            model = MLP(widths, dropout)
            model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
            if _checksum(model) != metadata["sha256"]:
                raise ValueError("its checksum does not fit its contents")
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, TypeError, KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)} must be a network written by save_weights. Got a file that is "
            f"damaged or of another kind ({error}): write it again."
        ) from error
    return model.eval().requires_grad_(False)
