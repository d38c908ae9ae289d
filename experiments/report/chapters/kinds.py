"""Kinds of network, and which measures there are for each: exact, estimated, or refused and why.

Every kind is a small network in double precision with a few samples, so that each cell of the
table can be tried.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from modlib import plotting
from modlib.similarity.measures import MEASURES

N_SAMPLES, N_CLASSES = 4, 3


class Cell(NamedTuple):
    """What one measure has to offer for one kind."""

    exact: bool = True
    probed: bool = True
    """Whether random directions may stand for all derivatives."""
    why: str = ""
    """Why one of them is refused, if there is a reason beside that no derivatives are needed."""
    says: str = ""
    """Words of the error that says so."""

    @property
    def text(self) -> str:
        """What stands in the table."""
        if not self.exact:
            return f"refused: {self.why}"
        if self.probed:
            return "exact, probed"
        return f"exact; probes refused: {self.why}" if self.why else "exact"


def refused(why: str, says: str) -> Cell:
    """A cell of a measure that cannot be had."""
    return Cell(exact=False, probed=False, why=why, says=says)


VALUES = Cell(probed=False)  # of a measure without derivatives
ALL = {name: Cell() if measure.probe else VALUES for name, measure in MEASURES.items()}
"""The cells of a network for which everything can be had."""


def none(why: str, says: str) -> dict[str, Cell]:
    """The cells of a network that is refused whatever is asked."""
    return dict.fromkeys(MEASURES, refused(why, says))


@dataclass(frozen=True)
class Kind:
    """A kind of network, and its row of the table."""

    name: str
    make: Callable[[], nn.Module]
    layer: str
    inputs: Callable[[], Any]
    targets: Callable[[], Tensor] = field(default=lambda: torch.arange(N_SAMPLES) % N_CLASSES)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of :func:`modlib.similarity.compute.pairwise_similarity`."""
    cells: Mapping[str, Cell] = field(default_factory=lambda: ALL)
    """By measure."""

    def build(self) -> tuple[nn.Module, Any, Tensor]:
        """Make the model, inputs and targets, the same ones each time."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return self.make().double().eval(), self.inputs(), self.targets()


# ------------------------------------------------------------------------------------- networks


class Around(nn.Module):
    """What goes in, added to what comes out."""

    def __init__(self, *ways: nn.Module) -> None:
        super().__init__()
        self.way = nn.Sequential(*ways)

    def forward(self, x: Tensor) -> Tensor:
        """Go both ways."""
        return torch.relu(x + self.way(x))


class Steps(nn.Module):
    """A cell that is called once for every step of ``[samples, steps, features]``."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(3, 4), nn.Linear(4, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Read all steps, then answer."""
        state = x.new_zeros(len(x), 4)
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.head(state)


class Sequence(nn.Module):
    """An LSTM as one module, which returns its states and more."""

    def __init__(self, *, is_packed: bool = False) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, N_CLASSES)
        self.is_packed = is_packed

    def forward(self, x: Tensor) -> Tensor:
        """Read all steps, then answer by the last state."""
        if not self.is_packed:
            return self.head(self.lstm(x)[0][:, -1])
        lengths = torch.full((len(x),), x.shape[1])
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        return self.head(self.lstm(packed)[1][0][-1])


class Tokens(nn.Module):
    """A block of a transformer over tokens; of whole numbers, if there is a vocabulary."""

    def __init__(self, vocabulary: int = 0) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, 4) if vocabulary else nn.Linear(3, 4)
        self.block = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, activation="gelu")
        self.head = nn.Linear(4, N_CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        """Answer by the mean over tokens."""
        return self.head(self.block(self.embed(tokens)).mean(dim=1))


class Mapped(nn.Module):
    """Inputs and outputs by name, as in libraries of language models."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(3, 4), nn.Linear(4, N_CLASSES)

    def forward(self, left: Tensor, right: Tensor) -> dict[str, Tensor]:
        """Answer, and hand out what was hidden."""
        hidden = torch.tanh(self.hidden(left + right))
        return {"hidden": hidden, "answer": self.head(hidden)}


class Beside(nn.Module):
    """A layer that is computed, and then not used."""

    def __init__(self) -> None:
        super().__init__()
        self.beside, self.head = nn.Linear(6, 4), nn.Linear(6, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Answer without what stands beside."""
        self.beside(x)
        return self.head(x)


class Noisy(nn.Module):
    """Dropout that is never switched off."""

    def forward(self, x: Tensor) -> Tensor:
        """Drop some, always."""
        return nn.functional.dropout(x, 0.5, training=True)


class Swapped(nn.Module):
    """Channels last, by hand."""

    def forward(self, x: Tensor) -> Tensor:
        """Move the channels."""
        return torch.tanh(x.movedim(1, -1))


class OnceOnly(torch.autograd.Function):
    """A square that was given one derivative by hand."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        """Square."""
        context.save_for_backward(x)
        return x**2

    @staticmethod
    @once_differentiable
    def backward(context: Any, slope: Tensor) -> Tensor:
        """Derive."""
        (x,) = context.saved_tensors
        return 2 * x * slope


class ByHand(nn.Module):
    """An operation of one's own."""

    def forward(self, x: Tensor) -> Tensor:
        """Square."""
        return OnceOnly.apply(x)


def flat(*middle: nn.Module, width: int = 4, n_outputs: int = N_CLASSES) -> nn.Sequential:
    """A chain with something of one's choice between two linear layers."""
    return nn.Sequential(nn.Linear(6, width), *middle, nn.Linear(width, n_outputs))


def convolutional(*after: nn.Module) -> nn.Sequential:
    """Two channels, something of one's choice, and an answer by the mean over positions."""
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), *after, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(2, N_CLASSES),
    )  # fmt: skip


