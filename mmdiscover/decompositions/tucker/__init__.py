"""Tucker decompositions: a small core multiplied by a matrix along every mode."""
