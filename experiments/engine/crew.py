"""The crew: those workers of a cluster that can do what is asked of them, as they come and go."""

import sys
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, cast

from distributed import Client
from tqdm import tqdm

from experiments.engine.cause import in_short

SILENCE_SECONDS = 30.0  # so long at most does anyone wait without a word
ANSWER_SECONDS = 300.0  # and so long for a worker that is there, but does not say whether it fits

Probe = Callable[[], str | None]


def fits() -> None:
    """The least that is asked of a worker: that it can import this."""


def tell(text: str) -> None:
    """Say something to whoever looks on, past a bar of progress if there is one."""
    tqdm.write(text, file=sys.stderr)


class Crew:
    """Workers are asked once, when they are first seen, whether they fit.

    Parameters
    ----------
    client
        Of the cluster.
    probe
        What each worker is asked: says why it does not fit, or None.
    patience
        Seconds to wait while nobody fits.
    """

    def __init__(self, client: Client, probe: Probe, patience: float = SILENCE_SECONDS) -> None:
        self._client, self._probe, self._patience = client, probe, patience
        self._scheduler = cast(Any, client.scheduler)
        self._address = self._scheduler.address
        self._asked: set[str] = set()
        self._misfits: dict[str, str | None] = {}
        self._answers: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._last_fit = self._last_word = time.monotonic()

    def look(self) -> dict[str, int]:
        """Say who is there now and fits: the number of threads for each worker's address.

        Raises
        ------
        ConnectionError
            If the scheduler is lost, or nobody has fitted for too long; the message says why.
        """
        there = self._there()
        for address in there.keys() - self._asked:
            Thread(target=self._ask, args=(address,), daemon=True).start()
        self._asked = set(there)
        self._hear()
        # One that comes back to an address is another one.
        self._misfits = {each: why for each, why in self._misfits.items() if each in there}
        fitting = {each: n for each, n in there.items() if self._misfits.get(each, "") is None}
        self._be_patient(bool(fitting))
        return fitting

    def _there(self) -> dict[str, int]:
        try:
            if self._client.status == "running":
                call = self._scheduler.ncores
                return dict(self._client.sync(call, callback_timeout=SILENCE_SECONDS))
        except OSError:  # among them, that it took too long
            pass
        raise ConnectionError(
            f"the scheduler {self._address} was lost. What is done is kept: start a scheduler, "
            "and the command again to go on."
        )

    def _ask(self, address: str) -> None:
        """In a thread of its own, since a worker that hangs must not keep others waiting."""
        try:
            answer = self._client.run(self._probe, workers=[address], on_error="return")[address]
        except Exception as error:  # the worker or the scheduler is gone, in one of many ways
            answer = ConnectionError(str(error))
        self._answers.put((address, answer))

    def _hear(self) -> None:
        while True:
            try:
                address, answer = self._answers.get_nowait()
            except Empty:
                return
            if isinstance(answer, OSError):  # it never came to the question: ask again
                self._asked.discard(address)
                continue
            self._misfits[address] = why = _reason(answer)
            if why:
                tell(f"The worker {address} is left out: {why}")

    def _be_patient(self, someone_fits: bool) -> None:
        now = time.monotonic()
        if someone_fits:
            self._last_fit = self._last_word = now
            return
        is_unsure = self._asked - self._misfits.keys()
        if now - self._last_fit > (ANSWER_SECONDS if is_unsure else self._patience):
            raise ConnectionError(f"{self._why()} What is done is kept: run the command again.")
        if now - self._last_word > SILENCE_SECONDS:
            tell(f"Still waiting: {self._why()}")
            self._last_word = now

    def _why(self) -> str:
        """Why nobody fits."""
        rule = f"the scheduler {self._address} must have a worker that fits."
        causes = [f"{each}: {why}" for each, why in self._misfits.items() if why]
        unsure = [f"{each} does not answer" for each in self._asked - self._misfits.keys()]
        seconds = time.monotonic() - self._last_fit
        if causes or unsure:
            return (
                f"{rule} Got none in {seconds:.0f} s ({'; '.join(causes + unsure)}): start workers "
                "that import this checkout."
            )
        return (
            f"{rule} Got no worker at all in {seconds:.0f} s: start some, as with "
            f"`dask worker {self._address}`."
        )


def _reason(answer: Any) -> str | None:
    if type(answer) is Exception:  # one that could not be sent as it is, but by its text
        return str(answer)
    return in_short(answer) if isinstance(answer, BaseException) else answer
