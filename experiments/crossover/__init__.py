"""From which size on products by schemes are faster than numpy.matmul, and what they lose in accuracy."""
