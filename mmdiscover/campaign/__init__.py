"""Many trials: planned, run in workers, recorded, and ended at any moment without losing what is done."""
