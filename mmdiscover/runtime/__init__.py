"""Verified schemes as a matrix product that people call."""

from mmdiscover.runtime.multiply import Multiplication, multiply

__all__ = ["Multiplication", "multiply"]
