"""Folders for the sockets of kernels: names short enough, and gone when their owner is."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from experiments.engine.owner import own, remove_left

PREFIX = "modlib-kernel-"
LONGEST = 103  # bytes that the name of a socket may have: of Linux 107, of macOS these
_EXAMPLE = f"{PREFIX}12345678/kernel-5"
PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # tried where TMPDIR is too long


class SocketFolder:
    """A new folder that is ours until it is removed, or we end."""

    def __init__(self) -> None:
        remove_left_sockets()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_short_place()))
        self._lock = own(self.path)

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def remove_left_sockets() -> None:
    """Remove the folders of processes that were killed."""
    for place in _places():
        remove_left(place.glob(f"{PREFIX}*"))


def _places() -> Iterator[Path]:
    """Where sockets may lie: in the temporary folder, if its name is short, or elsewhere."""
    for place in dict.fromkeys((tempfile.gettempdir(), *PLACES)):
        fits = len(os.fsencode(Path(place) / _EXAMPLE)) <= LONGEST
        if fits and os.access(place, os.W_OK | os.X_OK):
            yield Path(place)


def _short_place() -> Path:
    for place in _places():
        return place
    longest = LONGEST - len(_EXAMPLE) - 1
    raise ValueError(
        f"TMPDIR must be a folder to write to whose name has at most {longest} bytes, since the "
        f"sockets of kernels lie in it. Got {tempfile.gettempdir()}, and none of "
        f"{', '.join(PLACES)} may be written to: set TMPDIR to a shorter one."
    )
