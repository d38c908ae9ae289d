"""Functions that are compiled when they are first used, with a word while that takes its time."""

import sys
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import event

WORD = "modlib compiles a part of itself for this machine, once: some seconds"


class Announcement(event.Listener):
    """Says once, to whoever sits at a terminal, that functions of this package are compiled.

    Nothing is said where they are found compiled already, or of the functions of others.
    """

    def __init__(self) -> None:
        self.is_said = False

    def on_start(self, event: Any) -> None:
        """Say it, if it is news."""
        function = event.data["dispatcher"].py_func
        is_ours = function.__module__.startswith("modlib.")
        if is_ours and not self.is_said and sys.stderr.isatty():
            self.is_said = True
            sys.stderr.write(WORD + "\n")

    def on_end(self, event: Any) -> None:
        """Say nothing."""


event.register("numba:compile", Announcement())


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first used, and keep it for the next time."""
    return njit(cache=True)(function)
