"""Measure everything and write results/benchmarks.json, whole or not at all."""

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
    "search_units": clustering.growth_with_units,
    "certificates": optimality.of_trained_layers,
    "certificates_units": optimality.growth_with_units,
    "sweep_workers": workers.of_the_small_sweep,
    "engine_runs": engine.growth_with_runs,
    "commands": commands.in_a_fresh_clone,
}


def main() -> None:
    """Run the tables asked for, or all of them: one file holds the numbers of one run only."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"some of: {', '.join(TABLES)}")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks.json"))
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.tables) - set(TABLES)):
        parser.error(f"no such table: {', '.join(unknown)}")
    report = {
        "data": networks.data().name,
        "machine": machine.describe(),
        "seconds": {},
        "tables": {},
    }
    for name in arguments.tables or TABLES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with stopwatch.into(report["seconds"], name):
            report["tables"][name] = TABLES[name]()
    _write(arguments.output, report)


def _write(path: Path, report: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    beside.write_text(json.dumps(report, indent=1) + "\n")
    beside.replace(path)


if __name__ == "__main__":
    main()
