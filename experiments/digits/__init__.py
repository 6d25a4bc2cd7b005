"""Accuracy of tensor-train models of handwritten digits, beside models without tensors."""
