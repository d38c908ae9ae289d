"""Similarity of any network by automatic differentiation: against other ways, and how it grows."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.halves import SIDE, Halves, connected, convolutional, recurrent, transformer
from benchmarks.networks import samples
from benchmarks.stopwatch import peak_mebibytes, seconds, seconds_once
from benchmarks.ways import looped, passes, vectorized
from modlib.similarity.compute import LARGEST_CHUNK, Key, similarity_matrices
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import MEASURES

ALL = "all four"
DERIVED = [name for name in MEASURES if name != "covariance"]
N_PROBES = 64
N_LOOP = 1  # sample: a loop over neurons is too slow for more; its cost is the same for each
SHORT = 0.5  # seconds: what takes less is repeated


class Case(NamedTuple):
    """A network, and on how many samples each way is measured."""

    make: Callable[[], Halves]
    n_inputs: int
    n_func: int
    """For torch.func, whose cost is the same for every chunk."""
    chunk: int
    """Of samples that torch.func takes at once: faster here than half or twice as many."""


CASES = {
    "convolutional": Case(convolutional, 64, 2, 2),
    "transformer": Case(transformer, 128, 16, 4),
    "recurrent": Case(recurrent, 128, 16, 1),
    "fully connected": Case(connected, 1000, 1000, 100),
}


def against_hand_cuts() -> list[dict[str, object]]:
    """Time of each measure of one layer by four ways, absolute values inside the mean.

    The ratio is that to the library. All four measures together are one call of the library;
    for other ways they are the sum.
    """
    rows = []
    for name, case in CASES.items():
        spent = {measure: _seconds_of_ways(case, measure) for measure in MEASURES}
        spent[ALL] = {way: sum(spent[measure][way] for measure in MEASURES)
                      for way in spent["covariance"]}  # fmt: skip
        spent[ALL]["library"] = _settled(_call(_ours, case, case.n_inputs))
        rows += [
            {"network": name, "measure": measure, "way": way, "inputs": case.n_inputs,
             "seconds": value, "ratio": value / ways["library"]}
            for measure, ways in spent.items() for way, value in ways.items()
        ]  # fmt: skip
    return rows


def _seconds_of_ways(case: Case, measure: str) -> dict[str, float]:
    """Time of each way, scaled up to all samples where it is measured on fewer."""
    ways = {
        "library": (partial(_ours, measures=[measure]), case.n_inputs),
        "bare passes": (partial(passes, measure=measure), case.n_inputs),
        "torch.func": (partial(vectorized, measure=measure, chunk=case.chunk), case.n_func),
        "loop": (partial(looped, measure=measure), N_LOOP),
    }
    spent = {}
    for name, (way, n_inputs) in ways.items():
        if name != "loop":
            _call(way, case, 1)()  # the first call loads what it needs
        spent[name] = _settled(_call(way, case, n_inputs)) * case.n_inputs / n_inputs
    return spent


def _settled(call: Callable[[], Any]) -> float:
    """Time of a call; the shortest of some where it is short."""
    once = seconds_once(call)
    return once if once > SHORT else min(once, seconds(call))


def _call(way: Callable[..., Any], case: Case, n_inputs: int) -> Callable[[], Any]:
    """A way on the network of a case, whose weights are those it starts with."""
    torch.manual_seed(0)
    return partial(way, case.make(), *samples(n_inputs))


def _ours(
    model: Halves,
    inputs: Tensor,
    targets: Tensor,
    measures: Collection[str] = MEASURES,
    conventions: Collection[str] = ("printed",),
    probes: int | None = None,
) -> dict[Key, Similarity]:
    return similarity_matrices(
        model, inputs, targets, layers=["head"], measures=measures, conventions=conventions,
        probes=probes, derivatives="autograd",
    )  # fmt: skip


# ------------------------------------------------------------------------------------- memory


def memory() -> list[dict[str, object]]:
    """Memory that all four measures need at most, of the library and of torch.func.

    The library takes as many samples at a time as it ever does, torch.func one chunk.
    """
    rows = []
    for name, case in CASES.items():
        chunked = partial(_all_vectorized, case.chunk)
        ways = {"library": (_ours, LARGEST_CHUNK), "torch.func": (chunked, case.chunk)}
        for way, (compute, n_inputs) in ways.items():
            spent = peak_mebibytes(partial(_prepared, compute, case, n_inputs))
            rows.append({"network": name, "way": way, "inputs": n_inputs, "mebibytes": spent})
    return rows


def _all_vectorized(chunk: int, model: Halves, inputs: Tensor, targets: Tensor) -> None:
    for measure in MEASURES:
        vectorized(model, inputs, targets, measure, chunk)


def _prepared(way: Callable[..., Any], case: Case, n_inputs: int) -> Callable[[], Any]:
    """In a fresh process: one small call so that all is loaded, then the call to be measured."""
    _call(way, case, 2)()
    return _call(way, case, n_inputs)


# ------------------------------------------------------------------------------------- growth


def growth_with_inputs(
    sizes: Collection[int] = (1_000, 10_000, 100_000),
) -> list[dict[str, object]]:
    """Time and memory for more and more inputs, of the paper's architecture with 16 units."""
    rows = []
    for n_inputs in sizes:
        case = Case(partial(connected, 16), n_inputs, 0, 0)
        spent = seconds_once(_call(_ours, case, n_inputs))
        most = peak_mebibytes(partial(_prepared, _ours, case, n_inputs))
        rows.append({"inputs": n_inputs, "seconds": spent, "mebibytes": most})
    return rows


