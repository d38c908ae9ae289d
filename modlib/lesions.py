"""Silence units, see what breaks: what sets of units do for the loss of a network, by class.

A lesion puts something else in the place of a unit's value, for all samples: the unit's mean, so
that nothing is left of how it follows the input, or zero. In a plain chain of linear and ReLU
layers only the rest of the network is run, for many sets at once; in any other module a hook does
it, as in :mod:`modlib.layers.watch`.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import inf, nan
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from modlib.extras import need
from modlib.layers.find import Layer, find_layers, hidden_layers, name_of
from modlib.layers.network import Network, at_rest
from modlib.layers.watch import Axes, Watch
from modlib.losses import Loss, Outputs, check_logits, check_loss, losses
from modlib.samples import Batch, Samples, arrays_of, each, n_samples_of
from modlib.seeds import generator
from modlib.similarity.closed_form import closed_layers, relu_layers
from modlib.validation import as_array, check_choice, check_labels, is_whole

ABLATIONS = ("mean", "zero")
"""What a silenced unit is replaced by."""

TILE = 2**18  # numbers of the widest layer, of some sets and samples: what a processor's cache has
TILE_SETS = 64  # more make no product of matrices faster
STACK = 2**22  # numbers of all layers together, of some sets and samples
LARGEST_BATCH = 256  # samples
PAIRS = 2**12  # that are looked at together
TIE = 1e-12  # bits: by how much the order of a sum may change it


# ------------------------------------------------------------------------------- the two questions


def lesion(
    model: nn.Module,
    inputs: Any,
    targets: Any = None,
    layer: Any = 1,
    modules: Any = None,
    *,
    ablation: str = "mean",
    draws: int = 200,
    classes: Any = None,
    units: int | None = None,
    outputs: Outputs = None,
    loss: Loss = "cross_entropy",
    seed: int = 0,
) -> "Lesion":
    """Silence the modules of a layer one by one, and tell how differently classes suffer.

    The damage of a module is the mean rise of the loss when all of its units are silenced, over
    the samples of each class. How far modules are :func:`specific <specificity>` is held against
    random assignments with the same sizes among the units in use.

    Parameters
    ----------
    model, inputs, targets, layer, units, outputs, loss
        As for :func:`modlib.similarity.compute.pairwise_similarity`; units of several layers are
        in their order. Batches must come in the same order each time. A function as a loss may
        do without targets.
    modules
        :class:`~modlib.clustering.modules.Modules`, or labels ``[units]``: -1 for units that are
        not in use, which are never silenced, else a module from 0 on. Unless given, each unit is
        a module by itself.
    ablation
        What a silenced unit is replaced by: ``"mean"``, its mean over all inputs, position by
        position where it has positions; or ``"zero"``.
    draws
        How many random assignments, at least 1.
    classes
        Labels ``[samples]``, whole numbers or names, in the order of the samples: damage is told
        apart by them. The targets unless given, if these are class numbers of the cross-entropy.
    seed
        Of the random assignments: the same call gives the same values.

    Returns
    -------
    Lesion
        Damage of each module by class, its specificity, and those of the random assignments.

    Raises
    ------
    ValueError
        If an option is unknown or out of range, modules or classes have the wrong length, there
        are fewer than two classes or it cannot be told which, the loss of a sample is not finite,
        or as for :func:`modlib.similarity.compute.pairwise_similarity`.
    """
    lesions = Lesions(
        model, inputs, targets, layer,
        ablation=ablation, classes=classes, units=units, outputs=outputs, loss=loss,
    )  # fmt: skip
    return lesions.lesion(modules, draws=draws, seed=seed)


def synergy(
    model: nn.Module,
    inputs: Any,
    targets: Any = None,
    layer: Any = 1,
    *,
    ablation: str = "mean",
    units: int | None = None,
    outputs: Outputs = None,
    loss: Loss = "cross_entropy",
) -> "Synergy":
    r"""Silence every two units of a layer, and tell by how much this is worse than one by one.

    With D the damage of a set, the mean rise of the loss over all samples, this is

    .. math:: D(\{i, j\}) - D(\{i\}) - D(\{j\}).

    Positive: the loss of both is worse than the two losses added up, as where each covers for
    the other. Negative: it is less bad, as where both are needed for the same thing, which the
    first lesion breaks already, or where their effects cancel. Zero: they add up, as for all
    pairs where the loss is linear in the layer. The diagonal is zero by convention. A unit that
    silencing does not change (it is constant over the inputs, or always zero where
    ``ablation="zero"``) has damage and synergies of exactly zero.

    Parameters
    ----------
    model, inputs, targets, layer, ablation, units, outputs, loss
        As for :func:`lesion`.

    Raises
    ------
    ValueError
        As for :func:`lesion`, but that no classes are needed.
    """
    lesions = Lesions(
        model, inputs, targets, layer,
        ablation=ablation, units=units, outputs=outputs, loss=loss,
    )  # fmt: skip
    return lesions.synergy()


@dataclass(frozen=True, eq=False)
class Lesion:
    """What silencing modules did to the loss, by class, and how specific that is."""

    damage: np.ndarray
    """Float64 of shape ``[modules, classes]``: mean rise of the loss over a class's samples."""
    overall: np.ndarray
    """Float64 of shape ``[modules]``: mean rise of the loss over all samples."""
    specificity: float
    """In bits, see :func:`specificity`; zero with one module or none, or if nothing is damaged."""
    null: np.ndarray
    """Float64 of shape ``[draws]``: specificity of random assignments with the same sizes."""
    labels: np.ndarray
    """Int64 of shape ``[units]``: the modules that were silenced, -1 for units not in use."""
    modules: tuple[int, ...]
    """Labels of the modules, in the order of ``damage``."""
    classes: tuple[Hashable, ...]
    """Names of the classes, in the order of ``damage``."""
    layer: Hashable
    """The layer whose units were silenced."""
    ablation: str
    """What they were replaced by: ``"mean"`` or ``"zero"``."""

    @property
    def mean(self) -> float:
        """Mean specificity of the random assignments."""
        return float(self.null.mean())

    @property
    def std(self) -> float:
        """Their standard deviation, with one degree of freedom less; NaN for a single draw."""
        return float(self.null.std(ddof=1)) if len(self.null) > 1 else nan

    @property
    def z(self) -> float:
        """By how many standard deviations specificity is above the mean of random assignments.

        Zero where all of them are alike and the modules too; NaN for a single draw.
        """
        excess = self.specificity - self.mean
        if self.std <= TIE:  # random assignments of the same sizes are all the same sets
            return 0.0 if abs(excess) <= TIE else float(np.copysign(inf, excess))
        return excess / self.std

    @property
    def p(self) -> float:
        """Share of assignments at least as specific, the modules among them: (1 + #)/(1 + draws).

        It is never zero, and one with one module or none.
        """
        n_higher = int((self.null >= self.specificity - TIE).sum())
        return (1 + n_higher) / (1 + len(self.null))

    def to_frame(self) -> Any:
        """Return damage as a pandas frame ``[modules, classes]``, named on both sides.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        pandas = need("pandas", "to_frame")
        return pandas.DataFrame(
            self.damage.copy(),
            index=pandas.Index(self.modules, name="module"),
            columns=pandas.Index(self.classes, name="class"),
        )


@dataclass(frozen=True, eq=False)
class Synergy:
    """What silencing two units does beyond what each does; NumPy takes it as the plain matrix."""

    values: np.ndarray
    """Float64 of shape ``[units, units]``, symmetric, of either sign, zero on the diagonal."""
    damage: np.ndarray
    """Float64 of shape ``[units]``: mean rise of the loss when a unit is silenced alone."""
    layer: Hashable
    """The layer whose units were silenced."""
    ablation: str
    """What they were replaced by: ``"mean"`` or ``"zero"``."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)


