"""Which outputs of a model count, and its loss on every sample."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.nn import functional

from modlib.validation import check_choice, is_whole

ROUNDING = 1e-3  # by how much probabilities in half precision may miss their sum of one

SHAPING = ("Alias", "Clone", "Reshape", "Select", "Squeeze", "ToCopy", "Unsqueeze",
           "UnsafeView", "View")  # fmt: skip
SQUASHING = ("Hardsigmoid", "Sigmoid", "Softmax")

CALLABLE = (TypeError, ValueError, RuntimeError, LookupError, AttributeError, AssertionError)
"""What functions raise on arguments that they are not made for."""

Outputs = int | str | Callable[[Any], Any] | Sequence[int | str] | None
Loss = str | Callable[[Any, Any], Tensor]


def pick(output: Any, outputs: Outputs = None) -> tuple[Tensor, ...]:
    """Pick the tensors that count from what a model puts out.

    Parameters
    ----------
    output
        A tensor, a tuple, a dictionary or a dataclass.
    outputs
        A key, an index or a list of them; a callable that does the picking; or None, which takes
        a tensor as it is, else what is called ``logits``, or the only tensor that there is.

    Raises
    ------
    ValueError
        If there is no such thing, or it is not clear what counts.
    """
    check_outputs(outputs)
    picked: Any
    if outputs is None:
        picked = output if isinstance(output, Tensor) else _only(_parts_of(output))
    elif callable(outputs):
        picked = _called("outputs", outputs, output)
    elif isinstance(outputs, (list, tuple)):
        picked = tuple(_part(output, one) for one in outputs)
    else:
        picked = _part(output, outputs)
    found = picked if isinstance(picked, tuple) else (picked,)
    if not found:
        raise ValueError("outputs must pick at least one tensor. Got none.")
    for one in found:
        if not _is_real(one):
            raise ValueError(
                "outputs must pick tensors of real numbers. Got "
                f"{one.dtype if isinstance(one, Tensor) else type(one).__name__}."
            )
    return found


def check_outputs(outputs: Any) -> None:
    """Raise a ``ValueError`` unless it can say which outputs count; see :func:`pick`."""
    several = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    is_key = all(isinstance(one, str) or is_whole(one) for one in several) and len(several) > 0
    if outputs is not None and not callable(outputs) and not is_key:
        raise ValueError(
            f"outputs must be a key, an index, a list of them, or a function. Got {outputs!r}."
        )


def _called(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of the caller's own."""
    try:
        return function(*arguments)
    except torch.OutOfMemoryError:
        raise
    except CALLABLE as error:
        called = getattr(function, "__name__", type(function).__name__)
        raise ValueError(
            f"{name} must be a function that can be called. Got {called}, which says "
            f"{type(error).__name__}: {error}"
        ) from error


def _parts_of(output: Any) -> dict[Any, Any]:
    """Parts of a compound output by what picks them."""
    if isinstance(output, Mapping):
        return dict(output)
    if isinstance(output, (tuple, list)):
        return dict(enumerate(output))
    if is_dataclass(output):
        return {field.name: getattr(output, field.name) for field in fields(output)}
    return {}


