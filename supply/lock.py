"""The lock as uv writes it: one entry for each release, with hashes and what asked for it."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK, CUDA, CPU = (ROOT / name for name in ("requirements.lock", "cuda.lock", "cpu.lock"))
ENTRY = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[^\s;]+)(?: ; (?P<marker>.*?))?$")


@dataclass(frozen=True)
class Entry:
    """One release of one package.

    Parameters
    ----------
    name, version
        As on PyPI; the name is normalised.
    hashes
        SHA-256 of every file of the release that may be installed, in hexadecimal.
    via
        The names of what asked for it; `modlib (pyproject.toml)` is this repository.
    marker
        Where it is installed; empty, everywhere.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    via: tuple[str, ...]
    marker: str = ""

    def text(self) -> str:
        """Return the entry as it stands in a lock."""
        first = f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")
        lines = [first, *(f"    --hash=sha256:{each}" for each in self.hashes)]
        return " \\\n".join(lines) + "\n" + _comment(self.via)


def _comment(via: tuple[str, ...]) -> str:
    """Say what asked for an entry, on one line if it was one."""
    if len(via) == 1:
        return f"    # via {via[0]}\n"
    return "".join(f"    {line}\n" for line in ("# via", *(f"#   {each}" for each in via)))


def read(text: str) -> tuple[str, list[Entry]]:
    """Return the head of a lock and its entries.

    Raises
    ------
    ValueError
        For an entry that is not pinned, or that has no hash.
    """
    head, *blocks = re.split(r"^(?=[^\s#])", text, flags=re.MULTILINE)
    return head, [_entry(block) for block in blocks]


def _entry(block: str) -> Entry:
    lines = [line.strip().removesuffix("\\").strip() for line in block.splitlines()]
    first = ENTRY.match(lines[0])
    hashes = [line.removeprefix("--hash=sha256:") for line in lines if line.startswith("--hash=")]
    if first is None or not hashes:
        raise ValueError(
            f"every entry of a lock must name one release and its hashes. Got {lines[0]!r} with "
            f"{len(hashes)} hashes. Run make lock."
        )
    if wrong := [each for each in hashes if not re.fullmatch("[0-9a-f]{64}", each)]:
        raise ValueError(
            f"a hash of {first['name']} must be 64 hexadecimal digits of SHA-256. "
            f"Got {wrong[0]!r}. Run make lock."
        )
    comments = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    via = [line.removeprefix("via").strip() for line in comments]
    return Entry(
        first["name"],
        first["version"],
        tuple(hashes),
        tuple(each for each in via if each),
        first["marker"] or "",
    )


def write(head: str, entries: list[Entry]) -> str:
    """Return the text of a lock."""
    return head + "".join(entry.text() for entry in entries)


def load(*paths: Path) -> list[Entry]:
    """Return the entries of these locks together; of all that is installed, unless any is named."""
    paths = paths or (LOCK, CUDA)
    return [entry for path in paths for entry in read(path.read_text())[1]]


def needed(entries: list[Entry], roots: set[str]) -> set[str]:
    """Return the names of these packages and of everything that they ask for, step by step."""
    asked: dict[str, set[str]] = {}
    for entry in entries:
        for user in entry.via:
            asked.setdefault(user, set()).add(entry.name)
    found, fresh = set(), roots & {entry.name for entry in entries}
    while fresh:
        found |= fresh
        fresh = set().union(*(asked.get(name, set()) for name in fresh)) - found
    return found
