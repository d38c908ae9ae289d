"""JSON files that tell whether they are as they were written: their last entry is a checksum."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from experiments.engine.files import beside

SEAL = "seal"


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with its seal, whole or not at all."""
    with beside(path) as temporary:
        temporary.write_text(_text(content), encoding="utf-8")


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what :func:`write_sealed` has written, without the seal.

    Raises
    ------
    ValueError
        If it is damaged in any byte; the message names the file.
    FileNotFoundError
        If there is no such file.
    """
    data = path.read_bytes()
    try:
        content = json.loads(data)
        del content[SEAL]
        as_written = _text(content).encode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        as_written = None
    if data != as_written:
        raise ValueError(
            f"{path} must be as it was written. Got a file that is damaged or was edited: its seal "
            "does not fit it. Restore it, or compute it again."
        )
    return content


def _text(content: Mapping[str, Any]) -> str:
    """The one way in which a content is written, its seal last."""
    plain = json.dumps(content, sort_keys=True)
    seal = sha256(plain.encode()).hexdigest()
    text = json.dumps(content, indent=1, sort_keys=True)
    return f'{text[:-2]},\n "{SEAL}": "{seal}"\n}}\n'
