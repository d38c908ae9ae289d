r"""How similar two units of a layer are: four measures, two upstream and two downstream.

All four share one form. For each input k there is a matrix F_k with one row per unit, and

.. math:: S = \frac1K \sum_k |F_k F_k^T|,

the absolute value taken entry by entry. The measures differ in F_k alone: the unit's deviation
from its mean (covariance), the gradient of the unit with respect to the input (input
sensitivity), the gradient of the logits with respect to the unit (output sensitivity), or that
gradient centred and weighted by the predicted probabilities (loss Hessian).

A ReLU network is affine between its kinks, so F_k is a product of weight matrices with silent
units struck out: no automatic differentiation is needed, and the result is exact.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap
from torch.nn import functional

from modlib.config import ABSOLUTES
from modlib.kernels import sum_products
from modlib.models import cut, evaluating, n_hidden_layers, relu_layers
from modlib.validation import check_choice, check_similarity, is_number, is_whole

MEASURES = ("covariance", "input_sensitivity", "output_sensitivity", "loss_hessian")
"""The first two look upstream, the last two downstream."""
UPSTREAM = MEASURES[:2]
DOWNSTREAM = MEASURES[2:]

CHECKED_AT_ONCE = 1024  # samples

Key = tuple[int, str, str]  # layer, measure, where the absolute value is taken
Sums = Iterator[tuple[int, str, dict[str, Tensor]]]  # layer, measure, sum by absolute

CHUNK_ELEMENTS = 2**20  # of one chunk's products: they should stay in the processor's cache


def pairwise_similarity(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    layer: int = 1,
    measure: str = "covariance",
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
        One of :data:`MEASURES`.
    absolute
        ``"inside"`` the mean over inputs, as the equations are printed, or ``"outside"``, as in
        the authors' released code.
    method
        ``"closed_form"`` (fully connected ReLU networks), ``"autograd"`` (any model that can
        be cut at the layer; slow), or ``"auto"``: the first where it applies.

    Returns
    -------
    numpy.ndarray
        Float64 of shape ``[units, units]``, symmetric and non-negative.

    Raises
    ------
    ValueError
        If an option is unknown, the layer does not exist, the samples have the wrong shape or
        hold values that are not finite, or the model has no closed form and it was asked for.
    """
    wanted = similarity_matrices(
        model, inputs, targets, layers=[layer], measures=[measure], absolutes=[absolute],
        method=method,
    )  # fmt: skip
    return wanted[layer, measure, absolute]


def similarity_matrices(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    layers: Iterable[int] | None = None,
    measures: Iterable[str] = MEASURES,
    absolutes: Iterable[str] = ABSOLUTES,
    method: str = "auto",
) -> dict[Key, np.ndarray]:
    """Compute many similarity matrices of one network in one pass, sharing the work.

    Parameters and errors are those of :func:`pairwise_similarity`; ``layers`` are all hidden
    layers unless given. Returns a matrix for every ``(layer, measure, absolute)``. Memory does
    not grow with the number of samples.
    """
    hidden = n_hidden_layers(model)
    layers = _distinct("layers", range(1, hidden + 1) if layers is None else layers)
    measures, absolutes = _distinct("measures", measures), _distinct("absolutes", absolutes)
    for layer in layers:
        if not is_whole(layer) or not 1 <= layer <= hidden:
            raise ValueError(f"layer must be between 1 and {hidden}. Got {layer!r}.")
    for measure in measures:
        check_choice("measure", measure, MEASURES)
    for absolute in absolutes:
        check_choice("absolute", absolute, ABSOLUTES)
    check_choice("method", method, ("auto", "closed_form", "autograd"))
    _check_samples(inputs, targets)
    linears = relu_layers(model)
    if method == "closed_form" and linears is None:
        raise ValueError(
            "method must be 'autograd' for a model that is not a chain of Linear and ReLU "
            f"layers. Got 'closed_form' for {type(model).__name__}."
        )
    closed = linears is not None and method != "autograd"
    form = _ClosedForm(linears) if closed else _Autograd(model)
    with evaluating(model), torch.no_grad():
        _check_fit(model, inputs, targets)
        return _mean_over_samples(form, inputs, targets, layers, measures, absolutes)


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


