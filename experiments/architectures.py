"""Networks of other kinds than the paper's, by name, and which of their units are looked at.

Each takes samples as flat vectors, as data sets have them, and gives logits. Dropout silences a
*unit*, at all of its positions at once: a channel in the whole image, a state of the recurrent
network at every step, a feature in every token. It acts on the hidden units that are measured, and
nowhere else: not on what blocks add to the stream of a residual network, nor on attention.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from experiments.names import architecture_name
from modlib.models import MLP
from modlib.seeds import generator
from modlib.validation import (
    check_choice,
    check_seed,
    check_whole,
    is_iterable,
    is_number,
    is_whole,
)

WIDTHS = (16, 64, 256)
DEPTHS = (1, 2, 4)
WIDTH = 64
"""Of hidden layers, where nothing else is said, as in the paper."""
CHANNELS = (16, 32)
TOKEN_WIDTH = 32
N_HEADS = 2
N_BLOCKS = 2
PARTS = ("hidden", "joint", "stream")
"""Hidden layers, several of them together, or the stream that residual blocks add to."""
PROBES = 100
LONGEST = 4096  # inputs, of which every derivative is taken


@dataclass(frozen=True)
class Sizes:
    """What a network must fit, and how it is drawn."""

    shape: tuple[int, ...]
    """Of one sample: rows and columns of an image, or the length of a signal."""
    n_classes: int
    dropout: float = 0.0
    seed: int = 0
    """Draws the initial weights."""

    @property
    def n_inputs(self) -> int:
        """Numbers of one sample."""
        return prod(self.shape)


@dataclass(frozen=True)
class Place:
    """One layer that is looked at, or several together."""

    part: str
    """One of :data:`PARTS`."""
    number: int
    """Of the layer, or block, among those of its part, from 1."""
    layer: Any
    """As :func:`modlib.similarity.compute.pairwise_similarity` takes it."""


@dataclass(frozen=True)
class Architecture:
    """A kind of network."""

    name: str
    make: Callable[[Sizes], nn.Module]
    places: tuple[Place, ...]
    """Layers by depth, those of each part one after the other."""
    n_units: tuple[int, ...]
    """Of each place."""
    is_long: bool = False
    """Whether units have positions, and all derivatives of them take long."""
    probes: int | None = None
    """Random directions for the loss Hessian, where exact second derivatives take too long."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Those that there are, each once."""
        return tuple(dict.fromkeys(place.part for place in self.places))


# ---------------------------------------------------------------------------------------- the kinds


class Gelu(nn.Sequential):
    """Fully connected with GELU in the place of ReLU; dropout after each hidden layer."""

    def __init__(self, sizes: Sizes) -> None:
        hidden: list[nn.Module] = []
        for n_in, n_out in pairwise((sizes.n_inputs, WIDTH, WIDTH)):
            hidden += [nn.Linear(n_in, n_out), nn.GELU(), nn.Dropout(sizes.dropout)]
        super().__init__(*hidden, nn.Linear(WIDTH, sizes.n_classes))