def specificity(damage: Any) -> float:
    r"""How differently the damage of modules is spread over classes, in bits.

    Damage is read as a joint distribution of the module that is silenced and the class that
    suffers, :math:`P(c, y) \propto \max(d_{cy}, 0)`. Specificity is their mutual information,

    .. math:: \sum_{cy} P(c, y) \log_2 \frac{P(c, y)}{P(c) P(y)}.

    It is zero if all modules spread their damage over the classes alike, whatever its size, and
    ``log2(k)`` for k modules that hurt k classes, each one of its own, by as much. It is zero,
    too, if nothing is damaged. Classes count alike, however many samples they have.

    Parameters
    ----------
    damage
        Of shape ``[modules, classes]``; what is negative counts as zero.

    Raises
    ------
    ValueError
        If it is not a matrix of finite numbers.
    """
    array = as_array(damage, "damage")
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ValueError(
            "damage must be a matrix [modules, classes] of real numbers. Got shape "
            f"{array.shape} and dtype {array.dtype}."
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"damage must be finite. Got {int((~np.isfinite(array)).sum())} entries that are not."
        )
    return float(_specificities(array[None].astype(np.float64))[0])


def _specificities(damages: np.ndarray) -> np.ndarray:
    """Specificity of each matrix of ``[many, modules, classes]``."""
    if damages.shape[1] < 2 or damages.shape[2] < 2:
        return np.zeros(len(damages))
    joint = np.maximum(damages, 0.0)
    total = joint.sum(axis=(1, 2), keepdims=True)
    joint = np.divide(joint, total, out=joint, where=total > 0)
    apart = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
    ratio = np.divide(joint, apart, out=np.ones_like(joint), where=(joint > 0) & (apart > 0))
    return np.maximum((joint * np.log2(ratio)).sum(axis=(1, 2)), 0.0)


