"""Tensor trains: vectors and matrices of exponentially many entries as chains of small cores."""
