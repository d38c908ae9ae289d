"""Key the cache of executed chapters by all that they depend on.

The cache by itself knows the cells of a chapter only: after a change in the code that they call,
the results, the data or the environment it would go on showing old figures.
"""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path


def files(root: Path) -> Iterator[Path]:
    """Everything beside its own cells that the output of a chapter may depend on."""
    yield root / "requirements.lock"
    yield from sorted([*root.glob("modlib/**/*.py"), *root.glob("experiments/**/*.py")])
    raw = root / "results" / "raw"  # what runs have left, from which the tables are joined
    results = sorted(root.glob("results/**/*"))
    yield from (path for path in results if path.is_file() and raw not in path.parents)


def digest(root: Path) -> str:
    """Return one key for the code, the environment, the results and the data at hand."""
    key = sha256()
    for path in files(root):
        if path.exists():
            key.update(str(path.relative_to(root)).encode())
            key.update(path.read_bytes())
    data = Path(os.environ.get("MODLIB_DATA") or root / "data")
    key.update(str(sorted(path.name for path in data.glob("MNIST/raw/*"))).encode())
    return key.hexdigest()[:16]


def place_cache(app, config):
    """Put the cache into a folder named by the key."""
    root = Path(app.srcdir)
    config.nb_execution_cache_path = str(root / "_build" / ".jupyter_cache" / digest(root))


def setup(app):
    """Register the extension, to act before the notebooks' own reads its settings."""
    app.connect("config-inited", place_cache, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