# -------------------------------------------------------------------------- a layer, made ready


class Lesions:
    """A layer that is ready to be lesioned: it is looked at once, and asked as often as wanted.

    The model must stay as it is meanwhile. Parameters and errors are those of :func:`lesion`;
    classes are needed by :meth:`lesion` alone. Without any, all samples are one class.

    Attributes
    ----------
    layer
        Its name.
    n_units
        How many units it has.
    classes
        Names of the classes, in ascending order; empty if there are none.
    shares
        Float64 ``[classes]``: which part of the samples is of each class.
    changes
        Bool ``[units]``: whether silencing a unit changes its value for any sample.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Any,
        targets: Any = None,
        layer: Any = 1,
        *,
        ablation: str = "mean",
        classes: Any = None,
        units: int | None = None,
        outputs: Outputs = None,
        loss: Loss = "cross_entropy",
    ) -> None:
        check_choice("ablation", ablation, ABLATIONS)
        check_loss(loss)
        self.ablation = ablation
        samples = Samples(inputs, targets)
        network = Network(model, samples, outputs)
        found = find_layers(network.model, layer)
        self.layer = name_of(found)
        with _still(network.model):
            batch = network.first()
            look = _Look(network, found, units, loss, batch)
            is_plain = units is None and outputs is None and loss == "cross_entropy"
            number = _number_in_chain(network.model, found, batch) if is_plain else None
            self._way: _Chain | _Hooked = (
                _Hooked(look, ablation) if number is None else _Chain(look, ablation, number)
            )
        self.changes = look.changed_by(ablation)
        self.n_units = len(self.changes)
        names, index = _classes(classes, look)
        self.classes: tuple[Hashable, ...] = tuple(names)
        counts = np.bincount(index)
        self.shares = counts / len(index)
        # A column averages over the samples of a class.
        self._averages = torch.zeros(len(index), len(counts), dtype=torch.float64)
        self._averages[torch.arange(len(index)), torch.from_numpy(index)] = 1.0
        self._averages /= torch.from_numpy(counts)
        self._averages = self._averages.to(self._way.device)

    def damages(self, sets: Any) -> np.ndarray:
        """Return the mean rise of the loss, by class, when each of many sets is silenced.

        Parameters
        ----------
        sets
            Bool of shape ``[sets, units]``: which units are silenced together.

        Returns
        -------
        numpy.ndarray
            Float64 of shape ``[sets, classes]``; ``damages(sets) @ shares`` is the mean over all
            samples. Equal sets of
            one call have equal damage, and sets that change nothing have none.

        Raises
        ------
        ValueError
            If the sets are not of this kind, or the loss of a sample is not finite.
        """
        array = as_array(sets, "sets")
        if array.ndim != 2 or array.shape[1] != self.n_units or array.dtype != np.bool_:
            raise ValueError(
                f"sets must be True and False of shape [sets, {self.n_units}]. Got shape "
                f"{array.shape} and dtype {array.dtype}."
            )
        if not len(array):
            return np.zeros((0, len(self.shares)))
        different, index = _different(array & self.changes)
        found = np.zeros((len(different), len(self.shares)))
        some = different.any(axis=1)
        if some.any():
            found[some] = self._mean_rises(torch.from_numpy(different[some]))
        return found[index]

    def _mean_rises(self, sets: Tensor) -> np.ndarray:
        sums = torch.zeros(len(sets), len(self.shares), dtype=torch.float64)
        sums = sums.to(self._way.device)
        for which, samples, found in self._way.losses(sets):
            rises = (found - self._intact[samples]).double()
            sums[which] += rises @ self._averages[samples]
        _check_finite(sums)
        return sums.cpu().numpy()

    @cached_property
    def _intact(self) -> Tensor:
        """Loss of each sample ``[samples]`` with nothing silenced, computed the same way."""
        nothing = torch.zeros(1, self.n_units, dtype=torch.bool)
        return torch.cat([found[0] for _, _, found in self._way.losses(nothing)])

    def lesion(self, modules: Any = None, *, draws: int = 200, seed: int = 0) -> Lesion:
        """Return what :func:`lesion` does of an assignment.

        Raises
        ------
        ValueError
            If modules, draws or seed are not as :func:`lesion` wants them, or there are fewer than
            two classes.
        """
        if not is_whole(draws) or draws < 1:
            raise ValueError(f"draws must be a whole number of at least 1. Got {draws!r}.")
        self._check_classes()
        labels = self._labels(modules)
        names = np.unique(labels[labels >= 0])
        many = np.stack([labels, *_permutations(labels, draws, seed)])
        sets = many[:, None, :] == names[:, None]
        damages = self.damages(sets.reshape(-1, self.n_units))
        damages = damages.reshape(len(many), len(names), len(self.shares))
        found = _specificities(damages)
        return Lesion(
            damage=damages[0], overall=damages[0] @ self.shares,
            specificity=float(found[0]), null=found[1:],
            labels=labels, modules=tuple(map(int, names)), classes=self.classes,
            layer=self.layer, ablation=self.ablation,
        )  # fmt: skip

    def _check_classes(self) -> None:
        if not self.classes:
            raise ValueError(
                "classes must be given, one label per sample, where targets are not the class "
                "numbers of loss='cross_entropy': damage is told apart by them. Got None."
            )
        if len(self.classes) < 2:
            raise ValueError(
                "classes must be at least two, for damage to be specific to some. Got only "
                f"{self.classes[0]!r}."
            )

    def _labels(self, modules: Any) -> np.ndarray:
        if modules is None:
            return np.arange(self.n_units)
        other = getattr(modules, "layer", None)
        if is_whole(other) and is_whole(self.layer) and other != self.layer:
            raise ValueError(
                f"modules must be those of layer {self.layer}. Got modules of layer {other}."
            )
        return check_labels(modules, self.n_units, "modules")

    def synergy(self) -> Synergy:
        """Return what :func:`synergy` does."""
        damage = self.damages(np.eye(self.n_units, dtype=bool)) @ self.shares
        values = np.zeros((self.n_units, self.n_units))
        pairs = np.array(list(combinations(np.flatnonzero(self.changes), 2)), dtype=np.int64)
        for first, second in (part.T for part in _parts_of(pairs.reshape(-1, 2), PAIRS)):
            rows = np.arange(len(first))
            sets = np.zeros((len(first), self.n_units), dtype=bool)
            sets[rows, first] = sets[rows, second] = True
            both = self.damages(sets) @ self.shares
            values[first, second] = both - damage[first] - damage[second]
        return Synergy(values + values.T, damage, self.layer, self.ablation)


@contextmanager
def _still(model: nn.Module) -> Iterator[None]:
    with torch.no_grad(), at_rest(model):
        yield


def _different(sets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different sets among some, and which of them each is."""
    packed = np.packbits(sets, axis=1)
    whole = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, index = np.unique(whole, return_index=True, return_inverse=True)
    return sets[first], index.ravel()


