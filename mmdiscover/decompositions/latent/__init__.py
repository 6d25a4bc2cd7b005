"""Latent variable models by the method of moments."""
