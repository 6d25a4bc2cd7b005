"""Supervised learning with tensor trains."""
