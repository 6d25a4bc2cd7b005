"""How many exact float fits become exact schemes, over which ring, and how long it takes."""
