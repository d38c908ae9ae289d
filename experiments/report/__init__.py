"""What chapters, claims and the explorer read from finished tables, and how they draw it."""
