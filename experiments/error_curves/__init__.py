"""Figures 1 and 2 of the paper: error against the radius of the ball."""
