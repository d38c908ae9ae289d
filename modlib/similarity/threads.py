"""Parts of a computation on as many threads as PyTorch has, with the same result on any number."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


def in_threads(
    work: Callable[[Part], Result], parts: Sequence[Part], at_most: int | None = None
) -> Iterator[Result]:
    """Do some work on each part, and give out the results in the order of the parts.

    Meanwhile PyTorch computes on one thread in each of them, and in the caller: threads that
    share parts out wait less for each other than threads that share every operation out, and
    what comes of a part does not depend on how many there are.

    Parameters
    ----------
    work
        What is done with a part. It must let other threads run, as PyTorch's operations do.
    parts
        The same ones however many threads there are.
    at_most
        How many threads there may be, where each needs much memory.
    """
    n_threads = torch.get_num_threads()
    n_used = min(n_threads, len(parts), n_threads if at_most is None else at_most)
    if n_used <= 1:
        yield from map(work, parts)
        return
    torch.set_num_threads(1)
    try:
        # Said to each anew, since products of matrices do not ask PyTorch how many there are.
        with ThreadPoolExecutor(n_used, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(work, parts)
    finally:
        torch.set_num_threads(n_threads)