def growth_with_units(sizes: Collection[int] = (16, 64, 128)) -> list[dict[str, object]]:
    """Time and memory for more and more units at each of four tokens."""
    return _growth("units", {size: partial(transformer, 14, size) for size in sizes})


def growth_with_positions(patches: Collection[int] = (14, 7, 5)) -> list[dict[str, object]]:
    """Time and memory for more and more tokens of 32 units each."""
    made = {(SIDE // patch) ** 2: partial(transformer, patch, 32) for patch in patches}
    return _growth("positions", made)


def _growth(
    name: str, made: dict[int, Callable[[], Halves]], n_inputs: int = 16
) -> list[dict[str, object]]:
    rows = []
    for size, make in made.items():
        case = Case(make, n_inputs, 0, 0)
        spent = _settled(_call(_ours, case, n_inputs))
        most = peak_mebibytes(partial(_prepared, _ours, case, n_inputs))
        rows.append({name: size, "inputs": n_inputs, "seconds": spent, "mebibytes": most})
    return rows


# ------------------------------------------------------------------------------------- probes


def probed_against_exact(
    networks: Collection[str] = ("convolutional", "transformer"),
) -> list[dict[str, object]]:
    """Time and error of random directions, the error as a share of the similarities' own size.

    That which the library tells beside that which there is, by the released convention; and by how
    much the printed one is too high.
    """
    rows = []
    for name in networks:
        for measure in DERIVED:
            exact, seconds_of_all = _both_conventions(CASES[name], measure, None)
            probed, spent = _both_conventions(CASES[name], measure, N_PROBES)
            rows.append(
                {"network": name, "measure": measure, "probes": N_PROBES, "seconds": spent,
                 "exact": seconds_of_all, "ratio": seconds_of_all / spent}
                | _errors(*(found["head", measure, "released"] for found in (probed, exact)))
                | {"excess": _excess(*(found["head", measure, "printed"].values.mean()
                                       for found in (probed, exact)))}
            )  # fmt: skip
    return rows


def _both_conventions(
    case: Case, measure: str, probes: int | None
) -> tuple[dict[Key, Similarity], float]:
    found: list[dict[Key, Similarity]] = []
    call = _call(_ours, case, case.n_inputs)
    options = {"measures": [measure], "conventions": CONVENTIONS, "probes": probes}
    spent = _settled(lambda: found.append(call(**options)))
    return found[0], spent


def _errors(probed: Similarity, exact: Similarity) -> dict[str, float]:
    size = _root_mean_square(exact.values)
    return {
        "told": _root_mean_square(probed.standard_error) / size,
        "error": _root_mean_square(probed.values - exact.values) / size,
    }


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _excess(probed: float, exact: float) -> float:
    return float(probed / exact - 1)
