"""Clustering: the compiled search against the literal algorithm, and against other libraries."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import igraph
import leidenalg
import networkx as nx
import numpy as np
from oracles import literal_monte_carlo
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.networks import matrices, untrained_matrix
from benchmarks.stopwatch import seconds, seconds_once
from experiments.data import data_root
from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.clustering.monte_carlo import monte_carlo_modules
from modlib.clustering.spectral import spectral_modules
from modlib.modularity import modularity, to_adjacency

N_STEPS = 5000
N_LITERAL = 200  # steps of the literal algorithm: its cost is the same for every step
N_LEIDEN = 30
N_MATRICES = 40
MANY_LINKS = 20_000  # beyond which leidenalg takes minutes
WIDTHS = (256, 512, 1024)  # of layers
UNITS = (16, 64, 256, 512, 1024, 2048, 4096)


def against_the_literal_algorithm() -> list[dict[str, object]]:
    """The Monte Carlo steps of one matrix, compiled and as printed."""
    adjacency = to_adjacency(next(iter(matrices().values())))
    labels = spectral_modules(adjacency).labels
    fast = seconds(lambda: monte_carlo_modules(adjacency, labels, N_STEPS))
    slow = seconds_once(lambda: literal_monte_carlo(adjacency, labels, N_LITERAL, 0.15, 0))
    slow *= N_STEPS / N_LITERAL
    return [
        {"way": "compiled", "steps": N_STEPS, "seconds": fast, "ratio": 1.0},
        {"way": "literal, in NumPy", "steps": N_STEPS, "seconds": slow, "ratio": slow / fast},
    ]


def against_leiden(n_matrices: int = N_MATRICES) -> list[dict[str, object]]:
    """Q and time of the paper's search, of the best, and of the best of 30 runs of leidenalg."""
    names = np.random.default_rng(0).permutation(sorted(matrices()))[:n_matrices]
    ways = {
        "paper": find_modules,
        "best": partial(find_modules, search="best"),
        f"leidenalg, best of {N_LEIDEN}": best_of_leiden,
    }
    q, spent = {}, {}
    for way, search in ways.items():
        search(matrices()[names[0]])  # compiled and warm
        start = perf_counter()
        q[way] = [search(matrices()[name]).q for name in names]
        spent[way] = perf_counter() - start
    best = np.array(q["best"])
    return [
        {
            "way": way,
            "matrices": len(names),
            "seconds": spent[way] / len(names),
            "below_best": int((np.array(q[way]) < best - 1e-9).sum()),
            "above_best": int((np.array(q[way]) > best + 1e-9).sum()),
            "mean_deficit": float((best - q[way]).mean()),
            "largest_deficit": float((best - q[way]).max()),
        }
        for way in ways
    ]


def best_of_leiden(similarity: np.ndarray) -> Modules:
    """Return the best of 30 runs of leidenalg, each judged by our own Q."""
    adjacency = to_adjacency(similarity)
    rows, columns = np.nonzero(np.triu(adjacency))
    graph = igraph.Graph(len(adjacency), list(zip(rows, columns, strict=True)))
    weights = adjacency[rows, columns].tolist()
    runs = (
        leidenalg.find_partition(
            graph, leidenalg.ModularityVertexPartition, weights=weights, n_iterations=-1, seed=seed
        )
        for seed in range(N_LEIDEN)
    )
    found = [np.array(run.membership) for run in runs]
    return max((Modules(labels, modularity(adjacency, labels)) for labels in found), key=_q)


def against_peers() -> list[dict[str, object]]:
    """Q and processor time on graphs and layers: our best search, and 30 runs of each other."""
    rows = []
    find_modules(nx.to_scipy_sparse_array(nx.path_graph(100)), search="best")  # compiled
    for name, similarity in instances():
        adjacency, graph = to_adjacency(similarity), as_igraph(similarity)
        for way, search in _ways(graph).items():
            with threadpool_limits(1):  # a second one would wait, at the cost of processor time
                start = process_time()
                found = search(similarity, graph)
                spent = process_time() - start
            q = max(modularity(adjacency, labels) for labels in found)
            rows.append(
                {
                    "instance": name,
                    "units": graph.vcount(),
                    "links": graph.ecount(),
                    "way": way,
                    "q": q,
                    "seconds": spent,
                }
            )
    return rows


Way = Callable[[object, igraph.Graph], list[np.ndarray]]


def _ways(graph: igraph.Graph) -> dict[str, Way]:
    """Ways to search a graph in reasonable time."""
    ways = {"best": _ours, "igraph Leiden": _leiden, "igraph multilevel": _multilevel}
    return ways if graph.ecount() > MANY_LINKS else ways | {"leidenalg": _leidenalg}


