"""Minimising a loss over tensors of low rank: regression, completion and anything differentiable."""
