"""Small networks of many kinds, for tests of what serves any network."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

N_SAMPLES, N_CLASSES = 5, 3


class Wired(nn.Module):
    """Modules by name, and a function of this and the inputs that says how they are wired."""

    def __init__(self, wiring: Callable[..., Any], /, **modules: nn.Module) -> None:
        super().__init__()
        self.wiring = wiring
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *args: Any, **named: Any) -> Any:
        return self.wiring(self, *args, **named)


class Block(nn.Module):
    """A residual block of a convolutional network."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.conv2(functional.relu(self.norm(self.conv1(x)))))


class ResidualCNN(nn.Module):
    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, stride=2, padding=1)
        self.block1, self.block2 = Block(channels), Block(channels)
        self.head = nn.Linear(channels, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.block1(functional.relu(self.stem(x))))

    def after(self, x: Tensor) -> Tensor:
        return self.head(self.block2(x).mean((2, 3)))


class Recurrent(nn.Module):
    """Logits from the last step of a recurrent layer's output, or from its last state."""

    def __init__(self, kind: str, from_state: bool, **options: Any) -> None:
        super().__init__()
        self.from_state = from_state
        self.cells = getattr(nn, kind)(3, 4, **options)
        self.head = nn.Linear(8 if self.cells.bidirectional else 4, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        steps, state = self.cells(x)
        if not self.from_state:
            return self.head(steps[:, -1] if self.cells.batch_first else steps[-1])
        state = state[0] if isinstance(state, tuple) else state
        return self.head(torch.cat(list(state[-2:] if self.cells.bidirectional else state[-1:]), 1))


class Attention(nn.Module):
    """Attention by hand, a residual connection, and layer normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.query, self.key = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.embed(x))

    def after(self, h: Tensor) -> Tensor:
        weights = (self.query(h) @ self.key(h).mT / 2).softmax(-1)
        return self.head(self.norm(h + weights @ h).mean(1))


class Transformer(nn.Module):
    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.embed = nn.Linear(3, 8)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 12, batch_first=batch_first, activation="gelu")
            for _ in range(2)
        )
        self.head = nn.Linear(8, N_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x)
        for block in self.blocks:
            h = block(h if self.batch_first else h.transpose(0, 1))
            h = h if self.batch_first else h.transpose(0, 1)
        return self.head(h.mean(1))


def seeded(build: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """A network in double precision and evaluation mode, whose every weight is by the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build().double().eval()
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats:
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)
            if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)):
                nn.init.uniform_(module.weight, 0.5, 2.0)
                nn.init.normal_(module.bias)
    return model


def numbers(*shape: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=random, dtype=torch.float64)


def classes(n: int = N_SAMPLES, n_classes: int = N_CLASSES) -> Tensor:
    return torch.arange(n) % n_classes


def chain() -> nn.Module:
    """A chain that has no closed form: 3 inputs, 4 units, 3 logits."""
    return seeded(
        lambda: nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Dropout(), nn.Linear(4, N_CLASSES))
    )
