"""How good any assignment can be at best: proven bounds on modularity."""
