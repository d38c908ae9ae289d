"""Data sets beside MNIST: signals made by code, and sets of images that a reader has in a folder.

Nothing is downloaded here. MNIST and the digits of scikit-learn come from :mod:`experiments.data`;
these are other data for the same networks. They stand apart so that the code on which the paper's
tables depend stays as it is.
"""

import gzip
import hashlib
import os
import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from experiments import data
from experiments.config import LARGEST_SEED
from experiments.data import Dataset, DatasetCorrupt, DatasetUnavailable, data_root
from modlib.validation import check_choice, check_path, check_whole

HEADER = 4  # bytes of an IDX file before its lengths: two zeros, 8 for bytes, the number of axes
WHITE = 255
LEAST_SIGNALS, MOST_SIGNALS = 10, 10**6
N_SIGNALS, MAKERS_SEED = 5000, 42  # as the makers have them


class IdxSet(NamedTuple):
    """A set of images in the files of MNIST's kind, as its makers publish them."""

    folder: str
    """Below the root: that in which torchvision keeps the archives."""
    shape: tuple[int, int]
    """Rows and columns."""
    archives: Mapping[str, str]
    """The published MD5 sum of each archive by its name: images and labels to train on, then those
    to test."""


def _archives(*sums: str) -> dict[str, str]:
    names = (f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in _WHAT)
    return dict(zip(names, sums, strict=True))


_WHAT = ("images-idx3", "labels-idx1")
IDX_SETS = {
    # Xiao, Rasul and Vollgraf 2017.
    "fashion-mnist": IdxSet(
        "FashionMNIST/raw",
        (28, 28),
        _archives(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    # Clanuwat et al. 2018.
    "kmnist": IdxSet(
        "KMNIST/raw",
        (28, 28),
        _archives(
            "bdb82020997e1d708af4cf47b453dcf7", "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7", "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
}  # fmt: skip
"""Those that load from a folder; another needs one more record."""


def load(name: str, root: str | os.PathLike[str] | None = None) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name
        ``"mnist"`` or ``"digits"``, as :func:`experiments.data.load` has them; ``"mnist1d"``, the
        4,000 and 1,000 signals of Greydanus and Kobak (2024), made anew by their code and
        standardised; or one of :data:`IDX_SETS`, whose archives must be there.
    root
        The folder for data; :func:`experiments.data.data_root` unless given.

    Raises
    ------
    DatasetUnavailable
        If files are missing, or what makes the data is not installed.
    DatasetCorrupt
        If a file is there but is not the original.
    ValueError
        If there is no data set of this name, or the root is no path.
    """
    check_choice("name", name, DATASETS)
    folder = data_root() if root is None else check_path("root", root).expanduser()
    return _LOADERS[name](folder)


def shape_of(name: str) -> tuple[int, ...]:
    """Return the shape of a sample of a data set: rows and columns, or the length of a signal.

    Raises
    ------
    ValueError
        If there is no data set of this name.
    """
    check_choice("name", name, DATASETS)
    return IDX_SETS[name].shape if name in IDX_SETS else _SHAPES[name]


# ------------------------------------------------------------------------------------------ signals


def make_signals(n_samples: int, seed: int = MAKERS_SEED) -> Dataset:
    """Make the signals of MNIST-1D, of which the last fifth is for the test.

    Random streams that others use are left as they were.

    Parameters
    ----------
    n_samples
        In all, at least 10; of each of the ten classes a tenth, rounded down.
    seed
        Draws them, and their order; unless given, it is that of the makers.

    Raises
    ------
    DatasetUnavailable
        If the package that makes them is not installed.
    ValueError
        If an argument is not a whole number, too small or too large.
    """
    n_samples = check_whole("n_samples", n_samples, LEAST_SIGNALS, MOST_SIGNALS)
    seed = check_whole("seed", seed, 0, LARGEST_SEED)
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ImportError as error:
        raise DatasetUnavailable(
            f"MNIST-1D cannot be made: {error}",
            "Install the package mnist1d; pip install --editable '.[sweep]' brings it.",
        ) from error
    arguments = get_dataset_args()
    arguments.num_samples, arguments.seed = n_samples, seed
    with _streams_left_alone():
        made = make_dataset(arguments)
    return Dataset(
        "mnist1d", _inputs(made["x"]), _targets(made["y"]), _inputs(made["x_test"]),
        _targets(made["y_test"]),
    )  # fmt: skip


@contextmanager
def _streams_left_alone() -> Iterator[None]:
    """Let code seed the global random streams, and put them back where they were."""
    plain, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(plain)
        np.random.set_state(legacy)  # noqa: NPY002


# ------------------------------------------------------------------------------- images in a folder


def _load_idx(name: str, root: Path) -> Dataset:
    kind = IDX_SETS[name]
    folder = root / kind.folder
    missing = [archive for archive in kind.archives if not os.path.lexists(folder / archive)]
    if missing:
        raise DatasetUnavailable(
            f"{folder} lacks {', '.join(missing)}, and nothing is downloaded",
            f"Put the archives {', '.join(kind.archives)} there as they are published, or set the "
            f"environment variable MODLIB_DATA to a folder that holds them in {kind.folder}.",
        )
    arrays = [
        _parse_idx(folder / archive, _read_verified(folder / archive, md5))
        for archive, md5 in kind.archives.items()
    ]
    images, labels, test_images, test_labels = arrays
    return Dataset(
        name, _inputs(images / np.float32(WHITE)), _targets(labels),
        _inputs(test_images / np.float32(WHITE)), _targets(test_labels),
    )  # fmt: skip


def _read_verified(path: Path, md5: str) -> bytes:
    """The content of an archive whose sum is right."""
    remedy = "Put the archive in its place as it is published; the file itself is left alone."
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DatasetCorrupt(f"{path} cannot be read ({error})", remedy) from error
    found = hashlib.md5(packed, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DatasetCorrupt(
            f"{path} is truncated or altered: expected an MD5 sum of {md5}, found {len(packed)} "
            f"bytes with {found}",
            remedy,
        )
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetCorrupt(f"{path} cannot be unpacked ({error})", remedy) from error


def _parse_idx(path: Path, content: bytes) -> np.ndarray:
    """The array in an IDX file of bytes: a header, the lengths of its axes, the data."""
    n_axes = content[HEADER - 1] if content[: HEADER - 1] == b"\0\0\x08" else 0
    start = HEADER * (1 + n_axes)
    shape = np.frombuffer(content[HEADER:start], dtype=">u4")
    if not n_axes or len(content) - start != shape.prod(dtype=np.int64):
        raise DatasetCorrupt(
            f"{path} holds no IDX file of bytes", "Put the archive there as it is published."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _inputs(values: np.ndarray) -> Tensor:
    flat = values.reshape(len(values), -1)
    return torch.from_numpy(np.ascontiguousarray(flat, dtype=np.float32))


def _targets(classes: np.ndarray) -> Tensor:
    return torch.from_numpy(classes.astype(np.int64))


_SHAPES: dict[str, tuple[int, ...]] = {"mnist": (28, 28), "digits": (8, 8), "mnist1d": (40,)}
_LOADERS: dict[str, Callable[[Path], Dataset]] = {
    "mnist": partial(data.load, "mnist"),
    "digits": partial(data.load, "digits"),
    "mnist1d": lambda _: make_signals(N_SIGNALS),
    **{name: partial(_load_idx, name) for name in IDX_SETS},
}
DATASETS = tuple(_LOADERS)
"""The names of the data sets."""
