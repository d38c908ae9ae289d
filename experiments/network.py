"""A network of anyone's: made by a function, given weights and samples, measured, and tabled.

What the notebook ``94-network`` calls. Wherever a name, a path or a key does not lead to what it
should, a ``ValueError`` says which, and what to do.
"""

import inspect
import os
import shutil
import zipfile
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load_model
from torch import nn

from experiments.config import SettingConfig
from experiments.data import load
from experiments.engine.files import sync
from experiments.training.train import train
from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.layers.find import hidden_layers
from modlib.layers.network import list_layers
from modlib.similarity.matrix import Similarity
from modlib.validation import check_path, is_iterable, is_whole

DATASETS = ("digits", "mnist")
N_LISTED = 6  # names in a message

Found = Mapping[Hashable, Similarity]


def example() -> nn.Module:
    """Train a fully connected network on the digits of scikit-learn: what to look at first."""
    setting = SettingConfig.from_parameters(
        {"dataset": "digits", "hidden": [48, 48], "max_epochs": 20}
    )
    (network,) = train(setting.training, load("digits"), [0])
    return network.model


# --------------------------------------------------------------------------------- the network


def build(factory: str, arguments: Mapping[str, Any] | None = None) -> nn.Module:
    """Import a function and call it, to get a network.

    Parameters
    ----------
    factory
        ``"package.module:function"``. The package is looked for where Python looks: in the
        working folder, in the folders of ``PYTHONPATH``, and among what is installed.
    arguments
        Of the call, by name.

    Raises
    ------
    ValueError
        If there is no such function, it does not take these arguments, or it makes no module.
    """
    function = _function(factory)
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, Mapping):
        raise ValueError(
            "arguments must be a dictionary of arguments by name, or None. "
            f"Got {type(arguments).__name__}."
        )
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        raise ValueError(
            f"arguments must be those that {factory} takes. Got {dict(arguments)}: {error}."
        ) from error
    model = function(**arguments)
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"factory must return a torch.nn.Module. Got {type(model).__name__} from {factory!r}."
        )
    return model.eval()


