"""What is measured of a network of any architecture: the rows of the tables of ``elsewhere``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.architectures import Place, architecture
from experiments.cause import N_LESION_INPUTS
from experiments.chance import some
from experiments.config import AnalysisConfig
from experiments.data import Dataset
from experiments.elsewhere import ENOUGH_ACCURACY, USUAL_ACCURACY, ElsewhereConfig
from experiments.stopwatch import Stopwatch
from experiments.training.classifier import Classifier
from experiments.training.run import score
from modlib.clustering.find import find_modules
from modlib.clustering.modules import Modules
from modlib.comparison import agreement_matrix
from modlib.lesions.damage import Lesions
from modlib.nulls import Excess, excess_of, null_similarities
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import METHODS, UPSTREAM, Method

NULL_MEASURES = ("covariance", "input_sensitivity", "output_sensitivity")
"""Those whose rotations are drawn: exact second derivatives of every sample would take too long
where a network is curved, and no rule asks for them."""
AT_ONCE = 5000  # samples that a network is run on
BEST_RESTARTS = 3
"""Of the search for the best, as in the tables of the paper's networks."""

Rows = list[dict[str, Any]]
Matrices = dict[tuple[str, str], Similarity]
"""By measure and convention, not normalised."""


def analyze(
    networks: Sequence[Classifier],
    config: ElsewhereConfig,
    data: Dataset,
    *,
    stopwatch: Stopwatch | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Rows]:
    """Measure, cluster, compare and lesion the units of networks.

    Parameters
    ----------
    networks
        Trained on what the configuration says.
    config
        What they are, and how to cluster them.
    data
        All is measured on some of its test samples, always the same ones; units are silenced on
        :data:`experiments.cause.N_LESION_INPUTS` of them.
    stopwatch
        Told the stages ``evaluation``, ``similarity``, ``nulls``, ``clustering``, ``best``,
        ``lesions`` and ``agreement``.
    progress
        Called after each network with the number of those finished.

    Returns
    -------
    dict of lists
        The rows of :data:`experiments.elsewhere.TABLES`, without what the engine adds.
    """
    stopwatch = stopwatch or Stopwatch()
    tables: dict[str, Rows] = {"elsewhere_networks": [], "elsewhere_layers": [], "elsewhere": []}
    test = data.test_inputs, data.test_targets
    seen, silenced = some(*test, config.n_inputs), some(*test, N_LESION_INPUTS)
    for done, network in enumerate(networks, start=1):
        name = name_columns(network, config)
        with stopwatch("evaluation"):
            tables["elsewhere_networks"].append(name | network_row(network, data))
        for place in architecture(config.architecture).places:
            look = Look(network.model, seen, silenced, place, config, stopwatch)
            where = name | {"part": place.part, "layer": place.number}
            tables["elsewhere_layers"] += [where | row for row in look.layer_rows()]
            tables["elsewhere"] += [where | row for row in look.score_rows()]
        if progress:
            progress(done)
    return tables


def name_columns(network: Classifier, config: ElsewhereConfig) -> dict[str, Any]:
    """The columns that say which network a row is of."""
    return {
        "dataset": config.dataset,
        "architecture": config.architecture,
        "regularizer": config.regularizer,
        "strength": config.strength,
        "seed": network.seed,
    }


def network_row(network: Classifier, data: Dataset) -> dict[str, Any]:
    """Return what came of a network: losses without penalties, and accuracies."""
    row: dict[str, Any] = {
        "n_weights": sum(weights.numel() for weights in network.model.parameters()),
        "epochs": len(network.history),
        "best_epoch": network.best_epoch,
    }
    for name, (inputs, targets) in {
        "train": network.training.tensors,
        "validation": network.validation,
        "test": (data.test_inputs, data.test_targets),
    }.items():
        with torch.inference_mode():
            logits = torch.cat([network.model(part) for part in inputs.split(AT_ONCE)])
        loss, accuracy = score(logits, targets)
        row |= {f"{name}_loss": loss, f"{name}_accuracy": accuracy}
    enough = ENOUGH_ACCURACY.get(data.name, USUAL_ACCURACY)
    return row | {"kept": row["test_accuracy"] >= enough}


# ----------------------------------------------------------------------------------- one place


