"""The commands: ``python -m experiments run``, ``certify``, ``status`` and ``claims``."""

import argparse
import signal
import sys
from collections import Counter
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import experiments
from experiments import EXPERIMENTS

if TYPE_CHECKING:
    import pandas as pd

    from experiments.engine.experiment import Experiment, Run

DEVICES = ("cpu", "cuda")
RESULTS = Path(__file__).resolve().parents[1] / "results"


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except KeyboardInterrupt:
        print("Interrupted. What is done is kept: run the command again to go on.", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        print(
            f"This command needs {error.name}, which is not installed: "
            "pip install --editable '.[sweep]' brings all that it needs.",
            file=sys.stderr,
        )
        return 1
    except (OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def default_results(preset: str) -> Path:
    """Where a preset leaves its results: only a full grid in the tables that are committed."""
    return RESULTS if preset == "full" else RESULTS.parent / "_build" / f"results-{preset}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m experiments", description="The experiments of the book, and what follows."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("run", help="execute what is not done of an experiment")
    run.set_defaults(command=_run)
    look = commands.add_parser("status", help="say what is done, running and failed")
    look.set_defaults(command=_status)
    prove = commands.add_parser("certify", help="bound the optimum of matrices of finished runs")
    prove.set_defaults(command=_certify)
    prove.add_argument("--time-limit", type=_seconds, metavar="SECONDS", help=(
        "of CPU time, for each matrix (default: 60)"
    ))  # fmt: skip
    prove.add_argument(
        "--check", action="store_true", help="check the proofs that lie beside the tables instead"
    )
    for command in (run, prove):
        command.add_argument(
            "--workers", type=_positive, help="processes here (default: one per core)"
        )
        command.add_argument(
            "--scheduler", metavar="ADDRESS", help="of a Dask scheduler to use instead"
        )
    for command in (run, prove, look):
        command.add_argument(
            "experiment", nargs="?", choices=EXPERIMENTS, default="paper", help="(default: paper)"
        )
        command.add_argument("--preset", default="full", help=(
            "which of its grids: full, smoke, ... (default: full)"
        ))  # fmt: skip
        command.add_argument("--device", choices=DEVICES, help=(
            "where networks are trained and measured (default: cpu)"
        ))  # fmt: skip
        command.add_argument("--results", type=Path, metavar="DIR", help=(
            "folder of results (default: results for the full grid, else _build/results-PRESET)"
        ))  # fmt: skip
    _add_claims(commands)
    return parser


def _add_claims(commands: Any) -> None:
    claims = commands.add_parser("claims", help="decide claims by the rules written down for them")
    claims.set_defaults(command=_claims)
    claims.add_argument("about", nargs="?", choices=ABOUT, default="paper", help=(
        "claims of the paper; or our own questions: what its modules are worth, whether the "
        "measures find modules that are known, whether one can train for them, what holds of "
        "other networks, and when in training modules come (default: paper)"
    ))  # fmt: skip
    claims.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help=(
        "folder of results (default: results)"
    ))  # fmt: skip
    claims.add_argument("--format", choices=FORMATS, default="table", help="(default: table)")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1. Got {text}.")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < inf:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0. Got {text}.")
    return number


def _grid(options: Any) -> "tuple[Experiment, list[Run], Path]":
    """The experiment that is meant, its runs, and the folder of results."""
    experiment = experiments.experiment(options.experiment)
    runs = experiment.runs(options.preset)
    if options.device is not None:
        runs = [run.told(device=options.device) for run in runs]
    return experiment, runs, options.results or default_results(options.preset)


def _run(options: Any) -> int:
    from experiments.engine.sweep import sweep
    from experiments.progress import progress

    experiment, runs, folder = _grid(options)
    with progress(sum(run.n_parts for run in runs)) as report:
        failures = sweep(
            experiment, runs, folder, n_workers=options.workers, scheduler=options.scheduler,
            report=report,
        )  # fmt: skip
    if not failures:
        print(f"All {len(runs)} runs are done: the tables are in {folder / experiment.name}")
    return _exit_code(failures)


def _certify(options: Any) -> int:
    if options.check:
        return _check(options)
    from experiments.engine.certificates import TIME_LIMIT, certify_runs, places
    from experiments.progress import progress

    experiment, runs, folder = _grid(options)
    with progress(len(places(experiment, runs))) as report:
        failures = certify_runs(
            experiment, runs, folder, time_limit=options.time_limit or TIME_LIMIT,
            n_workers=options.workers, scheduler=options.scheduler, report=report,
        )  # fmt: skip
    return _exit_code(failures)


