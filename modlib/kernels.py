"""Functions that are compiled when they are first used, with a word while that takes its time."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from numba import njit
from numba.core import event

WORD = "modlib compiles a part of itself for this machine, once: some seconds"
WORD_ANEW = (
    "modlib compiles a part of itself, and each process will, as no folder to keep it in can be "
    "written to: the environment variable NUMBA_CACHE_DIR may name one"
)


class Announcement(event.Listener):
    """Says once, to whoever sits at a terminal, that functions of this package are compiled.

    Nothing is said where they are found compiled already, or of the functions of others.
    """

    def __init__(self) -> None:
        self.is_said = False
        self.word = WORD

    def on_start(self, event: Any) -> None:
        """Say it, if it is news."""
        function = event.data["dispatcher"].py_func
        is_ours = function.__module__.startswith("modlib.")
        if is_ours and not self.is_said and sys.stderr.isatty():
            self.is_said = True
            sys.stderr.write(self.word + "\n")

    def on_end(self, event: Any) -> None:
        """Say nothing."""


ANNOUNCEMENT = Announcement()
event.register("numba:compile", ANNOUNCEMENT)


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function when it is first used, and keep it for the next time.

    It is kept beside its source, or else in the user's own cache. Where neither can be written to,
    as with an installation for all users and no home folder, each process compiles it anew.

    Parameters
    ----------
    function
        May be left out to give options: ``@kernel(nogil=True)``.
    options
        Those of ``numba.njit``, but for ``cache``.
    """
    if function is None:
        return partial(kernel, **options)
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # numba has no folder to keep it in; it compiles nothing yet
        ANNOUNCEMENT.word = WORD_ANEW
        return njit(**options)(function)
