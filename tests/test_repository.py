"""Buttons lead to the repository that is built in continuous integration, and else nowhere."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sphinx.errors import ConfigError

ROOT = Path(__file__).parents[1]
NOTEBOOK = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# A chapter

```{code-cell} ipython3
1 + 1
```
"""
# The twin decides what Binder and Colab are sent to.
TWIN = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
CONF = """
extensions = ["myst_nb", "repository"]
html_theme = "sphinx_book_theme"
nb_execution_mode = "off"
exclude_patterns = ["*.ipynb"]
"""


def build(folder: Path, repository: str | None) -> str:
    """The HTML of a chapter, or the complaint of Sphinx."""
    source = folder / "source"
    source.mkdir()
    for name, text in {"index.md": NOTEBOOK, "index.ipynb": TWIN, "conf.py": CONF}.items():
        (source / name).write_text(text)
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "book" / "_ext")}
    if repository is not None:
        environment["GITHUB_REPOSITORY"] = repository
    result = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", source, folder / "html"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    page = folder / "html" / "index.html"
    return page.read_text() if page.exists() else result.stderr


def test_a_local_build_names_no_repository_and_no_host_to_launch_on(tmp_path):
    page = build(tmp_path, None)
    assert "A chapter" in page
    for word in ("github.com", "mybinder", "colab"):
        assert word not in page


def test_in_continuous_integration_buttons_lead_to_the_repository_that_is_built(tmp_path):
    page = build(tmp_path, "someone/modlib")
    for link in (
        "https://github.com/someone/modlib",
        "https://github.com/someone/modlib/edit/main/index.md",
        "https://mybinder.org/v2/gh/someone/modlib/main?urlpath=lab/tree/index.ipynb",
        "https://colab.research.google.com/github/someone/modlib/blob/main/index.ipynb",
    ):
        assert f'"{link}"' in page, link


@pytest.mark.parametrize("name", ["modlib", "a/b/c", 'a/"><script>'])
def test_what_is_no_name_of_a_repository_is_refused(name, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    from repository import options

    with pytest.raises(ConfigError, match="GITHUB_REPOSITORY must be owner/name"):
        options(name)


def test_the_book_loads_every_extension_of_its_own():
    sphinx = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]
    paths = (ROOT / "book" / "_ext").glob("*.py")  # what has no setup serves the others
    names = {path.stem for path in paths if "def setup(app)" in path.read_text()}
    assert "repository" in names
    assert sphinx["local_extensions"] == dict.fromkeys(names, "book/_ext")
    assert names <= set(sphinx["config"]["extensions"])
