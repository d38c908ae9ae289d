"""The dispatch of tasks to workers that fit, to each as many as it has threads."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from distributed import Client

from experiments.engine.cause import in_short
from experiments.engine.crew import SILENCE_SECONDS, Crew, Probe, fits

POLL_SECONDS = 0.5
N_LOSSES = 3  # of workers at one task, which may be what kills them
GATHER_SECONDS = 10.0

Task = Callable[[], str | None]


def dispatch(
    client: Client,
    tasks: Mapping[str, Task],
    poll: Callable[[set[str]], None],
    *,
    probe: Probe = fits,
    patience: float = SILENCE_SECONDS,
) -> dict[str, str]:
    """Have tasks done by workers that fit, and return the cause for each that failed.

    Which worker does what is decided here, task by task, so that a worker that does not fit is
    given nothing, and what a lost one was at is given to another.

    Parameters
    ----------
    client
        Of the cluster.
    tasks
        What to do, by name, in this order: each returns why it failed, or None.
    poll
        Called all the while with the names of the tasks that have ended since its last call.
    probe, patience
        As for :class:`experiments.engine.crew.Crew`.

    Raises
    ------
    ConnectionError
        If the scheduler is lost, or no worker has fitted for too long.
    """
    crew, desk = Crew(client, probe, patience), _Desk(client, tasks)
    while desk.is_open():
        fitting = crew.look()
        desk.take_back(fitting)
        desk.give_out(fitting)
        poll(desk.hear(fitting, time.monotonic() + POLL_SECONDS))
    return {name: desk.causes[name] for name in tasks if name in desk.causes}


class _Desk:
    """What waits, who is at what, and what has failed."""

    def __init__(self, client: Client, tasks: Mapping[str, Task]) -> None:
        self._client, self._tasks = client, tasks
        self._waiting = deque(tasks)
        self._at_work: dict[str, tuple[str, Any]] = {}
        self._losses: Counter[str] = Counter()
        self._endings: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._ended: set[str] = set()
        self.causes: dict[str, str] = {}

    def is_open(self) -> bool:
        return bool(self._waiting or self._at_work)

    def take_back(self, fitting: Mapping[str, int]) -> None:
        """Take from workers that are lost what they were at."""
        lost = {name: f for name, (worker, f) in self._at_work.items() if worker not in fitting}
        for name, future in lost.items():
            future.cancel()
            self._lose(name)

    def _lose(self, name: str) -> None:
        del self._at_work[name]
        self._losses[name] += 1
        if self._losses[name] > N_LOSSES:
            self._end(name, f"its worker was lost {self._losses[name]} times")
        else:
            self._waiting.appendleft(name)

    def _end(self, name: str, cause: str | None) -> None:
        self._ended.add(name)
        if cause:
            self.causes[name] = cause

    def give_out(self, fitting: Mapping[str, int]) -> None:
        """Give each worker as many tasks as it has threads."""
        free = Counter(fitting)
        free.subtract(worker for worker, _ in self._at_work.values())
        for worker in free.elements():  # those with a count above zero
            if not self._waiting:
                return
            self._give(self._waiting.popleft(), worker)

    def _give(self, name: str, worker: str) -> None:
        future = self._client.submit(
            self._tasks[name], key=f"{name}-{uuid4().hex}", workers=[worker], pure=False
        )
        self._at_work[name] = worker, future
        future.add_done_callback(lambda future: self._endings.put((name, future)))

    def hear(self, fitting: Mapping[str, int], deadline: float) -> set[str]:
        """Until some time, hear of tasks that end and give out others; the names of those."""
        while self._at_work:
            try:
                name, future = self._endings.get(timeout=max(deadline - time.monotonic(), 0))
            except Empty:
                break
            if self._at_work.get(name, (None, None))[1] is future:
                self._settle(name, future)
                if self._client.status == "running":
                    self.give_out(fitting)
        else:
            time.sleep(max(deadline - time.monotonic(), 0) if self._waiting else 0)
        ended, self._ended = self._ended, set()
        return ended

    def _settle(self, name: str, future: Any) -> None:
        try:
            cause = future.result(timeout=GATHER_SECONDS) if future.status == "finished" else None
        except Exception:  # its worker has left before it could say: whatever the way, lost
            self._lose(name)
            return
        if future.status not in ("finished", "error"):
            self._lose(name)
            return
        del self._at_work[name]
        if future.status == "error":
            cause = in_short(future.exception())
        self._end(name, cause)
