"""One figure in both conventions: two pictures under one number, which a script turns into tabs.

A cell that draws a figure as printed gives its picture the class ``as-printed``; the cell after it,
whose code is removed, draws the same as released and gives its picture the class ``as-released``.
That second picture goes into the figure of the first. Without a script, and on paper, they stand
one below the other, each under its name.
"""

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform

NAMES = {"as-printed": "As printed", "as-released": "As released"}


def ancestor(node, kind, **attributes):
    """Return the nearest node above of a kind, or None."""
    while (node := node.parent) is not None:
        if isinstance(node, kind) and all(node.get(key) == attributes[key] for key in attributes):
            return node
    return None


def panel(bundle, name):
    """Return a picture in all its formats, under the name of its convention."""
    label = nodes.paragraph("", NAMES[name], classes=["convention-name"])
    return nodes.container("", label, bundle, classes=["convention", name])


class Pairing(SphinxTransform):
    """Put the picture as released into the figure that holds the one as printed."""

    default_priority = 210  # before figures are numbered and pictures are collected

    def apply(self):
        """Go through the pictures in the order of the page; two of a class are never neighbours."""
        waiting = None
        for image in list(self.document.findall(nodes.image)):
            (name,) = set(image.get("classes", [])) & set(NAMES) or {None}
            if (name == "as-released") != (waiting is not None):
                self.refuse(f"{name!r}: {image.get('alt')!r}")
            if name is None:
                continue
            image["classes"].remove(name)
            bundle = ancestor(image, nodes.container, nb_element="mime_bundle")
            if name == "as-printed":
                waiting = ancestor(image, nodes.figure)
                waiting["classes"].append("conventions")
                waiting.remove(bundle)
                waiting.insert(0, panel(bundle, name))
            else:
                cell = ancestor(image, nodes.container, nb_element="cell_code")
                bundle.parent.remove(bundle)
                cell.parent.remove(cell)
                waiting.insert(1, panel(bundle, name))
                waiting = None
        if waiting is not None:
            self.refuse("the end of the page")

    def refuse(self, what):
        """Say which page has a picture without its twin."""
        raise ExtensionError(
            f"{self.env.docname}: each picture as-printed is followed by its twin as-released, and "
            f"no other. Got {what}"
        )


def setup(app):
    """Register the extension."""
    app.add_transform(Pairing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
