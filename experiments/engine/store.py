"""The folder of raw results: one folder for each setting, there whole or not at all.

A setting is worked on in a folder of its own, with a name that no one else uses, and moved to its
place in one step when it is complete. So no lock is needed: of two sweeps that finish the same
setting, the second finds the place taken and throws its own away, which held the same. A folder in
its place holds a record with the checksum of every file.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from experiments.config import SettingConfig
from experiments.engine.provenance import file_hash
from experiments.engine.tables import beside, sync

RECORD = "record.json"
FAILURE = "failure.json"
_PREFIX = ".working-"
_PULSE, _PROGRESS = "pulse", "progress"
PULSE_SECONDS = 5.0
STALE_SECONDS = 60.0  # a folder without a pulse for so long belongs to nobody alive


@dataclass(frozen=True)
class Store:
    """The raw results of one version of the code below a results folder."""

    raw: Path
    code: str
    """The hash of the code; results of other code lie beside, and are left alone."""

    def name(self, setting: SettingConfig) -> str:
        """The folder name of a setting: what it is, and the hashes of all that it depends on."""
        return f"{setting.name}-{setting.hash}-{self.code}"

    def folder(self, setting: SettingConfig) -> Path:
        """Where the complete results of a setting are, if they are."""
        return self.raw / self.name(setting)

    def failed(self, setting: SettingConfig) -> Path:
        """Where the last failure of a setting is told, if there was one."""
        return self.raw / f"{self.name(setting)}.failed"

    def is_there(self, setting: SettingConfig) -> bool:
        """Whether results lie in place, damaged or not."""
        return (self.folder(setting) / RECORD).is_file()

    def record(self, setting: SettingConfig) -> dict[str, Any]:
        """Read what is known of a finished setting."""
        return json.loads((self.folder(setting) / RECORD).read_text())

    def is_done(self, setting: SettingConfig) -> bool:
        """Whether results lie in place and every file is what it was when they were finished."""
        folder = self.folder(setting)
        try:
            files = self.record(setting)["files"]
            return all(file_hash(folder / name) == sha256 for name, sha256 in files.items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    @contextmanager
    def working_folder(self, setting: SettingConfig) -> Iterator[Path]:
        """Give a new folder to work in, with a pulse to show that it is in use; then remove it."""
        folder = self.raw / f"{_PREFIX}{self.name(setting)}-{uuid4().hex[:12]}"
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

    def publish(self, setting: SettingConfig, working: Path, facts: Mapping[str, Any]) -> None:
        """Move finished results to their place, or leave those that are there already."""
        final = self.folder(setting)
        if final.exists() and not self.is_done(setting):
            discard(final)
        ready = working.with_name(f"{working.name}-ready")  # out of reach of the pulse
        working.replace(ready)
        try:
            for name in (_PULSE, _PROGRESS):
                (ready / name).unlink(missing_ok=True)
            files = [path for path in sorted(ready.rglob("*")) if path.is_file()]
            hashes = {str(path.relative_to(ready)): file_hash(path) for path in files}
            with beside(ready / RECORD) as temporary:
                temporary.write_text(json.dumps({**facts, "files": hashes}, indent=1))
            for path in [*files, *(p for p in ready.rglob("*") if p.is_dir()), ready]:
                sync(path)
            ready.replace(final)
            sync(self.raw)
        except OSError:
            if not self.is_done(setting):  # else another sweep was first, with the same results
                raise
        finally:
            shutil.rmtree(ready, ignore_errors=True)
        shutil.rmtree(self.failed(setting), ignore_errors=True)

    def tell_failure(self, setting: SettingConfig, working: Path, cause: str) -> None:
        """Keep what a failed run left, its notebook above all, and why it failed, if possible."""
        with suppress(OSError):  # the disk may be full: the cause is told by the sweep all the same
            working.mkdir(exist_ok=True)
            (working / FAILURE).write_text(json.dumps({"setting": setting.name, "cause": cause}))
            discard(self.failed(setting))
            shutil.copytree(working, self.failed(setting))

    def failure(self, setting: SettingConfig) -> str | None:
        """The cause of the last failure, if the setting has failed since it was last done."""
        try:
            return json.loads((self.failed(setting) / FAILURE).read_text())["cause"]
        except (OSError, ValueError, KeyError):
            return None

    def progress(self, setting: SettingConfig) -> int | None:
        """How many networks of a setting are finished, or None if no one is at work on it."""
        if self.is_there(setting):
            return len(setting.seeds)
        counts = [
            _read_count(folder / _PROGRESS)
            for folder in self.raw.glob(f"{_PREFIX}{self.name(setting)}-*")
            if not self._is_stale(folder)
        ]
        return max(counts, default=None)

    def clean(self) -> None:
        """Remove what runs that were killed have left behind, and make the folder if need be."""
        self.raw.mkdir(parents=True, exist_ok=True)
        for folder in self.raw.glob(f"{_PREFIX}*"):
            if self._is_stale(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _is_stale(self, folder: Path) -> bool:
        times = [_time(path) for path in (folder, folder / _PULSE)]
        return self._now() - max(times) > STALE_SECONDS

    def _now(self) -> float:
        """The time by the clock of the file system, which may not be that of this machine."""
        clock = self.raw / f".clock-{uuid4().hex[:12]}"
        clock.touch()
        try:
            return clock.stat().st_mtime
        finally:
            clock.unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Remove a folder, first from its place in one step, so that no one meets half of it."""
    away = folder.with_name(f"{_PREFIX}discarded-{uuid4().hex[:12]}")
    try:
        folder.replace(away)
    except FileNotFoundError:
        return
    shutil.rmtree(away, ignore_errors=True)


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
