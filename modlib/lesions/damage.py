"""Silence units, see what breaks: what sets of units do for the loss of a network, by class.

A lesion puts something else in the place of a unit's value, for all samples: the unit's mean, so
that nothing is left of how it follows the input, or zero. In a plain chain of linear and ReLU
layers only the rest of the network is run, for many sets at once; in any other module a hook does
it, as in :mod:`modlib.layers.watch`.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import inf, nan
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modlib.extras import need
from modlib.layers.find import find_layers, name_of
from modlib.layers.network import Network
from modlib.lesions.silencing import Chain, Hooked, Look, number_in_chain, still
from modlib.losses import Loss, Outputs, check_loss
from modlib.samples import Samples
from modlib.seeds import generator
from modlib.validation import as_array, check_choice, check_labels, check_whole, is_whole

ABLATIONS = ("mean", "zero")
"""What a silenced unit is replaced by."""

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
    damages = array[None].astype(np.float64)
    _, exponent = np.frexp(np.abs(damages).max(initial=0.0))
    return float(_specificities(np.ldexp(damages, -exponent))[0])  # scaled, so that sums are finite


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
        with still(network.model):
            batch = network.first()
            look = Look(network, found, units, loss, batch)
            is_plain = units is None and outputs is None and loss == "cross_entropy"
            number = number_in_chain(network.model, found, batch) if is_plain else None
            self._way: Chain | Hooked = (
                Hooked(look, ablation) if number is None else Chain(look, ablation, number)
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
        check_whole("draws", draws, 1)
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


def _check_finite(values: Tensor) -> None:
    if not values.isfinite().all():
        raise ValueError(
            f"loss must be finite for every sample. Got {int((~values.isfinite()).sum())} values "
            "that are not: are outputs too large for it, or probabilities zero?"
        )


def _classes(given: Any, look: Look) -> tuple[list[Hashable], np.ndarray]:
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
