"""What fills ``results/`` and what the chapters draw: the floor between book and instrument."""
