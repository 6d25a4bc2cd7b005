"""Formats, the matrix multiplication tensor, factors and schemes, their symmetries and metrics."""
