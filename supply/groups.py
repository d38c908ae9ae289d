"""Who needs a package: the wheel, one of its extras, or only the work on this repository."""

import re
import tomllib
from collections.abc import Iterable

from supply.lock import ROOT, Entry, needed

WHEEL, EXTRA, DEVELOPMENT = "wheel", "extra", "development"


def of(entries: list[Entry], project: dict | None = None) -> dict[str, str]:
    """Return the group of each package by its name; the wheel comes before extras.

    Parameters
    ----------
    entries
        Of the locks.
    project
        The table `project` of `pyproject.toml`; that of this repository, if not given.
    """
    project = project or tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for asked in project.get("optional-dependencies", {}).values() for each in asked]
    wheel = needed(entries, _names(project["dependencies"]))
    extra = needed(entries, _names(extras))
    return {
        entry.name: WHEEL if entry.name in wheel else EXTRA if entry.name in extra else DEVELOPMENT
        for entry in entries
    }


def _names(requirements: Iterable[str]) -> set[str]:
    return {normalized(re.split(r"[^A-Za-z0-9._-]", each)[0]) for each in requirements}


def normalized(name: str) -> str:
    """Return the name of a package as locks spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()