def _ours(similarity: object, _: igraph.Graph) -> list[np.ndarray]:
    return [find_modules(similarity, search="best").labels]


def _leiden(_: object, graph: igraph.Graph) -> list[np.ndarray]:
    random.seed(0)  # igraph draws from Python's own numbers
    runs = (
        graph.community_leiden("modularity", weights="weight", n_iterations=-1)
        for _ in range(N_LEIDEN)
    )
    return [np.array(run.membership) for run in runs]


def _multilevel(_: object, graph: igraph.Graph) -> list[np.ndarray]:
    random.seed(0)
    runs = (graph.community_multilevel(weights="weight") for _ in range(N_LEIDEN))
    return [np.array(run.membership) for run in runs]


def _leidenalg(_: object, graph: igraph.Graph) -> list[np.ndarray]:
    kind, options = leidenalg.ModularityVertexPartition, {"weights": "weight", "n_iterations": -1}
    runs = (leidenalg.find_partition(graph, kind, seed=run, **options) for run in range(N_LEIDEN))
    return [np.array(run.membership) for run in runs]


def instances() -> Iterator[tuple[str, object]]:
    """Similarities by name: graphs as sparse arrays, layers as dense ones.

    With those of the folder ``graphs`` of the data, if there are any, one file of edges each.
    """
    graphs = {
        "karate club": nx.Graph(nx.karate_club_graph().edges),
        "caveman": nx.connected_caveman_graph(20, 6),
        "lattice": nx.grid_2d_graph(20, 20),
        "hubs": nx.powerlaw_cluster_graph(500, 3, 0.4, seed=1),
        "tree": nx.random_labeled_tree(500, seed=1),
    }
    for n_units, mixing in ((300, 0.4), (1000, 0.3), (1000, 0.5)):
        graphs[f"LFR {n_units}, mixing {mixing}"] = _planted(n_units, mixing)
    for path in sorted((data_root() / "graphs").glob("*.edges")):
        graphs[path.stem] = from_edges(path)
    for name, graph in graphs.items():
        yield name, nx.to_scipy_sparse_array(graph, dtype=np.float64, format="csr")
    for width in WIDTHS:
        yield f"layer of {width} units", untrained_matrix(width)


def _planted(n_units: int, mixing: float) -> nx.Graph:
    """Return a graph of Lancichinetti, Fortunato and Radicchi (2008), without loops."""
    graph = nx.LFR_benchmark_graph(
        n_units, 3, 1.5, mixing, average_degree=12, max_degree=30, min_community=20,
        max_community=50, max_iters=500, seed=0,
    )  # fmt: skip
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    return nx.Graph(graph.edges)


def from_edges(path: Path) -> nx.Graph:
    """Read a graph from a file of two nodes a line; lines that begin with # are comments."""
    return nx.Graph(np.loadtxt(path, dtype=np.int64, comments="#", ndmin=2).tolist())


def as_igraph(similarity: object) -> igraph.Graph:
    """Return the weighted graph of a symmetric matrix, dense or sparse, without its diagonal."""
    upper = sparse.coo_array(sparse.triu(sparse.csr_array(similarity), 1))
    edges = list(zip(upper.row.tolist(), upper.col.tolist(), strict=True))
    graph = igraph.Graph(upper.shape[0], edges)
    graph.es["weight"] = upper.data.tolist()
    return graph


def _q(modules: Modules) -> float:
    return modules.q


def growth_with_steps() -> list[dict[str, object]]:
    """Time of the Monte Carlo search for more and more steps."""
    adjacency = to_adjacency(next(iter(matrices().values())))
    labels = spectral_modules(adjacency).labels
    rows = []
    for n_steps in (1_000, 10_000, 100_000):
        spent = seconds(partial(monte_carlo_modules, adjacency, labels, n_steps))
        rows.append({"steps": n_steps, "seconds": spent})
    return rows


def growth_with_units() -> list[dict[str, object]]:
    """Processor time of both searches for more and more units: layers, and graphs of few links."""
    rows = []
    for n_units in UNITS:
        layer = untrained_matrix(n_units)
        hubs = nx.powerlaw_cluster_graph(n_units, 3, 0.4, seed=1)
        graph = nx.to_scipy_sparse_array(hubs, dtype=np.float64, format="csr")
        rows.append(
            {
                "units": n_units,
                "paper": _cpu_seconds(partial(find_modules, layer)),
                "best": _cpu_seconds(partial(find_modules, layer, search="best")),
                "best_of_graph": _cpu_seconds(partial(find_modules, graph, search="best")),
            }
        )
    return rows


def _cpu_seconds(call: Callable[[], object]) -> float:
    with threadpool_limits(1):
        start = process_time()
        call()
        return process_time() - start
