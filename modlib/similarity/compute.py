"""How similar two units of a layer are: four measures, two upstream and two downstream.

What the measures are stands in :mod:`modlib.similarity.measures`. Here they are averaged over
samples, by the closed form of :mod:`modlib.similarity.closed_form` where there is one, else by
automatic differentiation.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modlib.layers import evaluating, n_hidden_layers
from modlib.similarity.autograd import Autograd
from modlib.similarity.closed_form import CLOSED, ClosedForm, relu_layers
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import MEASURES, Measure
from modlib.validation import check_choice, is_whole

CHECKED_AT_ONCE = 1024  # samples
DERIVATIVES = ("auto", "closed_form", "autograd")

Key = tuple[int, str, str]  # layer, measure, convention


def pairwise_similarity(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    layer: int = 1,
    measure: str | Measure = "covariance",
    convention: str = "printed",
    derivatives: str = "auto",
) -> Similarity:
    r"""Compute the similarity of every pair of units of a hidden layer (equations 1 to 4).

    ================== ====================================================================
    covariance         :math:`\frac1K\sum_k |(h_i - \bar h_i)(h_j - \bar h_j)|`
    input_sensitivity  :math:`\frac1K\sum_k |J J^T|`, J the Jacobian of h by x
    output_sensitivity :math:`\frac1K\sum_k |J^T J|`, J the Jacobian of the logits by h
    loss_hessian       :math:`\frac1K\sum_k |\partial^2 L / \partial h_i \partial h_j|`
    ================== ====================================================================

    (The text prints :math:`J J^T` for the third, which has no row per unit.) Dropout is off.

    Parameters
    ----------
    model
        A :class:`modlib.models.MLP`, or a :class:`torch.nn.Sequential`.
    inputs, targets
        Held-out samples: shapes ``[samples, inputs]`` and ``[samples]`` (class numbers).
    layer
        Hidden layer, from 1; its activations are taken after ReLU and dropout.
    measure
        One of :data:`~modlib.similarity.measures.MEASURES`, or a
        :class:`~modlib.similarity.measures.Measure` of your own.
    convention
        ``"printed"``: absolute values are taken inside the mean over inputs, as in the equations;
        or ``"released"``: of the mean, as in the authors' code.
    derivatives
        ``"closed_form"`` (the library's measures of fully connected ReLU networks),
        ``"autograd"`` (any measure and model that can be cut at the layer; slow), or ``"auto"``:
        the first where it applies.

    Returns
    -------
    Similarity
        Float64 of shape ``[units, units]``, symmetric and non-negative, with the names of layer,
        measure and convention; NumPy takes it as the plain matrix.

    Raises
    ------
    ValueError
        If an option is unknown, the layer does not exist, the samples have the wrong shape or
        hold values that are not finite, a closed form was asked for where there is none, or a
        measure of your own does not give symmetric matrices, or has the name of another.
    """
    (matrix,) = similarity_matrices(
        model, inputs, targets, layers=[layer], measures=[measure], conventions=[convention],
        derivatives=derivatives,
    ).values()  # fmt: skip
    return matrix


def similarity_matrices(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    layers: Iterable[int] | None = None,
    measures: Iterable[str | Measure] = MEASURES,
    conventions: Iterable[str] = CONVENTIONS,
    derivatives: str = "auto",
) -> dict[Key, Similarity]:
    """Compute many similarity matrices of one network in one pass, sharing the work.

    Parameters and errors are those of :func:`pairwise_similarity`; ``layers`` are all hidden
    layers unless given. Returns a matrix for every ``(layer, measure, convention)``, the measure by
    its name. Memory does not grow with the number of samples.
    """
    hidden = n_hidden_layers(model)
    layers = _distinct("layers", range(1, hidden + 1) if layers is None else layers)
    records = _records(_distinct("measures", measures))
    conventions = _distinct("conventions", conventions)
    for layer in layers:
        if not is_whole(layer) or not 1 <= layer <= hidden:
            raise ValueError(f"layer must be between 1 and {hidden}. Got {layer!r}.")
    for convention in conventions:
        check_choice("convention", convention, CONVENTIONS)
    check_choice("derivatives", derivatives, DERIVATIVES)
    _check_samples(inputs, targets)
    forms = _forms(model, records, derivatives)
    with evaluating(model), torch.no_grad():
        _check_fit(model, inputs, targets)
        found = [_mean_over_samples(form, inputs, targets, layers, conventions) for form in forms]
    return {
        (layer, measure, convention): Similarity(
            values, layer=layer, measure=measure, convention=convention, is_normalized=False
        )
        for matrices in found
        for (layer, measure, convention), values in matrices.items()
    }


def _records(measures: Iterable[str | Measure]) -> list[Measure]:
    found: dict[str, Measure] = {}
    for measure in measures:
        if not isinstance(measure, Measure):
            check_choice("measure", measure, MEASURES)
        record = measure if isinstance(measure, Measure) else MEASURES[measure]
        if (MEASURES | found).get(record.name, record) != record:
            raise ValueError(
                f"measure must not have the name of another. Got {record.name!r}: choose another."
            )
        found[record.name] = record
    return list(found.values())


def _forms(
    model: nn.Module, records: Sequence[Measure], derivatives: str
) -> list[ClosedForm | Autograd]:
    """Share the measures out between the closed form and automatic differentiation."""
    linears = relu_layers(model)
    if derivatives == "closed_form" and linears is None:
        raise ValueError(
            "derivatives must be 'autograd' for a model that is not a chain of Linear and ReLU "
            f"layers. Got 'closed_form' for {type(model).__name__}."
        )
    closed = [record for record in records if record.name in CLOSED]
    if linears is None or derivatives == "autograd":
        closed = []
    others = [record for record in records if record not in closed]
    if derivatives == "closed_form" and others:
        raise ValueError(
            f"derivatives must be 'autograd' or 'auto' for the measure {others[0].name!r}. "
            "Got 'closed_form'."
        )
    forms: list[ClosedForm | Autograd] = []
    if linears is not None and closed:
        forms.append(ClosedForm(linears, [record.name for record in closed]))
    if others:
        forms.append(Autograd(model, others))
    return forms


def _mean_over_samples(
    form: ClosedForm | Autograd,
    inputs: Tensor,
    targets: Tensor,
    layers: Collection[int],
    conventions: Collection[str],
) -> dict[Key, np.ndarray]:
    chunks = list(zip(inputs.split(form.chunk), targets.split(form.chunk), strict=True))
    sums: dict[Key, Tensor] = {}

    @cache
    def means() -> dict[int, Tensor]:
        return _mean_activations(form, chunks, layers)

    for chunk_inputs, chunk_targets in chunks:
        for layer, measure, parts in form.sums(
            chunk_inputs, chunk_targets, means, layers, conventions
        ):
            for convention, part in parts.items():
                key = layer, measure, convention
                sums[key] = sums[key] + part if key in sums else part
    return {key: _finished(total / len(inputs)) for key, total in sums.items()}


def _mean_activations(
    form: ClosedForm | Autograd, chunks: Iterable[tuple[Tensor, Tensor]], layers: Iterable[int]
) -> dict[int, Tensor]:
    totals: dict[int, Tensor] = {}
    n_samples = 0
    for inputs, _ in chunks:
        values = form.activations(inputs, layers)
        for layer in layers:
            part = values[layer].double().sum(dim=0)
            totals[layer] = totals[layer] + part if layer in totals else part
        n_samples += len(inputs)
    return {layer: total / n_samples for layer, total in totals.items()}


def _finished(mean: Tensor) -> np.ndarray:
    """Take the absolute value (for ``"printed"`` it is there) and remove rounding's asymmetry."""
    array = mean.abs().cpu().numpy()
    return (array + array.T) / 2


def _distinct(name: str, values: Any) -> list[Any]:
    """Return values as a list, repeats removed: what is asked for twice is summed once."""
    items = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else []
    if not items:
        raise ValueError(f"{name} must be a list of at least one. Got {values!r}.")
    return [item for index, item in enumerate(items) if item not in items[:index]]


def _check_fit(model: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """Try one sample, so that what does not fit the model is refused by name."""
    try:
        logits = model(inputs[:1].to(next(model.parameters())))
    except RuntimeError as error:
        raise ValueError(
            f"inputs must fit the model. Got shape {tuple(inputs.shape)}: {error}"
        ) from error
    if logits.dim() != 2:
        raise ValueError(
            "model must map inputs to logits [samples, classes]. Got shape "
            f"{tuple(logits.shape)} for one sample."
        )
    if targets.max() >= logits.shape[1]:
        raise ValueError(
            f"targets must be below {logits.shape[1]}, the number of logits. "
            f"Got {targets.max().item()}."
        )


def _check_samples(inputs: Tensor, targets: Tensor) -> None:
    if not isinstance(inputs, Tensor) or inputs.dim() < 2 or not inputs.numel():
        raise ValueError(
            "inputs must be a tensor [samples, inputs] of at least one sample. "
            f"Got {tuple(getattr(inputs, 'shape', ())) or type(inputs).__name__}."
        )
    # In parts: the check must not take more memory than the work.
    n_odd = sum(int((~part.isfinite()).sum()) for part in inputs.split(CHECKED_AT_ONCE))
    if not inputs.is_floating_point() or n_odd:
        raise ValueError(
            f"inputs must be finite floating-point numbers. Got {inputs.dtype} with "
            f"{n_odd} values that are not finite."
        )
    if not isinstance(targets, Tensor) or targets.shape != inputs.shape[:1]:
        raise ValueError(
            f"targets must be a tensor of one class per sample, shape ({len(inputs)},). "
            f"Got {tuple(getattr(targets, 'shape', ())) or type(targets).__name__}."
        )
    is_whole_type = not (targets.is_floating_point() or targets.is_complex())
    if not is_whole_type or targets.dtype == torch.bool or targets.min() < 0:
        raise ValueError(
            "targets must be class numbers from 0 on. "
            f"Got {targets.min().item() if is_whole_type else targets.dtype}."
        )
