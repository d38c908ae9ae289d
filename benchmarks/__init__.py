"""Speed and memory, side by side in one run: `make bench` writes results/benchmarks.json."""
