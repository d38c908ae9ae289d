"""What similarity units would have by chance, and how far a layer's modularity exceeds it.

The paper asks what constitutes a surprising amount of similarity, and notes that an L2 penalty
does not mind rotations of a layer. Each null model here draws what the units of one layer might
have been, with the inputs, the network around them and much of the similarity left as they are:

``"rotation"``
    F_k becomes R F_k, with one random orthogonal matrix R of the units in use for all samples. All
    that a linear reader could do with the layer stays, and the spectrum of the mean of the M_k;
    what goes is which directions are *units*.
``"shuffle"``
    The rows of F that a unit has are shuffled over the samples, each unit's by a permutation of
    its own. What a unit has by itself stays; what it shares with others goes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modlib.clustering.find import N_RESTARTS, find_modules
from modlib.clustering.modules import Modules
from modlib.clustering.moves import ROUNDING
from modlib.losses import Loss, Outputs
from modlib.seeds import generator
from modlib.similarity.closed_form import Masked
from modlib.similarity.compute import Layers, distinct, pairwise_similarity
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.drawn import (
    shuffled_products,
    turned_masked_products,
    turned_products,
)
from modlib.similarity.factors import Factored, Pieces, Piecewise, Whole, pieces_of
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import MEASURES, Measure
from modlib.similarity.sums import factor_products, masked_products, outer_products, summed
from modlib.validation import check_choice, check_flag, check_seed, check_whole, is_iterable

NULLS = ("rotation", "shuffle")
"""The null models by their names."""
IN_USE = float(np.finfo(np.float64).eps)  # of the largest similarity with itself: less is rounding

Key = tuple[str, str]  # measure, convention


def null_similarities(
    model: nn.Module,
    inputs: Any,
    targets: Any = None,
    layer: Layers = 1,
    *,
    measures: Iterable[str | Measure] = MEASURES,
    conventions: Iterable[str] = CONVENTIONS,
    null: str = "rotation",
    draws: int = 20,
    seed: int = 0,
    units: int | None = None,
    pool: str | None = None,
    outputs: Outputs = None,
    loss: Loss = "cross_entropy",
) -> dict[Key, list[Similarity]]:
    """Draw similarities that the units of a layer might have by chance.

    What is drawn, one rotation or one permutation for each unit, serves all measures and
    conventions of a draw. Units that are not in use, those whose similarity with themselves is
    zero, take no part in rotations, and stay unused.

    Memory is samples x units x units, or x directions for the shuffle, for each of the measures.

    Parameters
    ----------
    model, inputs, targets, layer, units, pool, outputs, loss
        As for :func:`modlib.similarity.compute.pairwise_similarity`.
    measures, conventions
        As for :func:`modlib.similarity.compute.similarity_matrices`.
    null
        ``"rotation"``, which serves every measure, or ``"shuffle"``, which needs factors; see
        :func:`modlib.similarity.factors.factors`.
    draws
        How many. The first few are the same however many there are.
    seed
        Of what is drawn.

    Returns
    -------
    dict
        By measure and convention, a list of as many
        :class:`~modlib.similarity.matrix.Similarity` as there are draws, each ``[units, units]``,
        not normalised.

    Raises
    ------
    ValueError
        As for :func:`modlib.similarity.compute.pairwise_similarity`; if ``null``, ``draws`` or
        ``seed`` is out of its range; or if the shuffle is asked of a measure whose matrices have
        clearly negative eigenvalues, and so no factors.
    """
    check_choice("null", null, NULLS)
    check_whole("draws", draws, 1)
    seed = check_seed(seed)
    conventions = distinct("conventions", conventions)
    for convention in conventions:
        check_choice("convention", convention, CONVENTIONS)
    found = pieces_of(
        model, inputs, targets, layer, measures, factored=null == "shuffle", units=units,
        pool=pool, outputs=outputs, loss=loss,
    )  # fmt: skip
    draw = _rotations if null == "rotation" else _shuffles
    drawn: dict[Key, list[Similarity]] = {
        (measure, convention): [] for measure in found.pieces for convention in conventions
    }
    for values in draw(found, conventions, draws, seed):
        for (measure, convention), array in values.items():
            drawn[measure, convention].append(
                Similarity(
                    array, units=found.units, layer=found.layer, measure=measure,
                    convention=convention, is_normalized=False,
                )
            )  # fmt: skip
    return drawn


@dataclass(frozen=True, eq=False)
class Excess:
    """The modularity of a layer beside that of draws from a null model."""

    q: float
    """Q of the layer as it is."""
    null: np.ndarray
    """Q of each draw, found by the same search: float64 of shape ``[draws]``."""
    modules: Modules
    """Those of the layer as it is."""
    kind: str | None = None
    """The null model: ``"rotation"`` or ``"shuffle"``, if known."""

    @property
    def layer(self) -> Any:
        """The layer by its name, if known."""
        return self.modules.layer

    @property
    def measure(self) -> str | None:
        """The measure of similarity by its name, if known."""
        return self.modules.measure

    @property
    def convention(self) -> str | None:
        """``"printed"`` or ``"released"``, if known."""
        return self.modules.convention

    @property
    def is_normalized(self) -> bool | None:
        """Whether similarities were normalised, if known."""
        return self.modules.is_normalized

    @property
    def mean(self) -> float:
        """Mean Q of the draws."""
        return float(self.null.mean())

    @property
    def std(self) -> float:
        """Standard deviation of Q of the draws, with ``draws - 1`` below; nan for one draw."""
        return float(self.null.std(ddof=1)) if len(self.null) > 1 else float("nan")

    @property
    def excess(self) -> float:
        """By how much Q exceeds the mean of the draws."""
        return self.q - self.mean

    @property
    def z(self) -> float:
        """The excess in standard deviations.

        It is nan where there is none: for one draw, or draws that do not differ but for rounding,
        as those of one matrix that is the same for all samples under the shuffle.
        """
        return self.excess / self.std if self.std > ROUNDING else float("nan")

    @property
    def p(self) -> float:
        """One-sided p value: how often Q is at least as high in draws, the layer counted as one.

        ``(1 + draws with Q >= q) / (1 + draws)``, equal but for rounding being as high.
        """
        return (1 + int((self.null >= self.q - ROUNDING).sum())) / (1 + len(self.null))


def excess(
    model: nn.Module,
    inputs: Any,
    targets: Any = None,
    layer: Layers = 1,
    measure: str | Measure = "covariance",
    convention: str = "printed",
    *,
    null: str = "rotation",
    draws: int = 20,
    normalized: bool = False,
    search: str = "paper",
    n_steps: int = 5000,
    restarts: int = N_RESTARTS,
    seed: int = 0,
    units: int | None = None,
    pool: str | None = None,
    outputs: Outputs = None,
    loss: Loss = "cross_entropy",
) -> Excess:
    """Compare the modularity of a layer with what chance would give.

    It answers the question of the paper's discussion, what constitutes a surprising amount of
    similarity between units: for ``null="rotation"``, more than the same layer has when seen in
    directions at random instead of its units.

    Parameters
    ----------
    model, inputs, targets, layer, measure, convention, units, pool, outputs, loss
        As for :func:`modlib.similarity.compute.pairwise_similarity`.
    null, draws
        As for :func:`null_similarities`.
    normalized
        Whether similarities are normalised, as the convention has it, those of draws too.
    search, n_steps, restarts
        As for :func:`modlib.clustering.find.find_modules`, for the layer and each draw alike.
    seed
        Of draws and searches.

    Returns
    -------
    Excess
        With ``q``, ``null`` (Q of each draw), ``mean``, ``std``, ``excess``, ``z``, ``p``, and
        the ``modules`` of the layer.

    Raises
    ------
    ValueError
        As for these functions; or if no two units are similar.
    """
    normalized = check_flag("normalized", normalized)
    about: dict[str, Any] = {"units": units, "pool": pool, "outputs": outputs, "loss": loss}
    check_choice("null", null, NULLS)
    check_whole("draws", draws, 1)
    similarity = pairwise_similarity(
        model, inputs, targets, layer, measure, convention, seed=seed, **about
    )
    (drawn,) = null_similarities(
        model, inputs, targets, layer, measures=[measure], conventions=[convention], null=null,
        draws=draws, seed=seed, **about,
    ).values()  # fmt: skip
    if normalized:
        similarity, drawn = similarity.normalized(), [one.normalized() for one in drawn]
    return excess_of(
        similarity, drawn, kind=null, search=search, n_steps=n_steps, restarts=restarts, seed=seed
    )


def excess_of(
    similarity: Any,
    drawn: Iterable[Any],
    *,
    kind: str | None = None,
    search: str = "paper",
    n_steps: int = 5000,
    restarts: int = N_RESTARTS,
    seed: int = 0,
) -> Excess:
    """Compare the modularity of a similarity with that of similarities drawn by chance.

    Parameters
    ----------
    similarity, drawn
        The one, and at least one drawn; in any form that
        :func:`modlib.clustering.find.find_modules` takes, ``[units, units]`` each.
    kind
        What to call the null model.
    search, n_steps, restarts, seed
        As for :func:`modlib.clustering.find.find_modules`, for all alike.

    Raises
    ------
    ValueError
        As for :func:`modlib.clustering.find.find_modules`; or if nothing is drawn.
    """
    effort: dict[str, Any] = {"search": search, "n_steps": n_steps, "restarts": restarts}
    modules = find_modules(similarity, **effort, seed=seed)
    listed = list(drawn) if is_iterable(drawn) else []
    if not listed:
        got = "none" if is_iterable(drawn) else repr(drawn)
        raise ValueError(f"drawn must hold at least one similarity. Got {got}.")
    qs = [find_modules(one, **effort, seed=seed).q for one in listed]
    return Excess(modules.q, np.array(qs), modules, kind)


# -------------------------------------------------------------------------------------- rotation


def random_rotation(normal: np.ndarray) -> np.ndarray:
    """Return a random orthogonal matrix, with no direction preferred (Mezzadri 2007).

    ``normal [units, units]`` are independent standard normal numbers. Their QR decomposition is
    made unique by a positive diagonal of R; else Q would depend on how it is computed.
    """
    q, r = np.linalg.qr(normal)
    return q * np.where(np.diagonal(r) < 0, -1.0, 1.0)


def _rotations(
    found: Piecewise, conventions: Sequence[str], draws: int, seed: int
) -> Iterator[dict[Key, np.ndarray]]:
    turnable = {measure: _Turnable(pieces) for measure, pieces in found.pieces.items()}
    for draw in range(draws):
        random = generator(seed, f"rotation {draw}")
        n_units = next(iter(turnable.values())).n_units
        normal = torch.randn(n_units, n_units, generator=random, dtype=torch.float64).numpy()
        yield {
            (measure, convention): array
            for measure, pieces in turnable.items()
            for convention, array in pieces.turned(normal, conventions).items()
        }


class _Turnable:
    """The M_k of a measure, prepared to be rotated again and again."""

    def __init__(self, pieces: Pieces) -> None:
        sums = _sums(pieces)
        self.n_samples = len(pieces[0])
        self.mean = sums["released"] / self.n_samples
        self.n_units = len(self.mean)
        selves = np.diagonal(sums["printed"])
        self.in_use = selves > IN_USE * selves.max()
        self.pieces = pieces
        if isinstance(pieces, Factored):  # laid out as it is multiplied
            self.pieces = Factored(pieces.factors.mT.contiguous().mT)
        self.counts = torch.ones(self.n_samples, dtype=torch.float64)
        if isinstance(self.pieces, Masked):
            active, counts = torch.unique(self.pieces.active, dim=0, return_counts=True)
            gram = self.pieces.rows.double() @ self.pieces.rows.double().mT
            self.gram, self.counts = gram.to(self.pieces.rows.dtype), counts.double()
            self.pieces = Masked(active, self.pieces.rows)

    def turned(self, normal: np.ndarray, conventions: Sequence[str]) -> dict[str, np.ndarray]:
        """Similarities under a rotation of the units in use, by convention."""
        turn = np.zeros_like(normal)
        block = np.ix_(self.in_use, self.in_use)
        turn[block] = random_rotation(normal[block])
        found: dict[str, np.ndarray] = {}
        for convention in conventions:
            if CONVENTIONS[convention].absolute_inside:
                found[convention] = self._absolute(turn) / self.n_samples
            else:
                turned = np.abs(turn @ self.mean @ turn.T)
                found[convention] = (turned + turned.T) / 2
        return found

    def _absolute(self, turn: np.ndarray) -> np.ndarray:
        pieces = self.pieces
        if isinstance(pieces, Masked):
            return turned_masked_products(self.gram, pieces.active, self.counts, turn)
        if isinstance(pieces, Whole):
            return turned_products(pieces.products, self.counts, turn)
        columns = pieces.factors.mT
        turned = columns @ torch.from_numpy(turn).to(columns).mT
        if columns.shape[1] == 1:
            sums = outer_products(turned.squeeze(1), ["printed"])
        else:
            sums = factor_products(turned.mT, ["printed"])
        return np.asarray(sums["printed"])


def _sums(pieces: Pieces) -> dict[str, np.ndarray]:
    """Sums over samples of the M_k as they are, by convention."""
    if isinstance(pieces, Masked):
        active, rows = pieces.active.double(), pieces.rows.double()
        sums = masked_products(active.mT @ active, rows @ rows.mT, list(CONVENTIONS))
    elif isinstance(pieces, Whole):
        sums = summed(pieces.products, list(CONVENTIONS))
    elif pieces.factors.shape[2] == 1:
        sums = outer_products(pieces.factors.squeeze(2).double(), list(CONVENTIONS))
    else:
        sums = factor_products(pieces.factors, list(CONVENTIONS))
    return {convention: np.asarray(total) for convention, total in sums.items()}


# --------------------------------------------------------------------------------------- shuffle


def _shuffles(
    found: Piecewise, conventions: Sequence[str], draws: int, seed: int
) -> Iterator[dict[Key, np.ndarray]]:
    shuffled = {measure: _Shuffled(pieces) for measure, pieces in found.pieces.items()}
    for draw in range(draws):
        one = next(iter(shuffled.values()))
        orders = permutations(one.n_units, one.n_samples, generator(seed, f"shuffle {draw}"))
        yield {
            (measure, convention): array
            for measure, pieces in shuffled.items()
            for convention, array in pieces.draw(orders, conventions).items()
        }


def permutations(n_units: int, n_samples: int, random: torch.Generator) -> np.ndarray:
    """Permutations of the samples, one for each unit: int64 of shape ``[units, samples]``."""
    drawn = [torch.randperm(n_samples, generator=random) for _ in range(n_units)]
    return torch.stack(drawn).numpy()


class _Shuffled:
    """The factors of a measure, prepared to be shuffled again and again."""

    def __init__(self, pieces: Pieces) -> None:
        assert not isinstance(pieces, Whole)
        self.pieces = pieces
        self.n_samples = len(pieces[0])
        self.n_units = pieces[0].shape[1]
        if isinstance(pieces, Masked):
            self.active = pieces.active.mT.contiguous()
        else:
            self.rows = pieces.factors.transpose(0, 1).contiguous()

    def draw(self, orders: np.ndarray, conventions: Sequence[str]) -> dict[str, np.ndarray]:
        """Similarities of shuffled rows, by convention."""
        sums = self._sums(orders)
        found = {}
        for convention in conventions:
            total = np.abs(np.asarray(sums[convention])) / self.n_samples
            found[convention] = (total + total.T) / 2
        return found

    def _sums(self, orders: np.ndarray) -> dict[str, Tensor | np.ndarray]:
        names = list(CONVENTIONS)
        if isinstance(self.pieces, Masked):
            active = self.active.gather(1, torch.from_numpy(orders))
            rows = self.pieces.rows.double()
            return dict(masked_products((active @ active.mT).double(), rows @ rows.mT, names))
        if self.rows.shape[2] == 1:
            values = self.rows.squeeze(2).gather(1, torch.from_numpy(orders))
            return dict(outer_products(values.mT.double(), names))
        signed, absolute = shuffled_products(self.rows, orders)
        return {name: absolute if CONVENTIONS[name].absolute_inside else signed for name in names}
