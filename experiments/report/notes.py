"""What chapters need to speak to their readers, and nothing else does."""

from collections.abc import Mapping
from html import escape
from typing import Any

from IPython.display import HTML


def stand_in_note(reason: str) -> HTML:
    """Return a visible note that this page was made from digits instead of MNIST, and why."""
    return HTML(
        '<div class="admonition warning"><p class="admonition-title">Not MNIST</p>'
        "<p>The live cells of this page used the 1,797 small digit images that come with "
        f"scikit-learn, in place of MNIST: {escape(reason)} Numbers and figures differ from "
        "those for MNIST.</p></div>"
    )


def provenance_note(manifest: Mapping[str, Any], table: str = "networks") -> HTML:
    """Return the line that stands below figures: which run of the sweep they were drawn from.

    Parameters
    ----------
    manifest
        Of the tables.
    table
        The one with a row for each network, whose hash is told.
    """
    n_networks = sum(run["n_parts"] for run in manifest["runs"].values())
    data = ", ".join(f"{name} {sha256[:8]}" for name, sha256 in manifest["data"].items())
    versions = manifest["versions"][0]
    return HTML(
        '<p class="provenance">Drawn from '
        f"{n_networks} networks of the sweep with code {', '.join(manifest['code_hash'])}, "
        f"modlib {versions['modlib']}, PyTorch {escape(versions['torch'])}, data {escape(data)}; "
        f"{table}.parquet {manifest['files'][f'{table}.parquet'][:8]}.</p>"
    )


def nothing_proven_note(reason: str) -> HTML:
    """Return a visible note that nothing on this page is proven, and why."""
    return HTML(
        '<div class="admonition warning"><p class="admonition-title">Nothing is proven here</p>'
        f"<p>There are no certificates for this page: {escape(reason)}. In their place stand the "
        "best assignments found, for the networks with seed 0; the table below is empty, and the "
        "numbers that should come from it are missing.</p></div>"
    )
