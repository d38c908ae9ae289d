"""The measures of similarity: one record for each, with all that the library knows of it.

A measure gives every sample k a symmetric matrix M_k of the units of a layer; the similarity of
the units is the mean of ``|M_k|`` over the samples, entry by entry, or the absolute value of the
mean. A new measure is one more record here; a measure of one's own need not stand here at all,
but can be handed to :func:`modlib.similarity.compute.pairwise_similarity` as it is. What colours
and titles figures give it is a matter of :mod:`modlib.plotting`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modlib.layers.find import Layer
from modlib.similarity.derivatives import FORWARD_COST, STACKED, Derivatives
from modlib.validation import check_choice, check_flag

SIDES = ("upstream", "downstream")
Draw = Callable[[Tensor], Tensor]
"""Fills a tensor of any shape with random signs."""


class View:
    """A layer as a few samples see it: what measures are made of.

    Everything is computed when it is first asked for, and derivatives by automatic
    differentiation. Where the layer's units have positions, an axis of them follows that of the
    units, or is one with that of the directions of a Jacobian: products over it are sums over
    positions.

    Parameters
    ----------
    derivatives
        Of the samples.
    layers
        The layer, or the layers whose units are taken together.
    mean
        Gives the activations ``[positions, units]`` averaged over all samples, not only these; it
        is called by measures that ask for :attr:`mean`, and by no others.
    """

    def __init__(
        self, derivatives: Derivatives, layers: Sequence[Layer], mean: Callable[[], Tensor]
    ) -> None:
        self.derivatives, self.layers, self._mean = derivatives, layers, mean

    @property
    def inputs(self) -> Any:
        """The samples, ``[samples, ...]``."""
        return self.derivatives.batch.inputs

    @property
    def targets(self) -> Any:
        """The targets of the samples.

        Raises
        ------
        ValueError
            If there are none.
        """
        if self.derivatives.batch.targets is None:
            raise ValueError("targets must be given for this measure. Got None.")
        return self.derivatives.batch.targets

    @cached_property
    def _values(self) -> Tensor:
        return self.derivatives.joined(self.layers, self.derivatives.values)

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many samples, positions and units there are."""
        n_samples, n_positions, n_units = self._values.shape
        return n_samples, n_positions, n_units

    @property
    def mean(self) -> Tensor:
        """Activations averaged over all samples, ``[units]`` or ``[units, positions]``."""
        return _without_positions(self._mean().mT)

    @property
    def activations(self) -> Tensor:
        """Activations, ``[samples, units]`` or ``[samples, units, positions]``."""
        return _without_positions(self._values.mT)

    @property
    def deviations(self) -> Tensor:
        """Activations less their mean over all samples, ``[samples, units, positions]``."""
        return (self._values.double() - self._mean()).mT

    @property
    def logits(self) -> Tensor:
        """Outputs ``[samples, outputs]``."""
        return self.derivatives.outputs.detach()

    @cached_property
    def input_jacobian(self) -> Tensor:
        """Derivatives of the activations by the input ``[samples, units, positions x inputs]``."""
        return torch.cat(list(self.derivatives.input_rows(self.layers)), dim=2)

    @cached_property
    def input_products(self) -> Tensor:
        """Products of the rows of :attr:`input_jacobian`, ``[samples, units, units]``.

        By rows or by columns, whichever is cheaper; the whole Jacobian is never there at once.
        """
        _, n_positions, n_units = self.shape
        n_inputs = self.derivatives.n_inputs
        if n_inputs and n_inputs * FORWARD_COST < n_positions * n_units:
            return self._products_by_columns(max(1, STACKED // self._values.numel()))
        total: Any = 0.0
        for rows in self.derivatives.input_rows(self.layers):
            wide = _wide(rows)
            total = total + wide @ wide.mT
        return torch.as_tensor(total)

    def _products_by_columns(self, n_together: int) -> Tensor:
        total: Any = 0.0
        columns: list[Tensor] = []
        for number, column in enumerate(self.derivatives.input_columns(), 1):
            columns.append(self.derivatives.joined(self.layers, column))
            if len(columns) == n_together or number == self.derivatives.n_inputs:
                rows = _wide(_side_by_side(columns))
                total = total + rows @ rows.mT
                columns = []
        return torch.as_tensor(total)

    @cached_property
    def logit_jacobian(self) -> Tensor:
        """Derivatives of the outputs ``[samples, outputs x positions, units]``."""
        return self._output_jacobian.flatten(1, 2)

    @cached_property
    def _output_jacobian(self) -> Tensor:
        jacobian = self.derivatives.output_jacobian
        return _wide(self.derivatives.joined(self.layers, jacobian))

    @cached_property
    def loss_hessian(self) -> Tensor:
        """Second derivatives of the loss by the activations ``[samples, units, units]``.

        Summed over positions, each with itself. Where the outputs are piecewise linear in the
        layer they are a product of first derivatives; elsewhere each is derived twice.
        """
        self.targets  # noqa: B018 - they must be there
        _, n_positions, n_units = self.shape
        n_outputs = self.logits.shape[1]
        if n_outputs <= n_positions * n_units and self.derivatives.is_piecewise_linear:
            jacobian = self._output_jacobian
            curved = self.derivatives.loss_curvature @ jacobian.flatten(2)
            return jacobian.flatten(1, 2).mT @ curved.reshape(jacobian.shape).flatten(1, 2)
        rows = []
        for unit in range(n_units):
            row: Any = 0.0
            for position in range(n_positions):
                product = self.derivatives.hessian_row(self.layers, position, unit)
                row = row + product[:, position]
            rows.append(row)
        hessian = _wide(torch.stack(rows, dim=1))
        return (hessian + hessian.mT) / 2

    # ------------------------------------------------------------------------------- probes

    def input_probe(self, draw: Draw) -> Tensor:
        """Products of derivatives along one random direction of the input, as an estimate."""
        found = self.derivatives.push_forward(draw)
        return _over_positions(_wide(self.derivatives.joined(self.layers, found)))

    def output_probe(self, draw: Draw) -> Tensor:
        """Products of the derivatives of one random combination of outputs, as an estimate."""
        outputs = self.derivatives.outputs
        found = self.derivatives.pull_back((outputs * draw(torch.empty_like(outputs))).sum())
        return _over_positions(_wide(self.derivatives.joined(self.layers, found)))

    def hessian_probe(self, draw: Draw) -> Tensor:
        """Products of a random direction with the Hessian times it, as an estimate."""
        self.targets  # noqa: B018 - they must be there
        direction = draw(torch.empty_like(self._values))
        product = self.derivatives.hessian_product(self.layers, direction)
        estimate = _wide(product).mT @ _wide(direction)
        return (estimate + estimate.mT) / 2


def _without_positions(values: Tensor) -> Tensor:
    return values.squeeze(-1) if values.shape[-1] == 1 else values


def _wide(values: Tensor) -> Tensor:
    return values.detach().to(torch.promote_types(values.dtype, torch.float32))


def _side_by_side(columns: Sequence[Tensor]) -> Tensor:
    """Join columns ``[samples, positions, units]`` to ``[samples, units, columns x positions]``.

    Channels lie in memory before their positions, features of tokens after them: the order that is
    there is kept, since to copy in another takes several times as long.
    """
    if columns[0].mT.is_contiguous():
        return torch.cat([column.mT for column in columns], dim=2)
    return torch.cat(list(columns), dim=1).mT


def _over_positions(values: Tensor) -> Tensor:
    """Products of units, summed over positions; ``values [samples, positions, units]``."""
    return values.mT @ values


@dataclass(frozen=True)
class Measure:
    """A measure of similarity, by its matrices or by their factors.

    Raises
    ------
    ValueError
        If the name is no text, the side neither ``"upstream"`` nor ``"downstream"``, what is to be
        called cannot be, or not just one of products and factors is given.
    """

    name: str
    """In tables, and as the ``measure`` of functions."""
    side: str
    """Whether it looks at what leads to the units, ``"upstream"``, or at what they lead to."""
    products: Callable[[View], Tensor] | None = None
    """From a few samples to their M_k ``[samples, units, units]``, each of them symmetric."""
    factors: Callable[[View], Tensor] | None = None
    """Or to F_k ``[samples, units, directions]``, where M_k is F_k times its transpose."""
    probe: Callable[[View, Draw], Tensor] | None = None
    """From random signs to an estimate of M_k without bias; None if it needs no derivatives."""
    needs_targets: bool = False
    needs_outputs: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name must be text. Got {self.name!r}.")
        check_choice("side", self.side, SIDES)
        for name in ("products", "factors", "probe"):
            called = getattr(self, name)
            if called is not None and not callable(called):
                raise ValueError(f"{name} must be a function, or None. Got {called!r}.")
        for name in ("needs_targets", "needs_outputs"):
            check_flag(name, getattr(self, name))
        if (self.products is None) == (self.factors is None):
            raise ValueError(
                f"measure {self.name!r} must have either products or factors. Got "
                f"{'neither' if self.products is None else 'both'}."
            )


def _by_side(*measures: Measure) -> dict[str, Measure]:
    """Measures by their names, those that look upstream first."""
    ordered = sorted(measures, key=lambda measure: SIDES.index(measure.side))
    return {measure.name: measure for measure in ordered}


MEASURES = _by_side(
    Measure("covariance", "upstream", factors=lambda view: view.deviations),
    Measure(
        "input_sensitivity",
        "upstream",
        products=lambda view: view.input_products,
        probe=View.input_probe,
    ),
    Measure(
        "output_sensitivity",
        "downstream",
        factors=lambda view: view.logit_jacobian.mT,
        probe=View.output_probe,
        needs_outputs=True,
    ),
    Measure(
        "loss_hessian",
        "downstream",
        products=lambda view: view.loss_hessian,
        probe=View.hessian_probe,
        needs_targets=True,
        needs_outputs=True,
    ),
)
"""Every measure of the library by its name, those that look upstream first."""
UPSTREAM = tuple(name for name, measure in MEASURES.items() if measure.side == "upstream")
DOWNSTREAM = tuple(name for name, measure in MEASURES.items() if measure.side == "downstream")


class Method(NamedTuple):
    """A measure, raw or normalised: one of the paper's eight ways to say what is similar."""

    measure: str
    normalized: bool


METHODS = tuple(Method(measure, normalized) for measure in MEASURES for normalized in (False, True))
"""The eight methods of the paper, in the order in which pairs of them are listed."""
