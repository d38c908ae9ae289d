"""The commands with presets that take seconds: ``python tests/tiny.py sweep --preset tiny``."""

import signal
import sys

from experiments import __main__ as command
from experiments.config import AnalysisConfig, SettingConfig, TrainingConfig
from experiments.engine.sweep import PRESETS

OPTIONS = {
    "recipe": TrainingConfig(hidden=(8, 6), max_epochs=2, learning_rate=0.01),
    "analysis": AnalysisConfig(n_steps=50, best=False),
}


def tiny() -> list[SettingConfig]:
    return [
        SettingConfig("digits", "dropout", 0.2, (0, 1), **OPTIONS),
        SettingConfig("digits", "untrained", 0.0, (0, 3), **OPTIONS),
    ]


def with_mnist() -> list[SettingConfig]:
    return [tiny()[0], SettingConfig("mnist", "l1", 0.001, (0,), **OPTIONS)]


if __name__ == "__main__":
    PRESETS |= {"tiny": tiny, "with_mnist": with_mnist}
    signal.signal(signal.SIGTERM, command._stop)
    sys.exit(command.main())
