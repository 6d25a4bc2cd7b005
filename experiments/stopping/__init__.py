"""When to give up a start."""
