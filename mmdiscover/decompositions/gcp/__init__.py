"""Generalized CP decompositions: a likelihood other than the Gaussian."""
