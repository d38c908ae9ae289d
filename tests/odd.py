"""Odd values for every argument of every public function, and how a call with one ends.

A call ends well if it gives an answer, without a warning, or if it is refused by a ``ValueError``
or ``TypeError`` that begins with the name of the argument. All else is a fault: an error that
comes out of another library, or that does not say which argument is meant; a warning; a call that
hangs.
"""

import inspect
import io
import math
import pkgutil
import re
import signal
import tempfile
import time
import warnings
from collections import Counter, abc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, is_dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import networkx as nx
import numpy as np
import pandas as pd
import scipy.sparse
import torch
from torch import nn

SECONDS = 120  # of CPU time: a call that takes more hangs, for whoever waits for it
BLOCKS = np.kron(np.eye(2), np.ones((3, 3))) * 0.75 + 0.25


class Odd:
    """An object of a class that nobody knows."""

    def __repr__(self) -> str:
        return "<odd>"


class Spoilt:
    """An object that says that it is an array, and cannot be made one."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("out of order")


def list_of_itself() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def changed(where: Any, value: float) -> np.ndarray:
    array = BLOCKS.copy()
    array[where] = value
    return array


ODD: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "0": lambda: 0,
    "-1": lambda: -1,
    "1": lambda: 1,
    "10**12": lambda: 10**12,
    "10**30": lambda: 10**30,
    "-10**400": lambda: -(10**400),
    "2.5": lambda: 2.5,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "1e-320": lambda: 1e-320,
    "1e308": lambda: 1e308,
    "Fraction": lambda: Fraction(1, 3),
    "Decimal": lambda: Decimal("0.5"),
    "1j": lambda: 1j,
    "float32": lambda: np.float32(0.5),
    "uint8": lambda: np.uint8(1),
    "bool of NumPy": lambda: np.bool_(True),
    "date of NumPy": lambda: np.datetime64("2020-01-01"),
    "NA": lambda: pd.NA,
    "NaT": lambda: pd.NaT,
    "date": lambda: date(2020, 1, 1),
    "text": lambda: "nonsense",
    "empty text": lambda: "",
    "zero byte": lambda: "a\0b",
    "bytes": lambda: b"bytes",
    "path": lambda: Path("nonsense"),
    "empty list": list,
    "empty tuple": tuple,
    "empty dictionary": dict,
    "list": lambda: [1, 2, 3],
    "huge list": lambda: [10**19, 4, 3],
    "ragged": lambda: [[1, 2], [3]],
    "list of None": lambda: [None, None],
    "list of texts": lambda: ["a", "b"],
    "list of itself": list_of_itself,
    "dictionary": lambda: {"a": 1},
    "set": lambda: {1, 2},
    "generator": lambda: (n for n in (1, 2)),
    "range": lambda: range(3),
    "object": Odd,
    "spoilt array": Spoilt,
    "type": lambda: Odd,
    "function": lambda: len,
    "array without entries": lambda: np.zeros((0, 0)),
    "array of no axes": lambda: np.array(3.0),
    "array of one axis": lambda: np.arange(4.0),
    "array of three axes": lambda: np.ones((2, 2, 2)),
    "array that is not square": lambda: np.ones((2, 3)),
    "array with nan": lambda: changed((0, 1), math.nan),
    "array with infinity": lambda: changed(([0, 1], [1, 0]), math.inf),
    "array of objects": lambda: np.array([[Odd(), 1], [2, None]], object),
    "array of text": lambda: np.array([["a", "b"], ["c", "d"]]),
    "array of dates": lambda: np.array(["2020-01-01"], "datetime64[D]"),
    "array of records": lambda: np.zeros(3, [("a", float)]),
    "complex array": lambda: BLOCKS + 0j,
    "huge entries": lambda: BLOCKS * 1e308,
    "tiny entries": lambda: BLOCKS * 1e-320,
    "negative entries": lambda: -BLOCKS,
    "asymmetric": lambda: changed((0, 1), 7.0),
    "masked": lambda: np.ma.masked_greater(BLOCKS, 0.5),
    "tensor": lambda: torch.ones(6, 6),
    "tensor of no axes": lambda: torch.tensor(1),
    "tensor of whole numbers": lambda: torch.ones(7, dtype=torch.int64),
    "tensor with nan": lambda: torch.full((7, 4), math.nan),
    "tensor with gradient": lambda: torch.ones(7, 4, requires_grad=True),
    "bfloat16 tensor": lambda: torch.ones(7, 4, dtype=torch.bfloat16),
    "complex tensor": lambda: torch.ones(7, 4) + 0j,
    "meta tensor": lambda: torch.ones(7, 4, device="meta"),
    "sparse tensor": lambda: torch.ones(7, 4).to_sparse(),
    "sparse": lambda: scipy.sparse.coo_array(BLOCKS),
    "sparse, not square": lambda: scipy.sparse.csr_array(np.ones((2, 3))),
    "sparse of one axis": lambda: scipy.sparse.coo_array([1.0, 2.0]).tocsr(),
    "complex sparse": lambda: scipy.sparse.csr_array(BLOCKS + 0j),
    "sparse with nan": lambda: scipy.sparse.csr_array(changed((0, 1), math.nan)),
    "series": lambda: pd.Series([1.0, None]),
    "frame": lambda: pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "graph": lambda: nx.path_graph(3),
    "directed graph": lambda: nx.DiGraph([(0, 1)]),
    "network": lambda: nn.Linear(4, 3),
    "class of networks": lambda: nn.Linear,
    "device": lambda: torch.device("cpu"),
}
"""What makes each, since some are used up or changed by whoever takes them."""
ANY = " | ".join(ODD)


class Case(NamedTuple):
    """A public name that can be called."""

    name: str
    """In full, with the module."""
    function: Callable[..., Any]
    parameters: dict[str, inspect.Parameter]
    """By name; those that ``**options`` go on to are among them."""
    tried: tuple[str, ...]
    """Those that odd values are given to."""


def raised(document: str | None) -> list[str]:
    """Names of the errors that a docstring promises."""
    section = re.search(r"^Raises\n-+\n(.+\n?)*", inspect.cleandoc(document or ""), re.MULTILINE)
    lines = re.findall(r"^[\w.]+(?:, [\w.]+)*$", section[0], re.MULTILINE)[1:] if section else []
    return [name.rpartition(".")[2] for line in lines for name in line.split(", ")]


def promises(document: str | None) -> bool:
    """Whether a docstring says when there is a ``ValueError``, or where that is said."""
    return "ValueError" in raised(document) or "rrors are those of" in (document or "")


def border(
    package: ModuleType,
    face: Iterable[Any] = (),
    options: Mapping[Any, Callable[..., Any]] | None = None,
    checks: Collection[str] = (),
    without: Collection[str] = (),
) -> dict[str, Case]:
    """Every public function and class of a package that promises a ``ValueError``, by full name.

    Parameters
    ----------
    package
        It and all of its modules are looked through, but for ``__main__``.
    face
        Names that are there whether they promise one or not, but for records; of classes also
        methods that do.
    options
        What the ``**options`` of a function go on to.
    checks
        Modules whose functions check their first argument. How they do so is said by other
        functions of the package, so that only the first is tried.
    without
        Packages, modules and functions that are left out, by their full names.
    """
    face, found = list(face), {}
    walked = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    for place in [package.__name__, *(info.name for info in walked)]:
        if place.endswith("__main__") or any(f"{place}.".startswith(f"{one}.") for one in without):
            continue
        module = import_module(place)
        for name, one in vars(module).items():
            is_ours = getattr(one, "__module__", None) == module.__name__
            is_called = inspect.isfunction(one) or inspect.isclass(one)
            if name.startswith("_") or not is_ours or not is_called:
                continue
            is_face = any(one is other for other in face)
            is_record = is_dataclass(one)  # which keeps what it is told
            full_name = f"{module.__name__}.{name}"
            if full_name in without:
                continue
            if promises(one.__doc__) or (is_face and not is_record):
                found[full_name] = _case(full_name, one, is_face, package, options or {})
            for method, function in vars(one).items() if is_face and inspect.isclass(one) else ():
                is_public = method[0] != "_" and inspect.isfunction(function)
                if is_public and promises(function.__doc__):
                    longer = f"{full_name}.{method}"
                    found[longer] = _case(longer, function, True, package, options or {})
    for name, case in found.items():
        if case.function.__module__ in checks:
            found[name] = case._replace(tried=case.tried[:1])
    return {name: case for name, case in found.items() if case.tried}


def _case(
    name: str,
    function: Callable[..., Any],
    is_face: bool,
    package: ModuleType,
    options: Mapping[Any, Callable[..., Any]],
) -> Case:
    own = inspect.signature(function).parameters
    found = {key: one for key, one in own.items() if one.kind is not one.VAR_KEYWORD}
    if len(found) < len(own):
        assert function in options, f"OPTIONS must say what the options of {name} go on to"
        further = inspect.signature(options[function]).parameters
        found |= {key: one for key, one in further.items()
                  if one.kind is one.KEYWORD_ONLY and key not in found}  # fmt: skip
    hints = inspect.get_annotations(function if inspect.isfunction(function) else function.__init__)
    is_open = {key: is_face or not is_internal(hints.get(key), package) for key in found}
    tried = [key for key in found if key != "self" and is_open[key]]
    return Case(name, function, found, tuple(tried))


def is_internal(hint: Any, package: ModuleType) -> bool:
    """Whether an argument takes nothing but classes of the package, such as a record or a list.

    Then it is one function of the package that hands it to another, and types are checked before
    anything runs.
    """
    leaves = [leaf for leaf in _leaves(hint) if leaf not in (*CONTAINERS, type(None), ...)]
    of_package = [str(getattr(leaf, "__module__", "")).split(".")[0] for leaf in leaves]
    return bool(leaves) and set(of_package) == {package.__name__}


CONTAINERS = (list, tuple, dict, abc.Sequence, abc.Mapping, abc.Iterable, abc.Hashable, UnionType,
              Union)  # fmt: skip


def _leaves(hint: Any) -> Iterator[Any]:
    parts = get_args(hint)
    for part in parts:
        yield from _leaves(part)
    yield get_origin(hint) if parts else hint


@contextmanager
def alarm() -> Iterator[None]:
    """Raise an ``AssertionError`` in what computes for too long."""

    def ring(*_: object) -> None:
        raise AssertionError(f"it hangs: no end after {SECONDS} s of CPU time")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


ANSWERED, REFUSED, PROMISED, FAULT = "answered", "refused by name", "error of a file", "fault"


class Outcome(NamedTuple):
    """How a call ended, and what it gave or said."""

    kind: str
    told: Any


def outcome(case: Case, arguments: Mapping[str, Any], names: Iterable[str] = ()) -> Outcome:
    """Call a function, and say how that ends; a refusal has to begin with one of the names."""
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
            alarm(),
        ):
            warnings.simplefilter("error")
            return Outcome(ANSWERED, case.function(**arguments))
    except Exception as error:
        kinds = {base.__name__ for base in type(error).__mro__}
        is_refusal = not kinds.isdisjoint({"ValueError", "TypeError"})
        if is_refusal and any(re.match(rf"{re.escape(name)}\b", str(error)) for name in names):
            return Outcome(REFUSED, str(error))
        if "OSError" in kinds and not kinds.isdisjoint(raised(case.function.__doc__)):
            return Outcome(PROMISED, str(error))
        return Outcome(FAULT, f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class Fuzz:
    """A package, and what its tests know of the arguments of what it promises."""

    border: Mapping[str, Case]
    valid: Mapping[str, Callable[[], Any]]
    """What makes a valid value of each argument that has no default, by its name."""
    where: Mapping[str, Mapping[str, Callable[[], Any]]]
    """The same of single functions, by the end of their full names, where theirs are others."""
    also: Mapping[str, tuple[str, ...]]
    """What a refusal may begin with in place of the argument."""
    long: Collection[str]
    """Arguments that say how long to search: a large number is not refused, and is not tried."""
    taken: Mapping[str, str] | None = None
    """Which odd values have an answer, with ``|`` between them, by argument or by function and
    argument; if not given, this is not looked at."""

    def arguments(self, case: Case) -> dict[str, Any]:
        """Make valid arguments for a call, without those that need not be given."""
        own: dict[str, Any] = {}
        for end, values in self.where.items():
            own |= values if case.name.endswith(f".{end}") else {}
        needed = [key for key, one in case.parameters.items() if one.default is one.empty]
        made = self.valid | own
        unknown = [key for key in needed if key not in made]
        assert not unknown, f"VALID must have a value for {unknown} of {case.name}"
        return {key: made[key]() for key in [*needed, *(key for key in own if key not in needed)]}

    def calls(self, case: Case) -> Iterator[tuple[str, str]]:
        """Give every argument with every kind of odd value that it is tried with."""
        for argument in case.tried:
            for kind in ODD:
                if not (argument in self.long and kind in ("10**12", "10**30")):
                    yield argument, kind

    @property
    def n_calls(self) -> int:
        """How many calls there are in all."""
        return sum(1 for case in self.border.values() for _ in self.calls(case))

    def check_valid(self, case: Case) -> None:
        """Check that a call with nothing odd has an answer: else all others would tell nothing."""
        found = outcome(case, self.arguments(case))
        assert found.kind == ANSWERED, f"the valid call of {case.name} ends in {found.told}"

    def tried(self, case: Case) -> tuple[Counter[str], dict[str, str]]:
        """Try every odd value: how many calls end how, and what is wrong with which."""
        counts, faults = Counter[str](), {}
        for argument, kind in self.calls(case):
            arguments = self.arguments(case) | {argument: ODD[kind]()}
            found = outcome(case, arguments, (argument, *self.also.get(argument, ())))
            if found.kind == ANSWERED and not self._is_taken(case, argument, kind):
                found = Outcome(FAULT, f"an answer that TAKEN of {argument!r} does not tell of")
            counts[found.kind] += 1
            if found.kind == FAULT:
                faults[f"{argument}: {kind}"] = str(found.told)
        return counts, faults

    def _is_taken(self, case: Case, argument: str, kind: str) -> bool:
        own = f"{case.name.rpartition('.')[2]}.{argument}"
        if self.taken is None:
            return True
        return kind in self.taken.get(own, self.taken.get(argument, "")).split(" | ")


def told(fuzz: Fuzz) -> None:
    """Print how all calls end."""
    counts, start = Counter[str](), time.process_time()
    for case in fuzz.border.values():
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            fuzz.check_valid(case)
            ends, faults = fuzz.tried(case)
        counts += ends
        for call, what in faults.items():
            print(f"{case.name}, {call}: {what}"[:300])
    n_arguments = sum(len(case.tried) for case in fuzz.border.values())
    print(f"{counts.total()} calls of {len(fuzz.border)} names and {n_arguments} arguments in "
          f"{time.process_time() - start:.0f} s of CPU time: {dict(counts)}")  # fmt: skip
