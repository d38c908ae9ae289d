"""Files of proofs, many in one archive, and what the checker finds of them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np

from experiments.engine.files import beside
from modlib.optimality.certificate import check

N_SAMPLE = 64  # proofs kept beside the tables; all of them are among the raw results
SEED = 0  # draws the sample


def pack(folder: Path, archive: Path) -> None:
    """Put all files of a folder into one archive, whole or not at all: same files, same bytes."""
    with beside(archive) as temporary, ZipFile(temporary, "w") as packed:
        for path in sorted(folder.iterdir()):
            packed.writestr(ZipInfo(path.name), path.read_bytes())  # of no date


def pack_sample(archives: Sequence[Path], archive: Path) -> None:
    """Draw some of the proofs of several archives and put them into one."""
    places = sorted((name, path) for path in archives for name in _names(path))
    drawn = np.random.default_rng(SEED).permutation(len(places))[:N_SAMPLE]
    with TemporaryDirectory() as folder:
        for name, path in (places[place] for place in drawn):
            with ZipFile(path) as packed:
                packed.extract(name, folder)
        pack(Path(folder), archive)


def check_archive(archive: Path, report: Callable[[str, str], None]) -> int:
    """Check all proofs of an archive; return how many are refused.

    Parameters
    ----------
    archive
        That :func:`pack` has written.
    report
        Called with the name of each proof, and with why it is refused, or an empty text.

    Raises
    ------
    ValueError
        If the archive is damaged, or holds nothing.
    OSError
        If it cannot be read.
    """
    names = _names(archive)
    if not names:
        raise ValueError(f"{archive} must hold proofs. Got an archive without any.")
    n_refused = 0
    for name, reason in _reasons(archive, names):
        n_refused += bool(reason)
        report(name, reason)
    return n_refused


def _names(archive: Path) -> list[str]:
    try:
        with ZipFile(archive) as packed:
            return packed.namelist()
    except BadZipFile as error:
        raise ValueError(
            f"{archive} must be an archive of proofs. Got one that is damaged ({error}): delete it "
            "and certify again."
        ) from error


def _reasons(archive: Path, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    with TemporaryDirectory() as folder, ZipFile(archive) as packed:
        for name in names:
            try:
                check(packed.extract(name, folder))
            except (ValueError, BadZipFile) as error:
                yield name, str(error)
            else:
                yield name, ""
