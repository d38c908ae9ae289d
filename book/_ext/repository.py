"""Buttons that lead to the repository, where one is known: in continuous integration.

A book built on somebody's own machine has no public repository to point to, so it has no such
buttons, and names no other host.
"""

import os
import re

from sphinx.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
BRANCH = "main"  # what is published, whatever branch a build is of


def options(name: str) -> dict:
    """Return the theme's options for a repository on GitHub, given as ``owner/name``."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"GITHUB_REPOSITORY must be owner/name. Got {name!r}.")
    return {
        "repository_url": f"https://github.com/{name}",
        "repository_branch": BRANCH,
        "path_to_docs": "",
        "use_repository_button": True,
        "use_edit_page_button": True,
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "thebe": False,
        },
    }


def add_buttons(_app, config):
    """Let the theme know the repository that is being built, if there is one."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        config.html_theme_options = {**config.html_theme_options, **options(name)}


def setup(app):
    """Register the extension, to act before the theme reads its options."""
    app.connect("config-inited", add_buttons, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
