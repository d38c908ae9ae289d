"""What chapters need to speak to their readers, and nothing else does."""

from html import escape

from IPython.display import HTML


def stand_in_note(reason: str) -> HTML:
    """Return a visible note that this page was made from digits instead of MNIST, and why."""
    return HTML(
        '<div class="admonition warning"><p class="admonition-title">Not MNIST</p>'
        "<p>The live cells of this page used the 1,797 small digit images that come with "
        f"scikit-learn, in place of MNIST: {escape(reason)} Numbers and figures differ from "
        "those for MNIST.</p></div>"
    )
