"""How similar two units of a layer are."""
