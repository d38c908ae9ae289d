"""Factors of the measures: F_k with a row for each unit, where M_k is F_k times its transpose.

Where similarities need only sums of the matrices M_k over samples, null models need the factors
of every sample. They come from the closed form of :mod:`modlib.similarity.closed_form` where there
is one, else by automatic differentiation.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from modlib.layers.find import find_layers, name_of
from modlib.layers.network import Network, at_rest
from modlib.losses import Loss, Outputs
from modlib.samples import Samples
from modlib.similarity.autograd import Autograd, checked_factors, checked_products, named
from modlib.similarity.closed_form import ClosedForm, Masked, under
from modlib.similarity.compute import (
    Layers,
    Question,
    forms_of,
    mean_activations,
    records_of,
    unit_names,
)
from modlib.similarity.measures import MEASURES, Measure, View

NEGATIVE = 1e-4  # of the largest eigenvalue: more than single precision leaves below zero
ROOTS_ELEMENTS = 2**22  # of the matrices whose roots are taken at a time


class Factored(NamedTuple):
    """Factors of every sample."""

    factors: Tensor
    """Of shape ``[samples, units, directions]``."""


class Whole(NamedTuple):
    """The matrices M_k themselves, factors of which are not known."""

    products: Tensor
    """Of shape ``[samples, units, units]``."""


Pieces = Masked | Factored | Whole
"""What is known of the M_k of one measure."""


class Piecewise(NamedTuple):
    """The M_k of several measures of one layer."""

    layer: Any
    """Its name."""
    units: tuple
    """Names of the units of several layers together; empty for those of one."""
    pieces: dict[str, Pieces]
    """By the names of the measures."""


def factors(
    model: nn.Module,
    inputs: Any,
    targets: Any = None,
    layer: Layers = 1,
    measure: str | Measure = "covariance",
    *,
    units: int | None = None,
    pool: str | None = None,
    outputs: Outputs = None,
    loss: Loss = "cross_entropy",
    derivatives: str = "auto",
) -> Tensor:
    r"""Compute the factors of a measure, F_k for each sample, with :math:`M_k = F_k F_k^T`.

    ================== ====================================================================
    covariance         the activations less their means; positions are directions
    input_sensitivity  derivatives by the input; in a chain of ReLU layers, whose directions are
                       turned alike for all samples, no more than units of the first layer
    output_sensitivity derivatives of the outputs
    loss_hessian       derivatives of the outputs, centred under the predicted probabilities p and
                       weighted by their roots, for the cross-entropy; for another loss times the
                       symmetric root of its second derivatives. Where the model is curved beyond
                       the layer, the symmetric root of M_k, so that directions are units
    ================== ====================================================================

    A measure of your own that has products instead of factors gets their symmetric roots.

    Memory is samples x units x directions, all there at once: take as many samples as there is
    room for.

    Parameters
    ----------
    model, inputs, targets, layer, measure, units, pool, outputs, loss, derivatives
        As for :func:`modlib.similarity.compute.pairwise_similarity`.

    Returns
    -------
    torch.Tensor
        Of shape ``[samples, units, directions]``, on the processor; in float32, or float64 where
        the model or the measure has it.

    Raises
    ------
    ValueError
        As for :func:`modlib.similarity.compute.pairwise_similarity`; or if an M_k has clearly
        negative eigenvalues, so that it has no factor.
    """
    found = pieces_of(
        model, inputs, targets, layer, [measure], factored=True, units=units, pool=pool,
        outputs=outputs, loss=loss, derivatives=derivatives,
    )  # fmt: skip
    (pieces,) = found.pieces.values()
    if isinstance(pieces, Masked):
        return pieces.active.unsqueeze(2) * pieces.rows
    assert isinstance(pieces, Factored)
    return pieces.factors


def pieces_of(
    model: nn.Module,
    inputs: Any,
    targets: Any,
    layer: Layers,
    measures: Iterable[str | Measure],
    *,
    factored: bool,
    units: int | None,
    pool: str | None,
    outputs: Outputs,
    loss: Loss,
    derivatives: str = "auto",
) -> Piecewise:
    """Compute the M_k of several measures: factors of them, or, unless ``factored``, the smaller.

    Parameters and errors are otherwise those of :func:`factors`.
    """
    question = Question(units, pool, outputs, loss, None, 0, derivatives, None)
    records = records_of(measures)
    samples = Samples(inputs, targets)
    network = Network(model, samples, outputs)
    group = find_layers(network.model, layer)
    name = name_of(group)
    with torch.inference_mode(False), torch.enable_grad(), at_rest(network.model):
        forms = forms_of(network, {name: group}, records, question)
        found = {key: pieces for form in forms
                 for key, pieces in _gathered(form, samples, factored).items()}  # fmt: skip
        names = unit_names(group, forms)
    return Piecewise(name, names, {record.name: found[record.name] for record in records})


def _gathered(form: ClosedForm | Autograd, samples: Samples, factored: bool) -> dict[str, Pieces]:
    """Pieces of all samples, by the names of the measures."""

    @cache
    def means() -> dict[Any, Tensor]:
        return mean_activations(form, samples)

    parts: dict[str, list[Pieces]] = {}

    def add(measure: str, pieces: Pieces) -> None:
        parts.setdefault(measure, []).append(pieces if factored else _small(pieces))

    for batch in samples.batches(form.chunk):
        if isinstance(form, ClosedForm):
            for _, measure, values in form.factors(batch, means):
                add(measure, values if isinstance(values, Masked) else Factored(values))
        else:
            for name, record, view in form.views(batch, means):
                with named(name, record.name):
                    add(record.name, _seen(record, view, factored))
    joined = {measure: _joined(measure, several) for measure, several in parts.items()}
    if not factored:
        return joined
    return {measure: Factored(_root(measure, pieces.products)) if isinstance(pieces, Whole)
            else pieces for measure, pieces in joined.items()}  # fmt: skip


def _seen(record: Measure, view: View, factored: bool) -> Pieces:
    """Pieces of a few samples, by automatic differentiation."""
    take: Callable[[View], Tensor | None] | None = record.factors
    if take is None and factored and MEASURES.get(record.name) == record:
        take = FACTORS.get(record.name)
    values = None if take is None else take(view)
    if values is not None:
        return Factored(checked_factors(record, view, values))
    assert record.products is not None
    return Whole(checked_products(record, view, record.products(view)))


def _hessian_factors(view: View) -> Tensor | None:
    """Factors by derivatives of the outputs ``[samples, units, outputs x positions]``, or None.

    None where outputs are not piecewise linear in the layer, whose second derivatives count then.
    """
    derivatives = view.derivatives
    n_outputs = view.logits.shape[1]
    if n_outputs > view.shape[1] * view.shape[2] or not derivatives.is_piecewise_linear:
        return None
    _ = view.targets  # they must be there
    curvature = derivatives.loss_curvature  # which refuses what is no logit
    by_position = view.logit_jacobian.unflatten(1, (n_outputs, -1))
    jacobian = by_position.flatten(2)
    if derivatives.loss == "cross_entropy" and derivatives.are_flat:
        turned = under(view.logits.to(jacobian).softmax(dim=1), jacobian)
    else:
        turned = _root("loss_hessian", curvature).to(jacobian) @ jacobian
    return turned.reshape(by_position.shape).flatten(1, 2).mT


FACTORS: dict[str, Callable[[View], Tensor | None]] = {
    "input_sensitivity": lambda view: view.input_jacobian,
    "loss_hessian": _hessian_factors,
}
"""Factors of the library's measures that are given by their products, or None."""


