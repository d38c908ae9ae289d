"""The commands: ``python -m experiments sweep``, ``certify``, ``status`` and ``claims``."""

import argparse
import signal
import sys
from collections import Counter
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from experiments.config import DEVICES, SettingConfig
from experiments.engine import provenance
from experiments.engine.certificates import TIME_LIMIT, certify_sweep, layers
from experiments.engine.sweep import PRESETS, preset, status, sweep
from experiments.report.claims import ledger


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.results is None:
        options.results = provenance.ROOT / DEFAULT_RESULTS[options.preset]
    try:
        return options.command(options)
    except KeyboardInterrupt:
        print("Interrupted. What is done is kept: run the command again to go on.", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


# The small sweep must not replace the tables of the large one.
DEFAULT_RESULTS = {"paper": "results", "smoke": "_build/smoke"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m experiments", description="The sweep of the book, and what follows from it."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("sweep", help="run what is not done of a sweep")
    run.set_defaults(command=_sweep)
    look = commands.add_parser("status", help="say what is done, running and failed")
    look.set_defaults(command=_status)
    prove = commands.add_parser("certify", help="bound the optimum of the sweep's examples")
    prove.set_defaults(command=_certify)
    prove.add_argument("--time-limit", type=_seconds, default=TIME_LIMIT, metavar="SECONDS", help=(
        f"for each matrix (default: {TIME_LIMIT:g})"
    ))  # fmt: skip
    for command in (run, prove):
        command.add_argument(
            "--workers", type=_positive, help="processes here (default: one per core)"
        )
        command.add_argument(
            "--scheduler", metavar="ADDRESS", help="of a Dask scheduler to use instead"
        )
    for command in (run, prove, look):
        command.add_argument("--preset", choices=PRESETS, default="paper")
        command.add_argument("--device", choices=DEVICES, default="cpu", help=(
            "where networks are trained and measured (default: cpu)"
        ))  # fmt: skip
        command.add_argument("--results", type=Path, metavar="DIR", help=(
            "folder of results (default: " + ", ".join(
                f"{folder} for {name}" for name, folder in DEFAULT_RESULTS.items()) + ")"
        ))  # fmt: skip
    _add_claims(commands)
    return parser


def _add_claims(commands: Any) -> None:
    claims = commands.add_parser("claims", help="decide the claims of the paper by the rules")
    claims.set_defaults(command=_claims, preset="paper")
    claims.add_argument("--results", type=Path, metavar="DIR", help=(
        f"folder of results (default: {DEFAULT_RESULTS['paper']})"
    ))  # fmt: skip
    claims.add_argument("--format", choices=FORMATS, default="table", help="(default: table)")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Got {text}.")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < inf:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0. Got {text}.")
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
    return _tell(failures)


def _certify(options: Any) -> int:
    settings = _settings(options)
    with tqdm(total=len(layers(settings)), unit="layer", disable=None) as bar:
        failures = certify_sweep(
            settings, options.results, time_limit=options.time_limit, n_workers=options.workers,
            scheduler=options.scheduler, report=lambda done, _: bar.update(done - bar.n),
        )  # fmt: skip
    return _tell(failures)


def _tell(failures: dict[str, str]) -> int:
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


def _claims(options: Any) -> int:
    print(FORMATS[options.format](ledger(options.results)))
    return 0


def _table(claims: pd.DataFrame) -> str:
    """A line for each reading, under a line for each claim."""
    lines = []
    for (claim, statement), readings in claims.groupby(["claim", "statement"], sort=False):
        lines += ["", f"{claim}: {statement}", f"  a: {readings['quantity'].iloc[0]}"]
        lines += [
            f"  {row.convention:7}  {row.search:5}  {row.effect:+8.3f} [{row.low:+.3f}, "
            f"{row.high:+.3f}]  {row.verdict} ({row.met})"
            if not row.lacks
            else f"  {row.convention:7}  {row.search:5}  not tested: lacks {row.lacks}"
            for row in readings.itertuples()
        ]
    return "\n".join(lines[1:])


def _markdown(claims: pd.DataFrame) -> str:
    shown = claims.drop(columns="quantity").round(4).astype(object).where(claims.notna(), "")
    rows = [list(shown), ["---"] * shown.shape[1], *shown.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _json(claims: pd.DataFrame) -> str:
    return claims.to_json(orient="records", indent=2)


FORMATS = {"table": _table, "markdown": _markdown, "json": _json}


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main())
