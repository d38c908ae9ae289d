"""What the graph of a run says of second derivatives.

Whether the outputs follow a layer piece by piece linearly, and whether all can be derived again.

Where they do, the second derivatives of the outputs are zero and the Hessian of the loss is the
Gauss-Newton matrix. The answer is no whenever it is not certain.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor
from torch.autograd.function import BackwardCFunction

LINEAR = frozenset({
    "Add", "Alias", "AsStrided", "AvgPool1D", "AvgPool2D", "AvgPool3D", "AdaptiveAvgPool1D",
    "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MkldnnAdaptiveAvgPool2D", "Cat", "Clone",
    "ConstantPadNd", "Copy", "Copies", "Diagonal", "Expand", "Flip", "Gather", "Index",
    "IndexSelect", "Mean", "Movedim", "Narrow", "Neg", "Permute", "ReflectionPad1D",
    "ReflectionPad2D", "Repeat", "ReplicationPad1D", "ReplicationPad2D", "ReshapeAlias",
    "Roll", "Rsub", "Select", "Slice", "Split", "SplitWithSizes", "Squeeze", "Stack", "Sub",
    "Sum", "Swapaxes", "T", "ToCopy", "Transpose", "Unbind", "Unflatten", "UnsafeSplit",
    "UnsafeView", "Unsqueeze", "UpsampleBilinear2D", "UpsampleNearest2D", "View"
})  # fmt: skip
"""Linear in all of their arguments."""
NORMALISED = frozenset({"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm"})
"""Linear by statistics that are kept; not by those of what is normalised, as of one instance."""
KINKED = frozenset({
    "Abs", "AdaptiveMaxPool2D", "AdaptiveMaxPool3D", "Amax", "Amin", "Clamp", "ClampMax",
    "ClampMin", "Hardtanh", "LeakyRelu", "MaskedFill", "Max", "MaxPool2DWithIndices",
    "MaxPool3DWithIndices", "Maximum", "Min", "Minimum", "Relu", "Sort", "Threshold", "Topk",
    "Where"
})  # fmt: skip
"""Linear between kinks."""
PRODUCTS = frozenset({
    "Addbmm", "Addmm", "Addmv", "Baddbmm", "Bmm", "Convolution", "Dot", "Linear", "Matmul",
    "MkldnnConvolution", "Mm", "Mul", "Mv", "Prelu", "PreluKernel"
})  # fmt: skip
"""Linear, or so between kinks, while all of their arguments but one stay as they are."""
QUOTIENTS = ("Div",)
"""Linear while the divisor stays as it is."""


def is_piecewise_linear(outputs: Iterable[Tensor]) -> bool:
    """Whether outputs are certain to be linear, between kinks, in what they can be derived by."""
    return all(map(_is_linear_between_kinks, _steps(outputs)))


def check_derivable(gradients: Iterable[Tensor]) -> None:
    """Raise a ``RuntimeError`` if there is a step in derivatives that cannot be derived again.

    Torch itself would take what lies beyond it for constant.
    """
    if any(_name(step) == "Error" for step in _steps(gradients)):
        raise RuntimeError("a function that the model uses can be derived only once")


def _steps(ends: Iterable[Tensor]) -> Iterator[Any]:
    """Give all steps of the graph that leads to some tensors."""
    waiting = [end.grad_fn for end in ends if end.grad_fn is not None]
    seen = set(waiting)
    while waiting:
        step = waiting.pop()
        yield step
        after = {function for function, _ in step.next_functions if function is not None} - seen
        seen |= after
        waiting += after


def _is_linear_between_kinks(node: Any) -> bool:
    if isinstance(node, BackwardCFunction):  # a function of one's own, whatever it is called
        return False
    name = _name(node)
    if name in ("AccumulateGrad", "AccumulateGradBackward"):
        return True
    operation = name.rstrip("0123456789").removesuffix("Backward")
    varying = [index for index, (function, _) in enumerate(node.next_functions) if function]
    if operation in QUOTIENTS:
        return varying == [0]
    if operation in PRODUCTS:
        return len(varying) <= 1
    if operation in NORMALISED:
        return not node._saved_training
    return operation in LINEAR or operation in KINKED


def _name(step: Any) -> str:
    return str(step.name().removeprefix("torch::autograd::"))
