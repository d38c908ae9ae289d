"""Inputs and targets as people have them, given out as small batches of tensors."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

CHECKED_AT_ONCE = 1024  # samples: a check must not take more memory than the work

ARRAYS = (Tensor, np.ndarray)
SAME = 1e-9  # of the sum of squares: what rounding makes of sums in another order


class Batch(NamedTuple):
    """Some samples: inputs, and targets if there are any."""

    inputs: Any
    """A tensor whose first axis is the samples, or a dictionary of such tensors."""
    targets: Any
    """The same, or None."""

    def first(self, n_samples: int) -> "Batch":
        """Return the first samples, over again from the start where there are too few."""
        index = torch.arange(n_samples) % n_samples_of(self.inputs)
        return Batch(*(each(lambda part: part[index.to(part.device)], one) for one in self))


class Samples:
    """Inputs and targets as batches of a size, the same ones each time they are asked for.

    Parameters
    ----------
    inputs
        A tensor or NumPy array ``[samples, ...]``; a dictionary of such, handed to the model as
        keyword arguments; or batches that can be gone through again and again, such as a
        :class:`torch.utils.data.DataLoader` or a list: of inputs, or of pairs of inputs and
        targets. Numbers with a fraction must be finite.
    targets
        A tensor, an array or a dictionary of them, one row for each sample. None with batches,
        which bring their own.

    Raises
    ------
    ValueError
        If they are none of these. What is wrong with a batch is said when it is reached.
    """

    def __init__(self, inputs: Any, targets: Any = None) -> None:
        self._batches: list[Batch] | _Loaded
        if isinstance(inputs, tuple) and any(isinstance(one, ARRAYS) for one in inputs):
            raise ValueError(
                "inputs must not be a tuple of arrays, which may be a pair of inputs and targets. "
                f"Got {len(inputs)}: pass inputs and targets one by one, a list of batches, or a "
                "dictionary if the model takes several arguments."
            )
        if isinstance(inputs, (*ARRAYS, Mapping)):
            self._batches = [_checked(inputs, targets)]
            _check_finite(self._batches[0].inputs)
        elif isinstance(inputs, (str, bytes)) or not isinstance(inputs, Iterable):
            raise ValueError(
                "inputs must be a tensor or array [samples, ...], a dictionary of them, or batches "
                f"such as a DataLoader. Got {type(inputs).__name__}."
            )
        elif iter(inputs) is inputs:
            raise ValueError(
                "inputs must be batches that can be gone through more than once. Got "
                f"{type(inputs).__name__}, which is spent after once: pass a list or a DataLoader."
            )
        elif targets is not None:
            raise ValueError(
                "targets must be left out where inputs are batches: let each batch be a pair "
                f"(inputs, targets). Got {type(targets).__name__}."
            )
        else:
            self._batches = _Loaded(inputs)

    @property
    def n_samples(self) -> int | None:
        """How many samples there are, where that is known beforehand."""
        if isinstance(self._batches, list):
            return n_samples_of(self._batches[0].inputs)
        return None

    def batches(self, size: int) -> Iterator[Batch]:
        """Give out all samples in order, at most ``size`` at a time, as tensors.

        Raises
        ------
        ValueError
            If a batch breaks the rules, or there is none.
        """
        n_seen = 0
        for whole in self._batches:
            n_samples = n_samples_of(whole.inputs)
            for start in range(0, n_samples, size):
                yield Batch(*(each(_part(start, start + size), one) for one in whole))
            n_seen += n_samples
        if not n_seen:
            raise ValueError("inputs must hold at least one batch. Got none.")


class _Loaded:
    """The batches of a loader, each of them checked, and all of them each time."""

    def __init__(self, loader: Iterable[Any]) -> None:
        self.loader = loader
        self._first_time: tuple[int, float, float] | None = None

    def __iter__(self) -> Iterator[Batch]:
        n_samples, total, squares = 0, 0.0, 0.0
        for item in self.loader:
            is_pair = isinstance(item, Sequence) and len(item) in (1, 2)
            inputs, targets = (*item, None)[:2] if is_pair else (item, None)
            batch = _checked(inputs, targets)
            _check_finite(batch.inputs)
            for array in arrays_of(batch.inputs):
                values = _as_tensor(array).double()
                total, squares = total + float(values.sum()), squares + float(values.square().sum())
            n_samples += n_samples_of(batch.inputs)
            yield batch
        self._check_same(n_samples, total, squares)

    def _check_same(self, n_samples: int, total: float, squares: float) -> None:
        """Refuse samples that are others than the first time, in whatever order."""
        seen = n_samples, total, squares
        if self._first_time is None:
            self._first_time = seen
        room = SAME * (squares + n_samples)
        if not all(abs(one - other) <= room for one, other in
                   zip(seen, self._first_time, strict=True)):  # fmt: skip
            raise ValueError(
                f"inputs must be the same samples each time. Got {n_samples} samples that are not "
                f"those of the first time ({self._first_time[0]}): switch random changes off, and "
                "keep the last batch where batches are shuffled."
            )


def each(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to an array, to each array of a dictionary, or to nothing at all."""
    if isinstance(value, Mapping):
        return {key: function(part) for key, part in value.items()}
    return None if value is None else function(value)


