"""Chaos: whatever is killed, and when, a sweep that is gone on with leaves the same bytes.

``python -m experiments.chaos --rounds 20 --seed 0`` runs the smoke preset of every experiment in
peace, and then again in rounds, with workers of its own or those of a scheduler, while drivers,
workers, kernels and schedulers are killed, interrupted and stopped at random. Each round goes on
until all is done; then its tables must be those of the sweep in peace, byte by byte, and nothing
else may be left. The choice of kills depends on the seed alone, what they hit on the moment.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import uuid4

import psutil

from experiments import EXPERIMENTS
from experiments.engine.sockets import PREFIX

ROOT = Path(__file__).resolve().parents[1]
MARK = "MODLIB_CHAOS"  # in the environment of every process of ours
N_WORKERS, MOST_KILLS, N_FINISHES, LONGEST_WAIT = 2, 4, 5, 0.4
SIGNALS = ("SIGKILL", "SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP")  # killed twice as often
ROLES = ("driver", "worker", "kernel")  # of any sweep
REMOTE_ROLES = (*ROLES, "nanny", "scheduler")  # and of one with a scheduler
STOP_SECONDS, END_SECONDS, HANG_SECONDS = 3.0, 60.0, 900.0
WORDS = {
    "driver": ("-m experiments run",),
    "scheduler": ("-m dask scheduler",),
    "nanny": ("-m dask worker",),  # it starts a worker, and starts it again
    "worker": ("multiprocessing", "spawn_main"),
    "kernel": ("ipykernel_launcher",),
}
"""What the command line of each role has in it."""


class Fault(Exception):
    """What chaos has brought to light."""


@dataclass(frozen=True)
class Kill:
    """What is done to whom, and when."""

    wait: float
    """Since the last one, as a part of the time that the sweep takes in peace."""
    role: str
    signal: str
    which: float
    """Of those with the role, in the order of their ages: from 0, the eldest, to 1."""


def plan(seed: int, number: int, experiment: str) -> tuple[bool, list[Kill]]:
    """Draw a round: whether it has a scheduler, and its kills."""
    random = Random(f"{seed} {number} {experiment}")
    is_remote = random.random() < 0.5
    roles = REMOTE_ROLES if is_remote else ROLES
    kills = [
        Kill(
            random.uniform(0, LONGEST_WAIT),
            random.choice(roles),
            random.choice(SIGNALS),
            random.random(),
        )
        for _ in range(random.randint(1, MOST_KILLS))
    ]
    return is_remote, kills


def say(text: str) -> None:
    """Say it at once, though nobody may look on."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass
