"""A layer of any model: found by name, observed, moved."""