def _mean_over_samples(
    form: "_ClosedForm | _Autograd",
    inputs: Tensor,
    targets: Tensor,
    layers: Collection[int],
    measures: Collection[str],
    absolutes: Collection[str],
) -> dict[Key, np.ndarray]:
    chunks = list(zip(inputs.split(form.chunk), targets.split(form.chunk), strict=True))
    sums: dict[Key, Tensor] = {}

    def add(layer: int, measure: str, parts: dict[str, Tensor]) -> None:
        for absolute, part in parts.items():
            key = layer, measure, absolute
            sums[key] = sums[key] + part if key in sums else part

    if "covariance" in measures:
        means = _mean_activations(form, chunks, layers)
    for chunk_inputs, chunk_targets in chunks:
        values = form.activations(chunk_inputs, layers)
        if "covariance" in measures:
            for layer in layers:
                deviations = values[layer].double() - means[layer]
                add(layer, "covariance", _outer_products(deviations, absolutes))
        for layer, measure, parts in form.sensitivities(
            chunk_inputs, chunk_targets, values, layers, measures, absolutes
        ):
            add(layer, measure, parts)
    return {key: _finished(total / len(inputs)) for key, total in sums.items()}


def _mean_activations(
    form: "_ClosedForm | _Autograd", chunks: Iterable[tuple[Tensor, Tensor]], layers: Iterable[int]
) -> dict[int, Tensor]:
    totals, n_samples = dict.fromkeys(layers, 0.0), 0
    for inputs, _ in chunks:
        values = form.activations(inputs, layers)
        totals = {layer: totals[layer] + values[layer].double().sum(dim=0) for layer in totals}
        n_samples += len(inputs)
    return {layer: total / n_samples for layer, total in totals.items()}


def _outer_products(deviations: Tensor, absolutes: Collection[str]) -> dict[str, Tensor]:
    """Sum ``|d_k d_k^T|`` (or without bars) over samples; ``deviations [samples, units]``."""
    signed = {"outside": deviations, "inside": deviations.abs()}
    return {absolute: signed[absolute].mT @ signed[absolute] for absolute in absolutes}


def _masked_products(counts: Tensor, gram: Tensor, absolutes: Collection[str]) -> dict[str, Tensor]:
    """Sum products that are the same ``gram [units, units]`` wherever both units are active."""
    signed = {"outside": gram, "inside": gram.abs()}
    return {absolute: counts * signed[absolute] for absolute in absolutes}


def _factor_products(factors: Tensor, absolutes: Collection[str]) -> dict[str, Tensor]:
    """Sum ``|F_k F_k^T|`` (or without bars) over samples; ``factors [samples, units, any]``."""
    return _summed(factors @ factors.mT, absolutes)


def _summed(products: Tensor, absolutes: Collection[str]) -> dict[str, Tensor]:
    """Sum symmetric ``products [samples, units, units]`` over samples, in float64."""
    if products.device.type == "cpu":
        # One pass over half of each product, where PyTorch would need three over all of it.
        signed, absolute = map(torch.from_numpy, sum_products(products.detach().numpy()))
    else:
        signed = products.sum(dim=0, dtype=torch.float64)
        absolute = products.abs().sum(dim=0, dtype=torch.float64)
    sums = {"outside": signed, "inside": absolute}
    return {key: sums[key] for key in absolutes}


def _finished(mean: Tensor) -> np.ndarray:
    """Take the absolute value (for ``"inside"`` it is there) and remove rounding's asymmetry."""
    array = mean.abs().cpu().numpy()
    return (array + array.T) / 2


