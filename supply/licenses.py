"""The licence of every locked package: listed, compared with what it says itself, and judged.

`licenses.csv` has a line for each package. What a package says itself stands there word for word,
so that a release that says something else is seen; what we read from it is an SPDX expression.
Where two releases are locked, for different Pythons, that say different things, a bar stands
between the two.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path

from license_expression import ExpressionError, LicenseExpression, Licensing, get_spdx_licensing

from supply.builds import ONLY_CUDA
from supply.groups import DEVELOPMENT, WHEEL

TABLE = Path(__file__).with_name("licenses.csv")
PERMISSIVE, WEAK, COPYLEFT, PROPRIETARY = CLASSES = (
    "permissive", "weak copyleft", "copyleft", "proprietary",
)  # fmt: skip
# The first pattern that fits the whole of a licence gives its class. An exception of GCC lets its
# library be part of programs under any licence.
CLASS_OF = {
    r"0BSD|Apache-2\.0( WITH LLVM-exception)?|BSD-[23]-Clause|BSL-1\.0|CC0-1\.0|ISC": PERMISSIVE,
    r"LicenseRef-Public-Domain|MIT(-0|-CMU)?|PSF-2\.0|Zlib": PERMISSIVE,
    r"MPL-.*|LGPL-.*|GPL-3\.0-or-later WITH GCC-exception-3\.1": WEAK,
    r"A?GPL-.*": COPYLEFT,
    r"LicenseRef-NVIDIA-Proprietary": PROPRIETARY,
}
# Copyleft packages that are let through all the same: who needs them, and why.
STATED = {
    "igraph": (WHEEL, "python-igraph brings it, and leidenalg works on its graphs"),
    "leidenalg": (DEVELOPMENT, "tests and benchmarks hold our searches against it"),
    "python-igraph": (WHEEL, "clusim, which compares partitions, asks for it"),
}


@dataclass(frozen=True)
class License:
    """A line of the table: what we read, what the package says itself, and a remark."""

    expression: str
    declared: str
    note: str = ""


def table(path: Path = TABLE) -> dict[str, License]:
    """Return the licence of each package by its name."""
    with path.open(newline="") as file:
        return {
            row["package"]: License(row["license"], row["declared"], row["note"])
            for row in csv.DictReader(file)
        }


def class_of(expression: str) -> str:
    """Return the class of an SPDX expression: of AND the strictest part, of OR the most lenient.

    Raises
    ------
    ValueError
        For what is no such expression, and for a licence of no known class.
    """
    try:
        parsed = _spdx().parse(expression)
    except ExpressionError:
        parsed = None
    if parsed is None:
        raise ValueError(f"a licence must be an SPDX expression. Got {expression!r}")
    return CLASSES[_rank(parsed)]


@cache
def _spdx() -> Licensing:
    """Read the list of SPDX, which takes a while, once."""
    return get_spdx_licensing()


def _rank(parsed: LicenseExpression) -> int:
    ranks = [_rank(part) for part in parsed.args]
    if ranks:
        return min(ranks) if parsed.operator.strip() == "OR" else max(ranks)
    name = parsed.render()
    for pattern, kind in CLASS_OF.items():
        if re.fullmatch(pattern, name):
            return CLASSES.index(kind)
    raise ValueError(
        f"a licence must be of a class that supply/licenses.py knows. Got {name!r}. Read it, and "
        "give it one."
    )


def declared(distribution: Distribution) -> str:
    """Return what an installed package says of its licence itself, on one line."""
    metadata = distribution.metadata
    # All that there are: a twin of the standard library's reader, which other packages bring,
    # raises where one is asked for that is not there.
    if expressions := metadata.get_all("License-Expression"):
        return expressions[0]
    kinds = [kind for kind in metadata.get_all("Classifier") or [] if kind.startswith("License ::")]
    (text, *_) = metadata.get_all("License") or [""]
    first = text.strip().partition("\n")[0].strip()
    return "; ".join(filter(None, [*(kind.split(" :: ")[-1] for kind in kinds), first]))


def refusals(groups: dict[str, str], licenses: dict[str, License]) -> Iterator[str]:
    """Say which packages may not be here, and why.

    Parameters
    ----------
    groups
        Who needs each locked package, from `supply.groups.of`.
    licenses
        The licence of each package.
    """
    for name in sorted(set(licenses) - set(groups)):
        yield f"{name} is in licenses.csv, but in no lock: remove its line."
    for name in sorted(groups):
        if name not in licenses:
            yield f"{name} is locked, but not in licenses.csv: read its licence, and add a line."
        elif reason := _reason(name, groups[name], licenses[name].expression):
            yield f"{name} ({groups[name]}) is under {licenses[name].expression}: {reason}"


def _reason(name: str, group: str, expression: str) -> str | None:
    """Say why a package may not be here, if so."""
    try:
        kind = class_of(expression)
    except ValueError as error:
        return f"{error}"
    if kind == COPYLEFT and (name not in STATED or STATED[name][0] != group):
        return "copyleft is let through only where supply/licenses.py states who needs it, and why"
    if kind == PROPRIETARY and not ONLY_CUDA.match(name):
        return "only the libraries of the CUDA build of PyTorch may be proprietary"
    return None


def changes(said: dict[str, str], licenses: dict[str, License]) -> Iterator[str]:
    """Say which packages no longer say of themselves what the table holds.

    Parameters
    ----------
    said
        What each installed package says, from `declared`.
    licenses
        The licence of each package.
    """
    for name in sorted(set(said) & set(licenses)):
        if said[name] not in licenses[name].declared.split(" | "):
            yield (
                f"{name} says {said[name]!r}, but {licenses[name].declared!r} in licenses.csv: "
                "read its licence anew."
            )