def _check(options: Any) -> int:
    """Say of each proof beside the tables whether it holds."""
    from experiments.engine.proofs import check_archive

    experiment, _, folder = _grid(options)
    archive = folder / experiment.name / "certificates.zip"
    verdicts = Counter[bool]()

    def report(name: str, reason: str) -> None:
        verdicts[not reason] += 1
        if reason:
            print(f"{name} is refused: {reason}", file=sys.stderr)

    n_refused = check_archive(archive, report)
    print(f"{verdicts[True]} of {verdicts.total()} proofs in {archive} hold")
    return 1 if n_refused else 0


def _exit_code(failures: dict[str, str]) -> int:
    """Print why runs failed, if any did."""
    for name, cause in failures.items():
        print(f"{name} failed: {cause}", file=sys.stderr)
    return 1 if failures else 0


def _status(options: Any) -> int:
    from experiments.engine.published import MANIFEST
    from experiments.engine.sweep import status

    experiment, runs, folder = _grid(options)
    states = status(experiment, runs, folder)
    for run, state in states:
        if state not in ("done", "waiting"):
            print(f"{run.name}: {state}")
    counts = Counter(state.partition(":")[0] for _, state in states)
    print(
        ", ".join(f"{counts[state]} {state}" for state in ("done", "running", "failed", "waiting"))
    )
    tables = folder / experiment.name
    if (tables / MANIFEST).is_file() and counts["done"] < len(runs):
        print(f"Complete tables of other code or other runs are in {tables}; a run replaces them")
    return 0


def _claims(options: Any) -> int:
    print(FORMATS[options.format](ABOUT[options.about](options.results)))
    return 0


def _about_paper(folder: Path) -> "pd.DataFrame":
    from experiments.report.claims import ledger

    return ledger(folder / "paper")


def _about_worth(folder: Path) -> "pd.DataFrame":
    from experiments.report.frames import read_results
    from experiments.report.questions import worth_ledger

    return worth_ledger(read_results(folder / "paper"))


def _about_truth(folder: Path) -> "pd.DataFrame":
    from experiments.report.crossed import read_crossed, truth_ledger

    return truth_ledger(read_crossed(folder / "crossed"))


def _about_dials(folder: Path) -> "pd.DataFrame":
    from experiments.report.dials import dials_ledger, read_dials

    return dials_ledger(read_dials(folder / "dials"))


def _about_elsewhere(folder: Path) -> "pd.DataFrame":
    from experiments.report.elsewhere import elsewhere_ledger, judge_elsewhere, read_elsewhere

    return elsewhere_ledger(judge_elsewhere(read_elsewhere(folder / "elsewhere")))


def _about_when(folder: Path) -> "pd.DataFrame":
    from experiments.report.dynamics import read_dynamics, when_ledger

    return when_ledger(read_dynamics(folder / "dynamics"))


ABOUT = {
    "paper": _about_paper,
    "worth": _about_worth,
    "truth": _about_truth,
    "dials": _about_dials,
    "elsewhere": _about_elsewhere,
    "when": _about_when,
}


def _table(claims: "pd.DataFrame") -> str:
    """A line for each reading, under a line for each claim; where networks differ, with theirs."""
    lines = []
    if "where" not in claims:
        claims = claims.assign(where="")
    width = claims["where"].str.len().max() if len(claims) else 0
    for (claim, statement), readings in claims.groupby(["claim", "statement"], sort=False):
        lines += ["", f"{claim}: {statement}", f"  a: {readings['quantity'].iloc[0]}"]
        lines += [_line(row, width) for row in readings.itertuples()]
    return "\n".join(lines[1:])


def _line(row: Any, width: int) -> str:
    where = f"{row.where:{width}}  " if width else ""
    reading = f"  {where}{row.convention:8}  {row.search:5}"
    if row.lacks:
        return f"{reading}  not tested: lacks {row.lacks}"
    interval = f"{row.effect:+8.3f} [{row.low:+.3f}, {row.high:+.3f}]"
    return f"{reading}  {interval}  {row.verdict} ({row.met})"


def _markdown(claims: "pd.DataFrame") -> str:
    shown = claims.drop(columns="quantity").round(4).astype(object).where(claims.notna(), "")
    rows = [list(shown), ["---"] * shown.shape[1], *shown.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _json(claims: "pd.DataFrame") -> str:
    return claims.to_json(orient="records", indent=2)


FORMATS = {"table": _table, "markdown": _markdown, "json": _json}


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main())
