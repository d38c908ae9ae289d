"""How similar two units of a layer are: four measures, two upstream and two downstream.

What the measures are stands in :mod:`modlib.similarity.measures`. Here they are averaged over
samples, by the closed form of :mod:`modlib.similarity.closed_form` where there is one, else by
automatic differentiation.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from modlib.layers.find import Layer, find_layers, hidden_layers, n_hidden_layers, name_of
from modlib.layers.network import Network, at_rest
from modlib.layers.units import Survey
from modlib.layers.watch import Axes
from modlib.losses import Loss, Outputs, check_logits, check_loss
from modlib.samples import Batch, Samples, arrays_of, each, n_samples_of
from modlib.seeds import generator
from modlib.similarity.autograd import NOISE, Autograd
from modlib.similarity.closed_form import CLOSED, ClosedForm, closed_layers, relu_layers
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.matrix import Similarity
from modlib.similarity.measures import MEASURES, Measure
from modlib.validation import check_choice, check_flag, check_seed, is_iterable, is_whole

DERIVATIVES = ("auto", "closed_form", "autograd")
POOLS = ("mean",)
LARGEST_CHUNK = 256  # samples
CHUNK_ELEMENTS = 2**23  # of the largest thing that is there for all samples of a chunk
SHOWN_AFTER = 3.0  # seconds: shorter work needs no bar

Key = tuple[Any, str, str]  # layer, measure, convention
Layers = int | str | nn.Module | Sequence[int | str | nn.Module]


@dataclass(frozen=True)
class Question:
    """What is asked about a network, but for layers, measures and conventions."""

    units: int | None
    pool: str | None
    outputs: Outputs
    loss: Loss
    probes: int | None
    seed: int
    derivatives: str
    progress: bool | None

    def __post_init__(self) -> None:
        check_choice("derivatives", self.derivatives, DERIVATIVES)
        check_loss(self.loss)
        check_seed(self.seed)
        if self.pool is not None:
            check_choice("pool", self.pool, POOLS)
        if self.probes is not None and (not is_whole(self.probes) or self.probes < 2):
            raise ValueError(
                "probes must be a whole number of at least 2, or None for all. "
                f"Got {self.probes!r}."
            )
        if self.probes is not None and self.derivatives == "closed_form":
            raise ValueError("probes must be None where derivatives is 'closed_form', which is "
                             f"exact. Got {self.probes!r}.")  # fmt: skip

    @property
    def is_plain(self) -> bool:
        """Whether it is what the closed form answers."""
        return (
            self.units is None and self.pool is None and self.outputs is None
            and self.probes is None and self.loss == "cross_entropy"
        )  # fmt: skip


def pairwise_similarity(
    model: nn.Module,
    inputs: Any,
    targets: Any = None,
    layer: Layers = 1,
    measure: str | Measure = "covariance",
    convention: str = "printed",
    *,
    units: int | None = None,
    pool: str | None = None,
    outputs: Outputs = None,
    loss: Loss = "cross_entropy",
    probes: int | None = None,
    seed: int = 0,
    derivatives: str = "auto",
    progress: bool | None = None,
) -> Similarity:
    r"""Compute the similarity of every pair of units of a layer (equations 1 to 4).

    ================== ====================================================================
    covariance         :math:`\frac1K\sum_k |(h_i - \bar h_i)(h_j - \bar h_j)|`
    input_sensitivity  :math:`\frac1K\sum_k |J J^T|`, J the Jacobian of h by x
    output_sensitivity :math:`\frac1K\sum_k |J^T J|`, J the Jacobian of the outputs by h
    loss_hessian       :math:`\frac1K\sum_k |\partial^2 L / \partial h_i \partial h_j|`
    ================== ====================================================================

    (The text prints :math:`J J^T` for the third, which has no row per unit.) The model is in
    evaluation mode meanwhile. A unit that has a value at many positions, such as a channel of an
    image or a feature of tokens, is similar to another by the sum over matching positions,
    before the absolute value is taken. Derivatives by a layer are those by its value as the
    model computes it: other ways from the input to the output stay as they are.

    Parameters
    ----------
    model
        Any module that treats its samples one by one.
    inputs, targets
        Held-out samples: tensors or NumPy arrays ``[samples, ...]``, dictionaries of them, or
        batches of both such as a DataLoader; see :class:`modlib.samples.Samples`. Targets are
        needed by the loss Hessian only.
    layer
        A hidden layer by its number from 1, for a chain of layers, its activations taken after
        ReLU and dropout; or the name of a module, or a module: what comes out of it, the first
        of it if there are several; or a list, whose units are taken together. See
        :func:`modlib.layers.network.list_layers`. What a module gives in several calls are
        positions.
    measure
        One of :data:`~modlib.similarity.measures.MEASURES`, or a
        :class:`~modlib.similarity.measures.Measure` of your own.
    convention
        ``"printed"``: absolute values are taken inside the mean over inputs, as in the equations;
        or ``"released"``: of the mean, as in the authors' code.
    units
        The axis of the layer's value that the units are on, where the kind of module does not say
        it: 1 for channels of images, -1 for features of tokens.
    pool
        ``"mean"``: a unit is its mean over positions, and moves at all of them alike.
    outputs
        Which part of the model's output counts, if it is no single tensor: a key, an index, a
        list of them, or a function of the output.
    loss
        ``"cross_entropy"``, ``"mse"``, ``"bce_with_logits"``, or a function of outputs (a tuple,
        if ``outputs`` are several) and targets that gives one number per sample.
    probes
        How many random directions stand for all derivatives; None computes them all. An estimate
        has a ``standard_error``. Before absolute values it has no bias. ``"released"`` takes
        them last, which tells near zero only; ``"printed"`` takes those of each sample, whose
        noise has an absolute value too: such a value is too high, the more the fewer probes.
    seed
        Of the probes: the same call gives the same values. They are others if samples come in
        other batches, or other measures are asked for beside.
    derivatives
        ``"closed_form"`` (the library's measures of fully connected ReLU networks),
        ``"autograd"`` (any measure of any model), or ``"auto"``: the first where it applies.
    progress
        Whether to show a bar; None shows it for long work, on a terminal.

    Returns
    -------
    Similarity
        Float64 of shape ``[units, units]``, symmetric and non-negative, with the names of layer,
        measure and convention; NumPy takes it as the plain matrix.

    Raises
    ------
    ValueError
        If an option is unknown, the layer does not exist or has no units that can be told, the
        samples do not fit the model, what is needed is missing, not finite or cannot be derived,
        the model is not at rest (samples see each other, or there is chance), its outputs are
        probabilities where the loss wants logits, or a measure of your own does not give
        symmetric matrices, or has the name of another.
    """
    (matrix,) = similarity_matrices(
        model, inputs, targets, layers=[layer], measures=[measure], conventions=[convention],
        units=units, pool=pool, outputs=outputs, loss=loss, probes=probes, seed=seed,
        derivatives=derivatives, progress=progress,
    ).values()  # fmt: skip
    return matrix


def similarity_matrices(
    model: nn.Module,
    inputs: Any,
    targets: Any = None,
    *,
    layers: Iterable[Layers] | None = None,
    measures: Iterable[str | Measure] = MEASURES,
    conventions: Iterable[str] = CONVENTIONS,
    units: int | None = None,
    pool: str | None = None,
    outputs: Outputs = None,
    loss: Loss = "cross_entropy",
    probes: int | None = None,
    seed: int = 0,
    derivatives: str = "auto",
    progress: bool | None = None,
) -> dict[Key, Similarity]:
    """Compute many similarity matrices of one network in one pass, sharing the work.

    Parameters and errors are those of :func:`pairwise_similarity`; ``layers`` are all hidden
    layers unless given. Returns a matrix for every ``(layer, measure, convention)``, layer and
    measure by their names; a list of layers is named by a tuple. Memory does not grow with the
    number of samples.
    """
    if progress is not None:
        progress = check_flag("progress", progress)
    question = Question(units, pool, outputs, loss, probes, seed, derivatives, progress)
    records = records_of(measures)
    conventions = distinct("conventions", conventions)
    for convention in conventions:
        check_choice("convention", convention, CONVENTIONS)
    samples = Samples(inputs, targets)
    network = Network(model, samples, outputs)
    if layers is None:
        layers = range(1, n_hidden_layers(network.model) + 1)
    found = [find_layers(network.model, layer) for layer in distinct("layers", layers)]
    groups = {name_of(group): group for group in found}
    with torch.inference_mode(False), torch.enable_grad(), at_rest(network.model):
        forms = forms_of(network, groups, records, question)
        sums = [_mean_over_samples(form, samples, conventions, progress) for form in forms]
    merged: dict[Key, np.ndarray] = {key: value for part in sums for key, value in part.items()}
    return {
        (name, record.name, convention): Similarity(
            merged[name, record.name, convention],
            standard_error=merged.get((name, record.name, NOISE)),
            units=unit_names(groups[name], forms),
            layer=name, measure=record.name, convention=convention, is_normalized=False,
        )
        for name in groups for record in records for convention in conventions
    }  # fmt: skip


def records_of(measures: Iterable[str | Measure]) -> list[Measure]:
    """Return the records of measures that are given by name or by record.

    Raises
    ------
    ValueError
        If a name is unknown, or one is that of two measures.
    """
    found: dict[str, Measure] = {}
    for measure in distinct("measures", measures):
        if not isinstance(measure, Measure):
            check_choice("measure", measure, MEASURES)
        record = measure if isinstance(measure, Measure) else MEASURES[measure]
        if (MEASURES | found).get(record.name, record) != record:
            raise ValueError(
                f"measure must not have the name of another. Got {record.name!r}: choose another."
            )
        found[record.name] = record
    return list(found.values())


def forms_of(
    network: Network,
    groups: Mapping[Hashable, tuple[Layer, ...]],
    records: Sequence[Measure],
    question: Question,
) -> list[ClosedForm | Autograd]:
    """Share the measures out between the closed form and automatic differentiation.

    Raises
    ------
    ValueError
        As for :func:`pairwise_similarity`.
    """
    batch = network.first()
    survey = network.survey(batch, hidden_layers(network.model))
    _check_ends(network, batch, survey, records, question)
    numbers = _numbers(network, groups, batch, question)
    closed = [record for record in records if record.name in CLOSED] if numbers else []
    others = [record for record in records if record not in closed]
    if question.derivatives == "closed_form" and others:
        raise ValueError(
            f"derivatives must be 'autograd' or 'auto' for the measure {others[0].name!r}. "
            "Got 'closed_form'."
        )
    forms: list[ClosedForm | Autograd] = []
    if numbers and closed:
        linears = relu_layers(network.model)
        assert linears is not None
        forms.append(ClosedForm(linears, [record.name for record in closed], numbers))
    if others:
        forms.append(_autograd(network, groups, others, question, batch, survey))
    return forms


def _check_ends(
    network: Network, batch: Batch, survey: Survey, records: Sequence[Measure], question: Question
) -> None:
    """Check outputs and targets, where a measure needs them, on the first samples."""
    lacking = [record.name for record in records if record.needs_targets]
    if lacking and batch.targets is None:
        raise ValueError(
            f"targets must be given for the measure {lacking[0]!r}. Got None: pass them, or ask "
            "for other measures."
        )
    if any(record.needs_outputs for record in records):
        picked = network.outputs(each(torch.clone, batch.inputs))
        if lacking:
            check_logits(picked, question.loss, survey.last_kind)


def _numbers(
    network: Network,
    groups: Mapping[Hashable, tuple[Layer, ...]],
    batch: Batch,
    question: Question,
) -> dict[Hashable, int] | None:
    """Numbers of the hidden layers, where the closed form is to serve; None where it is not."""
    if question.derivatives == "autograd":
        return None
    is_flat = isinstance(batch.inputs, Tensor) and batch.inputs.dim() == 2
    is_flat = is_flat and not isinstance(batch.targets, Mapping)
    numbers = closed_layers(network.model, groups) if is_flat and question.is_plain else None
    if question.derivatives == "closed_form" and numbers is None:
        raise ValueError(
            "derivatives must be 'autograd' or 'auto' but for hidden layers of a plain chain of "
            "Linear and ReLU layers, their cross-entropy and all of its outputs. Got "
            f"'closed_form' for layers {list(groups)} of a {type(network.model).__name__}."
        )
    return numbers


def _autograd(
    network: Network,
    groups: Mapping[Hashable, tuple[Layer, ...]],
    records: Sequence[Measure],
    question: Question,
    batch: Batch,
    survey: Survey,
) -> Autograd:
    layers = {layer for group in groups.values() for layer in group}
    axes = {layer: survey.axes(layer, question.units) for layer in layers}
    network.check_repeatable(batch, axes)
    return Autograd(
        network, groups, axes, records,
        loss=question.loss, pooled=question.pool is not None, probes=question.probes,
        random=generator(question.seed, "probes"),
        chunk=_chunk(network, axes, records, question, batch, survey),
    )  # fmt: skip


def _chunk(
    network: Network,
    axes: Mapping[Layer, Axes],
    records: Sequence[Measure],
    question: Question,
    batch: Batch,
    survey: Survey,
) -> int:
    """How many samples to take at a time, so that memory stays bounded."""
    one = batch.first(1).inputs
    values = [value[0] for value in network.values(one, axes)]
    n_units = sum(value.shape[-1] for value in values)
    n_values = sum(value.numel() for value in values)
    sizes = [survey.n_numbers, n_units**2]
    if question.probes is None:
        inputs = sum(part[0].numel() for part in arrays_of(one) if part.is_floating_point())
        sizes.append(min(inputs * n_units, inputs * n_values))
        if any(record.needs_outputs for record in records):
            sizes.append(n_values * sum(part[0].numel() for part in network.outputs(one)))
    return max(1, min(LARGEST_CHUNK, CHUNK_ELEMENTS // max(sizes)))


def _mean_over_samples(
    form: ClosedForm | Autograd,
    samples: Samples,
    conventions: Sequence[str],
    progress: bool | None,
) -> dict[Key, np.ndarray]:
    @cache
    def means() -> dict[Hashable, Tensor]:
        return mean_activations(form, samples)

    sums: dict[Key, Tensor] = {}
    n_samples = 0
    for batch in _shown(samples, form.chunk, progress):
        for name, measure, parts in form.sums(batch, means, conventions):
            for convention, part in parts.items():
                key = name, measure, convention
                sums[key] = sums[key] + part if key in sums else part
        n_samples += n_samples_of(batch.inputs)
    return {
        key: _error(total, n_samples) if key[2] == NOISE else _finished(total / n_samples)
        for key, total in sums.items()
    }


def _shown(samples: Samples, chunk: int, progress: bool | None) -> Iterator[Batch]:
    """The samples, with a bar if it is asked for, or if work is long and there is a terminal."""
    hidden = None if progress is None else not progress
    delay = SHOWN_AFTER if progress is None else 0.0
    with tqdm(total=samples.n_samples, unit=" samples", disable=hidden, delay=delay) as bar:
        for batch in samples.batches(chunk):
            yield batch
            bar.update(n_samples_of(batch.inputs))


def mean_activations(form: ClosedForm | Autograd, samples: Samples) -> dict[Hashable, Tensor]:
    """Average the activations ``[..., units]`` of each layer over all samples."""
    totals: dict[Hashable, Tensor] = {}
    n_samples = 0
    for batch in samples.batches(form.chunk):
        for name, values in form.activations(batch).items():
            part = values.sum(dim=0, dtype=torch.float64)
            if name in totals and totals[name].shape != part.shape:
                raise ValueError(
                    f"layer {name!r} must have as many positions for all samples, since their "
                    f"means are taken position by position. Got {tuple(part.shape)} after "
                    f"{tuple(totals[name].shape)}: pass pool='mean'."
                )
            totals[name] = totals[name] + part if name in totals else part
        n_samples += n_samples_of(batch.inputs)
    return {name: total / n_samples for name, total in totals.items()}


def _finished(mean: Tensor) -> np.ndarray:
    """Take the absolute value (for ``"printed"`` it is there) and remove rounding's asymmetry."""
    array = mean.abs().cpu().numpy()
    return (array + array.T) / 2


def _error(variances: Tensor, n_samples: int) -> np.ndarray:
    """Standard error of a mean over samples, from the sum of the variances of each."""
    return np.asarray(variances.sqrt().cpu()) / n_samples


def unit_names(group: tuple[Layer, ...], forms: Sequence[ClosedForm | Autograd]) -> tuple:
    """Names of the units of several layers together; those of one are numbers."""
    if len(group) == 1:
        return ()
    n_units = next(form.n_units for form in forms if isinstance(form, Autograd))
    return tuple((layer.name, unit) for layer in group for unit in range(n_units[layer]))


def distinct(name: str, values: Any) -> list[Any]:
    """Return values as a list, repeated names removed: what is asked for twice is summed once."""
    items = list(values) if is_iterable(values) else []
    if not items:
        raise ValueError(f"{name} must be a list of at least one. Got {values!r}.")
    first = {item: index for index, item in reversed([*enumerate(items)]) if isinstance(item, str)}
    return [
        item
        for index, item in enumerate(items)
        if not isinstance(item, str) or first[item] == index
    ]
