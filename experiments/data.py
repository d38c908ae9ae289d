"""MNIST and the digits of scikit-learn as tensors, read once from verified files.

MNIST lies in ``MNIST/raw`` below a root folder, in the layout of torchvision. Missing files are
downloaded there through torchvision, which is needed for nothing else. Every failure ends in a
``DatasetError`` that says what is wrong and what to put where.
"""

import contextlib
import hashlib
import io
import os
import socket
import struct
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from modlib.seeds import generator
from modlib.validation import check_choice, check_path, check_whole, is_number


class FileRecord(NamedTuple):
    """What a file must be: its size in bytes and the SHA-256 sum of its content."""

    size: int
    sha256: str


MNIST_FILES: dict[str, FileRecord] = {
    "train-images-idx3-ubyte": FileRecord(
        47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte": FileRecord(
        60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "t10k-images-idx3-ubyte": FileRecord(
        7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "t10k-labels-idx1-ubyte": FileRecord(
        10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}

_GZIP = b"\x1f\x8b"  # how the archives begin that the files are published in
MOST_SAMPLES = 10**9  # whose order fits into memory
_TIMEOUT_SECONDS = 30.0  # for each wait on a mirror, as torchvision sets no limit of its own


class DatasetError(RuntimeError):
    """A data set cannot be provided: ``problem`` says why, ``remedy`` what to put where."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}"


class DatasetUnavailable(DatasetError):
    """The files are not there and cannot be downloaded."""


class DatasetCorrupt(DatasetError):
    """A file is there but is not what it should be: truncated, altered or unreadable."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images as flat vectors of pixels in [0, 1], and their classes.

    The inputs are float32 ``[samples, inputs]`` and the targets int64 ``[samples]``, for training
    and for the held-out test.
    """

    name: str
    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor

    @property
    def n_inputs(self) -> int:
        """Pixels per image."""
        return self.train_inputs.shape[1]

    @property
    def n_classes(self) -> int:
        """Number of classes, which are numbered from 0."""
        return int(self.train_targets.max()) + 1

    @property
    def device(self) -> torch.device:
        """Where the tensors are; what is trained or measured on them is computed there."""
        return self.train_inputs.device

    def to(self, device: str | torch.device) -> "Dataset":
        """Return the data set on a device, ``"cpu"`` or ``"cuda"``.

        Raises
        ------
        ValueError
            If that is a GPU and PyTorch finds none.
        """
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise ValueError(
                f"device must be 'cpu' where PyTorch finds no GPU. Got {str(device)!r}: choose "
                "'cpu', or install a CUDA build of PyTorch."
            )
        parts = (self.train_inputs, self.train_targets, self.test_inputs, self.test_targets)
        return Dataset(self.name, *(part.to(device) for part in parts))


def data_root() -> Path:
    """The folder for data: ``$MODLIB_DATA``, else ``data`` in the checkout, else ``./data``."""
    chosen = os.environ.get("MODLIB_DATA")
    if chosen:
        return Path(chosen).expanduser()
    checkout = Path(__file__).resolve().parents[1]
    return checkout / "data" if (checkout / "pyproject.toml").is_file() else Path("data")


def load(name: str, root: str | os.PathLike[str] | None = None) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name
        ``"mnist"`` has 60,000 training and 10,000 test images of 28 by 28 pixels (LeCun, Cortes
        and Burges). ``"digits"`` has 1,442 and 355 images of 8 by 8 pixels and comes with
        scikit-learn (UCI, Optical Recognition of Handwritten Digits); every fifth image of each
        class is a test image.
    root
        The folder whose ``MNIST/raw`` holds the files of MNIST; those missing are downloaded.
        ``data_root()`` unless given.

    Raises
    ------
    DatasetUnavailable
        If files are missing and cannot be downloaded.
    DatasetCorrupt
        If a file is there but is not the original.
    ValueError
        If there is no data set of this name, or the root is no path.
    """
    check_choice("name", name, _LOADERS)
    return _LOADERS[name](data_root() if root is None else check_path("root", root).expanduser())


def load_or_digits(
    name: str, root: str | os.PathLike[str] | None = None
) -> tuple[Dataset, str | None]:
    """Load a data set, or digits and a sentence that says why, for the reader to see.

    The sentence is None if the data set itself was loaded. Only ``DatasetUnavailable`` leads to
    digits: a corrupt file is a mistake to mend, so ``DatasetCorrupt`` is raised as in ``load``.
    """
    try:
        return load(name, root), None
    except DatasetUnavailable as error:
        reason = f"The digits of scikit-learn stand in for {name}, because {error.problem}."
        return load("digits"), reason


def split(n_samples: int, validation_fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Draw disjoint training and validation indices, both int64 and in random order.

    The draw depends on the arguments alone. Of the 60,000 training images of MNIST, a validation
    fraction of 0.1 leaves 54,000 for training.

    Raises
    ------
    ValueError
        If either part would be empty, there are more than ``MOST_SAMPLES`` (one billion), or
        ``seed`` is not a whole number of at least 0.
    """
    n_samples = check_whole("n_samples", n_samples, most=MOST_SAMPLES)
    if not is_number(validation_fraction) or not 0 < validation_fraction < 1:
        raise ValueError(
            f"validation_fraction must be a number between 0 and 1. Got {validation_fraction!r}."
        )
    n_validation = round(n_samples * validation_fraction)
    if not 0 < n_validation < n_samples:
        raise ValueError(
            f"n_samples must be enough for one sample in each part, but a validation_fraction of "
            f"{validation_fraction!r} leaves {n_validation} for validation. Got {n_samples!r}."
        )
    order = torch.randperm(n_samples, generator=generator(seed, "split"))
    return order[n_validation:], order[:n_validation]


_Load = Callable[[Path], Dataset]
_LOADERS: dict[str, _Load] = {}


def _loader(name: str) -> Callable[[_Load], _Load]:
    """Record what loads a data set from the root folder for data."""

    def record(load: _Load) -> _Load:
        _LOADERS[name] = load
        return load

    return record


@_loader("mnist")
def _load_mnist(root: Path) -> Dataset:
    folder = _raw_folder(root)
    # lexists: whatever bears the name, be it a folder or a dangling link, is never replaced.
    present = [name for name in MNIST_FILES if os.path.lexists(folder / name)]
    missing = [name for name in MNIST_FILES if name not in present]
    contents = {name: _read_verified(folder / name) for name in present}
    if missing:
        contents |= _download(missing, root)
    arrays = {name: _parse_idx(content) for name, content in contents.items()}
    return Dataset(
        "mnist",
        _to_inputs(arrays["train-images-idx3-ubyte"], 255),
        _to_targets(arrays["train-labels-idx1-ubyte"]),
        _to_inputs(arrays["t10k-images-idx3-ubyte"], 255),
        _to_targets(arrays["t10k-labels-idx1-ubyte"]),
    )


@_loader("digits")
def _load_digits(_root: Path) -> Dataset:
    from sklearn.datasets import load_digits  # here, as its import takes a second

    images, classes = load_digits(return_X_y=True)
    # By the order of the file, so that no version of a random generator can change it; and class by
    # class, since the digits come in runs of 0, 1, ..., 9: every fifth image of all 1,797 would be
    # 52 threes but 21 ones. The last fifth would be other writers than the rest.
    test = np.zeros(len(classes), dtype=bool)
    for digit in np.unique(classes):
        test[np.flatnonzero(classes == digit)[4::5]] = True
    return Dataset(
        "digits",
        _to_inputs(images[~test], 16),
        _to_targets(classes[~test]),
        _to_inputs(images[test], 16),
        _to_targets(classes[test]),
    )


DATASETS = tuple(_LOADERS)
"""The names of the data sets."""


def _raw_folder(root: Path) -> Path:
    return root / "MNIST" / "raw"


def _to_inputs(images: np.ndarray, white: int) -> Tensor:
    flat = images.reshape(len(images), -1)
    return torch.from_numpy(np.divide(flat, white, dtype=np.float32))


def _to_targets(classes: np.ndarray) -> Tensor:
    return torch.from_numpy(classes.astype(np.int64))


def _parse_idx(content: bytes) -> np.ndarray:
    """The array in an IDX file: 0, 0, 8 for bytes, the number of axes, their lengths, the data."""
    zero, kind, n_axes = struct.unpack_from(">HBB", content)
    assert (zero, kind) == (0, 8), "verified content is an IDX file of unsigned bytes"
    shape = struct.unpack_from(f">{n_axes}I", content, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def _read_verified(path: Path) -> bytes:
    remedy = (
        "Name another folder in MODLIB_DATA to have it downloaded there, or put the original in "
        "its place; the file itself is left alone."
    )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetCorrupt(f"{path} cannot be read ({error})", remedy) from error
    if mismatch := _mismatch(path.name, content):
        state = "still packed by gzip" if content.startswith(_GZIP) else "truncated or altered"
        raise DatasetCorrupt(f"{path} is {state}: {mismatch}", remedy)
    return content


def _mismatch(name: str, content: bytes) -> str | None:
    """How the content differs from the original file of this name, or None if it does not."""
    size, sha256 = MNIST_FILES[name]
    found = hashlib.sha256(content).hexdigest()
    if found == sha256:
        return None
    return (
        f"expected {size} bytes with SHA-256 {sha256}, "
        f"found {len(content)} bytes with SHA-256 {found}"
    )


def _download(names: Collection[str], root: Path) -> dict[str, bytes]:
    """Download files, verify them aside, and only then move them into place.

    Each file appears whole or not at all, also when several processes download at once.
    """
    mnist_class = _import_mnist_class(names, root)
    folder = _raw_folder(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as aside:
            contents = _fetch(mnist_class, names, root, Path(aside))
            folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                (_raw_folder(Path(aside)) / name).replace(folder / name)
    except OSError as error:
        raise _unavailable(names, root, f"{root} cannot be written to ({error})") from error
    return contents


def _import_mnist_class(names: Collection[str], root: Path) -> Any:
    try:
        from torchvision.datasets import MNIST
    # What builds that do not match raise: a missing operator is a RuntimeError, a missing symbol
    # or library an OSError, an import broken half-way an AttributeError.
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        cause = (
            f"torchvision cannot be imported beside torch {torch.__version__} ({error}); install "
            "the torchvision build made for this torch, from the same package index as torch"
        )
        raise _unavailable(names, root, cause) from error
    return MNIST


def _fetch(mnist_class: Any, names: Collection[str], root: Path, aside: Path) -> dict[str, bytes]:
    """Let torchvision download and unpack files below the folder ``aside``, and verify them."""
    # Not through the constructor, which would fetch all files and parse them unverified.
    downloader = mnist_class.__new__(mnist_class)
    downloader.root = os.fspath(aside)
    downloader.resources = [
        (archive, md5)
        for archive, md5 in mnist_class.resources
        if archive.removesuffix(".gz") in names
    ]
    try:
        with _silent_and_bounded():
            downloader.download()
        contents = {name: (_raw_folder(aside) / name).read_bytes() for name in names}
    except (RuntimeError, OSError, HTTPException) as error:
        cause = f"the download failed ({' '.join(str(error).split())})"
        raise _unavailable(names, root, cause) from error
    for name, content in contents.items():
        if mismatch := _mismatch(name, content):
            raise _unavailable(names, root, f"the downloaded {name} is altered: {mismatch}")
    return contents


@contextlib.contextmanager
def _silent_and_bounded() -> Iterator[None]:
    """Swallow what is printed, progress bars included, and let no connection stall for ever."""
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(previous)


def _unavailable(names: Collection[str], root: Path, cause: str) -> DatasetUnavailable:
    folder = _raw_folder(root)
    return DatasetUnavailable(
        f"{folder} lacks {', '.join(names)}, and nothing can be downloaded: {cause}",
        f"Put the unpacked files {', '.join(MNIST_FILES)} into {folder}, or set the environment "
        "variable MODLIB_DATA to a folder that holds them in MNIST/raw.",
    )
