"""The data of the book's module explorer: an index, and a few small files for each network.

Of every network there is a file with its modules and what they are worth. Of the example networks
there are more: for each layer the matrices in each convention, and what its units see and do. A
page asks for what it shows and no more.

The files are scripts that hand over what they hold by a call: a page opened from disk may run the
scripts beside it, but not read other files. Bytes are in base64.
"""

import base64
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from experiments.images import N_IMAGES, first_images
from experiments.names import network_name, setting_of
from experiments.paper import CERTIFIED_CONVENTION
from experiments.report.examples import Examples, read_examples
from experiments.report.figures import CONVENTION_NAMES, REGULARIZER_TITLES
from experiments.report.frames import Results, read_results
from experiments.report.opening import opening
from experiments.report.units import Portraits, portraits, short
from modlib.plotting import COLORS, SIGNED_COLORMAP, TITLES
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import MEASURES, METHODS

DIGITS = 8
"""Decimals to which values of tables are rounded."""
MEASURE_TITLES = {name: f"{TITLES[name]} ({measure.side})" for name, measure in MEASURES.items()}
COLORMAPS = {"sequential": "magma", "diverging": SIGNED_COLORMAP}
FIRST_LETTER = 48
"""Of labels written as text: ``"0"`` is module 0, and the sign before it marks unused units."""
Data = dict[str, Any]


