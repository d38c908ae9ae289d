"""What units do: they are silenced, and what breaks is told."""
