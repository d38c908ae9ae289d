"""Networks in two halves, cut by hand at the layer that is analysed.

The library needs no cut: it watches ``head``, by its name, within the whole. The halves are what
other ways to differentiate need. All take images of 28 x 28 pixels, flattened.
"""

import torch
from torch import Tensor, nn

SIDE = 28  # pixels
N_CLASSES = 10


class Halves(nn.Sequential):
    """A network whose layer ``"head"`` is analysed.

    Parameters
    ----------
    head, tail
        What leads to the layer, and what it leads to.
    units
        Which axis of a sample's value the units are on; all others are positions.
    is_piecewise_linear
        Whether the tail is.
    """

    def __init__(
        self, head: nn.Module, tail: nn.Module, *, units: int, is_piecewise_linear: bool
    ) -> None:
        super().__init__()
        self.head, self.tail = head, tail
        self.units, self.is_piecewise_linear = units, is_piecewise_linear
        self.eval()


class Residual(nn.Module):
    """Two convolutions, and what went in added to what comes out."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_channels, n_channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(n_channels)
        self.second = nn.Conv2d(n_channels, n_channels, 3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        """Run both, and add."""
        inner = self.norm(self.first(values)).relu()
        return (values + self.second(inner)).relu()


class Steps(nn.GRU):
    """A recurrent layer over rows: the values of all steps, and nothing else."""

    def forward(self, values: Tensor) -> Tensor:
        """Run over all rows from a state of zeros."""
        # Zeros, but as the samples are: torch.func refuses those that the layer would make.
        start = (0 * values[:, 0, :1]).expand(-1, self.hidden_size).contiguous()
        return super().forward(values, start.unsqueeze(0))[0]


class Patches(nn.Module):
    """Squares of an image as tokens, each with its place."""

    def __init__(self, width: int, n_units: int) -> None:
        super().__init__()
        self.cut = nn.Unfold(width, stride=width)
        self.project = nn.Linear(width**2, n_units)
        self.places = nn.Parameter(torch.randn((SIDE // width) ** 2, n_units) / 5)

    def forward(self, images: Tensor) -> Tensor:
        """Cut, project, and place."""
        return self.project(self.cut(images).mT) + self.places


class Mean(nn.Module):
    """Average over tokens."""

    def forward(self, values: Tensor) -> Tensor:
        """Average."""
        return values.mean(dim=1)


class Last(nn.Module):
    """The last step."""

    def forward(self, values: Tensor) -> Tensor:
        """Take it."""
        return values[:, -1]


def convolutional(n_channels: int = 16) -> Halves:
    """Channels of the first of two residual blocks, at 14 x 14 positions."""
    head = nn.Sequential(
        _image(), nn.Conv2d(1, n_channels, 3, stride=2, padding=1), nn.ReLU(), Residual(n_channels)
    )
    tail = nn.Sequential(
        Residual(n_channels), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(n_channels, N_CLASSES),
    )  # fmt: skip
    return Halves(head, tail, units=0, is_piecewise_linear=True)


def transformer(patch: int = 7, n_units: int = 32) -> Halves:
    """Features of tokens after the first of two blocks."""
    head = nn.Sequential(_image(), Patches(patch, n_units), _block(n_units))
    tail = nn.Sequential(_block(n_units), Mean(), nn.Linear(n_units, N_CLASSES))
    return Halves(head, tail, units=1, is_piecewise_linear=False)


def recurrent(n_units: int = 32) -> Halves:
    """Units of the first of two recurrent layers, at each of 28 rows."""
    head = nn.Sequential(nn.Unflatten(1, (SIDE, SIDE)), Steps(SIDE, n_units, batch_first=True))
    tail = nn.Sequential(
        Steps(n_units, n_units, batch_first=True), Last(), nn.Linear(n_units, N_CLASSES)
    )
    return Halves(head, tail, units=1, is_piecewise_linear=False)


def connected(n_units: int = 64) -> Halves:
    """The paper's architecture, and the second of its hidden layers."""
    head = nn.Sequential(
        nn.Linear(SIDE**2, n_units), nn.ReLU(), nn.Linear(n_units, n_units), nn.ReLU()
    )
    tail = nn.Linear(n_units, N_CLASSES)
    return Halves(head, tail, units=0, is_piecewise_linear=True)


def _image() -> nn.Module:
    return nn.Unflatten(1, (1, SIDE, SIDE))


def _block(n_units: int) -> nn.Module:
    return nn.TransformerEncoderLayer(
        n_units, 4, 2 * n_units, activation="gelu", batch_first=True, norm_first=True
    )
