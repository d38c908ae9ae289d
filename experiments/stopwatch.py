"""Seconds that the stages of a run take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Seconds spent in each named stage of a run, by the clock and by the processor.

    The second do not grow when the machine has other work too.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the time that the block takes to the stage."""
        start, cpu_start = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            cpu, clock = time.process_time() - cpu_start, time.perf_counter() - start
            self.seconds[stage] = self.seconds.get(stage, 0.0) + clock
            self.cpu_seconds[stage] = self.cpu_seconds.get(stage, 0.0) + cpu
