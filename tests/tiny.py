"""The commands with presets that take seconds: ``python tests/tiny.py run --preset tiny``."""

import signal
import sys
from dataclasses import replace

from experiments import __main__ as command
from experiments import paper
from experiments.config import AnalysisConfig, Recipe, SettingConfig
from experiments.engine.experiment import Run
from experiments.paper import run_of

OPTIONS = {
    "recipe": Recipe(hidden=(8, 6), max_epochs=2, learning_rate=0.01),
    "analysis": AnalysisConfig(n_steps=50, best=False, null_draws=2, lesion_draws=3),
}


def tiny() -> list[Run]:
    return [
        run_of(SettingConfig("digits", "dropout", 0.2, (0, 1), **OPTIONS)),
        run_of(SettingConfig("digits", "untrained", 0.0, (0, 3), **OPTIONS)),
    ]


def with_mnist() -> list[Run]:
    return [tiny()[0], run_of(SettingConfig("mnist", "l1", 0.001, (0,), **OPTIONS))]


if __name__ == "__main__":
    presets = {**paper.EXPERIMENT.presets, "tiny": tiny, "with_mnist": with_mnist}
    paper.EXPERIMENT = replace(paper.EXPERIMENT, presets=presets)
    signal.signal(signal.SIGTERM, command._stop)
    sys.exit(command.main())
