"""The modules of a layer: the assignment of its units with the highest modularity."""