class Look:
    """One place in a network, measured by every method in both conventions."""

    def __init__(
        self,
        model: nn.Module,
        seen: tuple[Tensor, Tensor],
        silenced: tuple[Tensor, Tensor],
        place: Place,
        config: ElsewhereConfig,
        stopwatch: Stopwatch,
    ) -> None:
        self._analysis, self._stopwatch = config.analysis, stopwatch
        with stopwatch("similarity"):
            probes = architecture(config.architecture).probes
            self.matrices = similarities_of(model, *seen, place.layer, probes)
        with stopwatch("nulls"):
            drawn = rotations_of(model, *seen, place.layer, config.analysis)
        self.found = {
            (convention, method): self._searched(method, convention, drawn)
            for convention in CONVENTIONS
            for method in METHODS
        }
        with stopwatch("best"):
            self.best = self._best() if config.analysis.best else {}
        with stopwatch("lesions"):
            lesions = Lesions(model, *silenced, place.layer)
            self.lesions = {
                key: lesion_columns(lesions, found, config.analysis)
                for key, (found, _) in self.found.items()
            }

    def _matrix(self, method: Method, convention: str) -> Similarity:
        return _chosen(self.matrices[method.measure, convention], method.normalized)

    def _searched(
        self, method: Method, convention: str, drawn: Mapping[tuple[str, str], list[Similarity]]
    ) -> tuple[Modules, Excess | None]:
        """What the paper's algorithm finds, and beside rotations if there are any."""
        n_steps, seed = self._analysis.n_steps, self._analysis.search_seed
        matrix = self._matrix(method, convention)
        by_chance = drawn.get((method.measure, convention), [])
        with self._stopwatch("clustering"):
            if not by_chance:
                return find_modules(matrix, n_steps=n_steps, seed=seed), None
            chance = [_chosen(one, method.normalized) for one in by_chance]
            found = excess_of(matrix, chance, n_steps=n_steps, seed=seed)
        return found.modules, found

    def _best(self) -> dict[tuple[str, Method], Modules]:
        return {
            (convention, method): find_modules(
                self._matrix(method, convention), search="best", restarts=BEST_RESTARTS,
                seed=self._analysis.search_seed,
            )
            for convention, method in self.found
        }  # fmt: skip

    def layer_rows(self) -> Rows:
        """A row of the table ``elsewhere_layers`` for each convention, but for its name."""
        rows = []
        for convention in CONVENTIONS:
            raw = np.asarray(self.matrices["covariance", convention])
            paper = [self.found[convention, method][0].labels for method in METHODS]
            best = [self.best[convention, method].labels for method in METHODS if self.best]
            with self._stopwatch("agreement"):
                by_search = {"": families(paper), "_best": families(best) if best else {}}
            rows.append(
                {
                    "convention": convention,
                    "n_units": len(raw),
                    "n_unused": int((raw.sum(axis=1) == 0).sum()),
                    **{
                        f"{name}{end}": found.get(name)
                        for end, found in by_search.items()
                        for name in FAMILIES
                    },
                }
            )
        return rows

    def score_rows(self) -> Rows:
        """A row of the table ``elsewhere`` for each assignment, but for its name."""
        return [
            {
                **method._asdict(),
                "convention": convention,
                "q": modules.q,
                "effective": modules.effective,
                "q_best": self.best[convention, method].q if self.best else None,
                "null_mean": None if excess is None else excess.mean,
                "null_std": None if excess is None or len(excess.null) < 2 else excess.std,
                **self.lesions[convention, method],
            }
            for (convention, method), (modules, excess) in self.found.items()
        ]


def _chosen(similarity: Similarity, normalized: bool) -> Similarity:
    return similarity.normalized() if normalized else similarity


def similarities_of(
    model: nn.Module, inputs: Tensor, targets: Tensor, layer: Any, probes: int | None = None
) -> Matrices:
    """Measure the similarity of the units of a layer by measure and convention.

    Parameters
    ----------
    model, inputs, targets, layer
        As for :func:`modlib.similarity.compute.similarity_matrices`.
    probes
        Random directions for the loss Hessian; None computes it exactly.
    """
    found = similarity_matrices(model, inputs, layers=[layer], measures=NULL_MEASURES)
    found |= similarity_matrices(
        model, inputs, targets, layers=[layer], measures=["loss_hessian"], probes=probes
    )
    return {key[1:]: similarity for key, similarity in found.items()}


def rotations_of(
    model: nn.Module, inputs: Tensor, targets: Tensor, layer: Any, config: AnalysisConfig
) -> dict[tuple[str, str], list[Similarity]]:
    """Draw similarities of the layer turned at random, by measure and convention."""
    if not config.null_draws:
        return {}
    return null_similarities(
        model, inputs, targets, layer, measures=NULL_MEASURES, draws=config.null_draws,
        seed=config.search_seed,
    )  # fmt: skip


def lesion_columns(lesions: Lesions, modules: Modules, config: AnalysisConfig) -> dict[str, Any]:
    """Return how specific modules are, and random assignments with their sizes; None if unasked."""
    if not config.lesion_draws:
        return dict.fromkeys(("specificity", "random_mean", "random_std"))
    found = lesions.lesion(modules.labels, draws=config.lesion_draws, seed=config.search_seed)
    return {
        "specificity": found.specificity,
        "random_mean": found.mean,
        "random_std": found.std if config.lesion_draws > 1 else 0.0,
    }


FAMILIES = ("within_upstream", "within_downstream", "between")


def families(assignments: Sequence[Any]) -> dict[str, float]:
    """Return the mean agreement of methods of one side, of the other, and across.

    Parameters
    ----------
    assignments
        Labels ``[units]`` by each of the eight methods, in their order.
    """
    agreement = agreement_matrix(assignments)
    up = np.array([measure in UPSTREAM for measure, _ in METHODS])
    pairs = np.triu(np.ones_like(agreement, dtype=bool), k=1)
    chosen = (np.outer(up, up), np.outer(~up, ~up), np.outer(up, ~up) | np.outer(~up, up))
    return {
        name: float(agreement[pairs & these].mean())
        for name, these in zip(FAMILIES, chosen, strict=True)
    }