def _is_real(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _only(parts: dict[Any, Any]) -> Tensor:
    tensors = {key: part for key, part in parts.items() if _is_real(part)}
    if "logits" in tensors:
        return tensors["logits"]
    if len(tensors) != 1:
        listed = ", ".join(map(repr, parts)) or "nothing that can be picked"
        raise ValueError(
            f"outputs must say which part of the model's output counts: one of {listed}, a list of "
            "them, or a function of the output. Got None."
        )
    return next(iter(tensors.values()))


def _part(output: Any, key: Any) -> Any:
    parts = _parts_of(output)
    if is_whole(key) and isinstance(output, (tuple, list)) and -len(output) <= key < len(output):
        return output[key]
    if key in parts:
        return parts[key]
    if isinstance(key, str) and hasattr(output, key):
        return getattr(output, key)
    listed = ", ".join(map(repr, parts)) or f"none: it is a {type(output).__name__}"
    raise ValueError(f"outputs must be a part of the model's output ({listed}). Got {key!r}.")


def losses(picked: tuple[Tensor, ...], targets: Any, loss: Loss = "cross_entropy") -> Tensor:
    """Return the loss of every sample, ``[samples]``, in single precision or better.

    Parameters
    ----------
    picked
        The outputs that count.
    targets
        One row for each sample.
    loss
        A name in :data:`LOSSES`, or a callable of the outputs that count (of a tuple, where there
        are several) and the targets.

    Raises
    ------
    ValueError
        If there are no outputs, the targets do not fit, or the loss is unknown, or as a callable
        cannot be called or does not give one number per sample.
    """
    if not isinstance(picked, tuple) or not picked or not all(map(_is_real, picked)):
        raise ValueError(
            "picked must be a tuple of tensors of real numbers, as pick gives them. Got "
            f"{type(picked).__name__}."
        )
    check_loss(loss)
    wide = tuple(one.to(torch.promote_types(one.dtype, torch.float32)) for one in picked)
    given = wide if len(wide) > 1 else wide[0]
    if not callable(loss):
        return LOSSES[_check_named(loss, picked)](wide[0], targets)
    found = _called("loss", loss, given, targets)
    n_samples = len(picked[0])
    if not isinstance(found, Tensor) or found.shape != (n_samples,):
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(
            f"loss must give one number per sample, shape ({n_samples},). Got {got}: for a loss of "
            "PyTorch, pass reduction='none' and average over all axes but the first."
        )
    return found


def check_loss(loss: Any) -> None:
    """Raise a ``ValueError`` unless a loss is a callable or a name in :data:`LOSSES`."""
    if not callable(loss):
        check_choice("loss", loss, LOSSES)


def _check_named(loss: str, picked: tuple[Tensor, ...]) -> str:
    if len(picked) > 1:
        raise ValueError(
            f"loss must be a function where several outputs count, {len(picked)} here. Got "
            f"{loss!r}: pass one of the outputs and the targets that gives one number per sample."
        )
    return loss


def check_logits(picked: tuple[Tensor, ...], loss: Loss, last: str) -> None:
    """Raise a ``ValueError`` if a named loss is asked of outputs that it is not made for.

    Parameters
    ----------
    picked
        The outputs of some samples.
    loss
        Its name; callables are not judged.
    last
        The kind of module that the model ends in.
    """
    if callable(loss) or loss == "mse":
        return
    logits = picked[0]
    if loss == "cross_entropy" and (logits.dim() < 2 or logits.shape[1] < 2):
        raise ValueError(
            "loss must be another than 'cross_entropy' for a model of one output, whatever it is: "
            f"that loss is always zero. Got outputs of shape {tuple(logits.shape)}: for one logit "
            "pass loss='bce_with_logits', for a number loss='mse'."
        )
    # A gate may be called last without being the end: then values leave the unit interval.
    is_probability = last in ("Softmax", "Softmax2d", "Sigmoid", "Hardsigmoid") and bool(
        ((logits >= 0) & (logits <= 1)).all()
    )
    if loss == "cross_entropy":
        sums = logits.detach().double().sum(dim=1)
        is_probability |= bool((logits >= 0).all() and ((sums - 1).abs() < ROUNDING).all())
    if is_probability:
        _refuse_probabilities(loss)


def check_last_step(picked: tuple[Tensor, ...], loss: Loss) -> None:
    """Raise a ``ValueError`` if a named loss of logits is asked of what a sigmoid just gave.

    The step is read from the outputs' graph; what only changes their shape is passed over.
    """
    step = picked[0].grad_fn
    while step is not None and _operation(step) in SHAPING:
        step = step.next_functions[0][0]
    if loss in ("cross_entropy", "bce_with_logits") and _operation(step) in SQUASHING:
        _refuse_probabilities(loss)


def _operation(step: Any) -> str:
    return "" if step is None else step.name().rstrip("0123456789").removesuffix("Backward")


def _refuse_probabilities(loss: Loss) -> NoReturn:
    raise ValueError(
        f"model must end in logits for loss={loss!r}, which takes logarithms of probabilities "
        "itself. Got probabilities: leave out the last softmax or sigmoid, or pass the loss of "
        "probabilities as a function."
    )


def _cross_entropy(logits: Tensor, targets: Any) -> Tensor:
    classes = logits.shape[1]
    expected = (len(logits), *logits.shape[2:])
    if not isinstance(targets, Tensor) or targets.shape != expected:
        raise ValueError(
            f"targets must be a tensor of one class per sample, shape {expected}. "
            f"Got {tuple(getattr(targets, 'shape', ())) or type(targets).__name__}."
        )
    if targets.is_floating_point() or targets.dtype == torch.bool:
        raise ValueError(f"targets must be class numbers from 0 on. Got {targets.dtype}.")
    numbers = targets.to(torch.int64)  # of other kinds, some cannot be compared
    if numbers.min() < 0:
        raise ValueError(f"targets must be class numbers from 0 on. Got {numbers.min().item()}.")
    if numbers.max() >= classes:
        raise ValueError(
            f"targets must be below {classes}, the number of logits. Got {numbers.max().item()}."
        )
    each = functional.cross_entropy(logits, numbers, reduction="none")
    return _mean_of_each(each)


def _mse(outputs: Tensor, targets: Any) -> Tensor:
    return _mean_of_each((outputs - _fitting(outputs, targets)) ** 2)


def _bce_with_logits(logits: Tensor, targets: Any) -> Tensor:
    fitting = _fitting(logits, targets)
    if fitting.min() < 0 or fitting.max() > 1:
        raise ValueError(
            "targets must be probabilities, within [0, 1], for loss='bce_with_logits'. Got "
            f"{fitting.min().item():g} to {fitting.max().item():g}."
        )
    each = functional.binary_cross_entropy_with_logits(logits, fitting, reduction="none")
    return _mean_of_each(each)


def _fitting(outputs: Tensor, targets: Any) -> Tensor:
    """Targets of the outputs' shape: what would be broadcast instead is a mistake."""
    if isinstance(targets, Tensor) and targets.is_floating_point() and targets.isnan().any():
        raise ValueError(f"targets must be numbers. Got {int(targets.isnan().sum())} NaN.")
    if isinstance(targets, Tensor) and outputs.numel() == targets.numel() == len(outputs):
        return targets.reshape(outputs.shape).to(outputs.dtype)
    if not isinstance(targets, Tensor) or targets.shape != outputs.shape:
        raise ValueError(
            f"targets must have the shape of the outputs, {tuple(outputs.shape)}. "
            f"Got {tuple(getattr(targets, 'shape', ())) or type(targets).__name__}."
        )
    return targets.to(outputs.dtype)


def _mean_of_each(values: Tensor) -> Tensor:
    """Average over all axes but the samples'."""
    return values.reshape(len(values), -1).mean(dim=1)


LOSSES: dict[str, Callable[[Tensor, Any], Tensor]] = {
    "cross_entropy": _cross_entropy,
    "mse": _mse,
    "bce_with_logits": _bce_with_logits,
}
"""Losses by name, each from outputs ``[samples, ...]`` and targets to ``[samples]``."""
