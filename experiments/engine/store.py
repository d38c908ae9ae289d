"""The folder of raw results: one folder for each run, there whole or not at all.

A run is worked on in a folder of its own, with a name that no one else uses, and moved to its
place in one step when it is complete. So no lock is needed: of two sweeps that finish the same
run, the second finds the place taken and throws its own away, which held the same. A folder in
its place holds a record with the checksum of every file.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from experiments.engine.experiment import Run
from experiments.engine.files import file_hash, sync
from experiments.engine.seal import read_sealed, write_sealed

RECORD = "record.json"
FAILURE = "failure.json"
_WORKING = ".working"
_PULSE, _PROGRESS = "pulse", "progress"
PULSE_SECONDS = 5.0
STALE_SECONDS = 60.0  # a folder without a pulse for so long belongs to nobody alive


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
        """Give a new folder to work in, with a pulse to show that it is in use; then remove it."""
        folder = self.working / f"{name}-{uuid4().hex[:12]}"
        folder.mkdir(parents=True)
        stop = Event()
        pulse = Thread(target=_beat, args=(folder / _PULSE, stop), daemon=True)
        pulse.start()
        try:
            yield folder
        finally:
            stop.set()
            pulse.join()
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, run: Run, working: Path, facts: Mapping[str, Any]) -> None:
        """Move finished results to their place, or leave those that are there already."""
        final = self.folder(run)
        if final.exists() and not self.is_done(run):
            discard(final, self.working)
        ready = working.with_name(f"{working.name}-ready")  # out of reach of the pulse
        working.replace(ready)
        try:
            for name in (_PULSE, _PROGRESS):
                (ready / name).unlink(missing_ok=True)
            files = [path for path in sorted(ready.rglob("*")) if path.is_file()]
            hashes = {str(path.relative_to(ready)): file_hash(path) for path in files}
            write_sealed(ready / RECORD, {**facts, "files": hashes})
            for path in [*files, *(p for p in ready.rglob("*") if p.is_dir()), ready]:
                sync(path)
            ready.replace(final)
            sync(self.raw)
        except OSError:
            if not self.is_done(run):  # else another sweep was first, with the same results
                raise
        finally:
            shutil.rmtree(ready, ignore_errors=True)
        shutil.rmtree(self.failed(run), ignore_errors=True)

    def replace(self, final: Path, working: Path) -> None:
        """Put a finished folder in the place of another one, which goes when this one is there."""
        ready, away = (working.with_name(f"{working.name}-{what}") for what in ("ready", "away"))
        working.replace(ready)  # out of reach of the pulse
        (ready / _PULSE).unlink(missing_ok=True)
        try:
            for path in [*ready.iterdir(), ready]:
                sync(path)
            if final.exists():
                final.replace(away)
            ready.replace(final)
            sync(final.parent)
        finally:
            if away.exists() and not final.exists():
                away.replace(final)
            for folder in (ready, away):
                shutil.rmtree(folder, ignore_errors=True)

    def tell_failure(self, run: Run, working: Path, cause: str) -> None:
        """Keep what a failed run left, its notebook above all, and why it failed, if possible."""
        with suppress(OSError):  # the disk may be full: the cause is told by the sweep all the same
            working.mkdir(exist_ok=True)
            (working / FAILURE).write_text(json.dumps({"run": run.name, "cause": cause}))
            discard(self.failed(run), self.working)
            shutil.copytree(working, self.failed(run))

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
            counts[name] = max(counts.get(name, 0), _read_count(folder / _PROGRESS))
        return counts

    def _at_work(self) -> list[Path]:
        """The folders that have a pulse."""
        folders = self._folders()
        now = self._now() if folders else 0.0
        return [folder for folder in folders if now - _last_sign(folder) <= STALE_SECONDS]

    def _folders(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return sorted(self.working.iterdir())
        return []

    def clean(self) -> None:
        """Remove what runs that were killed have left behind, and make the folder if need be."""
        self.raw.mkdir(parents=True, exist_ok=True)
        alive = set(self._at_work())
        for folder in self._folders():
            if folder not in alive:
                shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # someone is at work
            self.working.rmdir()

    def _now(self) -> float:
        """The time by the clock of the file system, which may not be that of this machine."""
        clock = self.raw / f".clock-{uuid4().hex[:12]}"
        clock.touch()
        try:
            return clock.stat().st_mtime
        finally:
            clock.unlink(missing_ok=True)


def discard(folder: Path, aside: Path) -> None:
    """Remove a folder, first from its place in one step, so that no one meets half of it."""
    away = aside / f"discarded-{uuid4().hex[:12]}"
    aside.mkdir(parents=True, exist_ok=True)
    try:
        folder.replace(away)
    except FileNotFoundError:
        return
    shutil.rmtree(away, ignore_errors=True)


def _last_sign(folder: Path) -> float:
    """When a folder was last touched, or its pulse."""
    return max(_time(path) for path in (folder, folder / _PULSE))


def _beat(path: Path, stop: Event) -> None:
    while not stop.is_set():
        with suppress(OSError):  # the folder is gone, or the disk full: the work itself will notice
            path.touch()
        stop.wait(PULSE_SECONDS)


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _read_count(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