class _ClosedForm:
    """Factors of a fully connected ReLU network, from its weights and who is active."""

    def __init__(self, linears: Sequence[nn.Linear]) -> None:
        self.linears = linears
        self.weights = [linear.weight.detach() for linear in linears]
        # W1 W1^T = R^T R: with R^T in place of W1 the input needs no more axes than units.
        self.first = torch.linalg.qr(self.weights[0].double().mT, mode="r").R.mT
        widest = max(len(weight) for weight in self.weights[:-1])
        self.chunk = max(1, CHUNK_ELEMENTS // widest**2)

    def activations(self, inputs: Tensor, _layers: Iterable[int]) -> list[Tensor]:
        """Values ``[samples, units]`` of every layer, from the input to the logits."""
        values = [inputs.to(self.weights[0])]
        for linear in self.linears[:-1]:
            values.append(functional.linear(values[-1], linear.weight, linear.bias).relu())
        last = self.linears[-1]
        return [*values, functional.linear(values[-1], last.weight, last.bias)]

    def sensitivities(
        self,
        _inputs: Tensor,
        _targets: Tensor,
        values: list[Tensor],
        layers: Collection[int],
        measures: Collection[str],
        absolutes: Collection[str],
    ) -> Sums:
        """Sums of the three measures that differentiate."""
        active = [(value > 0).to(value) for value in values]
        if "input_sensitivity" in measures:
            yield from self._input_sensitivity(active, layers, absolutes)
        if set(measures) & set(DOWNSTREAM):
            yield from self._downstream(values[-1], active, layers, measures, absolutes)

    def _input_sensitivity(
        self, active: list[Tensor], layers: Collection[int], absolutes: Collection[str]
    ) -> Sums:
        """F is the Jacobian by the input, up to a rotation of the input that no product sees."""
        if 1 in layers:
            both = active[1].double().mT @ active[1].double()
            gram = self.first @ self.first.mT
            yield 1, "input_sensitivity", _masked_products(both, gram, absolutes)
        jacobian = self.first.to(self.weights[0])
        for layer in range(2, max(layers) + 1):
            jacobian = (self.weights[layer - 1] * active[layer - 1].unsqueeze(1)) @ jacobian
            if layer in layers:
                factors = active[layer].unsqueeze(2) * jacobian
                yield layer, "input_sensitivity", _factor_products(factors, absolutes)

    def _downstream(
        self,
        logits: Tensor,
        active: list[Tensor],
        layers: Collection[int],
        measures: Collection[str],
        absolutes: Collection[str],
    ) -> Sums:
        """F^T is the Jacobian of the logits; for the Hessian centred and weighted.

        With p the predicted probabilities, the Hessian is J^T (diag p - p p^T) J: the covariance
        of the rows of J under p.
        """
        last = len(self.linears) - 1
        probabilities = logits.softmax(dim=1).unsqueeze(2)
        jacobian = self.weights[-1].expand(len(logits), -1, -1)
        for layer in range(last, min(layers) - 1, -1):
            if layer < last:
                jacobian = (jacobian * active[layer + 1].unsqueeze(1)) @ self.weights[layer]
            if layer in layers and "output_sensitivity" in measures:
                yield layer, "output_sensitivity", self._output_products(jacobian, absolutes)
            if layer in layers and "loss_hessian" in measures:
                centred = jacobian - (probabilities * jacobian).sum(dim=1, keepdim=True)
                factors = (probabilities.sqrt() * centred).mT
                yield layer, "loss_hessian", _factor_products(factors, absolutes)

    @staticmethod
    def _output_products(jacobian: Tensor, absolutes: Collection[str]) -> dict[str, Tensor]:
        n_samples, varies = len(jacobian), jacobian.stride(0) != 0
        if varies:
            return _factor_products(jacobian.mT, absolutes)
        gram = jacobian[0].double().mT @ jacobian[0].double()
        return _masked_products(torch.tensor(float(n_samples)), gram, absolutes)


class _Autograd:
    """The same sums by automatic differentiation, for any model that can be cut at a layer."""

    chunk = 64

    def __init__(self, model: nn.Module) -> None:
        self.model = model
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

    def sensitivities(
        self,
        inputs: Tensor,
        targets: Tensor,
        values: dict[int, Tensor],
        layers: Collection[int],
        measures: Collection[str],
        absolutes: Collection[str],
    ) -> Sums:
        """Sums of the three measures that differentiate, one sample at a time under vmap."""
        inputs, targets = inputs.to(self.weight), targets.to(self.weight.device, torch.int64)
        for layer in layers:
            to_layer, from_layer = cut(self.model, layer)

            def activation(sample: Tensor, to_layer=to_layer) -> Tensor:
                return to_layer(sample.unsqueeze(0)).squeeze(0)

            def logits(hidden: Tensor, from_layer=from_layer) -> Tensor:
                return from_layer(hidden.unsqueeze(0)).squeeze(0)

            def loss(hidden: Tensor, target: Tensor, logits=logits) -> Tensor:
                return functional.cross_entropy(logits(hidden), target)

            if "input_sensitivity" in measures:
                jacobian = vmap(jacrev(activation))(inputs).flatten(2)
                yield layer, "input_sensitivity", _factor_products(jacobian, absolutes)
            if "output_sensitivity" in measures:
                jacobian = vmap(jacrev(logits))(values[layer])
                yield layer, "output_sensitivity", _factor_products(jacobian.mT, absolutes)
            if "loss_hessian" in measures:
                products = vmap(jacrev(jacrev(loss)))(values[layer], targets)
                yield layer, "loss_hessian", _summed(products, absolutes)


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
