"""Progress of a command: a bar at a terminal, elsewhere a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_SECONDS = 30.0  # at least so often, nobody waits without a word


@contextmanager
def progress(n_parts: int, clock: Callable[[], float] = time.monotonic) -> Iterator[
    Callable[[int, int], None]
]:  # fmt: skip
    """Give a function to call, often, with the numbers of parts done and in all.

    Parameters
    ----------
    n_parts
        In all.
    clock
        Tells seconds.
    """
    from tqdm import tqdm

    if sys.stderr.isatty():
        with tqdm(total=n_parts) as bar:
            yield lambda done, _: bar.update(done - bar.n)
        return
    sys.stderr.write(f"{n_parts} parts to do or to find done\n")
    last = clock()

    def report(done: int, n: int) -> None:
        nonlocal last
        if clock() - last >= LINE_SECONDS:
            last = clock()
            sys.stderr.write(f"{done} of {n} parts are done\n")

    yield report
