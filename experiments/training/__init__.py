"""Training of the networks of a setting, side by side."""
