"""Sums of any measure over samples, by automatic differentiation, for any layer of any model."""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from modlib.layers.find import Layer
from modlib.layers.network import Network
from modlib.layers.watch import Axes
from modlib.losses import Loss
from modlib.samples import Batch
from modlib.similarity.closed_form import Sums
from modlib.similarity.derivatives import Derivatives
from modlib.similarity.measures import Measure, View
from modlib.similarity.sums import factor_products, outer_products, summed

UNEVEN = 1e-4  # of the largest entry: more asymmetry than single precision leaves in a product
NOISE = "noise"  # the variance that probes leave, summed like the products of a convention

Groups = Mapping[Hashable, tuple[Layer, ...]]


class Autograd:
    """Sums of measures for layers of a network, each by its name or the names of several.

    Parameters
    ----------
    network, groups, axes
        The model, the layers asked for, and the axes of each.
    measures
        By their records.
    loss
        Of a sample, where a measure needs it.
    pooled
        Whether a unit is its mean over positions.
    probes, random
        How many random directions stand for all of them, None for all; and where they come from.
    chunk
        How many samples to take at a time.
    """

    def __init__(
        self,
        network: Network,
        groups: Groups,
        axes: Mapping[Layer, Axes],
        measures: Sequence[Measure],
        *,
        loss: Loss,
        pooled: bool,
        probes: int | None,
        random: torch.Generator,
        chunk: int,
    ) -> None:
        self.network, self.groups, self.axes, self.measures = network, groups, axes, measures
        self.loss, self.pooled, self.probes, self.random = loss, pooled, probes, random
        self.chunk = chunk
        self.n_units: dict[Layer, int] = {}
        """How many units each layer has, once it has been seen."""
        self._moves = any(measure.needs_outputs for measure in measures)

    def activations(self, batch: Batch) -> dict[Hashable, Tensor]:
        """Activations ``[samples, positions, units]`` of the layers asked for."""
        found = self._derivatives(batch, moves=False)
        return {name: found.joined(layers, found.values) for name, layers in self.groups.items()}

    def sums(
        self,
        batch: Batch,
        means: Callable[[], dict[Hashable, Tensor]],
        conventions: Collection[str],
    ) -> Sums:
        """Sums over a chunk of samples; ``means`` are the activations' over all samples."""
        for name, measure, view in self.views(batch, means):
            with named(name, measure.name):
                yield name, measure.name, self._sums_of(measure, view, conventions)

    def views(
        self, batch: Batch, means: Callable[[], dict[Hashable, Tensor]]
    ) -> Iterator[tuple[Hashable, Measure, View]]:
        """Give each layer as a chunk of samples sees it, once for each measure.

        Raises
        ------
        ValueError
            If outputs that a measure needs see other samples, or do not depend on the layer.
        """
        derivatives = self._derivatives(batch, moves=self._moves)
        is_first = not self.n_units
        if is_first and self._moves:
            self.network.check_repeatable_outputs(derivatives.batch)
        for name, layers in self.groups.items():
            view = View(derivatives, layers, partial(_mean_of, name, means))
            self.n_units |= {layer: derivatives.values[layer].shape[-1] for layer in layers}
            for measure in self.measures:
                with named(name, measure.name):
                    if measure.needs_outputs and is_first:
                        derivatives.check_reached(layers)
                yield name, measure, view

    def _sums_of(
        self, measure: Measure, view: View, conventions: Collection[str]
    ) -> dict[str, Tensor]:
        if self.probes is not None and measure.probe is not None:
            return self._probed(measure, view, self.probes, conventions)
        if measure.factors is not None:
            factors = checked_factors(measure, view, measure.factors(view))
            if factors.shape[2] == 1:
                return outer_products(factors.squeeze(2), conventions)
            return factor_products(factors, conventions)
        assert measure.products is not None
        return summed(checked_products(measure, view, measure.products(view)), conventions)

    def _probed(
        self, measure: Measure, view: View, probes: int, conventions: Collection[str]
    ) -> dict[str, Tensor]:
        """Mean of estimates, and what its variance is by how they differ."""
        assert measure.probe is not None
        total = squares = torch.zeros(())
        for _ in range(probes):
            estimate = measure.probe(view, self._signs).double()
            total, squares = total + estimate, squares + estimate**2
        _check_finite(measure, total)
        mean = total / probes
        variance = (squares / probes - mean**2).clamp(min=0) / (probes - 1)
        return summed(mean, conventions) | {NOISE: variance.sum(dim=0)}

    def _signs(self, like: Tensor) -> Tensor:
        drawn = torch.randint(2, like.shape, generator=self.random)
        return (2 * drawn - 1).to(like)

    def _derivatives(self, batch: Batch, *, moves: bool) -> Derivatives:
        placed = self.network.placed(batch)
        return Derivatives(
            self.network, placed, self.axes, self.loss, pooled=self.pooled, moves=moves
        )


def _mean_of(name: Hashable, means: Callable[[], dict[Hashable, Tensor]]) -> Tensor:
    return means()[name]


@contextmanager
def named(layer: Hashable, measure: str) -> Iterator[None]:
    """Say which measure of which layer it was that automatic differentiation could not give."""
    try:
        yield
    except (RuntimeError, NotImplementedError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise ValueError(
            f"measure {measure!r} cannot be had for layer {layer!r} of this model. "
            f"Automatic differentiation says: {str(error).splitlines()[0]}"
        ) from error


def checked_factors(measure: Measure, view: View, factors: Tensor) -> Tensor:
    """The factors of a measure, or a ``ValueError`` if they are none."""
    n_samples, _, n_units = view.shape
    if not isinstance(factors, Tensor) or factors.shape[:2] != (n_samples, n_units):
        raise ValueError(
            f"measure {measure.name!r} must give one matrix [units, directions] for each sample, "
            f"shape {(n_samples, n_units, '...')}. "
            f"Got {tuple(getattr(factors, 'shape', ())) or type(factors).__name__}."
        )
    _check_finite(measure, factors)
    return factors.detach()


def _check_finite(measure: Measure, values: Tensor) -> None:
    # The sum is looked at first, which is quicker: where it is finite, all of them are.
    if not values.sum().isfinite() and not values.isfinite().all():
        raise ValueError(
            f"measure {measure.name!r} must give finite numbers. Got some that are not: is the "
            "model's precision too low?"
        )


def checked_products(measure: Measure, view: View, products: Tensor) -> Tensor:
    """The matrices of a measure, or a ``ValueError`` if they are none."""
    n_samples, _, n_units = view.shape
    if not isinstance(products, Tensor) or products.shape != (n_samples, n_units, n_units):
        raise ValueError(
            f"measure {measure.name!r} must give one matrix [units, units] for each sample, "
            f"shape {(n_samples, n_units, n_units)}. "
            f"Got {tuple(getattr(products, 'shape', ())) or type(products).__name__}."
        )
    gap = (products - products.mT).abs().max()
    if not gap <= UNEVEN * products.abs().max():  # nor is it where there is a NaN
        raise ValueError(
            f"measure {measure.name!r} must give symmetric matrices of finite numbers. Got entries "
            f"that differ by {gap:g} from those across the diagonal."
        )
    return products
