"""Read the docstring of an attribute as the sentence it is.

Napoleon takes what stands before a colon in its first line for the attribute's type.
"""

KINDS = ("attribute", "data", "property")
COMMENT = ["..", ""]  # an empty one: first lines without a colon are left alone


def keep_sentence(_app, what, _name, _object, _options, lines):
    """Put an empty comment before a docstring that would be misread."""
    if what in KINDS and lines and ":" in lines[0]:
        lines[:0] = COMMENT


def setup(app):
    """Register the extension, to act before napoleon does."""
    app.connect("autodoc-process-docstring", keep_sentence, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
