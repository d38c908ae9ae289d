"""What is measured of networks on the way: the rows of the tables of ``dynamics``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from experiments.analysis import both_conventions, network_row
from experiments.chance import N_INPUTS, some
from experiments.config import AnalysisConfig
from experiments.data import Dataset
from experiments.dynamics import DynamicsConfig
from experiments.profile import families
from experiments.stopwatch import Stopwatch
from experiments.training.run import TrainedNetwork
from experiments.training.snapshots import Followed
from experiments.truth import recovery
from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.nulls import null_similarities
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import METHODS, Method

MEASURED = (
    "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss",
    "test_accuracy", "sparsity", "kept",
)  # fmt: skip
"""What is told of a network at each snapshot, of all that is told of those of the paper."""
Rows = list[dict[str, Any]]
Place = tuple[int, str]
"""A layer and a convention."""


def analyze(
    followed: Sequence[Followed],
    config: DynamicsConfig,
    data: Dataset,
    *,
    stopwatch: Stopwatch | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Rows]:
    """Measure, cluster and compare every snapshot of networks.

    Parameters
    ----------
    followed
        Networks with their weights on the way.
    config
        How they were trained, and how to cluster them.
    data
        Accuracies are of all its samples; the rest is measured on
        :data:`experiments.chance.N_INPUTS` of its test samples, always the same ones.
    stopwatch
        Told the stages ``evaluation``, ``similarity``, ``nulls``, ``clustering`` and
        ``agreement``.
    progress
        Called after each network with the number of those finished.

    Returns
    -------
    dict of lists
        The rows of :data:`experiments.dynamics.TABLES`, without what the engine adds.
    """
    stopwatch = stopwatch or Stopwatch()
    tables: dict[str, Rows] = {"dynamics_snapshots": [], "dynamics_layers": [], "dynamics": []}
    inputs, targets = some(data.test_inputs, data.test_targets, N_INPUTS)
    for done, one in enumerate(followed, start=1):
        snapshots = list(snapshots_of(one))
        with stopwatch("evaluation"):
            tables["dynamics_snapshots"] += [
                named(snapshot, config) | snapshot_row(snapshot.network, config, data)
                for snapshot in snapshots
            ]
        looks = [Look(s.network, inputs, targets, config.analysis, stopwatch) for s in snapshots]
        for snapshot, look in zip(snapshots, looks, strict=True):
            with stopwatch("agreement"):
                found = {"dynamics_layers": look.layer_rows(),
                         "dynamics": look.score_rows(looks[-1])}  # fmt: skip
            for table, rows in found.items():
                tables[table] += [named(snapshot, config) | row for row in rows]
        if progress:
            progress(done)
    return tables


# --------------------------------------------------------------------------------- the snapshots


@dataclass(frozen=True)
class Snapshot:
    """A network as it was after some epochs."""

    network: TrainedNetwork
    epoch: float
    is_final: bool
    """Whether its weights are those that were kept in the end."""


def snapshots_of(followed: Followed) -> Iterator[Snapshot]:
    """Go through a network's snapshots; the one that was kept comes last, whatever its epoch."""
    for epoch in followed.weights:
        yield Snapshot(followed.at(epoch), epoch, False)
    yield Snapshot(followed.network, float(followed.network.best_epoch), True)


def named(snapshot: Snapshot, config: DynamicsConfig) -> dict[str, Any]:
    """The columns that say which network and snapshot a row is of."""
    return {
        "dataset": config.dataset,
        "regularizer": config.regularizer,
        "strength": config.strength,
        "seed": snapshot.network.seed,
        "epoch": snapshot.epoch,
        "final": snapshot.is_final,
    }


def snapshot_row(network: TrainedNetwork, config: DynamicsConfig, data: Dataset) -> dict[str, Any]:
    """Return losses and accuracies of a network, and how sparse its weights are."""
    row = network_row(network, config, data)
    return {name: row[name] for name in MEASURED}


# ----------------------------------------------------------------------------------- one snapshot


class Look:
    """A network, measured and clustered by every method in both conventions.

    Parameters
    ----------
    network
        As it was at a snapshot.
    inputs, targets
        Held-out samples: shapes ``[samples, inputs]`` and ``[samples]``.
    config
        How to cluster it, and how many rotations to draw of each layer.
    stopwatch
        Told what it takes.
    """

    def __init__(
        self,
        network: TrainedNetwork,
        inputs: Tensor,
        targets: Tensor,
        config: AnalysisConfig,
        stopwatch: Stopwatch,
    ) -> None:
        self._config = config
        with stopwatch("similarity"):
            self.matrices = both_conventions(network, inputs, targets)
        with stopwatch("clustering"):
            self.found, self._again = (
                {place: self._clustered(of, seed) for place, of in self.matrices.items()}
                for seed in (config.search_seed, config.search_seed + 1)
            )
        with stopwatch("nulls"):
            self.chance = self._rotated(network, inputs, targets) if config.null_draws else {}

    def _clustered(self, matrices: Mapping[Method, Similarity], seed: int) -> dict[Method, Modules]:
        return {method: self._find(matrix, seed) for method, matrix in matrices.items()}

    def _find(self, matrix: Similarity, seed: int) -> Modules:
        return find_modules(
            matrix, n_steps=self._config.n_steps, entropy=self._config.entropy, seed=seed
        )

    def _rotated(
        self, network: TrainedNetwork, inputs: Tensor, targets: Tensor
    ) -> dict[tuple[Place, Method], float]:
        """The mean Q of each layer, turned at random."""
        config, means = self._config, {}
        for layer in range(1, network.model.n_hidden + 1):
            drawn = null_similarities(
                network.model, inputs, targets, layer, draws=config.null_draws,
                seed=config.search_seed,
            )  # fmt: skip
            for (measure, convention), turned in drawn.items():
                for normalized in (False, True):
                    every = [one.normalized() if normalized else one for one in turned]
                    qs = [self._find(one, config.search_seed).q for one in every]
                    method = Method(measure, normalized)
                    means[(layer, convention), method] = float(np.mean(qs))
        return means

    def layer_rows(self) -> Rows:
        """A row of the table ``dynamics_layers`` for each layer and convention, but its name."""
        rows = []
        for (layer, convention), found in self.found.items():
            covariance = self.matrices[layer, convention][Method("covariance", False)].values
            rows.append(
                {
                    "layer": layer,
                    "convention": convention,
                    "n_unused": int((covariance.sum(axis=1) == 0).sum()),
                    **families([found[method].labels for method in METHODS]),
                }
            )
        return rows

    def score_rows(self, final: "Look") -> Rows:
        """A row of the table ``dynamics`` for each assignment, but for its name.

        Parameters
        ----------
        final
            The same network, as it was kept in the end.
        """
        rows = []
        for place, found in self.found.items():
            for method, modules in found.items():
                again, kept = self._again[place][method], final.found[place][method]
                rows.append(
                    {
                        "layer": place[0],
                        **method._asdict(),
                        "convention": place[1],
                        "q": modules.q,
                        "null_mean": self.chance.get((place, method)),
                        "effective": modules.effective,
                        "labels": modules.labels.tolist(),
                        "retest": recovery(again, modules)["recovery"],
                        "recovery": recovery(modules, kept)["recovery"],
                    }
                )
        return rows
