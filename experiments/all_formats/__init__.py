"""All formats up to 5×5×5 by walks on the flip graph."""
