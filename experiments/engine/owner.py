"""Who owns a folder: the process that holds a lock on a file in it, for as long as it lives.

The system takes the lock from a process that ends, however it ends. So a folder whose lock is free
has been left behind, and whoever comes next may remove it. Where locks are not shared, as between
the machines of some clusters, a pulse in the folder says whether someone is at work.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from socket import gethostname
from typing import IO

OWNER, PULSE = "owner", "pulse"
PULSE_SECONDS = 5.0
STALE_SECONDS = 60.0  # a folder without a pulse for so long belongs to nobody alive


def own(folder: Path) -> IO[str]:
    """Become the owner of a folder, until the file that is returned is closed or we end."""
    file = (folder / OWNER).open("w")
    with suppress(OSError):  # a file system without locks: then the pulse must do
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(gethostname())  # only now, so that a free lock with a name is one given up
        file.flush()
    return file


def is_owned(folder: Path, now: Callable[[], float] = time.time) -> bool:
    """Whether the owner of a folder lives.

    Parameters
    ----------
    folder
        The folder, which need not be there any more.
    now
        The clock of its file system, where that is not of this machine.
    """
    try:
        with (folder / OWNER).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if file.read() == gethostname():
                return False
    except BlockingIOError:
        return True
    except OSError:
        pass  # no owner told yet, or no locks
    # One that is dated ahead by more than that shows no life either.
    return any(abs(now() - sign) <= STALE_SECONDS for sign in _signs(folder))


def _signs(folder: Path) -> Iterator[float]:
    """When a folder was last touched, and its pulse."""
    for path in (folder, folder / PULSE):
        with suppress(OSError):
            yield path.stat().st_mtime


def remove_left(folders: Iterable[Path], now: Callable[[], float] = time.time) -> None:
    """Remove those folders whose owner is no more."""
    for folder in folders:
        if not is_owned(folder, now):
            shutil.rmtree(folder, ignore_errors=True)
