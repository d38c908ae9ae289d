"""The commands: ``python -m modlib sweep`` and ``python -m modlib status``."""

import argparse
import signal
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from modlib import provenance
from modlib.config import DEVICES, SettingConfig
from modlib.sweep import PRESETS, preset, status, sweep


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.results is None:
        options.results = provenance.ROOT / DEFAULT_RESULTS[options.preset]
    try:
        return options.command(options)
    except KeyboardInterrupt:
        print("Interrupted. What is done is kept: run the sweep again to go on.", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


# The small sweep must not replace the tables of the large one.
DEFAULT_RESULTS = {"paper": "results", "smoke": "_build/smoke"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m modlib", description="The sweep of the book.")
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("sweep", help="run what is not done of a sweep")
    run.set_defaults(command=_sweep)
    run.add_argument("--workers", type=_positive, help="processes here (default: one per core)")
    run.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler to use instead")
    look = commands.add_parser("status", help="say what is done, running and failed")
    look.set_defaults(command=_status)
    for command in (run, look):
        command.add_argument("--preset", choices=PRESETS, default="paper")
        command.add_argument("--device", choices=DEVICES, default="cpu", help=(
            "where networks are trained and measured (default: cpu)"
        ))  # fmt: skip
        command.add_argument("--results", type=Path, metavar="DIR", help=(
            "folder of results (default: " + ", ".join(
                f"{folder} for {name}" for name, folder in DEFAULT_RESULTS.items()) + ")"
        ))  # fmt: skip
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Got {text}.")
    return number


def _settings(options: Any) -> list[SettingConfig]:
    return [replace(setting, device=options.device) for setting in preset(options.preset)]


def _sweep(options: Any) -> int:
    settings = _settings(options)
    n_networks = sum(len(setting.seeds) for setting in settings)
    # Quiet where nobody looks; the bar then is disabled by tqdm itself.
    with tqdm(total=n_networks, unit="network", disable=None) as bar:
        failures = sweep(
            settings, options.results, n_workers=options.workers, scheduler=options.scheduler,
            report=lambda done, _: bar.update(done - bar.n),
        )  # fmt: skip
    for name, cause in failures.items():
        print(f"{name} failed: {cause}", file=sys.stderr)
    return 1 if failures else 0


def _status(options: Any) -> int:
    states = status(_settings(options), options.results)
    for setting, state in states:
        if state not in ("done", "waiting"):
            print(f"{setting.name} (seeds {setting.seeds[0]} to {setting.seeds[-1]}): {state}")
    counts = Counter(state.partition(":")[0] for _, state in states)
    print(
        ", ".join(f"{counts[state]} {state}" for state in ("done", "running", "failed", "waiting"))
    )
    return 0


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main())
