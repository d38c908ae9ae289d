"""The folder of raw results: one folder for each run, there whole or not at all.

A run is worked on in a folder of its own, with a name that no one else uses, and moved to its
place in one step when it is complete. So nobody waits for anybody: of two sweeps that finish the
same run, the second finds the place taken and throws its own away, which held the same. A folder in
its place holds a record with the checksum of every file.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from experiments.engine.experiment import Run
from experiments.engine.files import file_hash, sync
from experiments.engine.owner import PULSE, PULSE_SECONDS, is_owned, own, remove_left
from experiments.engine.seal import read_sealed, write_sealed

RECORD = "record.json"
FAILURE = "failure.json"
_WORKING, _CONTENT = ".working", "content"
_PROGRESS, _CLOCK = "progress", ".clock"


@dataclass(frozen=True)
class Store:
    """The raw results of one version of the code below a results folder."""

    raw: Path
    code: str
    """The hash of the code; results of other code lie beside, and are left alone."""

    @property
    def working(self) -> Path:
        """Where runs are worked on."""
        return self.raw / _WORKING

    def name(self, run: Run) -> str:
        """The folder name of a run: what it is, and the hashes of all that it depends on."""
        return f"{run.id}-{self.code}"

    def folder(self, run: Run) -> Path:
        """Where the complete results of a run are, if they are."""
        return self.raw / self.name(run)

    def failed(self, run: Run) -> Path:
        """Where the last failure of a run is told, if there was one."""
        return self.raw / f"{self.name(run)}.failed"

    def is_there(self, run: Run) -> bool:
        """Whether results lie in place, damaged or not."""
        return (self.folder(run) / RECORD).is_file()

    def record(self, run: Run) -> dict[str, Any]:
        """Read what is known of a finished run.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        return read_sealed(self.folder(run) / RECORD)

    def is_done(self, run: Run) -> bool:
        """Whether results lie in place and every file is what it was when they were finished."""
        folder = self.folder(run)
        try:
            files = self.record(run)["files"]
            return all(file_hash(folder / name) == sha256 for name, sha256 in files.items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def working_folder(self, run: Run) -> AbstractContextManager[Path]:
        """Give a new folder to work on a run in."""
        return self.place_to_work(self.name(run))

    @contextmanager
    def place_to_work(self, name: str) -> Iterator[Path]:
        """Give a new folder to work in, in one that we own while it is in use; then remove both."""
        outer = self.working / f"{name}-{uuid4().hex[:12]}"
        outer.mkdir(parents=True)
        stop = Event()
        with own(outer):
            pulse = Thread(target=_beat, args=(outer / PULSE, stop), daemon=True)
            pulse.start()
            try:
                (outer / _CONTENT).mkdir()
                yield outer / _CONTENT
            finally:
                stop.set()
                pulse.join()
                shutil.rmtree(outer, ignore_errors=True)

    def publish(self, run: Run, working: Path, facts: Mapping[str, Any]) -> None:
        """Move finished results to their place, or leave those that are there already."""
        final = self.folder(run)
        if final.exists() and not self.is_done(run):
            discard(final, working.parent)
        try:
            (working / _PROGRESS).unlink(missing_ok=True)
            files = [path for path in sorted(working.rglob("*")) if path.is_file()]
            hashes = {str(path.relative_to(working)): file_hash(path) for path in files}
            write_sealed(working / RECORD, {**facts, "files": hashes})
            for path in [*files, *(p for p in working.rglob("*") if p.is_dir()), working]:
                sync(path)
            working.replace(final)
            sync(self.raw)
        except OSError:
            if not self.is_done(run):  # else another sweep was first, with the same results
                raise
        self.forget_failure(run)

    def replace(self, final: Path, working: Path) -> None:
        """Put a finished folder in the place of another one, which goes when this one is there."""
        away = working.with_name("away")
        try:
            for path in [*working.iterdir(), working]:
                sync(path)
            if final.exists():
                final.replace(away)
            working.replace(final)
            sync(final.parent)
        finally:
            if away.exists() and not final.exists():
                away.replace(final)

    def tell_failure(self, run: Run, working: Path, cause: str) -> None:
        """Keep what a failed run left, its notebook above all, and why it failed, if possible."""
        with suppress(OSError):  # the disk may be full: the cause is told by the sweep all the same
            working.mkdir(exist_ok=True)
            (working / FAILURE).write_text(json.dumps({"run": run.name, "cause": cause}))
            discard(self.failed(run), working.parent)
            working.replace(self.failed(run))

    def forget_failure(self, run: Run) -> None:
        """Remove what a failure left of a run that is done."""
        shutil.rmtree(self.failed(run), ignore_errors=True)

    def failure(self, run: Run) -> str | None:
        """The cause of the last failure, if the run has failed since it was last done."""
        try:
            return json.loads((self.failed(run) / FAILURE).read_text())["cause"]
        except (OSError, ValueError, KeyError):
            return None

    def progress(self) -> dict[str, int]:
        """How many parts are finished of each run that someone is at work on, by its folder name.

        One look at the folder of what is worked on, however many runs there are in all.
        """
        counts: dict[str, int] = {}
        for folder in self._at_work():
            name = folder.name.rpartition("-")[0]
            counts[name] = max(counts.get(name, 0), _read_count(folder / _CONTENT / _PROGRESS))
        return counts

    def _at_work(self) -> list[Path]:
        """The folders whose owner lives."""
        return [folder for folder in self._folders() if is_owned(folder, self._now)]

    def _folders(self) -> list[Path]:
        with suppress(OSError):
            return sorted(path for path in self.working.iterdir() if path.name != _CLOCK)
        return []

    def clean(self) -> None:
        """Remove what runs that were killed have left behind, and make the folder if need be."""
        self.raw.mkdir(parents=True, exist_ok=True)
        remove_left(self._folders(), self._now)
        if not self._folders():
            (self.working / _CLOCK).unlink(missing_ok=True)
        with suppress(OSError):  # someone is at work
            self.working.rmdir()

    def _now(self) -> float:
        """The time by the clock of the file system, which may not be that of this machine."""
        try:
            with (self.working / _CLOCK).open("wb") as clock:
                os.utime(clock.fileno())
                return os.fstat(clock.fileno()).st_mtime
        except OSError:  # the folder is gone, or not ours to write to
            return time.time()


def discard(folder: Path, aside: Path) -> None:
    """Remove a folder, first from its place in one step, so that no one meets half of it."""
    away = aside / f"discarded-{uuid4().hex[:12]}"
    with suppress(FileNotFoundError):
        folder.replace(away)
        shutil.rmtree(away, ignore_errors=True)


def _beat(path: Path, stop: Event) -> None:
    while not stop.is_set():
        with suppress(OSError):  # the folder is gone, or the disk full: the work itself will notice
            path.touch()
        stop.wait(PULSE_SECONDS)


def _read_count(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
