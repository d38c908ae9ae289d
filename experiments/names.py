"""How settings, networks and architectures are called in tables, files and keys."""

from collections.abc import Sequence


def setting_name(regularizer: str, strength: float) -> str:
    """A regulariser at a strength, such as ``"dropout-0.5"``."""
    return f"{regularizer}-{strength:g}"


def network_name(setting: str, seed: int) -> str:
    """One network of a setting, such as ``"dropout-0.5-0"``."""
    return f"{setting}-{seed}"


def setting_of(network: str) -> str:
    """The name of the setting that a network belongs to."""
    return network.rpartition("-")[0]


def architecture_name(hidden: Sequence[int]) -> str:
    """A fully connected network by the widths of its hidden layers, such as ``"mlp-64-64"``."""
    return "-".join(["mlp", *map(str, hidden)])