def arrays_of(value: Any) -> list[Any]:
    """Return an array, or those of a dictionary, as a list."""
    return list(value.values()) if isinstance(value, Mapping) else [value]


def n_samples_of(value: Any) -> int:
    """Count the samples of an array, or of a dictionary of arrays."""
    return len(arrays_of(value)[0])


def _part(start: int, stop: int) -> Callable[[Any], Tensor]:
    def part(array: Any) -> Tensor:
        return _as_tensor(array[start:stop])

    return part


def _as_tensor(array: Any) -> Tensor:
    """A tensor without its graph, or a copy of an array as torch can have it."""
    if isinstance(array, Tensor):
        return array.detach()
    is_long = array.dtype.kind == "f" and array.dtype.itemsize > 8
    kept = np.dtype(np.float64) if is_long else array.dtype.newbyteorder("=")
    return torch.from_numpy(np.array(array, dtype=kept))


def _checked(inputs: Any, targets: Any) -> Batch:
    """Inputs and targets of one length, or a ``ValueError``."""
    for name, value in (("inputs", inputs), ("targets", targets)):
        for array in [] if name == "targets" and value is None else arrays_of(value):
            _check_array(name, array)
    lengths = [len(array) for value in (inputs, targets) if value is not None
               for array in arrays_of(value)]  # fmt: skip
    if not arrays_of(inputs) or not lengths[0]:
        raise ValueError("inputs must hold at least one sample. Got none.")
    if len(set(lengths)) > 1:
        name = "targets" if len({len(array) for array in arrays_of(inputs)}) == 1 else "inputs"
        raise ValueError(
            f"{name} must have one row per sample, {lengths[0]} in all. "
            f"Got {next(n for n in lengths if n != lengths[0])}."
        )
    return Batch(inputs, targets)


def _check_array(name: str, array: Any) -> None:
    if not isinstance(array, (Tensor, np.ndarray)) or not array.ndim:
        got = "a single number" if isinstance(array, ARRAYS) else type(array).__name__
        raise ValueError(
            f"{name} must be a tensor or a NumPy array [samples, ...], or a dictionary of them. "
            f"Got {got}."
        )
    if isinstance(array, np.ndarray):
        if isinstance(array, np.ma.MaskedArray):
            raise ValueError(
                f"{name} must be an array of which all counts. Got a masked one: fill it, or leave "
                "samples out."
            )
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} must be an array of real numbers. Got dtype {array.dtype}.")
    elif array.layout != torch.strided or array.is_meta or array.is_quantized:
        kind = "meta" if array.is_meta else str(array.layout).removeprefix("torch.")
        raise ValueError(
            f"{name} must be a dense tensor with values. Got a tensor of the kind {kind!r}: "
            "pass what it stands for, such as x.to_dense()."
        )
    elif array.is_complex():
        raise ValueError(f"{name} must be real numbers. Got dtype {array.dtype}.")


def _check_finite(inputs: Any) -> None:
    for array in arrays_of(inputs):
        is_float = (
            array.is_floating_point() if isinstance(array, Tensor) else array.dtype.kind == "f"
        )
        if not is_float:
            continue
        parts = (array[at : at + CHECKED_AT_ONCE] for at in range(0, len(array), CHECKED_AT_ONCE))
        isfinite = torch.isfinite if isinstance(array, Tensor) else np.isfinite
        n_odd = sum(int((~isfinite(part)).sum()) for part in parts)
        if n_odd:
            raise ValueError(
                f"inputs must be finite numbers. Got {array.dtype} with {n_odd} values that are "
                "not finite."
            )
