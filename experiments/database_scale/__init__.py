"""How long the usual queries take on a large database."""
