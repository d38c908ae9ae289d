"""The data of the book's module explorer: an index, and one file for each setting.

The files are scripts that hand over what they hold by a call: a page opened from disk may run the
scripts beside it, but not read other files. Bytes are in base64.
"""

import base64
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from experiments.names import network_name, setting_of
from experiments.paper import CERTIFIED_CONVENTION
from experiments.report.examples import Examples, read_examples
from experiments.report.figures import CONVENTION_NAMES, REGULARIZER_TITLES
from experiments.report.frames import Results, read_results
from modlib.plotting import COLORS, TITLES
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import MEASURES, METHODS

DIGITS = 8
"""Decimals to which values of tables are rounded."""
MEASURE_TITLES = {name: f"{TITLES[name]} ({measure.side})" for name, measure in MEASURES.items()}
COLORMAPS = {"sequential": "magma", "diverging": "RdBu_r"}
Data = dict[str, Any]


def write_explorer(
    results: str | os.PathLike[str], folder: str | os.PathLike[str]
) -> dict[str, Path]:
    """Write ``index.js`` and a file for each setting; the same results give the same bytes.

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
        The path of each file by its name, ``"index"`` or that of a setting.
    """
    try:
        tables = read_results(results)
    except FileNotFoundError:
        files = {"index": _index(None, None)}
    else:
        examples = _examples(results)
        names = tables.networks["network"].map(setting_of)
        files = {"index": _index(tables, examples)} | {
            name: setting_data(tables, examples, networks)
            for name, networks in tables.networks.groupby(names, sort=False)
        }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return {name: _write(folder, name, data) for name, data in files.items()}


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


def setting_data(tables: Results, examples: Examples | None, networks: pd.DataFrame) -> Data:
    """Gather all that the explorer shows of some networks, by their seeds.

    Of every network these are its accuracy and, for each layer, method and convention, ``q``,
    ``q_best`` (missing where no best was looked for), the sizes of the clusters of both, and
    ``upper``, a bound on any assignment's Q, where the matrix has a certificate; and where the
    tables tell, what the modules are worth: ``rotated``, Q of the layer and the mean of its
    rotations on the same inputs, and ``specificity``, in bits, of the damage when they are silenced
    and the mean of random assignments. Of the example networks they are also the labels, the
    matrices and the weights of the first layer.
    """
    told = [
        _bounds(tables.certificates, networks["network"]),
        _beside_chance(_rotations(tables), networks["network"], "rotated", "q"),
        _beside_chance(_lesions(tables), networks["network"], "specificity", "specificity"),
    ]
    modules = tables.modules[tables.modules["network"].isin(networks["network"])]
    rows = dict(list(modules.groupby("network", sort=False)))
    data = {}
    for network in networks.to_dict("records"):
        name = network["network"]
        units = _units(examples, name, tables) if examples and name in examples.networks else {}
        views = {_key(row): _view(row, bool(units)) for row in rows[name].to_dict("records")}
        for more in told:
            for key, found in more.get(name, {}).items():
                views[key] |= found
        data[str(network["seed"])] = {
            "test_accuracy": round(network["test_accuracy"], DIGITS),
            "kept": network["kept"],
            "views": views,
        } | units
    return data


def _bounds(certificates: pd.DataFrame | None, networks: pd.Series) -> dict[str, dict[str, Data]]:
    bounds: dict[str, dict[str, Data]] = {}
    if certificates is not None:
        for row in certificates[certificates["network"].isin(networks)].to_dict("records"):
            bound = {"upper": round(row["upper"], DIGITS), "optimal": row["optimal"]}
            bounds.setdefault(row["network"], {})[
                _key(row | {"convention": CERTIFIED_CONVENTION})
            ] = bound
    return bounds


def _rotations(tables: Results) -> pd.DataFrame | None:
    rows = tables.nulls
    return None if rows is None else rows[rows["null"] == "rotation"]


def _lesions(tables: Results) -> pd.DataFrame | None:
    rows = tables.lesions
    return None if rows is None else rows[~rows["signed"] & (rows["ablation"] == "mean")]


def _beside_chance(
    rows: pd.DataFrame | None, networks: pd.Series, name: str, column: str
) -> dict[str, dict[str, Data]]:
    """A number and its mean by chance, by network and view."""
    found: dict[str, dict[str, Data]] = {}
    if rows is not None:
        for row in rows[rows["network"].isin(networks)].to_dict("records"):
            pair = [round(row[column], DIGITS), round(row["null_mean"], DIGITS)]
            found.setdefault(row["network"], {})[_key(row)] = {name: pair}
    return found


def _key(row: Data) -> str:
    normalized = "normalized" if row["normalized"] else "raw"
    return f"{row['layer']}/{row['measure']}/{normalized}/{row['convention']}"


def _view(row: Data, with_labels: bool) -> Data:
    """One row of ``modules``; of networks that are no examples, sizes stand for the labels."""
    what = (lambda labels: labels.tolist()) if with_labels else sizes
    name = "labels" if with_labels else "sizes"
    view = {"q": round(row["q"], DIGITS), "unused": row["n_unused"], name: what(row["labels"])}
    if row["labels_best"] is not None:
        view |= {"q_best": round(row["q_best"], DIGITS), f"{name}_best": what(row["labels_best"])}
    return view


def sizes(labels: np.ndarray) -> list[int]:
    """Count the units of each cluster, in the order of the labels; unused units are left out."""
    return np.bincount(labels[labels >= 0]).tolist()


def _units(examples: Examples, network: str, tables: Results) -> Data:
    """The matrices and the weights of the first layer of an example network."""
    matrices = {}
    for layer in sorted(tables.modules["layer"].unique()):
        for convention in CONVENTIONS:
            for measure, normalized in METHODS:
                matrix = examples.similarity(
                    network, layer, measure, normalized=normalized, convention=convention
                )
                where = {"layer": layer, "convention": convention}
                key = _key(where | {"measure": measure, "normalized": normalized})
                matrices[key] = encode_matrix(matrix)
    return {
        "matrices": matrices,
        "weights": encode_weights(examples.weights(network)["layers.0.weight"].numpy()),
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
        ``bytes``: the upper triangle row by row, where byte b stands for ``max * (b / 255)**2``,
        the nearest in its root, so that small values keep apart beside a few large ones; ``max``;
        and ``top``, the 99th percentile, at which colours end.
    """
    values = matrix[np.triu_indices(len(matrix), 1)]
    largest, top = (values.max(), np.percentile(values, 99)) if values.size else (0.0, 0.0)
    steps = np.rint(255 * np.sqrt(values / (largest or 1.0))).astype(np.uint8)
    return {"bytes": _base64(steps), "max": float(f"{largest:.6g}"), "top": float(f"{top:.6g}")}


def encode_weights(weights: np.ndarray) -> Data:
    """Pack the weights ``[units, inputs]`` of a layer into one signed byte each.

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