def _permutations(labels: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Labels ``[draws, units]`` that are shuffled among the units in use."""
    in_use = np.flatnonzero(labels >= 0)
    random = torch.rand(
        draws, len(in_use), dtype=torch.float64, generator=generator(seed, "lesions")
    )
    shuffled = np.tile(labels, (draws, 1))
    shuffled[:, in_use] = labels[in_use][random.argsort(dim=1).numpy()]
    return shuffled


def _parts_of(array: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (array[start : start + size] for start in range(0, len(array), size))


def _slices(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _check_finite(values: Tensor) -> None:
    if not values.isfinite().all():
        raise ValueError(
            f"loss must be finite for every sample. Got {int((~values.isfinite()).sum())} values "
            "that are not: are outputs too large for it, or probabilities zero?"
        )


def _classes(given: Any, look: "_Look") -> tuple[list[Hashable], np.ndarray]:
    """Names of the classes, and which of them each sample is; no names if there are none."""
    if given is None and look.classes is None:
        return [], np.zeros(look.n_samples, dtype=np.int64)
    if given is None:
        array = np.asarray(look.classes)
    else:
        on_device = isinstance(given, Tensor) and not given.is_meta
        array = as_array(given.cpu() if on_device else given, "classes")
        if array.shape != (look.n_samples,):
            raise ValueError(
                f"classes must have one label per sample, {look.n_samples} in all. Got shape "
                f"{array.shape}."
            )
        if array.dtype.kind not in "biuU":
            raise ValueError(
                f"classes must be whole numbers or names. Got dtype {array.dtype}: put numbers "
                "in bins first."
            )
    names, index = np.unique(array, return_inverse=True)
    return names.tolist(), index.ravel()


# ------------------------------------------------------------------ a first look, and the two ways


class _Look:
    """What there is to know of a layer before it is lesioned: one pass over the samples."""

    def __init__(
        self,
        network: Network,
        layers: Sequence[Layer],
        units: int | None,
        loss: Loss,
        batch: Batch,
    ) -> None:
        self.network, self.loss = network, loss
        if batch.targets is None and not callable(loss):
            raise ValueError(
                f"targets must be given for loss={loss!r}. Got None: pass them, or a function of "
                "outputs and None."
            )
        survey = network.survey(batch, hidden_layers(network.model))
        check_logits(network.outputs(each(torch.clone, batch.inputs)), loss, survey.last_kind)
        self.axes: dict[Layer, Axes] = {layer: survey.axes(layer, units) for layer in layers}
        network.check_repeatable(batch, self.axes)
        network.check_repeatable_outputs(batch)
        self.at_once = max(1, STACK // survey.n_numbers)  # samples, those of all sets counted
        self.n_samples = 0
        self._marks: list[tuple[int, ...]] = []  # of the batches, in order
        self._sums: list[Tensor] = []
        self._ends: list[tuple[Tensor, Tensor]] = []
        targets = [self._see(part) for part in self.batches()]
        is_classes = loss == "cross_entropy" and isinstance(targets[0], Tensor)
        is_classes = is_classes and targets[0].dim() == 1
        self.classes = torch.cat(targets).cpu().numpy() if is_classes else None

    def batches(self) -> Iterator[Batch]:
        """All samples where the model is, in the same order each time.

        Raises
        ------
        ValueError
            If they come in another order than the first time.
        """
        samples = self.network.samples
        size = min(LARGEST_BATCH, self.at_once)
        for place, batch in enumerate(samples.batches(size)):
            if samples.n_samples is None:  # a loader gives them out, and may shuffle them
                self._check_order(place, batch)
            yield self.network.placed(batch)

    def _check_order(self, place: int, batch: Batch) -> None:
        arrays = arrays_of(batch.inputs)
        mark = tuple(crc32(part.cpu().contiguous().view(torch.uint8).numpy()) for part in arrays)
        if place == len(self._marks):
            self._marks.append(mark)
        elif self._marks[place] != mark:
            raise ValueError(
                "inputs must come in the same order each time, since each sample's loss is "
                f"compared with its own. Got another batch {place}: pass a loader that does not "
                "shuffle."
            )

    def _see(self, batch: Batch) -> Any:
        """Check a batch's targets, add up the layers' values, and return the targets."""
        with Watch(self.axes) as watch:
            picked = self.network.outputs(each(torch.clone, batch.inputs))
        losses(picked, batch.targets, self.loss)
        values = [watch.value(layer) for layer in self.axes]
        sums = [value.sum(dim=0, dtype=torch.float64) for value in values]
        ends = [(value.amin(dim=0), value.amax(dim=0)) for value in values]
        if self.n_samples:
            for layer, one, other in zip(self.axes, self._sums, sums, strict=True):
                _check_positions(layer, one, other)
            sums = [one + other for one, other in zip(self._sums, sums, strict=True)]
            ends = [(torch.minimum(a, c), torch.maximum(b, d))
                    for (a, b), (c, d) in zip(self._ends, ends, strict=True)]  # fmt: skip
        self._sums, self._ends = sums, ends
        self.n_samples += n_samples_of(batch.inputs)
        return batch.targets

    def replacements(self, ablation: str) -> dict[Layer, Tensor]:
        """What units are replaced by, ``[positions, units]`` for each layer."""
        return {
            layer: total / self.n_samples if ablation == "mean" else torch.zeros_like(total)
            for layer, total in zip(self.axes, self._sums, strict=True)
        }

    def changed_by(self, ablation: str) -> np.ndarray:
        """Whether each unit ``[units]`` of all layers is ever another than its replacement."""
        changed = [
            (low != high if ablation == "mean" else (low != 0) | (high != 0)).any(dim=0)
            for low, high in self._ends
        ]
        return torch.cat(changed).cpu().numpy()


def _check_positions(layer: Layer, one: Tensor, other: Tensor) -> None:
    if one.shape != other.shape:
        raise ValueError(
            f"layer {layer.name!r} must have as many positions for all samples, since what units "
            f"are replaced by is taken position by position. Got {tuple(other.shape)} after "
            f"{tuple(one.shape)}."
        )


def _number_in_chain(model: nn.Module, layers: tuple[Layer, ...], batch: Batch) -> int | None:
    """Number of the layer in a chain of linear and ReLU layers, or None if it is not in one."""
    if not isinstance(batch.inputs, Tensor) or batch.inputs.dim() != 2:
        return None
    numbers = closed_layers(model, {"it": layers})
    return None if numbers is None else numbers["it"]


Losses = Iterator[tuple[slice, slice, Tensor]]
"""Some sets, some samples, and the losses ``[sets, samples]``; all sets with all samples."""


class _Chain:
    """Cross-entropy of a chain of linear and ReLU layers, of which only the rest is run."""

    def __init__(self, look: _Look, ablation: str, number: int) -> None:
        linears = relu_layers(look.network.model)
        assert linears is not None
        wide = torch.promote_types(linears[0].weight.dtype, torch.float32)
        self.rest = [
            (linear.weight.detach().to(wide, copy=True), _bias(linear).to(wide, copy=True))
            for linear in linears[number:]
        ]
        self.device = self.rest[0][0].device
        values, targets = [], []
        for batch in look.batches():
            values += look.network.values(batch.inputs, look.axes)
            targets.append(batch.targets)
        (replacement,) = look.replacements(ablation).values()
        # Samples come last, so that every layer is one product of its weights with a matrix.
        self.values = torch.cat(values).squeeze(1).mT.to(wide).contiguous()
        self.change = (replacement.mT - self.values.double()).to(wide)
        self.targets = torch.cat(targets).long()
        self.widest = max(max(weight.shape) for weight, _ in self.rest)

    @torch.no_grad()
    def losses(self, sets: Tensor) -> Losses:
        masks = sets.mT.to(self.values)
        n_samples = len(self.targets)
        for which in _slices(len(sets), TILE_SETS):
            n_sets = which.stop - which.start
            size = max(1, TILE // (self.widest * n_sets))
            for samples in _slices(n_samples, size):
                yield which, samples, self._losses(masks[:, which], samples)

    def _losses(self, masks: Tensor, samples: slice) -> Tensor:
        values = torch.addcmul(
            self.values[:, None, samples], masks[:, :, None], self.change[:, None, samples]
        )
        shape = values.shape[1:]
        values = values.flatten(1)
        for place, (weight, bias) in enumerate(self.rest):
            values = torch.addmm(bias[:, None], weight, values.relu_() if place else values)
        logits = values.unflatten(1, shape)
        right = logits.gather(0, self.targets[None, None, samples].expand(1, *shape))
        return logits.logsumexp(dim=0) - right[0]


def _bias(linear: nn.Linear) -> Tensor:
    if linear.bias is None:
        return linear.weight.new_zeros(linear.out_features)
    return linear.bias.detach()


class _Hooked:
    """Any loss of any model, which is run with the layers' values replaced as they come up."""

    def __init__(self, look: _Look, ablation: str) -> None:
        self.look, self.replacements = look, look.replacements(ablation)
        self.n_units = [replacement.shape[-1] for replacement in self.replacements.values()]
        self.device = next(iter(self.replacements.values())).device

    def losses(self, sets: Tensor) -> Losses:
        sets = sets.to(self.device)
        start = 0
        for batch in self.look.batches():
            n_samples = n_samples_of(batch.inputs)
            samples = slice(start, start + n_samples)
            start += n_samples
            for which in _slices(len(sets), max(1, self.look.at_once // n_samples)):
                yield which, samples, self._losses(sets[which], batch)

    def _losses(self, sets: Tensor, batch: Batch) -> Tensor:
        """Run a batch once for each set, all of them side by side."""
        network, n_samples = self.look.network, n_samples_of(batch.inputs)
        inputs, targets = (each(lambda part: _repeated(part, len(sets)), one) for one in batch)
        masks = sets.repeat_interleave(n_samples, dim=0).split(self.n_units, dim=1)
        with _still(network.model), _Silence(self.look.axes, self.replacements, masks):
            picked = network.outputs(inputs)
            return losses(picked, targets, self.look.loss).reshape(len(sets), n_samples)


def _repeated(part: Tensor, n_times: int) -> Tensor:
    return part.repeat(n_times, *[1] * (part.dim() - 1))


class _Silence(Watch):
    """Units replaced while a model runs within this context, others for each sample."""

    def __init__(
        self,
        axes: Mapping[Layer, Axes],
        replacements: Mapping[Layer, Tensor],
        masks: Sequence[Tensor],
    ) -> None:
        super().__init__(axes)
        self._replacements = replacements
        self._masks = dict(zip(axes, masks, strict=True))
        self._positions = dict.fromkeys(axes, 0)  # of the calls so far

    def _seen(self, layer: Layer, value: Tensor) -> Tensor:
        call, self._n_calls[layer] = self._n_calls[layer], self._n_calls[layer] + 1
        if layer.call not in (None, call):
            return value
        axes, mask = self.axes[layer], self._masks[layer][:, None]
        n_positions = axes.arranged(value).shape[1]
        start = self._positions[layer]
        self._positions[layer] = start + n_positions
        here = self._replacements[layer][start : start + n_positions].to(value)
        other = axes.spread(here.expand(len(mask), -1, -1), value)
        return torch.where(axes.spread(mask, value), other, value)
