"""Part and complete the locks, check the licences, write the bill of materials."""

import argparse
import sys
import tomllib
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path

from supply import bill, builds, groups, licenses, lock


def write_locks(resolved: Path, cpu: Path | None) -> None:
    """Part what uv resolved into two locks, and admit the build for the CPU, if there is one."""
    every, cuda = builds.split(lock.load(resolved))
    every = builds.admit(every, lock.load(cpu) if cpu else [])
    lock.LOCK.write_text(lock.write(builds.HEAD, every))
    lock.CUDA.write_text(lock.write(builds.CUDA_HEAD, cuda))


def check_licenses() -> None:
    """Count the licences by class, or end with what is wrong with them."""
    known = licenses.table()
    who = groups.of(lock.load())
    said = {
        groups.normalized(each.metadata["Name"]): licenses.declared(each)
        for each in distributions()
    }
    if wrong := [*licenses.refusals(who, known), *licenses.changes(said, known)]:
        sys.exit("\n".join(wrong))
    counts = Counter((who[name], licenses.class_of(known[name].expression)) for name in who)
    for (group, kind), count in sorted(counts.items()):
        print(f"{group:12} {kind:14} {count:4}")


def write_bill(path: Path) -> None:
    """Write the bill of materials of both locks."""
    project = tomllib.loads((lock.ROOT / "pyproject.toml").read_text())["project"]
    entries = lock.load()
    text = bill.bill(entries, groups.of(entries, project), licenses.table(), project["version"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print(f"The bill of materials of {len(entries)} releases is at {path}")


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(prog="python -m supply", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    locks = tasks.add_parser("locks", help=write_locks.__doc__)
    locks.add_argument("path", type=Path)
    locks.add_argument("cpu", type=Path, nargs="?")
    tasks.add_parser("licenses", help=check_licenses.__doc__)
    tasks.add_parser("bill", help=write_bill.__doc__).add_argument("path", type=Path)
    arguments = parser.parse_args()
    try:
        match arguments.task:
            case "locks":
                write_locks(arguments.path, arguments.cpu)
            case "licenses":
                check_licenses()
            case "bill":
                write_bill(arguments.path)
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