def _small(pieces: Pieces) -> Pieces:
    """Products in the place of factors of many directions, which take more room and more work."""
    if not isinstance(pieces, Factored):
        return pieces
    _, n_units, n_directions = pieces.factors.shape
    many = n_directions > 1 and 2 * n_directions > n_units
    return Whole(pieces.factors @ pieces.factors.mT) if many else pieces


def _joined(measure: str, several: Sequence[Pieces]) -> Pieces:
    """Join the pieces of some samples and those of others, on the processor."""
    first = several[0]
    if isinstance(first, Masked):
        active = torch.cat([pieces[0] for pieces in several])
        return Masked(active.cpu(), first.rows.cpu())
    shapes = {tuple(pieces[0].shape[1:]) for pieces in several}
    if len(shapes) > 1:
        raise ValueError(
            f"measure {measure!r} must have as many directions for all samples. Got factors of "
            f"shapes {sorted(shapes)}: pass pool='mean'."
        )
    values = torch.cat([pieces[0].detach() for pieces in several]).cpu()
    wide = values.to(torch.promote_types(values.dtype, torch.float32))
    return Factored(wide) if isinstance(first, Factored) else Whole(wide)


def _root(measure: str, products: Tensor) -> Tensor:
    """Symmetric roots of matrices ``[samples, any, any]``.

    Of all factors the ones that do not depend on how eigenvectors are chosen.

    Raises
    ------
    ValueError
        If a matrix has clearly negative eigenvalues.
    """
    at_once = max(1, ROOTS_ELEMENTS // products[0].numel())
    found = [torch.linalg.eigh(part.double()) for part in products.split(at_once)]
    values = torch.cat([part.eigenvalues for part in found])
    lowest, largest = float(values.min()), float(values.abs().max())
    if lowest < -NEGATIVE * largest:
        raise ValueError(
            f"measure {measure!r} must have matrices without negative eigenvalues, else they have "
            f"no factors. Got an eigenvalue of {lowest:g} where the largest is {largest:g}: the "
            "network, or its loss, is curved beyond the layer. Choose another measure or layer, "
            "or null='rotation', which needs no factors."
        )
    roots = [part.eigenvalues.clamp(min=0).sqrt() for part in found]
    return torch.cat([
        (part.eigenvectors * root.unsqueeze(1)) @ part.eigenvectors.mT
        for part, root in zip(found, roots, strict=True)
    ]).to(products)  # fmt: skip
