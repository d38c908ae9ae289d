"""Libraries that are not needed unless asked for."""

from importlib import import_module
from types import ModuleType


def need(library: str, purpose: str) -> ModuleType:
    """Import a library that an extra of this package brings, named after it.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed; the message says for what it is needed, and how to get it.
    """
    try:
        return import_module(library)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{purpose} needs {library}, which is not installed: pip install 'modlib[{library}]'.",
            name=library,
        ) from error
