"""How similar two units of a layer are: four measures, two upstream and two downstream.

What the measures are stands in :mod:`modlib.similarity.measures`. Here they are averaged over samples, by the
closed form of :mod:`modlib.similarity.closed_form` where there is one, else by automatic differentiation.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.config import ABSOLUTES
from modlib.models import cut, evaluating, n_hidden_layers, relu_layers
from modlib.similarity.closed_form import CLOSED, ClosedForm, Sums
from modlib.similarity.measures import DOWNSTREAM, MEASURES, RECORDS, UPSTREAM, Measure, View
from modlib.similarity.sums import summed
from modlib.validation import check_choice, check_similarity, is_number, is_whole

__all__ = [
    "DOWNSTREAM", "MEASURES", "UPSTREAM", "normalize", "pairwise_similarity", "similarity_matrices",
]  # fmt: skip

CHECKED_AT_ONCE = 1024  # samples
ASYMMETRY = 1e-4  # of the largest entry: more than single precision leaves

Key = tuple[int, str, str]  # layer, measure, where the absolute value is taken


def pairwise_similarity(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    layer: int = 1,
    measure: str | Measure = "covariance",
    absolute: str = "inside",
    method: str = "auto",
) -> np.ndarray:
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
        One of :data:`~modlib.similarity.measures.MEASURES`, or a :class:`~modlib.similarity.measures.Measure` of your
        own.
    absolute
        ``"inside"`` the mean over inputs, as the equations are printed, or ``"outside"``, as in
        the authors' released code.
    method
        ``"closed_form"`` (the library's measures of fully connected ReLU networks),
        ``"autograd"`` (any measure and model that can be cut at the layer; slow), or ``"auto"``:
        the first where it applies.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[units, units]``, symmetric and non-negative.

    Raises
    ------
    ValueError
        If an option is unknown, the layer does not exist, the samples have the wrong shape or
        hold values that are not finite, a closed form was asked for where there is none, or a
        measure of your own does not give symmetric matrices, or has the name of another.
    """
    (matrix,) = similarity_matrices(
        model, inputs, targets, layers=[layer], measures=[measure], absolutes=[absolute],
        method=method,
    ).values()  # fmt: skip
    return matrix


def similarity_matrices(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    layers: Iterable[int] | None = None,
    measures: Iterable[str | Measure] = MEASURES,
    absolutes: Iterable[str] = ABSOLUTES,
    method: str = "auto",
) -> dict[Key, np.ndarray]:
    """Compute many similarity matrices of one network in one pass, sharing the work.

    Parameters and errors are those of :func:`pairwise_similarity`; ``layers`` are all hidden
    layers unless given. Returns a matrix for every ``(layer, measure, absolute)``, the measure by
    its name. Memory does not grow with the number of samples.
    """
    hidden = n_hidden_layers(model)
    layers = _distinct("layers", range(1, hidden + 1) if layers is None else layers)
    records = _records(_distinct("measures", measures))
    absolutes = _distinct("absolutes", absolutes)
    for layer in layers:
        if not is_whole(layer) or not 1 <= layer <= hidden:
            raise ValueError(f"layer must be between 1 and {hidden}. Got {layer!r}.")
    for absolute in absolutes:
        check_choice("absolute", absolute, ABSOLUTES)
    check_choice("method", method, ("auto", "closed_form", "autograd"))
    _check_samples(inputs, targets)
    forms = _forms(model, records, method)
    with evaluating(model), torch.no_grad():
        _check_fit(model, inputs, targets)
        found = [_mean_over_samples(form, inputs, targets, layers, absolutes) for form in forms]
    return {key: matrix for matrices in found for key, matrix in matrices.items()}


def normalize(similarity: Any, rule: str = "max", epsilon: float = 1e-12) -> np.ndarray:
    r"""Divide each similarity by those of the two units with themselves (equation 5).

    Parameters
    ----------
    similarity
        Symmetric and non-negative, of shape ``[units, units]``.
    rule
        ``"max"``: :math:`S_{ij} / \max(S_{ii}, S_{jj}, \epsilon)`, as printed; ``"geometric"``:
        :math:`S_{ij} / \max(\sqrt{S_{ii} S_{jj}}, \epsilon)`, after the authors' released code.
    epsilon
        Keeps units that do nothing at zero instead of dividing by it.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[units, units]``, within [0, 1] for the four measures.

    Raises
    ------
    ValueError
        If the similarity is not square, symmetric, finite and non-negative, the rule is unknown
        or epsilon is not above zero.
    """
    check_choice("rule", rule, RULES)
    if not is_number(epsilon) or epsilon <= 0:
        raise ValueError(f"epsilon must be a number above 0. Got {epsilon!r}.")
    similarity = check_similarity(similarity)
    selves = np.diagonal(similarity)
    return similarity / np.maximum(RULES[rule](selves[:, None], selves[None, :]), epsilon)


RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "max": np.maximum,
    "geometric": lambda left, right: np.sqrt(left) * np.sqrt(right),
}


