"""Fewest additions of schemes that the program found itself."""