def write_explorer(
    results: str | os.PathLike[str], folder: str | os.PathLike[str]
) -> dict[str, Path]:
    """Write ``index.js`` and the files of each network; the same results give the same bytes.

    Where there are no results, or none of networks to look into, the files say so.

    Parameters
    ----------
    results
        The folder of a sweep's tables.
    folder
        Where to write; made if need be. Files of an earlier call stay if they are not replaced.

    Returns
    -------
    dict
        The path of each file by its name: ``"index"``, that of a network, or, of an example, its
        own with a layer and ``"units"`` or a convention, such as ``"dropout-0.5-0-h1-printed"``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return {name: _write(folder, name, data) for name, data in _files(results)}


def _files(results: str | os.PathLike[str]) -> Iterator[tuple[str, Data]]:
    try:
        tables = read_results(results)
    except FileNotFoundError:
        yield "index", _index(None, None)
        return
    examples = _examples(results)
    yield "index", _index(tables, examples)
    yield from network_data(tables).items()
    if examples:
        for network in tables.networks.to_dict("records"):
            if network["network"] in examples.networks:
                yield from example_data(examples, network)


def _examples(results: str | os.PathLike[str]) -> Examples | None:
    try:
        return read_examples(results)
    except FileNotFoundError:
        return None


def _write(folder: Path, name: str, data: Data) -> Path:
    path = folder / f"{name}.js"
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    path.write_text(f'modlibExplorer("{name}",{text});\n')
    return path


def _index(tables: Results | None, examples: Examples | None) -> Data:
    """What there is to choose from, its names and its colours."""
    return {
        "settings": [] if tables is None else list(_listed(tables.networks, examples)),
        "layers": [] if tables is None else sorted(map(int, tables.modules["layer"].unique())),
        "opening": {} if tables is None or examples is None else opening(tables, examples),
        "titles": {
            "regularizer": REGULARIZER_TITLES,
            "measure": MEASURE_TITLES,
            "convention": CONVENTION_NAMES,
        },
        "colors": COLORS,
        "colormaps": {kind: _colors(name) for kind, name in COLORMAPS.items()},
    }


def _listed(networks: pd.DataFrame, examples: Examples | None) -> Iterable[Data]:
    stored = examples.networks if examples else []
    names = networks["network"].map(setting_of)
    for name, rows in networks.groupby(names, sort=False):
        seeds = [int(seed) for seed in rows["seed"]]
        yield {
            "name": name,
            "regularizer": rows["regularizer"].iloc[0],
            "strength": f"{rows['strength'].iloc[0]:g}",
            "seeds": seeds,
            "examples": [seed for seed in seeds if network_name(name, seed) in stored],
        }


def _colors(name: str) -> str:
    colors = mpl.colormaps[name](np.arange(256), bytes=True)[:, :3]
    return _base64(colors)


# ------------------------------------------------------------------------------- every network


def network_data(tables: Results) -> dict[str, Data]:
    """Gather what is shown of every network, by its name.

    These are its accuracy and, for each layer, method and convention, ``q`` and ``labels``,
    ``q_best`` and ``labels_best`` (missing where no best was looked for), and ``retest``, the
    agreement of two runs of the paper's search; ``upper``, a bound on any assignment's Q,
    ``optimal``, whether it is reached, and ``verified``, whether the checker has followed the
    proof, where the matrix has a certificate; and where the tables tell, what the modules are
    worth: ``rotated`` and ``specificity``, each a number, then the mean and standard deviation of
    what chance gives, and the share of draws by chance that reach the number.
    """
    data = {
        network["network"]: {
            "test_accuracy": round(network["test_accuracy"], DIGITS),
            "kept": network["kept"],
            "views": {},
        }
        for network in tables.networks.to_dict("records")
    }
    for row in tables.modules.to_dict("records"):
        data[row["network"]]["views"][_key(row)] = _view(row)
    for name, key, more in _told(tables):
        data[name]["views"][key] |= more
    return data


def _view(row: Data) -> Data:
    """One row of ``modules``."""
    view = {
        "q": round(row["q"], DIGITS),
        "labels": labels_text(row["labels"]),
        "retest": round(row["retest"], DIGITS),
    }
    if row["labels_best"] is not None:
        view |= {
            "q_best": round(row["q_best"], DIGITS),
            "labels_best": labels_text(row["labels_best"]),
        }
    return view


def labels_text(labels: np.ndarray) -> str:
    """Write labels as text, a letter for each unit, counted from :data:`FIRST_LETTER` on."""
    return "".join(chr(FIRST_LETTER + label) for label in labels)


def _told(tables: Results) -> Iterator[tuple[str, str, Data]]:
    """What other tables tell of a view: the network's name, the view's, and the values."""
    for rows, names in (
        (tables.certificates, ("upper", "optimal")),
        (tables.checked, ("verified",)),
    ):
        for row in _records(rows):
            told = {name: _rounded(row[name]) for name in names}
            yield row["network"], _key(row | {"convention": CERTIFIED_CONVENTION}), told
    rotations = _where(tables.nulls, lambda rows: rows["null"] == "rotation")
    lesions = _where(tables.lesions, lambda rows: ~rows["signed"] & (rows["ablation"] == "mean"))
    for rows, name, column in (
        (rotations, "rotated", "q"),
        (lesions, "specificity", "specificity"),
    ):
        for row in _records(rows):
            values = [_rounded(row[key]) for key in (column, "null_mean", "null_std", "p")]
            yield row["network"], _key(row), {name: values}


def _records(rows: pd.DataFrame | None) -> list[Data]:
    return [] if rows is None else rows.to_dict("records")


def _where(rows: pd.DataFrame | None, condition: Any) -> pd.DataFrame | None:
    return None if rows is None else rows[condition(rows)]


def _rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value


def _key(row: Data) -> str:
    return f"{row['layer']}/{_method(row['measure'], row['normalized'])}/{row['convention']}"


def _method(measure: str, normalized: bool) -> str:
    return f"{measure}/{'normalized' if normalized else 'raw'}"


# -------------------------------------------------------------------------- the example networks


def example_data(examples: Examples, network: Data) -> Iterator[tuple[str, Data]]:
    """Gather what is shown of an example network, a row of ``networks``, beside its modules.

    For each layer these are what its units see and do, and for each layer and convention the
    matrix of every method. Each comes with the name of its file.
    """
    name = network["network"]
    found = portraits(examples.model(name), *first_images(network["dataset"], N_IMAGES))
    for layer, of_units in found.items():
        yield f"{name}-h{layer}-units", units_data(of_units)
        for convention in CONVENTIONS:
            yield (
                f"{name}-h{layer}-{convention}",
                {
                    _method(measure, normalized): encode_matrix(
                        examples.similarity(
                            name, layer, measure, normalized=normalized, convention=convention
                        )
                    )
                    for measure, normalized in METHODS
                },
            )


def units_data(found: Portraits) -> Data:
    """Pack what units see into bytes, and what they answer to and do into rounded numbers."""
    return {
        "fields": encode_weights(found.fields),
        "responses": short(found.responses),
        "effects": short(found.effects),
        "activity": short(found.activity),
    }


def encode_matrix(matrix: np.ndarray) -> Data:
    """Pack a symmetric matrix without its diagonal into one byte for each pair.

    Parameters
    ----------
    matrix
        Shape ``[units, units]``, not negative.

    Returns
    -------
    dict
        ``bytes``: the upper triangle row by row, where byte b stands for ``max * (b / 255)**4``,
        the nearest in its fourth root, so that small values keep apart beside a few large ones;
        ``max``; and ``top``, the 99th percentile, at which colours end.
    """
    values = matrix[np.triu_indices(len(matrix), 1)]
    largest, top = (values.max(), np.percentile(values, 99)) if values.size else (0.0, 0.0)
    steps = np.rint(255 * (values / (largest or 1.0)) ** 0.25).astype(np.uint8)
    return {"bytes": _base64(steps), "max": float(f"{largest:.6g}"), "top": float(f"{top:.6g}")}


def encode_weights(weights: np.ndarray) -> Data:
    """Pack numbers ``[units, inputs]``, such as weights, into one signed byte each.

    Returns
    -------
    dict
        ``bytes``, unit by unit, where byte b of a unit stands for ``b`` times its entry in
        ``steps``; and ``inputs``, their number.
    """
    steps = np.array([float(f"{step:.6g}") for step in np.abs(weights).max(axis=1) / 127])
    scaled = np.rint(weights / np.where(steps > 0, steps, 1.0)[:, None])
    return {
        "bytes": _base64(np.clip(scaled, -127, 127).astype(np.int8)),
        "steps": steps.tolist(),
        "inputs": weights.shape[1],
    }


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()