class Scene:
    """A folder for results, and the processes that are started for it."""

    experiment: str
    folder: Path
    is_remote: bool = False
    mark: str = field(default_factory=lambda: uuid4().hex)
    driver: subprocess.Popen[bytes] | None = None

    @property
    def results(self) -> Path:
        """Where the sweep leaves its results."""
        return self.folder / "results"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of every process."""
        return self.folder / "tmp"

    @property
    def log(self) -> Path:
        """What drivers have said."""
        return self.folder / "log"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a Python process with the mark."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        env = os.environ | {MARK: self.mark, "TMPDIR": str(self.temporary)}
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        log_of = self.log if "experiments" in arguments else self.log.with_name("cluster.log")
        with log_of.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, stdout=log, stderr=log,
                env=env | {"PYTHONPATH": os.pathsep.join(paths)},
            )  # fmt: skip

    def drive(self) -> subprocess.Popen[bytes]:
        """Start a driver, unless there is one or all is done, and a cluster if it needs one."""
        if self.driver is None or self.driver.poll():  # never, or not to the end
            where = ["--workers", str(N_WORKERS)]
            if self.is_remote:
                where = ["--scheduler", self._cluster()]
            self.driver = self.start("-m", "experiments", "run", self.experiment, "--preset",
                                     "smoke", "--results", str(self.results), *where)  # fmt: skip
        return self.driver

    def _cluster(self) -> str:
        """The address of a scheduler with workers, those there are if all live."""
        file = self.folder / "scheduler.json"
        if len(self.all("nanny")) < N_WORKERS or not self.all("scheduler"):
            self.end()
            file.unlink(missing_ok=True)
            options = ["--no-dashboard", "--scheduler-file", str(file)]
            self.start("-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", *options)
            until(file.exists, "a scheduler starts")
            for _ in range(N_WORKERS):
                self.start("-m", "dask", "worker", "--nthreads", "1", *options)
        return json.loads(file.read_text())["address"]

    def all(self, role: str = "") -> list[psutil.Process]:
        """The living processes of a role, or all, from the eldest."""
        found = [process for process in psutil.process_iter() if self._is_ours(process, role)]
        return sorted(found, key=lambda process: (process.create_time(), process.pid))

    def _is_ours(self, process: psutil.Process, role: str) -> bool:
        try:
            line = " ".join(process.cmdline())
            return (
                all(word in line for word in WORDS.get(role, ()))
                and process.environ().get(MARK) == self.mark
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.Error:
            return False

    def end(self) -> None:
        """Kill every process that is left."""
        for process in self.all():
            with suppress(psutil.Error):
                process.kill()


def until(condition: Callable[[], object], what: str, seconds: float = END_SECONDS) -> None:
    """Wait until a condition holds.

    Raises
    ------
    Fault
        If it does not in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Fault(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def peace(scene: Scene) -> float:
    """Run a sweep undisturbed, and return the seconds that it takes."""
    start = time.monotonic()
    if code := scene.drive().wait(HANG_SECONDS):
        raise Fault(f"in peace, {scene.experiment} ends with code {code}")
    return time.monotonic() - start


def disturb(scene: Scene, kills: list[Kill], seconds: float) -> Iterator[str]:
    """Carry out kills, and say of each what it hit, as long as the sweep is not done."""
    for kill in kills:
        with suppress(subprocess.TimeoutExpired):
            scene.drive().wait(kill.wait * seconds)
        target = _target(scene, kill)
        if target is None:
            return  # all is done
        yield _send(kill, target)


def _target(scene: Scene, kill: Kill) -> psutil.Process | None:
    """Whom a kill is for, as soon as there is one; None if all is done before.

    Raises
    ------
    Fault
        If for long there is none, and the sweep is not done either.
    """
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        if scene.drive().poll() == 0:
            return None
        if found := scene.all(kill.role):
            return found[min(int(kill.which * len(found)), len(found) - 1)]
        time.sleep(0.1)
    raise Fault(f"a sweep hangs: no {kill.role} appears, and it is not done")


def _send(kill: Kill, target: psutil.Process) -> str:
    try:
        target.send_signal(getattr(signal, kill.signal))
        if kill.signal == "SIGSTOP":
            time.sleep(STOP_SECONDS)
            target.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return f"{kill.signal} to a {kill.role} that had just ended"
    return f"{kill.signal} to a {kill.role}"


def finish(scene: Scene) -> None:
    """Go on with a sweep until all is done.

    Raises
    ------
    Fault
        If it is not after a few more drivers, or one hangs.
    """
    for _ in range(N_FINISHES):
        try:
            if scene.drive().wait(HANG_SECONDS) == 0:
                return
        except subprocess.TimeoutExpired:
            raise Fault(f"a sweep hangs: no end in {HANG_SECONDS:.0f} s") from None
    raise Fault(f"a sweep is not done after {N_FINISHES} more drivers")


def judge(scene: Scene, twin: Scene) -> None:
    """Hold what a sweep has left against its twin, which went in peace.

    Raises
    ------
    Fault
        If a table differs, or something is left behind.
    """
    if scene.is_remote:
        for process in scene.all("scheduler") + scene.all("nanny"):
            process.terminate()
    until(lambda: not scene.all(), "all processes end with the sweep")
    scene.is_remote, scene.driver = False, None
    finish(scene)  # there is nothing to do, but to clean up after what was still at work
    until(lambda: not scene.all(), "all processes end with the sweep")
    if left := leftovers(scene):
        raise Fault(f"left behind: {', '.join(map(str, left))}")
    ours, theirs = (_tables(each) for each in (scene, twin))
    if ours.keys() != theirs.keys():
        raise Fault(f"files differ: {sorted(ours)} and, in peace, {sorted(theirs)}")
    if other := [name for name in ours if ours[name] != theirs[name]]:
        raise Fault(f"tables differ from those in peace: {', '.join(other)}")


def _tables(scene: Scene) -> dict[str, bytes]:
    """Every file beside the manifest, which tells of times."""
    folder = scene.results / scene.experiment
    paths = [path for path in sorted(folder.iterdir()) if path.name != "manifest.json"]
    return {path.name: path.read_bytes() for path in paths}


def leftovers(scene: Scene) -> list[Path]:
    """Find what should not be there when all is done."""
    left = [path for path in scene.results.rglob("*") if path.name.startswith(".")]
    left += scene.results.glob("raw/*.failed")
    return left + list(scene.temporary.glob(f"{PREFIX}*"))


def tracebacks(scene: Scene) -> int:
    """Count those that drivers have shown, which is no fault, but no beauty either."""
    text = scene.log.read_text(errors="replace")
    found = text.split("Traceback (most recent call last):")[1:]
    for each in found:
        ends = [line for line in each.splitlines() if line and not line.startswith((" ", "\t"))]
        say(f"    traceback: {ends[0] if ends else 'cut short'}")
    return len(found)


@contextmanager
def stage(scene: Scene) -> Iterator[Scene]:
    """Let no process outlive a round, and show what drivers said if it brought a fault."""
    try:
        yield scene
    except Fault:
        lines = scene.log.read_text(errors="replace").splitlines()
        say("\n".join(f"    {line}" for line in lines[-30:]))
        raise
    finally:
        scene.end()


def chaos(rounds: int, seed: int) -> Counter[str]:
    """Run all rounds over every experiment, and return how often who was hit by what.

    Raises
    ------
    Fault
        What a round has brought to light.
    """
    hits: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        for name in EXPERIMENTS:
            with stage(Scene(name, Path(folder) / f"{name}-peace")) as twin:
                seconds = peace(twin)
            say(f"{name}: in peace {seconds:.0f} s")
            for number in range(1, rounds + 1):
                is_remote, kills = plan(seed, number, name)
                with stage(Scene(name, Path(folder) / f"{name}-{number}", is_remote)) as scene:
                    where = "a scheduler" if is_remote else "workers of its own"
                    for hit in disturb(scene, kills, seconds):
                        hits[hit] += 1
                        say(f"{name}, round {number} with {where}: {hit}")
                    finish(scene)
                    judge(scene, twin)
                    hits["tracebacks of drivers"] += tracebacks(scene)
                say(f"{name}, round {number}: all done, every byte as in peace, nothing left")
    return hits


def main(arguments: list[str] | None = None) -> int:
    """Run chaos and return its exit code: 1 if it brought a fault to light."""
    parser = argparse.ArgumentParser("python -m experiments.chaos", description=(
        "Kill processes of small sweeps at random: their tables must be the same to the last byte."
    ))  # fmt: skip
    parser.add_argument("--rounds", type=int, default=20, help="for each experiment (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of kills (default: 0)")
    options = parser.parse_args(arguments)
    try:
        hits = chaos(options.rounds, options.seed)
    except Fault as fault:
        say(f"FAULT: {fault}")
        return 1
    for hit, count in sorted((+hits).items()):
        say(f"{count:4d}  {hit}")
    n_kills = sum(count for hit, count in hits.items() if hit.startswith("SIG"))
    n_rounds = options.rounds * len(EXPERIMENTS)
    say(f"{n_kills} kills in {n_rounds} rounds survived: every table as in peace, nothing left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
