"""Measure, and write results/benchmarks.json, whole or not at all."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks import (
    any_network,
    clustering,
    commands,
    engine,
    machine,
    networks,
    optimality,
    similarity,
    stopwatch,
    training,
    workers,
)

TABLES = {
    "training": training.against_plain_loops,
    "similarity": similarity.against_autograd,
    "similarity_inputs": similarity.growth_with_inputs,
    "similarity_units": similarity.growth_with_units,
    "any_network": any_network.against_hand_cuts,
    "any_network_memory": any_network.memory,
    "any_network_inputs": any_network.growth_with_inputs,
    "any_network_units": any_network.growth_with_units,
    "any_network_positions": any_network.growth_with_positions,
    "any_network_probes": any_network.probed_against_exact,
    "monte_carlo": clustering.against_the_literal_algorithm,
    "monte_carlo_steps": clustering.growth_with_steps,
    "search": clustering.against_leiden,
    "peers": clustering.against_peers,
    "search_units": clustering.growth_with_units,
    "certificates": optimality.of_trained_layers,
    "certificates_units": optimality.growth_with_units,
    "certificates_graphs": optimality.of_graphs,
    "sweep_workers": workers.of_the_small_sweep,
    "engine_runs": engine.growth_with_runs,
    "commands": commands.in_a_fresh_clone,
}


def main() -> None:
    """Run the tables asked for, or all of them; what is known of others by this machine stays."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"some of: {', '.join(TABLES)}")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks.json"))
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.tables) - set(TABLES)):
        parser.error(f"no such table: {', '.join(unknown)}")
    here = {"data": networks.data().name, "machine": machine.describe()}
    report = here | {"seconds": {}, "tables": {}}
    if arguments.tables:
        report |= _kept(arguments.output, here)
    for name in arguments.tables or TABLES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with stopwatch.into(report["seconds"], name):
            report["tables"][name] = TABLES[name]()
    _write(arguments.output, report)


def _kept(path: Path, here: dict) -> dict:
    """Seconds and tables of an earlier run, if it was on such a machine with such versions.

    Every number of a table is of one run, and ratios are within tables: so tables may be of
    several runs, but never of several machines.
    """
    try:
        before = json.loads(path.read_text())
    except OSError:
        return {}
    same = before["data"] == here["data"] and all(
        before["machine"][key] == here["machine"][key]
        for key in here["machine"]
        if key != "gigaflops"
    )
    return {key: before[key] for key in ("seconds", "tables")} if same else {}


def _write(path: Path, report: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    beside.write_text(json.dumps(report, indent=1) + "\n")
    beside.replace(path)


if __name__ == "__main__":
    main()