def _records(measures: Iterable[str | Measure]) -> list[Measure]:
    found: dict[str, Measure] = {}
    for measure in measures:
        if not isinstance(measure, Measure):
            check_choice("measure", measure, MEASURES)
        record = measure if isinstance(measure, Measure) else RECORDS[measure]
        if (RECORDS | found).get(record.name, record) != record:
            raise ValueError(
                f"measure must not have the name of another. Got {record.name!r}: choose another."
            )
        found[record.name] = record
    return list(found.values())


def _forms(
    model: nn.Module, records: Sequence[Measure], method: str
) -> "list[ClosedForm | _Autograd]":
    """Share the measures out between the closed form and automatic differentiation."""
    linears = relu_layers(model)
    if method == "closed_form" and linears is None:
        raise ValueError(
            "method must be 'autograd' for a model that is not a chain of Linear and ReLU "
            f"layers. Got 'closed_form' for {type(model).__name__}."
        )
    closed = [record for record in records if record.name in CLOSED]
    if linears is None or method == "autograd":
        closed = []
    others = [record for record in records if record not in closed]
    if method == "closed_form" and others:
        raise ValueError(
            f"method must be 'autograd' or 'auto' for the measure {others[0].name!r}. "
            "Got 'closed_form'."
        )
    forms: list[ClosedForm | _Autograd] = []
    if linears is not None and closed:
        forms.append(ClosedForm(linears, [record.name for record in closed]))
    if others:
        forms.append(_Autograd(model, others))
    return forms


def _mean_over_samples(
    form: "ClosedForm | _Autograd",
    inputs: Tensor,
    targets: Tensor,
    layers: Collection[int],
    absolutes: Collection[str],
) -> dict[Key, np.ndarray]:
    chunks = list(zip(inputs.split(form.chunk), targets.split(form.chunk), strict=True))
    sums: dict[Key, Tensor] = {}

    @cache
    def means() -> dict[int, Tensor]:
        return _mean_activations(form, chunks, layers)

    for chunk_inputs, chunk_targets in chunks:
        for layer, measure, parts in form.sums(
            chunk_inputs, chunk_targets, means, layers, absolutes
        ):
            for absolute, part in parts.items():
                key = layer, measure, absolute
                sums[key] = sums[key] + part if key in sums else part
    return {key: _finished(total / len(inputs)) for key, total in sums.items()}


def _mean_activations(
    form: "ClosedForm | _Autograd", chunks: Iterable[tuple[Tensor, Tensor]], layers: Iterable[int]
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
    """Take the absolute value (for ``"inside"`` it is there) and remove rounding's asymmetry."""
    array = mean.abs().cpu().numpy()
    return (array + array.T) / 2


class _Autograd:
    """Sums of any measures by automatic differentiation, for any model that can be cut."""

    chunk = 64

    def __init__(self, model: nn.Module, measures: Sequence[Measure]) -> None:
        self.model, self.measures = model, measures
        self.weight = next(model.parameters())  # of the type, and on the device, of all the rest

    def activations(self, inputs: Tensor, layers: Iterable[int]) -> dict[int, Tensor]:
        """Activations ``[samples, units]`` of the layers asked for."""
        inputs = inputs.to(self.weight)
        values = {layer: cut(self.model, layer)[0](inputs) for layer in layers}
        for layer, value in values.items():
            if value.dim() != 2:
                raise ValueError(
                    f"layer {layer} must give activations [samples, units]. Got shape "
                    f"{tuple(value.shape)}: cut the model where it is flat."
                )
        return values

    def sums(
        self,
        inputs: Tensor,
        targets: Tensor,
        means: Callable[[], dict[int, Tensor]],
        layers: Collection[int],
        absolutes: Collection[str],
    ) -> Sums:
        """Sums over a chunk of samples; ``means`` are the activations' over all samples."""
        inputs, targets = inputs.to(self.weight), targets.to(self.weight.device, torch.int64)
        for layer in layers:
            view = View(self.model, layer, inputs, targets, means()[layer])
            for measure in self.measures:
                yield layer, measure.name, summed(_products(measure, view), absolutes)


def _products(measure: Measure, view: View) -> Tensor:
    """The matrices of a measure, or a ``ValueError`` if they are none."""
    products = measure.products(view)
    n_samples, n_units = view.activations.shape
    if not isinstance(products, Tensor) or products.shape != (n_samples, n_units, n_units):
        raise ValueError(
            f"measure {measure.name!r} must give one matrix [units, units] for each sample, "
            f"shape {(n_samples, n_units, n_units)}. "
            f"Got {tuple(getattr(products, 'shape', ())) or type(products).__name__}."
        )
    gap = (products - products.mT).abs().max()
    if not gap <= ASYMMETRY * products.abs().max():  # nor is it where there is a NaN
        raise ValueError(
            f"measure {measure.name!r} must give symmetric matrices of finite numbers. Got entries "
            f"that differ by {gap:g} from those across the diagonal."
        )
    return products


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