def vectors() -> Tensor:
    """Samples ``[samples, 6]``."""
    return torch.randn(N_SAMPLES, 6, dtype=torch.float64)


def pictures() -> Tensor:
    """Samples ``[samples, 1, 3, 3]``."""
    return torch.randn(N_SAMPLES, 1, 3, 3, dtype=torch.float64)


def series() -> Tensor:
    """Samples ``[samples, steps, 3]``."""
    return torch.randn(N_SAMPLES, 5, 3, dtype=torch.float64)


def words() -> Tensor:
    """Samples ``[samples, tokens]`` of whole numbers."""
    return torch.randint(7, (N_SAMPLES, 5))


def named() -> dict[str, Tensor]:
    """Samples as a dictionary."""
    return {side: torch.randn(N_SAMPLES, 3, dtype=torch.float64) for side in ("left", "right")}


# ------------------------------------------------------------------------------------- the table

WHOLE = refused("whole numbers have no derivatives", "whole numbers")
ZERO = refused("the loss of one logit is always zero", "always zero")
PROBABILITIES = refused("the loss wants logits", "must end in logits")
UNCLEAR = refused("outputs= must say what counts", "must say which part")
NO_SAY = refused("no output depends on it", "must have a say")
TWICE = refused("it has one derivative only", "can be derived only once")
ONCE = Cell(probed=False, why=TWICE.why, says=TWICE.says)
DOWNSTREAM = ("output_sensitivity", "loss_hessian")

KINDS = [
    Kind("fully connected, ReLU", lambda: flat(nn.ReLU()), "1", vectors),
    Kind("fully connected, tanh", lambda: flat(nn.Tanh()), "1", vectors),
    Kind("convolutional, residual, batch norm",
         lambda: convolutional(
             Around(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2)), nn.MaxPool2d(2)
         ), "1", pictures),
    Kind("recurrent, a call for each step", Steps, "cell", series),
    Kind("recurrent, one module", Sequence, "lstm", series),
    Kind("transformer on patches", Tokens, "block", series),
    Kind("transformer on words", lambda: Tokens(7), "block", words,
         cells=ALL | {"input_sensitivity": WHOLE}),
    Kind("inputs and outputs by name, outputs='answer'", Mapped, "hidden", named,
         options={"outputs": "answer"}),
    Kind("the same without outputs=", Mapped, "hidden", named,
         cells=ALL | dict.fromkeys(DOWNSTREAM, UNCLEAR)),
    Kind("regression, loss='mse'", lambda: flat(nn.GELU(), n_outputs=2), "1", vectors,
         targets=lambda: torch.ones(N_SAMPLES, 2), options={"loss": "mse"}),
    Kind("one logit, loss='bce_with_logits'", lambda: flat(nn.GELU(), n_outputs=1), "1", vectors,
         targets=lambda: torch.arange(N_SAMPLES) % 2, options={"loss": "bce_with_logits"}),
    Kind("one logit, cross-entropy", lambda: flat(nn.GELU(), n_outputs=1), "1", vectors,
         targets=lambda: torch.zeros(N_SAMPLES, dtype=torch.int64),
         cells=ALL | {"loss_hessian": ZERO}),
    Kind("ends in softmax", lambda: nn.Sequential(*flat(nn.Tanh()), nn.Softmax(dim=1)), "1",
         vectors, cells=ALL | {"loss_hessian": PROBABILITIES}),
    Kind("before an operation with a derivative by hand", lambda: flat(nn.Tanh(), ByHand()), "1",
         vectors, cells=ALL | {"loss_hessian": TWICE}),
    Kind("after such an operation", lambda: flat(ByHand(), nn.Linear(4, 4), nn.Tanh()), "3",
         vectors, cells=ALL | {"input_sensitivity": ONCE}),
    Kind("a layer that leads nowhere", Beside, "beside", vectors,
         cells=ALL | dict.fromkeys(DOWNSTREAM, NO_SAY)),
    Kind("a module of one's own, units=-1", lambda: convolutional(Around(Swapped())), "1.way.0",
         lambda: torch.randn(N_SAMPLES, 1, 2, 2, dtype=torch.float64), options={"units": -1}),
    Kind("normalises by the batch at rest",
         lambda: convolutional(nn.BatchNorm2d(2, track_running_stats=False)), "1", pictures,
         cells=none("samples see each other", "treat each sample by itself")),
    Kind("dropout that is never off", lambda: flat(Noisy(), width=64), "1", vectors,
         cells=none("it is never the same twice", "the same each time")),
    Kind("packed sequences", lambda: Sequence(is_packed=True), "lstm", series,
         cells=none("no axis of samples", "one axis for samples")),
    Kind("scripted", lambda: torch.jit.script(flat(nn.ReLU())), "1", vectors,
         cells=none("its layers cannot be watched", "Got a scripted one")),
]  # fmt: skip
"""All kinds of network in the table, those that are refused last."""


def table() -> pd.DataFrame:
    """The table: a row for each kind, a column for each measure."""
    return pd.DataFrame(
        {kind.name: {plotting.NAMES[name]: kind.cells[name].text for name in MEASURES}
         for kind in KINDS}
    ).T  # fmt: skip