def _function(factory: Any) -> Callable[..., Any]:
    place, _, name = factory.partition(":") if isinstance(factory, str) else ("", "", "")
    if not place or not name.isidentifier():
        raise ValueError(
            "factory must be 'package.module:function', the function that makes the network. "
            f"Got {factory!r}."
        )
    try:
        module = import_module(place)
    except Exception as error:  # whatever running a stranger's module raises
        raise ValueError(
            f"factory must be importable. Got {factory!r}, and importing {place} in {Path.cwd()} "
            f"says {type(error).__name__}: {error}. Start in the folder that holds the package, or "
            f"set PYTHONPATH to it (it is {os.environ.get('PYTHONPATH') or 'not set'})."
        ) from error
    found = getattr(module, name, None)
    if not callable(found):
        near = get_close_matches(name, [one for one in vars(module) if one[0] != "_"], n=3)
        hint = f": did you mean {' or '.join(map(repr, near))}?" if near else "."
        raise ValueError(
            f"factory must name a function of {place} ({getattr(module, '__file__', None)}). "
            f"Got {name!r}{hint}"
        )
    return found


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> nn.Module:
    """Load the weights of a network from a safetensors file, all of them.

    Raises
    ------
    ValueError
        If there is no such file, it is of another kind, or holds other names or shapes; or the
        model is none.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module. Got {type(model).__name__}.")
    if not check_path("weights", path).is_file():
        raise ValueError(
            f"weights must be the path of a safetensors file. Got {os.fspath(path)!r}, where there "
            f"is none, seen from {Path.cwd()}."
        )
    try:
        missing, unexpected = load_model(model, path, strict=False)
    except SafetensorError as error:
        raise ValueError(
            f"weights must be a safetensors file. Got {os.fspath(path)!r}, which is none "
            f"({error}): write the state_dict() of the model by safetensors.torch.save_file."
        ) from error
    except RuntimeError as error:  # names are right, shapes are not
        mismatches = [line.strip() for line in str(error).splitlines()[1:]]
        raise ValueError(
            f"weights must fit the network that factory makes. Got {_listed(mismatches)} Do the "
            "arguments of factory belong to this file?"
        ) from error
    if missing or unexpected:
        raise ValueError(
            f"weights must be those of the network that factory makes. Got {os.fspath(path)!r} "
            f"without {_listed(sorted(missing)) or 'none of its names'} and with "
            f"{_listed(sorted(unexpected)) or 'none beside'}: take a prefix off the names, or let "
            "factory load them itself."
        )
    return model


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - N_LISTED} more" if len(names) > N_LISTED else ""
    return ", ".join(names[:N_LISTED]) + more


# --------------------------------------------------------------------------------- the samples


def read_samples(
    data: str,
    inputs: str | Sequence[str] = "inputs",
    targets: str | None = "targets",
    shape: Sequence[int] = (),
    n_samples: int | None = None,
) -> tuple[Any, Any]:
    """Read inputs and targets, the first so many.

    Parameters
    ----------
    data
        ``"digits"`` or ``"mnist"``, whose test images are taken, each a vector of its pixels; or
        the path of an ``.npz``.
    inputs
        The key of the inputs in the ``.npz``, or a list of keys, which the model then takes by
        these names.
    targets
        The key of the targets, or None or ``""`` if there are none.
    shape
        Of one sample, where that stored is another, such as ``(1, 28, 28)`` for images.
    n_samples
        How many to take; None for all.

    Returns
    -------
    tuple
        Inputs ``[samples, ...]``, or a dictionary of them, and targets or None.

    Raises
    ------
    ValueError
        If the file or a key is not there, or holds no numbers, the shape does not fit, or an
        argument is of another kind.
    experiments.data.DatasetError
        If a data set cannot be had.
    """
    if n_samples is not None and (not is_whole(n_samples) or n_samples < 1):
        raise ValueError(
            f"n_samples must be a whole number of at least 1, or None for all. Got {n_samples!r}."
        )
    _check_keys(inputs, targets)
    shape = _checked_shape(shape)
    if isinstance(data, str) and data in DATASETS:
        images = load(data)
        arrays = {"inputs": images.test_inputs.numpy(), "targets": images.test_targets.numpy()}
        inputs, targets = "inputs", "targets"
    else:
        arrays = _read_npz(data, [*_keys(inputs), *_keys(targets)])
    shaped = {key: _shaped(arrays[key], shape, key)[:n_samples] for key in _keys(inputs)}
    given = shaped[inputs] if isinstance(inputs, str) else shaped
    return given, arrays[targets][:n_samples] if targets else None


def _check_keys(inputs: Any, targets: Any) -> None:
    several = [inputs] if isinstance(inputs, str) else inputs
    is_listed = isinstance(several, (list, tuple)) and len(several) > 0
    if not is_listed or not all(isinstance(key, str) and key for key in several):
        raise ValueError(f"inputs must be a key, or a list of keys. Got {inputs!r}.")
    if targets is not None and not isinstance(targets, str):
        raise ValueError(f"targets must be a key, or None if there are none. Got {targets!r}.")


def _checked_shape(shape: Any) -> tuple[int, ...]:
    sizes = tuple(shape) if is_iterable(shape) else (shape,)
    if not all(is_whole(size) and -1 <= size < 2**31 for size in sizes):
        raise ValueError(f"shape must be a list of whole numbers. Got {shape!r}.")
    return tuple(map(int, sizes))


def _keys(keys: str | Sequence[str] | None) -> list[str]:
    if not keys:
        return []
    return [keys] if isinstance(keys, str) else list(keys)


def _read_npz(data: Any, keys: Sequence[str]) -> dict[str, np.ndarray]:
    if not isinstance(data, str) or not data.endswith(".npz"):
        raise ValueError(
            f"data must be one of {', '.join(DATASETS)}, or the path of an .npz file. Got {data!r}."
        )
    if not Path(data).is_file():
        raise ValueError(
            f"data must be the path of an .npz file. Got {data!r}, where there is none, seen from "
            f"{Path.cwd()}."
        )
    found = {}
    try:
        with np.load(data) as file:
            for key in keys:
                if key not in file:
                    raise KeyError(
                        f"inputs and targets must be keys of {data}, which holds "
                        f"{_listed(sorted(file)) or 'nothing'}. Got {key!r}."
                    )
                found[key] = file[key]
                if not found[key].ndim:
                    raise ValueError(f"{key} is a single number")
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"data must be an .npz file of arrays of numbers. Got {data!r}, and reading it says: "
            f"{error}. Write it by numpy.savez."
        ) from error
    return found


def _shaped(array: np.ndarray, shape: Sequence[int], key: str) -> np.ndarray:
    if not shape:
        return array
    try:
        return array.reshape(len(array), *shape)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"shape must be that of one sample of {key!r}, which is stored as {array.shape[1:]}. "
            f"Got {tuple(shape)}."
        ) from error


# ------------------------------------------------------------------------------- the measuring


def choose_layers(model: nn.Module, inputs: Any, layers: Any) -> list[Any]:
    """Return the layers that are asked for as a list: one, several, or all that have a number.

    Raises
    ------
    ValueError
        If none is asked for and none has a number; the message lists names.
    """
    if is_whole(layers) or (isinstance(layers, str) and layers):
        return [layers]
    listed = list(layers) if is_iterable(layers) else []
    if listed:
        return listed
    is_empty = layers is None or is_iterable(layers) or isinstance(layers, str)
    if not is_empty:
        raise ValueError(
            "layers must be the number or name of a layer, or a list of them, or None for all that "
            f"have a number. Got {layers!r}."
        )
    numbers = [int(layer.name) for layer in hidden_layers(model)]
    if not numbers:
        names = [str(place.name) for place in list_layers(model, inputs)]
        raise ValueError(
            f"layers must name at least one layer, such as {_listed(names)}. Got {layers!r}."
        )
    return numbers


def as_list(values: Any) -> list[Any]:
    """Return what a command line gave as a list, whether it gave one or several."""
    return [values] if isinstance(values, str) else list(values)


def search_all(similarities: Found, search: str, seed: int) -> dict[Hashable, Modules]:
    """Look for modules in each of several normalised similarities, under the same keys."""
    return {key: find_modules(one, search=search, seed=seed) for key, one in similarities.items()}


# ---------------------------------------------------------------------------------- the tables


def tables_of(
    similarities: Found, normalized: Found, modules: Mapping[Hashable, Modules]
) -> dict[str, pd.DataFrame]:
    """Tables of what was found.

    Parameters
    ----------
    similarities, normalized, modules
        Before and after normalisation, and the modules of the latter, under the same keys.

    Returns
    -------
    dict
        ``"similarity"``: a row for every two units, and for each with itself, with its standard
        error if it was probed. ``"modules"``: a row for each unit, with its module, -1 if it is
        unused. ``"q"``: a row for each layer, measure and convention. A unit is named by its layer
        and its number there, since several layers may have been taken together.
    """
    parts: dict[str, list[pd.DataFrame]] = {"similarity": [], "modules": [], "q": []}
    for key, found in modules.items():
        origin = {
            "layer": text_of(found.layer), "measure": found.measure,
            "convention": found.convention,
        }  # fmt: skip
        rows = {
            "similarity": _pairs(similarities[key], normalized[key]),
            "modules": units_of(found).assign(module=found.labels),
            "q": pd.DataFrame([{
                "q": found.q, "n_modules": found.n_modules, "effective": found.effective,
                "n_unused": len(found.unused), "n_units": len(found),
            }]),
        }  # fmt: skip
        for name, frame in rows.items():
            parts[name].append(frame.assign(**origin)[[*origin, *frame.columns]])
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}


def text_of(layer: Any) -> str:
    """Name of a layer as text; those that were taken together are joined by ``+``."""
    return "+".join(map(str, layer)) if isinstance(layer, tuple) else str(layer)


def units_of(record: Similarity | Modules) -> pd.DataFrame:
    """Names of units in two columns: ``unit_layer`` as text, and ``unit``, the number in it."""
    named = [unit if isinstance(unit, tuple) else (record.layer, unit) for unit in record.units]
    return pd.DataFrame(
        {"unit_layer": [text_of(layer) for layer, _ in named], "unit": [unit for _, unit in named]}
    )


def _pairs(similarity: Similarity, normalized: Similarity) -> pd.DataFrame:
    """A row for every two units, the first not after the second."""
    one, other = np.triu_indices(len(similarity))
    units = units_of(similarity)
    error = similarity.standard_error
    sides = [
        units.iloc[index].add_suffix(suffix).reset_index(drop=True)
        for index, suffix in ((one, "_a"), (other, "_b"))
    ]
    return pd.concat(sides, axis=1).assign(
        similarity=similarity.values[one, other],
        standard_error=np.nan if error is None else error[one, other],
        normalized=normalized.values[one, other],
    )


def check_new(folder: str) -> None:
    """Raise a ``ValueError`` if there is something in the place of a folder already."""
    if folder and os.path.lexists(folder):
        raise ValueError(
            f"folder must not be there yet, so that nothing is overwritten. Got {folder!r}: choose "
            "another, or remove it."
        )


@contextmanager
def folder_beside(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a new folder to write to, and move it into place, safe on disk, if all went well."""
    final = Path(folder)
    final.parent.mkdir(parents=True, exist_ok=True)
    aside = final.with_name(f".{final.name}.{uuid4().hex[:12]}")
    aside.mkdir()
    try:
        yield aside
        check_new(os.fspath(final))
        for path in [*aside.iterdir(), aside]:
            sync(path)
        aside.rename(final)
        sync(final.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def publish(tables: Mapping[str, pd.DataFrame], folder: str | os.PathLike[str]) -> None:
    """Write tables to a new folder, as ``<name>.parquet``: all of them, or none at all.

    Raises
    ------
    ValueError
        If the folder is there already, or these are no frames by their names.
    """
    if not isinstance(tables, Mapping) or not all(
        isinstance(name, str) and isinstance(table, pd.DataFrame) for name, table in tables.items()
    ):
        raise ValueError(f"tables must be pandas frames by name. Got {type(tables).__name__}.")
    check_new(os.fspath(check_path("folder", folder)))
    with folder_beside(folder) as aside:
        for name, table in tables.items():
            table.to_parquet(aside / f"{name}.parquet", index=False)
