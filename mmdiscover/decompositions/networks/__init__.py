"""Tensor networks: contraction, derivatives, and tensors in the form of rings, trees and lattices."""
