"""Call the entries of the bibliography items of their list, as assistive technology expects.

The writer of HTML gives them a role that is out of use, and that no list may hold.
"""


def mend_roles(app, pagename, templatename, context, *_):  # noqa: ARG001
    """Replace the role in the finished text of a page."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app):
    """Register the extension."""
    app.connect("html-page-context", mend_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