class Block(nn.Module):
    """Adds to a stream what a hidden layer says of it: ``x + W2 relu(W1 x)``."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.hidden, self.dropout = nn.ReLU(), nn.Dropout(dropout)

    def forward(self, stream: Tensor) -> Tensor:
        """Map the stream ``[samples, features]`` to the next."""
        return stream + self.out(self.dropout(self.hidden(self.into(stream))))


class Residual(nn.Module):
    """Fully connected, with residual blocks (He et al. 2016) between two linear layers."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embed = nn.Linear(sizes.n_inputs, WIDTH)
        self.blocks = nn.Sequential(*(Block(WIDTH, sizes.dropout) for _ in range(N_BLOCKS)))
        self.readout = nn.Linear(WIDTH, sizes.n_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map samples ``[samples, inputs]`` to logits."""
        return self.readout(self.blocks(self.embed(inputs)))


class Convolutional(nn.Module):
    """Two convolutions of stride 2 and a linear layer; over a signal, along its length."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.shape = sizes.shape
        is_image = len(sizes.shape) == 2
        convolution = nn.Conv2d if is_image else nn.Conv1d
        dropout = nn.Dropout2d if is_image else nn.Dropout1d  # of whole channels
        first, second = CHANNELS
        self.layers = nn.Sequential(
            convolution(1, first, 5, stride=2, padding=2), nn.ReLU(), dropout(sizes.dropout),
            convolution(first, second, 3, stride=2, padding=1), nn.ReLU(), dropout(sizes.dropout),
        )  # fmt: skip
        n_positions = prod(-(-size // 4) for size in sizes.shape)
        self.readout = nn.Linear(second * n_positions, sizes.n_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map samples ``[samples, inputs]`` to logits."""
        return self.readout(self.layers(inputs.unflatten(1, (1, *self.shape))).flatten(1))


class Cell(nn.GRUCell):
    """A gated recurrent unit (Cho et al. 2014) whose dropout acts on what is new in a state.

    A silenced unit starts from 0 and stays there. Were the state itself multiplied at each step,
    what is kept of it would be made up for again and again, and would grow without bound; so it
    is as Semeniuta et al. (2016) do it, with one mask for all steps (Gal and Ghahramani 2016).
    """

    def forward(  # type: ignore[override]  # a mask cannot be left out
        self, row: Tensor, state: Tensor, mask: Tensor
    ) -> Tensor:
        """Map a row ``[samples, inputs]``, states and a mask ``[samples, units]`` to states."""
        seen = functional.linear(row, self.weight_ih, self.bias_ih).chunk(3, dim=1)
        known = functional.linear(state, self.weight_hh, self.bias_hh).chunk(3, dim=1)
        reset = torch.sigmoid(seen[0] + known[0])
        stay = torch.sigmoid(seen[1] + known[1])
        new = torch.tanh(seen[2] + reset * known[2])
        return (1 - stay) * new * mask + stay * state


class Recurrent(nn.Module):
    """A gated recurrent unit on the rows of an image, or on fives of a signal.

    Logits come from the last state.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.step = sizes.shape[1] if len(sizes.shape) == 2 else 5
        if sizes.n_inputs % self.step:
            raise ValueError(
                f"shape must be an image, or a signal whose length is a multiple of {self.step}. "
                f"Got {sizes.shape}."
            )
        self.cell = Cell(self.step, WIDTH)
        self.dropout, self.readout = nn.Dropout(sizes.dropout), nn.Linear(WIDTH, sizes.n_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map samples ``[samples, inputs]`` to logits."""
        state = inputs.new_zeros(len(inputs), WIDTH)
        mask = self.dropout(torch.ones_like(state))
        for row in inputs.unflatten(1, (-1, self.step)).unbind(1):
            state = self.cell(row, state, mask)
        return self.readout(state)


class Attention(nn.Module):
    """A block of a transformer: attention, then a hidden layer, each added to the stream.

    Both see the stream normalised (Xiong et al. 2020).
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(TOKEN_WIDTH) for _ in range(2))
        self.queries, self.mixed = (
            nn.Linear(TOKEN_WIDTH, 3 * TOKEN_WIDTH),
            nn.Linear(TOKEN_WIDTH, TOKEN_WIDTH),
        )
        self.into, self.out = nn.Linear(TOKEN_WIDTH, WIDTH), nn.Linear(WIDTH, TOKEN_WIDTH)
        self.hidden, self.dropout = nn.GELU(), nn.Dropout(dropout)

    def forward(self, stream: Tensor) -> Tensor:
        """Map the stream ``[samples, tokens, features]`` to the next."""
        split = self.queries(self.norms[0](stream)).unflatten(2, (3, N_HEADS, -1)).unbind(2)
        query, key, value = (part.transpose(1, 2) for part in split)
        weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(dim=-1)
        stream = stream + self.mixed((weights @ value).transpose(1, 2).flatten(2))
        values = self.hidden(self.into(self.norms[1](stream)))
        mask = self.dropout(torch.ones_like(values[:, :1]))
        return stream + self.out(values * mask)


class Transformer(nn.Module):
    """A small transformer on patches of an image or a signal (Dosovitskiy et al. 2021).

    Logits come from the mean over tokens.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.shape = sizes.shape
        self.patch = [_patch(size) for size in sizes.shape]
        n_tokens = sizes.n_inputs // prod(self.patch)
        self.embed = nn.Linear(prod(self.patch), TOKEN_WIDTH)
        self.places = nn.Parameter(0.1 * torch.randn(n_tokens, TOKEN_WIDTH))
        self.blocks = nn.Sequential(*(Attention(sizes.dropout) for _ in range(N_BLOCKS)))
        self.norm, self.readout = (
            nn.LayerNorm(TOKEN_WIDTH),
            nn.Linear(TOKEN_WIDTH, sizes.n_classes),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Map samples ``[samples, inputs]`` to logits."""
        stream = self.blocks(self.embed(self.tokens(inputs)) + self.places)
        return self.readout(self.norm(stream.mean(dim=1)))

    def tokens(self, inputs: Tensor) -> Tensor:
        """Cut samples ``[samples, inputs]`` into patches ``[samples, tokens, pixels]``."""
        cut = inputs.unflatten(1, self.shape)
        for axis, size in enumerate(self.patch, start=1):
            cut = cut.unfold(axis, size, size)
        return cut.flatten(1, len(self.shape)).flatten(2)


def _patch(size: int) -> int:
    """How long the side of a patch is: about a quarter, such as 7 of 28, 2 of 8 and 5 of 40."""
    fitting = [side for side in (7, 5, 4, 3, 2) if size % side == 0]
    return fitting[0] if size > 8 and fitting else 2 if size % 2 == 0 else 1


# ------------------------------------------------------------------------------------------ by name


def _places(layers: Sequence[Any], part: str = "hidden") -> tuple[Place, ...]:
    return tuple(Place(part, number, layer) for number, layer in enumerate(layers, start=1))


def _mlp(*widths: int) -> Architecture:
    def make(sizes: Sizes) -> nn.Module:
        return MLP((sizes.n_inputs, *widths, sizes.n_classes), sizes.dropout, seed=sizes.seed)

    places = _places(range(1, len(widths) + 1))
    return Architecture(architecture_name(widths), make, places, widths)


def _paper() -> Architecture:
    """The paper's network, whose two layers are also looked at together."""
    plain = _mlp(WIDTH, WIDTH)
    places = (*plain.places, *_places([[1, 2]], "joint"))
    return replace(plain, places=places, n_units=(*plain.n_units, 2 * WIDTH))


def _blocks(
    name: str, make: Callable[[Sizes], nn.Module], stream: int, **about: Any
) -> Architecture:
    """A network of residual blocks, whose hidden layers and whose stream are looked at."""
    blocks = [f"blocks.{number}" for number in range(N_BLOCKS)]
    hidden = _places([f"{block}.hidden" for block in blocks])
    widths = (WIDTH,) * N_BLOCKS + (stream,) * N_BLOCKS
    return Architecture(name, make, hidden + _places(blocks, "stream"), widths, **about)


ARCHITECTURES: dict[str, Architecture] = {
    one.name: one
    for one in (
        *(_mlp(width, width) for width in WIDTHS if width != WIDTH),
        _paper(),
        *(_mlp(*[WIDTH] * depth) for depth in DEPTHS if depth != 2),
        Architecture("gelu", Gelu, _places([1, 2]), (WIDTH, WIDTH)),
        _blocks("residual", Residual, WIDTH),
        Architecture(
            "convolutional", Convolutional, _places(["layers.1", "layers.4"]), CHANNELS,
            is_long=True,
        ),
        Architecture(
            "recurrent", Recurrent, _places(["cell"]), (WIDTH,), is_long=True, probes=PROBES
        ),
        _blocks("transformer", Transformer, TOKEN_WIDTH, is_long=True, probes=PROBES),
    )
}  # fmt: skip
"""Every kind of network by its name."""


def architecture(name: str) -> Architecture:
    """Return the kind of network of this name.

    Raises
    ------
    ValueError
        If there is none.
    """
    check_choice("architecture", name, ARCHITECTURES)
    return ARCHITECTURES[name]


def build(
    name: str, shape: Sequence[int], n_classes: int, *, dropout: float = 0.0, seed: int = 0
) -> nn.Module:
    """Make a network, with initial weights that depend on the seed alone.

    Parameters
    ----------
    name
        One of :data:`ARCHITECTURES`.
    shape
        Of one sample: rows and columns of an image, or the length of a signal. The network takes
        samples as flat vectors, ``[samples, rows * columns]``.
    n_classes
        How many logits it gives.
    dropout
        Probability of silencing a hidden unit in training, at all of its positions, in [0, 1).
    seed
        Draws the initial weights.

    Raises
    ------
    ValueError
        If there is no such network, or an argument is outside its range.
    """
    kind = architecture(name)
    sizes = tuple(shape) if is_iterable(shape) else ()
    if len(sizes) not in (1, 2) or not all(
        is_whole(size) and 4 <= size <= LONGEST for size in sizes
    ):
        raise ValueError(
            f"shape must be one or two whole numbers from 4 to {LONGEST}: the length of a signal "
            f"or rows and columns of an image. Got {shape!r}."
        )
    check_whole("n_classes", n_classes, 2, LONGEST)
    if not is_number(dropout) or not 0 <= dropout < 1:
        raise ValueError(f"dropout must be a probability in [0, 1). Got {dropout!r}.")
    drawn = Sizes(tuple(map(int, sizes)), int(n_classes), float(dropout), check_seed(seed))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(drawn.seed, "initial weights").initial_seed())
        return kind.make(drawn)
