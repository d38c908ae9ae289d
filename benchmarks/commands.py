"""The commands of the README, as somebody new to the repository gives them."""

import os
import subprocess
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.stopwatch import seconds_once

ROOT = Path(__file__).parents[1]
COMMANDS = ("make venv", "make book", "make test", "make test-site")
OURS = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONPATH", "VIRTUAL_ENV")  # of make bench itself


def in_a_fresh_clone() -> list[dict[str, object]]:
    """Time of each command, one after the other, in a clone of what is committed.

    Packages and data come from wherever they are nearest, a cache if there is one.
    """
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    environment.setdefault("MODLIB_DATA", str(ROOT / "data"))
    with TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        return [
            {
                "command": command,
                "seconds": seconds_once(partial(_run, command, folder, environment)),
            }
            for command in COMMANDS
        ]


def _run(command: str, folder: str, environment: dict[str, str]) -> None:
    result = subprocess.run(
        command.split(), cwd=folder, env=environment, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if result.returncode:
        raise RuntimeError(f"{command} failed:\n{result.stdout[-4000:]}")
